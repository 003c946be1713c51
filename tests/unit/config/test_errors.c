/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a config with mistakes gets an error for each of them, in one run, at the right line and
 *         column, as a compiler tells it.
 * Method: a file with twelve different mistakes against the text that is expected, byte for byte;
 *         tables of small files, each with the place and the words of its error.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/support/config_bed.h"

static struct weir_config *load_twelve(int *ret_errors)
{
	struct weir_config *config = NULL;
	size_t bytes;
	char *text = config_read_file("tests/data/config/twelve.yaml", &bytes);
	*ret_errors = weir_config_parse("twelve.yaml", text, bytes, WEIR_CONFIG_ANY_MACHINE,
					&config, NULL);
	free(text);
	return config;
}

Test(config_errors, twelve_mistakes_get_twelve_errors_in_one_run)
{
	static char report[1 << 16];
	int errors;
	size_t bytes;
	struct weir_config *config = load_twelve(&errors);
	cr_assert_eq(errors, 12);
	cr_assert_eq(weir_config_report(config, NULL, 0),
		     weir_config_report(config, report, sizeof report));
	char *expected = config_read_file("tests/data/config/twelve.txt", &bytes);
	cr_assert_str_eq(report, expected);
	free(expected);
	weir_config_destroy(config);
}

/* Worked out by hand from the file: where each mistake stands. */
Test(config_errors, each_of_the_twelve_has_its_line_and_column)
{
	static const uint32_t places[][3] = {
		{3, 1, 4},  {6, 15, 4},  {7, 19, 2},  {8, 20, 2},  {10, 10, 4}, {11, 3, 7},
		{12, 9, 1}, {15, 15, 4}, {16, 11, 4}, {19, 12, 6}, {20, 17, 1}, {23, 14, 5},
	};
	int errors;
	uint32_t count;
	struct weir_config *config = load_twelve(&errors);
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	cr_assert_eq(count, WR_ARRAY_COUNT(places));
	for (uint32_t i = 0; i < count; i++) {
		cr_assert_eq(d[i].line, places[i][0], "error %u: line %u", i, d[i].line);
		cr_assert_eq(d[i].column, places[i][1], "error %u: column %u", i, d[i].column);
		cr_assert_eq(d[i].columns, places[i][2], "error %u: %u columns", i, d[i].columns);
	}
	weir_config_destroy(config);
}

struct mistake {
	const char *yaml;
	const char *first_line; /* of the report */
	const char *part;       /* that stands in it somewhere, or NULL */
};

static void check_mistakes(const struct mistake *m, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *report = config_report(m[i].yaml);
		size_t bytes = strlen(m[i].first_line);
		cr_assert(strncmp(report, m[i].first_line, bytes) == 0 && report[bytes] == '\n',
			  "%s\ngave\n%s\nnot\n%s", m[i].yaml, report, m[i].first_line);
		if (m[i].part != NULL)
			cr_assert_not_null(strstr(report, m[i].part), "%s\ngave\n%s\nwithout\n%s",
					   m[i].yaml, report, m[i].part);
	}
}

Test(config_errors, unknown_keys_are_told_with_what_was_meant)
{
	static const struct mistake mistakes[] = {
		{"threads:\n  log: {waits: spin}\n",
		 "x:2:9: error: unknown key \"waits\" in threads.log; did you mean \"wait\"?",
		 NULL},
		{"busy: yes\n", "x:1:1: error: unknown key \"busy\"", "known here: version, name"},
		{"low_space: 5GiB\n", "x:1:1: error: unknown key \"low_space\"",
		 "= help: journal has such a key"},
		/* Many have one: that tells nobody anything. */
		{"stages: [{name: a, source: yes}, {name: b}]\n"
		 "rings: [{name: x, from: [a], to: b, slot: 64}]\n",
		 "x:2:10: error: unknown key \"name\" in rings[0]", "= help: known here: from, to"},
		{"threads: {log: {cpus: 2-5,8}}\n",
		 "x:1:27: error: unknown key \"8\" in threads.log",
		 "= help: in braces a list of CPUs is quoted: \"2-5,8\", or in brackets"},
		{"topics:\n  - {name: a, partition: 3}\n",
		 "x:2:15: error: unknown key \"partition\" in topics[0]; did you mean "
		 "\"partitions\"?",
		 NULL},
		{"\"\\u001fa\\tb\": 1\n", "x:1:2: error: this escape is no character of a text",
		 NULL},
		{"\"a\\tb\": 1\n", "x:1:1: error: unknown key \"a\tb\"", "1 | \"a\\tb\": 1"},
	};
	check_mistakes(mistakes, WR_ARRAY_COUNT(mistakes));
}

