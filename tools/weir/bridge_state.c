/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge_state.h. */
#include "tools/weir/bridge_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/error.h>

#include "core/base/bits.h"

#define STATUS_BYTES 4096u
#define PATH_BYTES 4224u
#define HEAD "weir-bridge "

static bool path_of(const char *dir, const char *name, const char *end, char to[PATH_BYTES])
{
	int bytes = snprintf(to, PATH_BYTES, "%s/%s%s", dir, name, end);
	return bytes > 0 && (size_t)bytes < PATH_BYTES;
}

/* ---- one status ------------------------------------------------------------------------------ */

/* Also those of 8 bits, U+0080 to U+009F: among them is one that begins a sequence. */
static bool is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

void bridge_text_take(const char *value, char *to, size_t room_bytes)
{
	const unsigned char *from = (const unsigned char *)value;
	size_t bytes = 0;
	for (; *from != '\0' && bytes + 1 < room_bytes; from++) {
		bool is_seen = !is_control(from);
		to[bytes++] = is_seen ? (char)*from : '?';
		from += !is_seen && *from == 0xc2;
	}
	to[bytes] = '\0';
}

static bool take_number(const char *value, uint64_t *to)
{
	char *end;
	if (value[0] < '0' || value[0] > '9')
		return false;
	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*to = n;
	return true;
}

/* True: it is well, or a key that this weir does not know. */
static bool take_line(struct bridge_state *s, const char *key, const char *value)
{
	const struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{"since_us", &s->since_us},
		{"events", &s->events},
		{"bytes", &s->bytes},
		{"repeats", &s->repeats},
		{"dead_letters", &s->dead_letters},
		{"attempts", &s->attempts},
		{"lag_events", &s->lag_events},
		{"lag_time_ns", &s->lag_time_ns},
		{"process", &s->process},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(numbers); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return take_number(value, numbers[i].to);
	if (strcmp(key, "system") == 0)
		bridge_text_take(value, s->system, sizeof s->system);
	else if (strcmp(key, "direction") == 0)
		bridge_text_take(value, s->direction, sizeof s->direction);
	else if (strcmp(key, "state") == 0)
		bridge_text_take(value, s->state, sizeof s->state);
	else if (strcmp(key, "why") == 0)
		bridge_text_take(value, s->why, sizeof s->why);
	return true;
}

/* 0, WEIR_E_CORRUPT, or WEIR_E_FORMAT: a newer weir wrote it. */
static int parse(struct bridge_state *s, char *text, size_t bytes)
{
	if (bytes < sizeof HEAD || memcmp(text, HEAD, sizeof HEAD - 1) != 0 ||
	    memchr(text, '\0', bytes) != NULL || text[bytes - 1] != '\n')
		return WEIR_E_CORRUPT;
	if (strncmp(text + sizeof HEAD - 1, "1\n", 2) != 0)
		return text[sizeof HEAD - 1] >= '1' && text[sizeof HEAD - 1] <= '9'
			       ? WEIR_E_FORMAT
			       : WEIR_E_CORRUPT;
	for (char *line = strchr(text, '\n') + 1; *line != '\0';) {
		char *end = strchr(line, '\n');
		*end = '\0';
		char *space = strchr(line, ' ');
		if (space == NULL)
			return WEIR_E_CORRUPT;
		*space = '\0';
		if (!take_line(s, line, space + 1))
			return WEIR_E_CORRUPT;
		line = end + 1;
	}
	return s->state[0] != '\0' ? 0 : WEIR_E_CORRUPT;
}

static int read_status(const char *path, struct bridge_state *s)
{
	char text[STATUS_BYTES + 1];
	struct stat status;
	/* A pipe that somebody has put there shall not hold this up. */
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (file < 0)
		return -errno;
	ssize_t got = fstat(file, &status) < 0 ? -1 : read(file, text, STATUS_BYTES);
	int code = got < 0 ? -errno : 0;
	(void)close(file);
	if (got < 0)
		return code;
	size_t bytes = (size_t)got;
	if (!S_ISREG(status.st_mode) || bytes == STATUS_BYTES)
		return WEIR_E_CORRUPT;
	text[bytes] = '\0';
	return parse(s, text, bytes);
}

