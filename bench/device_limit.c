/* SPDX-License-Identifier: Apache-2.0 */
/* See device_limit.h. */
#include "bench/device_limit.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bits.h"

#define FIELD_ERROR 4 /* from 0, of a terse line */
#define FIELD_READ_KIB_PER_S 6
#define FIELD_WRITE_KIB_PER_S 47

#define ENVIRONMENT_MAX 512
#define FILES_BYTES (LIMIT_FILES_BYTES + sizeof "--filename=")

extern char **environ;

const char *const limit_sync_names[LIMIT_SYNCS] = {"each write", "every 4 writes",
						   "every 16 writes"};
static const char *const sync_options[LIMIT_SYNCS] = {"--sync=dsync", "--fdatasync=4",
						      "--fdatasync=16"};

uint32_t limit_points(bool quick, struct limit_point points[LIMIT_POINTS_MAX])
{
	static const uint32_t blocks[] = {1u << 20, 256u << 10, 512u << 10, 64u << 10};
	static const uint32_t depths[] = {4, 8, 2, 1};
	uint32_t count = 0;

	for (size_t b = 0; b < (quick ? 2 : WR_ARRAY_COUNT(blocks)); b++)
		for (size_t d = 0; d < (quick ? 2 : WR_ARRAY_COUNT(depths)); d++)
			for (uint32_t s = 0; s < LIMIT_SYNCS; s++)
				points[count++] = (struct limit_point){
					.block_bytes = blocks[b],
					.depth = depths[d],
					.sync = (enum limit_sync)s,
				};
	return count;
}

uint32_t limit_read_points(bool quick, struct limit_point points[LIMIT_POINTS_MAX])
{
	static const uint32_t blocks[] = {1u << 20, 256u << 10, 128u << 10, 512u << 10};
	static const uint32_t depths[] = {4, 16, 8, 1};
	uint32_t count = 0;

	for (size_t b = 0; b < (quick ? 2 : WR_ARRAY_COUNT(blocks)); b++)
		for (size_t d = 0; d < (quick ? 2 : WR_ARRAY_COUNT(depths)); d++)
			points[count++] = (struct limit_point){
				.reads = true, .block_bytes = blocks[b], .depth = depths[d]};
	return count;
}

double limit_parse(const char *line, bool reads)
{
	const int wanted = reads ? FIELD_READ_KIB_PER_S : FIELD_WRITE_KIB_PER_S;
	char *end = NULL;

	for (int field = 0; line != NULL; field++) {
		if (field == FIELD_ERROR && strncmp(line, "0;", 2) != 0)
			return -1;
		if (field == wanted) {
			double kib = strtod(line, &end);
			return end != line && *end == ';' ? kib * 1024 : -1;
		}
		line = strchr(line, ';');
		line = line != NULL ? line + 1 : NULL;
	}
	return -1;
}

/*
 * The program's environment, and the C library asked for huge pages under what is allocated: weir's
 * chunks have them, and a device may take half as much again from long pieces.
 */
static void make_environment(char *to[ENVIRONMENT_MAX], char *tunables)
{
	size_t count = 0;

	for (char **at = environ; *at != NULL && count + 2 < ENVIRONMENT_MAX; at++)
		if (strncmp(*at, "GLIBC_TUNABLES=", strlen("GLIBC_TUNABLES=")) != 0)
			to[count++] = *at;
	to[count++] = tunables;
	to[count] = NULL;
}

