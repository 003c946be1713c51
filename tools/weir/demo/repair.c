/* SPDX-License-Identifier: Apache-2.0 */
/* The parent of demo/repair.h: what is published, who is started and killed, and the verdict. */
#include "tools/weir/demo/repair.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/demo/repair_shared.h"
#include "tools/weir/demo/run.h"
#include "tools/weir/interrupt.h"

#define LOOK_NS 1000000u

/* ---- the events ---- */

/* FNV-1a: which events are of one key. */
static uint64_t key_of(struct demo_text key)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < key.bytes; i++)
		hash = (hash ^ (uint8_t)key.at[i]) * 0x100000001b3u;
	return hash;
}

static int choose_events(struct repair_work *work, const struct demo_plan *plan)
{
	struct demo_source *source = calloc(1, sizeof *source);
	struct demo_record record;
	uint32_t most = plan->options.outstanding_max < REPAIR_EVENTS_MAX
				? plan->options.outstanding_max
				: REPAIR_EVENTS_MAX;
	if (source == NULL)
		return -ENOMEM;
	demo_source_init(source, plan->input, plan->seed);
	while (work->count < most && demo_source_next(source, &record)) {
		if (record.key.bytes == 0)
			continue;
		work->events[work->count] = record.event;
		work->keys[work->count] = key_of(record.key);
		work->indexes[work->count++] = record.index;
	}
	free(source);
	return 0;
}

/* ---- the processes ---- */

static pid_t spawn(struct repair_work *work, int (*run)(struct repair_work *work))
{
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CLI_EXIT_FAILED);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	_exit(run(work));
}

/* Until it ends, or is stuck and killed. 0, or negative. */
static int see_through(struct repair_work *work, int (*run)(struct repair_work *work), bool kills)
{
	struct repair_shared *shared = work->shared;
	int status = 0;
	pid_t pid = spawn(work, run);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (kills && wr_load_acquire(&shared->phase) == REPAIR_STUCK) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return 0;
		}
		if (interrupt_came() != 0) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -EINTR;
		}
		demo_sleep_ns(LOOK_NS);
	}
	if (!kills && WIFEXITED(status) && WEXITSTATUS(status) == CLI_EXIT_OK)
		return 0;
	return shared->failure != 0 ? shared->failure : -EPROTO;
}

/* ---- the verdict ---- */

static uint64_t books_wrong(const struct repair_work *work, const uint32_t *order, uint32_t count,
			    uint32_t instruments, int *ret_error)
{
	struct demo_books books = {0}, reference = {0};
	uint64_t wrong = 0;
	int rc = demo_books_init(&books, instruments, REPAIR_EVENTS_MAX);
	if (rc == 0)
		rc = demo_books_init(&reference, instruments, REPAIR_EVENTS_MAX);
	for (uint32_t i = 0; rc == 0 && i < work->count; i++)
		rc = demo_books_apply(&reference, &work->events[i]);
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = demo_books_apply(&books, &work->events[order[i]]);
	if (rc == 0)
		wrong = demo_books_differ(&books, &reference);
	*ret_error = rc;
	demo_books_fini(&books);
	demo_books_fini(&reference);
	return wrong;
}

/* Events that were not processed, or before an earlier one of their key. */
static uint64_t events_wrong(const struct repair_work *work, uint32_t count)
{
	const uint32_t *order = work->shared->applied;
	uint8_t done[REPAIR_EVENTS_MAX] = {0};
	uint64_t wrong = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = order[i];
		done[at] = 1;
		for (uint32_t k = at; k-- > 0;)
			if (work->keys[k] == work->keys[at]) {
				wrong += done[k] == 0; /* those before it follow from this */
				break;
			}
	}
	for (uint32_t i = 0; i < work->count; i++)
		wrong += done[i] == 0;
	return wrong;
}

static int judge(const struct repair_work *work, struct demo_repair *ret, uint32_t before)
{
	uint32_t count = wr_load_relaxed(&work->shared->applied_count);
	struct demo_source *source = calloc(1, sizeof *source);
	int rc = source == NULL ? -ENOMEM : 0;
	if (rc != 0)
		return rc;
	demo_source_init(source, work->plan->input, work->plan->seed);
	uint32_t instruments = demo_source_instruments(source);
	free(source);
	ret->unrepaired_count = books_wrong(work, work->shared->applied, before, instruments, &rc);
	if (rc == 0)
		ret->wrong_count =
			books_wrong(work, work->shared->applied, count, instruments, &rc);
	ret->wrong_count += events_wrong(work, count);
	return rc;
}

/* ---- all of it ---- */

static int run_all(struct repair_work *work, struct demo_repair *ret)
{
	struct repair_shared *shared = work->shared;
	int rc = see_through(work, repair_child_faulty, true);
	uint32_t before = wr_load_relaxed(&shared->applied_count);
	if (rc == 0)
		rc = see_through(work, repair_child_redrive, false);
	if (rc == 0)
		rc = see_through(work, repair_child_mended, false);
	ret->event_count = work->count;
	ret->letter_count = shared->letter_count;
	ret->parked_count = shared->parked_count;
	ret->redriven_count = shared->redriven_count;
	return rc != 0 ? rc : judge(work, ret, before);
}

int demo_repair_run(const struct demo_plan *plan, struct demo_repair *ret, const char **ret_what,
		    struct weir_problem *ret_problem)
{
	static char what[sizeof((struct repair_shared *)0)->what];
	struct repair_work *work = calloc(1, sizeof *work);
	void *shared = mmap(NULL, sizeof *work->shared, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*ret = (struct demo_repair){.event_count = 0};
	*ret_what = "the failing consumer";
	int rc = work == NULL || shared == MAP_FAILED ? -ENOMEM : 0;
	if (rc == 0) {
		work->plan = plan;
		work->shared = shared;
		rc = choose_events(work, plan);
	}
	if (rc == 0 && work->count > 0)
		rc = run_all(work, ret);
	if (rc != 0 && work != NULL && work->shared != NULL && work->shared->failure != 0) {
		snprintf(what, sizeof what, "%s", work->shared->what);
		*ret_what = what;
		*ret_problem = work->shared->problem;
	}
	if (shared != MAP_FAILED)
		munmap(shared, sizeof *work->shared);
	free(work);
	return rc;
}
