/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever a table describes is read: nested maps, lists of maps in lists of maps, lists of
 *         scalars, maps that have exactly one of several keys; defaults are set first, and an item
 *         with an error keeps its place.
 * Method: a table of the test's own, with a struct for each kind of map.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "io/config/read.h"
#include "io/config/yaml.h"

struct file_sink {
	const char *path;
	uint64_t rotate_bytes;
};

struct command_sink {
	const char *command;
	uint32_t attempts;
};

struct sink {
	unsigned which; /* 1: file, 2: command, 3: none */
	union {
		struct file_sink file;
		struct command_sink command;
	} to;
};

struct job {
	const char *name;
	struct sink sink;
	struct wr_config_list labels; /* const char * */
	struct wr_config_list steps;  /* struct step */
};

struct step {
	uint64_t wait_ns;
};

struct root {
	bool dry;
	struct wr_config_list jobs; /* struct job */
};

#define AT(structure, member)                                                                      \
	.offset = offsetof(structure, member), .bytes = sizeof(((structure *)NULL)->member)

static const struct wr_config_key file_keys[] = {{.name = "path",
						  AT(struct job, sink.to.file.path),
						  .type = WR_CONFIG_TEXT,
						  .required = true},
						 {.name = "rotate",
						  AT(struct job, sink.to.file.rotate_bytes),
						  .type = WR_CONFIG_SIZE,
						  .fallback = "1GiB"},
						 {0}};
static const struct wr_config_section file_section = {.keys = file_keys};
static const struct wr_config_key command_keys[] = {{.name = "run",
						     AT(struct job, sink.to.command.command),
						     .type = WR_CONFIG_TEXT,
						     .required = true},
						    {.name = "attempts",
						     AT(struct job, sink.to.command.attempts),
						     .type = WR_CONFIG_COUNT,
						     .fallback = "5"},
						    {0}};
static const struct wr_config_section command_section = {.keys = command_keys};
static const struct wr_config_key none_keys[] = {{0}};
static const struct wr_config_section none_section = {.keys = none_keys};

static const struct wr_config_key sink_keys[] = {
	{.name = "file", .type = WR_CONFIG_MAP, .section = &file_section},
	{.name = "command", .type = WR_CONFIG_MAP, .section = &command_section},
	{.name = "nowhere", .type = WR_CONFIG_MAP, .section = &none_section},
	{0}};
static const struct wr_config_section sink_section = {.keys = sink_keys};

static const struct wr_config_key step_keys[] = {
	{.name = "wait", AT(struct step, wait_ns), .type = WR_CONFIG_DURATION, .fallback = "1s"},
	{0}};
static const struct wr_config_section step_section = {.keys = step_keys,
						      .struct_bytes = sizeof(struct step)};

static const struct wr_config_key job_keys[] = {
	{.name = "name", AT(struct job, name), .type = WR_CONFIG_NAME, .max = 20, .required = true},
	{.name = "sink",
	 AT(struct job, sink.which),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &sink_section},
	{.name = "labels",
	 AT(struct job, labels),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_NAME,
	 .max = 3},
	{.name = "steps",
	 AT(struct job, steps),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &step_section},
	{0}};
static const struct wr_config_section job_section = {.keys = job_keys,
						     .struct_bytes = sizeof(struct job)};

static const struct wr_config_key root_keys[] = {
	{.name = "dry", AT(struct root, dry), .type = WR_CONFIG_BOOL, .fallback = "yes"},
	{.name = "jobs",
	 AT(struct root, jobs),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &job_section},
	{0}};
static const struct wr_config_section root_section = {.keys = root_keys,
						      .struct_bytes = sizeof(struct root)};

/* ---- reading with it ---- */

static struct wr_config_arena arena;
static struct wr_config_source source;
static struct wr_config_findings findings;
static struct root root;

static void read_text(const char *yaml)
{
	memset(&findings, 0, sizeof findings);
	memset(&root, 0, sizeof root);
	findings.arena = &arena;
	findings.source = &source;
	cr_assert_eq(wr_config_source_init(&source, &arena, "x", yaml, strlen(yaml)), 0);
	const struct wr_config_node *tree = wr_config_yaml(&findings);
	cr_assert_not_null(tree, "%s", findings.items[0].text);
	wr_config_defaults(&root_section, &root);
	wr_config_read(&findings, &root_section, tree, &root);
	wr_config_findings_sort(&findings);
}

static const char *finding(uint32_t index)
{
	cr_assert_lt(index, findings.count);
	return findings.items[index].text;
}

static void finish(void)
{
	wr_config_arena_fini(&arena);
}

