/* SPDX-License-Identifier: Apache-2.0 */
/* See service.h. */
#include "tools/weir/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/lines.h"

#define NS_PER_US 1000u

/* A whole number that is all of the text; 0: it is none. */
static uint64_t number_of(const char *text)
{
	char *end = NULL;
	errno = 0;
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	unsigned long long number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

/* 0: there is none, or it watches another process. */
static uint64_t watchdog_ns(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = number_of(getenv("WATCHDOG_USEC"));
	if (pid != NULL && number_of(pid) != (uint64_t)getpid())
		return 0;
	return us < UINT64_MAX / NS_PER_US ? us * NS_PER_US : 0;
}

int service_open(struct weir_notifier **ret_notifier)
{
	struct weir_problem problem = {0};
	struct weir_notifier_options options;
	weir_notifier_options_init(&options);
	options.socket = getenv("NOTIFY_SOCKET");
	options.watchdog_ns = watchdog_ns();
	options.log_fn = lines_take;
	int rc = weir_notifier_open(&options, ret_notifier, &problem);
	if (rc == -EINVAL || rc == -EAFNOSUPPORT) {
		bool is_socket = problem.field[0] == 's';
		lines_say(WR_EVENT_SERVICE_NOT_TOLD, WR_FIELDS(wr_field_code(rc)),
			  "%s is not as sd_notify has it, so %s: %s",
			  is_socket ? "NOTIFY_SOCKET" : "WATCHDOG_USEC",
			  is_socket ? "nobody is told" : "there is no watchdog", problem.text);
		if (is_socket)
			options.socket = NULL;
		options.watchdog_ns = 0;
		rc = weir_notifier_open(&options, ret_notifier, &problem);
	}
	if (rc != 0)
		return lines_fail(WR_EVENT_SERVICE_NOT_TOLD, "NOTIFY_SOCKET", rc, &problem);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return CLI_GO_ON;
}

bool service_has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool service_is_ignored(int number)
{
	struct sigaction present;
	return sigaction(number, NULL, &present) == 0 && present.sa_handler == SIG_IGN;
}
