/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/record.h"

bool wr_record_view(const void *bytes, size_t available_bytes, struct wr_record_view *ret_view)
{
	const struct wr_record *r = bytes;
	if (!wr_record_fits(r, available_bytes))
		return false;
	uint32_t rest = r->bytes - WR_RECORD_HEAD_BYTES;
	ret_view->head = r;
	ret_view->options = (const uint8_t *)bytes + WR_RECORD_HEAD_BYTES;
	ret_view->key = ret_view->options + r->option_bytes;
	ret_view->payload = ret_view->key + r->key_bytes;
	ret_view->payload_bytes = rest - r->option_bytes - r->key_bytes;
	return true;
}

uint32_t wr_option_next(const struct wr_record_view *view, uint32_t at,
			struct wr_option *ret_option)
{
	uint32_t left = view->head->option_bytes - at;
	if (left < WR_OPTION_HEAD_BYTES || view->options[at] == WR_OPTION_END)
		return 0;
	uint16_t value_bytes = wr_get_u16(view->options + at + 2);
	if (value_bytes > left - WR_OPTION_HEAD_BYTES)
		return 0;
	ret_option->tag = view->options[at];
	ret_option->value_bytes = value_bytes;
	ret_option->value = view->options + at + WR_OPTION_HEAD_BYTES;
	return at + WR_OPTION_HEAD_BYTES + value_bytes;
}

bool wr_option_find(const struct wr_record_view *view, uint8_t tag, struct wr_option *ret_option)
{
	uint32_t at = 0;
	struct wr_option option;
	while ((at = wr_option_next(view, at, &option)) != 0) {
		if (option.tag == tag) {
			*ret_option = option;
			return true;
		}
	}
	return false;
}

static bool option_is_known(uint8_t tag)
{
	switch (tag) {
	case WR_OPTION_PRODUCER:
	case WR_OPTION_IDEMPOTENCY_KEY:
	case WR_OPTION_EXPECTED_VERSION:
		return true;
	default:
		return (tag & WR_OPTION_CRITICAL) == 0;
	}
}

bool wr_options_valid(const struct wr_record_view *view)
{
	uint32_t at = 0, end = 0;
	struct wr_option option;
	while ((at = wr_option_next(view, at, &option)) != 0) {
		if (!option_is_known(option.tag))
			return false;
		end = at;
	}
	/* What follows the last option is zero: the padding in front of the key. */
	for (uint32_t i = end; i < view->head->option_bytes; i++)
		if (view->options[i] != 0)
			return false;
	return view->head->option_bytes - end < WR_RECORD_ALIGN;
}

uint32_t wr_option_put(uint8_t *to, uint8_t tag, const void *value, uint16_t value_bytes)
{
	to[0] = tag;
	to[1] = 0;
	wr_put_u16(to + 2, value_bytes);
	if (value_bytes > 0)
		memcpy(to + WR_OPTION_HEAD_BYTES, value, value_bytes);
	return wr_option_size(value_bytes);
}
