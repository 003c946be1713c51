/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/rejection.h"

#include <errno.h>

#include "core/base/probe.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

static struct wr_failures *failures_of(struct weir_member *m)
{
	return &m->pipeline->subscriptions[m->subscription].failures;
}

/* What may be said of any event. */
static bool is_valid(const struct weir_rejection *r, bool has_dead_letters)
{
	return (unsigned)r->verdict <= WEIR_VERDICT_DEAD &&
	       (r->delay_ns <= WR_LEASE_NS_MAX || r->delay_ns == WEIR_DELAY_DEFAULT) &&
	       (r->text == NULL || strlen(r->text) <= WEIR_REASON_TEXT_MAX) &&
	       (r->verdict != WEIR_VERDICT_DEAD || has_dead_letters);
}

int weir_reject(struct weir_member *m, const struct weir_item *item,
		const struct weir_rejection *rejection)
{
	static const struct weir_rejection standard = {.delay_ns = WEIR_DELAY_DEFAULT};
	const struct weir_rejection *r = rejection != NULL ? rejection : &standard;
	bool fits = m->sharing != NULL ? wr_sharing_is_item(item) : item->kind == WEIR_ITEM_EVENT;
	bool has_dead_letters = wr_load_relaxed(&failures_of(m)->dead_letters) != UINT32_MAX;
	if (!fits || !is_valid(r, has_dead_letters))
		return -EINVAL;
	if (wr_pipeline_is_copy(m->pipeline))
		return WEIR_E_CLOSED;
	return m->sharing != NULL ? wr_sharing_reject(m, item, r) : wr_member_reject(m, item, r);
}

bool wr_rejection_is_held_up(struct weir_member *m)
{
	if (m->in_transaction && m->handler != NULL && m->transactions->output_count == 0 &&
	    m->transactions->part_count == 0)
		wr_transaction_abort(m);
	return m->in_transaction;
}

/*
 * The delay before the next attempt: half of it for sure, the other half by a chance that is the
 * same for the same attempt.
 */
static uint64_t standard_delay_ns(struct wr_failures *failures, uint64_t seq, uint32_t attempts)
{
	uint64_t delay = wr_load_relaxed(&failures->retry_delay_min_ns);
	uint64_t most_ns = wr_load_relaxed(&failures->retry_delay_max_ns);
	for (uint32_t i = 1; i < attempts && delay > 0 && delay < most_ns; i++)
		delay *= 2;
	delay = wr_min_u64(delay, most_ns);
	uint64_t chance = (seq * 0x9e3779b97f4a7c15u ^ attempts) * 0xbf58476d1ce4e5b9u >> 32;
	return delay - (delay / 2 >> 16) * (chance >> 16);
}

struct wr_reject wr_rejection_of(struct weir_member *m, const struct weir_item *item,
				 const struct weir_rejection *r, uint32_t attempts,
				 uint64_t *ret_delay_ns)
{
	uint64_t now_us = wr_writer_append_now_us(&m->pipeline->writer);
	struct wr_reject reject = {
		.seq = item->sequence,
		.generation = item->generation,
		.verdict = r->verdict == WEIR_VERDICT_DEAD      ? WR_VERDICT_DEAD
			   : r->verdict == WEIR_VERDICT_RELEASE ? WR_VERDICT_RELEASED
								: WR_VERDICT_RETRY,
		.failed_us = now_us,
		.reason = r->reason,
		.text_bytes = r->text != NULL ? (uint32_t)strlen(r->text) : 0,
	};
	*ret_delay_ns = 0;
	if (r->verdict != WEIR_VERDICT_RETRY)
		return reject;
	*ret_delay_ns = r->delay_ns != WEIR_DELAY_DEFAULT
				? r->delay_ns
				: standard_delay_ns(failures_of(m), item->sequence, attempts);
	if (*ret_delay_ns > 0)
		reject.not_before_us = now_us + (*ret_delay_ns + 999) / 1000;
	return reject;
}

uint64_t wr_rejection_write(struct weir_member *m, uint32_t row, const struct wr_reject *reject,
			    const char *text)
{
	uint8_t payload[sizeof *reject + WR_REASON_TEXT_BYTES_MAX];
	uint32_t bytes = (uint32_t)sizeof *reject + reject->text_bytes;
	memcpy(payload, reject, sizeof *reject);
	if (reject->text_bytes > 0)
		memcpy(payload + sizeof *reject, text, reject->text_bytes);
	uint32_t stride = wr_record_stride(wr_control_bytes(0, bytes));
	uint8_t *to = wr_lane_claim(m->lane, stride);
	if (to == NULL)
		return 0;
	wr_control_write(to, WR_KIND_REJECT, m->subscription, row, NULL, 0, payload, bytes);
	uint64_t ticket = wr_lane_append(m->lane, stride);
	wr_lane_publish(m->lane);
	return ticket;
}

void wr_rejection_done(struct weir_member *m, const struct weir_item *item,
		       const struct weir_rejection *r, uint32_t attempts)
{
	WR_PROBE4(rejected, (uintptr_t)m, item->sequence, r->verdict, attempts);
	wr_span_ended(m, item->sequence,
		      r->verdict == WEIR_VERDICT_DEAD      ? WR_SPAN_DEAD
		      : r->verdict == WEIR_VERDICT_RELEASE ? WR_SPAN_RELEASED
							   : WR_SPAN_FAILED,
		      r->reason);
}
