/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the raw files of a directory, whoever wrote it: for tests of what has to be gone.
 */
#ifndef WEIR_TESTS_RAW_FILES_H
#define WEIR_TESTS_RAW_FILES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In how many files of the directory the text is found; UINT32_MAX: it cannot be looked through. */
static inline uint32_t raw_files_with(const char *dir_path, const char *text)
{
	DIR *dir = opendir(dir_path);
	struct dirent *entry;
	uint32_t count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[4096 + 300];
		(void)snprintf(path, sizeof path, "%s/%s", dir_path, entry->d_name);
		FILE *file = entry->d_name[0] != '.' ? fopen(path, "rb") : NULL;
		if (file == NULL)
			continue;
		(void)fseek(file, 0, SEEK_END);
		size_t bytes = (size_t)ftell(file);
		char *all = malloc(bytes + 1);
		rewind(file);
		bytes = all != NULL ? fread(all, 1, bytes, file) : 0;
		bool found = all != NULL && memmem(all, bytes, text, strlen(text)) != NULL;
		count = all == NULL ? UINT32_MAX : count + (found ? 1 : 0);
		free(all);
		(void)fclose(file);
		if (count == UINT32_MAX)
			break;
	}
	if (dir == NULL)
		return UINT32_MAX;
	(void)closedir(dir);
	return count;
}

#endif
