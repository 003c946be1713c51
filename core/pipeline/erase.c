/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erasing keys, as the pipeline sees it: the call, the question of readers, and what lies beside
 * the log: snapshots of a key. Their files are gone through by the packer's thread, some names at a
 * time, in the order of their names; one that is damaged or was never finished goes as well: nobody
 * can say whose it is, and it is of no use.
 */
#include "core/pipeline/erase.h"

#include <errno.h>
#include <stdio.h>

#include <weir/erase.h>

#include "core/base/bug.h"
#include "core/pipeline/snapshot.h"
#include "core/record/origin.h"

_Static_assert(offsetof(struct wr_origin, seq) == WR_ORIGIN_SEQ_AT &&
		       offsetof(struct wr_origin, topic) == WR_ORIGIN_TOPIC_AT,
	       "the writer reads both");

#define WAIT_NS 1000000ull
#define NAMES_AT_ONCE 64u
/* A header, and the longest key. */
#define READ_BYTES (WR_SNAPSHOT_HEADER_BYTES + 16u * WR_STORAGE_BLOCK_BYTES)

/* ---- the question ---- */

static uint64_t erased_by(struct weir_pipeline *p, const struct wr_record *r, uint64_t seq)
{
	struct wr_erasures *e = &p->tables.erasures;
	const uint8_t *key = (const uint8_t *)r + WR_RECORD_HEAD_BYTES + r->option_bytes;
	struct wr_record_view view;
	struct wr_option option;

	if ((r->flags & WR_RECORD_KEYLESS) != 0 || r->key_bytes == 0)
		return 0;
	uint64_t by_seq = wr_erasures_by(e, key, r->key_bytes, r->topic, seq);
	if (by_seq != 0)
		return by_seq;
	if (r->option_bytes == 0 || !wr_record_view(r, r->bytes, &view) ||
	    !wr_option_find(&view, WR_OPTION_ORIGIN, &option) ||
	    option.value_bytes < sizeof(struct wr_origin))
		return 0;
	uint32_t from = wr_get_u32(option.value + offsetof(struct wr_origin, topic));
	return wr_erasures_by(e, key, r->key_bytes, from, seq);
}

bool wr_is_erased(struct weir_pipeline *p, const struct wr_record *r, uint64_t seq)
{
	return erased_by(p, r, seq) != 0;
}

bool wr_is_erased_key(struct weir_pipeline *p, const void *key, uint32_t key_bytes, uint64_t seq)
{
	struct wr_erasures *e = &p->tables.erasures;
	uint32_t topics = wr_catalog_topic_count(&p->tables.catalog);

	if (key_bytes == 0 || seq >= wr_erased_end(p))
		return false;
	if (wr_erasures_has(e, key, key_bytes, WR_ERASE_ALL_TOPICS, seq))
		return true;
	for (uint32_t i = 0; i < topics; i++)
		if (wr_erasures_has(e, key, key_bytes, i, seq))
			return true;
	return false;
}

static uint64_t by(void *context, uint64_t seq, const struct wr_record_view *event)
{
	return erased_by(context, event->head, seq);
}

/* ---- what a poll does ---- */

bool wr_member_leave_erased(struct weir_member *m, const struct wr_record *r,
			    struct weir_item *item)
{
	if (m->keeps_erased || !wr_is_erased(m->pipeline, r, item->sequence) ||
	    WR_BUG(ERASED_HANDED_OUT))
		return false;
	if (weir_ack(m, item) == 0)
		return true;
	item->kind = WEIR_ITEM_GAP;
	item->flags |= WEIR_ITEM_ERASED;
	item->key = item->payload = NULL;
	item->key_bytes = 0;
	item->payload_bytes = 0;
	item->record = NULL; /* its bytes stay: who acknowledges it takes them off the lag */
	return false;
}

/* ---- beside the log ---- */

static bool enter(void *context)
{
	struct weir_pipeline *p = context;
	uint32_t count = wr_load_relaxed(&p->beside);
	return count != WR_BESIDE_HELD && wr_cas_acq_rel(&p->beside, &count, count + 1); /* ER3 */
}

