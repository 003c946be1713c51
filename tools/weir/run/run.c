/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a run.
 *
 *   open pipeline, then sinks ─► start members, then sources ─► watch ─► (signal: sources stop)
 *   ─► all of it durable ─► all of it delivered ─► members leave ─► close ─► report
 *
 * Signals are blocked in every thread, and main waits for them between two looks. What fails is
 * told when it happens; the rest of the run is drained like after a signal.
 */
#include "tools/weir/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/harness.h"
#include "io/posix/thread_posix.h"
#include "tools/weir/args.h"
#include "tools/weir/lines.h"
#include "tools/weir/service.h"

#define LOOK_NS (20 * RUN_MILLISECOND_NS)
#define PROGRESS_LOOKS 10u
#define JOIN_LOOKS 50u
#define CLOSE_NS (30 * RUN_SECOND_NS)

/* ---- starting -------------------------------------------------------------------------------- */

static uint32_t id_of(const struct run *run, uint32_t subscription)
{
	return wr_load_relaxed(&run->subscription_ids[subscription]);
}

/* From weir's group thread: says it, and calls nothing of weir. */
static void say_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	const struct run *run = context;
	const char *name = "?";
	for (uint32_t i = 0; i < run->subscription_count; i++)
		if (wr_load_relaxed(&run->subscription_ids[i]) == subscription)
			name = run->subscriptions[i].name;
	lines_say(above ? WR_EVENT_SUBSCRIPTION_BEHIND : WR_EVENT_SUBSCRIPTION_CAUGHT_UP,
		  WR_FIELDS(wr_field_text("subscription", name),
			    wr_field_u64("events", lag->events),
			    wr_field_u64("age_ns", lag->time_ns)),
		  "subscription %s %s: %llu events, the oldest %.1f s old", name,
		  above ? "is behind" : "has caught up", (unsigned long long)lag->events,
		  (double)lag->time_ns / 1e9);
}

static int open_pipeline(struct run *run)
{
	struct weir_problem problem = {0};
	run->options.log_fn = lines_take;
	weir_config_on_lag(run->config, say_lag, run);
	int rc = weir_config_open(run->config, &run->options, &run->pipeline, &problem);
	if (rc < 0) {
		int exit_code = lines_fail(WR_EVENT_RUN_CANNOT_START, "run", rc, &problem);
		/* The last two: what the journal that is there has is not what the file says. */
		return rc == -EINVAL || rc == WEIR_E_EXISTS || rc == WEIR_E_FULL ? CLI_EXIT_CONFIG
										 : exit_code;
	}
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		uint32_t id = 0;
		/* It is there: this is how its id is had. */
		rc = weir_subscription_create(run->pipeline, &run->subscriptions[i], &id, &problem);
		wr_store_relaxed(&run->subscription_ids[i], id);
		if (rc < 0)
			return lines_fail(WR_EVENT_RUN_CANNOT_START, run->subscriptions[i].name, rc,
					  &problem);
	}
	return CLI_GO_ON;
}

/* A scheduling class that is refused: told once; the threads run as any other, or, where the file
 * is strict, nothing runs. */
static int check_class(struct run *run, const char *key, struct run_thread *threads[],
		       uint32_t count)
{
	if (count == 0)
		return CLI_GO_ON;
	const struct weir_thread_options *asked = &threads[0]->options;
	int rc = wr_thread_try_class(asked->scheduler, asked->priority);
	if (rc == 0)
		return CLI_GO_ON;
	lines_say(
		WR_EVENT_THREADS_DEGRADED,
		WR_FIELDS(wr_field_text("thread", key), wr_field_code(rc)),
		"threads.%s: its scheduling class is refused (%s): ulimit -r %u, or CAP_SYS_NICE%s",
		key, weir_strerror(rc), asked->priority,
		run->options.strict_threads ? "" : "; it runs as any thread");
	if (run->options.strict_threads)
		return (int)cli_exit_of(rc);
	for (uint32_t i = 0; i < count; i++)
		threads[i]->options.scheduler = WEIR_SCHEDULER_OTHER;
	return CLI_GO_ON;
}

