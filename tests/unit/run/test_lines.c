/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   bytes are cut into lines the same way however they come: with a last line without an end,
 *         empty lines, carriage returns, NULs, and lines longer than may be, which take no more
 *         memory than one that may; and what a source reads is what its files have.
 * Method: texts fed whole, and byte by byte; offsets and lengths compared with the text. Files in a
 *         directory of their own, and a pipe, through the reader.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/run/source.h"

#define LINE_MAX_BYTES 10u

struct seen {
	char text[64];
	size_t length_bytes;
	bool is_too_long;
	uint64_t end_offset;
	uint64_t number;
};

static struct seen seen[64];
static uint32_t seen_count;

static void take_all(struct run_line_buffer *buffer, bool at_end)
{
	struct run_line line;
	while (run_line_take(buffer, at_end, &line)) {
		struct seen *s = &seen[seen_count++];
		size_t kept =
			line.length_bytes < sizeof s->text ? line.length_bytes : LINE_MAX_BYTES;
		cr_assert_lt(seen_count, 64);
		*s = (struct seen){.length_bytes = line.length_bytes,
				   .is_too_long = line.is_too_long,
				   .end_offset = line.end_offset,
				   .number = line.number};
		memcpy(s->text, line.at, line.is_too_long ? LINE_MAX_BYTES : kept);
	}
}

static void feed(const char *text, size_t bytes, size_t step)
{
	struct run_line_buffer buffer;
	seen_count = 0;
	cr_assert_eq(run_line_init(&buffer, LINE_MAX_BYTES), 0);
	for (size_t at = 0; at < bytes; at += step) {
		size_t room;
		size_t n = bytes - at < step ? bytes - at : step;
		char *to = run_line_room(&buffer, &room);
		cr_assert_geq(room, n);
		memcpy(to, text + at, n);
		run_line_added(&buffer, n);
		take_all(&buffer, false);
	}
	take_all(&buffer, true);
	run_line_fini(&buffer);
}

static void expect(uint32_t index, const char *text, size_t bytes, uint64_t end_offset)
{
	cr_assert_lt(index, seen_count);
	cr_assert_eq(seen[index].length_bytes, bytes);
	cr_assert_arr_eq(seen[index].text, text, bytes);
	cr_assert(!seen[index].is_too_long);
	cr_assert_eq(seen[index].end_offset, end_offset);
	cr_assert_eq(seen[index].number, index + 1);
}

Test(run_lines, are_cut_alike_however_they_come)
{
	static const char text[] = "one\n\ntwo\r\nb\0c\n1234567890\nlast";
	for (size_t step = 1; step <= sizeof text; step++) {
		feed(text, sizeof text - 1, step);
		cr_assert_eq(seen_count, 6);
		expect(0, "one", 3, 4);
		expect(1, "", 0, 5);
		expect(2, "two\r", 4, 10);
		expect(3, "b\0c", 3, 14);
		expect(4, "1234567890", 10, 25);
		expect(5, "last", 4, 29);
	}
}

Test(run_lines, an_end_behind_a_line_feed_is_no_line)
{
	feed("a\n", 2, 1);
	cr_assert_eq(seen_count, 1);
	feed("", 0, 1);
	cr_assert_eq(seen_count, 0);
	feed("\n", 1, 1);
	cr_assert_eq(seen_count, 1);
	expect(0, "", 0, 1);
}

Test(run_lines, what_is_too_long_is_marked_and_not_kept)
{
	/* Three reads long, and one byte too long; what follows is as ever. */
	size_t long_bytes = 700000;
	char *text = malloc(long_bytes + 64);
	cr_assert_not_null(text);
	memset(text, 'x', long_bytes);
	size_t bytes =
		long_bytes + (size_t)snprintf(text + long_bytes, 64, "\nok\n12345678901\nend");
	for (size_t step = 1000; step <= 200000; step += 66333) {
		feed(text, bytes, step);
		cr_assert_eq(seen_count, 4);
		cr_assert(seen[0].is_too_long && seen[2].is_too_long);
		cr_assert_eq(seen[0].length_bytes, long_bytes);
		cr_assert_eq(seen[0].end_offset, long_bytes + 1);
		cr_assert_str_eq(seen[0].text, "xxxxxxxxxx");
		cr_assert_eq(seen[2].length_bytes, 11);
		expect(1, "ok", 2, long_bytes + 4);
		expect(3, "end", 3, bytes);
	}
	/* One that never ends. */
	feed(text, long_bytes, 65536);
	cr_assert_eq(seen_count, 1);
	cr_assert_eq(seen[0].length_bytes, long_bytes);
	free(text);
}

