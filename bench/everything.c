/* SPDX-License-Identifier: Apache-2.0 */
/* See everything.h: the pipeline is made here, and the events are published. */
#include "bench/everything.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench/everything_threads.h"
#include "bench/harness.h"
#include "core/base/bits.h"

#define AHEAD 8192u /* events before the slowest group */
#define ACKS_EVERY 256u
#define NAP_NS 200000u
#define KEY_BYTES 32u

static const char schema[] = "{\"type\":\"record\",\"name\":\"Order\",\"fields\":["
			     "{\"name\":\"number\",\"type\":\"long\"},"
			     "{\"name\":\"amount\",\"type\":\"double\"},"
			     "{\"name\":\"note\",\"type\":\"string\"}]}";

int everything_fail(struct everything *e, int code, const char *what)
{
	if (e->problem->code == 0) {
		e->problem->code = code;
		(void)snprintf(e->problem->field, sizeof e->problem->field, "%s", what);
		(void)snprintf(e->problem->text, sizeof e->problem->text, "%s",
			       weir_strerror(code));
	}
	wr_store_release(&e->stop, 1u); /* the other thread acquires it */
	return code;
}

int everything_rare(uint64_t number)
{
	uint64_t turn = number / EVERYTHING_EACH;
	return number % EVERYTHING_EACH == 3 ? (int)(turn % EVERYTHING_RARE) : -1;
}

uint64_t everything_number(const struct weir_item *item)
{
	const uint8_t *at = item->payload;
	uint64_t zigzag = 0;
	for (uint32_t shift = 0; shift < 64; shift += 7, at++) {
		zigzag |= (uint64_t)(*at & 0x7f) << shift;
		if (*at < 0x80)
			break;
	}
	return zigzag >> 1;
}

/* ---- making it ---- */

static int make_topics(struct everything *e)
{
	const struct weir_topic_schema follows = {.subject = "orders", .validate = true};
	struct weir_schema_version version;
	struct weir_registration asks;
	struct weir_topic_options o;

	weir_registration_init(&asks);
	asks.subject = follows.subject;
	asks.text = schema;
	asks.text_bytes = sizeof schema - 1;
	int rc = weir_registry_register(e->pipeline, &asks, &version, NULL, NULL, e->problem);
	if (rc != 0)
		return rc;
	e->type = version.type;
	weir_topic_options_init(&o);
	o.name = "orders";
	o.partitions = 8;
	o.schema = &follows;
	o.idempotency_keys = e->settings->window;
	rc = weir_topic_create(e->pipeline, &o, &e->in, e->problem);
	if (rc != 0)
		return rc;
	weir_topic_options_init(&o);
	o.name = "totals";
	o.partitions = 8;
	return weir_topic_create(e->pipeline, &o, &e->out, e->problem);
}

static int subscribe(struct everything *e, const char *name, const char *topic,
		     enum weir_order order, const struct weir_filter_term *term, uint32_t *ret)
{
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = term};
	struct weir_subscription_options o;

	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.order = order;
	o.filter = term != NULL ? &filter : NULL;
	o.retry_delay_min_ns = 1000000;
	o.retry_delay_max_ns = 10000000;
	return weir_subscription_create(e->pipeline, &o, ret, e->problem);
}

static int make_groups(struct everything *e)
{
	static const struct {
		const char *name;
		enum weir_filter_kind kind;
		const char *pattern;
	} groups[EVERYTHING_GROUPS] = {
		{"ledger", WEIR_FILTER_FANOUT, ""},
		{"search", WEIR_FILTER_TOPIC, "order.#"},
		{"reports", WEIR_FILTER_HEADERS, "{\"source\":\"bench\"}"},
		{"totals", WEIR_FILTER_TOPIC, "*.*.*"},
		{"mail", WEIR_FILTER_HEADERS, "{\"source\":\"bench\"}"},
	};
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_GROUPS; i++) {
		const struct weir_filter_term term = {.kind = groups[i].kind,
						      .pattern = groups[i].pattern,
						      .pattern_bytes = strlen(groups[i].pattern)};
		rc = subscribe(e, groups[i].name, "orders",
			       i == EVERYTHING_QUEUE ? WEIR_ORDER_NONE : WEIR_ORDER_PARTITION,
			       &term, &e->groups[i]);
	}
	return rc;
}

/* Nobody reads them: what they want is counted as their lag. */
static int make_rare(struct everything *e)
{
	char name[32], pattern[64];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_RARE; i++) {
		bool by_key = i < EVERYTHING_BY_KEY;
		(void)snprintf(name, sizeof name, "rare-%u", i);
		(void)snprintf(pattern, sizeof pattern,
			       by_key ? "*.*.rare-%u" : "{\"campaign\":\"rare-%u\"}", i);
		const struct weir_filter_term term = {.kind = by_key ? WEIR_FILTER_TOPIC
								     : WEIR_FILTER_HEADERS,
						      .pattern = pattern,
						      .pattern_bytes = strlen(pattern)};
		rc = subscribe(e, name, "orders", WEIR_ORDER_PARTITION, &term, &e->rare[i]);
	}
	if (rc != 0)
		return rc;
	return subscribe(e, "check", "totals", WEIR_ORDER_PARTITION, NULL, &e->check);
}

