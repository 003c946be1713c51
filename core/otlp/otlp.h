/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of OTLP in JSON, as OpenTelemetry's file exporter writes them: each line is one
 * ExportTraceServiceRequest, with one resource, one scope and some spans. By the rules of OTLP's
 * JSON encoding: ids in hexadecimal, 64-bit numbers as text, enums as numbers, names in
 * lowerCamelCase.
 *
 *   wr_otlp_span(&o, &span);
 *   wr_otlp_text(&o, "messaging.system", "weir", 4);
 *   wr_otlp_number(&o, "weir.sequence", 17);
 *   wr_otlp_link(&o, trace_id, span_id);            links come behind all attributes
 *   wr_otlp_span_end(&o, NULL);                     or with what went wrong
 *
 * Spans are gathered in a buffer of fixed size; a line goes out when the next one may not fit, when
 * it has WR_OTLP_LINE_SPANS, and with wr_otlp_flush(). A span that does not fit alone is counted,
 * and left out.
 *
 * Text that is not UTF-8 gets U+FFFD where it is broken, and more than WR_OTLP_TEXT_BYTES of it are
 * cut off, so that a span has a bound.
 *
 * Thread: one at a time. No allocation: the buffer is the caller's.
 */
#ifndef WR_OTLP_OTLP_H
#define WR_OTLP_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_OTLP_LINE_BYTES 65536u
#define WR_OTLP_LINE_SPANS 128u
#define WR_OTLP_TEXT_BYTES 256u
#define WR_OTLP_STATE_BYTES 1024u /* a longer tracestate is left out */
#define WR_OTLP_SERVICE_BYTES 128u

#define WR_TRACE_ID_BYTES 16u

/* OTLP's numbers. */
enum wr_span_kind { WR_SPAN_INTERNAL = 1, WR_SPAN_PRODUCER = 4, WR_SPAN_CONSUMER = 5 };

struct wr_span {
	const uint8_t *trace_id; /* WR_TRACE_ID_BYTES */
	uint64_t span_id;        /* its digits are those of the number; never 0 */
	uint64_t parent_id;      /* 0: none */
	uint64_t start_ns;       /* since 1970 */
	uint64_t end_ns;         /* less than the start is told as the start */
	const char *operation;   /* the name is "OPERATION TOPIC" */
	const char *topic;
	const char *tracestate; /* not terminated */
	uint32_t tracestate_bytes;
	enum wr_span_kind kind;
	uint8_t flags;         /* of the trace context */
	bool parent_is_remote; /* it came with the event */
};

struct wr_otlp {
	char *buffer; /* WR_OTLP_LINE_BYTES */
	uint32_t used_bytes;
	uint32_t head_bytes; /* what every line begins with */
	uint32_t span_at;    /* where the present span begins */
	uint32_t span_count; /* in the line */
	bool overflow;       /* the present one does not fit */
	bool has_attributes, has_links;
	int (*line_fn)(void *context, const char *line, size_t line_bytes);
	void *context;
	int code; /* what line_fn returned when it was not 0: nothing goes out any more */
	uint64_t spans, lines, too_large;
};

/* `service` and `journal` (16 bytes) are said of the resource. -EINVAL: the name is too long. */
int wr_otlp_init(struct wr_otlp *o, char *buffer, const char *service, const uint8_t *journal,
		 int (*line_fn)(void *context, const char *line, size_t line_bytes), void *context);
void wr_otlp_span(struct wr_otlp *o, const struct wr_span *span);
void wr_otlp_text(struct wr_otlp *o, const char *key, const void *text, size_t text_bytes);
void wr_otlp_number(struct wr_otlp *o, const char *key, uint64_t number);
void wr_otlp_true(struct wr_otlp *o, const char *key);
void wr_otlp_link(struct wr_otlp *o, const uint8_t *trace_id, uint64_t span_id);
/* `error`: of the status; NULL: it is left unset, as the conventions ask of what went well. */
void wr_otlp_span_end(struct wr_otlp *o, const char *error);
/* Hands the line out, if there is anything in it. 0, or what line_fn returned, now or before. */
int wr_otlp_flush(struct wr_otlp *o);

#endif
