/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever fails inside weir_open() (memory, mappings, descriptors, threads, random bytes),
 *         it says so, leaves nothing behind in the process, and the next open finds everything.
 * Method: the calls that open makes go through wrappers (ld --wrap), which let the k-th fail, for
 *         one k in five (in seven where that is slow), beginning where WEIR_TEST_SEED or else the
 *         clock says, and for every k with WEIR_TEST_SWEEP=1: of a new journal, of one with events,
 *         of a log in memory. A fallback that was taken instead (io_uring) counts as success. Then
 *         RLIMIT_NOFILE, one higher each time, and none left while the pipeline lives.
 *         The k-th call of the user's allocator: tests/unit/pipeline/test_open.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/sanitizer.h"
#include "tests/host/look.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 50u
#define CALLS_MAX 2000u

static struct fixture f;
static uint32_t topic, id;

static void teardown(void)
{
	fixture_end(&f);
}

/* ---- the wrappers ---- */

static wr_atomic_u32 armed;
static wr_atomic_u64 calls;
static uint64_t fail_at;
static const char *failed; /* the call that did */

static bool fails(const char *name)
{
	if (wr_load_seq(&armed) == 0 || wr_add_seq(&calls, 1u) + 1 != fail_at)
		return false;
	failed = name;
	return true;
}

/* What the linker calls the real function, and the one that is called in its place. */
#define WRAP(result, name, error, failure, parameters, arguments)                                  \
	result __real_##name parameters;                                                           \
	result __wrap_##name parameters;                                                           \
	result __wrap_##name parameters                                                            \
	{                                                                                          \
		if (fails(#name)) {                                                                \
			errno = error;                                                             \
			return failure;                                                            \
		}                                                                                  \
		return __real_##name arguments;                                                    \
	}

#define WRAP_MMAP(name)                                                                            \
	WRAP(void *, name, ENOMEM, MAP_FAILED,                                                     \
	     (void *at, size_t bytes, int protection, int flags, int fd, off_t offset),            \
	     (at, bytes, protection, flags, fd, offset))

/* clang-format off */
WRAP(void *, calloc, ENOMEM, NULL, (size_t count, size_t bytes), (count, bytes))
WRAP(void *, aligned_alloc, ENOMEM, NULL, (size_t align, size_t bytes), (align, bytes))
WRAP_MMAP(mmap)
WRAP_MMAP(mmap64)
WRAP(int, memfd_create, EMFILE, -1, (const char *name, unsigned flags), (name, flags))
WRAP(int, fallocate, ENOSPC, -1, (int fd, int mode, off_t at, off_t bytes), (fd, mode, at, bytes))
WRAP(int, fallocate64, ENOSPC, -1, (int fd, int mode, off_t at, off_t bytes), (fd, mode, at, bytes))
WRAP(int, eventfd, EMFILE, -1, (unsigned value, int flags), (value, flags))
WRAP(ssize_t, getrandom, EAGAIN, -1, (void *to, size_t bytes, unsigned flags), (to, bytes, flags))
WRAP(int, pthread_create, EAGAIN, EAGAIN,
	(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument),
	(thread, attr, run, argument))
/* A mode that is not asked for is passed on and not looked at. */
WRAP(int, open, EMFILE, -1, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, open64, EMFILE, -1, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, openat, EMFILE, -1, (int at, const char *path, int flags, mode_t mode),
	(at, path, flags, mode))
WRAP(int, openat64, EMFILE, -1, (int at, const char *path, int flags, mode_t mode),
	(at, path, flags, mode))
#ifdef WR_HAVE_URING
struct io_uring;
struct io_uring_params;
WRAP(int, io_uring_queue_init_params, ENOMEM, -ENOMEM,
	(unsigned entries, struct io_uring *ring, struct io_uring_params *params),
	(entries, ring, params))
#endif
/* clang-format on */

static int open_with_failure(uint64_t k, struct weir_problem *problem)
{
	wr_store_seq(&calls, 0u);
	fail_at = k;
	failed = NULL;
	wr_store_seq(&armed, 1u);
	int rc = weir_open(&f.options, &f.pipeline, problem);
	wr_store_seq(&armed, 0u);
	return rc;
}

/* ---- a journal with something in it ---- */

static void fill(void)
{
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
	fixture_close(&f, NULL);
}

/* All of it is there, and the pipeline works. */
static void expect_good(bool filled)
{
	struct weir_item item;
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	uint64_t count = filled ? EVENTS : 0;
	for (uint64_t i = 0; i < count; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
		cr_assert_eq(fixture_number(&item), i);
	}
	uint64_t number = 0;
	struct weir_event event = {.topic = topic, .payload = &number, .payload_bytes = 0};
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
}

static void renew_dir(void)
{
	if (f.dir[0] == '\0')
		return;
	test_dir_remove(f.dir);
	f.dir[0] = '\0';
	test_dir_make(f.dir);
	f.options.dir = f.dir;
}

/* There are hundreds, and each takes an open, a close and what they wait for the disk. */
static uint64_t calls_a_step(void)
{
	if (getenv("WEIR_TEST_SWEEP") != NULL)
		return 1;
	return WR_UNDER_ASAN || fixture_emulated() ? 7 : 5;
}

/* A failure names its call, and with WEIR_TEST_SWEEP=1 that one comes again. */
static uint64_t first_call(uint64_t step)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : fixture_now_ns() / 1000;
	return 1 + seed % step;
}

