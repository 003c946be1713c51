/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/event_json.h"

#include <errno.h>

#include <weir/resolver.h>

#include "core/base/bug.h"
#include "core/pipeline/registry.h"
#include "core/record/origin.h"
#include "core/schema/schema.h"

/* What the topic follows that it was published to: of a copy, its origin's. */
static uint32_t word_of(struct wr_schemas *s, const struct wr_record *record,
			const struct wr_record_view *view)
{
	struct wr_option option;
	struct wr_origin origin = {.topic = record->topic};
	if (wr_option_find(view, WR_OPTION_ORIGIN, &option) && option.value_bytes >= sizeof origin)
		memcpy(&origin, option.value, sizeof origin);
	return origin.topic < s->limits.topics_max ? wr_schemas_topic(s, origin.topic) : 0;
}

int wr_event_json(struct weir_pipeline *p, const struct wr_record *record,
		  const struct wr_record_view *view, char *room, size_t room_bytes,
		  struct wr_event_json *ret_json)
{
	struct wr_schemas *s = &p->tables.schemas;
	uint32_t word = word_of(s, record, view), id;
	struct wr_event_json json = {.bytes = view->payload, .count = view->payload_bytes};
	*ret_json = json;
	/* Who follows no subject has types of its own. */
	if (word >> WR_SCHEMA_TOPIC_SHIFT == 0 || record->type == 0 ||
	    record->type > wr_schemas_type_count(s) ||
	    (record->flags & WR_RECORD_NULL_PAYLOAD) != 0 || WR_BUG(PATTERN_SEES_AVRO))
		return 0;
	const struct wr_known_schema *known = wr_registry_known(p, record->type);
	if (known == NULL)
		return WEIR_E_UNKNOWN_SCHEMA;
	if ((word & WR_SCHEMA_PREFIX) != 0) {
		if (weir_schema_prefix_get(json.bytes, json.count, &id) != 0)
			return 0;
		json.bytes = (const uint8_t *)json.bytes + WEIR_SCHEMA_PREFIX_BYTES;
		json.count -= WEIR_SCHEMA_PREFIX_BYTES;
	}
	if (known->schema->json == NULL) {
		int rc = weir_schema_to_json(known->schema, json.bytes, json.count, 0, room,
					     room_bytes, &json.count, NULL);
		if (rc != 0)
			return rc == -EINVAL ? 0 : WEIR_E_TOO_BIG;
		json.bytes = room;
	}
	*ret_json = json;
	return 0;
}

int wr_event_json_refuse(struct weir_problem *problem, int code)
{
	return wr_problem_set(problem, code, "payload",
			      code == WEIR_E_TOO_BIG ? "as JSON it is larger than there is room for"
						     : "its schema cannot be read here");
}