/* Who starts a bridge now waits this moment. */
static bool is_locked(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (file < 0)
		return false;
	bool is_held = flock(file, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	(void)close(file);
	return is_held;
}

void bridge_state_look(const char *dir, struct bridge_state *state)
{
	char path[PATH_BYTES];
	struct bridge_state now = {.code = -ENAMETOOLONG};
	memcpy(now.name, state->name, sizeof now.name);
	if (path_of(dir, state->name, ".lock", path))
		now.is_alive = is_locked(path);
	if (path_of(dir, state->name, ".pause", path))
		now.is_to_pause = access(path, F_OK) == 0;
	if (path_of(dir, state->name, ".status", path))
		now.code = read_status(path, &now);
	*state = now;
}

const char *bridge_state_shown(const struct bridge_state *s)
{
	if (s->code != 0)
		return "unreadable";
	return s->is_alive || strcmp(s->state, "stopped") == 0 ? s->state : "dead";
}

const char *bridge_state_fault(const struct bridge_state *s)
{
	return s->code == WEIR_E_CORRUPT  ? "its status is none, or damaged"
	       : s->code == WEIR_E_FORMAT ? "a newer weir wrote its status"
	       : s->code == -ENOENT       ? "it has no status"
	       : s->code != 0             ? weir_strerror(s->code)
					  : NULL;
}

bool bridge_state_is_well(const struct bridge_state *s)
{
	static const char *const good[] = {"connecting", "running", "paused", "stopped"};
	/* It was down, was paused and goes on: what it connects to has not answered yet. */
	if (strcmp(bridge_state_shown(s), "connecting") == 0 && s->attempts > 0)
		return false;
	for (size_t i = 0; i < WR_ARRAY_COUNT(good); i++)
		if (strcmp(bridge_state_shown(s), good[i]) == 0)
			return true;
	return false;
}

/* ---- all of a folder ------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bridge_state *)a)->name,
		      ((const struct bridge_state *)b)->name);
}

/* Each has a lock, from its start on and for ever. */
static bool take_name(const char *file, struct bridge_state *to)
{
	size_t bytes = strlen(file);
	if (file[0] == '.' || bytes <= 5 || bytes - 5 >= BRIDGE_NAME_BYTES ||
	    strcmp(file + bytes - 5, ".lock") != 0)
		return false;
	*to = (struct bridge_state){0};
	bridge_text_take(file, to->name, bytes - 4);
	return strncmp(to->name, file, bytes - 5) == 0;
}

int bridge_states_read(struct bridge_states *states)
{
	DIR *dir = opendir(states->dir);
	if (dir == NULL)
		return -errno;
	states->count = 0;
	states->items = calloc(BRIDGE_STATES_MAX, sizeof *states->items);
	const struct dirent *entry = states->items != NULL ? readdir(dir) : NULL;
	for (; entry != NULL && states->count < BRIDGE_STATES_MAX; entry = readdir(dir))
		if (take_name(entry->d_name, &states->items[states->count]))
			states->count++;
	(void)closedir(dir);
	if (states->items == NULL)
		return -ENOMEM;
	qsort(states->items, states->count, sizeof *states->items, by_name);
	for (uint32_t i = 0; i < states->count; i++)
		bridge_state_look(states->dir, &states->items[i]);
	return 0;
}

void bridge_states_free(struct bridge_states *states)
{
	free(states->items);
	states->items = NULL;
	states->count = 0;
}

/* ---- wishes ---------------------------------------------------------------------------------- */

static int make_file(const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (file < 0)
		return -errno;
	return close(file) == 0 ? 0 : -errno;
}

int bridge_state_pause(const char *dir, const struct bridge_state *state)
{
	char path[PATH_BYTES];
	return path_of(dir, state->name, ".pause", path) ? make_file(path) : -ENAMETOOLONG;
}

int bridge_state_resume(const char *dir, const struct bridge_state *state)
{
	char path[PATH_BYTES];
	if (!path_of(dir, state->name, ".resume", path))
		return -ENAMETOOLONG;
	/* First: a look between the two would not end its delay. */
	int rc = state->is_alive ? make_file(path) : 0;
	if (rc < 0 || !path_of(dir, state->name, ".pause", path))
		return rc;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}
