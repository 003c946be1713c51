/* SPDX-License-Identifier: Apache-2.0 */
/* See interrupt.h. */
#include "tools/weir/interrupt.h"

#include <signal.h>
#include <stdbool.h>

#define SIGNALS 3

static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[SIGNALS];
static bool is_caught[SIGNALS];
static wr_atomic_u32 came; /* lock-free: the handler may store to it */

static void note(int number)
{
	wr_store_relaxed(&came, (uint32_t)number);
}

void interrupt_catch(enum interrupt_again again)
{
	struct sigaction action = {.sa_handler = note};

	if (again == INTERRUPT_KILLS)
		action.sa_flags = (int)SA_RESETHAND;
	(void)sigemptyset(&action.sa_mask);
	wr_store_relaxed(&came, 0);
	for (int i = 0; i < SIGNALS; i++) {
		bool is_there = sigaction(numbers[i], NULL, &before[i]) == 0;
		is_caught[i] = is_there &&
			       (numbers[i] != SIGHUP || before[i].sa_handler != SIG_IGN) &&
			       sigaction(numbers[i], &action, NULL) == 0;
	}
}

void interrupt_leave(void)
{
	for (int i = 0; i < SIGNALS; i++)
		if (is_caught[i])
			(void)sigaction(numbers[i], &before[i], NULL);
}

void interrupt_forget(void)
{
	for (int i = 0; i < SIGNALS; i++)
		if (is_caught[i])
			(void)signal(numbers[i], SIG_DFL);
}

wr_atomic_u32 *interrupt_flag(void)
{
	return &came;
}

uint32_t interrupt_came(void)
{
	return wr_load_relaxed(&came);
}
