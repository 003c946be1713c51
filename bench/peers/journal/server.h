/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that is a program of its own: started in the peer's folder, killed when the peer closes,
 * and by the kernel if this process dies.
 *
 * Thread: one.
 */
#ifndef WEIR_BENCH_PEERS_JOURNAL_SERVER_H
#define WEIR_BENCH_PEERS_JOURNAL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/journal_peer.h"

#define PEER_SERVER_START_NS 20000000000ull

/*
 * What a program says of its version: the first line of `command` from behind `mark` up to the
 * next blank. False: it is not there.
 */
bool peer_server_version(const char *command, const char *mark, char *to, size_t to_bytes);

/*
 * Starts argv[0], found by PATH, in `dir`. Its standard input and output are a socket, of which
 * *ret_socket becomes the other end, and /dev/null with NULL; its standard error always is that.
 * Its process id, or -errno.
 */
pid_t peer_server_start(const char *dir, const char *const *argv, int *ret_socket);

/* Whether it has ended by itself; then it is waited for, and *server is 0. */
bool peer_server_ended(pid_t *server);

void peer_server_kill(pid_t server);

/* `code`, and as the place's reason what was being done when it came. */
int peer_said(struct journal_peer_place *place, const char *doing, int code);

/* All of it, over short writes, to a socket; without a signal. 0 or -errno. */
int peer_server_send(int socket, const void *bytes, size_t count);

#endif
