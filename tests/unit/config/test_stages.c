/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   stages and rings that are no pipeline are told at their places; those that are get the
 *         rings that fit their workers; a program that brings the wrong functions hears all names.
 * Method: texts through the public API, reports compared; rings by the values.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/stages.h>

#include "io/config/config.h"
#include "io/config/rings.h"
#include "tests/support/config_bed.h"

#define STAGES "stages: [{name: a, source: yes}, {name: b}, {name: c}]\n"

Test(stages, what_is_no_stage_is_told_with_the_nearest_name)
{
	cr_assert_str_eq(config_report("stages: [{name: parse, source: yes}, {name: price}]\n"
				       "rings: [{from: [parsee], to: pricee, slot: 8}]\n"),
			 "x:2:17: error: there is no stage \"parsee\"; did you mean \"parse\"?\n"
			 "    2 | rings: [{from: [parsee], to: pricee, slot: 8}]\n"
			 "      |                 ^~~~~~\n"
			 "x:2:30: error: there is no stage \"pricee\"; did you mean \"price\"?\n"
			 "    2 | rings: [{from: [parsee], to: pricee, slot: 8}]\n"
			 "      |                              ^~~~~~\n");
}

Test(stages, a_way_round_is_shown)
{
	cr_assert_str_eq(config_report(STAGES "rings:\n"
					      "  - {from: [a, c], to: b, slot: 8}\n"
					      "  - {from: [b], to: c, slot: 8}\n"),
			 "x:4:13: error: a way round: b -> c -> b\n"
			 "    4 |   - {from: [b], to: c, slot: 8}\n"
			 "      |             ^\n"
			 "      = note: when all of these rings are full, each stage waits for the "
			 "next, for ever\n");
	const char *report = config_report(STAGES "rings:\n"
						  "  - {from: [b], to: b, slot: 8}\n"
						  "  - {from: [a], to: c, slot: 8}\n");
	cr_assert_not_null(strstr(report, "x:3:13: error: a way round: b -> b\n"), "%s", report);
}

Test(stages, a_second_ring_into_a_stage)
{
	const char *report = config_report(STAGES "rings:\n"
						  "  - {from: [a], to: b, slot: 8}\n"
						  "  - {from: [b], to: c, slot: 8}\n"
						  "  - {from: [a], to: c, slot: 8}\n"
						  "  - {from: [a], to: b, slot: 16}\n");
	cr_assert_str_eq(
		report, "x:5:21: error: a second ring into \"c\"\n"
			"    5 |   - {from: [a], to: c, slot: 8}\n"
			"      |                     ^\n"
			"      = note: the first is in line 4, column 21\n"
			"      = help: one ring for all who feed it: their names in its from\n"
			"x:6:21: error: a second ring from \"a\" to \"b\"\n"
			"    6 |   - {from: [a], to: b, slot: 16}\n"
			"      |                     ^\n"
			"      = note: the first is in line 3, column 21\n"
			"      = help: one is enough: kinds of items are told apart in the slot\n");
}

Test(stages, who_feeds_whom)
{
	cr_assert_str_eq(config_report("stages: [{name: a}, {name: b, source: yes}, {name: a}]\n"
				       "rings:\n"
				       "  - {from: [a, b, a], to: b, slot: 8}\n"),
			 "x:1:17: error: nothing feeds the stage \"a\"\n"
			 "    1 | stages: [{name: a}, {name: b, source: yes}, {name: a}]\n"
			 "      |                 ^\n"
			 "      = help: a ring to it, or source: yes if it makes its items itself\n"
			 "x:1:52: error: a second stage \"a\"\n"
			 "    1 | stages: [{name: a}, {name: b, source: yes}, {name: a}]\n"
			 "      |                                                    ^\n"
			 "      = note: the first is in line 1\n"
			 "x:3:16: error: a way round: b -> b\n"
			 "    3 |   - {from: [a, b, a], to: b, slot: 8}\n"
			 "      |                ^\n"
			 "      = note: when all of these rings are full, each stage waits for the "
			 "next, for ever\n"
			 "x:3:19: error: a second stage \"a\"\n"
			 "    3 |   - {from: [a, b, a], to: b, slot: 8}\n"
			 "      |                   ^\n"
			 "      = note: the first is in line 3\n"
			 "x:3:27: error: a ring into \"b\", which is a source\n"
			 "    3 |   - {from: [a, b, a], to: b, slot: 8}\n"
			 "      |                           ^\n"
			 "      = help: source: no for it, or no ring\n");
}

