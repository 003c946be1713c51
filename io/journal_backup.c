/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_journal_backup() and weir_journal_restore(): core/journal/backup.h copies from storage to
 * storage, this is the directories around it. The copy is made in DEST.weir-partial, under that
 * directory's lock, and renamed when it is durable.
 *
 * What is removed: files of DEST.weir-partial, if all of them have names that a copy has, and if it
 * is under that name that the lock is held: else its maker has renamed it, whole, while this call
 * waited for the lock, and it is not touched. JOURNAL goes first, which was written last: what is
 * left of a copy that is not whole has none.
 *
 * Thread: the caller's.
 */
#include <weir/backup.h>

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/journal/backup.h"
#include "io/journal_inspect.h"
#include "io/posix/dir.h"
#include "io/posix/request.h"
#include "io/posix/storage_posix.h"

#define PARTIAL ".weir-partial"
#define PATH_BYTES 4096

struct copy {
	struct wr_inspect in; /* the source */
	const struct weir_backup_options *options;
	struct weir_problem *problem;
	char dest[PATH_BYTES]; /* without slashes at its end */
	char partial[PATH_BYTES + sizeof PARTIAL];
	struct wr_storage *to;
	char name[WR_STORAGE_NAME_MAX + 1]; /* what is in partial and should not be */
};

void weir_backup_options_init(struct weir_backup_options *options)
{
	*options = (struct weir_backup_options){.struct_bytes = sizeof *options};
}

__attribute__((format(printf, 4, 5))) static int fail(struct copy *c, int code, const char *field,
						      const char *format, ...)
{
	struct weir_problem *p = c->problem;
	va_list arguments;

	if (p == NULL)
		return code;
	*p = (struct weir_problem){.code = code};
	(void)snprintf(p->field, sizeof p->field, "%s", field);
	va_start(arguments, format);
	(void)vsnprintf(p->text, sizeof p->text, format, arguments);
	va_end(arguments);
	return code;
}

/* --- where it goes ---------------------------------------------------------------------------- */

static int set_dest(struct copy *c, const char *dest)
{
	size_t length = dest != NULL ? strnlen(dest, PATH_BYTES) : 0;

	while (length > 1 && dest[length - 1] == '/')
		length--;
	if (length == 0 || length >= PATH_BYTES - 1)
		return fail(c, length == 0 ? -EINVAL : -ENAMETOOLONG, "destination",
			    "name a directory to be made");
	memcpy(c->dest, dest, length);
	c->dest[length] = '\0';
	const char *slash = strrchr(c->dest, '/');
	const char *last = slash != NULL ? slash + 1 : c->dest;
	if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return fail(c, -EINVAL, "destination",
			    "name the directory itself, not . or .. or /: it is made anew");
	(void)snprintf(c->partial, sizeof c->partial, "%s" PARTIAL, c->dest);
	return 0;
}

/* 1: nothing is in it; 0: something is, or it is no directory. */
static int is_empty_dir(const char *path)
{
	DIR *stream = opendir(path);
	bool found = false;

	if (stream == NULL)
		return errno == ENOTDIR ? 0 : -errno;
	const struct dirent *entry = NULL;
	while (!found && (entry = readdir(stream)) != NULL)
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(stream);
	return found ? 0 : 1;
}

static int refuse_dest(struct copy *c, bool may_be_empty)
{
	char journal[PATH_BYTES + sizeof "/" WR_SUPERBLOCK_NAME];
	struct stat st;

	if (lstat(c->dest, &st) != 0)
		return errno == ENOENT ? 0 : fail(c, -errno, "destination", "%s", strerror(errno));
	(void)snprintf(journal, sizeof journal, "%s/" WR_SUPERBLOCK_NAME, c->dest);
	if (lstat(journal, &st) == 0)
		return fail(c, -EEXIST, "destination",
			    "there is a journal already: move it away, or name another directory");
	int empty = may_be_empty ? is_empty_dir(c->dest) : 0;
	if (empty < 0)
		return fail(c, empty, "destination", "it cannot be read: %s", weir_strerror(empty));
	if (empty == 1)
		return 0;
	return fail(c, -EEXIST, "destination",
		    may_be_empty ? "it is there and not empty: name a new or an empty directory"
				 : "it is there: name a directory to be made");
}

