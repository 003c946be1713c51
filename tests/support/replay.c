/* SPDX-License-Identifier: Apache-2.0 */
/* See replay.h. */
#include "tests/support/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"

bool replay_init(struct replay *replay, const struct demo_input *input, uint64_t total)
{
	*replay = (struct replay){.event_total = total};
	replay->source = calloc(1, sizeof *replay->source);
	if (replay->source == NULL || demo_books_init(&replay->direct, 1, REPLAY_DEAD_IDS) < 0 ||
	    demo_books_init(&replay->books, 1, REPLAY_DEAD_IDS) < 0)
		return false;
	demo_source_init(replay->source, input, 0);
	return true;
}

static bool same_top(const struct demo_books *a, const struct demo_books *b)
{
	for (unsigned side = 0; side < 2; side++) {
		struct demo_level left[DEMO_SNAPSHOT_DEPTH_MAX];
		struct demo_level right[DEMO_SNAPSHOT_DEPTH_MAX];
		size_t count =
			demo_books_top(a, 0, (enum demo_side)side, left, DEMO_SNAPSHOT_DEPTH_MAX);
		if (demo_books_top(b, 0, (enum demo_side)side, right, DEMO_SNAPSHOT_DEPTH_MAX) !=
		    count)
			return false;
		for (size_t i = 0; i < count; i++)
			if (left[i].price_e8 != right[i].price_e8 ||
			    left[i].amount_e8 != right[i].amount_e8)
				return false;
	}
	return true;
}

uint64_t replay_index_of(const struct weir_item *item)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	return ids.event_id_bytes == 8 ? wr_get_u64(ids.event_id) : 0;
}

static int take_event(struct replay *replay, uint64_t index, struct demo_text key,
		      struct demo_text payload)
{
	struct demo_record record;
	struct demo_event event;

	replay->verdict.event_count++;
	if (!demo_source_next(replay->source, &record) || index != record.index ||
	    !demo_text_equal(record.key, key) || !demo_text_equal(record.payload, payload)) {
		replay->verdict.wrong_count++;
		return 0;
	}
	demo_event_decode(payload.at, payload.bytes, &event);
	if (event.kind == DEMO_SNAPSHOT) {
		replay->verdict.unequal_count += !same_top(&replay->direct, &replay->books);
		if (record.index > replay->event_total / 10 * 4)
			(void)demo_snapshot_compare(&replay->books, 0, payload, REPLAY_TOP_LEVELS,
						    &replay->verdict.score);
	}
	int error = demo_books_apply(&replay->direct, &record.event);
	return error < 0 ? error : demo_books_apply(&replay->books, &event);
}

static struct demo_text key_of(const struct weir_item *item)
{
	return (struct demo_text){.at = item->key, .bytes = item->key_bytes};
}

static struct demo_text payload_of(const struct weir_item *item)
{
	return (struct demo_text){.at = item->payload, .bytes = item->payload_bytes};
}

int replay_item(struct replay *replay, const struct weir_item *item)
{
	return take_event(replay, replay_index_of(item), key_of(item), payload_of(item));
}

/* --- polled items -------------------------------------------------------------------------- */

struct replay_copy {
	uint64_t sequence;
	uint64_t index;
	struct demo_text key; /* both in one block, which begins with the key */
	struct demo_text payload;
};

int replay_keep(struct replay *replay, const struct weir_item *item)
{
	struct demo_text key = key_of(item);
	struct demo_text payload = payload_of(item);

	if (item->kind != WEIR_ITEM_EVENT || item->partition >= REPLAY_PARTITIONS_MAX ||
	    item->sequence <= replay->last_sequence[item->partition] ||
	    replay->copy_count == replay->event_total)
		return -EPROTO;
	replay->last_sequence[item->partition] = item->sequence;
	if (replay->copies == NULL)
		replay->copies = calloc(replay->event_total, sizeof *replay->copies);
	char *bytes = malloc(key.bytes + payload.bytes + 1);
	if (replay->copies == NULL || bytes == NULL) {
		free(bytes);
		return -ENOMEM;
	}
	memcpy(bytes, key.bytes > 0 ? key.at : "", key.bytes);
	memcpy(bytes + key.bytes, payload.bytes > 0 ? payload.at : "", payload.bytes);
	replay->copies[replay->copy_count++] = (struct replay_copy){
		.sequence = item->sequence,
		.index = replay_index_of(item),
		.key = {.at = bytes, .bytes = key.bytes},
		.payload = {.at = bytes + key.bytes, .bytes = payload.bytes},
	};
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	uint64_t left = ((const struct replay_copy *)a)->sequence;
	uint64_t right = ((const struct replay_copy *)b)->sequence;
	return left < right ? -1 : left > right;
}

int replay_copies(struct replay *replay)
{
	int error = 0;

	if (replay->copy_count > 0)
		qsort(replay->copies, replay->copy_count, sizeof *replay->copies, by_sequence);
	for (size_t i = 0; error == 0 && i < replay->copy_count; i++) {
		struct replay_copy *copy = &replay->copies[i];
		error = take_event(replay, copy->index, copy->key, copy->payload);
	}
	return error;
}

struct verdict replay_end(struct replay *replay)
{
	struct verdict verdict = replay->verdict;

	verdict.equal_at_end = demo_books_differ(&replay->direct, &replay->books) == 0;
	demo_books_fini(&replay->direct);
	demo_books_fini(&replay->books);
	free(replay->source);
	for (size_t i = 0; i < replay->copy_count; i++)
		free((void *)(uintptr_t)replay->copies[i].key.at);
	free(replay->copies);
	return verdict;
}
