/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing the actions of a resolver with one datum. What comes out is counted in any case, and
 * written as long as there is room: so the caller learns how much he needs.
 *
 * Recursion follows the values as they lie inside one another, WEIR_SCHEMA_DATA_DEPTH_MAX deep.
 */
#include <errno.h>
#include <string.h>

#include "core/json/utf8.h"
#include "core/schema/data.h"
#include "core/schema/resolver.h"

struct run {
	const struct weir_resolver *v;
	struct wr_data in;
	uint8_t *out;
	size_t out_bytes; /* room */
	size_t bytes;     /* that came out */
};

static inline void put(struct run *run, const void *bytes, size_t count)
{
	/* Once it did not fit nothing fits: what is written has no hole. */
	if (run->bytes <= run->out_bytes && count <= run->out_bytes - run->bytes && count > 0)
		memcpy(run->out + run->bytes, bytes, count);
	run->bytes += count;
}

static void put_long(struct run *run, int64_t n)
{
	uint8_t bytes[WR_VARINT_BYTES_MAX];

	put(run, bytes, wr_varint_put(n, bytes));
}

static bool act(struct run *run, uint32_t action);

static bool copy(struct run *run, uint32_t node)
{
	const uint8_t *at = run->in.at;

	if (!wr_data_pass(&run->in, run->v->writer, node))
		return false;
	put(run, at, (size_t)(run->in.at - at));
	return true;
}

static bool copy_fields(struct run *run, const struct wr_step *step)
{
	const uint8_t *at = run->in.at;

	if (!wr_data_pass_fields(&run->in, run->v->writer, step->first, step->count))
		return false;
	put(run, at, (size_t)(run->in.at - at));
	return true;
}

/* Numbers: little endian, as on every machine that weir runs on. */
static bool promote(struct run *run, enum wr_action_kind kind)
{
	int64_t n = 0;
	float f;
	double d;

	if (kind == WR_ACTION_FLOAT_TO_DOUBLE) {
		if (run->in.end - run->in.at < 4)
			return wr_data_wrong(&run->in, -EINVAL, "the data end in a value");
		memcpy(&f, run->in.at, 4);
		run->in.at += 4;
		d = f;
		put(run, &d, sizeof d);
		return true;
	}
	bool is_int = kind == WR_ACTION_INT_TO_FLOAT || kind == WR_ACTION_INT_TO_DOUBLE;
	if (!(is_int ? wr_data_int(&run->in, &n) : wr_data_long(&run->in, &n)))
		return false;
	if (kind == WR_ACTION_INT_TO_FLOAT || kind == WR_ACTION_LONG_TO_FLOAT) {
		f = (float)n;
		put(run, &f, sizeof f);
	} else {
		d = (double)n;
		put(run, &d, sizeof d);
	}
	return true;
}

static bool to_string(struct run *run)
{
	const uint8_t *at = run->in.at;
	size_t bytes;

	if (!wr_data_length(&run->in, &bytes))
		return false;
	if (wr_utf8_good_bytes(run->in.at, bytes) != bytes) {
		run->in.at = at;
		return wr_data_wrong(&run->in, -EINVAL,
				     "bytes that are not UTF-8 are read as a string");
	}
	run->in.at += bytes;
	put(run, at, (size_t)(run->in.at - at));
	return true;
}

static bool to_symbol(struct run *run, const struct wr_action *a)
{
	const uint8_t *at = run->in.at;
	uint32_t index;

	if (!wr_data_index(&run->in, run->v->writer->nodes[a->w].count,
			   "a symbol that the enum has not", &index))
		return false;
	uint32_t symbol = run->v->numbers[a->first + index];
	if (symbol == WR_SCHEMA_NONE) {
		run->in.at = at;
		return wr_data_wrong(&run->in, -EINVAL,
				     "a symbol that the reader's enum has not, and no default");
	}
	put_long(run, symbol);
	return true;
}

static bool do_step(struct run *run, const struct wr_step *step)
{
	switch ((enum wr_step_kind)step->kind) {
	case WR_STEP_COPY:
		return copy_fields(run, step);
	case WR_STEP_PASS:
		return wr_data_pass_fields(&run->in, run->v->writer, step->first, step->count);
	case WR_STEP_DEFAULT:
		put(run, run->v->pool + step->first, step->count);
		return true;
	case WR_STEP_DO:
	case WR_STEP_AT:
		break;
	}
	return act(run, step->first);
}

static bool do_record(struct run *run, const struct wr_action *a)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (!do_step(run, &run->v->steps[a->first + i]))
			return false;
	return true;
}

