/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job over dead letters: which letters, how fast, until when.
 *
 * The letters come as events come to any member of a shared subscription that is the only one:
 * those that were left before first, then the others, each in the order of the log. What is not for
 * this job is held to its end, so that it does not come twice; leaving gives it back, uncounted.
 * The end is where the group says that all up to there is granted (RD1), and the member has taken
 * all of that.
 */
#include "core/pipeline/redrive.h"

#include <errno.h>

#include "core/base/deadline.h"
#include "core/pipeline/erase.h"

#define LEFT_MAX_DEFAULT 1024u
#define LOOK_NS 1000000u
#define SECOND_NS 1000000000u

void weir_redrive_options_init(struct weir_redrive_options *options)
{
	*options = (struct weir_redrive_options){
		.struct_bytes = sizeof *options,
		.to_topic = UINT32_MAX,
		.left_max = LEFT_MAX_DEFAULT,
		.subscription = UINT32_MAX,
		.reason = UINT64_MAX,
		.end_sequence = UINT64_MAX,
	};
}

/* ---- opening ---- */

static int check(struct weir_pipeline *p, const struct weir_redrive_options *o,
		 struct weir_problem *problem)
{
	if ((unsigned)o->action > WEIR_REDRIVE_LOOK)
		return wr_problem_set(problem, -EINVAL, "action", "not one of its values");
	if (o->left_max == 0 || o->left_max > 65536)
		return wr_problem_set(problem, -EINVAL, "left_max", "1 to 65536");
	if (o->first_sequence > o->end_sequence)
		return wr_problem_set(problem, -EINVAL, "first_sequence",
				      "behind the end of the range");
	if (o->key == NULL && o->key_bytes != 0)
		return wr_problem_set(problem, -EINVAL, "key", "NULL, and a length");
	if (weir_topic_info(p, o->dead_letters, NULL, NULL) != 0)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "dead_letters",
				      "no topic has this id");
	if (o->to_topic != UINT32_MAX && weir_topic_info(p, o->to_topic, NULL, NULL) != 0)
		return wr_problem_set(problem, WEIR_E_UNKNOWN_NAME, "to_topic",
				      "no topic has this id");
	if (o->to_topic == o->dead_letters)
		return wr_problem_set(problem, -EINVAL, "to_topic",
				      "the dead letters themselves: they would be no further");
	return 0;
}

static int join(struct weir_redrive *r, uint32_t subscription, struct weir_problem *problem)
{
	struct weir_pipeline *p = r->pipeline;
	struct weir_member_options member;
	uint32_t nobody = 0;
	r->sharing = p->subscriptions[subscription].sharing;
	r->left_max = wr_min_u64(r->options.left_max, r->sharing->share.options.events_max);
	if (!wr_cas_acq_rel(&r->sharing->redriven, &nobody, 1u)) /* RD2 */
		return wr_problem_set(problem, -EBUSY, "dead_letters",
				      "a job is under way with this topic");
	weir_member_options_init(&member);
	member.name = "redrive";
	member.in_flight_max = r->options.left_max;
	int rc = weir_member_join(p, subscription, &member, &r->member, problem);
	if (rc != 0)
		wr_store_release(&r->sharing->redriven, 0u); /* RD2 */
	else
		r->member->keeps_erased = true;
	return rc;
}

static size_t bytes_of(const struct weir_redrive *r)
{
	return sizeof *r + r->options.key_bytes;
}

static struct weir_redrive *make(struct weir_pipeline *p, const struct weir_redrive_options *o)
{
	struct weir_redrive size = {.options = *o};
	struct wr_memory *memory = p->host.memory;
	struct weir_redrive *r = memory->ops->alloc(memory, bytes_of(&size), 64);
	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof *r);
	r->pipeline = p;
	r->options = *o;
	r->key = (uint8_t *)(r + 1);
	if (o->key != NULL)
		memcpy(r->key, o->key, o->key_bytes);
	/* What dies again meanwhile is for another job. */
	r->end_seq = wr_min_u64(o->end_sequence, wr_writer_visible_seq(&p->writer) + 1);
	r->began_ns = wr_clock_mono_ns(p->host.clock);
	return r;
}

static void destroy(struct weir_redrive *r)
{
	struct wr_memory *memory = r->pipeline->host.memory;
	memory->ops->free(memory, r, bytes_of(r));
}

