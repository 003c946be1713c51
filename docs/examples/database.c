/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects in a database, each exactly once: orders are booked by a member of a group, which has
 * partitions, and mailed by a member of a queue, whose events come in any order. Both write what
 * they do, and that it is done, in one transaction, and acknowledge when that is committed.
 *
 *   database JOURNAL DATABASE [restored]
 *
 * With effects_sqlite.c DATABASE is a file, with effects_postgresql.c a connection string
 * ("dbname=test"). Kill it when you like and start it again: nothing is booked twice, or left out.
 * `restored`: the database is an older copy; the log goes back to where that one stands.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir.h>

#include "effects.h"

#define ORDERS 200u
#define CUSTOMERS 16u
#define PARTITIONS 4u
#define ITEMS 32
#define SECOND_NS 1000000000ull

struct service {
	struct weir_pipeline *pipeline;
	uint32_t orders, epoch;
	uint32_t books, mails; // subscriptions
	struct effects *effects;
	uint32_t claimed[PARTITIONS];   // the generation that this process has claimed
	uint64_t positions[PARTITIONS]; // what is below is booked: what the claim read back
	unsigned done, repeats;
};

/* Of the partition of `item`; claimed, when this is the owner's first event of it. */
static enum effects_answer own(struct service *s, const struct weir_item *item,
			       struct effects_owner *owner)
{
	*owner = (struct effects_owner){.subscription = "books",
					.topic = item->topic,
					.partition = item->partition,
					.epoch = s->epoch,
					.generation = item->generation};
	if (s->claimed[item->partition] == item->generation)
		return EFFECTS_OK;
	enum effects_answer rc = effects_claim(s->effects, owner, &s->positions[item->partition]);
	if (rc == EFFECTS_OK)
		s->claimed[item->partition] = item->generation;
	return rc;
}

static uint64_t number_of(const struct weir_item *item)
{
	uint64_t number;
	memcpy(&number, item->payload, sizeof number);
	return number;
}

/* In a transaction: by the position of its partition. */
static enum effects_answer book(struct service *s, const struct weir_item *item)
{
	struct effects_owner owner;
	enum effects_answer rc = own(s, item, &owner);
	if (rc == EFFECTS_OK)
		rc = item->sequence < s->positions[item->partition]
			     ? EFFECTS_REPEAT
			     : effects_pass(s->effects, &owner, item->sequence);
	return rc == EFFECTS_OK ? effects_book(s->effects, "books", number_of(item)) : rc;
}

/* In a transaction: by its own id, which its publisher gave it. A redriven one has it, too. */
static enum effects_answer mail(struct service *s, const struct weir_item *item)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	enum effects_answer rc =
		effects_once(s->effects, "mails", ids.event_id, ids.event_id_bytes);
	return rc == EFFECTS_OK ? effects_book(s->effects, "mails", number_of(item)) : rc;
}

typedef enum effects_answer (*handler)(struct service *s, const struct weir_item *item);

/* All of a poll in one transaction, and only then the acknowledgements, of what is `good`. */
static enum effects_answer handle(struct service *s, handler one, const struct weir_item *items,
				  int count, bool *good)
{
	unsigned done = 0, repeats = 0;
	enum effects_answer rc = effects_begin(s->effects);
	for (int i = 0; i < count && rc == EFFECTS_OK; i++) {
		enum effects_answer one_rc =
			items[i].kind == WEIR_ITEM_EVENT ? one(s, &items[i]) : EFFECTS_OK;
		good[i] = one_rc != EFFECTS_FENCED; // then a later owner has it, or gets it
		done += one_rc == EFFECTS_OK;
		repeats += one_rc == EFFECTS_REPEAT;
		if (one_rc == EFFECTS_FAILED || one_rc == EFFECTS_BUSY)
			rc = one_rc;
	}
	if (rc == EFFECTS_OK)
		rc = effects_commit(s->effects);
	if (rc == EFFECTS_OK) {
		s->done += done;
		s->repeats += repeats;
		return rc;
	}
	effects_rollback(s->effects);
	memset(s->claimed, 0, sizeof s->claimed); // a claim in it is undone, too
	return rc;
}

static int fail(struct service *s, const char *what, int rc)
{
	fprintf(stderr, "%s: %s %s\n", what, rc == 0 ? "" : weir_error_name(rc),
		rc == 0 ? effects_why(s->effects) : "");
	return -1;
}

static int work(struct service *s, struct weir_member *member, handler one)
{
	struct weir_item items[ITEMS];
	int count = weir_poll(member, items, ITEMS, SECOND_NS / 10);
	if (count <= 0)
		return count == 0 ? 0 : fail(s, "a poll", count);
	bool good[ITEMS];
	enum effects_answer rc;
	while ((rc = handle(s, one, items, count, good)) == EFFECTS_BUSY)
		; // the items are lent until the next poll
	if (rc != EFFECTS_OK)
		return fail(s, "the database", 0);
	for (int i = 0; i < count; i++) {
		int acked = good[i] ? weir_ack(member, &items[i]) : 0;
		if (acked != 0 && acked != WEIR_E_FENCED)
			return fail(s, "an acknowledgement", acked);
	}
	return 0;
}

static int work_all(struct service *s, uint32_t subscription, handler one)
{
	struct weir_member *member;
	struct weir_problem why;
	struct weir_lag lag = {.events = 1};
	int rc = weir_member_join(s->pipeline, subscription, NULL, &member, &why);
	if (rc != 0)
		return fail(s, "joining", rc);
	while (rc == 0 && (lag.events > 0 || !lag.exact)) {
		rc = work(s, member, one);
		if (rc == 0)
			rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
		if (rc == 0 || rc == WEIR_E_FENCED)
			rc = weir_lag(s->pipeline, subscription, &lag);
	}
	int left = weir_member_leave(member, WEIR_FOREVER);
	return rc != 0 ? rc : left;
}

