/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What producers do: publish one by one, many at once, by claim and in runs, give up half-way, hand
 * over runs that must be refused whole, lose their name to another holder, and take answers. An
 * event follows from its source and its number there, so that it can be compared wherever it turns
 * up. Number 0 marks what must never be in the log.
 */
#include <errno.h>
#include <string.h>

#include "tests/sim/oracle.h"

#define EVENTS_AT_ONCE 6u
#define PAYLOAD_MAX 1024u
#define BAD_SEQUENCE 7u
#define NO_TOPIC 77u
#define RUN_EVENTS_MAX (EVENTS_AT_ONCE + 1u)

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static const char *const keys[WORLD_EVENT_KEYS] = {"red",   "green", "blue",
						   "black", "white", "grey"};

uint32_t world_key_number(const void *key, uint32_t key_bytes)
{
	uint32_t i = 0;
	while (i < WORLD_EVENT_KEYS &&
	       (key_bytes != strlen(keys[i]) || memcmp(key, keys[i], key_bytes) != 0))
		i++;
	return i;
}

const char *world_key_text(uint32_t number)
{
	return keys[number];
}

void world_event_of(uint32_t source, uint32_t k, struct weir_event *event)
{
	static uint8_t payloads[EVENTS_AT_ONCE + 2][PAYLOAD_MAX];
	static struct weir_header headers[EVENTS_AT_ONCE + 2];
	static uint8_t ids[EVENTS_AT_ONCE + 2][8];
	static struct weir_delivery deliveries[EVENTS_AT_ONCE + 2];
	static uint32_t turn;
	uint64_t h = mix(mix(world.seed + source) + k);
	uint32_t place = turn++ % (EVENTS_AT_ONCE + 2);
	uint8_t *payload = payloads[place];

	*event = (struct weir_event){.topic = world.topics[h % WORLD_TOPICS], .payload = payload};
	event->payload_bytes = 8 + ((h >> 8) & 15 ? (h >> 16) % 100 : (h >> 16) % 900);
	if ((h >> 32 & 7) == 1) {
		event->partition_set = true;
		event->partition = (uint32_t)(h >> 40) % world_partitions[h % WORLD_TOPICS];
	} else if ((h >> 32 & 7) != 0) {
		event->key = keys[(h >> 40) % WORLD_EVENT_KEYS];
		event->key_bytes = strlen(event->key);
		event->ends_key = h % WORLD_TOPICS == WORLD_VERSIONED && (h >> 52 & 15) == 0;
	}
	world_filters_event(h, &headers[place], event);
	world_queues_event(h, &deliveries[place], event);
	memset(payload, (int)(h >> 48), event->payload_bytes);
	world_erasure_payload(source, k, payload, &event->payload_bytes);
	wr_put_u32(payload, source);
	wr_put_u32(payload + 4, k);
	memcpy(ids[place], payload, sizeof ids[place]);
	world_compaction_event(h, &headers[place], ids[place], event);
}

void world_event(uint32_t source, uint32_t k, struct weir_event *event)
{
	world_event_of(source, k, event);
	oracle.sources[source].made_at[k] = (uint32_t)oracle.end_seq;
}

/* --- answers ---------------------------------------------------------------------------------- */

void world_promised(uint32_t source, uint32_t k, enum weir_level level)
{
	struct oracle_source *s = &oracle.sources[source];
	struct wr_journal_link *link = &world.pipeline->link;

	world_check(s->last_k >= k, "acknowledged, and not in the log", source, k);
	uint64_t seq = s->seq_of[k];
	world_check(seq != 0, "acknowledged, and passed over", source, k);
	if (level == WEIR_LEVEL_DURABLE) {
		world_check(seq <= wr_load_acquire(&link->durable_seq),
			    "acknowledged as durable behind the durable sequence", source, k);
		s->durable_k = (uint32_t)wr_max_u64(s->durable_k, k);
		world_sometimes(SOMETIMES_DURABLE_ACKS);
	}
	if (level >= WEIR_LEVEL_WRITTEN) {
		world_check(seq <= wr_load_acquire(&link->written_seq),
			    "acknowledged as written behind the written sequence", source, k);
		s->written_k = (uint32_t)wr_max_u64(s->written_k, k);
	}
}