int weir_redrive_open(struct weir_pipeline *p, const struct weir_redrive_options *o,
		      struct weir_redrive **ret_redrive, struct weir_problem *reterr_problem)
{
	uint32_t subscription;
	int rc = wr_null_check(o, ret_redrive, reterr_problem);
	if (rc == 0)
		rc = wr_init_check(o->struct_bytes, sizeof *o, "weir_redrive_options_init",
				   reterr_problem);
	if (rc == 0)
		rc = check(p, o, reterr_problem);
	if (rc == 0)
		rc = wr_redrive_subscription(p, o->dead_letters, o->adopt, &subscription,
					     reterr_problem);
	if (rc != 0)
		return rc;
	struct weir_redrive *r = make(p, o);
	if (r == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	rc = join(r, subscription, reterr_problem);
	if (rc != 0) {
		destroy(r);
		return rc;
	}
	*ret_redrive = r;
	return 0;
}

/* ---- which ---- */

static bool is_for(const struct weir_redrive *r, const struct weir_item *item,
		   const struct weir_origin *origin)
{
	const struct weir_redrive_options *o = &r->options;
	if (item->sequence < o->first_sequence || item->sequence >= r->end_seq ||
	    (o->subscription != UINT32_MAX && o->subscription != origin->subscription) ||
	    (o->reason != UINT64_MAX && o->reason != origin->reason))
		return false;
	if (o->key != NULL && (item->key == NULL || item->key_bytes != o->key_bytes ||
			       memcmp(item->key, r->key, o->key_bytes) != 0))
		return false;
	return o->letter_fn == NULL || o->letter_fn(o->context, item, origin);
}

/* ---- how fast ---- */

/* When the next one may be done with. */
static uint64_t pace_ns(const struct weir_redrive *r)
{
	uint32_t rate = r->options.per_second;
	if (rate == 0)
		return 0;
	return r->began_ns + r->paced / rate * SECOND_NS + r->paced % rate * SECOND_NS / rate;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

/* Nothing is waited for but the time. 0, or why it ends early. */
static int rest(struct weir_redrive *r, uint64_t ns)
{
	int rc = wr_pipeline_wait(r->pipeline, &r->member->lane->parker, never, NULL, ns);
	return rc == -ETIMEDOUT ? 0 : rc;
}

/* ---- what became of what was sent ---- */

static bool is_ordered(void *context)
{
	struct weir_redrive *r = context;
	struct wr_lane *lane = r->member->lane;
	return wr_park_look_u64(&lane->ordered) >= lane->handed_over; /* A3 */
}

static void count(struct weir_redrive *r, enum wr_redrive_way way)
{
	struct weir_redrive_progress *progress = &r->progress;
	if (way == WR_REDRIVE_IN_PLACE)
		progress->in_place++;
	else if (way == WR_REDRIVE_PURGE_PARKED || way == WR_REDRIVE_SETTLE)
		progress->purged++;
	else
		progress->copied++;
}

/* Takes the answers to all that is on its way. Letters done with, or the first refusal. */
static int finish(struct weir_redrive *r)
{
	struct wr_lane *lane = r->member->lane;
	int done = 0, failed = 0;
	while (r->sent_count > 0) {
		struct wr_redrive_sent again[WR_REDRIVE_AT_ONCE];
		uint32_t again_count = 0;
		int rc = is_ordered(r) ? 0
				       : wr_pipeline_wait(r->pipeline, &lane->parker, is_ordered, r,
							  WEIR_FOREVER);
		if (rc != 0)
			return rc;
		for (uint32_t i = 0; i < r->sent_count; i++) {
			const struct wr_reply *reply = wr_lane_reply_peek(lane);
			WR_ASSERT(reply != NULL && reply->ticket == r->sent[i].ticket);
			const struct weir_item *item = &r->items[r->sent[i].item];
			if (reply->code == 0) {
				count(r, r->sent[i].way);
				done++;
			} else if (reply->code == WEIR_E_OUT_OF_SEQUENCE) {
				again[again_count++] = r->sent[i];
			} else if (reply->code != WEIR_E_FENCED && failed == 0) {
				failed = reply->code;
			}
			if (reply->code == 0)
				wr_hand_remove(r->member->sharing,
					       wr_hand_find(r->member->sharing, item->sequence));
			else if (reply->code != WEIR_E_OUT_OF_SEQUENCE)
				r->left++; /* it is held to the end */
			wr_lane_reply_take(lane);
		}
		r->sent_count = 0;
		/* What was parked has been given up meanwhile. */
		for (uint32_t i = 0; i < again_count; i++) {
			rc = wr_redrive_send(r, again[i].item,
					     wr_redrive_way_unparked(again[i].way));
			r->left += rc != 0 ? 1 : 0;
			if (rc != 0 && failed == 0)
				failed = rc;
		}
	}
	return failed != 0 ? failed : done;
}

/* ---- going on ---- */

static bool has_enough(const struct weir_redrive *r)
{
	const struct weir_redrive_progress *progress = &r->progress;
	return r->options.letters_max != 0 && progress->matched >= r->options.letters_max;
}

/* One letter of those polled. 0, or why it stays where it is. */
static int look_at(struct weir_redrive *r, uint32_t index)
{
	const struct weir_item *item = &r->items[index];
	struct weir_origin origin;
	if (item->sequence >= r->end_seq) {
		r->progress.done = true; /* what follows is younger still */
		return 0;
	}
	bool is_letter = item->kind == WEIR_ITEM_EVENT && weir_item_origin(item, &origin) &&
			 !origin.bound; /* that would be copied again */
	/* Its key was erased: it is purged, whatever the job is for, and nobody sees it. */
	bool is_erased = is_letter && item->sequence < wr_erased_end(r->pipeline) &&
			 wr_is_erased(r->pipeline, item->record, item->sequence);
	bool matches = is_letter && !is_erased && is_for(r, item, &origin);
	if (is_erased) {
		int rc = wr_redrive_send(
			r, index, origin.parked ? WR_REDRIVE_PURGE_PARKED : WR_REDRIVE_SETTLE);
		if (rc != 0)
			return rc;
	} else if (matches && r->options.action != WEIR_REDRIVE_LOOK) {
		int rc = wr_redrive_send(r, index, wr_redrive_way(r, &origin));
		if (rc != 0)
			return rc;
	} else {
		r->left++;
	}
	r->progress.looked += is_erased ? 0 : 1;
	r->progress.matched += matches ? 1 : 0;
	r->paced += matches ? 1 : 0;
	r->progress.sequence = item->sequence;
	r->progress.done = has_enough(r);
	return 0;
}

/* Those that were polled, as many as the pace allows. Letters done with, or negative. */
static int work_off(struct weir_redrive *r, uint64_t now_ns)
{
	int rc = 0;
	while (r->item_next < r->item_count && !r->progress.done && pace_ns(r) <= now_ns) {
		rc = look_at(r, r->item_next);
		if (rc != 0)
			break;
		r->item_next++;
	}
	int done = finish(r);
	if (done != 0)
		return done;
	if (rc == 0 || rc == -EAGAIN)
		return 0;
	r->item_next++; /* told of, and left; or its lease was over, and it comes again */
	r->left++;
	return rc == WEIR_E_FENCED ? 0 : rc;
}

/* The next one cannot be read: those behind it can, perhaps. It is left, as if it had been polled.
 * Where nothing is granted it is the group that cannot read on. */
static void leave_unreadable(struct weir_redrive *r)
{
	struct wr_spsc *grants = &r->member->sharing->grants_ring;
	if (wr_spsc_ready(grants) == 0)
		return;
	wr_spsc_pop(grants, 1);
	r->left++;
}

/* More letters, when all are worked off. 0, or negative. */
static int poll_more(struct weir_redrive *r, uint64_t timeout_ns)
{
	if (r->left >= r->left_max)
		return WEIR_E_FULL;
	uint64_t idle_seq = wr_load_acquire(&r->sharing->idle_seq); /* RD1: before the look */
	r->item_next = r->item_count = 0;
	int rc =
		weir_poll(r->member, r->items, WR_REDRIVE_AT_ONCE, wr_min_u64(timeout_ns, LOOK_NS));
	if (rc == WEIR_E_CORRUPT || rc == -EIO)
		leave_unreadable(r);
	if (rc < 0)
		return rc;
	r->item_count = (uint32_t)rc;
	/* One that is granted may still be on its way from the disk. */
	if (rc == 0 && idle_seq >= r->end_seq &&
	    wr_spsc_ready(&r->member->sharing->grants_ring) == 0)
		r->progress.done = true;
	return 0;
}

int weir_redrive_step(struct weir_redrive *r, uint64_t timeout_ns)
{
	struct weir_pipeline *p = r->pipeline;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	uint64_t until_ns = wr_deadline_ns(now_ns, timeout_ns);
	while (!r->progress.done) {
		uint64_t left_ns = wr_left_ns(until_ns, now_ns);
		uint64_t pace = pace_ns(r);
		int rc = 0;
		if (r->item_next == r->item_count)
			rc = poll_more(r, left_ns);
		else if (pace > now_ns && left_ns > 0)
			rc = rest(r, wr_min_u64(pace - now_ns, left_ns));
		if (rc == 0)
			rc = work_off(r, wr_clock_mono_ns(p->host.clock));
		now_ns = wr_clock_mono_ns(p->host.clock);
		if (rc != 0 || now_ns >= until_ns)
			return rc;
	}
	return 0;
}

void weir_redrive_progress(const struct weir_redrive *r, struct weir_redrive_progress *ret_progress)
{
	*ret_progress = r->progress;
}

int weir_redrive_close(struct weir_redrive *r, uint64_t timeout_ns)
{
	if (r == NULL)
		return 0;
	int rc = weir_member_commit(r->member, WEIR_LEVEL_DURABLE, timeout_ns);
	int left = weir_member_leave(r->member, timeout_ns);
	wr_store_release(&r->sharing->redriven, 0u); /* RD2 */
	destroy(r);
	/* A lease that ran out meanwhile takes back nothing that was done. */
	return rc != 0 && rc != WEIR_E_FENCED ? rc : left;
}
