/* SPDX-License-Identifier: Apache-2.0 */
/* See sink.h. */
#include "io/kafka/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND_NS 1000000ull
#define SECOND_NS 1000000000ull
#define ANSWER_SLICES 60u
/* So long may a commit take before the producer is given up: its outcome is Kafka's to say then. */
#define COMMIT_NS (60 * SECOND_NS)
#define PARTITIONS_NS (60 * SECOND_NS)
#define FENCED_NS (60 * SECOND_NS)

/* ---- what Kafka says of messages ------------------------------------------------------------- */

/* One of a batch may be all that is wrong with it: its size, or its time, which a broker may want
 * to be at most an hour ahead. */
static bool is_for_one(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
	       code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

/* From rd_kafka_poll(). A message that failed has failed its transaction, too. */
static void take_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct wr_kafka_sink *s = opaque; /* the client is its first member */
	uint64_t sequence = (uint64_t)(uintptr_t)message->_private;
	(void)rk;
	if (!is_for_one(message->err))
		return;
	if (s->refused_first == 0 || sequence < s->refused_first)
		s->refused_first = sequence;
	if (sequence > s->refused_last)
		s->refused_last = sequence;
}

/* A batch was refused: one of it is the cause, or all of them together are too large. They go one
 * by one from now on, and the one that is refused alone is the one. */
static void suspect(struct wr_kafka_sink *s)
{
	if (s->refused_first == 0)
		return;
	if (s->refused_first == s->refused_last && s->events == 1)
		s->poison = s->refused_first;
	if (s->refused_last >= s->suspect_end)
		s->suspect_end = s->refused_last + 1;
	s->refused_first = s->refused_last = 0;
}

/* Something of the transaction failed. Fenced for the first time, it may have been Kafka's time
 * limit of a transaction: this machine may have slept. Twice in a minute is another bridge. */
