/* SPDX-License-Identifier: Apache-2.0 */
/* Texts put in, and what is known of all of them when no more are added. */
#include "core/route/ends.h"
#include "core/route/ends_hash.h"

#define TRUNK_PART 8u /* many: one in so many */
#define TRUNK_BYTES_MAX 256u
#define SAMPLE_TEXTS 512u /* about: that places are tried with */
#define SAMPLE_RUN 32u
#define PLACES 32u
#define SHORTER_MAX 4u /* texts that end before their place */

bool wr_ends_add(struct wr_ends *ends, struct wr_arena *building, const struct wr_ends_text *text)
{
	void *list = ends->texts;
	if (!wr_arena_grow(building, &list, &ends->room, ends->count, sizeof *ends->texts))
		return false;
	ends->texts = list;
	ends->texts[ends->count++] = *text;
	return true;
}

static int compare(const struct wr_ends_text *a, const struct wr_ends_text *b)
{
	uint32_t shorter = a->count < b->count ? a->count : b->count;
	int order = shorter > 0 ? memcmp(a->bytes, b->bytes, shorter) : 0;
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

static void sift(struct wr_ends_text *heap, size_t at, size_t count)
{
	struct wr_ends_text moved = heap[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (compare(&heap[child], &moved) <= 0)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

static void sort(struct wr_ends_text *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (size_t left = count; left > 1; left--) {
		struct wr_ends_text greatest = list[0];
		list[0] = list[left - 1];
		list[left - 1] = greatest;
		sift(list, 0, left - 1);
	}
}

/* The table's bytes stay what they are: others have them, too. */
static bool turn(struct wr_ends *ends, struct wr_arena *arena)
{
	for (size_t i = 0; i < ends->count; i++) {
		struct wr_ends_text *t = &ends->texts[i];
		uint8_t *turned = wr_arena_take(arena, t->count, 1);
		if (turned == NULL)
			return false;
		for (uint32_t k = 0; k < t->count; k++)
			turned[k] = t->bytes[t->count - 1 - k];
		t->bytes = turned;
	}
	return true;
}

static void place(struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	struct wr_beginning b = {0};
	uint64_t hash = wr_ends_hash(&b, end->bytes, end->count, false, end->count);
	size_t slot = hash & e->slot_mask;
	while (e->slots[slot] != 0)
		slot = (slot + 1) & e->slot_mask;
	e->slots[slot] = (hash & WR_ENDS_TAG) | (number + 1u);
	wr_window_add(&e->filter,
		      wr_window_hash(wr_window_last(end->bytes, end->count), end->count));
}

/* In the order of texts those that one begins with are before it, the longest last. */
static uint32_t inner_of(const struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	for (uint32_t before = number; before != 0; before = e->ends[before - 1].inner) {
		const struct wr_end *other = &e->ends[before - 1];
		if (other->count < end->count &&
		    memcmp(other->bytes, end->bytes, other->count) == 0)
			return before;
	}
	return 0;
}

/* Of those that go along from `first`, in order: the most that go on with one byte. */
static size_t most_go_on(const struct wr_ends *e, size_t depth, size_t *first, size_t end)
{
	size_t most = 0;
	for (size_t at = *first, next; at < end; at = next) {
		next = at + 1;
		if (e->ends[at].count == depth)
			continue;
		while (next < end && e->ends[next].bytes[depth] == e->ends[at].bytes[depth])
			next++;
		if (next - at > most) {
			most = next - at;
			*first = at;
		}
	}
	return most;
}

/* From each byte to the one that most go on with, as long as those are many. */
static void find_trunk(struct wr_ends *e, size_t count)
{
	size_t first = 0, end = count, depth = 0;
	while (depth < TRUNK_BYTES_MAX) {
		size_t at = first, most = most_go_on(e, depth, &at, end);
		if (most == 0 || most * TRUNK_PART < count)
			break;
		first = at;
		end = first + most;
		depth++;
	}
	if (count > 0) {
		const struct wr_end *one = &e->ends[first];
		e->trunk = one->bytes;
		e->trunk_last = one->count == depth ? (uint32_t)first + 1 : one->inner;
	}
	e->trunk_bytes = depth;
}

/* SIZE_MAX: none is found there. */
static size_t least_in_trunk(const struct wr_ends *e)
{
	uint32_t last = e->trunk_last;
	while (last != 0 && e->ends[last - 1].inner != 0)
		last = e->ends[last - 1].inner;
	return e->empty != 0 ? 0 : last != 0 ? e->ends[last - 1].count : SIZE_MAX;
}

/* Which lengths there are. */
static bool gather_lengths(struct wr_ends *e, struct wr_arena *arena, struct wr_arena *building,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		e->longest = e->ends[i].count > e->longest ? e->ends[i].count : e->longest;
	uint8_t *is_there = wr_arena_take(building, e->longest + 1, 1);
	e->lengths_to = wr_arena_take(arena, e->longest + 1, sizeof *e->lengths_to);
	if (is_there == NULL || e->lengths_to == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		e->length_count += is_there[e->ends[i].count] == 0;
		is_there[e->ends[i].count] = 1;
	}
	e->lengths = wr_arena_take(arena, e->length_count, sizeof *e->lengths);
	if (e->lengths == NULL)
		return false;
	for (uint32_t length = 0, at = 0; length <= e->longest; length++) {
		if (is_there[length] != 0)
			e->lengths[at++] = length;
		e->lengths_to[length] = at;
	}
	return true;
}

/* ---- the front ---- */

/* What is looked at while the front is made. */
struct making {
	struct wr_ends *ends;
	uint32_t *alongs; /* of each text: how far it goes along with the trunk */
	size_t count;
	uint32_t *sample; /* of texts: some */
	size_t sample_count;
};

/* A set of its own length only. */
static uint64_t set_of(const struct wr_ends *e, const struct wr_end *end)
{
	uint32_t number = e->lengths_to[end->count] - 1;
	return 1ull << (number < WR_ENDS_SET_LAST ? number : WR_ENDS_SET_LAST);
}

/* Where the text ends: those that do not reach their place are in no cell. */
enum where { IN_THE_TRUNK, BEFORE_ITS_PLACE, IN_ITS_CELL };

static enum where where_is(const struct making *m, size_t behind, uint32_t number)
{
	size_t count = m->ends->ends[number].count, along = m->alongs[number];
	return count == along           ? IN_THE_TRUNK
	       : count < along + behind ? BEFORE_ITS_PLACE
					: IN_ITS_CELL;
}

/* The number of a text's cell. */
static size_t cell_of(const struct making *m, const struct wr_ends_front *front, uint32_t number)
{
	const struct wr_end *end = &m->ends->ends[number];
	size_t place = m->alongs[number] + front->behind;
	uint64_t head = wr_window_head(end->bytes, end->count, false);
	return wr_ends_cell_number(
		front, wr_ends_window(end->bytes, end->count, false, head, place), place);
}

/* Lengths that would be asked of, for the texts of the sample. `sets`: of each cell. */
static uint64_t cost_of(const struct making *m, const struct wr_ends_front *front, uint64_t *sets)
{
	uint64_t cost = 0;
	memset(sets, 0, (front->mask + 1) * sizeof *sets);
	for (size_t i = 0; i < m->sample_count; i++)
		if (where_is(m, front->behind, m->sample[i]) == IN_ITS_CELL)
			sets[cell_of(m, front, m->sample[i])] |=
				set_of(m->ends, &m->ends->ends[m->sample[i]]);
	for (size_t i = 0; i < m->sample_count; i++)
		if (where_is(m, front->behind, m->sample[i]) == IN_ITS_CELL)
			cost += (uint64_t)__builtin_popcountll(
				sets[cell_of(m, front, m->sample[i])]);
	return cost;
}

/* Texts that lie side by side begin alike: runs of them. */
static bool gather(struct making *m, struct wr_arena *building)
{
	const struct wr_ends *e = m->ends;
	size_t step = m->count > SAMPLE_TEXTS ? m->count / (SAMPLE_TEXTS / SAMPLE_RUN) : SAMPLE_RUN;
	m->alongs = wr_arena_take(building, m->count, sizeof *m->alongs);
	m->sample = wr_arena_take(building, m->count, sizeof *m->sample);
	if (m->alongs == NULL || m->sample == NULL)
		return false;
	for (size_t i = 0; i < m->count; i++) {
		const struct wr_end *end = &e->ends[i];
		m->alongs[i] = (uint32_t)wr_ends_along(e, end->bytes, end->count, false);
		if (i % step < SAMPLE_RUN && end->count > m->alongs[i])
			m->sample[m->sample_count++] = (uint32_t)i;
	}
	return true;
}

/*
 * The place that leaves the fewest lengths to ask of, so near to the trunk that hardly a text ends
 * before it.
 */
static bool choose_place(const struct making *m, struct wr_arena *building, size_t *ret_behind)
{
	struct wr_ends_front front = {.mask = wr_power_of_two_above(m->sample_count / 2 + 1) - 1};
	size_t ends_at[PLACES] = {0}, shorter = 0;
	uint64_t least = UINT64_MAX;
	uint64_t *sets = wr_arena_take(building, front.mask + 1, sizeof *sets);
	if (sets == NULL)
		return false;
	for (size_t i = 0; i < m->count; i++)
		if (m->ends->ends[i].count - m->alongs[i] < PLACES)
			ends_at[m->ends->ends[i].count - m->alongs[i]]++;
	for (front.behind = 1; front.behind < PLACES && shorter <= SHORTER_MAX; front.behind++) {
		uint64_t cost = cost_of(m, &front, sets);
		shorter += ends_at[front.behind];
		if (cost >= least)
			continue;
		least = cost;
		*ret_behind = front.behind;
	}
	return true;
}

/* ---- cells ---- */

static void add_to_many(const struct making *m, struct wr_ends_cell *cell, uint32_t number)
{
	const struct wr_end *end = &m->ends->ends[number];
	uint64_t hash = wr_window_hash(wr_window_last(end->bytes, end->count), end->count);
	cell->many.lengths |= set_of(m->ends, end);
	cell->many.windows[wr_ends_word(hash)] |= wr_window_bits_of(hash);
}

static void add_to_few(const struct making *m, struct wr_ends_cell *cell, uint32_t number)
{
	const struct wr_end *end = &m->ends->ends[number];
	unsigned at = cell->text_count++;
	cell->few.tails[at] = wr_ends_tail(end->bytes, end->count, false, end->count);
	cell->few.counts[at] = (uint8_t)end->count;
	m->ends->front.numbers[cell->first + at] = number;
}

/* In the order of texts: those that one begins with are before it. */
static void add(const struct making *m, struct wr_ends_cell *cell, uint32_t number)
{
	if (cell->is_many)
		add_to_many(m, cell, number);
	else
		add_to_few(m, cell, number);
}

/* What a text takes of a cell's room. */
static uint32_t room_of(const struct wr_end *end)
{
	return end->count >= WR_ENDS_TAIL_BYTES && end->count <= WR_ENDS_FEW_BYTES_MAX
		       ? 1
		       : WR_ENDS_FEW + 1;
}

/* An empty one. `*first`: of the numbers that are free. */
static struct wr_ends_cell cell_for(uint32_t room, uint32_t *first)
{
	struct wr_ends_cell cell = {.is_many = room > WR_ENDS_FEW, .first = *first};
	for (unsigned i = 0; !cell.is_many && i < WR_ENDS_FEW; i++)
		cell.few.counts[i] = UINT8_MAX;
	*first += cell.is_many ? 0 : room;
	return cell;
}

/* `rooms`: that each cell has to have. */
static void fill(const struct making *m, struct wr_ends_front *front, uint32_t *rooms)
{
	uint32_t short_room = 0, first = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		enum where where = where_is(m, front->behind, i);
		front->has_texts = front->has_texts || where != IN_THE_TRUNK;
		if (where == IN_ITS_CELL)
			rooms[cell_of(m, front, i)] += room_of(&m->ends->ends[i]);
		else if (where == BEFORE_ITS_PLACE)
			short_room += room_of(&m->ends->ends[i]);
	}
	front->shorts = cell_for(short_room, &first);
	for (size_t i = 0; i <= front->mask; i++)
		front->cells[i] = cell_for(rooms[i], &first);
	for (uint32_t i = 0; i < m->count; i++) {
		enum where where = where_is(m, front->behind, i);
		if (where == IN_ITS_CELL) {
			add(m, &front->cells[cell_of(m, front, i)], i);
		} else if (where == BEFORE_ITS_PLACE) {
			front->short_firsts |= 1ull << m->ends->ends[i].bytes[m->alongs[i]] % 64;
			add(m, &front->shorts, i);
		}
	}
}

/* Aligned, so that each is in one line. */
static bool take_cells(struct wr_ends_front *front, struct wr_arena *arena, size_t count,
		       size_t text_count)
{
	uint8_t *cells = wr_arena_take(arena, (count + 1) * sizeof *front->cells, 1);
	front->numbers = wr_arena_take(arena, text_count, sizeof *front->numbers);
	if (cells == NULL || front->numbers == NULL)
		return false;
	cells += (0 - (uintptr_t)cells) % sizeof *front->cells;
	front->cells = (struct wr_ends_cell *)(void *)cells;
	front->mask = count - 1;
	return true;
}

static bool make_front(struct wr_ends *e, struct wr_arena *arena, struct wr_arena *building,
		       size_t count)
{
	struct wr_ends_front *front = &e->front;
	struct making m = {.ends = e, .count = count};
	size_t cell_count = (size_t)wr_power_of_two_above(count + 1);
	uint32_t *rooms = wr_arena_take(building, cell_count, sizeof *rooms);
	if (rooms == NULL || !gather(&m, building) || !choose_place(&m, building, &front->behind))
		return false;
	if (!take_cells(front, arena, cell_count, count))
		return false;
	fill(&m, front, rooms);
	return true;
}

/* May all be in one cell? */
static bool are_few(const struct wr_ends *e, size_t count)
{
	uint32_t room = e->empty != 0 ? WR_ENDS_FEW + 1 : 0;
	for (size_t i = 0; i < count && room <= WR_ENDS_FEW; i++)
		room += room_of(&e->ends[i]);
	return room <= WR_ENDS_FEW;
}

static bool make_few(struct wr_ends *e, struct wr_arena *arena, size_t count)
{
	struct making m = {.ends = e, .count = count};
	uint32_t first = 0;
	if (!take_cells(&e->front, arena, 1, count))
		return false;
	e->front.cells[0] = cell_for((uint32_t)count, &first);
	for (uint32_t i = 0; i < count; i++)
		add_to_few(&m, &e->front.cells[0], i);
	return true;
}

bool wr_ends_finish(struct wr_ends *ends, struct wr_arena *arena, struct wr_arena *building,
		    struct wr_table *table, bool backwards)
{
	if (backwards && !turn(ends, arena))
		return false;
	sort(ends->texts, ends->count);
	size_t slots = (size_t)wr_power_of_two_above(ends->count * 2 + 1);
	ends->slots = wr_arena_take(arena, slots, sizeof *ends->slots);
	ends->ends = wr_arena_take(arena, ends->count, sizeof *ends->ends);
	if (ends->slots == NULL || ends->ends == NULL ||
	    !wr_window_make(&ends->filter, arena, ends->count))
		return false;
	ends->slot_mask = slots - 1;
	uint32_t kept = 0;
	for (size_t i = 0; i < ends->count; i++) {
		const struct wr_ends_text *t = &ends->texts[i];
		uint32_t list = table->entries[t->entry].list;
		table->entries[t->entry].list = 0;
		if (t->count == 0) {
			ends->empty = list;
			continue;
		}
		ends->ends[kept] =
			(struct wr_end){.bytes = t->bytes, .count = t->count, .list = list};
		ends->ends[kept].inner = inner_of(ends, kept);
		place(ends, kept++);
	}
	ends->texts = NULL;
	ends->is_few = are_few(ends, kept);
	if (ends->is_few)
		return make_few(ends, arena, kept);
	find_trunk(ends, kept);
	ends->trunk_least = least_in_trunk(ends);
	return gather_lengths(ends, arena, building, kept) &&
	       make_front(ends, arena, building, kept);
}

void wr_ends_note(struct wr_ends *ends, const uint8_t *text, size_t bytes, uint64_t hash)
{
	size_t along;
	if (ends->is_few)
		return;
	struct wr_ends_cell *cell = wr_ends_ask(ends, text, bytes, false, &along);
	cell->whole[hash >> 27 & 1] |= wr_window_bits_of(hash);
}
