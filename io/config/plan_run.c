/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir run` takes beside the pipeline, and what is not there for it: files that sources read,
 * folders that sinks write into, programs of commands. Each is told with its place in the config,
 * as mistakes are: a path that is misspelled there is the usual reason. The counts are those of
 * tools/weir/run; tests/crash/test_run_plan.c compares them with a run.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/config/check.h"
#include "io/config/config.h"
#include "io/config/plan_inner.h"

/* Standard input, output and error; stop, finish and abort; a folder that is synced or looked
 * through. */
#define OTHERS 7u
/* The server's socket, what tells it of its clients, what wakes it, and the folder of metrics. */
#define OF_SERVE 4u

/* ---- descriptors ---- */

static uint32_t of_source(const struct weir_config_source *source)
{
	switch (source->from) {
	case WEIR_CONFIG_FROM_FILE:
	case WEIR_CONFIG_FROM_FILES:
		return 1; // one after another
	case WEIR_CONFIG_FROM_FOLLOW:
		return 2; // what was rotated away, and what comes next
	case WEIR_CONFIG_FROM_STDIN:
	case WEIR_CONFIG_FROM_GENERATE:
		return 0;
	}
	return 0;
}

static uint32_t of_sink(const struct weir_config_sink *sink)
{
	switch (sink->to) {
	case WEIR_CONFIG_TO_FILE:
		return sink->members * (sink->commit == WEIR_CONFIG_COMMIT_TOGETHER ? 2 : 1);
	case WEIR_CONFIG_TO_COMMAND:
		return sink->members * 2; // its standard input, and its end
	case WEIR_CONFIG_TO_NONE:
	case WEIR_CONFIG_TO_STDOUT:
	case WEIR_CONFIG_TO_NULL:
		return 0;
	}
	return 0;
}

void wr_plan_run(const struct weir_config *config, struct wr_plan_run *ret_run)
{
	bool any = config->values.sources.count > 0;
	*ret_run = (struct wr_plan_run){0};
	for (uint32_t i = 0; i < config->values.sources.count; i++)
		ret_run->sources += of_source(&config->sources[i]);
	for (uint32_t i = 0; i < config->values.subscriptions.count; i++) {
		any = any || config->sinks[i].to != WEIR_CONFIG_TO_NONE;
		ret_run->sinks += of_sink(&config->sinks[i]);
	}
	ret_run->bridges = wr_plan_bridges(config);
	any = any || config->values.bridges.count > 0;
	if (config->values.serve_listen != NULL) {
		ret_run->serve = OF_SERVE;
		ret_run->connections = config->values.serve_connections;
		any = true;
	}
	ret_run->others = any ? OTHERS : 0;
}

/* ---- places ---- */

static void put_place(struct wr_plan_lack *lack, struct wr_config_place place)
{
	lack->line = place.line;
	lack->column = place.column;
}

void wr_plan_place(const struct wr_plan_search *search, struct wr_plan_lack *lack, const char *path)
{
	const struct weir_config *config = search->input->config;
	const char *last = strrchr(path, '.');
	if (config == NULL)
		return;
	const struct wr_config_node *node = wr_config_node_at(config->root, path);
	/* Of a key that the file leaves at its default there is none. */
	if (node->key != NULL && strcmp(node->key->text, last != NULL ? last + 1 : path) == 0)
		put_place(lack, wr_config_place_at(&config->findings, config->root, path));
}

/* ---- what is not there ---- */

struct paths {
	struct wr_plan_search *search;
	const struct weir_config *config;
	uint32_t told;
	uint32_t more; /* that there was no room for */
	enum wr_lack_weight more_weight;
};

/* `what`: "source" or "subscription". NULL: there is no room for it, and it is counted. */
static struct wr_plan_lack *tell(struct paths *p, enum wr_lack_weight weight, const char *what,
				 const char *name, const struct wr_config_node *node,
				 const char *path, const char *why)
{
	if (p->told == WR_PLAN_PATHS_MAX) {
		p->more++;
		p->more_weight = weight > p->more_weight ? weight : p->more_weight;
		return NULL;
	}
	p->told++;
	struct wr_plan_lack *to = wr_plan_lack(p->search, weight, what, "%s %.50s: %.100s: %.60s",
					       what, name, path, why);
	put_place(to, wr_config_node_place(&p->config->findings, node));
	return to;
}

/* The value of source or sink that names a path; of a list its item. */
static const struct wr_config_node *node_of(const struct wr_config_node *map, const char *key,
					    const char *other, uint32_t index)
{
	const struct wr_config_node *node = wr_config_child(map, key);
	if (node == NULL && other != NULL)
		node = wr_config_child(map, other);
	if (node == NULL)
		return map;
	const struct wr_config_node *item = node->kind == WR_NODE_LIST ? node->first : NULL;
	while (item != NULL && index-- > 0)
		item = item->next;
	return item != NULL ? item : node;
}

/* What keeps a file from being read; NULL: nothing. */
static const char *why_unread(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return weir_strerror(-errno);
	if (!S_ISREG(status.st_mode))
		return "no regular file";
	return access(path, R_OK) == 0 ? NULL : weir_strerror(-errno);
}

/* Those behind the first are needed when it has been read. */
static void find_files(struct paths *p, const struct weir_config_source *source,
		       const struct wr_config_node *from)
{
	for (uint32_t i = 0; i < source->file_count; i++) {
		const char *why = why_unread(source->files[i]);
		struct wr_plan_lack *to = NULL;
		if (why != NULL)
			to = tell(p, i == 0 ? WR_LACK_STOPS : WR_LACK_LATER, "source", source->name,
				  node_of(from, "file", "files", i), source->files[i], why);
		if (to != NULL)
			WR_PLAN_MEND(to, "the file, and the right to read it; for one that is not "
					 "there yet from: {follow: ...}");
	}
}

/* A file that is not there yet is waited for; where its folder is not there, that may be long. */
static void find_followed(struct paths *p, const struct weir_config_source *source,
			  const struct wr_config_node *from)
{
	char folder[WR_MACHINE_PATH_BYTES];
	struct stat status;
	const char *path = source->files[0];
	const char *why = why_unread(path);
	wr_machine_parent(path, folder);
	if (why == NULL ||
	    (stat(path, &status) < 0 && errno == ENOENT && access(folder, X_OK) == 0))
		return;
	struct wr_plan_lack *to = tell(p, WR_LACK_SLOWS, "source", source->name,
				       node_of(from, "follow", NULL, 0), path, why);
	if (to == NULL)
		return;
	WR_PLAN_MEND(to,
		     "it is waited for: a file there, in a folder %.200s, and the right to read "
		     "it",
		     folder);
}

/* "%m" is the number of the member. */
static void put_member(const char *file, uint32_t member, char to[WR_MACHINE_PATH_BYTES])
{
	const char *mark = strstr(file, "%m");
	if (mark == NULL)
		(void)snprintf(to, WR_MACHINE_PATH_BYTES, "%s", file);
	else
		(void)snprintf(to, WR_MACHINE_PATH_BYTES, "%.*s%u%s", (int)(mark - file), file,
			       member, mark + 2);
}

/* True: told. */
static bool find_output(struct paths *p, const struct weir_config_sink *sink, const char *path,
			const char *name, const struct wr_config_node *node)
{
	char folder[WR_MACHINE_PATH_BYTES];
	struct stat status;
	wr_machine_parent(path, folder);
	bool is_there = stat(path, &status) == 0;
	bool makes = !is_there || sink->commit == WEIR_CONFIG_COMMIT_TOGETHER;
	int code = makes ? wr_machine_takes_files(folder) : 0;
	if (code < 0) {
		struct wr_plan_lack *to = tell(p, WR_LACK_STOPS, "subscription", name, node, folder,
					       code == -ENOENT ? "there is no such folder"
							       : "no folder that takes files");
		if (to != NULL)
			WR_PLAN_MEND(to, "mkdir -p %.200s; chown of it to the user of the service",
				     folder);
		return true;
	}
	const char *why = NULL;
	if (is_there && !S_ISREG(status.st_mode))
		why = "no regular file";
	else if (is_there && access(path, R_OK | W_OK) < 0)
		why = weir_strerror(-errno);
	if (why == NULL)
		return false;
	struct wr_plan_lack *to = tell(p, WR_LACK_STOPS, "subscription", name, node, path, why);
	if (to != NULL)
		WR_PLAN_MEND(to, "a file that may be read and written, or another name");
	return true;
}

static void find_sink(struct paths *p, const struct weir_config_sink *sink, const char *name,
		      const struct wr_config_node *map)
{
	char path[WR_MACHINE_PATH_BYTES];
	bool is_told = false;
	if (sink->to == WEIR_CONFIG_TO_COMMAND && !wr_machine_has_program(sink->command[0])) {
		struct wr_plan_lack *to = tell(p, WR_LACK_STOPS, "subscription", name,
					       node_of(map, "command", NULL, 0), sink->command[0],
					       "no program that may be run");
		if (to != NULL)
			WR_PLAN_MEND(to,
				     "the program in a folder of PATH, or its whole path; chmod "
				     "+x");
	}
	/* One is enough of members that have the same folder. */
	for (uint32_t m = 0; sink->to == WEIR_CONFIG_TO_FILE && m < sink->members && !is_told;
	     m++) {
		put_member(sink->file, m, path);
		is_told = find_output(p, sink, path, name, node_of(map, "file", NULL, 0));
	}
}

void wr_plan_find_run(struct wr_plan_search *search)
{
	const struct weir_config *config = search->input->config;
	struct paths p = {.search = search, .config = config};
	if (config == NULL)
		return;
	for (uint32_t i = 0; i < config->values.sources.count; i++) {
		const struct weir_config_source *source = &config->sources[i];
		const struct wr_config_node *from =
			wr_config_child(wr_config_item_at(config->root, "sources", i), "from");
		if (source->from == WEIR_CONFIG_FROM_FILES)
			find_files(&p, source, from);
		else if (source->from == WEIR_CONFIG_FROM_FOLLOW)
			find_followed(&p, source, from);
	}
	for (uint32_t i = 0; i < config->values.subscriptions.count; i++)
		find_sink(&p, &config->sinks[i], config->subscriptions[i].name,
			  wr_config_child(wr_config_item_at(config->root, "subscriptions", i),
					  "sink"));
	if (p.more > 0)
		WR_PLAN_MEND(
			wr_plan_lack(search, p.more_weight, "run",
				     "%u more files, folders and programs of sources and sinks "
				     "are not as they are to be",
				     p.more),
			"first those that are named here");
}
