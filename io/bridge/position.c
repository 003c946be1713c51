/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions of the other side, in the log together with the events that came up to them.
 *
 * A position is an event of a topic whose keys have versions: key: which part of the other side;
 * payload: where. Events and positions are one run, so a crash leaves both or neither. Each
 * position expects the version that this bridge knows: the writer alone decides, by its tables, and
 * whoever else has written the key since has the whole run refused (WEIR_E_CONFLICT), events
 * included. So there is no owner to agree on, no lease, no clock: of two that read the same part of
 * the other side, the one that is behind loses, whatever it believes, also after a crash, since
 * versions are in the log. A run is handed over when the one before it is ordered, so that one that
 * was refused has none behind it. (A named producer would fence only who publishes under the same
 * name; an acknowledgement of the last position by a member would have to be polled before the next
 * run, a round trip of the disk each.) docs/design/bridges.md.
 *
 * Versions outlive the segment that had the position itself. So that this stays, a subscription
 * without members, "bridge.NAME.positions", holds retention where the oldest of them stands; it
 * moves behind what is superseded, and a position that stands far back, or that retention waits
 * for, is written anew, with room that data has not (publish_kept.h); also while the bridge rests,
 * for whatever reason: it would hold up all of the log.
 *
 * Thread: the driver's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/replay.h>

#include "core/pipeline/publish_kept.h"
#include "io/bridge/bridge.h"

#define SECOND_NS 1000000000ull
#define READ_NS (5 * SECOND_NS)
#define CARE_NS (5 * SECOND_NS)
#define LOOK_NS (SECOND_NS / 2)
#define ROOM_NS SECOND_NS
#define CLOSE_NS (2 * SECOND_NS)
#define MOVED_ON "another bridge reads the same: it has moved on"
#define RENEW_AFTER 100000u /* records of the log behind a position */

static int refuse(struct weir_problem *problem, int code, const char *text)
{
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code, .field = "positions"};
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	return code;
}

/* ---- at the start ---------------------------------------------------------------------------- */

static struct wr_bridge_key *find(struct wr_bridge_positions *ps, const void *key, size_t bytes)
{
	for (uint32_t i = 0; i < ps->key_count; i++)
		if (ps->keys[i].key_bytes == bytes && memcmp(ps->keys[i].key, key, bytes) == 0)
			return &ps->keys[i];
	return NULL;
}

static struct wr_bridge_key *add(struct wr_bridge_positions *ps, const void *key, size_t bytes)
{
	if (ps->key_count == ps->key_room) {
		uint32_t room = ps->key_room == 0 ? 16 : 2 * ps->key_room;
		struct wr_bridge_key *keys =
			room <= WR_BRIDGE_KEYS_MAX ? realloc(ps->keys, room * sizeof *keys) : NULL;
		if (keys == NULL)
			return NULL;
		ps->keys = keys;
		ps->key_room = room;
	}
	uint8_t *place = malloc(bytes + WEIR_BRIDGE_POSITION_BYTES_MAX);
	if (place == NULL)
		return NULL;
	memcpy(place, key, bytes);
	struct wr_bridge_key *k = &ps->keys[ps->key_count++];
	*k = (struct wr_bridge_key){.key = place, .key_bytes = bytes, .value = place + bytes};
	return k;
}

/* Each position says whose it is, in a header. */
static bool is_own(const struct weir_bridge *b, const struct weir_item *item)
{
	struct weir_header header;
	return item->kind == WEIR_ITEM_EVENT && item->key != NULL && item->payload != NULL &&
	       item->payload_bytes <= WEIR_BRIDGE_POSITION_BYTES_MAX &&
	       weir_item_header(item, 0, &header) != 0 && header.value_bytes == strlen(b->name) &&
	       memcmp(header.value, b->name, header.value_bytes) == 0;
}

