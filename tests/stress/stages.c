/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   stages of a config hand over everything, once, in each worker's order, in every shape and
 *         with every way to wait; they run dry at the end, and end at once when one fails or is
 *         aborted.
 * Method: small rings, so that everybody waits for everybody; items carry who made them and their
 *         number; each consumer checks that numbers of one maker only grow, and counts and sums are
 *         compared when all have ended. Plain main(), TAP; for ThreadSanitizer, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include "core/base/atomic.h"
#include "tests/stress/stages_bed.h"

#define WORKERS_MAX 4u

struct item {
	uint64_t maker;
	uint64_t number;
};

/* Of one stage: each worker touches its own line. */
struct tally {
	struct {
		uint64_t made;
		uint64_t count;
		uint64_t sum;
		uint64_t last[WORKERS_MAX];
		bool disorder;
		char pad[128];
	} of[WORKERS_MAX];
	uint64_t to_make; /* each worker of a source */
};

/* ---- functions ---- */

static int make(void *context, struct weir_stage_worker *worker, const struct weir_stage_batch *in)
{
	struct tally *tally = context;
	uint32_t me = weir_stage_index(worker);
	must(in->items == NULL && in->count == 0, "a source is given nothing");
	for (int i = 0; i < 50; i++) {
		if (tally->of[me].made == tally->to_make)
			return WEIR_STAGE_DONE;
		struct item item = {.maker = me, .number = tally->of[me].made + 1};
		int rc = weir_stage_push(worker, 0, &item, sizeof item);
		if (rc < 0)
			return rc;
		tally->of[me].made++;
	}
	return 0;
}

static void check(struct tally *tally, uint32_t me, const struct weir_stage_batch *in)
{
	const struct item *items = in->items;
	must(in->item_bytes == sizeof(struct item) && in->count > 0, "what a function is given");
	for (uint32_t i = 0; i < in->count; i++) {
		tally->of[me].disorder |= items[i].maker >= WORKERS_MAX ||
					  items[i].number <= tally->of[me].last[items[i].maker];
		tally->of[me].last[items[i].maker] = items[i].number;
		tally->of[me].count++;
		tally->of[me].sum += items[i].number;
	}
}

static int take(void *context, struct weir_stage_worker *worker, const struct weir_stage_batch *in)
{
	check(context, weir_stage_index(worker), in);
	return 0;
}

