/* SPDX-License-Identifier: Apache-2.0 */
/* What the two makers of spans share (weir/spans.h): that of a running pipeline, spans.c, and that
 * of a journal, io/journal_spans.c. */
#ifndef WR_PIPELINE_SPANS_H
#define WR_PIPELINE_SPANS_H

#include <weir/spans.h>

/* 0, or -EINVAL and which of them is wrong. */
int wr_span_options_check(const struct weir_span_options *o, struct weir_problem *problem);

#endif
