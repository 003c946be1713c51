/* SPDX-License-Identifier: Apache-2.0 */
/* Writing snapshots, and removing what is too much of them; see snapshot.h. */
#include "core/pipeline/snapshot.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/crc32c.h"
#include "core/pipeline/erase.h"

#define KEEP_DEFAULT 2u
#define KEEP_MAX 1000u
#define PIECE_BYTES (4u << 20)

void weir_snapshot_options_init(struct weir_snapshot_options *options)
{
	*options = (struct weir_snapshot_options){
		.struct_bytes = sizeof *options,
		.schema_version = 1,
		.complete = true,
		.keep = KEEP_DEFAULT,
	};
}

/* ---- writing ---- */

/* A body as it is written: key and state behind one another, in pieces of whole blocks. */
struct body {
	const struct wr_snapshot_id *id;
	const uint8_t *state;
	uint64_t bytes; /* of key and state */
	uint8_t *piece;
	uint32_t piece_bytes;
};

/* Bytes at..at + count of the body. */
static void copy_out(const struct body *b, uint64_t at, uint64_t count, uint8_t *to)
{
	uint64_t key_bytes = b->id->key_bytes;
	uint64_t of_key = at < key_bytes ? wr_min_u64(key_bytes - at, count) : 0;
	if (of_key > 0)
		memcpy(to, (const uint8_t *)b->id->key + at, of_key);
	if (count > of_key)
		memcpy(to + of_key, b->state + (at + of_key - key_bytes), count - of_key);
}

static int write_body(struct weir_pipeline *p, uint32_t file, const struct body *b)
{
	struct wr_storage *storage = p->host.storage;
	int rc = 0;
	for (uint64_t at = 0; at < b->bytes && rc == 0; at += b->piece_bytes) {
		uint64_t count = wr_min_u64(b->piece_bytes, b->bytes - at);
		uint64_t padded = wr_round_up(count, WR_STORAGE_BLOCK_BYTES);
		copy_out(b, at, count, b->piece);
		memset(b->piece + count, 0, padded - count);
		rc = storage->ops->write(storage, file, b->piece, (uint32_t)padded,
					 WR_SNAPSHOT_HEADER_BYTES + at);
	}
	return rc;
}

/* The body, then the header, then the name: each durable before the next. */
static int write_file(struct weir_pipeline *p, const char *name, const struct body *b,
		      const struct wr_snapshot_header *header)
{
	struct wr_storage *storage = p->host.storage;
	uint32_t file;
	int rc = storage->ops->file_open(storage, name, WR_FILE_CREATE | WR_FILE_EXCLUSIVE, &file);
	if (rc != 0)
		return rc;
	rc = write_body(p, file, b);
	if (rc == 0) {
		wr_snapshot_encode(header, b->id, b->piece);
		rc = storage->ops->write(storage, file, b->piece, WR_SNAPSHOT_HEADER_BYTES, 0);
	}
	(void)storage->ops->file_close(storage, file);
	if (rc == 0)
		rc = storage->ops->sync_dir(storage);
	if (rc != 0)
		(void)storage->ops->file_remove(storage, name);
	return rc;
}

static uint32_t body_crc(const struct wr_snapshot_id *id, const void *state, size_t state_bytes)
{
	uint32_t crc = WR_SNAPSHOT_CRC_SEED;
	if (id->key_bytes > 0)
		crc = wr_crc32c(crc, id->key, id->key_bytes);
	return state_bytes > 0 ? wr_crc32c(crc, state, state_bytes) : crc;
}

static int write_new(struct weir_pipeline *p, const struct weir_snapshot_options *o,
		     const struct wr_snapshot_id *id, const struct wr_snapshot_record *record)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_snapshot_header header = {
		.epoch = record->epoch,
		.sequence = o->sequence,
		.append_time_us = record->append_time_us,
		.event_time_us = o->event_time_us,
		.taken_us = wr_clock_wall_ns(p->host.clock) / 1000,
		.state_bytes = o->state_bytes,
		.body_crc = body_crc(id, o->state, o->state_bytes),
		.record_crc = record->crc,
		.flags = o->complete ? WR_SNAPSHOT_COMPLETE : 0,
	};
	memcpy(header.uuid, p->recovered.superblock.uuid, WR_UUID_BYTES);
	struct body b = {.id = id, .state = o->state, .bytes = id->key_bytes + o->state_bytes};
	b.piece_bytes = (uint32_t)wr_min_u64(
		wr_max_u64(wr_round_up(b.bytes, WR_STORAGE_BLOCK_BYTES), WR_STORAGE_BLOCK_BYTES),
		PIECE_BYTES);
	b.piece = wr_memory_alloc_payload(p->host.memory, b.piece_bytes);
	if (b.piece == NULL)
		return -ENOMEM;
	wr_snapshot_file_name(name, id, o->sequence);
	int rc = write_file(p, name, &b, &header);
	wr_memory_free_payload(p->host.memory, b.piece, b.piece_bytes);
	return rc;
}

/* There is a file already. 0: it is the snapshot, and good; 1: it was not, and is gone. */
static int look_at_old(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t sequence)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	struct weir_snapshot old = {.block = NULL};
	struct wr_snapshot_header header;
	int rc = wr_snapshot_read(p, id, sequence, &header, &old);
	if (rc == 0) {
		weir_snapshot_free(p, &old);
		return 0;
	}
	if (rc != -ENOENT)
		return rc;
	wr_snapshot_file_name(name, id, sequence);
	rc = p->host.storage->ops->file_remove(p->host.storage, name);
	return rc == 0 || rc == -ENOENT ? 1 : rc;
}

