/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See topology_draw.h. A strip is what stands between two vertical ends: the cores of one cache, or
 * as many of them as fit into the width. Strips of one NUMA node are put side by side, and each
 * line of a row of strips is printed through all of them.
 *
 * Thread: main.
 */
#include "tools/weir/topology_draw.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define LABEL_MAX 9 /* characters of a thread's name in a cell */
#define OTHERS_MAX 999u
#define INDENT 2
#define GAP 2 /* between two strips */
#define HELPERS "helpers"
#define STRIPS_MAX 32u /* side by side */

struct strip {
	uint32_t first; /* index of a CPU in the topology */
	uint32_t core_count;
	bool goes_on; /* of the same cache as the one before */
};

struct canvas {
	const struct topology_drawing *d;
	FILE *to;
	int number_width; /* of one CPU and its mark */
	int cell_width;   /* inside */
	uint32_t cores_max;
	bool has_marks; /* some CPU has one */
	bool marks_used[128];
};

/* Lines of a strip, from top to bottom. */
enum line { LINE_TITLE, LINE_TOP, LINE_CPUS, LINE_KIND, LINE_LABEL, LINE_BOTTOM, LINE_COUNT };

enum edge { EDGE_LEFT, EDGE_MIDDLE, EDGE_RIGHT };

static const char *const ascii_edges[2][3] = {{"+", "+", "+"}, {"+", "+", "+"}};
static const char *const utf8_edges[2][3] = {{"┌", "┬", "┐"}, {"└", "┴", "┘"}};

bool topology_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++) {
		const char *value = getenv(names[i]);
		if (value == NULL || value[0] == '\0')
			continue;
		return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL ||
		       strstr(value, "UTF8") != NULL || strstr(value, "utf-8") != NULL;
	}
	return false;
}

/* ---- what a CPU is ---- */

/* ' ' usable, 'x' not allowed, 'a' avoided, 'i' isolated. */
static char mark_of(const struct canvas *c, const struct wr_topology_cpu *cpu)
{
	const struct wr_placement *p = c->d->placement;
	if (!wr_cpu_set_has(&p->allowed, cpu->cpu))
		return 'x';
	if (wr_cpu_set_has(&p->avoided, cpu->cpu))
		return 'a';
	return cpu->isolated ? 'i' : ' ';
}

/* Is this the one CPU that threads of the request run on? */
static bool is_alone_on(const struct wr_placed *placed, uint32_t place)
{
	return place < placed->cpu_count &&
	       (placed->how == WR_PLACED_CORE ||
		(placed->how == WR_PLACED_LIST && placed->cpu_count == 1));
}

static uint32_t sibling_count(const struct wr_topology *t, uint32_t first)
{
	uint32_t count = 1;
	while (first + count < t->cpu_count && t->cpus[first + count].core == t->cpus[first].core)
		count++;
	return count;
}

static bool core_has(const struct canvas *c, uint32_t first, uint32_t cpu)
{
	const struct wr_topology *t = c->d->topology;
	uint32_t count = sibling_count(t, first);
	for (uint32_t i = 0; i < count; i++)
		if (t->cpus[first + i].cpu == cpu)
			return true;
	return false;
}

/* "log!+1", cut in the name: it spins, and one more is on the core. */
static void write_label(const char *name, bool spins, uint32_t others, char to[LABEL_MAX + 1])
{
	char end[8] = "";
	if (others > 0)
		(void)snprintf(end, sizeof end, "%s+%u", spins ? "!" : "",
			       (unsigned)wr_min_u64(others, OTHERS_MAX));
	else if (spins)
		(void)snprintf(end, sizeof end, "!");
	(void)snprintf(to, LABEL_MAX + 1 - strlen(end), "%s", name);
	memcpy(to + strlen(to), end, strlen(end) + 1);
}

/* Who has a place on a core: one that spins before others, and how many these are. Helpers only
 * have what is left. Empty: nobody. */
static void core_label(const struct canvas *c, uint32_t first, char to[LABEL_MAX + 1])
{
	const struct wr_placement *p = c->d->placement;
	const char *name = NULL;
	bool spins = false;
	uint32_t count = 0;
	for (uint32_t i = 0; i < p->placed_count; i++)
		for (uint32_t k = 0; is_alone_on(&p->placed[i], k); k++) {
			bool does_spin = p->placed[i].wait == WEIR_WAIT_SPIN;
			if (!core_has(c, first, p->placed[i].cpus[k]))
				continue;
			if (name == NULL || (does_spin && !spins)) {
				name = c->d->requests[i].name;
				spins = does_spin;
			}
			count++;
		}
	to[0] = '\0';
	for (uint32_t cpu = 0; name == NULL && cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(&p->housekeeping, cpu) && core_has(c, first, cpu))
			name = HELPERS;
	if (name != NULL)
		write_label(name, spins, count > 1 ? count - 1 : 0, to);
}

