/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes down what users of the simulated world ask for and are told, for the anomaly checker
 * (tests/anomaly/history.h); nothing while world.history is NULL. It draws nothing: a seed is the
 * same with and without.
 *
 * A value is a source and a number in it; a group is a subscription plus 1. Subscriptions, where
 * generations begin, and progress are what the log says when it says so.
 */
#include <string.h>

#include "core/base/hash_murmur2.h"
#include "core/pipeline/sharing.h"
#include "tests/sim/oracle.h"

static uint64_t time_ns(void)
{
	uint64_t now_ns = world.disk->clock->mono_ns;

	/* The clock begins anew with each power cut; a history goes on. */
	if (world.history_base_ns + now_ns < world.history_last_ns)
		world.history_base_ns = world.history_last_ns - now_ns;
	return world.history_last_ns = world.history_base_ns + now_ns;
}

static void say(struct history_op op)
{
	if (world.history == NULL)
		return;
	op.time = time_ns();
	history_add(world.history, &op);
}

static uint64_t value_of(uint32_t source, uint32_t k)
{
	return (uint64_t)(source + 1) << 32 | k;
}

static uint64_t key_of(const void *key, size_t key_bytes)
{
	return key == NULL ? 0 : 1 + (uint64_t)wr_hash_murmur2(key, key_bytes);
}

/* --- producers -------------------------------------------------------------------------------- */

void world_say_send(enum history_type type, uint32_t process, uint32_t source,
		    const struct world_ticket *t, enum weir_level level, uint64_t sequence)
{
	if (world.history == NULL)
		return;
	for (uint32_t k = t->first_k; k <= t->last_k; k++) {
		struct weir_event event;
		world_event(source, k, &event);
		struct history_op op = {
			.type = (uint8_t)type,
			.f = HISTORY_SEND,
			.process = process,
			.value = value_of(source, k),
			.key = key_of(event.key, event.key_bytes),
			.dedup = t->key_k != 0 ? value_of(source, t->key_k) : 0,
			.topic = event.topic,
			.call = t->call,
			.flags = t->first_k < t->last_k ? HISTORY_ATOMIC : 0,
			.kind = world_filters_kind(&event),
		};
		if (type == HISTORY_INVOKE)
			op.version = t->version;
		if (event.ends_key)
			op.flags |= HISTORY_ENDS;
		if (event.payload == NULL)
			op.flags |= HISTORY_TOMBSTONE;
		if (type == HISTORY_INVOKE && event.delivery != NULL) {
			op.delay = event.delivery->delay_ns;
			op.lives = event.delivery->time_to_live_ns;
		}
		if (type == HISTORY_OK)
			op.level = (uint8_t)level;
		if (type == HISTORY_OK && sequence != 0 && k == t->first_k) {
			/* Where its key puts it: that is not told, and follows. */
			const struct oracle_record *o = &oracle.records[sequence];
			op.offset = sequence;
			op.partition = o->partition;
		}
		say(op);
	}
}

void world_say_present(uint32_t process, uint32_t source, const struct world_ticket *t,
		       enum weir_level level, uint64_t sequence)
{
	struct weir_event event;

	world_event_of(source, t->first_k, &event);
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_SEND,
				.process = process,
				.value = value_of(source, t->first_k),
				.dedup = value_of(source, t->key_k),
				.topic = event.topic,
				.offset = sequence,
				.call = t->call,
				.level = (uint8_t)level,
				.flags = HISTORY_PRESENT});
}

void world_say_txn(const struct world_member *m, const struct world_txn *t, enum history_type type)
{
	const struct world_ticket sends = {
		.first_k = t->first_k, .last_k = t->last_k, .call = t->call};
	struct history_op op = {.type = (uint8_t)type,
				.f = HISTORY_TXN,
				.process = m->process,
				.call = t->call,
				.level = type == HISTORY_OK ? (uint8_t)m->txn_level : 0};

	say(op);
	if (type != HISTORY_INVOKE)
		return;
	world_say_send(HISTORY_INVOKE, m->process, m->txn_source, &sends, m->txn_level, 0);
	/* Into the transaction, as far as that goes. */
	world_say_send(HISTORY_OK, m->process, m->txn_source, &sends, m->txn_level, 0);
}

void world_say_rewind(const struct world_member *m)
{
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_REWIND,
				.process = m->process,
				.group = m->subscription + 1});
}

/* --- members ---------------------------------------------------------------------------------- */

static struct history_op about(const struct world_member *m, const struct weir_item *item,
			       enum history_type type, enum history_f f)
{
	return (struct history_op){
		.type = (uint8_t)type,
		.f = (uint8_t)f,
		.process = m->process,
		.topic = item->topic,
		.partition = item->partition,
		.offset = item->sequence,
		.group = m->subscription + 1,
		.generation = item->generation,
	};
}

void world_say_poll(const struct world_member *m, enum history_type type)
{
	say((struct history_op){.type = (uint8_t)type,
				.f = HISTORY_POLL,
				.process = m->process,
				.group = m->subscription + 1,
				.call = m->call});
}

