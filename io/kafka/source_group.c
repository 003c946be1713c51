/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the partitions of a source stand: their positions in the log, what a rebalance brings, and
 * what Kafka says of offsets. See source.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/kafka/source.h"

#define SEEK_MS 5000

/* ---- positions ------------------------------------------------------------------------------- */

/* 0: the key is too long. */
size_t wr_kafka_key_of(const struct wr_kafka_source *s, const char *topic, int32_t partition,
		       char to[WR_KAFKA_KEY_BYTES])
{
	int bytes = snprintf(to, WR_KAFKA_KEY_BYTES, "%s/%s/%" PRId32, s->group, topic, partition);
	return bytes > 0 && (unsigned)bytes < WR_KAFKA_KEY_BYTES ? (size_t)bytes : 0;
}

void wr_kafka_offset_put(uint8_t to[8], int64_t offset)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)((uint64_t)offset >> 8 * i);
}

/* The next offset, or -1: the log has none. */
int wr_kafka_offset_read(struct wr_kafka_source *s, const char *topic, int32_t partition,
			 int64_t *ret_offset)
{
	char key[WR_KAFKA_KEY_BYTES];
	uint8_t value[8];
	size_t bytes = 0;
	uint64_t offset = 0;
	size_t key_bytes = wr_kafka_key_of(s, topic, partition, key);
	if (key_bytes == 0)
		return weir_bridge_failed(s->bridge, "group and topic %s are too long", topic);
	int rc = weir_bridge_position(s->bridge, key, key_bytes, value, sizeof value, &bytes);
	if (rc < 0)
		return rc;
	if (bytes != 0 && bytes != 8)
		return weir_bridge_failed(s->bridge, "the position of %s is no offset", key);
	for (int i = 0; i < 8 && bytes == 8; i++)
		offset |= (uint64_t)value[i] << 8 * i;
	*ret_offset = bytes == 8 ? (int64_t)offset : -1;
	return 0;
}

/* The position of a partition alone, at once. */
static int write_offset(struct wr_kafka_source *s, const char *topic, int32_t partition,
			int64_t offset)
{
	char key[WR_KAFKA_KEY_BYTES];
	uint8_t value[8];
	size_t key_bytes = wr_kafka_key_of(s, topic, partition, key);
	wr_kafka_offset_put(value, offset);
	int rc = weir_bridge_run_begin(s->bridge, WEIR_BRIDGE_POSITION_ROOM);
	if (rc == 0) {
		rc = weir_bridge_run_position(s->bridge, key, key_bytes, value, sizeof value);
		if (rc == 0)
			return weir_bridge_run_commit(s->bridge);
		weir_bridge_run_abort(s->bridge);
	}
	return rc == WEIR_BRIDGE_LOST || rc == WEIR_BRIDGE_GIVE_UP
		       ? rc
		       : weir_bridge_lost(s->bridge, "a position: %s", weir_strerror(rc));
}

static int watermarks(struct wr_kafka_source *s, const char *topic, int32_t partition,
		      int64_t *ret_low, int64_t *ret_high)
{
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(s->client.rk, topic, partition,
								    ret_low, ret_high, SEEK_MS);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : wr_kafka_fault_code(s->bridge, &s->client, "the offsets of a partition",
					     code);
}

/* ---- topics that are not there --------------------------------------------------------------- */

/* 0: one that a pattern stands for, which may come and go. */
static uint64_t bit_of(const struct wr_kafka_source *s, const char *topic)
{
	for (uint32_t i = 0; i < s->topic_count; i++)
		if (strcmp(s->topics[i], topic) == 0)
			return 1ull << i;
	return 0;
}

/* librdkafka says of each once that it is not there: that stays told, for as long as one is. */
static void note_missed(struct wr_kafka_source *s)
{
	char text[256] = "";
	for (uint32_t i = s->topic_count; i-- > 0;)
		if ((s->missed >> i & 1) != 0)
			(void)snprintf(text, sizeof text, "Kafka has no topic %.200s",
				       s->topics[i]);
	weir_bridge_note(s->bridge, text);
}

void wr_kafka_topic_came(struct wr_kafka_source *s, const char *topic)
{
	uint64_t bit = bit_of(s, topic);
	if ((s->missed & bit) == 0)
		return;
	s->missed &= ~bit;
	note_missed(s);
}

/* Whatever comes brings a rebalance, and its partitions may all be another member's. Without an
 * answer a message tells. */
