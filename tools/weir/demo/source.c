/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sources, and how an input gets into memory. A pipe cannot be read twice, and both the
 * restart and the audit read from the start: so it is spooled first, and the demo begins when it
 * has ended.
 */
#include "tools/weir/demo/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/demo/line.h"

/* Late events of real feeds come within seconds; so many ids cover hours of one instrument. */
#define DEAD_IDS_OF_LINES 65536

static int write_all(int fd, const char *from, size_t bytes)
{
	while (bytes > 0) {
		ssize_t wrote = write(fd, from, bytes);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		from += wrote;
		bytes -= (size_t)wrote;
	}
	return 0;
}

static int copy_all(int from, int to)
{
	char buffer[64 * 1024];
	for (;;) {
		ssize_t got = read(from, buffer, sizeof buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		int error = write_all(to, buffer, (size_t)got);
		if (error < 0)
			return error;
	}
}

static int map_file(struct demo_input *input, int fd)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0)
		return 0;
	void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	input->text = (struct demo_text){.at = at, .bytes = (size_t)status.st_size};
	return 0;
}

static int map_copy(struct demo_input *input, int fd)
{
	FILE *spool = tmpfile();
	if (spool == NULL)
		return -errno;
	int error = copy_all(fd, fileno(spool));
	if (error == 0)
		error = map_file(input, fileno(spool));
	fclose(spool);
	return error;
}

int demo_input_open(struct demo_input *input, const char *path)
{
	struct stat status;

	*input = (struct demo_input){0};
	if (strcmp(path, "-") == 0)
		return map_copy(input, STDIN_FILENO);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (S_ISDIR(status.st_mode))
		error = -EISDIR;
	else if (S_ISREG(status.st_mode))
		error = map_file(input, fd);
	else
		error = map_copy(input, fd);
	close(fd);
	return error;
}

void demo_input_close(struct demo_input *input)
{
	if (input->text.bytes > 0)
		munmap((void *)(uintptr_t)input->text.at, input->text.bytes);
	*input = (struct demo_input){0};
}

void demo_source_init(struct demo_source *source, const struct demo_input *input, uint64_t seed)
{
	source->input = input;
	source->seed = seed;
	source->index = 0;
	source->line_count = 0;
	source->bad_line_count = 0;
	source->first_bad_line = 0;
	source->rest = input != NULL ? input->text : (struct demo_text){0};
	demo_generator_init(&source->generator, seed);
}

static bool next_line(struct demo_source *source, struct demo_record *record)
{
	struct demo_text line;

	while (demo_line_next(&source->rest, &line)) {
		source->line_count++;
		if (demo_line_parse(line, record)) {
			record->index = ++source->index;
			return true;
		}
		source->bad_line_count++;
		if (source->first_bad_line == 0)
			source->first_bad_line = source->line_count;
	}
	return false;
}

bool demo_source_next(struct demo_source *source, struct demo_record *ret_record)
{
	if (source->input != NULL)
		return next_line(source, ret_record);
	demo_generator_next(&source->generator, ret_record);
	source->index = ret_record->index;
	return true;
}

bool demo_source_skip_to(struct demo_source *source, uint64_t index)
{
	struct demo_record record;
	while (source->index < index)
		if (!demo_source_next(source, &record))
			return false;
	return true;
}

uint32_t demo_source_instruments(const struct demo_source *source)
{
	return source->input != NULL ? DEMO_INSTRUMENTS_MAX : DEMO_MARKETS;
}

size_t demo_source_dead_ids(const struct demo_source *source)
{
	return source->input != NULL ? DEAD_IDS_OF_LINES : 0;
}