static int check_classes(struct run *run)
{
	uint32_t most = run->source_count + run->deliverer_count;
	struct run_thread **threads = calloc(most + 1, sizeof(struct run_thread *));
	if (threads == NULL)
		return lines_fail(WR_EVENT_RUN_CANNOT_START, "run", -ENOMEM, NULL);
	for (uint32_t i = 0; i < run->source_count; i++)
		threads[i] = &run->publishers[i].thread;
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		threads[run->source_count + i] = &run->deliverers[i].thread;
	int exit_code = check_class(run, "source", threads, run->source_count);
	if (exit_code == CLI_GO_ON)
		exit_code =
			check_class(run, "sink", threads + run->source_count, run->deliverer_count);
	free(threads);
	return exit_code;
}

static bool reserve(struct run *run)
{
	uint32_t members = 0;
	for (uint32_t i = 0; i < run->subscription_count; i++)
		if (run->sinks[i].to != WEIR_CONFIG_TO_NONE)
			members += run->sinks[i].members;
	run->publishers = calloc(run->source_count + 1, sizeof *run->publishers);
	run->deliverers = calloc(members + 1, sizeof *run->deliverers);
	run->subscription_ids = calloc(run->subscription_count + 1, sizeof *run->subscription_ids);
	for (uint32_t i = 0; run->subscription_ids != NULL && i < run->subscription_count; i++)
		wr_store_relaxed(&run->subscription_ids[i], UINT32_MAX);
	run->lefts = calloc(run->subscription_count + 1, sizeof *run->lefts);
	return run->publishers != NULL && run->deliverers != NULL &&
	       run->subscription_ids != NULL && run->lefts != NULL &&
	       run_bridges_reserve(&run->bridges, run->config);
}

/* A thread that says nothing of itself, where that is the config's fault, was refused long ago. */
static struct weir_thread_options thread_of(const struct run *run, enum weir_config_thread_of of,
					    uint32_t index)
{
	struct weir_thread_options options = {0};
	if (weir_config_thread(run->config, of, index, &options) < 0)
		return (struct weir_thread_options){0};
	return options;
}

static void lay_out(struct run *run)
{
	for (uint32_t i = 0; i < run->source_count; i++) {
		run->publishers[i].source = &run->sources[i];
		run->publishers[i].options = &run->options;
		wr_store_relaxed(&run->publishers[i].rate_per_s, run->sources[i].rate_per_s);
		run->publishers[i].pipeline = run->pipeline;
		run->publishers[i].life = &run->life;
		run->publishers[i].thread.options = thread_of(run, WEIR_CONFIG_THREAD_OF_SOURCE, i);
	}
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		if (run->sinks[i].to == WEIR_CONFIG_TO_NONE)
			continue;
		for (uint32_t m = 0; m < run->sinks[i].members; m++) {
			struct run_deliverer *d = &run->deliverers[run->deliverer_count];
			d->of = (struct run_sink_of){.config = &run->sinks[i],
						     .subscription = &run->subscriptions[i],
						     .pipeline = run->pipeline,
						     .journal = run->options.dir,
						     .subscription_id = id_of(run, i),
						     .member = m,
						     .life = &run->life};
			d->thread.options =
				thread_of(run, WEIR_CONFIG_THREAD_OF_SINK, run->deliverer_count++);
		}
	}
}

/* ---- watching -------------------------------------------------------------------------------- */

static void begin_drain(struct run *run)
{
	if (run->drain_begun_ns != 0)
		return;
	run->drain_begun_ns = bench_now_ns();
	run_service_stopping(run, run->settings.drain_timeout_ns + CLOSE_NS, "draining");
	run_signal_raise(&run->life.stop);
	run_bridges_drain_begin(&run->bridges);
}

