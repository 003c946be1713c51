/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to standard output. What it is may be slow or stand still: a pipe is written to in pieces
 * that it has room for, so that waiting for it can be cut short; that makes lag, and loses nothing.
 *
 * Committed means handed to the kernel. A run that is killed may leave a part of a line, and the
 * next one begins with that event again: at least once.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/run/sink.h"

struct stdout_sink {
	struct run_sink base;
	struct run_output output;
	const struct run_life *life;
	size_t piece_bytes;
};

static int stdout_write(struct run_sink *sink, const struct weir_item *item,
			struct run_fault *fault)
{
	struct stdout_sink *s = (struct stdout_sink *)sink;
	int rc = run_output_add(&s->output, item);
	if (rc < 0)
		run_fault_set(fault, rc, "stdout: out of memory");
	return rc;
}

static int stdout_commit(struct run_sink *sink, struct run_fault *fault)
{
	struct stdout_sink *s = (struct stdout_sink *)sink;
	size_t done = 0;
	int code = 0;
	while (done < s->output.used) {
		struct pollfd polls[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
					 {.fd = s->life->abort.descriptor, .events = POLLIN}};
		size_t left = s->output.used - done;
		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			code = -errno;
		if (run_signal_is_raised(&s->life->abort))
			code = -EINTR;
		if (code != 0)
			break;
		if (polls[0].revents == 0)
			continue;
		ssize_t n = write(STDOUT_FILENO, s->output.bytes + done,
				  left < s->piece_bytes ? left : s->piece_bytes);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			code = -errno;
	}
	run_output_drop(&s->output, done);
	if (code != 0 && code != -EINTR)
		run_fault_set(fault, code, "stdout: %s", weir_strerror(code));
	return code;
}

static size_t stdout_pending(const struct run_sink *sink)
{
	return ((const struct stdout_sink *)sink)->output.used;
}

static void stdout_close(struct run_sink *sink)
{
	run_output_fini(&((struct stdout_sink *)sink)->output);
	free(sink);
}

int run_sink_stdout_open(const struct run_sink_of *of, struct run_sink **ret_sink,
			 struct run_fault *fault)
{
	static const struct run_sink_ops ops = {.write = stdout_write,
						.commit = stdout_commit,
						.pending_bytes = stdout_pending,
						.close = stdout_close};
	struct stat status;
	struct stdout_sink *s = calloc(1, sizeof *s);
	if (s == NULL || run_output_init(&s->output, of->pipeline, of->config->write_json) < 0) {
		free(s);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	bool is_file = fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
	s->base.ops = &ops;
	s->life = of->life;
	/* A pipe that is ready has room for this much: a larger write might wait. */
	s->piece_bytes = is_file ? 1u << 20 : PIPE_BUF;
	*ret_sink = &s->base;
	return 0;
}
