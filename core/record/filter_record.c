/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/filter_record.h"

#include <string.h>

#define FLAG_NEGATED 1u /* of a term */
#define FLAG_BINDS 1u   /* of a filter */
#define FLAG_TRANSFORMS 2u

/* topic, how it fails, zero, bytes */
#define TRANSFORM_HEAD_BYTES 12u

static bool read_term(struct wr_cursor *in, struct wr_filter_term *term)
{
	const uint8_t *head = wr_take(in, WR_FILTER_TERM_BYTES);
	if (head == NULL || head[0] == 0 || head[0] > WR_FILTER_KIND_MAX ||
	    (head[1] & ~FLAG_NEGATED) != 0 || wr_get_u16(head + 2) != 0)
		return false;
	term->kind = head[0];
	term->negated = (head[1] & FLAG_NEGATED) != 0;
	term->pattern_bytes = wr_get_u32(head + 4);
	term->pattern = wr_take(in, term->pattern_bytes);
	return term->pattern != NULL;
}

static bool read_transform(struct wr_cursor *in, struct wr_filter_transform *ret)
{
	const uint8_t *head = wr_take(in, TRANSFORM_HEAD_BYTES);
	if (head == NULL || head[4] > WR_TRANSFORM_DEAD_LETTER || head[5] != 0 || head[6] != 0 ||
	    head[7] != 0)
		return false;
	ret->dead_letters = wr_get_u32(head);
	ret->on_failure = (enum wr_transform_failure)head[4];
	ret->text_bytes = wr_get_u32(head + 8);
	ret->text = wr_take(in, ret->text_bytes);
	return ret->text != NULL && ret->text_bytes > 0 &&
	       (ret->dead_letters == WR_TARGET_NONE) ==
		       (ret->on_failure != WR_TRANSFORM_DEAD_LETTER);
}

static void write_transform(const struct wr_filter_transform *transform, uint8_t *at)
{
	memset(at, 0, TRANSFORM_HEAD_BYTES);
	wr_put_u32(at, transform->dead_letters);
	at[4] = (uint8_t)transform->on_failure;
	wr_put_u32(at + 8, transform->text_bytes);
	memcpy(at + TRANSFORM_HEAD_BYTES, transform->text, transform->text_bytes);
}

static bool has_target(const struct wr_filter_view *filter)
{
	return filter->binds || filter->join == WR_FILTER_JOIN_NOBODY;
}

bool wr_filter_read(const void *bytes, uint32_t length_bytes, struct wr_filter_view *ret)
{
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	const uint8_t *head = wr_take(&in, WR_FILTER_HEAD_BYTES);
	if (head == NULL || length_bytes > WR_FILTER_BYTES_MAX || head[0] > WR_FILTER_JOIN_NOBODY ||
	    (head[1] & ~(FLAG_BINDS | FLAG_TRANSFORMS)) != 0)
		return false;
	ret->join = (enum wr_filter_join)head[0];
	ret->binds = (head[1] & FLAG_BINDS) != 0;
	ret->term_count = wr_get_u16(head + 2);
	ret->target = has_target(ret) ? wr_take_u32(&in) : WR_TARGET_NONE;
	ret->transform = (struct wr_filter_transform){.dead_letters = WR_TARGET_NONE};
	if (in.failed ||
	    ((head[1] & FLAG_TRANSFORMS) != 0 && !read_transform(&in, &ret->transform)))
		return false;
	if (ret->join == WR_FILTER_JOIN_NOBODY)
		return ret->term_count == 0 && head[1] == 0 && in.left_bytes == 0;
	/* Members are told what cannot be transformed, and say themselves what becomes of it. */
	if (wr_filter_transforms_for_members(ret) && ret->transform.on_failure != WR_TRANSFORM_WAIT)
		return false;
	if (ret->term_count > WR_FILTER_TERMS_MAX || (ret->term_count == 0 && head[0] != 0))
		return false;
	for (uint32_t i = 0; i < ret->term_count; i++)
		if (!read_term(&in, &ret->terms[i]))
			return false;
	return in.left_bytes == 0;
}

static bool has_kind(const struct wr_filter_view *filter, uint32_t kind)
{
	for (uint32_t i = 0; i < filter->term_count; i++)
		if (filter->terms[i].kind == kind)
			return true;
	return false;
}

bool wr_filter_shares(const struct wr_filter_view *filter)
{
	return has_kind(filter, WR_FILTER_KIND_HASH);
}

bool wr_filter_has_header_pattern(const struct wr_filter_view *filter)
{
	return has_kind(filter, WR_FILTER_KIND_HEADER_PATTERN);
}

uint64_t wr_filter_bytes(const struct wr_filter_view *filter)
{
	uint64_t bytes = WR_FILTER_HEAD_BYTES + (has_target(filter) ? sizeof(uint32_t) : 0);
	if (filter->transform.text != NULL)
		bytes += TRANSFORM_HEAD_BYTES + (uint64_t)filter->transform.text_bytes;
	for (uint32_t i = 0; i < filter->term_count; i++)
		bytes += WR_FILTER_TERM_BYTES + (uint64_t)filter->terms[i].pattern_bytes;
	return bytes;
}

uint32_t wr_filter_write(const struct wr_filter_view *filter, uint8_t *to)
{
	uint8_t *at = to + WR_FILTER_HEAD_BYTES;
	to[0] = (uint8_t)filter->join;
	to[1] = filter->binds ? FLAG_BINDS : 0;
	wr_put_u16(to + 2, (uint16_t)filter->term_count);
	if (has_target(filter)) {
		wr_put_u32(at, filter->target);
		at += sizeof filter->target;
	}
	if (filter->transform.text != NULL) {
		to[1] |= FLAG_TRANSFORMS;
		write_transform(&filter->transform, at);
		at += TRANSFORM_HEAD_BYTES + filter->transform.text_bytes;
	}
	for (uint32_t i = 0; i < filter->term_count; i++) {
		const struct wr_filter_term *term = &filter->terms[i];
		at[0] = (uint8_t)term->kind;
		at[1] = term->negated ? FLAG_NEGATED : 0;
		wr_put_u16(at + 2, 0);
		wr_put_u32(at + 4, term->pattern_bytes);
		at += WR_FILTER_TERM_BYTES;
		if (term->pattern_bytes > 0)
			memcpy(at, term->pattern, term->pattern_bytes);
		at += term->pattern_bytes;
	}
	return (uint32_t)(at - to);
}
