/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: lines reach their descriptor whole and in order; a reader that does not read holds up
 * nobody, and what is lost is counted and told in its place; a close ends also then; what the
 * descriptor refuses loses lines and nothing else.
 *
 * Method: pipes and files of the test's own; several threads that speak. Plain main(), TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"

#define S UINT64_C(1000000000)
#define LONG (60 * S)

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	case_count++;
	failed_count += !good;
	printf("%s %d - %s\n", good ? "ok" : "not ok", case_count, what);
}

static struct weir_log_writer *open_writer(int descriptor, enum weir_log_format format,
					   uint32_t ring_bytes)
{
	struct weir_log_writer_options options;
	struct weir_log_writer *writer = NULL;
	weir_log_writer_options_init(&options);
	options.descriptor = descriptor;
	options.format = format;
	options.ring_bytes = ring_bytes;
	if (weir_log_writer_open(&options, &writer, NULL) != 0)
		abort();
	return writer;
}

static void say(struct weir_log_writer *writer, const char *message)
{
	const struct weir_log_line line = {
		.level = WEIR_LOG_INFO, .event = "run.draining", .message = message};
	weir_log_writer_take(writer, &line);
}

/* All that is in the file. */
static char *content(int descriptor)
{
	off_t bytes = lseek(descriptor, 0, SEEK_END);
	char *text = calloc(1, (size_t)bytes + 1);
	if (text == NULL || pread(descriptor, text, (size_t)bytes, 0) != bytes)
		abort();
	return text;
}

static void options_that_cannot_be(void)
{
	static const struct {
		const char *field;
		int descriptor;
		enum weir_log_format format;
		uint32_t ring_bytes;
	} bad[] = {
		{"descriptor", -1, WEIR_LOG_AS_TEXT, 4096},
		{"format", 2, (enum weir_log_format)7, 4096},
		{"ring_bytes", 2, WEIR_LOG_AS_JSON, 4095},
		{"ring_bytes", 2, WEIR_LOG_AS_JSON, (64u << 20) + 1},
	};
	struct weir_log_writer_options options = {.struct_bytes = 0};
	struct weir_log_writer *writer = NULL;
	struct weir_problem problem;
	bool good = weir_log_writer_open(&options, &writer, &problem) == -EINVAL &&
		    strcmp(problem.field, "struct_bytes") == 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		weir_log_writer_options_init(&options);
		options.descriptor = bad[i].descriptor;
		options.format = bad[i].format;
		options.ring_bytes = bad[i].ring_bytes;
		good = good && weir_log_writer_open(&options, &writer, &problem) == -EINVAL &&
		       strcmp(problem.field, bad[i].field) == 0;
	}
	check(good && writer == NULL, "options that cannot be are named");
}

#define SPEAKERS 3
#define LINES 300

struct speaker {
	struct weir_log_writer *writer;
	unsigned number;
};

static void *speak(void *argument)
{
	const struct speaker *s = argument;
	char text[64];
	for (unsigned i = 0; i < LINES; i++) {
		(void)snprintf(text, sizeof text, "%u says %u.", s->number, i);
		say(s->writer, text);
	}
	return NULL;
}