static int fault(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *doing,
		 rd_kafka_error_t *error)
{
	char text[WR_KAFKA_ERROR_BYTES] = "";
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	uint64_t now = wr_kafka_now_ns();
	(void)rd_kafka_poll(s->client.rk, 0);
	suspect(s);
	if (rd_kafka_error_is_fatal(error))
		(void)rd_kafka_fatal_error(s->client.rk, text, sizeof text);
	bool fenced = code == RD_KAFKA_RESP_ERR__FENCED ||
		      code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
		      code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
	if (!fenced)
		return wr_kafka_fault(bridge, &s->client, doing, error);
	bool again = s->fenced_ns != 0 && now - s->fenced_ns < FENCED_NS;
	s->fenced_ns = now;
	rd_kafka_error_destroy(error);
	return again ? weir_bridge_failed(bridge,
					  "fenced twice in a minute: another bridge uses group %s",
					  s->group)
		     : weir_bridge_lost(bridge,
					"fenced: by a later bridge with group %s, or its "
					"transaction took too long",
					s->group);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int make_client(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	const char *const own[] = {"transactional.id", s->group, "enable.idempotence", "true",
				   NULL};
	rd_kafka_conf_t *conf = wr_kafka_conf_make(&s->properties, own, &s->client);
	if (conf != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, take_report);
	return wr_kafka_client_make(&s->client, RD_KAFKA_PRODUCER, conf, bridge);
}

static int init_transactions(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	for (uint32_t i = 0; i < ANSWER_SLICES && wr_kafka_may_ask(bridge, &s->client, i); i++) {
		rd_kafka_error_t *error =
			rd_kafka_init_transactions(s->client.rk, WR_KAFKA_SLICE_MS);
		(void)rd_kafka_poll(s->client.rk, 0);
		if (error == NULL)
			return 0;
		if (!rd_kafka_error_is_retriable(error))
			return fault(s, bridge, "the start of transactions", error);
		rd_kafka_error_destroy(error);
		wr_kafka_note(bridge, &s->client);
	}
	return wr_kafka_no_answer(bridge, &s->client, "the start of transactions");
}

/* Which log it is, and how it is read. */
static int know_log(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_subscription_info subscription = {.struct_bytes = sizeof subscription};
	s->subscription = weir_bridge_subscription(bridge);
	if (weir_pipeline_info(weir_bridge_pipeline(bridge), &info) < 0 ||
	    weir_subscription_info(weir_bridge_pipeline(bridge), s->subscription, &subscription) <
		    0)
		return weir_bridge_failed(bridge, "its subscription is not there");
	if (subscription.order != WEIR_ORDER_PARTITION)
		return weir_bridge_failed(bridge,
					  "%s is a queue, and those have no position: order "
					  "partition is needed",
					  subscription.name);
	if (s->group[0] == '\0')
		(void)snprintf(s->group, sizeof s->group, "weir.%s", weir_bridge_name(bridge));
	s->in_memory = strcmp(info.backend, "memory") == 0;
	if (!s->in_memory) {
		memcpy(s->log_id, info.log_id, sizeof s->log_id);
	} else if (s->log_id[0] == 0) {
		/* Another process with the same name is another log. */
		const uint64_t drawn[2] = {wr_kafka_now_ns() | 1, (uint64_t)(uintptr_t)s};
		memcpy(s->log_id, drawn, sizeof s->log_id);
	}
	return 0;
}

static int sink_open(void *self, struct weir_bridge *bridge)
{
	struct wr_kafka_sink *s = self;
	s->is_in_transaction = false;
	s->events = s->bytes = s->repeats = 0;
	s->unacked_count = 0;
	s->refused_first = s->refused_last = 0;
	int rc = know_log(s, bridge);
	if (rc == 0)
		rc = make_client(s, bridge);
	if (rc == 0)
		rc = init_transactions(s, bridge);
	if (rc == 0)
		rc = wr_kafka_routes_make(s, bridge);
	if (rc == 0)
		rc = wr_kafka_routes_ask(s, bridge);
	if (rc == 0)
		rc = wr_kafka_position_read(s, bridge);
	s->partitions_at_ns = wr_kafka_now_ns() + PARTITIONS_NS;
	if (rc == 0 && s->group_metadata == NULL)
		s->group_metadata = rd_kafka_consumer_group_metadata_new(s->group);
	return rc == 0 && s->group_metadata == NULL ? weir_bridge_lost(bridge, "no memory") : rc;
}

static void sink_close(void *self, struct weir_bridge *bridge)
{
	struct wr_kafka_sink *s = self;
	(void)bridge;
	wr_kafka_routes_free(s);
	wr_kafka_client_end(&s->client);
}

static void sink_destroy(void *self)
{
	struct wr_kafka_sink *s = self;
	if (s->group_metadata != NULL)
		rd_kafka_consumer_group_metadata_destroy(s->group_metadata);
	wr_kafka_properties_free(&s->properties);
	free(s->unacked);
	free(s->topic);
	free(s);
}

/* ---- a transaction --------------------------------------------------------------------------- */

/* What was polled up to here is in Kafka: the log may know. */
static int acknowledge(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	struct weir_member *member = weir_bridge_member(bridge);
	for (uint32_t i = 0; i < s->unacked_count; i++) {
		int rc = weir_ack(member, &s->unacked[i]);
		/* Fenced: the partition has moved to a later member of this bridge's; what comes
		 * again is known by its position. */
		if (rc < 0 && rc != WEIR_E_FENCED)
			return weir_bridge_lost(bridge, "nothing can be acknowledged: %s",
						weir_strerror(rc));
	}
	s->unacked_count = 0;
	weir_bridge_count(bridge, s->events, s->bytes, s->repeats);
	s->events = s->bytes = s->repeats = 0;
	return 0;
}

static int begin(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	if (s->is_in_transaction)
		return 0;
	rd_kafka_error_t *error = rd_kafka_begin_transaction(s->client.rk);
	if (error != NULL)
		return fault(s, bridge, "a transaction", error);
	s->is_in_transaction = true;
	s->begun_ns = wr_kafka_now_ns();
	return 0;
}

/* Until Kafka has answered to each message. Before the position: the wait for that is inside
 * librdkafka, for as long as a request may take, and nothing can be told meanwhile. What was
 * refused fails the transaction. */
static int settle(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	int rc = 0;
	while (rc == 0 &&
	       rd_kafka_flush(s->client.rk, WR_KAFKA_SLICE_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT)
		rc = wr_kafka_wait_on(s, bridge, "its messages");
	return rc == 1 ? wr_kafka_no_answer(bridge, &s->client, "its messages") : rc;
}

/* 0: another attempt; else what the driver is to return: of `error`, or of the wait. */
static int judge_error(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *doing,
		       rd_kafka_error_t *error)
{
	bool again =
		rd_kafka_error_is_retriable(error) && !rd_kafka_error_txn_requires_abort(error);
	int rc = again ? wr_kafka_wait_on(s, bridge, doing) : 1;
	if (rc == 1)
		return fault(s, bridge, doing, error);
	rd_kafka_error_destroy(error);
	return rc;
}

static int send_position(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	rd_kafka_topic_partition_list_t *list = wr_kafka_position_make(s);
	rd_kafka_error_t *error = NULL;
	int rc = 0;
	if (list == NULL)
		return weir_bridge_lost(bridge, "no memory for its position");
	do {
		/* Each call is a request of its own: none is given up for being slow. */
		error = rd_kafka_send_offsets_to_transaction(s->client.rk, list, s->group_metadata,
							     10 * WR_KAFKA_SLICE_MS);
		(void)rd_kafka_poll(s->client.rk, 0);
		rc = error == NULL ? 0 : judge_error(s, bridge, "the position", error);
	} while (error != NULL && rc == 0);
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

/* One that has begun is gone on with by the next call. */
static int end_transaction(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	rd_kafka_error_t *error = NULL;
	int rc = 0;
	do {
		error = rd_kafka_commit_transaction(s->client.rk, 2 * WR_KAFKA_SLICE_MS);
		(void)rd_kafka_poll(s->client.rk, 0);
		rc = error == NULL ? 0 : judge_error(s, bridge, "a commit", error);
	} while (error != NULL && rc == 0);
	return rc;
}

/* Everything that was polled is in Kafka and acknowledged, or the producer is of no more use. */
static int commit_for(struct wr_kafka_sink *s, struct weir_bridge *bridge, uint64_t limit_ns,
		      bool is_drain)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	int rc = 0;
	if (!s->is_in_transaction)
		return acknowledge(s, bridge);
	if (weir_subscription_info(weir_bridge_pipeline(bridge), s->subscription, &info) == 0 &&
	    info.member_count > 1)
		rc = weir_bridge_failed(bridge,
					"another member reads subscription %s: a bridge "
					"to Kafka needs one of its own",
					info.name);
	wr_kafka_wait_begin(s, limit_ns, is_drain);
	if (rc == 0)
		rc = settle(s, bridge);
	if (rc == 0)
		rc = send_position(s, bridge);
	if (rc == 0)
		rc = end_transaction(s, bridge);
	if (rc < 0)
		return rc;
	wr_kafka_wait_end(s, bridge);
	s->is_in_transaction = false;
	for (uint32_t i = 0; i < s->row_count; i++) {
		s->rows[i].committed = s->rows[i].next;
		s->rows[i].is_dirty = false;
	}
	return acknowledge(s, bridge);
}

static int commit(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	return commit_for(s, bridge, COMMIT_NS, false);
}

/* ---- items ----------------------------------------------------------------------------------- */

static int keep_for_ack(struct wr_kafka_sink *s, struct weir_bridge *bridge,
			const struct weir_item *item)
{
	if (s->unacked_count == s->unacked_room) {
		uint32_t room = s->unacked_room == 0 ? 1024 : 2 * s->unacked_room;
		struct weir_item *items = realloc(s->unacked, room * sizeof *items);
		if (items == NULL)
			return weir_bridge_lost(bridge, "no memory for what is under way");
		s->unacked = items;
		s->unacked_room = room;
	}
	s->unacked[s->unacked_count++] = *item;
	return 0;
}

/* It will never be taken: what came before it goes first, then it is given up, alone. */
static int bury(struct wr_kafka_sink *s, struct weir_bridge *bridge, const struct weir_item *item)
{
	int rc = commit(s, bridge);
	if (rc == 0)
		rc = weir_bridge_dead_letter(bridge, item,
					     "Kafka does not take it: it is larger than "
					     "message.max.bytes allows, its time is further ahead "
					     "than message.timestamp.after.max.ms, or it is not "
					     "valid there");
	if (rc == 0)
		s->poison = 0;
	return rc;
}

static int take_event(struct wr_kafka_sink *s, struct weir_bridge *bridge,
		      const struct weir_item *item, struct wr_kafka_row *row)
{
	int rc = 0;
	bool alone = item->sequence < s->suspect_end;
	if (item->sequence == s->poison)
		return bury(s, bridge, item);
	if (alone)
		rc = commit(s, bridge);
	if (rc == 0)
		rc = begin(s, bridge);
	if (rc == 0)
		rc = wr_kafka_send(s, bridge, item);
	if (rc > 0)
		return bury(s, bridge, item);
	if (rc == 0)
		rc = keep_for_ack(s, bridge, item);
	if (rc < 0)
		return rc;
	row->next = item->sequence + 1;
	row->epoch = item->epoch;
	row->time_us = item->append_time_us;
	row->is_dirty = true;
	s->events++;
	s->bytes += item->key_bytes + item->payload_bytes;
	return alone || s->events >= s->events_max ? commit(s, bridge) : 0;
}

static int take_item(struct wr_kafka_sink *s, struct weir_bridge *bridge,
		     const struct weir_item *item)
{
	struct wr_kafka_row *row = wr_kafka_row_of(s, item->topic, item->partition);
	if (item->kind != WEIR_ITEM_EVENT)
		return keep_for_ack(s, bridge, item);
	if (row == NULL)
		return weir_bridge_lost(bridge, "its topics have more partitions now");
	if (item->sequence >= row->next)
		return take_event(s, bridge, item, row);
	s->repeats++;
	return keep_for_ack(s, bridge, item);
}

static bool is_due(const struct wr_kafka_sink *s)
{
	return s->is_in_transaction && wr_kafka_now_ns() - s->begun_ns >= s->time_ns;
}

static int care(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	uint64_t now = wr_kafka_now_ns();
	(void)rd_kafka_poll(s->client.rk, 0);
	int rc = wr_kafka_check(bridge, &s->client);
	if (rc < 0)
		return rc;
	if (s->is_in_transaction || s->client.down_ns != 0 || now < s->partitions_at_ns)
		return 0;
	s->partitions_at_ns = now + PARTITIONS_NS;
	return wr_kafka_routes_ask(s, bridge);
}

static int sink_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_kafka_sink *s = self;
	struct weir_item items[WR_KAFKA_POLL_ITEMS];
	struct weir_problem problem;
	int rc = care(s, bridge);
	if (rc < 0)
		return rc;
	if (s->is_in_transaction) {
		uint64_t spent_ns = wr_kafka_now_ns() - s->begun_ns;
		uint64_t left_ns = spent_ns < s->time_ns ? s->time_ns - spent_ns : 0;
		timeout_ns = left_ns < timeout_ns ? left_ns : timeout_ns;
	}
	int count = weir_poll(weir_bridge_member(bridge), items, WR_KAFKA_POLL_ITEMS, timeout_ns);
	if (count == WEIR_E_CORRUPT || count == -EIO) {
		weir_member_problem(weir_bridge_member(bridge), &problem);
		return weir_bridge_failed(bridge, "the log: %s", problem.text);
	}
	if (count < 0)
		return weir_bridge_lost(bridge, "the log: %s", weir_strerror(count));
	for (int i = 0; i < count && rc == 0; i++)
		rc = take_item(s, bridge, &items[i]);
	if (rc == 0 && (is_due(s) || (!s->is_in_transaction && s->unacked_count > 0))) {
		rc = commit(s, bridge);
		count++;
	}
	return rc < 0 ? rc : count;
}

static int sink_drain(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	uint64_t end_ns = wr_kafka_now_ns() + timeout_ns;
	int rc = commit_for(self, bridge, timeout_ns, true);
	if (rc < 0)
		return rc;
	do
		rc = weir_member_commit(weir_bridge_member(bridge), WEIR_LEVEL_DEFAULT,
					WR_KAFKA_SLICE_MS * 1000000ull);
	while (rc == -ETIMEDOUT && wr_kafka_now_ns() < end_ns && !weir_bridge_is_aborting(bridge));
	return rc;
}

/* ---- start ----------------------------------------------------------------------------------- */

static const struct weir_bridge_ops sink_ops = {
	.struct_bytes = sizeof(struct weir_bridge_ops),
	.system = "kafka",
	.open = sink_open,
	.step = sink_step,
	.drain = sink_drain,
	.close = sink_close,
	.destroy = sink_destroy,
};

static const char *const sink_own[] = {
	"transactional.id", "enable.idempotence", "acks",        "request.required.acks",
	"group.id",         "isolation.level",    "partitioner", NULL};

void weir_kafka_sink_options_init(struct weir_kafka_sink_options *options)
{
	*options = (struct weir_kafka_sink_options){
		.struct_bytes = sizeof *options,
		.transaction_events_max = 10000,
		.transaction_time_ns = 100 * MILLISECOND_NS,
	};
}

static int check(const struct weir_kafka_sink_options *o, struct weir_problem *problem)
{
	if (o->struct_bytes != sizeof *o)
		return wr_kafka_refuse(problem, "struct_bytes", "not from the init function");
	if (o->group != NULL && (o->group[0] == '\0' || strlen(o->group) >= WR_KAFKA_GROUP_BYTES))
		return wr_kafka_refuse(problem, "group", "1 .. 255 bytes");
	if (o->topic != NULL && (o->topic[0] == '\0' || strlen(o->topic) > 249))
		return wr_kafka_refuse(problem, "topic", "1 .. 249 bytes");
	if (o->transaction_events_max == 0 || o->transaction_events_max > 1000000)
		return wr_kafka_refuse(problem, "transaction_events_max", "1 .. 1,000,000");
	if (o->transaction_time_ns < MILLISECOND_NS || o->transaction_time_ns > 30 * SECOND_NS)
		return wr_kafka_refuse(problem, "transaction_time_ns", "1 ms .. 30 s");
	return 0;
}

int weir_kafka_sink_create(const struct weir_kafka_sink_options *options,
			   struct weir_bridge_options *bridge, struct weir_problem *reterr_problem)
{
	if (options == NULL || bridge == NULL)
		return -EINVAL;
	int rc = check(options, reterr_problem);
	if (rc < 0)
		return rc;
	struct wr_kafka_sink *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	s->events_max = options->transaction_events_max;
	s->time_ns = options->transaction_time_ns;
	(void)snprintf(s->group, sizeof s->group, "%s",
		       options->group != NULL ? options->group : "");
	s->topic = options->topic != NULL ? strdup(options->topic) : NULL;
	rc = options->topic != NULL && s->topic == NULL ? -ENOMEM : 0;
	if (rc == 0)
		rc = wr_kafka_properties_copy(options->properties, options->property_count,
					      sink_own, &s->properties, reterr_problem);
	if (rc == 0)
		rc = wr_kafka_properties_try(&s->properties, reterr_problem);
	if (rc < 0) {
		sink_destroy(s);
		return rc;
	}
	bridge->ops = &sink_ops;
	bridge->self = s;
	bridge->direction = WEIR_BRIDGE_SINK;
	return 0;
}
