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

/* To a server that listens on 127.0.0.1, or a socket file. By the latter the kernel keeps little of
 * an answer that nobody reads: by the former it is megabytes. The process ends where there is none.
 */
int serve_client_connect(struct weir_server *server);
/* All of the text, at once. */
void serve_client_say(int fd, const char *text);
/* GET of a path, with lines of a head, each ended by CR LF, or ""; the answer ends with the
 * connection, which is returned. */
int serve_client_get(struct weir_server *server, const char *path, const char *more);

#endif
