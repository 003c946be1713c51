/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. */
#include "tests/powercut/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS (IMAGE_BLOCK_BYTES / IMAGE_SECTOR_BYTES)

struct image_page {
	struct image_page *next;
	uint8_t bytes[IMAGE_BLOCK_BYTES];
};

static const uint8_t zeros[IMAGE_BLOCK_BYTES];

static void *must(void *memory)
{
	if (memory == NULL) {
		perror("memory for an image");
		abort();
	}
	return memory;
}

void image_init(struct image *image, uint64_t bytes)
{
	*image = (struct image){.blocks = (uint32_t)(bytes / IMAGE_BLOCK_BYTES)};
	image->block = must(calloc(image->blocks, sizeof image->block[0]));
}

void image_fini(struct image *image)
{
	while (image->pages != NULL) {
		struct image_page *page = image->pages;
		image->pages = page->next;
		free(page);
	}
	free(image->block);
	*image = (struct image){.blocks = 0};
}

static uint8_t *own_block(struct image *image, uint32_t block)
{
	struct image_page *page = must(malloc(sizeof *page));
	const uint8_t *now = image->block[block];

	memcpy(page->bytes, now != NULL ? now : zeros, IMAGE_BLOCK_BYTES);
	page->next = image->pages;
	image->pages = page;
	image->block[block] = page->bytes;
	return page->bytes;
}

/* The part of a write that is in the block at `offset`. */
static uint32_t piece_bytes(uint64_t offset_bytes, uint32_t left)
{
	uint32_t room = IMAGE_BLOCK_BYTES - (uint32_t)(offset_bytes % IMAGE_BLOCK_BYTES);
	return left < room ? left : room;
}

void image_read(const struct image *image, uint64_t offset_bytes, uint8_t *to, uint32_t bytes)
{
	while (bytes > 0) {
		uint32_t n = piece_bytes(offset_bytes, bytes);
		const uint8_t *block = image->block[offset_bytes / IMAGE_BLOCK_BYTES];
		memcpy(to, (block != NULL ? block : zeros) + offset_bytes % IMAGE_BLOCK_BYTES, n);
		offset_bytes += n;
		to += n;
		bytes -= n;
	}
}

/* A page is made once for a block: what is there already belongs to the image. */
void image_write(struct image *image, uint64_t offset_bytes, const uint8_t *from, uint32_t bytes)
{
	while (bytes > 0) {
		uint32_t n = piece_bytes(offset_bytes, bytes);
		uint32_t block = (uint32_t)(offset_bytes / IMAGE_BLOCK_BYTES);
		const uint8_t *now = image->block[block];
		if (now != NULL || memcmp(from, zeros, n) != 0) {
			/* All blocks of an image that is written to are its own. */
			uint8_t *own =
				now != NULL ? (uint8_t *)(uintptr_t)now : own_block(image, block);
			memcpy(own + offset_bytes % IMAGE_BLOCK_BYTES, from, n);
		}
		offset_bytes += n;
		from += n;
		bytes -= n;
	}
}

void image_copy(struct image *to, const struct image *from)
{
	image_init(to, (uint64_t)from->blocks * IMAGE_BLOCK_BYTES);
	for (uint32_t i = 0; i < from->blocks; i++)
		if (from->block[i] != NULL && memcmp(from->block[i], zeros, sizeof zeros) != 0)
			memcpy(own_block(to, i), from->block[i], IMAGE_BLOCK_BYTES);
}

/* --- a cut ---------------------------------------------------------------------------------- */

struct cutter {
	struct image *image;
	const uint8_t *flags;
	struct cut *cut;
	struct wr_prng prng;
	uint32_t chance; /* of a million */
	uint32_t chosen; /* of the pieces: CUT_ONE, CUT_ALL_BUT_ONE, CUT_LAST */
	uint32_t piece;  /* so far */
	bool is_last;    /* beyond the last flush */
};

static void put(struct cutter *c, uint64_t offset_bytes, const uint8_t *from, uint32_t bytes)
{
	uint32_t block = (uint32_t)(offset_bytes / IMAGE_BLOCK_BYTES);

	if (bytes == IMAGE_BLOCK_BYTES) {
		c->image->block[block] = from;
		return;
	}
	memcpy(own_block(c->image, block) + offset_bytes % IMAGE_BLOCK_BYTES, from, bytes);
}

static void put_torn(struct cutter *c, uint64_t offset_bytes, const uint8_t *from, uint32_t bytes)
{
	uint32_t sectors = bytes / IMAGE_SECTOR_BYTES;
	uint64_t keep = wr_prng_next(&c->prng);

	for (uint32_t i = 0; i < sectors && i < SECTORS; i++)
		if ((keep >> i & 1) != 0)
			put(c, offset_bytes + (uint64_t)i * IMAGE_SECTOR_BYTES,
			    from + (size_t)i * IMAGE_SECTOR_BYTES, IMAGE_SECTOR_BYTES);
}

