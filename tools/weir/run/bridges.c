/* SPDX-License-Identifier: Apache-2.0 */
/* See bridges.h. */
#include "tools/weir/run/bridges.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/producer.h>

#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_check.h"
#include "tools/weir/bridge_driver.h"
#include "tools/weir/bridge_state.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/life.h"

#define WHY_BYTES sizeof((struct weir_bridge_status *)NULL)->why
#define STOP_LOOK_NS (10 * RUN_MILLISECOND_NS)

bool run_bridges_reserve(struct run_bridges *bridges, const struct weir_config *config)
{
	const struct weir_config_bridge *all = weir_config_bridges(config, &bridges->count);
	bridges->items = calloc(bridges->count + 1, sizeof *bridges->items);
	for (uint32_t i = 0; bridges->items != NULL && i < bridges->count; i++)
		bridges->items[i].config = &all[i];
	return bridges->items != NULL;
}

/* ---- starting -------------------------------------------------------------------------------- */

static enum wr_event event_of(enum weir_bridge_state state)
{
	switch (state) {
	case WEIR_BRIDGE_FAILED:
		return WR_EVENT_BRIDGE_FAILED;
	case WEIR_BRIDGE_PAUSED:
		return WR_EVENT_BRIDGE_PAUSED;
	case WEIR_BRIDGE_STOPPED:
		return WR_EVENT_BRIDGE_STOPPED;
	case WEIR_BRIDGE_RETRYING:
		return WR_EVENT_BRIDGE_RETRYING;
	default:
		return WR_EVENT_BRIDGE_RUNNING;
	}
}

/* From the bridge's thread. An attempt after the other, of which all end the same, is told once. */
static void say_state(void *context, const char *name, enum weir_bridge_state state,
		      const char *why)
{
	struct run_bridge *b = context;
	char clean[WHY_BYTES];
	bridge_text_take(why, clean, sizeof clean);
	if (state == WEIR_BRIDGE_CONNECTING ||
	    (state == b->told_state && strcmp(clean, b->told_why) == 0))
		return;
	b->told_state = state;
	memcpy(b->told_why, clean, sizeof clean);
	lines_say(event_of(state),
		  WR_FIELDS(wr_field_text("bridge", name),
			    wr_field_text("state", weir_bridge_state_name(state)),
			    wr_field_text("why", clean)),
		  "bridge %s: %s%s%s%s", name, weir_bridge_state_name(state),
		  clean[0] != '\0' ? ": " : "", clean,
		  state == WEIR_BRIDGE_FAILED ? "; weir bridge resume has it try again" : "");
}

/* weir_config_open() has made all of them. */
static int find_topic(struct weir_pipeline *pipeline, const char *name, uint32_t *ret_id)
{
	*ret_id = UINT32_MAX;
	return name != NULL ? weir_topic_find(pipeline, name, ret_id) : 0;
}

