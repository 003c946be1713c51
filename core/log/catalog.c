/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/catalog.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bug.h"

#define CATALOG_VERSION 1u
#define MADE_VERSION 1u
#define CATALOG_VERSION_MAPS 2u /* some topic can grow */

size_t wr_catalog_bytes(const struct wr_catalog_limits *l)
{
	return l->topics_max * sizeof(struct wr_topic) +
	       l->partitions_max * sizeof(struct wr_partition_cells) +
	       l->subscriptions_max * sizeof(struct wr_subscription);
}

int wr_catalog_init(struct wr_catalog *c, struct wr_memory *memory,
		    const struct wr_catalog_limits *limits)
{
	*c = (struct wr_catalog){.limits = *limits};
	c->topics = memory->ops->alloc(memory, limits->topics_max * sizeof *c->topics, 64);
	c->cells = memory->ops->alloc(memory, limits->partitions_max * sizeof *c->cells, 64);
	c->subscriptions = memory->ops->alloc(
		memory, limits->subscriptions_max * sizeof *c->subscriptions, 64);
	if (c->topics == NULL || c->cells == NULL || c->subscriptions == NULL) {
		wr_catalog_fini(c, memory);
		return -ENOMEM;
	}
	wr_catalog_reset(c);
	return 0;
}

void wr_catalog_fini(struct wr_catalog *c, struct wr_memory *memory)
{
	const struct wr_catalog_limits *l = &c->limits;
	if (c->topics != NULL)
		memory->ops->free(memory, c->topics, l->topics_max * sizeof *c->topics);
	if (c->cells != NULL)
		memory->ops->free(memory, c->cells, l->partitions_max * sizeof *c->cells);
	if (c->subscriptions != NULL)
		memory->ops->free(memory, c->subscriptions,
				  l->subscriptions_max * sizeof *c->subscriptions);
	c->topics = NULL;
	c->cells = NULL;
	c->subscriptions = NULL;
}

void wr_catalog_reset(struct wr_catalog *c)
{
	wr_store_relaxed(&c->topic_count, 0u);
	wr_store_relaxed(&c->subscription_count, 0u);
	wr_store_relaxed(&c->partition_count, 0u);
	wr_store_relaxed(&c->growths, 0u);
	wr_store_relaxed(&c->row_count, 0u);
	wr_store_relaxed(&c->next_tag, (uint64_t)WR_TAG_CONTROL + 1);
	c->loaded_count = c->loaded_jobs = 0;
	for (uint32_t i = 0; i < c->limits.partitions_max; i++) {
		wr_store_relaxed(&c->cells[i].events, 0u);
		wr_store_relaxed(&c->cells[i].bytes, 0u);
	}
}

bool wr_catalog_find_topic(struct wr_catalog *c, const char *name, size_t name_bytes,
			   uint32_t *ret_id)
{
	uint32_t count = wr_catalog_topic_count(c);
	for (uint32_t i = 0; i < count; i++) {
		if (c->topics[i].name_bytes == name_bytes &&
		    memcmp(c->topics[i].name, name, name_bytes) == 0) {
			*ret_id = i;
			return true;
		}
	}
	return false;
}

bool wr_catalog_find_subscription(struct wr_catalog *c, const char *name, size_t name_bytes,
				  uint32_t *ret_id)
{
	uint32_t count = wr_catalog_subscription_count(c);
	for (uint32_t i = 0; i < count; i++) {
		if (c->subscriptions[i].name_bytes == name_bytes &&
		    memcmp(c->subscriptions[i].name, name, name_bytes) == 0) {
			*ret_id = i;
			return true;
		}
	}
	return false;
}

bool wr_catalog_is_redrive(struct wr_catalog *c, const void *name, size_t name_bytes,
			   const uint32_t *topics, uint32_t topic_count)
{
	const size_t prefix_bytes = sizeof WR_REDRIVE_PREFIX - 1;
	const struct wr_topic *t = &c->topics[topics[0]];
	return topic_count == 1 && name_bytes == prefix_bytes + t->name_bytes &&
	       memcmp(name, WR_REDRIVE_PREFIX, prefix_bytes) == 0 &&
	       memcmp((const char *)name + prefix_bytes, t->name, t->name_bytes) == 0;
}

