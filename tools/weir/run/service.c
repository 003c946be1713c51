/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run and its service manager (weir/notify.h): ready once every subscription has its member and
 * sources read, watched while the pipeline's threads and main itself move, given time while it
 * drains.
 */
#include "tools/weir/service.h"

#include <stdio.h>

#include "bench/harness.h"
#include "tools/weir/args.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/run.h"

#define STATUS_EVERY_NS (5 * RUN_SECOND_NS)

static bool main_has_moved(void *context, char *stuck, size_t stuck_bytes)
{
	struct run *run = context;
	uint64_t looks = wr_load_relaxed(&run->looks);
	bool moved = looks != run->looks_seen;
	run->looks_seen = looks;
	(void)snprintf(stuck, stuck_bytes, "main");
	return moved;
}

int run_service_begin(struct run *run)
{
	return service_open(&run->notifier);
}

/* 0 but in a child, or with more than there is room for. */
static void must(int rc)
{
	if (rc != 0)
		lines_say(WR_EVENT_SERVICE_NOT_TOLD, WR_FIELDS(wr_field_code(rc)),
			  "the watchdog does not see all: %s", weir_strerror(rc));
}

void run_service_opened(struct run *run)
{
	must(weir_notifier_watch_pipeline(run->notifier, run->pipeline));
}

static void put_status(const struct run *run, char *to, size_t to_bytes)
{
	uint64_t published = 0, delivered = 0, left = 0, parked = 0;
	char waiting[40] = "";
	for (uint32_t i = 0; i < run->source_count; i++)
		published += wr_load_relaxed(&run->publishers[i].published_events);
	for (uint32_t i = 0; i < run->subscription_count; i++) {
		delivered += run_delivered_of(run, i).delivered;
		struct run_left l = run_left_of(run, i);
		left += l.events - l.parked;
		parked += l.parked;
	}
	if (parked > 0)
		(void)snprintf(waiting, sizeof waiting, ", %llu parked",
			       (unsigned long long)parked);
	(void)snprintf(to, to_bytes, "%s%llu published, %llu delivered, %llu to deliver%s",
		       run->drain_begun_ns != 0 ? "draining: " : "", (unsigned long long)published,
		       (unsigned long long)delivered, (unsigned long long)left, waiting);
}

void run_service_ready(struct run *run)
{
	char status[160];
	wr_store_relaxed(&run->looks, 1);
	must(weir_notifier_watch(run->notifier, main_has_moved, run));
	put_status(run, status, sizeof status);
	int rc = weir_notifier_ready(run->notifier, status);
	if (rc != 0)
		lines_say(WR_EVENT_SERVICE_NOT_TOLD, WR_FIELDS(wr_field_code(rc)),
			  "the service manager could not be told that this is ready: %s",
			  weir_strerror(rc));
	run->status_ns = bench_now_ns();
}

void run_service_look(struct run *run)
{
	char status[160];
	uint64_t now_ns = bench_now_ns();
	wr_store_relaxed(&run->looks, wr_load_relaxed(&run->looks) + 1);
	if (now_ns - run->status_ns < STATUS_EVERY_NS)
		return;
	run->status_ns = now_ns;
	put_status(run, status, sizeof status);
	(void)weir_notifier_status(run->notifier, status);
}

void run_service_stopping(struct run *run, uint64_t timeout_ns, const char *status)
{
	(void)weir_notifier_stopping(run->notifier, timeout_ns, status);
}

void run_service_ending(struct run *run)
{
	/* What main waits for now has a deadline of its own. */
	weir_notifier_unwatch(run->notifier, main_has_moved, run);
}

void run_service_closing(struct run *run)
{
	weir_notifier_unwatch_pipeline(run->notifier, run->pipeline);
}

void run_service_end(struct run *run)
{
	weir_notifier_close(run->notifier);
	run->notifier = NULL;
}
