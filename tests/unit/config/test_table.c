/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the table agrees with the core: its defaults are those of weir_options_init(), its ranges
 *         those of weir_memory_plan(), and no option of the core has been forgotten.
 * Method: every row is walked. Options are set to the ends of the row's range, which the core
 *         takes, and to one beyond, which it refuses with the option's name. The fields of struct
 *         weir_options come from its reference page, which tools/check/reference.sh keeps whole.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/config/read.h"
#include "io/config/values.h"
#include "tests/support/config_bed.h"

static void walk(const struct wr_config_section *section, uint32_t offset, bool in_list,
		 void (*visit)(const struct wr_config_key *key, uint32_t offset, bool in_list))
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		visit(key, offset + key->offset, in_list);
		if (key->section != NULL)
			walk(key->section, key->type == WR_CONFIG_LIST ? 0 : offset + key->offset,
			     in_list || key->type == WR_CONFIG_LIST, visit);
	}
}

static void check_row(const struct wr_config_key *key, uint32_t offset, bool in_list)
{
	(void)offset;
	(void)in_list;
	cr_assert(key->doc != NULL && key->doc[0] != '\0', "%s", key->name);
	cr_assert(key->doc[strlen(key->doc) - 1] != '.', "%s: a sentence without its stop",
		  key->name);
	cr_assert_not_null(key->since, "%s", key->name);
	cr_assert(key->name[strspn(key->name, "abcdefghijklmnopqrstuvwxyz_0123456789")] == '\0');
	if (key->section != NULL)
		return;
	/* Exactly one of: a default, a word on its absence, that it must be given. */
	cr_assert_eq((key->fallback != NULL) + (key->absent != NULL) + key->required, 1, "%s",
		     key->name);
	cr_assert(key->bytes > 0, "%s", key->name);
}

Test(config_table, every_row_is_whole)
{
	walk(&wr_config_file, 0, false, check_row);
}

static struct wr_config_values with_defaults(void)
{
	struct wr_config_values values = {0};
	weir_options_init(&values.options);
	wr_config_defaults(&wr_config_file, &values);
	return values;
}

Test(config_table, defaults_are_those_of_the_core)
{
	struct wr_config_values values = with_defaults();
	struct weir_options *o = &values.options;
	struct weir_options standard;
	struct weir_thread_options *threads[] = {&o->log, &o->journal, &o->group, &o->handler};
	weir_options_init(&standard);
	/* The file names the strategy that is the core's default. */
	for (size_t i = 0; i < WR_ARRAY_COUNT(threads); i++) {
		cr_assert_eq(threads[i]->wait, WEIR_WAIT_ADAPTIVE);
		threads[i]->wait = WEIR_WAIT_DEFAULT;
	}
	cr_assert_str_eq(o->name, standard.name);
	o->name = standard.name;
	cr_assert_arr_eq(o, &standard, sizeof standard);

	struct weir_subscription_options subscription;
	struct wr_config_subscription from = {0};
	const struct wr_config_key *list =
		wr_config_key_find(&wr_config_file, "subscriptions", strlen("subscriptions"));
	wr_config_defaults(list->section, &from);
	weir_subscription_options_init(&subscription);
	cr_assert_eq(from.start.start, subscription.start);
	cr_assert_eq((enum weir_level)from.gate, subscription.gate);
	cr_assert_eq((enum weir_when_slow)from.when_slow, subscription.when_slow);
	cr_assert_eq((enum weir_assignor)from.assignor, subscription.assignor);
	cr_assert_eq(from.session_timeout_ns, subscription.session_timeout_ns);
	cr_assert_eq(from.lag_events_max, subscription.lag_events_max);
	cr_assert_eq(from.lag_time_max_ns, subscription.lag_time_max_ns);

	struct weir_topic_options topic;
	struct wr_config_topic from_topic = {0};
	list = wr_config_key_find(&wr_config_file, "topics", strlen("topics"));
	wr_config_defaults(list->section, &from_topic);
	weir_topic_options_init(&topic);
	cr_assert_eq(from_topic.partitions, topic.partitions);
	cr_assert_eq(from_topic.partitions_max, topic.partitions_max);
}

/* ---- ranges ---- */

