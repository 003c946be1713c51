/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge.h: making a bridge, steering it, ending it; and what drivers ask of it. */
#include "io/bridge/bridge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/host.h"
#include "io/posix/thread_posix.h"

#define SECOND_NS 1000000000ull

uint64_t wr_bridge_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t wr_bridge_wall_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void weir_bridge_options_init(struct weir_bridge_options *options)
{
	*options = (struct weir_bridge_options){
		.struct_bytes = sizeof *options,
		.dead_letters = UINT32_MAX,
		.positions = UINT32_MAX,
		.retry_min_ns = SECOND_NS / 5,
		.retry_max_ns = 30 * SECOND_NS,
		.drain_ns = 10 * SECOND_NS,
	};
}

/* ---- start ----------------------------------------------------------------------------------- */

static int refuse(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code};
	(void)snprintf(problem->field, sizeof problem->field, "%s", field);
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	return code;
}

static bool is_name(const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t bytes = name != NULL ? strlen(name) : 0;
	return bytes > 0 && bytes < WR_BRIDGE_NAME_BYTES && name[0] != '.' &&
	       strspn(name, allowed) == bytes;
}

/* Drivers send payloads as they are: what its members are to make of them would not go out. */
static bool transforms(struct weir_pipeline *pipeline, uint32_t subscription)
{
	struct weir_subscription_filter filter = {0};
	int bytes = weir_subscription_filter(pipeline, subscription, NULL, 0, &filter);
	void *to = bytes > 0 ? malloc((size_t)bytes) : NULL;
	bool has = to != NULL &&
		   weir_subscription_filter(pipeline, subscription, to, (size_t)bytes, &filter) ==
			   bytes &&
		   filter.transform != NULL;
	free(to);
	return has || (bytes > 0 && to == NULL);
}

static int check(struct weir_pipeline *pipeline, const struct weir_bridge_options *o,
		 struct weir_problem *problem)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	if (o->struct_bytes != sizeof *o)
		return refuse(problem, -EINVAL, "struct_bytes", "not from the init function");
	if (!is_name(o->name))
		return refuse(problem, -EINVAL, "name",
			      "1..100 of [A-Za-z0-9._-], not beginning with '.'");
	if (o->ops == NULL || o->ops->struct_bytes != sizeof *o->ops || o->ops->system == NULL ||
	    o->ops->open == NULL || o->ops->step == NULL || o->ops->close == NULL)
		return refuse(problem, -EINVAL, "ops",
			      "a driver has struct_bytes, system, open, step and close");
	if (o->retry_min_ns == 0 || o->retry_max_ns < o->retry_min_ns)
		return refuse(problem, -EINVAL, "retry_min_ns", "1 .. retry_max_ns");
	if (o->direction != WEIR_BRIDGE_SINK && o->direction != WEIR_BRIDGE_SOURCE)
		return refuse(problem, -EINVAL, "direction", "a sink or a source");
	if (o->direction == WEIR_BRIDGE_SINK &&
	    weir_subscription_info(pipeline, o->subscription, &info) < 0)
		return refuse(problem, WEIR_E_UNKNOWN_NAME, "subscription",
			      "no subscription has this id");
	if (o->direction == WEIR_BRIDGE_SINK && transforms(pipeline, o->subscription))
		return refuse(problem, -EINVAL, "subscription",
			      "it has a transformer, which a bridge does not apply: transform by a "
			      "binding, and bridge its target");
	if (o->dead_letters != UINT32_MAX &&
	    weir_topic_info(pipeline, o->dead_letters, NULL, NULL) < 0)
		return refuse(problem, WEIR_E_UNKNOWN_NAME, "dead_letters", "no topic has this id");
	return 0;
}

static void *run(void *context)
{
	struct weir_bridge *b = context;
	bool stop = false;
	(void)wr_thread_take_class(b->options.thread.scheduler, b->options.thread.priority);
	while (!stop) {
		(void)wr_bridge_life_step(b, WR_BRIDGE_STEP_NS);
		(void)pthread_mutex_lock(&b->lock);
		stop = b->asked.stop;
		(void)pthread_mutex_unlock(&b->lock);
	}
	wr_bridge_life_end(b);
	return NULL;
}

static int start_thread(struct weir_bridge *b)
{
	const struct wr_io_host *host = b->pipeline->host.context;
	const struct weir_thread_options *o = &b->options.thread;
	struct wr_cpu_set cpus = host->helper_cpus;
	char name[16];
	if (o->cpu_count > 0)
		cpus = (struct wr_cpu_set){{0}};
	for (uint32_t i = 0; i < o->cpu_count && i < WEIR_CPUS_MAX; i++)
		wr_cpu_set_add(&cpus, o->cpus[i]);
	(void)snprintf(name, sizeof name, "%.15s", o->name[0] != '\0' ? o->name : b->name);
	const struct wr_thread_start start = {
		.name = name, .cpus = &cpus, .stack_bytes = o->stack_bytes};
	int rc = wr_thread_create(&b->thread, &start, run, b);
	b->has_thread = rc == 0;
	return rc;
}

