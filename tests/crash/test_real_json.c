/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   nested JSON documents of up to 30 KB come out byte for byte, per key in order.
 * Method: 1,000 public events of a code host, keyed by repository id over 8 partitions, durable.
 *         They are read while the pipeline is open, again after a reopen by another subscription,
 *         and from the journal's files without a pipeline; each time every byte is compared, and
 *         every key must stay in one partition.
 *
 * Plain main(), TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>
#include <weir/journal.h>

#include "core/base/bytes.h"
#include "tests/support/real_data.h"
#include "tools/weir/demo/line.h"
#include "tools/weir/demo/source.h"

#define SECOND_NS UINT64_C(1000000000)
#define PARTITIONS 8u
#define EVENTS 1000u

static struct demo_text lines[EVENTS];
static struct demo_text keys[EVENTS];
static size_t event_count;

/* repo.id, as its digits stand in the line. */
static struct demo_text key_of(struct demo_text line)
{
	struct demo_text repo;
	struct demo_text id = {0};

	if (!demo_json_member(line, "repo", &repo) || !demo_json_member(repo, "id", &id))
		return (struct demo_text){0};
	return demo_json_scalar(id);
}

static size_t read_lines(const struct demo_input *input)
{
	struct demo_text rest = input->text;
	struct demo_text line;
	size_t longest_bytes = 0;

	while (event_count < EVENTS && demo_line_next(&rest, &line)) {
		lines[event_count] = line;
		keys[event_count] = key_of(line);
		if (line.bytes > longest_bytes)
			longest_bytes = line.bytes;
		event_count++;
	}
	return longest_bytes;
}

/* --- comparing ----------------------------------------------------------------------------- */

struct comparison {
	size_t seen_count;
	size_t wrong_count;
	uint64_t sequences[EVENTS]; /* of each line */
	uint64_t last_sequence[PARTITIONS];
	uint32_t partitions[EVENTS]; /* of each line: its key's */
	bool used[PARTITIONS];
};

/* Which line an item is, by the event id that it was given; EVENTS: none. */
static size_t line_of(const struct weir_item *item)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	size_t at = ids.event_id_bytes == 8 ? wr_get_u64(ids.event_id) : EVENTS;
	return at < event_count ? at : EVENTS;
}

/* A member gets each partition in order; among partitions only the sequence says what was first. */
static void compare_item(struct comparison *comparison, const struct weir_item *item)
{
	size_t at = line_of(item);
	struct demo_text key = {.at = item->key, .bytes = item->key_bytes};
	struct demo_text payload = {.at = item->payload, .bytes = item->payload_bytes};
	bool good = at < EVENTS && item->kind == WEIR_ITEM_EVENT && item->partition < PARTITIONS &&
		    item->sequence > comparison->last_sequence[item->partition] &&
		    comparison->sequences[at] == 0 && demo_text_equal(key, keys[at]) &&
		    demo_text_equal(payload, lines[at]);

	comparison->seen_count++;
	if (!good) {
		comparison->wrong_count++;
		return;
	}
	comparison->last_sequence[item->partition] = item->sequence;
	comparison->sequences[at] = item->sequence;
	comparison->partitions[at] = item->partition;
	comparison->used[item->partition] = true;
}

/* One producer, one log: the order of sequences is that of publishing; a key has one partition. */
static size_t misplaced_count(const struct comparison *comparison)
{
	size_t count = 0;
	for (size_t at = 1; at < event_count; at++) {
		bool good = comparison->sequences[at] > comparison->sequences[at - 1];
		for (size_t i = 0; i < at; i++)
			if (demo_text_equal(keys[i], keys[at]) &&
			    comparison->partitions[i] != comparison->partitions[at])
				good = false;
		count += !good;
	}
	return count;
}

static void check_comparison(const struct comparison *comparison, const char *name)
{
	unsigned used_count = 0;
	for (unsigned i = 0; i < PARTITIONS; i++)
		used_count += comparison->used[i];
	tap_check(comparison->seen_count == event_count && comparison->wrong_count == 0 &&
			  misplaced_count(comparison) == 0,
		  "%s: %zu documents byte for byte, in order, each key in its partition (%zu read, "
		  "%zu wrong)",
		  name, event_count, comparison->seen_count, comparison->wrong_count);
	tap_check(used_count == PARTITIONS, "%s: all %u partitions are in use", name, PARTITIONS);
}

static int on_journal_event(void *context, const struct weir_journal_event *event)
{
	compare_item(context, &event->item);
	return 0;
}

/* --- the pipeline -------------------------------------------------------------------------- */

static void explain(const char *what, int error, const struct weir_problem *problem)
{
	if (error < 0)
		tap_note("%s: %s %s %s", what, weir_error_name(error), problem->field,
			 problem->text);
}