static int open_pipeline(struct everything *e)
{
	struct weir_options o;

	weir_options_init(&o);
	o.name = "bench-everything";
	o.dir = e->settings->dir;
	o.schemas_max = 8;
	o.subscriptions_max = EVERYTHING_FILTERS + 8;
	o.idempotency_keys_max = e->settings->window;
	o.log.wait = o.journal.wait = o.group.wait = e->settings->wait;
	return weir_open(&o, &e->pipeline, e->problem);
}

static int join_groups(struct everything *e)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < EVERYTHING_GROUPS; i++) {
		struct weir_member_options o;
		weir_member_options_init(&o);
		o.in_flight_max = 2048;
		o.transactions_max = 1024;
		rc = weir_member_join(e->pipeline, e->groups[i], &o, &e->members[i].member,
				      e->problem);
	}
	return rc;
}

/* ---- publishing ---- */

struct writing {
	struct weir_producer *producer;
	struct weir_event event;
	struct weir_ids ids;
	struct weir_header headers[2];
	uint8_t *payload;
	uint64_t number;
	char key[KEY_BYTES];
	char campaign[KEY_BYTES];
};

static size_t put_long(uint8_t *to, uint64_t value)
{
	size_t bytes = 0;
	for (value <<= 1; value >= 0x80; value >>= 7)
		to[bytes++] = (uint8_t)(value | 0x80);
	to[bytes++] = (uint8_t)value;
	return bytes;
}

/* Number, amount, and a note that fills it up. What stands behind the note's length stays. */
static void put_payload(struct writing *w, uint32_t payload_bytes)
{
	const double amount = (double)w->number / 100;
	uint8_t note_bytes[10];
	size_t at = put_long(w->payload, w->number);
	memcpy(w->payload + at, &amount, sizeof amount);
	at += sizeof amount;
	uint64_t left = payload_bytes - at;
	size_t bytes = put_long(note_bytes, left);
	bytes = put_long(note_bytes, left - bytes);
	memcpy(w->payload + at, note_bytes, bytes);
	w->event.payload_bytes = at + bytes + (left - bytes);
	/* What was a number or a length before is a note now. */
	memset(w->payload + at + bytes, 'n', wr_min_u64(16, left - bytes));
}

