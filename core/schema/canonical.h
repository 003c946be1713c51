/* SPDX-License-Identifier: Apache-2.0 */
/* The parsing canonical form of a schema, and its CRC-64-AVRO fingerprint. Pure functions. */
#ifndef WR_SCHEMA_CANONICAL_H
#define WR_SCHEMA_CANONICAL_H

#include "core/schema/schema.h"

/* Of the canonical form, piece by piece: it is never held as a whole. */
uint64_t wr_schema_fingerprint_of(const struct weir_schema *s);

/* CRC-64-AVRO of bytes, going on from `seed`: WR_CRC64_AVRO_EMPTY at first. */
#define WR_CRC64_AVRO_EMPTY 0xc15d213aa4d7a795u
uint64_t wr_crc64_avro(uint64_t seed, const void *bytes, size_t count);

#endif
