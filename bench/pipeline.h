/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline benchmark: the bench's own threads publish into topics; members, a thread each, poll
 * subscriptions, check every event and acknowledge. Everything is counted at its hardest: the clock
 * stops when all that was published is handled by every subscription that reads it, acknowledged,
 * and that progress has the level asked for.
 *
 * What is checked: each event's bytes (a sum over the whole payload), its order within its producer
 * and partition, that nothing is missing, nothing is damaged, and nothing comes twice without the
 * redelivery flag.
 *
 * Latency: with a rate, events are due at fixed times, whatever happened before (open loop), and
 * latency counts from the time they were due. At the maximum rate, from the moment of hand-over,
 * read once a burst. Every k-th event is a sample, so that measuring does not become the load. The
 * clock is read at four places: when the event is handed over (publish), when its ticket is
 * acknowledged (ack), when a member has it (handle), and when that member's progress has the level
 * (settle, where each poll's is waited for).
 *
 * Thread: one calls pipeline_run(); it starts and joins the others.
 */
#ifndef WEIR_BENCH_PIPELINE_H
#define WEIR_BENCH_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "bench/histogram.h"
#include "core/base/atomic.h"

#define PIPELINE_PAYLOAD_BYTES_MIN 32u
#define PIPELINE_PAYLOAD_BYTES_MAX (64u << 10)
#define PIPELINE_PRODUCERS_MAX 64u
#define PIPELINE_MEMBERS_MAX 64u
#define PIPELINE_STREAMS_MAX 64u
#define PIPELINE_READERS_MAX 64u
#define PIPELINE_RATE_MAX UINT64_MAX /* as fast as it goes */

enum pipeline_pace {
	PIPELINE_PACE_YIELD, /* between due times give the CPU to whoever wants it */
	PIPELINE_PACE_SPIN,
	PIPELINE_PACE_SLEEP, /* 50 us at a time: least CPU, lateness counts as latency */
};

enum pipeline_ack { PIPELINE_ACK_ALL, PIPELINE_ACK_EACH };

enum pipeline_progress {
	PIPELINE_PROGRESS_POLL,   /* acks are handed over with the next poll */
	PIPELINE_PROGRESS_COMMIT, /* each poll's acks are waited for at the level */
};

/* Producers that do the same. */
struct pipeline_stream {
	uint32_t topic; /* index of settings.topics */
	uint32_t producer_count;
	uint64_t payload_bytes; /* of each event, unless there is an input */
	uint64_t key_count;     /* 0: no keys, partitions in turn */
	uint64_t rate;          /* events a second, of all of them together */
	/* One CPU for each in turn; none: wherever they are put. */
	struct weir_cpu_list cpus;
};

/* The members of one subscription. */
struct pipeline_reader {
	uint32_t member_count; /* 0: nobody reads it */
	struct weir_cpu_list cpus;
};

/* Payloads that were recorded: published from the first to the last, and again. */
#define PIPELINE_LINE_HEADERS_MAX 16u
struct pipeline_line {
	const uint8_t *bytes;
	size_t count;    /* of bytes */
	uint64_t sum;    /* pipeline_sum() of them */
	const void *key; /* of this line; NULL: it has none */
	size_t key_bytes;
	const struct weir_header *headers;
	uint32_t header_count;
};
struct pipeline_input {
	const struct pipeline_line *lines;
	uint64_t line_count;   /* not 0 */
	const char *key_field; /* lines have their own keys, out of this field; NULL: those of the
	                          stream */
};

struct pipeline_settings {
	struct weir_options options; /* limits are raised to what is needed */
	const struct weir_topic_options *topics;
	uint32_t topic_count;
	const struct weir_subscription_options *subscriptions;
	uint32_t subscription_count; /* as many readers */
	struct pipeline_stream streams[PIPELINE_STREAMS_MAX];
	uint32_t stream_count;
	struct pipeline_reader readers[PIPELINE_READERS_MAX];
	const struct pipeline_input *input; /* NULL: payloads of the bench's own */
	uint64_t warmup_ns;
	uint64_t length_ns;
	uint64_t stall_ns; /* give up when nothing moves for so long */
	enum weir_level level;
	enum pipeline_pace pace;
	enum pipeline_ack ack;
	enum pipeline_progress progress;
	/* Set by a signal handler: end now, properly. May be NULL. */
	wr_atomic_u32 *interrupted;
	/* Called about ten times a second while it runs; may be NULL. */
	void (*tick)(void *context, uint64_t published, uint64_t handled);
	void *tick_context;
	/* Called once, when everything is measured and the pipeline is still open; may be NULL. */
	void (*measured)(void *context);
	void *measured_context;
};

struct pipeline_faults {
	uint64_t lost;       /* published, not handled */
	uint64_t damaged;    /* bytes that are not what was published */
	uint64_t disordered; /* before one of the same producer and partition that came earlier */
	uint64_t repeated;   /* twice, without a word */
	uint64_t missing;    /* in gap and loss items */
	uint64_t refused;    /* tickets answered with an error */
	uint64_t unanswered; /* tickets without an answer at the end */
};

/* Latency by place, in ns; NULL: not measured there. */
struct pipeline_latency {
	struct histogram *publish; /* of a stream */
	struct histogram *ack;
	struct histogram *handle; /* of a reader */
	struct histogram *settle;
};

struct pipeline_result {
	uint64_t events;       /* published in the measured time, handled, progress at the level */
	uint64_t total_events; /* with those of the warm-up */
	uint64_t redelivered;
	uint64_t publish_ns; /* the measured time that producers ran */
	uint64_t elapsed_ns; /* until everything was handled and its progress at the level */
	uint64_t cpu_ns;     /* of the process, over elapsed_ns */
	uint64_t ack_samples_dropped;
	uint32_t sample_every;
	struct pipeline_faults faults;
	struct weir_info info; /* at the end; counters below over the measured time */
	uint64_t syncs;
	uint64_t batches;
	uint64_t batch_bytes;
	uint64_t journal_writes;
	uint64_t submissions;
	struct pipeline_latency all; /* made by pipeline_run; for pipeline_result_fini() */
	struct pipeline_latency streams[PIPELINE_STREAMS_MAX];
	struct pipeline_latency readers[PIPELINE_READERS_MAX];
	struct weir_problem problem; /* when pipeline_run fails */
	char what[64];               /* what was being done then */
};

/*
 * 0 when it ran to its end (look at `faults`), else a negative code with `what` and the problem.
 * -EINTR when `interrupted` was set: the result is that of a shorter run.
 */
int pipeline_run(const struct pipeline_settings *settings, struct pipeline_result *ret_result);

/* Gives the histograms back, whatever pipeline_run() said. */
void pipeline_result_fini(struct pipeline_result *result);

/* Of all streams, and of all readers. */
uint32_t pipeline_producer_count(const struct pipeline_settings *settings);
uint32_t pipeline_member_count(const struct pipeline_settings *settings);
/* Does the reader's subscription read the stream's topic? */
bool pipeline_reads(const struct pipeline_settings *settings, uint32_t reader, uint32_t stream);

bool pipeline_has_faults(const struct pipeline_faults *faults);

/* --- the payload: {u64 producer and mark, u64 ordinal, u64 due ns, filler .., u64 tail} ------- */

/*
 * The tail makes the sum of all eight-byte words one constant, so a check reads every byte and
 * writing an event is three stores.
 */
struct pipeline_payload {
	uint64_t producer;
	uint64_t ordinal;
	uint64_t due_ns;
};

/* Fills everything that does not change from event to event; returns the base of the tail. */
uint64_t pipeline_payload_init(uint8_t *payload, size_t payload_bytes, uint64_t producer);
void pipeline_payload_set(uint8_t *payload, size_t payload_bytes, uint64_t tail_base,
			  uint64_t ordinal, uint64_t due_ns);
/*
 * The same beside a payload that was recorded: a header of the event, {u64 producer and mark, u64
 * ordinal, u64 due ns, u64 tail}, whose sum with the payload's is that constant.
 */
#define PIPELINE_MARK_NAME "weir-bench"
#define PIPELINE_MARK_WORDS 4u
uint64_t pipeline_sum(const uint8_t *bytes, size_t count);
void pipeline_mark_set(uint64_t mark[PIPELINE_MARK_WORDS], uint64_t producer, uint64_t ordinal,
		       uint64_t due_ns, uint64_t payload_sum);
bool pipeline_mark_check(const struct weir_item *item, struct pipeline_payload *ret_parts);

/* False when a byte is wrong. */
bool pipeline_payload_check(const uint8_t *payload, size_t payload_bytes,
			    struct pipeline_payload *ret_parts);

#endif
