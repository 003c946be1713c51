/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded stream for `weir bench pipeline --input`: each line of a file is the payload of an
 * event, byte for byte; blank lines are none. All of it is in memory before the clock starts.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BENCH_INPUT_H
#define WEIR_TOOLS_BENCH_INPUT_H

#include "bench/pipeline.h"

/* How large a file may be. */
#define BENCH_INPUT_BYTES_MAX (1ull << 30)

struct bench_input {
	struct pipeline_input input;
	uint8_t *text;
	size_t longest_bytes;  /* of a line */
	uint64_t longest_line; /* its number in the file, from 1 */
};

/*
 * 0; -EFBIG; -ENODATA (no line in it); -ENOMEM; or what the file system said. Free it in any case.
 */
int bench_input_load(const char *path, struct bench_input *ret_input);
void bench_input_free(struct bench_input *input);

#endif
