/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h: events out, confirmed one by one, settled together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <weir/sharing.h>

#include "io/rabbitmq/driver.h"

/* Messages between two looks at what the broker says. */
#define LOOK_EACH 64u
#define GOODBYE_NS 1000000000ull

/* ---- what the broker says -------------------------------------------------------------------- */

static void decide(struct wr_rabbit_sink *s, uint32_t at, bool refused)
{
	struct wr_rabbit_slot *slot = &s->slots[s->order[at]];
	if (slot->fate == WR_RABBIT_SENT)
		slot->fate = refused ? WR_RABBIT_REFUSED : WR_RABBIT_CONFIRMED;
	else if (slot->fate == WR_RABBIT_RETURNED)
		slot->fate = WR_RABBIT_DEAD;
	else
		return; // it was decided before
	s->open--;
}

/* Confirms come for tags of messages that are out, or the broker is none. */
static void confirmed(void *owner, uint64_t tag, bool multiple, bool refused)
{
	struct weir_rabbitmq *r = owner;
	struct wr_rabbit_sink *s = &r->sink;
	uint64_t end_tag = s->first_tag + s->tagged;
	if (tag == 0 && multiple)
		tag = end_tag - 1;
	if (tag < s->first_tag || tag >= end_tag) {
		s->nonsense = true;
		return;
	}
	uint32_t last = (uint32_t)(tag - s->first_tag);
	for (uint32_t i = multiple ? s->lowest : last; i <= last; i++)
		decide(s, i, refused);
	if (multiple && last + 1 > s->lowest)
		s->lowest = last + 1;
	s->moved_ns = wr_rabbit_now_ns();
}

static void returned(void *owner, const struct wr_rabbit_message *message)
{
	struct weir_rabbitmq *r = owner;
	struct wr_rabbit_sink *s = &r->sink;
	const amqp_basic_properties_t *p = message->properties;
	uint64_t sequence = (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) == 0
				    ? 0
				    : wr_rabbit_map_sequence(&s->out, p->message_id);
	for (uint32_t i = 0; i < s->next && sequence != 0; i++) {
		if (s->items[i].sequence != sequence || s->slots[i].fate != WR_RABBIT_SENT)
			continue;
		s->slots[i] =
			(struct wr_rabbit_slot){.fate = WR_RABBIT_RETURNED, .code = message->code};
		return;
	}
	s->nonsense = true;
}

static const struct wr_rabbit_events sink_events = {.confirmed = confirmed, .returned = returned};

/* ---- opening --------------------------------------------------------------------------------- */

static int declare(struct weir_rabbitmq *r)
{
	const struct weir_rabbitmq_sink_options *o = &r->sink.options;
	if (o->exchange[0] == 0)
		return 0; // the default exchange is always there
	amqp_exchange_declare_t arguments = {
		.exchange = amqp_cstring_bytes(o->exchange),
		.type = amqp_cstring_bytes(o->declare == NULL ? "direct" : o->declare),
		.passive = o->declare == NULL,
		.durable = 1,
	};
	return wr_rabbit_link_request(&r->link, AMQP_EXCHANGE_DECLARE_METHOD, &arguments,
				      AMQP_EXCHANGE_DECLARE_OK_METHOD, "exchange.declare");
}

static void take_log_id(struct wr_rabbit_out *out, struct weir_pipeline *pipeline)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	if (out->log_id[0] != 0 || weir_pipeline_info(pipeline, &info) != 0)
		return;
	static const uint8_t none[sizeof info.log_id];
	/* A log in memory has no id that lasts: its events do not, either. */
	if (memcmp(info.log_id, none, sizeof none) == 0 &&
	    getrandom(info.log_id, sizeof info.log_id, 0) < 0)
		return;
	for (size_t i = 0; i < sizeof info.log_id; i++)
		(void)snprintf(out->log_id + 2 * i, 3, "%02x", info.log_id[i]);
}