uint32_t wr_catalog_redrive_count(struct wr_catalog *c)
{
	uint32_t subscriptions = wr_catalog_subscription_count(c), count = 0;
	for (uint32_t i = 0; i < subscriptions; i++) {
		const struct wr_subscription *s = &c->subscriptions[i];
		count += wr_catalog_is_redrive(c, s->name, s->name_bytes, s->topics, s->topic_count)
				 ? 1
				 : 0;
	}
	return count;
}

/* Appends a topic; the limits were checked. */
static void add_topic(struct wr_catalog *c, struct wr_undo *undo, const uint8_t *name,
		      uint32_t name_bytes, uint32_t partitions, uint32_t made_with)
{
	uint64_t id = wr_load_relaxed(&c->topic_count); /* own */
	uint64_t cell = wr_load_relaxed(&c->partition_count);
	uint64_t tag = wr_load_relaxed(&c->next_tag);
	struct wr_topic *t = &c->topics[id];
	t->partitions = partitions;
	t->made_with = made_with;
	wr_store_relaxed(&t->in_force, made_with);
	wr_store_relaxed(&t->map_count, 0u);
	t->first_cell = (uint32_t)cell;
	t->tag_base = (uint32_t)tag;
	t->name_bytes = name_bytes;
	memcpy(t->name, name, name_bytes);
	t->name[name_bytes] = '\0';
	wr_cell_set(undo, &c->partition_count, cell + partitions);
	wr_cell_set(undo, &c->next_tag, tag + partitions);
	wr_cell_set(undo, &c->topic_count, id + 1);
	wr_store_release(&c->topic_count, id + 1); /* B1 */
}

int wr_catalog_topic(struct wr_catalog *c, struct wr_undo *undo, const struct wr_record_view *view,
		     uint32_t *ret_id, bool *ret_same)
{
	struct wr_control_topic topic;
	uint32_t name_bytes = view->head->key_bytes;
	if (!wr_control_topic_read(view, &topic) || !wr_name_valid(view->key, name_bytes))
		return -EINVAL;
	if (wr_catalog_find_topic(c, (const char *)view->key, name_bytes, ret_id)) {
		const struct wr_topic *t = &c->topics[*ret_id];
		*ret_same = wr_topic_in_force(t) == topic.partitions &&
			    (topic.partitions_max == 0 || topic.partitions_max == t->partitions);
		return WEIR_E_EXISTS;
	}
	uint32_t laid_out = topic.partitions_max != 0 ? topic.partitions_max : topic.partitions;
	uint64_t used = wr_load_relaxed(&c->partition_count); /* own */
	if (wr_load_relaxed(&c->topic_count) >= c->limits.topics_max ||
	    laid_out > c->limits.partitions_max - used)
		return WEIR_E_FULL;
	*ret_id = (uint32_t)wr_load_relaxed(&c->topic_count);
	add_topic(c, undo, view->key, name_bytes, laid_out, topic.partitions);
	return 0;
}

int wr_catalog_grow(struct wr_catalog *c, uint32_t topic, uint32_t partitions, uint64_t seq)
{
	if (topic >= wr_load_relaxed(&c->topic_count)) /* own */
		return WEIR_E_UNKNOWN_NAME;
	struct wr_topic *t = &c->topics[topic];
	uint32_t now = wr_topic_in_force(t);
	uint32_t map_count = wr_load_relaxed(&t->map_count); /* own */
	if (partitions == now)
		return WEIR_E_EXISTS;
	if (partitions > t->partitions || map_count >= WR_TOPIC_MAPS_MAX)
		return WEIR_E_FULL;
	if (partitions < now || partitions % now != 0)
		return -EINVAL;
	t->maps[map_count] = (struct wr_topic_map){.seq = seq, .partitions = partitions};
	wr_store_release(&t->map_count, map_count + 1); /* B2 */
	wr_store_relaxed(&t->in_force, partitions);
	wr_store_release(&c->growths, wr_load_relaxed(&c->growths) + 1); /* B2 */
	return 0;
}

