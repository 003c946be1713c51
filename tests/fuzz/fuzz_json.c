/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   JSON out of hostile bytes: nothing is read out of bounds, and what is taken has the same
 *         tokens when it is read by skipping, and when it is put together again from its tokens.
 * Method: the input is the document, in a block of its own length. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/json/json_read.h"
#include "core/json/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* What a token stands for, in every way that it can be asked. */
static void look(const struct wr_json *j)
{
	if (j->token == WR_JSON_STRING || j->token == WR_JSON_NAME) {
		size_t most = j->end - j->start - 2;
		char *text = malloc(most + 1);
		WR_ASSERT(text != NULL);
		size_t length = wr_json_string(j, text, most);
		WR_ASSERT(length <= most && (length == most || j->escaped));
		WR_ASSERT(wr_json_equals(j, text, length));
		WR_ASSERT(wr_utf8_good_bytes(text, length) == length);
		free(text);
	} else if (j->token == WR_JSON_NUMBER) {
		int64_t i;
		uint64_t u;
		double d = wr_json_f64(j);
		if (wr_json_i64(j, &i))
			WR_ASSERT((double)i == d);
		if (wr_json_u64(j, &u))
			WR_ASSERT((double)u == d);
	}
}

/* Token by token: the document without its blanks, to be freed. */
static char *read_all(const uint8_t *bytes, size_t length_bytes, size_t *ret_bytes)
{
	struct wr_json j;
	size_t last_end = 0;
	char *out = malloc(2 * length_bytes + 2);
	size_t n = 0;
	bool comma = false;

	WR_ASSERT(out != NULL);
	wr_json_init(&j, bytes, length_bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD) {
		WR_ASSERT(j.start >= last_end && j.end > j.start && j.end <= length_bytes);
		last_end = j.end;
		look(&j);
		bool end = j.token == WR_JSON_OBJECT_END || j.token == WR_JSON_ARRAY_END;
		if (comma && !end)
			out[n++] = ',';
		memcpy(out + n, bytes + j.start, j.end - j.start);
		n += j.end - j.start;
		if (j.token == WR_JSON_NAME)
			out[n++] = ':';
		comma = j.token != WR_JSON_NAME && j.token != WR_JSON_OBJECT &&
			j.token != WR_JSON_ARRAY;
	}
	*ret_bytes = n;
	if (j.token == WR_JSON_END)
		return out;
	char why[120];
	WR_ASSERT(j.error != WR_JSON_OK && j.error_at <= length_bytes);
	WR_ASSERT(strlen(wr_json_explain(&j, why, sizeof why)) > 20);
	free(out);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	struct wr_json j;
	uint8_t *text = malloc(length_bytes + (length_bytes == 0));
	size_t n, again_n;

	WR_ASSERT(text != NULL);
	if (length_bytes > 0)
		memcpy(text, bytes, length_bytes);
	char *plain = read_all(text, length_bytes, &n);
	wr_json_init(&j, text, length_bytes, WR_JSON_DEPTH_MAX);
	wr_json_next(&j);
	WR_ASSERT((wr_json_skip(&j) && wr_json_next(&j) == WR_JSON_END) == (plain != NULL));
	if (plain != NULL) {
		char *again = read_all((const uint8_t *)plain, n, &again_n);
		WR_ASSERT(again != NULL && again_n == n && memcmp(again, plain, n) == 0);
		free(again);
	}
	free(plain);
	free(text);
	return 0;
}
