/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   an open file is a number, and need not be a descriptor (S11), in every backend.
 * Method: hundreds of files are open while descriptors are counted, and while the process, or the
 *         plan of the simulation, allows few of them; what is kept works when there are none left.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/contract/contract.h"

#define FILES 300u
/* The backend's own, and those that it may have idle. */
#define FEW 60u

static void name_of(uint32_t i, char name[16])
{
	(void)snprintf(name, 16, "f%u", i);
}

static uint32_t count_descriptors(const struct world *w)
{
	uint32_t count = 0;

	if (!world_is_real(w))
		return w->disk->descriptors_peak;
	DIR *stream = opendir("/proc/self/fd");
	cr_assert_not_null(stream);
	while (readdir(stream) != NULL)
		count++;
	(void)closedir(stream);
	return count;
}

/* No descriptor more than there are now; in the simulation so many in all. */
static void allow_no_more(struct world *w, uint32_t in_simulation)
{
	struct rlimit limit;

	if (!world_is_real(w)) {
		w->disk->plan.descriptors_max = in_simulation;
		return;
	}
	int next = dup(0); /* the lowest number that is free */
	cr_assert_geq(next, 0);
	(void)close(next);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)next;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void allow_any(struct world *w)
{
	struct rlimit limit;

	if (!world_is_real(w)) {
		w->disk->plan.descriptors_max = 0;
		return;
	}
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static uint32_t make_file(struct world *w, uint32_t i)
{
	uint8_t *block = new_blocks(1, (uint8_t)i);
	char name[16];
	uint32_t file;

	name_of(i, name);
	cr_assert_eq(w->ops->file_open(w->s, name, WR_FILE_CREATE | WR_FILE_EXCLUSIVE, &file), 0);
	cr_assert_eq(w->ops->write(w->s, file, block, BLOCK, 0), 0);
	free(block);
	return file;
}

/* By a call, or by a request. */
static void expect_content(struct world *w, uint32_t file, uint32_t i, bool by_request)
{
	uint8_t *expected = new_blocks(1, (uint8_t)i);
	uint8_t *block = new_blocks(1, 0);

	if (by_request) {
		struct request r = request_of(WR_IO_READ, file, block, BLOCK, 0);
		cr_assert_eq(request_run(w, &r), 0);
	} else {
		cr_assert_eq(w->ops->read(w->s, file, block, BLOCK, 0), BLOCK);
	}
	cr_assert_eq(memcmp(block, expected, BLOCK), 0, "file %u", i);
	free(block);
	free(expected);
}

CONTRACT(hundreds_of_open_files_need_few_descriptors)
{
	uint32_t before = world_is_real(w) ? count_descriptors(w) : 0;
	uint32_t files[FILES];
	uint64_t bytes;

	for (uint32_t i = 0; i < FILES; i++)
		files[i] = make_file(w, i);
	cr_expect_leq(count_descriptors(w), before + FEW);
	for (uint32_t i = 0; i < FILES; i++) {
		uint32_t at = i * 7 % FILES;
		expect_content(w, files[at], at, i % 2 == 0);
		cr_assert_eq(w->ops->file_bytes(w->s, files[at], &bytes), 0);
		cr_assert_eq(bytes, BLOCK);
		cr_assert_eq(w->ops->sync_file(w->s, files[at]), 0);
	}
	cr_expect_leq(count_descriptors(w), before + FEW);
	for (uint32_t i = 0; i < FILES; i++)
		cr_assert_eq(w->ops->file_close(w->s, files[i]), 0);
	cr_expect_leq(count_descriptors(w), before + FEW);
}

CONTRACT(idle_descriptors_go_for_what_is_used_now)
{
	uint32_t files[40];

	for (uint32_t i = 0; i < 40; i++)
		files[i] = make_file(w, i);
	allow_no_more(w, 8);
	for (uint32_t i = 0; i < 40; i++)
		expect_content(w, files[i], i, i % 2 == 0);
	files[0] = make_file(w, 40);
	expect_content(w, files[0], 40, false);
	(void)world_prepare(w, "prepared", BLOCK);
	allow_any(w);
}

CONTRACT(what_is_kept_works_when_there_is_no_descriptor_left)
{
	uint8_t *block = new_blocks(1, 9);
	uint32_t kept, prepared = world_prepare(w, "prepared", 4 * BLOCK);
	uint32_t cold = make_file(w, 0);

	cr_assert_eq(w->ops->file_open(w->s, "kept", WR_FILE_CREATE | WR_FILE_KEEP, &kept), 0);
	/* The only idle one goes; then there is none that could. */
	allow_no_more(w, 3);
	uint32_t other = 0, other_kept;
	cr_assert_eq(w->ops->file_open(w->s, "other", WR_FILE_CREATE | WR_FILE_KEEP, &other), 0);
	cr_assert_eq(w->ops->file_open(w->s, "none", WR_FILE_CREATE, &other_kept), -EMFILE);
	cr_assert_eq(w->ops->read(w->s, cold, block, BLOCK, 0), -EMFILE);
	cr_assert_eq(w->ops->file_keep(w->s, cold, true), -EMFILE);
	struct request refused = request_of(WR_IO_WRITE, cold, block, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &refused.io), -EMFILE);
	refused = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	refused.io.name = "late";
	refused.io.file_bytes = BLOCK;
	cr_assert_eq(request_run(w, &refused), -EMFILE);
	for (uint32_t i = 0; i < 3; i++) {
		struct request r = request_of(WR_IO_WRITE, i == 1 ? prepared : kept, block, BLOCK,
					      i * BLOCK);
		cr_assert_eq(request_run(w, &r), 0);
	}
	allow_any(w);
	/* Nothing happened to the cold one, nothing was made, and all of it may be tried again. */
	expect_content(w, cold, 0, false);
	cr_assert_eq(w->ops->file_open(w->s, "none", 0, &other_kept), -ENOENT);
	cr_assert_eq(w->ops->file_open(w->s, "late", 0, &other_kept), -ENOENT);
	struct request again = request_of(WR_IO_WRITE, cold, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &again), 0);
	free(block);
}

