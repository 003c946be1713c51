/* SPDX-License-Identifier: Apache-2.0 */
/* See cuts.h: the lives. */
#include "tests/powercut/cuts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/backup.h>

#include "bench/harness.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)
#define LIFE_MAX_NS (SECOND_NS * 300) /* nothing in a life takes so long: it hangs */
#define PATIENCE_NS (SECOND_NS * 120)
#define LINGER_NS (MS_NS * 100) /* of a life on a disk that has failed */
#define LIVES_A_CHAIN 3u
#define EXTENTS_MAX 64u

bool cuts_fault(struct cuts_run *run, const char *format, ...)
{
	va_list arguments;

	if (run->fault[0] != '\0')
		return false;
	va_start(arguments, format);
	(void)vsnprintf(run->fault, sizeof run->fault, format, arguments);
	va_end(arguments);
	return false;
}

static void nap(uint64_t ns)
{
	const struct timespec t = {.tv_sec = (time_t)(ns / SECOND_NS),
				   .tv_nsec = (long)(ns % SECOND_NS)};
	nanosleep(&t, NULL);
}

/* --- the disk's hooks ----------------------------------------------------------------------- */

static size_t take_mark(void *context, uint8_t *to, size_t bytes)
{
	static struct mark mark;
	size_t length = mark_take(context, &mark);

	if (length > bytes)
		abort();
	memcpy(to, &mark, length);
	return length;
}

/* From here on what is refused may be the disk's doing. */
static void disk_fails(void *context)
{
	struct life_shared *shared = context;

	wr_store_release(&shared->ledger.is_breaking, 1u);
	wr_store_release(&shared->has_failed, 1u);
}

static struct disk_hooks hooks_of(struct cuts_run *run)
{
	return (struct disk_hooks){
		.mark = take_mark, .failing = disk_fails, .context = run->shared};
}

/* --- mkfs ----------------------------------------------------------------------------------- */

static bool start_disk(struct cuts_run *run, const struct image *image, int *ret_fd)
{
	char path[MOUNTS_PATH_BYTES];
	const struct disk_hooks hooks = hooks_of(run);

	mounts_path(run->folder, "fuse", path);
	int code = disk_start(&run->disk, image, path, &hooks);
	if (code < 0)
		return cuts_fault(run, "a FUSE file system: %s", strerror(-code));
	mounts_path(run->folder, "fuse/" DISK_FILE, path);
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	if (*ret_fd < 0) {
		disk_stop(&run->disk);
		return cuts_fault(run, "%s: %s", path, strerror(errno));
	}
	return true;
}

bool cuts_begin(struct cuts_run *run)
{
	char path[MOUNTS_PATH_BYTES];
	struct image empty, after;
	int fd = -1;
	const char *const folders[] = {"fuse", "fs", "cut"};

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		mounts_path(run->folder, folders[i], path);
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return cuts_fault(run, "%s: %s", path, strerror(errno));
	}
	image_init(&empty, run->kind->bytes);
	if (!start_disk(run, &empty, &fd)) {
		image_fini(&empty);
		return false;
	}
	int device = mounts_attach(fd, run->folder, false, path);
	int code = device < 0 ? device : mounts_make(run->kind, path);
	(void)close(fd);
	if (device >= 0)
		(void)close(device);
	disk_stop(&run->disk);
	struct cut whole = {.at = wr_load_acquire(&run->disk.log->count), .style = CUT_ALL};
	uint8_t *flags = calloc(empty.blocks, 1);
	if (flags == NULL)
		abort();
	image_cut(&after, &empty, run->disk.log->entries, flags, &whole);
	image_copy(&run->fresh, &after);
	image_fini(&after);
	image_fini(&empty);
	free(flags);
	return code == 0 || cuts_fault(run, "%s: %d", run->kind->mkfs[0], code);
}

void cuts_end(struct cuts_run *run)
{
	image_fini(&run->fresh);
}

/* --- plans ---------------------------------------------------------------------------------- */

struct life {
	enum cuts_life kind;
	struct sweep_plan plan;
	enum disk_fault fault;
	uint32_t pass_by, how_many;
	uint64_t backup_after_ns;
	uint32_t flush_us;
};

