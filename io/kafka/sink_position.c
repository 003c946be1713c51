/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The position of a sink, in Kafka: offsets of its group, part of each transaction.
 *
 * Each row has its place at a partition of the Kafka topic that its events go to: its own number,
 * modulo how many there are. The offset is the lowest position there; what counts is the metadata:
 *
 *     weir1 LOGID TOPIC/PARTITION=EPOCH.NEXT.TIME TOPIC/PARTITION=EPOCH.NEXT.TIME ...
 *
 * LOGID: 32 hexadecimal digits. NEXT: the sequence behind the last event; EPOCH: that event's;
 * TIME: when it was appended, µs since 1970 in hexadecimal (a position that an older weir wrote has
 * none). A Kafka topic that gets more partitions moves rows to other places; the highest that is
 * found of a row counts. Kafka takes 4096 bytes of metadata (offset.metadata.max.bytes).
 *
 * What is read is judged before anything is sent: another log's position, or one that this log has
 * not come to (it was restored from an older copy), or has come to in another way, would send
 * events twice or leave some out. Both are told, with what to do, and nothing is sent. A copy that
 * went on by itself gives the same epochs and sequences again. But at NEXT - 1 it has another
 * record, unless that has left; and its times are others: append time never goes backwards in a
 * log, so nothing below NEXT is later than TIME, and nothing from there on is earlier (as with a
 * clock that was behind), whatever has left since.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <weir/replay.h>

#include "io/kafka/sink.h"

#define METADATA_BYTES 4096u
#define HEAD_BYTES 39u /* "weir1 ", the id, a space */
#define ANSWER_SLICES 40u
#define READ_NS 2000000000ull

/* ---- routes and rows ------------------------------------------------------------------------- */

struct wr_kafka_route *wr_kafka_route_of(struct wr_kafka_sink *s, uint32_t topic)
{
	for (uint32_t i = 0; i < s->route_count; i++)
		if (s->routes[i].topic == topic)
			return &s->routes[i];
	return NULL;
}

struct wr_kafka_row *wr_kafka_row_of(struct wr_kafka_sink *s, uint32_t topic, uint32_t partition)
{
	struct wr_kafka_route *route = wr_kafka_route_of(s, topic);
	return route != NULL && partition < route->partitions
		       ? &s->rows[route->first_row + partition]
		       : NULL;
}

/* The longest that the metadata at one partition can become. */
static size_t metadata_bytes(const struct wr_kafka_sink *s, const struct wr_kafka_route *at)
{
	size_t bytes = HEAD_BYTES + 1;
	for (uint32_t i = 0; i < s->route_count; i++) {
		const struct wr_kafka_route *route = &s->routes[i];
		uint32_t rows =
			(route->partitions + at->kafka_partitions - 1) / at->kafka_partitions;
		if (strcmp(route->kafka_topic, at->kafka_topic) == 0)
			bytes += rows * (strlen(route->name) + 62);
	}
	return bytes;
}

int wr_kafka_routes_ask(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	int rc = 0;
	for (uint32_t i = 0; i < s->route_count && rc == 0; i++) {
		struct wr_kafka_route *route = &s->routes[i];
		uint32_t partitions = 0;
		rc = wr_kafka_partitions(bridge, &s->client, route->kafka_topic, &partitions);
		if (rc == 0 && partitions != route->kafka_partitions) {
			route->kafka_partitions = partitions;
			/* Rows have other places now: all are written anew. */
			for (uint32_t p = 0; p < route->partitions; p++)
				s->rows[route->first_row + p].is_dirty =
					s->rows[route->first_row + p].next > 0;
		}
	}
	for (uint32_t i = 0; i < s->route_count && rc == 0; i++)
		if (metadata_bytes(s, &s->routes[i]) > METADATA_BYTES)
			rc = weir_bridge_failed(bridge,
						"%s has %u partitions: the position of so many of "
						"%s does not fit the 4096 bytes that Kafka keeps "
						"with an offset; give it more",
						s->routes[i].kafka_topic,
						s->routes[i].kafka_partitions, s->routes[i].name);
	return rc;
}

static int make_route(struct wr_kafka_sink *s, struct weir_bridge *bridge, uint32_t topic)
{
	struct wr_kafka_route *route = &s->routes[s->route_count];
	*route = (struct wr_kafka_route){.topic = topic, .first_row = s->row_count};
	if (weir_topic_info(weir_bridge_pipeline(bridge), topic, &route->name, &route->partitions) <
	    0)
		return weir_bridge_failed(bridge, "its subscription reads an unknown topic");
	route->kafka_topic = s->topic != NULL ? s->topic : route->name;
	struct wr_kafka_row *rows =
		realloc(s->rows, (s->row_count + route->partitions) * sizeof *rows);
	if (rows == NULL)
		return weir_bridge_lost(bridge, "no memory for %u partitions", route->partitions);
	s->rows = rows;
	memset(rows + s->row_count, 0, route->partitions * sizeof *rows);
	s->row_count += route->partitions;
	s->route_count++;
	route->handle = rd_kafka_topic_new(s->client.rk, route->kafka_topic, NULL);
	return route->handle != NULL ? 0
				     : weir_bridge_failed(bridge, "%s cannot be a topic of Kafka's",
							  route->kafka_topic);
}

