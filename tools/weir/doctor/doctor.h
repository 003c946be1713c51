/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir doctor` knows of a machine and what it makes of it. Facts are read and measured first
 * (measure.c, io/machine/); then each judge turns some of them into findings, one question a
 * function; then they are printed, the worst first (print.c).
 *
 * Thread: main; measuring blocks on the disk.
 */
#ifndef WEIR_TOOLS_DOCTOR_DOCTOR_H
#define WEIR_TOOLS_DOCTOR_DOCTOR_H

#include <stdio.h>

#include "bench/histogram.h"
#include "io/machine/disk.h"
#include "io/machine/machine.h"
#include "io/machine/system.h"

#define DOCTOR_FINDINGS_MAX 112u

enum doctor_weight {
	DOCTOR_STOPS, /* something cannot work: it does not open, or does not keep its promise */
	DOCTOR_COSTS, /* latency, throughput or CPU, whatever the pipeline */
	DOCTOR_NOTE,  /* costs some pipelines, or is to be known */
	DOCTOR_OK,
	DOCTOR_WEIGHT_COUNT
};

struct doctor_finding {
	enum doctor_weight weight;
	const char *id; /* for programs: "io_uring", "governor" */
	char found[320];
	char cost[320];     /* "": nothing */
	const char *source; /* of what it costs; NULL with a cost of nothing */
	char fix[400];      /* a command line or a setting; "": nothing is to be done */
};

/* Where figures come from that are not measured on the spot. */
#define DOCTOR_MEASURED "measured here"
#define DOCTOR_GUIDE "docs/guide/doctor.md"

/* One way of making 4 KiB durable. */
struct doctor_sync {
	bool is_tried;
	int code; /* 0, or why it was not measured */
	struct histogram *latency;
};

struct doctor {
	const char *
		root; /* "": this machine; else the tree of another, of which nothing is measured */
	const char *path; /* the directory asked for; NULL: a config without a journal */

	struct wr_machine machine;
	struct wr_system system;
	struct wr_affinity affinity;
	struct wr_machine_dir dir;
	struct wr_disk disk;
	uint64_t inodes_free; /* UINT64_MAX: the file system does not say */

	char uring[200]; /* what an io_uring would be like, or why there is none */
	int uring_code;
	bool has_liburing; /* of this build */
	char engine[48];   /* how the storage would write; "": not known */
	char engine_why[160];
	struct doctor_sync buffered;
	struct doctor_sync in_write;
	struct histogram *wakes; /* how late a sleeping thread came; NULL: not measured */
	double clock_ns;         /* of one reading; 0: not measured */

	uint32_t finding_count;
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
};

static inline bool doctor_is_here(const struct doctor *d)
{
	return d->root[0] == '\0';
}

/* measure.c. `sync_ns` for each way of syncing, 0: none. False: no memory. */
bool doctor_look(struct doctor *d, uint64_t sync_ns);
void doctor_fini(struct doctor *d);

/* The judges. */
void doctor_judge_kernel(struct doctor *d);
void doctor_judge_cpus(struct doctor *d);
void doctor_judge_memory(struct doctor *d);
void doctor_judge_disk(struct doctor *d);
void doctor_judge_sync(struct doctor *d);

/* One more finding, without a cost yet. */
struct doctor_finding *doctor_find(struct doctor *d, enum doctor_weight weight, const char *id,
				   const char *format, ...) __attribute__((format(printf, 4, 5)));

#define DOCTOR_COST(finding_, source_, ...)                                                        \
	((finding_)->source = (source_),                                                           \
	 (void)snprintf((finding_)->cost, sizeof(finding_)->cost, __VA_ARGS__))
#define DOCTOR_FIX(finding_, ...)                                                                  \
	((void)snprintf((finding_)->fix, sizeof(finding_)->fix, __VA_ARGS__))

/* The one of that name, or NULL. */
struct doctor_finding *doctor_finding_of(struct doctor *d, const char *id);

uint32_t doctor_count(const struct doctor *d, enum doctor_weight weight);

/* print.c. The JSON is one document: 0, or the code of the stream. */
void doctor_print(FILE *to, const struct doctor *d);
int doctor_print_json(FILE *to, const struct doctor *d, int exit_code);

#ifdef WR_HAVE_CONFIG
struct config_machine;
/*
 * plan.c: what a config file's plan lacks here, in place of what is said in general, and threads
 * that spin where the disk's interrupts come. 0 or a code of the plan.
 */
int doctor_judge_plan(struct doctor *d, const struct config_machine *config);
#endif

#endif