static struct life draw_life(struct cuts_run *run, struct wr_prng *prng, bool is_first,
			     bool is_last, bool recycles)
{
	struct life life = {
		.plan = {.kill = SWEEP_KILL_CLOSING,
			 .seed = wr_prng_next(prng),
			 .events = run->is_short ? wr_prng_between(prng, 30, 120)
						 : wr_prng_between(prng, 100, 500),
			 .window = (uint32_t)wr_prng_between(
				 prng, 1, wr_prng_chance(prng, 600000) ? 20 : 200),
			 .close_mode =
				 wr_prng_chance(prng, 700000) ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
			 .patience_ns = PATIENCE_NS,
			 .leave = wr_prng_chance(prng, 500000),
			 .memory_gate = wr_prng_chance(prng, 300000)},
		.how_many = wr_prng_chance(prng, 500000) ? 1 : UINT32_MAX / 2,
		.backup_after_ns = wr_prng_below(prng, 30 * MS_NS),
		.flush_us = wr_prng_chance(prng, 500000)
				    ? (uint32_t)wr_prng_below(prng, run->is_short ? 500 : 2000)
				    : 0,
	};
	uint64_t draw = wr_prng_below(prng, 100);

	sweep_draw_options(&life.plan.options, prng);
	life.plan.options.io = run->io;
	life.plan.options.retention_bytes = recycles ? 256u << 10 : 0;
	life.kind = draw < 50                            ? LIFE_PLAIN
		    : draw < 65                          ? LIFE_COPIED
		    : draw < 75                          ? LIFE_BAD_WRITE
		    : draw < 87                          ? LIFE_BAD_FLUSH
		    : draw < 94 && !is_first             ? LIFE_BAD_OPEN
		    : draw >= 94 && is_last && !is_first ? LIFE_LOST_FLUSHES
							 : LIFE_PLAIN;
	if (run->only_life >= 0)
		life.kind = (enum cuts_life)run->only_life;
	bool writes = life.kind == LIFE_BAD_WRITE ||
		      (life.kind == LIFE_BAD_OPEN && wr_prng_chance(prng, 500000));
	life.fault = life.kind == LIFE_LOST_FLUSHES ? DISK_LOSES_FLUSHES
		     : writes                       ? DISK_FAILS_WRITES
						    : DISK_FAILS_FLUSHES;
	life.pass_by = (uint32_t)wr_prng_below(prng, life.kind == LIFE_BAD_OPEN ? 12 : 120);
	if (life.fault != DISK_FAILS_WRITES)
		life.how_many = UINT32_MAX / 2;
	return life;
}

/* --- one life ------------------------------------------------------------------------------- */

pid_t cuts_start_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *ledger)
{
	wr_store_release(&ledger->phase, SWEEP_BORN);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sweep_life(dir, plan, ledger));
	return pid;
}

int cuts_open_only(const char *dir, const struct weir_options *given)
{
	int status = -1;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct weir_options options = *given;
		struct weir_pipeline *pipeline = NULL;
		options.dir = dir;
		int rc = weir_open(&options, &pipeline, NULL);
		if (rc == 0)
			rc = weir_close(pipeline, WEIR_CLOSE_ABORT, SECOND_NS * 20, NULL);
		_exit(rc == 0 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) <= 1 ? WEXITSTATUS(status) : -1;
}

static pid_t start_backup(const char *journal, const char *copy, struct life_shared *shared)
{
	wr_store_release(&shared->backup, (uint32_t)BACKUP_BEGUN);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		int rc = weir_journal_backup(journal, copy, NULL, NULL, NULL);
		if (rc == 0)
			wr_store_release(&shared->backup, (uint32_t)BACKUP_DONE);
		_exit(rc == 0 || rc == WEIR_E_AGAIN ? 0 : 1);
	}
	return pid;
}

/* Ends a child, however it is. Its status. */
static int end_child(pid_t pid)
{
	int status = -1;

	if (pid <= 0)
		return 0;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return status;
}

/* Lives as planned until it is at its end, or has lingered on a disk that failed. */
static bool live(struct cuts_run *run, const struct life *life, const char *fs,
		 struct mark *ret_before)
{
	char journal[MOUNTS_PATH_BYTES], copy[MOUNTS_PATH_BYTES];
	struct sweep_ledger *ledger = &run->shared->ledger;
	uint64_t born_ns = bench_now_ns();
	uint64_t running_ns = 0, failed_ns = 0;
	pid_t backup = 0;
	int status = 0;
	bool is_over = false;
	bool is_good = true;

