/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a source's lines come from: files and standard input (source_lines.c), a file that grows
 * (source_follow.c), or a generator (source_generator.c). All of them are asked for the next line,
 * and wait for it no longer than until `stop` is raised.
 *
 * A source numbers its events from 1, densely: the n-th line that is an event is event n. Its
 * producer knows which one was durable last (weir_producer_last()); a source that can be read again
 * reads again and passes so many events over. One that cannot (standard input) or that knows its
 * place otherwise (a followed file) says so: `can_reread` is false.
 *
 * Thread: the source's own.
 */
#ifndef WEIR_TOOLS_RUN_SOURCE_H
#define WEIR_TOOLS_RUN_SOURCE_H

#include <weir/config.h>

#include "tools/weir/run/life.h"
#include "tools/weir/run/line_buffer.h"

#define RUN_SOURCE_LINE 1    /* there is one */
#define RUN_SOURCE_END 0     /* no more */
#define RUN_SOURCE_STOPPED 2 /* `stop` was raised first */
#define RUN_SOURCE_IDLE 3    /* none just now: who asks again waits for it */

#define RUN_PLACE_BYTES 80
#define RUN_PLACE_HEADER "weir-place"

struct run_reader {
	const struct run_reader_ops *ops;
	const struct run_life *life;
	bool can_reread;
	bool tells_idle; /* the asker's: he wants to know before a wait, once */
	bool told_idle;
	bool has_place;              /* `place` goes with each event, and brings the reader back */
	const char *name;            /* what the line came from: "orders.jsonl", "stdin" */
	char place[RUN_PLACE_BYTES]; /* behind the last line */
};

struct run_reader_ops {
	/* RUN_SOURCE_*; or -code with the fault. */
	int (*next)(struct run_reader *reader, struct run_line *ret_line, struct run_fault *fault);
	/* Passes the first events over; NULL: they are read for that. */
	void (*skip)(struct run_reader *reader, uint64_t event_count);
	void (*close)(struct run_reader *reader);
};

/*
 * Each opens one kind of reader. 0, or -code with the fault. It is closed with ops->close().
 *
 * @param line_bytes_max  longer ones come out as too long
 */
int run_lines_open(const struct weir_config_source *source, const struct run_life *life,
		   size_t line_bytes_max, struct run_reader **ret_reader, struct run_fault *fault);
int run_generator_open(const struct weir_config_source *source, const struct run_life *life,
		       struct run_reader **ret_reader, struct run_fault *fault);

/* `place`: of the last event that is in the log; "": of none. */
int run_follow_open(const struct weir_config_source *source, const struct run_life *life,
		    size_t line_bytes_max, const char *place, struct run_reader **ret_reader,
		    struct run_fault *fault);

/*
 * The key of the generator's n-th event, from 1, into `to`. What it has for a line is a function of
 * the seed and n, so a restart goes on with others.
 */
#define RUN_GENERATED_KEY_BYTES 24
size_t run_generated_key(const struct weir_config_source *source, uint64_t n,
			 char to[RUN_GENERATED_KEY_BYTES]);

#endif