static void abort_run(struct run *run)
{
	begin_drain(run);
	run->life.spares_commands = run->end == RUN_END_ABORTED;
	run_signal_raise(&run->life.abort);
	run_signal_raise(&run->life.finish);
	if (run->end == RUN_END_ABORTED)
		run_bridges_abort(&run->bridges);
}

/* A signal, or nothing for a moment. True: the second one, or what ends a drain. */
static bool take_signal(struct run *run, const sigset_t *signals)
{
	struct timespec time = {.tv_nsec = LOOK_NS};
	int number = sigtimedwait(signals, NULL, &time);
	if (number <= 0)
		return false;
	if (number == SIGHUP && !run_terminal_is_gone(run)) {
		run_reload(run);
		return false;
	}
	if (run->signal_number != 0) {
		lines_say(WR_EVENT_RUN_ABORTED, WR_NO_FIELDS,
			  "a second signal: what is not delivered stays in the log");
		run->end = RUN_END_ABORTED;
		return true;
	}
	run->signal_number = number;
	lines_say(WR_EVENT_RUN_DRAINING, WR_FIELDS(wr_field_u64("signal", (uint64_t)number)),
		  "%s: sources stop, what they have published is delivered; once more to leave it",
		  number == SIGINT   ? "interrupted"
		  : number == SIGHUP ? "the terminal is gone"
				     : "terminated");
	begin_drain(run);
	return false;
}

/* Says what failed, once. True: there is something. */
static bool tell(enum wr_event event, const char *what, const char *name, struct run_fault *fault)
{
	if (fault->code == 0)
		return false;
	if (!fault->told)
		lines_say(event, WR_FIELDS(wr_field_text(what, name), wr_field_code(fault->code)),
			  "%s %s: %s", what, name, fault->text);
	fault->told = true;
	return true;
}

/* True: something has failed, now or before. */
static bool look_at_faults(struct run *run)
{
	bool any = false;
	for (uint32_t i = 0; i < run->source_count; i++) {
		struct run_publisher *p = &run->publishers[i];
		if (run_publisher_has_ended(p))
			any |= tell(WR_EVENT_SOURCE_FAILED, "source", p->source->name, &p->fault);
	}
	for (uint32_t i = 0; i < run->deliverer_count; i++) {
		struct run_deliverer *d = &run->deliverers[i];
		if (run_deliverer_has_ended(d))
			any |= tell(WR_EVENT_SUBSCRIPTION_FAILED, "subscription",
				    d->of.subscription->name, &d->fault);
	}
	if (any && run->drain_begun_ns == 0)
		lines_say(WR_EVENT_RUN_DRAINING, WR_NO_FIELDS,
			  "so sources stop, and what can be delivered is");
	return any;
}

static bool sources_have_ended(struct run *run)
{
	for (uint32_t i = 0; i < run->source_count; i++)
		if (!run_publisher_has_ended(&run->publishers[i]))
			return false;
	return run_bridges_sources_have_ended(&run->bridges);
}

/*
 * What is parked waits for a person, and they for a journal that no run has: for that a run neither
 * goes on nor drains. A queue that has so much of it that it takes no more waits for them, too.
 */
static bool has_delivered(const struct run *run, uint32_t subscription, const struct weir_lag *lag)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	return lag->events <= lag->parked ||
	       (lag->parked > 0 &&
		weir_subscription_info(run->pipeline, id_of(run, subscription), &info) == 0 &&
		lag->parked >= info.outstanding_max);
}

/* Is everything delivered that still can be? */
static bool has_caught_up(struct run *run)
{
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		struct weir_lag lag;
		if (run->sinks[i].to == WEIR_CONFIG_TO_NONE ||
		    run_delivered_of(run, i).fault != NULL)
			continue;
		if (weir_lag(run->pipeline, id_of(run, i), &lag) < 0 || !lag.exact ||
		    !has_delivered(run, i, &lag))
			return false;
	}
	return run_bridges_have_caught_up(&run->bridges, run->drain_begun_ns != 0);
}

