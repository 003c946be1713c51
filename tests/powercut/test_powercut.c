/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a power cut on a real file system loses nothing that was acknowledged, whatever the disk
 *         had done of what it was not told to flush; what is left opens, without an alarm that is
 *         false; a disk that answers EIO makes nothing be acknowledged that is not there; a backup
 *         that was finished is there.
 * Method: cuts.h. The disk is a file in a FUSE file system of the test's own, under a loop device;
 *         mkfs makes ext4, XFS and Btrfs on it as anybody's; weir is the real one with io_uring and
 *         with posix. What the disk had at a drawn moment is mounted again, and lived in.
 *
 *   crash_powercut                               a few states of ext4 and XFS
 *   crash_powercut --fs xfs --states 500         more; tools/soak --only powercut
 *   crash_powercut --fs ext4 --seed S --chains 1 the lives of one seed again
 *   crash_powercut --life bad-flush              only lives of this kind
 *
 * A seed draws the plan again, not the kernel's scheduling; --keep leaves the state that something
 * is wrong with in TMPDIR, as an image to be mounted. In a build with -Dseeded_bugs=true:
 * --bug WRITE_UNSYNCED.
 *
 * Plain main(), TAP. Skipped where loop devices, mounts or /dev/fuse are not to be had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/harness.h"
#include "tests/powercut/cuts.h"
#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define SMALL_STATES 6u
#define TOLD_NS (10 * SECOND_NS)

static const char *const life_names[CUTS_LIVES] = {"plain",     "copied",   "bad-write",
						   "bad-flush", "bad-open", "lost-flushes"};

static struct {
	const char *program;
	const char *fs;  /* NULL: ext4 and xfs */
	unsigned states; /* of each file system */
	uint64_t chains;
	uint64_t seconds;
	uint64_t seed;
	int only_life;
	bool tells; /* how far it is */
	bool keeps; /* what is wrong */
} given;

static const char *text_after(int argc, char **argv, const char *option, const char *fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return argv[i + 1];
	return fallback;
}

static uint64_t number_after(int argc, char **argv, const char *option, uint64_t fallback)
{
	const char *text = text_after(argc, argv, option, NULL);
	return text != NULL ? strtoull(text, NULL, 0) : fallback;
}

static void tell(const struct cuts_run *run)
{
	const struct cuts_sum *s = &run->sum;

	tap_note("%s: %u states with io_uring (where it is there), %u with posix, of %u lives: cut "
		 "while opening %u, running %u, closing %u, behind "
		 "the close %u; in a segment's header %u, torn %u; %llu writes, %llu flushes, %llu "
		 "blocks not flushed, of which %llu were there",
		 run->kind->name, s->by_io[0], s->by_io[1],
		 s->lives[0] + s->lives[1] + s->lives[2] + s->lives[3] + s->lives[4] + s->lives[5],
		 s->in_phase[SWEEP_BORN] + s->in_phase[SWEEP_OPENING], s->in_phase[SWEEP_RUNNING],
		 s->in_phase[SWEEP_CLOSING], s->in_phase[SWEEP_DONE], s->in_segment_header, s->torn,
		 (unsigned long long)s->writes, (unsigned long long)s->flushes,
		 (unsigned long long)s->pending, (unsigned long long)s->kept);
	tap_note("%s: lives plain %u, copied %u, bad write %u, bad flush %u, bad open %u, lost "
		 "flushes %u; the disk failed in %u; copies whole %u, not there %u; behind lost "
		 "flushes %u states, told or refused %u",
		 run->kind->name, s->lives[0], s->lives[1], s->lives[2], s->lives[3], s->lives[4],
		 s->lives[5], s->faulted, s->backups_whole, s->backups_absent, s->beyond,
		 s->beyond_refused);
}

/* io_uring and posix take turns, or the one that WEIR_TEST_IO names. */
static enum weir_io io_of(uint64_t chain)
{
	enum weir_io io = chain % 2 == 0 ? WEIR_IO_AUTO : WEIR_IO_POSIX;

	test_io(&io);
	return io;
}

