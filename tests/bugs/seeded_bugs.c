/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: show that the tests would notice. Each seeded bug is switched on alone, and the test that
 * should notice it has to fail and to say what it noticed.
 *
 * Method: the programs given are run as they are, the bug named in their environment. A program
 * that passes, that fails with other words, or that does not end counts as blind. A simulator that
 * has said of a seed what it should need not go on to its end. Without a bug the same program has
 * to pass with the same arguments, or its failure would prove nothing.
 *
 *   seeded_bugs PROGRAM-FILE ...    those lines of detections.h that name one of these programs
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bugs/detections.h"

#define SECONDS_MAX 180.0 /* on a machine that has other things to do */
#define JOURNAL_SEEDS "4000"
#define PIPELINE_SEEDS "5000"
#define FAILURES "8" /* the first may be noticed by another check */
#define HISTORIES_FIRST "4301"
#define HISTORIES "1500"
#define HISTORIES_FAILED "60" /* one may break several rules, and not come to an end */
/* Without the bug 0.2 s of simulated time is the most in these. */
#define LAG_MAX_NS "5000000000"
#define LAG_WITHOUT "freeze,clock,slow,full-disk,no-room,write-error,sync-error,read-error"
#define OUTPUT_BYTES_MAX (1u << 20)
#define ARGUMENTS_MAX 16u
#define CASE_BYTES_MAX 200u
#define NAME_BYTES_MAX 256u

struct detection {
	const char *bug;
	const char *program;
	const char *says;
};

static const struct detection detections[] = {
#define DETECTION(name, by, text) {#name, #by, text},
	WR_DETECTION_MAP(DETECTION)
#undef DETECTION
};

#define DETECTION_COUNT (sizeof detections / sizeof detections[0])

struct arguments {
	const char *of[ARGUMENTS_MAX];
	char filter[CASE_BYTES_MAX];
};

struct outcome {
	bool ended; /* by itself */
	bool passed;
	double seconds;
	char *output;
};

static char output[OUTPUT_BYTES_MAX];
static uint32_t case_number;
static bool all_good = true;

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* It is measured, and an anomaly above a limit: in histories where nothing has to wait for long. */
static bool is_of_lag(const struct detection *d)
{
	return strcmp(d->says, "realtime-lag") == 0;
}

/* What a program is run with: the seeds of a simulation, or the one case. */
static void choose_arguments(struct arguments *a, const char *file, const struct detection *d)
{
	static const char *const of_journal[] = {"--seed",      "1",          "--count",
						 JOURNAL_SEEDS, "--failures", FAILURES};
	static const char *const of_anomaly[] = {"--alone",       "--seed",  HISTORIES_FIRST,
						 "--histories",   HISTORIES, "--failures",
						 HISTORIES_FAILED};
	static const char *const of_lag[] = {
		"--alone", "--seed",    HISTORIES_FIRST, "--histories", "20",      "--failures",
		"20",      "--without", LAG_WITHOUT,     "--lag-max",   LAG_MAX_NS};
	static const char *const of_powercut[] = {"--fs", "ext4", "--seed", "1", "--states", "36"};
	static const char *const of_pipeline[] = {"--first",      "1",          "--seeds",
						  PIPELINE_SEEDS, "--failures", FAILURES};

	memset(a, 0, sizeof *a);
	a->of[0] = file;
	if (strcmp(d->program, "sim_journal") == 0) {
		memcpy(&a->of[1], of_journal, sizeof of_journal);
	} else if (strcmp(d->program, "sim_pipeline") == 0) {
		memcpy(&a->of[1], of_pipeline, sizeof of_pipeline);
	} else if (is_of_lag(d)) {
		memcpy(&a->of[1], of_lag, sizeof of_lag);
	} else if (strcmp(d->program, "weir_anomaly") == 0) {
		memcpy(&a->of[1], of_anomaly, sizeof of_anomaly);
	} else if (strcmp(d->program, "crash_powercut") == 0) {
		memcpy(&a->of[1], of_powercut, sizeof of_powercut);
	} else if (strcmp(d->program, "crash_fuse_syncs") != 0) {
		const char *colons = strstr(d->says, "::");
		if (colons != NULL)
			(void)snprintf(a->filter, sizeof a->filter, "--filter=%.*s/%s",
				       (int)(colons - d->says), d->says, colons + 2);
		a->of[1] = "--tap=/dev/stdout";
		a->of[2] = "-j1";
		a->of[3] = a->filter;
	}
}

