/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a run would write to: each has one writer, none is read by the same run, and none lies
 * where the journal keeps its own, which may take it for one of them. Beside an output whose
 * progress goes with it stands a second file, out.weir, which is looked at as the first one is.
 *
 * Names are compared as they are written, but for `.`, `..` and slashes that say nothing: the check
 * may run on another machine, so that no folder is looked into. What two names for one file are
 * there (a link, a name from the root) is found by weir run before it writes.
 *
 * Thread: one at a time.
 */
#include <string.h>

#include "io/config/check.h"
#include "io/config/keys_inner.h"
#include "io/config/read.h"

/* As short as it can be said, in `to`, which has room for `path` and 2 bytes more. */
static void shorten(const char *path, char *to)
{
	bool from_root = path[0] == '/';
	size_t start = from_root ? 1 : 0, end = start, ups = start;
	to[0] = '/';
	while (*path != '\0') {
		size_t length = strcspn(path, "/");
		bool up = length == 2 && path[0] == '.' && path[1] == '.';
		if (up && end > ups) {
			do
				end--;
			while (end > ups && to[end] != '/');
		} else if (length > 0 && !(length == 1 && path[0] == '.') && !(up && from_root)) {
			if (end > start)
				to[end++] = '/';
			memcpy(to + end, path, length);
			end += length;
			ups = up ? end : ups;
		}
		path += length + (path[length] == '/' ? 1 : 0);
	}
	if (end == 0)
		to[end++] = '.';
	to[end] = '\0';
}

/* NULL: there is none, or no memory, which is told elsewhere. */
static char *short_of(struct wr_config_findings *findings, const char *path, const char *behind)
{
	if (path == NULL)
		return NULL;
	size_t length = strlen(path), more = strlen(behind);
	char *to = wr_config_alloc(findings->arena, length + more + 3);
	if (to == NULL) {
		findings->out_of_memory = true;
		return NULL;
	}
	shorten(path, to);
	memcpy(to + strlen(to), behind, more + 1);
	return to;
}

/* What one sink writes to. */
struct written {
	char *file; /* NULL: no file */
	char *side; /* NULL: none */
	uint32_t members;
};

struct wr_config_paths {
	struct written *sinks; /* as many as there are subscriptions */
	const char *folder;    /* of the journal; NULL: none */
	const char *config;
	uint32_t read_count;
	char **read; /* by sources */
};

/* Whether `name` is `pattern`, or what becomes of it when %m is the number of one of `members`. */
static bool is_of(const char *pattern, uint32_t members, const char *name)
{
	const char *mark = strstr(pattern, "%m");
	if (strcmp(pattern, name) == 0)
		return true;
	if (mark == NULL || strncmp(pattern, name, (size_t)(mark - pattern)) != 0)
		return false;
	const char *digits = name + (mark - pattern);
	size_t count = strspn(digits, "0123456789");
	uint64_t number = 0;
	for (size_t i = 0; i < count && number < members; i++)
		number = number * 10 + (uint64_t)(digits[i] - '0');
	return count > 0 && (count == 1 || digits[0] != '0') && number < members &&
	       strcmp(digits + count, mark + 2) == 0;
}

/* Whether one of the members of `a` writes to a file of `b`: a_file and b_file are theirs. */
static bool meet(const struct written *a, const char *a_file, const struct written *b,
		 const char *b_file)
{
	return a_file != NULL && b_file != NULL &&
	       (is_of(a_file, a->members, b_file) || is_of(b_file, b->members, a_file));
}

static struct weir_config_diagnostic *refuse(struct wr_config_findings *findings,
					     const struct wr_config_node *node, const char *text,
					     const char *help)
{
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_item_place(findings, node, "file"), "file: %s", text);
	wr_config_help(findings, d, "%s", help);
	return d;
}

/* Of the sinks before it. */
static void check_sinks_before(struct wr_config_findings *findings,
			       const struct wr_config_node *root, const struct wr_config_paths *of,
			       uint32_t index, const char *as_written)
{
	const struct wr_config_node *node =
		wr_config_child(wr_config_item_at(root, "subscriptions", index), "sink");
	const struct written *mine = &of->sinks[index];
	for (uint32_t i = 0; i < index; i++) {
		const struct written *other = &of->sinks[i];
		bool is_same = meet(mine, mine->file, other, other->file);
		bool is_beside = meet(mine, mine->file, other, other->side);
		if (!is_same && !is_beside && !meet(mine, mine->side, other, other->file))
			continue;
		const struct wr_config_node *its =
			wr_config_child(wr_config_item_at(root, "subscriptions", i), "sink");
		struct wr_config_place first = wr_config_item_place(findings, its, "file");
		if (is_same) {
			wr_config_refuse_second(findings, "sink to the file", as_written,
						wr_config_item_place(findings, node, "file"),
						first);
			return;
		}
		struct weir_config_diagnostic *d = refuse(
			findings, node,
			is_beside ? "weir keeps this file beside the output of another sink"
				  : "the file that weir keeps beside it, with .weir behind its "
				    "name, is the output of another sink",
			"another name for one of them");
		wr_config_note(findings, d, "the other is in line %u", first.line);
		return;
	}
}

