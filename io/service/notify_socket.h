/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of sd_notify(3): where a message goes, and sending it. No state but the address.
 *
 * Thread: any.
 */
#ifndef WR_SERVICE_NOTIFY_SOCKET_H
#define WR_SERVICE_NOTIFY_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/socket.h>
#include <sys/un.h>

struct wr_notify_address {
	struct sockaddr_un to;
	socklen_t bytes; /* 0: nobody listens */
};

/* "/path" or "@name"; NULL and "" are nobody. 0, -EINVAL, -EAFNOSUPPORT. */
int wr_notify_address_read(const char *socket_name, struct wr_notify_address *ret_address);

/* A descriptor to send by; a send that is told to wait does so for a second. Or -errno. */
int wr_notify_socket_open(void);

/* 0 or -errno; -EAGAIN: the receiver's queue is full. */
int wr_notify_socket_send(int fd, const struct wr_notify_address *address, const char *message,
			  bool may_wait);

#endif
