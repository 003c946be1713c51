/* SPDX-License-Identifier: Apache-2.0 */
/* See packer.h. Thread: whoever steps it; one. */
#include "core/journal/packer.h"

#include <weir/error.h>

#include "core/base/bug.h"

#define RESTS 3u
/* Nobody wakes it: a segment that was sealed can wait so long. */
#define LOOK_NS 200000000ull
/* A write that is under way. */
#define WAIT_NS 200000ull

static enum wr_left_out why_erased(void *context, uint64_t seq, uint64_t time_us,
				   const struct wr_record_view *event)
{
	struct wr_packer *p = context;
	uint64_t by_seq = p->erase.by(p->erase.context, seq, event);

	(void)time_us;
	p->erased_by_seq = wr_max_u64(p->erased_by_seq, by_seq);
	return by_seq != 0 ? WR_LEFT_OUT_ERASED : WR_LEFT_OUT_NOT;
}

int wr_packer_init(struct wr_packer *p, struct wr_storage *storage, struct wr_memory *memory,
		   struct wr_clock *clock, struct wr_segment_table *table,
		   const struct wr_compress_options *compress,
		   const struct wr_compact_options *compact, const struct wr_erase_options *erase,
		   const struct wr_retire_options *retire)
{
	bool compacts = compact->keys_max != 0, retires = retire->topics != NULL;

	wr_store_relaxed(&p->state, (uint32_t)WR_PACKER_IDLE);
	wr_store_relaxed(&p->inside_ns, 0u);
	p->clock = clock;
	p->has_begun = false;
	p->rest_until_ns = 0;
	p->compact.memory = p->retire.memory = NULL;
	p->erase = *erase;
	p->erase_rule = (struct wr_pack_rule){.why = why_erased, .context = p};
	int r = wr_pack_init(&p->pack, storage, memory, table->uuid, table->log_id,
			     table->chunk_bytes, table->segment_bytes,
			     compacts || retires || erase->end_seq != NULL);
	if (r == 0)
		r = wr_pack_compress(&p->pack, compress->codec, compress->level);
	if (r == 0 && compress->codec != WR_CODEC_NONE)
		table->codecs |= 1u << compress->codec; /* there will be such */
	if (r == 0 && p->pack.unpack.memory != NULL)
		r = wr_unpack_decoders(&p->pack.unpack, table->codecs);
	if (r == 0 && compacts)
		r = wr_compact_init(&p->compact, table, storage, memory, compact);
	if (r == 0 && retires)
		r = wr_retire_init(&p->retire, memory, retire);
	if (r < 0)
		wr_packer_fini(p);
	return r;
}

/* Whether a rule looks at each event: then the file is one that the packer opened itself. */
static bool is_by_rule(const struct wr_packer *p)
{
	return wr_packer_leaves_out(p) || p->task == WR_PACKER_COUNT;
}

/* Whether it is about a segment. */
static bool is_job(const struct wr_packer *p)
{
	return p->task == WR_PACKER_PACK || is_by_rule(p);
}

static void close_source(struct wr_packer *p)
{
	struct wr_storage *storage = p->pack.storage;

	if (is_by_rule(p))
		(void)storage->ops->file_close(storage, p->job.file);
}

void wr_packer_end(struct wr_packer *p)
{
	if (p->has_begun) { /* with or without a draft and a file of its own */
		wr_pack_abort(&p->pack);
		close_source(p);
	}
	p->has_begun = false;
}

void wr_packer_fini(struct wr_packer *p)
{
	wr_pack_fini(&p->pack);
	wr_compact_fini(&p->compact);
	wr_retire_fini(&p->retire);
}

/*
 * Of a segment that leaves the log the file is closed, and nobody asks the packer: it has a handle
 * of its own. What is read by it then proves that it is the segment, or is not taken.
 */
static int open_source(struct wr_packer *p)
{
	struct wr_storage *storage = p->pack.storage;
	char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, p->pack.log_id, p->source_number);
	return storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &p->job.file);
}

