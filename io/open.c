/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_open(): check → memory → storage → pipeline (which recovers) → threads. Each part is undone
 * in the other order when a later one fails.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/pipeline/metrics.h"
#include "core/pipeline/packing.h"
#include "io/chain_key.h"
#include "io/codec/codecs.h"
#include "io/host.h"
#include "io/posix/cancel.h"
#include "io/posix/clock_posix.h"
#include "io/posix/cpu_crc.h"
#include "io/posix/storage_posix.h"
#include "io/thread/park_futex.h"
#include "io/uring/storage_uring.h"

/* Superblock, checkpoints, and what an open at the limit of segments adds to them. */
#define FILES_BESIDE 64u

/* ---- descriptors ---- */

static void event_signal(void *context, int fd)
{
	uint64_t one = 1;
	(void)context;
	int cancel = wr_cancel_defer();
	/* Full is impossible: it is read or coalesced long before 2^64. */
	ssize_t done = write(fd, &one, sizeof one);
	(void)done;
	wr_cancel_restore(cancel);
}

static int event_open(void *context)
{
	(void)context;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd >= 0 ? fd : -errno;
}

static void event_close(void *context, int fd)
{
	int cancel = wr_cancel_defer();
	(void)context;
	(void)close(fd);
	wr_cancel_restore(cancel);
}

/* ---- sleeping in the storage ---- */

static void storage_sleep(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	struct wr_storage *s = parker->context;
	if (wr_load_acquire(&parker->word) != word) /* PK4: woken since the announcement */
		return;
	/* A broken engine shows at the journal's own poll. */
	(void)s->ops->poll(s, wr_park_bounded_ns(timeout_ns));
}

static void storage_wake(struct wr_parker *parker)
{
	struct wr_storage *s = parker->context;
	int cancel = wr_cancel_defer();
	s->ops->wake(s);
	wr_cancel_restore(cancel);
}

static void storage_barrier(void)
{
	wr_park_futex_ops()->barrier();
}

static const struct wr_park_ops storage_park_ops = {
	.barrier = storage_barrier,
	.sleep = storage_sleep,
	.wake = storage_wake,
};

/* ---- storage ---- */

static int storage_problem(struct weir_problem *problem, int code, const char *dir,
			   const char *reason)
{
	char text[sizeof problem->text];
	if (problem == NULL)
		return code;
	(void)snprintf(text, sizeof text, "%.80s: %.110s", dir,
		       reason[0] != '\0' ? reason : weir_strerror(code));
	return wr_problem_set(problem, code, "dir", text);
}

#ifdef WR_HAVE_URING
static bool uring_is_refused(int code)
{
	return code == -ENOSYS || code == -EPERM || code == -ENOMEM || code == -EINVAL ||
	       code == -EOPNOTSUPP || code == -EACCES;
}
#endif

static int check_codec(const struct weir_options *o, struct weir_problem *problem)
{
	uint32_t codec = wr_pack_codec(o->pack);

	if (codec == WR_CODEC_NONE || wr_codecs()[codec] != NULL)
		return 0;
	return wr_problem_set(problem, -ENOTSUP, "pack",
			      codec == WR_CODEC_LZ4 ? "this weir was built without liblz4"
						    : "this weir was built without libzstd");
}

static int open_storage(struct wr_io_host *h, struct weir_problem *problem)
{
	const struct weir_options *o = &h->options;
	char reason[160] = "";
	struct wr_storage_options so = {
		.dir = o->dir,
		.name = o->name,
		.create_dir = true,
		.files_max = o->segments_max + FILES_BESIDE,
		.any_thread = o->manual, /* whoever steps */
		.helper_cpus = &h->helper_cpus,
		.ret_reason = reason,
		.reason_bytes = sizeof reason,
	};
	int rc = check_codec(o, problem);
	if (rc != 0)
		return rc;
	rc = -ENOSYS;
#ifdef WR_HAVE_URING
	if (o->io != WEIR_IO_POSIX) {
		so.depth_max = o->batches_in_flight_max + 4; /* headers and checkpoints beside */
		rc = wr_storage_uring_open(&so, &h->storage);
		if (rc != 0 && (o->io == WEIR_IO_URING || !uring_is_refused(rc)))
			return storage_problem(problem, rc, o->dir, reason);
	}
#else
	if (o->io == WEIR_IO_URING)
		return storage_problem(problem, rc, o->dir, "built without io_uring");
#endif
	if (rc != 0) {
		(void)snprintf(h->fallback_reason, sizeof h->fallback_reason, "%s",
			       o->io == WEIR_IO_POSIX ? "asked for" : reason);
		so.depth_max = 0;
		rc = wr_storage_posix_open(&so, &h->storage);
		if (rc != 0)
			return storage_problem(problem, rc, o->dir, reason);
	}
	rc = h->storage->ops->lock(h->storage);
	if (rc == WEIR_E_LOCKED)
		return storage_problem(problem, rc, o->dir,
				       "another pipeline owns this directory, or flock() holds it");
	if (rc != 0)
		return storage_problem(problem, rc, o->dir, "");
	return 0;
}