Test(stages, a_shape_that_does_not_fit)
{
	static const char *const two_push =
		"stages: [{name: a, source: yes, workers: 2}, {name: b}]\n"
		"rings: [{from: [a], to: b, slot: 8, shape: %s}]\n";
	static const struct {
		const char *shape;
		const char *said;
	} cases[] = {
		{"spsc", "x:2:44: error: shape: spsc, but 2 workers push and 1 pops\n"},
		{"spmc", "x:2:44: error: shape: spmc, but 2 workers push and 1 pops\n"},
		{"mpsc", NULL},
		{"mpmc", NULL},
		{"broadcast", NULL},
		{"auto", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[400];
		(void)snprintf(text, sizeof text, two_push, cases[i].shape);
		const char *report = config_report(text);
		if (cases[i].said == NULL) {
			cr_assert_str_eq(report, "", "%s", cases[i].shape);
			continue;
		}
		cr_assert_eq(strncmp(report, cases[i].said, strlen(cases[i].said)), 0, "%s",
			     report);
		cr_assert_not_null(strstr(report, "help: shape: auto, which is mpsc here"), "%s",
				   report);
	}
	const char *report =
		config_report("stages: [{name: a, source: yes}, {name: b, workers: 3}]\n"
			      "rings: [{from: [a], to: b, slot: 8, shape: mpsc}]\n");
	cr_assert_not_null(strstr(report, "shape: mpsc, but 1 worker pushes and 3 pop\n"), "%s",
			   report);
	cr_assert_not_null(strstr(report, "which is spmc here"), "%s", report);
}

Test(stages, values_of_their_own)
{
	const char *report =
		config_report("stages: [{name: a, source: yes, workers: 65, priority: 4},"
			      " {name: b, scheduler: fifo, sorce: yes}]\n"
			      "rings: [{from: [a], to: b, slot: 17MiB, capacity: 1000}]\n");
	static const char *const said[] = {
		"error: stages[0].workers: ",
		"error: stages[0].priority: a priority is of fifo and rr only",
		"error: stages[1].scheduler: fifo and rr have a priority",
		"error: unknown key \"sorce\"",
		"error: rings[0].slot: ",
		"error: rings[0].capacity: "};
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		cr_assert_not_null(strstr(report, said[i]), "%s: %s", said[i], report);
	report = config_report("stages: [{name: a, source: yes}, {name: b}]\n"
			       "rings: [{from: [a], to: b, slot: 16MiB, capacity: 1073741824}]\n");
	cr_assert_not_null(strstr(report, "x:2:51: error: the ring is refused: capacity"), "%s",
			   report);
	report = config_report("rings: [{from: [a], to: b, slot: 8}]\n");
	cr_assert_not_null(strstr(report, "help: stages: [{name: b}]"), "%s", report);
}

static void check_ring(const char *yaml, uint32_t ring, enum weir_ring_producers producers,
		       enum weir_ring_consumers consumers, uint32_t push, uint32_t pop)
{
	struct weir_config *config = config_good(yaml);
	struct weir_ring_options o;
	const struct wr_config_ring *rings = config->values.rings.items;
	wr_config_ring_options(&config->values, &rings[ring], &o);
	cr_assert_eq(o.producers, producers);
	cr_assert_eq(o.consumers, consumers);
	cr_assert_eq(o.producers_max, push);
	cr_assert_eq(o.consumers_max, pop);
	cr_assert_eq(o.slot_bytes, 24);
	cr_assert_eq(o.capacity, 4096);
	weir_config_destroy(config);
}

Test(stages, rings_fit_the_workers_on_both_sides)
{
	static const char *const yaml = "stages:\n"
					"  - {name: one, source: yes}\n"
					"  - {name: two, source: yes, workers: 2}\n"
					"  - {name: spsc}\n"
					"  - {name: spmc, workers: 3}\n"
					"  - {name: mpsc, wait: park}\n"
					"  - {name: mpmc, workers: 4}\n"
					"  - {name: all, workers: 5}\n"
					"  - {name: each, workers: 5}\n"
					"rings:\n"
					"  - {from: [one], to: spsc, slot: 24}\n"
					"  - {from: [one], to: spmc, slot: 24}\n"
					"  - {from: [two], to: mpsc, slot: 24}\n"
					"  - {from: [one, two], to: mpmc, slot: 24}\n"
					"  - {from: [one], to: all, slot: 24, shape: broadcast}\n"
					"  - {from: [two], to: each, slot: 24, shape: broadcast}\n";
	check_ring(yaml, 0, WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, 1, 1);
	check_ring(yaml, 1, WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 1, 3);
	check_ring(yaml, 2, WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 2, 1);
	check_ring(yaml, 3, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 3, 4);
	check_ring(yaml, 4, WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER, 1, 5);
	check_ring(yaml, 5, WEIR_RING_MANY_PRODUCERS, WEIR_RING_EVERY_CONSUMER, 2, 5);
}

Test(stages, rings_take_memory)
{
	struct weir_config *config =
		config_good(STAGES "rings: [{from: [a], to: b, slot: 64, capacity: 65536},"
				   " {from: [b], to: c, slot: 64, capacity: 65536}]\n");
	struct wr_config_rings_memory memory;
	wr_config_rings_memory(&config->values, &memory);
	cr_assert_eq(memory.bytes, 12u << 20, "whole transparent pages, unless told otherwise");
	config->values.options.huge_pages = WEIR_HUGE_PAGES_OFF;
	wr_config_rings_memory(&config->values, &memory);
	cr_assert_eq(memory.count, 2);
	cr_assert(memory.bytes >= 8u << 20 && memory.bytes < 9u << 20);
	cr_assert_eq(memory.huge_bytes, 0);
	config->values.options.huge_pages = WEIR_HUGE_PAGES_TRY;
	wr_config_rings_memory(&config->values, &memory);
	cr_assert_eq(memory.huge_bytes, 12u << 20, "4 MiB and a header, of each");
	weir_config_destroy(config);
}

/* ---- opening ---- */

static int nothing(void *context, struct weir_stage_worker *worker,
		   const struct weir_stage_batch *batch)
{
	(void)context;
	(void)worker;
	(void)batch;
	return WEIR_STAGE_DONE;
}

static void check_refused(const struct weir_stage_function *functions, uint32_t count,
			  const char *said)
{
	struct weir_config *config = config_good(STAGES "rings: [{from: [a], to: b, slot: 8},"
							" {from: [b], to: c, slot: 8}]\n");
	struct weir_stages *stages = NULL;
	struct weir_problem why = {0};
	cr_assert_eq(weir_stages_open(config, functions, count, &stages, &why), -EINVAL);
	cr_assert_str_eq(why.text, said);
	cr_assert_eq(why.code, -EINVAL);
	cr_assert_eq(weir_stages_open(config, functions, count, &stages, NULL), -EINVAL);
	cr_assert_null(stages);
	weir_config_destroy(config);
}

Test(stages, each_has_one_function)
{
	static const struct weir_stage_function few[] = {{"b", nothing, NULL}};
	check_refused(few, 1, "no function for the stages: a, c");
	static const struct weir_stage_function none[] = {
		{"a", nothing, NULL}, {"b", NULL, NULL}, {"c", nothing, NULL}};
	check_refused(none, 3, "no function for the stages: b");
	static const struct weir_stage_function others[] = {
		{"a", nothing, NULL}, {"b", nothing, NULL}, {"c", nothing, NULL},
		{"d", nothing, NULL}, {"a", nothing, NULL}, {NULL, nothing, NULL}};
	check_refused(others, 6, "no stage, or a second function for one: d, a, (no name)");
	static const struct weir_stage_function both[] = {
		{"a", nothing, NULL}, {"b", nothing, NULL}, {"d", nothing, NULL}};
	check_refused(both, 3,
		      "no function for the stages: c; no stage, or a second function for one: d");
}

Test(stages, what_cannot_be_opened)
{
	struct weir_stages *stages = NULL;
	struct weir_problem why = {0};
	struct weir_config *config = config_good("version: 1\n");
	cr_assert_eq(weir_stages_open(config, NULL, 0, &stages, &why), -EINVAL);
	cr_assert_str_eq(why.text, "the config has no stages");
	weir_config_destroy(config);
	static const char bad[] = "stages: [{name: a}]\n";
	cr_assert_eq(weir_config_parse("x", bad, strlen(bad), 0, &config, &why), 1);
	cr_assert_eq(weir_stages_open(config, NULL, 0, &stages, &why), -EINVAL);
	cr_assert_not_null(strstr(why.text, "x:1:17: nothing feeds"), "%s", why.text);
	weir_config_destroy(config);
}

/* A config for any machine is placed when it is opened: CPU 8000 is not here. */
Test(stages, cpus_are_looked_at_when_stages_are_opened)
{
	static const struct weir_stage_function functions[] = {{"a", nothing, NULL}};
	struct weir_stages *stages = NULL;
	struct weir_problem why = {0};
	struct weir_config *config = config_good("stages: [{name: a, source: yes, cpus: 8000}]\n");
	cr_assert_eq(weir_stages_open(config, functions, 1, &stages, &why), -EINVAL);
	cr_assert_not_null(strstr(why.text, "x:1:39: CPU 8000"), "%s", why.text);
	weir_config_destroy(config);
	config = config_good("stages: [{name: a, source: yes, workers: 3}]\n");
	cr_assert_eq(weir_stages_open(config, functions, 1, &stages, &why), 0, "%s", why.text);
	cr_assert_eq(weir_stages_wait(stages, WEIR_FOREVER, NULL), 0);
	cr_assert_eq(weir_stages_close(stages, WEIR_CLOSE_ABORT, 0, NULL), 0);
	weir_config_destroy(config);
}
