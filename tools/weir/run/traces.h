/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `traces:` of a run: the exporter of spans (weir/spans.h) on a thread of its own, and the file its
 * lines are appended to. A file that is renamed or removed is made anew, so whoever rotates it need
 * tell nobody. A line that cannot be written is counted and lost: a run does not end for it.
 *
 * Thread: main; what is counted is read once the thread is joined.
 */
#ifndef WEIR_TOOLS_RUN_TRACES_H
#define WEIR_TOOLS_RUN_TRACES_H

#include <sys/types.h>

#include <weir/spans.h>

#include "tools/weir/run/thread.h"

struct run_traces {
	const char *path; /* NULL: no spans are made */
	struct weir_spans *spans;
	struct run_thread thread;
	wr_atomic_u32 ends; /* relaxed: make what there is, and end */
	int file;
	dev_t device; /* of the open file */
	ino_t inode;
	bool is_torn; /* the last line did not get into the file as a whole */
	uint64_t looked_ns;
	uint64_t unwritten; /* lines */
	int code;           /* of the first that was not written, or why the exporter ended */
	struct weir_span_report report;
};

/* Before members join. 0, or -code: what fails is told. */
int run_traces_start(struct run_traces *traces, const struct weir_config_traces *config,
		     struct weir_pipeline *pipeline);
/* Once nothing is under way any more, before the close. */
void run_traces_end(struct run_traces *traces);

#endif