/* ---- the door ---- */

void wr_host_destroy(struct wr_io_host *h)
{
	wr_host_unregister(h);
	if (h->pipeline != NULL)
		wr_pipeline_destroy(h->pipeline);
	if (h->storage != NULL)
		h->storage->ops->fini(h->storage);
	if (h->metrics_memory != NULL)
		h->memory.memory.ops->free(&h->memory.memory, h->metrics_memory, h->metrics_bytes);
	wr_metrics_file_remove(&h->metrics_file);
	free(h->handlers);
	free(h);
}

static void release(void *context)
{
	wr_host_destroy(context);
}

static void threads(void *context, struct weir_info *info)
{
	wr_host_thread_infos(context, info);
}

static void *make_metrics(struct wr_io_host *h, size_t bytes);

/* The layout is another one: whoever has looked at the file sees that it went. */
static void *make_metrics_again(void *context, size_t bytes)
{
	struct wr_io_host *h = context;
	if (h->metrics_memory != NULL)
		h->memory.memory.ops->free(&h->memory.memory, h->metrics_memory, h->metrics_bytes);
	h->metrics_memory = NULL;
	wr_metrics_file_remove(&h->metrics_file);
	memset(&h->metrics_file, 0, sizeof h->metrics_file);
	return make_metrics(h, bytes);
}

static struct wr_host host_of(struct wr_io_host *h)
{
	struct wr_host host = {
		.storage = h->storage,
		.memory = &h->memory.memory,
		.clock = wr_clock_posix(),
		.park_ops = wr_park_futex_ops(),
		.looks_before_sleep = wr_affinity_usable_cpus(&h->affinity) > 2 ? 64 : 0,
		.storage_park_ops = &storage_park_ops,
		.context = h,
		.inside_step = wr_host_inside_step,
		.thread = wr_host_thread,
		.run_steps = wr_host_run_steps,
		.event_signal = event_signal,
		.event_open = event_open,
		.event_close = event_close,
		.handler_start = wr_host_handler_start,
		.handler_stop = wr_host_handler_stop,
		.threads = threads,
		.release = release,
		.metrics_again = make_metrics_again,
	};
	return host;
}

static int plan_memory(struct wr_io_host *h, const struct weir_memory_plan *plan,
		       struct weir_problem *problem)
{
	const struct weir_options *o = &h->options;
	int rc = wr_numa_plan(NULL, o, &h->numa, problem);
	const struct wr_memory_policy policy = {
		.huge_pages = o->huge_pages,
		.huge_page_bytes = o->huge_page_bytes,
		.huge_wanted_bytes = plan->huge_bytes,
		.lock = o->lock_memory,
		.in_core_dumps = o->in_core_dumps,
		.numa = &h->numa,
	};
	wr_memory_posix_use(&h->memory, &policy);
	return rc;
}

/* The threads that the options lead to, on the CPUs that this process may use. */
static int plan_threads(struct wr_io_host *h, struct weir_problem *problem)
{
	int rc = wr_affinity_scan(NULL, &h->affinity);
	if (rc != 0)
		return wr_problem_set(problem, rc, "", "the CPU mask of this process");
	enum weir_journal_thread asked = h->options.journal_thread;
	bool own = asked == WEIR_JOURNAL_THREAD_YES ||
		   (asked == WEIR_JOURNAL_THREAD_AUTO &&
		    wr_affinity_usable_cpus(&h->affinity) >= WR_JOURNAL_THREAD_CPUS);
	own = own && h->options.dir != NULL && !h->options.manual;
	h->options.journal_thread = own ? WEIR_JOURNAL_THREAD_YES : WEIR_JOURNAL_THREAD_NO;
	return wr_host_plan_threads(h, problem);
}

/*
 * Where the metrics go: a file that others may read, or else memory, which this process may. Not
 * having it is no reason not to open.
 */
static void *make_metrics(struct wr_io_host *h, size_t bytes)
{
	const struct weir_options *o = &h->options;
	const struct wr_metrics_file_options file = {.dir = o->metrics_dir,
						     .name = o->name,
						     .journal = h->metrics_journal,
						     .bytes = bytes};

	if (o->metrics_dir == NULL ||
	    (o->metrics_dir[0] != '\0' && strcmp(o->metrics_dir, "none") != 0))
		(void)wr_metrics_file_make(&h->metrics_file, &file);
	if (h->metrics_file.base != NULL)
		return h->metrics_file.base;
	h->metrics_bytes = bytes;
	h->metrics_memory = h->memory.memory.ops->alloc(&h->memory.memory, bytes, 4096);
	return h->metrics_memory;
}

