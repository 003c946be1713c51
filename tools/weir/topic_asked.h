/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic that a walk through a journal was asked for by its name: whether the journal has one of
 * that name. A typo is not to look like a topic in which there is nothing.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TOPIC_ASKED_H
#define WEIR_TOOLS_TOPIC_ASKED_H

#include <stdbool.h>

struct topic_asked {
	const char *name; /* NULL: none was asked for */
	bool is_there;
	bool waits; /* was told */
};

/* For the visitor's `topic`. */
void topic_asked_see(struct topic_asked *asked, const char *name);
/* Who follows waits for it: told once. */
void topic_asked_wait(struct topic_asked *asked);
/* The walk is through, with this exit code: that, or that there is no such topic. */
int topic_asked_end(const struct topic_asked *asked, int code);

#endif