static void accepted(struct world_producer *p, const struct world_ticket *t)
{
	world_check(t->first_k != 0, "a run that must be refused was taken", p->source, 0);
	world_promised(p->source, t->last_k, p->level);
}

/*
 * L9: whoever is refused may act on it, so what the decision rests on has to be as safe as an
 * acknowledgement of this producer's would be.
 */
static void check_what_it_rests_on(const struct world_producer *p, const struct world_ticket *t)
{
	struct wr_journal_link *link = &world.pipeline->link;
	uint64_t safe_seq = p->level == WEIR_LEVEL_DURABLE   ? wr_load_acquire(&link->durable_seq)
			    : p->level == WEIR_LEVEL_WRITTEN ? wr_load_acquire(&link->written_seq)
							     : UINT64_MAX;

	world_check(t->rests_on <= safe_seq, "a refusal before what it rests on is durable",
		    t->rests_on, safe_seq);
}

/* Nothing of it is in the log; a name's others follow when somebody opens it again. */
static void refused_for_length(struct world_producer *p, const struct world_ticket *t,
			       uint32_t subscription)
{
	const struct oracle_source *s = &oracle.sources[p->source];

	oracle_length_refused(subscription, t->rests_on,
			      t->first_k == 0 ? RUN_EVENTS_MAX : t->last_k - t->first_k + 1);
	for (uint32_t k = t->first_k; k != 0 && k <= t->last_k; k++)
		/* Whoever has the name by now may have sent it again. */
		world_check(p->fenced || k > s->last_k || s->seq_of[k] == 0,
			    "refused for a full queue, and in the log", p->source, k);
	p->is_stuck = p->named && t->first_k != 0;
}

static void refused(struct world_producer *p, const struct world_ticket *t,
		    const struct weir_ack_range *range)
{
	int code = range->code;

	if (code == WEIR_E_FAILED) {
		world_check(world_has_failed(), "unknown, and nothing had failed", p->source, 0);
		return;
	}
	check_what_it_rests_on(p, t);
	if (code == WEIR_E_FENCED) {
		world_check(p->fenced, "fenced, and nobody took the name", p->source, t->last_k);
		world_sometimes(SOMETIMES_FENCED_PRODUCER);
		return;
	}
	if (code == WEIR_E_QUEUE_FULL) {
		refused_for_length(p, t, range->subscription);
		return;
	}
	if (p->is_stuck && code == WEIR_E_OUT_OF_SEQUENCE)
		return;
	world_check(t->first_k == 0, "refused without a reason (source, k)", p->source, t->last_k);
	world_check(p->named ? code == WEIR_E_OUT_OF_SEQUENCE
			     : code == WEIR_E_UNKNOWN_NAME || code == WEIR_E_CONFLICT,
		    "refused for another reason", p->source, (uint64_t)-code);
	if (code == WEIR_E_CONFLICT)
		world_sometimes(SOMETIMES_CONFLICT);
	world_sometimes(SOMETIMES_REFUSED_RUN);
}

static void answer(void *context, const struct weir_ack_range *range)
{
	struct world_producer *p = context;

	world_check(range->first_ticket == p->told + 1 && range->last_ticket >= range->first_ticket,
		    "answers out of order", range->first_ticket, p->told);
	for (uint64_t t = range->first_ticket; t <= range->last_ticket; t++) {
		const struct world_ticket *ticket = &p->tickets[t % WORLD_TICKETS];
		world_say_send(range->code == 0               ? HISTORY_OK
			       : range->code == WEIR_E_FAILED ? HISTORY_INFO
							      : HISTORY_FAIL,
			       p->process, p->source, ticket, p->level,
			       t == range->first_ticket ? range->sequence : 0);
		if (range->code == 0)
			accepted(p, ticket);
		else
			refused(p, ticket, range);
	}
	const struct world_ticket *first = &p->tickets[range->first_ticket % WORLD_TICKETS];
	if (range->code == 0 && p->wants_sequences)
		world_check(range->sequence == oracle.sources[p->source].seq_of[first->first_k],
			    "an answer with another sequence", range->sequence, first->first_k);
	p->told = range->last_ticket;
	world_note("answer", range->last_ticket, (uint64_t)(uint32_t)range->code);
}