/* ---- widths ---- */

static void measure(struct canvas *c)
{
	const struct wr_topology *t = c->d->topology;
	char label[LABEL_MAX + 1] = "";
	int digits = 1;
	int siblings = 1;
	int label_width = 0;
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		const struct wr_topology_cpu *cpu = &t->cpus[i];
		digits = cpu->cpu >= 1000                ? 4
			 : cpu->cpu >= 100 && digits < 3 ? 3
			 : cpu->cpu >= 10 && digits < 2  ? 2
							 : digits;
		siblings = cpu->sibling >= siblings ? cpu->sibling + 1 : siblings;
		c->marks_used[(unsigned char)mark_of(c, cpu)] = true;
		c->has_marks |= mark_of(c, cpu) != ' ';
		if (cpu->sibling == 0)
			core_label(c, i, label);
		if ((int)strlen(label) > label_width)
			label_width = (int)strlen(label);
	}
	c->number_width = digits + c->has_marks;
	c->cell_width = siblings * (c->number_width + 1) - 1;
	if (label_width > c->cell_width)
		c->cell_width = label_width;
	if (t->kind_count > 1 && c->cell_width < 4)
		c->cell_width = 4;
	int cores = (c->d->columns - INDENT - 1) / (c->cell_width + 3);
	c->cores_max = cores > 1 ? (uint32_t)cores : 1;
}

static int strip_width(const struct canvas *c, const struct strip *strip)
{
	return (int)strip->core_count * (c->cell_width + 3) + 1;
}

/* ---- cells ---- */

static void paint(const struct canvas *c, const char *code)
{
	if (c->d->color)
		fputs(code, c->to);
}

static void spaces(const struct canvas *c, int count)
{
	fprintf(c->to, "%*s", count > 0 ? count : 0, "");
}

static const char *color_of(char mark)
{
	return mark == 'x' ? "\033[2m" : mark == 'a' ? "\033[33m" : mark == 'i' ? "\033[36m" : "";
}

static void print_cpus(const struct canvas *c, uint32_t first)
{
	const struct wr_topology *t = c->d->topology;
	uint32_t count = sibling_count(t, first);
	int used = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct wr_topology_cpu *cpu = &t->cpus[first + i];
		char mark = mark_of(c, cpu);
		char text[16];
		(void)snprintf(text, sizeof text, "%u%c", cpu->cpu, mark);
		if (!c->has_marks)
			text[strlen(text) - 1] = '\0';
		paint(c, color_of(mark));
		fprintf(c->to, "%s%*s", i > 0 ? " " : "", c->number_width, text);
		paint(c, "\033[0m");
		used += c->number_width + (i > 0);
	}
	spaces(c, c->cell_width - used);
}

static void print_kind(const struct canvas *c, const struct wr_topology_cpu *cpu)
{
	char text[16];
	if (cpu->capacity > 0)
		(void)snprintf(text, sizeof text, "%u", cpu->capacity);
	else
		(void)snprintf(text, sizeof text, "%s", cpu->kind == 0 ? "slow" : "fast");
	fprintf(c->to, "%-*s", c->cell_width, text);
}

static void print_label(const struct canvas *c, uint32_t first)
{
	char label[LABEL_MAX + 1];
	core_label(c, first, label);
	bool is_thread = label[0] != '\0' && strcmp(label, HELPERS) != 0;
	paint(c, is_thread ? "\033[1;32m" : "");
	fprintf(c->to, "%-*s", c->cell_width, label);
	paint(c, is_thread ? "\033[0m" : "");
}

static bool strip_has_label(const struct canvas *c, const struct strip *strip)
{
	char label[LABEL_MAX + 1];
	uint32_t at = strip->first;
	for (uint32_t core = 0; core < strip->core_count; core++) {
		core_label(c, at, label);
		if (label[0] != '\0')
			return true;
		at += sibling_count(c->d->topology, at);
	}
	return false;
}

/* ---- lines ---- */

static void print_border(const struct canvas *c, const struct strip *strip, bool is_bottom)
{
	const char *const *edges = (c->d->utf8 ? utf8_edges : ascii_edges)[is_bottom];
	for (uint32_t core = 0; core < strip->core_count; core++) {
		fputs(edges[core == 0 ? EDGE_LEFT : EDGE_MIDDLE], c->to);
		for (int i = 0; i < c->cell_width + 2; i++)
			fputs(c->d->utf8 ? "─" : "-", c->to);
	}
	fputs(edges[EDGE_RIGHT], c->to);
}

