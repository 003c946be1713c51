/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a bridge that drains, with an hour to do it in, ends at once when it is told to, and says
 *         that something was left; one that is told before it ran ends, too. One that is paused or
 *         stopped while nobody answers it has lost nothing by that, and says what it waits for. One
 *         that waits for its next attempt makes it at once when that is asked for.
 * Method: a driver that drains until weir_bridge_is_aborting(), one that opens until it is to rest;
 *         a bridge with a thread.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

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

/* Nobody answers, until it is to rest. */
static int open_in_vain(void *self, struct weir_bridge *bridge)
{
	(void)self;
	weir_bridge_note(bridge, "refused so far");
	while (!weir_bridge_is_stopping(bridge))
		(void)sched_yield();
	return weir_bridge_lost(bridge, "the start: refused");
}

static struct weir_bridge_status status_of(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	cr_assert_eq(weir_bridge_status(bridge, &status), 0);
	return status;
}

static enum weir_bridge_state state_of(struct weir_bridge *bridge)
{
	return status_of(bridge).state;
}

/* A source that is driven by these. */
static struct weir_bridge_options source_of(const struct weir_bridge_ops *driver, uint32_t *drains)
{
	struct weir_bridge_options o;
	weir_bridge_options_init(&o);
	o.name = "b";
	o.direction = WEIR_BRIDGE_SOURCE;
	o.ops = driver;
	o.self = drains;
	return o;
}

static void note_state(void *context, const char *name, enum weir_bridge_state state,
		       const char *why)
{
	uint32_t *states = context;
	(void)name;
	(void)why;
	*states |= 1u << state;
}

Test(bridge_abort, a_rest_while_it_connects_is_no_loss)
{
	struct fixture f;
	struct weir_bridge_ops vain = ops;
	struct weir_bridge *bridge = NULL;
	uint32_t states = 0, drains = 0;
	fixture_begin(&f, FIXTURE_MEMORY);
	vain.open = open_in_vain;
	struct weir_bridge_options o = source_of(&vain, &drains);
	o.state_fn = note_state;
	o.state_context = &states;
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, NULL), 0);
	cr_expect_gt(status_of(bridge).since_us, 0, "it is connecting since it was started");
	while (strcmp(status_of(bridge).why, "refused so far") != 0)
		(void)sched_yield();
	cr_expect_eq(state_of(bridge), WEIR_BRIDGE_CONNECTING);
	cr_assert_eq(weir_bridge_pause(bridge), 0);
	while (state_of(bridge) != WEIR_BRIDGE_PAUSED)
		(void)sched_yield();
	cr_expect_eq(status_of(bridge).attempts, 0, "nothing was lost");
	cr_expect_str_eq(status_of(bridge).why, "the start: refused");
	cr_assert_eq(weir_bridge_resume(bridge), 0);
	while (state_of(bridge) != WEIR_BRIDGE_CONNECTING)
		(void)sched_yield();
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect_eq(states & 1u << WEIR_BRIDGE_RETRYING, 0, "nobody was told of a loss");
	cr_expect_neq(states & 1u << WEIR_BRIDGE_STOPPED, 0);
	cr_expect_eq(drains, 0, "there was nothing to drain");
	fixture_end(&f);
}

