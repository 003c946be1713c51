/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rules at once. Of each alternative of a rule one leaf, the one that the fewest events are
 * expected to have, is its door: the alternative is looked at only when an event has a value that
 * opens it. Doors are found by a look-up for each value (table.h, ranges.h), however many there
 * are; the other leaves of the few alternatives whose door is open are looked at one by one, and
 * what was found out of a leaf is kept until the event is done.
 *
 * An event's payload is read once: its quotes and brackets are found (scan.h), and then its names
 * are followed through a tree of those that rules have; what is under another name is passed over.
 *
 * Everything here is immutable once it is made; what changes while an event is matched is in struct
 * weir_match, one for each thread.
 */
#ifndef WR_ROUTE_MATCHER_H
#define WR_ROUTE_MATCHER_H

#include <weir/route.h>

#include "core/route/ends.h"
#include "core/route/equals.h"
#include "core/route/filter.h"
#include "core/route/join.h"
#include "core/route/ranges.h"
#include "core/route/scan.h"
#include "core/route/table.h"

/* Kinds of entries of the table. Of a path, what values are looked up as: */
enum wr_door {
	WR_DOOR_TEXT = 0,
	WR_DOOR_NUMBER,  /* 8 bytes of a double */
	WR_DOOR_LITERAL, /* 1 byte, enum wr_value_kind */
	WR_DOOR_ADDRESS, /* 4 or 16 bytes */
	WR_DOOR_BLOCK,   /* the number of fixed bits, then the address */
	WR_DOOR_PREFIX,
	WR_DOOR_SUFFIX,
	WR_DOOR_EQUALS_CASE, /* lower case, ASCII only */
	WR_DOOR_PREFIX_CASE,
	WR_DOOR_SUFFIX_CASE,
	WR_DOORS,
	/* and others: */
	WR_DOOR_NAME = WR_DOORS, /* a child of a node */
	WR_DOOR_LEAF,            /* leaves that are the same, while they are gathered */
	WR_DOOR_KEY,             /* DIRECT */
	WR_DOOR_HEADER,          /* HEADERS: a name */
	WR_DOOR_WORD,            /* TOPIC: a child of a node of words */
	WR_DOOR_RANGE,           /* not in the table */
	WR_DOOR_ANY,
	WR_DOOR_ABSENT,
};

/* A name below a node: up to 16 bytes, those and the length say whether it is the one. */
struct wr_child {
	uint64_t head;
	uint64_t tail;
	const uint8_t *name;
	uint32_t bytes;
	uint32_t node;
};

struct wr_node {
	uint64_t child_lengths; /* of names, modulo 64 */
	uint32_t path;          /* + 1; 0: no leaf has it */
	bool has_children;
	uint8_t child_count; /* in the list, if there are so few */
	struct wr_child *children;
};

#define WR_NODE_CHILDREN_FEW 8u

/* Roots of names: of payloads, of attributes. */
enum { WR_NODE_PAYLOAD = 0, WR_NODE_ATTRIBUTES = 1, WR_NODE_ROOTS = 2 };

struct wr_path {
	uint32_t doors;                  /* bits: which kinds of entries it has */
	struct wr_window_filter texts;   /* of TEXT */
	struct wr_window_filter numbers; /* of NUMBER */
	struct wr_equals equal_texts;    /* those behind the filters */
	struct wr_equals equal_numbers;
	uint64_t case_lengths;             /* of EQUALS_CASE, modulo 64 */
	uint32_t text_count, number_count; /* while they are gathered */
	const uint16_t *masks;             /* of blocks: the bits, and from 256 on of IPv6 */
	uint32_t mask_count;
	uint32_t any;    /* lists of alternatives: whatever the value, */
	uint32_t absent; /* or if there is none */
	struct wr_ranges ranges;
	struct wr_ends *ends[WR_DOORS]; /* of prefixes and suffixes; NULL: there are none */
};

struct wr_rule_leaf {
	uint32_t path;
	const struct wr_condition *conditions;
	uint32_t condition_count;
	bool wants_absent;
};

struct wr_branch {
	uint32_t rule;
	uint32_t first_leaf; /* in branch_leaves */
	uint16_t leaf_count;
	uint16_t known; /* the leaf that an open door proves; leaf_count: none */
	bool of_payload;
};

/*
 * An alternative behind a door. Its guard is another of its leaves: it cannot hold if none of the
 * bits is set that values of that path have in this event (wr_seen_text() and the others). One that
 * has no other leaf holds when its door is open, and then its rule is all that is to be known.
 */
struct wr_member {
	uint64_t guard_bits; /* 0: no guard */
	union {
		uint32_t guard_path;
		uint32_t rule; /* without a guard: + 1, if the door is all it asks for; else 0 */
	};
	uint32_t branch; /* with WR_MEMBER_LAST, if it is the last of its list */
};

#define WR_MEMBER_LAST (1u << 31)