static int pass_on(void *context, struct weir_stage_worker *worker,
		   const struct weir_stage_batch *in)
{
	const struct item *items = in->items;
	if (context != NULL)
		check(context, weir_stage_index(worker), in);
	for (uint32_t i = 0; i < in->count; i++) {
		int rc = weir_stage_push(worker, 0, &items[i], sizeof items[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Waits for the end, closes; what that said. */
static int finish(struct weir_stages *stages)
{
	struct weir_problem why = {0};
	int rc = weir_stages_wait(stages, LONG, &why);
	int closed = weir_stages_close(stages, WEIR_CLOSE_DRAIN, LONG, NULL);
	(void)snprintf(why_text, sizeof why_text, "%s", why.text);
	return rc == closed ? rc : -EIO;
}

/* ---- shapes ---- */

static uint64_t sum_to(uint64_t n)
{
	return n * (n + 1) / 2;
}

static void test_shape(const char *shape, uint32_t makers, uint32_t takers, const char *wait,
		       uint64_t count)
{
	static struct tally made;
	static struct tally taken;
	bool is_broadcast = strcmp(shape, "broadcast") == 0;
	uint64_t all = 0;
	uint64_t sum = 0;
	bool good = true;
	memset(&made, 0, sizeof made);
	memset(&taken, 0, sizeof taken);
	made.to_make = count;
	struct weir_config *config =
		parse("stages:\n"
		      "  - {name: make, source: yes, workers: %u, wait: %s}\n"
		      "  - {name: take, workers: %u, wait: %s, batch: 5}\n"
		      "rings: [{from: [make], to: take, slot: 16, capacity: 8, shape: %s}]\n",
		      makers, wait, takers, wait, shape);
	const struct weir_stage_function functions[] = {{"take", take, &taken},
							{"make", make, &made}};
	struct weir_stages *stages = open_stages(config, functions, 2);
	/* What the stages need of it they have. */
	weir_config_destroy(config);
	int rc = finish(stages);
	for (uint32_t i = 0; i < takers; i++) {
		all += taken.of[i].count;
		sum += taken.of[i].sum;
		good &= !taken.of[i].disorder;
		if (is_broadcast)
			good &= taken.of[i].count == makers * count;
	}
	uint64_t times = makers * (is_broadcast ? takers : 1);
	tap_check(rc == 0 && good && all == times * count && sum == times * sum_to(count),
		  "%s, %u to %u, %s: %" PRIu64 " items, each once and in order", shape, makers,
		  takers, wait, all);
}

/* make -> (left, right x 2) -> join -> end: several stages feed one ring. */
static void test_diamond(uint64_t count)
{
	static struct tally made;
	static struct tally between;
	static struct tally taken;
	memset(&made, 0, sizeof made);
	memset(&between, 0, sizeof between);
	memset(&taken, 0, sizeof taken);
	made.to_make = count;
	struct weir_config *config =
		parse("stages:\n"
		      "  - {name: make, source: yes, workers: 2}\n"
		      "  - {name: other, source: yes}\n"
		      "  - {name: left}\n"
		      "  - {name: right, workers: 2, wait: park}\n"
		      "  - {name: join, workers: 3}\n"
		      "  - {name: end}\n"
		      "rings:\n"
		      "  - {from: [make], to: left, slot: 16, capacity: 16}\n"
		      "  - {from: [other], to: right, slot: 16, capacity: 16}\n"
		      "  - {from: [left, right], to: join, slot: 16, capacity: 4}\n"
		      "  - {from: [join], to: end, slot: 16, capacity: 1}\n");
	static struct tally other;
	memset(&other, 0, sizeof other);
	other.to_make = count;
	const struct weir_stage_function functions[] = {
		{"make", make, &made},    {"other", make, &other}, {"left", pass_on, &between},
		{"right", pass_on, NULL}, {"join", pass_on, NULL}, {"end", take, &taken}};
	struct weir_stages *stages = open_stages(config, functions, 6);
	struct weir_stage_info infos[6];
	int rc = weir_stages_wait(stages, LONG, NULL);
	uint32_t n = weir_stages_info(stages, infos, 6);
	bool told = n == 6 && strcmp(infos[5].name, "end") == 0 && infos[3].workers == 2 &&
		    infos[3].workers_ended == 2 && infos[5].items == 3 * count &&
		    infos[4].pushed == 3 * count && infos[4].items == 3 * count &&
		    infos[0].calls > 0;
	int closed = weir_stages_close(stages, WEIR_CLOSE_DRAIN, LONG, NULL);
	weir_config_destroy(config);
	tap_check(rc == 0 && closed == 0 && !between.of[0].disorder &&
			  between.of[0].count == 2 * count && taken.of[0].count == 3 * count &&
			  taken.of[0].sum == 3 * sum_to(count),
		  "six stages, one ring that two of them feed");
	tap_check(told, "and what each did is told");
}

/* ---- full ---- */

static wr_atomic_u32 may_take;

/* Holds the first batch until it may go on. */
static int take_late(void *context, struct weir_stage_worker *worker,
		     const struct weir_stage_batch *in)
{
	while (wr_load_relaxed(&may_take) == 0)
		(void)weir_stage_sleep(worker, 0);
	return take(context, worker, in);
}

struct flood {
	uint64_t made;
	uint64_t refused;
	uint64_t count;
};

static int make_flood(void *context, struct weir_stage_worker *worker,
		      const struct weir_stage_batch *in)
{
	struct flood *flood = context;
	(void)in;
	for (; flood->made < flood->count; flood->made++) {
		struct item item = {.number = flood->made + 1};
		int rc = weir_stage_push(worker, 0, &item, sizeof item);
		if (rc == WEIR_E_AGAIN)
			flood->refused++;
		else if (rc < 0)
			return rc;
	}
	wr_store_relaxed(&may_take, 1u);
	return WEIR_STAGE_DONE;
}

static void test_full(const char *full)
{
	static struct tally taken;
	struct flood flood = {.count = 1000};
	struct weir_stage_info infos[2];
	memset(&taken, 0, sizeof taken);
	wr_store_relaxed(&may_take, 0u);
	struct weir_config *config =
		parse("stages: [{name: make, source: yes}, {name: take, batch: 1}]\n"
		      "rings: [{from: [make], to: take, slot: 16, capacity: 8, full: %s}]\n",
		      full);
	const struct weir_stage_function functions[] = {{"make", make_flood, &flood},
							{"take", take_late, &taken}};
	struct weir_stages *stages = open_stages(config, functions, 2);
	int rc = weir_stages_wait(stages, LONG, NULL);
	(void)weir_stages_info(stages, infos, 2);
	int closed = weir_stages_close(stages, WEIR_CLOSE_DRAIN, LONG, NULL);
	weir_config_destroy(config);
	bool is_drop = strcmp(full, "drop") == 0;
	uint64_t lost = is_drop ? infos[0].dropped : infos[0].refused;
	tap_check(rc == 0 && closed == 0 && !taken.of[0].disorder && lost >= 1000 - 8 - 1 &&
			  taken.of[0].count + lost == 1000 &&
			  flood.refused == (is_drop ? 0 : lost) && infos[0].pushed + lost == 1000,
		  "a full ring, %s: the producer goes on, and all are counted", full);
}

/* ---- ends ---- */

static int fail(void *context, struct weir_stage_worker *worker, const struct weir_stage_batch *in)
{
	wr_atomic_u64 *seen = context;
	(void)worker;
	uint64_t n = wr_add_relaxed(seen, in->count);
	return n > 100 ? -EBADMSG : 0;
}

static void test_failure(void)
{
	static struct tally made;
	wr_atomic_u64 seen;
	wr_store_relaxed(&seen, (uint64_t)0);
	memset(&made, 0, sizeof made);
	made.to_make = UINT64_MAX;
	struct weir_config *config =
		parse("stages: [{name: make, source: yes, workers: 2}, {name: pass, workers: 2},"
		      " {name: bad, workers: 2}]\n"
		      "rings:\n"
		      "  - {from: [make], to: pass, slot: 16, capacity: 2}\n"
		      "  - {from: [pass], to: bad, slot: 16, capacity: 2}\n");
	const struct weir_stage_function functions[] = {
		{"make", make, &made}, {"pass", pass_on, NULL}, {"bad", fail, &seen}};
	struct weir_stages *stages = open_stages(config, functions, 3);
	int rc = finish(stages);
	weir_config_destroy(config);
	tap_check(rc == -EBADMSG && strstr(why_text, "stage bad") != NULL,
		  "a function that fails ends all of them, and is named: %s", why_text);
}

static int done_too_early(void *context, struct weir_stage_worker *worker,
			  const struct weir_stage_batch *in)
{
	(void)context;
	(void)worker;
	(void)in;
	return WEIR_STAGE_DONE;
}

static void test_done_of_no_source(void)
{
	static struct tally made;
	memset(&made, 0, sizeof made);
	made.to_make = 1;
	struct weir_config *config = parse("stages: [{name: make, source: yes}, {name: take}]\n"
					   "rings: [{from: [make], to: take, slot: 16}]\n");
	const struct weir_stage_function functions[] = {{"make", make, &made},
							{"take", done_too_early, NULL}};
	int rc = finish(open_stages(config, functions, 2));
	weir_config_destroy(config);
	tap_check(rc == -EINVAL, "a stage that is no source cannot say that there is no more");
}

struct inside {
	struct weir_stages *stages;
	wr_atomic_u32 is_set;
	wr_atomic_u32 has_tried; /* pairs with test_stop() */
	int waited;
	int closed;
	int slept;
};

/* Sleeps until the stages stop, and tries what it must not. */
static int sleeper(void *context, struct weir_stage_worker *worker,
		   const struct weir_stage_batch *in)
{
	struct inside *inside = context;
	(void)in;
	while (wr_load_acquire(&inside->is_set) == 0)
		(void)weir_stage_sleep(worker, SECOND / 1000);
	inside->waited = weir_stages_wait(inside->stages, 0, NULL);
	inside->closed = weir_stages_close(inside->stages, WEIR_CLOSE_ABORT, 0, NULL);
	wr_store_release(&inside->has_tried, 1u);
	inside->slept = weir_stage_sleep(worker, WEIR_FOREVER);
	return 0;
}

static void test_stop(void)
{
	struct inside inside = {0};
	static struct tally made;
	static struct tally taken;
	struct weir_problem why = {0};
	memset(&made, 0, sizeof made);
	memset(&taken, 0, sizeof taken);
	made.to_make = UINT64_MAX;
	struct weir_config *config = parse(
		"stages: [{name: make, source: yes}, {name: sleep, source: yes}, {name: take}]\n"
		"rings: [{from: [make, sleep], to: take, slot: 16, capacity: 32}]\n");
	const struct weir_stage_function functions[] = {
		{"make", make, &made}, {"sleep", sleeper, &inside}, {"take", take, &taken}};
	struct weir_stages *stages = open_stages(config, functions, 3);
	inside.stages = stages;
	wr_store_release(&inside.is_set, 1u);
	int waited = weir_stages_wait(stages, SECOND / 20, &why);
	bool named = strstr(why.text, "make, sleep, take") != NULL;
	int refused = weir_stages_close(stages, (enum weir_close_mode)77, 0, NULL);
	/* The sleeper comes to its sleep, else there is nothing to wake. */
	while (wr_load_acquire(&inside.has_tried) == 0)
		(void)sched_yield();
	int closed = weir_stages_close(stages, WEIR_CLOSE_DRAIN, LONG, NULL);
	weir_config_destroy(config);
	tap_check(waited == -ETIMEDOUT && named && refused == -EINVAL,
		  "who has not ended in time is named: %s", why.text);
	tap_check(closed == 0 && taken.of[0].count == made.of[0].made &&
			  taken.of[0].sum == sum_to(made.of[0].made) && !taken.of[0].disorder,
		  "a drain: what the source had pushed is all there");
	tap_check(inside.waited == -EDEADLK && inside.closed == -EDEADLK &&
			  inside.slept == WEIR_E_CLOSED,
		  "a function cannot wait for itself, and its sleep ends with the stop");
	tap_check(weir_stages_close(NULL, WEIR_CLOSE_DRAIN, 0, NULL) == 0, "closing nothing");
}

/* Until there is nobody left to wait for. */
static int stuck(void *context, struct weir_stage_worker *worker, const struct weir_stage_batch *in)
{
	(void)context;
	(void)in;
	return weir_stage_sleep(worker, WEIR_FOREVER) == WEIR_E_CLOSED ? 0 : -EIO;
}

static void test_abort(void)
{
	static struct tally made;
	memset(&made, 0, sizeof made);
	made.to_make = UINT64_MAX;
	struct weir_config *config =
		parse("stages: [{name: make, source: yes, workers: 2}, {name: take}]\n"
		      "rings: [{from: [make], to: take, slot: 16, capacity: 8}]\n");
	const struct weir_stage_function functions[] = {{"make", make, &made},
							{"take", stuck, NULL}};
	struct weir_stages *stages = open_stages(config, functions, 2);
	int closed = weir_stages_close(stages, WEIR_CLOSE_ABORT, 0, NULL);
	weir_config_destroy(config);
	tap_check(closed == 0, "an abort ends producers that wait for room");
}

static void test_many_lives(uint32_t lives)
{
	static struct tally made;
	static struct tally taken;
	uint64_t all = 0;
	struct weir_config *config =
		parse("stages: [{name: make, source: yes, workers: 2}, {name: take, workers: 2}]\n"
		      "rings: [{from: [make], to: take, slot: 16, capacity: 4}]\n");
	const struct weir_stage_function functions[] = {{"make", make, &made},
							{"take", take, &taken}};
	for (uint32_t i = 0; i < lives; i++) {
		memset(&made, 0, sizeof made);
		memset(&taken, 0, sizeof taken);
		made.to_make = 20;
		struct weir_stages *stages = open_stages(config, functions, 2);
		/* Every second one is closed while it begins. */
		must(i % 2 == 1 || finish(stages) == 0, "finish");
		must(i % 2 == 0 || weir_stages_close(stages, WEIR_CLOSE_DRAIN, LONG, NULL) == 0,
		     "close");
		all += made.of[0].made + made.of[1].made - taken.of[0].count - taken.of[1].count;
	}
	weir_config_destroy(config);
	tap_check(all == 0, "%u lives from one config, and never an item left behind", lives);
}

int main(int argc, char **argv)
{
	/* More for tools/soak. */
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	test_shape("auto", 1, 1, "adaptive", count);
	test_shape("spsc", 1, 1, "park", count);
	test_shape("mpsc", 3, 1, "adaptive", count);
	test_shape("spmc", 1, 3, "adaptive", count);
	test_shape("mpmc", 3, 3, "adaptive", count);
	test_shape("auto", 2, 4, "park", count);
	test_shape("broadcast", 1, 3, "adaptive", count);
	test_shape("broadcast", 2, 2, "yield", count);
	test_shape("auto", 2, 2, "yield", count);
	test_shape("auto", 1, 1, "spin", count);
	test_diamond(count);
	test_full("drop");
	test_full("refuse");
	test_failure();
	test_done_of_no_source();
	test_stop();
	test_abort();
	test_many_lives(argc > 1 ? 2000 : 60);
	return tap_end();
}