static int make_locks(struct weir_bridge *b)
{
	pthread_condattr_t attributes;
	int rc = pthread_condattr_init(&attributes);
	if (rc != 0)
		return -rc;
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&b->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (rc != 0)
		return -rc;
	rc = pthread_mutex_init(&b->lock, NULL);
	if (rc != 0)
		(void)pthread_cond_destroy(&b->wake);
	return -rc;
}

static int copy_options(struct weir_bridge *b, const struct weir_bridge_options *o)
{
	b->options = *o;
	b->ops = *o->ops;
	b->options.ops = &b->ops;
	memcpy(b->name, o->name, strlen(o->name) + 1);
	b->options.name = b->name;
	b->lock_file = -1;
	b->random = wr_bridge_now_ns() | 1;
	b->shown = (struct weir_bridge_status){.struct_bytes = sizeof b->shown,
					       .direction = o->direction,
					       .state = WEIR_BRIDGE_CONNECTING,
					       .since_us = wr_bridge_wall_us()};
	(void)snprintf(b->shown.name, sizeof b->shown.name, "%s", b->name);
	(void)snprintf(b->shown.system, sizeof b->shown.system, "%.15s", o->ops->system);
	if (o->state_dir == NULL)
		return 0;
	b->state_dir = strdup(o->state_dir);
	b->options.state_dir = b->state_dir;
	return b->state_dir != NULL ? 0 : -ENOMEM;
}

int weir_bridge_start(struct weir_pipeline *pipeline, const struct weir_bridge_options *options,
		      struct weir_bridge **ret_bridge, struct weir_problem *reterr_problem)
{
	if (pipeline == NULL || options == NULL || ret_bridge == NULL)
		return -EINVAL;
	int rc = check(pipeline, options, reterr_problem);
	if (rc < 0)
		return rc;
	struct weir_bridge *b = calloc(1, sizeof *b);
	if (b == NULL)
		return -ENOMEM;
	b->pipeline = pipeline;
	rc = copy_options(b, options);
	if (rc == 0)
		rc = make_locks(b);
	if (rc < 0)
		goto fail_made;
	rc = wr_bridge_files_take(b, reterr_problem);
	if (rc < 0)
		goto fail_files;
	rc = wr_bridge_positions_init(b, reterr_problem);
	if (rc < 0)
		goto fail_positions;
	wr_bridge_told_begin(b);
	wr_bridge_files_look(b, true);
	if (!options->manual)
		rc = start_thread(b);
	if (rc < 0) {
		(void)refuse(reterr_problem, rc, "thread", "no thread can be made for it");
		goto fail_thread;
	}
	*ret_bridge = b;
	return 0;

fail_thread:
	wr_bridge_told_end(b);
fail_positions:
	wr_bridge_positions_fini(b);
	wr_bridge_files_give(b);
fail_files:
	(void)pthread_mutex_destroy(&b->lock);
	(void)pthread_cond_destroy(&b->wake);
fail_made:
	free(b->state_dir);
	free(b);
	return rc;
}

/* ---- steering -------------------------------------------------------------------------------- */

void weir_bridge_stop_begin(struct weir_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->asked.stop = true;
	(void)pthread_cond_broadcast(&bridge->wake);
	(void)pthread_mutex_unlock(&bridge->lock);
}

void weir_bridge_abort(struct weir_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->asked.stop = bridge->asked.abort = true;
	(void)pthread_cond_broadcast(&bridge->wake);
	(void)pthread_mutex_unlock(&bridge->lock);
}

int weir_bridge_stop(struct weir_bridge *bridge)
{
	if (bridge == NULL)
		return 0;
	weir_bridge_stop_begin(bridge);
	if (bridge->has_thread)
		(void)pthread_join(bridge->thread, NULL);
	else
		wr_bridge_life_end(bridge);
	int rc = bridge->was_drained ? 0 : WEIR_E_AGAIN;
	if (bridge->ops.destroy != NULL)
		bridge->ops.destroy(bridge->options.self);
	wr_bridge_positions_fini(bridge);
	wr_bridge_told_end(bridge);
	wr_bridge_files_look(bridge, true);
	wr_bridge_files_give(bridge);
	(void)pthread_mutex_destroy(&bridge->lock);
	(void)pthread_cond_destroy(&bridge->wake);
	free(bridge->state_dir);
	free(bridge);
	return rc;
}

int weir_bridge_step(struct weir_bridge *bridge, uint64_t timeout_ns)
{
	return bridge->has_thread ? -EINVAL : wr_bridge_life_step(bridge, timeout_ns);
}

