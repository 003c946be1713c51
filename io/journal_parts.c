/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See journal_parts.h. A part keeps what it would tell, and when all have ended it is told in the
 * order of the log; meanwhile only progress() is called. A journal that is whole has little to tell
 * but its segments.
 *
 * Why nothing is judged twice here: a walk that begins in the middle of a log takes the first chain
 * field as it is, and the walk in front of it ends with that same batch, as one that continues what
 * it has seen. So ranges that are whole and meet are one walk. Where they do not, or anything is
 * damaged, a single walk through all of it decides, as if there had been no threads.
 *
 * Thread: see journal_parts.h. Workers share `shared` and nothing else.
 */
#include "io/journal_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "io/posix/thread_posix.h"

#define PROGRESS_NS 100000000u

struct told {
	bool is_damage;
	struct wr_segment_summary segment;
	struct wr_damage damage;
};

struct shared {
	const char *dir;
	const struct weir_journal_visitor *visitor;
	uint32_t parts;
	wr_atomic_u32 stop;     /* workers: end now. Relaxed: it carries nothing with it */
	wr_atomic_u64 segments; /* that are done. Relaxed: for people */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint32_t running; /* under lock */
};

struct part {
	struct shared *shared;
	uint32_t index;
	bool is_started;
	pthread_t thread;
	/* After the join. */
	int code;
	struct wr_verify_report report;
	struct told *told;
	size_t told_count;
	size_t told_room;
};

/* --- a worker --------------------------------------------------------------------------------- */

static int keep(struct part *p, const struct told *told)
{
	if (p->told_count == p->told_room) {
		size_t room = p->told_room != 0 ? 2 * p->told_room : 64;
		struct told *grown = realloc(p->told, room * sizeof *grown);
		if (grown == NULL)
			return -ENOMEM;
		p->told = grown;
		p->told_room = room;
	}
	p->told[p->told_count++] = *told;
	return wr_load_relaxed(&p->shared->stop) != 0 ? -EINTR : 0;
}

static int keep_segment(void *context, const struct wr_segment_summary *summary)
{
	struct part *p = context;
	const struct told told = {.segment = *summary};

	(void)wr_add_relaxed(&p->shared->segments, 1u);
	return keep(p, &told);
}

/* What is corrupt a single walk has to tell. */
static int keep_damage(void *context, const struct wr_damage *damage)
{
	const struct told told = {.is_damage = true, .damage = *damage};

	return damage->corrupt ? -EILSEQ : keep(context, &told);
}

static void *verify_part(void *context)
{
	struct part *p = context;
	struct shared *s = p->shared;
	struct weir_journal_visitor visitor = *s->visitor;
	const struct wr_verify_visitor walk = {
		.segment = keep_segment,
		.damage = keep_damage,
		.context = p,
		.part = p->index,
		.parts = s->parts,
	};
	struct wr_inspect in;

	visitor.event = NULL;
	visitor.events = NULL;
	visitor.topic = NULL;
	p->code = wr_inspect_open(&in, s->dir, &visitor, NULL);
	if (p->code == 0)
		p->code = wr_verify_run(in.storage, &in.memory.memory, 0, UINT64_MAX, &walk,
					&p->report, NULL);
	wr_inspect_close(&in);
	/* Who fails makes the others' work worth nothing. */
	if (p->code != 0)
		wr_store_relaxed(&s->stop, 1u);
	(void)pthread_mutex_lock(&s->lock);
	s->running--;
	(void)pthread_cond_signal(&s->ended);
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- the caller ------------------------------------------------------------------------------- */

/* Until all have ended; what progress() returned when that was not 0. */
static int wait_for_all(struct shared *s)
{
	const struct weir_journal_visitor *visitor = s->visitor;
	bool all_ended = false;
	int stop = 0;

	while (!all_ended) {
		struct timespec until;
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PROGRESS_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_mutex_lock(&s->lock);
		if (s->running > 0)
			(void)pthread_cond_timedwait(&s->ended, &s->lock, &until);
		all_ended = s->running == 0;
		(void)pthread_mutex_unlock(&s->lock);
		if (stop == 0 && visitor->progress != NULL)
			stop = visitor->progress(visitor->context, wr_load_relaxed(&s->segments));
		if (stop != 0)
			wr_store_relaxed(&s->stop, 1u);
	}
	return stop;
}

static bool start(struct part *parts, struct shared *s)
{
	for (uint32_t i = 0; i < s->parts; i++) {
		char name[16];
		const struct wr_thread_start start = {.name = name};
		parts[i] = (struct part){.shared = s, .index = i};
		(void)snprintf(name, sizeof name, "weir-verify%u", i % 100u);
		(void)pthread_mutex_lock(&s->lock);
		s->running++;
		(void)pthread_mutex_unlock(&s->lock);
		if (wr_thread_create(&parts[i].thread, &start, verify_part, &parts[i]) == 0) {
			parts[i].is_started = true;
			continue;
		}
		(void)pthread_mutex_lock(&s->lock);
		s->running--;
		(void)pthread_mutex_unlock(&s->lock);
		wr_store_relaxed(&s->stop, 1u);
		return false;
	}
	return true;
}

static bool is_same(const struct wr_verify_border *a, const struct wr_verify_border *b)
{
	return a->segment_id == b->segment_id && a->offset == b->offset &&
	       a->header_crc == b->header_crc;
}

/* Whether all is whole and each range ends with the first batch of the next. */
static bool do_meet(const struct part *parts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_verify_report *r = &parts[i].report;
		if (!parts[i].is_started || parts[i].code != 0 || r->corrupt_count > 0 ||
		    r->is_overtaken || r->superblock.version != parts[0].report.superblock.version)
			return false;
		if (r->is_empty || r->is_last) {
			if (r->next.segment_id != 0)
				return false;
			continue;
		}
		if (i + 1 == count || parts[i + 1].report.is_empty || r->next.segment_id == 0 ||
		    !is_same(&r->next, &parts[i + 1].report.first))
			return false;
	}
	return true;
}

