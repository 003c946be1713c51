/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the name of a journal's directory survives a power cut before anything in it is
 *         acknowledged, whoever made the directory: its parent is synced by every open that may
 *         write, not only by the one that made it and may have died right behind that.
 * Method: this program's own fsync() notes what it is asked for, and asks the kernel.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/posix/storage_posix.h"
#include "tests/support/real_data.h"

static ino_t wanted_inode;
static dev_t wanted_device;
static int wanted_error;
static unsigned wanted_count;

/* In the place of the C library's. */
int fsync(int fd);
int fsync(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_ino == wanted_inode && st.st_dev == wanted_device) {
		wanted_count++;
		if (wanted_error != 0) {
			errno = wanted_error;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

static char parent[TEST_PATH_BYTES];
static char dir[TEST_PATH_BYTES + 16];

static void setup(void)
{
	struct stat st;
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(parent, sizeof parent, "%.400s/weir-parent-XXXXXX", tmp ? tmp : "/tmp");
	cr_assert_not_null(mkdtemp(parent));
	(void)snprintf(dir, sizeof dir, "%s/journal", parent);
	cr_assert_eq(stat(parent, &st), 0);
	wanted_inode = st.st_ino;
	wanted_device = st.st_dev;
}

static void teardown(void)
{
	(void)rmdir(dir);
	cr_assert_eq(rmdir(parent), 0, "%s", strerror(errno));
}

TestSuite(dir, .init = setup, .fini = teardown);

static int open_storage(bool read_only)
{
	const struct wr_storage_options options = {
		.dir = dir, .create_dir = true, .read_only = read_only};
	struct wr_storage *storage = NULL;
	wanted_count = 0;
	int rc = wr_storage_posix_open(&options, &storage);
	if (rc == 0)
		storage->ops->fini(storage);
	return rc;
}

Test(dir, the_parent_of_a_new_directory_is_synced)
{
	cr_expect_eq(open_storage(false), 0);
	cr_expect_eq(wanted_count, 1);
}

Test(dir, the_parent_is_synced_again_when_the_directory_is_there_already)
{
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_expect_eq(open_storage(false), 0);
	cr_expect_eq(wanted_count, 1, "a maker that died may have left that to us");
}

Test(dir, an_open_whose_sync_of_the_parent_failed_is_not_followed_by_one_that_trusts_it)
{
	wanted_error = EIO;
	cr_expect_eq(open_storage(false), -EIO);
	cr_expect_eq(open_storage(false), -EIO, "the directory is there now, its name may not be");
	wanted_error = 0;
	cr_expect_eq(open_storage(false), 0);
	cr_expect_eq(wanted_count, 1);
}

Test(dir, a_parent_that_cannot_be_synced_is_no_obstacle_to_a_directory_that_is_there)
{
	cr_assert_eq(mkdir(dir, 0700), 0);
	wanted_error = EINVAL;
	cr_expect_eq(open_storage(false), 0);
}

Test(dir, who_only_reads_syncs_nothing)
{
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_expect_eq(open_storage(true), 0);
	cr_expect_eq(wanted_count, 0);
}
