/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of YAML that a config file may use, checked line by line before libfyaml sees a byte:
 * block maps and lists, flow maps and lists, plain and quoted scalars of one line, comments, and at
 * most one "---" in front.
 *
 * Not in it: tabs outside of quotes and comments, anchors, aliases, tags, directives, explicit keys
 * ("? "), scalars of more than one line, a second document. A config has no use for them, and they
 * are where libfyaml 0.7.12 was found to leak, to abort and to use memory after its end
 * (docs/design/yaml-is-checked-before-it-is-parsed.md).
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_SUBSET_H
#define WR_CONFIG_SUBSET_H

#include "io/config/diagnostic.h"

/* Of lists and maps in each other: here those in brackets, in yaml.c all of them. */
#define WR_CONFIG_DEPTH_MAX 32u
#define WR_CONFIG_NODES_MAX 10000u

/*
 * Makes an error of everything that is not in the subset, and blanks comments and the "---": what
 * is left has every byte at the place where it was.
 *
 * @param tame  room for the source's bytes
 * @return true: libfyaml may have it
 */
bool wr_config_subset(struct wr_config_findings *findings, char *tame);

#endif
