/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "io/http/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128
#define PORT_MAX 65535u

static int complain(struct weir_problem *problem, int code, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code, .field = "listen"};
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

static int read_path(const char *path, struct wr_http_address *ret, struct weir_problem *problem)
{
	size_t bytes = strlen(path);
	if (bytes == 0 || bytes >= sizeof ret->name.path.sun_path)
		return complain(problem, -EINVAL, "unix: is followed by a path of 1 to 107 bytes");
	ret->name.path.sun_family = AF_UNIX;
	memcpy(ret->name.path.sun_path, path, bytes + 1);
	ret->name_bytes = sizeof ret->name.path;
	ret->is_local = true;
	return 0;
}

static bool read_port(const char *text, in_port_t *ret_port)
{
	unsigned n = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || n > PORT_MAX)
			return false;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*ret_port = htons((uint16_t)n);
	return n <= PORT_MAX;
}

int wr_http_address_read(const char *text, struct wr_http_address *ret,
			 struct weir_problem *reterr_problem)
{
	static const char form[] = "an address is \"127.0.0.1:9464\", \"[::1]:9464\" or "
				   "\"unix:/path\"; names but localhost are not looked up";
	char host[64];
	in_port_t port;
	memset(ret, 0, sizeof *ret);
	if (text == NULL || *text == '\0')
		return complain(reterr_problem, -EINVAL, form);
	if (strncmp(text, "unix:", 5) == 0)
		return read_path(text + 5, ret, reterr_problem);
	const char *colon = strrchr(text, ':');
	size_t bytes = colon != NULL ? (size_t)(colon - text) : 0;
	if (bytes == 0 || bytes >= sizeof host || !read_port(colon + 1, &port))
		return complain(reterr_problem, -EINVAL, form);
	memcpy(host, text, bytes);
	host[bytes] = '\0';
	if (host[0] == '[' && host[bytes - 1] == ']') {
		host[bytes - 1] = '\0';
		ret->name.ip6.sin6_family = AF_INET6;
		ret->name.ip6.sin6_port = port;
		ret->name_bytes = sizeof ret->name.ip6;
		if (inet_pton(AF_INET6, host + 1, &ret->name.ip6.sin6_addr) != 1)
			return complain(reterr_problem, -EINVAL, form);
		ret->is_local = IN6_IS_ADDR_LOOPBACK(&ret->name.ip6.sin6_addr);
		return 0;
	}
	ret->name.ip4.sin_family = AF_INET;
	ret->name.ip4.sin_port = port;
	ret->name_bytes = sizeof ret->name.ip4;
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
		      &ret->name.ip4.sin_addr) != 1)
		return complain(reterr_problem, -EINVAL, form);
	ret->is_local = (ntohl(ret->name.ip4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
	return 0;
}

/* Does a process listen there? Who refuses is dead: only its file is left. */
static bool is_left_over(const struct wr_http_address *address)
{
	struct stat there;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool left = lstat(address->name.path.sun_path, &there) == 0 && S_ISSOCK(there.st_mode) &&
		    connect(fd, &address->name.any, address->name_bytes) != 0 &&
		    errno == ECONNREFUSED;
	(void)close(fd);
	return left;
}

static int bind_path(int fd, struct wr_http_address *address)
{
	const char *path = address->name.path.sun_path;
	struct stat made;
	/* The mode that the file gets: there is no moment at which others may open it. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		return -errno;
	int rc = bind(fd, &address->name.any, address->name_bytes);
	if (rc != 0 && errno == EADDRINUSE && is_left_over(address)) {
		if (unlink(path) != 0)
			return -errno;
		rc = bind(fd, &address->name.any, address->name_bytes);
	} else if (rc != 0) {
		return -errno;
	}
	if (rc != 0 || lstat(path, &made) != 0)
		return -errno;
	address->device = made.st_dev;
	address->inode = made.st_ino;
	return 0;
}

static int bind_port(int fd, struct wr_http_address *address)
{
	int yes = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0)
		return -errno;
	if (address->name.any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) != 0)
		return -errno;
	if (bind(fd, &address->name.any, address->name_bytes) != 0)
		return -errno;
	address->name_bytes = sizeof address->name;
	return getsockname(fd, &address->name.any, &address->name_bytes) == 0 ? 0 : -errno;
}

static void write_url(struct wr_http_address *address)
{
	char host[INET6_ADDRSTRLEN] = "";
	if (address->name.any.sa_family == AF_UNIX)
		(void)snprintf(address->url, sizeof address->url, "unix:%s",
			       address->name.path.sun_path);
	else if (address->name.any.sa_family == AF_INET6)
		(void)snprintf(address->url, sizeof address->url, "http://[%s]:%u",
			       inet_ntop(AF_INET6, &address->name.ip6.sin6_addr, host, sizeof host),
			       ntohs(address->name.ip6.sin6_port));
	else
		(void)snprintf(address->url, sizeof address->url, "http://%s:%u",
			       inet_ntop(AF_INET, &address->name.ip4.sin_addr, host, sizeof host),
			       ntohs(address->name.ip4.sin_port));
}

int wr_http_address_listen(struct wr_http_address *address, struct weir_problem *reterr_problem)
{
	bool is_path = address->name.any.sa_family == AF_UNIX;
	int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(reterr_problem, -errno, "a socket was refused");
	int rc = is_path ? bind_path(fd, address) : bind_port(fd, address);
	if (rc == 0 && listen(fd, BACKLOG) != 0)
		rc = -errno;
	if (rc != 0) {
		(void)close(fd);
		wr_http_address_forget(address);
		return complain(reterr_problem, rc, weir_strerror(rc));
	}
	write_url(address);
	return fd;
}

void wr_http_address_forget(const struct wr_http_address *address)
{
	struct stat there;
	if (address->name.any.sa_family == AF_UNIX && address->inode != 0 &&
	    lstat(address->name.path.sun_path, &there) == 0 && there.st_dev == address->device &&
	    there.st_ino == address->inode)
		(void)unlink(address->name.path.sun_path);
}
