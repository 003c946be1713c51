/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads that move less than they were asked for, in the middle of a file, and calls that are
 * interrupted: as network and FUSE file systems have them. Whoever takes one for the end of the
 * file finds an empty journal where there is a full one.
 *
 * Method: the program is linked with its own pread, which cuts and interrupts as a generator says;
 * the simulated storage has the fault of that kind. Every byte that was written is then read by
 * requests and by blocking calls, at any place and alignment, and so is the true end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "io/sim/prng.h"
#include "tests/contract/contract.h"

#define FILE_BLOCKS 40u
#define FILE_BYTES (FILE_BLOCKS * BLOCK)
#define SECTOR_BYTES 512u

ssize_t __real_pread64(int fd, void *bytes, size_t length_bytes, off_t offset_bytes);
ssize_t __wrap_pread64(int fd, void *bytes, size_t length_bytes, off_t offset_bytes);
ssize_t __wrap_pread(int fd, void *bytes, size_t length_bytes, off_t offset_bytes);

/* How reads go wrong; helper threads look too. */
enum manner { MANNER_WHOLE = 0, MANNER_SECTORS, MANNER_BYTES, MANNER_STUCK };
static wr_atomic_u32 manner;
static wr_atomic_u32 draws;
static wr_atomic_u32 shortened;

ssize_t __wrap_pread64(int fd, void *bytes, size_t length_bytes, off_t offset_bytes)
{
	const uint32_t how = wr_load_relaxed(&manner);
	struct wr_prng prng;

	if (how == MANNER_WHOLE)
		return __real_pread64(fd, bytes, length_bytes, offset_bytes);
	wr_prng_init(&prng, wr_add_relaxed(&draws, 1u));
	const uint64_t draw = wr_prng_below(&prng, 8);
	if (how == MANNER_STUCK || draw < 2) {
		errno = draw == 0 ? EINTR : EAGAIN;
		return how == MANNER_STUCK && draw >= 2 ? 0 : -1;
	}
	if (draw < 6 && length_bytes > SECTOR_BYTES) {
		/* As the file system would do it: read, then cut. */
		ssize_t n = __real_pread64(fd, bytes, length_bytes, offset_bytes);
		if (n <= 0)
			return n;
		size_t kept = (size_t)wr_prng_below(&prng, (uint64_t)n);
		(void)wr_add_relaxed(&shortened, 1u);
		return (ssize_t)(how == MANNER_SECTORS ? kept / SECTOR_BYTES * SECTOR_BYTES : kept);
	}
	return __real_pread64(fd, bytes, length_bytes, offset_bytes);
}

/* Where off_t has 64 bits without being asked for. */
ssize_t __wrap_pread(int fd, void *bytes, size_t length_bytes, off_t offset_bytes)
{
	return __wrap_pread64(fd, bytes, length_bytes, offset_bytes);
}

static void read_badly(struct world *w, enum manner how)
{
	wr_store_relaxed(&manner, (uint32_t)how);
	if (w->disk != NULL)
		w->disk->plan.chance_ppm[WR_FAULT_SHORT_READ] = how == MANNER_WHOLE ? 0 : 600000;
}

CONTRACT(a_short_read_is_gone_on_with_and_is_no_end_of_the_file)
{
	uint32_t file;
	uint8_t *blocks = new_blocks(FILE_BLOCKS, 9);
	uint8_t *back = new_blocks(FILE_BLOCKS + 1, 0);

	/* The file ends in the middle of a sector. */
	const uint32_t bytes = FILE_BYTES - 1234;
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_CREATE, &file), 0);
	cr_assert_eq(w->ops->write(w->s, file, blocks, bytes, 0), 0);
	wr_store_relaxed(&shortened, 0u);
	for (uint32_t round = 0; round < 200; round++) {
		read_badly(w, round % 2 == 0 ? MANNER_SECTORS : MANNER_BYTES);
		memset(back, 0, FILE_BYTES);
		cr_assert_eq(w->ops->read(w->s, file, back, FILE_BYTES, 0), bytes);
		cr_assert_arr_eq(back, blocks, bytes);
		const uint32_t at = round * 797 % bytes;
		const uint32_t n = bytes - at < 20000 ? bytes - at : 20000;
		memset(back, 0, FILE_BYTES);
		cr_assert_eq(w->ops->read(w->s, file, back + 1, 20000, at), n);
		cr_assert_arr_eq(back + 1, blocks + at, n);
		struct request r = request_of(WR_IO_READ, file, back, 8 * BLOCK, 3 * BLOCK);
		cr_assert_eq(request_run(w, &r), 0);
		cr_assert_arr_eq(back, blocks + 3 * BLOCK, 8 * BLOCK);
		r = request_of(WR_IO_READ, file, back, 8 * BLOCK, FILE_BYTES - 4 * BLOCK);
		cr_assert_eq(request_run(w, &r), -ENODATA);
		cr_assert_eq(w->ops->read(w->s, file, back, BLOCK, FILE_BYTES), 0);
		cr_assert_eq(w->ops->read(w->s, file, back, 77, bytes), 0);
	}
	read_badly(w, MANNER_WHOLE);
	if (world_is_real(w))
		cr_assert_gt(wr_load_relaxed(&shortened), 100);
	else
		cr_assert_gt(w->disk->plan.taken[WR_FAULT_SHORT_READ], 100);
	free(back);
	free(blocks);
}

/* Of the real ones only: the simulated faults would have to come out alike 64 times. */
static void case_a_read_that_never_moves_anything_ends_with_an_error(struct world *w)
{
	uint32_t file = world_prepare(w, "a", 8 * BLOCK);
	uint8_t *back = new_blocks(8, 0);

	read_badly(w, MANNER_STUCK);
	int64_t n = w->ops->read(w->s, file, back, 8 * BLOCK, 0);
	cr_assert(n == -EINTR || n == -EAGAIN || n == -EIO, "it says %lld", (long long)n);
	n = w->ops->read(w->s, file, back + 1, 100, 5);
	cr_assert(n == -EINTR || n == -EAGAIN || n == -EIO, "it says %lld", (long long)n);
	read_badly(w, MANNER_WHOLE);
	cr_assert_eq(w->ops->read(w->s, file, back, 8 * BLOCK, 0), 8 * BLOCK);
	free(back);
}

CONTRACT_TEST(storage_uring, a_read_that_never_moves_anything_ends_with_an_error, BACKEND_URING)
CONTRACT_TEST(storage_uring_apart, a_read_that_never_moves_anything_ends_with_an_error,
	      BACKEND_URING_APART)
CONTRACT_TEST(storage_posix, a_read_that_never_moves_anything_ends_with_an_error, BACKEND_POSIX)
CONTRACT_TEST(storage_posix_apart, a_read_that_never_moves_anything_ends_with_an_error,
	      BACKEND_POSIX_APART)
