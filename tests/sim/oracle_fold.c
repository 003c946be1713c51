/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding records: what each says of its source, of its partition, of progress. Seen for the first
 * time (`checked`), a record is also judged: order and density of each source, contents, progress
 * that goes from where it was, under the generation in force, over nothing that no member
 * acknowledged; a position that moves otherwise only while somebody seeks.
 */
#include <string.h>

#include "core/base/hash_murmur2.h"
#include "core/record/version.h"
#include "tests/sim/oracle.h"

void oracle_fold_reset(void)
{
	oracle_filters_reset();
	oracle_erasures_reset();
	oracle_tries_fold_anew();
	oracle_replays_fold_anew();
	oracle.run_left = 0;
	memset(oracle.versions, 0, sizeof oracle.versions);
	for (uint32_t i = 0; i < oracle.source_count; i++)
		oracle.sources[i].last_k = 0;
	for (uint32_t t = 0; t < WORLD_TOPICS_MAX; t++) {
		oracle.partitions[t] = world_partitions[t];
		oracle.growth_count[t] = 0;
		for (uint32_t p = 0; p < ORACLE_PARTITIONS_MAX; p++)
			oracle.lists[t][p].count = 0;
	}
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		struct oracle_subscription *sub = &oracle.subscriptions[s];
		sub->exists = false;
		sub->row_count = 0;
		sub->seeks_open = 0;
		for (uint32_t r = 0; r < ORACLE_ROWS_MAX; r++) {
			sub->rows[r].generation = 0;
			sub->rows[r].delivered_generation = 0;
		}
	}
}