/* --- what an interrupted call left ------------------------------------------------------------ */

static int find_foreign(void *context, const char *name)
{
	struct copy *c = context;

	if (wr_backup_makes(name))
		return 0;
	(void)snprintf(c->name, sizeof c->name, "%s", name);
	return 1;
}

/* Linux lets names go while they are listed. */
static int remove_one(void *context, const char *name)
{
	struct copy *c = context;

	return c->to->ops->file_remove(c->to, name);
}

static int remove_all(struct copy *c)
{
	int r = c->to->ops->file_remove(c->to, WR_SUPERBLOCK_NAME);

	return r == 0 || r == -ENOENT ? c->to->ops->file_each(c->to, remove_one, c) : r;
}

/* Whether what is locked still has this name. */
static bool is_still_there(const struct copy *c)
{
	const struct wr_dir *dir = (const struct wr_dir *)c->to;
	struct stat held, named;

	return fstat(dir->dir_fd, &held) == 0 && stat(c->partial, &named) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static int clear_partial(struct copy *c)
{
	if (!is_still_there(c))
		return fail(c, WEIR_E_LOCKED, "destination",
			    "another copy was made there a moment ago");
	int r = c->to->ops->file_each(c->to, find_foreign, c);
	if (r == 1)
		return fail(c, -EEXIST, "destination",
			    "%.100s" PARTIAL " holds %.60s, which no copy left there", c->dest,
			    c->name);
	if (r == 0)
		r = remove_all(c);
	return r < 0 ? fail(c, r, "destination", "%.100s" PARTIAL " cannot be cleared: %s", c->dest,
			    weir_strerror(r))
		     : 0;
}

static int open_partial(struct copy *c)
{
	char reason[160] = "";
	struct wr_storage_options options = {.dir = c->partial,
					     .create_dir = true,
					     .ret_reason = reason,
					     .reason_bytes = sizeof reason};

	int r = wr_storage_posix_open(&options, &c->to);
	if (r < 0) {
		c->to = NULL;
		return fail(c, r, "destination", "%s",
			    reason[0] != '\0' ? reason : weir_strerror(r));
	}
	r = c->to->ops->lock(c->to);
	if (r == WEIR_E_LOCKED)
		r = fail(c, r, "destination", "another copy is being made in %.120s" PARTIAL,
			 c->dest);
	else if (r < 0)
		r = fail(c, r, "destination", "it cannot be locked: %s", weir_strerror(r));
	else
		r = clear_partial(c);
	if (r < 0) {
		c->to->ops->fini(c->to);
		c->to = NULL;
	}
	return r;
}

/* --- copying ---------------------------------------------------------------------------------- */

static void on_damage(void *context, const struct wr_damage *damage)
{
	struct copy *c = context;
	struct weir_journal_damage public;

	if (c->options->damage == NULL)
		return;
	wr_inspect_fill_damage(damage, &public);
	c->options->damage(c->options->context, &public);
}

static int on_progress(void *context, const struct wr_backup_progress *progress)
{
	struct copy *c = context;
	const struct weir_backup_progress public = {
		.segments = progress->segments,
		.segments_total = progress->segments_total,
		.written_bytes = progress->written_bytes,
		.last_sequence = progress->last_seq,
		.tries = progress->tries,
	};

	return c->options->progress != NULL ? c->options->progress(c->options->context, &public)
					    : 0;
}

static void fill_report(const struct wr_backup_report *from, struct weir_backup_report *to)
{
	*to = (struct weir_backup_report){
		.epoch = from->superblock.epoch,
		.tries = from->tries,
		.first_sequence = from->first_seq,
		.last_sequence = from->last_seq,
		.checkpoint_sequence = from->checkpoint_seq,
		.record_count = from->record_count,
		.segment_count = from->segment_count,
		.written_bytes = from->written_bytes,
		.corrupt_count = from->corrupt_count,
		.harmless_count = from->harmless_count,
	};
	memcpy(to->uuid, from->superblock.uuid, sizeof to->uuid);
}

/* The copy is durable in partial, and nobody else is in there. */
static int give_name(struct copy *c)
{
	if (rename(c->partial, c->dest) != 0) {
		int code = errno == ENOTEMPTY ? -EEXIST : -errno;
		return fail(c, code, "destination", "it cannot get its name: %s%s",
			    weir_strerror(code),
			    code == -EBUSY || code == -EXDEV
				    ? " (a mount point? name a directory in it)"
				    : "");
	}
	int code = wr_dir_sync_parent(c->dest);
	return code < 0 ? fail(c, code, "destination", "its name cannot be synced: %s",
			       weir_strerror(code))
			: 0;
}

/* Of a copy that failed nothing is left. LOCK is no file of the storage. */
static void remove_partial(struct copy *c)
{
	char lock[sizeof c->partial + sizeof "/" WR_STORAGE_LOCK_NAME];

	(void)remove_all(c);
	(void)snprintf(lock, sizeof lock, "%s/" WR_STORAGE_LOCK_NAME, c->partial);
	(void)unlink(lock);
	(void)rmdir(c->partial);
}

static int run(struct copy *c, struct weir_backup_report *ret_report)
{
	const struct wr_backup_options options = {
		.damaged = c->options->damaged,
		.damage = on_damage,
		.progress = on_progress,
		.context = c,
	};
	struct wr_backup_report report = {.tries = 0};
	int r = open_partial(c);

	if (r < 0)
		return r;
	r = wr_backup_run(c->in.storage, c->to, &c->in.memory.memory, &options, &report,
			  c->problem);
	if (r == 0)
		r = give_name(c);
	if (r != 0)
		remove_partial(c);
	c->to->ops->fini(c->to);
	if (ret_report != NULL)
		fill_report(&report, ret_report);
	return r;
}

static int copy(const char *dir, const char *dest, bool may_be_empty,
		const struct weir_backup_options *options, struct weir_backup_report *ret_report,
		struct weir_problem *reterr_problem)
{
	struct weir_backup_options defaults;
	struct wr_superblock superblock;

	if (ret_report != NULL)
		*ret_report = (struct weir_backup_report){.tries = 0};
	struct copy *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	weir_backup_options_init(&defaults);
	c->options = options != NULL ? options : &defaults;
	c->problem = reterr_problem;
	int r = set_dest(c, dest);
	if (r == 0 && c->options->struct_bytes != sizeof *c->options)
		r = fail(c, -EINVAL, "options", "options from weir_backup_options_init()");
	if (r == 0)
		r = refuse_dest(c, may_be_empty);
	if (r == 0)
		r = wr_inspect_open(&c->in, dir, NULL, reterr_problem);
	/* Where there is no journal nothing is made. */
	if (r == 0)
		r = wr_verify_superblock(c->in.storage, &c->in.memory.memory, &superblock,
					 reterr_problem);
	if (r == 0)
		r = run(c, ret_report);
	wr_inspect_close(&c->in);
	free(c);
	return r;
}

int weir_journal_backup(const char *dir, const char *dest,
			const struct weir_backup_options *options,
			struct weir_backup_report *ret_report, struct weir_problem *reterr_problem)
{
	return copy(dir, dest, false, options, ret_report, reterr_problem);
}

int weir_journal_restore(const char *backup, const char *dir,
			 const struct weir_backup_options *options,
			 struct weir_backup_report *ret_report, struct weir_problem *reterr_problem)
{
	return copy(backup, dir, true, options, ret_report, reterr_problem);
}
