/* SPDX-License-Identifier: Apache-2.0 */
/* What of an item is matched: its key, its payload, and its headers as text. */
#include <errno.h>
#include <string.h>

#include <weir/event.h>
#include <weir/route.h>

#include "core/json/utf8.h"

static bool has_header(const struct weir_typed_header *headers, size_t count,
		       const struct weir_header *header)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].name_bytes == header->name_bytes &&
		    memcmp(headers[i].name, header->name, header->name_bytes) == 0)
			return true;
	return false;
}

int weir_item_routed(const struct weir_item *item, struct weir_typed_header *headers,
		     size_t headers_max, struct weir_routed *ret_event)
{
	struct weir_header header;
	size_t count = 0;
	for (uint32_t at = 0; (at = weir_item_header(item, at, &header)) != 0;) {
		if (has_header(headers, count, &header))
			continue;
		if (count == headers_max)
			return WEIR_E_TOO_BIG;
		bool is_text =
			wr_utf8_good_bytes(header.value, header.value_bytes) == header.value_bytes;
		headers[count++] = (struct weir_typed_header){
			.name = header.name,
			.name_bytes = header.name_bytes,
			.kind = is_text ? WEIR_VALUE_TEXT : WEIR_VALUE_BINARY,
			.value = header.value,
			.value_bytes = header.value_bytes,
		};
	}
	*ret_event = (struct weir_routed){
		.key = item->key,
		.key_bytes = item->key_bytes,
		.payload = item->payload,
		.payload_bytes = item->payload_bytes,
		.headers = headers,
		.header_count = count,
	};
	return 0;
}
