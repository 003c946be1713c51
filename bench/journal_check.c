/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_check.h. */
#include "bench/journal_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "core/pipeline/pipeline.h"
#include "core/port/storage.h"

#define WRITES_MAX 256u
#define BURST_EVENTS 64u
#define SEGMENT_BYTES (4u << 20)
#define STEP_NS 200000u
#define CLOSE_NS 20000000000ull

/* --- the storage between ---------------------------------------------------------------------- */

struct watched {
	struct wr_io *io; /* NULL: free */
	void (*done)(struct wr_io *io);
};

/* There is one check at a time in a process: done() has no room for a context. */
static struct {
	const struct wr_storage_ops *real;
	struct wr_storage_ops ops;
	struct watched writes[WRITES_MAX];
	struct journal_cover cover;
	struct journal_check *check;
	uint64_t last_ticket;
} between;

void journal_cover_bytes(struct journal_cover *cover, const void *bytes, uint64_t length_bytes)
{
	const uint8_t *at = bytes;
	uint64_t word, number;

	for (uint64_t i = 0; i + 16 <= length_bytes; i += 8) {
		memcpy(&word, at + i, sizeof word);
		if (word != cover->mark)
			continue;
		memcpy(&number, at + i + 8, sizeof number);
		if (number >= 1 && number <= cover->count)
			cover->is_durable[number] = 1;
	}
}

uint64_t journal_cover_lacks(const struct journal_cover *cover, uint64_t first, uint64_t last)
{
	uint64_t lacks = 0;

	for (uint64_t number = first; number <= last; number++)
		lacks += number < 1 || number > cover->count || cover->is_durable[number] == 0;
	return lacks;
}

static void watched_done(struct wr_io *io)
{
	for (uint32_t i = 0; i < WRITES_MAX; i++) {
		struct watched *w = &between.writes[i];
		if (w->io != io)
			continue;
		w->io = NULL;
		io->done = w->done;
		if (io->result == 0) {
			journal_cover_bytes(&between.cover, io->buffer, io->length_bytes);
			between.check->durable_writes++;
		}
		break;
	}
	io->done(io);
}

static int watched_submit(struct wr_storage *s, struct wr_io *io)
{
	struct watched *w = between.writes;

	if (io->kind != WR_IO_WRITE || (io->flags & WR_IO_DURABLE) == 0)
		return between.real->submit(s, io);
	while (w < between.writes + WRITES_MAX && w->io != NULL)
		w++;
	/* Not watched, it covers nothing: too many at once would be told as a violation. */
	if (w == between.writes + WRITES_MAX)
		return between.real->submit(s, io);
	*w = (struct watched){.io = io, .done = io->done};
	io->done = watched_done;
	int code = between.real->submit(s, io);
	if (code != 0) {
		io->done = w->done;
		w->io = NULL;
	}
	return code;
}

static void stand_between(struct wr_storage *storage)
{
	between.real = storage->ops;
	between.ops = *storage->ops;
	between.ops.submit = watched_submit;
	storage->ops = &between.ops;
}

/* --- the run --------------------------------------------------------------------------------- */

static void on_ack(void *context, const struct weir_ack_range *range)
{
	struct journal_check *check = context;
	uint64_t count = range->last_ticket - range->first_ticket + 1;

	between.last_ticket = range->last_ticket;
	if (range->code != 0) {
		check->refused += count;
		return;
	}
	check->acknowledgements++;
	check->events += count;
	/* Tickets of one producer are dense from 1, as the events' numbers are. */
	check->uncovered +=
		journal_cover_lacks(&between.cover, range->first_ticket, range->last_ticket);
}

struct publisher {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t topic;
	uint64_t payload_bytes;
	uint64_t published;
	uint8_t *payload;
};

/* 1 to 64 events, in a pattern: small and large batches. */
static int publish_burst(struct publisher *p)
{
	uint64_t burst = 1 + (p->published * 2654435761u >> 7) % BURST_EVENTS;
	uint64_t count = wr_min_u64(burst, between.cover.count - p->published);

	for (uint64_t i = 0; i < count; i++) {
		const struct weir_event event = {.topic = p->topic,
						 .payload = p->payload,
						 .payload_bytes = p->payload_bytes};
		uint64_t number = p->published + 1;
		memcpy(p->payload, &between.cover.mark, sizeof number);
		memcpy(p->payload + 8, &number, sizeof number);
		int code = weir_publish(p->producer, &event, NULL);
		if (code == WEIR_E_AGAIN)
			return 0;
		if (code != 0)
			return code;
		p->published++;
	}
	return 0;
}

