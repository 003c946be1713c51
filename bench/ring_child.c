/* SPDX-License-Identifier: Apache-2.0 */
/* See bench/ring_child.h. */
#include "bench/ring_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"

#define GREETING "weir-ring-peer 1"
#define CLOSE_PATIENCE_NS 5000000000ull
#define DEATH_PATIENCE_NS 1000000000ull
#define WARM_ROUNDS 3u
#define WARM_MOST_NS 2000000000ull
#define THREADS_MAX (2 * RING_SIDE_MAX + 1)
#define NUMBERS_MAX (1 + RING_SIDE_MAX + 3 * RING_SIDE_MAX)

/* Waits for its end. false: it did not come in time. */
static bool reap(pid_t pid, uint64_t patience_ns, int *ret_status)
{
	uint64_t end_ns = bench_now_ns() + patience_ns;
	pid_t got;
	while ((got = waitpid(pid, ret_status, WNOHANG)) == 0 && bench_now_ns() < end_ns)
		bench_sleep_ns(1000000);
	return got != 0;
}

static void forget(struct ring_child *c)
{
	c->pid = 0;
	c->fd = 0;
	c->line_bytes = c->filled = 0;
}

static void end_now(struct ring_child *c)
{
	int status;
	if (c->pid <= 0)
		return;
	close(c->fd);
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, &status, 0);
	forget(c);
}

void ring_child_close(struct ring_child *c)
{
	int status;
	if (c->pid <= 0)
		return;
	(void)shutdown(c->fd, SHUT_WR);
	if (reap(c->pid, wr_min_u64(c->patience_ns, CLOSE_PATIENCE_NS), &status)) {
		close(c->fd);
		forget(c);
	} else {
		end_now(c);
	}
}

__attribute__((format(printf, 4, 5))) static int fail(struct ring_child *c, struct ring_run *run,
						      int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(run->why, sizeof run->why, format, arguments);
	va_end(arguments);
	end_now(c);
	return code;
}

/* Its end of the line is closed: it has ended, or is about to. */
static int died(struct ring_child *c, struct ring_run *run)
{
	int status;
	if (!reap(c->pid, DEATH_PATIENCE_NS, &status))
		return fail(c, run, -EPIPE, "%s closed its output", c->argv[0]);
	close(c->fd);
	forget(c);
	if (WIFSIGNALED(status))
		return fail(c, run, -EPIPE, "%s was ended by signal %d", c->argv[0],
			    WTERMSIG(status));
	return fail(c, run, -EPIPE, "%s ended with exit code %d", c->argv[0], WEXITSTATUS(status));
}

