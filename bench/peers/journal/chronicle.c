/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chronicle Queue, in a virtual machine of its own (java/ChroniclePeer.java), which is fed by a
 * socket: a group is one count and its payloads, and one byte comes back.
 *
 * The build gives the program `java`, the folder of the class and the path of the jars. The options
 * are those that its documentation asks for; its reports to its makers are switched off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/journal_peer.h"
#include "bench/peers/journal/server.h"

struct chronicle {
	pid_t machine;
	int socket;
	uint64_t payload_bytes;
	struct journal_peer_place *place;
};

static bool chronicle_version(char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%s", JOURNAL_PEER_VERSION);
	return true;
}

static const char *chronicle_acks_early(const char *version)
{
	(void)version;
	return "acknowledged once copied into a mapped file; when it is written is the kernel's";
}

/* What it says to a group, or at its start; waits as long as a server may take. */
static int take_answer(const struct chronicle *c, char expected)
{
	char said = 0;
	ssize_t n;

	do
		n = recv(c->socket, &said, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n == 1 && said == expected)
		return 0;
	return peer_said(c->place, "java", n < 0 ? -errno : n == 0 ? -EPIPE : -EPROTO);
}

static void chronicle_close(void *handle)
{
	struct chronicle *c = handle;

	if (c->socket >= 0)
		(void)close(c->socket);
	peer_server_kill(c->machine);
	free(c);
}

static int start(struct chronicle *c)
{
	const struct timeval patience = {.tv_sec = PEER_SERVER_START_NS / 1000000000};
	char bytes[24];
	const char *const command[] = {
		JOURNAL_PEER_JAVA,
		"--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
		"--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-exports=jdk.unsupported/sun.misc=ALL-UNNAMED",
		"--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED",
		"--add-opens=jdk.compiler/com.sun.tools.javac=ALL-UNNAMED",
		"--add-opens=java.base/java.lang=ALL-UNNAMED",
		"--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
		"--add-opens=java.base/java.io=ALL-UNNAMED",
		"--add-opens=java.base/java.util=ALL-UNNAMED",
		"-Dchronicle.analytics.disable=true",
		"-cp",
		JOURNAL_PEER_CLASSES ":" JOURNAL_PEER_JARS,
		"ChroniclePeer",
		".",
		bytes,
		NULL};

	(void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)c->payload_bytes);
	c->machine = peer_server_start(c->place->dir, command, &c->socket);
	if (c->machine < 0)
		return c->machine;
	/* A group is 65536 events at most: it takes no machine so long. */
	if (setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
		return -errno;
	return take_answer(c, 'r');
}

static int chronicle_open(struct journal_peer_place *place, void **ret_handle)
{
	struct chronicle *c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->place = place;
	c->socket = -1;
	c->payload_bytes = place->payload_bytes;
	int code = start(c);
	if (code != 0)
		chronicle_close(c);
	else
		*ret_handle = c;
	return code;
}

static int chronicle_append(void *handle, const uint8_t *events, uint32_t count)
{
	const struct chronicle *c = handle;
	const uint8_t head[] = {(uint8_t)count, (uint8_t)(count >> 8), (uint8_t)(count >> 16),
				(uint8_t)(count >> 24)};

	int code = peer_server_send(c->socket, head, sizeof head);
	if (code == 0)
		code = peer_server_send(c->socket, events, count * c->payload_bytes);
	if (code == 0)
		return take_answer(c, 'a');
	return peer_said(c->place, "java", code);
}

extern const struct journal_peer journal_peer_chronicle;
const struct journal_peer journal_peer_chronicle = {
	.name = "Chronicle Queue",
	.package = "tools/peers/fetch-java and a JDK",
	.settings = "one appender, a document of raw bytes an event; groups of 10000 by a socket",
	.group_events = 10000,
	.version = chronicle_version,
	.acks_early = chronicle_acks_early,
	.open = chronicle_open,
	.append = chronicle_append,
	.close = chronicle_close,
};
