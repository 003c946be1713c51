/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/router.h"

#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/lag_count.h"
#include "core/pipeline/route_rules.h"
#include "core/record/recipients.h"

/* Records looked at in a step: so long the groups wait. */
#define RECORDS_A_STEP 1024u
#define ROUNDS_A_STEP 8u

/* ---- what is kept for a subscription ---- */

struct layout {
	size_t live_end, behind, bits, total;
};

static struct layout layout_of(const struct wr_route *route)
{
	struct layout l = {0};
	(void)wr_add_part(&l.total, sizeof *route);
	l.live_end = wr_add_part(&l.total, route->chunk_count * sizeof *route->live_end);
	l.behind = wr_add_part(&l.total, route->slot_count * sizeof *route->behind);
	l.bits = wr_add_part(&l.total, ((size_t)route->chunk_count + route->slot_count) *
					       route->words * sizeof *route->bits);
	return l;
}

int wr_route_attach(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	struct wr_route sizes = {
		.live = live,
		.words = (p->chunks.column_count + 63) / 64,
		.chunk_count = p->chunks.chunk_count,
		.slot_count = p->catchup != NULL ? p->catchup->slot_count : 0,
	};
	if (wr_route_of(live) != NULL)
		return 0;
	struct layout l = layout_of(&sizes);
	uint8_t *block = p->host.memory->ops->alloc(p->host.memory, l.total, WR_LINE_BYTES);
	if (block == NULL)
		return -ENOMEM;
	struct wr_route *route = (struct wr_route *)block;
	*route = sizes;
	route->block_bytes = l.total;
	route->live_end = (wr_atomic_u64 *)(block + l.live_end);
	route->behind = (wr_atomic_u64 *)(block + l.behind);
	route->bits = (wr_atomic_u64 *)(block + l.bits);
	/* Nothing below is unsettled now; a seek moves it back. */
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	uint32_t rows = s->order == WR_ORDER_PARTITION ? s->row_count : 1;
	route->next_seq = UINT64_MAX;
	for (uint32_t r = 0; r < rows; r++)
		route->next_seq = wr_min_u64(
			route->next_seq,
			wr_load_relaxed(&p->tables.settle.rows[s->row_first + r].position));
	wr_store_relaxed(&route->counted_to, route->next_seq);
	wr_store_release(&live->route, route);   /* RT0 */
	(void)wr_add_seq(&p->sharing_count, 1u); /* X2 */
	return 0;
}

void wr_route_free(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	struct wr_route *route = wr_route_of(live);
	if (route != NULL)
		p->host.memory->ops->free(p->host.memory, route, route->block_bytes);
}

void wr_route_from(struct wr_route *route, uint64_t seq)
{
	route->next_seq = wr_min_u64(route->next_seq, seq);
}

/* ---- which filter counts where ---- */

/*
 * A filter is gone, and the one behind it counts for what was before, too: it may want other events
 * than were handed out there, and of those who copy what nobody wants, too.
 */
static void note_forgotten(struct weir_pipeline *p, const struct wr_rules *rules, uint32_t id,
			   uint64_t end)
{
	for (uint32_t i = 0; i < rules->program_count; i++) {
		const struct wr_program *program = &rules->programs[i];
		struct wr_route *route = wr_route_of(&p->subscriptions[program->subscription]);
		if (route != NULL &&
		    (program->subscription == id || program->join == WR_FILTER_JOIN_NOBODY))
			route->forgotten_to = wr_max_u64(route->forgotten_to, end);
	}
}

