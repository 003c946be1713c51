/* SPDX-License-Identifier: Apache-2.0 */
/* See run_bed.h. */
#include "tests/support/run_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define PATIENCE_S 120

static char dir[TEST_PATH_BYTES];
void (*run_bed_before)(void);
char run_bed_said[16384];
char run_bed_text[65536];

void run_bed_must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- files of the folder --------------------------------------------------------------------- */

void run_bed_put(const char *name, const char *format, ...)
{
	va_list list;
	FILE *file = fopen(name, "w");
	run_bed_must(file != NULL, name);
	va_start(list, format);
	(void)vfprintf(file, format, list);
	va_end(list);
	run_bed_must(fclose(file) == 0, name);
}

const char *run_bed_get(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t n = file != NULL ? fread(run_bed_text, 1, sizeof run_bed_text - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	run_bed_text[n] = '\0';
	return run_bed_text;
}

uint64_t run_bed_bytes(const char *name)
{
	struct stat status;
	return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}

void run_bed_fresh(void)
{
	static bool is_there;
	if (is_there) {
		run_bed_must(chdir("/") == 0, "chdir");
		test_dir_remove(dir);
	}
	is_there = true;
	test_dir_make(dir);
	run_bed_must(chdir(dir) == 0, "chdir");
}

/* ---- the command ----------------------------------------------------------------------------- */

pid_t run_bed_start(const char *config)
{
	char word[] = "run";
	char name[64];
	char *argv[] = {word, name, NULL};
	(void)snprintf(name, sizeof name, "%s", config);
	fflush(NULL);
	pid_t child = fork();
	run_bed_must(child >= 0, "fork");
	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int error = open("said", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)dup2(error, STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	/* Who runs the tests may have had it ignored (nohup), and `weir run` goes by that. */
	(void)signal(SIGHUP, SIG_DFL);
	if (run_bed_before != NULL)
		run_bed_before();
	int exit_code = cmd_run(2, argv);
	fflush(NULL);
	_exit(exit_code);
}

int run_bed_end(pid_t child)
{
	int status = 0;
	run_bed_must(waitpid(child, &status, 0) == child, "waitpid");
	(void)snprintf(run_bed_said, sizeof run_bed_said, "%.16000s", run_bed_get("said"));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_bed_run(const char *config)
{
	return run_bed_end(run_bed_start(config));
}

bool run_bed_says(const char *text)
{
	bool has = strstr(run_bed_said, text) != NULL;
	if (!has)
		tap_note("no \"%s\" in: %.1500s", text, run_bed_said);
	return has;
}

/* A moment, or the end of the test, if that was too long: with what was said until then. */
static void wait_more(time_t begun, const char *for_what)
{
	const struct timespec nap = {.tv_nsec = 5000000};
	(void)nanosleep(&nap, NULL);
	if (time(NULL) - begun < PATIENCE_S)
		return;
	tap_note("it said: %.1500s", run_bed_get("said"));
	run_bed_must(false, for_what);
}

void run_bed_wait_for_bytes(const char *name, uint64_t bytes)
{
	time_t begun = time(NULL);
	while (run_bed_bytes(name) < bytes)
		wait_more(begun, "a file that does not grow");
}

void run_bed_wait_for_word(const char *word)
{
	time_t begun = time(NULL);
	while (strstr(run_bed_get("said"), word) == NULL)
		wait_more(begun, word);
}

void run_bed_end_all(void)
{
	run_bed_must(chdir("/") == 0, "chdir");
	test_dir_remove(dir);
}
