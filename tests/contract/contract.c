/* SPDX-License-Identifier: Apache-2.0 */
/* See contract.h. Thread: the test's. */
#include "tests/contract/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/posix/storage_posix.h"
#include "io/sim/storage_sim.h"
#ifdef WR_HAVE_URING
#include "io/uring/probe.h"
#include "io/uring/storage_uring.h"
#endif

bool world_is_real(const struct world *w)
{
	return w->backend < BACKEND_SIM;
}

bool world_is_apart(const struct world *w)
{
	return w->backend == BACKEND_URING_APART || w->backend == BACKEND_POSIX_APART ||
	       w->backend == BACKEND_SIM_APART;
}

static bool is_uring(const struct world *w)
{
	return w->backend == BACKEND_URING || w->backend == BACKEND_URING_APART;
}

static void skip_without_uring(void)
{
	const char *wanted = getenv("WEIR_TEST_IO");

	if (wanted != NULL && strcmp(wanted, "posix") == 0)
		cr_skip_test("io_uring left out by WEIR_TEST_IO=posix");
#ifdef WR_HAVE_URING
	char reason[160];
	if (wr_uring_probe(reason, sizeof reason) < 0)
		cr_skip_test("%s", reason);
#else
	cr_skip_test("built without liburing");
#endif
}

static int open_storage(const struct world *w, const struct wr_storage_options *options,
			struct wr_storage **ret)
{
	if (!world_is_real(w))
		return wr_storage_sim_open(options, ret);
#ifdef WR_HAVE_URING
	if (is_uring(w))
		return wr_storage_uring_open(options, ret);
#endif
	return wr_storage_posix_open(options, ret);
}

static void open_and_enter(struct world *w)
{
	char reason[160] = "";

	w->options.ret_reason = reason;
	w->options.reason_bytes = sizeof reason;
	int code = open_storage(w, &w->options, &w->s);
	cr_assert_eq(code, 0, "open failed with %d: %s", code, reason);
	w->options.ret_reason = NULL;
	w->ops = w->s->ops;
	code = w->ops->enter(w->s);
	cr_assert_eq(code, 0, "enter failed with %d", code);
}

void world_setup(struct world *w, enum backend backend, uint32_t depth_max)
{
	const char *base = getenv("TMPDIR");

	memset(w, 0, sizeof *w);
	w->backend = backend;
	if (is_uring(w))
		skip_without_uring();
	w->options.depth_max = depth_max;
	w->options.buffered = world_is_apart(w);
	if (world_is_real(w)) {
		(void)snprintf(w->dir, sizeof w->dir, "%s/weir-contract-XXXXXX",
			       base != NULL ? base : P_tmpdir);
		cr_assert_not_null(mkdtemp(w->dir));
		w->options.dir = w->dir;
	} else {
		struct wr_fault_plan plan;
		wr_fault_plan_init(&plan);
		plan.sync_apart = world_is_apart(w);
		w->disk = wr_sim_disk_create(1, &plan);
		cr_assert_not_null(w->disk);
		w->options.sim_disk = w->disk;
	}
	open_and_enter(w);
}

void world_reopen(struct world *w)
{
	w->ops->fini(w->s);
	open_and_enter(w);
}

int world_open_other(struct world *w, bool read_only, struct wr_storage **ret)
{
	struct wr_storage_options options = w->options;

	options.read_only = read_only;
	return open_storage(w, &options, ret);
}

static int remove_one(void *context, const char *name)
{
	const struct world *w = context;
	char path[400];

	world_path(w, name, path, sizeof path);
	(void)unlink(path);
	return 0;
}

void world_teardown(struct world *w)
{
	if (w->s != NULL) {
		if (world_is_real(w))
			(void)w->ops->file_each(w->s, remove_one, w);
		w->ops->fini(w->s);
	}
	if (world_is_real(w)) {
		(void)remove_one(w, "LOCK");
		if (w->mounted)
			(void)umount2(w->dir, MNT_DETACH);
		(void)rmdir(w->dir);
	}
	wr_sim_disk_destroy(w->disk);
}

void world_skip(struct world *w, const char *reason)
{
	world_teardown(w);
	cr_skip_test("%s", reason);
}

void world_path(const struct world *w, const char *name, char *ret_path, size_t path_bytes)
{
	(void)snprintf(ret_path, path_bytes, "%s/%s", w->dir, name);
}

static void on_written(struct wr_io *io)
{
	struct request *r = (struct request *)io;

	r->written_count++;
	r->written_before_done = r->done_count == 0;
}

static void on_done(struct wr_io *io)
{
	((struct request *)io)->done_count++;
}

struct request request_of(uint32_t kind, uint32_t file, void *buffer, uint32_t length_bytes,
			  uint64_t offset_bytes)
{
	return (struct request){.io = {
					.kind = kind,
					.file = file,
					.flags = kind == WR_IO_WRITE ? WR_IO_DURABLE : 0,
					.buffer = buffer,
					.length_bytes = length_bytes,
					.offset_bytes = offset_bytes,
					.written = on_written,
					.done = on_done,
				}};
}

int request_wait(struct world *w, struct request *r)
{
	const uint64_t until_ns = real_now_ns() + WAIT_LONG_NS;

	while (r->done_count == 0) {
		int code = w->ops->poll(w->s, 1000000000);
		cr_assert_geq(code, 0, "poll failed with %d", code);
		cr_assert_lt(real_now_ns(), until_ns, "a request of kind %u never completed",
			     (unsigned)r->io.kind);
	}
	return r->io.result;
}

int request_run(struct world *w, struct request *r)
{
	int code = w->ops->submit(w->s, &r->io);

	cr_assert_eq(code, 0, "submit failed with %d", code);
	return request_wait(w, r);
}

uint32_t world_prepare(struct world *w, const char *name, uint64_t bytes)
{
	struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);

	r.io.name = name;
	r.io.file_bytes = bytes;
	int code = request_run(w, &r);
	cr_assert_eq(code, 0, "PREPARE failed with %d", code);
	return r.io.file;
}

uint64_t real_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

uint8_t *new_blocks(uint32_t blocks, uint8_t seed)
{
	uint8_t *bytes = aligned_alloc(BLOCK, (size_t)blocks * BLOCK);

	cr_assert_not_null(bytes);
	for (size_t i = 0; i < (size_t)blocks * BLOCK; i++)
		bytes[i] = (uint8_t)(seed + i * 7 + i / BLOCK);
	return bytes;
}
