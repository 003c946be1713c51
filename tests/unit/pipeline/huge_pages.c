/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: chunks and lanes lie in huge pages where they were set aside, and everything works there:
 * the views of a pool and of a ring, the plan, a durable pipeline whose journal is written from
 * such memory. Where there are too few, `try` takes small pages and says so, `require` is refused
 * and says what to do. What a pipeline locked and how much of it was huge is in weir_info.
 *
 * Method: the cases run in a child. Around it the parent sets pages aside where it may (root), and
 * puts the number back as it was, whatever became of the child; where it may not, only the cases
 * without are run. Plain main(), TAP.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/posix/memory_posix.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/support/smaps.h"

#define KIB 1024u
#define MIB (1024u * 1024)
#define PAGE_BYTES (2u * MIB)
#define PAGES_WANTED 40u
#define DIR_2M "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define EVENTS 5000u

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++case_count, what);
	failed_count += !good;
}

static void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++case_count, what, why);
}

/* ---- the machine's ---- */

static long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long n = -1;
	if (file == NULL)
		return -1;
	if (fscanf(file, "%ld", &n) != 1)
		n = -1;
	fclose(file);
	return n;
}

static bool write_number(const char *path, long n)
{
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return false;
	bool good = fprintf(file, "%ld\n", n) > 0;
	return fclose(file) == 0 && good;
}

static long free_pages(void)
{
	return read_number(DIR_2M "free_hugepages");
}

/* ---- pools and rings ---- */

static void views_in_huge_pages(void)
{
	struct wr_memory_posix posix;
	struct wr_memory *m = &posix.memory;
	const struct wr_memory_policy policy = {
		.huge_pages = WEIR_HUGE_PAGES_REQUIRE, .huge_page_bytes = PAGE_BYTES, .lock = true};
	struct wr_mapping pool, ring, small;
	long before = free_pages();
	fixture_need(wr_memory_posix_init(&posix, NULL) == 0, "memory");
	wr_memory_posix_use(&posix, &policy);
	int rc = m->ops->map_pool(m, 3 * MIB, &pool);
	check(rc == 0 && pool.bytes == 2 * PAGE_BYTES, "a pool is rounded up to whole huge pages");
	if (rc != 0)
		return;
	fixture_need(m->ops->map_ring(m, 2 * PAGE_BYTES, &ring) == 0, "a ring");
	fixture_need(m->ops->map_ring(m, MIB, &small) == 0, "a small ring");
	check(before - free_pages() == 4, "two pages each, taken from those that are set aside");
	struct smaps maps[] = {smaps_of(pool.writable), smaps_of(pool.readable),
			       smaps_of(ring.writable), smaps_of(ring.writable + ring.bytes)};
	bool huge = true;
	for (size_t i = 0; i < 4; i++)
		huge = huge && maps[i].page_kib == PAGE_BYTES / KIB && smaps_has(&maps[i], " dd");
	check(huge, "all four views are of pages of 2 MiB, and left out of core dumps");
	check(smaps_of(small.writable).page_kib < PAGE_BYTES / KIB,
	      "a ring that is smaller than a page keeps small ones");
	memcpy(ring.writable + ring.bytes - 4, "wrapping", 8);
	memcpy(pool.writable + pool.bytes - 5, "event", 5);
	check(memcmp(ring.readable, "ping", 4) == 0 &&
		      memcmp(pool.readable + pool.bytes - 5, "event", 5) == 0,
	      "both views show the same bytes");
	check(mprotect((void *)(uintptr_t)pool.readable, pool.bytes, PROT_READ | PROT_WRITE) ==
			      -1 &&
		      errno == EACCES,
	      "the read-only view cannot be made writable");
	check(posix.huge_bytes == 4 * PAGE_BYTES && posix.locked_bytes == 4 * PAGE_BYTES + MIB,
	      "counted as huge, and as locked: they are never swapped");
	m->ops->unmap(m, &pool);
	m->ops->unmap(m, &ring);
	m->ops->unmap(m, &small);
	check(free_pages() == before && posix.huge_bytes == 0 && posix.locked_bytes == 0,
	      "given back with their mappings");
}

