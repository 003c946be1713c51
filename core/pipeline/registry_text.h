/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema of the registry out of its text, with what it refers to: for the pipeline that has the
 * registry (registry.h), and for who reads a journal from outside.
 *
 * Thread: any, while nobody adds to the table below what is read.
 */
#ifndef WR_PIPELINE_REGISTRY_TEXT_H
#define WR_PIPELINE_REGISTRY_TEXT_H

#include <weir/schema.h>

#include "core/log/schemas.h"

/* As a record has it, or the table: references, and the text behind them. */
struct wr_schema_text {
	uint32_t format; /* WR_SCHEMA_FORMAT_ */
	const uint8_t *tail;
	uint32_t reference_bytes;
	uint32_t text_bytes;
};

static inline struct wr_schema_text wr_schema_text_at(const struct wr_schemas *s, uint32_t type)
{
	const struct wr_schema_type *t = &s->types[type];
	return (struct wr_schema_text){.format = t->format,
				       .tail = s->arena + t->at,
				       .reference_bytes = t->reference_bytes,
				       .text_bytes = t->text_bytes};
}

/* 0, or as weir_registry_register() says it of a schema. */
int wr_registry_text_read(struct wr_schemas *schemas, const struct wr_schema_text *text,
			  const struct weir_allocator *allocator, struct weir_schema **ret_schema,
			  struct weir_problem *reterr_problem);

#endif