/* A lease's end, by the clock of the history. */
static uint64_t lease_end(const struct world_member *m, const struct weir_item *item)
{
	const struct wr_in_hand *held = wr_hand_find(m->handle->sharing, item->sequence);

	(void)time_ns();
	return held != NULL ? held->due_ns + world.history_base_ns : 0;
}

/* What is copied further on waits for that, however urgent it is. */
static uint32_t told_priority(const struct world_member *m, const struct weir_item *item)
{
	struct weir_delivery delivery;

	if (!world.queues[m->subscription].priorities ||
	    oracle.queues[m->subscription].events[item->sequence].copy != 0)
		return 0;
	weir_item_delivery(item, &delivery);
	return delivery.priority + 1u;
}

/* Whose it is says its payload, or a header of one that has none. */
static uint64_t value_in(const struct weir_item *item)
{
	const uint8_t *id = item->payload_bytes >= 8 ? item->payload : NULL;
	struct weir_header header;

	for (uint32_t at = 0; id == NULL && (at = weir_item_header(item, at, &header)) != 0;)
		if (header.value_bytes == 8)
			id = header.value;
	return id != NULL ? value_of(wr_get_u32(id), wr_get_u32(id + 4)) : 0;
}

void world_say_item(const struct world_member *m, const struct weir_item *item)
{
	struct history_op op = about(m, item, HISTORY_OK, HISTORY_POLL);

	op.call = m->call;
	if (item->kind == WEIR_ITEM_GAP) {
		op.f = HISTORY_GAP;
		op.end = item->end_sequence;
		say(op);
		return;
	}
	op.value = value_in(item);
	op.key = key_of(item->key, item->key_bytes);
	op.version = weir_item_version(item);
	op.flags = (item->flags & WEIR_ITEM_REDELIVERED) != 0 ? HISTORY_REDELIVERED : 0;
	if (world.history != NULL && world_is_queue(m->subscription)) {
		op.end = lease_end(m, item);
		op.priority = told_priority(m, item);
	}
	say(op);
}

void world_say_ack(const struct world_member *m, const struct weir_item *item, int rc)
{
	/* Whether one of a queue counts is the log's to say. */
	enum history_type taken = world_is_queue(m->subscription) ? HISTORY_INVOKE : HISTORY_OK;

	if (item->kind == WEIR_ITEM_EVENT)
		say(about(m, item, rc == 0 ? taken : HISTORY_FAIL, HISTORY_ACK));
}

void world_say_lease(const struct world_member *m, const struct weir_item *item, enum history_f f)
{
	if (world.history == NULL)
		return;
	struct history_op op = about(m, item, HISTORY_OK, f);
	op.generation = 0;
	if (f == HISTORY_EXTEND)
		op.end = lease_end(m, item);
	say(op);
}

void world_say_left(const struct world_member *m)
{
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_LEAVE,
				.process = m->process,
				.group = m->subscription + 1});
}

void world_say_settled(const struct world_member *m, uint64_t sequence, enum weir_level level)
{
	const struct oracle_record *o = &oracle.records[sequence];

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_ACK,
				.process = m->process,
				.topic = o->topic,
				.partition = o->partition,
				.offset = sequence,
				.group = m->subscription + 1,
				.level = (uint8_t)level});
}

/* Where a generation begins is no acknowledgement's doing, and was not waited for. */
void world_say_commit(const struct world_member *m, enum weir_level level)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	struct weir_assignment a[ORACLE_ROWS_MAX];

	if (world.history == NULL)
		return;
	int count = weir_member_assignments(m->handle, a, ORACLE_ROWS_MAX);
	for (int i = 0; i < count; i++)
		for (uint32_t r = 0; r < sub->row_count; r++)
			if (sub->rows[r].topic == a[i].topic &&
			    sub->rows[r].partition == a[i].partition &&
			    sub->rows[r].generation == a[i].generation &&
			    sub->rows[r].start_of[a[i].generation] != a[i].position &&
			    !oracle_try_moved(m->subscription, r, a[i].position))
				say((struct history_op){.type = HISTORY_OK,
							.f = HISTORY_COMMIT,
							.process = m->process,
							.topic = a[i].topic,
							.partition = a[i].partition,
							.offset = a[i].position,
							.group = m->subscription + 1,
							.generation = a[i].generation,
							.level = (uint8_t)level});
}

void world_say_seek(uint32_t subscription, enum history_type type, uint64_t target)
{
	say((struct history_op){.type = (uint8_t)type,
				.f = HISTORY_SEEK,
				.group = subscription + 1,
				.offset = target});
}

/* Of the newest filter. */
static uint64_t unwanted_of(uint32_t subscription)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[subscription];

	return sub->filter_count > 0
		       ? world_filters_unwanted(&sub->filters[sub->filter_count - 1].filter)
		       : 0;
}

/* --- the log ---------------------------------------------------------------------------------- */

