/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   weir goes well with a host that has an io_uring of its own, or jemalloc for its malloc.
 * Method: the program writes through its own ring while weir writes through its own: every
 *         completion comes to the ring that asked, in a process that may lock little memory. And it
 *         runs itself once more with jemalloc loaded before everything (LD_PRELOAD), where the
 *         library is found; the child sees that malloc is jemalloc's.
 *
 * Plain main(), TAP: it starts itself.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WR_HAVE_URING
#include <liburing.h>
#endif

#include "core/base/sanitizer.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 2000u
#define WRITES 500u

static struct fixture f;

/* A life with a journal, in which others do what they do. True: all events came. */
static bool live(void)
{
	struct weir_item item;
	fixture_begin(&f, FIXTURE_DURABLE);
	uint32_t topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	bool good = true;
	for (uint64_t n = 0; n < EVENTS; n += 10) {
		fixture_wait(producer, fixture_publish(producer, topic, n, n + 10));
		for (uint64_t i = n; i < n + 10; i++)
			good = fixture_poll(member, &item, 1, 1, true) == 1 &&
			       fixture_number(&item) == i && good;
	}
	good = weir_member_leave(member, FIXTURE_LONG_NS) == 0 && good;
	fixture_close(&f, NULL);
	fixture_end(&f);
	return good;
}

#ifdef WR_HAVE_URING

/* Writes and reads a file of its own through a ring of its own; wrong answers are counted. */
static void *use_own_ring(void *file)
{
	struct io_uring ring;
	uint64_t wrong = 0;
	int fd = *(int *)file;
	if (io_uring_queue_init(8, &ring, 0) != 0)
		return (void *)1;
	for (uint64_t i = 0; i < WRITES; i++) {
		struct io_uring_cqe *entry;
		uint64_t bytes = i * 3;
		struct io_uring_sqe *request = io_uring_get_sqe(&ring);
		io_uring_prep_write(request, fd, &bytes, sizeof bytes, i * sizeof bytes);
		request->user_data = 1000000 + i;
		if (io_uring_submit(&ring) != 1 || io_uring_wait_cqe(&ring, &entry) != 0) {
			wrong++;
			break;
		}
		wrong += entry->user_data != 1000000 + i || entry->res != sizeof bytes;
		io_uring_cqe_seen(&ring, entry);
	}
	io_uring_queue_exit(&ring);
	return (void *)(uintptr_t)wrong;
}

static void beside_another_ring(void)
{
	pthread_t thread;
	void *wrong = NULL;
	char path[] = "/var/tmp/weir-ring-XXXXXX";
	if (!fixture_has_uring()) {
		tap_skip("no io_uring here");
		return;
	}
	int fd = mkstemp(path);
	fixture_need(fd >= 0 && unlink(path) == 0, "a file");
	fixture_need(pthread_create(&thread, NULL, use_own_ring, &fd) == 0, "a thread");
	bool good = live();
	(void)pthread_join(thread, &wrong);
	bool all = wrong == NULL;
	for (uint64_t i = 0; i < WRITES && all; i++) {
		uint64_t bytes = 0;
		all = pread(fd, &bytes, sizeof bytes, (off_t)(i * sizeof bytes)) == sizeof bytes &&
		      bytes == i * 3;
	}
	(void)close(fd);
	tap_check(good && all, "a ring of the program's own and weir's do not disturb each other");
}

#else

static void beside_another_ring(void)
{
	tap_skip("built without io_uring");
}

#endif

/* In the child: whose malloc is it? */
static int live_under_jemalloc(void)
{
	int (*mallctl)(const char *, void *, size_t *, void *, size_t);
	uint64_t allocated = 0;
	size_t bytes = sizeof allocated;
	void *symbol = dlsym(RTLD_DEFAULT, "mallctl");
	if (symbol == NULL)
		return 77;
	memcpy(&mallctl, &symbol, sizeof symbol);
	bool good = live();
	if (mallctl("stats.allocated", &allocated, &bytes, NULL, 0) == 0 && allocated == 0)
		return 78;
	return good ? 0 : 1;
}

static void under_jemalloc(char *program)
{
	const char *title = "it works where jemalloc is the program's malloc";
	int status;
	if (WR_UNDER_ASAN || WR_UNDER_TSAN || fixture_emulated()) {
		tap_skip("no other malloc goes with this build");
		return;
	}
	void *library = dlopen("libjemalloc.so.2", RTLD_LAZY | RTLD_LOCAL);
	if (library == NULL) {
		tap_skip("no libjemalloc.so.2");
		return;
	}
	(void)dlclose(library);
	(void)fflush(stdout);
	pid_t pid = fork();
	fixture_need(pid >= 0, "fork");
	if (pid == 0) {
		(void)setenv("LD_PRELOAD", "libjemalloc.so.2", 1);
		(void)execl("/proc/self/exe", program, "--under-jemalloc", (char *)NULL);
		_exit(127);
	}
	fixture_need(waitpid(pid, &status, 0) == pid, "waitpid");
	if (!tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", title))
		tap_note("status %x", (unsigned)status);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--under-jemalloc") == 0)
		return live_under_jemalloc();
	beside_another_ring();
	under_jemalloc(argv[0]);
	return tap_end();
}
