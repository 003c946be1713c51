/* SPDX-License-Identifier: Apache-2.0 */
/* What of an item is transformed: its payload, key, ids and place. */
#include <weir/transform.h>

void weir_item_to_transform(const struct weir_item *item, struct weir_transform_event *ret_event)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	*ret_event = (struct weir_transform_event){
		.payload = item->payload,
		.payload_bytes = item->payload_bytes,
		.key = item->key,
		.key_bytes = item->key_bytes,
		.event_id = ids.event_id,
		.event_id_bytes = ids.event_id_bytes,
		.correlation_id = ids.correlation_id,
		.correlation_id_bytes = ids.correlation_id_bytes,
		.sequence = item->sequence,
		.partition = item->partition,
		.append_time_us = item->append_time_us,
	};
}
