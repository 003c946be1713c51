/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An execution as text: the events in an order in which they can have come, each with its thread,
 * what it stored, or what it loaded and from whom.
 *
 *   T0  2 b  wr_store_release(&q->tail) = 1              core/base/spsc.h:72 in wr_spsc_push
 *   T1  0 b  wr_load_acquire(&q->tail) -> 1 from T0 2    core/base/spsc.h:80 in wr_spsc_ready
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/explorer/engine.h"

extern const char __executable_start[];

const char *report_file(const char *file)
{
	static const char *const folders[] = {"/core/", "/include/weir/", "/tests/explorer/"};
	for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++)
		for (const char *at = file; (at = strstr(at, folders[i])) != NULL;)
			file = ++at;
	return file;
}

static void print_read(char *text, size_t bytes, const struct event *e)
{
	const char *half =
		e->rmw == RMW_NONE ? "" : (e->is_exclusive ? " found" : " failed, found");
	char from[24] = "the start";
	if (!ref_is_initial(e->rf))
		(void)snprintf(from, sizeof from, "T%u %u", ref_thread(e->rf), ref_index(e->rf));
	(void)snprintf(text, bytes, "%s%s -> %" PRIu64 " from %s", e->site->what, half, e->value,
		       from);
}

static void print_event(char *text, size_t bytes, const struct event *e)
{
	char what[160];
	if (e->kind == EVENT_READ)
		print_read(what, sizeof what, e);
	else if (e->kind == EVENT_WRITE)
		(void)snprintf(what, sizeof what, "%s = %" PRIu64, e->site->what, e->value);
	else
		(void)snprintf(what, sizeof what, "%s", e->site->what);
	/* Places that one line of the sources uses have a letter each. */
	char place = e->kind == EVENT_FENCE ? ' ' : (char)('a' + e->location % 26);
	(void)snprintf(text, bytes, "#   T%u %2u %c  %-56s %s:%d in %s\n", e->thread, e->index,
		       place, what, report_file(e->site->file), e->site->line, e->site->function);
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
		(void)snprintf(text + at, bytes - at, "#   T%u waits\n", t);
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
	(void)snprintf(text, bytes, "%s", report_file(line));
	return true;
}

void report_place(char *text, size_t bytes, const void *from, bool is_site)
{
	const struct explorer_site *site = from;
	uintptr_t offset = (uintptr_t)from - (uintptr_t)__executable_start - 1;
	if (is_site)
		(void)snprintf(text, bytes, "%s:%d", report_file(site->file), site->line);
	else if (!ask_addr2line(text, bytes, offset))
		(void)snprintf(text, bytes, "offset 0x%" PRIxPTR, offset);
}
