/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner behind mini_criterion/criterion/criterion.h: one process a case, one after the other,
 * TAP on the standard output. A case that hangs is ended after its timeout (default 30 s) by
 * SIGALRM, which counts as a failure like any other signal that was not asked for.
 *
 * Thread: cases register before main(); a case may check from any of its own threads.
 */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FAILED 101
#define STATUS_SKIPPED 77
#define TIMEOUT_SECONDS 30.0

static struct mini_test *first_test;
static struct mini_suite *first_suite;
static bool failed_softly;

/* Constructors of one file run in its order: appending keeps it. */
void mini_register_test(struct mini_test *test)
{
	struct mini_test **at = &first_test;
	while (*at != NULL)
		at = &(*at)->next;
	*at = test;
}

void mini_register_suite(struct mini_suite *suite)
{
	suite->next = first_suite;
	first_suite = suite;
}

static void print_message(const char *format, va_list arguments)
{
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
}

void mini_log(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("# ");
	print_message(format, arguments);
	va_end(arguments);
}

void mini_check(bool good, bool fatal, const char *file, int line, const char *what,
		const char *format, ...)
{
	if (good)
		return;
	printf("# %s:%d: %s: ", file, line, what);
	va_list arguments;
	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
	if (fatal)
		_exit(STATUS_FAILED);
	failed_softly = true;
}

void mini_skip(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("# skipped: ");
	print_message(format, arguments);
	va_end(arguments);
	_exit(STATUS_SKIPPED);
}

static const struct criterion_test_extra_data *options_of_suite(const char *name)
{
	static const struct criterion_test_extra_data none;
	for (struct mini_suite *suite = first_suite; suite != NULL; suite = suite->next)
		if (strcmp(suite->name, name) == 0)
			return suite->options;
	return &none;
}

/* In the child. */
static _Noreturn void run_body(const struct mini_test *test, void *parameter)
{
	const struct criterion_test_extra_data *suite = options_of_suite(test->suite);
	double timeout = test->options->timeout > 0 ? test->options->timeout
			 : suite->timeout > 0	    ? suite->timeout
						    : TIMEOUT_SECONDS;
	/* Emulated CPUs are slow, and alarm() counts whole seconds. */
	alarm((unsigned)(timeout * 4) + 1);

	void (*init)(void) = test->options->init != NULL ? test->options->init : suite->init;
	void (*fini)(void) = test->options->fini != NULL ? test->options->fini : suite->fini;
	if (init != NULL)
		init();
	if (test->body != NULL)
		test->body();
	else
		test->body_of(parameter);
	if (fini != NULL)
		fini();
	fflush(stdout);
	_exit(failed_softly ? STATUS_FAILED : 0);
}

/* Runs one case and prints its line: whether it was good. */
static bool run_case(const struct mini_test *test, void *parameter, int number)
{
	if (test->options->disabled || options_of_suite(test->suite)->disabled) {
		printf("ok %d - %s::%s # SKIP disabled\n", number, test->suite, test->name);
		return true;
	}
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		run_body(test, parameter);
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child) {
		printf("not ok %d - %s::%s (no process for it)\n", number, test->suite, test->name);
		return false;
	}
	int signal_wanted = test->options->signal;
	int signal_seen = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int exit_seen = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (signal_seen == 0 && exit_seen == STATUS_SKIPPED) {
		printf("ok %d - %s::%s # SKIP\n", number, test->suite, test->name);
		return true;
	}
	bool good = signal_seen == signal_wanted &&
		    (signal_wanted != 0 || exit_seen == test->options->exit_code);
	printf("%s %d - %s::%s", good ? "ok" : "not ok", number, test->suite, test->name);
	if (!good && signal_seen != 0)
		printf(" (signal %d)", signal_seen);
	else if (!good)
		printf(" (exit status %d)", exit_seen);
	printf("\n");
	return good;
}

int main(void)
{
	int number = 0;
	int failed_count = 0;
	for (struct mini_test *test = first_test; test != NULL; test = test->next) {
		if (test->parameters == NULL) {
			failed_count += !run_case(test, NULL, ++number);
			continue;
		}
		struct criterion_test_params all = test->parameters();
		char *parameter = all.params;
		for (size_t i = 0; i < all.length; i++, parameter += all.size)
			failed_count += !run_case(test, parameter, ++number);
		if (all.cleanup != NULL)
			all.cleanup(&all);
	}
	printf("1..%d\n", number);
	return failed_count != 0;
}