Test(config_errors, values_of_the_wrong_kind_are_told)
{
	static const struct mistake mistakes[] = {
		{"journal: ./orders\n",
		 "x:1:10: error: journal is a map of keys, and this is a single value", NULL},
		{"threads: {log: {cpus: []}}\n",
		 "x:1:23: error: threads.log.cpus: no CPU is in this list", "none: not pinned"},
		{"threads: {log: {cpus: [4, \"l3:0\"]}}\n",
		 "x:1:28: error: threads.log.cpus: in brackets are numbers and ranges of CPUs only",
		 "= help: of another kind as one text: \"l3:0,1\"; one kind in a list"},
		{"journal: {dir: a, segment: 64Mi}\n",
		 "x:1:30: error: journal.segment: \"64Mi\" is not a size",
		 "= help: write bytes, or with K, M, G or T: 64KiB, 1.5 GiB"},
		{"journal: {dir: a, evidence_delay: 1h30m}\n",
		 "x:1:36: error: journal.evidence_delay: \"1h30m\" is not a duration",
		 "= help: write one number with ns, us, ms, s, m, h or d: 250us, 1.5 s"},
		{"journal:\n", "x:1:1: error: journal has no dir", "help: dir: The journal's"},
		{"journal: {dir: }\n", "x:1:11: error: journal.dir is a text, and this is nothing",
		 NULL},
		{"journal: {dir: a, segment: ~}\n",
		 "x:1:28: error: journal.segment is a size, and this is nothing",
		 "leave the key out for its default: 64MiB"},
		{"topics: orders\n", "x:1:9: error: topics is a list, and this is a single value",
		 "[...]"},
		{"topics: [orders]\n",
		 "x:1:10: error: topics[0] is a map of keys, and this is a single value", NULL},
		{"topics: [{name: [a]}]\n",
		 "x:1:17: error: topics[0].name is a name, and this is a list", NULL},
		{"topics: [{partitions: 3}]\n", "x:1:10: error: topics[0] has no name",
		 "= help: name: Its name (letters, digits,"},
		{"memory: {pool: -5MiB}\n",
		 "x:1:16: error: memory.pool: \"-5MiB\" is less than nothing", "= help: 1 to 1TiB"},
		{"name: {a: b}\n", "x:1:7: error: name is a name, and this is a map", NULL},
		{"- a\n", "x:1:1: error: a config file is a map of keys and values", NULL},
		{"orders\n", "x:1:1: error: a config file is a map of keys and values", NULL},
		{"subscriptions: [{name: s, topics: []}]\n",
		 "x:1:35: error: subscriptions[0].topics is empty: at least 1", NULL},
	};
	check_mistakes(mistakes, WR_ARRAY_COUNT(mistakes));
}