static int begin(struct wr_packer *p)
{
	int r = 0;

	p->is_made = false;
	p->erased_by_seq = 0;
	if (p->task == WR_PACKER_TABLE) {
		wr_compact_begin(&p->compact, &p->pass);
		return 0;
	}
	if (p->task == WR_PACKER_COMPACT) {
		p->compact.keeps_tombstones = p->keeps_tombstones;
		p->job.rule = &p->compact.rule;
	}
	if (p->task == WR_PACKER_ERASE)
		p->job.rule = &p->erase_rule;
	if (p->task == WR_PACKER_RETIRE)
		p->job.rule = &p->retire.rule;
	if (p->task == WR_PACKER_COUNT)
		p->job.rule = &p->retire.count_rule;
	if (is_by_rule(p))
		r = open_source(p);
	if (r < 0)
		return r;
	r = wr_pack_begin(&p->pack, &p->job);
	if (r < 0)
		close_source(p);
	return r;
}

/* The file is made, and something was left out of it by a record that a crash may still take. */
static bool waits_for_log(const struct wr_packer *p)
{
	return p->is_made && p->task == WR_PACKER_ERASE && !WR_BUG(ERASES_UNKEPT) &&
	       p->erased_by_seq > wr_load_acquire(p->durable_seq); /* D1 */
}

/* The next piece of the work: 1, 0 when the file is the segment, or why it is not. */
static int work_on(struct wr_packer *p)
{
	if (p->task == WR_PACKER_BESIDE)
		return p->erase.beside(p->erase.context);
	if (!p->has_begun) {
		int begun = begin(p);
		p->has_begun = begun == 0;
		return begun == 0 ? 1 : begun;
	}
	if (p->task == WR_PACKER_TABLE)
		return wr_compact_step(&p->compact);
	int r = p->is_made ? 0 : wr_pack_step(&p->pack);
	bool is_held = is_by_rule(p) && p->job.end_seq > wr_load_acquire(p->needed_seq); /* D3 */
	if (r == 0 && is_held && !WR_BUG(LEAVES_OUT_COUNTED))
		return WEIR_E_AGAIN;
	/* Somebody may have its topics keep more since. */
	if (r == 0 && p->task == WR_PACKER_RETIRE && !wr_retire_passed_ask_as_seen(&p->retire))
		return WEIR_E_AGAIN;
	p->is_made = r == 0;
	if (r != 0)
		return r;
	return waits_for_log(p) ? 1 : wr_pack_switch(&p->pack);
}

static void answer(struct wr_packer *p, int result)
{
	p->result = result;
	if (p->task == WR_PACKER_TABLE) {
		p->pass_end_seq = p->compact.at_seq;
	} else if (is_job(p)) {
		p->file = p->pack.file;
		p->file_bytes = p->pack.header.file_bytes;
		p->left_out_count = p->pack.left_count;
		if (result == 0)
			p->pack.is_open = false; /* the file is the journal's now */
		else if (p->has_begun)
			wr_pack_abort(&p->pack);
		if (p->has_begun)
			close_source(p);
	}
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
	wr_store_relaxed(&p->inside_ns, begin_ns);
	int r = work_on(p);
	wr_store_relaxed(&p->inside_ns, 0u);
	uint64_t end_ns = wr_clock_mono_ns(p->clock);
	p->rest_until_ns = end_ns + RESTS * (end_ns - begin_ns);
	if (r <= 0)
		answer(p, r);
	else if (waits_for_log(p))
		p->rest_until_ns = end_ns + WAIT_NS;
	return 1;
}

uint64_t wr_packer_idle_ns(struct wr_packer *p)
{
	uint64_t now_ns = wr_clock_mono_ns(p->clock);

	if (wr_load_acquire(&p->state) != WR_PACKER_ASKED) /* PA1 */
		return LOOK_NS;
	return p->rest_until_ns > now_ns ? p->rest_until_ns - now_ns : 0;
}
