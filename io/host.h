/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of a pipeline: storage, memory, clock and threads around the core. open.c makes it,
 * close.c takes it apart, threads.c runs it.
 */
#ifndef WR_IO_HOST_H
#define WR_IO_HOST_H

#include <pthread.h>

#include "core/pipeline/pipeline.h"
#include "io/metrics_file.h"
#include "io/posix/memory_posix.h"
#include "io/thread/affinity.h"
#include "io/thread/runner.h"

struct wr_handler_thread {
	struct wr_runner runner;
	bool running;
	uint32_t cpu_place; /* from 1: which CPU of the list it has; 0: all of them */
};

struct wr_io_host {
	struct weir_pipeline *pipeline;
	struct wr_memory_posix memory;
	struct wr_numa numa; /* where its mappings lie */
	struct wr_storage *storage;
	struct weir_options options; /* as checked */
	struct wr_metrics_file metrics_file;
	void *metrics_memory; /* where there is no file */
	size_t metrics_bytes;
	const char *metrics_journal; /* that they name; while it opens */
	struct wr_affinity affinity;
	struct wr_cpu_set helper_cpus; /* of threads that weir causes beside its runners */
	char thread_note[512];
	char fallback_reason[160]; /* why it is not io_uring; "": it is */

	struct wr_runner log;
	struct wr_runner journal; /* with options.journal_thread */
	struct wr_runner group;
	struct wr_runner pack;  /* with options.pack */
	struct wr_runner watch; /* with a rule of what stands still */
	/* Which were started and not joined: who opens and closes says so, others look. */
	wr_atomic_u32 log_running, journal_running, group_running, pack_running, watch_running;
	struct wr_handler_thread *handlers; /* [members_max] */
	wr_spinlock handlers_lock;          /* of their `running` and `cpu_place`, and of */
	bool handlers_over;                 /* a close has stopped them: none is started */

	struct wr_io_host *next; /* of all open hosts, for fork */
};

/* threads.c */
int wr_host_plan_threads(struct wr_io_host *h, struct weir_problem *problem);
int wr_host_start_threads(struct wr_io_host *h, struct weir_problem *problem);
/* Every thread but the handlers': stopped and joined; the storage is left. */
void wr_host_stop_threads(struct wr_io_host *h);
/* And none is started from then on: a join that comes to it now gets WEIR_E_CLOSED. */
void wr_host_stop_handlers(struct wr_io_host *h);
bool wr_host_inside_step(void *context);
uintptr_t wr_host_thread(void *context);
int wr_host_run_steps(void *context, uint64_t wait_ns);
int wr_host_handler_start(void *context, struct weir_member *member);
void wr_host_handler_stop(void *context, struct weir_member *member);
void wr_host_thread_infos(struct wr_io_host *h, struct weir_info *info);

/* fork.c: a child's handles are closed from its first moment on. */
void wr_host_register(struct wr_io_host *h);
void wr_host_unregister(struct wr_io_host *h);

/* open.c, close.c */
void wr_host_destroy(struct wr_io_host *h);

#endif