/* A socket and no pipes: who writes to one that died gets an error, not a signal. */
static int start(struct ring_child *c, struct ring_run *run)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	int rc = posix_spawn_file_actions_init(&actions);
	if (rc == 0) {
		rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
		if (rc == 0)
			rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
		if (rc == 0)
			rc = posix_spawnp(&pid, c->argv[0], &actions, NULL, (char **)c->argv,
					  environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (rc != 0) {
		close(ends[0]);
		return fail(c, run, -rc, "%s cannot be started: %s", c->argv[0], strerror(rc));
	}
	c->pid = pid;
	c->fd = ends[0];
	c->line_bytes = c->filled = 0;
	return 0;
}

static int send_line(struct ring_child *c, struct ring_run *run, const char *line)
{
	size_t bytes = strlen(line);
	/* Far less than a socket holds: it never waits for the reader. */
	ssize_t sent = send(c->fd, line, bytes, MSG_NOSIGNAL);
	return sent == (ssize_t)bytes ? 0 : died(c, run);
}

/* Waits for more, and takes it. */
static int fill(struct ring_child *c, struct ring_run *run, uint64_t end_ns, uint64_t asked_ns)
{
	if (c->filled == sizeof c->text)
		return fail(c, run, -EBADMSG, "%s says more than a line holds", c->argv[0]);
	for (;;) {
		uint64_t now_ns = bench_now_ns();
		struct pollfd wait = {.fd = c->fd, .events = POLLIN};
		uint64_t left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
		int ready = poll(&wait, 1, (int)wr_min_u64(left_ns / 1000000 + 1, 60000));
		if (ready > 0)
			break;
		if (ready < 0 && errno != EINTR)
			return fail(c, run, -errno, "waiting for %s", c->argv[0]);
		if (bench_now_ns() >= end_ns)
			return fail(c, run, -ETIMEDOUT, "%s gave no answer for %.1f s", c->argv[0],
				    (double)asked_ns / 1e9);
	}
	ssize_t got = recv(c->fd, c->text + c->filled, sizeof c->text - c->filled, 0);
	if (got <= 0)
		return got < 0 && errno == EINTR ? 0 : died(c, run);
	c->filled += (uint32_t)got;
	return 0;
}

/* The next line without its end, good until the next call. */
static int take_line(struct ring_child *c, struct ring_run *run, uint64_t within_ns,
		     const char **ret_line)
{
	uint64_t end_ns = bench_now_ns() + within_ns;
	char *end;

	memmove(c->text, c->text + c->line_bytes, c->filled - c->line_bytes);
	c->filled -= c->line_bytes;
	c->line_bytes = 0;
	while ((end = memchr(c->text, '\n', c->filled)) == NULL) {
		int code = fill(c, run, end_ns, within_ns);
		if (code < 0)
			return code;
	}
	*end = '\0';
	c->line_bytes = (uint32_t)(end - c->text) + 1;
	*ret_line = c->text;
	return 0;
}

/* An answer: its word and as many numbers, no more and no less. */
static int take_numbers(struct ring_child *c, struct ring_run *run, uint64_t within_ns,
			const char *word, uint64_t *numbers, uint32_t count)
{
	const char *line;
	size_t word_bytes = strlen(word);
	int code = take_line(c, run, c->patience_ns + within_ns, &line);
	if (code < 0)
		return code;
	if (strncmp(line, "error ", 6) == 0)
		return fail(c, run, -ECANCELED, "%s", line + 6);
	const char *at = line + word_bytes;
	bool good = strncmp(line, word, word_bytes) == 0;
	for (uint32_t i = 0; good && i < count; i++) {
		char *end;
		errno = 0;
		good = at[0] == ' ' && at[1] >= '0' && at[1] <= '9';
		numbers[i] = good ? strtoull(at + 1, &end, 10) : 0;
		good = good && errno == 0;
		at = good ? end : at;
	}
	if (!good || *at != '\0')
		return fail(c, run, -EBADMSG,
			    "not a line with `%s` and %" PRIu32 " numbers: %.100s", word, count,
			    line);
	return 0;
}

static int greet(struct ring_child *c, struct ring_run *run)
{
	const char *line;
	int code = take_line(c, run, c->patience_ns, &line);
	if (code < 0)
		return code;
	if (strcmp(line, GREETING) != 0)
		return fail(c, run, -EBADMSG, "it does not say `" GREETING "`: %.100s", line);
	return 0;
}

static uint64_t warm_ns(const struct ring_child *c, const struct ring_run *run)
{
	return wr_max_u64(wr_min_u64(WARM_ROUNDS * run->length_ns, WARM_MOST_NS), c->warm_least_ns);
}

/* Only what is its own: another's thread would be placed, too. */
static bool is_thread_of(pid_t pid, uint64_t thread)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/task/%" PRIu64, (int)pid, thread);
	return access(path, F_OK) == 0;
}