int wr_kafka_routes_make(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	int rc = 0;
	if (weir_subscription_info(weir_bridge_pipeline(bridge), s->subscription, &info) < 0)
		return weir_bridge_failed(bridge, "its subscription is not there");
	s->routes = calloc(info.topic_count, sizeof *s->routes);
	if (s->routes == NULL)
		return weir_bridge_lost(bridge, "no memory for its topics");
	for (uint32_t i = 0; i < info.topic_count && rc == 0; i++)
		rc = make_route(s, bridge, info.topics[i]);
	return rc;
}

void wr_kafka_routes_free(struct wr_kafka_sink *s)
{
	for (uint32_t i = 0; i < s->route_count; i++)
		if (s->routes[i].handle != NULL)
			rd_kafka_topic_destroy(s->routes[i].handle);
	free(s->routes);
	free(s->rows);
	s->routes = NULL;
	s->rows = NULL;
	s->route_count = s->row_count = 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t put_head(const struct wr_kafka_sink *s, char to[METADATA_BYTES])
{
	size_t used = (size_t)snprintf(to, METADATA_BYTES, "weir1 ");
	for (uint32_t i = 0; i < sizeof s->log_id; i++)
		used += (size_t)snprintf(to + used, METADATA_BYTES - used, "%02x", s->log_id[i]);
	return used;
}

/* The metadata of a partition; the lowest position there. */
static size_t put_rows(const struct wr_kafka_sink *s, const struct wr_kafka_route *at,
		       uint32_t partition, char to[METADATA_BYTES], uint64_t *ret_lowest)
{
	size_t used = put_head(s, to);
	*ret_lowest = UINT64_MAX;
	for (uint32_t i = 0; i < s->route_count; i++) {
		const struct wr_kafka_route *route = &s->routes[i];
		if (strcmp(route->kafka_topic, at->kafka_topic) != 0)
			continue;
		for (uint32_t p = partition; p < route->partitions; p += at->kafka_partitions) {
			const struct wr_kafka_row *row = &s->rows[route->first_row + p];
			if (row->next == 0)
				continue;
			int bytes = snprintf(to + used, METADATA_BYTES - used,
					     " %s/%u=%u.%" PRIu64 ".%" PRIx64, route->name, p,
					     row->epoch, row->next, row->time_us);
			used += bytes > 0 ? (size_t)bytes : 0;
			*ret_lowest = row->next < *ret_lowest ? row->next : *ret_lowest;
		}
	}
	return used;
}

static bool is_dirty(const struct wr_kafka_sink *s, const struct wr_kafka_route *at,
		     uint32_t partition)
{
	for (uint32_t i = 0; i < s->route_count; i++) {
		const struct wr_kafka_route *route = &s->routes[i];
		if (strcmp(route->kafka_topic, at->kafka_topic) != 0)
			continue;
		for (uint32_t p = partition; p < route->partitions; p += at->kafka_partitions)
			if (s->rows[route->first_row + p].is_dirty)
				return true;
	}
	return false;
}

/* Has a route before this one the same topic of Kafka's? */
static bool is_told(const struct wr_kafka_sink *s, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(s->routes[i].kafka_topic, s->routes[index].kafka_topic) == 0)
			return true;
	return false;
}

rd_kafka_topic_partition_list_t *wr_kafka_position_make(struct wr_kafka_sink *s)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
	char text[METADATA_BYTES];
	for (uint32_t i = 0; list != NULL && i < s->route_count; i++) {
		const struct wr_kafka_route *at = &s->routes[i];
		for (uint32_t p = 0; !is_told(s, i) && p < at->kafka_partitions; p++) {
			uint64_t lowest;
			if (!is_dirty(s, at, p))
				continue;
			size_t bytes = put_rows(s, at, p, text, &lowest);
			rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(
				list, at->kafka_topic, (int32_t)p);
			place->offset = (int64_t)lowest;
			/* Freed with the list, by free(). */
			place->metadata = malloc(bytes);
			if (place->metadata == NULL) {
				rd_kafka_topic_partition_list_destroy(list);
				return NULL;
			}
			memcpy(place->metadata, text, bytes);
			place->metadata_size = bytes;
		}
	}
	return list;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Ask for the offsets of all partitions: they hold the positions of all rows. */
