/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   stages of a config that are shown stand in a pipeline's metrics with all that they say of
 *         themselves, as long as they are shown: through their end, and not beyond their close; one
 *         pipeline tells of one set of them, and what has no place is counted.
 * Method: a graph whose every number is known when it has run dry, read from the metrics; stages
 *         that there are not, told by the test itself.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/stages.h>

#include "tests/support/config_bed.h"
#include "tests/support/pipeline_fixture.h"

#define ITEMS 1000u
#define MS 1000000ull

static struct fixture f;
static struct weir_metrics *metrics;

static void setup(void)
{
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.metrics_dir = "none";
	fixture_open(&f);
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &metrics, NULL), 0);
}

static void teardown(void)
{
	weir_metrics_close(metrics);
	fixture_end(&f);
}

TestSuite(stages_shown, .init = setup, .fini = teardown, .timeout = 120);

/* What the metrics say of a stage; UINT64_MAX: it is not there. */
static uint64_t value(const char *stage, const char *metric, uint64_t *ret_generation)
{
	struct weir_metrics_object object;
	int index = weir_metrics_find(metrics, metric);

	cr_assert_geq(index, 0, "%s", metric);
	for (uint32_t at = 0; weir_metrics_next(metrics, "stage", &at, &object);)
		if (strcmp(object.label_values[0], stage) == 0) {
			*ret_generation = object.generation;
			return weir_metrics_value(metrics, &object, (uint32_t)index);
		}
	return UINT64_MAX;
}

/* Waits until they say so; the object's generation. */
static uint64_t await(const char *stage, const char *metric, uint64_t wanted)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint64_t generation = 0, now;

	do {
		fixture_sleep_ns(MS);
		cr_assert_eq(weir_metrics_update(metrics), 0);
		now = value(stage, metric, &generation);
	} while (now != wanted && fixture_now_ns() < end_ns);
	cr_assert_eq(now, wanted, "%s of %s is %llu", metric, stage, (unsigned long long)now);
	return generation;
}

/* ---- stages of a config ---- */

static const char graph[] = "stages: [{name: a, source: yes}, {name: b, workers: 2}, {name: c}]\n"
			    "rings: [{from: [a], to: b, slot: 8}, {from: [b], to: c, slot: 8}]\n";

