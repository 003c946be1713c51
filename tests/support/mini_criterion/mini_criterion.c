/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner behind mini_criterion/criterion/criterion.h: one process a case, TAP on the standard
 * output. One case after the other, or with -jN up to N at a time: its line is printed when a case
 * has ended. One that hangs is ended after its timeout (default 120 s) by SIGALRM, which counts as
 * a failure like any other signal that was not asked for. Under ASan a case that leaks has failed.
 *
 * Thread: cases register before main(); a case may check from any of its own threads.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define STATUS_FAILED 101
#define STATUS_SKIPPED 77
#define TIMEOUT_SECONDS 120.0
#define JOBS_MAX 16

/* A case that runs. */
struct job {
	pid_t child;
	const struct mini_test *test;
};

static struct job jobs[JOBS_MAX]; /* the first job_count */
static int job_count;
static int jobs_max = 1;
static int failed_count;
static int number_last; /* TAP counts in the order of ending */

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
			 : suite->timeout > 0       ? suite->timeout
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
#ifdef __SANITIZE_ADDRESS__
	/* _exit() looks for no leaks, and exit() would run what others have left to it. */
	if (test->options->signal == 0 && test->options->exit_code == 0)
		failed_softly |= __lsan_do_recoverable_leak_check() != 0;
#endif
	fflush(stdout);
	_exit(failed_softly ? STATUS_FAILED : 0);
}

static void print_end(const struct job *job, int status)
{
	const struct mini_test *test = job->test;
	int signal_wanted = test->options->signal;
	int signal_seen = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int exit_seen = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (signal_seen == 0 && exit_seen == STATUS_SKIPPED) {
		printf("ok %d - %s::%s # SKIP\n", ++number_last, test->suite, test->name);
		return;
	}
	bool good = signal_seen == signal_wanted &&
		    (signal_wanted != 0 || exit_seen == test->options->exit_code);
	printf("%s %d - %s::%s", good ? "ok" : "not ok", ++number_last, test->suite, test->name);
	if (!good && signal_seen != 0)
		printf(" (signal %d)", signal_seen);
	else if (!good)
		printf(" (exit status %d)", exit_seen);
	printf("\n");
	failed_count += !good;
}

/* Until fewer than `below` run. */
static void wait_for_jobs(int below)
{
	while (job_count >= below) {
		int status = 0;
		pid_t child = waitpid(-1, &status, 0);
		if (child < 0 && errno != EINTR) {
			printf("not ok %d - %s::%s (lost)\n", ++number_last, jobs[0].test->suite,
			       jobs[0].test->name);
			exit(1);
		}
		for (int i = 0; i < job_count; i++) {
			if (jobs[i].child != child)
				continue;
			print_end(&jobs[i], status);
			jobs[i] = jobs[--job_count];
			break;
		}
	}
}

static void start_case(const struct mini_test *test, void *parameter)
{
	struct job job = {.test = test};
	if (test->options->disabled || options_of_suite(test->suite)->disabled) {
		printf("ok %d - %s::%s # SKIP disabled\n", ++number_last, test->suite, test->name);
		return;
	}
	wait_for_jobs(jobs_max);
	fflush(stdout);
	job.child = fork();
	if (job.child == 0)
		run_body(test, parameter);
	if (job.child > 0) {
		jobs[job_count++] = job;
		return;
	}
	printf("not ok %d - %s::%s (no process for it)\n", ++number_last, test->suite, test->name);
	failed_count++;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "-j", 2) == 0)
			jobs_max = atoi(argv[i] + 2);
	if (jobs_max < 1 || jobs_max > JOBS_MAX) {
		fprintf(stderr, "usage: %s [-jN], N up to %d\n", argv[0], JOBS_MAX);
		return 2;
	}
	for (struct mini_test *test = first_test; test != NULL; test = test->next) {
		if (test->parameters == NULL) {
			start_case(test, NULL);
			continue;
		}
		struct criterion_test_params all = test->parameters();
		char *parameter = all.params;
		for (size_t i = 0; i < all.length; i++, parameter += all.size)
			start_case(test, parameter);
		if (all.cleanup != NULL)
			all.cleanup(&all); /* of this process: those that run have theirs */
	}
	wait_for_jobs(1);
	printf("1..%d\n", number_last);
	return failed_count != 0;
}
