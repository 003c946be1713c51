/* SPDX-License-Identifier: Apache-2.0 */
/* The table: what `weir run` reads, where it writes to, and how it ends. */
#include "io/config/keys_inner.h"

/* ---- where a source reads ---- */

#define SOURCE(member) AT(struct wr_config_input, member)

static const struct wr_config_choice input_choices[] = {
	{"stdin", WEIR_CONFIG_FROM_STDIN,
	 "lines of standard input; they cannot be read again after a restart"},
	{0},
};

static const struct wr_config_key generate_keys[] = {
	{.name = "events",
	 SOURCE(generate_events),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .absent = "it never ends",
	 .doc = "How many"},
	{.name = "payload",
	 SOURCE(generate_payload_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 32,
	 .max = 4 * MIB,
	 .fallback = "128",
	 .doc = "Size of each: a line of JSON with its number"},
	{.name = "keys",
	 SOURCE(generate_keys),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1000000000,
	 .fallback = "1000",
	 .doc = "How many different keys they have"},
	{.name = "seed",
	 SOURCE(generate_seed),
	 .type = WR_CONFIG_COUNT,
	 .fallback = "1",
	 .doc = "One seed, one stream"},
	{0},
};

static const struct wr_config_section generate_section = {.keys = generate_keys};

/* In the order of enum weir_config_from. */
static const struct wr_config_key from_keys[] = {
	{.name = "input",
	 SOURCE(input),
	 .type = WR_CONFIG_CHOICE,
	 .choices = input_choices,
	 .absent = "another one",
	 .doc = "A stream that the process has; from: stdin is short for it"},
	{.name = "file",
	 SOURCE(file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "The lines of a file, to its end; a restart goes on behind what is in the log"},
	{.name = "files",
	 SOURCE(files),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_TEXT,
	 .min = 1,
	 .max = 1024,
	 .absent = "another one",
	 .doc = "The same of several files, one after another"},
	{.name = "follow",
	 SOURCE(follow),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "A file that grows, is rotated or truncated, as tail -F follows it"},
	{.name = "generate",
	 SAME_STRUCT(generate_section),
	 .doc = "Events that are made up, to try things with"},
	{0},
};

static const struct wr_config_section from_section = {.keys = from_keys};

/* ---- what becomes of a line ---- */

static const struct wr_config_choice format_choices[] = {
	{"lines", WEIR_CONFIG_FORMAT_LINES,
	 "a line is a payload, byte for byte, also an empty one"},
	{"json", WEIR_CONFIG_FORMAT_JSON, "a line is a JSON object; blank lines are passed over"},
	{0},
};

static const struct wr_config_choice missing_choices[] = {
	{"leave_out", false, "the event goes without it"},
	{"bad_line", true, "the line is a bad one"},
	{0},
};

static const struct wr_config_choice bad_line_choices[] = {
	{"stop", false, "the source stops there; a restart tries that line again"},
	{"skip", true, "it is counted, and the first few are told"},
	{0},
};

static const struct wr_config_key ids_keys[] = {
	{.name = "event",
	 SOURCE(event_id),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field that is the event's id"},
	{.name = "correlation",
	 SOURCE(correlation_id),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field with the id of the flow that the event is of"},
	{.name = "causation",
	 SOURCE(causation_id),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field with the id of the event that brought it about"},
	{.name = "traceparent",
	 SOURCE(traceparent),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field with the W3C's traceparent, taken as it is"},
	{.name = "tracestate",
	 SOURCE(tracestate),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field with the tracestate beside it"},
	{0},
};

static const struct wr_config_section ids_section = {.keys = ids_keys};

static const struct wr_config_key source_keys[] = {
	{.name = "name",
	 SOURCE(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name, and that of its producer: what is durable under it is not published "
		"again"},
	{.name = "topic",
	 SOURCE(topic),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Where its events go: a name from the file's topics"},
	{.name = "from",
	 SOURCE(from),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &from_section,
	 .shorthand = "input",
	 .required = true,
	 .doc = "Where it reads: stdin, or one of these keys"},
	{.name = "format",
	 SOURCE(format),
	 .type = WR_CONFIG_CHOICE,
	 .choices = format_choices,
	 .fallback = "lines",
	 .doc = "What a line is"},
	{.name = "key",
	 SOURCE(key),
	 .type = WR_CONFIG_TEXT,
	 .absent = "events have no key",
	 .doc = "The field of the JSON object that is the event's key: user.id"},
	{.name = "type",
	 SOURCE(type),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field that becomes the header \"type\""},
	{.name = "time",
	 SOURCE(time),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none",
	 .doc = "The field with the event's time: RFC 3339, or s, ms, us or ns since 1970, told "
		"apart by size"},
	{.name = "headers",
	 SOURCE(headers),
	 .type = WR_CONFIG_PAIRS,
	 .max = 64,
	 .absent = "none",
	 .doc = "Headers and the fields that they come from: {trace: trace_id}"},
	{.name = "ids",
	 SAME_STRUCT(ids_section),
	 .absent = "none",
	 .doc = "The event's ids and the fields that they come from: {event: id}"},
	{.name = "payload",
	 SOURCE(payload),
	 .type = WR_CONFIG_TEXT,
	 .absent = "the whole line, byte for byte",
	 .doc = "The field that is the payload: a text as it is, anything else as JSON"},
	{.name = "on_missing",
	 SOURCE(missing_is_bad),
	 .type = WR_CONFIG_CHOICE,
	 .choices = missing_choices,
	 .fallback = "leave_out",
	 .doc = "What a line is that lacks one of these fields"},
	{.name = "on_bad_line",
	 SOURCE(skip_bad_lines),
	 .type = WR_CONFIG_CHOICE,
	 .choices = bad_line_choices,
	 .fallback = "stop",
	 .doc = "What happens at a line that cannot be an event"},
	{.name = "rate",
	 SOURCE(rate_per_s),
	 .type = WR_CONFIG_RATE,
	 .min = 1,
	 .max = 1000000000,
	 .absent = "as fast as it goes",
	 .live = true,
	 .doc = "Events a second at most; a reload changes it"},
	{0},
};

const struct wr_config_section wr_config_sources = {.keys = source_keys,
						    .struct_bytes = sizeof(struct wr_config_input)};

/* ---- where a subscription's events go ---- */

#define SINK(member) AT(struct wr_config_output, member)

static const struct wr_config_choice to_choices[] = {
	{"stdout", WEIR_CONFIG_TO_STDOUT, "a line for each event"},
	{"null", WEIR_CONFIG_TO_NULL, "they are acknowledged, and that is all"},
	{0},
};

static const struct wr_config_choice write_choices[] = {
	{"payload", false, "the payload, and a line feed"},
	{"json", true, "topic, partition, sequence, key, times, ids, headers and payload"},
	{0},
};

static const struct wr_config_choice commit_choices[] = {
	{"auto", WEIR_CONFIG_COMMIT_AUTO,
	 "together with a journal, after without, and after for a queue"},
	{"together", WEIR_CONFIG_COMMIT_TOGETHER,
	 "output and progress as one: after a crash nothing is missing, nothing there twice"},
	{"after", WEIR_CONFIG_COMMIT_AFTER,
	 "progress behind the output: after a crash the last events may be there twice"},
	{0},
};

static const struct wr_config_choice failure_choices[] = {
	{"stop", WEIR_CONFIG_FAILURE_STOP,
	 "the run ends; the event is handed out again by the next one"},
	{"skip", WEIR_CONFIG_FAILURE_SKIP, "it is counted, told and passed over"},
	{"reject", WEIR_CONFIG_FAILURE_REJECT,
	 "the subscription's retry and dead_letters say: it has failed once more"},
	{0},
};

static const struct wr_config_key retry_keys[] = {
	{.name = "attempts",
	 SINK(attempts_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1000000,
	 .fallback = "5",
	 .doc = "How often one event is tried"},
	{.name = "backoff",
	 SINK(backoff_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "100ms",
	 .doc = "Time before the second attempt, about; doubled before each further one"},
	{.name = "backoff_max",
	 SINK(backoff_max_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "10s",
	 .doc = "Where doubling ends"},
	{0},
};

static const struct wr_config_section retry_section = {.keys = retry_keys};

static const struct wr_config_key sink_keys[] = {
	{.name = "to",
	 SINK(to),
	 .type = WR_CONFIG_CHOICE,
	 .choices = to_choices,
	 .absent = "another one",
	 .doc = "A sink without a name of its own; sink: stdout is short for it"},
	{.name = "file",
	 SINK(file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "Appended to this file; %m in it is the number of the member, from 0"},
	{.name = "command",
	 SINK(command),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_TEXT,
	 .min = 1,
	 .max = 256,
	 .absent = "another one",
	 .doc = "A program and its arguments, run for each event, the payload on its standard "
		"input"},
	{.name = "write",
	 SINK(write_json),
	 .type = WR_CONFIG_CHOICE,
	 .choices = write_choices,
	 .fallback = "payload",
	 .doc = "What is written of an event"},
	{.name = "commit",
	 SINK(commit),
	 .type = WR_CONFIG_CHOICE,
	 .choices = commit_choices,
	 .fallback = "auto",
	 .doc = "Of a file: how output and progress go together"},
	{.name = "timeout",
	 SINK(timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .fallback = "5s",
	 .doc = "Of a command: how long it may run before it is killed"},
	{.name = "retry",
	 SAME_STRUCT(retry_section),
	 .doc = "Of a command: what happens when it ends with anything but 0"},
	{.name = "on_failure",
	 SINK(on_failure),
	 .type = WR_CONFIG_CHOICE,
	 .choices = failure_choices,
	 .fallback = "stop",
	 .doc = "Of a command: what happens after the last attempt"},
	{0},
};

const struct wr_config_section wr_config_sink = {.keys = sink_keys};

/* ---- the run ---- */

static const struct wr_config_key run_keys[] = {
	{.name = "drain_timeout",
	 VALUE(drain_timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "10s",
	 .live = true,
	 .doc = "After a signal: how long what was published may take to be delivered; a reload "
		"changes it"},
	{.name = "stay",
	 VALUE(stay),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .live = true,
	 .doc = "Go on when all sources have ended and all is delivered, until a signal comes; a "
		"reload changes it"},
	{0},
};

const struct wr_config_section wr_config_run = {.keys = run_keys};

/* ---- spans ---- */

static const struct wr_config_key traces_keys[] = {
	{.name = "file",
	 VALUE(traces_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "no spans are made",
	 .doc = "Lines of OTLP in JSON are appended to it; when it is renamed, a new one is made"},
	{.name = "service",
	 VALUE(traces_service),
	 .type = WR_CONFIG_NAME,
	 .max = 128,
	 .fallback = "weir",
	 .doc = "Their service.name"},
	{.name = "per_million",
	 VALUE(traces_per_million),
	 .type = WR_CONFIG_COUNT,
	 .max = 1000000,
	 .fallback = "1M",
	 .doc = "How many of a million traces without a traceparent; with one its sampled flag "
		"decides"},
	{.name = "events",
	 VALUE(traces_events),
	 .type = WR_CONFIG_COUNT,
	 .min = 16,
	 .max = 1048576,
	 .fallback = "16384",
	 .doc = "How many are remembered, at 250 bytes each, to tell what becomes of them"},
	{0},
};

const struct wr_config_section wr_config_traces = {.keys = traces_keys};
