/* SPDX-License-Identifier: Apache-2.0 */
/* See life.h. */
#include "tools/weir/run/life.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int signal_init(struct run_signal *signal)
{
	wr_store_relaxed(&signal->raised, 0);
	signal->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return signal->descriptor < 0 ? -errno : 0;
}

int run_life_init(struct run_life *life)
{
	life->stop.descriptor = life->finish.descriptor = life->abort.descriptor = -1;
	int rc = signal_init(&life->stop);
	if (rc == 0)
		rc = signal_init(&life->finish);
	if (rc == 0)
		rc = signal_init(&life->abort);
	if (rc < 0)
		run_life_fini(life);
	return rc;
}

void run_life_fini(struct run_life *life)
{
	struct run_signal *all[] = {&life->stop, &life->finish, &life->abort};
	for (size_t i = 0; i < 3; i++)
		if (all[i]->descriptor >= 0)
			close(all[i]->descriptor);
}

void run_signal_raise(struct run_signal *signal)
{
	const uint64_t one = 1;
	/* Release: who sees it sees what was done before (run_signal_is_raised). */
	wr_store_release(&signal->raised, 1);
	(void)!write(signal->descriptor, &one, sizeof one);
}

bool run_signal_is_raised(const struct run_signal *signal)
{
	/* Acquire: pairs with the release in run_signal_raise(). */
	return wr_load_acquire(&signal->raised) != 0;
}

bool run_signal_wait(const struct run_signal *signal, uint64_t timeout_ns)
{
	struct pollfd poll_of = {.fd = signal->descriptor, .events = POLLIN};
	struct timespec time = {.tv_sec = (time_t)(timeout_ns / RUN_SECOND_NS),
				.tv_nsec = (long)(timeout_ns % RUN_SECOND_NS)};
	if (run_signal_is_raised(signal))
		return true;
	(void)ppoll(&poll_of, 1, &time, NULL);
	return run_signal_is_raised(signal);
}

void run_fault_set(struct run_fault *fault, int code, const char *format, ...)
{
	va_list list;
	if (fault->code != 0)
		return;
	fault->code = code;
	va_start(list, format);
	(void)vsnprintf(fault->text, sizeof fault->text, format, list);
	va_end(list);
}