/* Its threads, as weir's own would be; `threads` begins with the timer. */
static int place(struct ring_child *c, struct ring_run *run, const uint64_t *threads)
{
	uint32_t count = run->cell.producers + run->cell.consumers + 1;
	struct sched_param above = {.sched_priority = 2};
	bool fifo = ring_takes_fifo(run);

	for (uint32_t i = 0; i < count; i++)
		if (!is_thread_of(c->pid, threads[i]))
			return fail(c, run, -EBADMSG, "%s has no thread %" PRIu64, c->argv[0],
				    threads[i]);
	/* Above the threads that it has to stop. */
	if (fifo)
		(void)sched_setscheduler((pid_t)threads[0], SCHED_FIFO, &above);
	for (uint32_t i = 1; i < count; i++) {
		int code = ring_thread_place((pid_t)threads[i], run->cpus, run->cpu_count, i - 1,
					     run->pin, fifo);
		if (code < 0)
			return fail(c, run, code, "pinning a thread of %s: %s", c->argv[0],
				    strerror(-code));
	}
	return 0;
}

/* From `ready` to `done`. This thread is above its threads, if they are above others. */
static int measure(struct ring_child *c, struct ring_run *run, uint64_t *numbers, uint32_t count)
{
	uint64_t threads[THREADS_MAX];
	struct sched_param above = {.sched_priority = 2}, none = {0};
	const struct ring_cell *cell = &run->cell;
	bool fifo = ring_takes_fifo(run);

	int code = take_numbers(c, run, warm_ns(c, run), "ready", threads,
				cell->producers + cell->consumers + 1);
	if (code < 0)
		return code;
	if (fifo)
		(void)sched_setscheduler(0, SCHED_FIFO, &above);
	code = place(c, run, threads);
	uint64_t start_ns = bench_now_ns();
	if (code == 0)
		code = send_line(c, run, "go\n");
	if (code == 0)
		code = take_numbers(c, run, run->length_ns, "done", numbers, count);
	uint64_t wall_ns = bench_now_ns() - start_ns;
	if (fifo) {
		(void)sched_setscheduler(0, SCHED_OTHER, &none);
		if (code == 0)
			(void)sched_setscheduler((pid_t)threads[0], SCHED_OTHER, &none);
	}
	if (code == 0 && (numbers[0] < run->length_ns || numbers[0] > wall_ns))
		return fail(c, run, -EPROTO,
			    "it says that %.3f ms went by; asked for %.3f, and over in %.3f",
			    (double)numbers[0] / 1e6, (double)run->length_ns / 1e6,
			    (double)wall_ns / 1e6);
	return code;
}

int ring_child_run(struct ring_child *c, struct ring_run *run)
{
	const struct ring_cell *cell = &run->cell;
	uint64_t numbers[NUMBERS_MAX];
	char line[256];
	int code = 0;

	if (c->pid <= 0) {
		code = start(c, run);
		if (code == 0)
			code = greet(c, run);
	}
	if (code < 0)
		return code;
	bool own_cpus = run->pin && cell->producers + cell->consumers <= run->cpu_count;
	(void)snprintf(line, sizeof line,
		       "run %s %u %u %s %u %u %" PRIu64 " %d %" PRIu64 " %" PRIu64 "\n",
		       ring_shape_names[cell->shape], cell->payload_bytes, cell->batch,
		       ring_wait_names[cell->wait], cell->producers, cell->consumers,
		       cell->capacity, own_cpus, run->length_ns, warm_ns(c, run));
	code = send_line(c, run, line);
	if (code == 0)
		code = measure(c, run, numbers, 1 + cell->producers + 3 * cell->consumers);
	if (code < 0)
		return code;
	const uint64_t *number = numbers + 1;
	for (uint32_t i = 0; i < cell->producers; i++) {
		run->producers[i].count = *number++;
		run->producers[i].sum = ring_sum_of(i, run->producers[i].count);
	}
	for (uint32_t i = 0; i < cell->consumers; i++) {
		run->consumers[i].count = *number++;
		run->consumers[i].sum = *number++;
		run->consumers[i].faults = *number++;
		run->consumers[i].end_ns = numbers[0];
	}
	return ring_judge(run, 0);
}
