/* SPDX-License-Identifier: Apache-2.0 */
/* More partitions for a topic: a record that the writer decides. Groups find it in the catalog. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/pipeline.h"

static int grow_problem(struct weir_problem *problem, int code, const struct wr_topic *topic,
			uint32_t partitions)
{
	char text[sizeof problem->text];
	uint32_t now = wr_topic_in_force(topic);
	if (code == WEIR_E_FULL && topic->made_with == topic->partitions)
		(void)snprintf(text, sizeof text,
			       "the topic has %u partitions, and was made without partitions_max: "
			       "it cannot grow",
			       now);
	else if (code == WEIR_E_FULL)
		(void)snprintf(text, sizeof text,
			       "the topic was made to grow to %u partitions, not to %u",
			       topic->partitions, partitions);
	else if (code == -EINVAL && partitions < now)
		(void)snprintf(text, sizeof text,
			       "the topic has %u partitions, and never fewer again", now);
	else if (code == -EINVAL)
		(void)snprintf(text, sizeof text,
			       "the topic has %u partitions, and grows to a multiple of that: each "
			       "key stays, or moves as a whole",
			       now);
	else
		(void)snprintf(text, sizeof text, "%s", weir_strerror(code));
	return wr_problem_set(problem, code, "partitions", text);
}

int weir_topic_grow(struct weir_pipeline *p, uint32_t topic, uint32_t partitions,
		    struct weir_problem *reterr_problem)
{
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_PARTITION_MAP_BYTES];
	uint8_t payload[WR_PARTITION_MAP_BYTES] = {0};
	struct wr_reply reply = {0};
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return wr_problem_set(reterr_problem, WEIR_E_UNKNOWN_NAME, "topic",
				      weir_strerror(WEIR_E_UNKNOWN_NAME));
	const struct wr_topic *t = &p->tables.catalog.topics[topic];
	if (partitions == 0)
		return grow_problem(reterr_problem, -EINVAL, t, partitions);
	wr_put_u32(payload, partitions);
	wr_control_write(record, WR_KIND_PARTITION_MAP, topic, 0, NULL, 0, payload, sizeof payload);
	wr_control_lock(p);
	rc = wr_control_call(p, record, ((struct wr_record *)record)->bytes, &reply);
	wr_control_unlock(p);
	if (rc != 0)
		return grow_problem(reterr_problem, rc, t, partitions);
	wr_park_notify(&p->group_parker);
	return 0;
}

int weir_topic_partitions(struct weir_pipeline *p, uint32_t topic, uint32_t *ret_partitions,
			  uint32_t *ret_partitions_max)
{
	if (topic >= wr_catalog_topic_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	const struct wr_topic *t = &p->tables.catalog.topics[topic];
	if (ret_partitions != NULL)
		*ret_partitions = wr_topic_in_force(t);
	if (ret_partitions_max != NULL)
		*ret_partitions_max = t->partitions;
	return 0;
}
