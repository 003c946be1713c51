/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis Streams with appendfsync always: redis-server, started in the peer's own folder on a unix
 * socket. Its documentation: pipelining, and many clients, since it syncs once for all that one
 * turn of its loop has read, and answers after that. So a group is XADDs over up to 50
 * connections, all sent before any answer is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/journal_peer.h"
#include "bench/peers/journal/server.h"

#define CONNECTIONS 50u
#define EVENTS_EACH 200u /* of a connection in a group, before another one takes part */
#define HEAD_ROOM 96u    /* of a command */

struct redis {
	pid_t server;
	int dir_fd;
	int sockets[CONNECTIONS];
	uint32_t socket_count;
	char *commands;       /* of one connection */
	char head[HEAD_ROOM]; /* of each command, up to its payload */
	size_t head_bytes;
	uint64_t payload_bytes;
	struct journal_peer_place *place;
};

static bool redis_version(char *to, size_t to_bytes)
{
	return peer_server_version("redis-server --version 2>/dev/null", "v=", to, to_bytes);
}

static const char *const command[] = {"redis-server",
				      "--port",
				      "0",
				      "--unixsocket",
				      "s",
				      "--appendonly",
				      "yes",
				      "--appendfsync",
				      "always",
				      "--save",
				      "",
				      "--auto-aof-rewrite-percentage",
				      "0",
				      NULL};

/* By way of the folder's descriptor: the path of a socket has little room. */
static int connect_one(const struct redis *r)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/s", r->dir_fd);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	int code = -errno;
	(void)close(fd);
	return code;
}

/* The first as soon as the server is there. */
static int connect_all(struct redis *r)
{
	uint64_t end_ns = bench_now_ns() + PEER_SERVER_START_NS;

	while (r->socket_count < CONNECTIONS) {
		int fd = connect_one(r);
		if (fd >= 0) {
			r->sockets[r->socket_count++] = fd;
			continue;
		}
		if (peer_server_ended(&r->server))
			return peer_said(r->place, "redis-server ended", -ECHILD);
		if (bench_now_ns() > end_ns)
			return peer_said(r->place, "redis-server does not answer", fd);
		bench_sleep_ns(10000000);
	}
	return 0;
}

static void redis_close(void *handle)
{
	struct redis *r = handle;

	for (uint32_t i = 0; i < r->socket_count; i++)
		(void)close(r->sockets[i]);
	peer_server_kill(r->server);
	if (r->dir_fd >= 0)
		(void)close(r->dir_fd);
	free(r->commands);
	free(r);
}

static int redis_open(struct journal_peer_place *place, void **ret_handle)
{
	struct redis *r = calloc(1, sizeof *r);
	if (r == NULL)
		return -ENOMEM;
	r->place = place;
	r->payload_bytes = place->payload_bytes;
	r->commands = malloc((JOURNAL_GROUP_MAX / CONNECTIONS + EVENTS_EACH) *
			     (place->payload_bytes + HEAD_ROOM));
	r->head_bytes = (size_t)snprintf(r->head, sizeof r->head,
					 "*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nd\r\n"
					 "$%llu\r\n",
					 (unsigned long long)place->payload_bytes);
	r->dir_fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = r->commands == NULL ? -ENOMEM : r->dir_fd < 0 ? -errno : 0;
	if (code == 0) {
		pid_t server = peer_server_start(place->dir, command, NULL);
		code = server < 0 ? server : 0;
		r->server = server > 0 ? server : 0;
	}
	if (code == 0)
		code = connect_all(r);
	if (code != 0)
		redis_close(r);
	else
		*ret_handle = r;
	return code;
}

static int send_events(struct redis *r, int fd, const uint8_t *events, uint32_t count)
{
	char *at = r->commands;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(at, r->head, r->head_bytes);
		at += r->head_bytes;
		memcpy(at, events + i * r->payload_bytes, r->payload_bytes);
		at += r->payload_bytes;
		memcpy(at, "\r\n", 2);
		at += 2;
	}
	int code = peer_server_send(fd, r->commands, (size_t)(at - r->commands));
	return code != 0 ? peer_said(r->place, "sending to redis-server", code) : 0;
}

/* An answer is two lines, "$15" and the id of the entry; an error is one that begins with '-'. */
static int take_answers(struct redis *r, int fd, uint32_t count)
{
	char buffer[16384];
	bool at_start = true;

	for (uint32_t lines = 0; lines < 2 * count;) {
		ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return peer_said(r->place, "answers of redis-server",
					 n < 0 ? -errno : -EPIPE);
		for (ssize_t i = 0; i < n; i++) {
			if (at_start && buffer[i] == '-') {
				(void)snprintf(r->place->why, sizeof r->place->why, "%.*s",
					       (int)wr_min_u64((uint64_t)(n - i), 140), buffer + i);
				return -EIO;
			}
			at_start = buffer[i] == '\n';
			lines += at_start;
		}
	}
	return 0;
}

static int redis_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct redis *r = handle;
	uint32_t used =
		wr_min_u64((count + EVENTS_EACH - 1) / EVENTS_EACH, CONNECTIONS) & UINT8_MAX;
	uint32_t counts[CONNECTIONS];
	uint32_t done = 0;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < used; i++) {
		counts[i] = (count - done) / (used - i);
		code = send_events(r, r->sockets[i], events + done * r->payload_bytes, counts[i]);
		done += counts[i];
	}
	for (uint32_t i = 0; code == 0 && i < used; i++)
		code = take_answers(r, r->sockets[i], counts[i]);
	return code;
}

extern const struct journal_peer journal_peer_redis;
const struct journal_peer journal_peer_redis = {
	.name = "Redis Streams",
	.package = "redis-server",
	.settings =
		"XADD, appendfsync always, 50 connections, 200 commands in the pipeline of each",
	.group_events = 10000,
	.version = redis_version,
	.open = redis_open,
	.append = redis_append,
	.close = redis_close,
};
