/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of peers of the journal benchmark. Three are in every build: a file and fdatasync, and
 * Redis and NATS, which are programs. bench/peers/journal/meson.build knows which of the libraries
 * were found and writes peers_built.h: JOURNAL_PEERS_BUILT is PEER(key) for each journal_peer_KEY,
 * JOURNAL_PEERS_ABSENT is ABSENT(name, package) for each that weir knows and this build lacks.
 */
#include "bench/journal_peer.h"
#include "bench/peers/journal/peers_built.h"

#define PEER(key) extern const struct journal_peer journal_peer_##key;
PEER(file)
PEER(nats)
PEER(redis)
JOURNAL_PEERS_BUILT
#undef PEER

#define PEER(key) &journal_peer_##key,
const struct journal_peer *const journal_peers[] = {PEER(file) JOURNAL_PEERS_BUILT PEER(redis)
							    PEER(nats)};
#undef PEER

_Static_assert(WR_ARRAY_COUNT(journal_peers) <= JOURNAL_PEERS_MAX, "reports have room for each");
const uint32_t journal_peer_count = WR_ARRAY_COUNT(journal_peers);

#define ABSENT(its_name, its_package) {.name = its_name, .package = its_package},
const struct journal_peer_absent journal_peers_absent[] = {JOURNAL_PEERS_ABSENT{.name = NULL}};