/* All fields are passed over, then read where they are, in the reader's order. */
static bool do_record_again(struct run *run, const struct wr_action *a)
{
	const uint8_t *places[WR_SLOTS_MAX + 1];
	const struct wr_schema_node *w = &run->v->writer->nodes[a->w];

	for (uint32_t i = 0; i < w->count; i++) {
		places[i] = run->in.at;
		if (!wr_data_pass(&run->in, run->v->writer,
				  run->v->writer->fields[w->first + i].node))
			return false;
	}
	places[w->count] = run->in.at;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct wr_step *step = &run->v->steps[a->first + i];
		if (step->kind == WR_STEP_AT && run->v->actions[step->first].is_copy) {
			/* It was looked at already. */
			const uint8_t *at = places[step->count];
			put(run, at, (size_t)(places[step->count + 1] - at));
			continue;
		}
		if (step->kind == WR_STEP_AT)
			run->in.at = places[step->count];
		if (!do_step(run, step))
			return false;
	}
	run->in.at = places[w->count];
	return true;
}

static bool do_items(struct run *run, const struct wr_action *a)
{
	bool map = run->v->writer->nodes[a->w].type == WEIR_SCHEMA_MAP;
	uint64_t count;
	size_t bytes;

	do {
		if (!wr_data_block(&run->in, &count, &bytes))
			return false;
		put_long(run, (int64_t)count);
		const uint8_t *begin = run->in.at;
		for (uint64_t i = 0; i < count; i++) {
			const uint8_t *at = run->in.at;
			size_t key_bytes;
			if (run->in.work_left == 0)
				return wr_data_enter(&run->in, 1);
			run->in.work_left--;
			if (map) {
				if (!wr_data_length(&run->in, &key_bytes))
					return false;
				run->in.at += key_bytes;
				put(run, at, (size_t)(run->in.at - at));
			}
			if (!act(run, a->first))
				return false;
		}
		if (bytes != SIZE_MAX && (size_t)(run->in.at - begin) != bytes)
			return wr_data_wrong(&run->in, -EINVAL,
					     "a block has not the bytes that it says it has");
	} while (count > 0);
	return true;
}

static bool do_parts(struct run *run, const struct wr_action *a)
{
	const struct wr_schema_node *w = &run->v->writer->nodes[a->w];
	uint32_t branch;

	switch ((enum wr_action_kind)a->kind) {
	case WR_ACTION_RECORD:
		return do_record(run, a);
	case WR_ACTION_RECORD_AGAIN:
		return do_record_again(run, a);
	case WR_ACTION_ITEMS:
		return do_items(run, a);
	case WR_ACTION_WRITER_UNION:
		return wr_data_index(&run->in, w->count, "a branch that the union has not",
				     &branch) &&
		       act(run, run->v->numbers[a->first + branch]);
	case WR_ACTION_READER_UNION:
		put_long(run, a->count);
		return act(run, a->first);
	default:
		return wr_data_wrong(&run->in, -EINVAL, a->why);
	}
}

static bool act(struct run *run, uint32_t action)
{
	const struct wr_action *a = &run->v->actions[action];

	if (a->is_copy)
		return copy(run, a->w);
	switch ((enum wr_action_kind)a->kind) {
	case WR_ACTION_INT_TO_FLOAT:
	case WR_ACTION_INT_TO_DOUBLE:
	case WR_ACTION_LONG_TO_FLOAT:
	case WR_ACTION_LONG_TO_DOUBLE:
	case WR_ACTION_FLOAT_TO_DOUBLE:
		return promote(run, (enum wr_action_kind)a->kind);
	case WR_ACTION_BYTES_TO_STRING:
		return to_string(run);
	case WR_ACTION_ENUM:
		return to_symbol(run, a);
	default:
		break;
	}
	if (!wr_data_enter(&run->in, 1 + a->count))
		return false;
	bool good = do_parts(run, a);
	wr_data_leave(&run->in);
	return good;
}

int weir_resolve(const struct weir_resolver *resolver, const void *data, size_t data_bytes,
		 void *to, size_t to_bytes, size_t *ret_bytes, struct weir_problem *reterr_problem)
{
	struct run run;

	run.v = resolver;
	run.out = to;
	run.out_bytes = to_bytes;
	run.bytes = 0;
	wr_data_begin(&run.in, data, data_bytes);
	if (act(&run, 0) && run.in.at != run.in.end)
		wr_data_wrong(&run.in, -EINVAL, "there are more bytes than the datum has");
	if (run.in.code != 0)
		return wr_data_tell(&run.in, reterr_problem);
	*ret_bytes = run.bytes;
	return run.bytes > to_bytes ? -ENOBUFS : 0;
}

/* --- the prefix ------------------------------------------------------------------------------- */

void weir_schema_prefix_put(uint8_t to[WEIR_SCHEMA_PREFIX_BYTES], uint32_t schema_id)
{
	to[0] = 0;
	for (uint32_t i = 0; i < 4; i++)
		to[1 + i] = (uint8_t)(schema_id >> (24 - 8 * i));
}

int weir_schema_prefix_get(const void *payload, size_t payload_bytes, uint32_t *ret_schema_id)
{
	const uint8_t *at = payload;

	if (payload_bytes < WEIR_SCHEMA_PREFIX_BYTES || at[0] != 0)
		return -EINVAL;
	*ret_schema_id = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 |
			 (uint32_t)at[4];
	return 0;
}
