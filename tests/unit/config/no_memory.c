/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   when memory runs out at any allocation of libweir-config's own, reading says -ENOMEM,
 *         opening refuses, and nothing leaks or crashes.
 * Method: malloc and calloc of the library are led through here by the linker (--wrap), and the
 *         n-th fails, for each n until none does. libfyaml's and hwloc's own are not: they are
 *         another library's. Plain main(), TAP; leaks are AddressSanitizer's to find.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/config.h>

void *__real_calloc(size_t count, size_t bytes);
void *__real_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);

static int countdown = -1; /* allocations until one fails; -1: none */
static int failures;

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failures++;
	return true;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

static int case_count;
static int failed_count;

static void check(bool good, const char *what, int n)
{
	if (good)
		return;
	failed_count++;
	printf("# %s: allocation %d\n", what, n);
}

static char *large_text(void)
{
	char *text = __real_calloc(1, 1 << 16);
	size_t used = (size_t)snprintf(text, 1 << 16,
				       "journal: {dir: \"x\\ty\"}\nthreads: {log: {cpus: [0, 1]}}\n"
				       "topics:\n");
	for (int i = 0; i < 40; i++)
		used += (size_t)snprintf(text + used, (1 << 16) - used,
					 "  - {name: t%d, partitions: 2}\n", i);
	(void)snprintf(text + used, (1 << 16) - used,
		       "subscriptions: [{name: s, topics: [t0, t1]}]\n");
	return text;
}

/* Reads with the n-th allocation failing; false: none failed. */
static bool read_with(const char *text, unsigned flags, int expected, int n)
{
	struct weir_config *config = NULL;
	struct weir_problem problem = {0};
	failures = 0;
	countdown = n;
	int rc = weir_config_parse("x", text, strlen(text), flags, &config, &problem);
	countdown = -1;
	if (failures > 0) {
		check(rc == -ENOMEM && config == NULL, "a result other than -ENOMEM", n);
		check(problem.code == -ENOMEM && problem.text[0] != '\0', "no problem", n);
	} else {
		check(rc == expected, "not read, and nothing failed", n);
	}
	weir_config_destroy(config);
	return failures > 0;
}

static void sweep(const char *name, const char *text, unsigned flags, int expected)
{
	int n = 0;
	int failed_before = failed_count;
	while (read_with(text, flags, expected, n) && n < 10000)
		n++;
	check(n > 1, "no allocation failed", n);
	printf("%s %d - %s: %d allocations\n", failed_count == failed_before ? "ok" : "not ok",
	       ++case_count, name, n);
}

/* Opening a config that was read for any machine places its threads then. */
static void sweep_open(void)
{
	static const char text[] = "name: a\n";
	struct weir_config *config = NULL;
	int failed_before = failed_count;
	int n = 0;
	int rc = weir_config_parse("x", text, strlen(text), WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	check(rc == 0, "not read", 0);
	for (; rc == 0; n++) {
		struct weir_pipeline *pipeline = NULL;
		failures = 0;
		countdown = n;
		int opened = weir_config_open(config, NULL, &pipeline, NULL);
		countdown = -1;
		if (failures == 0) {
			check(opened == 0, "not opened, and nothing failed", n);
			(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
			break;
		}
		check(opened < 0 && pipeline == NULL, "opened without memory", n);
	}
	weir_config_destroy(config);
	check(n > 1, "no allocation failed", n);
	printf("%s %d - open: %d allocations\n", failed_count == failed_before ? "ok" : "not ok",
	       ++case_count, n);
}

int main(void)
{
	char *large = large_text();
	sweep("a small file", "name: a\n", WEIR_CONFIG_ANY_MACHINE, 0);
	sweep("a larger file", large, WEIR_CONFIG_ANY_MACHINE, 0);
	sweep("a file with mistakes", "nmae: a\njournal: {dir: 1, segment: x}\n",
	      WEIR_CONFIG_ANY_MACHINE, 2);
	sweep("a file for this machine", "name: a\n", 0, 0);
	sweep_open();
	free(large);
	printf("1..%d\n", case_count);
	return failed_count > 0;
}
