/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others see of a bridge, and how they steer it: three files in state_dir.
 *
 *   NAME.lock    locked (flock) as long as the bridge lives; the kernel lets go when its process
 *                dies, so that a status of the dead is known for one
 *   NAME.status  lines "key value", the first "weir-bridge 1"; replaced by rename, so whoever reads
 *                it has one whole. Unknown keys are to be passed over
 *   NAME.pause   is there: it is to be paused
 *   NAME.resume  is there: another attempt is asked for; removed when it is taken
 *
 * A file that cannot be written is no reason to stop a bridge: the status is tried again at the
 * next change.
 *
 * Thread: the bridge's but for take, give and pause.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/bridge/bridge.h"

#define PATH_BYTES 4096u
#define STATUS_BYTES 2048u
#define LOCK_TRIES 40u

static bool path_of(const struct weir_bridge *b, const char *end, char to[PATH_BYTES])
{
	int bytes = snprintf(to, PATH_BYTES, "%s/%s%s", b->state_dir, b->name, end);
	return bytes > 0 && (unsigned)bytes < PATH_BYTES;
}

static int refuse(struct weir_problem *problem, int code, const char *text)
{
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code, .field = "state_dir"};
	(void)snprintf(problem->text, sizeof problem->text, "%s: %s", text, weir_strerror(code));
	return code;
}

/* Who looks whether it lives has it for a moment (`weir bridge`). */
static int take_lock(int file)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	for (uint32_t tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(file, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		(void)nanosleep(&moment, NULL);
	}
	return WEIR_E_LOCKED;
}

int wr_bridge_files_take(struct weir_bridge *b, struct weir_problem *problem)
{
	char path[PATH_BYTES];
	if (b->state_dir == NULL)
		return 0;
	if (!path_of(b, ".status.new", path) || !path_of(b, ".lock", path))
		return refuse(problem, -ENAMETOOLONG, "the path is too long");
	if (mkdir(b->state_dir, 0700) < 0 && errno != EEXIST)
		return refuse(problem, -errno, "the folder cannot be made");
	b->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (b->lock_file < 0)
		return refuse(problem, -errno, "its lock cannot be made");
	int rc = take_lock(b->lock_file);
	if (rc == 0)
		return 0;
	(void)close(b->lock_file);
	b->lock_file = -1;
	return refuse(problem, rc,
		      rc == WEIR_E_LOCKED ? "a bridge of this name lives"
					  : "its lock cannot be taken");
}

void wr_bridge_files_give(struct weir_bridge *b)
{
	if (b->lock_file >= 0)
		(void)close(b->lock_file);
	b->lock_file = -1;
}

int wr_bridge_files_pause(struct weir_bridge *b, bool pause)
{
	char path[PATH_BYTES];
	if (b->state_dir == NULL || !path_of(b, ".pause", path))
		return 0;
	if (!pause)
		return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	(void)close(file);
	return 0;
}

/* A line for a person: nothing that would end it. */
static void one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static int print(const struct weir_bridge_status *s, char to[STATUS_BYTES])
{
	return snprintf(
		to, STATUS_BYTES,
		"weir-bridge 1\nname %s\nsystem %s\ndirection %s\nstate %s\nsince_us %" PRIu64
		"\nevents %" PRIu64 "\nbytes %" PRIu64 "\nrepeats %" PRIu64
		"\ndead_letters %" PRIu64 "\nattempts %" PRIu64 "\nlag_events %" PRIu64
		"\nlag_time_ns %" PRIu64 "\nprocess %ld\nwhy %s\n",
		s->name, s->system, s->direction == WEIR_BRIDGE_SINK ? "sink" : "source",
		weir_bridge_state_name(s->state), s->since_us, s->events, s->bytes, s->repeats,
		s->dead_letters, s->attempts, s->lag_events, s->lag_time_ns, (long)getpid(),
		s->why);
}

static bool write_whole(const char *path, const char *text, size_t bytes)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		return false;
	bool good = write(file, text, bytes) == (ssize_t)bytes;
	return close(file) == 0 && good;
}

static void write_status(struct weir_bridge *b)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	char text[STATUS_BYTES], from[PATH_BYTES], to[PATH_BYTES];
	if (weir_bridge_status(b, &status) < 0 || !path_of(b, ".status.new", from) ||
	    !path_of(b, ".status", to))
		return;
	one_line(status.why);
	int bytes = print(&status, text);
	if (bytes < 0 || (unsigned)bytes >= STATUS_BYTES)
		return;
	if (!write_whole(from, text, (size_t)bytes) || rename(from, to) < 0) {
		(void)pthread_mutex_lock(&b->lock);
		b->shown_changed = true;
		(void)pthread_mutex_unlock(&b->lock);
	}
}

/* Whoever paused it by the file is answered by the file; who called resumes by the call. */
static void look_at_wishes(struct weir_bridge *b)
{
	char path[PATH_BYTES];
	bool pause = path_of(b, ".pause", path) && access(path, F_OK) == 0;
	bool resume = path_of(b, ".resume", path) && unlink(path) == 0;
	(void)pthread_mutex_lock(&b->lock);
	b->asked.pause = pause;
	b->asked.resume |= resume;
	(void)pthread_mutex_unlock(&b->lock);
}

void wr_bridge_files_look(struct weir_bridge *b, bool now)
{
	uint64_t now_ns = wr_bridge_now_ns();
	if (b->state_dir == NULL || (!now && now_ns < b->next_look_ns))
		return;
	b->next_look_ns = now_ns + WR_BRIDGE_LOOK_NS;
	look_at_wishes(b);
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	(void)weir_bridge_status(b, &status);
	(void)pthread_mutex_lock(&b->lock);
	bool changed = b->shown_changed || now;
	if (b->options.direction == WEIR_BRIDGE_SINK) {
		changed |= status.lag_events != b->shown.lag_events;
		b->shown.lag_events = status.lag_events;
	}
	b->shown_changed = false;
	(void)pthread_mutex_unlock(&b->lock);
	if (changed)
		write_status(b);
}