_Noreturn static void become(const struct arguments *a, const char *bug, int out)
{
	if (bug != NULL)
		(void)setenv("WEIR_TEST_BUG", bug, 1);
	else
		(void)unsetenv("WEIR_TEST_BUG");
	/* It has each backend take its turn. */
	if (strstr(a->of[0], "crash_powercut") != NULL)
		(void)unsetenv("WEIR_TEST_IO");
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(out, STDERR_FILENO);
	(void)close(out);
	/* execv() wants its strings writable, and leaves them as they are. */
	execv(a->of[0], (char *const *)(uintptr_t)a->of);
	(void)fprintf(stderr, "cannot run %s: %s\n", a->of[0], strerror(errno));
	_exit(127);
}

/* Of a unit test; else of a simulator, which says what it finds of seed by seed. */
static bool is_case_of(const struct detection *d)
{
	return strstr(d->says, "::") != NULL;
}

/* The line that says what was noticed, as a failure; NULL: there is none. */
static const char *find_words(const struct detection *d)
{
	bool is_case = is_case_of(d);

	for (const char *line = output; *line != '\0';) {
		const char *end = strchrnul(line, '\n');
		const char *found = memmem(line, (size_t)(end - line), d->says, strlen(d->says));
		bool is_failure =
			strncmp(line, "not ok", 6) == 0 ||
			(!is_case && memmem(line, (size_t)(end - line), "seed ", 5) != NULL);
		if (found != NULL && is_failure)
			return line;
		line = end + (*end != '\0');
	}
	return NULL;
}

enum reading { READ_TO_THE_END, READ_ENOUGH, READ_NO_END };

/* Reads to the end, as long as a program may take, or until a simulator has said it. */
static enum reading read_all(int in, const struct detection *awaited)
{
	double until = now_s() + SECONDS_MAX;
	size_t used = 0;

	output[0] = '\0';
	while (used < OUTPUT_BYTES_MAX - 1) {
		struct pollfd waiting = {.fd = in, .events = POLLIN};
		int left_ms = (int)((until - now_s()) * 1000);
		if (left_ms <= 0 || poll(&waiting, 1, left_ms) <= 0)
			return READ_NO_END;
		ssize_t n = read(in, output + used, OUTPUT_BYTES_MAX - 1 - used);
		if (n <= 0)
			return n == 0 ? READ_TO_THE_END : READ_NO_END;
		used += (size_t)n;
		output[used] = '\0';
		if (awaited != NULL && !is_case_of(awaited) && find_words(awaited) != NULL)
			return READ_ENOUGH;
	}
	return READ_NO_END;
}

/* With the bug of a detection, until that is made; or without one. */
static struct outcome run(const struct arguments *a, const struct detection *awaited)
{
	const char *bug = awaited != NULL ? awaited->bug : NULL;
	struct outcome result = {.output = output};
	double began = now_s();
	int ends[2], status = 0;