uint32_t oracle_first_index(const struct oracle_list *list, uint64_t seq)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (list->seqs[middle] < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* --- events ----------------------------------------------------------------------------------- */

static void check_contents(uint64_t seq, const struct wr_record_view *view, uint32_t source,
			   uint32_t k)
{
	struct weir_event event;

	world_event_of(source, k, &event);
	bool is_null = (view->head->flags & WR_RECORD_NULL_PAYLOAD) != 0;
	world_check(
		view->head->topic == event.topic && view->payload_bytes == event.payload_bytes &&
			is_null == (event.payload == NULL) &&
			(is_null || memcmp(view->payload, event.payload, event.payload_bytes) == 0),
		"an event in the log is not what was handed over", seq, k);
	world_check(event.key == NULL || (view->head->key_bytes == event.key_bytes &&
					  memcmp(view->key, event.key, event.key_bytes) == 0),
		    "an event in the log has another key", seq, k);
	world_check(event.key == NULL ||
			    wr_record_partition(view->head, oracle.partitions[event.topic]) ==
				    (wr_hash_murmur2(event.key, event.key_bytes) & 0x7fffffff) %
					    oracle.partitions[event.topic],
		    "an event is not in its key's partition", seq, k);
	world_check(!event.partition_set ||
			    wr_record_partition(view->head, oracle.partitions[event.topic]) ==
				    event.partition,
		    "an event in the log has another partition", seq, k);
}

/* An event has made the version of its key that its place among the key's events says. */
static void fold_version(uint64_t seq, const struct wr_record_view *view)
{
	struct wr_version_option option = {0};
	bool counts =
		view->head->topic == world.topics[WORLD_VERSIONED] && view->head->key_bytes > 0;
	world_check(wr_version_find(view, &option) == counts, "a version where there is none", seq,
		    option.version);
	if (!counts)
		return;
	uint32_t key = world_key_number(view->key, view->head->key_bytes);
	world_check(key < WORLD_EVENT_KEYS, "a key that nobody used", seq, 0);
	world_check(option.version == oracle.versions[key] + 1,
		    "an event has another version of its key (seq, version)", seq, option.version);
	bool ends = (view->head->flags & WR_RECORD_KEY_ENDS) != 0;
	oracle.versions[key] = ends ? 0 : option.version;
}

/*
 * An output of a transaction: whole, side by side, and in front of it the progress that it was
 * handed over with. Those that were refused are left out.
 */
static void check_run(uint64_t seq, const struct oracle_source *source, uint32_t k)
{
	bool begins = source->run_first[k] == k;
	const struct oracle_record *before = &oracle.records[seq - 1];

	world_check(k > source->last_k && begins == (oracle.run_left == 0),
		    "a transaction is not whole (seq, k)", seq, k);
	world_check(begins || source->seq_of[k - 1] == seq - 1,
		    "something stands inside a transaction", seq, k);
	if (begins && source->run_settles[k])
		world_check(
			before->kind == WR_KIND_PROGRESS &&
				((const struct wr_record *)(oracle.bytes + before->at))->topic ==
					source->run_of[k],
			"outputs without their progress", seq, k);
	oracle.run_left = source->run_last[k] - k;
}

void oracle_place_event(uint64_t seq, const struct wr_record_view *view)
{
	struct oracle_record *o = &oracle.records[seq];

	o->partition = (uint8_t)wr_record_partition(view->head, oracle.partitions[o->topic]);
	struct oracle_list *list = &oracle.lists[o->topic][o->partition];
	o->index = list->count;
	list->seqs[list->count++] = (uint32_t)seq;
	world_filters_traits(view, &o->key, &o->value);
}

static void fold_event(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct oracle_record *o = &oracle.records[seq];

	world_check(oracle_identity(view, &o->source, &o->k), "an event without its payload", seq,
		    0);
	o->topic = (uint8_t)view->head->topic;
	bool is_letter = world_has_letters() && o->topic == WORLD_DEAD;
	world_check(o->source < oracle.source_count && (o->topic < WORLD_TOPICS || is_letter),
		    "an event that nobody handed over", seq, o->source);
	o->copied = 0;
	if (checked)
		oracle_length_event(seq, o->topic);
	oracle_place_event(seq, view);
	if (is_letter) {
		(world.has_queues ? oracle_queue_letter : oracle_try_letter)(seq, view, checked);
		return;
	}
	fold_version(seq, view);
	struct oracle_source *source = &oracle.sources[o->source];
	if (source->has_runs)
		check_run(seq, source, o->k);
	/* Behind what a full queue refused an unnamed producer goes on. */
	bool may_lack = world.refuses && !source->named && o->k > source->last_k;
	world_check(source->has_runs || may_lack || o->k == source->last_k + 1,
		    "a source's events are out of order, lost or doubled (seq, k)", seq, o->k);
	for (uint32_t k = source->last_k + 1; may_lack && k < o->k; k++)
		source->seq_of[k] = 0;
	source->last_k = o->k;
	source->seq_of[o->k] = (uint32_t)seq;
	if (checked)
		check_contents(seq, view, o->source, o->k);
}

/* --- subscriptions ---------------------------------------------------------------------------- */

static void fold_subscription(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct wr_control_subscription control;
	uint32_t id = view->head->topic;

	world_check(wr_control_subscription_read(view, &control) && id < WORLD_SUBSCRIPTIONS,
		    "a subscription that nobody made", id, 0);
	struct oracle_subscription *sub = &oracle.subscriptions[id];
	if (checked) {
		uint64_t target = sub->start_target != 0 ? sub->start_target : seq;
		world_check(oracle_same_place(control.start_seq, target),
			    "a subscription begins elsewhere", control.start_seq, target);
	}
	sub->exists = true;
	sub->row_count = 0;
	for (uint32_t t = 0; t < control.topic_count; t++)
		for (uint32_t p = 0; p < world_laid_out(control.topics[t]); p++) {
			struct oracle_row *row = &sub->rows[sub->row_count++];
			row->topic = control.topics[t];
			row->partition = p;
			row->position =
				p < oracle.partitions[row->topic] ? control.start_seq : UINT64_MAX;
			row->generation = 0;
			row->detached_seq = 0;
		}
	world_check(control.order == (uint32_t)world.queues[id].order,
		    "a subscription of another order", id, control.order);
	if (world_is_queue(id)) {
		oracle_queue_start(id, control.start_seq);
		oracle_length_moved(id, seq, control.start_seq);
	}
	oracle_tries_made(seq, id);
	uint32_t filter_bytes;
	const uint8_t *filter = wr_control_subscription_filter(view, &filter_bytes);
	if (filter != NULL)
		oracle_filter_fold(seq, id, filter, filter_bytes, true);
	for (uint32_t t = 0; checked && t < control.topic_count; t++)
		world_say_subscription(id, control.topics[t], control.start_seq);
}

/* --- growth ----------------------------------------------------------------------------------- */

static void fold_growth(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	uint32_t topic = view->head->topic, partitions;

	world_check(wr_control_map_read(view, &partitions) && topic < WORLD_TOPICS &&
			    partitions > oracle.partitions[topic] &&
			    partitions % oracle.partitions[topic] == 0 &&
			    partitions <= world_laid_out(topic),
		    "a growth that nobody asked for", seq, topic);
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		struct oracle_subscription *sub = &oracle.subscriptions[s];
		/* Rows of a queue have no position of their own. */
		for (uint32_t r = 0; !world_is_queue(s) && r < sub->row_count; r++)
			if (sub->rows[r].topic == topic && sub->rows[r].partition < partitions &&
			    sub->rows[r].position == UINT64_MAX)
				sub->rows[r].position = seq;
	}
	oracle.partitions[topic] = partitions;
	oracle.growths[topic][oracle.growth_count[topic]++] =
		(struct oracle_growth){.seq = seq, .partitions = partitions};
	if (checked)
		world_say_growth(topic, seq, partitions);
	world_sometimes(SOMETIMES_GROWN);
}

