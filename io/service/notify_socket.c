/* SPDX-License-Identifier: Apache-2.0 */
/* See notify_socket.h. */
#include "io/service/notify_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <weir/notify.h>

#include "io/posix/cancel.h"

#define WAIT_S 1

int wr_notify_address_read(const char *socket_name, struct wr_notify_address *ret_address)
{
	*ret_address = (struct wr_notify_address){.to.sun_family = AF_UNIX};
	if (socket_name == NULL || socket_name[0] == '\0')
		return 0;
	size_t length = strlen(socket_name);
	if (strchr("/@", socket_name[0]) == NULL)
		return strchr(socket_name, ':') != NULL ? -EAFNOSUPPORT : -EINVAL;
	/* A path ends in NUL; an abstract name begins with one and has its length. */
	if (length < 2 || length > sizeof ret_address->to.sun_path - 1)
		return -EINVAL;
	memcpy(ret_address->to.sun_path, socket_name, length);
	ret_address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (socket_name[0] == '@')
		ret_address->to.sun_path[0] = '\0';
	else
		ret_address->bytes++;
	return 0;
}

int wr_notify_socket_open(void)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	return fd;
}

int wr_notify_socket_send(int fd, const struct wr_notify_address *address, const char *message,
			  bool may_wait)
{
	size_t bytes = strlen(message);
	if (bytes == 0 || bytes > WEIR_NOTIFY_BYTES_MAX)
		return -EINVAL;
	ssize_t sent = sendto(fd, message, bytes, MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT),
			      (const struct sockaddr *)&address->to, address->bytes);
	return sent < 0 ? -errno : 0;
}

int weir_notify_send(const char *socket, const char *message)
{
	struct wr_notify_address address;
	int rc = wr_notify_address_read(socket, &address);
	if (rc != 0 || address.bytes == 0)
		return rc;
	int cancel = wr_cancel_defer();
	int fd = wr_notify_socket_open();
	rc = fd >= 0 ? wr_notify_socket_send(fd, &address, message, false) : fd;
	if (fd >= 0)
		(void)close(fd);
	wr_cancel_restore(cancel);
	return rc;
}
