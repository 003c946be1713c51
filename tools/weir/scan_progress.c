/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/scan_progress.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/harness.h"

#define BAR_CELLS 30u
#define QUIET_NS 300000000u

/* Spares are told as segments, too. What comes or goes meanwhile only makes the bar inexact. */
static uint32_t count_files(const char *dir)
{
	uint32_t count = 0;
	DIR *d = opendir(dir);
	if (d == NULL)
		return 0;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		const char *end = strrchr(e->d_name, '.');
		count += end != NULL && strcmp(end, ".seg") == 0;
	}
	closedir(d);
	return count;
}

void scan_progress_begin(struct scan_progress *p, const char *dir)
{
	*p = (struct scan_progress){.shown = isatty(STDERR_FILENO) == 1};
	if (!p->shown)
		return;
	p->files = count_files(dir);
	p->begun_ns = bench_now_ns();
}

void scan_progress_segment(struct scan_progress *p, const struct weir_journal_segment *segment,
			   uint64_t found)
{
	char bar[BAR_CELLS + 1];
	p->done++;
	if (!p->shown || bench_now_ns() - p->begun_ns < QUIET_NS)
		return;
	uint32_t all = p->files > p->done ? p->files : p->done;
	uint32_t full = (uint32_t)((uint64_t)p->done * BAR_CELLS / all);
	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', full);
	bar[BAR_CELLS] = '\0';
	fprintf(stderr, "\r[%s] %u of %u segments, to sequence %llu, %llu found   ", bar, p->done,
		all,
		(unsigned long long)(segment->end_sequence > 0 ? segment->end_sequence - 1 : 0),
		(unsigned long long)found);
	p->drawn = true;
}

void scan_progress_clear(struct scan_progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\r%100s\r", "");
	p->drawn = false;
}
