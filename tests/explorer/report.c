/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An execution as text: the events in an order in which they can have come, each with its thread,
 * what it stored, or what it loaded and from whom.
 *
 *     T0  2  wr_store_release(&q->tail) = 1              core/base/spsc.h:72 in wr_spsc_push
 *     T1  0  wr_load_acquire(&q->tail) -> 1 from T0 2    core/base/spsc.h:80 in wr_spsc_ready
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/explorer/engine.h"

extern const char __executable_start[];

static const char *short_name(const char *file)
{
	while (strncmp(file, "../", 3) == 0)
		file += 3;
	return file;
}

static int print_read(char *text, size_t bytes, const struct event *e)
{
	const char *half =
		e->rmw == RMW_NONE ? "" : (e->is_exclusive ? " found" : " failed, found");
	if (ref_is_initial(e->rf))
		return snprintf(text, bytes, "%s%s -> %" PRIu64 " from the start", e->site->what,
				half, e->value);
	return snprintf(text, bytes, "%s%s -> %" PRIu64 " from T%u %u", e->site->what, half,
			e->value, ref_thread(e->rf), ref_index(e->rf));
}

static void print_event(char *text, size_t bytes, const struct event *e)
{
	char what[160];
	if (e->kind == EVENT_READ)
		(void)print_read(what, sizeof what, e);
	else if (e->kind == EVENT_WRITE)
		(void)snprintf(what, sizeof what, "%s = %" PRIu64, e->site->what, e->value);
	else
		(void)snprintf(what, sizeof what, "%s", e->site->what);
	(void)snprintf(text, bytes, "    T%u %2u  %-58s %s:%d in %s\n", e->thread, e->index, what,
		       short_name(e->site->file), e->site->line, e->site->function);
}

void report_trace(char *text, size_t bytes)
{
	size_t at = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < run.order_count && at + 1 < bytes; i++) {
		print_event(text + at, bytes - at, graph_event(run.graph, run.order[i]));
		at += strlen(text + at);
	}
	for (unsigned t = 0; t < run.thread_count && at + 1 < bytes; t++) {
		if (run.threads[t].state != THREAD_BLOCKED)
			continue;
		(void)snprintf(text + at, bytes - at, "    T%u waits\n", t);
		at += strlen(text + at);
	}
}

/* The line of a return address, by addr2line where that is there. */
static bool ask_addr2line(char *text, size_t bytes, uintptr_t offset)
{
	char command[160], line[256];
	(void)snprintf(command, sizeof command,
		       "addr2line -e /proc/%ld/exe 0x%" PRIxPTR " 2>/dev/null", (long)getpid(),
		       offset);
	FILE *pipe = popen(command, "r");
	if (pipe == NULL)
		return false;
	bool found = fgets(line, sizeof line, pipe) != NULL && line[0] != '?';
	(void)pclose(pipe);
	if (!found)
		return false;
	line[strcspn(line, " \n")] = '\0';
	const char *name = strstr(line, "/core/");
	name = name != NULL ? name : strstr(line, "/tests/");
	name = name != NULL ? name : strstr(line, "/include/");
	(void)snprintf(text, bytes, "%s", name != NULL ? name + 1 : line);
	return true;
}

void report_place(char *text, size_t bytes, const void *from, bool is_site)
{
	const struct explorer_site *site = from;
	uintptr_t offset = (uintptr_t)from - (uintptr_t)__executable_start - 1;
	if (is_site)
		(void)snprintf(text, bytes, "%s:%d", short_name(site->file), site->line);
	else if (!ask_addr2line(text, bytes, offset))
		(void)snprintf(text, bytes, "offset 0x%" PRIxPTR, offset);
}