static char *put_decimal(char *to, uint64_t value, uint32_t digits)
{
	for (uint32_t i = digits; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + digits;
}

static void put_event(struct writing *w, uint32_t payload_bytes)
{
	uint64_t scattered = w->number * 0x9e3779b97f4a7c15u >> 40;
	int rare = everything_rare(w->number);
	char *at = w->key;

	memcpy(at, "order.r", 7);
	at = put_decimal(at + 7, scattered % 100, 2);
	if (rare >= 0 && rare < (int)EVERYTHING_BY_KEY) {
		at += snprintf(at, KEY_BYTES - 9, ".rare-%d", rare);
	} else {
		memcpy(at, ".c", 2);
		at = put_decimal(at + 2, scattered % 10000, 4);
	}
	w->event.key_bytes = (size_t)(at - w->key);
	w->event.header_count = 1;
	if (rare >= (int)EVERYTHING_BY_KEY) {
		int bytes = snprintf(w->campaign, sizeof w->campaign, "rare-%d", rare);
		w->headers[1].value_bytes = (uint16_t)bytes;
		w->event.header_count = 2;
	}
	put_payload(w, payload_bytes);
}

static int publish(struct writing *w)
{
	int rc = weir_publish(w->producer, &w->event, NULL);
	while (rc == WEIR_E_AGAIN) {
		rc = weir_producer_poll_acks(w->producer);
		if (rc >= 0)
			rc = weir_publish(w->producer, &w->event, NULL);
	}
	return rc;
}

/* Until the slowest group is near. */
static int keep_near(struct everything *e, uint64_t number)
{
	while (number - wr_load_acquire(&e->slowest) > AHEAD) {
		if (wr_load_acquire(&e->stop) != 0)
			return -ECANCELED;
		bench_sleep_ns(NAP_NS);
	}
	wr_atomic_u32 *interrupted = e->settings->interrupted;
	return interrupted != NULL && wr_load_relaxed(interrupted) != 0 ? -EINTR : 0;
}

static int publish_all(struct everything *e, struct writing *w)
{
	int rc = 0;

	for (w->number = 0; rc == 0 && w->number < e->settings->events; w->number++) {
		if (w->number % ACKS_EVERY == 0) {
			rc = weir_producer_poll_acks(w->producer);
			rc = rc < 0 ? rc : keep_near(e, w->number);
			if (rc != 0)
				return rc;
		}
		put_event(w, e->settings->payload_bytes);
		rc = publish(w);
		if (rc == 0 && w->number % EVERYTHING_EACH == 500)
			rc = publish(w);
	}
	return rc;
}

/* Everything is durable, but what was twice. */
static int end_publishing(struct everything *e, struct writing *w, struct everything_round *round)
{
	struct weir_producer_progress progress;

	weir_producer_progress(w->producer, &progress);
	int rc = weir_wait(w->producer, progress.handed_over, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	weir_producer_progress(w->producer, &progress);
	round->duplicates = progress.refused_count;
	if (rc == 0 && progress.refused_count > 0 && progress.first_refusal != WEIR_E_DUPLICATE)
		rc = progress.first_refusal;
	return rc != 0 ? everything_fail(e, rc, "publishing") : 0;
}

static int produce(struct everything *e, struct everything_round *round)
{
	struct writing w = {.payload = malloc(e->settings->payload_bytes + 64u)};
	struct weir_producer_options o;

	if (w.payload == NULL)
		return everything_fail(e, -ENOMEM, "the payload");
	memset(w.payload, 'n', e->settings->payload_bytes + 64u);
	w.headers[0] = (struct weir_header){"source", "bench", 6, 5};
	w.headers[1] = (struct weir_header){"campaign", w.campaign, 8, 0};
	w.ids = (struct weir_ids){.idempotency_key = &w.number,
				  .idempotency_key_bytes = sizeof w.number};
	w.event = (struct weir_event){.topic = e->in,
				      .type = e->type,
				      .key = w.key,
				      .payload = w.payload,
				      .headers = w.headers,
				      .ids = &w.ids};
	weir_producer_options_init(&o);
	o.level = WEIR_LEVEL_DURABLE;
	int rc = weir_producer_open(e->pipeline, &o, &w.producer, e->problem);
	if (rc == 0) {
		rc = publish_all(e, &w);
		if (rc != 0 && rc != -ECANCELED)
			(void)everything_fail(e, rc, "publishing");
		if (rc == 0)
			rc = end_publishing(e, &w, round);
		(void)weir_producer_close(w.producer, WEIR_FOREVER);
	} else {
		wr_store_release(&e->stop, 1u);
	}
	free(w.payload);
	return rc;
}

/* ---- a round ---- */

static int measure(struct everything *e, struct everything_round *round)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	pthread_t thread;
	uint64_t cpu_ns = bench_cpu_ns();
	uint64_t began_ns = bench_now_ns();

	int rc = pthread_create(&thread, NULL, everything_consume, e);
	if (rc != 0)
		return everything_fail(e, -rc, "making a thread");
	rc = produce(e, round);
	(void)pthread_join(thread, NULL);
	round->elapsed_ns = bench_now_ns() - began_ns;
	round->cpu_ns = bench_cpu_ns() - cpu_ns;
	if (rc == 0 || rc == -ECANCELED)
		rc = e->code;
	round->events = e->settings->events;
	round->failures = e->failures;
	round->transactions = e->begun;
	if (rc == 0)
		rc = weir_pipeline_info(e->pipeline, &info);
	round->batches = info.batches;
	if (rc == 0 && info.metrics_path[0] == '\0') {
		rc = everything_fail(e, -EPROTO, "metrics");
		(void)snprintf(e->problem->text, sizeof e->problem->text,
			       "there are none: %.120s (a build with -Dmetrics=false has none)",
			       info.metrics_note);
	}
	return rc;
}

int everything_run(const struct everything_settings *settings, struct everything_round *ret_round,
		   struct weir_problem *problem)
{
	struct everything *e = calloc(1, sizeof *e);

	if (e == NULL)
		return -ENOMEM;
	*problem = (struct weir_problem){.code = 0};
	*ret_round = (struct everything_round){.events = 0};
	e->settings = settings;
	e->problem = problem;
	int rc = open_pipeline(e);
	if (rc == 0) {
		rc = make_topics(e);
		if (rc == 0)
			rc = make_groups(e);
		if (rc == 0)
			rc = make_rare(e);
		if (rc == 0)
			rc = join_groups(e);
		if (rc == 0)
			rc = measure(e, ret_round);
		for (uint32_t i = 0; i < EVERYTHING_GROUPS; i++)
			(void)weir_member_leave(e->members[i].member, WEIR_FOREVER);
		if (rc == 0)
			rc = everything_check(e, ret_round);
		(void)weir_close(e->pipeline, rc == 0 ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
				 WEIR_FOREVER, NULL);
	}
	free(e);
	return rc;
}