static void open_metrics(struct wr_io_host *h, size_t bytes, struct wr_host *host, char *journal)
{
#ifdef WR_NO_METRICS
	(void)h, (void)bytes, (void)host, (void)journal;
#else
	const struct weir_options *o = &h->options;

	journal[0] = '\0';
	if (o->dir != NULL && realpath(o->dir, journal) == NULL)
		journal[0] = '\0';
	host->metrics_journal = h->metrics_journal = journal;
	host->pid = (uint64_t)getpid();
	host->pid_start = wr_process_start(host->pid);
	host->pid_space = wr_process_space();
	host->metrics = make_metrics(h, bytes);
#endif
}

static int open_parts(struct wr_io_host *h, const struct weir_memory_plan *plan,
		      struct weir_problem *problem)
{
	int rc = plan_threads(h, problem);
	if (rc == 0)
		rc = plan_memory(h, plan, problem);
	if (rc == 0 && h->options.dir != NULL)
		rc = open_storage(h, problem);
	if (rc != 0)
		return rc;
	struct wr_host host = host_of(h);
	char journal[PATH_MAX];
	if (getrandom(host.new_uuid, sizeof host.new_uuid, 0) != sizeof host.new_uuid ||
	    getrandom(host.secret, sizeof host.secret, 0) != sizeof host.secret)
		return wr_problem_set(problem, -EIO, "", "no random bytes for a new journal's id");
	struct wr_chain_secret secret;
	if (h->options.chain_key_file != NULL) {
		rc = wr_chain_secret_read(h->options.chain_key_file, &secret, problem);
		if (rc != 0)
			return rc;
		host.chain_secret = &secret;
	}
	open_metrics(h, plan->metrics_bytes, &host, journal);
	rc = wr_pipeline_create(&h->options, plan, &host, &h->pipeline, problem);
	wr_chain_secret_forget(&secret);
	/* The memory knows more of why than its code says. */
	if (rc < 0 && h->memory.refusal.code < 0) {
		rc = h->memory.refusal.code;
		if (problem != NULL)
			*problem = h->memory.refusal;
	}
	if (rc == 0)
		rc = wr_host_start_threads(h, problem);
	if (rc == 0)
		wr_metrics_threads_there(h->pipeline);
	return rc;
}

int weir_memory_plan(const struct weir_options *options, struct weir_memory_plan *ret_plan,
		     struct weir_problem *reterr_problem)
{
	struct weir_memory_plan plan;
	struct wr_io_host host = {0}; /* for its threads' plan alone */
	int rc = wr_null_check(options, ret_plan, reterr_problem);
	if (rc == 0)
		rc = wr_pipeline_check(options, &host.options, &plan, reterr_problem);
	if (rc == 0)
		rc = plan_threads(&host, reterr_problem);
	if (rc == 0)
		*ret_plan = plan;
	return rc;
}

static void say_note(struct weir_pipeline *p, enum wr_event event, const char *note)
{
	if (note[0] != '\0')
		wr_pipeline_say_at_open(p, event, WR_NO_FIELDS, "%s", note);
}

