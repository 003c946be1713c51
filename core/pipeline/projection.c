/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A projection: a replay that goes on, snapshots of what it has come to, and a subscription that
 * holds the log for the oldest of them. All of it on the thread that steps; the log and its steps
 * see a subscription that is moved by seeks, and nothing else.
 *
 * Invariants: the state has exactly what lies up to `sequence`. The hold never stands behind what
 * the oldest snapshot of any version needs: it is moved after a put, to what lies in the directory
 * then, so a crash between the two keeps too much and never too little.
 */
#include "core/pipeline/snapshot.h"

#include <errno.h>
#include <stdio.h>

#include <weir/projection.h>

#define EVENTS_DEFAULT 100000u
#define KEEP_DEFAULT 2u
#define ITEMS_MAX 64u
#define HOLD_PREFIX "projection."
#define NAME_BYTES_MAX (WR_NAME_BYTES_MAX - sizeof HOLD_PREFIX + 1)
#define HOLD_WAIT_NS 1000000000u

struct weir_projection {
	struct weir_pipeline *pipeline;
	struct weir_projection_options options; /* its name is `name` */
	char name[WR_NAME_BYTES_MAX + 1];
	struct weir_replay *replay;
	uint64_t build_end; /* what lay below when it was opened */
	uint64_t since;     /* events applied behind the snapshot */
	bool shown;         /* a snapshot says that it is complete */
	struct weir_projection_progress progress;
	uint32_t item_next, item_count; /* lent, and not yet applied */
	struct weir_item items[ITEMS_MAX];
};

void weir_projection_options_init(struct weir_projection_options *options)
{
	*options = (struct weir_projection_options){
		.struct_bytes = sizeof *options,
		.version = 1,
		.events_a_snapshot = EVENTS_DEFAULT,
		.keep = KEEP_DEFAULT,
	};
}

static int check_name(const char *name, uint32_t version, struct weir_problem *problem)
{
	if (name == NULL || !wr_name_valid(name, strlen(name)) || strlen(name) > NAME_BYTES_MAX)
		return wr_problem_set(problem, -EINVAL, "name",
				      "a name is 1 to 189 of letters, digits, '.', '_' and '-', "
				      "and does not begin with '.'");
	if (version == 0 || version > WEIR_PROJECTION_VERSIONS_MAX)
		return wr_problem_set(problem, -EINVAL, "version", "1 to 64");
	return 0;
}

static int check(const struct weir_projection_options *o, struct weir_problem *problem)
{
	int rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_projection_options_init", problem);
	if (rc == 0)
		rc = check_name(o->name, o->version, problem);
	if (rc != 0)
		return rc;
	if (o->load == NULL || o->apply == NULL || o->save == NULL)
		return wr_problem_set(problem, -EINVAL, "load, apply or save",
				      "a projection has all three");
	if (o->topics == NULL || o->topic_count == 0 || o->topic_count > WEIR_REPLAY_TOPICS_MAX)
		return wr_problem_set(problem, -EINVAL, "topics", "1 to 64");
	if (o->keep == 0 || o->keep > 1000)
		return wr_problem_set(problem, -EINVAL, "keep", "1 to 1000");
	return 0;
}

/* ---- the hold ---- */

static void hold_name(const char *name, char to[WR_NAME_BYTES_MAX + 1])
{
	(void)snprintf(to, WR_NAME_BYTES_MAX + 1, HOLD_PREFIX "%s", name);
}

/* Made by the first version; its topics count for nothing but that. */
static int find_hold(struct weir_pipeline *p, const struct weir_projection_options *o,
		     uint32_t *ret_id, struct weir_problem *problem)
{
	struct weir_subscription_options s;
	char name[WR_NAME_BYTES_MAX + 1];
	hold_name(o->name, name);
	if (weir_subscription_find(p, name, ret_id) == 0) {
		wr_store_relaxed(&p->subscriptions[*ret_id].holds, 1u);
		return 0;
	}
	weir_subscription_options_init(&s);
	s.holds = true;
	s.name = name;
	s.topics = o->topics;
	s.topic_count = o->topic_count;
	return weir_subscription_create(p, &s, ret_id, problem);
}

/* The oldest snapshot of any version. */
struct oldest {
	const char *name;
	uint64_t sequence; /* UINT64_MAX: there is none */
};

static int look_at_file(void *context, const char *file)
{
	struct oldest *o = context;
	struct wr_snapshot_id id = {.name = o->name, .name_bytes = (uint32_t)strlen(o->name)};
	uint64_t sequence;
	for (uint32_t v = 1; v <= WEIR_PROJECTION_VERSIONS_MAX; v++) {
		id.schema_version = v;
		if (wr_snapshot_file_is_of(file, &id, false, &sequence))
			o->sequence = wr_min_u64(o->sequence, sequence);
	}
	return 0;
}