Test(bridge_abort, ends_a_drain_at_once)
{
	struct fixture f;
	struct weir_bridge *bridge = NULL;
	uint32_t drains = 0;
	fixture_begin(&f, FIXTURE_MEMORY);
	struct weir_bridge_options o = source_of(&ops, &drains);
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

static int refuse(void *self, struct weir_bridge *bridge)
{
	(void)self;
	return weir_bridge_lost(bridge, "refused");
}

struct seen {
	uint32_t attempts, told;
	uint32_t connecting;                /* how often it was told to be */
	enum weir_bridge_state while_it[3]; /* of each attempt */
	char whys[3][24];
};

/* Looks at itself meanwhile, and asks for what is being done. */
static int look_and_refuse(void *self, struct weir_bridge *bridge)
{
	struct seen *seen = self;
	seen->while_it[seen->attempts++] = state_of(bridge);
	weir_bridge_retry(bridge);
	return weir_bridge_lost(bridge, "attempt %u", seen->attempts);
}

static void note_why(void *context, const char *name, enum weir_bridge_state state, const char *why)
{
	struct seen *seen = context;
	(void)name;
	seen->connecting += state == WEIR_BRIDGE_CONNECTING;
	if (state == WEIR_BRIDGE_RETRYING && seen->told < 3)
		(void)snprintf(seen->whys[seen->told++], sizeof seen->whys[0], "%s", why);
}

/* Who looks again and again while a broker is down sees one state, whenever he looks. */
Test(bridge_abort, a_side_that_is_down_for_long_is_one_state)
{
	const uint64_t hour_ns = 3600000000000u;
	struct fixture f;
	struct weir_bridge_ops refusing = ops;
	struct weir_bridge *bridge = NULL;
	struct seen seen = {0};
	fixture_begin(&f, FIXTURE_MEMORY);
	refusing.open = look_and_refuse;
	struct weir_bridge_options o = source_of(&refusing, NULL);
	o.self = o.state_context = &seen;
	o.state_fn = note_why;
	o.retry_min_ns = o.retry_max_ns = hour_ns;
	o.manual = true;
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, NULL), 0);
	cr_assert_eq(weir_bridge_step(bridge, 0), 1);
	uint64_t since_us = status_of(bridge).since_us;
	for (uint32_t i = 1; i < 3; i++) {
		weir_bridge_retry(bridge);
		cr_assert_eq(weir_bridge_step(bridge, 0), 1);
		cr_assert_eq(weir_bridge_step(bridge, 0), 0, "what is asked for meanwhile is it");
		cr_expect_eq(state_of(bridge), WEIR_BRIDGE_RETRYING);
	}
	cr_expect_eq(seen.while_it[0], WEIR_BRIDGE_CONNECTING, "nothing is known at the first one");
	cr_expect_eq(seen.while_it[1], WEIR_BRIDGE_RETRYING);
	cr_expect_eq(seen.while_it[2], WEIR_BRIDGE_RETRYING);
	cr_expect_eq(status_of(bridge).since_us, since_us, "it is so since the first one");
	cr_expect_eq(status_of(bridge).attempts, 3);
	cr_expect_eq(seen.connecting, 0, "it began with that");
	cr_expect_eq(seen.told, 3, "each attempt is told, with its cause");
	cr_expect_str_eq(seen.whys[2], "attempt 3");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	fixture_end(&f);
}

/* With an hour of delay it is tried again when it is asked for, each time once. */
Test(bridge_abort, a_delay_is_ended_by_who_wants_it_tried)
{
	const uint64_t hour_ns = 3600000000000u;
	struct fixture f;
	struct weir_bridge_ops refusing = ops;
	struct weir_bridge *bridge = NULL;
	uint32_t drains = 0;
	fixture_begin(&f, FIXTURE_MEMORY);
	refusing.open = refuse;
	struct weir_bridge_options o = source_of(&refusing, &drains);
	o.retry_min_ns = o.retry_max_ns = hour_ns;
	o.manual = true;
	cr_assert_eq(weir_bridge_start(f.pipeline, &o, &bridge, NULL), 0);
	weir_bridge_retry(bridge);
	for (uint64_t attempts = 1; attempts <= 3; attempts++) {
		cr_assert_eq(weir_bridge_step(bridge, 0), 1);
		cr_expect_eq(status_of(bridge).attempts, attempts);
		cr_expect_eq(state_of(bridge), WEIR_BRIDGE_RETRYING);
		cr_assert_eq(weir_bridge_step(bridge, 0), 0, "it waits for an hour");
		weir_bridge_retry(bridge);
	}
	cr_assert_eq(weir_bridge_pause(bridge), 0);
	(void)weir_bridge_step(bridge, 0);
	cr_expect_eq(state_of(bridge), WEIR_BRIDGE_PAUSED);
	weir_bridge_retry(bridge);
	cr_assert_eq(weir_bridge_step(bridge, 0), 0, "who wants it paused is heard");
	cr_expect_eq(state_of(bridge), WEIR_BRIDGE_PAUSED);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	fixture_end(&f);
}