static rd_kafka_topic_partition_list_t *places(const struct wr_kafka_sink *s)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
	for (uint32_t i = 0; list != NULL && i < s->route_count; i++)
		for (uint32_t p = 0; !is_told(s, i) && p < s->routes[i].kafka_partitions; p++)
			(void)rd_kafka_topic_partition_list_add(list, s->routes[i].kafka_topic,
								(int32_t)p);
	return list;
}

static const char mend[] =
	"give the bridge another group, or delete this one's offsets, and seek its subscription";

static int tell_other(struct weir_bridge *bridge, const struct wr_kafka_route *route,
		      uint32_t partition, const struct wr_kafka_row *row)
{
	return weir_bridge_failed(bridge,
				  "Kafka has %s/%u up to sequence %" PRIu64
				  " of epoch %u, and here that is of another: the log "
				  "is a copy that went on by itself; %s",
				  route->name, partition, row->next - 1, row->epoch, mend);
}

/* The first event of a range: 1; 0: there is none; or what the driver is to return. */
static int first_of(struct weir_bridge *bridge, const struct weir_replay_options *range,
		    struct weir_item *ret_item)
{
	struct weir_replay *replay = NULL;
	int count = 0, rc = weir_replay_open(weir_bridge_pipeline(bridge), range, &replay, NULL);
	if (rc < 0)
		return weir_bridge_lost(bridge, "the log cannot be read: %s", weir_strerror(rc));
	do
		count = weir_replay_next(replay, ret_item, 1, READ_NS);
	while (count == 1 && ret_item->kind != WEIR_ITEM_EVENT);
	weir_replay_close(replay);
	return count >= 0 ? count
			  : weir_bridge_lost(bridge, "the log cannot be read: %s",
					     weir_strerror(count));
}

/* One row: is the log where Kafka says? */
static int judge(struct weir_bridge *bridge, const struct wr_kafka_route *route, uint32_t partition,
		 const struct wr_kafka_row *row)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_replay_options last, later;
	struct weir_item item;
	if (weir_pipeline_info(weir_bridge_pipeline(bridge), &info) < 0)
		return weir_bridge_lost(bridge, "the log says nothing of itself");
	if (row->epoch > info.epoch || row->next - 1 > info.visible_sequence)
		return weir_bridge_failed(bridge,
					  "Kafka has %s/%u up to sequence %" PRIu64
					  " of epoch %u, and the log ends before it: is it an "
					  "older copy? %s",
					  route->name, partition, row->next - 1, row->epoch, mend);
	/* Its last event, if it has not left, and no other. */
	weir_replay_options_init(&last);
	last.from_sequence = row->next - 1;
	last.end_sequence = row->next;
	int rc = first_of(bridge, &last, &item);
	if (rc == 1 && (item.topic != route->topic || item.partition != partition ||
			item.epoch != row->epoch ||
			(row->time_us != 0 && item.append_time_us != row->time_us)))
		return tell_other(bridge, route, partition, row);
	int kind = WEIR_SEQUENCE_GONE;
	if (rc == 0)
		kind = weir_sequence_look(weir_bridge_pipeline(bridge), row->next - 1, READ_NS);
	if (kind < 0)
		return weir_bridge_lost(bridge, "the log cannot be read: %s", weir_strerror(kind));
	if (kind == WEIR_SEQUENCE_OTHER)
		return tell_other(bridge, route, partition, row);
	if (rc < 0 || row->time_us == 0)
		return rc < 0 ? rc : 0;
	/* Nothing before it is later, and nothing behind it earlier. */
	weir_replay_options_init(&later);
	later.from_time_us = row->time_us + 1;
	later.end_sequence = row->next;
	rc = first_of(bridge, &later, &item);
	if (rc == 0 && row->next <= info.visible_sequence) {
		weir_replay_options_init(&later);
		later.from_sequence = row->next;
		rc = first_of(bridge, &later, &item);
		rc = rc == 1 ? item.append_time_us < row->time_us : rc;
	}
	return rc == 1 ? tell_other(bridge, route, partition, row) : rc;
}

static int take_row(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *topic,
		    uint32_t partition, uint32_t epoch, uint64_t next, uint64_t time_us)
{
	for (uint32_t i = 0; i < s->route_count; i++) {
		const struct wr_kafka_route *route = &s->routes[i];
		if (strcmp(route->name, topic) != 0 || partition >= route->partitions || next == 0)
			continue;
		struct wr_kafka_row *row = &s->rows[route->first_row + partition];
		if (next <= row->next)
			return 0;
		row->next = row->committed = next;
		row->epoch = epoch;
		row->time_us = time_us;
		return judge(bridge, route, partition, row);
	}
	return 0; /* a topic that it reads no more */
}