/* Before a first filter is in the log, everything is wanted. */
static void set_ranges(struct weir_pipeline *p, struct wr_rules *rules)
{
	const struct wr_filters *f = &p->tables.filters;
	for (uint32_t i = 0; i < rules->program_count; i++) {
		struct wr_program *program = &rules->programs[i];
		uint32_t id = program->subscription;
		const struct wr_filter_version *v = wr_filters_version(f, id, program->number);
		const struct wr_filter_version *next =
			wr_filters_version(f, id, program->number + 1);
		if (v == NULL) {
			bool implied = program->number == 1 && wr_filters_count(f, id) == 0 &&
				       program->term_count == 0 &&
				       program->join != WR_FILTER_JOIN_NOBODY;
			program->from_seq = 0;
			program->end_seq = implied ? UINT64_MAX : 0;
			continue;
		}
		if (v->from_seq < program->from_seq && !WR_BUG(COUNTS_FORGOTTEN))
			note_forgotten(p, rules, id, program->from_seq);
		wr_member_transform_use(&p->subscriptions[id], &program->for_members, v->from_seq);
		program->from_seq = v->from_seq;
		program->end_seq = next != NULL ? next->from_seq : UINT64_MAX;
		if (program->binds && program->target == WR_TARGET_NONE)
			program->end_seq = program->from_seq; /* it binds no more: nothing */
		if (WR_BUG(FILTER_AT_ONCE) && next != NULL)
			program->end_seq = 0; /* and the newest counts for what was before it */
		else if (WR_BUG(FILTER_AT_ONCE))
			program->from_seq = 0;
	}
}

/* The tables are read here only: what was asked for waits for the answer (RT3). */
static void look_for_changes(struct weir_pipeline *p)
{
	struct wr_router *router = &p->router;
	uint64_t changed = wr_load_acquire(&p->tables.filters.changed); /* FT1 */
	uint64_t asked = wr_park_look_u64(&router->asked);              /* RT3 */
	bool takes = asked != wr_load_relaxed(&router->taken);          /* own */
	bool sees = changed != wr_load_relaxed(&router->seen);          /* own */
	if (takes) {
		router->old = router->rules;
		router->rules = router->next;
		wr_rules_follow(router->rules, router->old);
	}
	if (router->rules != NULL)
		wr_rules_look_for_plain(router->rules, p);
	if (!takes && !sees)
		return;
	if (router->rules != NULL)
		set_ranges(p, router->rules);
	wr_publish_round_u64(&router->seen, changed); /* RT3 */
	wr_publish_round_u64(&router->taken, asked);  /* RT3 */
	wr_park_notify(&p->lanes[WR_CONTROL_LANE].parker);
}

/* ---- looking at events ---- */

struct look {
	struct weir_pipeline *pipeline;
	uint32_t topic;
	uint32_t index; /* in the chunk */
	uint64_t seq;
	const struct wr_record *addressed; /* for those that it names only; NULL: for all */
	bool may_be_unrouted;              /* its topic has a subscription for what nobody wants */
	bool wanted;
};

/* Whether a subscription was there for the event, whoever reads it now. */
static bool was_there(const struct look *look, uint32_t id)
{
	const struct wr_subscription *s = &look->pipeline->tables.catalog.subscriptions[id];
	for (uint32_t i = 0; i < s->topic_count; i++)
		if (s->topics[i] == look->topic)
			return s->made_seq <= look->seq || WR_BUG(UNROUTED_MADE_LATER);
	return false;
}

static void take(void *context, const struct wr_program *program)
{
	struct look *look = context;
	struct wr_subscription_live *live = &look->pipeline->subscriptions[program->subscription];
	struct wr_route *route = wr_route_of(live);
	if (look->addressed != NULL && !wr_recipients_names(look->addressed, program->subscription))
		return;
	if (look->may_be_unrouted && !look->wanted)
		look->wanted = was_there(look, program->subscription);
	if (route == NULL || route->now_bits == NULL ||
	    live->row_of_topic[look->topic] == UINT32_MAX)
		return;
	wr_route_set(route->now_bits, look->index);
	route->now_found = true;
}

/* Once, from however many places it is looked at. */
static void tell_unknown(struct weir_pipeline *p, uint64_t seq)
{
	if (wr_seen_has(&p->router.looked, seq))
		return;
	uint64_t count = wr_load_relaxed(&p->router.unknown) + 1;
	wr_store_relaxed(&p->router.unknown, count); /* own */
	if (wr_is_power_of_two(count))
		wr_pipeline_say(
			p, WR_EVENT_FILTER_EVENT_TOO_LARGE,
			WR_FIELDS(wr_field_u64("sequence", seq), wr_field_u64("count", count)),
			"the event at %llu is too large, or has too many headers or "
			"array elements, for filters: filtered subscriptions get it",
			(unsigned long long)seq);
}

