/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded stream for `weir bench pipeline --input`: each line of a file is the payload of an
 * event, byte for byte; blank lines are none. Key, type and headers can come out of fields of the
 * line, as `weir run` takes them. All of it is in memory before the clock starts.
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
	void **made;       /* keys and headers, one piece a line; NULL: lines have none */
	char *header_list; /* names and fields of the headers, cut */
	char why[240];
	size_t longest_bytes;  /* of a line, its key and its headers */
	uint64_t longest_line; /* its number in the file, from 1 */
};

/* Fields of lines that are JSON, by path, as a source of `weir run` has them. */
struct bench_fields {
	const char *key;     /* NULL: none */
	const char *type;    /* becomes the header "type"; NULL: none */
	const char *headers; /* "trace=trace_id,user=user.id"; NULL: none */
};

/*
 * 0; -EFBIG; -ENODATA (no line in it); -EBADMSG or -EINVAL (a line, or `fields`: input->why);
 * -ENOMEM; or what the file system said. Free it in any case.
 */
int bench_input_load(const char *path, const struct bench_fields *fields,
		     struct bench_input *ret_input);
void bench_input_free(struct bench_input *input);

#endif