static int plan_with(const struct wr_config_key *key, uint32_t offset, uint64_t n,
		     struct weir_problem *problem)
{
	struct wr_config_values values = with_defaults();
	struct weir_memory_plan plan;
	uint32_t n32 = (uint32_t)n;
	/* So that one option's end does not run into a limit of two. */
	values.options.subscriptions_max = 1;
	values.options.partitions_max = 1;
	values.options.segment_bytes = 16u << 20;
	values.options.dir = "x";
	if (key->bytes == 4)
		memcpy((uint8_t *)&values + offset, &n32, sizeof n32);
	else
		memcpy((uint8_t *)&values + offset, &n, sizeof n);
	if (strcmp(key->option, "segment_bytes") == 0 && n == 16384)
		values.options.chunk_bytes = 16384;
	return weir_memory_plan(&values.options, &plan, problem);
}

static uint32_t ranges_seen;

static void check_range(const struct wr_config_key *key, uint32_t offset, bool in_list)
{
	struct weir_problem problem;
	bool is_number = key->type == WR_CONFIG_SIZE || key->type == WR_CONFIG_COUNT;
	if (!is_number || key->option == NULL || key->fallback == NULL || in_list)
		return;
	if (key->min == 0) // a priority, which needs its scheduling class
		return;
	ranges_seen++;
	cr_assert(key->max > 0, "%s", key->name);
	cr_assert_eq(plan_with(key, offset, key->min, &problem), 0, "%s: %s", key->name,
		     problem.text);
	/* A terabyte of chunks is in range, and more chunks than there may be. */
	int at_most = plan_with(key, offset, key->max, &problem);
	cr_assert(at_most == 0 || strcmp(problem.field, "chunk_bytes") == 0, "%s: %s", key->name,
		  problem.text);
	cr_assert_eq(plan_with(key, offset, key->min - 1, &problem), -EINVAL, "%s", key->name);
	cr_assert_str_eq(problem.field, key->option);
	cr_assert_eq(
		plan_with(key, offset, key->max + (key->power_of_two ? key->max : 1), &problem),
		-EINVAL, "%s", key->name);
	cr_assert_str_eq(problem.field, key->option);
	int rc = plan_with(key, offset, key->max - 1, &problem);
	if (key->power_of_two)
		cr_assert(rc == -EINVAL && strcmp(problem.field, key->option) == 0, "%s",
			  key->name);
}

Test(config_table, ranges_are_those_of_the_core)
{
	walk(&wr_config_file, 0, false, check_range);
	cr_assert_geq(ranges_seen, 15);
}

/* ---- options ---- */

/* What a file cannot say, or says as CPUs and maps. */
static const char *const not_keys[] = {"struct_bytes", "manual",     "log",          "journal",
				       "group",        "handler",    "allocator",    "log_fn",
				       "log_context",  "log_limits", "housekeeping", "alerts",
				       "alert_count",  "alert_fn",   "alert_context"};

static bool is_not_a_key(const char *option)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(not_keys); i++)
		if (strcmp(not_keys[i], option) == 0)
			return true;
	return false;
}

Test(config_table, no_option_of_the_core_is_forgotten)
{
	char path[WR_CONFIG_PATH_BYTES];
	size_t bytes;
	uint32_t seen = 0;
	char *page = config_read_file("docs/reference/options.md", &bytes);
	char *section = strstr(page, "\n## struct weir_options\n");
	cr_assert_not_null(section);
	char *end = strstr(section + 1, "\n## ");
	for (char *row = strstr(section, "\n| `"); row != NULL && row < end;
	     row = strstr(row + 1, "\n| `")) {
		char option[64];
		(void)snprintf(option, sizeof option, "%.*s", (int)strcspn(row + 4, "`"), row + 4);
		seen++;
		cr_assert_neq(wr_config_key_of_option(option, path), is_not_a_key(option),
			      "%s: a row in io/config/keys.c, or a word in this test", option);
	}
	free(page);
	cr_assert_geq(seen, 30);
	cr_assert(wr_config_key_of_option("segment_bytes", path));
	cr_assert_str_eq(path, "journal.segment");
	cr_assert(wr_config_key_of_option("log.wait", path));
	cr_assert_str_eq(path, "threads.log.wait");
	cr_assert(wr_config_key_of_option("numa_node", path));
	cr_assert_str_eq(path, "memory.numa");
}
