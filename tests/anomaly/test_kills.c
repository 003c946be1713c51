/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what the users of the real library are told, threads and all, has no anomaly, though the
 *         process is killed again and again: nothing acknowledged is lost, doubled or out of order,
 *         nobody is handed what was settled, progress is over nothing that nobody acknowledged, a
 *         lease is one member's, what a queue cannot process is in its dead letters, and of a
 *         transaction all is in the log.
 * Method: live.h: a child publishes and consumes on a real file system and writes its history into
 *         shared memory; it is killed by SIGKILL while it opens or at work. After each kill the
 *         journal is read, as if by one more group. The last life drains everything and closes.
 *         Then the checker judges the whole history (rules.h).
 *
 *   crash_anomaly_kills [--kills N] [--seconds T] [--seed S] [--print FILE]
 *
 * A seed draws the plan again, not the kernel's scheduling; a history with an anomaly is kept in
 * FILE, or beside the journal, and can be judged again: weir-anomaly --check FILE.
 *
 * Plain main(), TAP: weir must have no thread in the process that forks.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/journal.h>

#include "core/base/bytes.h"
#include "tests/anomaly/checker.h"
#include "tests/anomaly/live.h"
#include "tests/support/real_data.h"

#define KILLS_A_JOURNAL 6u
#define KILLS_DEFAULT 6u
#define RUNNING_MS_MAX 40u
#define OPENING_MS_MAX 12u
#define OPENING_ONE_IN 4u
#define LIFE_SECONDS_MAX 150u

struct scan {
	struct live_shared *shared;
	uint32_t process, generation;
	uint64_t next; /* sequence */
};

static struct live_shared *shared;
static struct history history;
static uint64_t kills, kills_at_work, operations, lines_of_log, repeats, letters, outputs;

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap_us(uint64_t us)
{
	const struct timespec length = {.tv_sec = (time_t)(us / 1000000),
					.tv_nsec = (long)(us % 1000000) * 1000};
	(void)nanosleep(&length, NULL);
}

/* --- the journal, read as a group of its own -------------------------------------------------- */

/* A dead letter says whose it is. */
static void read_letter(struct scan *scan, const struct weir_item *item)
{
	struct weir_origin origin;

	if (!weir_item_origin(item, &origin)) {
		live_fault(scan->shared, "a dead letter without an origin");
		return;
	}
	letters++;
	live_say(scan->shared, (struct history_op){.type = HISTORY_OK,
						   .f = HISTORY_DEAD,
						   .value = wr_get_u64(item->payload),
						   .topic = item->topic,
						   .partition = item->partition,
						   .offset = item->sequence,
						   .group = origin.subscription + 1});
}

static int read_event(void *context, const struct weir_journal_event *event)
{
	struct scan *scan = context;
	const struct weir_item *item = &event->item;

	if (item->payload_bytes < 8)
		return 0;
	lines_of_log++;
	outputs += item->topic == LIVE_OUTPUTS;
	if (item->topic == LIVE_DEAD)
		read_letter(scan, item);
	live_say(scan->shared, (struct history_op){
				       .type = HISTORY_OK,
				       .f = HISTORY_POLL,
				       .process = scan->process,
				       .value = wr_get_u64(item->payload),
				       .key = live_key_of(wr_get_u64(item->payload)),
				       .topic = item->topic,
				       .partition = item->partition,
				       .offset = item->sequence,
				       .group = LIVE_LOG_GROUP,
				       .generation = scan->generation,
			       });
	return 0;
}

/* What is left; then what the next life will recover is known. */
static bool read_journal(const char *dir, struct scan *scan, bool was_killed)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.from_sequence = scan->next;
	visitor.cached = true;
	visitor.event = read_event;
	visitor.context = scan;
	scan->process = 1 + wr_add_relaxed(&shared->process_last, 1);
	scan->generation++;
	if (was_killed)
		live_say(shared, (struct history_op){.type = HISTORY_INFO,
						     .f = HISTORY_CRASH,
						     .level = HISTORY_WRITTEN});
	int rc = weir_journal_inspect(dir, &visitor, &report, &problem);
	if (rc == -ENOENT) /* there was no time to make one */
		report = (struct weir_journal_report){0};
	else if (rc != 0 || report.corrupt_count > 0)
		live_fault(shared, "the journal is damaged: %s %s", weir_error_name(rc),
			   problem.text);
	if (was_killed)
		live_say(shared, (struct history_op){.type = HISTORY_OK,
						     .f = HISTORY_RECOVER,
						     .offset = report.last_sequence});
	scan->next = report.last_sequence + 1;
	return wr_load_acquire(&shared->has_fault) == 0;
}

