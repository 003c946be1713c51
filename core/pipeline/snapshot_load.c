/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a snapshot and looking whether it is what it says; see snapshot.h. */
#include "core/pipeline/snapshot.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/bug.h"
#include "core/base/crc32c.h"
#include "core/pipeline/erase.h"

void weir_snapshot_query_init(struct weir_snapshot_query *query)
{
	*query = (struct weir_snapshot_query){
		.struct_bytes = sizeof *query,
		.schema_version = 1,
		.up_to_sequence = UINT64_MAX,
		.up_to_time_us = UINT64_MAX,
		.up_to_event_time_us = UINT64_MAX,
	};
}

/* ---- what every call looks at ---- */

int wr_snapshot_may(struct weir_pipeline *p, struct weir_problem *problem)
{
	int rc = wr_pipeline_refused(p);
	if (rc == WEIR_E_FAILED)
		rc = 0; /* reads go on */
	if (rc == 0 && p->host.inside_step(p->host.context))
		rc = WEIR_E_AGAIN;
	if (rc != 0)
		return wr_problem_in_words(problem, rc);
	if (p->journal == NULL)
		return wr_problem_set(problem, -EINVAL, "pipeline",
				      "snapshots lie in the journal's directory, and it has none");
	return 0;
}

int wr_snapshot_id_of(const char *name, const void *key, size_t key_bytes, uint32_t schema_version,
		      struct wr_snapshot_id *ret_id, struct weir_problem *problem)
{
	if (name == NULL || !wr_name_valid(name, strlen(name)))
		return wr_problem_set(problem, -EINVAL, "name",
				      "a name is 1 to 200 of letters, digits, '.', '_' and '-', "
				      "and does not begin with '.'");
	if ((key == NULL) != (key_bytes == 0) || key_bytes > WR_KEY_BYTES_MAX)
		return wr_problem_set(problem, -EINVAL, "key", "1 to 65535 bytes, or NULL");
	*ret_id = (struct wr_snapshot_id){
		.name = name,
		.name_bytes = (uint32_t)strlen(name),
		.schema_version = schema_version,
		.key = key,
		.key_bytes = (uint32_t)key_bytes,
	};
	return 0;
}

/* ---- the record at which it stands ---- */

/* In an extent that was verified. */
static void read_record(const uint8_t *buffer, const struct wr_extent_view *view, uint64_t seq,
			struct wr_snapshot_record *ret)
{
	const struct wr_extent_batch *batch = view->batches;
	for (uint32_t i = 1; i < view->batch_count && view->batches[i].first_seq <= seq; i++)
		batch = &view->batches[i];
	const uint8_t *at = buffer + batch->place_bytes;
	const struct wr_batch_header *header = (const struct wr_batch_header *)at;
	at += WR_BATCH_HEADER_BYTES;
	for (uint64_t s = batch->first_seq; s < seq; s++)
		at += wr_record_stride(((const struct wr_record *)at)->bytes);
	const struct wr_record *record = (const struct wr_record *)at;
	*ret = (struct wr_snapshot_record){
		.epoch = header->epoch,
		.append_time_us = header->time_base_us + record->time_delta_us,
		.crc = wr_crc32c(WR_SNAPSHOT_CRC_SEED, record, record->bytes),
		.left_out = record->kind == WR_KIND_LEFT_OUT,
	};
}

int wr_snapshot_find_record(struct weir_pipeline *p, uint64_t seq,
			    struct wr_snapshot_record *ret_record, struct weir_problem *problem)
{
	struct wr_extent_view view = {
		.batches = p->control_batches,
		.batches_max = p->chunks.chunk_bytes / WR_BLOCK_BYTES,
	};
	wr_control_lock(p); /* for its reader and its buffer */
	int rc = wr_reader_load(&p->control_reader, seq,
				wr_load_acquire(&p->link.durable_seq), /* D1 */
				p->control_buffer, &view, problem);
	if (rc == 0)
		read_record(p->control_buffer, &view, seq, ret_record);
	wr_control_unlock(p);
	return rc;
}

/* ---- one file ---- */

static int passed_over(struct weir_snapshot *s, const char *file, const char *why)
{
	char text[sizeof s->problem.text];
	(void)snprintf(text, sizeof text, "%.63s: %s", file, why);
	return wr_problem_set(&s->problem, -ENOENT, "snapshot", text);
}

