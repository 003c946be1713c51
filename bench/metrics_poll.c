/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader that polls: each pipeline of this user, so many times a second, until it is ended. For
 * tools/measure/metrics.sh, which asks what that costs them.
 * usage: bench_metrics_poll TIMES_A_SECOND SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <weir.h>

#define READERS_MAX 16

static struct weir_metrics *readers[READERS_MAX];
static uint32_t reader_count;

/* Files of pipelines that have died stay for a while: nobody is disturbed by a reader of those. */
static int open_one(void *context, const char *path)
{
	struct weir_metrics_about about;
	struct weir_metrics *reader;
	(void)context;
	if (reader_count == READERS_MAX || weir_metrics_open(path, &reader, NULL) != 0)
		return 0;
	if (weir_metrics_about(reader, &about) == 0 && about.state == WEIR_METRICS_RUNNING)
		readers[reader_count++] = reader;
	else
		weir_metrics_close(reader);
	return 0;
}

int main(int argc, char **argv)
{
	long rate = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	unsigned long long updates = 0, failed = 0;

	if (rate < 1 || seconds <= 0) {
		(void)fprintf(stderr, "usage: bench_metrics_poll TIMES_A_SECOND SECONDS\n");
		return 2;
	}
	const struct timespec wait = {.tv_sec = rate == 1,
				      .tv_nsec = 1000000000 / rate % 1000000000};
	unsigned long long rounds = (unsigned long long)((double)rate * seconds);
	for (unsigned long long i = 0; i < rounds; i++) {
		/* A pipeline may begin after this. */
		if (reader_count == 0)
			(void)weir_metrics_list(NULL, open_one, NULL);
		for (uint32_t r = 0; r < reader_count; r++) {
			updates++;
			failed += weir_metrics_update(readers[r]) != 0;
		}
		(void)nanosleep(&wait, NULL);
	}
	for (uint32_t r = 0; r < reader_count; r++)
		weir_metrics_close(readers[r]);
	(void)printf("%llu updates, %llu failed\n", updates, failed);
	return failed == 0 ? 0 : 1;
}