static int take_metadata(struct wr_kafka_sink *s, struct weir_bridge *bridge, const char *text)
{
	char head[METADATA_BYTES];
	char topic[256];
	unsigned partition, epoch;
	unsigned long long next;
	size_t head_bytes = put_head(s, head);
	int used = 0;
	if (strncmp(text, "weir1 ", 6) != 0)
		return weir_bridge_failed(bridge,
					  "group %s has offsets that are not a bridge's: give it "
					  "another group",
					  s->group);
	if (strncmp(text, head, head_bytes) != 0)
		return s->in_memory ? 0
				    : weir_bridge_failed(bridge,
							 "group %s has the position of another "
							 "log: %s",
							 s->group, mend);
	for (text += head_bytes;
	     sscanf(text, " %255[^/ ]/%u=%u.%llu%n", topic, &partition, &epoch, &next, &used) == 4;
	     text += used) {
		unsigned long long time_us = 0;
		text += used;
		used = 0;
		if (*text == '.' && sscanf(text, ".%llx%n", &time_us, &used) != 1)
			break;
		int rc = take_row(s, bridge, topic, partition, epoch, next, time_us);
		if (rc < 0)
			return rc;
	}
	return *text == '\0' ? 0
			     : weir_bridge_failed(bridge,
						  "group %s has a position that cannot be "
						  "read; %s",
						  s->group, mend);
}

static int take_places(struct wr_kafka_sink *s, struct weir_bridge *bridge,
		       const rd_kafka_topic_partition_list_t *list)
{
	char text[METADATA_BYTES + 1];
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *place = &list->elems[i];
		if (place->offset < 0)
			continue;
		size_t bytes = place->metadata_size < METADATA_BYTES ? place->metadata_size
								     : METADATA_BYTES;
		if (bytes > 0)
			memcpy(text, place->metadata, bytes);
		text[bytes] = '\0';
		int rc = take_metadata(s, bridge, text);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The coordinator is on its way, or what an older producer had open is not ended yet. */
static bool is_not_yet(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
	       code == RD_KAFKA_RESP_ERR__WAIT_COORD ||
	       code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
	       code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
	       code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
	       code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT;
}

static rd_kafka_resp_err_t answer_of(rd_kafka_resp_err_t code,
				     const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
		code = list->elems[i].err;
	return code;
}

/* Offsets of the group, without joining it: by a consumer, since librdkafka's call for a producer
 * (ListConsumerGroupOffsets) takes the process down when the coordinator moves (its issue 5040).
 * With read_committed they are not told before what an older producer had open is ended.
 * test.mock.num.brokers makes brokers of each client's own: it asks those of the producer. */
static int make_reader(struct wr_kafka_sink *s, struct weir_bridge *bridge,
		       struct wr_kafka_client *reader)
{
	const rd_kafka_mock_cluster_t *mock = rd_kafka_handle_mock_cluster(s->client.rk);
	const char *const own[] = {"group.id",
				   s->group,
				   "isolation.level",
				   "read_committed",
				   "enable.auto.commit",
				   "false",
				   mock != NULL ? "test.mock.num.brokers" : NULL,
				   "0",
				   "bootstrap.servers",
				   mock != NULL ? rd_kafka_mock_cluster_bootstraps(mock) : NULL,
				   NULL};
	return wr_kafka_client_make(reader, RD_KAFKA_CONSUMER,
				    wr_kafka_conf_make(&s->properties, own, reader), bridge);
}

int wr_kafka_position_read(struct wr_kafka_sink *s, struct weir_bridge *bridge)
{
	struct wr_kafka_client reader = {0};
	rd_kafka_topic_partition_list_t *list = places(s);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (list == NULL)
		return weir_bridge_lost(bridge, "no memory to ask for its position");
	int rc = make_reader(s, bridge, &reader);
	if (rc < 0)
		goto fail_reader;
	for (uint32_t i = 0;
	     i < ANSWER_SLICES && is_not_yet(code) && wr_kafka_may_ask(bridge, &reader, i); i++) {
		code = answer_of(rd_kafka_committed(reader.rk, list, WR_KAFKA_SLICE_MS), list);
		(void)rd_kafka_poll(reader.rk, is_not_yet(code) ? WR_KAFKA_SLICE_MS / 10 : 0);
		wr_kafka_note(bridge, &reader);
	}
	if (reader.is_refused || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
		rc = wr_kafka_no_answer(bridge, &reader, "its position");
	else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		rc = wr_kafka_fault_code(bridge, &reader, "its position", code);
	else
		rc = take_places(s, bridge, list);
	wr_kafka_client_end(&reader);

fail_reader:
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}