Test(config_errors, what_does_not_go_together_is_told)
{
	static const struct mistake mistakes[] = {
		{"journal: {dir: a, segment: 100KiB}\nmemory: {chunk: 64KiB}\n",
		 "x:1:28: error: journal.segment: not a multiple of memory.chunk, which is 64KiB",
		 NULL},
		/* What stands in the place of a chunk that was refused is not the file's. */
		{"journal: {dir: a, segment: 100KiB}\nmemory: {chunk: 1000000}\n",
		 "x:2:17: error: memory.chunk: \"1000000\" is not a power of two", NULL},
		{"limits: {subscriptions: 4096, partitions: 1M}\n",
		 "x:1:25: error: limits.subscriptions: limits.subscriptions times "
		 "limits.partitions exceeds 16,777,216",
		 NULL},
		{"topics: [{name: a, partitions: 2000}]\n",
		 "x:1:32: error: topics: 2000 partitions in all, and limits.partitions is 1024",
		 "limits: {partitions: 2000}"},
		{"topics: [{name: a, partitions: 1000}, {name: b, partitions: 20}, {name: c,\n"
		 "  partitions: 5}, {name: d}]\n",
		 "x:2:15: error: topics: 1026 partitions in all, and limits.partitions is 1024",
		 NULL},
		{"topics: [{name: a, idempotency: {keys: 100}}]\n",
		 "x:1:33: error: topics: 100 idempotency keys in all, and limits.idempotency_keys "
		 "is 0",
		 "limits: {idempotency_keys: 100}"},
		{"limits: {idempotency_keys: 5}\n"
		 "topics: [{name: a, idempotency: {keys: 5, span: 1500ns}}]\n",
		 "x:2:33: error: span: of whole microseconds", NULL},
		{"topics: [{name: a, idempotency: {span: 5m}}]\n",
		 "x:1:20: error: topics[0].idempotency has no keys", NULL},
		{"limits: {partitions: 3}\ntopics: [{name: a, partitions: 3}, {name: b}]\n",
		 "x:2:36: error: topics: 4 partitions in all, and limits.partitions is 3", NULL},
		{"memory:\n  pool: 1TiB\n",
		 "x:2:9: error: memory.chunk: memory.pool and memory.undurable need 1048576 chunks "
		 "of 1048576 bytes, and there are at most 65534: larger chunks, or less of them",
		 NULL},
		{"memory: {chunk: 16KiB, huge_pages: require, pool: 1MiB}\n",
		 "x:1:51: error: memory.huge_page_size: the pool is smaller than one such page: "
		 "raise memory.pool, or take smaller pages",
		 NULL},
		{"memory: {chunk: 16MiB}\njournal: {dir: a, segment: 24MiB}\n",
		 "x:2:28: error: journal.segment: not a multiple of memory.chunk, which is 16MiB",
		 NULL},
		{"limits: {topics: 1}\ntopics: [{name: a}, {name: b}]\n",
		 "x:2:1: error: topics: 2 of them, and limits.topics is 1", NULL},
		{"topics: [{name: a}]\nsubscriptions:\n- {name: s, topics: [a]}\n"
		 "- {name: s, topics: [a]}\n",
		 "x:4:10: error: a second subscription \"s\"", "the first is in line 3"},
		{"topics: [{name: a}]\nsubscriptions: [{name: s, topics: [a, a]}]\n",
		 "x:2:39: error: a second topic \"a\"", NULL},
		{"subscriptions: [{name: s, topics: [elephants]}]\n",
		 "x:1:36: error: there is no topic \"elephants\"", "topics: [{name: elephants}]"},
		{"threads: {log: {priority: 5}, group: {scheduler: rr}}\n",
		 "x:1:27: error: threads.log.priority: a priority is of fifo and rr only",
		 "x:1:50: error: threads.group.scheduler: fifo and rr have a priority"},
		{"version: 2\n", "x:1:10: error: version: \"2\" is not known here: 1 is", NULL},
		{"threads: {journal: {own: yes}}\n",
		 "x:1:11: warning: threads.journal does nothing without a journal", NULL},
		{"memory: {undurable: 1MiB}\n",
		 "x:1:10: warning: memory.undurable does nothing without a journal", NULL},
		{"journal: {dir: j}\nmemory: {undurable: 1GiB}\n",
		 "x:2:21: warning: memory.undurable, 1GiB, does not fit into memory.pool, 64MiB: "
		 "the pool becomes 1046MiB",
		 "= help: memory: {pool: 1046MiB}"},
		{"journal: {dir: j}\nmemory: {pool: 8MiB}\n",
		 "x:2:16: warning: memory.undurable, 8MiB, does not fit into memory.pool, 8MiB: "
		 "the pool becomes 30MiB",
		 NULL},
		{"topics: [{name: a}]\nsubscriptions: [{name: s, topics: [a], gate: durable}]\n",
		 "x:2:46: error: without a journal nothing becomes durable", NULL},
	};
	check_mistakes(mistakes, WR_ARRAY_COUNT(mistakes));
}

Test(config_errors, what_a_topic_cannot_keep_is_told)
{
	static const struct mistake mistakes[] = {
		{"journal: {dir: a, pack: padding}\ntopics: [{name: a, retention_time: 1d}]\n",
		 "x:2:36: error: no topic has a retention of its own without "
		 "journal.topic_retention",
		 "journal: {pack: padding, topic_retention: yes}"},
		{"journal: {dir: a, pack: padding, topic_retention: yes, retention_time: 1h}\n"
		 "topics: [{name: a, retention_time: 1d}]\n",
		 "x:2:36: error: the journal keeps nothing that long (journal.retention_time)",
		 NULL},
		{"journal: {dir: a, pack: padding, topic_retention: yes, retention: 1GiB}\n"
		 "topics: [{name: a, retention: 2GiB}]\n",
		 "x:2:31: error: the journal does not keep that much (journal.retention)", NULL},
		{"journal: {dir: a, topic_retention: yes}\n",
		 "x:1:36: error: journal.topic_retention: what a topic does not keep leaves by "
		 "packing: it needs journal.pack",
		 NULL},
	};
	check_mistakes(mistakes, WR_ARRAY_COUNT(mistakes));
}

