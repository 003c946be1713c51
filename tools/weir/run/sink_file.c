/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events appended to a file.
 *
 * commit: together: output and progress are one (side_file.h). Opening finds one of:
 *
 *   no side file              a new output; what the file has stays, and events go behind it
 *   output as long as it says go on
 *   output longer             a commit was cut short by a crash: the rest is cut off, and said
 *   output shorter, or gone   somebody took committed events away: refused, nothing is changed
 *
 * commit: after: written and made durable, then acknowledged. A crash in between hands the last
 * events out again. A line that was cut short by it gets its end, and the event comes again whole.
 *
 * Both: the file is locked, so that it has one writer; that it is still the file under its name,
 * and as long as what was written, is looked at before each commit. A full disk is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/journal.h>

#include "tools/weir/lines.h"
#include "tools/weir/run/side_file.h"
#include "tools/weir/run/sink.h"

#define PATH_BYTES 4096
#define FLUSH_BYTES (1u << 20)
#define FULL_WAIT_NS (200 * RUN_MILLISECOND_NS)

struct file_sink {
	struct run_sink base;
	struct run_output output;
	const struct run_life *life;
	char path[PATH_BYTES];
	int file;
	bool together;
	bool dirty; /* something was written since the last commit */
	bool said_full;
	uint64_t end; /* of what is written */
	struct run_side side;
};

/* ---- writing --------------------------------------------------------------------------------- */

static int fail(struct file_sink *s, int code, struct run_fault *fault)
{
	run_fault_set(fault, code, "%s: %s", s->path, weir_strerror(code));
	return code;
}

static bool is_full(int code)
{
	return code == -ENOSPC || code == -EDQUOT;
}

/* The buffer into the file. -EINTR: aborted while the disk was full. */
static int flush(struct file_sink *s, struct run_fault *fault)
{
	size_t done = 0;
	int code = 0;
	while (done < s->output.used && code == 0) {
		ssize_t n = write(s->file, s->output.bytes + done, s->output.used - done);
		if (n > 0) {
			if (s->said_full)
				lines_say(WR_EVENT_SINK_GOES_ON,
					  WR_FIELDS(wr_field_text("file", s->path)),
					  "%s: there is room again", s->path);
			s->said_full = false;
			done += (size_t)n;
			s->end += (uint64_t)n;
			s->dirty = true;
			continue;
		}
		code = n < 0 ? -errno : -EIO;
		if (code == -EINTR)
			code = 0;
		if (!is_full(code))
			continue;
		if (!s->said_full)
			lines_say(WR_EVENT_SINK_WAITS,
				  WR_FIELDS(wr_field_text("file", s->path), wr_field_code(code)),
				  "%s: %s: waiting for room", s->path, weir_strerror(code));
		s->said_full = true;
		code = run_signal_wait(&s->life->abort, FULL_WAIT_NS) ? -EINTR : 0;
	}
	run_output_drop(&s->output, done);
	return code == 0 || code == -EINTR ? code : fail(s, code, fault);
}

/* Is it still what was written, under its name? */
static int check_file(struct file_sink *s, struct run_fault *fault)
{
	struct stat own;
	struct stat named;
	if (fstat(s->file, &own) < 0)
		return fail(s, -errno, fault);
	const char *what = NULL;
	if (own.st_nlink == 0 || stat(s->path, &named) < 0)
		what = "removed or renamed";
	else if (named.st_ino != own.st_ino || named.st_dev != own.st_dev)
		what = "replaced by another file";
	else if ((uint64_t)own.st_size < s->end)
		what = "truncated";
	else if ((uint64_t)own.st_size > s->end)
		what = "written to by somebody else";
	if (what == NULL)
		return 0;
	run_fault_set(fault, -EIO,
		      "%s was %s while it was written: what was not committed is handed out again "
		      "by the next run",
		      s->path, what);
	return -EIO;
}

static int file_commit(struct run_sink *sink, struct run_fault *fault)
{
	struct file_sink *s = (struct file_sink *)sink;
	int rc = flush(s, fault);
	if (rc < 0 || !s->dirty)
		return rc;
	rc = check_file(s, fault);
	if (rc < 0)
		return rc;
	if (fdatasync(s->file) < 0)
		return fail(s, -errno, fault);
	s->side.output_bytes = s->end;
	if (s->together)
		rc = run_side_commit(&s->side);
	if (rc < 0) {
		run_fault_set(fault, rc, "%s.weir: %s", s->path, weir_strerror(rc));
		return rc;
	}
	s->dirty = false;
	return 0;
}

