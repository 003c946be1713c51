/* SPDX-License-Identifier: Apache-2.0 */
/* See bench_interrupt.h. Thread: main; the handler runs on any. */
#include "tools/weir/bench_interrupt.h"

#include <signal.h>

static wr_atomic_u32 interrupted;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	wr_store_relaxed(&interrupted, 1);
}

void bench_interrupt_catch(void)
{
	const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

wr_atomic_u32 *bench_interrupt_flag(void)
{
	return &interrupted;
}