static int find_subscription(struct weir_pipeline *pipeline, const struct weir_config *config,
			     const char *name, uint32_t *ret_id)
{
	uint32_t count;
	const struct weir_subscription_options *all = weir_config_subscriptions(config, &count);
	for (uint32_t i = 0; name != NULL && i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return weir_subscription_create(pipeline, &all[i], ret_id, NULL);
	return name != NULL ? WEIR_E_UNKNOWN_NAME : 0;
}

static int find_names(struct weir_pipeline *pipeline, const struct weir_config *config,
		      const struct weir_config_bridge *from, struct bridge_driver_of *of,
		      struct weir_bridge_options *to)
{
	int rc = find_topic(pipeline, from->topic, &of->topic);
	if (rc == 0)
		rc = find_topic(pipeline, from->dead_letters, &of->dead_letters);
	if (rc == 0)
		rc = find_topic(pipeline, from->positions, &to->positions);
	if (rc == 0)
		rc = find_subscription(pipeline, config, from->subscription, &to->subscription);
	/* A source's are the driver's. */
	if (from->direction == WEIR_BRIDGE_SINK)
		to->dead_letters = of->dead_letters;
	return rc;
}

static int start(struct run_bridge *b, uint32_t index, const struct weir_config *config,
		 struct weir_pipeline *pipeline)
{
	const struct weir_config_bridge *from = b->config;
	struct bridge_driver_of of = {.config = from};
	struct bridge_driver_fault fault = {0};
	struct weir_problem problem = {0};
	struct weir_bridge_options options;
	char place[BRIDGE_PLACE_BYTES];
	weir_bridge_options_init(&options);
	options.name = from->name;
	options.state_dir = from->state_dir;
	options.retry_min_ns = from->retry_min_ns;
	options.retry_max_ns = from->retry_max_ns;
	options.drain_ns = from->drain_ns;
	options.state_fn = say_state;
	options.state_context = b;
	int rc = find_names(pipeline, config, from, &of, &options);
	if (rc == 0)
		rc = weir_config_thread(config, WEIR_CONFIG_THREAD_OF_BRIDGE, index,
					&options.thread);
	if (rc < 0)
		return lines_fail(WR_EVENT_BRIDGE_CANNOT_START, from->name, rc, NULL);
	rc = bridge_driver_make(&of, &options, &fault);
	if (rc < 0) {
		bridge_place(config, index, &fault, place);
		lines_say(WR_EVENT_BRIDGE_CANNOT_START,
			  WR_FIELDS(wr_field_text("bridge", from->name),
				    wr_field_text("place", place),
				    wr_field_text("field", fault.field)),
			  "%s: bridge %s: %s%s%s", place, from->name, fault.field,
			  fault.field[0] != '\0' ? ": " : "", fault.text);
		return rc == -ENOMEM ? (int)cli_exit_of(rc) : CLI_EXIT_CONFIG;
	}
	rc = weir_bridge_start(pipeline, &options, &b->bridge, &problem);
	if (rc == 0)
		return CLI_GO_ON;
	bridge_driver_destroy(&options);
	(void)snprintf(fault.field, sizeof fault.field, "%s", problem.field);
	bridge_place(config, index, &fault, place);
	lines_say(WR_EVENT_BRIDGE_CANNOT_START,
		  WR_FIELDS(wr_field_text("bridge", from->name), wr_field_text("place", place),
			    wr_field_text("field", problem.field), wr_field_code(rc)),
		  "%s: bridge %s: %s%s%s%s%s", place, from->name, problem.field,
		  problem.field[0] != '\0' ? ": " : "",
		  problem.text[0] != '\0' ? problem.text : weir_strerror(rc),
		  strcmp(problem.field, "state_dir") == 0 ? ": " : "",
		  strcmp(problem.field, "state_dir") == 0 ? from->state_dir : "");
	return (int)cli_exit_of(rc);
}

int run_bridges_start(struct run_bridges *bridges, const struct weir_config *config,
		      struct weir_pipeline *pipeline)
{
	int exit_code = CLI_GO_ON;
	for (uint32_t i = 0; i < bridges->count && exit_code == CLI_GO_ON; i++)
		exit_code = start(&bridges->items[i], i, config, pipeline);
	return exit_code;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void look(struct run_bridge *b)
{
	char clean[WHY_BYTES];
	b->status.struct_bytes = sizeof b->status;
	if (b->bridge == NULL || weir_bridge_status(b->bridge, &b->status) < 0)
		return;
	bridge_text_take(b->status.why, clean, sizeof clean);
	memcpy(b->status.why, clean, sizeof clean);
}

void run_bridges_look(struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++)
		look(&bridges->items[i]);
}

static bool is_sink(const struct run_bridge *b)
{
	return b->config->direction == WEIR_BRIDGE_SINK;
}

bool run_bridges_have_joined(struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++) {
		look(&bridges->items[i]);
		if (is_sink(&bridges->items[i]) &&
		    bridges->items[i].status.state == WEIR_BRIDGE_CONNECTING)
			return false;
	}
	return true;
}

bool run_bridges_sources_have_ended(struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++) {
		look(&bridges->items[i]);
		if (!is_sink(&bridges->items[i]) && bridges->items[i].bridge != NULL &&
		    bridges->items[i].status.state != WEIR_BRIDGE_STOPPED)
			return false;
	}
	return true;
}

/* It has not run since the drain began, and has tried to. One that ran and is lost may be back
 * soon: it has all of the drain's time. */
static bool is_out_of_reach(const struct run_bridge *b)
{
	return (b->status.state == WEIR_BRIDGE_RETRYING ||
		b->status.state == WEIR_BRIDGE_CONNECTING) &&
	       b->status.attempts > b->tries;
}

static bool has_all(const struct run_bridge *b)
{
	struct weir_lag lag;
	int rc = weir_lag(weir_bridge_pipeline(b->bridge), weir_bridge_subscription(b->bridge),
			  &lag);
	return rc == 0 && lag.exact && lag.events == 0;
}