bool wr_topic_parent(const struct wr_topic *t, uint32_t partition, uint32_t *ret_parent,
		     uint64_t *ret_seq)
{
	uint32_t count = wr_load_acquire(&t->map_count); /* B2 */
	uint32_t before = t->made_with;
	for (uint32_t i = 0; i < count; i++) {
		if (partition >= before && partition < t->maps[i].partitions) {
			*ret_parent = partition % before;
			*ret_seq = t->maps[i].seq;
			return true;
		}
		before = t->maps[i].partitions;
	}
	return false;
}

/* How many may be outstanding is what it was made with. */
static bool same_definition(const struct wr_subscription *s,
			    const struct wr_control_subscription *def)
{
	return s->topic_count == def->topic_count && s->order == def->order &&
	       memcmp(s->topics, def->topics, def->topic_count * sizeof(uint32_t)) == 0;
}

/* Rows are found by topic: those of a second mention would never be settled. */
static bool names_one_twice(const struct wr_control_subscription *def)
{
	for (uint32_t i = 0; i < def->topic_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (def->topics[i] == def->topics[k])
				return true;
	return false;
}

/* The rows that a set of topics needs; 0: one of them is not defined. */
static uint32_t rows_of(struct wr_catalog *c, const uint32_t *topics, uint32_t topic_count)
{
	uint32_t rows = 0;
	for (uint32_t i = 0; i < topic_count; i++) {
		if (topics[i] >= wr_load_relaxed(&c->topic_count)) /* own */
			return 0;
		rows += c->topics[topics[i]].partitions;
	}
	return rows;
}

static void add_subscription(struct wr_catalog *c, struct wr_undo *undo, const uint8_t *name,
			     uint32_t name_bytes, const struct wr_control_subscription *def,
			     uint32_t row_count, uint64_t made_seq)
{
	uint64_t id = wr_load_relaxed(&c->subscription_count); /* own */
	uint64_t row = wr_load_relaxed(&c->row_count);
	uint64_t tag = wr_load_relaxed(&c->next_tag);
	struct wr_subscription *s = &c->subscriptions[id];
	s->topic_count = def->topic_count;
	s->row_first = (uint32_t)row;
	if (WR_BUG(ROWS_GIVEN_AGAIN) && row >= row_count)
		s->row_first -= row_count;
	s->row_count = row_count;
	s->tag = (uint32_t)tag;
	s->start_seq = def->start_seq;
	s->made_seq = made_seq;
	s->order = def->order;
	s->outstanding_max = def->outstanding_max;
	memcpy(s->topics, def->topics, def->topic_count * sizeof(uint32_t));
	s->name_bytes = name_bytes;
	memcpy(s->name, name, name_bytes);
	s->name[name_bytes] = '\0';
	wr_cell_set(undo, &c->row_count, row + row_count);
	wr_cell_set(undo, &c->next_tag, tag + 1);
	wr_cell_set(undo, &c->subscription_count, id + 1);
	wr_store_release(&c->subscription_count, id + 1); /* B1 */
}

int wr_catalog_subscription(struct wr_catalog *c, struct wr_undo *undo,
			    const struct wr_record_view *view, uint64_t seq, uint32_t *ret_id,
			    bool *ret_same)
{
	struct wr_control_subscription def;
	uint32_t name_bytes = view->head->key_bytes;
	if (!wr_control_subscription_read(view, &def) || !wr_name_valid(view->key, name_bytes) ||
	    names_one_twice(&def))
		return -EINVAL;
	if (wr_catalog_find_subscription(c, (const char *)view->key, name_bytes, ret_id)) {
		*ret_same = same_definition(&c->subscriptions[*ret_id], &def);
		return WEIR_E_EXISTS;
	}
	uint32_t row_count = rows_of(c, def.topics, def.topic_count);
	if (row_count == 0)
		return WEIR_E_UNKNOWN_NAME;
	if (wr_load_relaxed(&c->subscription_count) >= c->limits.subscriptions_max || /* own */
	    row_count > c->limits.rows_max - wr_load_relaxed(&c->row_count))
		return WEIR_E_FULL;
	if (def.start == WR_START_NEWEST)
		def.start_seq = seq;
	*ret_id = (uint32_t)wr_load_relaxed(&c->subscription_count);
	add_subscription(c, undo, view->key, name_bytes, &def, row_count, seq);
	return 0;
}

uint32_t wr_catalog_row(struct wr_catalog *c, const struct wr_subscription *s, uint32_t topic,
			uint32_t partition)
{
	uint32_t row = 0;
	for (uint32_t i = 0; i < s->topic_count; i++) {
		uint32_t partitions = c->topics[s->topics[i]].partitions;
		if (s->topics[i] == topic)
			return partition < partitions ? row + partition : UINT32_MAX;
		row += partitions;
	}
	return UINT32_MAX;
}

bool wr_catalog_row_in_force(struct wr_catalog *c, const struct wr_subscription *s, uint32_t row)
{
	uint32_t topic, partition;
	wr_catalog_row_partition(c, s, row, &topic, &partition);
	return partition < wr_topic_in_force(&c->topics[topic]);
}

void wr_catalog_row_partition(struct wr_catalog *c, const struct wr_subscription *s, uint32_t row,
			      uint32_t *ret_topic, uint32_t *ret_partition)
{
	WR_ASSERT(row < s->row_count);
	uint32_t i = 0;
	while (row >= c->topics[s->topics[i]].partitions)
		row -= c->topics[s->topics[i++]].partitions;
	*ret_topic = s->topics[i];
	*ret_partition = row;
}

struct wr_partition_cells *wr_catalog_row_cells(struct wr_catalog *c,
						const struct wr_subscription *s, uint32_t row)
{
	uint32_t topic, partition;
	wr_catalog_row_partition(c, s, row, &topic, &partition);
	return &c->cells[c->topics[topic].first_cell + partition];
}

size_t wr_catalog_save_bytes_max(const struct wr_catalog_limits *l)
{
	return 128 + l->topics_max * (size_t)(12 + WR_NAME_BYTES_MAX + 8 + 12 * WR_TOPIC_MAPS_MAX) +
	       l->partitions_max * 16ull +
	       l->subscriptions_max *
		       (size_t)(28 + WR_NAME_BYTES_MAX + 4 * WR_SUBSCRIPTION_TOPICS_MAX);
}

void wr_catalog_forget_made(struct wr_catalog *c)
{
	uint32_t count = wr_catalog_subscription_count(c);
	for (uint32_t i = 0; i < count; i++)
		c->subscriptions[i].made_seq = 0;
}

void wr_catalog_save_made(struct wr_catalog *c, struct wr_sink *sink)
{
	size_t place = wr_section_begin(sink, WR_SECTION_MADE, MADE_VERSION, 0);
	uint32_t count = wr_catalog_subscription_count(c);
	for (uint32_t i = 0; i < count; i++)
		wr_sink_u64(sink, c->subscriptions[i].made_seq);
	wr_section_end(sink, place);
}

int wr_catalog_load_made(struct wr_catalog *c, uint32_t version, const uint8_t *bytes,
			 uint32_t length_bytes)
{
	uint32_t count = wr_catalog_subscription_count(c);
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	if (version != MADE_VERSION)
		return WEIR_E_FORMAT;
	if (length_bytes != count * sizeof(uint64_t))
		return WEIR_E_CORRUPT;
	for (uint32_t i = 0; i < count; i++)
		c->subscriptions[i].made_seq = wr_take_u64(&in);
	return in.failed ? WEIR_E_CORRUPT : 0;
}

/* A catalog that an older weir can read is written as that reads it. */
static uint16_t version_of(const struct wr_catalog *c, uint32_t topic_count)
{
	for (uint32_t i = 0; i < topic_count; i++)
		if (c->topics[i].made_with != c->topics[i].partitions)
			return CATALOG_VERSION_MAPS;
	return CATALOG_VERSION;
}

static void save_maps(struct wr_topic *t, struct wr_sink *sink)
{
	uint32_t map_count = wr_load_relaxed(&t->map_count); /* own */
	if (WR_BUG(GROWTHS_NOT_SAVED))
		map_count = 0;
	wr_sink_u32(sink, t->made_with);
	wr_sink_u32(sink, map_count);
	for (uint32_t i = 0; i < map_count; i++) {
		wr_sink_u64(sink, t->maps[i].seq);
		wr_sink_u32(sink, t->maps[i].partitions);
	}
}

void wr_catalog_save(struct wr_catalog *c, struct wr_sink *sink)
{
	uint32_t topic_count = wr_catalog_topic_count(c);
	uint16_t version = version_of(c, topic_count);
	size_t place = wr_section_begin(sink, WR_SECTION_CATALOG, version, 0);
	uint32_t subscription_count = wr_catalog_subscription_count(c);
	wr_sink_u32(sink, topic_count);
	wr_sink_u32(sink, subscription_count);
	/* Tags follow the order in which topics and subscriptions came: not derivable from ids. */
	wr_sink_u64(sink, wr_load_relaxed(&c->next_tag)); /* own */
	for (uint32_t i = 0; i < topic_count; i++) {
		struct wr_topic *t = &c->topics[i];
		wr_sink_u32(sink, t->name_bytes);
		wr_sink_u32(sink, t->partitions);
		wr_sink_u32(sink, t->tag_base);
		wr_sink_bytes(sink, t->name, t->name_bytes);
		for (uint32_t p = 0; p < t->partitions; p++) {
			struct wr_partition_cells *cell = &c->cells[t->first_cell + p];
			wr_sink_u64(sink, wr_load_relaxed(&cell->events));
			wr_sink_u64(sink, wr_load_relaxed(&cell->bytes));
		}
		if (version == CATALOG_VERSION_MAPS)
			save_maps(t, sink);
	}
	for (uint32_t i = 0; i < subscription_count; i++) {
		const struct wr_subscription *s = &c->subscriptions[i];
		wr_sink_u32(sink, s->name_bytes);
		wr_sink_u32(sink, s->topic_count);
		wr_sink_u32(sink, s->tag);
		wr_sink_u64(sink, s->start_seq);
		wr_sink_bytes(sink, s->name, s->name_bytes);
		for (uint32_t k = 0; k < s->topic_count; k++)
			wr_sink_u32(sink, s->topics[k]);
	}
	wr_section_end(sink, place);
}

static int load_maps(struct wr_catalog *c, uint32_t id, struct wr_cursor *in)
{
	struct wr_topic *t = &c->topics[id];
	t->made_with = wr_take_u32(in);
	uint32_t map_count = wr_take_u32(in);
	if (t->made_with == 0 || t->made_with > t->partitions || map_count > WR_TOPIC_MAPS_MAX)
		return WEIR_E_CORRUPT;
	wr_store_relaxed(&t->in_force, t->made_with);
	uint64_t last_seq = 0;
	for (uint32_t i = 0; i < map_count && !in->failed; i++) {
		uint64_t seq = wr_take_u64(in);
		uint32_t partitions = wr_take_u32(in);
		if (seq <= last_seq || wr_catalog_grow(c, id, partitions, seq) != 0)
			return WEIR_E_CORRUPT;
		last_seq = seq;
	}
	return 0;
}

static int load_topic(struct wr_catalog *c, struct wr_cursor *in, struct wr_undo *undo,
		      bool with_maps)
{
	uint32_t name_bytes = wr_take_u32(in);
	uint32_t partitions = wr_take_u32(in);
	uint32_t tag_base = wr_take_u32(in);
	const uint8_t *name = wr_take(in, name_bytes);
	uint64_t used = wr_load_relaxed(&c->partition_count); /* own */
	if (name == NULL || !wr_name_valid(name, name_bytes) || partitions == 0)
		return WEIR_E_CORRUPT;
	if (wr_load_relaxed(&c->topic_count) >= c->limits.topics_max ||
	    partitions > c->limits.partitions_max - used)
		return WEIR_E_FULL;
	uint64_t id = wr_load_relaxed(&c->topic_count);
	add_topic(c, undo, name, name_bytes, partitions, partitions);
	c->topics[id].tag_base = tag_base;
	for (uint32_t p = 0; p < partitions; p++) {
		wr_store_relaxed(&c->cells[used + p].events, wr_take_u64(in));
		wr_store_relaxed(&c->cells[used + p].bytes, wr_take_u64(in));
	}
	int rc = with_maps ? load_maps(c, (uint32_t)id, in) : 0;
	if (rc != 0)
		return rc;
	return in->failed ? WEIR_E_CORRUPT : 0;
}

/* WEIR_E_FULL: there is no place for it, and `fits` is false from then on. */
static int load_subscription(struct wr_catalog *c, struct wr_cursor *in, struct wr_undo *undo,
			     bool fits)
{
	struct wr_control_subscription def = {0};
	uint32_t name_bytes = wr_take_u32(in);
	def.topic_count = wr_take_u32(in);
	uint32_t tag = wr_take_u32(in);
	def.start_seq = wr_take_u64(in);
	const uint8_t *name = wr_take(in, name_bytes);
	if (name == NULL || !wr_name_valid(name, name_bytes) || def.topic_count == 0 ||
	    def.topic_count > WR_SUBSCRIPTION_TOPICS_MAX)
		return WEIR_E_CORRUPT;
	for (uint32_t i = 0; i < def.topic_count; i++)
		def.topics[i] = wr_take_u32(in);
	uint32_t row_count = rows_of(c, def.topics, def.topic_count);
	if (in->failed || row_count == 0)
		return WEIR_E_CORRUPT;
	c->loaded_count++;
	c->loaded_jobs +=
		wr_catalog_is_redrive(c, name, name_bytes, def.topics, def.topic_count) ? 1 : 0;
	if (!fits || wr_load_relaxed(&c->subscription_count) >= c->limits.subscriptions_max ||
	    row_count > c->limits.rows_max - wr_load_relaxed(&c->row_count))
		return WEIR_E_FULL;
	uint64_t id = wr_load_relaxed(&c->subscription_count);
	add_subscription(c, undo, name, name_bytes, &def, row_count, 0);
	c->subscriptions[id].tag = tag;
	return 0;
}

int wr_catalog_load(struct wr_catalog *c, uint32_t version, const uint8_t *bytes,
		    uint32_t length_bytes)
{
	if (version != CATALOG_VERSION && version != CATALOG_VERSION_MAPS)
		return WEIR_E_FORMAT;
	struct wr_undo none = {0};
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t topic_count = wr_take_u32(&in);
	uint32_t subscription_count = wr_take_u32(&in);
	uint64_t next_tag = wr_take_u64(&in);
	for (uint32_t i = 0; i < topic_count; i++) {
		int rc = load_topic(c, &in, &none, version == CATALOG_VERSION_MAPS);
		if (rc != 0)
			return rc;
	}
	bool fits = true;
	c->loaded_count = c->loaded_jobs = 0;
	for (uint32_t i = 0; i < subscription_count; i++) {
		int rc = load_subscription(c, &in, &none, fits);
		if (rc != 0 && rc != WEIR_E_FULL)
			return rc;
		fits = fits && rc == 0;
	}
	if (!fits)
		return WEIR_E_FULL;
	wr_store_relaxed(&c->next_tag, next_tag);
	return in.failed || in.left_bytes != 0 ? WEIR_E_CORRUPT : 0;
}
