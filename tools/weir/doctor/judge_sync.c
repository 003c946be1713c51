/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about how long the disk takes to make 4 KiB durable. */
#include <errno.h>

#include <weir/error.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"

#define SLOW_NS 2000000u
#define SLOW_P99_NS 20000000u
/* No path through a kernel, a bus and a controller to a medium is as short as that. */
#define IMPOSSIBLE_NS 8000u

static void sync_failed(struct doctor *d, const char *id, const struct doctor_sync *sync)
{
	/* A way that is refused is the engine's finding. */
	if (sync->code == -EOPNOTSUPP)
		return;
	struct doctor_finding *f = doctor_find(
		d, DOCTOR_STOPS, id, "a write of 4 KiB with a sync: %s", weir_strerror(sync->code));
	DOCTOR_COST(f, DOCTOR_MEASURED, "a journal there fails at the same place");
	DOCTOR_FIX(f, "dmesg | tail, df -h, df -i");
}

static enum doctor_weight weight_of(uint64_t p50_ns, uint64_t p99_ns)
{
	if (p50_ns > SLOW_NS || p99_ns > SLOW_P99_NS)
		return DOCTOR_COSTS;
	return p50_ns < IMPOSSIBLE_NS ? DOCTOR_NOTE : DOCTOR_OK;
}

static void judge_one(struct doctor *d, const char *id, const char *way,
		      const struct doctor_sync *sync)
{
	char texts[4][CLI_TEXT_BYTES];
	char count[CLI_TEXT_BYTES];
	const struct histogram *h = sync->latency;
	if (!sync->is_tried)
		return;
	if (sync->code != 0) {
		sync_failed(d, id, sync);
		return;
	}
	uint64_t p50_ns = histogram_quantile(h, 500000);
	uint64_t p99_ns = histogram_quantile(h, 990000);
	enum doctor_weight weight = weight_of(p50_ns, p99_ns);
	struct doctor_finding *f = doctor_find(
		d, weight, id, "%s: %s at p50, %s at p99, %s at p99.9, %s at most (%s syncs)", way,
		cli_text_ns(texts[0], p50_ns), cli_text_ns(texts[1], p99_ns),
		cli_text_ns(texts[2], histogram_quantile(h, 999000)),
		cli_text_ns(texts[3], h->greatest), cli_text_count(count, h->count));
	if (weight == DOCTOR_COSTS) {
		DOCTOR_COST(
			f, DOCTOR_MEASURED,
			"every durable acknowledgement waits for that; throughput does not, since "
			"a "
			"batch is what came meanwhile");
		DOCTOR_FIX(
			f,
			"a disk with power-loss protection; iostat -x 1 shows who else uses this "
			"one; memory.undurable of what comes in the longest sync");
	} else if (weight == DOCTOR_NOTE) {
		DOCTOR_COST(f, DOCTOR_MEASURED,
			    "no medium is as fast as that: something between here and the disk may "
			    "answer without having flushed");
		DOCTOR_FIX(
			f,
			"ask who runs the disk (cache=, write cache, sync=disabled); pull the plug "
			"once");
	}
}

void doctor_judge_sync(struct doctor *d)
{
	judge_one(d, "sync_buffered", "pwrite and fdatasync of 4 KiB", &d->buffered);
	judge_one(d, "sync_direct", "O_DIRECT and RWF_DSYNC of 4 KiB", &d->in_write);
}