	(void)fflush(stdout);
	if (pipe(ends) != 0)
		return result;
	pid_t child = fork();
	if (child == 0) {
		(void)setpgid(0, 0); /* its own children end with it */
		(void)close(ends[0]);
		become(a, bug, ends[1]);
	}
	(void)close(ends[1]);
	if (child > 0) {
		enum reading reading = read_all(ends[0], awaited);
		result.ended = reading != READ_NO_END;
		if (reading != READ_TO_THE_END)
			(void)kill(-child, SIGKILL);
		(void)waitpid(child, &status, 0);
		result.passed =
			reading == READ_TO_THE_END && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	(void)close(ends[0]);
	result.seconds = now_s() - began;
	return result;
}

static void say(bool good, const char *what, const struct detection *d)
{
	all_good = all_good && good;
	printf("%sok %u - %s %s", good ? "" : "not ", ++case_number, d->program, what);
}

static void show_output(const char *text)
{
	uint32_t lines = 0;

	for (const char *end; *text != '\0' && lines < 12; text = end, lines++) {
		end = strchrnul(text, '\n');
		printf("# | %.*s\n", (int)(end - text), text);
		end += *end != '\0';
	}
}

/* Nothing of it ran. (Criterion says of each case that was not asked for that it was skipped.) */
static bool ran_nothing(const char *text)
{
	const char *line = text;

	while (*line != '\0') {
		const char *end = strchrnul(line, '\n');
		if (strncmp(line, "ok", 2) == 0 &&
		    memmem(line, (size_t)(end - line), "# SKIP", 6) == NULL)
			return false;
		line = end + (*end != '\0');
	}
	return strstr(text, "# SKIP") != NULL;
}

/* It says that it cannot run here; or the bug is in io_uring's backend, which is refused here. */
static bool skips(const struct outcome *result, const char *bug)
{
	bool no_uring = bug != NULL && strncmp(bug, "URING_", 6) == 0 &&
			syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != EINVAL &&
			errno != EFAULT;

	return result->passed && (no_uring || ran_nothing(result->output));
}

static void say_seeds(const char *line, double seconds)
{
	const char *end = strchrnul(line, '\n');
	const char *seed = memmem(line, (size_t)(end - line), "seed ", 5);

	if (seed != NULL)
		printf("# caught with seed %lu after as many (%.2f s)\n",
		       strtoul(seed + 5, NULL, 10), seconds);
	else
		printf("# caught by its case (%.2f s)\n", seconds);
}

static void check_without_bug(const struct arguments *a, const struct detection *d)
{
	struct outcome result = run(a, NULL);

	say(result.passed, "passes without a bug", d);
	if (skips(&result, NULL)) {
		printf(" # SKIP it says that it cannot run here\n");
		return;
	}
	printf("%s%s\n", a->filter[0] != '\0' ? ": " : "", a->filter[0] != '\0' ? d->says : "");
	if (!result.passed)
		show_output(result.output);
}

static void check_bug(const struct arguments *a, const struct detection *d)
{
	struct outcome result = run(a, d);
	const char *line = find_words(d);
	bool caught = result.ended && !result.passed && line != NULL;

	if (skips(&result, d->bug)) {
		say(true, "catches", d);
		printf(" %s # SKIP it says that it cannot run here\n", d->bug);
		return;
	}
	say(caught, "catches", d);
	printf(" %s: %s\n", d->bug, d->says);
	if (caught) {
		say_seeds(line, result.seconds);
		return;
	}
	printf("# it %s\n", !result.ended   ? "did not end"
			    : result.passed ? "passed: nothing noticed the bug"
					    : "failed with other words");
	show_output(result.output);
}

/* The lines that name this program. How many. */
static uint32_t check_program(const char *file)
{
	const char *slash = strrchr(file, '/');
	char name[NAME_BYTES_MAX];
	uint32_t count = 0;

	/* weir-anomaly is weir_anomaly in a table. */
	(void)snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : file);
	for (char *at = name; *at != '\0'; at++)
		*at = *at == '-' ? '_' : *at;
	for (size_t i = 0; i < DETECTION_COUNT; i++) {
		const struct detection *d = &detections[i];
		struct arguments a;
		if (strcmp(d->program, name) != 0)
			continue;
		choose_arguments(&a, file, d);
		if (count == 0 || a.filter[0] != '\0' || is_of_lag(d))
			check_without_bug(&a, d);
		check_bug(&a, d);
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (check_program(argv[i]) == 0) {
			printf("not ok %u - %s catches a bug # no line names it\n", ++case_number,
			       argv[i]);
			all_good = false;
		}
	printf("1..%u\n", case_number);
	return all_good && case_number > 0 ? 0 : 1;
}