static const char *why_not(enum wr_snapshot_verdict verdict)
{
	if (verdict == WR_SNAPSHOT_CUT_SHORT)
		return "it was never finished";
	return verdict == WR_SNAPSHOT_NEWER ? "a newer weir wrote it" : "its header is damaged";
}

/*
 * Of this journal, and of this life of it? What retention took cannot say no; what compaction took
 * still stands in a batch of its life.
 */
static const char *why_foreign(struct weir_pipeline *p, const struct wr_snapshot_header *h)
{
	struct wr_snapshot_record record;
	if (memcmp(h->uuid, p->recovered.superblock.uuid, WR_UUID_BYTES) != 0)
		return "it is of another journal";
	if (h->sequence > wr_load_acquire(&p->link.durable_seq)) /* D1 */
		return "it stands behind the end of the log";
	if (wr_snapshot_find_record(p, h->sequence, &record, NULL) == 0 &&
	    (record.epoch != h->epoch || (!record.left_out && record.crc != h->record_crc)))
		return "the log has another record where it stands";
	return NULL;
}

/* Header and body into the snapshot's block. 0, -ENOENT (passed over), or worse. */
static int read_file(struct weir_pipeline *p, uint32_t file, const char *name,
		     struct wr_snapshot_header *ret_header, struct weir_snapshot *s)
{
	struct wr_storage *storage = p->host.storage;
	uint64_t file_bytes;
	int rc = storage->ops->file_bytes(storage, file, &file_bytes);
	if (rc != 0)
		return rc;
	if (file_bytes < WR_SNAPSHOT_HEADER_BYTES ||
	    file_bytes > WR_SNAPSHOT_HEADER_BYTES +
				 wr_snapshot_body_bytes(WR_KEY_BYTES_MAX, WEIR_SNAPSHOT_BYTES_MAX))
		return passed_over(s, name, "it was never finished");
	s->block_bytes = (size_t)wr_round_up(file_bytes, WR_STORAGE_BLOCK_BYTES);
	s->block = wr_memory_alloc_payload(p->host.memory, s->block_bytes);
	if (s->block == NULL)
		return -ENOMEM;
	for (uint64_t at = 0; at < file_bytes;) {
		uint32_t piece = (uint32_t)wr_min_u64(s->block_bytes - at, 4u << 20);
		int64_t n = storage->ops->read(storage, file, (uint8_t *)s->block + at, piece, at);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break; /* it was cut meanwhile: what is missing is zero */
		at += (uint64_t)n;
	}
	enum wr_snapshot_verdict verdict = wr_snapshot_decode(s->block, ret_header);
	if (verdict != WR_SNAPSHOT_GOOD)
		return passed_over(s, name, why_not(verdict));
	uint64_t body_bytes = (uint64_t)ret_header->key_bytes + ret_header->state_bytes;
	const uint8_t *body = (const uint8_t *)s->block + WR_SNAPSHOT_HEADER_BYTES;
	if (body_bytes > file_bytes - WR_SNAPSHOT_HEADER_BYTES ||
	    (wr_crc32c(WR_SNAPSHOT_CRC_SEED, body, (size_t)body_bytes) != ret_header->body_crc &&
	     !WR_BUG(SNAPSHOT_UNCHECKED)))
		return passed_over(s, name, "it is damaged");
	return 0;
}

static bool is_of(const struct wr_snapshot_header *h, const struct wr_snapshot_id *id,
		  const uint8_t *key)
{
	return h->schema_version == id->schema_version && h->name_bytes == id->name_bytes &&
	       memcmp(h->name, id->name, id->name_bytes) == 0 && h->key_bytes == id->key_bytes &&
	       (id->key_bytes == 0 || memcmp(key, id->key, id->key_bytes) == 0);
}

