/* SPDX-License-Identifier: Apache-2.0 */
/* See bench_input.h. Thread: main. */
#include "tools/weir/bench_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/run/event_of_line.h"

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

/* ---- fields ---------------------------------------------------------------------------------- */

/* "name=field,name=field" into the source's headers. */
static int cut_headers(struct bench_input *input, const char *list,
		       struct weir_config_header headers[PIPELINE_LINE_HEADERS_MAX],
		       uint32_t *ret_count)
{
	char *rest = NULL;
	uint32_t count = 0;

	input->header_list = strdup(list);
	if (input->header_list == NULL)
		return -ENOMEM;
	for (char *word = strtok_r(input->header_list, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		char *equals = strchr(word, '=');
		/* One is the type. */
		if (equals == NULL || equals == word || equals[1] == '\0' || equals - word > 255 ||
		    count == PIPELINE_LINE_HEADERS_MAX - 1) {
			(void)snprintf(input->why, sizeof input->why,
				       "\"%.40s\" is not NAME=FIELD, or more than %u of them", word,
				       PIPELINE_LINE_HEADERS_MAX - 1);
			return -EINVAL;
		}
		*equals = '\0';
		headers[count++] = (struct weir_config_header){.name = word, .field = equals + 1};
	}
	*ret_count = count;
	return 0;
}

static char *keep(char **to, const void *from, size_t bytes)
{
	char *at = *to;

	if (bytes > 0)
		memcpy(at, from, bytes);
	*to += bytes;
	return at;
}

/* A copy of what the event has of its line: the maker's own is good until the next one. */
static int keep_fields(struct pipeline_line *line, const struct weir_event *event, void **ret_made)
{
	size_t list_bytes = event->header_count * sizeof *event->headers;
	size_t bytes = list_bytes + event->key_bytes;

	for (size_t i = 0; i < event->header_count; i++)
		bytes += event->headers[i].value_bytes;
	struct weir_header *headers = malloc(bytes + 1);
	if (headers == NULL)
		return -ENOMEM;
	char *to = (char *)headers + list_bytes;
	*ret_made = headers;
	line->headers = headers;
	line->header_count = (uint32_t)event->header_count;
	line->key_bytes = event->key_bytes;
	line->key = event->key != NULL ? keep(&to, event->key, event->key_bytes) : NULL;
	for (size_t i = 0; i < event->header_count; i++) {
		headers[i] = event->headers[i];
		headers[i].value = keep(&to, headers[i].value, headers[i].value_bytes);
	}
	return 0;
}

static int take_fields(struct bench_input *input, struct run_event_maker *maker,
		       struct pipeline_line *line, uint64_t number)
{
	const struct run_line text = {
		.at = (const char *)line->bytes, .length_bytes = line->count, .number = number};

	maker->event = (struct weir_event){
		.payload = line->bytes, .payload_bytes = line->count, .headers = maker->headers};
	if (run_event_of_json(maker, &text) == RUN_MADE_BAD) {
		(void)snprintf(input->why, sizeof input->why, "line %" PRIu64 ": %s", number,
			       maker->why);
		return -EBADMSG;
	}
	size_t bytes = weir_event_bytes(&maker->event);
	if (bytes == 0) {
		(void)snprintf(input->why, sizeof input->why,
			       "line %" PRIu64 ": its key and headers are larger than an event's "
			       "may be",
			       number);
		return -EBADMSG;
	}
	if (bytes > input->longest_bytes) {
		input->longest_bytes = bytes;
		input->longest_line = number;
	}
	return keep_fields(line, &maker->event, &input->made[line - input->input.lines]);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int split(struct bench_input *input, struct run_event_maker *maker, size_t bytes)
{
	struct pipeline_line *lines = calloc(count_lines(input->text, bytes), sizeof *lines);
	const uint8_t *at = input->text;
	const uint8_t *end = input->text + bytes;
	uint64_t number = 1;

	if (lines == NULL)
		return -ENOMEM;
	input->input.lines = lines;
	if (maker != NULL) {
		input->made = calloc(count_lines(input->text, bytes), sizeof *input->made);
		if (input->made == NULL)
			return -ENOMEM;
	}
	for (; at < end; number++) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop != NULL ? stop : end;
		size_t count = (size_t)(stop - at);
		if (count > 0 && stop[-1] == '\r')
			count--;
		if (count > 0) {
			struct pipeline_line *line = &lines[input->input.line_count];
			add_line(input, line, at, count, number);
			int code = maker != NULL ? take_fields(input, maker, line, number) : 0;
			if (code != 0)
				return code;
		}
		at = stop + 1;
	}
	return input->input.line_count > 0 ? 0 : -ENODATA;
}

static int load_fields(struct bench_input *input, const struct bench_fields *fields, size_t bytes)
{
	struct weir_config_header headers[PIPELINE_LINE_HEADERS_MAX];
	struct weir_config_source source = {.name = "input",
					    .format = WEIR_CONFIG_FORMAT_JSON,
					    .key = fields->key,
					    .type = fields->type,
					    .headers = headers};
	struct run_event_maker *maker = calloc(1, sizeof *maker);
	int code = maker != NULL ? 0 : -ENOMEM;

	if (code == 0 && fields->headers != NULL)
		code = cut_headers(input, fields->headers, headers, &source.header_count);
	if (code == 0) {
		maker->source = &source;
		input->input.key_field = fields->key;
		code = split(input, maker, bytes);
		run_event_done(maker);
	}
	free(maker);
	return code;
}

int bench_input_load(const char *path, const struct bench_fields *fields,
		     struct bench_input *ret_input)
{
	size_t bytes = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*ret_input = (struct bench_input){0};
	if (fd < 0)
		return -errno;
	int rc = read_all(fd, ret_input, &bytes);
	close(fd);
	if (rc < 0)
		return rc;
	bool has_fields = fields->key != NULL || fields->type != NULL || fields->headers != NULL;
	return has_fields ? load_fields(ret_input, fields, bytes) : split(ret_input, NULL, bytes);
}

void bench_input_free(struct bench_input *input)
{
	for (uint64_t i = 0; input->made != NULL && i < input->input.line_count; i++)
		free(input->made[i]);
	free(input->made);
	free(input->header_list);
	/* Made here, const for those who read. */
	free((void *)(uintptr_t)input->input.lines);
	free(input->text);
	*input = (struct bench_input){0};
}
