/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real backends with many threads around the owner: wakers, readers, openers. A plain program
 * that prints TAP, because Criterion aborts under ThreadSanitizer, which is what it is for; it also
 * proves that no wake is lost: after each, the owner's poll without end must return.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/port/storage.h"
#include "io/posix/storage_posix.h"
#ifdef WR_HAVE_URING
#include "io/uring/probe.h"
#include "io/uring/storage_uring.h"
#endif

#define BLOCK WR_STORAGE_BLOCK_BYTES
#define WAKERS 2
#define READERS 2
#define WRITES 300
#define WAKES 300

struct stage {
	struct wr_storage *s;
	wr_atomic_u32 stop;
	wr_atomic_u32 asked; /* wakes, for the owner to see */
	wr_atomic_u32 failed;
	uint32_t cold;
	wr_atomic_u32 seen; /* by the owner */
};

static int test_count;
static uint8_t *shared_block;

static void tell(const char *name, bool passed)
{
	(void)printf("%sok %d - %s\n", passed ? "" : "not ", ++test_count, name);
	(void)fflush(stdout);
}

static void *waker_main(void *argument)
{
	struct stage *stage = argument;

	for (uint32_t i = 0; i < WAKES; i++) {
		uint32_t mine = wr_add_acq_rel(&stage->asked, 1u) + 1;
		stage->s->ops->wake(stage->s);
		/* The next only when the owner has seen this one: a lost wake hangs here. */
		while ((int32_t)(wr_load_acquire(&stage->seen) - mine) < 0 &&
		       wr_load_acquire(&stage->stop) == 0)
			(void)sched_yield();
	}
	return NULL;
}

static void *reader_main(void *argument)
{
	struct stage *stage = argument;
	const struct wr_storage_ops *ops = stage->s->ops;
	uint8_t back[100];

	while (wr_load_acquire(&stage->stop) == 0) {
		uint32_t file;
		bool fine = ops->read(stage->s, stage->cold, back, sizeof back, 37) ==
				    (int64_t)sizeof back &&
			    memcmp(back, shared_block + 37, sizeof back) == 0;
		fine = fine && ops->file_open(stage->s, "cold", WR_FILE_READ_ONLY, &file) == 0;
		fine = fine && ops->read(stage->s, file, back, 50, 5) == 50;
		fine = fine && ops->file_close(stage->s, file) == 0;
		if (!fine)
			wr_store_relaxed(&stage->failed, 1u);
	}
	return NULL;
}

static void count_done(struct wr_io *io)
{
	io->name = "done";
}

static bool wait_for(struct wr_storage *s, struct wr_io *io)
{
	while (io->name == NULL || strcmp(io->name, "done") != 0)
		if (s->ops->poll(s, UINT64_MAX) < 0)
			return false;
	return io->result == 0;
}

static bool prepare(struct wr_storage *s, const char *name, uint32_t *ret_file)
{
	struct wr_io io = {.kind = WR_IO_PREPARE, .name = name, .file_bytes = 8 * BLOCK};

	io.done = count_done;
	if (s->ops->submit(s, &io) != 0 || !wait_for(s, &io))
		return false;
	*ret_file = io.file;
	return true;
}

static bool write_block(struct stage *stage, uint32_t file, uint32_t index)
{
	struct wr_io io = {.kind = WR_IO_WRITE, .file = file, .length_bytes = BLOCK};

	io.flags = index % 2 == 0 ? WR_IO_DURABLE : 0;
	io.buffer = shared_block;
	io.offset_bytes = (uint64_t)index % 8 * BLOCK;
	io.done = count_done;
	return stage->s->ops->submit(stage->s, &io) == 0 && wait_for(stage->s, &io);
}

/* Polls without end until all wakers are through. */
static bool answer_wakes(struct stage *stage)
{
	while (wr_load_relaxed(&stage->seen) != WAKERS * WAKES) {
		if (stage->s->ops->poll(stage->s, UINT64_MAX) < 0)
			return false;
		wr_store_release(&stage->seen, wr_load_acquire(&stage->asked));
	}
	return true;
}

static bool run_stage(struct wr_storage *s)
{
	struct stage stage = {.s = s};
	pthread_t threads[WAKERS + READERS];
	uint32_t hot = 0;
	bool fine = s->ops->enter(s) == 0 && prepare(s, "cold", &stage.cold) &&
		    prepare(s, "hot", &hot) && write_block(&stage, stage.cold, 0);

	for (int i = 0; fine && i < WAKERS + READERS; i++)
		fine = pthread_create(&threads[i], NULL, i < WAKERS ? waker_main : reader_main,
				      &stage) == 0;
	if (!fine)
		return false;
	fine = answer_wakes(&stage);
	for (uint32_t i = 0; fine && i < WRITES; i++)
		fine = write_block(&stage, hot, i);
	wr_store_release(&stage.stop, 1u);
	for (int i = 0; i < WAKERS + READERS; i++)
		(void)pthread_join(threads[i], NULL);
	return fine && wr_load_relaxed(&stage.failed) == 0 && s->ops->leave(s) == 0;
}

static void run_backend(const char *name,
			int (*open)(const struct wr_storage_options *, struct wr_storage **),
			bool apart)
{
	const char *base = getenv("TMPDIR");
	char dir[256];
	struct wr_storage *s = NULL;

	(void)snprintf(dir, sizeof dir, "%s/weir-threads-XXXXXX", base != NULL ? base : P_tmpdir);
	struct wr_storage_options options = {.dir = mkdtemp(dir), .buffered = apart};
	bool fine = options.dir != NULL && open(&options, &s) == 0;
	fine = fine && run_stage(s);
	if (s != NULL) {
		(void)s->ops->file_remove(s, "cold");
		(void)s->ops->file_remove(s, "hot");
		s->ops->fini(s);
	}
	(void)rmdir(dir);
	tell(name, fine);
}

static void run_uring(void)
{
	const char *reason = "left out by WEIR_TEST_IO=posix";
	const char *wanted = getenv("WEIR_TEST_IO");
	bool there = wanted == NULL || strcmp(wanted, "posix") != 0;

#ifdef WR_HAVE_URING
	char text[160];
	if (there && wr_uring_probe(text, sizeof text) < 0) {
		there = false;
		reason = text;
	}
	if (there) {
		run_backend("uring", wr_storage_uring_open, false);
		run_backend("uring, sync apart", wr_storage_uring_open, true);
		return;
	}
#else
	reason = there ? "built without liburing" : reason;
#endif
	for (int i = 0; i < 2; i++)
		(void)printf("ok %d - uring # SKIP %s\n", ++test_count, reason);
}

int main(void)
{
	(void)printf("1..4\n");
	shared_block = aligned_alloc(BLOCK, BLOCK);
	if (shared_block == NULL)
		return 1;
	for (uint32_t i = 0; i < BLOCK; i++)
		shared_block[i] = (uint8_t)(i * 7);
	run_backend("posix", wr_storage_posix_open, false);
	run_backend("posix, sync apart", wr_storage_posix_open, true);
	run_uring();
	free(shared_block);
	return 0;
}
