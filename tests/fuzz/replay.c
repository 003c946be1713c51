/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a fuzzer found once is tried in every build, with any compiler.
 * Method: stands in for libFuzzer's main(): gives the fuzzer's entry each file of its corpus, and
 *         the empty input. Prints TAP; a crash is a failed test. usage: replay_NAME FOLDER
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* The whole file in a block of exactly its length, so that ASan sees a byte read past it. */
static uint8_t *file_read(int folder, const char *name, size_t *ret_bytes)
{
	int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
		if (file >= 0)
			close(file);
		return NULL;
	}
	size_t bytes = (size_t)status.st_size;
	uint8_t *content = malloc(bytes > 0 ? bytes : 1);
	size_t done_bytes = 0;
	while (content != NULL && done_bytes < bytes) {
		ssize_t n = read(file, content + done_bytes, bytes - done_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done_bytes += (size_t)n;
	}
	close(file);
	*ret_bytes = done_bytes;
	return content;
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (folder == NULL) {
		printf("1..1\nnot ok 1 - no corpus at %s\n", argc == 2 ? argv[1] : "(no argument)");
		return 1;
	}
	int input_count = 0;
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok %d - empty input\n", ++input_count);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		size_t bytes = 0;
		uint8_t *content = file_read(dirfd(folder), entry->d_name, &bytes);
		if (content == NULL)
			continue;
		/* Said before, so that the log of a crash names its input. */
		printf("# %s, %zu bytes\n", entry->d_name, bytes);
		fflush(stdout);
		(void)LLVMFuzzerTestOneInput(content, bytes);
		printf("ok %d - %s\n", ++input_count, entry->d_name);
		free(content);
	}
	closedir(folder);
	printf("1..%d\n", input_count);
	return 0;
}
