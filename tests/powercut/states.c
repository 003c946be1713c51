/* SPDX-License-Identifier: Apache-2.0 */
/* See cuts.h: a state, as the machine finds it that comes up again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tests/powercut/cuts.h"

#define SECOND_NS UINT64_C(1000000000)
#define LIFE_MAX_NS (SECOND_NS * 300)

static void expect(struct cuts_run *run, const struct mark *mark)
{
	memset(run->probe, 0, sizeof *run->probe);
	mark_restore(mark, run->probe);
	/* Power that goes leaves files that were begun, as a disk does that fails. */
	wr_store_relaxed(&run->probe->was_broken, 1u);
}

static bool audit(struct cuts_run *run, const char *dir, bool is_whole, const char *what)
{
	uint64_t last[SWEEP_STREAMS] = {0};

	return sweep_audit(dir, run->probe, is_whole, last) == 0 ||
	       cuts_fault(run, "%s: %.250s", what, run->probe->fault);
}

/* A copy that was begun is not there, or whole; one that was finished is there. */
static bool check_copy(struct cuts_run *run, const struct mark *mark, const struct mark *before,
		       bool is_whole, const char *fs)
{
	char copy[MOUNTS_PATH_BYTES];
	struct stat st;

	mounts_path(fs, run->copy, copy);
	if (stat(copy, &st) != 0) {
		run->sum.backups_absent += mark->backup == BACKUP_BEGUN;
		return mark->backup != BACKUP_DONE ||
		       cuts_fault(run, "a backup that was finished is gone");
	}
	if (mark->backup == BACKUP_NONE)
		return true; /* of a life before this one: that had its states */
	expect(run, mark);
	mark_expect(before, run->probe);
	run->sum.backups_whole++;
	return audit(run, copy, is_whole, "the copy");
}

/* A life in the state: every stream goes on where it was, every group gets what it has not had. */
static bool goes_on(struct cuts_run *run, const char *journal, const struct sweep_plan *of,
		    uint64_t seed)
{
	struct sweep_plan plan = *of;
	uint64_t born_ns = bench_now_ns();
	const struct timespec look = {.tv_nsec = 200000};
	int status = -1;

	plan.kill = SWEEP_KILL_NONE;
	plan.seed = seed;
	plan.events = 8;
	plan.window = 8;
	plan.close_mode = WEIR_CLOSE_DRAIN;
	plan.leave = true;
	pid_t pid = cuts_start_life(journal, &plan, run->probe);
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		nanosleep(&look, NULL);
		if (bench_now_ns() - born_ns > LIFE_MAX_NS) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return cuts_fault(run, "behind the cut a life hangs");
		}
	}
	if (wr_load_acquire(&run->probe->has_fault) != 0)
		return cuts_fault(run, "behind the cut: %.250s", run->probe->fault);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return cuts_fault(run, "behind the cut a life ended with status %d", status);
	return true;
}

static bool check_promise(struct cuts_run *run, const struct mark *mark, const struct mark *before,
			  enum cuts_life life, const struct sweep_plan *plan, const char *fs)
{
	char journal[MOUNTS_PATH_BYTES];
	bool is_whole = plan->options.retention_bytes == 0;

	mounts_path(fs, "journal", journal);
	if (life == LIFE_COPIED && !check_copy(run, mark, before, is_whole, fs))
		return false;
	expect(run, mark);
	return audit(run, journal, is_whole, "what the cut left is wrong") &&
	       goes_on(run, journal, plan, mark_acked(mark) + 1) &&
	       audit(run, journal, is_whole, "found behind another life") &&
	       (sweep_unhandled(run->probe) == 0 ||
		cuts_fault(run, "behind the cut: %.250s", run->probe->fault));
}

/* --- beyond what is promised ------------------------------------------------------------------ */

struct beyond {
	uint64_t last[SWEEP_STREAMS];
	uint64_t sequence;
	unsigned wrong, holes;
};

static int look_at(void *context, const struct weir_journal_event *event)
{
	struct beyond *b = context;
	uint32_t stream;
	uint64_t number;

	if (event->item.sequence <= b->sequence || !sweep_read(&event->item, &stream, &number) ||
	    number <= b->last[stream]) {
		b->wrong++;
		return 0;
	}
	b->holes += stream < SWEEP_NAMED && b->last[stream] != 0 && number != b->last[stream] + 1;
	b->sequence = event->item.sequence;
	b->last[stream] = number;
	return 0;
}

/* Flushes were lost: events may be, too. What is served is what was published, without a hole. */
static bool check_detection(struct cuts_run *run, const struct sweep_plan *plan, const char *fs)
{
	char journal[MOUNTS_PATH_BYTES];
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct beyond b = {.sequence = 0};

	mounts_path(fs, "journal", journal);
	weir_journal_visitor_init(&visitor);
	visitor.event = look_at;
	visitor.context = &b;
	int rc = weir_journal_inspect(journal, &visitor, &report, NULL);
	if (b.wrong > 0)
		return cuts_fault(run,
				  "behind lost flushes something is served that was never there");
	if (b.holes > 0 && rc == 0 && report.corrupt_count == 0)
		return cuts_fault(run,
				  "behind lost flushes events are passed over and nobody says so");
	int opened = cuts_open_only(journal, &plan->options);
	if (opened < 0)
		return cuts_fault(run, "behind lost flushes weir_open() died");
	/* An open reads from the last checkpoint on: what is damaged before it, verify tells. */
	run->sum.beyond_refused += opened == 1 || report.corrupt_count > 0;
	return true;
}

bool cuts_check_state(struct cuts_run *run, const struct image *image, const struct mark *mark,
		      const struct mark *before, enum cuts_life life, const struct sweep_plan *plan)
{
	char fs[MOUNTS_PATH_BYTES];
	const char *what = "";
	bool is_beyond = life == LIFE_LOST_FLUSHES;

	mounts_path(run->folder, "cut", fs);
	int fd = memfd_create("powercut", MFD_CLOEXEC);
	int code = fd < 0 ? -errno : image_save(image, fd);
	if (code != 0) {
		if (fd >= 0)
			(void)close(fd);
		return cuts_fault(run, "memory for what the cut left: %s", strerror(-code));
	}
	code = mounts_mount(run->kind, fd, run->folder, fs, false, &what);
	(void)close(fd);
	run->sum.beyond += is_beyond;
	if (code != 0 && is_beyond) {
		run->sum.beyond_refused++; /* the file system needs its flushes as much */
		return true;
	}
	if (code != 0)
		return cuts_fault(run, "after the cut: %s: %s", what, strerror(-code));
	bool is_good = is_beyond ? check_detection(run, plan, fs)
				 : check_promise(run, mark, before, life, plan, fs);
	code = mounts_unmount(fs);
	return is_good && (code == 0 || cuts_fault(run, "unmounting: %s", strerror(-code)));
}