int weir_bridge_pause(struct weir_bridge *bridge)
{
	int rc = wr_bridge_files_pause(bridge, true);
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->asked.pause = true;
	bridge->asked.resume = false;
	(void)pthread_cond_broadcast(&bridge->wake);
	(void)pthread_mutex_unlock(&bridge->lock);
	return rc;
}

int weir_bridge_resume(struct weir_bridge *bridge)
{
	int rc = wr_bridge_files_pause(bridge, false);
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->asked.pause = false;
	bridge->asked.resume = true;
	(void)pthread_cond_broadcast(&bridge->wake);
	(void)pthread_mutex_unlock(&bridge->lock);
	return rc;
}

void weir_bridge_retry(struct weir_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	if (bridge->shown.state == WEIR_BRIDGE_RETRYING && !bridge->is_trying &&
	    !bridge->asked.pause) {
		bridge->asked.resume = true;
		(void)pthread_cond_broadcast(&bridge->wake);
	}
	(void)pthread_mutex_unlock(&bridge->lock);
}

int weir_bridge_status(struct weir_bridge *bridge, struct weir_bridge_status *ret_status)
{
	struct weir_lag lag;
	if (ret_status->struct_bytes != sizeof *ret_status)
		return -EINVAL;
	(void)pthread_mutex_lock(&bridge->lock);
	*ret_status = bridge->shown;
	(void)pthread_mutex_unlock(&bridge->lock);
	if (bridge->options.direction == WEIR_BRIDGE_SINK &&
	    weir_lag(bridge->pipeline, bridge->options.subscription, &lag) == 0) {
		ret_status->lag_events = lag.events;
		ret_status->lag_time_ns = lag.time_ns;
	}
	return 0;
}

const char *weir_bridge_state_name(enum weir_bridge_state state)
{
	switch (state) {
	case WEIR_BRIDGE_CONNECTING:
		return "connecting";
	case WEIR_BRIDGE_RUNNING:
		return "running";
	case WEIR_BRIDGE_PAUSED:
		return "paused";
	case WEIR_BRIDGE_RETRYING:
		return "retrying";
	case WEIR_BRIDGE_FAILED:
		return "failed";
	case WEIR_BRIDGE_STOPPED:
		return "stopped";
	}
	return "unknown";
}

/* ---- for drivers ----------------------------------------------------------------------------- */

struct weir_pipeline *weir_bridge_pipeline(const struct weir_bridge *bridge)
{
	return bridge->pipeline;
}

const char *weir_bridge_name(const struct weir_bridge *bridge)
{
	return bridge->name;
}

struct weir_member *weir_bridge_member(const struct weir_bridge *bridge)
{
	return bridge->member;
}

uint32_t weir_bridge_subscription(const struct weir_bridge *bridge)
{
	return bridge->options.subscription;
}

bool weir_bridge_is_stopping(struct weir_bridge *bridge)
{
	/* The files are looked at from here, too: open() may take long. */
	return wr_bridge_is_asked_to_rest(bridge);
}

bool weir_bridge_is_aborting(struct weir_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bool aborts = bridge->asked.abort;
	(void)pthread_mutex_unlock(&bridge->lock);
	return aborts;
}

static void say_why(struct weir_bridge *bridge, const char *format, va_list list)
{
	(void)pthread_mutex_lock(&bridge->lock);
	(void)vsnprintf(bridge->shown.why, sizeof bridge->shown.why, format, list);
	wr_bridge_shown_changed(bridge);
	(void)pthread_mutex_unlock(&bridge->lock);
}

int weir_bridge_lost(struct weir_bridge *bridge, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	say_why(bridge, format, list);
	va_end(list);
	return WEIR_BRIDGE_LOST;
}

int weir_bridge_failed(struct weir_bridge *bridge, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	say_why(bridge, format, list);
	va_end(list);
	return WEIR_BRIDGE_GIVE_UP;
}

void weir_bridge_note(struct weir_bridge *bridge, const char *text)
{
	(void)pthread_mutex_lock(&bridge->lock);
	(void)snprintf(bridge->shown.why, sizeof bridge->shown.why, "%s", text);
	wr_bridge_shown_changed(bridge);
	(void)pthread_mutex_unlock(&bridge->lock);
}

void weir_bridge_count(struct weir_bridge *bridge, uint64_t events, uint64_t bytes,
		       uint64_t repeats)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->shown.events += events;
	bridge->shown.bytes += bytes;
	bridge->shown.repeats += repeats;
	wr_bridge_shown_changed(bridge);
	(void)pthread_mutex_unlock(&bridge->lock);
}

void weir_bridge_lag(struct weir_bridge *bridge, uint64_t events)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bool is_new = bridge->shown.lag_events != events;
	bridge->shown.lag_events = events;
	if (is_new)
		wr_bridge_shown_changed(bridge);
	(void)pthread_mutex_unlock(&bridge->lock);
}