/* The copy may be older than what weir has on record: back to the lowest position that it has, or
 * to the oldest event, where a partition is not in it. What is there already is passed over. */
static int go_back(struct service *s)
{
	int64_t position = 0, rows = 0;
	struct weir_problem why = {.text = ""};
	if (effects_number(s->effects,
			   "SELECT count(*) FROM weir_position WHERE subscription = 'books'",
			   &rows) != EFFECTS_OK ||
	    effects_number(s->effects,
			   "SELECT coalesce(min(position), 0) FROM weir_position"
			   " WHERE subscription = 'books'",
			   &position) != EFFECTS_OK)
		return fail(s, "reading positions", 0);
	enum weir_seek_to to = rows == PARTITIONS ? WEIR_SEEK_SEQUENCE : WEIR_SEEK_OLDEST;
	int rc = weir_subscription_seek(s->pipeline, s->books, to, (uint64_t)position, WEIR_FOREVER,
					&why);
	/* A queue has no position in the database: it goes through the log again. */
	if (rc == 0)
		rc = weir_subscription_seek(s->pipeline, s->mails, WEIR_SEEK_OLDEST, 0,
					    WEIR_FOREVER, &why);
	return rc == 0 ? 0 : fail(s, why.text, rc);
}

static int publish(struct service *s, uint64_t *ret_first)
{
	struct weir_producer_options options;
	struct weir_producer *producer;
	struct weir_producer_last last;
	struct weir_problem why;
	uint64_t ticket = 0;
	weir_producer_options_init(&options);
	options.name = "shop"; // it knows how many orders there are
	int rc = weir_producer_open(s->pipeline, &options, &producer, &why);
	if (rc == 0)
		rc = weir_producer_last(producer, &last);
	*ret_first = last.producer_sequence + 1;
	for (uint64_t order = *ret_first; rc == 0 && order < *ret_first + ORDERS; order++) {
		uint64_t customer = order % CUSTOMERS;
		struct weir_ids ids = {.event_id = &order, .event_id_bytes = sizeof order};
		struct weir_event event = {.topic = s->orders,
					   .key = &customer,
					   .key_bytes = sizeof customer,
					   .payload = &order,
					   .payload_bytes = sizeof order,
					   .ids = &ids};
		rc = weir_publish(producer, &event, &ticket);
	}
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	return rc == 0 ? 0 : fail(s, "publishing", rc);
}

static int begin(struct service *s, const char *journal)
{
	static const char *const topics[] = {"orders"};
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_problem why = {.text = ""};

	weir_options_init(&options);
	options.dir = journal;
	options.segment_bytes = 4 << 20;
	int rc = weir_open(&options, &s->pipeline, &why);
	if (rc != 0)
		return fail(s, why.text, rc);
	weir_topic_options_init(&topic);
	topic.name = topics[0];
	topic.partitions = PARTITIONS;
	rc = weir_topic_create(s->pipeline, &topic, &s->orders, &why);
	weir_subscription_options_init(&reading);
	reading.name = "books";
	reading.topics = topics;
	reading.topic_count = 1;
	reading.gate = WEIR_LEVEL_DURABLE; // no effect of an event that a power cut could take back
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &reading, &s->books, &why);
	reading.name = "mails";
	reading.order = WEIR_ORDER_KEY;
	if (rc == 0)
		rc = weir_subscription_create(s->pipeline, &reading, &s->mails, &why);
	if (rc == 0)
		rc = weir_pipeline_info(s->pipeline, &info);
	s->epoch = info.epoch;
	return rc == 0 ? 0 : fail(s, why.text, rc);
}

/* Every order up to the last, in both, and none of them twice. */
static int check(struct service *s, uint64_t last)
{
	int64_t rows = 0, orders = 0;
	if (effects_number(s->effects, "SELECT count(*) FROM bookings", &rows) != EFFECTS_OK ||
	    effects_number(s->effects,
			   "SELECT count(*) FROM (SELECT DISTINCT subscription, order_number"
			   " FROM bookings) AS b",
			   &orders) != EFFECTS_OK)
		return fail(s, "counting", 0);
	printf("%u effects, %u were there; %lld in all of %llu orders, %lld of them twice\n",
	       s->done, s->repeats, (long long)orders, (unsigned long long)last,
	       (long long)(rows - orders));
	return rows == orders && orders == (int64_t)(2 * last) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct service s = {.done = 0};
	uint64_t first = 0;
	if (argc < 3) {
		fprintf(stderr, "usage: %s JOURNAL DATABASE [restored]\n", argv[0]);
		return 2;
	}
	int rc = effects_open(argv[2], &s.effects) == EFFECTS_OK
			 ? 0
			 : fail(&s, "opening the database", 0);
	if (rc == 0)
		rc = begin(&s, argv[1]);
	if (rc == 0 && argc > 3 && strcmp(argv[3], "restored") == 0)
		rc = go_back(&s);
	if (rc == 0)
		rc = publish(&s, &first);
	if (rc == 0)
		rc = work_all(&s, s.books, book);
	if (rc == 0)
		rc = work_all(&s, s.mails, mail);
	if (rc == 0)
		rc = check(&s, first + ORDERS - 1);
	int closed = weir_close(s.pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	effects_close(s.effects);
	return rc == 0 && closed == 0 ? 0 : 1;
}
