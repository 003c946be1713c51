/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the server: they have a name, and take none of the program's signals. Thread: any. */
#ifndef WR_HTTP_THREAD_H
#define WR_HTTP_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* 0, -EAGAIN, -ENOMEM. The name has at most 15 bytes. */
int wr_http_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *context),
			 void *context);

/* Monotonic. */
uint64_t wr_http_now_ns(void);

#endif
