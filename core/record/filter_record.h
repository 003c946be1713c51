/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of a subscription as it stands in the log: the payload of a FILTER record, and the end
 * of that of a SUBSCRIPTION record that is made with one. Little endian, packed.
 *
 *   offset  bytes
 *        0      1  join         0: all terms must hold, 1: one of them, 2: what nobody else wants
 *        1      1  flags        1: of a binding: copies of what it wants go to another topic
 *                               2: and are transformed; without 1: what members make of
 *                               events
 *        2      2  term_count   0: every event is wanted
 *        4         of a binding: u32 topic, where copies go; UINT32_MAX: nowhere, from here on
 *                 of flag 2: u32 topic for what cannot be transformed, UINT32_MAX:
 *                  none, u8 enum wr_transform_failure, u8[3] zero, u32 bytes, the transformer;
 *                  of no binding: no topic, and 0
 *                 then terms, each:
 *                  u8 kind (enum weir_filter_kind), u8 flags (1: negated), u16 zero,
 *                  u32 pattern_bytes, the pattern
 *                                of join 2, which has no terms: u32 topic, where copies of that go;
 *                                UINT32_MAX: nowhere
 *
 * What a pattern or transformer means is nothing that is looked at here: it is compiled before it
 * gets into the log, and when the log is opened.
 */
#ifndef WR_RECORD_FILTER_RECORD_H
#define WR_RECORD_FILTER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/bytes.h"

/* A share of a ring (core/route/hash_term.h). */
#define WR_FILTER_KIND_HASH 8u
/* EventBridge's patterns over headers. */
#define WR_FILTER_KIND_HEADER_PATTERN 9u

#define WR_FILTER_HEAD_BYTES 4u
#define WR_FILTER_TERM_BYTES 8u
#define WR_FILTER_TERMS_MAX 16u
/* The largest filter, in a pipeline whose records may be so large. */
#define WR_FILTER_BYTES_MAX (64u << 10)
#define WR_FILTER_KIND_MAX 9u

enum wr_filter_join {
	WR_FILTER_JOIN_ALL = 0,
	WR_FILTER_JOIN_ANY = 1,
	WR_FILTER_JOIN_NOBODY =
		2, /* of a subscription that is weir's own (core/pipeline/copier.h) */
};

/* What becomes of an event that cannot be transformed; as enum weir_transform_failure. */
enum wr_transform_failure {
	WR_TRANSFORM_WAIT = 0,        /* it waits, and all behind it */
	WR_TRANSFORM_PASS = 1,        /* it is copied as it is */
	WR_TRANSFORM_DEAD_LETTER = 2, /* it is copied as it is, to another topic */
};

/* What is made of an event before it is copied. */
struct wr_filter_transform {
	const uint8_t *text; /* in the bytes that were read; NULL: nothing is transformed */
	uint32_t text_bytes;
	enum wr_transform_failure on_failure;
	uint32_t dead_letters; /* topic; WR_TARGET_NONE unless DEAD_LETTER */
};

/* Of JOIN_NOBODY and of a binding: no topic. */
#define WR_TARGET_NONE UINT32_MAX

struct wr_filter_term {
	uint32_t kind;
	bool negated;
	const uint8_t *pattern; /* in the bytes that were read */
	uint32_t pattern_bytes;
};

struct wr_filter_view {
	enum wr_filter_join join;
	bool binds;      /* of a binding (core/pipeline/copier.h); join is ALL or ANY */
	uint32_t target; /* of JOIN_NOBODY, and of a binding */
	struct wr_filter_transform transform; /* of a binding; or what its members make */
	uint32_t term_count;
	struct wr_filter_term terms[WR_FILTER_TERMS_MAX];
};

/* False: malformed, to the last byte. */
bool wr_filter_read(const void *bytes, uint32_t length_bytes, struct wr_filter_view *ret);
/* Whether it is a subscription's that its members transform the events of. */
static inline bool wr_filter_transforms_for_members(const struct wr_filter_view *filter)
{
	return filter->transform.text != NULL && !filter->binds;
}
/* Whether one of its terms is a share of a ring. */
bool wr_filter_shares(const struct wr_filter_view *filter);

/* Whether one of its terms is an EventBridge pattern over headers. */
bool wr_filter_has_header_pattern(const struct wr_filter_view *filter);
/* How many bytes it takes. */
uint64_t wr_filter_bytes(const struct wr_filter_view *filter);
/* Writes them at `to`; how many. */
uint32_t wr_filter_write(const struct wr_filter_view *filter, uint8_t *to);

#endif
