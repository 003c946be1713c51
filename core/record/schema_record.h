/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the schema registry: kind TYPE (L2, L18). The key is the subject's name; without a key
 * it is about all subjects. The payload, by byte offset, little endian:
 *
 *    0  1  what it does        enum wr_schema_op
 *    1  1  level               REGISTER: in force when it was checked; LEVEL: the new one
 *    2  1  format              REGISTER: WR_SCHEMA_FORMAT_AVRO, _JSON
 *    3  1  flags               DELETE: WR_SCHEMA_FOR_GOOD; TOPIC: WR_SCHEMA_PREFIX, _VALIDATED
 *    4  4  version             REGISTER: 0 or the one that it must get, filled in by the writer;
 *                              DELETE: which, 0: all
 *    8  4  id                  REGISTER: 0 or the one that it must get, filled in by the writer
 *   12  4  revision            REGISTER: of the subject, as it was checked
 *   16  4  reference_bytes     REGISTER: of the references behind this head
 *   20  4  text_bytes          REGISTER: of the text behind them
 *   24     references, text
 *
 * A reference is {u32 entry, u16 name_bytes, u16 zero, name}: the entry is the number of a version
 * of a subject, counted from 0 in the order in which they were registered; its schema is of the
 * same format. Of REGISTER the topic
 * field holds the number of the schema in the type table, filled in by the writer: that of TOPIC
 * holds the topic.
 */
#ifndef WR_RECORD_SCHEMA_RECORD_H
#define WR_RECORD_SCHEMA_RECORD_H

#include "core/record/record.h"

enum wr_schema_op {
	WR_SCHEMA_REGISTER = 1,
	WR_SCHEMA_DELETE = 2,
	WR_SCHEMA_LEVEL = 3,
	WR_SCHEMA_TOPIC = 4,
};

#define WR_SCHEMA_FORMAT_AVRO 1u
#define WR_SCHEMA_FORMAT_JSON 2u
#define WR_SCHEMA_FOR_GOOD 1u  /* DELETE: what was deleted before is not listed any more */
#define WR_SCHEMA_PREFIX 1u    /* TOPIC: payloads begin with 0 and the id */
#define WR_SCHEMA_VALIDATED 2u /* TOPIC: payloads are read before they are taken */
#define WR_SCHEMA_LEVELS 8u
#define WR_SCHEMA_LEVEL_NONE_OWN 255u /* LEVEL: that of all subjects counts */
#define WR_SCHEMA_HEAD_BYTES 24u
#define WR_SCHEMA_REFERENCE_BYTES 8u
#define WR_SCHEMA_REFERENCES_MAX 32u
#define WR_SCHEMA_ID_MAX 0x7fffffffu

struct wr_schema_record {
	uint8_t op;
	uint8_t level;
	uint8_t format;
	uint8_t flags;
	uint32_t version;
	uint32_t id;
	uint32_t revision;
	uint32_t reference_bytes;
	uint32_t text_bytes;
};
_Static_assert(sizeof(struct wr_schema_record) == WR_SCHEMA_HEAD_BYTES, "packed");

struct wr_schema_reference {
	uint32_t entry;
	uint16_t name_bytes;
	uint16_t zero;
	const uint8_t *name;
};

/* Of one of the two formats. */
static inline bool wr_schema_format_is_known(uint32_t format)
{
	return format == WR_SCHEMA_FORMAT_AVRO || format == WR_SCHEMA_FORMAT_JSON;
}

/* The payload, checked: lengths, limits, references that fill their bytes. False: malformed. */
bool wr_schema_record_read(const struct wr_record_view *view, struct wr_schema_record *ret);

/* References one by one: *at starts at 0. False at the end, or where they are malformed. */
bool wr_schema_reference_next(const uint8_t *references, uint32_t reference_bytes, uint32_t *at,
			      struct wr_schema_reference *ret);
/* Writes one at `to`; its bytes. */
uint32_t wr_schema_reference_put(uint8_t *to, uint32_t entry, const void *name,
				 uint16_t name_bytes);

#endif
