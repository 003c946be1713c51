/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's tables with two shared subscriptions and one that is not, beside their models. For
 * test_outstanding.c and test_suspects.c.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_OUTSTANDING_BED_H
#define WR_TESTS_OUTSTANDING_BED_H

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include <weir/error.h>

#include "core/log/decide.h"
#include "io/sim/memory_sim.h"
#include "io/sim/prng.h"
#include "tests/support/case.h"
#include "tests/support/share_records.h"
#include "tests/unit/log/outstanding_model.h"

#define ENTRIES 40u
#define OF_ONE 24u
#define RUNS_MAX 12u
#define BODY_MAX 16384u

static struct wr_memory_sim memory;
static struct wr_tables tables;
static struct wr_prng prng;
static uint64_t seed;
static const struct wr_tables_limits limits = {
	.catalog = {.topics_max = 4, .partitions_max = 16, .subscriptions_max = 4, .rows_max = 16},
	.named_producers_max = 1,
	.outstanding_max = ENTRIES,
};

static struct model models[QUEUES];

#define CHECK(condition) cr_assert(condition, "seed %llu: " #condition, (unsigned long long)seed)

static uint32_t below(uint32_t bound)
{
	return (uint32_t)wr_prng_below(&prng, bound);
}

/* ---- records ---- */

static _Alignas(8) uint8_t record[4096];

static int decide(uint8_t *at, struct wr_undo *undo, struct wr_decision *ret)
{
	struct wr_record_view view;
	CHECK(wr_record_view(at, sizeof record, &view));
	return wr_decide(&tables, undo, &view, SEQS, false, ret);
}

static void define(enum wr_kind kind, const char *name, const void *payload, uint32_t bytes)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	wr_control_write(record, kind, 0, 0, name, (uint32_t)strlen(name), payload, bytes);
	cr_assert_eq(decide(record, &none, &d), 0);
}

static void define_all(void)
{
	static const uint32_t orders[] = {WR_ORDER_KEY, WR_ORDER_NONE, WR_ORDER_PARTITION};
	static const char *const names[] = {"keyed", "free", "ordered"};
	struct wr_control_topic topic = {.partitions = 3};
	define(WR_KIND_TOPIC, "one", &topic, sizeof topic.partitions);
	define(WR_KIND_TOPIC, "two", &topic, sizeof topic.partitions);
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t payload[WR_CONTROL_SUBSCRIPTION_BYTES_MAX];
		struct wr_control_subscription s = {
			.topic_count = i == 1 ? 1 : 2,
			.start = 0,
			.start_seq = 1,
			.topics = {0, 1},
			.order = orders[i],
			.outstanding_max = i < QUEUES ? OF_ONE : 0,
		};
		define(WR_KIND_SUBSCRIPTION, names[i], payload,
		       wr_control_subscription_put(&s, false, payload));
	}
}

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_tables_init(&tables, &memory.base, &limits), 0);
	wr_prng_init(&prng, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		models[i] = model_of_none();
	define_all();
}

static void tear_down(void)
{
	wr_tables_fini(&tables, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(outstanding, .init = set_up, .timeout = 120);

static const struct wr_subscription *subscription(uint32_t queue)
{
	return &tables.catalog.subscriptions[queue];
}

#endif
