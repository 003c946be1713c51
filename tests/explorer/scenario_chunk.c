/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/log/chunk.h and chunk.c: what a reader has pinned is not written over, what it finds is
 * what it looked for, and the writer never waits (P1 to P5, C1, C2, G1; L21). Every write of the
 * writer into a chunk is a plain store, so a pin that does not hold is a data race.
 */
#include "core/log/chunk.h"
#include "core/port/park.h"
#include "tests/explorer/scenarios.h"

#define CHUNK_BYTES WR_BLOCK_BYTES
#define PINS 2u

struct bed {
	struct wr_chunks chunks;
	wr_atomic_u64 visible_seq;
	uint64_t next_seq;
};

static struct bed *bed;

static uint64_t word_of(uint64_t ordinal)
{
	return ordinal * 3 + 1;
}

/* Opens the next chunk, with one record in it; false: none may be used again yet. */
static bool append_chunk(void)
{
	const struct wr_chunk_limits limits = {
		.reusable_seq = bed->next_seq, .commits_done = UINT64_MAX, .sparingly = true};
	struct wr_chunk *chunk = wr_chunks_open(&bed->chunks, &limits, bed->next_seq, 0);
	if (chunk == NULL)
		return false;
	*(uint64_t *)(void *)chunk->writable = word_of(chunk->ordinal);
	chunk->column[0] = (uint32_t)chunk->ordinal;
	bed->next_seq++;
	wr_publish_u64(&bed->visible_seq, bed->next_seq - 1);
	wr_store_release(&chunk->end_seq, bed->next_seq);
	return true;
}

/* `opened` chunks are there when it begins: sequences 1, 2 ... */
static void set_up(uint32_t chunks, unsigned opened)
{
	wr_park_mode = WR_PARK_MEMBARRIER;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	bed->next_seq = 1;
	EXPLORER_CHECK(wr_chunks_init(&bed->chunks, explorer_memory(), CHUNK_BYTES, chunks, PINS) ==
		       0);
	for (unsigned i = 0; i < opened; i++)
		EXPLORER_CHECK(append_chunk());
}

static void set_up_two(void)
{
	set_up(2, 2);
}

static void set_up_three(void)
{
	set_up(3, 2);
}

static void set_up_empty(void)
{
	set_up(2, 0);
}

/* ---- writer ---- */

static void append_one(void)
{
	(void)append_chunk();
}

static void append_two(void)
{
	(void)append_chunk();
	(void)append_chunk();
}

static void append_three(void)
{
	append_two();
	(void)append_chunk();
}

/* Until the directory has gone round: the place of an ordinal is another's. */
static void append_four(void)
{
	append_three();
	(void)append_chunk();
}

/* ---- readers ---- */

static void check_pinned(const struct wr_chunk *chunk, uint64_t ordinal)
{
	EXPLORER_CHECK(chunk->ordinal == ordinal && chunk->first_seq == ordinal + 1);
	EXPLORER_CHECK(*(const uint64_t *)(const void *)chunk->readable == word_of(ordinal));
	EXPLORER_CHECK(chunk->column[0] == (uint32_t)ordinal);
}

static bool read_chunk(unsigned pin_index, uint64_t ordinal)
{
	struct wr_pin *pin = &bed->chunks.pins[pin_index];
	struct wr_chunk *chunk = wr_chunks_pin(&bed->chunks, pin, ordinal);
	if (chunk == NULL)
		return false;
	check_pinned(chunk, ordinal);
	wr_chunks_unpin(pin);
	return true;
}

static void read_oldest(void)
{
	(void)read_chunk(0, 0);
}

static void read_second(void)
{
	(void)read_chunk(1, 1);
}

/* Moves its pin on, as a member does that reads from chunk to chunk. */
static void read_on(void)
{
	struct wr_pin *pin = &bed->chunks.pins[0];
	struct wr_chunk *chunk = wr_chunks_pin(&bed->chunks, pin, 0);
	if (chunk == NULL)
		return;
	check_pinned(chunk, 0);
	chunk = wr_chunks_pin(&bed->chunks, pin, 1);
	if (chunk == NULL)
		return;
	check_pinned(chunk, 1);
	wr_chunks_unpin(pin);
}

/* Up to the gate: the chunk that holds the newest record, and where that chunk ends. */
static void read_newest(void)
{
	struct wr_chunks *c = &bed->chunks;
	uint64_t visible = wr_park_look_u64(&bed->visible_seq), ordinal;
	if (visible == 0)
		return;
	struct wr_chunk *chunk = wr_chunks_pin(c, &c->pins[0], visible - 1);
	if (chunk == NULL)
		return;
	check_pinned(chunk, visible - 1);
	EXPLORER_CHECK(wr_chunk_end(chunk, visible) == visible + 1);
	wr_chunks_unpin(&c->pins[0]);
	if (wr_chunks_find(c, &c->pins[0], visible, &ordinal))
		EXPLORER_CHECK(ordinal == visible - 1);
}

/* One that was closed ends where the next begins: C2 says so, and the next can be found. */
static void follow(void)
{
	struct wr_chunks *c = &bed->chunks;
	struct wr_chunk *chunk = wr_chunks_pin(c, &c->pins[0], 0);
	if (chunk == NULL || wr_load_acquire(&chunk->end_seq) == 0)
		return;
	uint64_t head = wr_load_acquire(&c->head);
	EXPLORER_CHECK(head >= 1);
	wr_chunks_unpin(&c->pins[0]);
	for (uint64_t ordinal = 1; ordinal < head; ordinal++)
		(void)wr_chunks_pin(c, &c->pins[0], ordinal);
	wr_chunks_unpin(&c->pins[0]);
}

static void search(void)
{
	struct wr_chunks *c = &bed->chunks;
	uint64_t ordinal;
	if (!wr_chunks_find(c, &c->pins[0], 2, &ordinal))
		return;
	EXPLORER_CHECK(ordinal == 1);
	(void)read_chunk(0, ordinal);
}

static void one_at_least_is_free(void)
{
	EXPLORER_CHECK(append_chunk());
}

const struct explorer_scenario chunk_pin = {
	.name = "chunk: pinned or used again, never both",
	.setup = set_up_two,
	.threads = {append_one, read_oldest},
	.finish = one_at_least_is_free,
};

const struct explorer_scenario chunk_two_readers = {
	.name = "chunk: two readers, two uses",
	.setup = set_up_three,
	.threads = {append_two, read_oldest, read_second},
	.finish = one_at_least_is_free,
};

const struct explorer_scenario chunk_lingers = {
	.name = "chunk: a pin that moves, chunks that linger",
	.setup = set_up_two,
	.threads = {append_three, read_on},
};

const struct explorer_scenario chunk_overtaken = {
	.name = "chunk: a pin that moves to one that is gone from the directory",
	.setup = set_up_three,
	.threads = {append_four, read_on},
};

const struct explorer_scenario chunk_gate = {
	.name = "chunk: read up to the gate",
	.setup = set_up_empty,
	.threads = {append_three, read_newest},
};

const struct explorer_scenario chunk_follow = {
	.name = "chunk: from one to the next",
	.setup = set_up_two,
	.threads = {append_two, follow},
};

const struct explorer_scenario chunk_search = {
	.name = "chunk: found by sequence",
	.setup = set_up_two,
	.threads = {append_two, search},
};