static void ask_for_missed(struct wr_kafka_source *s)
{
	for (uint32_t i = 0; i < s->topic_count; i++) {
		const struct rd_kafka_metadata *metadata = NULL;
		if ((s->missed >> i & 1) == 0)
			continue;
		rd_kafka_topic_t *handle = rd_kafka_topic_new(s->client.rk, s->topics[i], NULL);
		if (handle == NULL)
			return;
		rd_kafka_resp_err_t code =
			rd_kafka_metadata(s->client.rk, 0, handle, &metadata, SEEK_MS);
		rd_kafka_topic_destroy(handle);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		if (metadata->topic_cnt == 1 &&
		    metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			wr_kafka_topic_came(s, s->topics[i]);
		rd_kafka_metadata_destroy(metadata);
	}
}

/* ---- rebalances ------------------------------------------------------------------------------ */

static int start_offset(struct wr_kafka_source *s, rd_kafka_topic_partition_t *p)
{
	int64_t low = 0, high = 0;
	int rc = wr_kafka_offset_read(s, p->topic, p->partition, &p->offset);
	if (rc < 0 || p->offset >= 0)
		return rc;
	p->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (!s->start_newest)
		return 0;
	/* Kept at once: what comes while nobody looks is not passed over at the next start. */
	rc = watermarks(s, p->topic, p->partition, &low, &high);
	p->offset = high;
	return rc < 0 ? rc : write_offset(s, p->topic, p->partition, high);
}

void wr_kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
			rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct wr_kafka_source *s = opaque; /* the client is its first member */
	const char *protocol = rd_kafka_rebalance_protocol(rk);
	bool is_step = protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
	bool is_assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	rd_kafka_error_t *error = NULL;
	s->is_rebalanced = true;
	s->has_moved |= is_assign;
	if (is_assign && s->missed != 0)
		ask_for_missed(s);
	for (int i = 0; is_assign && i < list->cnt && s->fault == 0; i++)
		s->fault = start_offset(s, &list->elems[i]);
	if (s->fault < 0)
		is_assign = false; /* nothing is read from a place that is not known */
	if (is_step && s->fault == 0)
		error = is_assign ? rd_kafka_incremental_assign(rk, list)
				  : rd_kafka_incremental_unassign(rk, list);
	else
		(void)rd_kafka_assign(rk, is_assign ? list : NULL);
	if (error != NULL)
		s->fault = wr_kafka_fault(s->bridge, &s->client, "a rebalance", error);
}

/* Kafka has no message at the position: retention was faster, or it is another topic now. */
static int find_place(struct wr_kafka_source *s, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);
	int64_t low = 0, high = 0, offset = -1;
	char text[256];
	int rc = watermarks(s, topic, message->partition, &low, &high);
	if (rc == 0)
		rc = wr_kafka_offset_read(s, topic, message->partition, &offset);
	if (rc < 0)
		return rc;
	if (offset > high)
		return weir_bridge_failed(
			s->bridge,
			"%s/%" PRId32 " ends at %" PRId64 ", and the log has it up to %" PRId64
			": was the topic made anew? Give the bridge another group",
			topic, message->partition, high, offset);
	(void)snprintf(text, sizeof text,
		       "Kafka had removed messages %" PRId64 " .. %" PRId64 " of %.100s/%" PRId32
		       " before they were read",
		       offset, low - 1, topic, message->partition);
	if (offset >= 0 && offset < low)
		weir_bridge_note(s->bridge, text);
	rd_kafka_resp_err_t code = rd_kafka_seek(message->rkt, message->partition, low, SEEK_MS);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : wr_kafka_fault_code(s->bridge, &s->client, "a seek", code);
}

struct wr_kafka_end *wr_kafka_end_of(struct wr_kafka_source *s, const char *topic,
				     int32_t partition)
{
	for (uint32_t i = 0; i < s->end_count; i++)
		if (s->ends[i].partition == partition && strcmp(s->ends[i].topic, topic) == 0)
			return &s->ends[i];
	return NULL;
}

/* Without memory for it, its lag is told with Kafka's marks in it. */
static void note_end(struct wr_kafka_source *s, const rd_kafka_message_t *message)
{
	const char *topic = rd_kafka_topic_name(message->rkt);
	struct wr_kafka_end *end = wr_kafka_end_of(s, topic, message->partition);
	if (end == NULL && s->end_count == s->end_room) {
		uint32_t room = s->end_room == 0 ? 16 : 2 * s->end_room;
		struct wr_kafka_end *ends = realloc(s->ends, room * sizeof *ends);
		if (ends == NULL)
			return;
		s->ends = ends;
		s->end_room = room;
	}
	if (end == NULL) {
		end = &s->ends[s->end_count++];
		end->partition = message->partition;
		(void)snprintf(end->topic, sizeof end->topic, "%s", topic);
	}
	end->offset = message->offset;
}

int wr_kafka_source_error(struct wr_kafka_source *s, const rd_kafka_message_t *message)
{
	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		note_end(s, message);
		return 0;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		return message->rkt != NULL ? find_place(s, message) : 0;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		/* It may come. */
		if (message->rkt != NULL)
			s->missed |= bit_of(s, rd_kafka_topic_name(message->rkt));
		if (s->missed != 0)
			note_missed(s);
		return 0;
	default:
		return wr_kafka_fault_code(s->bridge, &s->client, "messages", message->err);
	}
}