/* Whether it lies in the folder, or is the folder. */
static bool is_in(const char *file, const char *folder)
{
	size_t length = strcmp(folder, ".") == 0 ? 0 : strlen(folder);
	if (strncmp(file, folder, length) != 0)
		return false;
	const char *rest = file + length;
	if (length == 0)
		return strchr(rest, '/') == NULL && strcmp(rest, "..") != 0;
	if (*rest == '\0')
		return true;
	if (folder[length - 1] != '/' && *rest++ != '/')
		return false;
	return strchr(rest, '/') == NULL;
}

static struct written written_by(struct wr_config_findings *findings, bool has_journal,
				 const struct wr_config_subscription *of)
{
	bool together = wr_config_is_together(of, has_journal);
	return (struct written){
		.file = short_of(findings, of->sink.file, ""),
		.side = together ? short_of(findings, of->sink.file, ".weir") : NULL,
		.members = of->members,
	};
}

/* Once, since there may be thousands of either. False: no memory. */
static bool take_sources(struct wr_config_findings *findings, const struct wr_config_values *values,
			 struct wr_config_paths *to)
{
	const struct wr_config_input *sources = values->sources.items;
	size_t count = 1;
	for (uint32_t i = 0; i < values->sources.count; i++)
		count += sources[i].files.count + 2u;
	to->read = wr_config_alloc(findings->arena, count * sizeof *to->read);
	if (to->read == NULL)
		return false;
	for (uint32_t i = 0; i < values->sources.count; i++) {
		const char *const *files = sources[i].files.items;
		to->read[to->read_count++] = short_of(findings, sources[i].file, "");
		to->read[to->read_count++] = short_of(findings, sources[i].follow, "");
		for (uint32_t f = 0; f < sources[i].files.count; f++)
			to->read[to->read_count++] = short_of(findings, files[f], "");
	}
	return true;
}

struct wr_config_paths *wr_config_paths(struct wr_config_findings *findings,
					const struct wr_config_node *root,
					const struct wr_config_values *values)
{
	const struct wr_config_subscription *all = values->subscriptions.items;
	bool has_journal = values->options.dir != NULL || wr_config_child(root, "journal") != NULL;
	struct wr_config_paths *to = wr_config_alloc(findings->arena, sizeof *to);
	if (to != NULL)
		to->sinks = wr_config_alloc(findings->arena,
					    (values->subscriptions.count + 1u) * sizeof *to->sinks);
	if (to == NULL || to->sinks == NULL || !take_sources(findings, values, to)) {
		findings->out_of_memory = true;
		return NULL;
	}
	for (uint32_t i = 0; i < values->subscriptions.count; i++)
		to->sinks[i] = written_by(findings, has_journal, &all[i]);
	to->folder = short_of(findings, values->options.dir, "");
	to->config = short_of(findings, findings->source->name, "");
	return to;
}

void wr_config_check_paths(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_paths *of, uint32_t index, const char *as_written)
{
	const struct wr_config_node *node =
		wr_config_child(wr_config_item_at(root, "subscriptions", index), "sink");
	const struct written nobody = {.members = 0};
	const struct written *mine = &of->sinks[index];
	if (mine->file == NULL)
		return;
	check_sinks_before(findings, root, of, index, as_written);
	if (of->folder != NULL && is_in(mine->file, of->folder))
		refuse(findings, node,
		       "in the journal's directory are the journal's own files only",
		       "a file in another folder than journal.dir");
	if (meet(mine, mine->file, &nobody, of->config) ||
	    meet(mine, mine->side, &nobody, of->config))
		refuse(findings, node, "this would write to the config file", "another name");
	for (uint32_t i = 0; i < of->read_count; i++)
		if (meet(mine, mine->file, &nobody, of->read[i]) ||
		    meet(mine, mine->side, &nobody, of->read[i])) {
			refuse(findings, node, "a source reads this file: it would never end",
			       "another name for one of them");
			break;
		}
}
