/* SPDX-License-Identifier: Apache-2.0 */
/* Retention by topic: options.topic_retention, and what each topic asks for. */
#ifndef WR_PIPELINE_TOPIC_RETENTION_H
#define WR_PIPELINE_TOPIC_RETENTION_H

#include "core/pipeline/pipeline.h"

/* Of what topics ask for; 0: none can. */
size_t wr_topic_retention_bytes(const struct weir_options *options);
/* Takes it, and says so to the journal. 0 or -ENOMEM. */
int wr_topic_retention_make(struct weir_pipeline *p, struct wr_retire_options *ret_options);
/* Whether a topic may ask for that: 0 or -EINVAL. */
int wr_topic_retention_check(const struct weir_pipeline *p, uint64_t time_ns, uint64_t bytes,
			     struct weir_problem *problem);
/* It asks for that from now on. */
void wr_topic_retention_put(struct weir_pipeline *p, uint32_t topic, uint64_t time_ns,
			    uint64_t bytes);

#endif
