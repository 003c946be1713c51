/* SPDX-License-Identifier: Apache-2.0 */
/* See draw.h: groups that own partitions. */
#include "tests/anomaly/draw.h"

#define ITEMS_MAX 4u

static const struct {
	uint32_t group, topic, partition;
} rows[DRAW_ROWS] = {{1, 1, 0}, {1, 1, 1}, {1, 1, 2}, {1, 1, 3}, {1, 2, 0}, {1, 2, 1},
		     {2, 1, 0}, {2, 1, 1}, {2, 1, 2}, {2, 1, 3}, {9, 9, 0}};

static bool is_there(const struct draw *d, const struct draw_row *row)
{
	return row->topic != 1 || row->partition < 2 || d->grown != 0;
}

/* A generation of its own, from where the group is. */
static void assign(struct draw *d, struct draw_row *row)
{
	row->generation++;
	row->process = ++d->process;
	row->next = row->position;
	draw_say(d, (struct history_op){.type = HISTORY_OK,
					.f = HISTORY_ASSIGN,
					.process = row->process,
					.topic = row->topic,
					.partition = row->partition,
					.offset = row->position,
					.group = row->group,
					.generation = row->generation});
}

void draw_groups_begin(struct draw *d)
{
	static const struct history_op subscribes[] = {
		{.topic = 1, .group = 1, .level = HISTORY_DURABLE},
		{.topic = 2, .group = 1, .level = HISTORY_DURABLE},
		{.topic = 1, .group = 2, .level = HISTORY_MEMORY},
		{.topic = 2,
		 .group = DRAW_LEASE_GROUP,
		 .level = HISTORY_DURABLE,
		 .flags = HISTORY_SHARED | HISTORY_KEYED},
		{.topic = DRAW_DEAD_TOPIC, .group = DRAW_DEAD_GROUP, .level = HISTORY_DURABLE},
	};

	for (uint32_t i = 0; i < sizeof subscribes / sizeof subscribes[0]; i++) {
		struct history_op op = subscribes[i];
		op.type = HISTORY_OK;
		op.f = HISTORY_SUBSCRIBE;
		draw_say(d, op);
	}
	for (uint32_t i = 0; i < DRAW_ROWS; i++) {
		d->rows[i] = (struct draw_row){.group = rows[i].group,
					       .topic = rows[i].topic,
					       .partition = rows[i].partition};
		if (is_there(d, &d->rows[i]))
			assign(d, &d->rows[i]);
	}
}

void draw_groups_grow(struct draw *d)
{
	for (uint32_t i = 0; i < DRAW_ROWS; i++) {
		struct draw_row *row = &d->rows[i];
		if (row->topic != 1 || row->partition < 2)
			continue;
		row->position = row->safe_position = d->grown;
		assign(d, row);
	}
}

void draw_groups_recover(struct draw *d)
{
	for (uint32_t i = 0; i < DRAW_ROWS; i++) {
		d->rows[i].position = d->rows[i].safe_position;
		if (is_there(d, &d->rows[i]))
			assign(d, &d->rows[i]);
	}
}

static bool is_of(const struct draw_row *row, const struct draw_event *e)
{
	return e->topic == row->topic && e->partition == row->partition;
}

void draw_groups_filter(struct draw *d)
{
	struct draw_filter *f = &d->filters[d->filter_count];

	if (d->filter_count == DRAW_FILTERS_MAX)
		return;
	d->filter_count++;
	f->offset = ++d->seq;
	f->unwanted = draw_one_in(d, 3) ? 0 : 2ull << draw_below(d, DRAW_KINDS);
	draw_say(d, (struct history_op){.type = HISTORY_OK,
					.f = HISTORY_FILTER,
					.group = DRAW_FILTERED_GROUP,
					.offset = f->offset,
					.unwanted = f->unwanted});
}

/* Nor erased. */
static bool is_wanted(const struct draw *d, const struct draw_row *row, const struct draw_event *e)
{
	uint64_t unwanted = 0;

	if (draw_is_erased(d, e))
		return false;
	for (uint32_t i = 0; i < d->filter_count && d->filters[i].offset <= e->offset; i++)
		unwanted = d->filters[i].unwanted;
	return row->group != DRAW_FILTERED_GROUP || (unwanted >> e->kind & 1) == 0;
}

/* All that the keys of a new partition had before is acknowledged. */
static bool may_begin(const struct draw *d, const struct draw_row *row)
{
	if (row->topic != 1 || row->partition < 2)
		return true;
	for (uint32_t i = 0; i < d->event_count; i++)
		if (is_of(row - 2, &d->events[i]) && d->events[i].offset < d->grown &&
		    d->events[i].offset >= row[-2].position && is_wanted(d, row, &d->events[i]))
			return false;
	return true;
}

