/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/record.h"

#include "core/record/version.h"

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

bool wr_stamp_find(const struct wr_record_view *view, struct wr_producer_stamp *ret_stamp)
{
	struct wr_option option;
	if (!wr_option_find(view, WR_OPTION_PRODUCER, &option) ||
	    option.value_bytes != sizeof *ret_stamp)
		return false;
	memcpy(ret_stamp, option.value, sizeof *ret_stamp);
	return true;
}

/* A time, or 0. */
static uint64_t term_us(const struct wr_option *option)
{
	uint64_t us = option->value_bytes == 8 ? wr_get_u64(option->value) : 0;
	return us <= WR_TERM_US_MAX ? us : 0;
}

void wr_terms_read(const struct wr_record_view *view, struct wr_terms *ret)
{
	uint32_t at = 0;
	struct wr_option option;
	*ret = (struct wr_terms){0};
	while ((at = wr_option_next(view, at, &option)) != 0) {
		if (option.tag == WR_OPTION_DELAY)
			ret->delay_us = term_us(&option);
		else if (option.tag == WR_OPTION_TIME_TO_LIVE)
			ret->time_to_live_us = term_us(&option);
		else if (option.tag == WR_OPTION_PRIORITY && option.value_bytes == 1 &&
			 option.value[0] <= WR_PRIORITY_MAX)
			ret->priority = option.value[0];
	}
}

/* What is known has its length, where it has one. */
static bool option_is_good(const struct wr_option *option)
{
	switch (option->tag) {
	case WR_OPTION_PRODUCER:
		return option->value_bytes == WR_OPTION_PRODUCER_BYTES;
	case WR_OPTION_EXPECTED_VERSION:
		return option->value_bytes == WR_OPTION_VERSION_BYTES;
	case WR_OPTION_IDEMPOTENCY_KEY:
	case WR_OPTION_ADDRESS: /* wr_recipients_read() */
	case WR_OPTION_CARRIED: /* wr_carried_read() */
		return true;
	default:
		return (option->tag & WR_OPTION_CRITICAL) == 0;
	}
}

bool wr_options_plain(const struct wr_record_view *view)
{
	uint32_t at = 0;
	struct wr_option option;
	while ((at = wr_option_next(view, at, &option)) != 0)
		if (option.tag & WR_OPTION_CRITICAL)
			return false;
	return wr_options_valid(view);
}

bool wr_options_valid(const struct wr_record_view *view)
{
	uint32_t at = 0, end = 0;
	struct wr_option option;
	while ((at = wr_option_next(view, at, &option)) != 0) {
		if (!option_is_good(&option))
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
