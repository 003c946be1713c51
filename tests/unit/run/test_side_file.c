/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever a crash leaves of a side file, opening it gives the last commit or the one
 *         before; and one that is not of this journal and subscription, or is damaged, is refused.
 * Method: commits, then the file's bytes changed: each block of the slot written last torn at every
 *         place of a few, both slots, the header.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/error.h>

#include "tools/weir/run/side_file.h"

#define ENTRIES 600u /* three blocks a slot */
#define SLOT_BYTES (3 * 4096)

static char path[64];
static char dir[] = "/tmp/weir-side-XXXXXX";
static struct run_side_entry entries[ENTRIES];
static struct run_side side;
static struct run_fault fault;

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/out.weir", dir);
}

static void tear_down(void)
{
	unlink(path);
	rmdir(dir);
}

static void begin(void)
{
	for (uint32_t i = 0; i < ENTRIES; i++)
		entries[i] = (struct run_side_entry){.topic = i / 100, .partition = i % 100};
	side = (struct run_side){.uuid = {1, 2, 3},
				 .subscription = 4,
				 .entries = entries,
				 .entry_count = ENTRIES,
				 .file = -1};
	fault = (struct run_fault){0};
}

static int open_again(void)
{
	begin();
	return run_side_open(&side, path, &fault);
}

static void commit(uint64_t n)
{
	side.output_bytes = n * 1000;
	for (uint32_t i = 0; i < ENTRIES; i++)
		entries[i].next_sequence = n * 10 + i;
	cr_assert_eq(run_side_commit(&side), 0);
}

static void expect(uint64_t n)
{
	cr_assert_eq(open_again(), 1, "%s", fault.text);
	cr_assert_eq(side.output_bytes, n * 1000);
	for (uint32_t i = 0; i < ENTRIES; i++)
		cr_assert_eq(entries[i].next_sequence, n == 0 ? 0 : n * 10 + i);
}

static void damage(off_t at)
{
	char byte = 0;
	int file = open(path, O_RDWR);
	cr_assert(file >= 0 && pread(file, &byte, 1, at) == 1);
	byte = (char)(byte ^ 1);
	cr_assert_eq(pwrite(file, &byte, 1, at), 1);
	close(file);
}

TestSuite(side_file, .init = set_up, .fini = tear_down);

Test(side_file, has_what_was_committed_last)
{
	cr_assert_eq(open_again(), 0);
	cr_assert_eq(run_side_create(&side, path, &fault), 0);
	run_side_close(&side);
	for (uint64_t n = 0; n < 5; n++) {
		expect(n);
		commit(n + 1);
		run_side_close(&side);
	}
	expect(5);
	commit(6);
	commit(7);
	run_side_close(&side);
	expect(7);
	run_side_close(&side);
}

Test(side_file, never_grows_so_a_commit_needs_no_room)
{
	struct stat before;
	struct stat after;
	begin();
	cr_assert_eq(run_side_create(&side, path, &fault), 0);
	cr_assert_eq(stat(path, &before), 0);
	cr_assert_eq(before.st_size, 4096 + 2 * SLOT_BYTES);
	for (uint64_t n = 1; n < 10; n++)
		commit(n);
	cr_assert_eq(stat(path, &after), 0);
	cr_assert_eq(before.st_size, after.st_size);
	cr_assert_eq(before.st_blocks, after.st_blocks);
	run_side_close(&side);
}

Test(side_file, a_torn_commit_leaves_the_one_before)
{
	begin();
	cr_assert_eq(run_side_create(&side, path, &fault), 0);
	commit(1);
	commit(2); // generation 3: in slot 1
	run_side_close(&side);
	for (off_t at = 0; at < 24 + 16 * (off_t)ENTRIES; at += 371) {
		damage(4096 + SLOT_BYTES + at);
		expect(1);
		run_side_close(&side);
		damage(4096 + SLOT_BYTES + at); // as it was
		expect(2);
		run_side_close(&side);
	}
	/* And the next commit takes the place of the torn one. */
	damage(4096 + SLOT_BYTES + 8);
	expect(1);
	commit(3);
	run_side_close(&side);
	expect(3);
	run_side_close(&side);
}

Test(side_file, damage_is_refused)
{
	begin();
	cr_assert_eq(run_side_create(&side, path, &fault), 0);
	commit(1);
	run_side_close(&side);
	damage(4096 + 100);
	damage(4096 + SLOT_BYTES + 100);
	cr_assert_eq(open_again(), WEIR_E_CORRUPT);
	cr_assert(strstr(fault.text, "damaged in both places") != NULL, "%s", fault.text);
	damage(4096 + 100);
	expect(1);
	run_side_close(&side);
	damage(20);
	cr_assert_eq(open_again(), WEIR_E_CORRUPT);
	cr_assert(strstr(fault.text, "is damaged, or not weir's") != NULL, "%s", fault.text);
	cr_assert_eq(truncate(path, 0), 0);
	cr_assert_eq(open_again(), WEIR_E_CORRUPT);
}

Test(side_file, another_journal_or_subscription_is_refused)
{
	begin();
	cr_assert_eq(run_side_create(&side, path, &fault), 0);
	run_side_close(&side);
	begin();
	side.uuid[15] = 9;
	cr_assert_eq(run_side_open(&side, path, &fault), WEIR_E_EXISTS);
	cr_assert(strstr(fault.text, "belongs to another journal") != NULL, "%s", fault.text);
	begin();
	side.subscription = 5;
	cr_assert_eq(run_side_open(&side, path, &fault), WEIR_E_EXISTS);
	cr_assert(strstr(fault.text, "belongs to another subscription") != NULL, "%s", fault.text);
	begin();
	side.entry_count = ENTRIES - 1;
	cr_assert_eq(run_side_open(&side, path, &fault), WEIR_E_EXISTS);
}

Test(side_file, finds_the_entry_of_each_partition)
{
	begin();
	for (uint32_t i = 0; i < ENTRIES; i++)
		cr_assert_eq(run_side_find(&side, i / 100, i % 100), &entries[i]);
	cr_assert_null(run_side_find(&side, 6, 0));
	cr_assert_null(run_side_find(&side, 2, 100));
	side.entry_count = 0;
	cr_assert_null(run_side_find(&side, 0, 0));
}
