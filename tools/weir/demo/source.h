/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the demo's events come from: the generator, or lines of a file or pipe. Either way a source
 * can be read again from its first event and gives the same events in the same order, with the same
 * index. The producer reads it to publish, after a restart to find its place, and the audit reads
 * it to know what should be in the journal.
 *
 * Thread: one at a time for each struct; the text of an input may be shared.
 */
#ifndef WEIR_TOOLS_DEMO_SOURCE_H
#define WEIR_TOOLS_DEMO_SOURCE_H

#include "tools/weir/demo/generator.h"

/* An input in memory: mapped, so a large one costs no more than the page cache. */
struct demo_input {
	struct demo_text text;
};

/* "-" is stdin. A pipe is first copied into a temporary file, to its end. 0 or -errno. */
int demo_input_open(struct demo_input *input, const char *path);
void demo_input_close(struct demo_input *input);

struct demo_source {
	const struct demo_input *input; /* NULL: the generator */
	uint64_t seed;
	uint64_t index; /* of the last event */
	uint64_t line_count;
	uint64_t bad_line_count; /* lines that are no events; they are left out */
	uint64_t first_bad_line;
	struct demo_text rest;
	struct demo_generator generator;
};

/* At the first event. `input` is borrowed. The struct is large: keep it off the stack. */
void demo_source_init(struct demo_source *source, const struct demo_input *input, uint64_t seed);

/* False: there are no more. What it returns is good until the next call. */
bool demo_source_next(struct demo_source *source, struct demo_record *ret_record);

/* Passes events until `index` is the last one passed. False: there are not so many. */
bool demo_source_skip_to(struct demo_source *source, uint64_t index);

/* Instruments that the source may name. */
uint32_t demo_source_instruments(const struct demo_source *source);

/* How many deleted ids a book of this source has to keep in mind. */
size_t demo_source_dead_ids(const struct demo_source *source);

#endif
