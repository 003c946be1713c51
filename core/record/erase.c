/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/erase.h"

#include <string.h>

enum { AT_HASH = 16, AT_DONE = 32, AT_MARK = 40, AT_ZERO = 44 };

void wr_erase_put(const struct wr_erase *erase, uint8_t *to)
{
	memcpy(to, erase->secret, WR_ERASE_SECRET_BYTES);
	wr_put_u64(to + AT_HASH, erase->hash[0]);
	wr_put_u64(to + AT_HASH + 8, erase->hash[1]);
	wr_put_u64(to + AT_DONE, erase->done_seq);
	wr_put_u32(to + AT_MARK, erase->is_mark ? 1 : 0);
	wr_put_u32(to + AT_ZERO, 0);
}

bool wr_erase_read(const struct wr_record_view *view, struct wr_erase *ret)
{
	const uint8_t *from = view->payload;

	if (view->payload_bytes != WR_ERASE_BYTES || view->head->key_bytes != 0 ||
	    wr_get_u32(from + AT_MARK) > 1 || wr_get_u32(from + AT_ZERO) != 0)
		return false;
	memcpy(ret->secret, from, WR_ERASE_SECRET_BYTES);
	ret->hash[0] = wr_get_u64(from + AT_HASH);
	ret->hash[1] = wr_get_u64(from + AT_HASH + 8);
	ret->done_seq = wr_get_u64(from + AT_DONE);
	ret->is_mark = wr_get_u32(from + AT_MARK) == 1;
	return true;
}