/* The first object gets the last pages, the next one none: `try` goes on, `require` does not. */
static void too_few(enum weir_huge_pages how)
{
	struct wr_memory_posix posix;
	struct wr_memory *m = &posix.memory;
	const struct wr_memory_policy policy = {
		.huge_pages = how, .huge_page_bytes = PAGE_BYTES, .huge_wanted_bytes = 200 * MIB};
	struct wr_mapping all, more = {.writable = NULL};
	fixture_need(wr_memory_posix_init(&posix, NULL) == 0, "memory");
	wr_memory_posix_use(&posix, &policy);
	size_t bytes = (size_t)free_pages() * PAGE_BYTES;
	fixture_need(m->ops->map_pool(m, bytes, &all) == 0 && all.huge_bytes == bytes, "all pages");
	int rc = m->ops->map_pool(m, 3 * MIB, &more);
	if (how == WEIR_HUGE_PAGES_TRY) {
		check(rc == 0 && more.bytes == 2 * PAGE_BYTES && more.huge_bytes == 0 &&
			      strstr(posix.huge_note, "about 100 huge pages") != NULL &&
			      strstr(posix.huge_note, "nr_hugepages") != NULL,
		      "try: small pages, as many bytes, and a note with the number and the fix");
		m->ops->unmap(m, &more);
	} else {
		check(rc == -ENOMEM && posix.refusal.code == -ENOMEM &&
			      strcmp(posix.refusal.field, "huge_pages") == 0 &&
			      strstr(posix.refusal.text, "0 of ") != NULL,
		      "require: refused, with what there is and the fix");
	}
	m->ops->unmap(m, &all);
	check((uint64_t)free_pages() * PAGE_BYTES == bytes, "and nothing is left behind");
}

/* ---- pipelines ---- */

static struct fixture f;

/* Round trip through the journal: what was published is read back, by a second life from disk. */
static bool carries_events(void)
{
	uint32_t topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item last;
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	if (fixture_poll(member, NULL, 0, EVENTS / 2, true) < EVENTS / 2)
		return false;
	fixture_close(&f, NULL);
	fixture_open(&f);
	member = fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint64_t number = 0;
	while (number != EVENTS - 1 && fixture_now_ns() < until)
		if (fixture_poll(member, &last, 1, 1, true) > 0)
			number = fixture_number(&last);
	return number == EVENTS - 1;
}

static void a_pipeline_in_huge_pages(void)
{
	struct weir_memory_plan plan;
	struct weir_info info;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.huge_pages = WEIR_HUGE_PAGES_REQUIRE;
	f.options.pool_bytes = 3 * MIB;
	f.options.lane_bytes = PAGE_BYTES;
	f.options.producers_max = 2;
	f.options.lock_memory = true;
	fixture_need(weir_memory_plan(&f.options, &plan, NULL) == 0, "a plan");
	check((uint64_t)plan.chunk_count * f.options.chunk_bytes == 2 * PAGE_BYTES,
	      "the rest of the last huge page becomes chunks");
	long before = free_pages();
	fixture_open(&f);
	fixture_info(&f, &info);
	uint64_t taken = (uint64_t)(before - free_pages()) * PAGE_BYTES;
	printf("# huge %" PRIu64 ", locked %" PRIu64 ", all %" PRIu64 " of %" PRIu64 "\n",
	       info.huge_page_bytes, info.locked_bytes, info.memory_bytes, plan.total_bytes);
	check(info.huge_page_bytes == taken && taken >= 2 * PAGE_BYTES + 2 * PAGE_BYTES,
	      "weir_info says how much is huge: the pool and two lanes");
	check(info.huge_page_bytes == plan.huge_bytes, "which is what the plan said");
	check(info.memory_note[0] == '\0', "and has nothing to add");
	check(info.memory_bytes <= plan.total_bytes && info.locked_bytes == info.memory_bytes,
	      "all of it is locked, and within the plan");
	check(carries_events(), "a journal is written from it and read back");
	fixture_end(&f);
	check(free_pages() == before, "a close gives the pages back");
}