static void watch(struct run *run, const sigset_t *signals)
{
	for (uint32_t looks = 0;; looks++) {
		run_service_look(run);
		lines_tell_suppressed();
		if (take_signal(run, signals))
			break;
		if (look_at_faults(run)) {
			run->end = RUN_END_FAILED;
			begin_drain(run);
		}
		if (run->show_progress && looks % PROGRESS_LOOKS == 0) {
			run_bridges_look(&run->bridges);
			run_progress_line(run);
		}
		bool is_ending = run->drain_begun_ns != 0 || !run->settings.stay;
		bool has_ended = is_ending && sources_have_ended(run);
		bool has_all = has_ended && has_caught_up(run);
		if (has_all && run->drain_begun_ns != 0 && run_bridges_give_up(&run->bridges)) {
			run->end = RUN_END_TIMEOUT;
			break;
		}
		if (has_all) {
			run_service_stopping(run, CLOSE_NS, "all is delivered");
			run_signal_raise(&run->life.finish);
			return;
		}
		if (has_ended && run->drain_begun_ns == 0)
			run_bridges_say_who_waits(&run->bridges);
		if (run->drain_begun_ns != 0 &&
		    bench_now_ns() - run->drain_begun_ns >= run->settings.drain_timeout_ns) {
			run->end = RUN_END_TIMEOUT;
			lines_say(WR_EVENT_RUN_DRAIN_TIMEOUT, WR_NO_FIELDS,
				  "drain_timeout is over: what is not delivered stays in the log");
			break;
		}
	}
	abort_run(run);
}

/* Has each subscription that has a sink a member with partitions, or one that failed? */
static bool members_have_joined(const struct run *run)
{
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		bool any = run->sinks[i].to == WEIR_CONFIG_TO_NONE;
		for (uint32_t k = 0; k < run->deliverer_count; k++) {
			const struct run_deliverer *d = &run->deliverers[k];
			if (d->of.subscription == &run->subscriptions[i])
				any = any || wr_load_relaxed(&d->has_joined) != 0 ||
				      run_deliverer_has_ended(d);
		}
		if (!any)
			return false;
	}
	return true;
}

/*
 * Members first: a group that nobody has joined yet holds no producer back, whatever its when_slow
 * says, and a log in memory forgets. Sources start in any case, also if that was given up: they see
 * by themselves that they are to stop.
 */
static int start_threads(struct run *run, const sigset_t *signals)
{
	int rc = 0;
	for (uint32_t i = 0; i < run->deliverer_count && rc == 0; i++)
		rc = run_deliverer_start(&run->deliverers[i]);
	while (rc == 0 && run->drain_begun_ns == 0 && !members_have_joined(run))
		(void)take_signal(run, signals);
	/* A bridge joins before it connects, and that may take long. */
	for (uint32_t looks = 0; rc == 0 && looks < JOIN_LOOKS && run->drain_begun_ns == 0 &&
				 !run_bridges_have_joined(&run->bridges);
	     looks++)
		(void)take_signal(run, signals);
	for (uint32_t i = 0; i < run->source_count && rc == 0; i++)
		rc = run_publisher_start(&run->publishers[i]);
	return rc;
}

/* ---- ending ---------------------------------------------------------------------------------- */

struct run_left run_left_of(const struct run *run, uint32_t subscription)
{
	struct weir_lag lag;
	if (run->sinks[subscription].to == WEIR_CONFIG_TO_NONE ||
	    weir_lag(run->pipeline, id_of(run, subscription), &lag) != 0)
		return (struct run_left){0};
	/* They are read one after the other. */
	uint64_t parked = lag.parked < lag.events ? lag.parked : lag.events;
	return (struct run_left){.events = lag.events, .parked = parked};
}

