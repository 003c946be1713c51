/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See link.h: the socket, and the handshake of AMQP 0-9-1.
 *
 * The handshake is done here and not by amqp_login(), which waits in one piece, and says of a
 * broker that speaks another protocol only that the data were bad. Two waits are not cut into
 * slices: the look-up of the host's name, which the C library ends when it has no answer, and the
 * handshake of TLS inside librabbitmq, which ends after the server's timeout_ns.
 */
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/rabbitmq/link.h"

#define SEND_BUFFER_BYTES 262144
#define FRAME_BYTES_MAX 131072
#define FRAME_BYTES_MIN 4096 // AMQP 0-9-1

/* One address: 0, -errno, or a negative code that was told already. */
static int connect_to(struct wr_rabbit_link *link, const struct addrinfo *address, uint64_t end_ns,
		      int *ret_fd)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = 0, bytes = SEND_BUFFER_BYTES;
	socklen_t error_bytes = sizeof error;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
		error = errno;
	while (error == EINPROGRESS) {
		struct pollfd entry = {.fd = fd, .events = POLLOUT};
		if (poll(&entry, 1, (int)(WR_RABBIT_SLICE_NS / 1000000u)) > 0) {
			if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0)
				error = errno;
		} else if (weir_bridge_is_stopping(link->bridge)) {
			error = ECANCELED;
		} else if (wr_rabbit_now_ns() > end_ns) {
			error = ETIMEDOUT;
		}
	}
	if (error != 0) {
		(void)close(fd);
		return -error;
	}
	*ret_fd = fd;
	return 0;
}

int wr_rabbit_connect(struct wr_rabbit_link *link)
{
	char port[16];
	struct addrinfo *addresses = NULL;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	(void)snprintf(port, sizeof port, "%u", link->server->port);
	int found = getaddrinfo(link->server->host, port, &hints, &addresses);
	if (found != 0)
		return weir_bridge_lost(link->bridge, "%s: %s", link->server->host,
					gai_strerror(found));
	uint64_t end_ns = wr_rabbit_now_ns() + link->server->timeout_ns;
	int rc = -ECONNREFUSED, fd = -1;
	for (const struct addrinfo *a = addresses; a != NULL && rc != 0 && rc != -ECANCELED;
	     a = a->ai_next)
		rc = connect_to(link, a, end_ns, &fd);
	freeaddrinfo(addresses);
	if (rc != 0)
		return weir_bridge_lost(link->bridge, "no connection to %s port %u: %s",
					link->server->host, link->server->port, weir_strerror(rc));
	amqp_socket_t *s = amqp_tcp_socket_new(link->state);
	if (s == NULL) {
		(void)close(fd);
		return weir_bridge_lost(link->bridge, "no memory for a socket");
	}
	amqp_tcp_socket_set_sockfd(s, fd);
	link->fd = fd;
	return 0;
}

int wr_rabbit_tls(struct wr_rabbit_link *link)
{
	const struct weir_rabbitmq_server *server = link->server;
	amqp_socket_t *s = amqp_ssl_socket_new(link->state);
	if (s == NULL)
		return weir_bridge_lost(link->bridge, "no memory for a socket");
	amqp_ssl_socket_set_verify_peer(s, !server->no_verify);
	amqp_ssl_socket_set_verify_hostname(s, !server->no_verify);
	int status = AMQP_STATUS_OK;
	if (server->ca_file != NULL)
		status = amqp_ssl_socket_set_cacert(s, server->ca_file);
	if (status != AMQP_STATUS_OK)
		return weir_bridge_failed(link->bridge, "ca_file %s: %s", server->ca_file,
					  amqp_error_string2(status));
	if (server->cert_file != NULL)
		status = amqp_ssl_socket_set_key(s, server->cert_file, server->key_file);
	if (status != AMQP_STATUS_OK)
		return weir_bridge_failed(link->bridge, "cert_file %s, key_file %s: %s",
					  server->cert_file, server->key_file,
					  amqp_error_string2(status));
	struct timeval timeout = {
		.tv_sec = (time_t)(server->timeout_ns / 1000000000u),
		.tv_usec = (suseconds_t)(server->timeout_ns % 1000000000u / 1000u),
	};
	status = amqp_socket_open_noblock(s, server->host, (int)server->port, &timeout);
	if (status != AMQP_STATUS_OK)
		return weir_bridge_lost(link->bridge, "no TLS connection to %s port %u: %s",
					server->host, server->port, amqp_error_string2(status));
	link->fd = amqp_socket_get_sockfd(s);
	int bytes = SEND_BUFFER_BYTES;
	(void)setsockopt(link->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	return 0;
}

/* Wait for a method without sending one. */
static int await(struct wr_rabbit_link *link, amqp_method_number_t method, const char *what)
{
	uint64_t end_ns = wr_rabbit_now_ns() + link->server->timeout_ns;
	link->awaited = method;
	link->answered = false;
	while (!link->answered) {
		int rc = wr_rabbit_link_read(link, WR_RABBIT_SLICE_NS);
		if (rc < 0)
			return rc;
		if (link->answered)
			break;
		if (weir_bridge_is_stopping(link->bridge))
			return weir_bridge_lost(link->bridge, "stopped in the handshake");
		if (wr_rabbit_now_ns() > end_ns)
			return weir_bridge_lost(
				link->bridge,
				"%s port %u has not sent %s for %llu ms: is it RabbitMQ?",
				link->server->host, link->server->port, what,
				(unsigned long long)(link->server->timeout_ns / 1000000u));
	}
	return 0;
}

static amqp_table_entry_t text_entry(const char *name, const char *text)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};
	entry.value.kind = AMQP_FIELD_KIND_UTF8;
	entry.value.value.bytes = amqp_cstring_bytes(text);
	return entry;
}