int wr_snapshot_read(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t sequence,
		     struct wr_snapshot_header *h, struct weir_snapshot *s)
{
	struct wr_storage *storage = p->host.storage;
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t file;
	wr_snapshot_file_name(name, id, sequence);
	int rc = storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &file);
	if (rc != 0) /* -ENOENT: a put has removed it meanwhile */
		return rc == -ENOENT ? passed_over(s, name, "it has gone") : rc;
	rc = read_file(p, file, name, h, s);
	(void)storage->ops->file_close(storage, file);
	const uint8_t *body = (const uint8_t *)s->block + WR_SNAPSHOT_HEADER_BYTES;
	if (rc == 0 && (h->sequence != sequence || !is_of(h, id, body)))
		rc = passed_over(s, name, "it is of another name");
	if (rc == 0 && wr_is_erased_key(p, id->key, id->key_bytes, sequence))
		rc = passed_over(s, name, "its key was erased");
	const char *foreign = rc == 0 ? why_foreign(p, h) : NULL;
	if (foreign != NULL)
		rc = passed_over(s, name, foreign);
	if (rc == -EIO)
		rc = passed_over(s, name, "it cannot be read");
	if (rc != 0) {
		weir_snapshot_free(p, s);
		return rc;
	}
	s->pos = (struct weir_pos){.sequence = sequence, .epoch = h->epoch, .log = h->log_id};
	s->append_time_us = h->append_time_us;
	s->event_time_us = h->event_time_us;
	s->taken_us = h->taken_us;
	s->complete = (h->flags & WR_SNAPSHOT_COMPLETE) != 0;
	s->state = body + h->key_bytes;
	s->state_bytes = (size_t)h->state_bytes;
	return 0;
}

/* ---- which ---- */

struct newest {
	const struct wr_snapshot_id *id;
	uint64_t most, found;
};

static int look_at_name(void *context, const char *name)
{
	struct newest *n = context;
	uint64_t sequence;
	if (wr_snapshot_file_is_of(name, n->id, false, &sequence) && sequence <= n->most)
		n->found = wr_max_u64(n->found, sequence);
	return 0;
}

int wr_snapshot_newest(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t most,
		       uint64_t *ret_sequence)
{
	struct newest n = {.id = id, .most = most};
	int rc = p->host.storage->ops->file_each(p->host.storage, look_at_name, &n);
	*ret_sequence = n.found;
	return rc;
}

static bool holds(const struct weir_snapshot_query *q, const struct weir_snapshot *s)
{
	return s->append_time_us <= q->up_to_time_us && (s->complete || !q->complete) &&
	       (q->up_to_event_time_us == UINT64_MAX ||
		(s->event_time_us != 0 && s->event_time_us <= q->up_to_event_time_us));
}

static int find(struct weir_pipeline *p, const struct weir_snapshot_query *q,
		const struct wr_snapshot_id *id, struct weir_snapshot *s)
{
	uint64_t most = WR_BUG(SNAPSHOT_OF_LATER) ? UINT64_MAX : q->up_to_sequence, sequence = 0;
	int rc = 0;
	while (most > 0 && (rc = wr_snapshot_newest(p, id, most, &sequence)) == 0 && sequence > 0) {
		struct wr_snapshot_header header;
		rc = wr_snapshot_read(p, id, sequence, &header, s);
		if (rc == 0 && holds(q, s))
			return 0;
		if (rc == 0)
			weir_snapshot_free(p, s);
		else if (rc != -ENOENT)
			return rc;
		else
			s->ignored++;
		most = sequence - 1;
	}
	return rc < 0 && rc != -ENOENT ? rc : -ENOENT;
}

int weir_snapshot_load(struct weir_pipeline *p, const struct weir_snapshot_query *q,
		       struct weir_snapshot *ret_snapshot, struct weir_problem *reterr_problem)
{
	struct wr_snapshot_id id;
	int rc = wr_null_check(q, ret_snapshot, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(q->struct_bytes, sizeof *q, "weir_snapshot_query_init",
				   reterr_problem);
	if (rc == 0)
		rc = wr_snapshot_id_of(q->name, q->key, q->key_bytes, q->schema_version, &id,
				       reterr_problem);
	if (rc == 0)
		rc = wr_snapshot_may(p, reterr_problem);
	if (rc != 0)
		return rc;
	*ret_snapshot = (struct weir_snapshot){.block = NULL};
	wr_pipeline_stay(p);
	rc = find(p, q, &id, ret_snapshot);
	wr_pipeline_go(p);
	if (rc != 0)
		return wr_problem_set(reterr_problem, rc, "name",
				      rc == -ENOENT ? "there is no snapshot that this holds for"
						    : weir_strerror(rc));
	return 0;
}

void weir_snapshot_free(struct weir_pipeline *p, struct weir_snapshot *s)
{
	wr_memory_free_payload(p->host.memory, s->block, s->block_bytes);
	s->block = NULL;
	s->block_bytes = s->state_bytes = 0;
	s->state = NULL;
}