static void all_of_several_threads(void)
{
	int file = memfd_create("lines", MFD_CLOEXEC);
	struct weir_log_writer *writer = open_writer(file, WEIR_LOG_AS_TEXT, 1u << 20);
	struct speaker speakers[SPEAKERS];
	pthread_t threads[SPEAKERS];
	unsigned next[SPEAKERS] = {0}, lines = 0;
	bool good = true;
	for (unsigned i = 0; i < SPEAKERS; i++) {
		speakers[i] = (struct speaker){writer, i};
		if (pthread_create(&threads[i], NULL, speak, &speakers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < SPEAKERS; i++)
		pthread_join(threads[i], NULL);
	check(weir_log_writer_flush(writer, LONG) == 0, "a flush waits for what was taken");
	char *text = content(file);
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		unsigned who, what;
		*end = '\0';
		const char *says = strstr(line, "draining ");
		good = good && says != NULL &&
		       sscanf(says, "draining %u says %u.", &who, &what) == 2 && who < SPEAKERS &&
		       next[who]++ == what;
		lines++;
	}
	check(good && lines == SPEAKERS * LINES, "every line is whole, each thread's in order");
	check(weir_log_writer_lost_count(writer) == 0, "none is lost");
	weir_log_writer_close(writer, LONG);
	free(text);
	close(file);
}

static void a_format_is_changed(void)
{
	int file = memfd_create("lines", MFD_CLOEXEC);
	struct weir_log_writer *writer = open_writer(file, WEIR_LOG_AS_TEXT, 4096);
	say(writer, "one");
	check(weir_log_writer_set_format(writer, WEIR_LOG_AS_JSON) == 0 &&
		      weir_log_writer_set_format(writer, (enum weir_log_format)0) == -EINVAL,
	      "a format is changed while it runs");
	say(writer, "two");
	check(weir_log_writer_put(writer, "raw\r", 4) == 0 &&
		      weir_log_writer_put(writer, "", 0) == -EINVAL,
	      "bytes go as they are");
	weir_log_writer_close(writer, LONG);
	char *text = content(file);
	check(strcmp(text,
		     "1970-01-01T00:00:00.000Z info run.draining one\n"
		     "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
		     "\"event\":\"run.draining\",\"message\":\"two\",\"fields\":{}}\nraw\r") == 0,
	      "a close writes all that was taken");
	free(text);
	close(file);
}

/* Reads until the writer has nothing more to say. */
static char *read_all(int from, struct weir_log_writer *writer)
{
	static char text[1 << 20];
	size_t bytes = 0;
	(void)fcntl(from, F_SETFL, O_NONBLOCK);
	for (bool done = false; !done;) {
		done = weir_log_writer_flush(writer, 0) == 0;
		ssize_t n = read(from, text + bytes, sizeof text - 1 - bytes);
		bytes += n > 0 ? (size_t)n : 0;
		done = done && n < 0;
	}
	text[bytes] = '\0';
	return text;
}

static void nobody_reads(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	struct weir_log_writer *writer = open_writer(ends[1], WEIR_LOG_AS_TEXT, 4096);
	/* As long as it takes to fill the pipe and the ring, and some more: this returns. */
	unsigned said = 0;
	int flushed = 0;
	while (weir_log_writer_lost_count(writer) < 10 || flushed == 0) {
		char text[64];
		(void)snprintf(text, sizeof text, "line %u.", said++);
		say(writer, text);
		/* Only a pipe that is full keeps it from what it has. */
		if (weir_log_writer_lost_count(writer) >= 10)
			flushed = weir_log_writer_flush(writer, 10000000);
	}
	check(true, "a pipe that nobody reads holds up nobody");
	check(flushed == -ETIMEDOUT, "a flush gives up at its time");
	unsigned before = said, missing = 0, next = 0, told = 0;
	char *text = read_all(ends[0], writer);
	say(writer, "behind.");
	char *more = NULL;
	size_t bytes = strlen(text);
	more = malloc(bytes + (1 << 20));
	memcpy(more, text, bytes + 1);
	memcpy(more + bytes, read_all(ends[0], writer), (1 << 20) - bytes);
	bool good = true;
	for (char *line = more, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		unsigned number, count;
		*end = '\0';
		const char *is_line = strstr(line, "draining line ");
		const char *is_lost = strstr(line, "log.lost ");
		if (is_line != NULL && sscanf(is_line, "draining line %u.", &number) == 1) {
			good = good && number >= next;
			missing += number - next;
			/* What is missing is told in front of what follows it. */
			good = good && missing == told;
			next = number + 1;
		} else if (is_lost != NULL && sscanf(is_lost, "log.lost %u", &count) == 1) {
			told += count;
		}
	}
	check(good && told == missing + (before - next), "what is lost is told in its place");
	check(told == weir_log_writer_lost_count(writer) && told >= 10, "with its count");
	check(strstr(more + bytes, "behind.") != NULL || strstr(more, "behind.") != NULL,
	      "and lines go on behind it");
	free(more);
	/* Full again, and closed. */
	for (uint64_t lost = weir_log_writer_lost_count(writer);
	     weir_log_writer_lost_count(writer) == lost;)
		say(writer, "x");
	weir_log_writer_close(writer, 20000000);
	check(true, "a close ends though nobody reads");
	close(ends[0]);
	close(ends[1]);
}

struct late {
	int from;
	size_t bytes;
	char *to;
};

static void *read_late(void *argument)
{
	const struct late *l = argument;
	/* Behind the close's beginning; before it, there is nothing to see. */
	(void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	if (read(l->from, l->to, l->bytes) < 0)
		abort();
	return NULL;
}

/* A pipe that takes what was left, and not the line about what was lost. */
static void nobody_reads_on(void)
{
	int ends[2];
	pthread_t reader;
	if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	size_t bytes = (size_t)fcntl(ends[1], F_GETPIPE_SZ);
	struct weir_log_writer *writer = open_writer(ends[1], WEIR_LOG_AS_TEXT, (uint32_t)bytes);
	char *portion = calloc(2, bytes);
	struct late late = {.from = ends[0], .bytes = bytes, .to = portion + bytes};
	/* One in the pipe, one that waits, one that is lost. */
	bool good = weir_log_writer_put(writer, portion, bytes) == 0 &&
		    weir_log_writer_flush(writer, LONG) == 0 &&
		    weir_log_writer_put(writer, portion, bytes) == 0 &&
		    weir_log_writer_put(writer, portion, bytes) == WEIR_E_FULL;
	if (pthread_create(&reader, NULL, read_late, &late) != 0)
		abort();
	weir_log_writer_close(writer, S / 4);
	pthread_join(reader, NULL);
	check(good, "a close ends though nobody reads what was lost");
	free(portion);
	close(ends[0]);
	close(ends[1]);
}

static void nobody_is_there(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	close(ends[0]);
	struct weir_log_writer *writer = open_writer(ends[1], WEIR_LOG_AS_JSON, 64u << 10);
	for (unsigned i = 0; i < 50; i++)
		say(writer, "to nobody");
	check(weir_log_writer_flush(writer, LONG) == 0, "a reader that is gone ends nothing");
	check(weir_log_writer_lost_count(writer) == 50, "its lines are counted as lost");
	/* It is replaced, as a file is that was full. */
	int file = memfd_create("lines", MFD_CLOEXEC);
	if (dup3(file, ends[1], O_CLOEXEC) < 0)
		abort();
	say(writer, "to somebody");
	weir_log_writer_close(writer, LONG);
	char *text = content(file);
	check(strstr(text, "to somebody") != NULL && strstr(text, "\"count\":50") != NULL,
	      "when it takes lines again, it is told how many were lost");
	free(text);
	close(file);
	close(ends[1]);
}

static void a_descriptor_without_room_is_waited_for(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	struct weir_log_writer *writer = open_writer(ends[1], WEIR_LOG_AS_TEXT, 1u << 20);
	for (unsigned i = 0; i < 2000; i++)
		say(writer,
		    "a line that is long enough to fill a pipe of 64 KiB with 2000 of them");
	const char *text = read_all(ends[0], writer);
	unsigned lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	check(lines == 2000 && weir_log_writer_lost_count(writer) == 0,
	      "a descriptor that does not block is waited for");
	weir_log_writer_close(writer, LONG);
	weir_log_writer_close(NULL, 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	/* Cancelling needs libgcc_s, which no cross compiler brings along. */
	if (fixture_emulated()) {
		(void)puts("1..0 # SKIP an emulator has no libgcc_s to cancel threads with");
		return 0;
	}
	options_that_cannot_be();
	all_of_several_threads();
	a_format_is_changed();
	nobody_reads();
	nobody_reads_on();
	nobody_is_there();
	a_descriptor_without_room_is_waited_for();
	printf("1..%d\n", case_count);
	return failed_count == 0 ? 0 : 1;
}