static int note_own(struct weir_bridge *b, const struct weir_item *item)
{
	struct wr_bridge_positions *ps = &b->positions;
	if (!is_own(b, item))
		return 0;
	struct wr_bridge_key *k = find(ps, item->key, item->key_bytes);
	if (k == NULL)
		k = add(ps, item->key, item->key_bytes);
	if (k == NULL)
		return -ENOMEM;
	memcpy(k->value, item->payload, item->payload_bytes);
	k->value_bytes = item->payload_bytes;
	k->version = (uint32_t)weir_item_version(item);
	k->last_seq = item->sequence;
	return 0;
}

/* What this bridge has written, from its gate on: all that the gate is held for. */
static int read_own(struct weir_bridge *b)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_replay_options options;
	struct weir_replay_progress progress = {.done = false};
	struct weir_replay *replay;
	struct weir_item items[16];
	int rc = weir_subscription_info(b->pipeline, b->positions.gate, &info);
	weir_replay_options_init(&options);
	options.from_sequence = info.position;
	options.topics = &b->positions.topic;
	options.topic_count = 1;
	if (rc == 0)
		rc = weir_replay_open(b->pipeline, &options, &replay, NULL);
	if (rc < 0)
		return rc == WEIR_E_TRUNCATED ? 0 : rc;
	while (rc >= 0 && !progress.done) {
		rc = weir_replay_next(replay, items, 16, SECOND_NS);
		for (int i = 0, count = rc; i < count && rc >= 0; i++)
			rc = note_own(b, &items[i]);
		weir_replay_progress(replay, &progress);
	}
	weir_replay_close(replay);
	return rc < 0 ? rc : 0;
}

int wr_bridge_positions_init(struct weir_bridge *b, struct weir_problem *problem)
{
	struct wr_bridge_positions *ps = &b->positions;
	struct weir_topic_versions versions = {0};
	struct weir_subscription_options gate;
	struct weir_info info = {.struct_bytes = sizeof info};
	char name[WR_BRIDGE_NAME_BYTES + 32];
	const char *topic = NULL;
	ps->topic = b->options.positions;
	ps->gate = UINT32_MAX;
	if (ps->topic == UINT32_MAX || b->options.direction == WEIR_BRIDGE_SINK) {
		ps->topic = UINT32_MAX;
		return 0;
	}
	if (weir_topic_info(b->pipeline, ps->topic, &topic, NULL) < 0)
		return refuse(problem, WEIR_E_UNKNOWN_NAME, "no topic has this id");
	if (weir_topic_versions(b->pipeline, ps->topic, &versions) < 0 || versions.keys_max == 0)
		return refuse(problem, -EINVAL,
			      "the topic's keys have no versions: make it with versioned_keys");
	int rc = weir_pipeline_info(b->pipeline, &info);
	if (rc < 0 || strcmp(info.backend, "memory") == 0)
		return rc;
	weir_subscription_options_init(&gate);
	(void)snprintf(name, sizeof name, "bridge.%s.positions", b->name);
	gate.name = name;
	gate.topics = &topic;
	gate.topic_count = 1;
	gate.holds = true;
	rc = weir_subscription_create(b->pipeline, &gate, &ps->gate, problem);
	if (rc < 0)
		return rc;
	rc = read_own(b);
	return rc < 0 ? refuse(problem, rc, "its positions cannot be read") : 0;
}

void wr_bridge_positions_fini(struct weir_bridge *b)
{
	for (uint32_t i = 0; i < b->positions.key_count; i++)
		free(b->positions.keys[i].key);
	free(b->positions.keys);
	b->positions.keys = NULL;
	b->positions.key_count = 0;
}

/* ---- the producer of a connection ------------------------------------------------------------ */

/* With sequences asked for there is an answer for each run, in order. */
static void take_answers(void *context, const struct weir_ack_range *range)
{
	struct wr_bridge_positions *ps = context;
	if (range->code < 0) {
		ps->refused = ps->refused == 0 ? range->code : ps->refused;
		return;
	}
	for (uint32_t i = 0; i < ps->key_count; i++) {
		struct wr_bridge_key *k = &ps->keys[i];
		if (k->marked_ticket < range->first_ticket || k->marked_ticket > range->last_ticket)
			continue;
		k->last_seq = range->sequence;
		k->marked_ticket = 0;
	}
}