/* Those beyond `keep`, from the new one downwards. What stays by accident goes next time. */
static void remove_old(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t newest,
		       uint32_t keep)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t sequence = newest;
	for (uint32_t kept = 1; sequence > 1; kept++) {
		if (wr_snapshot_newest(p, id, sequence - 1, &sequence) != 0 || sequence == 0)
			return;
		wr_snapshot_file_name(name, id, sequence);
		if (kept >= keep && p->host.storage->ops->file_remove(p->host.storage, name) != 0)
			return;
	}
}

/* ---- the public doors ---- */

static int check(struct weir_pipeline *p, const struct weir_snapshot_options *o,
		 struct wr_snapshot_id *ret_id, struct weir_problem *problem)
{
	int rc = wr_snapshot_id_of(o->name, o->key, o->key_bytes, o->schema_version, ret_id,
				   problem);
	if (rc != 0)
		return rc;
	if (o->sequence == 0)
		return wr_problem_set(problem, -EINVAL, "sequence",
				      "of the last record that is in it, from 1");
	if (o->keep == 0 || o->keep > KEEP_MAX)
		return wr_problem_set(problem, -EINVAL, "keep", "1 to 1000");
	if (o->state == NULL && o->state_bytes > 0)
		return wr_problem_set(problem, -EINVAL, "state", "NULL, and a length");
	if (o->state_bytes > WEIR_SNAPSHOT_BYTES_MAX)
		return wr_problem_set(problem, WEIR_E_TOO_BIG, "state_bytes",
				      "a snapshot has 1 GiB at most");
	uint64_t most = p->host.storage != NULL ? p->host.storage->file_bytes_max : 0;
	if (most != 0 &&
	    WR_SNAPSHOT_HEADER_BYTES + wr_snapshot_body_bytes(o->key_bytes, o->state_bytes) > most)
		return wr_problem_set(problem, -EFBIG, "state_bytes",
				      "this process may not write such large files (ulimit -f)");
	return 0;
}

static int put(struct weir_pipeline *p, const struct weir_snapshot_options *o,
	       const struct wr_snapshot_id *id, struct weir_problem *problem)
{
	struct wr_snapshot_record record;
	struct weir_problem why = {0};
	if (o->sequence > wr_load_acquire(&p->link.durable_seq)) /* D1 */
		return wr_problem_set(problem, WEIR_E_AGAIN, "sequence", "not durable yet");
	if (wr_is_erased_key(p, id->key, id->key_bytes, o->sequence))
		return wr_problem_set(problem, WEIR_E_TRUNCATED, "key",
				      "it was erased behind this sequence");
	int rc = wr_snapshot_find_record(p, o->sequence, &record, &why);
	if (rc != 0)
		return wr_problem_set(problem, rc, "sequence",
				      why.text[0] != '\0' ? why.text : weir_strerror(rc));
	rc = write_new(p, o, id, &record);
	if (rc == -EEXIST) {
		rc = look_at_old(p, id, o->sequence);
		if (rc == 1)
			rc = write_new(p, o, id, &record);
	}
	if (rc != 0)
		return wr_problem_in_words(problem, rc);
	remove_old(p, id, o->sequence, o->keep);
	return 0;
}

int weir_snapshot_put(struct weir_pipeline *p, const struct weir_snapshot_options *o,
		      struct weir_problem *reterr_problem)
{
	struct wr_snapshot_id id;
	int rc = wr_null_check(o, o, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_snapshot_options_init",
				   reterr_problem);
	if (rc == 0)
		rc = check(p, o, &id, reterr_problem);
	if (rc == 0)
		rc = wr_snapshot_may(p, reterr_problem);
	if (rc != 0)
		return rc;
	rc = wr_pipeline_refused(p);
	if (rc != 0)
		return wr_problem_in_words(reterr_problem, rc);
	wr_pipeline_stay(p);
	wr_beside_enter(p);
	rc = put(p, o, &id, reterr_problem);
	wr_beside_leave(p);
	wr_pipeline_go(p);
	return rc;
}

struct removal {
	const struct wr_snapshot_id *id;
	char name[WR_STORAGE_NAME_MAX + 1];
};

/* Any one of them: names are not removed while they are walked through. */
static int take_name(void *context, const char *name)
{
	struct removal *r = context;
	uint64_t sequence;
	if (!wr_snapshot_file_is_of(name, r->id, true, &sequence))
		return 0;
	(void)snprintf(r->name, sizeof r->name, "%s", name);
	return 1;
}

static int remove_all(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint32_t *ret_count)
{
	struct wr_storage *storage = p->host.storage;
	struct removal r = {.id = id};
	int rc;
	while ((rc = storage->ops->file_each(storage, take_name, &r)) == 1) {
		rc = storage->ops->file_remove(storage, r.name);
		if (rc != 0)
			return rc;
		(*ret_count)++;
	}
	return rc == 0 && *ret_count > 0 ? storage->ops->sync_dir(storage) : rc;
}

int weir_snapshot_remove(struct weir_pipeline *p, const char *name, uint32_t schema_version,
			 uint32_t *ret_count, struct weir_problem *reterr_problem)
{
	struct wr_snapshot_id id;
	uint32_t count = 0;
	int rc = wr_snapshot_id_of(name, NULL, 0, schema_version, &id, reterr_problem);
	if (rc == 0)
		rc = wr_snapshot_may(p, reterr_problem);
	if (rc != 0)
		return rc;
	wr_pipeline_stay(p);
	rc = remove_all(p, &id, &count);
	wr_pipeline_go(p);
	if (ret_count != NULL)
		*ret_count = count;
	return wr_problem_in_words(reterr_problem, rc);
}
