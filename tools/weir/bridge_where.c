/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge_where.h. */
#include "tools/weir/bridge_where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef WR_HAVE_CONFIG
#include <weir/config.h>
#endif

#include "core/text/nearest.h"
#include "tools/weir/args.h"
#include "tools/weir/top/find.h"

#define BESIDE_JOURNAL ".bridges"
#define NEAREST_MAX 256u

/* One folder may be meant twice. 0, or what the file system said. */
static int add(struct bridge_where *where, const char *dir)
{
	for (uint32_t i = 0; i < where->count; i++)
		if (strcmp(where->dirs[i].dir, dir) == 0)
			return 0;
	if (where->count == BRIDGE_DIRS_MAX)
		return -E2BIG;
	struct bridge_states *states = &where->dirs[where->count];
	int bytes = snprintf(states->dir, sizeof states->dir, "%s", dir);
	if (bytes < 0 || (size_t)bytes >= sizeof states->dir)
		return -ENAMETOOLONG;
	int rc = bridge_states_read(states);
	where->count += rc == 0;
	return rc;
}

static int add_beside(struct bridge_where *where, const char *journal)
{
	char dir[sizeof where->dirs[0].dir];
	size_t bytes = strlen(journal);
	while (bytes > 1 && journal[bytes - 1] == '/')
		bytes--;
	int made = snprintf(dir, sizeof dir, "%.*s" BESIDE_JOURNAL, (int)bytes, journal);
	return made < 0 || (size_t)made >= sizeof dir ? -ENAMETOOLONG : add(where, dir);
}

static uint32_t count_of(const struct bridge_where *where)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < where->count; i++)
		count += where->dirs[i].count;
	return count;
}

static int refuse(const char *which, int rc)
{
	fprintf(stderr, "weir: %s: %s\n", which, weir_strerror(rc));
	return (int)cli_exit_of(rc);
}

static int none(const char *which, const char *why)
{
	fprintf(stderr, "weir: %s: %s\n", which, why);
	return CLI_EXIT_NOT_FOUND;
}

/* ---- what it may be -------------------------------------------------------------------------- */

/* A state_dir, or a journal that has one beside it. */
static int read_folder(struct bridge_where *where, const char *which)
{
	int rc = add(where, which);
	if (rc == 0 && where->dirs[0].count == 0) {
		bridge_where_free(where);
		rc = add_beside(where, which);
	}
	if (rc < 0 && rc != -ENOENT)
		return refuse(which, rc);
	return count_of(where) > 0
		       ? CLI_GO_ON
		       : none(which, "no bridge has its files in this folder, nor in one with "
				     ".bridges behind its name");
}

#ifdef WR_HAVE_CONFIG

static int read_config(struct bridge_where *where, const char *which)
{
	struct weir_config *config = NULL;
	struct weir_problem problem = {0};
	uint32_t count;
	int exit_code = CLI_GO_ON;
	int rc = weir_config_load(which, WEIR_CONFIG_ANY_MACHINE, &config, &problem);
	if (rc < 0)
		return cli_fail("config", rc, &problem);
	if (rc > 0) {
		fprintf(stderr, "weir: %s\n", problem.text);
		weir_config_destroy(config);
		return CLI_EXIT_CONFIG;
	}
	const struct weir_config_bridge *bridges = weir_config_bridges(config, &count);
	for (uint32_t i = 0; i < count && exit_code == CLI_GO_ON; i++) {
		rc = bridges[i].state_dir != NULL ? add(where, bridges[i].state_dir) : 0;
		if (rc < 0 && rc != -ENOENT)
			exit_code = refuse(bridges[i].state_dir, rc);
	}
	weir_config_destroy(config);
	if (exit_code != CLI_GO_ON || count_of(where) > 0)
		return exit_code;
	return none(which, count == 0
				   ? "it has no bridges"
				   : "its bridges have left no files: they never ran, or have no "
				     "state_dir");
}

#else

static int read_config(struct bridge_where *where, const char *which)
{
	(void)where;
	return none(which, "a file, and this weir was built without libweir-config: name the "
			   "folder");
}

#endif

/* Where its bridges say that their files are. */
static int add_told(struct bridge_where *where, const struct look *look)
{
	struct weir_metrics_object object;
	int rc = 0;
	for (uint32_t at = 0;
	     rc == 0 && weir_metrics_next(look->metrics, "bridge_files", &at, &object);) {
		rc = object.label_count > 1 ? add(where, object.label_values[1]) : 0;
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

static int read_pipelines(struct bridge_where *where, const char *metrics_dir, const char *which)
{
	static struct find found;
	int exit_code = find_open(&found, metrics_dir, which);
	for (uint32_t i = 0; exit_code == CLI_GO_ON && i < found.count; i++) {
		const char *journal = found.looks[i]->about.dir;
		int rc = journal[0] != '\0' ? add_beside(where, journal) : 0;
		if (rc == 0 || rc == -ENOENT)
			rc = add_told(where, found.looks[i]);
		if (rc < 0)
			exit_code = refuse(journal, rc);
	}
	find_close(&found);
	if (exit_code != CLI_GO_ON || count_of(where) > 0)
		return exit_code;
	return none(which != NULL ? which : "bridges",
		    "no pipeline has any beside its journal, or tells of any; name their "
		    "state_dir, or the config");
}

int bridge_where_read(struct bridge_where *where, const char *metrics_dir, const char *which)
{
	struct stat status;
	where->count = 0;
	if (which == NULL || stat(which, &status) < 0)
		return read_pipelines(where, metrics_dir, which);
	return S_ISDIR(status.st_mode) ? read_folder(where, which) : read_config(where, which);
}

void bridge_where_free(struct bridge_where *where)
{
	for (uint32_t i = 0; i < where->count; i++)
		bridge_states_free(&where->dirs[i]);
	where->count = 0;
}

struct bridge_state *bridge_where_find(struct bridge_where *where, const char *name,
				       const char **ret_dir, const char **ret_nearest)
{
	const char *names[NEAREST_MAX + 1] = {NULL};
	uint32_t count = 0;
	for (uint32_t d = 0; d < where->count; d++)
		for (uint32_t i = 0; i < where->dirs[d].count; i++) {
			struct bridge_state *state = &where->dirs[d].items[i];
			if (count < NEAREST_MAX)
				names[count++] = state->name;
			if (strcmp(state->name, name) != 0)
				continue;
			*ret_dir = where->dirs[d].dir;
			return state;
		}
	*ret_nearest = wr_nearest(name, names);
	return NULL;
}