/* What of it was under way may be in the log: the gate waits for it, also where it is not asked for
 * again. */
static void forget(struct weir_bridge *b, struct wr_bridge_key *k)
{
	uint32_t version;
	uint64_t sequence = 0;
	if (k->marked_ticket != 0 && k->last_seq == 0 &&
	    weir_key_version(b->pipeline, b->positions.topic, k->key, k->key_bytes, &version,
			     &sequence) == 0) {
		k->last_seq = sequence;
		k->version = 0; /* whose it is, is not known */
	}
	k->is_read = false;
	k->marked_ticket = 0;
}

int wr_bridge_positions_open(struct weir_bridge *b)
{
	struct wr_bridge_positions *ps = &b->positions;
	struct weir_producer_options options;
	struct weir_problem problem = {0};
	if (ps->topic == UINT32_MAX)
		return 0;
	weir_producer_options_init(&options);
	options.want_sequences = true;
	options.block_timeout_ns = ROOM_NS;
	options.ack_fn = take_answers;
	options.ack_context = ps;
	ps->refused = 0;
	ps->last_ticket = 0;
	ps->sent_events = ps->sent_bytes = 0;
	for (uint32_t i = 0; i < ps->key_count; i++)
		forget(b, &ps->keys[i]);
	int rc = weir_producer_open(b->pipeline, &options, &ps->producer, &problem);
	if (rc == 0)
		return 0;
	ps->producer = NULL;
	return weir_bridge_lost(b, "no producer: %s (%s)", weir_strerror(rc), problem.text);
}

void wr_bridge_positions_close(struct weir_bridge *b)
{
	struct wr_bridge_positions *ps = &b->positions;
	if (ps->producer == NULL)
		return;
	weir_bridge_run_abort(b);
	/* What it handed over is decided before positions are read again. */
	(void)weir_producer_close(ps->producer, CLOSE_NS);
	ps->producer = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The event at that sequence; whose it is. */
static int read_event(struct weir_bridge *b, struct wr_bridge_key *k, uint64_t sequence,
		      bool *ret_is_own)
{
	struct weir_replay_options options;
	struct weir_replay *replay;
	struct weir_item item;
	weir_replay_options_init(&options);
	options.from_sequence = sequence;
	options.end_sequence = sequence + 1;
	options.topics = &b->positions.topic;
	options.topic_count = 1;
	int rc = weir_replay_open(b->pipeline, &options, &replay, NULL);
	if (rc < 0)
		return rc;
	rc = weir_replay_next(replay, &item, 1, READ_NS);
	if (rc == 1 && item.kind == WEIR_ITEM_EVENT &&
	    item.payload_bytes <= WEIR_BRIDGE_POSITION_BYTES_MAX) {
		memcpy(k->value, item.payload, item.payload_bytes);
		k->value_bytes = item.payload_bytes;
		*ret_is_own = is_own(b, &item);
		rc = 0;
	} else if (rc >= 0) {
		rc = WEIR_E_TRUNCATED;
	}
	weir_replay_close(replay);
	return rc;
}

static int read_position(struct weir_bridge *b, struct wr_bridge_key *k)
{
	uint32_t version = 0;
	uint64_t sequence = 0;
	bool whose;
	int rc = weir_key_version(b->pipeline, b->positions.topic, k->key, k->key_bytes, &version,
				  &sequence);
	if (rc < 0)
		return weir_bridge_lost(b, "a position cannot be asked for: %s", weir_strerror(rc));
	/* What was written last here is known without reading it: it may be gone from memory. */
	if (version != k->version || sequence != k->last_seq || version == 0) {
		k->value_bytes = 0;
		if (version > 0)
			rc = read_event(b, k, sequence, &whose);
		if (rc == WEIR_E_TRUNCATED)
			return weir_bridge_failed(b,
						  "the position at sequence %llu is gone from "
						  "the log: give the bridge another name",
						  (unsigned long long)sequence);
		if (rc < 0)
			return weir_bridge_lost(b, "the position at sequence %llu: %s",
						(unsigned long long)sequence, weir_strerror(rc));
	}
	k->version = version;
	k->last_seq = sequence;
	k->marked_ticket = 0;
	k->is_read = true;
	return 0;
}

int weir_bridge_position(struct weir_bridge *bridge, const void *key, size_t key_bytes, void *value,
			 size_t room, size_t *ret_bytes)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	if (ps->topic == UINT32_MAX || key_bytes == 0 || key_bytes > WEIR_BRIDGE_POSITION_BYTES_MAX)
		return weir_bridge_failed(
			bridge, "it has no topic for positions: see the options of bridges");
	struct wr_bridge_key *k = find(ps, key, key_bytes);
	if (k == NULL)
		k = add(ps, key, key_bytes);
	if (k == NULL)
		return weir_bridge_lost(bridge, "no memory for one more position");
	int rc = k->is_read ? 0 : read_position(bridge, k);
	if (rc < 0)
		return rc;
	if (k->value_bytes > room)
		return weir_bridge_failed(bridge,
					  "the log has a position of %zu bytes, and the "
					  "driver knows none so long",
					  k->value_bytes);
	memcpy(value, k->value, k->value_bytes);
	*ret_bytes = k->value_bytes;
	return 0;
}

