/* SPDX-License-Identifier: Apache-2.0 */
/* The sink that the file names; and the one that has nothing to do. */
#include <errno.h>
#include <stdlib.h>

#include "tools/weir/run/sink.h"

static int null_write(struct run_sink *sink, const struct weir_item *item, struct run_fault *fault)
{
	(void)sink;
	(void)item;
	(void)fault;
	return 0;
}

static int null_commit(struct run_sink *sink, struct run_fault *fault)
{
	(void)sink;
	(void)fault;
	return 0;
}

static size_t null_pending(const struct run_sink *sink)
{
	(void)sink;
	return 0;
}

static void null_close(struct run_sink *sink)
{
	free(sink);
}

int run_sink_null_open(const struct run_sink_of *of, struct run_sink **ret_sink,
		       struct run_fault *fault)
{
	static const struct run_sink_ops ops = {.write = null_write,
						.commit = null_commit,
						.pending_bytes = null_pending,
						.close = null_close};
	struct run_sink *sink = calloc(1, sizeof *sink);
	(void)of;
	if (sink == NULL) {
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	sink->ops = &ops;
	*ret_sink = sink;
	return 0;
}

int run_sink_open(const struct run_sink_of *of, struct run_sink **ret_sink, struct run_fault *fault)
{
	switch (of->config->to) {
	case WEIR_CONFIG_TO_STDOUT:
		return run_sink_stdout_open(of, ret_sink, fault);
	case WEIR_CONFIG_TO_FILE:
		return run_sink_file_open(of, ret_sink, fault);
	case WEIR_CONFIG_TO_COMMAND:
		return run_sink_command_open(of, ret_sink, fault);
	case WEIR_CONFIG_TO_NULL:
	case WEIR_CONFIG_TO_NONE:
		break;
	}
	return run_sink_null_open(of, ret_sink, fault);
}
