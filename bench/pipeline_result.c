/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of the pipeline benchmark comes to: faults, by comparing what each subscription was
 * handed with what was published into its topics, and latency of all, of each stream and of each
 * reader.
 *
 * Thread: the conductor's, after the others have ended.
 */
#include <string.h>

#include "bench/pipeline_threads.h"

bool bench_reads(const struct bench_run *run, uint32_t reader, uint32_t producer)
{
	const struct pipeline_settings *settings = run->settings;

	return pipeline_reads(settings, reader,
			      (uint32_t)(run->stream_of[producer] - settings->streams));
}

/* What the members of a reader saw of a producer against what that published. */
static void compare(struct bench_run *run, uint32_t reader, uint32_t producer,
		    struct pipeline_faults *faults)
{
	const struct bench_reader *r = &run->readers[reader];
	uint64_t ordinal = run->producers[producer].ordinal;
	uint64_t count = 0;
	uint64_t sum = 0;

	for (uint32_t k = 0; k < r->member_count; k++) {
		const struct bench_member *m = &run->members[r->first_member + k];
		count += m->counts != NULL ? m->counts[producer] : 0;
		sum += m->sums != NULL ? m->sums[producer] : 0;
	}
	if (r->member_count == 0)
		return;
	if (!bench_reads(run, reader, producer))
		faults->damaged += count; // of a topic that is not its
	else if (count < ordinal)
		faults->lost += ordinal - count;
	/* As many as were published, but not the same. Sums that wrap compare as well. */
	else if (count > ordinal || sum != (ordinal % 2 == 0 ? ordinal / 2 * (ordinal + 1)
							     : (ordinal + 1) / 2 * ordinal))
		faults->damaged++;
}

static void add_histogram(struct histogram *all, struct histogram *part,
			  const struct histogram *from)
{
	if (from == NULL)
		return;
	histogram_add(all, from);
	histogram_add(part, from);
}

/* What all threads saw, after they have ended. */
void bench_add_up(struct bench_run *run, struct pipeline_result *result)
{
	const struct pipeline_settings *settings = run->settings;
	struct pipeline_faults *faults = &result->faults;

	for (uint32_t i = 0; i < run->member_count; i++) {
		const struct bench_member *m = &run->members[i];
		faults->damaged += m->damaged;
		faults->disordered += m->disordered;
		faults->repeated += m->repeated;
		faults->missing += m->missing;
		result->redelivered += m->redelivered;
		if (m->reader == NULL)
			continue;
		struct pipeline_latency *part = &result->readers[m->reader - run->readers];
		add_histogram(result->all.handle, part->handle, m->handle);
		add_histogram(result->all.settle, part->settle, m->settle);
	}
	for (uint32_t i = 0; i < run->producer_count; i++) {
		const struct bench_producer *p = &run->producers[i];
		struct pipeline_latency *part =
			&result->streams[run->stream_of[i] - settings->streams];
		for (uint32_t r = 0; r < settings->subscription_count; r++)
			compare(run, r, i, faults);
		faults->refused += p->refused;
		faults->unanswered += p->ordinal - wr_min_u64(p->ordinal, p->acked + p->refused);
		result->ack_samples_dropped += p->samples_dropped;
		add_histogram(result->all.publish, part->publish, p->publish);
		add_histogram(result->all.ack, part->ack, p->ack);
	}
}

static bool make_latency(struct pipeline_latency *latency, bool publishes, bool reads, bool settles)
{
	if (publishes) {
		latency->publish = histogram_create();
		latency->ack = histogram_create();
	}
	if (reads)
		latency->handle = histogram_create();
	if (reads && settles)
		latency->settle = histogram_create();
	return (!publishes || (latency->publish != NULL && latency->ack != NULL)) &&
	       (!reads || latency->handle != NULL) &&
	       (!reads || !settles || latency->settle != NULL);
}

bool bench_result_init(const struct pipeline_settings *settings, struct pipeline_result *result)
{
	bool settles = settings->progress == PIPELINE_PROGRESS_COMMIT;
	bool good = make_latency(&result->all, true, true, settles);

	for (uint32_t i = 0; i < settings->stream_count; i++)
		good &= make_latency(&result->streams[i], true, false, false);
	for (uint32_t i = 0; i < settings->subscription_count; i++)
		good &= make_latency(&result->readers[i], false, true, settles);
	return good;
}

static void latency_fini(struct pipeline_latency *latency)
{
	histogram_destroy(latency->publish);
	histogram_destroy(latency->ack);
	histogram_destroy(latency->handle);
	histogram_destroy(latency->settle);
	*latency = (struct pipeline_latency){0};
}

void pipeline_result_fini(struct pipeline_result *result)
{
	latency_fini(&result->all);
	for (uint32_t i = 0; i < PIPELINE_STREAMS_MAX; i++)
		latency_fini(&result->streams[i]);
	for (uint32_t i = 0; i < PIPELINE_READERS_MAX; i++)
		latency_fini(&result->readers[i]);
}
