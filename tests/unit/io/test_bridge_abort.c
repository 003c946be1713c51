/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a bridge that drains, with an hour to do it in, ends at once when it is told to, and says
 *         that something was left; one that is told before it ran ends, too.
 * Method: a driver that drains until weir_bridge_is_aborting(); a bridge with a thread.
 */
#include <criterion/criterion.h>
#include <sched.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"

static int driver_open(void *self, struct weir_bridge *bridge)
{
	(void)self;
	(void)bridge;
	return 0;
}

static int driver_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	(void)self;
	(void)bridge;
	(void)timeout_ns;
	return 0;
}

static int driver_drain(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	uint32_t *drains = self;
	++*drains;
	while (timeout_ns > 0 && !weir_bridge_is_aborting(bridge))
		(void)sched_yield();
	return -1;
}

static void driver_close(void *self, struct weir_bridge *bridge)
{
	(void)self;
	(void)bridge;
}

static const struct weir_bridge_ops ops = {.struct_bytes = sizeof ops,
					   .system = "nothing",
					   .open = driver_open,
					   .step = driver_step,
					   .drain = driver_drain,
					   .close = driver_close};

static enum weir_bridge_state state_of(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	cr_assert_eq(weir_bridge_status(bridge, &status), 0);
	return status.state;
}

Test(bridge_abort, ends_a_drain_at_once)
{
	struct fixture f;
	struct weir_bridge_options o;
	struct weir_bridge *bridge = NULL;
	uint32_t drains = 0;
	fixture_begin(&f, FIXTURE_MEMORY);
	weir_bridge_options_init(&o);
	o.name = "b";
	o.direction = WEIR_BRIDGE_SOURCE;
	o.ops = &ops;
	o.self = &drains;
	o.drain_ns = 3600000000000u;
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, NULL), 0);
	while (state_of(bridge) != WEIR_BRIDGE_RUNNING)
		(void)sched_yield();
	weir_bridge_stop_begin(bridge);
	cr_expect_neq(state_of(bridge), WEIR_BRIDGE_STOPPED, "it has an hour");
	weir_bridge_abort(bridge);
	cr_expect_eq(weir_bridge_stop(bridge), WEIR_E_AGAIN, "what was under way was left");
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, NULL), 0);
	weir_bridge_abort(bridge);
	(void)weir_bridge_stop(bridge);
	cr_expect_leq(drains, 1, "who is told at once does not begin one");
	fixture_end(&f);
}
