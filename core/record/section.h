/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a checkpoint: sections tagged {module, version, part} (L30), each written and read
 * back by the module that owns the table in it. Pure functions over memory.
 */
#ifndef WR_RECORD_SECTION_H
#define WR_RECORD_SECTION_H

#include "core/base/bytes.h"

/* Numbers are part of the format. */
enum wr_section_module {
	WR_SECTION_CATALOG = 1,
	WR_SECTION_PRODUCERS = 2,
	WR_SECTION_SETTLE = 3,
	WR_SECTION_APPEND_CLOCK = 4,
	WR_SECTION_KEYS = 5,
	WR_SECTION_OUTSTANDING = 6,
	WR_SECTION_VERSIONS = 7,
	WR_SECTION_FILTERS = 8,
	WR_SECTION_SCHEMAS = 9,
	WR_SECTION_MADE = 10,
	WR_SECTION_ERASURES = 11,
	WR_SECTION_ADDRESSED = 12,
	WR_SECTION_ATTEMPTS = 13,
	WR_SECTION_CARRIED = 14,
};

struct wr_section_header {
	uint32_t module;
	uint16_t version;
	uint16_t part;
	uint32_t bytes; /* behind this header; the next section at the next multiple of 8 */
	uint32_t zero;
};
_Static_assert(sizeof(struct wr_section_header) == 16, "L30");

/* Opens a section; put its bytes into the sink, then end it with the place that this returned. */
size_t wr_section_begin(struct wr_sink *sink, uint32_t module, uint16_t version, uint16_t part);
void wr_section_end(struct wr_sink *sink, size_t place);

/*
 * Walks the sections of a body. *at starts at 0. 1 and the section; 0 at the end;
 * WEIR_E_CORRUPT when the lengths contradict the body.
 */
int wr_section_next(const uint8_t *body, uint32_t body_bytes, uint32_t *at,
		    struct wr_section_header *ret_header, const uint8_t **ret_bytes);

#endif
