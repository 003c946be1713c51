/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir journal audit DIR KEY`: who appended what for a key, when, and because of what. One walk;
 * nothing is kept but the event in hand. Read-only; works while the owner is running.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/journal.h>
#include <weir/trace.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/json_out.h"
#include "tools/weir/scan_progress.h"

static const char *topic;
static bool want_hex;
static bool to_json;
static bool want_json;

static const struct cli_option options[] = {
	{.name = "topic",
	 .type = CLI_STRING,
	 .target = &topic,
	 .value_name = "NAME",
	 .help = "only events of this topic"},
	{.name = "hex",
	 .type = CLI_FLAG,
	 .target = &want_hex,
	 .help = "KEY and payloads in hexadecimal"},
	OPTION_TO_JSON(&to_json),
	{.name = "json", .type = CLI_FLAG, .target = &want_json, .help = "one JSON object a line"},
};

static const struct cli_command command = {
	.name = "journal audit",
	.arguments = "DIR KEY",
	.summary = "List who appended what for a key, when, and because of what.",
	.description =
		"A line each: sequence, append time, topic, who published it (named producers:\n"
		"name, epoch and number; others are not on record), the source's own time, ids,\n"
		"payload. Exit code 4: there is no event with that key.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 2,
	.arguments_max = 2,
};

struct audit {
	const uint8_t *key;
	size_t key_bytes;
	uint64_t found;
	uint64_t corrupt_count;
	struct journal_print print;
	struct scan_progress progress;
};

/* ---- one event ------------------------------------------------------------------------------- */

static void print_id(const char *name, const void *id, size_t id_bytes)
{
	if (id_bytes == 0)
		return;
	printf(" %s=", name);
	journal_print_bytes(stdout, id, id_bytes, false);
}

static void print_text(struct audit *audit, const struct weir_journal_event *event)
{
	const struct weir_item *item = &event->item;
	uint64_t event_time_us = weir_item_event_time_us(item);
	char time[CLI_TEXT_BYTES], place[WEIR_POS_TEXT_BYTES];
	struct weir_ids ids;
	struct weir_pos pos;

	weir_item_ids(item, &ids);
	printf("%llu", (unsigned long long)item->sequence);
	journal_print_time(&audit->print, stdout, item->append_time_us);
	if (event->topic_name != NULL)
		printf(" %s[%u]", event->topic_name, item->partition);
	else
		printf(" topic-%u[?]", item->topic);
	if (event->producer_name == NULL)
		printf(" by no name");
	else
		printf(" by %s (epoch %u, number %llu)",
		       event->producer_name[0] != '\0' ? event->producer_name : "an unknown name",
		       event->producer_epoch, (unsigned long long)event->producer_sequence);
	if (event_time_us != 0)
		printf(" at %s", cli_text_time(time, event_time_us));
	print_id("id", ids.event_id, ids.event_id_bytes);
	print_id("flow", ids.correlation_id, ids.correlation_id_bytes);
	print_id("cause", ids.causation_id, ids.causation_id_bytes);
	print_id("trace", ids.traceparent, ids.traceparent_bytes);
	if (journal_copy_of(item, &pos))
		print_id("copy_of", place, weir_pos_text(&pos, place));
	putchar(' ');
	if (item->payload == NULL)
		printf("(no payload)");
	else if (!payload_json_print(stdout, &audit->print.json))
		journal_print_bytes(stdout, item->payload, item->payload_bytes, want_hex);
	payload_json_print_why(stdout, &audit->print.json);
	putchar('\n');
}

static void print_json(struct audit *audit, const struct weir_journal_event *event)
{
	const struct weir_item *item = &event->item;
	uint64_t event_time_us = weir_item_event_time_us(item);
	char place[WEIR_POS_TEXT_BYTES];
	struct weir_pos pos;
	struct json_out j;

	json_begin(&j, stdout, JSON_LINE);
	json_object(&j, NULL);
	json_u64(&j, "sequence", item->sequence);
	json_u64(&j, "epoch", item->epoch);
	journal_json_time(&j, "append_time", item->append_time_us);
	json_u64(&j, "append_time_us", item->append_time_us);
	json_text(&j, "topic", event->topic_name);
	json_u64(&j, "topic_id", item->topic);
	if (item->partition != UINT32_MAX)
		json_u64(&j, "partition", item->partition);
	if (item->type != 0)
		json_u64(&j, "type", item->type);
	/* null: published without a name; "": the name is not known any more. */
	json_text(&j, "producer", event->producer_name);
	if (event->producer_name != NULL) {
		json_u64(&j, "producer_epoch", event->producer_epoch);
		json_u64(&j, "producer_sequence", event->producer_sequence);
	}
	if (event_time_us != 0)
		journal_json_time(&j, "event_time", event_time_us);
	journal_json_ids(&j, item);
	if (journal_copy_of(item, &pos))
		json_text_n(&j, "copy_of", place, weir_pos_text(&pos, place));
	journal_json_bytes(&j, "key", "key_hex", item->key, item->key_bytes, want_hex);
	if (!payload_json_member(&j, &audit->print.json))
		journal_json_bytes(&j, "payload", "payload_hex", item->payload, item->payload_bytes,
				   want_hex);
	json_end(&j);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* One of the key's. */
static int see_event(struct audit *audit, const struct weir_journal_event *event)
{
	if (topic != NULL && (event->topic_name == NULL || strcmp(event->topic_name, topic) != 0))
		return 0;
	audit->found++;
	scan_progress_clear(&audit->progress);
	payload_json_make(&audit->print.json, event);
	if (want_json)
		print_json(audit, event);
	else
		print_text(audit, event);
	/* Nobody reads on: main() says so. */
	return ferror(stdout) != 0;
}

/* Of most events all that is looked at is the key. */
static int see_events(void *context, const struct weir_journal_events *events)
{
	struct audit *audit = context;
	struct weir_journal_event event;
	int code = 0;

	for (size_t i = 0; code == 0 && i < events->count; i++) {
		const struct weir_item *item = &events->items[i];
		if (item->key_bytes != audit->key_bytes ||
		    memcmp(item->key, audit->key, audit->key_bytes) != 0)
			continue;
		weir_journal_event_read(events, i, &event);
		code = see_event(audit, &event);
	}
	return code;
}

static int see_segment(void *context, const struct weir_journal_segment *segment)
{
	struct audit *audit = context;

	scan_progress_segment(&audit->progress, segment, audit->found);
	return 0;
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct audit *audit = context;

	audit->corrupt_count += damage->corrupt ? 1 : 0;
	scan_progress_clear(&audit->progress);
	fflush(stdout);
	journal_print_damage(stderr, damage);
	return 0;
}

static int run(const char *dir, struct audit *audit)
{
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.events = see_events;
	visitor.schemas = audit->print.json.is_asked = to_json;
	visitor.segment = see_segment;
	visitor.damage = see_damage;
	visitor.context = audit;
	scan_progress_begin(&audit->progress, dir);
	int code = weir_journal_inspect(dir, &visitor, NULL, &problem);
	scan_progress_clear(&audit->progress);
	payload_json_fini(&audit->print.json);
	if (code < 0)
		return cli_fail(dir, code, problem.text[0] != '\0' ? &problem : NULL);
	if (audit->corrupt_count > 0)
		return CLI_EXIT_DAMAGE;
	if (audit->found > 0)
		return CLI_EXIT_OK;
	fprintf(stderr, "weir: there is no event with that key%s%s%s\n",
		topic != NULL ? " in topic " : "", topic != NULL ? topic : "",
		" (retention may have removed it)");
	return CLI_EXIT_NOT_FOUND;
}

int cmd_journal_audit(int argc, char **argv)
{
	struct audit audit = {0};
	uint8_t *bytes = NULL;
	int first = 0;

	topic = NULL;
	want_hex = want_json = to_json = false;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	const char *key = argv[first + 1];
	audit.key = (const uint8_t *)key;
	audit.key_bytes = strlen(key);
	if (want_hex) {
		bytes = cli_unhex(key, &audit.key_bytes);
		audit.key = bytes;
		if (bytes == NULL)
			return cli_usage(&command, "\"%s\" is not hexadecimal", key);
	}
	if (audit.key_bytes == 0) {
		free(bytes);
		return cli_usage(&command, "a key has 1 byte at least");
	}
	code = run(argv[first], &audit);
	free(bytes);
	return code;
}
