/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/recipients.h"

#include <string.h>

#include "core/base/bug.h"

void wr_recipients_put(const struct wr_recipients *address, uint8_t *to)
{
	for (uint32_t i = 0; i < address->count; i++)
		wr_put_u32(to + wr_recipients_bytes(i), address->ids[i]);
}

bool wr_recipients_read(const struct wr_record_view *view, struct wr_recipients *ret)
{
	struct wr_option option;
	if (!wr_option_find(view, WR_OPTION_ADDRESS, &option) || option.value_bytes == 0 ||
	    option.value_bytes % sizeof(uint32_t) != 0 ||
	    option.value_bytes > wr_recipients_bytes(WR_RECIPIENTS_MAX))
		return false;
	*ret = (struct wr_recipients){.count = option.value_bytes / (uint32_t)sizeof(uint32_t)};
	for (uint32_t i = 0; i < ret->count; i++) {
		ret->ids[i] = wr_get_u32(option.value + wr_recipients_bytes(i));
		if (i > 0 && ret->ids[i] <= ret->ids[i - 1])
			return false;
	}
	return true;
}

void wr_replay_mark_put(const struct wr_replay_mark *mark, uint8_t *to)
{
	wr_put_u64(to, mark->seq);
	wr_put_u32(to + 8, mark->epoch);
	wr_put_u32(to + 12, mark->log);
	wr_put_u32(to + 16, mark->topic);
	wr_put_u32(to + 20, mark->partition);
	memcpy(to + WR_REPLAY_MARK_BYTES, mark->name, mark->name_bytes);
}

bool wr_replay_mark_read(const struct wr_record_view *view, struct wr_replay_mark *ret)
{
	struct wr_option option;
	if (!wr_option_find(view, WR_OPTION_REPLAY, &option) ||
	    option.value_bytes <= WR_REPLAY_MARK_BYTES ||
	    option.value_bytes > WR_REPLAY_MARK_BYTES + WR_REPLAY_NAME_MAX)
		return false;
	*ret = (struct wr_replay_mark){
		.seq = wr_get_u64(option.value),
		.epoch = wr_get_u32(option.value + 8),
		.log = wr_get_u32(option.value + 12),
		.topic = wr_get_u32(option.value + 16),
		.partition = wr_get_u32(option.value + 20),
		.name_bytes = option.value_bytes - WR_REPLAY_MARK_BYTES,
		.name = (const char *)option.value + WR_REPLAY_MARK_BYTES,
	};
	return true;
}

bool wr_recipients_names(const struct wr_record *r, uint32_t subscription)
{
	struct wr_record_view view;
	struct wr_recipients address;
	if (!wr_record_view(r, r->bytes, &view) || !wr_recipients_read(&view, &address))
		return false;
	for (uint32_t i = 0; i < address.count; i++)
		if (address.ids[i] == subscription || WR_BUG(COPY_FOR_ALL))
			return true;
	return false;
}
