/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/engine.h"
#include "tests/explorer/mutants.h"

struct target targets[TARGETS_MAX];
unsigned target_count;

static const char *const order_names[] = {"relaxed", "acquire", "release",
					  "acq_rel", "seq_cst", "nothing"};

static bool is_wanted(const struct explorer_site *site)
{
	const char *file = report_file(site->file);
	if (site->kind == KIND_HEAVY)
		return true;
	if (strncmp(file, "core/", 5) != 0 && strncmp(file, "include/", 8) != 0)
		return false;
	return site->order != ORDER_RELAXED;
}

static int compare(const void *a, const void *b)
{
	const struct explorer_site *x = *(struct explorer_site *const *)a;
	const struct explorer_site *y = *(struct explorer_site *const *)b;
	int by_file = strcmp(report_file(x->file), report_file(y->file));
	if (by_file != 0)
		return by_file;
	return x->line != y->line ? x->line - y->line : strcmp(x->what, y->what);
}

static bool same_use(const struct explorer_site *a, const struct explorer_site *b)
{
	return compare(&a, &b) == 0;
}

static void name_target(struct target *t, const struct explorer_site *site)
{
	unsigned before = 0;
	char plain[NAME_BYTES];
	int length = snprintf(plain, sizeof plain, "%s %s %s", report_file(site->file),
			      site->function, site->what);
	WR_ASSERT(length > 0 && (size_t)length + 4 < sizeof plain);
	for (unsigned i = 0; i < target_count; i++)
		if (strncmp(targets[i].name, plain, (size_t)length) == 0 &&
		    (targets[i].name[length] == '\0' || targets[i].name[length] == ' '))
			before++;
	if (before == 0)
		(void)snprintf(t->name, sizeof t->name, "%s", plain);
	else
		(void)snprintf(t->name, sizeof t->name, "%.150s #%u", plain, before + 1);
}

void targets_find(void)
{
	size_t count = (size_t)(__stop_explorer_sites - __start_explorer_sites), wanted = 0;
	struct explorer_site **sites = malloc(count * sizeof(struct explorer_site *));
	WR_ASSERT(sites != NULL);
	for (size_t i = 0; i < count; i++)
		if (is_wanted(__start_explorer_sites[i]))
			sites[wanted++] = __start_explorer_sites[i];
	qsort(sites, wanted, sizeof(struct explorer_site *), compare);
	for (size_t i = 0; i < wanted; i++) {
		if (i == 0 || !same_use(sites[i], sites[i - 1])) {
			struct target *t = &targets[target_count];
			WR_ASSERT(target_count < TARGETS_MAX);
			name_target(t, sites[i]);
			t->file = report_file(sites[i]->file);
			t->line = sites[i]->line;
			target_count++;
		}
		struct target *t = &targets[target_count - 1];
		WR_ASSERT(t->copy_count < COPIES_MAX);
		t->copies[t->copy_count++] = sites[i];
	}
	free(sites);
}

void target_set(struct target *t, struct orders orders)
{
	for (unsigned i = 0; i < t->copy_count; i++) {
		t->copies[i]->order_now = orders.order;
		t->copies[i]->fail_order_now = orders.fail_order;
	}
}

struct orders target_written(const struct target *t)
{
	return (struct orders){t->copies[0]->order, t->copies[0]->fail_order};
}

/* The next weaker orders of a kind of access; how many. */
static unsigned weaker(enum explorer_kind kind, enum explorer_order from,
		       enum explorer_order ret[2])
{
	if (kind == KIND_LIGHT || kind == KIND_HEAVY) {
		ret[0] = ORDER_NONE;
		return from == ORDER_NONE ? 0 : 1;
	}
	bool both = kind == KIND_RMW || kind == KIND_CAS;
	ret[0] = ORDER_RELAXED;
	switch (from) {
	case ORDER_SEQ:
		ret[0] = both ? ORDER_ACQ_REL : kind == KIND_STORE ? ORDER_RELEASE : ORDER_ACQUIRE;
		return 1;
	case ORDER_ACQ_REL:
		ret[0] = ORDER_ACQUIRE;
		ret[1] = ORDER_RELEASE;
		return 2;
	case ORDER_ACQUIRE:
	case ORDER_RELEASE:
		return 1;
	case ORDER_RELAXED:
	case ORDER_NONE:
		break;
	}
	return 0;
}

unsigned target_weaken(const struct target *t, struct orders from, struct orders ret[3])
{
	enum explorer_kind kind = t->copies[0]->kind;
	enum explorer_order next[2];
	unsigned count = weaker(kind, from.order, next);
	for (unsigned i = 0; i < count; i++)
		ret[i] = (struct orders){next[i], from.fail_order};
	if (kind == KIND_CAS && weaker(KIND_LOAD, from.fail_order, next) == 1)
		ret[count++] = (struct orders){from.order, next[0]};
	return count;
}

void target_print(const struct target *t, struct orders to, char *text, size_t bytes)
{
	struct orders from = target_written(t);
	int at = 0;
	text[0] = '\0';
	if (to.order != from.order)
		at = snprintf(text, bytes, "%s to %s", order_names[from.order],
			      order_names[to.order]);
	if (to.fail_order != from.fail_order)
		(void)snprintf(text + at, bytes - (size_t)at, "%son failure %s to %s",
			       at > 0 ? ", " : "", order_names[from.fail_order],
			       order_names[to.fail_order]);
}
