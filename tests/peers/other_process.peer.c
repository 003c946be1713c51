/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of a contender in a process of its own, written in the shell: fake_child.sh. */
#include "bench/ring_child.h"

static const char *const command[] = {RING_PEER_FOLDER "/fake_child.sh", "whole", NULL};
static struct ring_child child = {.argv = command, .patience_ns = RING_CHILD_PATIENCE_NS};

static bool has(const struct ring_cell *cell)
{
	return cell->batch == 1 && cell->payload_bytes == 8;
}

static int run(struct ring_run *r)
{
	return ring_child_run(&child, r);
}

static void end(void)
{
	ring_child_close(&child);
}

extern const struct ring_peer ring_peer_other_process;
const struct ring_peer ring_peer_other_process = {
	.name = "other_process",
	.version = RING_PEER_VERSION,
	.package = "tests/peers",
	.flags = "sh",
	.differs = "it has no ring",
	.has = has,
	.run = run,
	.end = end,
};
