/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a directory that cannot be a journal is refused with the code that belongs to it, a text
 *         that says what is wrong, and not one byte changed; and names lead nowhere.
 * Method: each bad directory through weir_open() and through the commands: owned by another
 *         process, read-only, a file, missing, empty, with files of strangers, of a newer format.
 *         Before and after, every name, size and byte of it is compared. What root may do is tried
 *         as nobody, in a child.
 *
 * Plain main(), TAP: it forks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "core/journal/format.h"
#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define SECOND_NS UINT64_C(1000000000)
#define NOBODY 65534
#define PATH_BYTES (TEST_PATH_BYTES + 64)

static char base[TEST_PATH_BYTES];
static char journal[PATH_BYTES]; /* a good one, of a few events */
static struct capture captured;

/* --- looking -------------------------------------------------------------------------------- */

/* Everything in a directory but times: the order of readdir() does not count. */
static uint64_t digest(const char *dir)
{
	static uint8_t bytes[1u << 20];
	uint64_t sum = 0;
	DIR *entries = opendir(dir);

	if (entries == NULL)
		return 0;
	for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
		struct stat status = {0};
		uint64_t hash = wr_crc32c(7, (const uint8_t *)e->d_name, strlen(e->d_name));
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(entries), e->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		hash = hash * 31 + status.st_mode;
		int fd = S_ISREG(status.st_mode) ? openat(dirfd(entries), e->d_name, O_RDONLY) : -1;
		for (ssize_t n = 1; fd >= 0 && n > 0;) {
			n = read(fd, bytes, sizeof bytes);
			hash = hash * 31 + (uint64_t)status.st_size;
			hash = hash * 31 + wr_crc32c(1, bytes, n > 0 ? (size_t)n : 0);
		}
		if (fd >= 0)
			close(fd);
		sum += hash;
	}
	closedir(entries);
	return sum;
}

static void options_for(struct weir_options *options, const char *dir)
{
	test_options(options, dir);
	options->chunk_bytes = 64u << 10;
	options->segment_bytes = 256u << 10;
	options->manual = true;
}

static struct weir_problem problem;

/* What weir_open() says; a pipeline that opens is closed again. */
static int try_open(const char *dir)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;

	memset(&problem, 0, sizeof problem);
	options_for(&options, dir);
	int rc = weir_open(&options, &pipeline, &problem);
	if (rc == 0)
		(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	return rc;
}

static bool told(const char *part)
{
	return problem.code < 0 && strstr(problem.text, part) != NULL;
}

/* What a command said, without the end of the line: it stands in TAP lines here. */
static void run_command(int (*run)(int, char **), const char *name, const char *const *arguments)
{
	capture_run(&captured, run, name, arguments);
	captured.err[strcspn(captured.err, "\n")] = '\0';
}

static int verify(const char *dir)
{
	run_command(cmd_journal, "journal", (const char *const[]){"verify", dir, NULL});
	return captured.exit_code;
}

static void path_of(char to[PATH_BYTES], const char *name)
{
	snprintf(to, PATH_BYTES, "%s/%s", base, name);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

/* --- a good one ----------------------------------------------------------------------------- */

static int publish_few(const char *dir)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_topic_options topic_options;
	uint32_t topic;

	options_for(&options, dir);
	options.manual = false; /* weir_publish_once() */
	int rc = weir_open(&options, &pipeline, &problem);
	if (rc < 0)
		return rc;
	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	rc = weir_topic_create(pipeline, &topic_options, &topic, &problem);
	for (int i = 0; rc == 0 && i < 3; i++) {
		const struct weir_event event = {
			.topic = topic, .payload = &i, .payload_bytes = sizeof i};
		rc = weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, SECOND_NS * 30, NULL);
	}
	int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	return rc < 0 ? rc : closed;
}

