/* SPDX-License-Identifier: Apache-2.0 */
/* See traces.h. */
#include "tools/weir/run/traces.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/life.h"

#define STEP_NS (100 * RUN_MILLISECOND_NS)
#define LOOK_NS RUN_SECOND_NS

/* Whose last line was cut by the end of its process. */
static bool is_cut(int file, const struct stat *status)
{
	char last;
	return S_ISREG(status->st_mode) && status->st_size > 0 &&
	       pread(file, &last, 1, status->st_size - 1) == 1 && last != '\n';
}

/* No pipe: one that nobody reads would hold up the run's end. */
static int open_file(struct run_traces *t)
{
	struct stat status;
	int file = open(t->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
	if (file < 0)
		return -errno;
	int code = fstat(file, &status) < 0                               ? -errno
		   : S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ? -ESPIPE
									  : 0;
	if (code < 0) {
		(void)close(file);
		return code;
	}
	if (t->file >= 0)
		(void)close(t->file);
	t->file = file;
	t->device = status.st_dev;
	t->inode = status.st_ino;
	t->is_torn = is_cut(file, &status);
	return 0;
}

/* Is it still the file of that name? Looked at once a second. */
static void see_rotation(struct run_traces *t)
{
	struct stat status;
	uint64_t now_ns = bench_now_ns();
	if (now_ns - t->looked_ns < LOOK_NS)
		return;
	t->looked_ns = now_ns;
	if (stat(t->path, &status) == 0 && status.st_dev == t->device && status.st_ino == t->inode)
		return;
	(void)open_file(t); /* else the old one goes on */
}

static int write_all(struct run_traces *t, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(t->file, bytes, count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		count -= (size_t)n;
		t->is_torn = count > 0;
	}
	return 0;
}

static int write_line(void *context, const char *line, size_t line_bytes)
{
	struct run_traces *t = context;
	see_rotation(t);
	int rc = t->is_torn ? write_all(t, "\n", 1) : 0;
	if (rc == 0)
		rc = write_all(t, line, line_bytes);
	if (rc < 0 && t->unwritten++ == 0) {
		t->code = rc;
		lines_say(WR_EVENT_TRACES_UNWRITTEN,
			  WR_FIELDS(wr_field_text("file", t->path), wr_field_code(rc)),
			  "traces: %s: %s: these spans are lost, and so are those that follow, "
			  "until it can be written again",
			  t->path, weir_strerror(rc));
	}
	return 0;
}

static void *export_spans(void *context)
{
	struct run_traces *t = context;
	bool ends;
	int rc;
	do {
		ends = wr_load_relaxed(&t->ends) != 0;
		rc = weir_spans_step(t->spans, ends ? 0 : STEP_NS);
		run_thread_note_cpu(&t->thread);
	} while (rc > 0 || (rc == 0 && !ends));
	if (rc < 0 && rc != WEIR_E_CLOSED) {
		t->code = rc;
		lines_say(WR_EVENT_TRACES_ENDED, WR_FIELDS(wr_field_code(rc)),
			  "traces: no more spans are made: %s", weir_strerror(rc));
	}
	return NULL;
}

static int cannot_start(const char *key, const char *what, int rc)
{
	lines_say(WR_EVENT_RUN_CANNOT_START,
		  WR_FIELDS(wr_field_text("key", key), wr_field_code(rc)), "%s: %s: %s", key, what,
		  rc == -ESPIPE
			  ? "a pipe, which nobody may read: it would hold up the end of the run"
			  : weir_strerror(rc));
	return rc;
}

int run_traces_start(struct run_traces *t, const struct weir_config_traces *config,
		     struct weir_pipeline *pipeline)
{
	struct weir_span_options options;
	struct weir_problem problem = {0};
	t->file = -1;
	t->path = config->file;
	if (t->path == NULL)
		return 0;
	int rc = open_file(t);
	if (rc < 0)
		return cannot_start("traces.file", t->path, rc);
	weir_span_options_init(&options);
	options.service = config->service;
	options.ratio = config->ratio;
	options.events_max = config->events_max;
	options.line_fn = write_line;
	options.context = t;
	rc = weir_spans_open(pipeline, &options, &t->spans, &problem);
	if (rc < 0)
		return cannot_start("traces",
				    problem.text[0] != '\0' ? problem.text : "its exporter", rc);
	rc = run_thread_start(&t->thread, "weir-traces", export_spans, t);
	return rc < 0 ? cannot_start("traces", "its thread", rc) : 0;
}

void run_traces_end(struct run_traces *t)
{
	if (t->path == NULL)
		return;
	wr_store_relaxed(&t->ends, 1u);
	run_thread_join(&t->thread);
	if (t->spans != NULL)
		weir_spans_report(t->spans, &t->report);
	weir_spans_close(t->spans);
	t->spans = NULL;
	if (t->file >= 0)
		(void)close(t->file);
	t->file = -1;
}
