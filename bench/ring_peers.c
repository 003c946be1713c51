/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of contenders. bench/peers/meson.build knows which were built in and writes
 * peers_built.h: RING_PEERS_BUILT is PEER(key) for each ring_peer_KEY, RING_PEERS_ABSENT is
 * ABSENT(name, package) for each that weir knows and this build lacks.
 */
#include <stddef.h>

#include "bench/peers/peers_built.h"
#include "bench/ring.h"

#define PEER(key) extern const struct ring_peer ring_peer_##key;
PEER(weir)
RING_PEERS_BUILT
#undef PEER

#define PEER(key) &ring_peer_##key,
const struct ring_peer *const ring_peers[] = {PEER(weir) RING_PEERS_BUILT};
#undef PEER

_Static_assert(WR_ARRAY_COUNT(ring_peers) <= RING_PEERS_MAX, "reports have room for each");
const uint32_t ring_peer_count = WR_ARRAY_COUNT(ring_peers);

#define ABSENT(its_name, its_package)                                                              \
	&(const struct ring_peer){.name = its_name, .package = its_package},
const struct ring_peer *const ring_peers_absent[] = {RING_PEERS_ABSENT NULL};
