/* SPDX-License-Identifier: Apache-2.0 */
/* See serve_client.h. */
#include "tests/support/serve_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

static int connect_file(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	fixture_need(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0,
		     "a connection to the server's file");
	return fd;
}

int serve_client_connect(struct weir_server *server)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	const char *url = weir_server_url(server), *port = strrchr(url, ':');
	if (strncmp(url, "unix:", 5) == 0)
		return connect_file(url + 5);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_port = htons((uint16_t)atoi(port + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fixture_need(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0,
		     "a connection to the server");
	return fd;
}

void serve_client_say(int fd, const char *text)
{
	fixture_need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a request");
}

int serve_client_get(struct weir_server *server, const char *path, const char *more)
{
	char request[512];
	int fd = serve_client_connect(server);
	int bytes = snprintf(request, sizeof request,
			     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
			     path, more);
	fixture_need(bytes > 0 && (size_t)bytes < sizeof request, "room for a request");
	serve_client_say(fd, request);
	return fd;
}
