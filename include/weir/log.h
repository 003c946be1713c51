/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines: what weir says to the person who runs it. Each is a struct with a level, the name of its
 * event, a message and fields, and goes to a callback of the program's (weir_options.log_fn).
 *
 * weir prints nothing by itself. What a line looks like is the callback's business;
 * weir_log_format() writes it as text or as a line of JSON, and a weir_log_writer (below) takes it
 * to a descriptor by a thread of its own, so that the thread that speaks, which may be the one that
 * orders the log, waits for nobody.
 *
 * An event is one kind of thing that happened, with one name and one level for all times:
 * "journal.space_low". weir_log_event_at() gives the table, with what a person should do about
 * each; docs/reference/events.md is made from it. Names and fields are stable, messages are not:
 * programs look at names and fields, people at messages. The message says what the fields say.
 *
 * Rates: of each event `burst` lines go out at once and `rate_per_s` a second after that (struct
 * weir_log_limits). What is held back is counted, and told with the next line of that event that
 * goes out (`suppressed_count`), or, when none comes, by a line of the event "log.suppressed".
 *
 * No line has bytes of a payload, a key or a header in it.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <weir/base.h>
#include <weir/error.h>

WEIR_DECLS_BEGIN

struct weir_log_writer;

/** The lower the worse. */
enum weir_log_level {
	WEIR_LOG_OFF = 0,     /**< as a threshold: nothing is said */
	WEIR_LOG_ERROR = 1,   /**< something failed, and stays so until somebody acts */
	WEIR_LOG_WARNING = 2, /**< something is not as it should be, and may go by itself */
	WEIR_LOG_INFO = 3,    /**< something changed that a person may want to know of */
	WEIR_LOG_DEBUG = 4,   /**< something that explains others */
};

enum weir_log_type {
	WEIR_LOG_U64 = 1,
	WEIR_LOG_I64 = 2,
	WEIR_LOG_BOOL = 3,
	WEIR_LOG_TEXT = 4,
};

/** A value with its name. */
struct weir_log_field {
	const char *key; /**< of [a-z0-9_], with its unit last: "free_bytes" */
	enum weir_log_type type;
	uint64_t u64;     /**< WEIR_LOG_U64 */
	int64_t i64;      /**< WEIR_LOG_I64 */
	bool boolean;     /**< WEIR_LOG_BOOL */
	const char *text; /**< WEIR_LOG_TEXT: any bytes up to a 0; NULL: none */
};

/** A line. It and what it points to are lent during the call. */
struct weir_log_line {
	enum weir_log_level level;
	const char *event;    /**< its name; constant */
	const char *message;  /**< a sentence without its full stop; any bytes but 0 */
	uint64_t time_ns;     /**< wall clock, since 1970 */
	const char *pipeline; /**< weir_options.name; NULL: of none */
	const struct weir_log_field *fields;
	uint32_t field_count;
	uint64_t suppressed_count; /**< lines of this event that were held back before it */
};

/** Gets lines. Of several threads at the same time; it must return soon, and must not call the
 *  pipeline that speaks. */
typedef void (*weir_log_fn)(void *context, const struct weir_log_line *line);

/** Which lines there are, and how many. */
struct weir_log_limits {
	enum weir_log_level level; /**< this and worse */
	uint32_t burst;            /**< 1 .. 1,000,000 lines of an event at once */
	uint32_t rate_per_s;       /**< after that, 1 .. 1,000,000; 0: they are not limited */
};

#define WEIR_LOG_BURST_DEFAULT 20u
#define WEIR_LOG_RATE_DEFAULT 1u

/**
 * "error", "warning", "info", "debug"; "off" of 0, and "?" of any other number.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return constant
 */
WEIR_API const char *weir_log_level_name(enum weir_log_level level);

/** A kind of line. Its texts are constant. */
struct weir_log_event {
	const char *name; /**< "journal.space_low" */
	enum weir_log_level level;
	const char *what;   /**< when it is said */
	const char *advice; /**< what a person should do about it */
};

/**
 * The table of events, in the order of their names.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param index  from 0 on
 * @return 0; -ENOENT: there are no more
 */
WEIR_API int weir_log_event_at(uint32_t index, struct weir_log_event *ret_event);

