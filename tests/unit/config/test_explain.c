/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the values in force are shown with where they come from; what is shown is a file that
 *         means the same; one key is shown with all that the table knows.
 * Method: the explanation of a file that sets every kind of value, read back; parts of texts; the
 *         examples of docs/examples.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/support/config_bed.h"

static char text[131072];
static char again[65536];

static const char *explain(const char *yaml, const char *key, char to[65536])
{
	struct weir_config *config = config_good(yaml);
	size_t bytes = weir_config_explain(config, key, to, 65536);
	cr_assert(bytes > 0 && bytes < 65536);
	cr_assert_eq(strlen(to), bytes);
	weir_config_destroy(config);
	return to;
}

static const char every_kind[] = "name: orders\n"
				 "journal:\n"
				 "  dir: \"it's: here\"\n"
				 "  retention: 1.5GiB\n"
				 "  evidence_delay: 1500us\n"
				 "  seal_before_ack: true\n"
				 "limits: {producers: 1_00}\n"
				 "machine: {avoid: \"+0-1\", smt: all}\n"
				 "threads:\n"
				 "  log: {cpus: [4, \"6-8\"], wait: park, name: the log}\n"
				 "topics:\n"
				 "  - {name: a, partitions: 3}\n"
				 "  - name: b\n"
				 "subscriptions:\n"
				 "  - name: s\n"
				 "    topics: [a, b]\n"
				 "    start: time 2026-01-31T12:00:00+01:00\n"
				 "    lag: {time: 90s}\n";

Test(config_explain, values_come_with_their_lines)
{
	static const char *const parts[] = {
		"\nname: orders                            # line 1\n",
		"\nversion: 1                              # default\n",
		"\n  dir: \"it's: here\"                     # line 3\n",
		"\n  retention: 1536MiB                    # line 4\n",
		"\n  evidence_delay: 1500us                # line 5\n",
		"\n  seal_before_ack: yes                  # line 6\n",
		"\n  # checkpoint:                         # default: 64MiB, or four times",
		"\n  producers: 100                        # line 7\n",
		"\n  avoid: +0-1                           # line 8\n",
		"\n    cpus: \"4,6-8\"                       # line 10\n",
		"\n    name: the log                       # line 10\n",
		"\n    # name:                             # default: weir's own\n",
		"\n  -\n    # Its name\n    name: a                             # line 12\n",
		"\n  -\n    name: b                             # line 13\n",
		"\n    topics: [a, b]                      # line 16\n",
		"\n    start: time 2026-01-31T11:00:00.000000Z # line 17\n",
		"\n      time: 90s                         # line 18\n",
	};
	(void)explain(every_kind, NULL, text);
	for (size_t i = 0; i < WR_ARRAY_COUNT(parts); i++)
		cr_assert_not_null(strstr(text, parts[i]), "no %s in\n%s", parts[i], text);
}

Test(config_explain, an_explanation_is_a_file_that_means_the_same)
{
	static const char *const files[] = {every_kind, "",
					    "journal: {dir: x}\ntopics: [{name: a}]\n"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(files); i++) {
		static char third[65536];
		(void)explain(files[i], NULL, text);
		(void)explain(text, NULL, again);
		cr_assert_str_eq(explain(again, NULL, third), again);
	}
}

Test(config_explain, an_absent_journal_stays_absent)
{
	(void)explain("name: a\n", NULL, text);
	struct weir_config *config = config_good(text);
	cr_assert_null(weir_config_options(config)->dir);
	weir_config_destroy(config);
}

Test(config_explain, one_key_is_told_with_value_and_row)
{
	cr_assert_str_eq(explain(every_kind, "topics.partitions", text),
			 "topics[0].partitions = 3    (x:12)\n"
			 "topics[1].partitions = 1    (default)\n"
			 "topics.partitions\n"
			 "  Events with the same key are in the same one, in order\n"
			 "  value:   a whole number: 42, 1_000_000 or 5M\n"
			 "  range:   1 to 1048576\n"
			 "  default: 1\n"
			 "  since:   0.1\n");
	(void)explain(every_kind, "journal.checkpoint", text);
	cr_assert_not_null(strstr(text, "journal.checkpoint = 64MiB, or four times"), "%s", text);
	cr_assert_not_null(strstr(text, "  sets:    checkpoint_bytes of struct weir_options\n"));
	cr_assert_gt(weir_config_explain(NULL, "threads", text, sizeof text), 0);
	cr_assert_not_null(strstr(text, "    handler "), "%s", text);
	cr_assert_eq(weir_config_explain(NULL, "threads.nobody", text, sizeof text), 0);
	cr_assert_eq(weir_config_explain(NULL, "journal.dir.x", text, sizeof text), 0);
	cr_assert_eq(weir_config_explain(NULL, "", text, sizeof text), 0);
}

Test(config_explain, a_config_with_errors_is_not_explained)
{
	struct weir_config *config = NULL;
	cr_assert_eq(weir_config_parse("x", "nmae: a\n", 8, WEIR_CONFIG_ANY_MACHINE, &config, NULL),
		     1);
	cr_assert_eq(weir_config_explain(config, NULL, text, sizeof text), 0);
	cr_assert_null(weir_config_options(config));
	weir_config_destroy(config);
}

Test(config_explain, a_small_room_gets_the_beginning)
{
	char room[10];
	size_t bytes = weir_config_explain(NULL, NULL, text, sizeof text);
	cr_assert_eq(weir_config_explain(NULL, NULL, room, sizeof room), bytes);
	cr_assert_eq(strlen(room), sizeof room - 1);
	cr_assert(strncmp(room, text, sizeof room - 1) == 0);
	cr_assert_eq(weir_config_explain(NULL, NULL, NULL, 0), bytes);
	cr_assert_gt(weir_config_schema(WEIR_CONFIG_JSON_SCHEMA, room, sizeof room), bytes);
	cr_assert_eq(weir_config_schema((enum weir_config_format)9, room, sizeof room), 0);
}

Test(config_explain, the_reference_page_is_that_of_the_table)
{
	size_t bytes;
	char *page = config_read_file("docs/reference/config.md", &bytes);
	(void)weir_config_schema(WEIR_CONFIG_MARKDOWN, text, sizeof text);
	cr_assert_str_eq(page, text,
			 "weir config schema --format markdown >docs/reference/config.md");
	free(page);
}

Test(config_explain, the_examples_have_no_errors)
{
	size_t bytes;
	char *yaml = config_read_file("docs/examples/orders.yaml", &bytes);
	uint32_t count;
	struct weir_config *config = config_good(yaml);
	cr_assert_str_eq(weir_config_options(config)->dir, "orders.journal");
	(void)weir_config_topics(config, &count);
	cr_assert_eq(count, 2);
	const struct weir_subscription_options *s = weir_config_subscriptions(config, &count);
	cr_assert_eq(count, 2);
	cr_assert_eq(s[0].session_timeout_ns, 10000000000);
	weir_config_destroy(config);
	free(yaml);
}
