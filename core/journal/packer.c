/* SPDX-License-Identifier: Apache-2.0 */
/* See packer.h. Thread: whoever steps it; one. */
#include "core/journal/packer.h"

#define RESTS 3u
/* Nobody wakes it: a segment that was sealed can wait so long. */
#define LOOK_NS 200000000ull

int wr_packer_init(struct wr_packer *p, struct wr_storage *storage, struct wr_memory *memory,
		   struct wr_clock *clock, const uint8_t *uuid, uint32_t log_id,
		   uint32_t chunk_bytes, uint64_t segment_bytes)
{
	wr_store_relaxed(&p->state, (uint32_t)WR_PACKER_IDLE);
	p->clock = clock;
	p->has_begun = false;
	p->rest_until_ns = 0;
	return wr_pack_init(&p->pack, storage, memory, uuid, log_id, chunk_bytes, segment_bytes);
}

void wr_packer_end(struct wr_packer *p)
{
	if (p->has_begun)
		wr_pack_abort(&p->pack);
	p->has_begun = false;
}

void wr_packer_fini(struct wr_packer *p)
{
	wr_pack_fini(&p->pack);
}

/* The next piece of the work: 1, 0 when the file is the segment, or why it is not. */
static int work_on(struct wr_packer *p)
{
	if (!p->has_begun) {
		int begun = wr_pack_begin(&p->pack, &p->job);
		p->has_begun = begun == 0;
		return begun == 0 ? 1 : begun;
	}
	int r = wr_pack_step(&p->pack);
	return r == 0 ? wr_pack_switch(&p->pack) : r;
}

static void answer(struct wr_packer *p, int result)
{
	p->result = result;
	p->file = p->pack.file;
	p->file_bytes = p->pack.header.file_bytes;
	if (result == 0)
		p->pack.is_open = false; /* the file is the journal's now */
	else if (p->has_begun)
		wr_pack_abort(&p->pack);
	p->has_begun = false;
	wr_store_release(&p->state, (uint32_t)WR_PACKER_DONE); /* PA1 */
}

int wr_packer_step(struct wr_packer *p)
{
	if (wr_load_acquire(&p->state) != WR_PACKER_ASKED) /* PA1 */
		return 0;
	uint64_t begin_ns = wr_clock_mono_ns(p->clock);
	if (begin_ns < p->rest_until_ns)
		return 0;
	int r = work_on(p);
	uint64_t end_ns = wr_clock_mono_ns(p->clock);
	p->rest_until_ns = end_ns + RESTS * (end_ns - begin_ns);
	if (r <= 0)
		answer(p, r);
	return 1;
}

uint64_t wr_packer_idle_ns(struct wr_packer *p)
{
	uint64_t now_ns = wr_clock_mono_ns(p->clock);

	if (wr_load_acquire(&p->state) != WR_PACKER_ASKED) /* PA1 */
		return LOOK_NS;
	return p->rest_until_ns > now_ns ? p->rest_until_ns - now_ns : 0;
}
