/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots against books; see snapshot.h. */
#include "tools/weir/demo/snapshot.h"

#include <string.h>

/* Up to `depth` [price, amount] pairs. False: malformed. */
static bool read_levels(struct demo_text array, size_t depth, struct demo_level *levels,
			size_t *ret_count)
{
	struct demo_json walk;
	struct demo_text name;
	struct demo_text pair;

	*ret_count = 0;
	if (!demo_json_open(&walk, array) || walk.object)
		return false;
	while (*ret_count < depth && demo_json_next(&walk, &name, &pair)) {
		struct demo_json inner;
		struct demo_text price;
		struct demo_text amount;
		struct demo_level *level = &levels[*ret_count];

		if (!demo_json_open(&inner, pair) || !demo_json_next(&inner, &name, &price) ||
		    !demo_json_next(&inner, &name, &amount) ||
		    !demo_text_decimal_e8(demo_json_scalar(price), &level->price_e8) ||
		    !demo_text_decimal_e8(demo_json_scalar(amount), &level->amount_e8))
			return false;
		(*ret_count)++;
	}
	return !walk.failed;
}

static void compare_side(const struct demo_books *books, uint32_t instrument, enum demo_side side,
			 const struct demo_level *theirs, size_t their_count,
			 struct demo_snapshot_score *score)
{
	struct demo_level ours[DEMO_SNAPSHOT_DEPTH_MAX];
	size_t our_count = demo_books_top(books, instrument, side, ours, their_count);

	score->level_count += their_count;
	for (size_t i = 0; i < our_count; i++)
		score->equal_count += ours[i].price_e8 == theirs[i].price_e8 &&
				      ours[i].amount_e8 == theirs[i].amount_e8;
}

bool demo_snapshot_compare(const struct demo_books *books, uint32_t instrument,
			   struct demo_text line, size_t depth, struct demo_snapshot_score *score)
{
	struct demo_level bids[DEMO_SNAPSHOT_DEPTH_MAX];
	struct demo_level asks[DEMO_SNAPSHOT_DEPTH_MAX];
	struct demo_text side;
	size_t bid_count;
	size_t ask_count;

	if (depth > DEMO_SNAPSHOT_DEPTH_MAX)
		depth = DEMO_SNAPSHOT_DEPTH_MAX;
	const char *object = line.bytes > 0 ? memchr(line.at, '{', line.bytes) : NULL;
	if (object == NULL)
		return false;
	struct demo_text body = {.at = object, .bytes = line.bytes - (size_t)(object - line.at)};
	if (!demo_json_member(body, "bids", &side) || !read_levels(side, depth, bids, &bid_count) ||
	    !demo_json_member(body, "asks", &side) || !read_levels(side, depth, asks, &ask_count))
		return false;
	score->snapshot_count++;
	compare_side(books, instrument, DEMO_BID, bids, bid_count, score);
	compare_side(books, instrument, DEMO_ASK, asks, ask_count, score);
	return true;
}