static bool has_caught_up(const struct run_bridge *b, bool is_draining)
{
	if (!is_sink(b) || b->bridge == NULL || b->status.state == WEIR_BRIDGE_FAILED ||
	    b->status.state == WEIR_BRIDGE_STOPPED)
		return true;
	if (is_draining && (b->status.state == WEIR_BRIDGE_PAUSED || is_out_of_reach(b)))
		return true;
	return has_all(b);
}

bool run_bridges_have_caught_up(struct run_bridges *bridges, bool is_draining)
{
	bool have = true;
	for (uint32_t i = 0; i < bridges->count; i++) {
		struct run_bridge *b = &bridges->items[i];
		look(b);
		if (b->status.state == WEIR_BRIDGE_RUNNING)
			b->tries = UINT64_MAX;
		have = have && has_caught_up(b, is_draining);
	}
	return have;
}

void run_bridges_say_who_waits(struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++) {
		struct run_bridge *b = &bridges->items[i];
		bool waits = b->status.state == WEIR_BRIDGE_PAUSED && !has_caught_up(b, false);
		if (waits && !b->is_said_to_wait)
			lines_say(WR_EVENT_BRIDGE_PAUSED,
				  WR_FIELDS(wr_field_text("bridge", b->config->name),
					    wr_field_text("state", "paused"),
					    wr_field_text("why", "the run waits for it")),
				  "bridge %s: paused, and all sources have ended: the run waits "
				  "for it. weir bridge resume has it go on, a signal ends the run",
				  b->config->name);
		b->is_said_to_wait = waits;
	}
}

bool run_bridges_give_up(struct run_bridges *bridges)
{
	bool any = false;
	for (uint32_t i = 0; i < bridges->count; i++) {
		const struct run_bridge *b = &bridges->items[i];
		if (!is_sink(b) || b->bridge == NULL || !is_out_of_reach(b) || has_all(b))
			continue;
		any = true;
		lines_say(WR_EVENT_BRIDGE_RETRYING,
			  WR_FIELDS(wr_field_text("bridge", b->config->name),
				    wr_field_text("state", "retrying"),
				    wr_field_text("why", b->status.why)),
			  "bridge %s: not reached once more: what is not delivered stays in the "
			  "log",
			  b->config->name);
	}
	return any;
}

bool run_bridges_have_failed(const struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++)
		if (bridges->items[i].was_failed)
			return true;
	return false;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void stop_begin(struct run_bridge *b)
{
	if (b->is_asked || b->bridge == NULL)
		return;
	look(b);
	b->was_failed = b->status.state == WEIR_BRIDGE_FAILED;
	b->is_asked = true;
	weir_bridge_stop_begin(b->bridge);
}

void run_bridges_stop_begin(struct run_bridges *bridges, enum weir_bridge_direction direction)
{
	for (uint32_t i = 0; i < bridges->count; i++)
		if (bridges->items[i].config->direction == direction)
			stop_begin(&bridges->items[i]);
}

void run_bridges_drain_begin(struct run_bridges *bridges)
{
	run_bridges_stop_begin(bridges, WEIR_BRIDGE_SOURCE);
	for (uint32_t i = 0; i < bridges->count; i++) {
		struct run_bridge *b = &bridges->items[i];
		if (!is_sink(b) || b->bridge == NULL)
			continue;
		look(b);
		b->tries = b->status.state == WEIR_BRIDGE_RUNNING ? UINT64_MAX : b->status.attempts;
		weir_bridge_retry(b->bridge);
	}
}

void run_bridges_abort(struct run_bridges *bridges)
{
	for (uint32_t i = 0; i < bridges->count; i++) {
		struct run_bridge *b = &bridges->items[i];
		stop_begin(b);
		if (b->bridge != NULL)
			weir_bridge_abort(b->bridge);
	}
}

void run_bridges_end(struct run_bridges *bridges)
{
	const struct timespec moment = {.tv_nsec = (long)STOP_LOOK_NS};
	for (uint32_t i = 0; i < bridges->count; i++)
		stop_begin(&bridges->items[i]);
	for (uint32_t i = 0; i < bridges->count; i++) {
		struct run_bridge *b = &bridges->items[i];
		/* What it does at its end is counted, too. */
		for (look(b); b->bridge != NULL && b->status.state != WEIR_BRIDGE_STOPPED; look(b))
			(void)nanosleep(&moment, NULL);
		b->left_some = weir_bridge_stop(b->bridge) != 0;
		b->bridge = NULL;
	}
}

void run_bridges_free(struct run_bridges *bridges)
{
	free(bridges->items);
	bridges->items = NULL;
}
