/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a file system by its name: whether a write may sync by itself there (L35), and
 * whether room that was written once is room for what is written next. Both backends say it.
 *
 * Method: the program is linked with its own fstatfs, which names another file system than the one
 * that is there.
 */
#include <string.h>
#include <sys/vfs.h>

#include "tests/contract/contract.h"

int __wrap_fstatfs64(int fd, struct statfs *status);
int __wrap_fstatfs(int fd, struct statfs *status);

static uint32_t magic;

int __wrap_fstatfs64(int fd, struct statfs *status)
{
	(void)fd;
	memset(status, 0, sizeof *status);
	status->f_type = (__typeof__(status->f_type))magic;
	return 0;
}

int __wrap_fstatfs(int fd, struct statfs *status)
{
	return __wrap_fstatfs64(fd, status);
}

static void expect(struct world *w, uint32_t type, const char *name, bool copies_on_write)
{
	struct wr_storage_report report;

	magic = type;
	world_reopen(w);
	w->ops->report(w->s, &report);
	cr_expect_str_eq(report.file_system, name);
	cr_expect_eq(report.copies_on_write, copies_on_write, "%s", name);
}

static void case_it_is_known_where_overwriting_takes_new_room(struct world *w)
{
	struct wr_storage_report report;

	expect(w, 0xEF53, "ext4", false);
	expect(w, 0x58465342, "xfs", false);
	expect(w, 0x9123683E, "btrfs", true);
	expect(w, 0x2FC12FC1, "zfs", true);
	w->ops->report(w->s, &report);
	cr_expect_not(report.written_equals_durable, "not on the list");
	expect(w, 0xCA451A4E, "bcachefs", true);
	expect(w, 0x12345678, "0x12345678", false);
}

CONTRACT_TEST(file_systems_uring, it_is_known_where_overwriting_takes_new_room, BACKEND_URING)
CONTRACT_TEST(file_systems_posix, it_is_known_where_overwriting_takes_new_room, BACKEND_POSIX)
