/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token of a server, from a file: of `weir serve`, and of the server beside a run.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_SERVE_TOKEN_H
#define WEIR_TOOLS_SERVE_TOKEN_H

#include <weir/serve.h>

/* With a line feed and a 0 behind it. */
#define SERVE_TOKEN_ROOM (WEIR_SERVER_TOKEN_BYTES_MAX + 2)

/* Its first line; what is wrong with the file is told. CLI_GO_ON, or the exit code. */
int serve_token_read(const char *path, char to[SERVE_TOKEN_ROOM]);

#endif
