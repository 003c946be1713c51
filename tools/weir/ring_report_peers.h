/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contenders of a `weir bench ring`: what each is, what it was compiled with, how many cells it
 * ran; and those that weir knows and this build lacks. Thread: main.
 */
#ifndef WEIR_TOOLS_RING_REPORT_PEERS_H
#define WEIR_TOOLS_RING_REPORT_PEERS_H

#include <stdio.h>

#include "tools/weir/json_out.h"
#include "tools/weir/ring_report.h"

/* How many were asked for and are not in this build: 0 without --peers. */
uint32_t ring_report_absent(const struct ring_report *report);

/* A table; nothing without --peers. */
void ring_report_peers_text(const struct ring_report *report, FILE *to);
/* The array `peers` of the report's object. */
void ring_report_peers_json(struct json_out *json, const struct ring_report *report);

#endif