/* --- handing over ----------------------------------------------------------------------------- */

static void handed(struct world_producer *p, uint64_t ticket, uint32_t first_k, uint32_t last_k)
{
	world_check(ticket - p->told < WORLD_TICKETS, "more tickets than credit", ticket, p->told);
	struct world_ticket *t = &p->tickets[ticket % WORLD_TICKETS];
	p->ticket_end = ticket + 1;
	*t = (struct world_ticket){
		.first_k = first_k,
		.last_k = last_k,
		.call = world.call_last,
		.rests_on = wr_writer_visible_seq(&world.pipeline->writer),
	};
	world_say_send(HISTORY_INVOKE, p->process, p->source, t, p->level, 0);
	world_note("handed", ticket, last_k);
	if (last_k != 0)
		p->next_k = last_k + 1;
}

static bool is_refused_for_room(int rc)
{
	if (rc != WEIR_E_NO_ROOM || world.options.when_no_room != WEIR_NO_ROOM_REFUSE)
		return false;
	world_sometimes(SOMETIMES_REFUSED_FULL);
	return true;
}

/* Codes that say "not now" or "not any more". */
static bool is_expected(const struct world_producer *p, int rc)
{
	return (rc == WEIR_E_FENCED && p->fenced) || is_refused_for_room(rc) ||
	       rc == WEIR_E_AGAIN || (rc == WEIR_E_FAILED && world_has_failed()) ||
	       rc == WEIR_E_CLOSED;
}

static void publish_one(struct world_producer *p)
{
	struct weir_event event;
	uint64_t ticket;

	world_event(p->source, p->next_k, &event);
	int rc = weir_publish(p->handle, &event, &ticket);
	world_check(rc == 0 || is_expected(p, rc), "publish", (uint64_t)-rc, 0);
	world.call_last++;
	if (rc == 0)
		handed(p, ticket, p->next_k, p->next_k);
}

static void publish_many(struct world_producer *p)
{
	struct weir_event events[EVENTS_AT_ONCE];
	uint64_t last, count = 1 + world_below(EVENTS_AT_ONCE);

	for (uint32_t i = 0; i < count; i++)
		world_event(p->source, p->next_k + i, &events[i]);
	int rc = weir_publish_many(p->handle, events, count, &last);
	world_check(rc > 0 || is_expected(p, rc), "publish_many", (uint64_t)-rc, 0);
	world.call_last++;
	for (int i = 0; i < rc; i++)
		handed(p, last - (uint64_t)rc + 1 + (uint64_t)i, p->next_k, p->next_k);
}

static void claim(struct world_producer *p)
{
	struct weir_event event;
	void *payload;

	world_event(p->source, p->next_k, &event);
	if (event.payload == NULL) {
		publish_one(p);
		return;
	}
	size_t extra = world_below(40);
	if (event.header_count > 0 || event.delivery != NULL)
		extra = 0; /* the largest with one just fit */
	int rc = weir_claim(p->handle, &event, event.payload_bytes + extra, &payload);
	world_check(rc == 0 || is_expected(p, rc), "claim", (uint64_t)-rc, 0);
	if (rc != 0)
		return;
	memcpy(payload, event.payload, event.payload_bytes);
	p->claim = p->next_k;
	p->claim_bytes = event.payload_bytes;
}

static void end_claim(struct world_producer *p)
{
	uint64_t ticket;

	if (world_one_in(4)) {
		world_check(weir_abort(p->handle) == 0, "abort", 0, 0);
		world_sometimes(SOMETIMES_ABORTED);
		p->claim = 0;
		return;
	}
	int rc = weir_commit(p->handle, p->claim_bytes, &ticket);
	world_check(rc == 0 || is_expected(p, rc), "commit", (uint64_t)-rc, 0);
	world.call_last++;
	if (rc == 0)
		handed(p, ticket, p->claim, p->claim);
	p->claim = 0;
}