/* Of topic 1, what everybody has settled for good and a later one of its key makes needless. */
void draw_groups_compact(struct draw *d)
{
	uint64_t end = d->durable + 1;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < DRAW_ROWS; i++)
		if (d->rows[i].topic == 1 && is_there(d, &d->rows[i]) &&
		    d->rows[i].safe_position < end)
			end = d->rows[i].safe_position;
	draw_say(d, (struct history_op){
			    .type = HISTORY_OK, .f = HISTORY_COMPACT, .topic = 1, .offset = end});
	for (uint32_t i = 0; i < d->event_count; i++) {
		const struct draw_event *e = &d->events[i];
		bool may_leave = false;
		for (uint32_t k = i + 1; k < d->event_count && d->events[k].offset < end; k++)
			may_leave = may_leave || (e->topic == 1 && d->events[k].topic == 1 &&
						  d->events[k].key == e->key);
		if (!may_leave || draw_one_in(d, 4))
			d->events[kept++] = *e;
	}
	d->event_count = kept;
}

static void poll(struct draw *d, struct draw_row *row)
{
	uint64_t gate = row->group == 2 ? d->seq : d->durable;
	struct history_op op = {.f = HISTORY_POLL, .process = row->process, .group = row->group};
	uint32_t count = 0, most = 1 + (uint32_t)draw_below(d, ITEMS_MAX);

	op.call = ++d->call;
	draw_say(d, op);
	for (uint32_t i = 0; i < d->event_count && count < most; i++) {
		struct draw_event *e = &d->events[i];
		if (!is_of(row, e) || e->offset < row->next || e->offset > gate ||
		    !may_begin(d, row) || !is_wanted(d, row, e))
			continue;
		struct history_op item = draw_about(e, HISTORY_POLL, row->process);
		item.group = row->group;
		item.generation = row->generation;
		item.call = op.call;
		item.flags = (e->delivered >> row->group & 1) != 0 ? HISTORY_REDELIVERED : 0;
		draw_say(d, item);
		e->delivered |= 1u << row->group;
		row->next = e->offset + 1;
		count++;
	}
	if (count > 0)
		return;
	op.type = HISTORY_OK;
	draw_say(d, op);
}

static struct history_op about_row(const struct draw_row *row, enum history_f f)
{
	return (struct history_op){.type = HISTORY_OK,
				   .f = (uint8_t)f,
				   .process = row->process,
				   .topic = row->topic,
				   .partition = row->partition,
				   .offset = row->position,
				   .group = row->group,
				   .generation = row->generation};
}

static void ack(struct draw *d, struct draw_row *row, bool all)
{
	uint64_t was = row->position;

	for (uint32_t i = 0; i < d->event_count; i++) {
		const struct draw_event *e = &d->events[i];
		if (!is_of(row, e) || e->offset < row->position || e->offset >= row->next)
			continue;
		if (!is_wanted(d, row, e))
			continue;
		if (!all && draw_one_in(d, 4))
			break;
		struct history_op op = about_row(row, HISTORY_ACK);
		op.offset = e->offset;
		draw_say(d, op);
		row->position = e->offset + 1;
	}
	if (row->position != was)
		draw_say(d, about_row(row, HISTORY_PROGRESS));
}

static void commit(struct draw *d, struct draw_row *row)
{
	struct history_op op = about_row(row, HISTORY_COMMIT);

	op.level = HISTORY_DURABLE;
	d->written = d->durable = d->seq;
	row->safe_position = row->position;
	draw_say(d, op);
}

static void seek(struct draw *d, uint32_t group)
{
	uint64_t target = draw_below(d, d->seq + 2);
	struct history_op op = {.f = HISTORY_SEEK, .group = group, .offset = target};

	if (target > d->durable)
		return;
	draw_say(d, op);
	op.type = HISTORY_OK;
	draw_say(d, op);
	d->written = d->durable = d->seq;
	for (uint32_t i = 0; i < DRAW_ROWS; i++) {
		if (d->rows[i].group != group)
			continue;
		d->rows[i].position = d->rows[i].safe_position = target;
		if (is_there(d, &d->rows[i]))
			assign(d, &d->rows[i]);
	}
}

void draw_groups_act(struct draw *d)
{
	struct draw_row *row = &d->rows[draw_below(d, DRAW_ROWS)];
	uint64_t what = draw_below(d, 100);

	if (!is_there(d, row))
		return;
	if (what < 55)
		poll(d, row);
	else if (what < 80)
		ack(d, row, false);
	else if (what < 90)
		commit(d, row);
	else if (what < 98)
		assign(d, row);
	else if (row->group != DRAW_DEAD_GROUP)
		seek(d, row->group);
}

void draw_groups_drain(struct draw *d)
{
	for (uint32_t i = 0; i < DRAW_ROWS; i++) {
		struct draw_row *row = &d->rows[i];
		uint64_t before;
		if (!is_there(d, row))
			continue;
		do {
			before = row->next;
			poll(d, row);
			ack(d, row, true);
		} while (row->next != before);
		commit(d, row);
	}
	for (uint32_t i = 0; i < DRAW_ROWS; i++)
		if (i + 1 == DRAW_ROWS || d->rows[i + 1].group != d->rows[i].group)
			draw_say(d, (struct history_op){.type = HISTORY_OK,
							.f = HISTORY_DRAIN,
							.group = d->rows[i].group});
}