/* Bits of [from, end) of a chunk, for all routes that have it in hand. */
static void look_at(struct weir_pipeline *p, const struct wr_chunk *chunk, uint64_t from,
		    uint64_t end)
{
	struct wr_rules *rules = p->router.rules;
	uint32_t mask = wr_chunks_tag_mask(&p->chunks);
	struct look look = {.pipeline = p};
	for (uint64_t seq = from; seq < end; seq++) {
		uint32_t index = (uint32_t)(seq - chunk->first_seq);
		uint32_t tag = chunk->column[index] & mask;
		if ((rules->tags[tag / 64] >> (tag % 64) & 1) == 0)
			continue;
		const struct wr_record *r =
			(const struct wr_record *)(chunk->readable +
						   wr_column_place(&p->chunks,
								   chunk->column[index]));
		/* What is carried was taken long before. */
		if (!wr_record_has_event(r) || r->kind == WR_KIND_CARRIED ||
		    r->topic >= p->options.topics_max)
			continue;
		look.addressed = r->kind == WR_KIND_ADDRESSED ? r : NULL;
		look.topic = r->topic;
		look.index = index;
		look.seq = seq;
		look.wanted = false;
		look.may_be_unrouted = rules->copied_by[r->topic] != 0 && look.addressed == NULL;
		if (!wr_rules_run(rules, r, seq, take, &look))
			tell_unknown(p, seq);
		if (look.may_be_unrouted && !look.wanted)
			wr_rules_take_unrouted(rules, r->topic, seq, take, &look);
	}
	wr_seen_add(&p->router.looked, from, end);
}

/* The routes of subscriptions that are started, one after the other; NULL: no more. */
static struct wr_route *next_route(struct weir_pipeline *p, uint32_t *id)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	while (*id < count) {
		struct wr_subscription_live *live = &p->subscriptions[(*id)++];
		struct wr_route *route = wr_route_of(live);
		if (route != NULL && wr_load_acquire(&live->started) != 0) /* X1 */
			return route;
	}
	return NULL;
}

static void put_down(struct weir_pipeline *p)
{
	uint32_t id = 0;
	for (struct wr_route *route; (route = next_route(p, &id)) != NULL;)
		route->now_bits = NULL;
}

/* ---- live chunks ---- */

/* The first sequence in memory; UINT64_MAX: there is none. */
static uint64_t oldest_in_memory(struct weir_pipeline *p)
{
	struct wr_pin *pin = wr_group_pin(p);
	uint64_t head = wr_load_acquire(&p->chunks.head);                     /* C1 */
	for (uint64_t o = wr_load_acquire(&p->chunks.floor); o < head; o++) { /* the pin decides */
		struct wr_chunk *chunk = wr_chunks_pin(&p->chunks, pin, o);
		if (chunk == NULL)
			continue;
		uint64_t seq = chunk->first_seq;
		wr_chunks_unpin(pin);
		return seq;
	}
	return UINT64_MAX;
}

/*
 * A route goes on in a chunk that it has not begun, or has looked at already: whether it is to be
 * looked at from its place on.
 */
static bool enters(struct wr_route *route, const struct wr_chunk *chunk)
{
	uint64_t done = wr_load_relaxed(&route->live_end[chunk->slot]); /* own */
	uint64_t from = wr_max_u64(chunk->first_seq, done);
	if (route->next_seq != from) {
		route->next_seq = from; /* from its beginning, or behind what is done */
		return false;
	}
	route->now_bits = wr_route_live_bits(route, chunk->slot);
	route->now_found = false;
	route->now_begun = done <= chunk->first_seq;
	for (uint32_t i = 0; route->now_begun && i < route->words; i++)
		wr_store_relaxed(&route->now_bits[i], 0u);
	return true;
}

/* Whoever waits for it is told. */
static void tell_members(struct weir_pipeline *p, const struct wr_route *route)
{
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		if (wr_load_acquire(&m->state) == WR_MEMBER_JOINED && /* M1 */
		    m->subscription == route->live->id && m->sharing == NULL)
			wr_member_tell(p, m);
	}
}

