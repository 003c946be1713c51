/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process holds: descriptors, threads, mappings; and what lies in a directory. Tests of
 * weir inside a host compare two looks.
 *
 * Thread: the main thread of a test.
 */
#ifndef WR_TESTS_HOST_LOOK_H
#define WR_TESTS_HOST_LOOK_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_PATIENCE_MS 30000u

struct look {
	uint32_t descriptors;
	uint32_t threads;
	uint32_t weir_mappings; /* rings and pools */
};

static inline uint32_t look_entries(const char *path)
{
	uint32_t count = 0;
	DIR *entries = opendir(path);
	while (entries != NULL && readdir(entries) != NULL)
		count++;
	if (entries != NULL)
		(void)closedir(entries);
	return count;
}

/* A thread that was joined can be in the list for a moment longer. */
static inline uint32_t look_threads(void)
{
	uint32_t count = look_entries("/proc/self/task");
	for (int i = 0; i < 100; i++) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		uint32_t again = look_entries("/proc/self/task");
		if (again == count && i > 1)
			break;
		count = again;
	}
	return count;
}

static inline uint32_t look_weir_mappings(void)
{
	char line[512];
	uint32_t count = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		count += strstr(line, "memfd:weir-") != NULL;
	if (maps != NULL)
		(void)fclose(maps);
	return count;
}

static inline struct look look_now(void)
{
	return (struct look){
		.descriptors = look_entries("/proc/self/fd"),
		.threads = look_threads(),
		.weir_mappings = look_weir_mappings(),
	};
}

/* Until a thread that was joined has left the list, however long the kernel takes over it. */
static inline uint32_t look_threads_left(uint32_t before)
{
	uint32_t count = look_threads();
	for (uint32_t i = 0; i < LOOK_PATIENCE_MS && count > before; i++) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		count = look_entries("/proc/self/task");
	}
	return count;
}

/* Prints what is more than before. */
static inline bool look_same(const struct look *before, const struct look *after, const char *what)
{
	uint32_t threads = after->threads > before->threads ? look_threads_left(before->threads)
							    : after->threads;
	if (before->descriptors == after->descriptors && threads <= before->threads &&
	    before->weir_mappings == after->weir_mappings)
		return true;
	(void)fprintf(stderr, "%s: descriptors %u -> %u, threads %u -> %u, mappings %u -> %u\n",
		      what, before->descriptors, after->descriptors, before->threads, threads,
		      before->weir_mappings, after->weir_mappings);
	return false;
}

#endif
