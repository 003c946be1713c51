/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/share.h"

static uint32_t put_varint(uint8_t *to, uint64_t value)
{
	uint32_t bytes = 0;
	for (; value >= 0x80; value >>= 7)
		to[bytes++] = (uint8_t)(value | 0x80);
	to[bytes++] = (uint8_t)value;
	return bytes;
}

static uint64_t take_varint(struct wr_cursor *in)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *byte = wr_take(in, 1);
		if (byte == NULL)
			return 0;
		value |= (uint64_t)(*byte & 0x7f) << shift;
		if ((*byte & 0x80) == 0)
			return value;
	}
	in->failed = true; /* longer than any */
	return 0;
}

static uint32_t take_varint_u32(struct wr_cursor *in)
{
	uint64_t value = take_varint(in);
	if (value > UINT32_MAX)
		in->failed = true;
	return (uint32_t)value;
}

#define TERM_NOT_BEFORE 1u
#define TERM_EXPIRES 2u
#define TERM_ZERO 4u
#define TERM_PRIORITY_SHIFT 3

static uint32_t put_terms(uint8_t *to, const struct wr_mark_event *event)
{
	uint32_t bytes = 1;
	uint32_t terms = event->priority << TERM_PRIORITY_SHIFT;
	if (event->not_before_us != 0) {
		terms |= TERM_NOT_BEFORE;
		wr_put_u64(to + bytes, event->not_before_us);
		bytes += 8;
	}
	if (event->expires_us != 0) {
		terms |= TERM_EXPIRES;
		wr_put_u64(to + bytes, event->expires_us);
		bytes += 8;
	}
	to[0] = (uint8_t)terms;
	return bytes;
}

static void take_terms(struct wr_cursor *in, struct wr_mark_event *ret)
{
	const uint8_t *byte = wr_take(in, 1);
	uint32_t terms = byte != NULL ? *byte : 0;
	if ((terms & TERM_ZERO) != 0)
		in->failed = true; /* of a later version */
	ret->priority = terms >> TERM_PRIORITY_SHIFT;
	ret->not_before_us = (terms & TERM_NOT_BEFORE) != 0 ? wr_take_u64(in) : 0;
	ret->expires_us = (terms & TERM_EXPIRES) != 0 ? wr_take_u64(in) : 0;
}

uint32_t wr_mark_put(uint8_t *to, uint64_t next_seq, const struct wr_mark_event *event,
		     const struct wr_mark_head *head)
{
	uint32_t bytes = put_varint(to, event->seq - next_seq);
	bytes += put_varint(to + bytes, event->row);
	bytes += put_varint(to + bytes, event->bytes);
	if (head->keyed != 0) {
		wr_put_u64(to + bytes, event->key);
		bytes += 8;
	}
	return head->terms != 0 ? bytes + put_terms(to + bytes, event) : bytes;
}

bool wr_mark_next(struct wr_mark_view *mark, struct wr_mark_event *ret)
{
	if (mark->left == 0)
		return false;
	uint64_t gap = take_varint(&mark->in);
	*ret = (struct wr_mark_event){0};
	ret->row = take_varint_u32(&mark->in);
	ret->bytes = take_varint_u32(&mark->in);
	ret->key = mark->head.keyed != 0 ? wr_take_u64(&mark->in) : 0;
	if (mark->head.terms != 0)
		take_terms(&mark->in, ret);
	if (mark->in.failed || mark->next_seq > mark->head.to ||
	    gap >= mark->head.to - mark->next_seq)
		return false;
	ret->seq = mark->next_seq + gap;
	mark->next_seq = ret->seq + 1;
	mark->left--;
	return true;
}

bool wr_mark_read(const struct wr_record_view *view, struct wr_mark_view *ret)
{
	struct wr_mark_event event;
	if (view->payload_bytes < sizeof ret->head)
		return false;
	memcpy(&ret->head, view->payload, sizeof ret->head);
	ret->in = wr_cursor_over(view->payload + sizeof ret->head,
				 view->payload_bytes - sizeof ret->head);
	ret->next_seq = ret->head.from;
	ret->left = ret->head.count;
	if (ret->head.from > ret->head.to || ret->head.keyed > 1 || ret->head.terms > 1)
		return false;
	struct wr_mark_view walk = *ret;
	while (wr_mark_next(&walk, &event))
		;
	return walk.left == 0 && walk.in.left_bytes == 0;
}

uint32_t wr_settle_put(uint8_t *to, uint64_t next_seq, const struct wr_settle_run *run)
{
	uint32_t bytes = put_varint(to, run->first - next_seq);
	bytes += put_varint(to + bytes, run->last - run->first);
	bytes += put_varint(to + bytes, run->count - 1);
	return bytes + put_varint(to + bytes, run->generation);
}

bool wr_settle_next(struct wr_settle_view *settle, struct wr_settle_run *ret)
{
	if (settle->left == 0)
		return false;
	uint64_t gap = take_varint(&settle->in), span = take_varint(&settle->in);
	uint32_t more = take_varint_u32(&settle->in);
	ret->generation = take_varint_u32(&settle->in);
	uint64_t room = UINT64_MAX - settle->next_seq;
	if (settle->in.failed || gap >= room || span >= room - gap || more > span ||
	    more == UINT32_MAX)
		return false;
	ret->first = settle->next_seq + gap;
	ret->last = ret->first + span;
	ret->count = more + 1;
	settle->next_seq = ret->last + 1;
	settle->left--;
	return true;
}

bool wr_settle_read(const struct wr_record_view *view, struct wr_settle_view *ret)
{
	struct wr_settle_run run;
	if (view->payload_bytes < sizeof ret->head)
		return false;
	memcpy(&ret->head, view->payload, sizeof ret->head);
	ret->in = wr_cursor_over(view->payload + sizeof ret->head,
				 view->payload_bytes - sizeof ret->head);
	ret->next_seq = ret->head.base;
	ret->left = ret->head.count;
	if (ret->head.count == 0)
		return false;
	struct wr_settle_view walk = *ret;
	while (wr_settle_next(&walk, &run))
		;
	return walk.left == 0 && walk.in.left_bytes == 0;
}

bool wr_reject_read(const struct wr_record_view *view, struct wr_reject *ret, const char **ret_text)
{
	if (view->payload_bytes < sizeof *ret)
		return false;
	memcpy(ret, view->payload, sizeof *ret);
	*ret_text = (const char *)view->payload + sizeof *ret;
	return ret->verdict >= WR_VERDICT_RETRY && ret->verdict <= WR_VERDICT_CRASHED &&
	       ret->text_bytes <= WR_REASON_TEXT_BYTES_MAX &&
	       view->payload_bytes - sizeof *ret == ret->text_bytes;
}

/* A finisher that lets no two words of 64 bits have one result (SplitMix64's). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t wr_share_key(const struct wr_record *r)
{
	if ((r->flags & WR_RECORD_KEYLESS) != 0)
		return 0;
	const uint8_t *key = (const uint8_t *)(r + 1) + r->option_bytes;
	uint32_t left = r->key_bytes;
	uint64_t hash = mix(0x9e3779b97f4a7c15u + ((uint64_t)r->topic << 32 | left));
	for (; left >= 8; left -= 8, key += 8)
		hash = mix(hash ^ wr_get_u64(key)) + 0x9e3779b97f4a7c15u;
	if (left > 0) {
		uint64_t word = 0;
		memcpy(&word, key, left);
		hash = mix(hash ^ word) + 0x9e3779b97f4a7c15u;
	}
	hash = mix(hash);
	return hash != 0 ? hash : 1;
}