/* --- lives ------------------------------------------------------------------------------------ */

/* Until it is at work, or over; at most as long as a very slow machine may take. */
static void wait_for_work(pid_t child)
{
	for (double until = now_s() + LIFE_SECONDS_MAX; now_s() < until; nap_us(500)) {
		siginfo_t ended = {0};
		if (wr_load_acquire(&shared->state) != LIVE_BORN ||
		    waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    ended.si_pid != 0)
			return;
	}
}

static pid_t begin_life(const struct live_plan *plan)
{
	wr_store_release(&shared->state, (uint32_t)LIVE_BORN);
	(void)fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(live_child(plan, shared));
	if (child < 0)
		live_fault(shared, "no process could be made");
	return child;
}

static bool live_and_die(struct live_plan *plan, struct wr_prng *prng)
{
	bool while_opening = wr_prng_below(prng, OPENING_ONE_IN) == 0;
	int status = 0;

	plan->seed = wr_prng_next(prng);
	pid_t child = begin_life(plan);
	if (child < 0)
		return false;
	if (!while_opening)
		wait_for_work(child);
	nap_us(wr_prng_below(prng, 1000 * (while_opening ? OPENING_MS_MAX : RUNNING_MS_MAX)));
	(void)kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		live_fault(shared, "a life ended before it was killed, with status %d", status);
	kills++;
	kills_at_work += wr_load_acquire(&shared->state) != LIVE_BORN;
	return wr_load_acquire(&shared->has_fault) == 0;
}

static bool live_to_the_end(struct live_plan *plan)
{
	int status = 0;

	plan->is_last = true;
	pid_t child = begin_life(plan);
	if (child < 0)
		return false;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		live_fault(shared, "the last life ended with status %d", status);
	return wr_load_acquire(&shared->has_fault) == 0;
}

/* --- the history ------------------------------------------------------------------------------ */

static void begin_history(void)
{
	static const struct history_op subscribes[] = {
		{.topic = 0, .group = 1, .level = HISTORY_DURABLE},
		{.topic = 1, .group = 1, .level = HISTORY_DURABLE},
		{.topic = 0, .group = 2, .level = HISTORY_MEMORY},
		{.topic = 0,
		 .group = LIVE_JOBS + 1,
		 .level = HISTORY_DURABLE,
		 .flags = HISTORY_SHARED | HISTORY_KEYED},
		{.topic = 0,
		 .group = LIVE_TASKS + 1,
		 .level = HISTORY_DURABLE,
		 .flags = HISTORY_SHARED},
		{.topic = 0, .group = LIVE_LOG_GROUP, .level = HISTORY_WRITTEN},
		{.topic = 1, .group = LIVE_LOG_GROUP, .level = HISTORY_WRITTEN},
		{.topic = LIVE_DEAD, .group = LIVE_LOG_GROUP, .level = HISTORY_WRITTEN},
		{.topic = LIVE_OUTPUTS, .group = LIVE_LOG_GROUP, .level = HISTORY_WRITTEN},
	};

	/* Its pages go back: most of them were never touched. */
	(void)madvise(shared, sizeof *shared, MADV_REMOVE);
	for (size_t i = 0; i < sizeof subscribes / sizeof subscribes[0]; i++) {
		struct history_op op = subscribes[i];
		op.type = HISTORY_OK;
		op.f = HISTORY_SUBSCRIBE;
		op.offset = 1;
		live_say(shared, op);
	}
}

