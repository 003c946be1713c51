/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   on a file system that drops the sync of a write (FUSE; fault 35 of the catalogue,
 *         docs/internals/faults.md) weir asks for each sync by itself: every acknowledged batch has
 *         an FSYNC request of its own, and what was acknowledged is there when all that was not
 *         synced is lost. And room that a quota refuses (fault 7) is waited for as for a disk's.
 * Method: a FUSE file system that shows a folder of a tmpfs, counts requests, and undoes writes
 *         that were not synced (pass_through.h). Single events, each awaited; then lives of `weir
 *         torture`, killed at a drawn moment. Both backends.
 *
 * Plain main(), TAP. Skipped where mounts or /dev/fuse are not to be had.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#include "bench/harness.h"
#include "tests/powercut/mounts.h"
#include "tests/powercut/pass_through.h"
#include "tests/support/real_data.h"
#include "tools/weir/torture/sweep.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)
#define PATIENCE_NS (60 * SECOND_NS)
#define SINGLES 40u
#define LIVES 4u

static struct pass_through fs;
static struct sweep_ledger *ledger;
static char behind[MOUNTS_PATH_BYTES]; /* the folder that is shown */
static char shown[MOUNTS_PATH_BYTES];

static uint64_t syncs(void)
{
	return wr_load_acquire(&fs.shared->syncs);
}

/* --- single events -------------------------------------------------------------------------- */

static int open_pipeline(const char *dir, enum weir_io io, struct weir_pipeline **ret_pipeline,
			 uint32_t *ret_topic)
{
	struct weir_options options;
	struct weir_topic_options topic;

	sweep_options(&options);
	options.dir = dir;
	options.io = io;
	weir_topic_options_init(&topic);
	topic.name = "t";
	int rc = weir_open(&options, ret_pipeline, NULL);
	return rc != 0 ? rc : weir_topic_create(*ret_pipeline, &topic, ret_topic, NULL);
}

/* How many of the events were acknowledged without a sync behind their call. */
static unsigned publish_singles(struct weir_pipeline *pipeline, uint32_t topic)
{
	unsigned unsynced = 0;

	for (uint32_t i = 1; i <= SINGLES; i++) {
		const struct weir_event event = {
			.topic = topic, .payload = &i, .payload_bytes = sizeof i};
		uint64_t before = syncs();
		int rc = weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, PATIENCE_NS, NULL);
		unsynced += rc != 0 || syncs() == before;
	}
	return unsynced;
}

static int look_at(void *context, const struct weir_journal_event *event)
{
	uint32_t *last = context;
	uint32_t number = 0;

	if (event->item.payload_bytes == sizeof number)
		memcpy(&number, event->item.payload, sizeof number);
	*last = number == *last + 1 ? number : 0;
	return 0;
}

static void single_events(enum weir_io io, const char *name)
{
	char dir[MOUNTS_PATH_BYTES], found[MOUNTS_PATH_BYTES];
	struct weir_pipeline *pipeline = NULL;
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	uint32_t topic = 0;
	uint32_t last = 0;

	mounts_path(shown, name, dir);
	mounts_path(behind, name, found);
	int rc = open_pipeline(dir, io, &pipeline, &topic);
	if (!tap_check(rc == 0, "%s: a pipeline on FUSE: %s", name, weir_error_name(rc)))
		return;
	rc = weir_pipeline_info(pipeline, &info);
	tap_check(rc == 0 && strstr(info.engine, "+ fdatasync") != NULL &&
			  !info.written_equals_durable,
		  "%s: it syncs by itself: \"%s\"", name, info.engine);
	uint64_t before = syncs();
	unsigned unsynced = publish_singles(pipeline, topic);
	tap_check(unsynced == 0,
		  "%s: each of %u acknowledged batches has an FSYNC of its own (%llu requests)",
		  name, SINGLES, (unsigned long long)(syncs() - before));
	/* Behind the last acknowledgement, whatever else it is about to write. */
	pass_through_cut(&fs);
	weir_journal_visitor_init(&visitor);
	visitor.event = look_at;
	visitor.context = &last;
	rc = weir_journal_inspect(found, &visitor, &report, NULL);
	tap_check(rc == 0 && report.corrupt_count == 0 && last == SINGLES,
		  "%s: with all that was not synced lost, %u of %u events are there", name, last,
		  SINGLES);
	(void)weir_close(pipeline, WEIR_CLOSE_ABORT, PATIENCE_NS, NULL);
}

/* --- fault 7: a quota ----------------------------------------------------------------------- */

static void take_answer(void *context, const struct weir_ack_range *range)
{
	uint64_t *acked = context;

	if (range->code == 0)
		*acked += range->last_ticket - range->first_ticket + 1;
	else
		*acked = UINT64_MAX / 2; /* nothing may be refused */
}