	mounts_path(fs, "journal", journal);
	mounts_path(fs, run->copy, copy);
	if (life->kind == LIFE_BAD_OPEN) {
		disk_arm(&run->disk, life->fault, life->pass_by, life->how_many);
		return cuts_open_only(journal, &life->plan.options) >= 0 ||
		       cuts_fault(run, "weir_open() on a disk that fails died");
	}
	pid_t pid = cuts_start_life(journal, &life->plan, ledger);
	while (pid > 0 && !is_over) {
		uint64_t now_ns = bench_now_ns();
		uint32_t phase = wr_load_acquire(&ledger->phase);
		if (running_ns == 0 && phase >= SWEEP_RUNNING) {
			running_ns = now_ns;
			if (life->kind >= LIFE_BAD_WRITE)
				disk_arm(&run->disk, life->fault, life->pass_by, life->how_many);
		}
		if (life->kind == LIFE_COPIED && backup == 0 && running_ns != 0 &&
		    now_ns - running_ns >= life->backup_after_ns) {
			(void)mark_take(run->shared, ret_before);
			backup = start_backup(journal, copy, run->shared);
		}
		/*
		 * A flush that fails may lose what others have written, and theirs succeed. So they
		 * fail until weir has been told by its own; then the disk is well again, and a sync
		 * that was tried once more would be acknowledged.
		 */
		bool was_told =
			life->kind != LIFE_BAD_FLUSH || wr_load_acquire(&ledger->was_refused) != 0;
		if (failed_ns == 0 && was_told && wr_load_acquire(&run->shared->has_failed) != 0) {
			failed_ns = now_ns;
			if (life->kind == LIFE_BAD_FLUSH)
				disk_arm(&run->disk, DISK_SOUND, 0, 0);
		}
		is_over = phase == SWEEP_DONE || wr_load_acquire(&ledger->has_fault) != 0 ||
			  (life->kind != LIFE_LOST_FLUSHES && failed_ns != 0 &&
			   now_ns - failed_ns > LINGER_NS);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			is_good = wr_load_acquire(&ledger->has_fault) != 0 ||
				  cuts_fault(run, "the life ended by itself: status %d", status);
		} else if (now_ns - born_ns > LIFE_MAX_NS) {
			is_good = cuts_fault(run, "a life hangs in phase %u", phase);
			is_over = true;
		}
		nap(MS_NS / 10);
	}
	(void)end_child(pid);
	if (backup > 0 && wr_load_acquire(&run->shared->has_failed) == 0 && is_good) {
		(void)waitpid(backup, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			is_good = cuts_fault(run, "the backup failed: status %d", status);
	} else {
		(void)end_child(backup);
	}
	if (wr_load_acquire(&ledger->has_fault) != 0)
		is_good = cuts_fault(run, "in the life: %.200s", ledger->fault);
	return is_good;
}

/* --- which blocks are data -------------------------------------------------------------------- */

static void flag_file(const char *path, bool is_segment, uint8_t *flags, uint32_t blocks)
{
	union {
		struct fiemap map;
		uint8_t room[sizeof(struct fiemap) + EXTENTS_MAX * sizeof(struct fiemap_extent)];
	} ask;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	memset(&ask, 0, sizeof ask);
	ask.map.fm_length = FIEMAP_MAX_OFFSET;
	ask.map.fm_extent_count = EXTENTS_MAX;
	if (ioctl(fd, FS_IOC_FIEMAP, &ask.map) != 0)
		ask.map.fm_mapped_extents = 0;
	(void)close(fd);
	for (uint32_t i = 0; i < ask.map.fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &ask.map.fm_extents[i];
		if ((e->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
				    FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE)) != 0)
			continue;
		uint64_t first = e->fe_physical / IMAGE_BLOCK_BYTES;
		uint64_t end = first + e->fe_length / IMAGE_BLOCK_BYTES;
		for (uint64_t block = first; block < end && block < blocks; block++)
			flags[block] |= IMAGE_DATA;
		if (is_segment && e->fe_logical == 0 && first < blocks)
			flags[first] |= IMAGE_SEGMENT_HEADER;
	}
}