int wr_rabbit_sink_open(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_sink *s = &r->sink;
	s->count = s->next = s->tagged = s->open = 0;
	s->first_tag = 1;
	s->nonsense = s->shows_blocked = false;
	take_log_id(&s->out, weir_bridge_pipeline(bridge));
	r->link.events = &sink_events;
	r->link.owner = r;
	int rc = wr_rabbit_link_open(&r->link);
	s->out.frame_bytes_max = r->link.frame_bytes_max;
	if (rc == 0)
		rc = declare(r);
	amqp_confirm_select_t select = {.nowait = 0};
	if (rc == 0)
		rc = wr_rabbit_link_request(&r->link, AMQP_CONFIRM_SELECT_METHOD, &select,
					    AMQP_CONFIRM_SELECT_OK_METHOD, "confirm.select");
	return rc;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static uint64_t wall_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int poll_failed(struct weir_bridge *bridge, int rc)
{
	struct weir_problem problem = {0};
	weir_member_problem(weir_bridge_member(bridge), &problem);
	if (rc == WEIR_E_CORRUPT || rc == WEIR_E_FAILED)
		return weir_bridge_failed(bridge, "reading the log: %s %s", weir_strerror(rc),
					  problem.text);
	return weir_bridge_lost(bridge, "reading the log: %s %s", weir_strerror(rc), problem.text);
}

static int poll_items(struct wr_rabbit_sink *s, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	int count = weir_poll(weir_bridge_member(bridge), s->items, s->options.window, timeout_ns);
	if (count < 0)
		return poll_failed(bridge, count);
	s->first_tag += s->tagged;
	s->count = (uint32_t)count;
	s->next = s->tagged = s->open = s->lowest = 0;
	s->moved_ns = wr_rabbit_now_ns();
	s->wall_us = wall_us();
	memset(s->slots, 0, sizeof s->slots[0] * s->count);
	return count;
}

/* 1: the next item has its fate, or is out; 0: no room; negative. */
static int publish_next(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_sink *s = &r->sink;
	const struct weir_item *item = &s->items[s->next];
	struct wr_rabbit_slot *slot = &s->slots[s->next];
	const char *topic = "";
	if (item->kind != WEIR_ITEM_EVENT) {
		slot->fate = WR_RABBIT_CONFIRMED; // a gap: there is nothing to send
		s->next++;
		return 1;
	}
	if (weir_topic_info(weir_bridge_pipeline(bridge), item->topic, &topic, NULL) != 0)
		topic = "";
	if (!wr_rabbit_map_out(&s->out, item, topic, s->wall_us, &slot->why)) {
		slot->fate = WR_RABBIT_DEAD;
		s->next++;
		return 1;
	}
	amqp_basic_publish_t publish = {
		.exchange = amqp_cstring_bytes(s->options.exchange),
		.routing_key = s->out.key,
		.mandatory = 1,
	};
	/* Before the first byte goes: its confirm may come while the last ones are sent. */
	slot->fate = WR_RABBIT_SENT;
	s->order[s->tagged] = s->next;
	int rc = wr_rabbit_link_publish(&r->link, &publish, &s->out.properties, s->out.body, 0);
	if (rc <= 0) {
		slot->fate = WR_RABBIT_UNSENT;
		return rc;
	}
	s->tagged++;
	s->open++;
	s->next++;
	return 1;
}

static int publish_some(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_sink *s = &r->sink;
	int rc = 1;
	wr_rabbit_link_cork(&r->link, true);
	for (uint32_t n = 1; rc > 0 && s->next < s->count && !r->link.blocked; n++) {
		rc = publish_next(r, bridge);
		if (rc > 0 && n % LOOK_EACH == 0) {
			int read = wr_rabbit_link_read(&r->link, 0);
			rc = read < 0 ? read : rc;
		}
	}
	if (rc >= 0)
		wr_rabbit_link_cork(&r->link, false);
	return rc;
}

/* ---- settling -------------------------------------------------------------------------------- */

static int give_up(struct wr_rabbit_sink *s, struct weir_bridge *bridge, uint32_t i)
{
	char why[WR_RABBIT_WHY_BYTES];
	const struct wr_rabbit_slot *slot = &s->slots[i];
	if (slot->why != NULL)
		(void)snprintf(why, sizeof why, "%s", slot->why);
	else
		(void)snprintf(why, sizeof why, "the broker returned it: %u%s", slot->code,
			       slot->code == AMQP_NO_ROUTE
				       ? ", no queue is bound to its routing key"
				       : "");
	return weir_bridge_dead_letter(bridge, &s->items[i], why);
}

/*
 * Of a queue it is given back by itself: 1. Of a partition the position cannot pass it, and it
 * comes again with what is behind it, whenever the connection does: 0. It has not failed there: the
 * broker has.
 */
static int refuse(struct wr_rabbit_sink *s, struct weir_bridge *bridge, uint32_t i)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	const struct weir_rejection later = {.verdict = WEIR_VERDICT_RETRY,
					     .delay_ns = WEIR_DELAY_DEFAULT,
					     .text = "the broker refused it (basic.nack)"};
	int rc = weir_subscription_info(weir_bridge_pipeline(bridge),
					weir_bridge_subscription(bridge), &info);
	if (rc == 0 && info.order == WEIR_ORDER_PARTITION)
		return 0;
	if (rc == 0)
		rc = weir_reject(weir_bridge_member(bridge), &s->items[i], &later);
	if (rc == 0 || rc == WEIR_E_FENCED)
		return 1;
	return weir_bridge_lost(bridge, "giving back what the broker refused: %s",
				weir_strerror(rc));
}

static int acknowledge(struct weir_bridge *bridge, const struct weir_item *item)
{
	int rc = weir_ack(weir_bridge_member(bridge), item);
	/* Fenced: it moved to another member, or its lease is over. It was delivered. */
	return rc == 0 || rc == WEIR_E_FENCED
		       ? 0
		       : weir_bridge_lost(bridge, "acknowledging: %s", weir_strerror(rc));
}