static bool is_kept(struct cutter *c, uint32_t piece)
{
	switch (c->cut->style) {
	case CUT_NOTHING:
		return false;
	case CUT_ALL:
		return true;
	case CUT_ONE:
		return piece == c->chosen;
	case CUT_ALL_BUT_ONE:
		return piece != c->chosen;
	case CUT_LAST:
		return piece >= c->chosen;
	default:
		return wr_prng_chance(&c->prng, c->chance);
	}
}

/* One piece of a write that no flush has covered. */
static void put_maybe(struct cutter *c, uint64_t offset_bytes, const uint8_t *from, uint32_t bytes)
{
	uint8_t flags = c->flags[offset_bytes / IMAGE_BLOCK_BYTES];
	bool may_tear = c->cut->tears && (flags & IMAGE_DATA) != 0 &&
			bytes % IMAGE_SECTOR_BYTES == 0 && bytes > IMAGE_SECTOR_BYTES;
	uint32_t piece = c->piece++;

	c->cut->in_segment_header |= (flags & IMAGE_SEGMENT_HEADER) != 0;
	if (may_tear && wr_prng_chance(&c->prng, 400000)) {
		put_torn(c, offset_bytes, from, bytes);
		c->cut->torn++;
	} else if (is_kept(c, piece)) {
		put(c, offset_bytes, from, bytes);
		c->cut->kept++;
	}
}

typedef void (*piece_fn)(struct cutter *c, uint64_t offset_bytes, const uint8_t *from,
			 uint32_t bytes);

static void each_piece(struct cutter *c, const struct disk_entry *entry, piece_fn fn)
{
	uint32_t n;

	for (uint32_t done = 0; done < entry->bytes; done += n) {
		n = piece_bytes(entry->offset_bytes + done, entry->bytes - done);
		fn(c, entry->offset_bytes + done, entry->data + done, n);
	}
}

/* It was never said to be done, so a flush promises nothing of it. */
static void put_by_chance(struct cutter *c, uint64_t offset_bytes, const uint8_t *from,
			  uint32_t bytes)
{
	if (wr_prng_chance(&c->prng, 500000))
		put(c, offset_bytes, from, bytes);
}

/* Plays the writes of [from, to), all of them covered by the flush at `to`. */
static void play(struct cutter *c, const struct disk_entry *entries, uint64_t from, uint64_t to,
		 bool flush_failed)
{
	for (uint64_t i = from; i < to; i++) {
		if (entries[i].kind == DISK_WRITE)
			each_piece(c, &entries[i], flush_failed ? put_by_chance : put);
		else if (entries[i].kind == DISK_WRITE_FAILED)
			each_piece(c, &entries[i], put_by_chance);
	}
}

static uint32_t count_pieces(const struct disk_entry *entries, uint64_t from, uint64_t to)
{
	uint32_t count = 0;

	for (uint64_t i = from; i < to; i++) {
		if (entries[i].kind > DISK_WRITE_FAILED)
			continue;
		uint64_t first = entries[i].offset_bytes / IMAGE_BLOCK_BYTES;
		uint64_t end = entries[i].offset_bytes + entries[i].bytes;
		count += (uint32_t)((end + IMAGE_BLOCK_BYTES - 1) / IMAGE_BLOCK_BYTES - first);
	}
	return count;
}

void image_cut(struct image *ret_image, const struct image *base, const struct disk_entry *entries,
	       const uint8_t *flags, struct cut *cut)
{
	struct cutter c = {.image = ret_image, .flags = flags, .cut = cut};
	uint64_t from = 0;

	wr_prng_init(&c.prng, cut->seed);
	image_init(ret_image, (uint64_t)base->blocks * IMAGE_BLOCK_BYTES);
	memcpy(ret_image->block, base->block, base->blocks * sizeof base->block[0]);
	for (uint64_t i = 0; i < cut->at; i++) {
		if (entries[i].kind != DISK_FLUSH && entries[i].kind != DISK_FLUSH_FAILED)
			continue;
		play(&c, entries, from, i, entries[i].kind == DISK_FLUSH_FAILED);
		from = i + 1;
	}
	cut->pending = count_pieces(entries, from, cut->at);
	c.chance = (uint32_t)wr_prng_below(&c.prng, 1000001);
	c.chosen = cut->pending > 0 ? (uint32_t)wr_prng_below(&c.prng, cut->pending) : 0;
	for (uint64_t i = from; i < cut->at; i++)
		if (entries[i].kind <= DISK_WRITE_FAILED)
			each_piece(&c, &entries[i], put_maybe);
}

int image_save(const struct image *image, int fd)
{
	if (ftruncate(fd, (off_t)((uint64_t)image->blocks * IMAGE_BLOCK_BYTES)) != 0)
		return -errno;
	for (uint32_t i = 0; i < image->blocks; i++) {
		const uint8_t *block = image->block[i];
		if (block == NULL || memcmp(block, zeros, sizeof zeros) == 0)
			continue;
		if (pwrite(fd, block, IMAGE_BLOCK_BYTES, (off_t)i * IMAGE_BLOCK_BYTES) !=
		    (ssize_t)IMAGE_BLOCK_BYTES)
			return errno != 0 ? -errno : -EIO;
	}
	return 0;
}
