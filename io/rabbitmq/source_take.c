/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h: what becomes of one message. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/producer.h>

#include "io/rabbitmq/driver.h"

static bool is_for_later(int code)
{
	return code == WEIR_E_AGAIN || code == -ETIMEDOUT || code == WEIR_E_FULL ||
	       code == WEIR_E_NO_ROOM || code == WEIR_E_QUEUE_FULL;
}

static void remember(struct wr_rabbit_source *s, uint64_t ticket, uint64_t tag, uint64_t bytes,
		     bool is_dead)
{
	uint32_t at = (uint32_t)(((uint64_t)s->first + s->count) % s->options.prefetch);
	s->pending[at] = (struct wr_rabbit_pending){
		.ticket = ticket, .tag = tag, .bytes = (uint32_t)bytes, .is_dead = is_dead};
	s->count++;
}

/* Hand an event over. 1, 0: there is no room now, or the log's code for what it refuses. */
static int hand_over(struct weir_rabbitmq *r, struct weir_bridge *bridge,
		     const struct weir_event *event, int *ret_refused)
{
	struct wr_rabbit_source *s = &r->source;
	uint64_t ticket;
	int rc = weir_publish(s->producer, event, &ticket);
	*ret_refused = 0;
	if (rc == 0) {
		remember(s, ticket, r->link.message.tag, event->key_bytes + event->payload_bytes,
			 event->topic != s->options.topic);
		return 1;
	}
	if (is_for_later(rc))
		return 0;
	if (rc == WEIR_E_FAILED || rc == WEIR_E_CLOSED || rc == WEIR_E_POISONED)
		return weir_bridge_failed(bridge, "the log: %s", weir_strerror(rc));
	*ret_refused = rc;
	return 0;
}

static struct weir_header header(const char *name, const char *value)
{
	return (struct weir_header){.name = name,
				    .name_bytes = (uint16_t)strlen(name),
				    .value = value,
				    .value_bytes = (uint16_t)strlen(value)};
}

/* As a dead letter: the message as far as it is one, and why. Its acknowledgement follows as that
 * of any event. */
static int bury(struct weir_rabbitmq *r, struct weir_bridge *bridge, const char *why, int *ret_code)
{
	struct wr_rabbit_source *s = &r->source;
	char place[2 * WR_RABBIT_SHORT_BYTES + 32];
	const struct wr_rabbit_message *m = &r->link.message;
	struct weir_event *e = &s->in.event;
	(void)snprintf(place, sizeof place, "%s/%.*s", s->options.queue, (int)m->routing_key.len,
		       (const char *)m->routing_key.bytes);
	const struct weir_header own[] = {header("weir-bridge", weir_bridge_name(bridge)),
					  header("weir-reason", why),
					  header("weir-position", place)};
	const size_t own_count = sizeof own / sizeof own[0];
	e->topic = s->options.dead_letters;
	s->in.ids.idempotency_key_bytes = 0;
	if (m->oversize)
		e->payload_bytes = 0;
	if (e->header_count > WR_RABBIT_HEADERS_MAX - own_count)
		e->header_count = 0;
	memcpy(s->in.headers + e->header_count, own, sizeof own);
	e->header_count += own_count;
	int rc = hand_over(r, bridge, e, ret_code);
	if (*ret_code == 0)
		return rc;
	/* Its headers may be what is wrong. */
	memcpy(s->in.headers, own, sizeof own);
	e->header_count = own_count;
	s->in.ids = (struct weir_ids){.event_id = NULL};
	return hand_over(r, bridge, e, ret_code);
}

int wr_rabbit_source_refuse(struct weir_rabbitmq *r, struct weir_bridge *bridge, const char *why)
{
	struct wr_rabbit_source *s = &r->source;
	if (s->options.dead_letters != UINT32_MAX) {
		int code;
		int rc = bury(r, bridge, why, &code);
		if (rc != 0 || code == 0)
			return rc;
		return weir_bridge_failed(bridge,
					  "a message of queue %s is no event (%s), and no "
					  "dead letter: %s",
					  s->options.queue, why, weir_strerror(code));
	}
	if (s->options.when_refused == WEIR_RABBITMQ_REFUSED_REJECT) {
		amqp_basic_reject_t reject = {.delivery_tag = r->link.message.tag, .requeue = 0};
		int rc = wr_rabbit_link_send(&r->link, AMQP_BASIC_REJECT_METHOD, &reject, 0);
		if (rc > 0)
			weir_bridge_count_dead(bridge, 1);
		return rc;
	}
	return weir_bridge_failed(bridge,
				  "a message of queue %s is no event: %s. It stays there; set "
				  "dead_letters, or when_refused",
				  s->options.queue, why);
}

/* For whoever looks at the bridge: nothing moves until there is room. */
static void show_waiting(struct weir_bridge *bridge, int code)
{
	char note[160];
	(void)snprintf(note, sizeof note, "a message waits: %s", weir_strerror(code));
	weir_bridge_note(bridge, note);
}

/* Careful: it was handed over, and its answer decides. */
static int see_answer(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	int code = s->refused;
	if (code == 0 && s->count > 0)
		return 0;
	s->handed_over = false;
	if (code == 0) {
		s->careful--;
		weir_bridge_note(bridge, "");
		return 1;
	}
	s->refused = 0;
	s->count = 0;
	if (is_for_later(code)) {
		show_waiting(bridge, code);
		return 0;
	}
	(void)wr_rabbit_map_in(&s->in, &r->link.message);
	return wr_rabbit_source_refuse(r, bridge, weir_strerror(code));
}

int wr_rabbit_source_take(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	char died[64];
	if (s->handed_over)
		return see_answer(r, bridge);
	/* The broker sends no more than that; and one at a time, the ones before are waited for. */
	if (s->count == s->options.prefetch || (s->careful > 0 && s->count > 0))
		return 0;
	const char *why = wr_rabbit_map_in(&s->in, &r->link.message);
	if (why == NULL && s->options.deaths_max != 0 && s->in.deaths >= s->options.deaths_max) {
		(void)snprintf(died, sizeof died, "it has died %llu times",
			       (unsigned long long)s->in.deaths);
		why = died;
	}
	if (why != NULL)
		return wr_rabbit_source_refuse(r, bridge, why);
	int code;
	int rc = hand_over(r, bridge, &s->in.event, &code);
	if (code != 0)
		return wr_rabbit_source_refuse(r, bridge, weir_strerror(code));
	if (rc <= 0 || s->careful == 0)
		return rc;
	s->handed_over = true;
	return 0;
}