static int run_opened(const struct journal_check_settings *s, struct publisher *p)
{
	uint64_t end_ns = bench_now_ns() + s->time_max_ns;
	uint64_t patience_ns = bench_now_ns() + s->time_max_ns + CLOSE_NS;
	bool last = false;
	int code = 0;

	while (code == 0 && !(last && between.last_ticket == p->published)) {
		if (s->interrupted != NULL && wr_load_relaxed(s->interrupted) != 0)
			return -EINTR;
		last = last || p->published == between.cover.count || bench_now_ns() >= end_ns;
		if (!last)
			code = publish_burst(p);
		/* What was published, and then what comes of it: not all of it at once. */
		int n = weir_step(p->pipeline, 0);
		if (n >= 0)
			n = weir_step(p->pipeline, STEP_NS);
		(void)weir_producer_poll_acks(p->producer);
		if (n < 0)
			code = n;
		if (code == 0 && bench_now_ns() > patience_ns)
			code = -ETIMEDOUT;
	}
	return code;
}

static int open_all(const struct journal_check_settings *s, struct publisher *p,
		    struct journal_check *check, struct weir_problem *problem)
{
	struct weir_producer_options producer;
	struct weir_topic_options topic;
	struct weir_options options;

	weir_options_init(&options);
	options.name = "check";
	options.dir = s->dir;
	options.io = s->io;
	options.manual = true;
	options.segment_bytes = SEGMENT_BYTES;
	options.retention_bytes = 4 * SEGMENT_BYTES;
	int code = weir_open(&options, &p->pipeline, problem);
	if (code != 0)
		return code;
	stand_between(p->pipeline->host.storage);
	weir_topic_options_init(&topic);
	topic.name = "check";
	code = weir_topic_create(p->pipeline, &topic, &p->topic, problem);
	if (code != 0)
		return code;
	weir_producer_options_init(&producer);
	producer.level = WEIR_LEVEL_DURABLE;
	producer.when_full = WEIR_FULL_TRY;
	producer.ack_fn = on_ack;
	producer.ack_context = check;
	return weir_producer_open(p->pipeline, &producer, &p->producer, problem);
}

/* The storage of before is back by then: nothing is in flight that was watched. */
static int close_all(struct publisher *p)
{
	if (p->pipeline == NULL)
		return 0;
	if (p->producer != NULL)
		(void)weir_producer_close(p->producer, CLOSE_NS);
	return weir_close(p->pipeline, WEIR_CLOSE_DRAIN, CLOSE_NS, NULL);
}

int journal_check_run(const struct journal_check_settings *s, const struct bench_device *device,
		      struct journal_check *ret_check, struct weir_problem *problem)
{
	struct journal_check check = {.events = 0};
	struct publisher p = {.payload_bytes = s->payload_bytes};
	uint64_t before = 0, after = 0;
	int code = 0;

	memset(&between, 0, sizeof between);
	between.check = &check;
	between.cover.count = s->events;
	between.cover.is_durable = calloc(s->events + 1, 1);
	p.payload = calloc(1, s->payload_bytes);
	if (between.cover.is_durable == NULL || p.payload == NULL ||
	    getrandom(&between.cover.mark, sizeof between.cover.mark, 0) !=
		    sizeof between.cover.mark)
		code = -ENOMEM;
	check.flushes_told = bench_device_flushes(device, &before);
	if (code == 0)
		code = open_all(s, &p, &check, problem);
	if (code == 0)
		code = run_opened(s, &p);
	check.flushes_told = check.flushes_told && bench_device_flushes(device, &after);
	check.device_flushes = check.flushes_told ? after - before : 0;
	int close_code = close_all(&p);
	free(between.cover.is_durable);
	free(p.payload);
	*ret_check = check;
	return code == 0 ? close_code : code;
}

bool journal_check_flushes_lack(const struct journal_check *check,
				const struct bench_device *device)
{
	return check->flushes_told && check->events > 0 && check->device_flushes == 0 &&
	       strcmp(device->write_cache, "write back") == 0 && strcmp(device->fua, "0") == 0;
}
