/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager that started a command, as the environment names it: NOTIFY_SOCKET,
 * WATCHDOG_USEC and WATCHDOG_PID of sd_notify(3). Without one the notifier sends nothing.
 *
 * Thread: main, before others are started.
 */
#ifndef WEIR_TOOLS_SERVICE_H
#define WEIR_TOOLS_SERVICE_H

#include <stdbool.h>

#include <weir/notify.h>

/*
 * The variables are taken out of the environment: what this process starts is another service. An
 * address that cannot be spoken to is told on standard error, and nothing is sent. CLI_GO_ON, or an
 * exit code.
 */
int service_open(struct weir_notifier **ret_notifier);

/* What a SIGHUP means: who has a terminal is told of its end by it, a service of a new config. */
bool service_has_terminal(void);

/* A terminal that goes away ends a command as SIGTERM does, without one SIGHUP is a reload; unless
 * somebody (nohup) wants it to stay. */
bool service_is_ignored(int number);

#endif
