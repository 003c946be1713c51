/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a server of this process (weir/serve.h), as tests need it: a connection, and bytes of
 * theirs on it.
 *
 * Thread: any; a connection is its owner's.
 */
#ifndef WEIR_TESTS_SERVE_CLIENT_H
#define WEIR_TESTS_SERVE_CLIENT_H

#include <weir/serve.h>

/* To a server that listens on 127.0.0.1. `receive_bytes`: at most so many wait in the kernel for
 * who reads slowly; 0: as by default. The test fails where there is none. */
int serve_client_connect(struct weir_server *server, int receive_bytes);
/* All of the text, at once. */
void serve_client_say(int fd, const char *text);
/* GET of a path, with lines of a head, each ended by CR LF, or ""; the answer ends with the
 * connection, which is returned. */
int serve_client_get(struct weir_server *server, const char *path, const char *more,
		     int receive_bytes);

#endif