/* Runs it; its standard output, as far as there is room, and its exit status or -errno. */
static int run_program(char *const argv[], char *output, size_t output_bytes)
{
	char tunables[] = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";
	char *environment[ENVIRONMENT_MAX];
	posix_spawn_file_actions_t actions;
	int ends[2];
	int status = 0;
	size_t at = 0;
	pid_t child = 0;

	if (pipe(ends) != 0)
		return -errno;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	(void)posix_spawn_file_actions_addclose(&actions, ends[0]);
	(void)posix_spawn_file_actions_addclose(&actions, ends[1]);
	make_environment(environment, tunables);
	int code = posix_spawnp(&child, argv[0], &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	while (code == 0) {
		char rest[512];
		bool fits = at + 1 < output_bytes;
		ssize_t n = read(ends[0], fits ? output + at : rest,
				 fits ? output_bytes - 1 - at : sizeof rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += fits ? (size_t)n : 0;
	}
	output[at] = '\0';
	(void)close(ends[0]);
	if (code != 0)
		return -code;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFSIGNALED(status))
		return -EINTR;
	return WEXITSTATUS(status);
}

void limit_version(char *to, size_t to_bytes)
{
	char program[] = "fio", option[] = "--version";
	char *const argv[] = {program, option, NULL};

	if (run_program(argv, to, to_bytes) != 0)
		to[0] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

static int run_engine(const char *engine, const char *file, uint64_t file_bytes,
		      const struct limit_point *point, uint64_t length_ns, char *output,
		      size_t output_bytes)
{
	char program[] = "fio";
	char words[5][64];
	char files[FILES_BYTES];
	char plain[][24] = {"--output-format=terse", "--name=limit",      "--direct=1",
			    "--time_based",          "--terse-version=3", "--eta=never",
			    "--invalidate=0"};
	char writes[][24] = {"--rw=write", "--overwrite=1", ""};
	char reads[][24] = {"--rw=read", "--readonly"};
	char *argv[24] = {program};
	int argc = 1;

	(void)snprintf(words[0], sizeof words[0], "--ioengine=%s", engine);
	(void)snprintf(words[1], sizeof words[1], "--size=%llu", (unsigned long long)file_bytes);
	(void)snprintf(words[2], sizeof words[2], "--bs=%u", point->block_bytes);
	(void)snprintf(words[3], sizeof words[3], "--iodepth=%u", point->depth);
	(void)snprintf(words[4], sizeof words[4], "--runtime=%llums",
		       (unsigned long long)(length_ns / 1000000));
	(void)snprintf(files, sizeof files, "--filename=%s", file);
	(void)snprintf(writes[2], sizeof writes[2], "%s", sync_options[point->sync]);
	for (size_t i = 0; i < WR_ARRAY_COUNT(plain); i++)
		argv[argc++] = plain[i];
	for (int i = 0; i < 5; i++)
		argv[argc++] = words[i];
	argv[argc++] = files;
	for (size_t i = 0; i < WR_ARRAY_COUNT(reads) && point->reads; i++)
		argv[argc++] = reads[i];
	for (size_t i = 0; i < WR_ARRAY_COUNT(writes) && !point->reads; i++)
		argv[argc++] = writes[i];
	argv[argc] = NULL;
	return run_program(argv, output, output_bytes);
}

int limit_run(const char *file, uint64_t file_bytes, const struct limit_point *point,
	      uint64_t length_ns, double *ret_bytes_per_s, char *why, size_t why_bytes)
{
	static const char *const engines[] = {"io_uring", "libaio", "psync"};
	char output[8192];
	int code = -EIO;

	for (size_t i = 0; i < WR_ARRAY_COUNT(engines); i++) {
		code = run_engine(engines[i], file, file_bytes, point, length_ns, output,
				  sizeof output);
		const char *line = strstr(output, "3;fio");
		double rate = line != NULL ? limit_parse(line, point->reads) : -1;
		if (code == 0 && rate > 0) {
			*ret_bytes_per_s = rate;
			return 0;
		}
		if (code == -ENOENT || code == -EINTR)
			break;
		code = -EIO;
	}
	(void)snprintf(why, why_bytes, "%.150s",
		       code == -ENOENT     ? "fio is not here"
		       : output[0] != '\0' ? output
					   : "it failed");
	why[strcspn(why, "\n")] = '\0';
	return code;
}
