/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: the unit of commit, block aligned, never crossing a chunk (L1, L4). Its 128-byte header
 * stands on two 64-byte lines, all little endian:
 *
 *   line 1, written at open, before anything in it is visible      line 2, written at seal
 *     0 u32 magic "WEIR"         16 u32 log_id                       64 u32 body_bytes
 *     4 u16 format               20 u32 epoch                        68 u32 batch_bytes
 *     6 u16 batch_kind           24 u64 first_seq                    72 u32 record_count
 *     8 u32 features_must        32 u64 time_base_us                 76 u32 skip_bytes
 *    12 u32 features_may         40 16 bytes link                    80 u64 durable_seq
 *                                                                    88 u64 segment_id
 *                                                                    96 u64 segment_offset
 *                                                                   104 u32 chain
 *                                                                   108 u32 body_crc
 *                                                                   112 12 bytes tag
 *                                                                   124 u32 header_crc
 *
 *   header_crc  CRC32C of bytes 0..123, seeded with wr_batch_seed(journal uuid, segment id)
 *   body_crc    CRC32C of everything behind the header: records and padding, seeded the same
 *   chain       header_crc of the batch before, 0 for the first of a log
 *   batch_bytes header + body + zero padding, a multiple of 4096: the write
 *   skip_bytes  filler: what follows it in the chunk is not used, written or read
 *   link, tag   of a chain under a key (chain.h); zeros without one
 *   durable_seq the highest sequence known durable when this was sealed: evidence (L29)
 *
 * Kinds: DATA holds records. FILLER (one block, no records) closes a chunk. EVIDENCE (one block,
 * no records) says that what came before is durable. All are in the chain; FILLER and EVIDENCE
 * have first_seq = the sequence that comes next.
 */
#ifndef WR_RECORD_BATCH_H
#define WR_RECORD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_BATCH_MAGIC 0x52494557u
#define WR_BATCH_FORMAT 1u
#define WR_BATCH_HEADER_BYTES 128u
#define WR_BLOCK_BYTES 4096u
#define WR_UUID_BYTES 16u
#define WR_CHAIN_LINK_BYTES 16u
#define WR_CHAIN_TAG_BYTES 12u

/* In features_may: link and tag are there. */
#define WR_BATCH_LINKED 1u
/* In features_may: the chain begins, since no link before this one is known. */
#define WR_BATCH_LINK_BEGINS 2u

/* In features_must: it holds filters of subscriptions (filter_record.h). */
#define WR_BATCH_FILTERS 1u
/* In features_must: it holds records of the schema registry (schema_record.h). */
#define WR_BATCH_SCHEMAS 2u
/* In features_must: a filter that wants what nobody else does (filter_record.h). */
#define WR_BATCH_UNROUTED 4u
/* In features_must: it holds a topic that can grow, or a growth (control.h). */
#define WR_BATCH_MAPS 8u
/* In features_must: a filter of a binding (filter_record.h). */
#define WR_BATCH_BINDINGS 16u
/* In features_must: a JSON Schema of the registry (schema_record.h). */
#define WR_BATCH_JSON_SCHEMAS 32u
/* In features_must: a binding that transforms what it copies (filter_record.h). */
#define WR_BATCH_TRANSFORMS 64u
/* In features_must: a filter with a share of a ring (filter_record.h). */
#define WR_BATCH_RINGS 256u
/* In features_must: a filter whose subscription's members transform (filter_record.h). */
#define WR_BATCH_MEMBERS_TRANSFORM 2048u
/* In features_must: a key that is to be erased (erase.h). */
#define WR_BATCH_ERASURES 128u
/* In features_must: an event for some subscriptions only (recipients.h). */
#define WR_BATCH_ADDRESSED 512u
/* In features_must: an attempt at an event of a partition (share.h). */
#define WR_BATCH_ATTEMPTS 1024u
/* In features_must: an event that is outstanding, further on (carried.h). */
#define WR_BATCH_CARRIED 4096u
/* In features_must: a seek by which those stay outstanding (WR_OWNER_CARRIED_STAY). */
#define WR_BATCH_CARRIED_STAY 8192u
/* In features_must: a subscription was detached (WR_POSITION_DETACHED). */
#define WR_BATCH_DETACHED 16384u
/* In features_must: one that is further on, with the text of a rejection (carried.h). */
#define WR_BATCH_CARRIED_TEXT 32768u
/* In features_must: an EventBridge pattern over headers (filter_record.h). */
#define WR_BATCH_HEADER_PATTERNS 65536u

