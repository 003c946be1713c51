/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NATS JetStream: nats-server, started in the peer's own folder on a port of its choice, a stream
 * in files. Its documentation: asynchronous publishes with a window of acknowledgements that are
 * awaited. So a group is PUBs over one connection, at most WINDOW ahead of their answers.
 *
 * An answer means that the message is in a file. Since 2.10 `sync_interval: always` makes it wait
 * for a sync as well, and is set; before that the server syncs every two minutes, whatever it is
 * told: those are no durable acknowledgements, and the report says so.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/journal_peer.h"
#include "bench/peers/journal/server.h"

#define WINDOW 4000u
#define HEAD_ROOM 64u
#define BUFFER_BYTES 65536u
#define INBOX "_INBOX.w"

struct nats {
	pid_t server;
	int socket;
	char *commands; /* of a window */
	char head[HEAD_ROOM];
	size_t head_bytes;
	uint64_t payload_bytes;
	uint32_t awaited; /* answers */
	/* What was received and not looked at yet. */
	char *buffer;
	size_t begin, end;
	struct journal_peer_place *place;
};

static bool nats_version(char *to, size_t to_bytes)
{
	return peer_server_version("nats-server --version 2>/dev/null", ": v", to, to_bytes);
}

static bool has_sync_always(const char *version)
{
	unsigned major = 0, minor = 0;
	(void)sscanf(version, "%u.%u", &major, &minor);
	return major > 2 || (major == 2 && minor >= 10);
}

static const char *nats_acks_early(const char *version)
{
	return has_sync_always(version) ? NULL
					: "acknowledged once written to a file: it syncs every two "
					  "minutes, and 2.10 would be the first to do it always";
}

static int write_config(const struct nats *n)
{
	char path[512], version[64];
	if (!nats_version(version, sizeof version))
		return -ENOENT;
	(void)snprintf(path, sizeof path, "%s/nats.conf", n->place->dir);
	FILE *f = fopen(path, "we");
	if (f == NULL)
		return -errno;
	fprintf(f, "host: 127.0.0.1\nport: -1\nports_file_dir: \".\"\n");
	fprintf(f, "max_pending: 256MB\njetstream {\n store_dir: \".\"\n%s}\n",
		has_sync_always(version) ? " sync_interval: always\n" : "");
	bool failed = ferror(f) != 0;
	return fclose(f) != 0 || failed ? -EIO : 0;
}

/* The file of ports, once the server has written it: {"nats":["nats://127.0.0.1:40311"], ... }. */
static uint16_t port_of(const struct nats *n)
{
	char path[512], text[512] = "";
	unsigned port = 0;
	(void)snprintf(path, sizeof path, "%s/nats-server_%d.ports", n->place->dir, (int)n->server);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	(void)fread(text, 1, sizeof text - 1, f);
	(void)fclose(f);
	const char *at = strstr(text, "nats://127.0.0.1:");
	if (at == NULL || sscanf(at, "nats://127.0.0.1:%5u", &port) != 1)
		return 0;
	return (uint16_t)port;
}

static int connect_it(struct nats *n)
{
	uint64_t end_ns = bench_now_ns() + PEER_SERVER_START_NS;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	while ((to.sin_port = htons(port_of(n))) == 0) {
		if (peer_server_ended(&n->server))
			return peer_said(n->place, "nats-server ended", -ECHILD);
		if (bench_now_ns() > end_ns)
			return peer_said(n->place, "nats-server does not start", -ETIMEDOUT);
		bench_sleep_ns(10000000);
	}
	n->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (n->socket < 0 || connect(n->socket, (const struct sockaddr *)&to, sizeof to) != 0)
		return peer_said(n->place, "connecting to nats-server", -errno);
	return 0;
}

