/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Default values of fields: JSON in the schema's text that has to fit the field's type, as the
 * specification says in its table of defaults. Bytes and fixed are strings whose characters U+0000
 * to U+00FF are bytes; a float may also be written as a string ("NaN"), as Java takes it; of a
 * union the first branch that fits counts. A record's default may leave out fields that have
 * their own.
 */
#ifndef WR_SCHEMA_FALLBACK_H
#define WR_SCHEMA_FALLBACK_H

#include "core/base/bytes.h"
#include "core/schema/parse.h"

/* Looks at the defaults of all fields. 0, or what weir_schema_parse() returns, with the reason. */
int wr_schema_fallbacks_check(struct wr_schema_parser *p);

/*
 * A default as Avro binary of its type. 0; WEIR_E_TOO_BIG: it does not fit into the sink, or has no
 * end (a record that stands in its own default); -EINVAL: it does not fit its type.
 */
int wr_schema_fallback_encode(const struct weir_schema *s, uint32_t node, struct wr_schema_range at,
			      struct wr_sink *sink);

#endif
