/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run`, killed with SIGKILL again and again while it copies a file through a durable
 *         topic to a file sink, leaves an output that has every line of the input, in key order,
 *         none missing, none twice.
 * Method: the command in a child process, on the real file system. Two kills of three come when the
 *         output has grown to a part of its final size, drawn from the seed; the third comes in the
 *         first moments of a life, wherever that is. After the last kill it runs to its end; the
 *         lines of each key are compared with those of the input, one by one. Then it runs once
 *         more, and must find nothing to do. Prints TAP.
 * usage: crash_run_kill [LINES [KILLS]]
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/sim/prng.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define KEYS 97u
#define PATIENCE_S 240 /* without any progress: something hangs */

struct bed {
	char dir[TEST_PATH_BYTES];
	uint64_t lines;
	uint64_t input_bytes;
	struct wr_prng random;
	uint32_t kills;     /* that hit a living process */
	uint32_t mid_copy;  /* of them, with the output begun and not ended */
	uint32_t cut_short; /* lives that found an output longer than what was committed */
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *in_dir(const struct bed *bed, const char *name)
{
	static char path[TEST_PATH_BYTES + 32];
	(void)snprintf(path, sizeof path, "%s/%s", bed->dir, name);
	return path;
}

/* Line n is {"n":N,"key":"K"}: its key is not a function of its place in any simple way. */
static uint32_t key_of(uint64_t n)
{
	return (uint32_t)((n * UINT64_C(0x9e3779b97f4a7c15) >> 40) % KEYS);
}

static void write_input(struct bed *bed)
{
	FILE *file = fopen(in_dir(bed, "in.jsonl"), "w");
	must(file != NULL, "in.jsonl");
	for (uint64_t n = 1; n <= bed->lines; n++)
		fprintf(file, "{\"n\":%" PRIu64 ",\"key\":\"k%u\"}\n", n, key_of(n));
	bed->input_bytes = (uint64_t)ftell(file);
	must(fclose(file) == 0, "in.jsonl");
}

static void write_config(struct bed *bed)
{
	const char *io = getenv("WEIR_TEST_IO");
	FILE *file = fopen(in_dir(bed, "run.yaml"), "w");
	must(file != NULL, "run.yaml");
	fprintf(file,
		"name: copy\n"
		"journal: {dir: %s/journal, segment: 4MiB, io: %s}\n"
		"memory: {pool: 8MiB, undurable: 4MiB, lane: 1MiB}\n"
		"topics: [{name: lines, partitions: 8}]\n"
		"sources:\n"
		"  - name: input\n"
		"    topic: lines\n"
		"    from: {file: %s/in.jsonl}\n"
		"    format: json\n"
		"    key: key\n"
		"subscriptions:\n"
		"  - {name: copy, topics: [lines], sink: {file: %s/out.jsonl}}\n",
		bed->dir, io != NULL ? io : "auto", bed->dir, bed->dir);
	must(fclose(file) == 0, "run.yaml");
}

static pid_t start(const struct bed *bed)
{
	static char word[] = "run";
	char *config = in_dir(bed, "run.yaml");
	char *argv[] = {word, config, NULL};
	fflush(NULL);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	char log[TEST_PATH_BYTES + 32];
	(void)snprintf(log, sizeof log, "%s/run.log", bed->dir);
	int file = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file >= 0)
		(void)dup2(file, STDERR_FILENO);
	_exit(cmd_run(2, argv));
}

static uint64_t output_bytes(const struct bed *bed)
{
	struct stat status;
	return stat(in_dir(bed, "out.jsonl"), &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void sleep_us(uint64_t us)
{
	const struct timespec time = {.tv_sec = (time_t)(us / 1000000),
				      .tv_nsec = (long)(us % 1000000 * 1000)};
	(void)nanosleep(&time, NULL);
}

static bool log_has(const struct bed *bed, const char *text)
{
	char log[8192] = "";
	FILE *file = fopen(in_dir(bed, "run.log"), "r");
	must(file != NULL, "run.log");
	log[fread(log, 1, sizeof log - 1, file)] = '\0';
	fclose(file);
	return strstr(log, text) != NULL;
}

static void show_log(const struct bed *bed)
{
	char line[512];
	FILE *file = fopen(in_dir(bed, "run.log"), "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		tap_note("%.*s", (int)strcspn(line, "\n"), line);
	if (file != NULL)
		fclose(file);
}

/* The exit status, or -1 when a kill came first. */
static int wait_or_kill(struct bed *bed, pid_t child, uint64_t kill_at_bytes, uint64_t delay_us)
{
	int status = 0;
	uint64_t last = output_bytes(bed);
	time_t moved = time(NULL);
	if (kill_at_bytes == 0)
		sleep_us(delay_us);
	for (;;) {
		uint64_t bytes = output_bytes(bed);
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (bytes >= kill_at_bytes)
			break;
		if (bytes != last)
			moved = time(NULL);
		last = bytes;
		must(time(NULL) - moved < PATIENCE_S, "no progress for minutes");
		sleep_us(500);
	}
	uint64_t bytes = output_bytes(bed);
	kill(child, SIGKILL);
	must(waitpid(child, &status, 0) == child, "waitpid");
	bed->kills++;
	if (bytes > 0 && bytes < bed->input_bytes)
		bed->mid_copy++;
	return -1;
}

/* Lives and kills. False: one ended with an error. */
static bool kill_again_and_again(struct bed *bed, uint32_t kills)
{
	uint32_t by_size = 0;
	uint32_t sized = kills - kills / 3;
	for (uint32_t i = 0; i < kills; i++) {
		bool early = i % 3 == 2;
		uint64_t share = bed->input_bytes / (sized + 1);
		uint64_t at = early ? 0 : share * by_size + 1 + wr_prng_below(&bed->random, share);
		by_size += early ? 0 : 1;
		int status = wait_or_kill(bed, start(bed), at, wr_prng_below(&bed->random, 400000));
		bed->cut_short += log_has(bed, "that were not committed are cut off") ? 1 : 0;
		if (status > 0) {
			show_log(bed);
			return tap_check(false, "life %u ended with %d", i, status);
		}
	}
	return true;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* Each key's lines are those of the input, in their order. */
static bool compare(const struct bed *bed)
{
	uint64_t next[KEYS] = {0};
	uint64_t count = 0;
	uint64_t n;
	unsigned key;
	char line[64];
	FILE *file = fopen(in_dir(bed, "out.jsonl"), "r");
	must(file != NULL, "out.jsonl");
	while (fgets(line, sizeof line, file) != NULL) {
		char expected[64];
		count++;
		if (sscanf(line, "{\"n\":%" SCNu64 ",\"key\":\"k%u\"}", &n, &key) != 2 ||
		    key >= KEYS)
			return tap_check(false,
					 "line %" PRIu64 " of the output is no line of "
					 "the input: %s",
					 count, line);
		uint64_t wanted = next[key] + 1;
		while (wanted <= bed->lines && key_of(wanted) != key)
			wanted++;
		(void)snprintf(expected, sizeof expected, "{\"n\":%" PRIu64 ",\"key\":\"k%u\"}\n",
			       wanted, key);
		if (strcmp(line, expected) != 0)
			return tap_check(false,
					 "line %" PRIu64 " of the output: %.50s comes where "
					 "%.50s should",
					 count, line, expected);
		next[key] = n;
	}
	fclose(file);
	return tap_check(count == bed->lines,
			 "%" PRIu64 " of %" PRIu64 " lines are in the output, each key's in order, "
			 "none twice",
			 count, bed->lines);
}

int main(int argc, char **argv)
{
	struct bed bed = {.lines = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000};
	uint32_t kills = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10;
	uint64_t seed = test_seed();
	wr_prng_init(&bed.random, seed);
	test_dir_make(bed.dir);
	write_input(&bed);
	write_config(&bed);
	time_t begun = time(NULL);
	if (kill_again_and_again(&bed, kills)) {
		tap_check(bed.kills >= kills / 2, "%u of %u kills hit a living run", bed.kills,
			  kills);
		tap_check(bed.mid_copy >= kills / 8, "%u of them in the middle of the copy",
			  bed.mid_copy);
		int status = wait_or_kill(&bed, start(&bed), UINT64_MAX, 0);
		if (status != 0)
			show_log(&bed);
		tap_check(status == 0, "the last life ends by itself, with %d", status);
		(void)compare(&bed);
		uint64_t bytes = output_bytes(&bed);
		status = wait_or_kill(&bed, start(&bed), UINT64_MAX, 0);
		tap_check(status == 0 && output_bytes(&bed) == bytes,
			  "one more finds nothing to do");
		tap_note("%" PRIu64 " lines, %u kills, %u outputs cut back to what was committed, "
			 "%ld s",
			 bed.lines, bed.kills, bed.cut_short, (long)(time(NULL) - begun));
	}
	test_dir_remove(bed.dir);
	return tap_end();
}