/*
 * To where the oldest snapshot needs the log; without any to the end. What does not work out is
 * done by the next one: until then the log keeps more.
 */
static void move_hold(struct weir_pipeline *p, const char *name)
{
	struct oldest oldest = {.name = name, .sequence = UINT64_MAX};
	char hold[WR_NAME_BYTES_MAX + 1];
	uint32_t id;
	hold_name(name, hold);
	if (weir_subscription_find(p, hold, &id) != 0 ||
	    p->host.storage->ops->file_each(p->host.storage, look_at_file, &oldest) != 0)
		return;
	bool none = oldest.sequence == UINT64_MAX;
	int rc = weir_subscription_seek(p, id, none ? WEIR_SEEK_NEWEST : WEIR_SEEK_SEQUENCE,
					none ? 0 : oldest.sequence + 1, HOLD_WAIT_NS, NULL);
	(void)rc;
}

/* ---- opening ---- */

/* The newest snapshot that is good and that the program can read; else before the first event. */
static int load_state(struct weir_projection *j, struct weir_problem *problem)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;
	weir_snapshot_query_init(&q);
	q.name = j->name;
	q.schema_version = j->options.version;
	for (;;) {
		int rc = weir_snapshot_load(j->pipeline, &q, &s, problem);
		if (rc != 0 && rc != -ENOENT)
			return rc;
		j->progress.ignored += s.ignored;
		if (rc == -ENOENT)
			break;
		int loaded = j->options.load(j->options.context, s.state, s.state_bytes);
		uint64_t sequence = s.pos.sequence;
		weir_snapshot_free(j->pipeline, &s);
		if (loaded == 0) {
			j->progress.sequence = j->progress.snapshot_sequence = sequence;
			j->progress.complete = j->shown = s.complete;
			return 0;
		}
		j->progress.ignored++;
		q.up_to_sequence = sequence - 1;
	}
	int rc = j->options.load(j->options.context, NULL, 0);
	return rc == 0 ? 0
		       : wr_problem_set(problem, rc, "load",
					"it cannot make the state before the first event");
}

static int open_replay(struct weir_projection *j, struct weir_problem *problem)
{
	struct weir_pipeline *p = j->pipeline;
	uint32_t topics[WEIR_REPLAY_TOPICS_MAX];
	struct weir_replay_options r;
	weir_replay_options_init(&r);
	r.topics = topics;
	r.topic_count = j->options.topic_count;
	r.follow = true;
	r.from_sequence = j->progress.sequence == 0 ? 0 : j->progress.sequence + 1;
	for (uint32_t i = 0; i < j->options.topic_count; i++) {
		char text[sizeof problem->text];
		const char *name = j->options.topics[i];
		if (name != NULL && weir_topic_find(p, name, &topics[i]) == 0)
			continue;
		(void)snprintf(text, sizeof text, "there is no topic '%.100s'",
			       name != NULL ? name : "");
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "topics", text);
	}
	j->build_end = wr_load_acquire(&p->link.durable_seq) + 1; /* D1 */
	return weir_replay_open(p, &r, &j->replay, problem);
}

static int open_in(struct weir_projection *j, struct weir_problem *problem)
{
	uint32_t hold;
	int rc = find_hold(j->pipeline, &j->options, &hold, problem);
	if (rc == 0)
		rc = load_state(j, problem);
	/* From the first event, which another version's snapshots may have given up. */
	if (rc == 0 && j->progress.sequence == 0)
		rc = weir_subscription_seek(j->pipeline, hold, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER,
					    problem);
	return rc == 0 ? open_replay(j, problem) : rc;
}