static void add_up(const struct part *parts, uint32_t count, struct wr_verify_report *sum)
{
	*sum = parts[0].report;
	for (uint32_t i = 1; i < count; i++) {
		const struct wr_verify_report *r = &parts[i].report;
		sum->read_bytes += r->read_bytes;
		sum->durable_seq = wr_max_u64(sum->durable_seq, r->durable_seq);
		sum->last_seq = wr_max_u64(sum->last_seq, r->last_seq);
		sum->record_count += r->record_count;
		sum->event_count += r->event_count;
		sum->left_out_count += r->left_out_count;
		sum->segment_count += r->segment_count;
		sum->spare_count += r->spare_count;
		sum->harmless_count += r->harmless_count;
	}
}

/* What the visitor returned. */
static int tell(const struct part *parts, uint32_t count,
		const struct weir_journal_visitor *visitor)
{
	int r = 0;

	for (uint32_t i = 0; i < count; i++)
		for (size_t k = 0; r == 0 && k < parts[i].told_count; k++) {
			const struct told *t = &parts[i].told[k];
			r = t->is_damage ? wr_inspect_show_damage(visitor, &t->damage)
					 : wr_inspect_show_segment(visitor, &t->segment);
		}
	return r;
}

int wr_parts_verify(const char *dir, const struct weir_journal_visitor *visitor,
		    struct wr_verify_report *ret_report, int *ret_stop)
{
	struct shared shared = {
		.dir = dir,
		.visitor = visitor,
		.parts = (uint32_t)wr_min_u64(visitor->threads, WR_PARTS_MAX),
	};
	struct part *parts = calloc(shared.parts, sizeof *parts);
	bool is_whole = false;

	*ret_stop = 0;
	if (parts == NULL || pthread_mutex_init(&shared.lock, NULL) != 0) {
		free(parts);
		return 0;
	}
	if (pthread_cond_init(&shared.ended, NULL) == 0) {
		(void)start(parts, &shared);
		*ret_stop = wait_for_all(&shared);
		for (uint32_t i = 0; i < shared.parts; i++)
			if (parts[i].is_started)
				(void)pthread_join(parts[i].thread, NULL);
		is_whole = *ret_stop == 0 && do_meet(parts, shared.parts);
		(void)pthread_cond_destroy(&shared.ended);
	}
	(void)pthread_mutex_destroy(&shared.lock);
	if (is_whole) {
		add_up(parts, shared.parts, ret_report);
		*ret_stop = tell(parts, shared.parts, visitor);
	}
	for (uint32_t i = 0; i < shared.parts; i++)
		free(parts[i].told);
	free(parts);
	if (*ret_stop != 0)
		return -EINTR;
	return is_whole ? 1 : 0;
}