/* In place of a list: the rule of its only alternative, which asks for nothing but its door. */
#define WR_LIST_IS_RULE (1u << 31)

/* A word of binding keys. */
struct wr_word_node {
	uint32_t star; /* nodes behind '*' and '#'; 0: none */
	uint32_t hash;
	uint32_t rules; /* list: keys that end here */
	bool is_hash;
};

/* A rule of HEADERS: its arguments, copied. */
struct wr_headers_rule {
	struct weir_filter filter; /* without memory of its own */
	uint32_t rule;
};

struct weir_matcher {
	struct wr_arena arena;
	struct wr_table table;
	struct wr_table hung; /* lists of alternatives, while they are gathered */
	struct wr_member *members;
	size_t member_count;
	uint32_t rule_count;
	struct wr_node *nodes;
	size_t node_count, node_room;
	struct wr_path *paths;
	size_t path_count, path_room;
	struct wr_rule_leaf *leaves;
	size_t leaf_count, leaf_room;
	struct wr_branch *branches;
	size_t branch_count, branch_room;
	uint32_t *branch_leaves;
	size_t branch_leaf_count, branch_leaf_room;
	uint32_t absent_paths; /* list of paths that have a list `absent` */
	uint32_t always;       /* list of branches without leaves */
	struct wr_word_node *words;
	size_t word_count, word_room;
	uint32_t fanout; /* list of rules */
	struct wr_headers_rule *headers;
	size_t header_count, header_room;
	uint32_t all_headers; /* list of those to look at for every event */
	const struct wr_scan_way *scan;
};

static inline struct wr_child wr_child_of(const uint8_t *name, size_t bytes)
{
	struct wr_child c = {.name = name, .bytes = (uint32_t)bytes};
	if (bytes >= 8) {
		memcpy(&c.head, name, 8);
		memcpy(&c.tail, name + bytes - 8, 8);
	} else if (bytes >= 4) {
		uint32_t first, last;
		memcpy(&first, name, 4);
		memcpy(&last, name + bytes - 4, 4);
		c.head = (uint64_t)last << 32 | first;
	} else if (bytes > 0) {
		c.head = (uint64_t)name[0] << 16 | (uint64_t)name[bytes / 2] << 8 | name[bytes - 1];
	}
	return c;
}

/* The child of that name; 0 (a root is nobody's child): there is none. */
static inline uint32_t wr_node_child(const struct weir_matcher *m, uint32_t node,
				     const uint8_t *name, size_t bytes)
{
	const struct wr_node *n = &m->nodes[node];
	if ((n->child_lengths >> (bytes % 64) & 1) == 0)
		return 0;
	if (n->child_count > 0) {
		struct wr_child wanted = wr_child_of(name, bytes);
		for (const struct wr_child *c = n->children; c < n->children + n->child_count; c++)
			if (c->head == wanted.head && c->bytes == wanted.bytes &&
			    c->tail == wanted.tail &&
			    (bytes <= 16 || memcmp(c->name + 8, name + 8, bytes - 16) == 0))
				return c->node;
		return 0;
	}
	const struct wr_entry *e = wr_table_find(&m->table, node, WR_DOOR_NAME, name, bytes);
	return e != NULL ? e->node : 0;
}

/* The builder: doors.c takes the alternatives of one filter, keys.c the other kinds. */
int wr_matcher_add_json(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule);
int wr_matcher_add_key(struct weir_matcher *m, const struct weir_filter *filter, uint32_t rule);
int wr_matcher_finish(struct weir_matcher *m);

int wr_matcher_create(const struct weir_filter *const *filters, size_t filter_count,
		      const struct weir_allocator *allocator, struct weir_matcher **ret_matcher,
		      struct weir_problem *problem);

/* ---- matching ---- */

struct wr_match_value {
	struct wr_value value;
	uint32_t context;
	uint32_t next; /* of the same path, + 1 */
	uint32_t path;
};

/* Of a path, in the event in hand. */
struct wr_path_state {
	uint64_t seen;  /* bits of its values */
	uint32_t event; /* another one: it has none */
	uint32_t first; /* of its values, + 1 */
};

/* Of a leaf, in the event in hand. */
enum wr_leaf_holds {
	WR_LEAF_NOT,
	WR_LEAF_HOLDS,
	WR_LEAF_CONTESTED, /* its field may be absent, if elements without it are chosen */
};

/* What a matcher has of what an event's match keeps a stamp of. */
struct wr_match_rooms {
	size_t branches, members, rules, paths, leaves, words, headers;
};

struct weir_match {
	const struct weir_matcher *matcher;
	struct wr_match_rooms rooms;
	struct weir_allocator allocator;
	void *memory;
	size_t memory_bytes;
	size_t payload_bytes_max;
	uint32_t event; /* number of the one in hand; stamps of others are less */

