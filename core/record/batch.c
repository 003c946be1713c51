/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/batch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/crc32c.h"
#include "core/record/chain.h"
#include "core/record/record.h"

#define FEATURES_MUST_KNOWN                                                                        \
	(WR_BATCH_FILTERS | WR_BATCH_SCHEMAS | WR_BATCH_UNROUTED | WR_BATCH_MAPS |                 \
	 WR_BATCH_BINDINGS | WR_BATCH_JSON_SCHEMAS | WR_BATCH_TRANSFORMS | WR_BATCH_RINGS |        \
	 WR_BATCH_ERASURES | WR_BATCH_MEMBERS_TRANSFORM | WR_BATCH_ADDRESSED | WR_BATCH_ATTEMPTS | \
	 WR_BATCH_CARRIED | WR_BATCH_CARRIED_STAY | WR_BATCH_DETACHED | WR_BATCH_CARRIED_TEXT |    \
	 WR_BATCH_HEADER_PATTERNS)

uint32_t wr_batch_seed(const uint8_t uuid[WR_UUID_BYTES], uint64_t segment_id)
{
	uint32_t crc = wr_crc32c(0, uuid, WR_UUID_BYTES);
	crc = wr_crc32c(crc, &segment_id, sizeof segment_id);
	return crc != 0 ? crc : 1u;
}

void wr_batch_open(void *to, enum wr_batch_kind kind, uint32_t log_id, uint32_t epoch,
		   uint64_t first_seq, uint64_t time_base_us)
{
	struct wr_batch_header *h = to;
	memset(h, 0, sizeof *h);
	h->magic = WR_BATCH_MAGIC;
	h->format = WR_BATCH_FORMAT;
	h->batch_kind = (uint16_t)kind;
	h->log_id = log_id;
	h->epoch = epoch;
	h->first_seq = first_seq;
	h->time_base_us = time_base_us;
}

uint32_t wr_batch_seal(void *batch, const struct wr_batch_seal *seal, uint32_t *ret_header_crc)
{
	struct wr_batch_header *h = batch;
	uint8_t *bytes = batch;
	uint32_t used = WR_BATCH_HEADER_BYTES + seal->body_bytes;
	uint32_t batch_bytes = (uint32_t)wr_round_up(used, WR_BLOCK_BYTES);

	WR_ASSERT(h->magic == WR_BATCH_MAGIC);
	WR_ASSERT(WR_IMPLIES(h->batch_kind != WR_BATCH_DATA, seal->body_bytes == 0));
	memset(bytes + used, 0, batch_bytes - used);
	h->body_bytes = seal->body_bytes;
	h->batch_bytes = batch_bytes;
	h->record_count = seal->record_count;
	h->skip_bytes = seal->skip_bytes;
	h->durable_seq = seal->durable_seq;
	h->segment_id = seal->place->segment_id;
	h->segment_offset = seal->place->segment_offset;
	h->chain = seal->chain;
	h->body_crc = wr_crc32c(seal->body_crc_part, bytes + used, batch_bytes - used);
	if (seal->chain_key != NULL)
		wr_chain_seal(seal->chain_key, seal->link_before, batch);
	h->header_crc = wr_crc32c(seal->seed, h, offsetof(struct wr_batch_header, header_crc));
	*ret_header_crc = h->header_crc;
	return batch_bytes;
}

static bool header_is_zero(const struct wr_batch_header *h)
{
	static const struct wr_batch_header zero;
	return memcmp(h, &zero, sizeof zero) == 0;
}

/* Lengths that contradict each other cannot come from wr_batch_seal(), checksum or not. */
static bool header_is_plausible(const struct wr_batch_header *h)
{
	uint64_t used = (uint64_t)WR_BATCH_HEADER_BYTES + h->body_bytes;
	if (h->batch_bytes != wr_round_up(used, WR_BLOCK_BYTES))
		return false;
	switch (h->batch_kind) {
	case WR_BATCH_DATA:
		return h->record_count > 0 && h->skip_bytes == 0 &&
		       h->record_count <= h->body_bytes / WR_RECORD_HEAD_BYTES;
	case WR_BATCH_FILLER:
		return h->record_count == 0 && h->body_bytes == 0 &&
		       h->skip_bytes % WR_BLOCK_BYTES == 0;
	case WR_BATCH_EVIDENCE:
		return h->record_count == 0 && h->body_bytes == 0 && h->skip_bytes == 0;
	default:
		return false;
	}
}

enum wr_batch_verdict wr_batch_check_header(const void *bytes, size_t available_bytes,
					    const struct wr_batch_place *place)
{
	if (available_bytes < WR_BATCH_HEADER_BYTES)
		return WR_BATCH_TOO_SHORT;
	struct wr_batch_header h;
	memcpy(&h, bytes, sizeof h);
	if (header_is_zero(&h))
		return WR_BATCH_ZERO;
	uint32_t seed = wr_batch_seed(place->uuid, place->segment_id);
	if (h.magic != WR_BATCH_MAGIC ||
	    h.header_crc != wr_crc32c(seed, &h, offsetof(struct wr_batch_header, header_crc)))
		return WR_BATCH_BAD_HEADER;
	if (h.log_id != place->log_id || h.segment_id != place->segment_id ||
	    h.segment_offset != place->segment_offset)
		return WR_BATCH_BAD_HEADER;
	if (h.format != WR_BATCH_FORMAT || (h.features_must & ~FEATURES_MUST_KNOWN) != 0)
		return WR_BATCH_UNKNOWN;
	if (!header_is_plausible(&h))
		return WR_BATCH_BAD_HEADER;
	if ((uint64_t)h.batch_bytes + h.skip_bytes > available_bytes)
		return WR_BATCH_TOO_SHORT;
	return WR_BATCH_VALID;
}

static bool records_fill_body(const uint8_t *body, const struct wr_batch_header *h,
			      struct wr_batch_records *ret_records)
{
	uint32_t at = 0, last = 0, count = 0, event_count = 0;
	struct wr_record_step step = {0};

	while (at < h->body_bytes) {
		const struct wr_record *r = (const void *)(body + at);
		if (!wr_record_fits(r, h->body_bytes - at))
			return false;
		event_count += wr_record_is_user_event(r);
		last = at;
		at += wr_record_step(&step, r);
		count++;
	}
	*ret_records = (struct wr_batch_records){last, event_count};
	return at == h->body_bytes && count == h->record_count;
}

enum wr_batch_verdict wr_batch_check_records(const void *bytes, size_t available_bytes,
					     const struct wr_batch_place *place,
					     struct wr_batch_records *ret_records)
{
	enum wr_batch_verdict verdict = wr_batch_check_header(bytes, available_bytes, place);
	if (verdict != WR_BATCH_VALID)
		return verdict;
	const struct wr_batch_header *h = bytes;
	const uint8_t *body = (const uint8_t *)bytes + WR_BATCH_HEADER_BYTES;
	uint32_t seed = wr_batch_seed(place->uuid, place->segment_id);
	if (h->body_crc != wr_crc32c(seed, body, h->batch_bytes - WR_BATCH_HEADER_BYTES) &&
	    !WR_BUG(BODY_UNCHECKED))
		return WR_BATCH_BAD_BODY;
	if (!records_fill_body(body, h, ret_records))
		return WR_BATCH_BAD_BODY;
	return WR_BATCH_VALID;
}

enum wr_batch_verdict wr_batch_check(const void *bytes, size_t available_bytes,
				     const struct wr_batch_place *place)
{
	struct wr_batch_records records;

	return wr_batch_check_records(bytes, available_bytes, place, &records);
}
