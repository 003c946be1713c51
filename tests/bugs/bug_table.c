/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the tables of seeded bugs (core/base/bug.h, tests/bugs/detections.h), the sources, the
 * suite that runs them and docs/internals/seeded-bugs.md say the same.
 *
 * Method: the tables are compiled in, the rest is read as text. Runs in every build.
 *
 *   bug_table            the checks
 *   bug_table --print    the rows of the document, to be pasted when a table changed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bugs/detections.h"

#define DOCUMENT "docs/internals/seeded-bugs.md"
#define TEXT_BYTES_MAX (1u << 20)
#define ROW_BYTES_MAX 1024u

struct bug {
	const char *name, *file, *breaks;
};

struct detection {
	const char *bug, *program, *says;
};

static const struct bug bugs[] = {
#define BUG(name, file, breaks) {#name, file, breaks},
	WR_BUG_MAP(BUG)
#undef BUG
};

static const struct detection detections[] = {
#define DETECTION(name, by, text) {#name, #by, text},
	WR_DETECTION_MAP(DETECTION)
#undef DETECTION
};

#define BUG_COUNT (sizeof bugs / sizeof bugs[0])
#define DETECTION_COUNT (sizeof detections / sizeof detections[0])

static char text[TEXT_BYTES_MAX];
static bool all_good = true;

/* A file of the source tree; false: it cannot be read. */
static bool read_text(const char *name)
{
	const char *root = getenv("WEIR_TEST_SOURCE");
	char path[4096];

	text[0] = '\0';
	(void)snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
	FILE *f = fopen(path, "r");
	if (f == NULL) {
		printf("# %s cannot be read\n", path);
		return false;
	}
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	(void)fclose(f);
	return true;
}

static void say(int number, bool good, const char *what)
{
	all_good = all_good && good;
	printf("%sok %d - %s\n", good ? "" : "not ", number, what);
}

static const char *row_of(size_t bug)
{
	static char row[ROW_BYTES_MAX];
	int used = snprintf(row, sizeof row, "| `%s` | `%s` | %s |", bugs[bug].name, bugs[bug].file,
			    bugs[bug].breaks);
	const char *between = "";

	for (size_t i = 0; i < DETECTION_COUNT; i++) {
		const struct detection *d = &detections[i];
		if (strcmp(d->bug, bugs[bug].name) != 0)
			continue;
		used += snprintf(row + used, sizeof row - (size_t)used, "%s `%s`: %s", between,
				 d->program, d->says);
		between = ";";
	}
	(void)snprintf(row + used, sizeof row - (size_t)used, " |\n");
	return row;
}

static bool every_bug_is_caught(void)
{
	bool good = true;

	for (size_t b = 0; b < BUG_COUNT; b++) {
		bool found = false;
		for (size_t i = 0; i < DETECTION_COUNT; i++)
			found = found || strcmp(detections[i].bug, bugs[b].name) == 0;
		if (!found)
			printf("# no line of detections.h catches %s\n", bugs[b].name);
		good = good && found;
	}
	return good;
}

static bool every_bug_is_in_its_file(void)
{
	bool good = true;

	for (size_t b = 0; b < BUG_COUNT; b++) {
		char site[128];
		(void)snprintf(site, sizeof site, "WR_BUG(%s)", bugs[b].name);
		bool found = read_text(bugs[b].file) && strstr(text, site) != NULL;
		if (!found)
			printf("# %s is not in %s\n", site, bugs[b].file);
		good = good && found;
	}
	return good;
}

/* The list `bug_detectors` of tests/meson.build names every program of the table. */
static bool every_program_is_run(void)
{
	bool good = read_text("tests/meson.build");
	char *list = strstr(text, "bug_detectors = [");
	char *end = list != NULL ? strstr(list, "\n]") : NULL;

	if (end == NULL)
		return false;
	*end = '\0';
	for (size_t i = 0; i < DETECTION_COUNT; i++) {
		char quoted[128];
		(void)snprintf(quoted, sizeof quoted, "'%s'", detections[i].program);
		bool found = strstr(list, quoted) != NULL;
		if (!found)
			printf("# %s is not in bug_detectors\n", detections[i].program);
		good = good && found;
	}
	return good;
}

/* Row by row, in the same order, and no other row. */
static bool the_document_is_the_table(void)
{
	bool good = read_text(DOCUMENT);
	const char *at = strstr(text, "\n| `");

	for (size_t b = 0; good && b < BUG_COUNT; b++) {
		const char *row = row_of(b);
		good = at != NULL && strncmp(at + 1, row, strlen(row)) == 0;
		if (!good)
			printf("# the document lacks this row here: %s", row);
		else
			at += strlen(row);
	}
	if (good && strncmp(at + 1, "| `", 3) == 0) {
		printf("# the document has a row more\n");
		good = false;
	}
	return good;
}

static bool is_bug(const char *name, size_t bytes)
{
	for (size_t b = 0; b < BUG_COUNT; b++)
		if (strlen(bugs[b].name) == bytes && memcmp(bugs[b].name, name, bytes) == 0)
			return true;
	return false;
}

/* What the document says of rules: each of the row's words in capitals is a bug that there is. */
static bool the_rules_name_bugs(void)
{
	bool good = read_text(DOCUMENT);
	size_t rules = 0;

	for (char *row = strstr(text, "\n| L"); row != NULL; row = strstr(row, "\n| L")) {
		char *end = strchrnul(row + 1, '\n');
		char *last = memrchr(row, '|', (size_t)(end - row) - 1); // before the last column
		size_t named = 0;
		for (char *at = last; at != NULL && (at = strchr(at, '`')) != NULL && at < end;) {
			size_t bytes = strcspn(++at, "`");
			good = good && is_bug(at, bytes);
			if (!is_bug(at, bytes))
				printf("# %.*s is no bug\n", (int)bytes, at);
			at += bytes + 1;
			named++;
		}
		good = good && named > 0;
		rules++;
		row = end;
	}
	return good && rules > 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		for (size_t b = 0; b < BUG_COUNT; b++)
			printf("%s", row_of(b));
		return 0;
	}
	printf("1..5\n");
	say(1, every_bug_is_caught(), "every seeded bug has a test that catches it");
	say(2, every_bug_is_in_its_file(), "every seeded bug is where the table says");
	say(3, every_program_is_run(), "every program of the table is run by the suite");
	say(4, the_document_is_the_table(), DOCUMENT " has the same rows");
	say(5, the_rules_name_bugs(), "each rule that it lists is broken by bugs of the table");
	return all_good ? 0 : 1;
}
