/* SPDX-License-Identifier: Apache-2.0 */
/* See find.h. */
#include "tools/weir/top/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct search {
	struct find *find;
	const char *which;
	char directory[1024]; /* `which` as a whole path, "": it is none */
};

/* A process that was killed and began again may have its number again, and so its file's name. */
static bool is_open(const struct find *f, const char *path, uint64_t inode)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (strcmp(f->paths[i], path) == 0 && f->inodes[i] == inode)
			return true;
	return false;
}

static bool is_wanted(const struct search *s, const struct look *l)
{
	char pid[24];

	if (s->which == NULL || strcmp(l->about.name, s->which) == 0)
		return true;
	(void)snprintf(pid, sizeof pid, "%llu", (unsigned long long)l->about.pid);
	if (strcmp(pid, s->which) == 0)
		return true;
	return l->about.dir[0] != '\0' &&
	       (strcmp(l->about.dir, s->which) == 0 || strcmp(l->about.dir, s->directory) == 0);
}

/* By name, then by process; where it belongs. */
static uint32_t place_of(const struct find *f, const struct look *l)
{
	uint32_t at = 0;

	for (; at < f->count; at++) {
		int order = strcmp(f->looks[at]->about.name, l->about.name);
		if (order > 0 || (order == 0 && f->looks[at]->about.pid > l->about.pid))
			break;
	}
	return at;
}

static void take_file(struct search *s, const char *path)
{
	struct find *f = s->find;
	struct weir_problem problem = {.text = ""};
	struct stat st;
	uint64_t inode = stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;

	if (is_open(f, path, inode))
		return;
	if (f->count == FIND_MAX) {
		f->beyond++;
		return;
	}
	struct look *l = malloc(sizeof *l);
	char *copy = strdup(path);
	int r = l == NULL || copy == NULL ? -ENOMEM : look_open(l, path, &problem);
	if (r < 0) {
		f->more++;
		f->code = r;
		(void)snprintf(f->why, sizeof f->why, "%s: %s", path,
			       problem.text[0] != '\0' ? problem.text : weir_strerror(r));
	} else if (is_wanted(s, l)) {
		uint32_t at = place_of(f, l);
		memmove(f->looks + at + 1, f->looks + at, (f->count - at) * sizeof *f->looks);
		memmove(f->paths + at + 1, f->paths + at, (f->count - at) * sizeof *f->paths);
		memmove(f->inodes + at + 1, f->inodes + at, (f->count - at) * sizeof *f->inodes);
		f->inodes[at] = inode;
		f->looks[at] = l;
		f->paths[at] = copy;
		f->count++;
		return;
	} else {
		look_close(l);
	}
	free(l);
	free(copy);
}

static int on_file(void *context, const char *path)
{
	take_file(context, path);
	return 0;
}

static int search(struct find *f, const char *dir, const char *which)
{
	struct search s = {.find = f, .which = which};
	char *whole = which == NULL ? NULL : realpath(which, NULL);

	f->more = f->beyond = 0;
	if (whole != NULL)
		(void)snprintf(s.directory, sizeof s.directory, "%s", whole);
	free(whole);
	int r = weir_metrics_list(dir, on_file, &s);
	return r == -ENOENT ? 0 : r;
}

/* ---- where else there are some ---- */

#define ALL_USERS "/dev/shm"

static int any_file(void *context, const char *path)
{
	(void)context;
	(void)path;
	return 1;
}

/*
 * What a service has is in the folder of its own user, which is not who looks: under systemd that
 * is one without a name. Who may read it is told where it is.
 */
static void tell_of_others(const char *own)
{
	char path[sizeof ALL_USERS + 256];
	const struct dirent *entry;
	DIR *all = opendir(ALL_USERS);

	while (all != NULL && (entry = readdir(all)) != NULL) {
		const char *user = entry->d_name + 5;
		if (strncmp(entry->d_name, "weir-", 5) != 0 || user[0] == '\0' ||
		    user[strspn(user, "0123456789")] != '\0')
			continue;
		(void)snprintf(path, sizeof path, ALL_USERS "/%s", entry->d_name);
		if (strcmp(path, own) != 0 && weir_metrics_list(path, any_file, NULL) > 0)
			fprintf(stderr,
				"weir: user %s has pipelines here, or had: --metrics-dir %s\n",
				user, path);
	}
	if (all != NULL)
		(void)closedir(all);
}

/* A file of metrics by its path. */
static bool is_file(const char *which)
{
	FILE *file = strchr(which, '/') == NULL ? NULL : fopen(which, "r");
	char byte;
	bool is = file != NULL && fread(&byte, 1, 1, file) == 1;

	if (file != NULL)
		(void)fclose(file);
	return is;
}

int find_open(struct find *f, const char *dir, const char *which)
{
	char where[1024];

	memset(f, 0, sizeof *f);
	if (which != NULL && is_file(which)) {
		struct search s = {.find = f};
		take_file(&s, which);
		if (f->count == 0) {
			fprintf(stderr, "weir: %s (%s)\n", f->why, weir_error_name(f->code));
			return (int)cli_exit_of(f->code);
		}
		return CLI_GO_ON;
	}
	(void)weir_metrics_default_dir(where, sizeof where);
	if (dir != NULL)
		(void)snprintf(where, sizeof where, "%s", dir);
	int r = search(f, dir, which);
	/* That of this user is made with its first pipeline; one that was named is a mistake. */
	if (r == 0 && dir != NULL && access(dir, F_OK) != 0)
		r = -errno;
	if (r < 0)
		return cli_fail(where, r, NULL);
	if (f->count == 0 && dir == NULL)
		tell_of_others(where);
	if (f->count > 0 || which == NULL)
		return CLI_GO_ON;
	find_warn(f);
	fprintf(stderr,
		"weir: no pipeline \"%s\" in %s: that is its name, its journal's directory or its "
		"process\n",
		which, where);
	return CLI_EXIT_NOT_FOUND;
}

void find_more(struct find *f, const char *dir, const char *which)
{
	if (which == NULL || !is_file(which))
		(void)search(f, dir, which);
}

void find_look(struct find *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		(void)look_again(f->looks[i]);
}

void find_warn(const struct find *f)
{
	if (f->more > 0)
		fprintf(stderr, "weir: %u file%s could not be read: %s\n", f->more,
			f->more == 1 ? "" : "s", f->why);
	if (f->beyond > 0)
		fprintf(stderr, "weir: %u more file%s not looked at: name the pipeline\n",
			f->beyond, f->beyond == 1 ? " was" : "s were");
}

void find_close(struct find *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		look_close(f->looks[i]);
		free(f->looks[i]);
		free(f->paths[i]);
	}
	f->count = 0;
}