Test(config_read, lists_of_maps_with_lists_in_them, .fini = finish)
{
	read_text("dry: no\n"
		  "jobs:\n"
		  "  - name: a\n"
		  "    labels: [x, \"y\"]\n"
		  "    steps: [{wait: 2s}, {}, ]\n"
		  "  - {name: b}\n");
	cr_assert_eq(findings.count, 0, "%s", findings.items[0].text);
	cr_assert(!root.dry);
	cr_assert_eq(root.jobs.count, 2);
	const struct job *jobs = root.jobs.items;
	cr_assert_str_eq(jobs[0].name, "a");
	cr_assert_eq(jobs[0].labels.count, 2);
	cr_assert_str_eq(((const char *const *)jobs[0].labels.items)[1], "y");
	cr_assert_eq(jobs[0].steps.count, 2);
	cr_assert_eq(((const struct step *)jobs[0].steps.items)[0].wait_ns, 2000000000);
	cr_assert_eq(((const struct step *)jobs[0].steps.items)[1].wait_ns, 1000000000);
	cr_assert_str_eq(jobs[1].name, "b");
	cr_assert_eq(jobs[1].labels.count, 0);
	cr_assert_eq(jobs[1].sink.which, 0);
}

Test(config_read, what_is_not_there_has_its_default, .fini = finish)
{
	read_text("jobs:\n");
	cr_assert_eq(findings.count, 0);
	cr_assert(root.dry);
	cr_assert_eq(root.jobs.count, 0);
}

Test(config_read, one_of_several_keys_is_read_with_its_defaults, .fini = finish)
{
	read_text("jobs:\n"
		  "  - {name: a, sink: {file: {path: /tmp/x}}}\n"
		  "  - {name: b, sink: {command: {run: \"tee -a x\", attempts: 7}}}\n"
		  "  - {name: c, sink: {nowhere: }}\n");
	cr_assert_eq(findings.count, 0, "%s", findings.items[0].text);
	const struct job *jobs = root.jobs.items;
	cr_assert_eq(jobs[0].sink.which, 1);
	cr_assert_str_eq(jobs[0].sink.to.file.path, "/tmp/x");
	cr_assert_eq(jobs[0].sink.to.file.rotate_bytes, 1ull << 30);
	cr_assert_eq(jobs[1].sink.which, 2);
	cr_assert_str_eq(jobs[1].sink.to.command.command, "tee -a x");
	cr_assert_eq(jobs[1].sink.to.command.attempts, 7);
	cr_assert_eq(jobs[2].sink.which, 3);
}

Test(config_read, not_one_of_several_keys_is_an_error, .fini = finish)
{
	read_text("jobs:\n"
		  "  - {name: a, sink: {file: {path: x}, nowhere: {}}}\n"
		  "  - {name: b, sink: {}}\n"
		  "  - {name: c, sink: file}\n"
		  "  - {name: d, sink: {fiel: {path: x}}}\n"
		  "  - {name: e, sink: {file: {pat: x}}}\n");
	cr_assert_eq(findings.count, 6);
	cr_assert_str_eq(finding(0), "jobs[0].sink needs one of file, command, nowhere");
	cr_assert_str_eq(finding(1), "jobs[1].sink needs one of file, command, nowhere");
	cr_assert_str_eq(finding(2), "jobs[2].sink needs one of file, command, nowhere");
	cr_assert_str_eq(finding(3),
			 "unknown key \"fiel\" in jobs[3].sink; did you mean \"file\"?");
	cr_assert_str_eq(finding(4), "jobs[4].sink.file has no path");
	cr_assert_str_eq(finding(5),
			 "unknown key \"pat\" in jobs[4].sink.file; did you mean \"path\"?");
	cr_assert_eq(findings.items[3].line, 5);
	cr_assert_eq(findings.items[3].column, 22);
}

Test(config_read, items_with_errors_keep_their_places, .fini = finish)
{
	read_text("jobs:\n"
		  "  - a\n"
		  "  - {name: [b]}\n"
		  "  - {name: c, labels: [x, [y], z], steps: [{wait: 5}, 7, {wait: 3s}]}\n"
		  "  - {name: d, labels: [a, b, c, d]}\n");
	cr_assert_eq(findings.count, 6);
	cr_assert_str_eq(finding(0), "jobs[0] is a map of keys, and this is a single value");
	cr_assert_str_eq(finding(1), "jobs[1].name is a name, and this is a list");
	cr_assert_str_eq(finding(2), "jobs[2].labels[1] is a name, and this is a list");
	cr_assert_str_eq(finding(3), "jobs[2].steps[0].wait: \"5\" has no unit");
	cr_assert_str_eq(finding(4),
			 "jobs[2].steps[1] is a map of keys, and this is a single value");
	cr_assert_str_eq(finding(5), "jobs[3].labels has 4 items: at most 3");
	const struct job *jobs = root.jobs.items;
	cr_assert_eq(root.jobs.count, 4);
	cr_assert_null(jobs[0].name);
	cr_assert_str_eq(jobs[2].name, "c");
	cr_assert_eq(jobs[2].labels.count, 3);
	const char *const *labels = jobs[2].labels.items;
	cr_assert(strcmp(labels[0], "x") == 0 && labels[1] == NULL && strcmp(labels[2], "z") == 0);
	const struct step *steps = jobs[2].steps.items;
	cr_assert(steps[0].wait_ns == 1000000000 && steps[2].wait_ns == 3000000000);
}
