/* SPDX-License-Identifier: Apache-2.0 */
/* core/base/pause.h: the lock of builds without concurrencykit excludes (SL1). */
#include "core/base/bits.h"
#include "core/base/pause.h"
#include "tests/explorer/scenarios.h"

struct bed {
	WR_LINE_ALIGNED wr_spinlock lock;
	uint64_t count;
};

static struct bed *bed;

static void set_up(void)
{
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	wr_spinlock_init(&bed->lock);
}

static void count_up(void)
{
	wr_spinlock_lock(&bed->lock);
	bed->count++;
	wr_spinlock_unlock(&bed->lock);
}

static void is_three(void)
{
	EXPLORER_CHECK(bed->count == 3);
}

const struct explorer_scenario spinlock_excludes = {
	.name = "spinlock: three threads count",
	.setup = set_up,
	.threads = {count_up, count_up, count_up},
	.finish = is_three,
};
