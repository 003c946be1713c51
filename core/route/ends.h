/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many texts does a text begin with? (For ends of texts everything is read backwards.)
 *
 * The trunk is a beginning that many of the texts share (a scheme and a host). As far as a text
 * goes along with it, it is known which texts are found. All others that it may begin with leave
 * the trunk where it does.
 *
 * Those stand in cells, by eight bytes that end a few bytes behind that place. A cell has the
 * lengths and the last four bytes of its texts, which are compared without a branch for any: so a
 * text that begins with none of them is nearly always known by one line of memory. Who looks whole
 * texts up elsewhere may note them here, and is told by the same line. Up to eight texts need one
 * cell, and neither trunk nor hash.
 *
 * A cell of more texts says which lengths they have, and has bits of the last eight bytes of each
 * (as window.h has them). What it lets pass is found by hash, once for each length: a filter is
 * asked first, for a load and a multiplication, whatever the other lengths say. Only where that
 * lets pass, too, is the whole beginning hashed, going on from the length before, and compared: and
 * of that only what is longer than the text found last, which must be the longest other one that it
 * begins with. So a look-up costs no more than its text has bytes, however many texts there are and
 * however they begin with one another, also where all are in one cell.
 *
 * Thread: any, once it is made.
 */
#ifndef WR_ROUTE_ENDS_H
#define WR_ROUTE_ENDS_H

#include "core/route/table.h"
#include "core/route/window.h"

struct wr_ends_text {
	const uint8_t *bytes;
	uint32_t count;
	uint32_t entry; /* of the table: whose list it is */
};

struct wr_end {
	const uint8_t *bytes; /* backwards, if ends are looked for */
	uint32_t count;
	uint32_t list;
	uint32_t inner; /* the longest other one that it begins with, + 1; 0: none */
};

/* Of a set of lengths each is a bit, by its number; the last bit is that of all from there on. */
#define WR_ENDS_SET_LAST 63u

/* So many texts may stand in a cell one by one, */
#define WR_ENDS_FEW 8u
#define WR_ENDS_HALF 4u
/* and such ones. */
#define WR_ENDS_TAIL_BYTES 4u
#define WR_ENDS_FEW_BYTES_MAX (UINT8_MAX - 1)

/* One line of memory. Few texts stand there one by one, many as bits. */
struct wr_ends_cell {
	union {
		struct {
			uint32_t tails[WR_ENDS_FEW]; /* their last four bytes */
			uint8_t counts[WR_ENDS_FEW]; /* of bytes */
		} few;
		struct {
			uint64_t lengths;    /* that they have */
			uint64_t windows[4]; /* bits of their last eight bytes */
		} many;
	};
	uint64_t whole[2]; /* bits of what wr_ends_note() was told */
	uint32_t first;    /* number of theirs, if they are few */
	uint8_t text_count;
	bool is_many;
};

/*
 * A text's place is so far behind where it leaves the trunk. The few that end before it are in no
 * cell; they are looked for where the first byte that is off the trunk may be one of theirs.
 */
struct wr_ends_front {
	size_t behind;
	bool has_texts;        /* some do not end in the trunk */
	uint64_t short_firsts; /* bits: such bytes, modulo 64 */
	struct wr_ends_cell shorts;
	struct wr_ends_cell *cells;
	uint32_t *numbers; /* of texts: those of a cell side by side */
	uint64_t mask;     /* of numbers of cells */
};

struct wr_ends {
	struct wr_ends_text *texts; /* while they are gathered */
	size_t count, room;
	struct wr_end *ends;
	uint64_t *slots; /* the upper half of a hash over the number of an end + 1; 0: free */
	size_t slot_mask;
	struct wr_window_filter filter;
	uint32_t *lengths; /* of texts, each once, in order; without 0 */
	size_t length_count;
	size_t longest;
	uint32_t *lengths_to; /* for each number of bytes: how many lengths are not above it */
	struct wr_ends_front front;
	bool is_few;          /* all are in the first cell, and there is no trunk */
	size_t trunk_least;   /* how far along the trunk its first text is found */
	uint32_t empty;       /* list of the text without bytes; 0: there is none */
	const uint8_t *trunk; /* what many of the texts begin with */
	size_t trunk_bytes;
	uint32_t trunk_last; /* the longest text that the trunk begins with, + 1; 0: none */
};

/* Memory is the building one's. */
bool wr_ends_add(struct wr_ends *ends, struct wr_arena *building, const struct wr_ends_text *text);

/*
 * No more are added, each was added once. Takes the lists of the table's entries, which have none
 * afterwards. `backwards`: the texts are ends. false: no memory.
 */
bool wr_ends_finish(struct wr_ends *ends, struct wr_arena *arena, struct wr_arena *building,
		    struct wr_table *table, bool backwards);

/*
 * Afterwards: a text that wr_ends_may_be_noted() is to let pass. `hash`: of its last window. Of few
 * texts nothing is noted.
 */
void wr_ends_note(struct wr_ends *ends, const uint8_t *text, size_t bytes, uint64_t hash);

/* Calls `take` with the list of each text that the given one begins (ends) with. */
void wr_ends_first(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		   void (*take)(void *context, uint32_t list), void *context);
void wr_ends_last(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		  void (*take)(void *context, uint32_t list), void *context);

/*
 * The same in two steps, between which the cell's line may come: where a text leaves the trunk and
 * what its cell is, by wr_ends_ask() of ends_hash.h; then what it begins with. Not if they are few.
 */
void wr_ends_first_in(const struct wr_ends *ends, const struct wr_ends_cell *cell, size_t along,
		      const uint8_t *text, size_t bytes, void (*take)(void *context, uint32_t list),
		      void *context);

#endif