/* ---- runs ------------------------------------------------------------------------------------ */

int weir_bridge_run_begin(struct weir_bridge *bridge, size_t bytes_max)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	if (ps->producer == NULL)
		return weir_bridge_failed(
			bridge, "it has no topic for positions: see the options of bridges");
	/* Answers that nobody has taken hold room of the lane. */
	(void)weir_producer_poll_acks(ps->producer);
	if (ps->refused < 0)
		return weir_bridge_run_wait(bridge, 0);
	int rc = weir_run_begin(ps->producer, bytes_max);
	if (rc == WEIR_E_TOO_BIG)
		return rc;
	if (rc == -ETIMEDOUT || rc == WEIR_E_AGAIN || rc == WEIR_E_NO_ROOM || rc == WEIR_E_FULL)
		return WEIR_E_AGAIN;
	if (rc < 0)
		return weir_bridge_lost(bridge, "the log takes nothing: %s", weir_strerror(rc));
	ps->runs++;
	ps->run_is_open = true;
	ps->run_events = ps->run_bytes = 0;
	return 0;
}

int weir_bridge_run_add(struct weir_bridge *bridge, const struct weir_event *event)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	int rc = ps->run_is_open ? weir_run_add(ps->producer, event) : -EINVAL;
	if (rc == 0) {
		ps->run_events++;
		ps->run_bytes += event->key_bytes + event->payload_bytes;
	}
	return rc;
}

static struct weir_event event_of(const struct weir_bridge *b, const struct wr_bridge_key *k,
				  const void *value, size_t value_bytes, struct weir_header *owner)
{
	*owner = (struct weir_header){.name = "weir-bridge",
				      .name_bytes = 11,
				      .value = b->name,
				      .value_bytes = (uint16_t)strlen(b->name)};
	return (struct weir_event){
		.topic = b->positions.topic,
		.headers = owner,
		.header_count = 1,
		.key = k->key,
		.key_bytes = k->key_bytes,
		.payload = value,
		.payload_bytes = value_bytes,
		.expected_version = k->version == 0 ? WEIR_VERSION_NONE : k->version,
	};
}

int weir_bridge_run_position(struct weir_bridge *bridge, const void *key, size_t key_bytes,
			     const void *value, size_t value_bytes)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	struct wr_bridge_key *k = find(ps, key, key_bytes);
	if (!ps->run_is_open || k == NULL || !k->is_read || k->in_run == ps->runs ||
	    value_bytes == 0 || value_bytes > WEIR_BRIDGE_POSITION_BYTES_MAX)
		return -EINVAL;
	struct weir_header owner;
	const struct weir_event event = event_of(bridge, k, value, value_bytes, &owner);
	int rc = weir_run_add(ps->producer, &event);
	if (rc < 0)
		return rc;
	memmove(k->value, value, value_bytes);
	k->value_bytes = value_bytes;
	k->version++;
	k->in_run = ps->runs;
	return 0;
}