static amqp_table_entry_t true_entry(const char *name)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};
	entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	entry.value.value.boolean = 1;
	return entry;
}

#define PLAIN_BYTES_MAX 600u

/* What is said of who logs in; with EXTERNAL the certificate has said it. Its bytes. */
static size_t response_of(const struct weir_rabbitmq_server *server, char plain[PLAIN_BYTES_MAX])
{
	size_t user_bytes = strlen(server->user), password_bytes = strlen(server->password);
	if (server->external)
		return 0;
	plain[0] = 0;
	memcpy(plain + 1, server->user, user_bytes);
	plain[1 + user_bytes] = 0;
	memcpy(plain + 2 + user_bytes, server->password, password_bytes);
	return 2 + user_bytes + password_bytes;
}

static int start_ok(struct wr_rabbit_link *link)
{
	char plain[PLAIN_BYTES_MAX];
	size_t plain_bytes = response_of(link->server, plain);
	bool is_external = link->server->external;
	amqp_table_entry_t can[] = {
		true_entry("publisher_confirms"),           true_entry("basic.nack"),
		true_entry("consumer_cancel_notify"),       true_entry("connection.blocked"),
		true_entry("authentication_failure_close"),
	};
	amqp_table_entry_t is[] = {
		text_entry("product", "weir"),
		text_entry("version", weir_version()),
		text_entry("connection_name", weir_bridge_name(link->bridge)),
		{.key = amqp_cstring_bytes("capabilities"), .value.kind = AMQP_FIELD_KIND_TABLE},
	};
	is[3].value.value.table = (amqp_table_t){.num_entries = 5, .entries = can};
	amqp_connection_start_ok_t arguments = {
		.client_properties = {.num_entries = 4, .entries = is},
		.mechanism = amqp_cstring_bytes(is_external ? "EXTERNAL" : "PLAIN"),
		.response = {.len = plain_bytes, .bytes = plain},
		.locale = amqp_cstring_bytes("en_US"),
	};
	return wr_rabbit_link_request(link, AMQP_CONNECTION_START_OK_METHOD, &arguments,
				      AMQP_CONNECTION_TUNE_METHOD,
				      is_external ? "the certificate" : "the user and password");
}

static int tune(struct wr_rabbit_link *link)
{
	const amqp_connection_tune_t *offer = link->answer.decoded;
	uint32_t frame_bytes = FRAME_BYTES_MAX;
	if (offer->frame_max != 0 && offer->frame_max < frame_bytes)
		frame_bytes = offer->frame_max;
	if (frame_bytes < FRAME_BYTES_MIN)
		return weir_bridge_lost(link->bridge, "the broker takes frames of %u bytes only",
					frame_bytes);
	uint16_t heartbeat_s = (uint16_t)(link->server->heartbeat_ns / 1000000000u);
	amqp_connection_tune_ok_t arguments = {.channel_max = WR_RABBIT_CHANNEL,
					       .frame_max = frame_bytes,
					       .heartbeat = heartbeat_s};
	int rc = wr_rabbit_link_send(link, AMQP_CONNECTION_TUNE_OK_METHOD, &arguments,
				     WR_RABBIT_SLICE_NS);
	if (rc == 0)
		return weir_bridge_lost(link->bridge, "the broker does not read");
	if (rc < 0)
		return rc;
	int status =
		amqp_tune_connection(link->state, WR_RABBIT_CHANNEL, (int)frame_bytes, heartbeat_s);
	if (status != AMQP_STATUS_OK)
		return weir_bridge_lost(link->bridge, "tune: %s", amqp_error_string2(status));
	link->frame_bytes_max = frame_bytes;
	return 0;
}

int wr_rabbit_login(struct wr_rabbit_link *link)
{
	int status = amqp_send_header(link->state);
	if (status != AMQP_STATUS_OK)
		return weir_bridge_lost(link->bridge, "the greeting: %s",
					amqp_error_string2(status));
	int rc = await(link, AMQP_CONNECTION_START_METHOD, "a greeting");
	if (rc == 0)
		rc = start_ok(link);
	if (rc == 0)
		rc = tune(link);
	if (rc == 0) {
		amqp_connection_open_t arguments = {
			.virtual_host = amqp_cstring_bytes(link->server->vhost)};
		rc = wr_rabbit_link_request(link, AMQP_CONNECTION_OPEN_METHOD, &arguments,
					    AMQP_CONNECTION_OPEN_OK_METHOD, "connection.open");
	}
	return rc;
}
