/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of one mapping: the lines of /proc/self/smaps under the address. Ends the
 * process when there is no such mapping: nothing of the test would mean anything.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_SMAPS_H
#define WR_TESTS_SMAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct smaps {
	char flags[256];   /* " rd wr sh mr mw me ms dd " */
	uint64_t huge_kib; /* in transparent huge pages */
	uint64_t page_kib; /* KernelPageSize */
	uint64_t locked_kib;
};

static inline void smaps_need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "the test could not go on: %s\n", what);
	abort();
}

static inline uint64_t smaps_number(const char *line, const char *key)
{
	size_t length = strlen(key);
	return strncmp(line, key, length) == 0 ? strtoull(line + length, NULL, 10) : 0;
}

static inline struct smaps smaps_of(const void *address)
{
	struct smaps found = {.flags = ""};
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;
	smaps_need(file != NULL, "/proc/self/smaps");
	while (fgets(line, sizeof line, file) != NULL && found.flags[0] == '\0') {
		char *end;
		uintptr_t first = strtoull(line, &end, 16);
		if (*end == '-' && end != line) {
			uintptr_t behind = strtoull(end + 1, NULL, 16);
			inside = (uintptr_t)address >= first && (uintptr_t)address < behind;
			continue;
		}
		if (!inside)
			continue;
		found.huge_kib += smaps_number(line, "ShmemPmdMapped:");
		found.page_kib += smaps_number(line, "KernelPageSize:");
		found.locked_kib += smaps_number(line, "Locked:");
		if (strncmp(line, "VmFlags:", 8) == 0) {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(found.flags, sizeof found.flags, "%.250s", line + 8);
		}
	}
	fclose(file);
	smaps_need(found.flags[0] != '\0', "a mapping with VmFlags");
	return found;
}

static inline bool smaps_has(const struct smaps *map, const char *flag)
{
	return strstr(map->flags, flag) != NULL;
}

#endif
