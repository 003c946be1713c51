/* SPDX-License-Identifier: Apache-2.0 */
/* See versions.h. */
#include "core/log/versions.h"

#include <errno.h>

#include <weir/error.h>
#include <weir/event.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/siphash.h"

#define NONE UINT32_MAX
/* Places for what a checkpoint has to see and the writer changes meanwhile: a sixteenth. */
#define SAVED_SHIFT 4u

/* ---- memory ---- */

/* What a run ends keeps its entry until the run is kept. */
static uint32_t entries_of(const struct wr_versions_limits *l)
{
	return l->keys_max + l->run_records_max;
}

static uint32_t saved_of(const struct wr_versions_limits *l)
{
	return (l->keys_max >> SAVED_SHIFT) + l->run_records_max + 1;
}

size_t wr_versions_bytes(const struct wr_versions_limits *l)
{
	if (l->keys_max == 0)
		return 0;
	return l->topics_max * (sizeof(struct wr_version_topic) + sizeof(uint32_t)) +
	       entries_of(l) * sizeof(struct wr_version_entry) +
	       wr_key_slots_of(entries_of(l)) * sizeof(struct wr_key_slot) +
	       l->run_records_max * sizeof(struct wr_version_pending) +
	       saved_of(l) * sizeof(struct wr_version_copy);
}

int wr_versions_init(struct wr_versions *v, struct wr_memory *memory,
		     const struct wr_versions_limits *limits)
{
	*v = (struct wr_versions){.limits = *limits};
	if (limits->keys_max == 0)
		return 0;
	const struct wr_memory_ops *ops = memory->ops;
	v->index.count = wr_key_slots_of(entries_of(limits));
	v->of.saved_max = saved_of(limits);
	v->topics = ops->alloc(memory, limits->topics_max * sizeof *v->topics, 64);
	v->of_topic = ops->alloc(memory, limits->topics_max * sizeof *v->of_topic, 64);
	v->of.all = ops->alloc(memory, entries_of(limits) * sizeof *v->of.all, 64);
	v->index.slots = ops->alloc(memory, v->index.count * sizeof *v->index.slots, 64);
	v->pending = ops->alloc(memory, limits->run_records_max * sizeof *v->pending, 64);
	v->of.saved = ops->alloc(memory, v->of.saved_max * sizeof *v->of.saved, 64);
	if (v->topics == NULL || v->of_topic == NULL || v->of.all == NULL ||
	    v->index.slots == NULL || v->pending == NULL || v->of.saved == NULL) {
		wr_versions_fini(v, memory);
		return -ENOMEM;
	}
	return 0;
}

static void give_back(struct wr_memory *memory, void *p, size_t bytes)
{
	if (p != NULL)
		memory->ops->free(memory, p, bytes);
}

void wr_versions_fini(struct wr_versions *v, struct wr_memory *memory)
{
	const struct wr_versions_limits *l = &v->limits;
	give_back(memory, v->topics, l->topics_max * sizeof *v->topics);
	give_back(memory, v->of_topic, l->topics_max * sizeof *v->of_topic);
	give_back(memory, v->of.all, entries_of(l) * sizeof *v->of.all);
	give_back(memory, v->index.slots, v->index.count * sizeof *v->index.slots);
	give_back(memory, v->pending, l->run_records_max * sizeof *v->pending);
	give_back(memory, v->of.saved, v->of.saved_max * sizeof *v->of.saved);
	*v = (struct wr_versions){.limits = *l};
}

void wr_versions_reset(struct wr_versions *v)
{
	if (v->topic_count == 0)
		return;
	memset(v->of_topic, 0, v->limits.topics_max * sizeof *v->of_topic);
	memset(v->of.all, 0, v->entry_count * sizeof *v->of.all);
	memset(v->index.slots, 0, v->index.count * sizeof *v->index.slots);
	v->topic_count = v->keys_given = v->entry_count = v->free = 0;
	v->pending_count = v->of.saved_count = v->captured_topics = 0;
	v->of.capture = v->of.captured_count = 0;
	v->of.captured = false;
}

/* ---- definitions ---- */

void wr_versions_define(struct wr_versions *v, uint32_t topic,
			const struct wr_control_versions *def)
{
	WR_ASSERT(wr_versions_fit(v, def->keys) && topic < v->limits.topics_max);
	v->topics[v->topic_count++] = (struct wr_version_topic){.def = *def, .topic = topic};
	v->keys_given += def->keys;
	v->of_topic[topic] = v->topic_count;
}

void wr_versions_undefine(struct wr_versions *v)
{
	const struct wr_version_topic *t = &v->topics[--v->topic_count];
	v->of_topic[t->topic] = 0;
	v->keys_given -= t->def.keys;
}

/* ---- entries ---- */

static uint32_t next_free(const struct wr_versions *v)
{
	return v->free != 0 ? v->free - 1 : v->entry_count;
}