static void print_title(const struct canvas *c, const struct strip *strip, bool is_last)
{
	const struct wr_topology_cpu *cpu = &c->d->topology->cpus[strip->first];
	int width = strip_width(c, strip);
	char title[64] = "";
	/* The longest that fits. */
	static const char *const ends[] = {" (more)", " ..", ".."};
	for (size_t i = 0; cpu->l3 != WR_TOPOLOGY_NONE && i < WR_ARRAY_COUNT(ends); i++) {
		int length = snprintf(title, sizeof title, " L3 %u%s", cpu->l3,
				      strip->goes_on ? ends[i] : "");
		if (length < width)
			break;
	}
	fprintf(c->to, "%-*.*s", is_last ? 0 : width, width, title);
}

static void print_cells(const struct canvas *c, const struct strip *strip, enum line line)
{
	const struct wr_topology *t = c->d->topology;
	const char *bar = c->d->utf8 ? "│" : "|";
	uint32_t at = strip->first;
	for (uint32_t core = 0; core < strip->core_count; core++) {
		fprintf(c->to, "%s ", bar);
		if (line == LINE_CPUS)
			print_cpus(c, at);
		else if (line == LINE_KIND)
			print_kind(c, &t->cpus[at]);
		else
			print_label(c, at);
		fputc(' ', c->to);
		at += sibling_count(t, at);
	}
	fputs(bar, c->to);
}

static void print_strips(const struct canvas *c, const struct strip *strips, uint32_t count)
{
	const struct wr_topology *t = c->d->topology;
	bool has_label = false;
	for (uint32_t i = 0; i < count; i++)
		has_label |= strip_has_label(c, &strips[i]);
	for (enum line line = LINE_TITLE; line < LINE_COUNT; line++) {
		if ((line == LINE_TITLE && t->l3_count == 0) ||
		    (line == LINE_KIND && t->kind_count == 1) || (line == LINE_LABEL && !has_label))
			continue;
		spaces(c, INDENT);
		for (uint32_t i = 0; i < count; i++) {
			if (i > 0)
				spaces(c, GAP);
			if (line == LINE_TITLE)
				print_title(c, &strips[i], i == count - 1);
			else if (line == LINE_TOP || line == LINE_BOTTOM)
				print_border(c, &strips[i], line == LINE_BOTTOM);
			else
				print_cells(c, &strips[i], line);
		}
		fputc('\n', c->to);
	}
}

/* ---- the whole ---- */

/* The next strip from `at` on, which moves behind it. */
static struct strip take_strip(const struct canvas *c, uint32_t *at)
{
	const struct wr_topology *t = c->d->topology;
	const struct wr_topology_cpu *from = &t->cpus[*at];
	struct strip strip = {.first = *at};
	strip.goes_on = *at > 0 && from[-1].l3 == from->l3 && from[-1].node == from->node &&
			from[-1].package == from->package && from->l3 != WR_TOPOLOGY_NONE;
	while (*at < t->cpu_count && strip.core_count < c->cores_max &&
	       t->cpus[*at].l3 == from->l3 && t->cpus[*at].node == from->node &&
	       t->cpus[*at].package == from->package) {
		*at += sibling_count(t, *at);
		strip.core_count++;
	}
	return strip;
}

static void print_legend(const struct canvas *c)
{
	static const struct {
		char mark;
		const char *text;
	} marks[] = {{'x', "x  not allowed"}, {'a', "a  avoided"}, {'i', "i  isolated"}};
	int used = 0;
	for (size_t i = 0; i < WR_ARRAY_COUNT(marks); i++) {
		int width = (int)strlen(marks[i].text) + INDENT + 1;
		if (!c->marks_used[(unsigned char)marks[i].mark])
			continue;
		if (used > 0 && used + width > c->d->columns) {
			fputc('\n', c->to);
			used = 0;
		}
		fprintf(c->to, "%*s%s", used > 0 ? INDENT + 1 : INDENT, "", marks[i].text);
		used += width;
	}
	if (used > 0)
		fputc('\n', c->to);
}

void topology_draw(FILE *to, const struct topology_drawing *drawing)
{
	const struct wr_topology *t = drawing->topology;
	struct canvas c = {.d = drawing, .to = to};
	struct strip row[STRIPS_MAX];
	measure(&c);
	for (uint32_t at = 0; at < t->cpu_count;) {
		const struct wr_topology_cpu *here = &t->cpus[at];
		if (at == 0 || here->node != here[-1].node || here->package != here[-1].package)
			fprintf(to, "package %u, node %u\n", here->package, here->node);
		uint32_t count = 0;
		int width = INDENT;
		for (;;) {
			uint32_t next = at;
			struct strip strip = take_strip(&c, &next);
			int with = width + (count > 0 ? GAP : 0) + strip_width(&c, &strip);
			if (count > 0 && (with > drawing->columns || count == STRIPS_MAX))
				break;
			row[count++] = strip;
			width = with;
			at = next;
			if (at == t->cpu_count || t->cpus[at].node != here->node ||
			    t->cpus[at].package != here->package)
				break;
		}
		print_strips(&c, row, count);
	}
	print_legend(&c);
}