static void flag_folder(const char *path, uint8_t *flags, uint32_t blocks)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char file[MOUNTS_PATH_BYTES];
		const char *dot = strrchr(entry->d_name, '.');
		if (entry->d_name[0] == '.')
			continue;
		mounts_path(path, entry->d_name, file);
		flag_file(file, dot != NULL && strcmp(dot, ".seg") == 0, flags, blocks);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* On btrfs a file's blocks are not where it says: nothing is torn there. */
static void flag_data(struct cuts_run *run, const char *fs, uint8_t *flags, uint32_t blocks)
{
	char path[MOUNTS_PATH_BYTES];

	memset(flags, 0, blocks);
	if (strcmp(run->kind->name, "btrfs") == 0)
		return;
	mounts_path(fs, "journal", path);
	flag_folder(path, flags, blocks);
	mounts_path(fs, run->copy, path);
	flag_folder(path, flags, blocks);
}

/* The whole life on its disk: mounted, lived, unmounted. The log is what is left of it. */
static bool run_life(struct cuts_run *run, const struct image *base, const struct life *life,
		     uint8_t *flags, struct mark *ret_before)
{
	char fs[MOUNTS_PATH_BYTES];
	const char *what = "";
	int fd = -1;

	mounts_path(run->folder, "fs", fs);
	wr_store_relaxed(&run->shared->has_failed, 0u);
	wr_store_relaxed(&run->shared->backup, (uint32_t)BACKUP_NONE);
	wr_store_relaxed(&run->shared->ledger.is_breaking, 0u);
	wr_store_relaxed(&run->shared->ledger.was_refused, 0u);
	wr_store_relaxed(&run->shared->ledger.phase, SWEEP_BORN);
	if (!start_disk(run, base, &fd))
		return false;
	int code = mounts_mount(run->kind, fd, run->folder, fs, false, &what);
	(void)close(fd);
	if (code != 0) {
		disk_stop(&run->disk);
		return cuts_fault(run, "%s: %s", what, strerror(-code));
	}
	wr_store_release(&run->disk.log->flush_us, life->flush_us);
	bool is_good = live(run, life, fs, ret_before);
	wr_store_release(&run->disk.log->flush_us, 0u);
	disk_arm(&run->disk, DISK_SOUND, 0, 0);
	flag_data(run, fs, flags, base->blocks);
	code = mounts_unmount(fs);
	disk_stop(&run->disk);
	run->sum.lives[life->kind]++;
	run->sum.faulted += wr_load_acquire(&run->disk.log->fault_count) > 0;
	if (wr_load_acquire(&run->disk.log->has_room) == 0)
		return cuts_fault(run, "the log of the disk is full");
	return is_good && (code == 0 || cuts_fault(run, "unmounting: %s", strerror(-code)));
}

/* --- states --------------------------------------------------------------------------------- */

static uint32_t phase_at(const struct disk_log *log, uint64_t at)
{
	return ((const struct mark *)log->entries[at].mark)->phase;
}

/* A quarter before it runs: recovery. And mostly before a flush is done. */
static uint64_t draw_moment(const struct disk_log *log, uint64_t count, struct wr_prng *prng)
{
	uint64_t opened = 0;

	while (opened < count && phase_at(log, opened) <= SWEEP_OPENING)
		opened++;
	bool in_open = opened == count || (opened > 0 && wr_prng_chance(prng, 250000));
	uint64_t end = in_open ? opened : count;
	uint64_t at = in_open ? wr_prng_below(prng, opened)
			      : opened + wr_prng_below(prng, count - opened);
	bool seeks_flush = wr_prng_chance(prng, 700000);
	while (seeks_flush && at + 1 < end && log->entries[at].kind <= DISK_WRITE_FAILED)
		at++;
	while (seeks_flush && at > 0 && log->entries[at].kind > DISK_WRITE_FAILED &&
	       log->entries[at - 1].kind > DISK_WRITE_FAILED)
		at--; /* behind a flush there was nothing to lose */
	return at;
}

static void keep_image(struct cuts_run *run, const struct image *image)
{
	char path[MOUNTS_PATH_BYTES];

	if (run->keep == NULL)
		return;
	(void)snprintf(path, sizeof path, "%.600s/weir-powercut-XXXXXX", run->keep);
	int fd = mkstemp(path);
	if (fd < 0)
		return;
	size_t used = strlen(run->fault);
	if (image_save(image, fd) == 0)
		(void)snprintf(run->fault + used, sizeof run->fault - used,
			       "; what the cut left is kept: %.300s (mount -o loop)", path);
	(void)close(fd);
}

