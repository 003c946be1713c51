/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record/schema_record.h"

#include "core/record/control.h"

bool wr_schema_reference_next(const uint8_t *references, uint32_t reference_bytes, uint32_t *at,
			      struct wr_schema_reference *ret)
{
	uint32_t left = reference_bytes - *at;
	if (left < WR_SCHEMA_REFERENCE_BYTES)
		return false;
	const uint8_t *from = references + *at;
	ret->entry = wr_get_u32(from);
	ret->name_bytes = wr_get_u16(from + 4);
	ret->zero = wr_get_u16(from + 6);
	ret->name = from + WR_SCHEMA_REFERENCE_BYTES;
	if (ret->zero != 0 || ret->name_bytes == 0 ||
	    ret->name_bytes > left - WR_SCHEMA_REFERENCE_BYTES)
		return false;
	*at += WR_SCHEMA_REFERENCE_BYTES + ret->name_bytes;
	return true;
}

uint32_t wr_schema_reference_put(uint8_t *to, uint32_t entry, const void *name, uint16_t name_bytes)
{
	wr_put_u32(to, entry);
	wr_put_u16(to + 4, name_bytes);
	wr_put_u16(to + 6, 0);
	memcpy(to + WR_SCHEMA_REFERENCE_BYTES, name, name_bytes);
	return WR_SCHEMA_REFERENCE_BYTES + name_bytes;
}

static bool references_fill(const uint8_t *references, uint32_t bytes)
{
	struct wr_schema_reference reference;
	uint32_t at = 0, count = 0;
	while (wr_schema_reference_next(references, bytes, &at, &reference))
		count++;
	return at == bytes && count <= WR_SCHEMA_REFERENCES_MAX;
}

static bool register_is_valid(const struct wr_record_view *view, const struct wr_schema_record *r)
{
	uint64_t tail = (uint64_t)r->reference_bytes + r->text_bytes;
	return tail == view->payload_bytes - WR_SCHEMA_HEAD_BYTES && r->text_bytes > 0 &&
	       wr_schema_format_is_known(r->format) && r->level < WR_SCHEMA_LEVELS &&
	       r->flags == 0 && r->id <= WR_SCHEMA_ID_MAX && view->head->key_bytes > 0 &&
	       references_fill(view->payload + WR_SCHEMA_HEAD_BYTES, r->reference_bytes);
}

bool wr_schema_record_read(const struct wr_record_view *view, struct wr_schema_record *ret)
{
	if (view->payload_bytes < WR_SCHEMA_HEAD_BYTES)
		return false;
	memcpy(ret, view->payload, WR_SCHEMA_HEAD_BYTES);
	if (view->head->key_bytes > 0 && !wr_name_valid(view->key, view->head->key_bytes))
		return false;
	if (ret->op == WR_SCHEMA_REGISTER)
		return register_is_valid(view, ret);
	if (view->payload_bytes != WR_SCHEMA_HEAD_BYTES || ret->format != 0 || ret->id != 0 ||
	    ret->revision != 0 || ret->reference_bytes != 0 || ret->text_bytes != 0)
		return false;
	switch (ret->op) {
	case WR_SCHEMA_DELETE:
		return ret->level == 0 && (ret->flags & ~WR_SCHEMA_FOR_GOOD) == 0 &&
		       view->head->key_bytes > 0;
	case WR_SCHEMA_LEVEL:
		return ret->version == 0 && ret->flags == 0 &&
		       (ret->level < WR_SCHEMA_LEVELS ||
			(ret->level == WR_SCHEMA_LEVEL_NONE_OWN && view->head->key_bytes > 0));
	case WR_SCHEMA_TOPIC:
		return ret->version == 0 && ret->level == 0 &&
		       (ret->flags & ~(WR_SCHEMA_PREFIX | WR_SCHEMA_VALIDATED)) == 0;
	default:
		return false;
	}
}