struct run_delivered run_delivered_of(const struct run *run, uint32_t subscription)
{
	struct run_delivered sum = {0};
	for (uint32_t i = 0; i < run->deliverer_count; i++) {
		const struct run_deliverer *d = &run->deliverers[i];
		if (d->of.subscription != &run->subscriptions[subscription])
			continue;
		sum.delivered += wr_load_relaxed(&d->delivered_events);
		sum.redelivered += wr_load_relaxed(&d->redelivered_events);
		sum.missed += wr_load_relaxed(&d->missed_events);
		if (!run_deliverer_has_ended(d))
			continue;
		if (d->sink != NULL) {
			sum.skipped += d->sink->skipped_count;
			sum.failed += d->sink->failed_count;
		}
		if (d->fault.code != 0 && sum.fault == NULL)
			sum.fault = &d->fault;
	}
	return sum;
}

/* A file, a directory, a disk: 7 and so on; what an event was at fault for: 1. */
static int exit_of_fault(const struct run_fault *fault)
{
	int exit_code = fault->code == -EPIPE ? CLI_EXIT_IO : (int)cli_exit_of(fault->code);
	return exit_code == CLI_EXIT_USAGE ? CLI_EXIT_FAILED : exit_code;
}

/* There is more than what is parked, and it cannot be delivered before that is. */
static bool is_full_of_parked(const struct run *run)
{
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		struct run_left left = run_left_of(run, i);
		if (left.parked > 0 && left.events > left.parked)
			return true;
	}
	return false;
}

static int judge(struct run *run)
{
	int exit_code = CLI_EXIT_OK;
	(void)look_at_faults(run);
	for (uint32_t i = 0; i < run->source_count; i++)
		if (exit_code == CLI_EXIT_OK && run->publishers[i].fault.code != 0)
			exit_code = exit_of_fault(&run->publishers[i].fault);
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		if (exit_code == CLI_EXIT_OK && run->deliverers[i].fault.code != 0)
			exit_code = exit_of_fault(&run->deliverers[i].fault);
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		uint64_t missed = run_delivered_of(run, i).missed;
		if (missed == 0 || run->subscriptions[i].when_slow == WEIR_SLOW_GAP)
			continue;
		lines_say(WR_EVENT_SUBSCRIPTION_MISSED,
			  WR_FIELDS(wr_field_text("subscription", run->subscriptions[i].name),
				    wr_field_u64("events", missed)),
			  "subscription %s: %llu events were gone before they were read",
			  run->subscriptions[i].name, (unsigned long long)missed);
		exit_code = exit_code == CLI_EXIT_OK ? CLI_EXIT_FAILED : exit_code;
	}
	if (exit_code == CLI_EXIT_OK && run_bridges_have_failed(&run->bridges))
		exit_code = CLI_EXIT_FAILED;
	if (exit_code != CLI_EXIT_OK) {
		run->end = run->end == RUN_END_ABORTED ? run->end : RUN_END_FAILED;
		return exit_code;
	}
	if (run->end == RUN_END_ABORTED)
		return 128 + run->signal_number;
	if (is_full_of_parked(run))
		run->end = RUN_END_TIMEOUT;
	if (run->end == RUN_END_TIMEOUT)
		return CLI_EXIT_UNDRAINED;
	run->end = run->signal_number != 0 ? RUN_END_SIGNAL : RUN_END_DONE;
	return CLI_EXIT_OK;
}

static void join_all(struct run *run)
{
	for (uint32_t i = 0; i < run->source_count; i++)
		run_publisher_join(&run->publishers[i]);
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		run_deliverer_join(&run->deliverers[i]);
	run_bridges_end(&run->bridges);
	run_traces_end(&run->traces);
}