static int open_topic(const char *dir, struct weir_pipeline **ret_pipeline, uint32_t *ret_topic)
{
	struct weir_problem problem = {0};
	struct weir_options options;
	struct weir_topic_options topic;

	test_options(&options, dir);
	int error = weir_open(&options, ret_pipeline, &problem);
	if (error < 0) {
		explain("weir_open", error, &problem);
		return error;
	}
	weir_topic_options_init(&topic);
	topic.name = "github";
	topic.partitions = PARTITIONS;
	error = weir_topic_create(*ret_pipeline, &topic, ret_topic, &problem);
	explain("weir_topic_create", error, &problem);
	return error;
}

static int publish_all(struct weir_pipeline *pipeline, uint32_t topic)
{
	struct weir_problem problem = {0};
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint64_t ticket = 0;

	weir_producer_options_init(&options);
	options.level = WEIR_LEVEL_DURABLE;
	int error = weir_producer_open(pipeline, &options, &producer, &problem);
	if (error < 0) {
		explain("weir_producer_open", error, &problem);
		return error;
	}
	for (size_t i = 0; error == 0 && i < event_count; i++) {
		uint8_t index_bytes[8];
		wr_put_u64(index_bytes, i);
		const struct weir_ids ids = {.event_id = index_bytes, .event_id_bytes = 8};
		const struct weir_event event = {.topic = topic,
						 .ids = &ids,
						 .key = keys[i].at,
						 .key_bytes = keys[i].bytes,
						 .payload = lines[i].at,
						 .payload_bytes = lines[i].bytes};
		error = weir_publish(producer, &event, &ticket);
		(void)weir_producer_poll_acks(producer);
	}
	if (error == 0)
		error = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, SECOND_NS * 30);
	int closed = weir_producer_close(producer, SECOND_NS * 10);
	explain("publishing", error, &problem);
	return error < 0 ? error : closed;
}

static int poll_all(struct weir_pipeline *pipeline, const char *name, struct comparison *comparison)
{
	static const char *const topics[] = {"github"};
	static struct weir_item items[64];
	struct weir_problem problem = {0};
	struct weir_subscription_options options;
	struct weir_member_options member_options;
	struct weir_member *member;
	uint32_t subscription;

	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topics;
	options.topic_count = 1;
	options.start = WEIR_START_OLDEST;
	weir_member_options_init(&member_options);
	int error = weir_subscription_create(pipeline, &options, &subscription, &problem);
	if (error == 0)
		error = weir_member_join(pipeline, subscription, &member_options, &member,
					 &problem);
	if (error < 0) {
		explain("subscribing", error, &problem);
		return error;
	}
	while (comparison->seen_count < event_count) {
		int count = weir_poll(member, items, 64, SECOND_NS * 10);
		if (count <= 0) {
			error = count < 0 ? count : -ETIMEDOUT;
			explain("weir_poll", error, &problem);
			break;
		}
		for (int i = 0; i < count; i++)
			compare_item(comparison, &items[i]);
		(void)weir_ack_all(member);
	}
	int left = weir_member_leave(member, SECOND_NS * 10);
	return error < 0 ? error : left;
}

static void run_round_trip(const char *dir)
{
	static struct comparison open_once;
	static struct comparison reopened;
	static struct comparison inspected;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem problem = {0};
	struct weir_journal_visitor visitor;
	uint32_t topic;

	bool good = open_topic(dir, &pipeline, &topic) == 0 && publish_all(pipeline, topic) == 0 &&
		    poll_all(pipeline, "first", &open_once) == 0;
	tap_check(good, "published, durable, and polled");
	check_comparison(&open_once, "open");
	tap_check(weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL) == 0, "closed");

	pipeline = NULL;
	good = open_topic(dir, &pipeline, &topic) == 0 &&
	       poll_all(pipeline, "second", &reopened) == 0;
	tap_check(good, "opened again in the same process, and polled");
	check_comparison(&reopened, "reopened");
	tap_check(weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL) == 0,
		  "closed again");

	weir_journal_visitor_init(&visitor);
	visitor.event = on_journal_event;
	visitor.context = &inspected;
	int error = weir_journal_inspect(dir, &visitor, NULL, &problem);
	explain("weir_journal_inspect", error, &problem);
	tap_check(error == 0, "the journal's files are read without a pipeline");
	check_comparison(&inspected, "files");
}

int main(void)
{
	char path[TEST_PATH_BYTES];
	char dir[TEST_PATH_BYTES];
	struct demo_input input;

	if (!real_data_find("github-events/events.jsonl", path)) {
		tap_skip("no real JSON documents to run on");
		return tap_end();
	}
	if (demo_input_open(&input, path) < 0) {
		printf("Bail out! %s cannot be read\n", path);
		return 1;
	}
	size_t longest_bytes = read_lines(&input);
	size_t keyless_count = 0;
	for (size_t i = 0; i < event_count; i++)
		keyless_count += keys[i].bytes == 0;
	tap_check(event_count == EVENTS && keyless_count == 0 && longest_bytes > 20000,
		  "%zu documents, all with a repository id, the longest of %zu bytes", event_count,
		  longest_bytes);
	test_dir_make(dir);
	run_round_trip(dir);
	test_dir_remove(dir);
	demo_input_close(&input);
	return tap_end();
}
