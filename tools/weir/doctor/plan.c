/* SPDX-License-Identifier: Apache-2.0 */
/* What a config file's pipeline lacks on this machine: see doctor.h. */
#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/config_machine.h"
#include "tools/weir/doctor/doctor.h"

/* What is said of this file is truer than what was said in general. */
static struct doctor_finding *find_in_place(struct doctor *d, enum doctor_weight weight,
					    const char *id, const char *text)
{
	struct doctor_finding *old = doctor_finding_of(d, id);
	if (old == NULL)
		return doctor_find(d, weight, id, "%s", text);
	*old = (struct doctor_finding){.weight = weight, .id = id};
	(void)snprintf(old->found, sizeof old->found, "%s", text);
	return old;
}

static void judge_lack(struct doctor *d, const struct wr_plan_lack *lack)
{
	static const char *const costs[] = {
		[WR_LACK_SLOWS] = "it slows this config's pipeline down",
		[WR_LACK_LATER] = "this config's pipeline opens, and stops some day",
		[WR_LACK_STOPS] = "this config's pipeline does not open",
	};
	enum doctor_weight weight = lack->weight == WR_LACK_STOPS ? DOCTOR_STOPS : DOCTOR_COSTS;
	struct doctor_finding *f = find_in_place(d, weight, lack->id, lack->text);
	DOCTOR_COST(f, "weir config plan", "%s", costs[lack->weight]);
	DOCTOR_FIX(f, "%s", lack->fix);
}

/* Threads that keep a CPU busy on which the disk's interrupts come. */
static void judge_spinners(struct doctor *d, const struct wr_plan *plan)
{
	struct wr_cpu_set both = {{0}};
	char list[64];
	for (uint32_t i = 0; i < plan->placement.placed_count; i++) {
		const struct wr_placed *placed = &plan->placement.placed[i];
		for (uint32_t k = 0; k < placed->cpu_count; k++)
			if (placed->wait == WEIR_WAIT_SPIN &&
			    wr_cpu_set_has(&d->disk.interrupt_cpus, placed->cpus[k]))
				wr_cpu_set_add(&both, placed->cpus[k]);
	}
	if (wr_cpu_set_count(&both) == 0)
		return;
	wr_cpu_set_format(&both, list, sizeof list);
	char text[160];
	(void)snprintf(text, sizeof text, "threads spin on CPUs %s, where interrupts of %s come",
		       list, d->disk.name);
	struct doctor_finding *f = find_in_place(d, DOCTOR_COSTS, "interrupts", text);
	DOCTOR_COST(f, DOCTOR_GUIDE,
		    "on a disk without FUA each sync may wait for the next timer tick: p50 5.8 ms "
		    "rather "
		    "than 0.2 ms");
	DOCTOR_FIX(f,
		   "machine: {avoid: \"%s\"}, or the interrupts elsewhere: echo CPU "
		   ">/proc/irq/N/smp_affinity_list",
		   list);
}

int doctor_judge_plan(struct doctor *d, const struct config_machine *m)
{
	static struct wr_plan plan;
	struct weir_problem problem = {0};
	struct wr_plan_input input;
	config_machine_plan_input(m, &input);
	input.machine = &d->machine;
	int rc = wr_plan_make(&input, &plan, &problem);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < plan.lack_count; i++)
		judge_lack(d, &plan.lacks[i]);
	judge_spinners(d, &plan);
	return 0;
}
