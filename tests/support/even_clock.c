/* SPDX-License-Identifier: Apache-2.0 */
/* See even_clock.h. */
#include "tests/support/even_clock.h"

#include <stddef.h>

#include "core/base/atomic.h"
#include "io/posix/clock_posix.h"

#define STEP_NS 5000000u

static const struct wr_clock_ops *real; /* NULL: not in use */
/* Relaxed: another thread that looks, too, may make a step longer. */
static wr_atomic_u64 seen_ns, lost_ns;

static uint64_t even_mono_ns(struct wr_clock *clock)
{
	uint64_t now_ns = real->mono_ns(clock), before_ns = wr_load_relaxed(&seen_ns);
	if (now_ns > before_ns)
		wr_store_relaxed(&seen_ns, now_ns);
	if (now_ns > before_ns + STEP_NS)
		wr_store_relaxed(&lost_ns,
				 wr_load_relaxed(&lost_ns) + now_ns - before_ns - STEP_NS);
	return now_ns - wr_load_relaxed(&lost_ns);
}

static uint64_t even_boot_ns(struct wr_clock *clock)
{
	(void)even_mono_ns(clock);
	return real->boot_ns(clock) - wr_load_relaxed(&lost_ns);
}

static uint64_t even_wall_ns(struct wr_clock *clock)
{
	(void)even_mono_ns(clock);
	return real->wall_ns(clock) - wr_load_relaxed(&lost_ns);
}

void even_clock_begin(void)
{
	static const struct wr_clock_ops even = {
		.mono_ns = even_mono_ns, .boot_ns = even_boot_ns, .wall_ns = even_wall_ns};
	struct wr_clock *clock = wr_clock_posix();
	if (real != NULL)
		return;
	real = clock->ops;
	wr_store_relaxed(&seen_ns, real->mono_ns(clock));
	wr_store_relaxed(&lost_ns, 0u);
	clock->ops = &even;
}

void even_clock_end(void)
{
	if (real == NULL)
		return;
	wr_clock_posix()->ops = real;
	real = NULL;
}

void even_clock_slept(uint64_t ns)
{
	if (real != NULL)
		wr_store_relaxed(&seen_ns, wr_load_relaxed(&seen_ns) + ns);
}