/* The growth that a partition came with, and who had its keys; NULL: it was always there. */
static const struct oracle_growth *growth_of(uint32_t topic, uint32_t partition,
					     uint32_t *ret_parent)
{
	uint32_t before = world_partitions[topic];

	for (uint32_t i = 0; i < oracle.growth_count[topic]; i++) {
		const struct oracle_growth *growth = &oracle.growths[topic][i];
		if (partition >= before && partition < growth->partitions) {
			*ret_parent = partition % before;
			return growth;
		}
		before = growth->partitions;
	}
	return NULL;
}

uint64_t oracle_unsettled_before(uint32_t s, const struct oracle_row *row)
{
	const struct oracle_growth *growth;
	const struct oracle_row *rows = row - row->partition; /* of the topic */
	uint32_t partition = row->partition, parent;

	while ((growth = growth_of(row->topic, partition, &parent)) != NULL) {
		const struct oracle_list *list = &oracle.lists[row->topic][parent];
		uint32_t i = oracle_wanted_from(s, list,
						oracle_first_index(list, rows[parent].position));
		if (i < list->count && list->seqs[i] < growth->seq)
			return list->seqs[i];
		partition = parent;
	}
	return 0;
}

/* Who gets a new partition: all that its keys had before is settled by then, in the log. */
static void check_drained_up_to(uint64_t seq, uint32_t s, const struct oracle_row *row,
				uint32_t owner)
{
	uint32_t parent;
	const struct oracle_growth *growth = growth_of(row->topic, row->partition, &parent);

	if (growth == NULL || owner == WR_OWNER_NONE)
		return;
	uint64_t before = oracle_unsettled_before(s, row);
	world_check(before == 0, "a new partition is given away before its keys are drained", seq,
		    before);
	const struct oracle_list *list = &oracle.lists[row->topic][parent];
	if (list->count > 0 && list->seqs[0] < growth->seq)
		world_sometimes(SOMETIMES_GROWN_READ);
}

static struct oracle_row *row_of(uint64_t seq, const struct wr_record *r)
{
	world_check(r->topic < WORLD_SUBSCRIPTIONS &&
			    r->key_hash < oracle.subscriptions[r->topic].row_count,
		    "a control record of no row", seq, r->key_hash);
	return &oracle.subscriptions[r->topic].rows[r->key_hash];
}

