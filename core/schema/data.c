/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and values of Avro binary: by data.h. Recursion is bounded by the depth of data. */
#include "core/schema/data.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

/* For each byte so much work is allowed, and so much in any case. */
#define WORK_EACH_BYTE 64u
#define WORK_ANYWAY (1u << 20)

void wr_data_begin(struct wr_data *d, const void *bytes, size_t count)
{
	static const uint8_t nothing[1];

	d->begin = d->at = count > 0 ? bytes : nothing;
	d->end = d->at + count;
	d->work_left = WORK_EACH_BYTE * (uint64_t)count + WORK_ANYWAY;
	d->depth = 0;
	d->code = 0;
	d->why = "";
}

bool wr_data_wrong(struct wr_data *d, int code, const char *why)
{
	if (d->code == 0) {
		d->code = code;
		d->why = why;
	}
	return false;
}

bool wr_data_enter(struct wr_data *d, uint64_t work)
{
	if (d->depth == WEIR_SCHEMA_DATA_DEPTH_MAX)
		return wr_data_wrong(d, WEIR_E_TOO_BIG, "values lie too deep inside one another");
	if (work > d->work_left)
		return wr_data_wrong(d, WEIR_E_TOO_BIG,
				     "there are too many values without a byte in them");
	d->work_left -= work;
	d->depth++;
	return true;
}

void wr_data_leave(struct wr_data *d)
{
	d->depth--;
}

int wr_data_tell(const struct wr_data *d, struct weir_problem *reterr_problem)
{
	if (d->code != 0 && reterr_problem != NULL) {
		reterr_problem->code = d->code;
		snprintf(reterr_problem->field, sizeof reterr_problem->field, "data");
		snprintf(reterr_problem->text, sizeof reterr_problem->text, "byte %zu of %zu: %s",
			 (size_t)(d->at - d->begin), (size_t)(d->end - d->begin), d->why);
	}
	return d->code;
}

/* --- numbers ---------------------------------------------------------------------------------- */

bool wr_data_long_slowly(struct wr_data *d, int64_t *ret_n)
{
	size_t bytes = wr_varint_get(d->at, d->end, ret_n);

	if (bytes == 0)
		return wr_data_wrong(d, -EINVAL,
				     d->end - d->at < (ptrdiff_t)WR_VARINT_BYTES_MAX
					     ? "the data end in a number"
					     : "a number of more than 64 bits");
	d->at += bytes;
	return true;
}

bool wr_data_int(struct wr_data *d, int64_t *ret_n)
{
	const uint8_t *at = d->at;

	if (!wr_data_long(d, ret_n))
		return false;
	if (*ret_n >= INT32_MIN && *ret_n <= INT32_MAX && d->at - at <= 5)
		return true;
	d->at = at;
	return wr_data_wrong(d, -EINVAL, "an int of more than 32 bits");
}

bool wr_data_index(struct wr_data *d, uint32_t count, const char *why, uint32_t *ret_index)
{
	const uint8_t *at = d->at;
	int64_t n;

	if (!wr_data_long(d, &n))
		return false;
	if (n < 0 || n >= (int64_t)count) {
		d->at = at;
		return wr_data_wrong(d, -EINVAL, why);
	}
	*ret_index = (uint32_t)n;
	return true;
}

bool wr_data_length(struct wr_data *d, size_t *ret_bytes)
{
	const uint8_t *at = d->at;
	int64_t n;

	if (!wr_data_long(d, &n))
		return false;
	if (n < 0 || n > d->end - d->at) {
		d->at = at;
		return wr_data_wrong(d, -EINVAL,
				     n < 0 ? "a length below 0" : "more bytes than there are");
	}
	*ret_bytes = (size_t)n;
	return true;
}

bool wr_data_block(struct wr_data *d, uint64_t *ret_count, size_t *ret_bytes)
{
	const uint8_t *at = d->at;
	int64_t n;

	if (!wr_data_long(d, &n))
		return false;
	*ret_bytes = SIZE_MAX;
	if (n == INT64_MIN) {
		d->at = at;
		return wr_data_wrong(d, -EINVAL, "a block of more items than there can be");
	}
	if (n < 0 && !wr_data_length(d, ret_bytes))
		return false;
	*ret_count = (uint64_t)(n < 0 ? -n : n);
	if (*ret_count <= d->work_left)
		return true;
	d->at = at;
	return wr_data_wrong(d, WEIR_E_TOO_BIG, "a block of more items than its bytes can hold");
}