/* A run; `bad`: its last event is one that the writer must refuse, and the whole run with it. */
static void publish_run(struct world_producer *p, bool bad)
{
	struct weir_producer *pr = p->handle;
	uint32_t count = 1 + (uint32_t)world_below(EVENTS_AT_ONCE) + (bad ? 1 : 0);
	uint64_t ticket, run_bytes_max = world.pipeline->run_bytes_max;
	uint32_t added = 0;
	int rc = weir_run_begin(pr, run_bytes_max - 64);

	world_check(rc == 0 || is_expected(p, rc), "run_begin", (uint64_t)-rc, 0);
	if (rc != 0)
		return;
	for (; added < count; added++) {
		struct weir_event event;
		uint8_t *at = pr->claim + pr->claim_used;
		bool last = bad && added + 1 == count;
		uint64_t key = wr_prng_next(&world.keys_prng);
		struct weir_ids ids = {.idempotency_key = &key, .idempotency_key_bytes = 8};
		world_event(p->source, bad ? 0 : p->next_k + added, &event);
		if (bad && !last)
			event.ids = &ids; /* it is not to stay in the window */
		if (last && p->named)     /* one is left out, or one is sent again */
			pr->stamp.sequence += world_one_in(2) ? BAD_SEQUENCE : UINT64_MAX;
		bool conflicts = last && !p->named && event.key != NULL &&
				 event.topic == world.topics[WORLD_VERSIONED];
		if (conflicts)
			event.expected_version = ORACLE_RECORDS_MAX;
		rc = weir_run_add(pr, &event);
		if (rc != 0)
			break;
		if (last && !p->named && !conflicts)
			((struct wr_record *)at)->topic = NO_TOPIC;
	}
	world_check(rc == 0 || rc == WEIR_E_TOO_BIG, "run_add", (uint64_t)-rc, 0);
	if (added == 0 || (bad && added < count) || (!bad && world_one_in(8))) {
		world_check(weir_abort(pr) == 0, "abort", 0, 0);
		world_sometimes(SOMETIMES_ABORTED);
		return;
	}
	uint64_t stamp = pr->run_stamp;
	rc = weir_run_commit(pr, &ticket);
	world_check(rc == 0 || is_expected(p, rc), "run_commit", (uint64_t)-rc, 0);
	if (rc != 0) {
		(void)weir_abort(pr);
		return;
	}
	world.call_last++;
	if (bad)
		pr->stamp.sequence = stamp; /* its numbers are sent again */
	handed(p, ticket, bad ? 0 : p->next_k, bad ? 0 : p->next_k + added - 1);
}

/* Where a refused repeat was told that the first one stands. */
static void check_duplicate(uint32_t source, uint32_t k, const struct weir_pos *pos)
{
	const struct oracle_source *s = &oracle.sources[source];
	world_check(world.once_open, "a fresh idempotency key was refused", source, k);
	world_check(s->last_k == k && pos->sequence == s->seq_of[k], "a duplicate of another event",
		    pos->sequence, k);
	world_sometimes(SOMETIMES_DUPLICATE);
}

/* In histories: the version that its key has as far as anybody can see, or one that it has not. */
static void expect_version(struct weir_event *event, struct world_ticket *t)
{
	if (world.history == NULL || event->key == NULL ||
	    event->topic != world.topics[WORLD_VERSIONED])
		return;
	uint32_t key = world_key_number(event->key, (uint32_t)event->key_bytes);
	uint64_t what = wr_prng_below(&world.keys_prng, 4);
	uint64_t has = oracle.versions[key] + (what == 0 ? 1 : 0);
	if (what == 1)
		return;
	event->expected_version = has > 0 ? has : WEIR_VERSION_NONE;
	t->version = has + 1;
}

/*
 * One event without a producer (L12), with an idempotency key: after an answer that leaves its fate
 * open it is published again, in this life or the next, and is in the log once (L15, L16).
 */