	uint32_t *branch_stamps;
	uint32_t *rule_stamps;
	struct wr_path_state *paths;
	uint32_t *leaf_stamps;
	uint8_t *leaf_holds;   /* enum wr_leaf_holds, with a stamp of this event */
	uint32_t *list_stamps; /* of lists, by their first member */
	uint32_t *open;        /* lists behind open doors: their first members */
	uint32_t open_count;
	uint64_t *word_stamps;
	uint64_t word_step;
	uint32_t *word_lists[2];
	uint32_t *header_stamps;

	struct wr_match_value *values;
	uint32_t value_count;
	uint32_t opened_count; /* of values: those whose doors are open */
	struct wr_context *contexts;
	uint32_t context_count;
	uint32_t array_count;
	struct wr_scan_block *blocks;
	uint8_t *texts; /* without escapes */
	size_t texts_bytes;
	struct wr_hit *hits;
	struct wr_join join;

	bool failed;     /* the event is larger than what there is room for */
	bool tells_each; /* wr_match_run_each() */

	uint32_t *rules; /* the caller's */
	size_t rules_max;
	size_t rule_count;
};

#define WR_MATCH_UNKNOWN (1u << 31)

/* Values, contexts and arrays that a payload can have: two bytes each, but for those that are open
 * where it ends. */
static inline uint32_t wr_match_value_max(const struct weir_match *m)
{
	return (uint32_t)(m->payload_bytes_max / 2) + 520u;
}

/* A value of the path was found: its doors are opened with those of others. */
void wr_match_take(struct weir_match *m, uint32_t path, const struct wr_value *value,
		   uint32_t context);
/* Opens the doors of all that were taken. */
void wr_match_open_doors(struct weir_match *m);
/* What is behind it is looked at when all of the event has been read. */
void wr_match_open_list(struct weir_match *m, uint32_t list);

/* false: the payload is no JSON object. */
bool wr_match_read_payload(struct weir_match *m, const uint8_t *text, size_t bytes);
void wr_match_read_attributes(struct weir_match *m, const struct weir_routed *event);
void wr_match_keys(struct weir_match *m, const struct weir_routed *event);

/* What is told of a rule first stays, whatever another alternative of it says. */
static inline void wr_match_take_rule(struct weir_match *m, uint32_t rule, bool is_unknown)
{
	if (m->rule_stamps[rule] == m->event)
		return;
	m->rule_stamps[rule] = m->event;
	if (m->rule_count < m->rules_max)
		m->rules[m->rule_count] = is_unknown ? rule | WR_MATCH_UNKNOWN : rule;
	m->rule_count++;
}

/* A number as JSON has it; false: it is none. */
bool wr_match_number(const uint8_t *text, size_t bytes, double *ret_number);

/* The order of doubles as one of integers; -0 is 0. */
static inline uint64_t wr_number_order(double number)
{
	uint64_t bits;
	number += 0.0; /* -0 becomes 0 */
	memcpy(&bits, &number, sizeof bits);
	return (bits >> 63) != 0 ? ~bits : bits | 1ull << 63;
}

static inline uint64_t wr_number_hash(uint64_t order)
{
	return order * 0x9e3779b97f4a7c15u;
}

/* One bit for a value: equal ones have the same. */
static inline uint64_t wr_seen_hash(uint64_t hash)
{
	return 1ull << (hash >> 58);
}

static inline uint64_t wr_seen_text(const uint8_t *text, size_t bytes)
{
	return wr_seen_hash(wr_window_hash(wr_window_last(text, bytes), bytes));
}

static inline uint64_t wr_seen_number(double number)
{
	return wr_seen_hash(wr_number_hash(wr_number_order(number)));
}

static inline uint64_t wr_seen_literal(enum wr_value_kind kind)
{
	return 1ull << kind;
}

int wr_match_create(const struct weir_matcher *matcher, size_t payload_bytes_max,
		    const struct weir_allocator *allocator, struct weir_match **ret_match,
		    struct weir_problem *problem);

/*
 * One match for several matchers, by turns: stamps of another one's event are those of an event
 * before. `rooms`: the most of each that one of them has.
 */
void wr_match_rooms_for(struct wr_match_rooms *rooms, const struct weir_matcher *matcher);
bool wr_match_has_rooms(const struct weir_match *match, const struct wr_match_rooms *rooms,
			size_t payload_bytes_max);
int wr_match_create_rooms(const struct wr_match_rooms *rooms, size_t payload_bytes_max,
			  const struct weir_allocator *allocator, struct weir_match **ret_match,
			  struct weir_problem *problem);

/*
 * As weir_match_run(), by this matcher; but what can be told of one rule does not hang on the
 * others: a rule that cannot be told, since more array elements matter for it than are kept apart,
 * is among the rules with the bit WR_MATCH_UNKNOWN.
 */
int wr_match_run_each(struct weir_match *match, const struct weir_matcher *matcher,
		      const struct weir_routed *event, uint32_t *ret_rules, size_t rules_max);

#endif
