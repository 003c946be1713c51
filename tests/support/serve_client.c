/* SPDX-License-Identifier: Apache-2.0 */
/* See serve_client.h. */
#include "tests/support/serve_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

int serve_client_connect(struct weir_server *server, int receive_bytes)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	const char *port = strrchr(weir_server_url(server), ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_port = htons((uint16_t)atoi(port + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (receive_bytes > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
	fixture_need(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0,
		     "a connection to the server");
	return fd;
}

void serve_client_say(int fd, const char *text)
{
	fixture_need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a request");
}

int serve_client_get(struct weir_server *server, const char *path, const char *more,
		     int receive_bytes)
{
	char request[512];
	int fd = serve_client_connect(server, receive_bytes);
	int bytes = snprintf(request, sizeof request,
			     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
			     path, more);
	fixture_need(bytes > 0 && (size_t)bytes < sizeof request, "room for a request");
	serve_client_say(fd, request);
	return fd;
}
