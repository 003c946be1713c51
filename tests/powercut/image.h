/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a disk, block by block, and what a power cut leaves of it: a log of writes and flushes
 * is played up to a moment; all that a flush has covered is there, and of the rest a drawn part.
 *
 * A block that was written several times since the flush may hold any of these, so the order in
 * which the disk wrote does not matter beyond that. A block is written whole, but for those that
 * are marked as data: they may be torn between sectors of 512 bytes. (A file system's own blocks
 * are not torn: ext4 does not find its superblock again then, whoever uses it.)
 *
 * Thread: one for each image.
 */
#ifndef WEIR_TESTS_POWERCUT_IMAGE_H
#define WEIR_TESTS_POWERCUT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/sim/prng.h"

#define IMAGE_BLOCK_BYTES 4096u
#define IMAGE_SECTOR_BYTES 512u

enum disk_event {
	DISK_WRITE,
	DISK_WRITE_FAILED, /* with EIO; what it was to write may be there or not */
	DISK_FLUSH,
	DISK_FLUSH_FAILED, /* with EIO; what it was to cover is written, or lost for good */
	DISK_FLUSH_LOST,   /* it said that it was done, and did nothing */
};

struct disk_entry {
	enum disk_event kind;
	uint32_t bytes;
	uint64_t offset_bytes;
	const uint8_t *data;
	const void *mark; /* what was known outside just before it */
};

enum image_flag { IMAGE_DATA = 1, IMAGE_SEGMENT_HEADER = 2 };

struct image {
	uint32_t blocks;
	const uint8_t **block;    /* NULL: zeros */
	struct image_page *pages; /* blocks that are the image's own */
};

/* Which part of what was not flushed is there. */
enum cut_style {
	CUT_NOTHING,
	CUT_ALL,
	CUT_SOME, /* each block with a chance that is drawn once */
	CUT_ONE,
	CUT_ALL_BUT_ONE,
	CUT_LAST, /* the newest ones: later before earlier */
};
#define CUT_STYLES 6u

struct cut {
	uint64_t at; /* entries played: the cut is before this one */
	enum cut_style style;
	bool tears;
	uint64_t seed;
	/* Of image_cut(): */
	uint32_t pending; /* blocks whose writes were not flushed */
	uint32_t kept;
	uint32_t torn;
	bool in_segment_header; /* one of them is the first of a segment */
};

void image_init(struct image *image, uint64_t bytes); /* zeros */
void image_fini(struct image *image);

/* Bytes from `offset` on, none of it outside. image_write() copies. */
void image_read(const struct image *image, uint64_t offset_bytes, uint8_t *to, uint32_t bytes);
void image_write(struct image *image, uint64_t offset_bytes, const uint8_t *from, uint32_t bytes);

/* A copy that stands by itself. */
void image_copy(struct image *to, const struct image *from);

/*
 * What a cut at `cut->at` leaves of `base` under the entries of a log. The result shares bytes with
 * both: it may be used no longer than they are. `flags`: of each block, see image_flag.
 */
void image_cut(struct image *ret_image, const struct image *base, const struct disk_entry *entries,
	       const uint8_t *flags, struct cut *cut);

/* Into a file that is empty: holes where there are zeros. 0 or -errno. */
int image_save(const struct image *image, int fd);

#endif
