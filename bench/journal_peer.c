/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_peer.h: one load of one peer. */
#include "bench/journal_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "bench/harness.h"

struct run {
	const struct journal_peer *peer;
	const struct journal_load *load;
	struct journal_peer_place place;
	wr_atomic_u32 *interrupted;
	void *handle;
	uint8_t *events;
	uint64_t start_ns, from_ns, to_ns;
	uint64_t appended;
	struct journal_peer_round round;
};

static bool ended(const struct run *run, uint64_t now_ns)
{
	return now_ns >= run->to_ns ||
	       (run->interrupted != NULL && wr_load_relaxed(run->interrupted) != 0);
}

/* Each with its number, so that no two are alike. */
static void fill(struct run *run, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t number = run->appended + 1 + i;
		memcpy(run->events + i * run->place.payload_bytes, &number, sizeof number);
	}
}

static int append(struct run *run, uint32_t count)
{
	fill(run, count);
	int code = run->peer->append(run->handle, run->events, count);
	run->appended += code == 0 ? count : 0;
	return code;
}

static int saturate(struct run *run)
{
	uint32_t count = run->peer->group_events;
	uint64_t measured_from_ns = 0, now_ns = bench_now_ns();

	do {
		uint64_t begin_ns = now_ns;
		int code = append(run, count);
		now_ns = bench_now_ns();
		if (code != 0)
			return code;
		if (begin_ns < run->from_ns)
			continue;
		if (measured_from_ns == 0)
			measured_from_ns = begin_ns;
		run->round.events += count;
		run->round.syncs++;
		histogram_record(run->round.ack, now_ns - begin_ns);
	} while (!ended(run, now_ns));
	run->round.elapsed_ns = measured_from_ns != 0 ? now_ns - measured_from_ns : 0;
	return 0;
}

static int keep_rate(struct run *run)
{
	double interval_ns = 1e9 / (double)run->load->rate;
	uint64_t due_count =
		(uint64_t)((double)(run->load->warmup_ns + run->load->length_ns) / interval_ns);
	uint64_t now_ns = bench_now_ns();

	while (run->appended < due_count && (run->appended == 0 || !ended(run, now_ns))) {
		uint64_t first = run->appended + 1;
		uint32_t n = 0;
		while (n < JOURNAL_GROUP_MAX && first + n <= due_count &&
		       run->start_ns + journal_due_ns(interval_ns, 0, first + n) <= now_ns)
			n++;
		if (n == 0) {
			bench_sleep_ns(run->start_ns + journal_due_ns(interval_ns, 0, first) -
				       now_ns);
			now_ns = bench_now_ns();
			continue;
		}
		int code = append(run, n);
		now_ns = bench_now_ns();
		if (code != 0)
			return code;
		run->round.syncs++;
		for (uint64_t k = first; k < first + n; k++) {
			uint64_t due_ns = run->start_ns + journal_due_ns(interval_ns, 0, k);
			if (due_ns < run->from_ns)
				continue;
			run->round.events++;
			histogram_record(run->round.ack, now_ns - due_ns);
		}
	}
	/* What became due while the last groups were on their way is not late. */
	uint64_t keeps_up = run->load->rate / 20;
	uint64_t left = due_count - run->appended;
	run->round.late_count = left > keeps_up ? left : 0;
	run->round.elapsed_ns = run->load->length_ns;
	return 0;
}

static int run_opened(struct run *run)
{
	run->start_ns = bench_now_ns();
	run->from_ns = run->start_ns + run->load->warmup_ns;
	run->to_ns = run->from_ns + run->load->length_ns;
	int code = run->load->rate == JOURNAL_SATURATED ? saturate(run) : keep_rate(run);
	/* A server of the peer's may have got the same signal, and be gone. */
	bool stopped = run->interrupted != NULL && wr_load_relaxed(run->interrupted) != 0;
	return stopped ? -EINTR : code;
}

int journal_peer_run(const struct journal_peer *peer, const char *dir, uint64_t payload_bytes,
		     const struct journal_load *load, wr_atomic_u32 *interrupted,
		     struct journal_peer_round *ret_round, char *why, size_t why_bytes)
{
	struct run run = {.peer = peer,
			  .load = load,
			  .interrupted = interrupted,
			  .round = {.ack = ret_round->ack}};
	char place[BENCH_PATH_BYTES];

	/* As the producers of weir's. */
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	int code = bench_dir_make(dir, place);
	if (code < 0)
		return code;
	run.place = (struct journal_peer_place){.dir = place, .payload_bytes = payload_bytes};
	run.events = calloc(JOURNAL_GROUP_MAX, payload_bytes);
	code = run.events != NULL ? peer->open(&run.place, &run.handle) : -ENOMEM;
	if (code == 0) {
		code = run_opened(&run);
		peer->close(run.handle);
	}
	free(run.events);
	int remove_code = bench_tree_remove(place);
	(void)snprintf(why, why_bytes, "%s", run.place.why);
	*ret_round = run.round;
	return code == 0 ? remove_code : code;
}
