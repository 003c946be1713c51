/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge whose driver does as it is told, and nothing on the other side: sinks take or bury what
 * they poll, sources publish numbers with a position behind them. It is stepped by the test.
 *
 * Thread: the test's.
 */
#ifndef WR_TESTS_BRIDGE_BED_H
#define WR_TESTS_BRIDGE_BED_H

#include <criterion/criterion.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"

#define MILLISECOND_NS 1000000ull

struct driver {
	int open_answer, step_answer, drain_answer;
	uint32_t opens, steps, drains, closes, destroys;
	bool take;        /* polls, and acknowledges */
	bool bury;        /* what it polls is given up */
	uint64_t sum;     /* of numbers that it took */
	uint64_t publish; /* source: so many events a run */
	uint64_t runs;    /* source: so many runs a step, one behind the other; 0: one */
	uint64_t next;    /* source: what it publishes next */
	uint32_t topic;
	const char *key;
	bool forget; /* closes without having read the position again */
};

static inline int driver_open(void *self, struct weir_bridge *bridge)
{
	struct driver *d = self;
	size_t bytes = 0;
	d->opens++;
	if (d->open_answer == WEIR_BRIDGE_LOST)
		return weir_bridge_lost(bridge, "nobody\nanswers");
	if (d->open_answer == WEIR_BRIDGE_GIVE_UP)
		return weir_bridge_failed(bridge, "wrong password");
	if (d->key == NULL)
		return 0;
	d->next = 0;
	return weir_bridge_position(bridge, d->key, strlen(d->key), &d->next, sizeof d->next,
				    &bytes);
}

static inline int hand_run_over(struct driver *d, struct weir_bridge *bridge)
{
	int rc = weir_bridge_run_begin(bridge, 16 << 10);
	for (uint64_t i = 0; rc == 0 && i < d->publish; i++, d->next++) {
		struct weir_event event = fixture_event(d->topic, NULL, &d->next);
		rc = weir_bridge_run_add(bridge, &event);
	}
	if (rc == 0)
		rc = weir_bridge_run_position(bridge, d->key, strlen(d->key), &d->next,
					      sizeof d->next);
	if (rc == 0)
		rc = weir_bridge_run_commit(bridge);
	return rc;
}

static inline int publish_runs(struct driver *d, struct weir_bridge *bridge)
{
	int rc = hand_run_over(d, bridge);
	for (uint64_t i = 1; rc == 0 && i < d->runs; i++)
		rc = hand_run_over(d, bridge);
	return rc == 0 ? weir_bridge_run_wait(bridge, FIXTURE_LONG_NS) : rc;
}

static inline int driver_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct driver *d = self;
	struct weir_item item;
	d->steps++;
	if (d->step_answer < 0)
		return weir_bridge_lost(bridge, "the line is dead");
	if (d->publish > 0)
		return publish_runs(d, bridge);
	if (!d->take && !d->bury)
		return 0;
	int rc = weir_poll(weir_bridge_member(bridge), &item, 1, timeout_ns);
	if (rc <= 0)
		return rc;
	if (d->bury) {
		rc = weir_bridge_dead_letter(bridge, &item, "too large for it");
		return rc < 0 ? rc : 1;
	}
	d->sum += fixture_number(&item);
	weir_bridge_count(bridge, 1, item.payload_bytes, 0);
	return weir_ack(weir_bridge_member(bridge), &item) < 0 ? -1 : 1;
}

static inline int driver_drain(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct driver *d = self;
	(void)bridge;
	(void)timeout_ns;
	d->drains++;
	return d->drain_answer;
}

static inline void driver_close(void *self, struct weir_bridge *bridge)
{
	(void)bridge;
	((struct driver *)self)->closes++;
}

static inline void driver_destroy(void *self)
{
	((struct driver *)self)->destroys++;
}

static const struct weir_bridge_ops driver_ops = {.struct_bytes = sizeof driver_ops,
						  .system = "nothing",
						  .open = driver_open,
						  .step = driver_step,
						  .drain = driver_drain,
						  .close = driver_close,
						  .destroy = driver_destroy};

static inline struct weir_bridge_options options_of(struct driver *d,
						    enum weir_bridge_direction direction)
{
	struct weir_bridge_options o;
	weir_bridge_options_init(&o);
	o.name = "b";
	o.direction = direction;
	o.ops = &driver_ops;
	o.self = d;
	o.manual = true;
	o.retry_min_ns = o.retry_max_ns = MILLISECOND_NS;
	return o;
}

static inline struct weir_bridge *start(struct fixture *f, const struct weir_bridge_options *o)
{
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem = {0};
	int rc = weir_bridge_start(f->pipeline, o, &bridge, &problem);
	fixture_need(rc == 0, problem.text);
	return bridge;
}

static inline struct weir_bridge_status look(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	fixture_need(weir_bridge_status(bridge, &status) == 0, "a status");
	return status;
}

/* Steps until it is in a state; the test's time limit ends one that never is. */
static inline void step_to(struct weir_bridge *bridge, enum weir_bridge_state state)
{
	uint64_t end = fixture_now_ns() + FIXTURE_LONG_NS;
	while (look(bridge).state != state && fixture_now_ns() < end)
		(void)weir_bridge_step(bridge, MILLISECOND_NS);
	cr_assert_eq(look(bridge).state, state, "%s, not %s",
		     weir_bridge_state_name(look(bridge).state), weir_bridge_state_name(state));
}

#endif
