/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two lives of the child and the verdict on them; see run.h. What the parent knows of the
 * child's acknowledgements it reads from shared memory after the child has gone, so nothing that
 * the child could still have said is missed or invented.
 */
#include "tools/weir/demo/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/interrupt.h"

#define SECOND_NS UINT64_C(1000000000)
#define WATCH_NS 200000u           /* how often the parent looks at its child */
#define STALL_NS (150 * SECOND_NS) /* a child that does nothing for so long is given up */

/* --- the child's two lives ----------------------------------------------------------------- */

static pid_t spawn(struct demo *demo, unsigned life)
{
	pid_t parent = getpid();

	fflush(NULL);
	demo->start_ns[life] = demo_now_ns();
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* Who kills the parent does not want to find the child still writing. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CLI_EXIT_FAILED);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	int error = demo_child_run(&demo->plan, demo->shared, life);
	_exit(error == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED);
}

static bool kill_is_due(const struct demo *demo)
{
	struct demo_shared *shared = demo->shared;
	uint64_t acked = wr_load_acquire(&shared->acked_index);

	/* Before the first acknowledgement there would be nothing to lose. */
	if (acked == 0)
		return false;
	if (demo->plan.event_limit != 0 && acked >= (demo->plan.event_limit + 1) / 2)
		return true;
	uint64_t first = wr_load_relaxed(&shared->lives[0].first_ack_ns);
	return demo->kill_after_ns != 0 && first != 0 &&
	       demo_now_ns() - first >= demo->kill_after_ns;
}

static const char *phase_text(const struct demo *demo, unsigned life)
{
	/* Nothing was started anew: what was seen meanwhile stands above this line. */
	bool was_shown = demo->live.started_ns != 0 &&
			 wr_load_relaxed(&demo->shared->look) == DEMO_LOOK_NONE;
	switch (wr_load_relaxed(&demo->shared->phase)) {
	case DEMO_STARTING:
		return life == 0 ? "opening" : "recovering";
	case DEMO_OPENED:
		return life == 0 ? "starting" : "finding the place in the source";
	case DEMO_PUBLISHING:
		return life == 0   ? "publishing"
		       : was_shown ? "still publishing"
				   : "publishing again";
	case DEMO_CATCHING_UP:
		return "groups catch up";
	default:
		return "closed";
	}
}

/* A third of its time, two seconds at most: then its figures have settled. */
static bool look_is_due(const struct demo *demo)
{
	struct demo_shared *shared = demo->shared;
	uint64_t first = wr_load_relaxed(&shared->lives[1].first_ack_ns);
	uint64_t after = demo->plan.life_ns / 3;

	if (after > 2 * SECOND_NS)
		after = 2 * SECOND_NS;
	return (first != 0 && demo_now_ns() - first >= after) ||
	       wr_load_relaxed(&shared->phase) == DEMO_CATCHING_UP;
}

/* Somebody looks at the last life, once; the child waits for that before it ends. */
static void turn_look(struct demo *demo, pid_t pid)
{
	if (wr_load_relaxed(&demo->shared->look) != DEMO_LOOK_WANTED)
		return;
	if (demo->live.started_ns == 0) {
		if (!look_is_due(demo))
			return;
		demo_live_start(&demo->live, demo->shared, pid);
	}
	if (demo->live.looker != 0 && !demo_live_is_over(&demo->live))
		return;
	wr_store_relaxed(&demo->shared->look, DEMO_LOOK_NONE);
	if (demo->json)
		return;
	demo_progress_end(&demo->progress);
	printf("\n%s\n", demo->live.text);
	(void)fflush(stdout);
}

/* Waits for the child, or kills it when the time has come. 0, or an exit code. */
static int watch(struct demo *demo, pid_t pid, unsigned life)
{
	struct demo_shared *shared = demo->shared;
	uint64_t seen = 0;
	uint64_t seen_ns = demo_now_ns();
	bool killed = false;
	int status;

	for (;;) {
		pid_t gone = waitpid(pid, &status, killed ? 0 : WNOHANG);
		if (gone < 0 && errno == EINTR)
			continue;
		if (gone < 0)
			return cli_fail("waiting for the child", -errno, NULL);
		if (gone == pid)
			break;
		uint64_t acked = wr_load_relaxed(&shared->acked_count);
		uint64_t now = acked + wr_load_relaxed(&shared->book_events) +
			       wr_load_relaxed(&shared->phase);
		if (now != seen) {
			seen = now;
			seen_ns = demo_now_ns();
		}
		bool stalled = demo_now_ns() - seen_ns > STALL_NS;
		demo_progress_show(&demo->progress, phase_text(demo, life), acked);
		turn_look(demo, pid);
		if (stalled || interrupt_came() != 0 || (life == 0 && kill_is_due(demo))) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (!killed)
			demo_sleep_ns(WATCH_NS);
	}
	if (interrupt_came() != 0)
		return 128 + (int)interrupt_came();
	if (shared->failure < 0)
		return cli_fail(shared->failure_what, shared->failure, &shared->problem);
	bool as_planned = life == 0 ? killed && kill_is_due(demo)
				    : !killed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (as_planned)
		return CLI_EXIT_OK;
	demo_progress_end(&demo->progress);
	if (WIFSIGNALED(status) && !killed)
		fprintf(stderr, "weir: the child died of signal %d\n", WTERMSIG(status));
	else
		fprintf(stderr, "weir: the child %s\n",
			killed ? "did nothing for too long" : "ended before its time");
	return CLI_EXIT_FAILED;
}