static void check_progress(uint64_t seq, uint32_t subscription, const struct oracle_row *row,
			   const struct wr_control_progress *p)
{
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
	const struct oracle_subscription *sub = &oracle.subscriptions[subscription];
	uint64_t events = 0, bytes = 0;

	world_check(p->generation == row->generation, "progress under another generation", seq,
		    p->generation);
	world_check(p->from == row->position, "progress from another position", seq, p->from);
	world_check(p->to > p->from, "progress that is none", p->from, p->to);
	for (uint32_t i = oracle_first_index(list, p->from);
	     i < list->count && list->seqs[i] < p->to; i++) {
		if (!oracle_wants(subscription, list->seqs[i])) {
			world_sometimes(SOMETIMES_FILTERED);
			continue;
		}
		uint8_t flags = sub->flags[list->seqs[i]];
		if (oracle.records[list->seqs[i]].left)
			continue;
		/* Its member acknowledged what was erased without being handed it. */
		world_check((flags & (ORACLE_ACKED | ORACLE_MISSED)) != 0 ||
				    list->seqs[i] == oracle.letter_of_seq ||
				    oracle_is_erased(list->seqs[i]),
			    "progress over an event that nobody acknowledged", seq, list->seqs[i]);
		/* A dead one counts, whatever its owner was told of meanwhile. */
		bool counts = (flags & ORACLE_MISSED) == 0 || list->seqs[i] == oracle.letter_of_seq;
		events += counts;
		bytes += counts ? oracle.records[list->seqs[i]].bytes : 0;
	}
	if (events == 0)
		world_sometimes(SOMETIMES_PASSED);
	/* Near a gap all behind it is counted anew, so it may say anything. */
	world_check(events == p->events || p->missed != 0, "progress that counts other events",
		    events, p->events);
	world_check(bytes == p->bytes || p->missed != 0, "progress that counts other bytes", bytes,
		    p->bytes);
}

static void fold_progress(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct wr_control_progress progress;
	struct oracle_row *row = row_of(seq, view->head);

	world_check(wr_control_progress_read(view, &progress), "malformed progress", seq, 0);
	if (checked) {
		world_say_row(view->head->topic, HISTORY_PROGRESS, row, progress.generation,
			      progress.to);
		check_progress(seq, view->head->topic, row, &progress);
	}
	oracle_try_buried(seq, view->head->topic, row, &progress);
	row->position = progress.to;
}

/* From its target on everything is to be handed out again. */
static void moved_by_seek(uint64_t seq, uint32_t subscription, struct oracle_row *row,
			  uint64_t position, bool checked)
{
	struct oracle_subscription *sub = &oracle.subscriptions[subscription];
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];

	row->position = position;
	row->detached_seq = 0;
	if (!checked)
		return;
	world_check(sub->seeks_open > 0 && oracle_same_place(position, sub->seek_target),
		    "a position moved without a seek", seq, position);
	row->durable_position = 0;
	sub->loose = true;
	for (uint32_t i = oracle_first_index(list, position); i < list->count; i++) {
		uint8_t *flags = &sub->flags[list->seqs[i]];
		if ((*flags & ORACLE_BURIED) != 0)
			world_say_redriven(list->seqs[i]);
		*flags &= (uint8_t) ~(ORACLE_ACKED | ORACLE_MISSED | ORACLE_BURIED);
	}
}

/* It was too slow: what it has not read is nobody's, and kept for nobody. */
static void was_detached(uint64_t seq, uint32_t subscription, struct oracle_row *row, bool checked)
{
	row->position = WR_POSITION_DETACHED + wr_position_stood(row->position);
	row->detached_seq = seq;
	if (!checked)
		return;
	world_check(world_detaches(subscription), "detached, and nobody said how slow is too slow",
		    seq, subscription);
	row->durable_position = 0;
	oracle.subscriptions[subscription].loose = true;
	world_sometimes(SOMETIMES_DETACHED);
}

bool oracle_is_detached(uint32_t subscription)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[subscription];
	bool any = false;

	for (uint32_t r = 0; r < sub->row_count; r++)
		any = any || sub->rows[r].detached_seq != 0;
	return any;
}

