/* SPDX-License-Identifier: Apache-2.0 */
/* See seen_threads.h. */
#include "tests/support/seen_threads.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

uint32_t seen_threads(struct seen_thread *threads)
{
	uint32_t count = 0;
	DIR *tasks = opendir("/proc/self/task");
	fixture_need(tasks != NULL, "/proc/self/task");
	for (struct dirent *e = readdir(tasks); e != NULL; e = readdir(tasks)) {
		struct seen_thread *t = &threads[count];
		struct sched_param param;
		char path[64];
		t->id = (pid_t)strtol(e->d_name, NULL, 10);
		if (t->id <= 0)
			continue;
		(void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)t->id);
		FILE *comm = fopen(path, "re");
		bool whole = comm != NULL && fgets(t->name, sizeof t->name, comm) != NULL;
		if (comm != NULL)
			fclose(comm);
		t->policy = sched_getscheduler(t->id) & ~SCHED_RESET_ON_FORK;
		whole = whole && sched_getaffinity(t->id, sizeof t->cpus, &t->cpus) == 0 &&
			sched_getparam(t->id, &param) == 0;
		if (!whole)
			continue; // ended meanwhile
		t->name[strcspn(t->name, "\n")] = '\0';
		t->priority = param.sched_priority;
		fixture_need(++count < SEEN_THREADS_MAX, "fewer threads than that");
	}
	closedir(tasks);
	return count;
}
