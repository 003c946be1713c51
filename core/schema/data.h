/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro binary out of hostile bytes: a place in them, numbers, and passing over values. Each
 * function leaves the place where it was when it fails, and `why` says what is wrong there.
 *
 * Work is counted: a value without bytes costs time, and a schema can make 2^60 of them out of
 * nothing. Who has used up what the input allows is refused.
 */
#ifndef WR_SCHEMA_DATA_H
#define WR_SCHEMA_DATA_H

#include <weir/resolver.h>

#include "core/schema/schema.h"
#include "core/schema/varint.h"

struct wr_data {
	const uint8_t *begin;
	const uint8_t *at;
	const uint8_t *end;
	uint64_t work_left;
	uint32_t depth;
	int code;        /* 0 until something fails */
	const char *why; /* then static */
};

void wr_data_begin(struct wr_data *d, const void *bytes, size_t count);

/* Sets code and why; false. */
bool wr_data_wrong(struct wr_data *d, int code, const char *why);

/* One level deeper, `work` more done: false, if it is too much. wr_data_leave() ends it. */
bool wr_data_enter(struct wr_data *d, uint64_t work);
void wr_data_leave(struct wr_data *d);

/* The text of a failure, with the byte. */
int wr_data_tell(const struct wr_data *d, struct weir_problem *reterr_problem);

bool wr_data_long_slowly(struct wr_data *d, int64_t *ret_n);

static inline bool wr_data_long(struct wr_data *d, int64_t *ret_n)
{
	/* One byte is the usual case: lengths, branches, symbols, small numbers. */
	if (d->at < d->end && *d->at < 0x80) {
		uint64_t bits = *d->at++;
		*ret_n = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
		return true;
	}
	return wr_data_long_slowly(d, ret_n);
}

/* A number that fits into 32 bits. */
bool wr_data_int(struct wr_data *d, int64_t *ret_n);

/* A number from 0 to count - 1: a branch, a symbol. */
bool wr_data_index(struct wr_data *d, uint32_t count, const char *why, uint32_t *ret_index);

/* A length, and that many bytes are there. */
bool wr_data_length(struct wr_data *d, size_t *ret_bytes);

/*
 * The head of a block of an array or map: how many items come, 0 at the end. Its bytes, if it says
 * so (a negative count), else SIZE_MAX.
 */
bool wr_data_block(struct wr_data *d, uint64_t *ret_count, size_t *ret_bytes);

/* Passes over a value of a type, and looks at all of it. */
bool wr_data_pass(struct wr_data *d, const struct weir_schema *s, uint32_t node);

/* The same for several fields of a record, one behind the other. */
bool wr_data_pass_fields(struct wr_data *d, const struct weir_schema *s, uint32_t first,
			 uint32_t count);

#endif