static int run_lives(struct demo *demo)
{
	struct demo_shared *shared = demo->shared;
	struct demo_result *result = &demo->result;

	for (unsigned life = 0; life < DEMO_LIVES; life++) {
		wr_store_relaxed(&shared->phase, DEMO_STARTING);
		pid_t pid = spawn(demo, life);
		if (pid < 0)
			return cli_fail("fork", -errno, NULL);
		int exit_code = watch(demo, pid, life);
		if (exit_code != CLI_EXIT_OK)
			return exit_code;
		if (life > 0)
			continue;
		demo_progress_show(&demo->progress, "killed with SIGKILL", 0);
		uint64_t handed = wr_load_acquire(&shared->handed_index);
		uint64_t acked = wr_load_acquire(&shared->acked_index);
		shared->acked_index_at_kill = acked;
		result->in_doubt_count = handed - acked;
		result->event_count = handed;
		if (demo->look)
			wr_store_relaxed(&shared->look, DEMO_LOOK_WANTED);
	}
	return CLI_EXIT_OK;
}

/* --- the verdict --------------------------------------------------------------------------- */

static uint64_t after(uint64_t end_ns, uint64_t begin_ns)
{
	return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static void fill_result(struct demo *demo)
{
	struct demo_shared *shared = demo->shared;
	struct demo_result *result = &demo->result;
	const struct demo_audit *audit = &demo->audit;
	struct demo_life *second = &shared->lives[1];
	uint64_t handed = wr_load_relaxed(&shared->handed_index);
	uint64_t acked_at_kill = shared->acked_index_at_kill;

	result->plan = &demo->plan;
	result->shared = shared;
	result->audit = audit;
	result->url = demo->live.url[0] != '\0' ? demo->live.url : NULL;
	if (handed > result->event_count)
		result->event_count = handed;
	result->acked_count = wr_load_relaxed(&shared->acked_count);
	result->in_doubt_found_count = after(second->resumed_index, acked_at_kill);
	/* An event that was gone at the restart was published again, and is there now: it was lost
	 * all the same. */
	result->lost_count = audit->lost_count + after(acked_at_kill, second->resumed_index);
	result->order_violations =
		audit->order_violations + wr_load_relaxed(&shared->order_violations);
	result->book_mismatches = demo_audit_book_mismatches(audit, shared->digests);
	result->tally_mismatches = demo_audit_tally_mismatches(audit, shared);
	for (unsigned life = 0; life < DEMO_LIVES; life++)
		result->active_ns += after(wr_load_relaxed(&shared->lives[life].last_ack_ns),
					   shared->lives[life].first_publish_ns);
	result->recovery_ns = after(wr_load_relaxed(&second->first_ack_ns), demo->start_ns[1]);
	result->open_ns = after(second->opened_ns, demo->start_ns[1]);
	result->source_ns = after(second->ready_ns, demo->start_ns[1]);
	result->good = result->lost_count == 0 && result->order_violations == 0 &&
		       result->book_mismatches == 0 && result->tally_mismatches == 0 &&
		       audit->damaged_count == 0 && audit->repeated_count == 0 &&
		       audit->foreign_count == 0 && audit->missing_count == 0 &&
		       wr_load_relaxed(&shared->gap_count) == 0 &&
		       wr_load_relaxed(&shared->refused_count) == 0 &&
		       wr_load_relaxed(&shared->handler_errors) == 0 &&
		       result->repair.wrong_count == 0 &&
		       result->repair.redriven_count == result->repair.letter_count;
}

static int judge(struct demo *demo)
{
	struct weir_problem problem = {0};
	const char *what;

	demo_progress_show(&demo->progress, "reading the journal", 0);
	int error = demo_audit_init(&demo->audit, &demo->plan,
				    wr_load_acquire(&demo->shared->acked_index));
	if (error == 0)
		error = demo_audit_read(&demo->audit, demo->dir, &problem);
	if (error == 0)
		error = demo_audit_end(&demo->audit);
	demo_progress_end(&demo->progress);
	if (error < 0)
		return cli_fail("reading the journal", error, &problem);
	demo_progress_show(&demo->progress, "a consumer fails, and is repaired", 0);
	error = demo_repair_run(&demo->plan, &demo->result.repair, &what, &problem);
	demo_progress_end(&demo->progress);
	if (interrupt_came() != 0)
		return 128 + (int)interrupt_came();
	if (error < 0)
		return cli_fail(what, error, problem.text[0] != '\0' ? &problem : NULL);
	fill_result(demo);
	error = demo->json ? demo_report_json(&demo->result) : demo_report_text(&demo->result);
	if (error < 0)
		return CLI_EXIT_IO;
	return demo->result.good ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

int demo_run(struct demo *demo)
{
	int exit_code = run_lives(demo);
	if (exit_code == CLI_EXIT_OK)
		exit_code = judge(demo);
	return exit_code;
}