enum wr_batch_kind { WR_BATCH_DATA = 1, WR_BATCH_FILLER = 2, WR_BATCH_EVIDENCE = 3 };

struct wr_batch_header {
	uint32_t magic;
	uint16_t format;
	uint16_t batch_kind;
	uint32_t features_must;
	uint32_t features_may;
	uint32_t log_id;
	uint32_t epoch;
	uint64_t first_seq;
	uint64_t time_base_us;
	uint8_t link[WR_CHAIN_LINK_BYTES];
	uint8_t zero_1[8];
	uint32_t body_bytes;
	uint32_t batch_bytes;
	uint32_t record_count;
	uint32_t skip_bytes;
	uint64_t durable_seq;
	uint64_t segment_id;
	uint64_t segment_offset;
	uint32_t chain;
	uint32_t body_crc;
	uint8_t tag[WR_CHAIN_TAG_BYTES];
	uint32_t header_crc;
};
_Static_assert(sizeof(struct wr_batch_header) == WR_BATCH_HEADER_BYTES, "L1");
_Static_assert(offsetof(struct wr_batch_header, body_bytes) == 64, "line 2");
_Static_assert(offsetof(struct wr_batch_header, header_crc) == 124, "L1");

/* Where a batch ought to stand: what its checksums and fields are held against. */
struct wr_batch_place {
	const uint8_t *uuid;
	uint32_t log_id;
	uint64_t segment_id;
	uint64_t segment_offset;
};

/* What a reader finds at a place. */
enum wr_batch_verdict {
	WR_BATCH_VALID = 0,
	WR_BATCH_ZERO,       /* the first block's header is all zero: never written */
	WR_BATCH_BAD_HEADER, /* not a header of this place: torn, rotted, stale or foreign */
	WR_BATCH_BAD_BODY,   /* the header is good, the body is not */
	WR_BATCH_TOO_SHORT,  /* the header is good, and says more bytes than are there to read */
	WR_BATCH_UNKNOWN,    /* good, but of a format or with a feature that this build refuses */
};

/* Never 0, so that zero-filled blocks never validate. */
uint32_t wr_batch_seed(const uint8_t uuid[WR_UUID_BYTES], uint64_t segment_id);

/* Line 1, at open. `to` is block aligned. Line 2 is zeroed. */
void wr_batch_open(void *to, enum wr_batch_kind kind, uint32_t log_id, uint32_t epoch,
		   uint64_t first_seq, uint64_t time_base_us);

struct wr_chain_key;

/* What the writer knows at seal. */
struct wr_batch_seal {
	const struct wr_batch_place *place;
	uint32_t seed;       /* wr_batch_seed of the place */
	uint32_t body_bytes; /* records, without padding */
	uint32_t record_count;
	uint32_t skip_bytes;    /* FILLER only */
	uint32_t body_crc_part; /* of the records, seeded; the padding's share is added here */
	uint64_t durable_seq;
	uint32_t chain;
	const struct wr_chain_key *chain_key; /* NULL: no link, no tag */
	const uint8_t *link_before;           /* with it; NULL: the chain begins */
};

/*
 * Zeroes the padding, fills line 2. Returns batch_bytes; *ret_header_crc is the next chain.
 */
uint32_t wr_batch_seal(void *batch, const struct wr_batch_seal *seal, uint32_t *ret_header_crc);

/*
 * Looks at the header only (the first 128 bytes of `available_bytes`): place, checksum, plausible
 * lengths. VALID, ZERO, BAD_HEADER, UNKNOWN, or TOO_SHORT when batch_bytes exceeds what is there
 * (the header may be used then).
 */
enum wr_batch_verdict wr_batch_check_header(const void *bytes, size_t available_bytes,
					    const struct wr_batch_place *place);
/* The header, then the body, then that the records in it fill the body exactly. */
enum wr_batch_verdict wr_batch_check(const void *bytes, size_t available_bytes,
				     const struct wr_batch_place *place);

/* What is seen on the way through the records. */
struct wr_batch_records {
	uint32_t
		last_bytes; /* where the last one begins, in the body; 0 also where there is none */
	uint32_t event_count; /* of users; the rest is weir's own */
};

/* The same, for who would go through them once more; set where the verdict is VALID. */
enum wr_batch_verdict wr_batch_check_records(const void *bytes, size_t available_bytes,
					     const struct wr_batch_place *place,
					     struct wr_batch_records *ret_records);

#endif
