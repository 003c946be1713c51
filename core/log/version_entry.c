/* SPDX-License-Identifier: Apache-2.0 */
/* See version_entry.h. */
#include "core/log/version_entry.h"

#include "core/base/assert.h"
#include "core/base/bug.h"

struct wr_version_state wr_version_state_now(struct wr_version_entry *e)
{
	return (struct wr_version_state){
		.version = wr_load_relaxed(&e->version), /* own */
		.last_seq = wr_load_relaxed(&e->last_seq),
		.id_print = wr_load_relaxed(&e->id_print),
	};
}

static void begin_change(struct wr_version_entry *e)
{
	uint32_t change = wr_load_relaxed(&e->change); /* own */
	wr_store_relaxed(&e->change, change + 1);
}

static void end_change(struct wr_version_entry *e)
{
	uint32_t change = wr_load_relaxed(&e->change); /* own */
	wr_store_release(&e->change, change + 1);      /* KV1 */
}

struct wr_version_copy wr_version_copy_now(struct wr_version_entry *e)
{
	return (struct wr_version_copy){
		.topic = wr_load_relaxed(&e->topic), /* own */
		.hash = {wr_load_relaxed(&e->hash[0]), wr_load_relaxed(&e->hash[1])},
		.state = wr_version_state_now(e),
	};
}

bool wr_version_is_held(struct wr_version_entries *of, uint32_t entry)
{
	return of->captured && entry < of->captured_count &&
	       entry >= wr_load_acquire(&of->copied) &&                    /* KV2 */
	       wr_load_relaxed(&of->all[entry].saved_in) != of->capture && /* own */
	       !WR_BUG(VERSION_NOT_SAVED);
}

/* Before a change; between begin_change() and end_change(). There is a place. */
static void save(struct wr_version_entries *of, uint32_t entry)
{
	struct wr_version_entry *e = &of->all[entry];
	if (!wr_version_is_held(of, entry))
		return;
	WR_ASSERT(of->saved_count + 1 < of->saved_max);
	of->saved[++of->saved_count] = wr_version_copy_now(e);
	wr_store_relaxed(&e->saved, of->saved_count); // brought along by the next
	wr_store_release(&e->saved_in, of->capture);  /* KV1 */
}

void wr_version_set_state(struct wr_version_entries *of, uint32_t entry,
			  const struct wr_version_state *s)
{
	struct wr_version_entry *e = &of->all[entry];
	begin_change(e);
	save(of, entry);
	wr_store_release(&e->version, s->version);   /* KV1 */
	wr_store_release(&e->last_seq, s->last_seq); /* KV1 */
	wr_store_release(&e->id_print, s->id_print); /* KV1 */
	end_change(e);
}

void wr_version_set_topic(struct wr_version_entries *of, uint32_t entry, uint32_t topic,
			  const uint64_t hash[2])
{
	struct wr_version_entry *e = &of->all[entry];
	begin_change(e);
	save(of, entry);
	wr_store_release(&e->topic, topic);     /* KV1 */
	wr_store_release(&e->hash[0], hash[0]); /* KV1 */
	wr_store_release(&e->hash[1], hash[1]); /* KV1 */
	end_change(e);
}

void wr_version_capture(struct wr_version_entries *of, uint32_t count)
{
	of->captured_count = count;
	of->saved_count = 0;
	of->captured = true;
	/* Numbers come again after 2^32 captures: an entry untouched for so long is not there. */
	of->capture = of->capture + 1 != 0 ? of->capture + 1 : 1;
	wr_store_relaxed(&of->copied, 0u); /* handed over with the slot, by K1 */
}

bool wr_version_try_copy(const struct wr_version_entries *of, uint32_t entry,
			 struct wr_version_copy *ret)
{
	struct wr_version_entry *e = &of->all[entry];
	uint32_t before = wr_load_acquire(&e->change); /* KV1 */
	if (before % 2 != 0)
		return false;
	uint32_t saved_in = wr_load_acquire(&e->saved_in); /* KV1 */
	uint32_t saved = wr_load_relaxed(&e->saved);
	ret->topic = wr_load_acquire(&e->topic); /* KV1 */
	ret->zero = 0;
	ret->hash[0] = wr_load_acquire(&e->hash[0]);         /* KV1 */
	ret->hash[1] = wr_load_acquire(&e->hash[1]);         /* KV1 */
	ret->state.version = wr_load_acquire(&e->version);   /* KV1 */
	ret->state.last_seq = wr_load_acquire(&e->last_seq); /* KV1 */
	ret->state.id_print = wr_load_acquire(&e->id_print); /* KV1 */
	if (wr_load_relaxed(&e->change) != before)
		return false;
	if (saved_in == of->capture)
		*ret = of->saved[saved];
	return true;
}
