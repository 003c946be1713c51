/* SPDX-License-Identifier: Apache-2.0 */
/* See source.h. */
#include "io/kafka/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND_NS 1000000ull
#define SECOND_NS 1000000000ull
#define ANSWER_SLICES 40u
#define RUN_BYTES (256u * 1024)
#define RUN_RECORDS 4096u

/* ---- open and close -------------------------------------------------------------------------- */

/* Kafka has the offsets, or says why not: then they are told again. */
static void take_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
			rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct wr_kafka_source *s = opaque; /* the client is its first member */
	(void)rk;
	(void)list;
	s->client.is_committing = false;
	s->has_moved |= code != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int make_client(struct wr_kafka_source *s)
{
	const char *const own[] = {"group.id",
				   s->group,
				   "enable.auto.commit",
				   "false",
				   "enable.auto.offset.store",
				   "false",
				   "isolation.level",
				   "read_committed",
				   "auto.offset.reset",
				   "error",
				   "enable.partition.eof",
				   "true",
				   NULL};
	/* Two defaults that a property may change. */
	struct wr_kafka_properties all = {.count = s->properties.count + 2};
	all.items = calloc(all.count, sizeof *all.items);
	if (all.items == NULL)
		return weir_bridge_lost(s->bridge, "no memory");
	all.items[0] =
		(struct weir_kafka_property){.name = "group.instance.id", .value = s->instance};
	all.items[1] = (struct weir_kafka_property){.name = "queued.max.messages.kbytes",
						    .value = "16384"};
	memcpy(all.items + 2, s->properties.items, s->properties.count * sizeof *all.items);
	rd_kafka_conf_t *conf = wr_kafka_conf_make(&all, own, &s->client);
	free(all.items);
	if (conf != NULL) {
		rd_kafka_conf_set_rebalance_cb(conf, wr_kafka_rebalance);
		rd_kafka_conf_set_offset_commit_cb(conf, take_commit);
	}
	int rc = wr_kafka_client_make(&s->client, RD_KAFKA_CONSUMER, conf, s->bridge);
	if (rc == 0)
		(void)rd_kafka_poll_set_consumer(s->client.rk);
	return rc;
}

static int reach(struct wr_kafka_source *s)
{
	for (uint32_t i = 0; i < ANSWER_SLICES && wr_kafka_may_ask(s->bridge, &s->client, i); i++) {
		const struct rd_kafka_metadata *metadata = NULL;
		rd_kafka_resp_err_t code =
			rd_kafka_metadata(s->client.rk, 0, NULL, &metadata, WR_KAFKA_SLICE_MS);
		if (metadata != NULL)
			rd_kafka_metadata_destroy(metadata);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return 0;
		/* Nothing is assigned yet: errors come here, and no message. */
		rd_kafka_message_t *message = rd_kafka_consumer_poll(s->client.rk, 0);
		if (message != NULL)
			rd_kafka_message_destroy(message);
		wr_kafka_note(s->bridge, &s->client);
	}
	return wr_kafka_no_answer(s->bridge, &s->client, "the connection");
}

