/* SPDX-License-Identifier: Apache-2.0 */
/* `weir schema decode` and `weir schema bench`, of cmd_schema(). Thread: main. */
#ifndef WEIR_TOOLS_SCHEMA_DECODE_H
#define WEIR_TOOLS_SCHEMA_DECODE_H

#include <stdbool.h>
#include <stdint.h>

struct schema_decode {
	const char *writer; /* files */
	const char *reader; /* NULL: as it was written */
	bool prefix;        /* data begin with 0 and an id */
	bool avros_json;
};

/* One datum out of a file ("-": standard input), as a line of JSON. The exit code. */
int schema_decode_print(const struct schema_decode *how, const char *data_path);

/* How many records of ten fields a second are resolved. The exit code. */
int schema_bench_print(uint64_t length_ns, bool json);

#endif