enum weir_log_format {
	/** For people: "2026-01-31T12:00:00.123Z warning journal.space_low orders: MESSAGE". The
	 *  fields are in the message. What is no printable UTF-8 is written as \xNN, so that no
	 *  message begins a line of its own or steers a terminal. */
	WEIR_LOG_AS_TEXT = 1,
	/** For programs: an object with time, level, event, pipeline, message, what was suppressed,
	 *  and the fields in `fields`. What is no UTF-8 becomes U+FFFD. */
	WEIR_LOG_AS_JSON = 2,
};

/** Of `to` in weir_log_format(): so much is enough for any line, cut or not. */
#define WEIR_LOG_LINE_BYTES_MIN 512u

/**
 * Writes a line with its line feed. One that is too long for `to` has its texts cut, and then its
 * fields left out, which it says ("cut": true in JSON, "..." in text); it stays whole JSON.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param to        no 0 at the end
 * @param to_bytes  WEIR_LOG_LINE_BYTES_MIN at least
 * @return bytes written; 0: `to` is too small, or there is no such format
 */
WEIR_API size_t weir_log_format(enum weir_log_format format, const struct weir_log_line *line,
				char *to, size_t to_bytes);

/* ---- a thread that writes -------------------------------------------------------------------- */

struct weir_log_writer_options {
	size_t struct_bytes; /**< set by weir_log_writer_options_init */
	int descriptor;      /**< where lines go; it is the caller's, and is not closed */
	enum weir_log_format format;
	uint32_t ring_bytes; /**< 4 KiB .. 64 MiB: what waits to be written. What does not fit is
	                          counted, and told by a line "log.lost" when there is room again */
};

/**
 * Fills in the defaults: standard error, text, 256 KiB.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_log_writer_options_init(struct weir_log_writer_options *options);

/**
 * Starts a writer and its thread, which has all signals blocked.
 *
 * Thread: any. Blocks: never. Allocates: with malloc().
 * @param ret_writer      set on success only
 * @param reterr_problem  may be NULL
 * @return 0, -EINVAL (an option), -ENOMEM, -EAGAIN (no thread)
 */
WEIR_API WEIR_MUST_CHECK int weir_log_writer_open(const struct weir_log_writer_options *options,
						  struct weir_log_writer **ret_writer,
						  struct weir_problem *reterr_problem);

/**
 * Takes a line: a weir_log_fn whose context is the writer. It is formatted and copied; a lock with
 * priority inheritance is held for the copy.
 *
 * Thread: any. Blocks: never for the descriptor. Allocates: never.
 */
WEIR_API void weir_log_writer_take(void *writer, const struct weir_log_line *line);

/**
 * Takes bytes as they are, all or nothing.
 *
 * Thread: any. Blocks: as weir_log_writer_take(). Allocates: never.
 * @return 0; WEIR_E_FULL: there is no room, and it is counted as lost; -EINVAL: no bytes, or more
 *         than the ring has
 */
WEIR_API int weir_log_writer_put(struct weir_log_writer *writer, const void *bytes, size_t count);

/**
 * Lines that are taken from now on have this format.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0, or -EINVAL: there is no such format
 */
WEIR_API int weir_log_writer_set_format(struct weir_log_writer *writer,
					enum weir_log_format format);

/**
 * Waits until all that was taken before is written, or cannot be.
 *
 * Thread: any but the writer's. Blocks: up to `timeout_ns`. Allocates: never.
 * @return 0, or -ETIMEDOUT
 */
WEIR_API int weir_log_writer_flush(struct weir_log_writer *writer, uint64_t timeout_ns);

/**
 * How many lines and puts were lost: there was no room, or the descriptor refused them.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a number that only rises
 */
WEIR_API uint64_t weir_log_writer_lost_count(struct weir_log_writer *writer);

/**
 * Writes what is left, for so long, and ends. What could not be written by then is lost: a reader
 * that does not read holds up nothing. NULL does nothing.
 *
 * Thread: any, when nobody takes a line to it any more. Blocks: up to `timeout_ns`, and for the
 * thread to end.
 */
WEIR_API void weir_log_writer_close(struct weir_log_writer *writer, uint64_t timeout_ns);

WEIR_DECLS_END
#endif