static void collect_history(void)
{
	uint64_t used = wr_load_acquire(&shared->used);

	history_begin(&history);
	for (uint64_t i = 0; i < used && i < LIVE_OPS_MAX; i++)
		if (wr_load_acquire(&shared->slots[i].is_filled) != 0) {
			history_add(&history, &shared->slots[i].op);
			repeats += (shared->slots[i].op.flags & HISTORY_PRESENT) != 0;
		}
	operations += history_count(&history);
}

static void keep_history(const char *path)
{
	FILE *file = fopen(path, "w");

	if (file == NULL)
		return;
	history_write(&history, file);
	(void)fclose(file);
	tap_note("judge it again: weir-anomaly --check %s", path);
}

static bool judge(struct checker *checker, const char *path)
{
	const struct checker_options none = {0};
	struct verdict verdict;

	collect_history();
	checker_run(checker, &history, &none, &verdict);
	verdict_say(&verdict, &history, stdout);
	if (verdict.anomalies > 0 || wr_load_acquire(&shared->has_fault) != 0)
		keep_history(path);
	return verdict.anomalies == 0;
}

/* One journal, from its making to its end in order. */
static bool run_journal(struct checker *checker, uint64_t seed, uint64_t kills_max,
			const char *print)
{
	char dir[TEST_PATH_BYTES], journal[TEST_PATH_BYTES + 16], kept[TEST_PATH_BYTES + 16];
	struct live_plan plan = {.dir = journal, .seeks = seed % 3 == 0};
	struct scan scan = {.shared = shared, .next = 1};
	struct wr_prng prng;
	bool good = true;

	test_dir_make(dir);
	(void)snprintf(journal, sizeof journal, "%s/journal", dir);
	(void)snprintf(kept, sizeof kept, "%s/history", dir);
	test_io(&plan.io);
	plan.has_io = plan.io != WEIR_IO_AUTO;
	wr_prng_init(&prng, seed);
	begin_history();
	for (uint64_t i = 0; good && i < kills_max && !live_is_full(shared); i++)
		good = live_and_die(&plan, &prng) && read_journal(journal, &scan, true);
	good = good && live_to_the_end(&plan) && read_journal(journal, &scan, false);
	live_say(shared, (struct history_op){
				 .type = HISTORY_OK, .f = HISTORY_DRAIN, .group = LIVE_LOG_GROUP});
	if (!good)
		tap_note("%s", shared->fault);
	good = judge(checker, print != NULL ? print : kept) && good;
	if (good)
		test_dir_remove(dir);
	else
		tap_note("kept for inspection: %s", dir);
	return good;
}

static const char *argument(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return NULL;
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise)
{
	const char *text = argument(argc, argv, name);

	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	uint64_t kills_max = number(argc, argv, "--kills", KILLS_DEFAULT);
	uint64_t seconds = number(argc, argv, "--seconds", 0);
	uint64_t seed = number(argc, argv, "--seed", 0), first;
	double began = now_s();
	bool good = true;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	struct checker *checker = checker_create();
	first = seed = seed != 0 ? seed : test_seed();
	for (; good && (seconds > 0 ? now_s() - began < (double)seconds : kills < kills_max);
	     seed++)
		good = run_journal(checker, seed, KILLS_A_JOURNAL, argument(argc, argv, "--print"));
	tap_check(good, "no anomaly in what was told by processes that were killed");
	if (!good)
		tap_note("again: %s --kills 1 --seed %" PRIu64, argv[0], seed - 1);
	tap_note("%" PRIu64 " kills, %" PRIu64 " of them at work, in %" PRIu64 " journals; %" PRIu64
		 " operations, %" PRIu64 " events in the journals, %" PRIu64
		 " repeats refused, %" PRIu64 " dead letters, %" PRIu64 " events of transactions",
		 kills, kills_at_work, seed - first, operations, lines_of_log, repeats, letters,
		 outputs);
	tap_check(kills_at_work > 0 && lines_of_log > 100 && repeats > 0 && letters > 0 &&
			  outputs > 0,
		  "there was work to lose");
	checker_destroy(checker);
	history_fini(&history);
	return tap_end();
}