/* More of what the server says, behind what is there. */
static int receive(struct nats *n)
{
	memmove(n->buffer, n->buffer + n->begin, n->end - n->begin);
	n->end -= n->begin;
	n->begin = 0;
	if (n->end == BUFFER_BYTES)
		return peer_said(n->place, "a line of nats-server", -EMSGSIZE);
	for (;;) {
		ssize_t got = recv(n->socket, n->buffer + n->end, BUFFER_BYTES - n->end, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return peer_said(n->place, "answers of nats-server",
					 got < 0 ? -errno : -EPIPE);
		n->end += (size_t)got;
		return 0;
	}
}

/* One protocol line, without its CR LF, and it is passed. NULL: not all of it is there. */
static const char *take_line(struct nats *n, size_t *ret_bytes)
{
	const char *line = n->buffer + n->begin;
	const char *end = memchr(line, '\n', n->end - n->begin);
	if (end == NULL)
		return NULL;
	n->begin += (size_t)(end - line) + 1;
	*ret_bytes = (size_t)(end - line) - (end > line && end[-1] == '\r' ? 1 : 0);
	return line;
}

/* {"error":{"code":503, ... }}, instead of {"stream":"s","seq":1} or the stream's description. */
static int look_at_answer(struct nats *n, const char *body, size_t bytes)
{
	n->awaited--;
	if (memmem(body, bytes, "\"error\":", 8) == NULL)
		return 0;
	(void)snprintf(n->place->why, sizeof n->place->why, "nats-server: %.*s",
		       (int)wr_min_u64(bytes, 120), body);
	return -EIO;
}

/* One thing that it says: 1, 0 when not all of that is there, or a code. */
static int take_one(struct nats *n)
{
	size_t begin = n->begin, bytes;
	const char *line = take_line(n, &bytes);
	if (line == NULL)
		return 0;
	if (bytes >= 4 && memcmp(line, "MSG ", 4) == 0) {
		const char *last = memrchr(line, ' ', bytes);
		size_t body_bytes = strtoull(last + 1, NULL, 10);
		if (n->end - n->begin < body_bytes + 2) {
			n->begin = begin;
			return 0;
		}
		const char *body = n->buffer + n->begin;
		n->begin += body_bytes + 2;
		int code = look_at_answer(n, body, body_bytes);
		return code != 0 ? code : 1;
	}
	if (bytes >= 4 && memcmp(line, "PING", 4) == 0) {
		int code = peer_server_send(n->socket, "PONG\r\n", 6);
		return code != 0 ? peer_said(n->place, "sending to nats-server", code) : 1;
	}
	if (bytes >= 4 && memcmp(line, "-ERR", 4) == 0) {
		(void)snprintf(n->place->why, sizeof n->place->why, "nats-server: %.*s",
			       (int)wr_min_u64(bytes, 120), line);
		return -EIO;
	}
	return 1; /* INFO, PONG */
}

/* Until at most so many answers are awaited. */
static int await(struct nats *n, uint32_t awaited_max)
{
	while (n->awaited > awaited_max) {
		int code = take_one(n);
		if (code == 0)
			code = receive(n);
		if (code < 0)
			return code;
	}
	return 0;
}

static int make_stream(struct nats *n)
{
	static const char stream[] =
		"{\"name\":\"s\",\"subjects\":[\"s\"],\"storage\":\"file\","
		"\"retention\":\"limits\",\"max_bytes\":4294967296,\"discard\":\"old\","
		"\"num_replicas\":1}";
	char text[512];
	int bytes = snprintf(text, sizeof text,
			     "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
			     "\"version\":\"0\"}\r\nSUB " INBOX " 1\r\n"
			     "PUB $JS.API.STREAM.CREATE.s " INBOX " %zu\r\n%s\r\n",
			     sizeof stream - 1, stream);
	int code = peer_server_send(n->socket, text, (size_t)bytes);
	if (code != 0)
		return peer_said(n->place, "sending to nats-server", code);
	n->awaited = 1;
	return await(n, 0);
}

static void nats_close(void *handle)
{
	struct nats *n = handle;

	if (n->socket >= 0)
		(void)close(n->socket);
	peer_server_kill(n->server);
	free(n->commands);
	free(n->buffer);
	free(n);
}

static int start(struct nats *n)
{
	static const char *const command[] = {"nats-server", "-c", "nats.conf", NULL};
	int code = write_config(n);
	if (code != 0)
		return peer_said(n->place, "the configuration of nats-server", code);
	n->server = peer_server_start(n->place->dir, command, NULL);
	if (n->server < 0)
		return n->server;
	code = connect_it(n);
	return code != 0 ? code : make_stream(n);
}

static int nats_open(struct journal_peer_place *place, void **ret_handle)
{
	struct nats *n = calloc(1, sizeof *n);
	if (n == NULL)
		return -ENOMEM;
	n->place = place;
	n->socket = -1;
	n->payload_bytes = place->payload_bytes;
	n->commands = malloc(WINDOW * (place->payload_bytes + HEAD_ROOM));
	n->buffer = malloc(BUFFER_BYTES);
	n->head_bytes = (size_t)snprintf(n->head, sizeof n->head, "PUB s " INBOX " %llu\r\n",
					 (unsigned long long)place->payload_bytes);
	int code = n->commands != NULL && n->buffer != NULL ? start(n) : -ENOMEM;
	if (code != 0)
		nats_close(n);
	else
		*ret_handle = n;
	return code;
}

static int send_events(struct nats *n, const uint8_t *events, uint32_t count)
{
	char *at = n->commands;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(at, n->head, n->head_bytes);
		at += n->head_bytes;
		memcpy(at, events + i * n->payload_bytes, n->payload_bytes);
		at += n->payload_bytes;
		memcpy(at, "\r\n", 2);
		at += 2;
	}
	n->awaited += count;
	int code = peer_server_send(n->socket, n->commands, (size_t)(at - n->commands));
	return code != 0 ? peer_said(n->place, "sending to nats-server", code) : 0;
}

static int nats_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct nats *n = handle;
	int code = 0;

	for (uint32_t done = 0; code == 0 && done < count;) {
		uint32_t some = (uint32_t)wr_min_u64(count - done, WINDOW / 2);
		code = send_events(n, events + done * n->payload_bytes, some);
		done += some;
		if (code == 0)
			code = await(n, WINDOW / 2);
	}
	return code != 0 ? code : await(n, 0);
}

extern const struct journal_peer journal_peer_nats;
const struct journal_peer journal_peer_nats = {
	.name = "NATS JetStream",
	.package = "nats-server",
	.settings = "a stream in files, one connection, 4000 publishes awaited",
	.group_events = WINDOW,
	.version = nats_version,
	.acks_early = nats_acks_early,
	.open = nats_open,
	.append = nats_append,
	.close = nats_close,
};
