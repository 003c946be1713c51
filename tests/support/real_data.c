/* SPDX-License-Identifier: Apache-2.0 */
/* See real_data.h. What cannot be set up ends the program: no test would mean anything. */
#include "tests/support/real_data.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int case_count;
static int failed_count;

static _Noreturn void give_up(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *temporary_folder(void)
{
	const char *folder = getenv("TMPDIR");
	return folder != NULL && folder[0] != '\0' ? folder : "/var/tmp";
}

/* Beside the source tree; the build sets its place for the tests that it runs. */
static const char *source_data_folder(void)
{
	static char folder[4096];
	const char *source = getenv("WEIR_TEST_SOURCE");
	(void)snprintf(folder, sizeof folder, "%s/../shared/data", source != NULL ? source : ".");
	return folder;
}

bool real_data_find(const char *name, char to[TEST_PATH_BYTES])
{
	const char *folder = getenv("WEIR_TEST_DATA");

	if (folder == NULL || folder[0] == '\0')
		folder = source_data_folder();
	int length = snprintf(to, TEST_PATH_BYTES, "%s/%s", folder, name);
	if (length < TEST_PATH_BYTES && access(to, R_OK) == 0)
		return true;
	/* Not among the lines of TAP: those of a Criterion program begin with its version. */
	(void)fprintf(stderr, "no %s: set WEIR_TEST_DATA to the folder of the data\n", to);
	return false;
}

bool real_data_unpack(const char *path, char to[TEST_PATH_BYTES])
{
	int status = -1;

	snprintf(to, TEST_PATH_BYTES, "%s/weir-data-XXXXXX", temporary_folder());
	int fd = mkstemp(to);
	if (fd < 0)
		give_up("a temporary file");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (dup2(fd, STDOUT_FILENO) >= 0)
			execlp("xz", "xz", "-dc", "--", path, (char *)NULL);
		_exit(127);
	}
	close(fd);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		give_up("running xz");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	tap_note("xz -dc %s: exit status %d (the package is xz-utils)", path, WEXITSTATUS(status));
	unlink(to);
	return false;
}

void test_dir_make(char to[TEST_PATH_BYTES])
{
	snprintf(to, TEST_PATH_BYTES, "%s/weir-test-XXXXXX", temporary_folder());
	if (mkdtemp(to) == NULL)
		give_up("a temporary directory");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	if (remove(path) == 0)
		return 0;
	int code = errno;
	tap_note("%s stays: %s", path, strerror(code));
	errno = code;
	return -1;
}

void test_dir_remove(const char *dir)
{
	if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		give_up("removing a temporary directory");
}

void test_io(enum weir_io *io)
{
	const char *name = getenv("WEIR_TEST_IO");

	if (name != NULL && strcmp(name, "posix") == 0)
		*io = WEIR_IO_POSIX;
	else if (name != NULL && strcmp(name, "uring") == 0)
		*io = WEIR_IO_URING;
}

void test_options(struct weir_options *options, const char *dir)
{
	weir_options_init(options);
	options->dir = dir;
	/* Small enough to roll over segments and to be cheap to prepare. */
	options->segment_bytes = 4u << 20;
	options->pool_bytes = 16u << 20;
	options->undurable_bytes = 4u << 20;
	test_io(&options->io);
}

bool tap_check(bool good, const char *format, ...)
{
	va_list arguments;

	case_count++;
	failed_count += !good;
	printf("%s %d - ", good ? "ok" : "not ok", case_count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
	return good;
}

void tap_note(const char *format, ...)
{
	va_list arguments;

	printf("# ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

void tap_skip(const char *why)
{
	case_count++;
	printf("ok %d # SKIP %s\n", case_count, why);
	fflush(stdout);
}

int tap_end(void)
{
	printf("1..%d\n", case_count);
	return failed_count != 0;
}

uint64_t test_seed(void)
{
	const char *given = getenv("WEIR_TEST_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given != NULL ? strtoull(given, NULL, 0)
			     : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
	tap_note("WEIR_TEST_SEED=%llu", (unsigned long long)seed);
	return seed;
}
