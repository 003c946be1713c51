/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo watched while it runs: `weir serve` beside it, as a process of its own, whose page a
 * person opens; and, in the second life, a look by the demo itself, which shows what `weir top`
 * says and what the page is told while events flow.
 *
 *   demo_live_begin(live, listen)              the server is there, or why not
 *   demo_live_start(live, shared, pid) ...     a process that looks at the pipeline of `pid`
 *   demo_live_is_over(live)                    it has looked, and what it saw stands in live->text
 *   demo_live_end(live)
 *
 * Who looks is a process: it uses the very commands, and nothing of it is in the way of the parent,
 * which watches its child. One that takes too long is killed. The demo's verdict does not depend on
 * any of it.
 *
 * Thread: the parent's only one.
 */
#ifndef WEIR_TOOLS_DEMO_LIVE_H
#define WEIR_TOOLS_DEMO_LIVE_H

#include <sys/types.h>

#include "tools/weir/demo/shared.h"

#define DEMO_LIVE_TEXT_BYTES 16384u
#define DEMO_LIVE_URL_BYTES 128u
#define DEMO_LIVE_TOKEN_BYTES 128u

struct demo_live {
	pid_t server; /* 0: none */
	pid_t looker; /* 0: none */
	int from_looker;
	uint64_t started_ns;
	char why_not[160]; /* there is no server; "": there is one */
	char url[DEMO_LIVE_URL_BYTES];
	char token[DEMO_LIVE_TOKEN_BYTES];
	char text[DEMO_LIVE_TEXT_BYTES]; /* what who looked has seen */
};

/* `listen`: "IP:PORT", or "none". */
void demo_live_begin(struct demo_live *live, const char *listen);
/* How a person watches the pipeline of this name, on stdout. */
void demo_live_tell(const struct demo_live *live, const char *name);
void demo_live_start(struct demo_live *live, struct demo_shared *shared, pid_t pid);
/* True once, when somebody looked and has ended. */
bool demo_live_is_over(struct demo_live *live);
void demo_live_end(struct demo_live *live);

/*
 * page_look.c: asks the page's server as a browser does, twice, and says on stdout what it was told
 * of the pipeline of `pid`. 0 or -errno; `seen` is filled in as far as it came.
 */
#define DEMO_PAGE_SECONDS_MAX 5 /* of each send and receive: then it is -ETIMEDOUT */
int demo_page_look(const char *url, const char *token, pid_t pid, struct demo_seen *seen);

#endif
