/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that was measured, as every report of `weir bench` says it. */
#ifndef WEIR_TOOLS_BENCH_MACHINE_JSON_H
#define WEIR_TOOLS_BENCH_MACHINE_JSON_H

#include "bench/harness.h"
#include "tools/weir/json_out.h"

/* Opens the object "machine" and writes what all reports have; the caller adds, and closes it. */
void bench_machine_json_begin(struct json_out *j, const struct bench_machine *machine);

#endif
