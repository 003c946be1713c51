/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server beside a run (weir/serve.h): metrics, the live page, and the schema registry of the
 * run's own log, as long as its pipeline is open. The drain can be watched, too.
 *
 *   begin ─► (reload) ... ─► end ─► the pipeline is closed ─► end_late
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_RUN_SERVE_H
#define WEIR_TOOLS_RUN_SERVE_H

#include <weir/config.h>
#include <weir/notify.h>

#include "tools/weir/serve_token.h"

struct weir_server;

struct run_serve {
	struct weir_server *server; /* NULL: there is none */
	struct weir_notifier *notifier;
	const char *token_file;
	char token[SERVE_TOKEN_ROOM]; /* that is in force; "": none is needed */
	uint64_t turns;               /* the notifier's thread's */
};

/* Listens, where the config says so. CLI_GO_ON, or the exit code; what fails is told. */
int run_serve_begin(struct run_serve *s, const struct weir_config_serve *config,
		    struct weir_pipeline *pipeline, struct weir_notifier *notifier);
/* The file of the token again. True: it has another one, which is told; what is wrong with it is
 * told, too, and the token stays. */
bool run_serve_reload(struct run_serve *s);
/* No connection is there any more. A registration that waits for a full disk ends with the
 * pipeline: then the rest is end_late()'s. */
void run_serve_end(struct run_serve *s);
void run_serve_end_late(struct run_serve *s);

#endif