static void fail_each_call(int kind, bool filled)
{
	const uint64_t step = calls_a_step();
	uint32_t failures = 0, tries = 0;
	fixture_init(&f, kind);
	f.options.journal_thread = WEIR_JOURNAL_THREAD_YES;
	if (filled)
		fill();
	/* The first open of all leaves what the C library keeps for good. */
	fixture_open(&f);
	fixture_close(&f, NULL);
	struct look before = look_now();
	for (uint64_t k = first_call(step); k < CALLS_MAX; k += step) {
		struct weir_problem problem = {0};
		if (!filled)
			renew_dir();
		int rc = open_with_failure(k, &problem);
		if (rc == 0 && failed == NULL) {
			fixture_close(&f, NULL);
			break;
		}
		if (rc == 0) { /* it went on without: io_uring, or a helper's file ahead */
			fixture_close(&f, NULL);
		} else {
			failures++;
			cr_expect_lt(rc, 0);
			cr_expect_eq(problem.code, rc, "%s, call %llu", failed,
				     (unsigned long long)k);
			cr_expect_str_not_empty(problem.text);
		}
		f.pipeline = NULL;
		struct look after = look_now();
		cr_assert(look_same(&before, &after, failed), "call %llu (%s): %s",
			  (unsigned long long)k, failed, weir_error_name(rc));
		if (++tries % 8 == 0) {
			fixture_open(&f);
			expect_good(filled);
			(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL);
			f.pipeline = NULL;
			/* Or it would grow with every life, and its opens make ever more calls. */
			if (filled) {
				renew_dir();
				fill();
			}
		}
	}
	cr_expect_gt(failures, 8, "the wrappers are not called");
	fixture_open(&f);
	expect_good(filled);
}

/* With WEIR_TEST_SWEEP=1 a case takes a minute, and more where a disk is slow. */
TestSuite(failing_open, .fini = teardown, .timeout = 600);

Test(failing_open, each_call_that_fails_in_a_new_journal)
{
	fail_each_call(FIXTURE_DURABLE, false);
}

Test(failing_open, each_call_that_fails_in_a_journal_with_events)
{
	fail_each_call(FIXTURE_DURABLE, true);
}

Test(failing_open, each_call_that_fails_by_hand)
{
	fail_each_call(FIXTURE_DURABLE | FIXTURE_MANUAL, true);
}

Test(failing_open, each_call_that_fails_in_memory)
{
	fail_each_call(FIXTURE_MEMORY, false);
}

/* ---- descriptors ---- */