void wr_beside_enter(struct weir_pipeline *p)
{
	while (!enter(p))
		if (wr_pipeline_wait(p, &p->control_parker, enter, p, WAIT_NS) == 0)
			return;
}

void wr_beside_leave(struct weir_pipeline *p)
{
	uint32_t count = wr_load_relaxed(&p->beside);
	while (!wr_cas_acq_rel(&p->beside, &count, count - 1)) /* ER3 */
		;
}

struct names {
	uint32_t count;
	char after[WR_STORAGE_NAME_MAX + 1]; /* all up to this one were looked at */
	char name[NAMES_AT_ONCE][WR_STORAGE_NAME_MAX + 1];
};

/* The first ones behind `after`, in order. */
static int take_name(void *context, const char *name)
{
	struct names *n = context;
	uint32_t at;

	if (!wr_snapshot_file_is_one(name) || strcmp(name, n->after) <= 0)
		return 0;
	for (at = n->count; at > 0 && strcmp(name, n->name[at - 1]) < 0; at--)
		;
	if (at == NAMES_AT_ONCE)
		return 0;
	uint32_t behind = n->count - at;
	if (n->count == NAMES_AT_ONCE)
		behind--;
	else
		n->count++;
	memmove(n->name[at + 1], n->name[at], behind * sizeof n->name[0]);
	(void)snprintf(n->name[at], sizeof n->name[at], "%s", name);
	return 0;
}

/* 1: it has to go; 0: it stays; negative: nobody knows. */
static int look_at(struct weir_pipeline *p, uint32_t file, uint8_t *buffer)
{
	struct wr_storage *storage = p->host.storage;
	struct wr_snapshot_header h;
	uint64_t bytes = 0;
	int rc = storage->ops->file_bytes(storage, file, &bytes);

	if (rc < 0)
		return rc;
	memset(buffer, 0, READ_BYTES);
	int64_t n = storage->ops->read(storage, file, buffer, READ_BYTES, 0);
	if (n < 0)
		return (int)n;
	enum wr_snapshot_verdict verdict = wr_snapshot_decode(buffer, &h);
	if (verdict == WR_SNAPSHOT_NEWER)
		return WEIR_E_FORMAT;
	if (verdict != WR_SNAPSHOT_GOOD)
		return 1;
	if (memcmp(h.uuid, p->recovered.superblock.uuid, WR_UUID_BYTES) != 0)
		return 0; /* of another journal */
	return wr_is_erased_key(p, buffer + WR_SNAPSHOT_HEADER_BYTES, h.key_bytes, h.sequence) ? 1
											       : 0;
}

static int remove_if_erased(struct weir_pipeline *p, const char *name, uint8_t *buffer)
{
	struct wr_storage *storage = p->host.storage;
	uint32_t file;
	int rc = storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &file);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc; /* a put has removed it meanwhile */
	rc = look_at(p, file, buffer);
	(void)storage->ops->file_close(storage, file);
	if (rc == 1)
		rc = storage->ops->file_remove(storage, name);
	return rc == -ENOENT ? 0 : rc;
}

static int go_through(struct weir_pipeline *p, struct names *names, uint8_t *buffer)
{
	struct wr_storage *storage = p->host.storage;
	int failed = 0;

	memset(names->after, 0, sizeof names->after);
	do {
		names->count = 0;
		int rc = storage->ops->file_each(storage, take_name, names);
		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i < names->count; i++) {
			rc = remove_if_erased(p, names->name[i], buffer);
			failed = rc < 0 ? rc : failed;
		}
		if (names->count > 0)
			memcpy(names->after, names->name[names->count - 1], sizeof names->after);
	} while (names->count == NAMES_AT_ONCE);
	return failed != 0 ? failed : storage->ops->sync_dir(storage);
}

/* By the packer. WEIR_E_AGAIN: a snapshot is being written. */
static int remove_beside(void *context)
{
	struct weir_pipeline *p = context;
	uint32_t none = 0;

	if (!wr_cas_acq_rel(&p->beside, &none, WR_BESIDE_HELD)) /* ER3 */
		return WEIR_E_AGAIN;
	int rc = go_through(p, (struct names *)(p->erase_room + READ_BYTES), p->erase_room);
	wr_store_release(&p->beside, 0u); /* ER3 */
	return rc;
}