/* An entry without an event, in the index. */
static uint32_t add_entry(struct wr_versions *v, const struct wr_version_candidate *c)
{
	uint32_t entry = next_free(v);
	WR_ASSERT(entry < entries_of(&v->limits));
	if (v->free != 0)
		v->free = v->of.all[entry].next_free;
	else
		v->entry_count++;
	wr_version_set_topic(&v->of, entry, (uint32_t)(c->topic - v->topics) + 1, c->hash);
	wr_key_add(&v->index, (uint32_t)c->hash[0], entry);
	return entry;
}

static void remove_entry(struct wr_versions *v, uint32_t entry)
{
	static const struct wr_version_state nothing;
	static const uint64_t no_hash[2];
	struct wr_version_entry *e = &v->of.all[entry];
	uint32_t i = wr_key_slot_of(&v->index, (uint32_t)wr_load_relaxed(&e->hash[0]), entry);
	WR_ASSERT(i < v->index.count);
	wr_key_remove(&v->index, i);
	wr_version_set_state(&v->of, entry, &nothing);
	wr_version_set_topic(&v->of, entry, 0, no_hash);
	e->next_free = v->free;
	v->free = entry + 1;
}

uint32_t wr_versions_find(const struct wr_versions *v, const struct wr_version_candidate *c)
{
	const struct wr_key_index *x = &v->index;
	uint32_t topic = (uint32_t)(c->topic - v->topics) + 1;
	uint32_t print = (uint32_t)c->hash[0];
	uint32_t i = wr_key_home(x, print);
	for (uint32_t away = 0; wr_key_may_be_at(x, i, away); away++, i = wr_key_next(x, i)) {
		if (x->slots[i].print != print)
			continue;
		struct wr_version_entry *e = &v->of.all[x->slots[i].entry - 1];
		if (wr_load_relaxed(&e->topic) == topic && /* own */
		    wr_load_relaxed(&e->hash[0]) == c->hash[0] &&
		    wr_load_relaxed(&e->hash[1]) == c->hash[1])
			return x->slots[i].entry - 1;
	}
	return NONE;
}

/* ---- deciding ---- */

static uint64_t print_of_id(const struct wr_version_topic *t, const struct wr_record_view *view)
{
	struct wr_option id;
	uint64_t hash[2];
	if (!wr_option_find(view, WR_OPTION_EVENT_ID, &id) || id.value_bytes == 0)
		return 0;
	wr_siphash128(t->def.secret, id.value, id.value_bytes, hash);
	return hash[0] | 1; /* 0 says that there is none */
}

static bool is_met(uint64_t expected, uint64_t version)
{
	switch (expected) {
	case WEIR_VERSION_ANY:
		return true;
	case WEIR_VERSION_NONE:
		return version == 0;
	case WEIR_VERSION_SOME:
		return version != 0;
	default:
		return expected == version;
	}
}

/* The key's last event is this one: it expected what was there before it. */
static bool is_repeat(const struct wr_version_candidate *c, uint64_t expected)
{
	uint64_t before = expected == WEIR_VERSION_NONE ? 0 : expected;
	return c->id_print != 0 && c->id_print == c->now.id_print &&
	       expected != WEIR_VERSION_SOME && c->now.version == before + 1;
}

/* Whether the checkpoint that is being written is in the way of a change of an entry. */
static bool is_blocked(struct wr_versions *v, uint32_t entry)
{
	/* Those that a run has changed already are saved when it is kept. */
	return v->of.saved_max - 1 - v->of.saved_count <= v->pending_count &&
	       wr_version_is_held(&v->of, entry == NONE ? next_free(v) : entry);
}

static void look_up(struct wr_versions *v, struct wr_version_candidate *c)
{
	c->entry = wr_versions_find(v, c);
	c->now = (struct wr_version_state){0};
	if (c->entry == NONE)
		return;
	uint32_t pending = v->of.all[c->entry].pending;
	c->now = pending != 0 ? v->pending[pending - 1].state
			      : wr_version_state_now(&v->of.all[c->entry]);
}

static int decide(struct wr_versions *v, struct wr_version_candidate *c,
		  const struct wr_version_option *option, bool replay)
{
	struct wr_version_topic *t = c->topic;
	bool is_met_now = is_met(option->expected, c->now.version) || WR_BUG(VERSION_UNCHECKED);
	if (!is_met_now && is_repeat(c, option->expected) && !WR_BUG(VERSION_REPEAT_REFUSED))
		return WEIR_E_DUPLICATE;
	if (!is_met_now) {
		wr_store_relaxed(&t->conflicts, wr_load_relaxed(&t->conflicts) + 1); /* own */
		return WEIR_E_CONFLICT;
	}
	bool is_one_too_many = c->now.version == 0 && !c->ends &&
			       wr_load_relaxed(&t->held) >= t->def.keys; /* own */
	if (replay)
		return option->version == c->now.version + 1 && !is_one_too_many ? 0 : -EINVAL;
	if (is_one_too_many)
		return WEIR_E_FULL;
	return is_blocked(v, c->entry) ? WEIR_E_AGAIN : 0;
}