/*
 * Whether the run before this one is ordered. Were it refused, since another bridge has moved on by
 * a run, this one would expect the very version that the other has made, and be taken.
 */
static int see_last_ordered(struct weir_bridge *b)
{
	struct wr_bridge_positions *ps = &b->positions;
	if (ps->last_ticket == 0)
		return 0;
	int rc = weir_wait(ps->producer, ps->last_ticket, WEIR_LEVEL_MEMORY, ROOM_NS);
	if (rc == WEIR_E_CONFLICT)
		return weir_bridge_lost(b, MOVED_ON);
	return rc == 0 ? 0
		       : weir_bridge_lost(b, "the log does not take the run before: %s",
					  weir_strerror(rc));
}

int weir_bridge_run_commit(struct weir_bridge *bridge)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	uint64_t ticket = 0;
	int rc = ps->run_is_open ? see_last_ordered(bridge) : 0;
	if (rc < 0)
		return rc;
	rc = ps->run_is_open ? weir_run_commit(ps->producer, &ticket) : -EINVAL;
	if (rc < 0)
		return weir_bridge_lost(bridge, "the log takes nothing: %s", weir_strerror(rc));
	ps->run_is_open = false;
	ps->last_ticket = ticket;
	ps->sent_events += ps->run_events;
	ps->sent_bytes += ps->run_bytes;
	for (uint32_t i = 0; i < ps->key_count; i++)
		if (ps->keys[i].in_run == ps->runs && ps->keys[i].marked_ticket == 0)
			ps->keys[i].marked_ticket = ticket;
	return 0;
}

void weir_bridge_run_abort(struct weir_bridge *bridge)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	if (!ps->run_is_open)
		return;
	(void)weir_abort(ps->producer);
	ps->run_is_open = false;
	/* What it was to write is not known any more: read again. */
	for (uint32_t i = 0; i < ps->key_count; i++)
		if (ps->keys[i].in_run == ps->runs) {
			ps->keys[i].is_read = false;
			ps->keys[i].version = 0;
		}
}

int weir_bridge_run_wait(struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_bridge_positions *ps = &bridge->positions;
	int rc = 0;
	if (ps->producer == NULL)
		return 1;
	if (ps->last_ticket != 0 && ps->refused == 0)
		rc = weir_wait(ps->producer, ps->last_ticket, WEIR_LEVEL_DEFAULT, timeout_ns);
	(void)weir_producer_poll_acks(ps->producer);
	if (rc == -ETIMEDOUT && ps->refused == 0)
		return 0;
	rc = ps->refused < 0 ? ps->refused : rc;
	if (rc == WEIR_E_CONFLICT)
		return weir_bridge_lost(bridge, MOVED_ON);
	if (rc < 0)
		return weir_bridge_lost(bridge, "the log refused events: %s", weir_strerror(rc));
	ps->last_ticket = 0;
	if (ps->sent_events > 0)
		weir_bridge_count(bridge, ps->sent_events, ps->sent_bytes, 0);
	ps->sent_events = ps->sent_bytes = 0;
	return 1;
}

/* ---- keeping them ---------------------------------------------------------------------------- */

/* No run that has it is under way. Where even that has no room, later. */
static int renew(struct weir_bridge *b, struct wr_bridge_key *k)
{
	struct weir_header owner;
	struct weir_event event = event_of(b, k, k->value, k->value_bytes, &owner);
	uint64_t sequence = 0;
	int rc = wr_publish_kept(b->pipeline, &event, READ_NS, &sequence);
	if (rc == 0) {
		k->version++;
		k->last_seq = sequence;
	}
	return rc == WEIR_E_FULL || rc == WEIR_E_AGAIN ? 0 : rc;
}

/* Of a key that is not read nothing is known for sure: what became of its last run, and whether
 * another bridge has moved on. */