void world_publish_once(void)
{
	enum weir_level level =
		(enum weir_level)(WEIR_LEVEL_MEMORY + world_below(world.memory_only ? 1 : 3));
	struct weir_event event;
	struct weir_pos pos;

	if (world.once_source == 0) {
		if (oracle.source_count + 1 >= ORACLE_SOURCES_MAX)
			return;
		world.once_source = oracle_source_new(false);
		world.once_k = 1;
		world.once_open = false;
	}
	uint32_t source = world.once_source, k = world.once_k;
	if (k > oracle.sources[source].last_k + 1) {
		/* A crash took what was not told to be safe from it. */
		k = world.once_k = oracle.sources[source].last_k + 1;
		world.once_open = true;
	}
	if (k >= ORACLE_KS_MAX)
		return;
	uint32_t key[2] = {source, k};
	struct weir_ids ids = {.idempotency_key = key, .idempotency_key_bytes = sizeof key};
	world_event(source, k, &event);
	event.ids = &ids;
	uint64_t timeout_ns = world_one_in(3) ? 100000 : WEIR_FOREVER;
	struct world_ticket t = {.first_k = k, .last_k = k, .call = ++world.call_last, .key_k = k};
	expect_version(&event, &t);
	uint32_t process = ++world.process_last;
	world_say_send(HISTORY_INVOKE, process, source, &t, level, 0);
	struct world_call call = world_call_begin(timeout_ns);
	int rc = weir_publish_once(world.pipeline, &event, level, timeout_ns, &pos);
	world_call_end(&call, "a publish_once over its deadline");
	world_note("once", k, (uint64_t)(uint32_t)rc);
	/* One that is published again may be there whatever this call said. */
	bool there = rc == 0 || rc == WEIR_E_DUPLICATE;
	world_say_send(there                                           ? HISTORY_OK
		       : rc == WEIR_E_TOO_BIG || rc == WEIR_E_CONFLICT ? HISTORY_FAIL
								       : HISTORY_INFO,
		       process, source, &t, level, there ? pos.sequence : 0);
	if (rc == WEIR_E_DUPLICATE)
		check_duplicate(source, k, &pos);
	if (!there) {
		world_check(rc == WEIR_E_AGAIN || rc == -ETIMEDOUT || rc == WEIR_E_TOO_BIG ||
				    (rc == WEIR_E_CONFLICT && t.version != 0) ||
				    is_refused_for_room(rc) ||
				    (rc == WEIR_E_QUEUE_FULL && world.refuses) ||
				    (rc == WEIR_E_FAILED && world_has_failed()),
			    "publish_once", (uint64_t)-rc, k);
		world.once_open |= rc == -ETIMEDOUT || rc == WEIR_E_FAILED;
		if (rc == WEIR_E_TOO_BIG)
			world.once_source = 0;
		return;
	}
	world_promised(source, k, level);
	const struct oracle_record *o = &oracle.records[pos.sequence];
	world_check(o->source == source && o->k == k &&
			    (rc == WEIR_E_DUPLICATE || o->epoch == pos.epoch),
		    "an event stands elsewhere than its publisher was told", pos.sequence, k);
	/* Or somebody forgot that it was told. */
	world.once_open = wr_prng_below(&world.keys_prng, 8) == 0;
	world.once_k += !world.once_open;
	world_sometimes(SOMETIMES_ONCE);
}

/* --- life ------------------------------------------------------------------------------------- */

static void check_last(struct world_producer *p)
{
	const struct oracle_source *s = &oracle.sources[p->source];
	struct weir_producer_last last;

	world_check(weir_producer_last(p->handle, &last) == 0, "producer_last", 0, 0);
	world_check(last.producer_sequence == s->last_k, "a name goes on at another place",
		    last.producer_sequence, s->last_k);
	world_check(last.sequence == (s->last_k != 0 ? s->seq_of[s->last_k] : 0),
		    "a name's last event stands elsewhere", last.sequence, s->last_k);
	p->next_k = s->last_k + 1;
	if (s->last_k > 0)
		world_sometimes(SOMETIMES_RESUMED_NAME);
}

/* Its table is large, and lives are short: what was not used of it is as it was. */
static void clear(struct world_producer *p)
{
	uint64_t count = wr_min_u64(p->ticket_end, WORLD_TICKETS);

	memset(p->tickets, 0, count * sizeof p->tickets[0]);
	memset(p, 0, offsetof(struct world_producer, tickets));
}

void world_producers_forget(void)
{
	for (uint32_t i = 0; i < WORLD_PRODUCERS; i++)
		clear(&world.producers[i]);
}