static void fold_generation(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct wr_control_generation control;
	struct oracle_row *row = row_of(seq, view->head);

	world_check(wr_control_generation_read(view, &control), "a malformed generation", seq, 0);
	world_check(control.generation == row->generation + 1, "a generation was passed over", seq,
		    control.generation);
	world_check(control.generation < ORACLE_GENERATIONS_MAX, "too many generations", seq, 0);
	if (row->generation > 0 && checked)
		world_sometimes(SOMETIMES_MOVED);
	row->generation = control.generation;
	if (world_is_queue(view->head->topic)) {
		oracle_queue_moved(seq, view->head->topic, &control, checked);
		return;
	}
	if (control.position == WR_POSITION_DETACHED)
		was_detached(seq, view->head->topic, row, checked);
	else if (control.position != WR_POSITION_KEEP)
		moved_by_seek(seq, view->head->topic, row, control.position, checked);
	row->start_of[control.generation] = row->position;
	oracle_try_raised(view->head->topic, view->head->key_hash,
			  control.position != WR_POSITION_KEEP);
	if (checked)
		check_drained_up_to(seq, view->head->topic, row, control.owner);
	if (checked)
		world_say_row(view->head->topic, HISTORY_ASSIGN, row, control.generation,
			      row->position);
}

/* What stands behind a letter in its run; of a REJECT the fold asks that it parks the event. */
static bool is_end_of_letter(uint32_t kind)
{
	if (!world.has_queues)
		return kind == WR_KIND_PROGRESS;
	return kind == WR_KIND_SETTLE || kind == WR_KIND_REJECT;
}

void oracle_fold(uint64_t seq, bool checked)
{
	const struct oracle_record *o = &oracle.records[seq];
	struct wr_record_view view;

	world_check(wr_record_view(oracle.bytes + o->at, o->bytes, &view),
		    "a record in the log is malformed", seq, 0);
	world_check(oracle.letter_seq == 0 || is_end_of_letter(o->kind),
		    "a dead letter without the settle of its event", seq, oracle.letter_seq);
	world_check(oracle.run_left == 0 || o->kind == WR_KIND_EVENT,
		    "something stands inside a transaction", seq, o->kind);
	switch (o->kind) {
	case WR_KIND_HANDOUT_MARK:
	case WR_KIND_SETTLE:
		oracle_queue_fold(seq, &view, checked);
		break;
	case WR_KIND_REJECT:
		(world.has_queues ? oracle_queue_fold : oracle_try_fold)(seq, &view, checked);
		break;
	case WR_KIND_EVENT:
		fold_event(seq, &view, checked);
		break;
	case WR_KIND_CARRIED:
		oracle_queue_carried(seq, &view, checked);
		break;
	case WR_KIND_ADDRESSED:
		oracle_replay_fold(seq, &view, checked);
		break;
	case WR_KIND_SUBSCRIPTION:
		fold_subscription(seq, &view, checked);
		break;
	case WR_KIND_FILTER:
		oracle_filter_fold(seq, view.head->topic, view.payload, view.payload_bytes, false);
		if (checked)
			world_say_filter(view.head->topic, seq);
		break;
	case WR_KIND_PROGRESS:
		fold_progress(seq, &view, checked);
		break;
	case WR_KIND_GENERATION:
		fold_generation(seq, &view, checked);
		break;
	case WR_KIND_PARTITION_MAP:
		fold_growth(seq, &view, checked);
		break;
	case WR_KIND_ERASE:
		oracle_erasure_fold(seq, &view);
		if (checked)
			world_say_erasure(seq, WEIR_LEVEL_DEFAULT);
		break;
	case WR_KIND_TOPIC:
	case WR_KIND_TYPE: // world_schemas.c
	case WR_KIND_PRODUCER:
	case WR_KIND_PRODUCER_SKIP:
	case WR_KIND_EPOCH_START:
		break;
	default:
		world_fail("a record of a kind that nobody wrote", seq, o->kind);
	}
	if (checked)
		oracle_length_fold(seq);
}
