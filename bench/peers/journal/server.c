/* SPDX-License-Identifier: Apache-2.0 */
/* See server.h. */
#include "bench/peers/journal/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

bool peer_server_version(const char *command, const char *mark, char *to, size_t to_bytes)
{
	char line[160] = "";
	FILE *f = popen(command, "re");

	if (f == NULL)
		return false;
	bool told = fgets(line, sizeof line, f) != NULL;
	(void)pclose(f);
	const char *version = told ? strstr(line, mark) : NULL;
	if (version == NULL)
		return false;
	version += strlen(mark);
	(void)snprintf(to, to_bytes, "%.*s", (int)strcspn(version, " \"\n"), version);
	return true;
}

static void become(const char *dir, const char *const *argv, pid_t parent, int its_end)
{
	int null_fd = open("/dev/null", O_RDWR);

	(void)dup2(its_end >= 0 ? its_end : null_fd, STDIN_FILENO);
	(void)dup2(its_end >= 0 ? its_end : null_fd, STDOUT_FILENO);
	(void)dup2(null_fd, STDERR_FILENO);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && chdir(dir) == 0)
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* A socket and no pipes: who writes to one that died gets an error, not a signal. */
pid_t peer_server_start(const char *dir, const char *const *argv, int *ret_socket)
{
	pid_t parent = getpid();
	int ends[2] = {-1, -1};

	if (ret_socket != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	pid_t child = fork();
	if (child == 0)
		become(dir, argv, parent, ends[1]);
	int code = child < 0 ? -errno : 0;
	if (ret_socket != NULL)
		(void)close(ends[1]);
	if (ret_socket != NULL && code == 0)
		*ret_socket = ends[0];
	else if (ret_socket != NULL)
		(void)close(ends[0]);
	return code != 0 ? code : child;
}

bool peer_server_ended(pid_t *server)
{
	if (waitpid(*server, NULL, WNOHANG) != *server)
		return false;
	*server = 0;
	return true;
}

void peer_server_kill(pid_t server)
{
	if (server <= 0)
		return;
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
}

int peer_said(struct journal_peer_place *place, const char *doing, int code)
{
	(void)snprintf(place->why, sizeof place->why, "%s: %.100s", doing, strerror(-code));
	return code;
}

int peer_server_send(int socket, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count > 0) {
		ssize_t n = send(socket, at, count, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		at += n;
		count -= (size_t)n;
	}
	return 0;
}
