/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of all subscriptions, compiled: for each topic one matcher of all their terms, so
 * that an event is looked at once for all of them, and of each filter how its terms are joined.
 *
 *   route_rules.c       an event looked at
 *   route_rules_make.c  made from what the log has
 *   route_rules_topic.c the part of one topic
 *
 * Made by a control call (or at open), under the control lock; handed to the group step, which
 * alone matches with it, and gives it back when it has the next one (router.h). Which filter counts
 * from which sequence on is set by the group step, from the writer's tables.
 *
 * Rules that follow others have the matchers of topics whose filters are the same from them, and
 * what an event is matched in, if there is room enough in it: so a new filter costs what those of
 * its topics cost.
 */
#ifndef WR_PIPELINE_ROUTE_RULES_H
#define WR_PIPELINE_ROUTE_RULES_H

#include "core/log/filters.h"
#include "core/pipeline/member_transform.h"
#include "core/pipeline/pipeline.h"
#include "core/route/matcher.h"
#include "core/route/transform.h"

/* Headers of an event that are looked at; of one that has more no term over headers can be told. */
#define WR_ROUTE_HEADERS_MAX 256u

/* What of an event a rule asks for, beside its key. */
#define WR_ASKS_HEADERS 1u
#define WR_ASKS_PAYLOAD 2u

/* One filter of a subscription. */
struct wr_program {
	uint32_t subscription;
	uint32_t first_rule;
	uint32_t term_count; /* 0: it wants everything */
	uint32_t negated;    /* bits of the terms that must not hold */
	enum wr_filter_join join;
	bool binds;      /* of a binding */
	uint32_t target; /* of JOIN_NOBODY and of a binding: where what it wants is copied to */
	/* Of a binding that transforms what it copies; else NULL. */
	struct weir_transform *transform;
	enum wr_transform_failure on_failure;
	uint32_t dead_letters;
	/* Of one whose members transform, or did; NULL when it was handed on. */
	struct wr_member_transform *for_members;
	bool alone;      /* each rule that holds makes it hold; else it is asked for each event */
	uint64_t number; /* of its version (core/log/filters.h) */
	uint64_t from_seq, end_seq; /* where it counts; equal: nowhere */
};

/* Of one topic, compiled. Rules that follow one another share it. */
struct wr_topic_matcher {
	uint32_t users; /* under the control lock */
	struct weir_matcher *matcher;
	uint8_t *made_of; /* its filters, as they are in the log, and whose they are */
	size_t made_of_bytes;
	bool reads_payloads;
	bool reads_headers;
};

struct wr_rules_topic {
	struct wr_topic_matcher *matcher;      /* NULL: there is no rule */
	uint32_t first_rule, rule_count;       /* in rules_of: by the matcher's numbers */
	uint32_t first_program, program_count; /* in programs_of */
	uint32_t asked_count;                  /* in asked_of, from first_program on */
};

struct wr_rings;

struct wr_rules {
	struct weir_pipeline *pipeline;
	struct wr_memory *memory;
	struct weir_allocator allocator;
	struct weir_match *match; /* NULL: no topic has a rule, or it is still the rules' before */
	struct wr_rules_topic *topics; /* [topics_max] */
	struct wr_program *programs;
	uint32_t program_count;
	uint32_t rule_count;
	uint32_t *program_of; /* [rule_count] */
	uint8_t *asks;        /* [rule_count] WR_ASKS_* of each */
	uint32_t *hits;       /* [rule_count] scratch of one event */
	uint64_t *held;       /* [rule_count] the event at which the rule held last */
	uint64_t *unknown;    /* [rule_count] or at which that could not be told */
	uint32_t *rules_of;   /* [topic_rule_count] rules of each topic */
	uint32_t topic_rule_count;
	uint32_t *programs_of; /* [topic_program_count] programs of each topic */
	uint32_t *asked_of;    /* those of them that are asked for each event */
	uint32_t topic_program_count;
	uint64_t event;         /* counts those that were looked at */
	uint32_t copying;       /* programs of JOIN_NOBODY */
	uint32_t transforming;  /* programs that transform what they copy */
	uint32_t shares;        /* hash terms, one for each topic of their subscriptions */
	struct wr_rings *rings; /* NULL: there are none (route_rings.h) */
	uint32_t topics_max;
	uint32_t *copied_by;  /* [topics_max] the first of these of the topic, from 1; 0: none */
	uint64_t *plain_from; /* [topics_max] a subscription without a filter wants all from here */
	uint32_t plain_count; /* subscriptions that were looked at for that */
	uint64_t *tags;       /* bitmap of the tags of all topics of filtered subscriptions */
	uint32_t tag_words;
	/* An event's payload as JSON (event_json.h); NULL: there are no schemas, or nobody asks. */
	char *json;
	uint32_t json_max; /* bytes that there are */
	/* Where payloads of a run of copies are transformed; NULL: nobody does. */
	uint8_t *transformed;
	uint32_t transformed_max; /* bytes that there are */
	uint32_t transformed_bytes;
	struct weir_typed_header headers[WR_ROUTE_HEADERS_MAX]; /* scratch */
};

/* A filter that is not in the tables yet, of a subscription that is there or will be. */
struct wr_rules_pending {
	uint32_t subscription;
	const uint8_t *bytes;
	uint32_t length_bytes;
	const uint32_t *topics;
	uint32_t topic_count;
};

/* At most one of each subscription; those that will be made stand in the order of their ids. */
struct wr_rules_pendings {
	const struct wr_rules_pending *list;
	uint32_t count;
};

/*
 * All that the tables have, and what is pending. `before`: the rules that these are to
 * follow; NULL: there are none. 0; what wr_filter_create() says of one that is refused, the problem
 * then names it; -ENOMEM.
 */
int wr_rules_create(struct weir_pipeline *p, const struct wr_rules_pendings *pendings,
		    struct wr_rules *before, struct wr_rules **ret_rules,
		    struct weir_problem *problem);
void wr_rules_destroy(struct wr_rules *rules);
/* Takes what the rules before match in, if these were made to. They look at nothing any more. */
void wr_rules_follow(struct wr_rules *rules, struct wr_rules *before);

/* Of topics whose events may be wanted by nobody: since when somebody wants all of them. */
void wr_rules_look_for_plain(struct wr_rules *rules, struct weir_pipeline *p);
static inline bool wr_program_counts_at(const struct wr_program *program, uint64_t seq)
{
	return seq >= program->from_seq && seq < program->end_seq;
}

/* By which a subscription copies what it wants at `seq`; NULL: it does not. */
const struct wr_program *wr_rules_program(const struct wr_rules *rules, uint32_t subscription,
					  uint64_t seq);
/* The newest of a subscription that transforms; NULL: none does. */
const struct wr_program *wr_rules_newest_transform(const struct wr_rules *rules,
						   uint32_t subscription);
/* Calls `take` for the program that copies what nobody wants of a topic at `seq`, if one does. */
void wr_rules_take_unrouted(const struct wr_rules *rules, uint32_t topic, uint64_t seq,
			    void (*take)(void *context, const struct wr_program *program),
			    void *context);

/*
 * Which programs want this event, which stands in a log at `seq`: `take` is called for each, once
 * or more than once; not those that copy what no other wants. False: some could not be told, and
 * were taken: nobody loses an event because it could not be looked at. That hangs on what a program
 * itself asks, not on the others.
 */
bool wr_rules_run(struct wr_rules *rules, const struct wr_record *record, uint64_t seq,
		  void (*take)(void *context, const struct wr_program *program), void *context);

#endif
