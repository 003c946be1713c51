/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that the other side will never take. Of a shared subscription they go the way of its own
 * dead letters. Of one by partition, the copy and the acknowledgement are one transaction: whatever
 * ends the process, the event is in one of the two places.
 *
 * Thread: the driver's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/transaction.h>

#include "io/bridge/bridge.h"

#define WAIT_NS 5000000000ull
#define HEADERS_MAX 1024u
#define OWN_HEADERS 3u
#define REASON_BYTES 200u

static const char *topic_name(const struct weir_bridge *b, uint32_t topic)
{
	const char *name = "?";
	return weir_topic_info(b->pipeline, topic, &name, NULL) == 0 ? name : "?";
}

static struct weir_header header(const char *name, const char *value, size_t bytes)
{
	return (struct weir_header){.name = name,
				    .name_bytes = (uint16_t)strlen(name),
				    .value = value,
				    .value_bytes = (uint16_t)bytes};
}

void weir_bridge_count_dead(struct weir_bridge *bridge, uint64_t events)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->shown.dead_letters += events;
	wr_bridge_shown_changed(bridge);
	(void)pthread_mutex_unlock(&bridge->lock);
}

/* Whoever looks at states alone sees a bridge that runs, and gives up each event. */
static void count_and_tell(struct weir_bridge *b, const struct weir_item *item, const char *reason)
{
	weir_bridge_count_dead(b, 1);
	wr_pipeline_say_at_open(b->pipeline, WR_EVENT_BRIDGE_DEAD_LETTER,
				WR_FIELDS(wr_field_text("bridge", b->name),
					  wr_field_text("topic", topic_name(b, item->topic)),
					  wr_field_u64("partition", item->partition),
					  wr_field_u64("sequence", item->sequence),
					  wr_field_text("why", reason)),
				"bridge %s: event %s/%u/%llu is a dead letter: %s", b->name,
				topic_name(b, item->topic), item->partition,
				(unsigned long long)item->sequence, reason);
}

static int reject(struct weir_bridge *b, const struct weir_item *item, const char *reason)
{
	char text[REASON_BYTES + 1];
	const struct weir_rejection rejection = {.verdict = WEIR_VERDICT_DEAD, .text = text};
	(void)snprintf(text, sizeof text, "%s", reason);
	int rc = weir_reject(b->member, item, &rejection);
	if (rc == 0)
		count_and_tell(b, item, text);
	if (rc == 0 || rc == WEIR_E_FENCED)
		return 0;
	return rc == WEIR_E_AGAIN
		       ? weir_bridge_lost(b, "no room to reject an event: %s", reason)
		       : weir_bridge_failed(b,
					    "event %llu: %s; its subscription has no dead "
					    "letters",
					    (unsigned long long)item->sequence, reason);
}

/* The event as it was, and who gave it up and why, in the transaction that is open. */
static int publish_copy(struct weir_bridge *b, const struct weir_item *item, const char *reason)
{
	struct weir_header headers[HEADERS_MAX];
	struct weir_ids ids;
	char place[300];
	uint32_t count = 0, at = 0;
	weir_item_ids(item, &ids);
	ids.idempotency_key_bytes = 0;
	while ((at = weir_item_header(item, at, &headers[count])) != 0)
		if (++count > HEADERS_MAX - OWN_HEADERS)
			return -E2BIG;
	int bytes = snprintf(place, sizeof place, "%s/%u/%llu", topic_name(b, item->topic),
			     item->partition, (unsigned long long)item->sequence);
	headers[count++] = header("weir-bridge", b->name, strlen(b->name));
	headers[count++] = header("weir-reason", reason, strnlen(reason, REASON_BYTES));
	headers[count++] = header("weir-position", place, (size_t)bytes);
	const struct weir_event copy = {
		.topic = b->options.dead_letters,
		.type = item->type,
		.key = item->key,
		.key_bytes = item->key_bytes,
		.payload = item->payload,
		.payload_bytes = item->payload_bytes,
		.event_time_us = weir_item_event_time_us(item),
		.ids = &ids,
		.headers = headers,
		.header_count = count,
	};
	return weir_transaction_publish(b->member, &copy);
}

int weir_bridge_dead_letter(struct weir_bridge *bridge, const struct weir_item *item,
			    const char *reason)
{
	struct weir_bridge *b = bridge;
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	uint64_t ticket = 0;
	int rc = weir_subscription_info(b->pipeline, b->options.subscription, &info);
	if (rc == 0 && info.order != WEIR_ORDER_PARTITION)
		return reject(b, item, reason);
	if (b->options.dead_letters == UINT32_MAX)
		return weir_bridge_failed(b, "%s/%u/%llu: %s; it has no dead_letters",
					  topic_name(b, item->topic), item->partition,
					  (unsigned long long)item->sequence, reason);
	if (rc == 0)
		rc = weir_transaction_begin(b->member, 0, WAIT_NS);
	if (rc == 0) {
		rc = publish_copy(b, item, reason);
		if (rc == 0)
			rc = weir_transaction_ack(b->member, item);
		if (rc == 0)
			rc = weir_transaction_commit(b->member, &ticket);
		if (rc < 0)
			(void)weir_transaction_abort(b->member);
	}
	if (rc == 0)
		rc = weir_transaction_wait(b->member, ticket, WEIR_LEVEL_DEFAULT, WAIT_NS, NULL);
	if (rc == 0) {
		count_and_tell(b, item, reason);
		return 0;
	}
	if (rc == WEIR_E_TOO_BIG)
		return weir_bridge_failed(
			b,
			"%s/%u/%llu: %s; it cannot be a dead letter: with more than a "
			"quarter of member_lane, or of a smaller lane or chunk",
			topic_name(b, item->topic), item->partition,
			(unsigned long long)item->sequence, reason);
	if (rc == -E2BIG || rc == -EINVAL)
		return weir_bridge_failed(b,
					  "%s/%u/%llu: %s; it cannot be a dead letter, which has "
					  "three headers more: %s",
					  topic_name(b, item->topic), item->partition,
					  (unsigned long long)item->sequence, reason,
					  rc == -E2BIG ? "too many" : weir_strerror(rc));
	return weir_bridge_lost(b, "event %llu to the dead letters: %s",
				(unsigned long long)item->sequence, weir_strerror(rc));
}
