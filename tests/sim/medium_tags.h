/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads that are found again on the medium: three bytes by which they are found, and five that
 * say whose they are. Of all files that a name leads to now or after a power cut: what reads see,
 * and what is durable.
 */
#ifndef WR_SIM_MEDIUM_TAGS_H
#define WR_SIM_MEDIUM_TAGS_H

#include <string.h>

#include "io/sim/storage_sim.h"

#define MEDIUM_TAG_BYTES 8u
#define MEDIUM_TAG_FIRST 0xe7u
#define MEDIUM_TAG_SECOND 0x1au
#define MEDIUM_TAG_THIRD 0x5eu

typedef void medium_tag_fn(void *context, const uint8_t *tag);

static inline void medium_tags_in(const uint8_t *image, uint64_t bytes, medium_tag_fn *fn,
				  void *context)
{
	const uint8_t *end = image + bytes, *at = image;

	while (image != NULL && end - at >= (ptrdiff_t)MEDIUM_TAG_BYTES &&
	       (at = memchr(at, MEDIUM_TAG_FIRST, (size_t)(end - at) - MEDIUM_TAG_BYTES + 1)) !=
		       NULL) {
		if (at[1] == MEDIUM_TAG_SECOND && at[2] == MEDIUM_TAG_THIRD)
			fn(context, at);
		at++;
	}
}

static inline void medium_tags_each(const struct wr_sim_disk *disk, medium_tag_fn *fn,
				    void *context)
{
	for (uint32_t i = 0; i < disk->entry_count; i++) {
		const int32_t of[] = {disk->entries[i].now, disk->entries[i].durable};
		for (uint32_t k = 0; k < 2; k++) {
			if (of[k] == WR_SIM_NONE || (k == 1 && of[1] == of[0]))
				continue;
			const struct wr_sim_inode *inode = &disk->inodes[of[k]];
			medium_tags_in(inode->cache, inode->bytes, fn, context);
			/* The same bytes, where nothing waits for a sync, nor failed in one. */
			if (inode->is_dirty || inode->differs)
				medium_tags_in(inode->durable, inode->durable_bytes, fn, context);
		}
	}
}

#endif
