/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not there for the server beside a run: the file of its token, and a token in it; the
 * folder of its socket. And for spans, the folder of their file.
 * Where it listens is looked at when the file is read (keys_serve.c); whether somebody listens
 * there already is not asked.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/token.h"
#include "io/config/config.h"
#include "io/config/plan_inner.h"

/* `id`: "serve" or "traces". */
static void tell(struct wr_plan_search *search, const char *id, const char *key, const char *path,
		 const char *why, const char *fix)
{
	struct wr_plan_lack *to =
		wr_plan_lack(search, WR_LACK_STOPS, id, "%s: %.100s: %.60s", id, path, why);
	wr_plan_place(search, to, key);
	WR_PLAN_MEND(to, "%s", fix);
}

/* Only what is a file is read: a pipe gives it once. */
static const char *token_fault(const char *path)
{
	char line[WEIR_SERVER_TOKEN_BYTES_MAX + 3] = "";
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return weir_strerror(-errno);
	bool is_there = fgets(line, sizeof line, file) != NULL;
	(void)fclose(file);
	if (!is_there)
		return "there is no token in it";
	size_t bytes = strcspn(line, "\r\n");
	return wr_token_is_valid(line, bytes)
		       ? NULL
		       : "a token is 16 to 512 printable characters without blanks";
}

static void find_token(struct wr_plan_search *search, const char *path)
{
	struct stat status;
	const char *why = NULL;
	if (stat(path, &status) < 0 || access(path, R_OK) < 0)
		why = weir_strerror(-errno);
	else if (S_ISDIR(status.st_mode))
		why = "a folder";
	else if (S_ISREG(status.st_mode))
		why = token_fault(path);
	if (why != NULL)
		tell(search, "serve", "serve.token_file", path, why,
		     "a file of mode 0600 with a token in it, and the right to read it");
}

/* In which a file is to be made. */
static void find_folder(struct wr_plan_search *search, const char *id, const char *key,
			const char *file)
{
	char folder[WR_MACHINE_PATH_BYTES];
	wr_machine_parent(file, folder);
	int code = wr_machine_takes_files(folder);
	if (code < 0)
		tell(search, id, key, folder,
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
		find_folder(search, "serve", "serve.listen", values->serve_listen + 5);
}

void wr_plan_find_traces(struct wr_plan_search *search)
{
	const struct weir_config *config = search->input->config;
	const char *file = config != NULL ? config->values.traces_file : NULL;
	struct stat status;
	if (file == NULL)
		return;
	if (stat(file, &status) < 0)
		find_folder(search, "traces", "traces.file", file);
	else if (S_ISDIR(status.st_mode))
		tell(search, "traces", "traces.file", file, "a folder", "the name of a file");
	else if (access(file, R_OK | W_OK) < 0)
		tell(search, "traces", "traces.file", file, weir_strerror(-errno),
		     "the right to read and to write it, or another name");
}