/* Publishes until nothing moves any more, or `more` events are in. How many are. */
static uint64_t publish_until_still(struct weir_producer *producer, uint32_t topic, uint64_t *acked,
				    uint64_t more)
{
	const struct timespec look = {.tv_nsec = 1000000};
	static const uint8_t payload[1500];
	uint64_t moved_ns = bench_now_ns();
	uint64_t seen = *acked;
	uint64_t count = 0;

	while (bench_now_ns() - moved_ns < SECOND_NS / 2 && count < more) {
		const struct weir_event event = {
			.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
		bool is_in = weir_publish(producer, &event, NULL) == 0;
		(void)weir_producer_poll_acks(producer);
		count += is_in;
		if (is_in || *acked != seen)
			moved_ns = bench_now_ns();
		else
			nanosleep(&look, NULL);
		seen = *acked;
	}
	return count;
}

/* A user's quota is used up: as a full disk. When there is room again it goes on. */
static void a_quota(enum weir_io io, const char *name)
{
	char dir[MOUNTS_PATH_BYTES], journal[64];
	struct weir_producer_options options;
	struct weir_pipeline *pipeline = NULL;
	struct weir_producer *producer = NULL;
	uint32_t topic = 0;
	uint64_t acked = 0;

	(void)snprintf(journal, sizeof journal, "%s-quota", name);
	mounts_path(shown, journal, dir);
	int rc = open_pipeline(dir, io, &pipeline, &topic);
	weir_producer_options_init(&options);
	options.when_full = WEIR_FULL_TRY;
	options.ack_fn = take_answer;
	options.ack_context = &acked;
	if (rc == 0)
		rc = weir_producer_open(pipeline, &options, &producer, NULL);
	if (!tap_check(rc == 0, "%s: opened: %s", name, weir_error_name(rc)))
		return;
	wr_store_release(&fs.shared->refusal, (uint32_t)EDQUOT);
	uint64_t in = publish_until_still(producer, topic, &acked, UINT64_MAX);
	uint64_t at_end = acked;
	tap_check(at_end > 0 && at_end < in,
		  "%s: EDQUOT: producers wait behind event %llu, nothing is refused", name,
		  (unsigned long long)at_end);
	wr_store_release(&fs.shared->refusal, 0u);
	in += publish_until_still(producer, topic, &acked, 200);
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, PATIENCE_NS, NULL);
	tap_check(rc == 0 && in >= at_end + 200, "%s: with room it goes on, up to %llu (%s)", name,
		  (unsigned long long)in, weir_error_name(rc));
}

/* --- lives ---------------------------------------------------------------------------------- */

static pid_t start_life(const char *dir, const struct sweep_plan *plan)
{
	wr_store_release(&ledger->phase, SWEEP_BORN);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sweep_life(dir, plan, ledger));
	return pid;
}

/* Killed at a drawn moment of its running. */
static bool live_and_die(const char *dir, const struct sweep_plan *plan, uint64_t after_ns)
{
	const struct timespec look = {.tv_nsec = 100000};
	uint64_t born_ns = bench_now_ns();
	uint64_t running_ns = 0;

	pid_t pid = start_life(dir, plan);
	while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
		uint64_t now_ns = bench_now_ns();
		if (running_ns == 0 && wr_load_acquire(&ledger->phase) >= SWEEP_RUNNING)
			running_ns = now_ns;
		if ((running_ns != 0 && now_ns - running_ns >= after_ns) ||
		    now_ns - born_ns > PATIENCE_NS) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return running_ns != 0 && wr_load_acquire(&ledger->has_fault) == 0;
		}
		nanosleep(&look, NULL);
	}
	return false; /* it ended by itself */
}

static void lives(enum weir_io io, const char *name, uint64_t seed)
{
	char dir[MOUNTS_PATH_BYTES], found[MOUNTS_PATH_BYTES], journal[64];
	uint64_t last[SWEEP_STREAMS] = {0};
	struct wr_prng prng;
	bool is_good = true;
	unsigned done = 0;

	(void)snprintf(journal, sizeof journal, "%s-lives", name);
	mounts_path(shown, journal, dir);
	mounts_path(behind, journal, found);
	wr_prng_init(&prng, seed);
	memset(ledger, 0, sizeof *ledger);
	wr_store_relaxed(&ledger->was_broken, 1u); /* cuts leave files that were begun */
	for (; is_good && done < LIVES; done++) {
		struct sweep_plan plan = {.kill = SWEEP_KILL_TIME,
					  .seed = wr_prng_next(&prng),
					  .events = UINT64_MAX / 4,
					  .patience_ns = PATIENCE_NS,
					  .window = (uint32_t)wr_prng_between(&prng, 1, 200)};
		sweep_draw_options(&plan.options, &prng);
		plan.options.io = io;
		is_good = live_and_die(dir, &plan, wr_prng_below(&prng, 150 * MS_NS));
		pass_through_cut(&fs);
		is_good = is_good && sweep_audit(found, ledger, true, last) == 0;
	}
	tap_check(is_good && last[0] + last[1] > 0,
		  "%s: %u lives, killed, and what was not synced lost: %llu events, none "
		  "acknowledged is missing %s",
		  name, done, (unsigned long long)(last[0] + last[1] + last[2]), ledger->fault);
}

static int run_all(const char *folder)
{
	uint64_t seed = test_seed();

	mounts_path(folder, "behind", behind);
	mounts_path(folder, "shown", shown);
	ledger = sweep_ledger_map();
	if (ledger == NULL || mkdir(behind, 0700) != 0 || mkdir(shown, 0700) != 0) {
		printf("Bail out! no room\n");
		return 1;
	}
	int code = pass_through_start(&fs, behind, shown);
	if (!tap_check(code == 0, "a FUSE file system is there (%s)", strerror(-code)))
		return tap_end();
	for (int posix = 0; posix < 2; posix++) {
		enum weir_io io = posix ? WEIR_IO_POSIX : WEIR_IO_AUTO;
		const char *name = posix ? "posix" : "auto";
		single_events(io, name);
		a_quota(io, name);
		lives(io, name, seed + (unsigned)posix);
	}
	tap_note("%llu writes, %llu FSYNC, %llu writes lost in cuts",
		 (unsigned long long)wr_load_acquire(&fs.shared->writes),
		 (unsigned long long)syncs(),
		 (unsigned long long)wr_load_acquire(&fs.shared->lost));
	pass_through_stop(&fs);
	return tap_end();
}

int main(void)
{
	char folder[TEST_PATH_BYTES];

	test_dir_make(folder);
	int code = mounts_run(folder, true, run_all);
	test_dir_remove(folder);
	return code;
}