static int file_write(struct run_sink *sink, const struct weir_item *item, struct run_fault *fault)
{
	struct file_sink *s = (struct file_sink *)sink;
	struct run_side_entry *entry =
		s->together ? run_side_find(&s->side, item->topic, item->partition) : NULL;
	if (s->together && entry == NULL) {
		run_fault_set(fault, -EPROTO, "%s: an event of a partition that is not known",
			      s->path);
		return -EPROTO;
	}
	if (entry != NULL && item->sequence < entry->next_sequence) {
		sink->skipped_count++;
		return 0;
	}
	int rc = run_output_add(&s->output, item);
	if (rc < 0)
		return fail(s, rc, fault);
	if (entry != NULL)
		entry->next_sequence = item->sequence + 1;
	return s->output.used >= FLUSH_BYTES ? flush(s, fault) : 0;
}

static size_t file_pending(const struct run_sink *sink)
{
	const struct file_sink *s = (const struct file_sink *)sink;
	return (size_t)(s->end - s->side.output_bytes) + s->output.used;
}

static void file_close(struct run_sink *sink)
{
	struct file_sink *s = (struct file_sink *)sink;
	run_output_fini(&s->output);
	if (s->side.file >= 0)
		run_side_close(&s->side);
	free(s->side.entries);
	if (s->file >= 0)
		close(s->file);
	free(s);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	const struct run_side_entry *x = a;
	const struct run_side_entry *y = b;
	if (x->topic != y->topic)
		return x->topic < y->topic ? -1 : 1;
	return x->partition < y->partition ? -1 : x->partition > y->partition;
}

/* An entry for each partition that the subscription reads. */
static int make_entries(const struct run_sink_of *of, struct run_side *side)
{
	uint32_t topic;
	uint32_t partitions;
	for (uint32_t i = 0; i < of->subscription->topic_count; i++) {
		int rc = weir_topic_find(of->pipeline, of->subscription->topics[i], &topic);
		if (rc == 0)
			rc = weir_topic_info(of->pipeline, topic, NULL, &partitions);
		if (rc < 0)
			return rc;
		struct run_side_entry *entries =
			realloc(side->entries, (side->entry_count + partitions) * sizeof *entries);
		if (entries == NULL)
			return -ENOMEM;
		side->entries = entries;
		for (uint32_t p = 0; p < partitions; p++)
			entries[side->entry_count++] =
				(struct run_side_entry){.topic = topic, .partition = p};
	}
	qsort(side->entries, side->entry_count, sizeof *side->entries, compare_entries);
	return 0;
}

static int stop_at_once(void *context, const struct weir_journal_segment *segment)
{
	(void)context;
	(void)segment;
	return 1;
}

/* Which journal it is: the walk ends at its first segment. */
static int read_uuid(const char *journal, uint8_t uuid[16], struct run_fault *fault)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	visitor.segment = stop_at_once;
	int rc = weir_journal_inspect(journal, &visitor, &report, &problem);
	if (rc < 0) {
		run_fault_set(fault, rc, "%s: %s", journal, problem.text);
		return rc;
	}
	memcpy(uuid, report.uuid, sizeof report.uuid);
	return 0;
}

/* A last line without its end gets one, so that no event is glued to it. */
static int end_last_line(struct file_sink *s, struct run_fault *fault)
{
	char last = '\n';
	if (s->end > 0 && pread(s->file, &last, 1, (off_t)s->end - 1) != 1)
		return fail(s, errno != 0 ? -errno : -EIO, fault);
	if (last == '\n')
		return 0;
	lines_say(WR_EVENT_SINK_APPENDS, WR_FIELDS(wr_field_text("file", s->path)),
		  "%s: its last line has no end: it gets one", s->path);
	if (write(s->file, "\n", 1) != 1)
		return fail(s, -errno, fault);
	s->end++;
	return 0;
}

static int go_on_behind(struct file_sink *s, struct run_fault *fault)
{
	if (s->end > 0 && s->together)
		lines_say(WR_EVENT_SINK_APPENDS,
			  WR_FIELDS(wr_field_text("file", s->path), wr_field_u64("bytes", s->end)),
			  "%s: it has %llu bytes already: events go behind them", s->path,
			  (unsigned long long)s->end);
	return end_last_line(s, fault);
}

