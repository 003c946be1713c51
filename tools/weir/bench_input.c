/* SPDX-License-Identifier: Apache-2.0 */
/* See bench_input.h. Thread: main. */
#include "tools/weir/bench_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, struct bench_input *input, size_t *ret_bytes)
{
	struct stat st;
	size_t used = 0;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > BENCH_INPUT_BYTES_MAX)
		return -EFBIG;
	input->text = malloc((size_t)st.st_size + 1);
	if (input->text == NULL)
		return -ENOMEM;
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, input->text + used, (size_t)st.st_size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*ret_bytes = used;
	return 0;
}

/* How many lines, the blank ones included. */
static size_t count_lines(const uint8_t *text, size_t bytes)
{
	size_t count = 1;

	for (const uint8_t *at = text; (at = memchr(at, '\n', bytes - (size_t)(at - text))); at++)
		count++;
	return count;
}

static void add_line(struct bench_input *input, struct pipeline_line *line, const uint8_t *bytes,
		     size_t count, uint64_t number)
{
	*line = (struct pipeline_line){
		.bytes = bytes, .count = count, .sum = pipeline_sum(bytes, count)};
	input->input.line_count++;
	if (count > input->longest_bytes) {
		input->longest_bytes = count;
		input->longest_line = number;
	}
}

static int split(struct bench_input *input, size_t bytes)
{
	struct pipeline_line *lines = calloc(count_lines(input->text, bytes), sizeof *lines);
	const uint8_t *at = input->text;
	const uint8_t *end = input->text + bytes;
	uint64_t number = 1;

	if (lines == NULL)
		return -ENOMEM;
	input->input.lines = lines;
	for (; at < end; number++) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop != NULL ? stop : end;
		size_t count = (size_t)(stop - at);
		if (count > 0 && stop[-1] == '\r')
			count--;
		if (count > 0)
			add_line(input, &lines[input->input.line_count], at, count, number);
		at = stop + 1;
	}
	return input->input.line_count > 0 ? 0 : -ENODATA;
}

int bench_input_load(const char *path, struct bench_input *ret_input)
{
	size_t bytes = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*ret_input = (struct bench_input){0};
	if (fd < 0)
		return -errno;
	int rc = read_all(fd, ret_input, &bytes);
	close(fd);
	return rc == 0 ? split(ret_input, bytes) : rc;
}

void bench_input_free(struct bench_input *input)
{
	/* Made here, const for those who read. */
	free((void *)(uintptr_t)input->input.lines);
	free(input->text);
	*input = (struct bench_input){0};
}