int wr_versions_check(struct wr_versions *v, const struct wr_record_view *view, bool replay,
		      struct wr_version_candidate *c)
{
	struct wr_version_option option;
	*c = (struct wr_version_candidate){.entry = NONE};
	struct wr_version_topic *t = wr_versions_topic(v, view->head->topic);
	bool is_there = wr_version_find(view, &option);
	c->ends = (view->head->flags & WR_RECORD_KEY_ENDS) != 0;
	/* What has no such option is not counted, whatever its flags say: the writer's fast way
	 * does not look at them. */
	if (!is_there)
		return 0;
	if (t == NULL || view->head->key_bytes == 0)
		return -EINVAL;
	c->topic = t;
	if (option.expected == WR_VERSION_ASKED) {
		/* Who asks has made the hash. It is never in a log. */
		if (replay || view->head->key_bytes != sizeof c->hash)
			return -EINVAL;
		memcpy(c->hash, view->key, sizeof c->hash);
		c->asked = true;
		look_up(v, c);
		return WEIR_E_CONFLICT;
	}
	wr_siphash128(t->def.secret, view->key, view->head->key_bytes, c->hash);
	c->id_print = print_of_id(t, view);
	look_up(v, c);
	return decide(v, c, &option, replay);
}

/* ---- taking in ---- */

static void count_held(struct wr_version_topic *t, uint64_t before, uint64_t after)
{
	uint64_t held = wr_load_relaxed(&t->held); /* own */
	wr_store_relaxed(&t->held, held + (after != 0) - (before != 0));
}

static struct wr_version_topic *topic_of(const struct wr_versions *v, uint32_t entry)
{
	return &v->topics[wr_load_relaxed(&v->of.all[entry].topic) - 1]; /* own */
}

/* A key that has ended, or never began, leaves its entry. */
static void apply(struct wr_versions *v, uint32_t entry, const struct wr_version_state *s)
{
	if (s->version == 0)
		remove_entry(v, entry);
	else
		wr_version_set_state(&v->of, entry, s);
}

void wr_versions_restore(struct wr_versions *v, const struct wr_version_candidate *c,
			 const struct wr_version_state *state)
{
	count_held(c->topic, 0, state->version);
	wr_version_set_state(&v->of, add_entry(v, c), state);
}

static void put_off(struct wr_versions *v, uint32_t entry, bool is_new,
		    const struct wr_version_state *s)
{
	struct wr_version_entry *e = &v->of.all[entry];
	if (e->pending == 0) {
		WR_ASSERT(v->pending_count < v->limits.run_records_max);
		v->pending[v->pending_count++].entry = entry;
		e->pending = v->pending_count;
		v->pending[e->pending - 1].is_new = is_new;
	}
	v->pending[e->pending - 1].state = *s;
}

void wr_versions_take(struct wr_versions *v, const struct wr_version_candidate *c, uint64_t seq,
		      bool undoable)
{
	struct wr_version_state s = {
		.version = c->now.version + 1,
		.last_seq = seq,
		.id_print = c->id_print,
	};
	uint32_t entry = c->entry;
	if (c->topic == NULL)
		return;
	if (c->ends && !WR_BUG(VERSION_NEVER_ENDS))
		s = (struct wr_version_state){0};
	count_held(c->topic, c->now.version, s.version);
	if (entry == NONE && c->ends && !undoable)
		return; /* its first event was its last */
	if (entry == NONE)
		entry = add_entry(v, c);
	if (undoable)
		put_off(v, entry, c->entry == NONE, &s);
	else
		apply(v, entry, &s);
}

void wr_versions_undo(struct wr_versions *v)
{
	/* Backwards: the list of free entries is as it was, too. */
	while (v->pending_count > 0) {
		const struct wr_version_pending *p = &v->pending[--v->pending_count];
		struct wr_version_entry *e = &v->of.all[p->entry];
		e->pending = 0;
		count_held(topic_of(v, p->entry), p->state.version, wr_load_relaxed(&e->version));
		if (WR_BUG(VERSION_KEEPS_REFUSED))
			apply(v, p->entry, &p->state);
		else if (p->is_new)
			remove_entry(v, p->entry);
	}
}

void wr_versions_keep(struct wr_versions *v)
{
	for (uint32_t i = 0; i < v->pending_count; i++) {
		v->of.all[v->pending[i].entry].pending = 0;
		apply(v, v->pending[i].entry, &v->pending[i].state);
	}
	v->pending_count = 0;
}