/* ---- the reader ------------------------------------------------------------------------------ */

static struct run_life life;

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static int next(struct run_reader *reader, struct run_fault *fault, char to[64])
{
	struct run_line line;
	int rc = reader->ops->next(reader, &line, fault);
	if (rc == RUN_SOURCE_LINE)
		(void)snprintf(to, 64, "%s:%u:%.*s", strrchr(reader->name, '/') + 1,
			       (unsigned)line.number, (int)line.length_bytes, line.at);
	return rc;
}

Test(run_lines, files_are_read_one_after_another)
{
	char dir[] = "/tmp/weir-lines-XXXXXX";
	char a[64], b[64], gone[64], got[64];
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(a, sizeof a, "%s/a", dir);
	(void)snprintf(b, sizeof b, "%s/b", dir);
	(void)snprintf(gone, sizeof gone, "%s/gone", dir);
	write_text(a, "1\n2");
	write_text(b, "3\n");
	const char *const files[] = {a, b, gone};
	struct weir_config_source source = {
		.name = "s", .from = WEIR_CONFIG_FROM_FILES, .files = files, .file_count = 3};
	struct run_fault fault = {0};
	struct run_reader *reader;
	cr_assert_eq(run_life_init(&life), 0);
	cr_assert_eq(run_lines_open(&source, &life, 100, &reader, &fault), 0);
	cr_assert(reader->can_reread && !reader->has_place);
	cr_assert_eq(next(reader, &fault, got), RUN_SOURCE_LINE);
	cr_assert_str_eq(got, "a:1:1");
	cr_assert_eq(next(reader, &fault, got), RUN_SOURCE_LINE);
	cr_assert_str_eq(got, "a:2:2");
	cr_assert_eq(next(reader, &fault, got), RUN_SOURCE_LINE);
	cr_assert_str_eq(got, "b:1:3");
	cr_assert_eq(next(reader, &fault, got), -ENOENT);
	cr_assert(strstr(fault.text, "/gone: no such file") != NULL, "%s", fault.text);
	reader->ops->close(reader);
	unlink(a);
	unlink(b);
	rmdir(dir);
	run_life_fini(&life);
}

Test(run_lines, waiting_for_a_pipe_ends_with_a_stop)
{
	int ends[2];
	struct weir_config_source source = {.name = "s", .from = WEIR_CONFIG_FROM_STDIN};
	struct run_fault fault = {0};
	struct run_reader *reader;
	struct run_line line;
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	cr_assert_eq(write(ends[1], "a\nb\nha", 6), 6);
	cr_assert_eq(run_life_init(&life), 0);
	cr_assert_eq(run_lines_open(&source, &life, 100, &reader, &fault), 0);
	cr_assert(!reader->can_reread);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	/* What was taken from the pipe comes out, nothing more is taken. */
	run_signal_raise(&life.stop);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	cr_assert_arr_eq(line.at, "b", 1);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_STOPPED);
	reader->ops->close(reader);
	run_life_fini(&life);
}

Test(run_lines, a_generator_goes_on_with_the_next_number)
{
	struct weir_config_source source = {.name = "s",
					    .from = WEIR_CONFIG_FROM_GENERATE,
					    .generate_events = 5,
					    .generate_payload_bytes = 128,
					    .generate_keys = 10,
					    .generate_seed = 7};
	struct run_fault fault = {0};
	struct run_reader *reader;
	struct run_line line;
	char third[128];
	cr_assert_eq(run_life_init(&life), 0);
	cr_assert_eq(run_generator_open(&source, &life, &reader, &fault), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
		cr_assert_eq(line.length_bytes, 128);
	}
	memcpy(third, line.at, sizeof third);
	reader->ops->close(reader);
	cr_assert_eq(run_generator_open(&source, &life, &reader, &fault), 0);
	reader->ops->skip(reader, 2);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	cr_assert_eq(line.number, 3);
	cr_assert_arr_eq(line.at, third, sizeof third);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_END);
	/* More than there are: the config says fewer than before. */
	reader->ops->skip(reader, 9);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_END);
	reader->ops->close(reader);
	run_life_fini(&life);
}
