/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/filters.h"

#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bug.h"

#define FILTERS_VERSION 1u
#define FILTERS_VERSION_BINDINGS 2u        /* where one of them is of a binding */
#define FILTERS_VERSION_TRANSFORMS 3u      /* where one of them transforms */
#define FILTERS_VERSION_RINGS 4u           /* where one of them has a share of a ring */
#define FILTERS_VERSION_MEMBERS 5u         /* where members transform by one of them */
#define FILTERS_VERSION_HEADER_PATTERNS 6u /* where one has a pattern over headers */

static size_t lists_bytes(const struct wr_filters_limits *l)
{
	return l->subscriptions_max * sizeof(struct wr_filter_list);
}

size_t wr_filters_table_bytes(const struct wr_filters_limits *l)
{
	return l->bytes_max > 0 ? lists_bytes(l) + l->bytes_max : 0;
}

int wr_filters_init(struct wr_filters *f, struct wr_memory *memory,
		    const struct wr_filters_limits *limits)
{
	*f = (struct wr_filters){.limits = *limits};
	if (limits->bytes_max == 0)
		return 0; /* no filter is taken, and nothing is reserved */
	f->lists = memory->ops->alloc(memory, lists_bytes(limits), 64);
	if (f->lists == NULL)
		return -ENOMEM;
	f->text = memory->ops->alloc(memory, limits->bytes_max, 64);
	if (f->text == NULL) {
		wr_filters_fini(f, memory);
		return -ENOMEM;
	}
	wr_filters_reset(f);
	return 0;
}

void wr_filters_fini(struct wr_filters *f, struct wr_memory *memory)
{
	if (f->text != NULL)
		memory->ops->free(memory, f->text, f->limits.bytes_max);
	if (f->lists != NULL)
		memory->ops->free(memory, f->lists, lists_bytes(&f->limits));
	f->text = NULL;
	f->lists = NULL;
}

void wr_filters_reset(struct wr_filters *f)
{
	if (f->lists != NULL)
		memset(f->lists, 0, lists_bytes(&f->limits));
	f->used_bytes = 0;
	f->given = 0;
	f->copying = 0;
	f->binding = 0;
	f->transforming = 0;
	f->sharing = 0;
	f->telling = 0;
}

const struct wr_filter_version *wr_filters_version(const struct wr_filters *f, uint32_t id,
						   uint64_t number)
{
	if (f->lists == NULL || id >= f->limits.subscriptions_max || number == 0)
		return NULL;
	const struct wr_filter_version *v =
		&f->lists[id].versions[(number - 1) % WR_FILTER_VERSIONS];
	return v->number == number ? v : NULL;
}

bool wr_filters_copy(const struct wr_filters *f, uint32_t id)
{
	const struct wr_filter_version *v = wr_filters_version(f, id, wr_filters_count(f, id));
	return v != NULL && f->text[v->place] == WR_FILTER_JOIN_NOBODY;
}

static bool newest_of(const struct wr_filters *f, uint32_t id, struct wr_filter_view *ret)
{
	const struct wr_filter_version *v = wr_filters_version(f, id, wr_filters_count(f, id));
	return v != NULL && wr_filter_read(f->text + v->place, v->bytes, ret);
}

bool wr_filters_bind(const struct wr_filters *f, uint32_t id)
{
	struct wr_filter_view view;
	return f->binding > 0 && newest_of(f, id, &view) && view.binds;
}

uint32_t wr_filters_target(const struct wr_filters *f, uint32_t id)
{
	struct wr_filter_view view;
	bool copies = f->copying > 0 || f->binding > 0;
	return copies && newest_of(f, id, &view) ? view.target : WR_TARGET_NONE;
}

bool wr_filters_transform(const struct wr_filters *f, uint32_t id, struct wr_filter_transform *ret)
{
	struct wr_filter_view view;
	if (f->transforming == 0 || !newest_of(f, id, &view) || view.transform.text == NULL)
		return false;
	*ret = view.transform;
	return true;
}

bool wr_filters_share(const struct wr_filters *f, uint32_t id)
{
	struct wr_filter_view view;
	uint64_t count = wr_filters_count(f, id);
	for (uint64_t n = count; f->sharing > 0; n--) {
		const struct wr_filter_version *v = wr_filters_version(f, id, n);
		if (v == NULL)
			return false;
		if (wr_filter_read(f->text + v->place, v->bytes, &view) && wr_filter_shares(&view))
			return true;
	}
	return false;
}