static int look_again(struct weir_bridge *b, struct wr_bridge_key *k)
{
	uint32_t version = 0;
	uint64_t sequence = 0;
	bool is_own = true;
	int rc = weir_key_version(b->pipeline, b->positions.topic, k->key, k->key_bytes, &version,
				  &sequence);
	if (rc == 0 && version > 0 &&
	    (version != k->version || sequence != k->last_seq || k->value_bytes == 0))
		rc = read_event(b, k, sequence, &is_own);
	if (rc < 0 && rc != WEIR_E_TRUNCATED)
		return rc;
	/* What is another's is kept by that one's gate. */
	bool is_kept = rc == 0 && version > 0 && is_own;
	k->version = is_kept ? version : 0;
	k->last_seq = is_kept ? sequence : 0;
	k->marked_ticket = 0;
	return 0;
}

/* Whether there is something to look after: now and then, and where retention waits for it. */
static bool is_due(struct weir_bridge *b, struct weir_info *ret_info)
{
	struct wr_bridge_positions *ps = &b->positions;
	uint64_t now_ns = wr_bridge_now_ns();
	if (ps->gate == UINT32_MAX || now_ns < ps->next_look_ns || ps->run_is_open ||
	    weir_pipeline_info(b->pipeline, ret_info) < 0)
		return false;
	ps->next_look_ns = now_ns + LOOK_NS;
	if (now_ns < ps->next_care_ns && ret_info->held_sequence <= ps->gate_seq)
		return false;
	ps->next_care_ns = now_ns + CARE_NS;
	return true;
}

/* Behind it a position is written anew. */
static uint64_t stale_seq_of(const struct weir_info *info)
{
	uint64_t seq =
		info->visible_sequence > RENEW_AFTER ? info->visible_sequence - RENEW_AFTER : 0;
	return seq > info->held_sequence ? seq : info->held_sequence;
}

static void move_gate(struct weir_bridge *b, uint64_t oldest)
{
	struct wr_bridge_positions *ps = &b->positions;
	if (oldest != UINT64_MAX && oldest > ps->gate_seq &&
	    weir_subscription_seek(b->pipeline, ps->gate, WEIR_SEEK_SEQUENCE, oldest, 0, NULL) == 0)
		ps->gate_seq = oldest;
}

/* Writes a position anew that is stale; of a key that is not read, after another look at it. */
static int keep(struct weir_bridge *b, struct wr_bridge_key *k, uint64_t stale_seq)
{
	bool is_sure = b->positions.producer != NULL && k->is_read;
	bool is_under_way = b->positions.producer != NULL && k->marked_ticket != 0;
	int rc = 0;
	if (is_under_way || (k->last_seq == 0 && k->marked_ticket == 0))
		return 0;
	if (!is_sure && (k->marked_ticket != 0 || k->last_seq < stale_seq))
		rc = look_again(b, k);
	if (rc == 0 && k->last_seq != 0 && k->last_seq < stale_seq && k->value_bytes > 0)
		rc = renew(b, k);
	return rc;
}

int wr_bridge_positions_care(struct weir_bridge *b)
{
	struct wr_bridge_positions *ps = &b->positions;
	struct weir_info info = {.struct_bytes = sizeof info};
	uint64_t oldest = UINT64_MAX;
	int rc = 0;
	if (!is_due(b, &info))
		return 0;
	if (ps->producer != NULL)
		(void)weir_producer_poll_acks(ps->producer);
	uint64_t stale_seq = stale_seq_of(&info);
	for (uint32_t i = 0; i < ps->key_count && rc == 0; i++) {
		struct wr_bridge_key *k = &ps->keys[i];
		rc = keep(b, k, stale_seq);
		if (k->last_seq != 0)
			oldest = wr_min_u64(oldest, k->last_seq);
	}
	if (rc == 0)
		move_gate(b, oldest);
	if (rc == 0 || ps->producer == NULL)
		return 0; /* at rest it is tried again */
	return rc == WEIR_E_CONFLICT
		       ? weir_bridge_lost(b, MOVED_ON)
		       : weir_bridge_lost(b, "a position cannot be kept: %s", weir_strerror(rc));
}
