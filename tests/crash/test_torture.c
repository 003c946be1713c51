/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir torture` finds nothing where nothing is wrong, and fails where something is; it
 *         works in a directory of its own, touches nothing beside it, and leaves nothing.
 * Method: runs of a second or two on a real file system, judged by JSON, exit code and what is in
 *         the directory afterwards; faults of the test's own, through the hooks: an acknowledged
 *         batch that is gone after a kill, an event that a damaged copy does not show, one that was
 *         never published.
 *
 * Plain main(), TAP: weir must have no thread in the process that forks.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"
#include "tools/weir/torture/torture.h"

static char dir[TEST_PATH_BYTES];
static struct capture c;

#define TORTURE(...) CAPTURE(&c, cmd_torture, "torture", __VA_ARGS__)

/* Entries of a directory that are not "." and "..", or UINT32_MAX. */
static uint32_t entries(const char *path)
{
	uint32_t count = 0;
	DIR *d = opendir(path);

	if (d == NULL)
		return UINT32_MAX;
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count - 2;
}

static uint64_t number_of(const char *field)
{
	char name[64];
	(void)snprintf(name, sizeof name, "\"%s\": ", field);
	const char *at = strstr(c.out, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void a_good_machine(void)
{
	char beside[TEST_PATH_BYTES + 16];
	struct stat status;

	(void)snprintf(beside, sizeof beside, "%s/beside", dir);
	int fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	bool is_written = fd >= 0 && write(fd, "x", 1) == 1;
	close(fd);
	TORTURE("--seconds", "2", "--seed", "7", "--json", dir);
	tap_check(c.exit_code == 0 && capture_has(c.out, "\"ok\": true"),
		  "a machine that is good: exit code %d", c.exit_code);
	if (c.exit_code != 0)
		tap_note("%s %s", c.out, c.err);
	tap_check(number_of("seed") == 7 && number_of("acknowledged") > 0 &&
			  capture_has(c.out, "\"silent\": 0"),
		  "it has acknowledged %llu events, none is lost",
		  (unsigned long long)number_of("acknowledged"));
	tap_check(is_written && entries(dir) == 1 && stat(beside, &status) == 0 &&
			  status.st_size == 1,
		  "what is beside it is as it was, and nothing else is left");
	(void)unlink(beside);
}

/* --- faults of the test's own ----------------------------------------------------------------- */

/* The first segment that has a batch loses it. Under the reader's nose: nobody is told. */
static void lose_a_batch(void *context, const char *journal)
{
	static const char zeros[16384];
	char path[TEST_PATH_BYTES * 2];
	struct sweep_run *sweep = &((struct torture *)context)->sweep;

	if (wr_load_relaxed(&sweep->ledger->acked[0]) < 20)
		return;
	DIR *d = opendir(journal);
	for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
		if (strstr(entry->d_name, ".seg") == NULL)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", journal, entry->d_name);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && pwrite(fd, zeros, sizeof zeros, 4096) < 0)
			abort();
		close(fd);
	}
	closedir(d);
}

/* A reader that passes the last event over, and says nothing. */
static void hide_an_event(void *context, struct look *look)
{
	(void)context;
	look->code = 0;
	look->report.corrupt_count = 0;
	look->event_count -= look->event_count > 0;
}

/* Whatever it was that was read. */
static void change_an_event(void *context, struct look *look)
{
	(void)context;
	look->code = 0;
	if (look->event_count == 0)
		look->events[look->event_count++] = (struct look_event){.sequence = 1};
	look->events[look->event_count / 2].hash ^= 1;
}

static void expect_failure(const char *what, const char *words)
{
	TORTURE("--seconds", "0.5", "--seed", "11", "--json", dir);
	tap_check(c.exit_code == CLI_EXIT_FAILED && capture_has(c.out, "\"ok\": false") &&
			  capture_has(c.out, words) &&
			  capture_has(c.out, "\"again\": \"weir torture "),
		  "%s: exit code %d", what, c.exit_code);
	if (c.exit_code != CLI_EXIT_FAILED || !capture_has(c.out, words))
		tap_note("%s %s", c.out, c.err);
	tap_check(entries(dir) == 0, "%s: nothing is left", what);
}

static void faults_are_found(void)
{
	torture_hooks.killed = lose_a_batch;
	expect_failure("acknowledged batches are gone after a kill", "journal: ");
	torture_hooks.killed = NULL;
	torture_hooks.looked = hide_an_event;
	expect_failure("a reader that passes an event over", "missing");
	torture_hooks.looked = change_an_event;
	expect_failure("a reader that shows another event", "never published");
	torture_hooks.looked = NULL;
}

static void a_failure_can_be_kept(void)
{
	char path[ROOM_PATH_BYTES] = "";

	torture_hooks.looked = change_an_event;
	TORTURE("--seconds", "0.3", "--keep", dir);
	torture_hooks.looked = NULL;
	const char *kept = strstr(c.out, "  kept        ");
	if (kept != NULL)
		(void)sscanf(kept, "  kept %500s", path);
	tap_check(kept != NULL && strncmp(path, dir, strlen(dir)) == 0 &&
			  entries(path) != UINT32_MAX,
		  "--keep leaves the journal of a failure, and says where");
	tap_check(capture_has(c.out, "verdict     FAILED: damage: ") &&
			  capture_has(c.out, "\n  again       weir torture "),
		  "and text has the line that does it again");
	if (kept != NULL)
		test_dir_remove(path);
}

/* --- ends and refusals ------------------------------------------------------------------------ */

static void an_interrupt(void)
{
	char *argv[] = {"torture", "--seconds", "60", dir, NULL};
	const struct timespec nap = {.tv_nsec = 20000000};
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(99);
		_exit(cmd_torture(4, argv));
	}
	while (entries(dir) == 0 && waitpid(pid, &status, WNOHANG) == 0)
		nanosleep(&nap, NULL);
	(void)kill(pid, SIGINT);
	(void)waitpid(pid, &status, 0);
	tap_check(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT && entries(dir) == 0,
		  "interrupted: exit code %d, and nothing is left", WEXITSTATUS(status));
}

static void refusals(void)
{
	char path[TEST_PATH_BYTES + 16];

	(void)snprintf(path, sizeof path, "%s/none", dir);
	TORTURE(path);
	tap_check(c.exit_code == CLI_EXIT_NOT_FOUND && entries(dir) == 0,
		  "a directory that is not there: exit code %d, and none is made", c.exit_code);
	TORTURE("--seconds", "1");
	tap_check(c.exit_code == CLI_EXIT_USAGE, "no directory: exit code %d", c.exit_code);
	/* Somebody put another directory in the room's place: it stays. */
	struct room room;
	bool is_made = room_make(dir, &room) == 0;
	char moved[ROOM_NAME_BYTES];
	(void)snprintf(moved, sizeof moved, "%s.moved", room.path);
	bool is_swapped = is_made && rename(room.path, moved) == 0 && mkdir(room.path, 0700) == 0;
	tap_check(is_swapped && room_remove(&room) < 0 && access(room.path, F_OK) == 0,
		  "what has taken the room's place is left alone");
	(void)rmdir(room.path);
	(void)rmdir(moved);
}

int main(void)
{
	test_dir_make(dir);
	a_good_machine();
	faults_are_found();
	a_failure_can_be_kept();
	an_interrupt();
	refusals();
	test_dir_remove(dir);
	return tap_end();
}