static void add_to_counts(struct wr_filters *f, const struct wr_filter_view *filter)
{
	f->given++;
	f->copying += filter->join == WR_FILTER_JOIN_NOBODY ? 1 : 0;
	f->binding += filter->binds ? 1 : 0;
	f->transforming += filter->binds && filter->transform.text != NULL ? 1 : 0;
	f->telling += wr_filter_transforms_for_members(filter) ? 1 : 0;
	f->sharing += wr_filter_shares(filter) ? 1 : 0;
	f->asking_headers += wr_filter_has_header_pattern(filter) ? 1 : 0;
}

/* The oldest that is kept of a list that has one: its number. */
static uint64_t oldest_of(const struct wr_filters *f, uint32_t id)
{
	uint64_t number = f->lists[id].count;
	while (wr_filters_version(f, id, number - 1) != NULL)
		number--;
	return number;
}

/* Nothing that is unsettled was appended before the one behind it. */
static bool is_over(const struct wr_filters *f, uint32_t id, uint64_t number, uint64_t position)
{
	const struct wr_filter_version *next = wr_filters_version(f, id, number + 1);
	return next != NULL && (next->from_seq <= position || WR_BUG(FILTER_LOST_EARLY));
}

/* Of the versions that are over: how many, and their bytes. */
static uint32_t count_over(const struct wr_filters *f, uint32_t id, uint64_t position,
			   uint32_t *ret_bytes)
{
	uint32_t count = 0;
	*ret_bytes = 0;
	if (f->lists[id].count == 0)
		return 0;
	for (uint64_t n = oldest_of(f, id); is_over(f, id, n, position); n++, count++)
		*ret_bytes += wr_filters_version(f, id, n)->bytes;
	return count;
}

/* Whether it goes in as things are, without any of its own going for it. */
static bool has_place(const struct wr_filters *f, uint32_t id, uint32_t length_bytes)
{
	const struct wr_filter_list *list = &f->lists[id];
	return list->versions[list->count % WR_FILTER_VERSIONS].number == 0 &&
	       length_bytes <= f->limits.bytes_max - f->used_bytes;
}

int wr_filters_fit(const struct wr_filters *f, uint32_t id, uint32_t length_bytes,
		   uint64_t position)
{
	uint32_t freed_bytes;
	if (f->lists == NULL)
		return WEIR_E_FULL;
	if (has_place(f, id, length_bytes))
		return 0;
	uint32_t over = count_over(f, id, position, &freed_bytes);
	return over > 0 && length_bytes <= f->limits.bytes_max - f->used_bytes + freed_bytes
		       ? 0
		       : WEIR_E_FULL;
}

/* Its bytes are given back: what lies behind them moves down. */
static void forget(struct wr_filters *f, struct wr_filter_version *gone)
{
	uint32_t end = gone->place + gone->bytes;
	memmove(f->text + gone->place, f->text + end, f->used_bytes - end);
	f->used_bytes -= gone->bytes;
	for (uint32_t id = 0; id < f->limits.subscriptions_max; id++)
		for (uint32_t i = 0; i < WR_FILTER_VERSIONS; i++)
			if (f->lists[id].versions[i].place >= end &&
			    f->lists[id].versions[i].number != 0)
				f->lists[id].versions[i].place -= gone->bytes;
	*gone = (struct wr_filter_version){0};
}

static void forget_over(struct wr_filters *f, uint32_t id, uint64_t position)
{
	struct wr_filter_list *list = &f->lists[id];
	uint32_t bytes;
	uint32_t over = count_over(f, id, position, &bytes);
	uint64_t oldest = over > 0 ? oldest_of(f, id) : 0;
	for (uint32_t i = 0; i < over; i++)
		forget(f, &list->versions[(oldest + i - 1) % WR_FILTER_VERSIONS]);
	/* What lies before it and is read again is looked at with the oldest that is known. */
	if (over > 0)
		list->versions[(oldest + over - 1) % WR_FILTER_VERSIONS].from_seq = 0;
}

int wr_filters_give(struct wr_filters *f, uint32_t id, const uint8_t *bytes, uint32_t length_bytes,
		    uint64_t from_seq, uint64_t position)
{
	struct wr_filter_list *list = &f->lists[id];
	struct wr_filter_view view;
	int rc = wr_filters_fit(f, id, length_bytes, position);
	if (rc == 0 && !wr_filter_read(bytes, length_bytes, &view))
		rc = -EINVAL;
	if (rc != 0)
		return rc;
	if (!has_place(f, id, length_bytes))
		forget_over(f, id, position);
	list->versions[list->count % WR_FILTER_VERSIONS] = (struct wr_filter_version){
		.number = list->count + 1,
		.from_seq = from_seq,
		.place = f->used_bytes,
		.bytes = length_bytes,
	};
	memcpy(f->text + f->used_bytes, bytes, length_bytes);
	f->used_bytes += length_bytes;
	list->count++;
	add_to_counts(f, &view);
	return 0;
}

