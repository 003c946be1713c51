/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_chain_verify(): the walk of core/journal/verify.h, which says what is damaged, and beside it
 * the chain over what is there (core/record/chain.h), from the oldest batch that is left on.
 *
 * The first break is told and the others are not: behind it the link is taken as the medium has it,
 * so that one change is not a thousand. Read-only; thread: the caller's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/record/chain.h"
#include "core/record/left_out.h"
#include "io/chain_key.h"
#include "io/journal_inspect.h"

#define TRIES 5u

struct chain_walk {
	const struct weir_chain_check *check;
	struct weir_chain_report *report;
	const struct wr_superblock *superblock; /* of the walk */
	struct wr_chain_key key;
	struct wr_chain_secret secret;
	bool has_key; /* made of the secret, with the first batch */
	bool has_link;
	bool any; /* a batch was seen */
	uint8_t link[WR_CHAIN_LINK_BYTES];
	bool is_met; /* the head that was noted */
};

static void tell_break(struct chain_walk *w, const struct wr_batch_header *h, const char *text)
{
	struct weir_chain_report *r = w->report;

	if (r->broken)
		return;
	r->broken = true;
	r->broken_sequence = h->first_seq;
	r->broken_segment_id = h->segment_id;
	r->broken_offset = h->segment_offset;
	snprintf(r->text, sizeof r->text, "%s", text);
}

/* A batch that has a link. */
static void follow(struct chain_walk *w, const struct wr_batch_header *h)
{
	struct weir_chain_report *r = w->report;
	bool begins = (h->features_may & WR_BATCH_LINK_BEGINS) != 0;
	bool is_whole = wr_left_out_count(h) == 0;

	if (begins) {
		r->beginnings++;
		r->begins_sequence = r->linked_batches == 0 ? h->first_seq : r->begins_sequence;
	} else if (!w->any) {
		r->begins_sequence = h->first_seq;
		r->is_cut_at_front = true;
	} else if (!w->has_link) {
		tell_break(w, h,
			   "the batch before this one has no link, and this one goes on from "
			   "a link: links were taken out");
	}
	if ((begins || w->has_link) && !wr_chain_link_is_good(&w->key, w->link, h))
		tell_break(w, h,
			   "the link is not the one that follows: this batch or its header "
			   "was changed, or what stood before it was changed, removed or put in");
	if (!is_whole)
		r->altered_batches++;
	else if (!wr_chain_tag_is_good(&w->key, h))
		tell_break(w, h, "the tag is wrong: what is in this batch was changed");
	else
		r->proven_records += h->record_count;
	memcpy(w->link, h->link, sizeof w->link);
	w->has_link = true;
	r->linked_batches++;
	r->head_sequence = h->first_seq + h->record_count - 1;
	memcpy(r->head_link, h->link, sizeof r->head_link);
}

static void compare_head(struct chain_walk *w, const struct wr_batch_header *h)
{
	const struct weir_chain_check *c = w->check;

	/* Several batches can end with one sequence: evidence and fillers hold no record. */
	if (c->expect && h->first_seq + h->record_count - 1 == c->expect_sequence &&
	    memcmp(h->link, c->expect_link, sizeof h->link) == 0)
		w->is_met = true;
}

static int on_any_batch(void *context, const struct wr_batch_header *h)
{
	struct chain_walk *w = context;

	if (!w->has_key) {
		wr_chain_key_make(&w->key, &w->secret, w->superblock->uuid, h->log_id);
		w->has_key = true;
	}
	w->report->batches++;
	if ((h->features_may & WR_BATCH_LINKED) != 0) {
		follow(w, h);
		compare_head(w, h);
	} else if (w->has_link) {
		tell_break(w, h,
			   "this batch has no link, and the one before it has: it was put in, "
			   "or its link was taken out");
		w->has_link = false;
	} else {
		w->has_link = false;
	}
	w->any = true;
	return 0;
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	struct chain_walk *w = context;

	w->report->corrupt_count += damage->corrupt;
	return 0;
}

/* What was noted, against what there is. */
static void judge_expected(const struct chain_walk *w, uint64_t oldest_seq)
{
	struct weir_chain_report *r = w->report;

	if (!w->check->expect)
		return;
	if (w->is_met)
		r->expected = WEIR_CHAIN_HEAD_FOUND;
	else if (w->check->expect_sequence < oldest_seq)
		r->expected = WEIR_CHAIN_HEAD_RETIRED;
	else
		r->expected = WEIR_CHAIN_HEAD_MISSING;
}

static int walk(struct wr_inspect *in, struct chain_walk *w, struct weir_problem *reterr_problem)
{
	struct wr_verify_report verify;
	const struct wr_verify_visitor visitor = {
		.damage = on_damage,
		.any_batch = on_any_batch,
		.context = w,
		.is_dense = true,
	};
	int code = WEIR_E_AGAIN;

	/* Beside an owner: a segment that left in the middle would look like one that was taken. */
	for (uint32_t i = 0; i < TRIES && code == WEIR_E_AGAIN; i++) {
		*w->report = (struct weir_chain_report){.struct_bytes = sizeof *w->report};
		verify = (struct wr_verify_report){.oldest_seq = 0};
		w->superblock = &verify.superblock;
		w->has_link = w->any = w->is_met = w->has_key = false;
		code = wr_verify_run(in->storage, &in->memory.memory, 0, UINT64_MAX, &visitor,
				     &verify, reterr_problem);
	}
	if (code < 0)
		return code;
	w->report->oldest_sequence = verify.oldest_seq;
	w->report->last_sequence = verify.last_seq;
	judge_expected(w, verify.oldest_seq);
	return 0;
}

void weir_chain_check_init(struct weir_chain_check *check)
{
	*check = (struct weir_chain_check){.struct_bytes = sizeof *check};
}

int weir_chain_verify(const char *dir, const struct weir_chain_check *check,
		      struct weir_chain_report *ret_report, struct weir_problem *reterr_problem)
{
	struct weir_chain_report report;
	struct chain_walk w = {.check = check, .report = &report};
	struct wr_inspect in;

	if (dir == NULL || check == NULL || check->struct_bytes != sizeof *check ||
	    check->key_file == NULL || ret_report == NULL)
		return -EINVAL;
	int code = wr_chain_secret_read(check->key_file, &w.secret, reterr_problem);
	if (code < 0)
		return code;
	code = wr_inspect_open(&in, dir, NULL, reterr_problem);
	if (code == 0)
		code = walk(&in, &w, reterr_problem);
	wr_inspect_close(&in);
	explicit_bzero(&w.key, sizeof w.key);
	wr_chain_secret_forget(&w.secret);
	if (code == 0)
		*ret_report = report;
	return code;
}
