/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a server listens: "127.0.0.1:9464", "[::1]:0", "localhost:9464", "unix:/run/weir.sock". No
 * names are looked up: what others reach is to be seen in the option.
 *
 * A socket file is made with mode 0600 from its first moment on. One that is there and refuses
 * connections is of a process that died, and is replaced; one that answers is somebody's.
 *
 * Thread: one at a time for each address.
 */
#ifndef WR_HTTP_ADDRESS_H
#define WR_HTTP_ADDRESS_H

#include <stdbool.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <weir/error.h>

struct wr_http_address {
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un path;
	} name;
	socklen_t name_bytes;
	bool is_local; /* others do not reach it: loopback, or a file */
	dev_t device;  /* of the socket file that was made */
	ino_t inode;
	char url[160];
};

/* 0 or -EINVAL, with the reason. */
int wr_http_address_read(const char *text, struct wr_http_address *ret,
			 struct weir_problem *reterr_problem);

/* A listening socket that does not block; address->url says where. Negative: as the kernel said. */
int wr_http_address_listen(struct wr_http_address *address, struct weir_problem *reterr_problem);

/* The socket file goes, if it is still the one that was made. */
void wr_http_address_forget(const struct wr_http_address *address);

#endif