void world_say_subscription(uint32_t subscription, uint32_t topic, uint64_t start_seq)
{
	enum weir_order order = world.queues[subscription].order;
	uint8_t flags = order == WEIR_ORDER_KEY    ? HISTORY_SHARED | HISTORY_KEYED
			: order == WEIR_ORDER_NONE ? HISTORY_SHARED
						   : 0;

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_SUBSCRIBE,
				.topic = topic,
				.offset = start_seq,
				.group = subscription + 1,
				.delay = world.queues[subscription].delay_ns,
				.lives = world.queues[subscription].time_to_live_ns,
				.unwanted = unwanted_of(subscription),
				.flags = flags,
				.level = (uint8_t)oracle.subscriptions[subscription].gate});
}

void world_say_filter(uint32_t subscription, uint64_t sequence)
{
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_FILTER,
				.offset = sequence,
				.group = subscription + 1,
				.unwanted = unwanted_of(subscription)});
}

void world_say_row(uint32_t subscription, enum history_f f, const struct oracle_row *row,
		   uint32_t generation, uint64_t position)
{
	/* Its topic has not grown so far yet. */
	if (position == UINT64_MAX)
		return;
	say((struct history_op){.type = HISTORY_OK,
				.f = (uint8_t)f,
				.topic = row->topic,
				.partition = row->partition,
				.offset = position,
				.group = subscription + 1,
				.generation = generation});
}

void world_say_growth(uint32_t topic, uint64_t sequence, uint32_t partitions)
{
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_GROW,
				.topic = topic,
				.partition = partitions,
				.offset = sequence});
}

void world_say_compaction(uint32_t topic, uint64_t end_seq)
{
	say((struct history_op){
		.type = HISTORY_OK, .f = HISTORY_COMPACT, .topic = topic, .offset = end_seq});
}

static void say_erasure(const struct oracle_erasure *e, uint32_t topic, enum weir_level level)
{
	const char *key = world_key_text(e->key);

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_ERASE,
				.key = key_of(key, strlen(key)),
				.topic = topic,
				.offset = e->seq,
				.level = (uint8_t)level});
}

void world_say_erasure(uint64_t sequence, enum weir_level level)
{
	for (uint32_t i = 0; i < oracle.erasure_count; i++) {
		const struct oracle_erasure *e = &oracle.erasures[i];
		for (uint32_t t = 0; e->seq == sequence && t < WORLD_TOPICS; t++)
			if (e->topic == t || e->topic == WORLD_TOPICS_MAX)
				say_erasure(e, t, level);
	}
}

void world_say_dead(uint32_t subscription, uint64_t sequence, uint64_t letter_seq, bool is_parked)
{
	const struct oracle_record *o = &oracle.records[sequence];

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_DEAD,
				.value = value_of(o->source, o->k),
				.topic = WORLD_DEAD,
				.partition = oracle.records[letter_seq].partition,
				.offset = letter_seq,
				.group = subscription + 1,
				.flags = is_parked ? HISTORY_PARKED : 0});
}

void world_say_given_up(uint32_t subscription, uint64_t sequence)
{
	const struct oracle_record *o = &oracle.records[sequence];

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_GIVEUP,
				.value = value_of(o->source, o->k),
				.group = subscription + 1});
}

void world_say_taken(uint32_t subscription, uint64_t sequence, uint32_t call)
{
	const struct oracle_record *o = &oracle.records[sequence];
	struct wr_record_view view;

	if (!wr_record_view(oracle.bytes + o->at, o->bytes, &view))
		return;
	say((struct history_op){
		.type = HISTORY_OK,
		.f = HISTORY_TAKE,
		.value = value_of(o->source, o->k),
		.key = view.head->key_bytes == 0 ? 0 : key_of(view.key, view.head->key_bytes),
		.topic = o->topic,
		.partition = o->partition,
		.offset = sequence,
		.group = subscription + 1,
		.call = call});
}

/* Too old, or one of too many, and there is no place for dead letters. */
void world_say_expired(uint32_t subscription, uint64_t sequence)
{
	const struct oracle_record *o = &oracle.records[sequence];

	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_EXPIRE,
				.value = value_of(o->source, o->k),
				.topic = o->topic,
				.partition = o->partition,
				.offset = sequence,
				.group = subscription + 1});
}

/* For all that a checker can tell it was: by a seek. */
void world_say_redriven(uint64_t sequence)
{
	const struct oracle_record *o = &oracle.records[sequence];

	say((struct history_op){
		.type = HISTORY_OK, .f = HISTORY_REDRIVE, .value = value_of(o->source, o->k)});
}

void world_say_recovered(uint64_t last_seq)
{
	uint8_t level = world.was_closed    ? 0
			: oracle.power_went ? HISTORY_DURABLE
					    : HISTORY_WRITTEN;

	if (world.history == NULL || world.life == 1)
		return;
	say((struct history_op){.type = HISTORY_INFO, .f = HISTORY_CRASH, .level = level});
	say((struct history_op){.type = HISTORY_OK, .f = HISTORY_RECOVER, .offset = last_seq});
}

void world_say_state(uint32_t whose, uint64_t sequence, uint64_t digest)
{
	say((struct history_op){.type = HISTORY_OK,
				.f = HISTORY_STATE,
				.value = digest,
				.group = whose,
				.offset = sequence});
}

void world_say_drained(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		say((struct history_op){.type = HISTORY_OK, .f = HISTORY_DRAIN, .group = s + 1});
}
