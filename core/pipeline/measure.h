/* SPDX-License-Identifier: Apache-2.0 */
/* What an event takes, and whether it may be published: asked by all who encode one into a lane. */
#ifndef WR_PIPELINE_MEASURE_H
#define WR_PIPELINE_MEASURE_H

#include <errno.h>

#include "core/pipeline/cause.h"
#include "core/pipeline/pipeline.h"
#include "core/record/encode.h"

struct wr_measure {
	bool no_cause;
	bool named;
	uint32_t keyless;
	uint32_t bytes_max;
	bool is_claim; /* its payload comes later, and is looked at then */
};

/* *of becomes the event that carries the cause's ids, where there is a cause. */
static inline int wr_measure(struct weir_pipeline *p, const struct wr_measure *by,
			     const struct weir_event **of, struct wr_caused *caused,
			     struct wr_encoding *ret_encoding)
{
	const struct weir_event *event = *of = wr_caused_event(*of, by->no_cause, caused);
	struct wr_catalog *catalog = &p->tables.catalog;
	if (WR_UNLIKELY(event->topic >= wr_catalog_topic_count(catalog)))
		return WEIR_E_UNKNOWN_NAME;
	int rc = wr_encode_measure(event, wr_pipeline_topic(p, event->topic), by->named,
				   by->keyless, ret_encoding);
	if (WR_UNLIKELY(rc != 0))
		return rc;
	if (WR_UNLIKELY(ret_encoding->given_option_bytes > 0) && !wr_pipeline_takes_key(p, event))
		return -EINVAL;
	if (WR_UNLIKELY(ret_encoding->stride > by->bytes_max))
		return WEIR_E_TOO_BIG;
	return by->is_claim ? 0 : wr_pipeline_admit(p, event, ret_encoding);
}

#endif