/* All of them in one call; the others sleep until it is stopped. */
static int make(void *context, struct weir_stage_worker *worker,
		const struct weir_stage_batch *batch)
{
	uint32_t *made = context;

	(void)batch;
	if (*made == ITEMS)
		(void)weir_stage_sleep(worker, WEIR_FOREVER);
	for (; *made < ITEMS; (*made)++) {
		uint64_t item = *made;
		int rc = weir_stage_push(worker, 0, &item, sizeof item);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int hand_on(void *context, struct weir_stage_worker *worker,
		   const struct weir_stage_batch *batch)
{
	const uint64_t *items = batch->items;

	(void)context;
	for (uint32_t i = 0; i < batch->count; i++) {
		int rc = weir_stage_push(worker, 0, &items[i], sizeof items[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take(void *context, struct weir_stage_worker *worker,
		const struct weir_stage_batch *batch)
{
	(void)context;
	(void)worker;
	(void)batch;
	return 0;
}

static struct weir_stages *start(uint32_t *made)
{
	const struct weir_stage_function functions[] = {
		{"a", make, made}, {"b", hand_on, NULL}, {"c", take, NULL}};
	struct weir_config *config = config_good(graph);
	struct weir_stages *stages = NULL;
	struct weir_problem why = {0};

	cr_assert_eq(weir_stages_open(config, functions, 3, &stages, &why), 0, "%s", why.text);
	weir_config_destroy(config);
	return stages;
}

Test(stages_shown, they_are_told_of_until_they_are_closed)
{
	uint32_t made = 0;
	struct weir_stages *stages = start(&made);
	struct weir_stage_info infos[3];

	cr_assert_eq(weir_stages_show(stages, f.pipeline), 0);
	cr_assert_eq(weir_stages_show(stages, f.pipeline), 0, "they are");
	(void)await("c", "weir_stage_items", ITEMS);
	(void)await("a", "weir_stage_pushed_items", ITEMS);
	(void)await("a", "weir_stage_ended_workers", 0);
	weir_stages_stop(stages);
	cr_assert_eq(weir_stages_wait(stages, WEIR_FOREVER, NULL), 0);
	cr_assert_eq(weir_stages_info(stages, infos, 3), 3);
	(void)await("c", "weir_stage_ended_workers", 1);
	for (uint32_t i = 0; i < 3; i++) {
		(void)await(infos[i].name, "weir_stage_workers", infos[i].workers);
		(void)await(infos[i].name, "weir_stage_ended_workers", infos[i].workers_ended);
		(void)await(infos[i].name, "weir_stage_calls", infos[i].calls);
		(void)await(infos[i].name, "weir_stage_items", infos[i].items);
		(void)await(infos[i].name, "weir_stage_pushed_items", infos[i].pushed);
		(void)await(infos[i].name, "weir_stage_dropped_items", 0);
		(void)await(infos[i].name, "weir_stage_refused_items", 0);
	}
	cr_assert_eq(infos[1].workers_ended, 2);
	cr_assert_eq(infos[1].items, ITEMS);
	cr_assert_eq(weir_stages_close(stages, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	(void)await("a", "weir_stage_calls", UINT64_MAX);
	(void)await("c", "weir_stage_calls", UINT64_MAX);
}

Test(stages_shown, a_pipeline_tells_of_one_set_and_a_set_by_one_pipeline)
{
	uint32_t made = 0, made_too = 0;
	struct weir_stages *first = start(&made), *second = start(&made_too);
	struct fixture other;

	fixture_begin(&other, FIXTURE_MEMORY);
	cr_assert_eq(weir_stages_show(first, NULL), 0, "nobody tells of them");
	cr_assert_eq(weir_stages_show(first, f.pipeline), 0);
	cr_assert_eq(weir_stages_show(second, f.pipeline), -EBUSY);
	cr_assert_eq(weir_stages_show(first, other.pipeline), -EALREADY);
	uint64_t before = await("b", "weir_stage_workers", 2);
	cr_assert_eq(weir_stages_close(first, WEIR_CLOSE_ABORT, 0, NULL), 0);
	cr_assert_eq(weir_stages_show(second, f.pipeline), 0);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (await("b", "weir_stage_workers", 2) == before)
		cr_assert_lt(fixture_now_ns(), end_ns, "another stage is another object");
	cr_assert_eq(weir_stages_show(second, NULL), 0);
	(void)await("b", "weir_stage_workers", UINT64_MAX);
	cr_assert_eq(weir_stages_show(second, other.pipeline), 0);
	cr_assert_eq(weir_stages_close(second, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	fixture_end(&other);
}

/* ---- a program's own ---- */

struct told {
	uint32_t count;
	char names[WEIR_STAGES_SHOWN_MAX][8];
};

static uint32_t tell(void *context, struct weir_stage_info *ret_infos, uint32_t count)
{
	struct told *told = context;

	for (uint32_t i = 0; i < told->count && i < count; i++)
		ret_infos[i] = (struct weir_stage_info){
			.name = told->names[i], .workers = 1, .dropped = i, .refused = 2 * i};
	return told->count;
}

Test(stages_shown, those_beyond_the_places_are_counted)
{
	struct told told = {.count = WEIR_STAGES_SHOWN_MAX + 5};
	struct weir_metrics_about about;
	char last[8];

	for (uint32_t i = 0; i < WEIR_STAGES_SHOWN_MAX; i++)
		(void)snprintf(told.names[i], sizeof told.names[i], "s%u", i);
	(void)snprintf(last, sizeof last, "s%u", WEIR_STAGES_SHOWN_MAX - 1);
	cr_assert_eq(weir_metrics_stages(f.pipeline, tell, &told), 0);
	(void)await(last, "weir_stage_dropped_items", WEIR_STAGES_SHOWN_MAX - 1);
	(void)await(last, "weir_stage_refused_items", 2 * (WEIR_STAGES_SHOWN_MAX - 1));
	/* Counted at the end of a round, and behind the objects. */
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_metrics_update(metrics), 0);
		cr_assert_eq(weir_metrics_about(metrics, &about), 0);
	} while (about.left_out != 5 && fixture_now_ns() < end_ns);
	cr_assert_eq(about.left_out, 5);
	cr_assert_eq(weir_metrics_stages(f.pipeline, tell, &about), -EBUSY);
	cr_assert_eq(weir_metrics_stages(f.pipeline, NULL, &about), 0, "these are not told of");
	(void)await(last, "weir_stage_workers", 1);
	cr_assert_eq(weir_metrics_stages(f.pipeline, NULL, &told), 0);
	(void)await("s0", "weir_stage_workers", UINT64_MAX);
	(void)await(last, "weir_stage_workers", UINT64_MAX);
}