static void count_state(struct cuts_run *run, const struct cut *cut, const struct mark *mark)
{
	struct cuts_sum *sum = &run->sum;

	sum->states++;
	sum->by_io[run->io == WEIR_IO_POSIX]++;
	sum->by_style[cut->style]++;
	sum->in_phase[mark->phase]++;
	sum->torn += cut->torn > 0;
	sum->in_segment_header += cut->in_segment_header;
	sum->pending += cut->pending;
	sum->kept += cut->kept;
	sum->acked += mark_acked(mark);
}

static bool is_enough(const struct cuts_run *run)
{
	return run->sum.states >= run->states_max ||
	       (run->end_ns != 0 && run->sum.states > 0 && bench_now_ns() >= run->end_ns);
}

/* Cuts of the life that is in the log; the last one is what the next life begins with. */
static bool check_states(struct cuts_run *run, const struct image *base, const struct life *life,
			 const uint8_t *flags, const struct mark *before, struct wr_prng *prng,
			 struct image *ret_next, const struct mark **ret_mark)
{
	const struct disk_log *log = run->disk.log;
	uint64_t count = wr_load_acquire(&run->disk.log->count);
	bool is_good = true;

	for (uint64_t i = 0; i < count; i++) {
		run->sum.writes += log->entries[i].kind <= DISK_WRITE_FAILED;
		run->sum.flushes += log->entries[i].kind > DISK_WRITE_FAILED;
	}
	for (unsigned i = 0; is_good && i < run->states_a_life; i++) {
		struct cut cut = {.at = draw_moment(log, count, prng),
				  .style = (enum cut_style)wr_prng_below(prng, CUT_STYLES),
				  .tears = wr_prng_chance(prng, 300000),
				  .seed = wr_prng_next(prng)};
		const struct mark *mark = log->entries[cut.at].mark;
		struct image image;
		image_cut(&image, base, log->entries, flags, &cut);
		is_good = cuts_check_state(run, &image, mark, before, life->kind, &life->plan);
		count_state(run, &cut, mark);
		if (!is_good) {
			size_t used = strlen(run->fault);
			(void)snprintf(
				run->fault + used, sizeof run->fault - used,
				" (life %u, cut before entry %llu of %llu, style %u, %u of %u "
				"pending kept, %u torn, phase %u)",
				(unsigned)life->kind, (unsigned long long)cut.at,
				(unsigned long long)count, (unsigned)cut.style, cut.kept,
				cut.pending, cut.torn, mark->phase);
			keep_image(run, &image);
		}
		bool is_last = i + 1 == run->states_a_life || is_enough(run);
		if (is_good && is_last) {
			image_copy(ret_next, &image);
			*ret_mark = mark;
		}
		image_fini(&image);
		if (is_last)
			break;
	}
	return is_good;
}

bool cuts_chain(struct cuts_run *run, uint64_t seed)
{
	static struct mark before;
	struct image base, next = {.blocks = 0};
	const struct mark *mark = NULL;
	struct wr_prng prng;
	bool is_good = true;

	wr_prng_init(&prng, seed);
	memset(run->shared, 0, sizeof *run->shared);
	bool recycles = wr_prng_chance(&prng, 500000);
	image_copy(&base, &run->fresh);
	uint8_t *flags = calloc(base.blocks, 1);
	if (flags == NULL)
		abort();
	for (unsigned i = 0; is_good && i < LIVES_A_CHAIN && !is_enough(run); i++) {
		const struct life life =
			draw_life(run, &prng, i == 0, i + 1 == LIVES_A_CHAIN, recycles);
		(void)snprintf(run->copy, sizeof run->copy, "copy%u", i);
		is_good = run_life(run, &base, &life, flags, &before) &&
			  check_states(run, &base, &life, flags, &before, &prng, &next, &mark);
		if (!is_good)
			break;
		image_fini(&base);
		base = next;
		memset(run->shared, 0, sizeof *run->shared);
		mark_restore(mark, &run->shared->ledger);
		wr_store_relaxed(&run->shared->ledger.was_broken, 1u);
		if (life.kind == LIFE_LOST_FLUSHES)
			break; /* nothing is promised of what is there now */
	}
	run->sum.chains++;
	image_fini(&base);
	free(flags);
	return is_good;
}
