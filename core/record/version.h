/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option EXPECTED_VERSION of events in topics whose keys have versions, and how a topic's
 * record says that they do.
 *
 *   offset  bytes
 *        0      8  version that the key is expected to have, or WEIR_VERSION_*
 *        8      8  version that this event has made it; set by the writer
 *
 * The key ends with an event whose record has WR_RECORD_KEY_ENDS. Pure functions.
 */
#ifndef WR_RECORD_VERSION_H
#define WR_RECORD_VERSION_H

#include "core/record/record.h"

/* In lanes only: never met, so that the answer is what the key has. Its key is the key's hash. */
#define WR_VERSION_ASKED (UINT64_MAX - 2)

struct wr_version_option {
	uint64_t expected;
	uint64_t version;
};
_Static_assert(sizeof(struct wr_version_option) == 16, "packed");
#define WR_OPTION_VERSION_BYTES 16u

/* False: it has none, or not of this length. */
static inline bool wr_version_find(const struct wr_record_view *view, struct wr_version_option *ret)
{
	struct wr_option option;
	if (!wr_option_find(view, WR_OPTION_EXPECTED_VERSION, &option) ||
	    option.value_bytes != WR_OPTION_VERSION_BYTES)
		return false;
	memcpy(ret, option.value, sizeof *ret);
	return true;
}

/* Whether the record only asks: nothing of it comes into the log. */
static inline bool wr_version_asks(const struct wr_record_view *view)
{
	struct wr_version_option option;
	return wr_version_find(view, &option) && option.expected == WR_VERSION_ASKED;
}

/* The writer's: the record is its own copy. */
static inline void wr_version_fill(const struct wr_record_view *view, uint64_t version)
{
	struct wr_option option;
	if (wr_option_find(view, WR_OPTION_EXPECTED_VERSION, &option))
		wr_put_u64((uint8_t *)(uintptr_t)option.value + 8, version);
}

#endif