static char said[512];

static void say(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strstr(line->message, "huge pages") != NULL)
		(void)snprintf(said, sizeof said, "%s", line->message);
}

/* With none set aside. */
static void a_pipeline_without(void)
{
	struct weir_problem problem = {0};
	struct weir_memory_plan plan;
	struct weir_info info;
	char number[64];
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.huge_pages = WEIR_HUGE_PAGES_TRY;
	f.options.log_fn = say;
	fixture_need(weir_memory_plan(&f.options, &plan, NULL) == 0, "a plan");
	(void)snprintf(number, sizeof number, "about %" PRIu64 " huge pages",
		       plan.huge_bytes / PAGE_BYTES);
	fixture_open(&f);
	fixture_info(&f, &info);
	printf("# %s\n", info.memory_note);
	check(info.huge_page_bytes == 0 && strstr(info.memory_note, "huge pages") != NULL &&
		      strcmp(said, info.memory_note) == 0,
	      "try: weir_info and log_fn say that there are none");
	check(plan.huge_bytes > 0 && strstr(info.memory_note, number) != NULL,
	      "and how many there would have to be, which is what the plan says");
	check(info.locked_bytes == 0 && info.chunks_node == -1, "nothing else was asked for");
	check(carries_events(), "and it works");
	fixture_end(&f);
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.huge_pages = WEIR_HUGE_PAGES_REQUIRE;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	printf("# %s: %s: %s\n", weir_error_name(rc), problem.field, problem.text);
	check(rc == -ENOMEM && strcmp(problem.field, "huge_pages") == 0 && problem.code == -ENOMEM,
	      "require: weir_open is refused by the option's name");
	fixture_end(&f);
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT;
	f.options.pool_bytes = 8 * MIB;
	fixture_open(&f);
	fixture_info(&f, &info);
	check((info.huge_page_bytes >= 8 * MIB) != (info.memory_note[0] != '\0'),
	      "transparent: they are had, or it is said why not");
	fixture_end(&f);
}

/* Exit status of the child: how many failed; the count of cases comes through the pipe. */
static int run_child(bool set_aside, int *ret_count)
{
	int pipe_fds[2];
	int status = -1;
	fixture_need(pipe(pipe_fds) == 0, "a pipe");
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		case_count = *ret_count;
		failed_count = 0;
		if (set_aside) {
			views_in_huge_pages();
			too_few(WEIR_HUGE_PAGES_TRY);
			too_few(WEIR_HUGE_PAGES_REQUIRE);
			a_pipeline_in_huge_pages();
		} else {
			a_pipeline_without();
		}
		(void)fflush(stdout);
		fixture_need(write(pipe_fds[1], &case_count, sizeof case_count) > 0, "a count");
		_exit(failed_count);
	}
	fixture_need(child > 0 && waitpid(child, &status, 0) == child, "a child");
	close(pipe_fds[1]);
	bool counted = read(pipe_fds[0], ret_count, sizeof *ret_count) == sizeof *ret_count;
	close(pipe_fds[0]);
	return counted && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

int main(void)
{
	long before = read_number(DIR_2M "nr_hugepages");
	int failed = 0;
	if (fixture_emulated()) {
		printf("1..0 # SKIP an emulator: its kernel's pages are not the program's\n");
		return 0;
	}
	if (before == 0)
		failed += run_child(false, &case_count);
	else
		skip("pipelines without huge pages",
		     "some are set aside, or there are none at all");
	bool set_aside = before >= 0 &&
			 write_number(DIR_2M "nr_hugepages", before + (long)PAGES_WANTED) &&
			 free_pages() >= (long)PAGES_WANTED;
	if (set_aside)
		failed += run_child(true, &case_count);
	else
		skip("pipelines in huge pages",
		     "none can be set aside (root, and memory in one piece)");
	if (before >= 0 && read_number(DIR_2M "nr_hugepages") != before)
		fixture_need(write_number(DIR_2M "nr_hugepages", before), "as many as before");
	printf("1..%d\n", case_count);
	return failed == 0 ? 0 : 1;
}
