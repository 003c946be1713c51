/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not there for the server beside a run: the file of its token, the folder of its socket.
 * Where it listens is looked at when the file is read (keys_serve.c); whether somebody listens
 * there already is not asked.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/config/plan_inner.h"

static void tell(struct wr_plan_search *search, const char *key, const char *path, const char *why,
		 const char *fix)
{
	struct wr_plan_lack *to =
		wr_plan_lack(search, WR_LACK_STOPS, "serve", "serve: %.100s: %.60s", path, why);
	wr_plan_place(search, to, key);
	WR_PLAN_MEND(to, "%s", fix);
}

static void find_token(struct wr_plan_search *search, const char *path)
{
	struct stat status;
	const char *why = NULL;
	if (stat(path, &status) < 0 || access(path, R_OK) < 0)
		why = weir_strerror(-errno);
	else if (S_ISDIR(status.st_mode))
		why = "a folder";
	else if (S_ISREG(status.st_mode) && status.st_size == 0)
		why = "there is no token in it";
	if (why != NULL)
		tell(search, "serve.token_file", path, why,
		     "a file of mode 0600 with a token in it, and the right to read it");
}

static void find_folder(struct wr_plan_search *search, const char *socket)
{
	char folder[WR_MACHINE_PATH_BYTES];
	wr_machine_parent(socket, folder);
	int code = wr_machine_takes_files(folder);
	if (code < 0)
		tell(search, "serve.listen", folder,
		     code == -ENOENT ? "there is no such folder" : "no folder that takes files",
		     "mkdir -p, and chown of it to the user of the service");
}

void wr_plan_find_serve(struct wr_plan_search *search)
{
	const struct weir_config *config = search->input->config;
	const struct wr_config_values *values = config != NULL ? &config->values : NULL;
	if (values == NULL || values->serve_listen == NULL)
		return;
	if (values->serve_token_file != NULL)
		find_token(search, values->serve_token_file);
	if (strncmp(values->serve_listen, "unix:", 5) == 0)
		find_folder(search, values->serve_listen + 5);
}
