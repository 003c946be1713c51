/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing one sealed segment: reads it extent by extent, checks every batch as a reader does (L26),
 * and writes a packed file (packed.h) beside it, which becomes the segment by its last write. Not
 * one byte of the segment itself is written.
 *
 * With a rule it leaves out events, of a segment that may be packed already: it looks first whether
 * there is one to be left out, and writes nothing if not.
 *
 * Where it is asked to, it compresses each frame, and keeps that where it takes a block less.
 *
 * It is driven in steps of one extent, by whoever has a thread for it; all memory is taken by
 * wr_pack_init() and wr_pack_compress(). Blocks on the medium. Thread: one. What a crash leaves is
 * a draft, which the next open removes.
 */
#ifndef WR_JOURNAL_PACK_H
#define WR_JOURNAL_PACK_H

#include "core/journal/packed.h"
#include "core/journal/unpack.h"
#include "core/port/memory.h"
#include "core/port/storage.h"
#include "core/record/left_out.h"

/* Which events are left out. It is asked for each of them, in log order, once or twice. */
struct wr_pack_rule {
	enum wr_left_out (*why)(void *context, uint64_t seq, uint64_t time_us,
				const struct wr_record_view *event);
	void *context;
};

/* The segment. The file stays open and is the caller's. */
struct wr_pack_job {
	uint32_t file;
	bool is_packed;                  /* with a rule: the file is a packed one */
	const struct wr_pack_rule *rule; /* NULL: nothing but the padding is left out */
	bool is_certain; /* with a rule: it is made whether something leaves or not, at any size */
	uint64_t segment_id;
	uint64_t first_seq;
	uint64_t end_seq;     /* the first sequence of the segment behind it */
	uint32_t file_number; /* of the file that is to be made */
	uint64_t now_us;      /* wall clock, for people */
};

struct wr_pack {
	struct wr_storage *storage;
	struct wr_memory *memory;
	const uint8_t *uuid; /* borrowed */
	uint32_t log_id;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	struct wr_unpack unpack; /* of what is packed, where there are rules */
	uint8_t *block;          /* a header */
	uint8_t *index;
	uint8_t *plain; /* an extent as it was read */
	uint8_t *frame;
	uint32_t compression;         /* enum wr_codec_number; NONE: what follows is not there */
	const struct wr_codec *codec; /* of the storage's */
	void *encoder;
	uint8_t *stored; /* a frame that was compressed, in chunk_bytes */

	struct wr_pack_job job;
	bool is_open;        /* `file` was made */
	bool has_left_one;   /* a draft could not be removed: it is there until the next open */
	bool is_looking;     /* whether there is something to be left out: nothing is written yet */
	uint64_t left_count; /* events that were left out now, of what was gone through so far */
	uint32_t file;
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_packed_header header;
	uint64_t at;     /* in the new file */
	uint64_t extent; /* the next one to be read */
	/* What the next batch has to be. */
	uint64_t seq;
	uint32_t chain;
	uint32_t epoch; /* 0: none was seen yet */
};

/* `rules`: jobs may have some. */
int wr_pack_init(struct wr_pack *p, struct wr_storage *storage, struct wr_memory *memory,
		 const uint8_t *uuid, uint32_t log_id, uint32_t chunk_bytes, uint64_t segment_bytes,
		 bool rules);
/*
 * From now on frames are compressed (enum wr_codec_number, which may be NONE); once, behind init.
 * -ENOMEM, or -ENOTSUP: the storage has no such codec. The packer is as good as before then.
 */
int wr_pack_compress(struct wr_pack *p, uint32_t compression, uint32_t level);
void wr_pack_fini(struct wr_pack *p);
/* Without what an encoder takes of its library. */
uint64_t wr_pack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes, bool rules,
		       uint32_t compression);

/*
 * 0: the draft is there, or will be; WEIR_E_CORRUPT: this is not the segment, or its header is
 * damaged; -EEXIST: the name is somebody's; or what the storage said. After anything but 0 nothing
 * is left.
 */
int wr_pack_begin(struct wr_pack *p, const struct wr_pack_job *job);
/*
 * One extent. 1: there is more to do; 0: all of it is in the file, which is durable but for its
 * header; WEIR_E_CORRUPT: a batch does not validate, so the segment stays as it is; WEIR_E_FULL: it
 * became no smaller, or the rule leaves out nothing; or what the storage said. After a negative
 * code wr_pack_abort() is due.
 */
int wr_pack_step(struct wr_pack *p);
/* The one write that makes it the segment. 0, or what the storage said: then nobody knows. */
int wr_pack_switch(struct wr_pack *p);
/* Removes the draft; if it cannot, that is remembered. */
void wr_pack_abort(struct wr_pack *p);

#endif