/* --- values ----------------------------------------------------------------------------------- */

static bool pass_bytes(struct wr_data *d, size_t bytes)
{
	if (bytes > (size_t)(d->end - d->at))
		return wr_data_wrong(d, -EINVAL, "the data end in a value");
	d->at += bytes;
	return true;
}

static bool pass_items(struct wr_data *d, const struct weir_schema *s,
		       const struct wr_schema_node *n)
{
	uint64_t count;
	size_t bytes;

	do {
		if (!wr_data_block(d, &count, &bytes))
			return false;
		const uint8_t *at = d->at;
		for (uint64_t i = 0; i < count; i++) {
			size_t key_bytes;
			if (d->work_left == 0)
				return wr_data_enter(d, 1);
			d->work_left--;
			if (n->type == WEIR_SCHEMA_MAP &&
			    (!wr_data_length(d, &key_bytes) || !pass_bytes(d, key_bytes)))
				return false;
			if (!wr_data_pass(d, s, n->first))
				return false;
		}
		if (bytes != SIZE_MAX && (size_t)(d->at - at) != bytes)
			return wr_data_wrong(d, -EINVAL,
					     "a block has not the bytes that it says it has");
	} while (count > 0);
	return true;
}

bool wr_data_pass_fields(struct wr_data *d, const struct weir_schema *s, uint32_t first,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!wr_data_pass(d, s, s->fields[first + i].node))
			return false;
	return true;
}

static bool pass_complex(struct wr_data *d, const struct weir_schema *s,
			 const struct wr_schema_node *n)
{
	uint32_t branch;
	bool good;

	if (!wr_data_enter(d, 1 + (n->type == WEIR_SCHEMA_RECORD ? n->count : 0)))
		return false;
	if (n->type == WEIR_SCHEMA_RECORD)
		good = wr_data_pass_fields(d, s, n->first, n->count);
	else if (n->type == WEIR_SCHEMA_UNION)
		good = wr_data_index(d, n->count, "a branch that the union has not", &branch) &&
		       wr_data_pass(d, s, s->lists[n->first + branch]);
	else
		good = pass_items(d, s, n);
	wr_data_leave(d);
	return good;
}

bool wr_data_pass(struct wr_data *d, const struct weir_schema *s, uint32_t node)
{
	const struct wr_schema_node *n = &s->nodes[node];
	int64_t number;
	uint32_t index;
	size_t bytes;

	switch ((enum weir_schema_type)n->type) {
	case WEIR_SCHEMA_NULL:
		return true;
	case WEIR_SCHEMA_BOOLEAN:
		if (d->at<d->end && * d->at> 1)
			return wr_data_wrong(d, -EINVAL, "a boolean that is neither 0 nor 1");
		return pass_bytes(d, 1);
	case WEIR_SCHEMA_INT:
		return wr_data_int(d, &number);
	case WEIR_SCHEMA_LONG:
		return wr_data_long(d, &number);
	case WEIR_SCHEMA_FLOAT:
		return pass_bytes(d, 4);
	case WEIR_SCHEMA_DOUBLE:
		return pass_bytes(d, 8);
	case WEIR_SCHEMA_BYTES:
	case WEIR_SCHEMA_STRING:
		return wr_data_length(d, &bytes) && pass_bytes(d, bytes);
	case WEIR_SCHEMA_FIXED:
		return pass_bytes(d, n->size);
	case WEIR_SCHEMA_ENUM:
		return wr_data_index(d, n->count, "a symbol that the enum has not", &index);
	case WEIR_SCHEMA_RECORD:
	case WEIR_SCHEMA_ARRAY:
	case WEIR_SCHEMA_MAP:
	case WEIR_SCHEMA_UNION:
	case WEIR_SCHEMA_JSON_VALUE: // no node of Avro's is one
		break;
	}
	return pass_complex(d, s, n);
}
