/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentences of a placement: problems and notes.
 *
 * Thread: any.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/config/place_inner.h"

struct wr_place_problem *wr_place_problem(struct wr_place_work *w, uint32_t of)
{
	/* Beyond the last the first problems are the ones to keep. */
	struct wr_placement *out = w->out;
	struct wr_place_problem *p = out->problem_count < WR_PLACE_PROBLEMS_MAX
					     ? &out->problems[out->problem_count++]
					     : &w->spare;
	*p = (struct wr_place_problem){.of = of};
	return p;
}

char *wr_place_allowed_text(const struct wr_place_work *w, char *to, size_t to_bytes)
{
	char list[64];
	bool has_cgroup = w->affinity->cgroup[0] != '\0';
	wr_cpu_set_format(&w->out->allowed, list, sizeof list);
	(void)snprintf(to, to_bytes, "%s%s%s%s", list, has_cgroup ? " (cgroup " : "",
		       w->affinity->cgroup, has_cgroup ? ")" : "");
	return to;
}

static struct wr_place_problem *find_problem(const struct wr_place_work *w, uint32_t of)
{
	for (uint32_t i = 0; i < w->out->problem_count; i++)
		if (w->out->problems[i].of == of)
			return &w->out->problems[i];
	return NULL;
}

void wr_place_degrade(struct wr_place_work *w, uint32_t index, const char *format, ...)
{
	struct wr_placed *placed = &w->out->placed[index];
	size_t used = strlen(placed->note);
	va_list arguments;
	if (used > 0 && used + 3 < sizeof placed->note) {
		memcpy(placed->note + used, "; ", 3);
		used += 2;
	}
	va_start(arguments, format);
	(void)vsnprintf(placed->note + used, sizeof placed->note - used, format, arguments);
	va_end(arguments);
	placed->degraded = true;
	if (!w->policy->strict)
		return;
	/* Whatever is granted in part is one mistake, at one place. */
	struct wr_place_problem *p = used > 0 ? find_problem(w, index) : NULL;
	if (p == NULL)
		p = wr_place_problem(w, index);
	(void)snprintf(p->text, sizeof p->text, "%s", placed->note);
	(void)snprintf(p->note, sizeof p->note, "machine.strict makes this an error");
}

void wr_place_degrade_for_cores(struct wr_place_work *w, uint32_t index)
{
	char names[80] = "";
	size_t used = 0;
	for (uint32_t i = 0; i < w->request_count; i++) {
		if (w->out->placed[i].how != WR_PLACED_CORE)
			continue;
		int length = snprintf(names + used, sizeof names - used, "%s%s",
				      used > 0 ? ", " : "", w->requests[i].name);
		used += length > 0 && (size_t)length < sizeof names - used ? (size_t)length : 0;
	}
	wr_place_degrade(
		w, index,
		"not pinned: no core of its own is left; of %u cores %u for housekeeping%s%s",
		w->out->core_count, wr_place_core_count(w, &w->out->housekeeping),
		used > 0 ? ", others for " : "", names);
}