/* What the side file says, against what is there. */
static int reconcile(struct file_sink *s, bool exists, struct run_fault *fault)
{
	uint64_t committed = s->side.output_bytes;
	if (!exists || s->end < committed) {
		run_fault_set(
			fault, -EIO,
			"%s %s, and %s.weir says that %llu bytes were committed: put it back, or "
			"move that file away to begin a new output (what was in the old one is "
			"not written again)",
			s->path, exists ? "was truncated" : "is gone", s->path,
			(unsigned long long)committed);
		return -EIO;
	}
	if (s->end == committed)
		return 0;
	lines_say(WR_EVENT_SINK_CUT,
		  WR_FIELDS(wr_field_text("file", s->path),
			    wr_field_u64("bytes", s->end - committed)),
		  "%s: %llu bytes that were not committed are cut off; their events come again",
		  s->path, (unsigned long long)(s->end - committed));
	if (ftruncate(s->file, (off_t)committed) < 0 || fsync(s->file) < 0)
		return fail(s, -errno, fault);
	s->end = committed;
	return 0;
}

/* 0, and the file is open and locked; -ENOENT when it is not there and is not to be made. */
static int open_locked(struct file_sink *s, int flags, struct run_fault *fault)
{
	struct stat status;
	/* Appending: what others may have written behind ours is never written over. Its mode is
	 * the umask's to say, as of a shell's redirection: the file is the user's. */
	s->file = open(s->path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0666);
	if (s->file < 0)
		return errno == ENOENT && flags == 0 ? -ENOENT : fail(s, -errno, fault);
	if (flock(s->file, LOCK_EX | LOCK_NB) < 0) {
		run_fault_set(fault, WEIR_E_LOCKED, "%s: another run writes to it", s->path);
		return WEIR_E_LOCKED;
	}
	if (fstat(s->file, &status) < 0)
		return fail(s, -errno, fault);
	if (!S_ISREG(status.st_mode)) {
		run_fault_set(fault, -EINVAL, "%s is no regular file", s->path);
		return -EINVAL;
	}
	s->end = (uint64_t)status.st_size;
	return 0;
}

static int open_together(struct file_sink *s, const struct run_sink_of *of, struct run_fault *fault)
{
	char side_path[PATH_BYTES + 8];
	(void)snprintf(side_path, sizeof side_path, "%s.weir", s->path);
	s->side.subscription = of->subscription_id;
	int rc = make_entries(of, &s->side);
	if (rc < 0)
		return fail(s, rc, fault);
	rc = read_uuid(of->journal, s->side.uuid, fault);
	if (rc < 0)
		return rc;
	/* The lock first: another run may be at work on both. */
	int opened = open_locked(s, 0, fault);
	if (opened < 0 && opened != -ENOENT)
		return opened;
	rc = run_side_open(&s->side, side_path, fault);
	if (rc < 0)
		return rc;
	if (rc == 1)
		return reconcile(s, opened == 0, fault);
	if (opened < 0)
		rc = open_locked(s, O_CREAT, fault);
	if (rc == 0)
		rc = go_on_behind(s, fault);
	if (rc == 0 && fsync(s->file) < 0)
		rc = fail(s, -errno, fault);
	s->side.output_bytes = s->end;
	return rc == 0 ? run_side_create(&s->side, side_path, fault) : rc;
}

static int open_after(struct file_sink *s, struct run_fault *fault)
{
	int rc = open_locked(s, O_CREAT, fault);
	if (rc == 0)
		rc = go_on_behind(s, fault);
	if (rc == 0)
		rc = run_sync_folder_of(s->path);
	if (rc < 0 && fault->code == 0)
		rc = fail(s, rc, fault);
	s->side.output_bytes = s->end;
	return rc;
}

/* "%m" in the name is the member's number. */
static void make_path(struct file_sink *s, const struct run_sink_of *of)
{
	const char *mark = strstr(of->config->file, "%m");
	if (mark == NULL)
		(void)snprintf(s->path, sizeof s->path, "%s", of->config->file);
	else
		(void)snprintf(s->path, sizeof s->path, "%.*s%u%s", (int)(mark - of->config->file),
			       of->config->file, of->member, mark + 2);
}

int run_sink_file_open(const struct run_sink_of *of, struct run_sink **ret_sink,
		       struct run_fault *fault)
{
	static const struct run_sink_ops ops = {.write = file_write,
						.commit = file_commit,
						.pending_bytes = file_pending,
						.close = file_close};
	struct file_sink *s = calloc(1, sizeof *s);
	if (s == NULL || run_output_init(&s->output, of->pipeline, of->config->write_json) < 0) {
		free(s);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	s->base.ops = &ops;
	s->life = of->life;
	s->file = -1;
	s->side.file = -1;
	s->together = of->config->commit == WEIR_CONFIG_COMMIT_TOGETHER;
	make_path(s, of);
	int rc = s->together ? open_together(s, of, fault) : open_after(s, fault);
	if (rc < 0) {
		file_close(&s->base);
		return rc;
	}
	*ret_sink = &s->base;
	return 0;
}