static void close_pipeline(struct run *run)
{
	struct weir_problem problem;
	run_serve_end(&run->serve);
	run_service_closing(run);
	run->info.struct_bytes = sizeof run->info;
	if (weir_pipeline_info(run->pipeline, &run->info) < 0)
		memset(&run->info, 0, sizeof run->info);
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		run->lefts[i] = run_left_of(run, i);
	}
	if (weir_pipeline_problem(run->pipeline, &problem) < 0)
		lines_say(WR_EVENT_RUN_CLOSE_FAILED, WR_FIELDS(wr_field_code(problem.code)),
			  "journal: %s", problem.text);
	enum weir_close_mode mode =
		run->end == RUN_END_ABORTED ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN;
	int rc = weir_close(run->pipeline, mode, CLOSE_NS, &run->close_report);
	if (rc < 0 && run->end != RUN_END_ABORTED)
		lines_say(WR_EVENT_RUN_CLOSE_FAILED, WR_FIELDS(wr_field_code(rc)), "closing: %s",
			  weir_strerror(rc));
	run->pipeline = NULL;
	run_serve_end_late(&run->serve);
}

static void release(struct run *run)
{
	for (uint32_t i = 0; i < run->deliverer_count; i++)
		if (run->deliverers[i].sink != NULL)
			run->deliverers[i].sink->ops->close(run->deliverers[i].sink);
	run_service_end(run);
	weir_config_destroy(run->reloaded);
	run_life_fini(&run->life);
	run_bridges_free(&run->bridges);
	free(run->publishers);
	free(run->deliverers);
	free(run->subscription_ids);
	free(run->lefts);
}

/* Every thread inherits this. A write to a pipe that nobody reads, or beyond ulimit -f, is an error
 * and not the end; and how a command ended is to be had even where whoever started this process
 * did not care for its children. */
static void take_signals(sigset_t *signals)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	if (!service_is_ignored(SIGHUP))
		sigaddset(signals, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, signals, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)sigaction(SIGCHLD, &standard, NULL);
}

int run_it(struct run *run)
{
	sigset_t signals;
	int rc = run_life_init(&run->life);
	if (rc < 0)
		return cli_fail("run", rc, NULL);
	take_signals(&signals);
	rc = lines_open(run->options.name, &run->options.log_limits, run->settings.log_format);
	if (rc < 0)
		return cli_fail("run", rc, NULL);
	run->has_terminal = service_has_terminal();
	run->begun_ns = bench_now_ns();
	int exit_code = run_service_begin(run);
	if (exit_code == CLI_GO_ON)
		exit_code = reserve(run)
				    ? open_pipeline(run)
				    : lines_fail(WR_EVENT_RUN_CANNOT_START, "run", -ENOMEM, NULL);
	if (exit_code == CLI_GO_ON) {
		run_service_opened(run);
		lay_out(run);
		exit_code = check_classes(run);
	}
	if (exit_code == CLI_GO_ON) {
		rc = run_traces_start(&run->traces, &run->settings.traces, run->pipeline);
		exit_code = rc < 0 ? (int)cli_exit_of(rc) : CLI_GO_ON;
	}
	if (exit_code == CLI_GO_ON)
		exit_code = run_serve_begin(&run->serve, &run->settings.serve, run->pipeline,
					    run->notifier);
	if (exit_code == CLI_GO_ON)
		exit_code = run_open_sinks(run);
	if (exit_code == CLI_GO_ON)
		exit_code = run_bridges_start(&run->bridges, run->config, run->pipeline);
	if (exit_code == CLI_GO_ON) {
		rc = start_threads(run, &signals);
		if (rc == 0) {
			run_service_ready(run);
			watch(run, &signals);
		} else {
			abort_run(run);
		}
		run_service_ending(run);
		join_all(run);
		lines_show(NULL);
		exit_code = rc == 0 ? judge(run)
				    : lines_fail(WR_EVENT_RUN_CANNOT_START, "threads", rc, NULL);
		run->elapsed_ns = bench_now_ns() - run->begun_ns;
		close_pipeline(run);
		run_report(run, exit_code);
	} else if (run->pipeline != NULL) {
		run_bridges_end(&run->bridges);
		run_traces_end(&run->traces);
		run_serve_end(&run->serve);
		run_service_closing(run);
		(void)weir_close(run->pipeline, WEIR_CLOSE_DRAIN, CLOSE_NS, NULL);
		run_serve_end_late(&run->serve);
	}
	release(run);
	lines_close();
	return exit_code;
}
