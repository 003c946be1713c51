/* SPDX-License-Identifier: Apache-2.0 */
/* See thread.h. */
#include "io/http/thread.h"

#include <signal.h>
#include <time.h>

#define STACK_BYTES (512u << 10)

int wr_http_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *context),
			 void *context)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int rc = pthread_attr_init(&attributes);
	if (rc != 0)
		return -rc;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(ret_thread, &attributes, run, context);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (rc == 0)
		(void)pthread_setname_np(*ret_thread, name);
	return -rc;
}

uint64_t wr_http_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
