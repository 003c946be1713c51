/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge_secret.h. */
#include "tools/weir/bridge_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char *refuse(char why[BRIDGE_SECRET_WHY_BYTES], const char *what, const char *text)
{
	(void)snprintf(why, BRIDGE_SECRET_WHY_BYTES, "%.200s: %.100s", what, text);
	return NULL;
}

/* Pipes, as a shell's <(...) makes them, come in pieces. */
static ssize_t read_all(int file, char *to, size_t room_bytes)
{
	size_t bytes = 0;
	while (bytes < room_bytes) {
		ssize_t n = read(file, to + bytes, room_bytes - bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		bytes += (size_t)n;
	}
	return (ssize_t)bytes;
}

static char *give_up(char *value, char why[BRIDGE_SECRET_WHY_BYTES], const char *path,
		     const char *text)
{
	explicit_bzero(value, BRIDGE_SECRET_BYTES_MAX + 1);
	free(value);
	return refuse(why, path, text);
}

static char *read_file(const char *path, char why[BRIDGE_SECRET_WHY_BYTES])
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return refuse(why, path, weir_strerror(-errno));
	char *value = malloc(BRIDGE_SECRET_BYTES_MAX + 1);
	if (value == NULL) {
		(void)close(file);
		return refuse(why, path, weir_strerror(-ENOMEM));
	}
	ssize_t read_bytes = read_all(file, value, BRIDGE_SECRET_BYTES_MAX + 1);
	(void)close(file);
	if (read_bytes < 0)
		return give_up(value, why, path, weir_strerror((int)read_bytes));
	size_t bytes = (size_t)read_bytes;
	if (bytes > BRIDGE_SECRET_BYTES_MAX)
		return give_up(value, why, path, "larger than 64 KiB: no secret");
	if (memchr(value, '\0', bytes) != NULL)
		return give_up(value, why, path, "it has a byte of 0 in it: no text");
	/* Editors end the line, those of another system by two characters. */
	if (bytes > 0 && value[bytes - 1] == '\n')
		bytes -= bytes > 1 && value[bytes - 2] == '\r' ? 2 : 1;
	if (bytes == 0)
		return give_up(value, why, path, "it is empty");
	value[bytes] = '\0';
	return value;
}

char *bridge_secret_read(const struct weir_config_secret *secret, char why[BRIDGE_SECRET_WHY_BYTES])
{
	if (secret->file != NULL)
		return read_file(secret->file, why);
	const char *value = getenv(secret->env);
	if (value == NULL || value[0] == '\0')
		return refuse(why, secret->env,
			      value == NULL ? "the environment has no such variable"
					    : "this variable of the environment is empty");
	char *copy = strdup(value);
	return copy != NULL ? copy : refuse(why, secret->env, weir_strerror(-ENOMEM));
}

void bridge_secret_free(char *value)
{
	if (value != NULL)
		explicit_bzero(value, strlen(value));
	free(value);
}
