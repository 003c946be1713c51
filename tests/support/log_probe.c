/* SPDX-License-Identifier: Apache-2.0 */
/* See log_probe.h. */
#include "tests/support/log_probe.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/sanitizer.h"
#include "io/sim/storage_sim.h"

static void expect(struct log_probe *p, bool good, uint64_t seq)
{
	if (good || !p->is_sound)
		return;
	p->is_sound = false;
	p->unsound_seq = seq;
}

static int fed_section(void *context, uint32_t module, uint32_t version, uint32_t part,
		       const uint8_t *bytes, uint32_t length_bytes)
{
	struct log_probe *p = context;

	(void)part;
	expect(p, module == 1 && version == 1 && length_bytes >= 8, 0);
	p->section_seq = length_bytes >= 8 ? wr_get_u64(bytes) : 0;
	p->fed_next_seq = p->section_seq + 1;
	return 0;
}

static void fed_reset(void *context)
{
	struct log_probe *p = context;

	p->reset_count++;
	p->fed_first_seq = p->fed_next_seq = p->section_seq = 0;
}

static int fed_record(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
		      const struct wr_record_view *view)
{
	struct log_probe *p = context;

	(void)time_us;
	expect(p, p->fed_next_seq == 0 || seq == p->fed_next_seq, seq);
	if (p->expected != NULL)
		expect(p, log_builder_matches(p->expected, seq, epoch, view), seq);
	if (p->fed_first_seq == 0)
		p->fed_first_seq = seq;
	p->fed_next_seq = seq + 1;
	return 0;
}

struct wr_recovery_sink log_probe_sink(struct log_probe *p)
{
	return (struct wr_recovery_sink){fed_section, fed_reset, fed_record, p};
}

int log_probe_open(struct log_probe *p, struct wr_sim_disk *disk,
		   const struct log_builder *expected, bool read_only)
{
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = read_only};
	const struct wr_recovery_options recovery = {
		.chunk_bytes = 2 * WR_BLOCK_BYTES,
		.segment_bytes = 4 * WR_BLOCK_BYTES,
		.read_only = read_only,
		.new_uuid = {1},
	};
	const struct wr_recovery_sink sink = log_probe_sink(p);

	memset(p, 0, sizeof *p);
	p->expected = expected;
	p->is_sound = true;
	wr_memory_sim_init(&p->memory, NULL);
	WR_ASSERT(wr_storage_sim_open(&options, &p->storage) == 0);
	p->result = wr_recovery_run(p->storage, &p->memory.base, &disk->clock->base, &recovery,
				    &sink, &p->table, &p->recovered, &p->report, &p->problem);
	return p->result;
}

static void check_view(struct log_probe *p, const uint8_t *buffer,
		       const struct wr_extent_view *view)
{
	for (uint32_t i = 0; i < view->batch_count; i++) {
		const struct wr_batch_header *h =
			(const void *)(buffer + view->batches[i].place_bytes);
		const uint8_t *body = (const uint8_t *)h + WR_BATCH_HEADER_BYTES;
		uint64_t seq = h->first_seq;
		struct wr_record_view record;
		for (uint32_t at = 0; at < h->body_bytes; seq++) {
			WR_ASSERT(wr_record_view(body + at, h->body_bytes - at, &record));
			at += wr_record_stride(record.head->bytes);
			if (p->expected != NULL)
				expect(p, log_builder_matches(p->expected, seq, h->epoch, &record),
				       seq);
		}
	}
}

int log_probe_read_all(struct log_probe *p)
{
	uint32_t chunk_bytes = p->table.chunk_bytes;
	uint8_t *buffer = aligned_alloc(WR_BLOCK_BYTES, chunk_bytes);
	struct wr_extent_batch *batches = calloc(chunk_bytes / WR_BLOCK_BYTES, sizeof *batches);
	struct wr_extent_view view = {.batches = batches,
				      .batches_max = chunk_bytes / WR_BLOCK_BYTES};
	struct wr_reader reader;
	uint64_t last_seq = p->recovered.next_seq - 1;
	int r = 0;

	WR_ASSERT(buffer != NULL && batches != NULL);
	WR_ASSERT(wr_reader_init(&reader, &p->table, p->storage, &p->memory.base) == 0);
	p->read_seq = p->report.oldest_seq;
	while (r == 0 && p->read_seq <= last_seq) {
		r = wr_reader_load(&reader, p->read_seq, last_seq, buffer, &view, &p->problem);
		if (r < 0)
			break;
		expect(p, view.first_seq <= p->read_seq && view.end_seq > p->read_seq, p->read_seq);
		if (!p->is_sound)
			break;
		check_view(p, buffer, &view);
		p->read_seq = view.end_seq;
	}
	wr_reader_fini(&reader, &p->memory.base);
	free(buffer);
	free(batches);
	return r;
}

void log_probe_close(struct log_probe *p)
{
	if (p->result == 0)
		wr_segment_table_fini(&p->table, &p->memory.base);
	p->storage->ops->fini(p->storage);
	WR_ASSERT(p->memory.live_count == 0);
}

uint32_t log_probe_places_each(void)
{
	if (getenv("WEIR_TEST_EMULATED") != NULL)
		return 17;
	return WR_UNDER_ASAN ? 7 : 1;
}
