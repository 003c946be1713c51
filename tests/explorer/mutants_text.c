/* SPDX-License-Identifier: Apache-2.0 */
/* The written proofs, and the sources as text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/mutants.h"

#define PAGE "docs/internals/memory-model.md"
#define PROOFS_MAX 64u
#define LINE_BYTES 2048u

struct proof {
	char name[NAME_BYTES], mutant[NAME_BYTES], redundant_with[NAME_BYTES];
	bool used;
};

static struct proof proofs[PROOFS_MAX];
static unsigned proof_count;

static FILE *open_source(const char *name)
{
	const char *root = getenv("WEIR_TEST_SOURCE");
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		(void)printf("# %s cannot be read\n", path);
	return file;
}

/* The next cell of a row, without blanks and backquotes around it; NULL: none. */
static char *next_cell(char **rest)
{
	char *begin = *rest, *end = strchr(begin, '|');
	if (end == NULL)
		return NULL;
	*rest = end + 1;
	*end = '\0';
	while (*begin == ' ' || *begin == '`')
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '`'))
		*--end = '\0';
	return begin;
}

/* A row of proofs begins with a file of weir's. */
static void read_row(char *line)
{
	char *rest = line + 1;
	char *name = next_cell(&rest), *mutant = name != NULL ? next_cell(&rest) : NULL;
	char *why = mutant != NULL ? next_cell(&rest) : NULL;
	if (why == NULL || strlen(why) < 20 || proof_count == PROOFS_MAX ||
	    strchr(name, ' ') == NULL)
		return;
	struct proof *p = &proofs[proof_count++];
	(void)snprintf(p->name, sizeof p->name, "%s", name);
	(void)snprintf(p->mutant, sizeof p->mutant, "%s", mutant);
	static const char begin[] = "redundant with `";
	if (strncmp(why, begin, sizeof begin - 1) == 0) {
		why += sizeof begin - 1;
		(void)snprintf(p->redundant_with, sizeof p->redundant_with, "%.*s",
			       (int)strcspn(why, "`"), why);
	}
}

bool proofs_read(void)
{
	char line[LINE_BYTES];
	FILE *file = open_source(PAGE);
	if (file == NULL)
		return false;
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "| `core/", 8) == 0 || strncmp(line, "| `include/", 11) == 0)
			read_row(line);
	(void)fclose(file);
	return true;
}

bool proofs_has(const char *name, const char *mutant, const char **ret_redundant_with)
{
	*ret_redundant_with = NULL;
	for (unsigned i = 0; i < proof_count; i++) {
		if (strcmp(proofs[i].name, name) == 0 && strcmp(proofs[i].mutant, mutant) == 0) {
			proofs[i].used = true;
			if (proofs[i].redundant_with[0] != '\0')
				*ret_redundant_with = proofs[i].redundant_with;
			return true;
		}
	}
	return false;
}

unsigned proofs_left(void)
{
	unsigned left = 0;
	for (unsigned i = 0; i < proof_count; i++) {
		if (proofs[i].used)
			continue;
		(void)printf("# %s proves what is not so: %s, %s\n", PAGE, proofs[i].name,
			     proofs[i].mutant);
		left++;
	}
	return left;
}

/* Whether a line of code uses an atomic that is more than relaxed. */
static bool has_atomic(const char *line)
{
	static const char *const words[] = {
		"wr_load_acquire(",     "wr_load_seq(",    "wr_store_release(",
		"wr_store_seq(",        "wr_add_seq(",     "wr_sub_seq(",
		"wr_or_seq(",           "wr_add_acq_rel(", "wr_exchange_acq_rel(",
		"wr_cas_acq_rel(",      "wr_cas_seq(",     "wr_cas_weak_acq_rel(",
		"wr_compiler_barrier(",
	};
	while (*line == '\t' || *line == ' ')
		line++;
	if (line[0] == '*' || line[0] == '/' || line[0] == '#')
		return false;
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strstr(line, words[i]) != NULL)
			return true;
	return false;
}

static bool has_target(const char *name, int line)
{
	for (unsigned i = 0; i < target_count; i++)
		if (strcmp(targets[i].file, name) == 0 && targets[i].line >= line &&
		    targets[i].line <= line + 2)
			return true;
	return false;
}

static unsigned lines_without_target(const char *name)
{
	char line[LINE_BYTES];
	unsigned missing = 0;
	int number = 0;
	FILE *file = open_source(name);
	if (file == NULL)
		return 1;
	while (fgets(line, sizeof line, file) != NULL) {
		number++;
		if (!has_atomic(line) || has_target(name, number))
			continue;
		(void)printf("# %s:%d is not compiled into the explorer\n", name, number);
		missing++;
	}
	(void)fclose(file);
	return missing;
}

unsigned sources_without_target(void)
{
	unsigned missing = 0;
	for (unsigned i = 0; i < target_count; i++) {
		const char *file = targets[i].file;
		bool is_source =
			strncmp(file, "core/", 5) == 0 || strncmp(file, "include/", 8) == 0;
		if (is_source && (i == 0 || strcmp(targets[i - 1].file, file) != 0))
			missing += lines_without_target(file);
	}
	return missing;
}