/*
 * Producers may wait until its members tell how far they have read, and publish nothing that the
 * members would be woken by: these are told of the end of what there is, found or not.
 */
static bool holds_producers(const struct wr_route *route)
{
	return wr_load_relaxed(&route->live->when_slow) == WEIR_SLOW_BLOCK;
}

/* All routes that stand at `seq` go on from there, together, up to `limit`. Records looked at. */
static uint32_t go_on(struct weir_pipeline *p, uint64_t seq, uint64_t limit, uint64_t visible)
{
	struct wr_pin *pin = wr_group_pin(p);
	struct wr_chunk *chunk = NULL;
	uint64_t ordinal;
	uint32_t id = 0, count = 0;
	if (wr_chunks_find(&p->chunks, pin, seq, &ordinal))
		chunk = wr_chunks_pin(&p->chunks, pin, ordinal);
	/* It has left memory: who reads it will read it from disk. */
	uint64_t oldest = chunk == NULL ? oldest_in_memory(p) : 0;
	for (struct wr_route *route; (route = next_route(p, &id)) != NULL;) {
		if (route->next_seq != seq)
			continue;
		if (chunk == NULL) {
			route->next_seq = wr_max_u64(seq, oldest != UINT64_MAX ? oldest : seq);
			wr_lag_route_jumps(route,
					   oldest != UINT64_MAX ? route->next_seq : visible + 1);
			tell_members(p, route); /* they may wait for what was left out */
		} else if (enters(route, chunk)) {
			count++;
		}
	}
	if (chunk == NULL)
		return 0;
	uint64_t end = wr_min_u64(wr_chunk_end(chunk, visible), seq + RECORDS_A_STEP);
	end = wr_min_u64(end, limit);
	if (count > 0 && end > seq)
		look_at(p, chunk, seq, end);
	id = 0;
	for (struct wr_route *route; count > 0 && (route = next_route(p, &id)) != NULL;) {
		if (route->now_bits == NULL)
			continue;
		route->now_bits = NULL;
		route->next_seq = end;
		if (end > seq)
			wr_lag_count_looked(p, route, chunk, seq, end);
		wr_route_publish(&route->live_end[chunk->slot], end);
		/*
		 * All of the chunk before is looked at: who sleeps there moves on, or it would hold
		 * it until something is found.
		 */
		if (route->now_found || route->now_begun ||
		    (end > visible && holds_producers(route)))
			tell_members(p, route);
	}
	wr_chunks_unpin(pin);
	return count > 0 ? (uint32_t)(end - seq) : 0;
}

/* Where they stand: the first of all, the last that has something to look at, and the second. */
struct places {
	uint64_t first, second, last;
};

static bool find_places(struct weir_pipeline *p, uint64_t visible, struct places *ret)
{
	uint32_t id = 0;
	*ret = (struct places){.first = UINT64_MAX, .second = UINT64_MAX};
	for (struct wr_route *route; (route = next_route(p, &id)) != NULL;) {
		uint64_t at = route->next_seq;
		if (at < ret->first) {
			ret->second = ret->first;
			ret->first = at;
		} else if (at > ret->first) {
			ret->second = wr_min_u64(ret->second, at);
		}
		if (at <= visible)
			ret->last = wr_max_u64(ret->last, at);
	}
	return ret->first <= visible;
}

int wr_router_step(struct weir_pipeline *p)
{
	struct places places;
	uint32_t looked = 0;
	/* The gate first: filters that were given below it are seen. G1, FT1 */
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	look_for_changes(p);
	if (p->router.rules == NULL)
		return 0;
	for (uint32_t i = 0; i < ROUNDS_A_STEP && looked < RECORDS_A_STEP; i++) {
		if (!find_places(p, visible, &places))
			return looked > 0 ? 1 : 0;
		/* New events for those who are there, and then some for who is behind. */
		if (places.last != places.first)
			looked += go_on(p, places.last, UINT64_MAX, visible);
		looked += go_on(p, places.first, places.second, visible);
	}
	return 1;
}

/* ---- chunks from disk ---- */

