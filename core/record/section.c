/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/section.h"

#include <weir/error.h>

#include "core/base/bits.h"

#define SECTION_ALIGN 8u

size_t wr_section_begin(struct wr_sink *sink, uint32_t module, uint16_t version, uint16_t part)
{
	size_t place = sink->used_bytes;
	struct wr_section_header header = {.module = module, .version = version, .part = part};
	wr_sink_bytes(sink, &header, sizeof header);
	return place;
}

void wr_section_end(struct wr_sink *sink, size_t place)
{
	if (sink->failed)
		return;
	size_t bytes = sink->used_bytes - place - sizeof(struct wr_section_header);
	wr_put_u32(sink->bytes + place + offsetof(struct wr_section_header, bytes),
		   (uint32_t)bytes);
	size_t padding = (size_t)wr_round_up(bytes, SECTION_ALIGN) - bytes;
	uint8_t *p = wr_put(sink, padding);
	if (p != NULL)
		memset(p, 0, padding);
}

int wr_section_next(const uint8_t *body, uint32_t body_bytes, uint32_t *at,
		    struct wr_section_header *ret_header, const uint8_t **ret_bytes)
{
	if (*at == body_bytes)
		return 0;
	struct wr_cursor c = wr_cursor_over(body + *at, body_bytes - *at);
	const uint8_t *head = wr_take(&c, sizeof *ret_header);
	if (head == NULL)
		return WEIR_E_CORRUPT;
	memcpy(ret_header, head, sizeof *ret_header);
	const uint8_t *bytes = wr_take(&c, wr_round_up(ret_header->bytes, SECTION_ALIGN));
	if (bytes == NULL)
		return WEIR_E_CORRUPT;
	*ret_bytes = bytes;
	*at = body_bytes - (uint32_t)c.left_bytes;
	return 1;
}