static void limit_descriptors(struct rlimit *before, rlim_t count)
{
	struct rlimit limit = *before;
	limit.rlim_cur = count;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The lowest number that is free. */
static rlim_t first_free(void)
{
	int fd = dup(0);
	cr_assert_geq(fd, 0);
	(void)close(fd);
	return (rlim_t)fd;
}

Test(failing_open, descriptors_that_run_out_at_each_step)
{
	struct rlimit before;
	fixture_init(&f, FIXTURE_DURABLE);
	fill();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct look look = look_now();
	rlim_t room = first_free();
	bool opened = false;
	uint32_t refused = 0;
	for (rlim_t more = 0; more < 64 && !opened; more++) {
		struct weir_problem problem = {0};
		limit_descriptors(&before, room + more);
		int rc = weir_open(&f.options, &f.pipeline, &problem);
		opened = rc == 0;
		refused += rc != 0;
		if (opened)
			fixture_close(&f, NULL);
		cr_expect(opened || (problem.field[0] != '\0' &&
				     strstr(problem.text, "ulimit -n") != NULL),
			  "with %llu more: %s: %s", (unsigned long long)more, problem.field,
			  problem.text);
		limit_descriptors(&before, before.rlim_cur);
		f.pipeline = NULL;
		cr_expect(opened || rc == -EMFILE, "with %llu more: %s", (unsigned long long)more,
			  weir_error_name(rc));
		struct look after = look_now();
		cr_assert(look_same(&look, &after, "descriptors"));
	}
	cr_expect(opened);
	cr_expect_geq(refused, 3);
	fixture_open(&f);
	expect_good(true);
}

/*
 * Later: what is open goes on; what needs a new descriptor says so, and works when there are some
 * again. Segments are made by a helper that needs descriptors: events wait for it, or are refused
 * with the failure of the journal, but what was durable stays.
 */
Test(failing_open, descriptors_that_run_out_while_it_lives)
{
	struct rlimit before;
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit_descriptors(&before, first_free());
	int fd = weir_member_eventfd(member);
	fixture_wait(producer, fixture_publish(producer, topic, 10, 20));
	uint32_t got = fixture_poll(member, NULL, 0, 20, true);
	int committed = weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS);
	limit_descriptors(&before, before.rlim_cur);
	cr_expect_eq(fd, -EMFILE, "%d", fd);
	cr_expect_eq(got, 20);
	cr_expect_eq(committed, 0, "%s", weir_error_name(committed));
	cr_expect_geq(weir_member_eventfd(member), 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(fixture_poll_rest(fixture_member(&f, id, NULL)), 0);
}

/* ---- the size of files ---- */

/* SIGXFSZ, which the kernel would send, ends this process. */
static void expect_too_large(rlim_t limit_bytes, const char *field)
{
	struct weir_problem problem = {0};
	struct rlimit before, limit;

	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = limit_bytes;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	cr_assert_eq(rc, -EFBIG, "%llu: %s", (unsigned long long)limit_bytes, weir_error_name(rc));
	cr_expect_eq(problem.code, rc);
	cr_expect_str_eq(problem.field, field, "%llu: %s", (unsigned long long)limit_bytes,
			 problem.text);
	cr_expect(strstr(problem.text, "ulimit -f") != NULL, "%s", problem.text);
	f.pipeline = NULL;
}

static void expect_each_too_large(void)
{
	expect_too_large(0, "dir");
	expect_too_large(4095, "dir");
	expect_too_large(4096, "pool_bytes");
	expect_too_large(f.options.pool_bytes - 1, "pool_bytes");
	expect_too_large(f.options.segment_bytes + 4095, "segment_bytes");
}

Test(failing_open, a_file_size_limit_is_told_and_is_no_signal)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = 4 * f.options.pool_bytes;
	expect_each_too_large();
	fill();
	expect_each_too_large();
	/* The journal keeps its size, whatever is asked for. */
	rlim_t journals = f.options.segment_bytes + 4095;
	f.options.segment_bytes /= 2;
	expect_too_large(journals, "segment_bytes");
	fixture_open(&f);
	expect_good(true);
}