static bool prepare_slot(struct weir_pipeline *p, struct wr_catchup_slot *slot)
{
	const struct wr_chunk *chunk = &slot->chunk;
	uint64_t generation = wr_load_relaxed(&slot->generation); /* own */
	uint32_t id = 0, count = 0;
	for (struct wr_route *route; (route = next_route(p, &id)) != NULL;) {
		route->now_bits = NULL;
		if (wr_route_has_slot(route, slot))
			continue;
		route->now_bits = wr_route_behind_bits(route, chunk->slot);
		for (uint32_t i = 0; i < route->words; i++)
			wr_store_relaxed(&route->now_bits[i], 0u);
		count++;
	}
	if (count == 0)
		return false;
	look_at(p, chunk, chunk->first_seq, wr_load_relaxed(&chunk->end_seq)); /* own */
	id = 0;
	for (struct wr_route *route; (route = next_route(p, &id)) != NULL;)
		if (route->now_bits != NULL)
			wr_store_release(&route->behind[chunk->slot], generation); /* RT2 */
	put_down(p);
	return true;
}

bool wr_router_prepare(struct weir_pipeline *p, uint64_t seq)
{
	look_for_changes(p);
	for (uint32_t i = 0; p->router.rules != NULL && i < p->catchup->slot_count; i++) {
		struct wr_catchup_slot *slot = &p->catchup->slots[i];
		if (wr_load_relaxed(&slot->generation) != 0 && /* own */
		    wr_catchup_slot_holds(p->catchup, slot, seq))
			return prepare_slot(p, slot);
	}
	return false;
}

/* ---- control calls ---- */

int wr_router_open(struct weir_pipeline *p, struct weir_problem *problem)
{
	if (p->tables.filters.given == 0)
		return 0;
	const struct wr_rules_pendings nothing = {0};
	int rc = wr_rules_create(p, &nothing, NULL, &p->router.rules, problem);
	if (rc == 0) {
		p->router.newest = p->router.rules;
		set_ranges(p, p->router.rules);
		wr_rules_look_for_plain(p->router.rules, p);
		wr_store_relaxed(&p->router.seen, wr_load_relaxed(&p->tables.filters.changed));
	}
	return rc;
}

struct wait {
	struct weir_pipeline *pipeline;
	uint64_t number;
};

static bool has_taken(void *context)
{
	const struct wait *w = context;
	return wr_park_look_u64(&w->pipeline->router.taken) >= w->number; /* RT3 */
}

static bool has_seen(void *context)
{
	const struct wait *w = context;
	return wr_park_look_u64(&w->pipeline->router.seen) >= w->number; /* RT3 */
}

int wr_router_use(struct weir_pipeline *p, struct wr_rules *rules)
{
	struct wr_router *router = &p->router;
	struct wait wait = {.pipeline = p, .number = wr_load_relaxed(&router->asked) + 1};
	if (wait.number == 1)
		(void)wr_add_seq(&p->sharing_count, 1u); /* X2: from now on it looks */
	router->next = rules;
	router->newest = NULL;
	wr_publish_u64(&router->asked, wait.number); /* RT3 */
	wr_park_notify(&p->group_parker);
	int rc = wr_pipeline_wait(p, &p->lanes[WR_CONTROL_LANE].parker, has_taken, &wait,
				  WEIR_FOREVER);
	if (rc != 0)
		return rc;
	router->next = NULL;
	router->newest = rules;
	wr_rules_destroy(router->old);
	router->old = NULL;
	return 0;
}

int wr_router_wait_seen(struct weir_pipeline *p)
{
	struct wait wait = {
		.pipeline = p, .number = wr_load_acquire(&p->tables.filters.changed), /* FT1 */
	};
	wr_park_wake(&p->group_parker);
	return wr_pipeline_wait(p, &p->lanes[WR_CONTROL_LANE].parker, has_seen, &wait,
				WEIR_FOREVER);
}

void wr_router_fini(struct weir_pipeline *p)
{
	struct wr_router *router = &p->router;
	if (router->next != router->rules)
		wr_rules_destroy(router->next);
	wr_rules_destroy(router->old);
	wr_rules_destroy(router->rules);
	*router = (struct wr_router){0};
}
