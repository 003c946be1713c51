/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sinks of a run, opened; and those that are refused for what they would write to: a file that
 * a source reads, or one in the journal's directory.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/run.h"

#define PATH_BYTES 4096

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Of two that are not there yet: the same name in the same folder. */
static bool would_be_same(const char *a, const char *b)
{
	char rooms[4][PATH_BYTES];
	struct stat folders[2];
	for (uint32_t i = 0; i < 4; i++)
		(void)snprintf(rooms[i], PATH_BYTES, "%s", i % 2 == 0 ? a : b);
	return strcmp(basename(rooms[0]), basename(rooms[1])) == 0 &&
	       stat(dirname(rooms[2]), &folders[0]) == 0 &&
	       stat(dirname(rooms[3]), &folders[1]) == 0 && is_same(&folders[0], &folders[1]);
}

/* A sink whose file a source reads, under whatever names, would never end. */
static bool is_a_circle(const struct run *run, const char *file)
{
	struct stat written;
	struct stat read;
	if (file == NULL)
		return false;
	bool is_there = stat(file, &written) == 0;
	for (uint32_t i = 0; i < run->source_count; i++)
		for (uint32_t f = 0; f < run->sources[i].file_count; f++) {
			const char *name = run->sources[i].files[f];
			if (stat(name, &read) == 0 ? is_there && is_same(&read, &written)
						   : !is_there && would_be_same(name, file))
				return true;
		}
	return false;
}

/* Under whatever name: the journal takes what lies there for its own, and may remove it. */
static bool is_in_the_journal(const struct run *run, const char *file)
{
	char room[PATH_BYTES];
	struct stat folder;
	struct stat journal;
	if (file == NULL || run->options.dir == NULL)
		return false;
	(void)snprintf(room, sizeof room, "%s", file);
	return stat(dirname(room), &folder) == 0 && stat(run->options.dir, &journal) == 0 &&
	       is_same(&folder, &journal);
}

/* `weir run c.yaml <log >>log`. */
static bool is_a_circle_of_streams(const struct run *run)
{
	struct stat written;
	struct stat read;
	bool reads = false;
	for (uint32_t i = 0; i < run->source_count; i++)
		reads |= run->sources[i].from == WEIR_CONFIG_FROM_STDIN;
	return reads && fstat(STDIN_FILENO, &read) == 0 && fstat(STDOUT_FILENO, &written) == 0 &&
	       S_ISREG(read.st_mode) && is_same(&read, &written);
}

int run_open_sinks(struct run *run)
{
	for (uint32_t i = 0; i < run->deliverer_count; i++) {
		struct run_deliverer *d = &run->deliverers[i];
		int rc = -EINVAL;
		if (is_a_circle(run, d->of.config->file))
			run_fault_set(&d->fault, rc, "%s is read by a source, too",
				      d->of.config->file);
		else if (is_in_the_journal(run, d->of.config->file))
			run_fault_set(&d->fault, rc,
				      "%s lies in the journal's directory, where only the "
				      "journal's own files may be",
				      d->of.config->file);
		else if (d->of.config->to == WEIR_CONFIG_TO_STDOUT && is_a_circle_of_streams(run))
			run_fault_set(&d->fault, rc,
				      "standard output is the file that standard "
				      "input reads: it would never end");
		else
			rc = run_sink_open(&d->of, &d->sink, &d->fault);
		if (rc == 0)
			continue;
		lines_say(WR_EVENT_SUBSCRIPTION_FAILED,
			  WR_FIELDS(wr_field_text("subscription", d->of.subscription->name),
				    wr_field_code(rc)),
			  "subscription %s: %s", d->of.subscription->name, d->fault.text);
		return rc == -EINVAL ? CLI_EXIT_CONFIG : (int)cli_exit_of(rc);
	}
	return CLI_GO_ON;
}
