/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command of the weir CLI in a child process and keeps what it prints: a command is judged
 * by what a user of it sees, its text and its exit code.
 *
 * Thread: main of a test.
 */
#ifndef WEIR_TESTS_CAPTURE_H
#define WEIR_TESTS_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct capture {
	int exit_code; /* 128 + N: a signal ended it */
	char out[262144];
	char err[16384];
};

/* Without it no test would mean anything. */
static inline void capture_must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static inline void capture_read(FILE *from, char *to, size_t to_bytes)
{
	rewind(from);
	size_t n = fread(to, 1, to_bytes - 1, from);
	to[n] = '\0';
	fclose(from);
}

/* `arguments`: words after the command's own (which is `name`), NULL ends. */
static inline void capture_run(struct capture *c, int (*run)(int argc, char **argv),
			       const char *name, const char *const *arguments)
{
	char *argv[40] = {NULL};
	int argc = 0;
	int status = 0;
	FILE *out = tmpfile();
	FILE *err = tmpfile();

	capture_must(out != NULL && err != NULL, "tmpfile");
	argv[argc++] = strdup(name);
	for (; *arguments != NULL && argc < 39; arguments++)
		argv[argc++] = strdup(*arguments);
	fflush(NULL);
	pid_t child = fork();
	capture_must(child >= 0, "fork");
	if (child == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		int exit_code = run(argc, argv);
		fflush(NULL);
		_exit(exit_code);
	}
	capture_must(waitpid(child, &status, 0) == child, "waitpid");
	c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	capture_read(out, c->out, sizeof c->out);
	capture_read(err, c->err, sizeof c->err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

#define CAPTURE(c, run, name, ...)                                                                 \
	capture_run((c), (run), (name), (const char *const[]){__VA_ARGS__, NULL})

static inline bool capture_has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

#endif