/* In a child: weir must have no thread in this process when it forks. */
static bool make_journal(const char *dir)
{
	int status = -1;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(publish_few(dir) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* --- cases ---------------------------------------------------------------------------------- */

static void in_use(void)
{
	int ready[2];
	char mark = 0;
	struct weir_options options;
	struct weir_pipeline *pipeline;

	if (pipe(ready) != 0)
		exit(1);
	fflush(NULL);
	pid_t owner = fork();
	if (owner == 0) {
		options_for(&options, journal);
		int rc = weir_open(&options, &pipeline, NULL);
		if (rc == 0 && write(ready[1], "!", 1) == 1)
			pause();
		_exit(1);
	}
	bool is_held = owner > 0 && read(ready[0], &mark, 1) == 1;
	uint64_t before = digest(journal);
	int rc = try_open(journal);
	tap_check(is_held && rc == WEIR_E_LOCKED && told("another"),
		  "owned by another process: WEIR_E_LOCKED: \"%s\"", problem.text);
	tap_check(cli_exit_of(rc) == CLI_EXIT_IN_USE, "which is exit code 5 of a command");
	tap_check(verify(journal) == CLI_EXIT_OK, "and it can be verified meanwhile");
	tap_check(digest(journal) == before, "nothing of it changed");
	kill(owner, SIGKILL);
	(void)waitpid(owner, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	tap_check(try_open(journal) == 0, "it opens once the owner is gone");
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		exit(99);
}

/* In a child with the signature of a command: argv[1] is the directory. */
static int open_as_nobody(int argc, char **argv)
{
	(void)argc;
	become_nobody();
	int rc = try_open(argv[1]);
	fprintf(stderr, "%s: %s", weir_error_name(rc), problem.text);
	return rc < 0 ? (int)cli_exit_of(rc) : 0;
}

static int journal_as_nobody(int argc, char **argv)
{
	become_nobody();
	return cmd_journal(argc, argv);
}

static int bench_as_nobody(int argc, char **argv)
{
	become_nobody();
	return cmd_bench(argc, argv);
}

static void set_modes(const char *dir, mode_t file_mode)
{
	DIR *entries = opendir(dir);

	for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
		if (e->d_name[0] != '.')
			(void)fchmodat(dirfd(entries), e->d_name, file_mode, 0);
	closedir(entries);
}

static void read_only(void)
{
	char inside[PATH_BYTES];
	uint64_t before;

	if (geteuid() != 0) {
		tap_skip("a read-only directory needs another user than its owner");
		return;
	}
	path_of(inside, "new");
	(void)chmod(base, 0755);
	(void)chmod(journal, 0755);
	run_command(open_as_nobody, "open", (const char *const[]){inside, NULL});
	tap_check(captured.exit_code == CLI_EXIT_IO &&
			  capture_has(captured.err, "permission denied") &&
			  capture_has(captured.err, inside) && access(inside, F_OK) != 0,
		  "a directory cannot be made in a read-only one: \"%s\"", captured.err);
	before = digest(journal);
	run_command(open_as_nobody, "open", (const char *const[]){journal, NULL});
	tap_check(captured.exit_code == CLI_EXIT_IO && capture_has(captured.err, "EACCES"),
		  "a journal that one may not write: \"%s\"", captured.err);
	run_command(journal_as_nobody, "journal", (const char *const[]){"verify", journal, NULL});
	tap_check(captured.exit_code == CLI_EXIT_IO && captured.err[0] != '\0',
		  "one that one may not read, either: exit 7: \"%s\"", captured.err);
	run_command(bench_as_nobody, "bench",
		    (const char *const[]){"pipeline", "--seconds", "0.1", "--bare-syncs", "0",
					  "--dir", base, NULL});
	tap_check(captured.exit_code == CLI_EXIT_IO && captured.err[0] != '\0',
		  "a benchmark there: exit 7: \"%s\"", captured.err);
	tap_check(digest(journal) == before, "nothing of it changed");
	set_modes(journal, 0644);
	run_command(journal_as_nobody, "journal", (const char *const[]){"verify", journal, NULL});
	tap_check(captured.exit_code == CLI_EXIT_OK, "whoever may read it may verify it");
	set_modes(journal, 0600);
}

static void no_directory(void)
{
	char path[PATH_BYTES];

	path_of(path, "a-file");
	put(path, "precious");
	int rc = try_open(path);
	tap_check(rc == -ENOTDIR || rc == -EEXIST, "a file is no directory: %s: \"%s\"",
		  weir_error_name(rc), problem.text);
	tap_check(strstr(problem.text, path) != NULL && problem.field[0] != '\0',
		  "the text names it");
	tap_check(verify(path) == CLI_EXIT_NOT_FOUND && captured.err[0] != '\0',
		  "verify: exit 4: \"%s\"", captured.err);
	path_of(path, "missing/deeper");
	rc = try_open(path);
	tap_check(rc == -ENOENT && problem.text[0] != '\0', "only the last level is made: \"%s\"",
		  problem.text);
	tap_check(verify(path) == CLI_EXIT_NOT_FOUND && captured.err[0] != '\0',
		  "verify: exit 4: \"%s\"", captured.err);
	path_of(path, "empty");
	(void)mkdir(path, 0700);
	tap_check(verify(path) == CLI_EXIT_NOT_FOUND && capture_has(captured.err, "no journal"),
		  "verify of an empty one: exit 4: \"%s\"", captured.err);
	tap_check(digest(path) == 0, "nothing was put into it");
}

static bool holds(const char *path, const char *text)
{
	char bytes[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes - 1) : -1;

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

/* What is not weir's stays as it is, also when its name looks like a segment's. */
static void strangers(void)
{
	static const char *const names[] = {"notes.txt",          ".hidden",
					    "0-00000000.seg.bak", "0-checkpoint.0.old",
					    "0-0000.seg",         "JOURNAL.txt"};
	char path[PATH_BYTES + 64];
	char target[PATH_BYTES];
	bool is_whole = true;

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", journal, names[i]);
		put(path, "precious");
	}
	snprintf(path, sizeof path, "%s/folder", journal);
	(void)mkdir(path, 0700);
	tap_check(try_open(journal) == 0, "files of strangers: opened all the same");
	tap_check(verify(journal) == CLI_EXIT_OK, "and verified");
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", journal, names[i]);
		is_whole = holds(path, "precious") && is_whole;
		(void)unlink(path);
	}
	tap_check(is_whole, "the strangers' files are as they were");
	path_of(target, "outside");
	put(target, "precious");
	snprintf(path, sizeof path, "%s/0-00000077.seg", journal);
	if (symlink(target, path) != 0)
		exit(1);
	int rc = try_open(journal);
	tap_check(holds(target, "precious"), "a symbolic link is not followed (%s: \"%s\")",
		  weir_error_name(rc), problem.text);
	(void)unlink(path);
	tap_check(try_open(journal) == 0, "without it the journal opens");
}

static void raise_format(uint16_t by)
{
	uint8_t block[WR_BLOCK_BYTES];
	char path[PATH_BYTES + 16];

	snprintf(path, sizeof path, "%s/%s", journal, WR_SUPERBLOCK_NAME);
	int fd = open(path, O_RDWR);
	for (off_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		struct wr_superblock *s = (struct wr_superblock *)(void *)block;
		off_t at = copy * (off_t)WR_BLOCK_BYTES;
		if (pread(fd, block, sizeof block, at) != sizeof block)
			exit(1);
		s->format = (uint16_t)(s->format + by);
		s->crc = wr_crc32c(1, block, offsetof(struct wr_superblock, crc));
		if (pwrite(fd, block, sizeof block, at) != sizeof block)
			exit(1);
	}
	close(fd);
}

static void newer(void)
{
	raise_format(1);
	uint64_t before = digest(journal);
	int rc = try_open(journal);
	tap_check(rc == WEIR_E_FORMAT && told("newer"), "a newer format: WEIR_E_FORMAT: \"%s\"",
		  problem.text);
	int exit_code = verify(journal);
	tap_check(exit_code == CLI_EXIT_FORMAT && capture_has(captured.err, "newer"),
		  "verify: exit %d: \"%s\"", exit_code, captured.err);
	tap_check(digest(journal) == before, "nothing of it changed");
	raise_format((uint16_t)-1);
	tap_check(try_open(journal) == 0, "of its own format again, it opens");
}

/* --- names ---------------------------------------------------------------------------------- */

static void names(void)
{
	static const char *const bad[] = {"..",   ".",    "",    "../up", "a/b",
					  "/etc", ".dot", "a b", "\n"};
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_topic_options topic;
	struct weir_producer_options producer_options;
	struct weir_producer *producer;
	uint32_t id;
	uint64_t before = digest(base);
	unsigned refused = 0, explained = 0, producers = 0;

	options_for(&options, journal);
	if (weir_open(&options, &pipeline, NULL) < 0) {
		tap_check(false, "the journal opens");
		return;
	}
	weir_topic_options_init(&topic);
	weir_producer_options_init(&producer_options);
	const unsigned count = sizeof bad / sizeof bad[0];
	for (unsigned i = 0; i < count; i++) {
		topic.name = bad[i];
		memset(&problem, 0, sizeof problem);
		refused += weir_topic_create(pipeline, &topic, &id, &problem) == -EINVAL;
		explained += problem.text[0] != '\0';
		producer_options.name = bad[i];
		bool has_slash = strpbrk(bad[i], "/ \n") != NULL || bad[i][0] == '\0';
		producers += !has_slash || weir_producer_open(pipeline, &producer_options,
							      &producer, &problem) == -EINVAL;
	}
	tap_check(refused == count, "%u bad names of topics, %u refused", count, refused);
	tap_check(explained == count, "each with a reason (%u): \"%s\"", explained, problem.text);
	tap_check(producers == count, "and of producers");
	topic.name = "t";
	topic.partitions = 5;
	int rc = weir_topic_create(pipeline, &topic, &id, &problem);
	tap_check(rc == WEIR_E_EXISTS && problem.text[0] != '\0',
		  "a topic with another partition count: \"%s\"", problem.text);
	(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	tap_check(digest(base) == before, "and nothing was made beside the journal");
	tap_check(verify(journal) == CLI_EXIT_OK, "which is sound");
}

int main(void)
{
	test_dir_make(base);
	path_of(journal, "journal");
	if (tap_check(make_journal(journal), "a journal of three events")) {
		in_use();
		read_only();
		no_directory();
		strangers();
		newer();
		names();
	}
	test_dir_remove(base);
	return tap_end();
}