static int subscribe(struct wr_kafka_source *s)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)s->topic_count);
	for (uint32_t i = 0; i < s->topic_count; i++)
		(void)rd_kafka_topic_partition_list_add(list, s->topics[i], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(s->client.rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : wr_kafka_fault_code(s->bridge, &s->client, "its topics", code);
}

/* How many records the open run takes: small ones, which are not kept. A topic that takes none such
 * says nothing of it. */
static uint32_t find_run_records(struct wr_kafka_source *s)
{
	const struct weir_event event = {.topic = s->topic, .partition_set = true};
	uint32_t count = 0;
	int rc = 0;
	while (count < RUN_RECORDS && (rc = weir_bridge_run_add(s->bridge, &event)) == 0)
		count++;
	return rc == 0 || rc == WEIR_E_TOO_BIG ? count : RUN_RECORDS;
}

/* The largest run that the log takes, at most RUN_BYTES, and RUN_RECORDS. */
static int find_run_bytes(struct wr_kafka_source *s)
{
	int rc = WEIR_E_TOO_BIG;
	for (s->run_bytes = RUN_BYTES; rc == WEIR_E_TOO_BIG && s->run_bytes > 4096;) {
		rc = weir_bridge_run_begin(s->bridge, s->run_bytes);
		if (rc == WEIR_E_TOO_BIG)
			s->run_bytes /= 2;
	}
	if (rc == 0) {
		uint32_t records = find_run_records(s);
		weir_bridge_run_abort(s->bridge);
		if (records < 2)
			return weir_bridge_failed(s->bridge, "run_records_max of the log is 1: an "
							     "event and its position are two");
		/* Room for as many positions as there are events, where there are few. */
		s->touched_max =
			records / 2 < WR_KAFKA_TOUCHED_MAX ? records / 2 : WR_KAFKA_TOUCHED_MAX;
		s->run_records = records - s->touched_max;
	}
	if (rc == WEIR_E_TOO_BIG ||
	    (rc == 0 && s->run_bytes <= WR_KAFKA_TOUCHED_MAX * WEIR_BRIDGE_POSITION_ROOM))
		return weir_bridge_failed(s->bridge, "the lanes of the log are too small for it");
	return rc == WEIR_E_AGAIN ? weir_bridge_lost(s->bridge, "the log has no room") : rc;
}

static int source_open(void *self, struct weir_bridge *bridge)
{
	struct wr_kafka_source *s = self;
	s->bridge = bridge;
	s->fault = 0;
	s->touched_count = 0;
	s->pending = NULL;
	s->told_ns = 0;
	s->has_moved = false;
	s->missed = 0;
	if (weir_topic_info(weir_bridge_pipeline(bridge), s->topic, NULL, &s->partitions) < 0)
		return weir_bridge_failed(bridge, "its topic is not in the log");
	(void)snprintf(s->instance, sizeof s->instance, "weir.%s", weir_bridge_name(bridge));
	if (s->group[0] == '\0')
		(void)snprintf(s->group, sizeof s->group, "weir.%s", weir_bridge_name(bridge));
	int rc = find_run_bytes(s);
	if (rc == 0)
		rc = make_client(s);
	if (rc == 0)
		rc = reach(s);
	return rc == 0 ? subscribe(s) : rc;
}

static void source_close(void *self, struct weir_bridge *bridge)
{
	struct wr_kafka_source *s = self;
	(void)bridge;
	if (s->pending != NULL)
		rd_kafka_message_destroy(s->pending);
	s->pending = NULL;
	wr_kafka_client_end(&s->client);
}

static void source_destroy(void *self)
{
	struct wr_kafka_source *s = self;
	for (uint32_t i = 0; i < s->topic_count; i++)
		free(s->topics[i]);
	wr_kafka_properties_free(&s->properties);
	free(s->ends);
	free(s);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* A place for its position in the run; NULL: the run has enough of them. */
static struct wr_kafka_touched *touch(struct wr_kafka_source *s, const rd_kafka_message_t *message)
{
	for (uint32_t i = 0; i < s->touched_count; i++)
		if (s->touched[i].partition == message->partition &&
		    strcmp(s->touched[i].topic, rd_kafka_topic_name(message->rkt)) == 0)
			return &s->touched[i];
	if (s->touched_count == s->touched_max)
		return NULL;
	struct wr_kafka_touched *one = &s->touched[s->touched_count++];
	*one = (struct wr_kafka_touched){.partition = message->partition};
	(void)snprintf(one->topic, sizeof one->topic, "%s", rd_kafka_topic_name(message->rkt));
	return one;
}

/* What no event can be. 0: it is passed over. */
static int take_unusable(struct wr_kafka_source *s, const rd_kafka_message_t *message,
			 const char *why)
{
	char text[256];
	(void)snprintf(text, sizeof text, "message %" PRId64 " of %.80s/%" PRId32 ": %.90s",
		       message->offset, rd_kafka_topic_name(message->rkt), message->partition, why);
	if (!s->skip_unusable)
		return weir_bridge_failed(s->bridge, "%s", text);
	weir_bridge_note(s->bridge, text);
	weir_bridge_count_dead(s->bridge, 1);
	return 0;
}

enum { RUN_IS_FULL = 1 };

/* 0: it is in the run, or passed over; RUN_IS_FULL: in the next one. */
static int add_message(struct wr_kafka_source *s, const rd_kafka_message_t *message, size_t *left)
{
	struct weir_event event;
	const char *why = NULL;
	int rc = 0;
	bool usable = wr_kafka_event_make(s, message, &event, &why);
	size_t bytes = usable ? weir_event_bytes(&event) : 0;
	if (bytes > *left)
		return RUN_IS_FULL;
	struct wr_kafka_touched *place = touch(s, message);
	if (place == NULL)
		return RUN_IS_FULL;
	rc = usable ? weir_bridge_run_add(s->bridge, &event) : take_unusable(s, message, why);
	if (rc == WEIR_E_TOO_BIG) {
		/* Too many records: positions have to fit in, too; begin anew, with less. */
		return RUN_IS_FULL;
	}
	if (rc == WEIR_BRIDGE_LOST || rc == WEIR_BRIDGE_GIVE_UP)
		return rc;
	if (rc < 0)
		return weir_bridge_failed(s->bridge, "message %" PRId64 " of %s/%" PRId32 ": %s",
					  message->offset, rd_kafka_topic_name(message->rkt),
					  message->partition, weir_strerror(rc));
	*left -= bytes;
	place->next = message->offset + 1;
	return 0;
}

static int end_run(struct wr_kafka_source *s)
{
	int rc = 0;
	uint32_t written = 0;
	for (uint32_t i = 0; i < s->touched_count && rc == 0; i++) {
		const struct wr_kafka_touched *one = &s->touched[i];
		char key[WR_KAFKA_KEY_BYTES];
		uint8_t value[8];
		size_t key_bytes = wr_kafka_key_of(s, one->topic, one->partition, key);
		if (one->next == 0)
			continue; /* its message is for the next run */
		wr_kafka_offset_put(value, one->next);
		rc = weir_bridge_run_position(s->bridge, key, key_bytes, value, sizeof value);
		written++;
	}
	s->touched_count = 0;
	s->has_moved |= written > 0;
	if (rc == 0 && written > 0)
		return weir_bridge_run_commit(s->bridge);
	weir_bridge_run_abort(s->bridge);
	return rc == 0 ? 0 : weir_bridge_lost(s->bridge, "a position: %s", weir_strerror(rc));
}

/* ---- a step ---------------------------------------------------------------------------------- */

static rd_kafka_message_t *next_message(struct wr_kafka_source *s, uint64_t timeout_ns)
{
	rd_kafka_message_t *message = s->pending;
	s->pending = NULL;
	return message != NULL
		       ? message
		       : rd_kafka_consumer_poll(s->client.rk, (int)(timeout_ns / MILLISECOND_NS));
}

/* Messages as they come, into one run. How many, or what the driver is to return. */
static int fill_run(struct wr_kafka_source *s, rd_kafka_message_t *message)
{
	size_t left = s->run_bytes - WR_KAFKA_TOUCHED_MAX * WEIR_BRIDGE_POSITION_ROOM;
	uint32_t records_left = s->run_records;
	int count = 0, rc = 0;
	s->is_rebalanced = false;
	while (message != NULL && rc == 0) {
		rc = message->err != RD_KAFKA_RESP_ERR_NO_ERROR ? wr_kafka_source_error(s, message)
		     : records_left == 0                        ? RUN_IS_FULL
								: add_message(s, message, &left);
		if (rc == RUN_IS_FULL) {
			s->pending = message;
			break;
		}
		rd_kafka_message_destroy(message);
		records_left -= records_left > 0;
		count++;
		/* Before a partition that goes comes back, its position has to be behind what of it
		 * is in the run: else that is read again. */
		bool goes_on = rc == 0 && s->fault == 0 && !s->is_rebalanced;
		message = goes_on ? next_message(s, 0) : NULL;
	}
	if (rc < 0) {
		weir_bridge_run_abort(s->bridge);
		s->touched_count = 0;
		return rc;
	}
	rc = end_run(s);
	return rc < 0 ? rc : count;
}

/* One at a time, and none that nobody would take: it is kept in librdkafka for as long as there is
 * no coordinator, up to session.timeout.ms, and the client's end waits for it. */
static void commit(struct wr_kafka_source *s, const rd_kafka_topic_partition_list_t *list)
{
	if (list->cnt == 0 || !s->has_moved || s->client.is_committing || s->client.down_ns != 0)
		return;
	s->client.is_committing =
		rd_kafka_commit(s->client.rk, list, 1) == RD_KAFKA_RESP_ERR_NO_ERROR;
	s->has_moved = !s->client.is_committing;
}

/* How far it is, for those who look at Kafka; and how far behind. */
static void tell(struct wr_kafka_source *s)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	uint64_t behind = 0;
	if (wr_kafka_now_ns() < s->told_ns ||
	    rd_kafka_assignment(s->client.rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	s->told_ns = wr_kafka_now_ns() + SECOND_NS;
	for (int i = list->cnt; i-- > 0;) {
		rd_kafka_topic_partition_t *p = &list->elems[i];
		int64_t low = -1, high = -1;
		const struct wr_kafka_end *end = wr_kafka_end_of(s, p->topic, p->partition);
		if (wr_kafka_offset_read(s, p->topic, p->partition, &p->offset) < 0 ||
		    p->offset < 0) {
			(void)rd_kafka_topic_partition_list_del_by_idx(list, i);
			continue;
		}
		if (rd_kafka_get_watermark_offsets(s->client.rk, p->topic, p->partition, &low,
						   &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		    high > p->offset && (end == NULL || high > end->offset))
			behind += (uint64_t)(high - p->offset);
	}
	commit(s, list);
	rd_kafka_topic_partition_list_destroy(list);
	weir_bridge_lag(s->bridge, behind);
}

static int source_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_kafka_source *s = self;
	int rc = weir_bridge_run_wait(bridge, 0);
	int broken = rc < 0 ? rc : wr_kafka_check(bridge, &s->client);
	if (broken < 0)
		return broken;
	if (rc == 1)
		tell(s);
	/* While something is under way it is looked at again soon. */
	rd_kafka_message_t *message = next_message(s, rc == 1 ? timeout_ns : 2 * MILLISECOND_NS);
	if (s->missed != 0 && message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		wr_kafka_topic_came(s, rd_kafka_topic_name(message->rkt));
	if (s->fault < 0) {
		if (message != NULL)
			rd_kafka_message_destroy(message);
		return s->fault;
	}
	if (message == NULL)
		return rc == 1 ? 0 : 1;
	rc = weir_bridge_run_begin(bridge, s->run_bytes);
	if (rc == 0)
		return fill_run(s, message);
	s->pending = message;
	return rc == WEIR_E_AGAIN ? 0 : rc;
}

/* ---- start ----------------------------------------------------------------------------------- */

static const struct weir_bridge_ops source_ops = {
	.struct_bytes = sizeof(struct weir_bridge_ops),
	.system = "kafka",
	.open = source_open,
	.step = source_step,
	.close = source_close,
	.destroy = source_destroy,
};

static const char *const source_own[] = {"group.id",
					 "enable.auto.commit",
					 "auto.commit.enable",
					 "enable.partition.eof",
					 "enable.auto.offset.store",
					 "isolation.level",
					 "auto.offset.reset",
					 "transactional.id",
					 NULL};

void weir_kafka_source_options_init(struct weir_kafka_source_options *options)
{
	*options = (struct weir_kafka_source_options){.struct_bytes = sizeof *options};
}

static int check(const struct weir_kafka_source_options *o, struct weir_problem *problem)
{
	if (o->struct_bytes != sizeof *o)
		return wr_kafka_refuse(problem, "struct_bytes", "not from the init function");
	if (o->topic_count == 0 || o->topic_count > WR_KAFKA_TOPICS_MAX)
		return wr_kafka_refuse(problem, "topics", "1 .. 64 topics of Kafka's");
	for (uint32_t i = 0; i < o->topic_count; i++)
		if (o->topics[i] == NULL || o->topics[i][0] == '\0')
			return wr_kafka_refuse(problem, "topics", "a topic has a name");
	if (o->group != NULL && (o->group[0] == '\0' || strlen(o->group) > 200))
		return wr_kafka_refuse(problem, "group", "1 .. 200 bytes");
	return 0;
}

static int copy_topics(struct wr_kafka_source *s, const struct weir_kafka_source_options *o)
{
	for (uint32_t i = 0; i < o->topic_count; i++) {
		s->topics[i] = strdup(o->topics[i]);
		if (s->topics[i] == NULL)
			return -ENOMEM;
		s->topic_count++;
	}
	return 0;
}

int weir_kafka_source_create(const struct weir_kafka_source_options *options,
			     struct weir_bridge_options *bridge,
			     struct weir_problem *reterr_problem)
{
	if (options == NULL || bridge == NULL)
		return -EINVAL;
	int rc = check(options, reterr_problem);
	if (rc < 0)
		return rc;
	struct wr_kafka_source *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	s->topic = options->topic;
	s->start_newest = options->start_newest;
	s->skip_unusable = options->skip_unusable;
	(void)snprintf(s->group, sizeof s->group, "%s",
		       options->group != NULL ? options->group : "");
	rc = copy_topics(s, options);
	if (rc == 0)
		rc = wr_kafka_properties_copy(options->properties, options->property_count,
					      source_own, &s->properties, reterr_problem);
	if (rc == 0)
		rc = wr_kafka_properties_try(&s->properties, reterr_problem);
	if (rc < 0) {
		source_destroy(s);
		return rc;
	}
	bridge->ops = &source_ops;
	bridge->self = s;
	bridge->direction = WEIR_BRIDGE_SOURCE;
	return 0;
}