int weir_projection_open(struct weir_pipeline *p, const struct weir_projection_options *o,
			 struct weir_projection **ret_projection,
			 struct weir_problem *reterr_problem)
{
	int rc = wr_null_check(o, ret_projection, reterr_problem);
	if (rc == 0)
		rc = check(o, reterr_problem);
	if (rc == 0)
		rc = wr_snapshot_may(p, reterr_problem);
	if (rc != 0)
		return rc;
	struct wr_memory *memory = p->host.memory;
	struct weir_projection *j = memory->ops->alloc(memory, sizeof *j, 64);
	if (j == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	j->pipeline = p;
	j->options = *o;
	(void)snprintf(j->name, sizeof j->name, "%s", o->name);
	j->options.name = j->name;
	rc = open_in(j, reterr_problem);
	j->options.topics = NULL;
	if (rc != 0) {
		memory->ops->free(memory, j, sizeof *j);
		return rc;
	}
	*ret_projection = j;
	return 0;
}

void weir_projection_close(struct weir_projection *j)
{
	if (j == NULL)
		return;
	struct wr_memory *memory = j->pipeline->host.memory;
	weir_replay_close(j->replay);
	memory->ops->free(memory, j, sizeof *j);
}

/* ---- going on ---- */

int weir_projection_snapshot(struct weir_projection *j)
{
	struct weir_snapshot_options o;
	if (j->progress.sequence == j->progress.snapshot_sequence)
		return 0;
	weir_snapshot_options_init(&o);
	int rc = j->options.save(j->options.context, &o.state, &o.state_bytes);
	if (rc != 0)
		return rc;
	o.name = j->name;
	o.schema_version = j->options.version;
	o.sequence = j->progress.sequence;
	o.complete = j->progress.complete;
	o.keep = j->options.keep;
	rc = weir_snapshot_put(j->pipeline, &o, NULL);
	if (rc != 0)
		return rc;
	j->progress.snapshot_sequence = j->progress.sequence;
	j->since = 0;
	j->shown = o.complete;
	move_hold(j->pipeline, j->name);
	return 0;
}

/* What is lent, until the program says no. Items applied, or what it said. */
static int apply_items(struct weir_projection *j)
{
	int count = 0;
	while (j->item_next < j->item_count) {
		const struct weir_item *item = &j->items[j->item_next];
		int rc = j->options.apply(j->options.context, item);
		if (rc != 0)
			return rc; /* `events` says how many it took before */
		j->progress.sequence =
			item->kind == WEIR_ITEM_EVENT ? item->sequence : item->end_sequence - 1;
		j->progress.events += item->kind == WEIR_ITEM_EVENT ? 1 : 0;
		j->since++;
		j->item_next++;
		count++;
	}
	return count;
}

/* All that was handed out is in the state, and so what the replay has passed over. */
static void stand_behind(struct weir_projection *j)
{
	struct weir_replay_progress progress;
	weir_replay_progress(j->replay, &progress);
	if (progress.next_sequence > 1)
		j->progress.sequence = wr_max_u64(j->progress.sequence, progress.next_sequence - 1);
	j->progress.complete |= progress.next_sequence >= j->build_end;
}

int weir_projection_step(struct weir_projection *j, uint64_t timeout_ns)
{
	if (j->item_next == j->item_count) {
		int rc = weir_replay_next(j->replay, j->items, ITEMS_MAX, timeout_ns);
		if (rc < 0)
			return rc;
		j->item_next = 0;
		j->item_count = (uint32_t)rc;
	}
	int count = apply_items(j);
	if (count < 0)
		return count;
	if (j->item_next == j->item_count)
		stand_behind(j);
	/*
	 * The first one soon: it holds the log. That it is complete at once, since others look at
	 * it; where that fails, with the next step.
	 */
	bool is_due = j->options.events_a_snapshot != 0 &&
		      (j->since >= j->options.events_a_snapshot ||
		       (j->progress.snapshot_sequence == 0 && j->since > 0) ||
		       (j->progress.complete && !j->shown));
	int rc = is_due ? weir_projection_snapshot(j) : 0;
	return rc != 0 ? rc : count;
}

void weir_projection_progress(const struct weir_projection *j,
			      struct weir_projection_progress *ret_progress)
{
	*ret_progress = j->progress;
}

/* ---- versions ---- */

int weir_projection_newest(struct weir_pipeline *p, const char *name, uint32_t *ret_version,
			   struct weir_problem *reterr_problem)
{
	int rc = check_name(name, 1, reterr_problem);
	for (uint32_t v = WEIR_PROJECTION_VERSIONS_MAX; rc == 0 && v > 0; v--) {
		struct weir_snapshot_query q;
		struct weir_snapshot s;
		weir_snapshot_query_init(&q);
		q.name = name;
		q.schema_version = v;
		q.complete = true;
		rc = weir_snapshot_load(p, &q, &s, reterr_problem);
		if (rc == 0) {
			weir_snapshot_free(p, &s);
			*ret_version = v;
			return 0;
		}
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc != 0 ? rc
		       : wr_problem_set(reterr_problem, -ENOENT, "name",
					"none of its versions has a complete snapshot");
}

int weir_projection_drop(struct weir_pipeline *p, const char *name, uint32_t version,
			 struct weir_problem *reterr_problem)
{
	int rc = check_name(name, version, reterr_problem);
	if (rc == 0)
		rc = weir_snapshot_remove(p, name, version, NULL, reterr_problem);
	if (rc == 0)
		move_hold(p, name);
	return rc;
}
