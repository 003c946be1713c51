/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: a pipeline from a config file, its sources and its members, from their start to the
 * report.
 *
 *   run.c              opens, starts, watches, ends
 *   open_sinks.c       opens sinks, and refuses those that would bite
 *   publish_thread.c   a source: source_*.c ─► event_of_*.c ─► producer
 *   deliver_thread.c   a member: poll ─► sink_*.c ─► acknowledge
 *   bridges.c          bridges to other systems, with threads of their own
 *   traces.c           spans of what becomes of events
 *   serve.c            its metrics, page and registry over HTTP
 *   service.c          what the service manager is told
 *   reload.c           SIGHUP: the config is read again
 *   report.c           what it did, and the line that says it meanwhile
 *   life.c             signals between threads
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_RUN_RUN_H
#define WEIR_TOOLS_RUN_RUN_H

#include <weir.h>
#include <weir/config.h>
#include <weir/notify.h>

#include "tools/weir/lines.h"
#include "tools/weir/run/bridges.h"
#include "tools/weir/run/deliver_thread.h"
#include "tools/weir/run/publish_thread.h"
#include "tools/weir/run/serve.h"
#include "tools/weir/run/traces.h"

enum run_end {
	RUN_END_DONE,    /* the sources have ended, and everything is delivered */
	RUN_END_SIGNAL,  /* a signal came, and everything was delivered in time */
	RUN_END_FAILED,  /* a source or a sink failed */
	RUN_END_TIMEOUT, /* the time for draining was over, or a bridge does not reach its side */
	RUN_END_ABORTED, /* a second signal came */
};

/* What a subscription has still to process. */
struct run_left {
	uint64_t events;
	uint64_t parked; /* of these: only a person has them go on, when no run has the journal */
};

struct run {
	struct weir_config *config;
	const char *config_path;
	struct weir_config *reloaded; /* what a reload read last; NULL: none did */
	uint64_t drain_timeout_ns;    /* of --drain-timeout, which a reload leaves; 0: none */
	struct lines_choices lines;   /* of --log-level and --log-format: the same */
	bool has_terminal;            /* it had one when it began */
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_config_run settings;
	struct run_life life;

	const struct weir_config_source *sources;
	struct run_publisher *publishers; /* one a source */
	uint32_t source_count;

	const struct weir_subscription_options *subscriptions;
	const struct weir_config_sink *sinks;
	/* Relaxed: the group thread may look for a name while main still sets them. */
	wr_atomic_u32 *subscription_ids;
	uint32_t subscription_count;
	struct run_deliverer
		*deliverers; /* those of the first subscription with a sink, and so on */
	uint32_t deliverer_count;

	struct run_bridges bridges;
	struct run_traces traces;
	struct run_serve serve;

	uint64_t begun_ns;
	uint64_t drain_begun_ns; /* 0: it has not */
	int signal_number;       /* the first that came; 0: none */
	bool show_progress;
	bool json;

	struct weir_notifier *notifier;
	wr_atomic_u64 looks; /* of watch(): main moves */
	uint64_t looks_seen; /* the notifier's thread's */
	uint64_t status_ns;  /* when the status was told last */

	enum run_end end;
	uint64_t elapsed_ns;
	struct run_left *lefts; /* one a subscription, at the end */
	struct weir_info info;  /* just before the close */
	struct weir_close_report close_report;
};

/* Runs it. The exit code. */
int run_it(struct run *run);

/* open_sinks.c: all of them. CLI_GO_ON, or the exit code; what fails is told. */
int run_open_sinks(struct run *run);

/* The sum over a subscription's members. */
struct run_delivered {
	uint64_t delivered;
	uint64_t redelivered;
	uint64_t skipped;
	uint64_t failed;
	uint64_t missed;
	const struct run_fault *fault; /* the first, or NULL */
};
struct run_delivered run_delivered_of(const struct run *run, uint32_t subscription);

/* While the pipeline is open. Of a subscription without a sink nothing: it is not this run's. */
struct run_left run_left_of(const struct run *run, uint32_t subscription);

/* service.c, in this order. */
int run_service_begin(struct run *run); /* CLI_GO_ON, or the exit code */
void run_service_opened(struct run *run);
void run_service_ready(struct run *run);
void run_service_look(struct run *run); /* each look of watch() */
void run_service_stopping(struct run *run, uint64_t timeout_ns, const char *status);
void run_service_ending(struct run *run);  /* watch() is over */
void run_service_closing(struct run *run); /* before the pipeline is closed */
void run_service_end(struct run *run);

/* reload.c. What can change takes effect, the rest is told; a file with errors changes nothing. */
void run_reload(struct run *run);
bool run_terminal_is_gone(const struct run *run);

/* report.c */
void run_report(const struct run *run, int exit_code);
void run_progress_line(const struct run *run);

#endif
