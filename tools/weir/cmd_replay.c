/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir replay DIR`: a range of a journal once more, as fast or as slow as asked for, by key,
 * topic, event time and pattern. Read-only; works while the owner is running.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/journal.h>
#include <weir/route.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/filter_option.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/range.h"
#include "tools/weir/topic_asked.h"

#define STOP 1
#define IDLE_NS 100000000u
#define SECOND_NS 1000000000u
#define YEAR_US (366ull * 24 * 3600 * 1000000)
#define HEADERS_MAX 1024u

/* One command line a process: the table points here. */
static struct {
	bool json, hex, to_json, follow, count_given;
	uint64_t count, rate, pace;
	const char *topic, *key;
	struct filter_option filter;
	struct cli_point from, to, event_from, event_to;
} choices;

static const struct cli_option options[] = {
	{.name = "from",
	 .type = CLI_POINT,
	 .target = &choices.from,
	 .help = "first: a sequence, an append time (2026-01-31T12:00:00Z), or -5m"},
	{.name = "to",
	 .type = CLI_POINT,
	 .target = &choices.to,
	 .help = "last, inclusive: the same"},
	{.name = "event-from",
	 .type = CLI_POINT,
	 .target = &choices.event_from,
	 .help = "only events of this event time (the source's) or later"},
	{.name = "event-to",
	 .type = CLI_POINT,
	 .target = &choices.event_to,
	 .help = "only events of this event time or earlier"},
	{.name = "topic",
	 .type = CLI_STRING,
	 .target = &choices.topic,
	 .value_name = "NAME",
	 .help = "only events of this topic"},
	{.name = "key",
	 .type = CLI_STRING,
	 .target = &choices.key,
	 .value_name = "KEY",
	 .help = "only events of this key (with --hex in hexadecimal)"},
	FILTER_OPTIONS(choices.filter),
	{.name = "rate",
	 .type = CLI_RATE,
	 .target = &choices.rate,
	 .fallback = "max",
	 .help = "events a second, at most"},
	{.name = "pace",
	 .type = CLI_NUMBER,
	 .target = &choices.pace,
	 .max = 1000000,
	 .help = "per cent of the pace at which they were appended"},
	{.name = "count",
	 .short_name = 'n',
	 .type = CLI_NUMBER,
	 .target = &choices.count,
	 .help = "at most so many"},
	{.name = "follow",
	 .short_name = 'f',
	 .type = CLI_FLAG,
	 .target = &choices.follow,
	 .help = "go on with what is appended, until interrupted"},
	{.name = "hex",
	 .type = CLI_FLAG,
	 .target = &choices.hex,
	 .help = "KEY, keys and payloads in hexadecimal"},
	OPTION_TO_JSON(&choices.to_json),
	{.name = "json",
	 .type = CLI_FLAG,
	 .target = &choices.json,
	 .help = "one JSON object a line"},
};

static const struct cli_command command = {
	.name = "replay",
	.arguments = "DIR",
	.summary = "Print a range of a journal again, at its own pace or any other.",
	.description =
		"All that is given has to hold. Reads a journal from outside, also while its\n"
		"owner runs; nothing is written, and no subscription notices. Exit code 4: there\n"
		"is no such topic; 6: part of it is damaged; what lies before and behind is\n"
		"printed all the same.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 1,
	.arguments_max = 1,
};

struct replay {
	struct journal_print print;
	struct weir_filter *filter;
	struct payload_json seen; /* of the filter */
	struct weir_typed_header headers[HEADERS_MAX];
	const void *key;
	size_t key_bytes;
	uint64_t event_from_us, event_end_us; /* UINT64_MAX: not asked */
	uint64_t shown, corrupt_count, untried;
	uint64_t began_ns, first_time_us;
	struct topic_asked topic;
};

/* ---- which ---- */

/* Fields, whatever encodes them: what stands behind the id of a schema, and Avro as JSON. */
static void take_payload(struct replay *r, const struct weir_journal_event *event,
			 struct weir_routed *routed)
{
	if (event->schema == NULL || event->item.payload == NULL)
		return;
	payload_json_make(&r->seen, event);
	if (weir_schema_type_of(event->schema) == WEIR_SCHEMA_JSON_VALUE) {
		routed->payload = (const uint8_t *)routed->payload + event->schema_prefix_bytes;
		routed->payload_bytes -= event->schema_prefix_bytes;
	} else if (r->seen.is_good) {
		routed->payload = r->seen.text;
		routed->payload_bytes = r->seen.bytes;
	}
}

/* Of most events all that is looked at is the key, where one is asked for. */
static bool is_wanted(struct replay *r, const struct weir_journal_events *events, size_t index,
		      struct weir_journal_event *event)
{
	const struct weir_item *item = &events->items[index];
	struct weir_routed routed;
	if (r->key != NULL && (item->key == NULL || item->key_bytes != r->key_bytes ||
			       memcmp(item->key, r->key, r->key_bytes) != 0))
		return false;
	weir_journal_event_read(events, index, event);
	if (choices.topic != NULL &&
	    (event->topic_name == NULL || strcmp(event->topic_name, choices.topic) != 0))
		return false;
	if (r->event_from_us != 0 || r->event_end_us != UINT64_MAX) {
		uint64_t time_us = weir_item_event_time_us(item);
		if (time_us == 0 || time_us < r->event_from_us || time_us >= r->event_end_us)
			return false;
	}
	if (r->filter == NULL)
		return true;
	int rc = weir_item_routed(item, r->headers, HEADERS_MAX, &routed);
	if (rc == 0) {
		take_payload(r, event, &routed);
		rc = weir_filter_match(r->filter, &routed, NULL);
	}
	/* No JSON does not match a pattern over JSON; what else cannot be tried is told. */
	r->untried += rc < 0 && rc != -EINVAL ? 1 : 0;
	return rc > 0;
}

/* ---- how fast ---- */

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static uint64_t due_ns(struct replay *r, uint64_t append_time_us)
{
	uint64_t due = 0;
	if (r->shown == 0) {
		r->began_ns = now_ns();
		r->first_time_us = append_time_us;
		return 0;
	}
	if (choices.rate != CLI_RATE_MAX)
		due = r->began_ns + r->shown / choices.rate * SECOND_NS +
		      r->shown % choices.rate * SECOND_NS / choices.rate;
	if (choices.pace != 0) {
		/* A year at most, so that it can be counted in ns at one per cent. */
		uint64_t after_us = wr_min_u64(append_time_us - r->first_time_us, YEAR_US);
		due = wr_max_u64(due, r->began_ns + after_us / choices.pace * 100000 +
					      after_us % choices.pace * 100000 / choices.pace);
	}
	return due;
}

static void wait_until(uint64_t due)
{
	uint64_t now = now_ns();
	if (due <= now)
		return;
	(void)fflush(stdout); /* what was due is seen */
	struct timespec left = {.tv_sec = (time_t)((due - now) / SECOND_NS),
				.tv_nsec = (long)((due - now) % SECOND_NS)};
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* ---- the walk ---- */

static int see_event(struct replay *r, const struct weir_journal_events *events, size_t index)
{
	struct weir_journal_event event;
	if (!is_wanted(r, events, index, &event))
		return 0;
	if (choices.count_given && r->shown == choices.count)
		return STOP;
	wait_until(due_ns(r, event.item.append_time_us));
	r->shown++;
	if (choices.json)
		journal_json_event(&r->print, stdout, &event, choices.hex);
	else
		journal_print_event(&r->print, stdout, &event, choices.hex);
	/* Nobody reads on: main() says so. */
	return ferror(stdout) != 0 ? STOP : 0;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < events->count; i++)
		code = see_event(context, events, i);
	return code;
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct replay *r = context;
	r->corrupt_count += damage->corrupt ? 1 : 0;
	(void)fflush(stdout);
	journal_print_damage(stderr, damage);
	return 0;
}

static void see_topic(void *context, const char *name)
{
	struct replay *r = context;
	topic_asked_see(&r->topic, name);
}

static int see_idle(void *context)
{
	const struct timespec pause = {.tv_nsec = IDLE_NS};
	struct replay *r = context;
	topic_asked_wait(&r->topic);
	if (fflush(stdout) != 0)
		return STOP;
	(void)nanosleep(&pause, NULL);
	return 0;
}

static void set_range(struct replay *r, struct weir_journal_visitor *visitor)
{
	range_set(visitor, &choices.from, &choices.to);
	r->event_from_us =
		choices.event_from.kind != CLI_POINT_NONE ? range_time_us(&choices.event_from) : 0;
	r->event_end_us = choices.event_to.kind != CLI_POINT_NONE
				  ? range_time_us(&choices.event_to) + 1
				  : UINT64_MAX;
}

static int run(const char *dir, struct replay *r)
{
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	set_range(r, &visitor);
	visitor.events = see_events;
	visitor.topic = see_topic;
	r->print.json.is_asked = choices.to_json;
	r->seen.is_asked = r->filter != NULL;
	visitor.schemas = choices.to_json || r->filter != NULL;
	visitor.damage = see_damage;
	visitor.idle = see_idle;
	visitor.context = r;
	int code = choices.follow ? weir_journal_follow(dir, &visitor, &problem)
				  : weir_journal_inspect(dir, &visitor, NULL, &problem);
	if (code < 0)
		return cli_fail(dir, code, problem.text[0] != '\0' ? &problem : NULL);
	if (r->untried > 0)
		fprintf(stderr, "weir: the filter could not be tried on %llu events\n",
			(unsigned long long)r->untried);
	if (r->corrupt_count > 0)
		return CLI_EXIT_DAMAGE;
	return topic_asked_end(&r->topic, r->untried > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK);
}

/* ---- the command line ---- */

static int check(void)
{
	if (choices.rate == 0)
		return cli_usage(&command, "a rate of 0 would print nothing");
	if (choices.event_from.kind == CLI_POINT_SEQUENCE ||
	    choices.event_to.kind == CLI_POINT_SEQUENCE)
		return cli_usage(&command, "an event time is a time, or -5m");
	if (range_is_backwards(&choices.from, &choices.to) ||
	    range_is_backwards(&choices.event_from, &choices.event_to))
		return cli_usage(&command, "the range ends before it begins");
	return CLI_GO_ON;
}

int cmd_replay(int argc, char **argv)
{
	static struct replay r;
	uint8_t *bytes = NULL;
	int first = 0;
	memset(&choices, 0, sizeof choices);
	memset(&r, 0, sizeof r);
	int code = cli_parse(&command, argc, argv, &first);
	if (code == CLI_GO_ON)
		code = check();
	if (code != CLI_GO_ON)
		return code;
	choices.count_given = cli_given(&command, "count");
	r.topic.name = choices.topic;
	r.key = choices.key;
	r.key_bytes = choices.key != NULL ? strlen(choices.key) : 0;
	if (choices.key != NULL && choices.hex) {
		bytes = cli_unhex(choices.key, &r.key_bytes);
		if (bytes == NULL || r.key_bytes == 0) {
			free(bytes);
			return cli_usage(&command, "\"%s\" is not hexadecimal", choices.key);
		}
		r.key = bytes;
	}
	code = filter_option_make(&command, &choices.filter, &r.filter);
	if (code == CLI_GO_ON)
		code = run(argv[first], &r);
	weir_filter_destroy(r.filter);
	payload_json_fini(&r.seen);
	payload_json_fini(&r.print.json);
	free(bytes);
	return code;
}