/* All fates are known: acknowledge in order. */
static int settle(struct wr_rabbit_sink *s, struct weir_bridge *bridge)
{
	uint64_t events = 0, bytes = 0;
	uint32_t refused = 0;
	int rc = 0;
	for (uint32_t i = 0; i < s->count && rc == 0; i++) {
		const struct weir_item *item = &s->items[i];
		switch (s->slots[i].fate) {
		case WR_RABBIT_CONFIRMED:
			rc = acknowledge(bridge, item);
			if (item->kind == WEIR_ITEM_EVENT) {
				events++;
				bytes += item->key_bytes + item->payload_bytes;
			}
			break;
		case WR_RABBIT_REFUSED:
			rc = refuse(s, bridge, i);
			refused += rc == 0;
			rc = rc < 0 ? rc : 0;
			break;
		default:
			/* Behind one that stays, its partition's position cannot move: it comes
			 * again with that one. */
			rc = refused > 0 ? 0 : give_up(s, bridge, i);
			break;
		}
	}
	weir_bridge_count(bridge, events, bytes, 0);
	if (rc == 0 && refused > 0)
		rc = weir_bridge_lost(bridge,
				      "the broker refused %u of %u events (basic.nack): is "
				      "a queue full, or not available?",
				      refused, s->count);
	s->count = 0;
	return rc;
}

/* For whoever looks at the bridge. */
static void show_blocked(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	char note[WR_RABBIT_REASON_BYTES + 40] = "";
	if (r->link.blocked == r->sink.shows_blocked)
		return;
	r->sink.shows_blocked = r->link.blocked;
	if (r->link.blocked)
		(void)snprintf(note, sizeof note, "the broker blocks publishers: %s",
			       r->link.blocked_reason);
	weir_bridge_note(bridge, note);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int look_at_time(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	const struct wr_rabbit_sink *s = &r->sink;
	uint64_t now_ns = wr_rabbit_now_ns(), limit_ns = s->options.confirm_timeout_ns;
	show_blocked(r, bridge);
	bool is_long = s->count > 0 && now_ns - s->moved_ns > limit_ns;
	if (r->link.blocked && (is_long || now_ns - r->link.blocked_ns > limit_ns))
		return weir_bridge_lost(bridge, "the broker blocks publishers: %s",
					r->link.blocked_reason);
	if (is_long)
		return weir_bridge_lost(bridge,
					"the broker has confirmed nothing for %llu ms, %u "
					"of %u events are open",
					(unsigned long long)(limit_ns / 1000000u),
					s->count - s->next + s->open, s->count);
	return 0;
}

/* What is in hand goes on: 1: something happened, 0: not, or negative. */
static int go_on(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_rabbit_sink *s = &r->sink;
	uint32_t next = s->next, open = s->open;
	int rc = publish_some(r, bridge);
	if (rc < 0)
		return rc;
	bool waits = s->open > 0 || s->next < s->count;
	rc = waits ? wr_rabbit_link_read(&r->link, timeout_ns) : 1;
	if (rc < 0)
		return rc;
	if (s->nonsense)
		return weir_bridge_lost(bridge, "the broker does not keep to AMQP 0-9-1: it "
						"confirms or returns what was not sent");
	if (s->next == s->count && s->open == 0) {
		rc = settle(s, bridge);
		return rc < 0 ? rc : 1;
	}
	rc = look_at_time(r, bridge);
	return rc < 0 ? rc : s->next != next || s->open != open;
}

int wr_rabbit_sink_step(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_rabbit_sink *s = &r->sink;
	if (s->count > 0)
		return go_on(r, bridge, timeout_ns);
	/* Also for the heartbeats, and to hear that the broker blocks, or is gone. */
	int rc = wr_rabbit_link_read(&r->link, r->link.blocked ? timeout_ns : 0);
	if (rc < 0)
		return rc;
	if (s->nonsense)
		return weir_bridge_lost(bridge, "the broker confirms or returns what was not sent");
	rc = look_at_time(r, bridge);
	if (rc < 0 || r->link.blocked)
		return rc;
	rc = poll_items(s, bridge, timeout_ns);
	if (rc <= 0)
		return rc;
	rc = go_on(r, bridge, 0);
	return rc < 0 ? rc : 1;
}

int wr_rabbit_sink_drain(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	uint64_t end_ns = wr_rabbit_now_ns() + timeout_ns;
	while (r->sink.count > 0) {
		int rc = go_on(r, bridge, WR_RABBIT_SLICE_NS);
		if (rc < 0 || (r->sink.count > 0 &&
			       (wr_rabbit_now_ns() > end_ns || weir_bridge_is_aborting(bridge))))
			return -1;
	}
	int rc;
	do
		rc = weir_member_commit(weir_bridge_member(bridge), WEIR_LEVEL_DEFAULT,
					WR_RABBIT_SLICE_NS);
	while (rc == -ETIMEDOUT && wr_rabbit_now_ns() < end_ns && !weir_bridge_is_aborting(bridge));
	wr_rabbit_link_goodbye(&r->link, GOODBYE_NS);
	return rc;
}