void wr_filters_tell(struct wr_filters *f)
{
	wr_store_release(&f->changed, wr_load_relaxed(&f->changed) + 1); /* FT1 */
}

/* ---- checkpoints ---- */

size_t wr_filters_save_bytes_max(const struct wr_filters_limits *l)
{
	if (l->bytes_max == 0)
		return 0;
	return 64 + l->subscriptions_max * (size_t)(12 + WR_FILTER_VERSIONS * 20) + l->bytes_max;
}

void wr_filters_save(const struct wr_filters *f, struct wr_sink *sink)
{
	if (f->given == 0 || WR_BUG(FILTER_NOT_SAVED))
		return;
	uint16_t version = f->asking_headers > 0 ? FILTERS_VERSION_HEADER_PATTERNS
			   : f->telling > 0      ? FILTERS_VERSION_MEMBERS
			   : f->sharing > 0      ? FILTERS_VERSION_RINGS
			   : f->transforming > 0 ? FILTERS_VERSION_TRANSFORMS
			   : f->binding > 0      ? FILTERS_VERSION_BINDINGS
						 : FILTERS_VERSION;
	size_t place = wr_section_begin(sink, WR_SECTION_FILTERS, version, 0);
	for (uint32_t id = 0; id < f->limits.subscriptions_max; id++) {
		const struct wr_filter_list *list = &f->lists[id];
		if (list->count == 0)
			continue;
		uint64_t oldest = oldest_of(f, id);
		wr_sink_u32(sink, id);
		wr_sink_u32(sink, (uint32_t)(list->count - oldest + 1));
		wr_sink_u64(sink, list->count);
		for (uint64_t n = oldest; n <= list->count; n++) {
			const struct wr_filter_version *v = wr_filters_version(f, id, n);
			wr_sink_u64(sink, v->from_seq);
			wr_sink_u32(sink, v->bytes);
			wr_sink_bytes(sink, f->text + v->place, v->bytes);
		}
	}
	wr_section_end(sink, place);
}

static int load_list(struct wr_filters *f, struct wr_cursor *in, uint32_t subscription_count)
{
	uint32_t id = wr_take_u32(in);
	uint32_t kept = wr_take_u32(in);
	uint64_t count = wr_take_u64(in);
	uint64_t before = 0;
	if (f->lists == NULL)
		return WEIR_E_FULL;
	if (in->failed || id >= subscription_count || f->lists[id].count != 0 || kept == 0 ||
	    kept > WR_FILTER_VERSIONS || kept > count)
		return WEIR_E_CORRUPT;
	for (uint64_t n = count - kept + 1; n <= count; n++) {
		struct wr_filter_view view;
		uint64_t from_seq = wr_take_u64(in);
		uint32_t bytes = wr_take_u32(in);
		const uint8_t *text = wr_take(in, bytes);
		bool first = n == count - kept + 1;
		if (text == NULL || !wr_filter_read(text, bytes, &view) ||
		    (first ? from_seq != 0 && !wr_filter_shares(&view) : from_seq <= before))
			return WEIR_E_CORRUPT;
		if (bytes > f->limits.bytes_max - f->used_bytes)
			return WEIR_E_FULL;
		before = from_seq;
		f->lists[id].versions[(n - 1) % WR_FILTER_VERSIONS] = (struct wr_filter_version){
			.number = n, .from_seq = from_seq, .place = f->used_bytes, .bytes = bytes};
		memcpy(f->text + f->used_bytes, text, bytes);
		f->used_bytes += bytes;
		add_to_counts(f, &view);
	}
	f->lists[id].count = count;
	return 0;
}

int wr_filters_load(struct wr_filters *f, uint32_t subscription_count, uint32_t version,
		    const uint8_t *bytes, uint32_t length_bytes)
{
	if (version < FILTERS_VERSION || version > FILTERS_VERSION_HEADER_PATTERNS)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	while (in.left_bytes > 0 && !in.failed) {
		int rc = load_list(f, &in, subscription_count);
		if (rc != 0)
			return rc;
	}
	return in.failed ? WEIR_E_CORRUPT : 0;
}