/* options.log_fn: what was not as asked, and what recovery took away. */
static void say_what_is_notable(const struct wr_io_host *h)
{
	struct weir_pipeline *p = h->pipeline;
	const struct wr_recovery_report *r = &p->recovery;
	struct wr_storage_report storage = {.copies_on_write = false};
	if (h->options.io == WEIR_IO_AUTO && h->fallback_reason[0] != '\0')
		wr_pipeline_say_at_open(p, WR_EVENT_STORAGE_FALLBACK,
					WR_FIELDS(wr_field_text("reason", h->fallback_reason)),
					"the posix backend, not io_uring: %s", h->fallback_reason);
	if (p->journal != NULL)
		p->host.storage->ops->report(p->host.storage, &storage);
	if (storage.copies_on_write)
		wr_pipeline_say_at_open(
			p, WR_EVENT_STORAGE_COPIES_ON_WRITE,
			WR_FIELDS(wr_field_text("file_system", storage.file_system)),
			"%s copies on write: room that was made ahead does not count "
			"there, and a full disk ends in FAILED instead of waiting; keep "
			"room free, or use ext4 or XFS",
			storage.file_system);
	say_note(p, WR_EVENT_THREADS_DEGRADED, h->thread_note);
	say_note(p, WR_EVENT_MEMORY_HUGE_PAGES, h->memory.huge_note);
	say_note(p, WR_EVENT_MEMORY_NUMA, h->memory.numa_note);
	say_note(p, WR_EVENT_METRICS_NO_FILE, h->metrics_file.note);
	if (p->redrive_room.subscriptions > 0)
		wr_pipeline_say_at_open(
			p, WR_EVENT_REDRIVE_ROOM,
			WR_FIELDS(wr_field_u64("subscriptions", p->redrive_room.subscriptions),
				  wr_field_u64("outstanding", p->redrive_room.outstanding)),
			"room for %u subscriptions of jobs over dead letters, beside "
			"subscriptions_max, and for %u events of theirs, beside outstanding_max",
			p->redrive_room.subscriptions, p->redrive_room.outstanding);
	if (r->trimmed_bytes > 0)
		wr_pipeline_say_at_open(
			p, WR_EVENT_RECOVERY_TRIMMED,
			WR_FIELDS(wr_field_u64("bytes", r->trimmed_bytes),
				  wr_field_u64("from_sequence", r->trimmed_from_seq)),
			"recovery trimmed a tail that was never acknowledged: %llu "
			"bytes, from sequence %llu on",
			(unsigned long long)r->trimmed_bytes,
			(unsigned long long)r->trimmed_from_seq);
}

static int open_pipeline(const struct weir_options *options, struct weir_pipeline **ret_pipeline,
			 struct weir_problem *reterr_problem)
{
	struct weir_memory_plan plan;
	struct weir_options checked;
	int rc = wr_null_check(options, ret_pipeline, reterr_problem);
	if (rc == 0)
		rc = wr_pipeline_check(options, &checked, &plan, reterr_problem);
	if (rc != 0)
		return rc;
	wr_cpu_crc_use();
	(void)wr_park_choose_mode();
	struct wr_io_host *h = calloc(1, sizeof *h);
	if (h == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	h->options = checked;
	h->handlers = calloc(checked.members_max, sizeof *h->handlers);
	rc = h->handlers != NULL ? wr_memory_posix_init(&h->memory, &checked.allocator) : -ENOMEM;
	if (rc == 0)
		rc = open_parts(h, &plan, reterr_problem);
	else
		(void)wr_problem_in_words(reterr_problem, rc);
	if (rc != 0) {
		wr_host_stop_threads(h);
		wr_host_destroy(h);
		return rc;
	}
	wr_host_register(h);
	say_what_is_notable(h);
	*ret_pipeline = h->pipeline;
	return 0;
}

static void tell_memory(struct wr_io_host *h, struct weir_info *info)
{
	struct wr_memory_posix *m = &h->memory;
	wr_spinlock_lock(&m->lock);
	info->huge_page_bytes = m->huge_bytes;
	info->locked_bytes = m->locked_bytes;
	wr_spinlock_unlock(&m->lock);
	info->chunks_node = h->numa.node_of[WR_WRITTEN_BY_LOG];
	(void)snprintf(info->memory_note, sizeof info->memory_note, "%s%s%s", m->huge_note,
		       m->huge_note[0] != '\0' && m->numa_note[0] != '\0' ? "; " : "",
		       m->numa_note);
}

int weir_open(const struct weir_options *options, struct weir_pipeline **ret_pipeline,
	      struct weir_problem *reterr_problem)
{
	int cancel = wr_cancel_defer();
	int rc = open_pipeline(options, ret_pipeline, reterr_problem);
	wr_cancel_restore(cancel);
	return rc;
}

int weir_pipeline_info(struct weir_pipeline *pipeline, struct weir_info *ret_info)
{
	struct wr_io_host *h = pipeline->host.context;
	int rc = wr_pipeline_info(pipeline, ret_info);
	if (rc != 0)
		return rc;
	if (h->fallback_reason[0] != '\0')
		(void)snprintf(ret_info->backend_reason, sizeof ret_info->backend_reason, "%s",
			       h->fallback_reason);
	wr_host_thread_infos(h, ret_info);
	tell_memory(h, ret_info);
	(void)snprintf(ret_info->metrics_path, sizeof ret_info->metrics_path, "%s",
		       h->metrics_file.path);
	(void)snprintf(ret_info->metrics_note, sizeof ret_info->metrics_note, "%s",
		       h->metrics_file.note);
	return 0;
}

int weir_step(struct weir_pipeline *pipeline, uint64_t timeout_ns)
{
	struct wr_io_host *h = pipeline->host.context;
	if (wr_pipeline_is_copy(pipeline))
		return WEIR_E_CLOSED;
	return h->options.manual ? wr_host_run_steps(h, timeout_ns) : -EINVAL;
}
