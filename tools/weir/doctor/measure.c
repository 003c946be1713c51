/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the machine and measures what only a measurement tells: syncs of the disk, how late a
 * sleeping thread wakes, what a look at the clock takes. The file that is written has no name, so
 * that none is left however this ends.
 *
 * Thread: main; blocks.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <time.h>

#include "bench/bare_sync.h"
#include "bench/harness.h"
#include "io/posix/dir.h"
#include "tools/weir/doctor/doctor.h"
#ifdef WR_HAVE_URING
#include "io/uring/probe.h"
#endif

#define SYNCS_MAX 100000u
#define WAKES 100u
#define WAKE_NS 1000000u
#define CLOCK_READS 20000u

static void probe_uring(struct doctor *d)
{
#ifdef WR_HAVE_URING
	d->has_liburing = true;
	if (doctor_is_here(d)) {
		d->uring_code = wr_uring_probe(d->uring, sizeof d->uring);
		return;
	}
#endif
	d->uring_code = d->machine.uring_code;
}

/* As weir_open() would choose it. */
static void probe_engine(struct doctor *d)
{
	struct wr_storage_options options = {.dir = d->dir.place};
	struct wr_storage_report report;
	struct wr_dir dir = {0};
	if (wr_dir_init(&dir, &options) != 0)
		return;
	wr_dir_report(&dir, "", &report);
	(void)snprintf(d->engine, sizeof d->engine, "%s", report.engine);
	(void)snprintf(d->engine_why, sizeof d->engine_why, "%s", report.reason);
	wr_dir_fini(&dir);
}

static bool measure_sync(struct doctor *d, enum bare_sync_how how, uint64_t sync_ns,
			 struct doctor_sync *sync)
{
	struct bare_sync bare = {.how = how, .latency = histogram_create()};
	if (bare.latency == NULL)
		return false;
	sync->is_tried = true;
	sync->latency = bare.latency;
	sync->code = bare_sync_run(d->dir.place, SYNCS_MAX, sync_ns, &bare);
	return true;
}

/* The kernel may let a thread sleep longer than asked for, by its timer slack: none meanwhile. */
static bool measure_wakes(struct doctor *d)
{
	d->wakes = histogram_create();
	if (d->wakes == NULL)
		return false;
	int slack_ns = prctl(PR_GET_TIMERSLACK);
	(void)prctl(PR_SET_TIMERSLACK, 1ul);
	for (uint32_t i = 0; i < WAKES; i++) {
		struct timespec sleep = {.tv_nsec = WAKE_NS};
		uint64_t begin_ns = bench_now_ns();
		if (clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, NULL) != 0)
			continue;
		uint64_t took_ns = bench_now_ns() - begin_ns;
		histogram_record(d->wakes, took_ns > WAKE_NS ? took_ns - WAKE_NS : 0);
	}
	if (slack_ns > 0)
		(void)prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns);
	return true;
}

static void measure_clock(struct doctor *d)
{
	uint64_t last_ns = 0;
	uint64_t begin_ns = bench_now_ns();
	for (uint32_t i = 0; i < CLOCK_READS; i++)
		last_ns = bench_now_ns();
	d->clock_ns = (double)(last_ns - begin_ns) / CLOCK_READS;
}

static bool measure(struct doctor *d, uint64_t sync_ns)
{
	measure_clock(d);
	if (!measure_wakes(d))
		return false;
	if (!d->dir.is_makeable || sync_ns == 0)
		return true;
	return measure_sync(d, BARE_SYNC_BUFFERED, sync_ns, &d->buffered) &&
	       measure_sync(d, BARE_SYNC_IN_WRITE, sync_ns, &d->in_write);
}

static void look_at_dir(struct doctor *d)
{
	struct statvfs fs;
	wr_machine_read_dir(d->path, &d->dir);
	wr_disk_read("", d->dir.place, &d->disk);
	if (statvfs(d->dir.place, &fs) == 0 && fs.f_files > 0)
		d->inodes_free = fs.f_favail;
	if (d->dir.is_makeable)
		probe_engine(d);
}

bool doctor_look(struct doctor *d, uint64_t sync_ns)
{
	const char *root = doctor_is_here(d) ? NULL : d->root;
	if (wr_affinity_scan(root, &d->affinity) != 0)
		d->affinity.quota_millicpus = WR_QUOTA_NONE;
	wr_system_read(d->root, d->affinity.cgroup, &d->system);
	wr_machine_read(root, &d->system.online, &d->machine);
	probe_uring(d);
	d->inodes_free = UINT64_MAX;
	if (!doctor_is_here(d)) {
		wr_disk_read(d->root, d->path, &d->disk);
		return true;
	}
	if (d->path != NULL)
		look_at_dir(d);
	return measure(d, sync_ns);
}

void doctor_fini(struct doctor *d)
{
	histogram_destroy(d->buffered.latency);
	histogram_destroy(d->in_write.latency);
	histogram_destroy(d->wakes);
}