Test(config_errors, what_a_topic_can_grow_to_counts_and_is_not_less_than_it_has)
{
	static const struct mistake mistakes[] = {
		{"topics: [{name: a, partitions: 2, partitions_max: 2000}]\n",
		 "x:1:32: error: topics: 2000 partitions in all, and limits.partitions is 1024",
		 NULL},
		{"topics: [{name: a, partitions: 4, partitions_max: 2}]\n",
		 "x:1:51: error: the topic has 4 partitions already", NULL},
	};
	check_mistakes(mistakes, WR_ARRAY_COUNT(mistakes));
}

/* A priority or a class that is at fault itself says nothing about the other one. */
Test(config_errors, of_a_priority_and_a_class_only_what_is_at_fault_is_told)
{
	static const char *const texts[][2] = {
		{"threads: {group: {priority: 150, scheduler: fifo}}\n",
		 "x:1:29: error: threads.group.priority: \"150\" is too large\n"},
		{"threads: {group: {priority: 5, scheduler: fiffo}}\n",
		 "x:1:43: error: threads.group.scheduler: \"fiffo\" is none of the choices"},
		{"threads: {group: {priority: 0, scheduler: rr}}\n",
		 "x:1:43: error: threads.group.scheduler: fifo and rr have a priority\n"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++) {
		const char *report = config_report(texts[i][0]);
		cr_assert(strncmp(report, texts[i][1], strlen(texts[i][1])) == 0, "%s", report);
		cr_assert_null(strstr(report + 1, "x:1:"), "%s", report);
	}
}

Test(config_errors, columns_count_characters_and_the_mark_stands_below)
{
	cr_assert_str_eq(config_report("threads: {log: {name: \"Ünïcödé\", wait: büsy}}\n"),
			 "x:1:40: error: threads.log.wait: \"büsy\" is none of the choices\n"
			 "    1 | threads: {log: {name: \"Ünïcödé\", wait: büsy}}\n"
			 "      |                                        ^~~~\n"
			 "      = help: use adaptive, spin, yield or park\n");
	/* A tab is one character, and stays one below. */
	cr_assert_str_eq(config_report("name: \"a\tb\"\n"),
			 "x:1:9: error: name: \"a\tb\" is not a name\n"
			 "    1 | name: \"a\tb\"\n"
			 "      |         ^\n"
			 "      = help: names are of letters, digits, '.', '_' and '-'\n");
}

Test(config_errors, of_a_long_line_the_part_around_the_mark_is_shown)
{
	char yaml[1000] = "topics: [";
	for (int i = 0; i < 20; i++)
		(void)snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml),
			       "{name: t%d, partitions: %d},", i, i == 10 ? 0 : 1);
	(void)snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "]\n");
	const char *report = config_report(yaml);
	const char *line = strstr(report, "\n    1 | ...");
	cr_assert_not_null(line, "%s", report);
	const char *mark = strchr(line + 1, '\n') + 1;
	size_t column = (size_t)(strchr(mark, '^') - mark);
	cr_assert_eq(line[1 + column], '0', "%s", report);
	cr_assert(strchr(mark, '\n') - mark < 140);
}

Test(config_errors, at_most_a_hundred_are_kept_and_the_rest_is_counted)
{
	static char yaml[8192];
	struct weir_config *config = NULL;
	uint32_t count;
	for (int i = 0; i < 150; i++)
		(void)snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "key_%d: x\n", i);
	int rc = weir_config_parse("x", yaml, strlen(yaml), WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	cr_assert_eq(rc, 150);
	(void)weir_config_diagnostics(config, &count);
	cr_assert_eq(count, 100);
	static char report[1 << 16];
	(void)weir_config_report(config, report, sizeof report);
	cr_assert_not_null(strstr(report, "x: and 50 more\n"));
	weir_config_destroy(config);
}