static bool run_chains(struct cuts_run *run, uint64_t first_chain)
{
	uint64_t told_ns = bench_now_ns();

	for (uint64_t i = 0; i < given.chains; i++) {
		if (run->sum.states >= run->states_max ||
		    (run->end_ns != 0 && bench_now_ns() >= run->end_ns))
			break;
		run->io = io_of(given.seed + i + first_chain);
		if (!cuts_chain(run, given.seed + i)) {
			tap_note("seed %llu: %s", (unsigned long long)(given.seed + i), run->fault);
			tap_note("again: WEIR_TEST_IO=%s %s --fs %s --seed %llu "
				 "--chains 1 --states 40",
				 run->io == WEIR_IO_POSIX ? "posix" : "uring", given.program,
				 run->kind->name, (unsigned long long)(given.seed + i));
			return false;
		}
		if (given.tells && bench_now_ns() - told_ns >= TOLD_NS) {
			told_ns = bench_now_ns();
			tap_note("%s: %u of %u states", run->kind->name, run->sum.states,
				 run->states_max);
		}
	}
	return true;
}

static void run_kind(struct cuts_run *run, const struct mounts_kind *kind, uint64_t first_chain)
{
	const char *missing = mounts_missing(kind);
	char why[128];

	if (missing != NULL) {
		(void)snprintf(why, sizeof why, "%s: no %s here (package %s)", kind->name,
			       kind->mkfs[0], missing);
		tap_skip(why);
		return;
	}
	run->kind = kind;
	run->fault[0] = '\0';
	memset(&run->sum, 0, sizeof run->sum);
	if (!cuts_begin(run)) {
		tap_check(false, "%s: a file system is made: %s", kind->name, run->fault);
		return;
	}
	run->end_ns = given.seconds == 0 ? 0 : bench_now_ns() + given.seconds * SECOND_NS;
	bool is_good = run_chains(run, first_chain);
	tap_check(is_good && run->sum.states > 0,
		  "%s: %u power cuts: none of %llu acknowledged events is lost, all open",
		  kind->name, run->sum.states, (unsigned long long)run->sum.acked);
	tell(run);
	cuts_end(run);
}

static int run_all(const char *folder)
{
	static struct cuts_run run;
	const char *tmp = getenv("TMPDIR");

	run.folder = folder;
	if (given.keeps)
		run.keep = tmp != NULL && tmp[0] != '\0' ? tmp : "/var/tmp";
	run.only_life = given.only_life;
	run.is_short = given.states < 100;
	run.states_a_life = run.is_short ? 3 : 12;
	run.states_max = given.states;
	run.disk.log = disk_log_map();
	run.probe = sweep_ledger_map();
	run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.disk.log == NULL || run.probe == NULL || run.shared == MAP_FAILED) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	for (unsigned i = 0; i < MOUNTS_KINDS; i++) {
		const char *name = mounts_kinds[i].name;
		if (given.fs != NULL ? strcmp(given.fs, name) == 0 : strcmp(name, "btrfs") != 0)
			run_kind(&run, &mounts_kinds[i], i);
	}
	return tap_end();
}

int main(int argc, char **argv)
{
	char folder[TEST_PATH_BYTES];
	const char *life = text_after(argc, argv, "--life", NULL);

	given.fs = text_after(argc, argv, "--fs", NULL);
	given.states = (unsigned)number_after(argc, argv, "--states", SMALL_STATES);
	given.chains = number_after(argc, argv, "--chains", UINT64_MAX);
	given.seconds = number_after(argc, argv, "--seconds", 0);
	given.seed = number_after(argc, argv, "--seed", 0);
	given.tells = given.states > SMALL_STATES;
	given.program = argv[0];
	for (int i = 1; i < argc; i++)
		given.keeps |= strcmp(argv[i], "--keep") == 0;
	given.only_life = -1;
	for (int i = 0; life != NULL && i < (int)CUTS_LIVES; i++)
		if (strcmp(life, life_names[i]) == 0)
			given.only_life = i;
	if (given.seed == 0)
		given.seed = test_seed();
	test_dir_make(folder);
	int code = mounts_run(folder, true, run_all);
	test_dir_remove(folder);
	return code;
}