uint64_t wr_erase_bytes(const struct weir_options *o)
{
	return o->erasures_max == 0 || o->dir == NULL
		       ? 0
		       : READ_BYTES + wr_round_up(sizeof(struct names), WR_STORAGE_BLOCK_BYTES);
}

void wr_erase_options_of(struct weir_pipeline *p, struct wr_erase_options *ret)
{
	*ret = (struct wr_erase_options){.end_seq = NULL};
	if (p->options.erasures_max == 0)
		return;
	*ret = (struct wr_erase_options){
		.end_seq = &p->tables.erasures.end_seq,
		.by = by,
		.beside = remove_beside,
		.context = p,
	};
}

/* ---- the public doors ---- */

static int ask(struct weir_pipeline *p, uint32_t topic, const void *key, size_t key_bytes,
	       uint64_t *ret_sequence)
{
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + WR_ERASE_BYTES];
	uint8_t payload[WR_ERASE_BYTES];
	struct wr_erasures *e = &p->tables.erasures;
	struct wr_erase erase = {.done_seq = wr_load_acquire(&p->link.erased_seq)}; /* ER2 */
	struct wr_reply reply = {0};
	uint64_t secret[2];

	wr_control_lock(p); /* the first one brings the secret: one at a time */
	wr_siphash128(p->host.secret, "erase", 5, secret);
	memcpy(erase.secret, secret, sizeof erase.secret);
	if (e->has_secret)
		memcpy(erase.secret, e->secret, sizeof erase.secret);
	wr_siphash128(erase.secret, key, key_bytes, erase.hash);
	wr_erase_put(&erase, payload);
	wr_control_write(record, WR_KIND_ERASE, topic, 0, NULL, 0, payload, sizeof payload);
	int rc = wr_control_call(p, record, sizeof record, &reply);
	wr_control_unlock(p);
	if (rc == 0 && ret_sequence != NULL)
		*ret_sequence = reply.sequence;
	return rc;
}

int weir_erase_key(struct weir_pipeline *p, uint32_t topic, const void *key, size_t key_bytes,
		   uint64_t *ret_sequence, struct weir_problem *reterr_problem)
{
	char text[sizeof reterr_problem->text];

	if (key == NULL || key_bytes == 0 || key_bytes > WR_KEY_BYTES_MAX)
		return wr_problem_set(reterr_problem, -EINVAL, "key", "1 to 65535 bytes");
	if (p->journal == NULL || p->options.erasures_max == 0)
		return wr_problem_set(reterr_problem, -EINVAL, "erasures_max",
				      "keys are erased from a journal, by a pipeline that was "
				      "opened with erasures_max");
	int rc = wr_pipeline_refused_call(p);
	if (rc == 0)
		rc = ask(p, topic, key, key_bytes, ret_sequence);
	if (rc == WEIR_E_UNKNOWN_NAME)
		return wr_problem_set(reterr_problem, rc, "topic", "no topic has this id");
	if (rc == WEIR_E_FULL) {
		(void)snprintf(text, sizeof text,
			       "erasures_max (%u) is reached: open again when those are done",
			       p->options.erasures_max);
		return wr_problem_set(reterr_problem, rc, "erasures_max", text);
	}
	return wr_problem_in_words(reterr_problem, rc);
}

int weir_erase_status(struct weir_pipeline *p, struct weir_erase_status *ret)
{
	struct wr_journal_stats stats;

	if (p->journal == NULL)
		return -EINVAL;
	uint64_t asked = wr_erasures_end_seq(&p->tables.erasures);
	wr_journal_stats(p->journal, &stats);
	*ret = (struct weir_erase_status){
		.asked_sequence = asked,
		.erased_sequence = stats.erased_seq,
		.bytes_left = asked > stats.erased_seq,
		.waits_for = (enum weir_erase_waits)stats.erase_waits_for,
		.at_sequence = stats.erasing_seq,
	};
	return 0;
}