CONTRACT(a_full_table_is_an_error_and_nothing_is_made)
{
	uint32_t file = make_file(w, 0), more = 0, other;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < 100000; i++)
		code = w->ops->file_open(w->s, "f0", WR_FILE_READ_ONLY, &more);
	cr_assert_eq(code, -ENFILE);
	cr_assert_eq(w->ops->file_open(w->s, "new", WR_FILE_CREATE, &other), -ENFILE);
	struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r.io.name = "new";
	r.io.file_bytes = BLOCK;
	cr_assert_eq(request_run(w, &r), -ENFILE);
	cr_assert_eq(w->ops->file_close(w->s, more), 0);
	cr_assert_eq(w->ops->file_open(w->s, "new", 0, &other), -ENOENT);
	expect_content(w, file, 0, false);
	cr_assert_eq(w->ops->file_open(w->s, "new", WR_FILE_CREATE, &other), 0);
}

CONTRACT(a_file_is_kept_until_it_is_not)
{
	uint32_t file = make_file(w, 0);

	cr_assert_eq(w->ops->file_keep(w->s, file, true), 0);
	cr_assert_eq(w->ops->file_keep(w->s, file, true), 0);
	for (uint32_t i = 1; i < 80; i++)
		(void)make_file(w, i);
	for (int round = 0; round < 2; round++) {
		expect_content(w, file, 0, true);
		cr_assert_eq(w->ops->file_keep(w->s, file, false), 0);
		cr_assert_eq(w->ops->file_keep(w->s, file, false), 0);
		for (uint32_t i = 1; i < 80; i++)
			(void)make_file(w, 100u * (uint32_t)(round + 1) + i);
		expect_content(w, file, 0, false);
	}
	cr_assert_eq(w->ops->file_keep(w->s, 4000, true), -EBADF);
	cr_assert_eq(w->ops->file_keep(w->s, 4000, false), -EBADF);
}

CONTRACT(a_file_that_took_anothers_name_is_not_it)
{
	uint8_t *block = new_blocks(1, 0);
	char path[400], other_path[400];
	uint32_t file = make_file(w, 0);

	if (!world_is_real(w)) {
		free(block);
		return; /* the simulation has no names that others change */
	}
	for (uint32_t i = 1; i < 80; i++)
		(void)make_file(w, i);
	world_path(w, "f0", path, sizeof path);
	world_path(w, "f1", other_path, sizeof other_path);
	cr_assert_eq(rename(other_path, path), 0);
	cr_assert_eq(w->ops->read(w->s, file, block, BLOCK, 0), -ESTALE);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(w->ops->read(w->s, file, block, BLOCK, 0), -ENOENT);
	free(block);
}