void world_producer_open(struct world_producer *p)
{
	static const char *const names[WORLD_NAMES] = {"first", "second"};
	uint32_t slot = (uint32_t)(p - world.producers);
	struct weir_producer_options o;
	struct weir_problem problem;

	weir_producer_options_init(&o);
	clear(p);
	p->named = slot < WORLD_NAMES || (slot == 3 && world_one_in(3));
	if (!p->named && oracle.source_count + 1 >= ORACLE_SOURCES_MAX)
		return;
	/* The first sources are the names'. */
	p->source = p->named ? slot % WORLD_NAMES : oracle_source_new(false);
	p->level = (enum weir_level)(WEIR_LEVEL_MEMORY + world_below(world.memory_only ? 1 : 3));
	p->process = ++world.process_last;
	p->next_k = 1;
	o.name = p->named ? names[p->source] : NULL;
	o.level = p->level;
	o.when_full = WEIR_FULL_TRY;
	o.want_sequences = p->wants_sequences = world_one_in(4);
	o.ack_fn = answer;
	o.ack_context = p;
	for (uint32_t i = 0; p->named && i < WORLD_PRODUCERS; i++)
		if (world.producers[i].named && world.producers[i].source == p->source &&
		    &world.producers[i] != p)
			world.producers[i].fenced = true;
	p->busy = true;
	struct weir_producer *handle = NULL;
	int rc = weir_producer_open(world.pipeline, &o, &handle, &problem);
	p->busy = false;
	world_note("producer_open", slot, (uint64_t)(uint32_t)rc);
	world_check(rc == 0 || rc == WEIR_E_FULL || rc == WEIR_E_FAILED, "producer_open",
		    (uint64_t)-rc, 0);
	p->handle = handle;
	if (handle != NULL && p->named)
		check_last(p);
}

static void close_one(struct world_producer *p)
{
	struct weir_producer *handle = p->handle;

	if (world_one_in(3))
		publish_run(p, true); /* its refusal is the close's to tell */
	uint64_t untold = handle->lane->handed_over > p->told ? p->told + 1 : 0;
	p->busy = true;
	uint64_t timeout_ns = world_one_in(2) ? WEIR_FOREVER : 100000;
	struct world_call call = world_call_begin(timeout_ns);
	int rc = weir_producer_close(handle, timeout_ns);
	world_call_end(&call, "the close of a producer over its deadline");
	world_note("producer_close", p->source, (uint64_t)(uint32_t)rc);
	if (rc == WEIR_E_FENCED || rc == WEIR_E_OUT_OF_SEQUENCE || rc == WEIR_E_UNKNOWN_NAME ||
	    rc == WEIR_E_CONFLICT || rc == WEIR_E_QUEUE_FULL) {
		world_check(untold != 0, "a refusal that was told before", p->source, 0);
		check_what_it_rests_on(p, &p->tickets[untold % WORLD_TICKETS]);
	}
	clear(p);
}

void world_producer_offend(struct world_producer *p)
{
	publish_run(p, true);
}

bool world_producer_is_done(struct world_producer *p)
{
	struct weir_producer_progress progress;

	if (p->handle == NULL)
		return true;
	if (p->claim != 0)
		end_claim(p);
	(void)weir_producer_poll_acks(p->handle);
	weir_producer_progress(p->handle, &progress);
	return p->told == progress.handed_over;
}

void world_producer_act(struct world_producer *p, bool may_block)
{
	uint64_t what = world_below(100);

	if (p->busy || world.pipeline == NULL)
		return;
	if (p->handle == NULL) {
		if (may_block && world_one_in(2))
			world_producer_open(p);
		return;
	}
	if (p->claim != 0) {
		end_claim(p);
	} else if (p->is_stuck && may_block) {
		close_one(p);
	} else if (what < 30) {
		(void)weir_producer_poll_acks(p->handle);
	} else if (what < 34) {
		if (may_block && world_one_in(3))
			close_one(p);
	} else if (p->next_k + 2 * EVENTS_AT_ONCE > ORACLE_KS_MAX) {
		(void)weir_producer_poll_acks(p->handle);
	} else if (what < 55) {
		publish_one(p);
	} else if (what < 70) {
		publish_many(p);
	} else if (what < 80) {
		claim(p);
	} else {
		publish_run(p, what >= 95);
	}
}
