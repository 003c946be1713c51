/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/hash_term.h"

#include <errno.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/siphash.h"
#include "core/json/json_read.h"
#include "core/route/filter.h"

/* ---- the pattern ---- */

static int refuse(struct weir_problem *problem, const char *where, const char *text)
{
	return wr_route_refuse(problem, -EINVAL, where, strlen(where), "%s", text);
}

static bool take_text(const struct wr_json *j, char *to, size_t room, uint32_t *ret_bytes)
{
	if (j->token != WR_JSON_STRING || j->end - j->start - 2 > 6 * room)
		return false;
	size_t bytes = wr_json_string(j, to, room);
	*ret_bytes = (uint32_t)bytes;
	return bytes > 0 && bytes <= room;
}

static int take_property(const struct wr_json *j, struct wr_hash_term *term,
			 struct weir_problem *problem)
{
	if (j->token == WR_JSON_STRING && wr_json_equals(j, "message_id", 10))
		term->by = WR_HASH_EVENT_ID;
	else if (j->token == WR_JSON_STRING && wr_json_equals(j, "correlation_id", 14))
		term->by = WR_HASH_CORRELATION_ID;
	else
		return refuse(problem, "hash-property", "it is message_id or correlation_id");
	return 0;
}

static int take_member(struct wr_json *j, struct wr_hash_term *term, uint32_t *by_count,
		       struct weir_problem *problem)
{
	uint64_t weight;
	if (wr_json_equals(j, "ring", 4)) {
		(void)wr_json_next(j);
		return take_text(j, term->ring, sizeof term->ring, &term->ring_bytes)
			       ? 0
			       : refuse(problem, "ring", "a name of 1 to 200 bytes");
	}
	if (wr_json_equals(j, "weight", 6)) {
		if (wr_json_next(j) != WR_JSON_NUMBER || !wr_json_u64(j, &weight) || weight == 0 ||
		    weight > WR_RING_WEIGHT_MAX)
			return refuse(problem, "weight", "a number from 1 to 1000");
		term->weight = (uint32_t)weight;
		return 0;
	}
	bool is_header = wr_json_equals(j, "hash-header", 11);
	if (!is_header && !wr_json_equals(j, "hash-property", 13))
		return refuse(problem, "",
			      "a hash term has ring, weight, and hash-header or hash-property");
	if ((*by_count)++ > 0)
		return refuse(problem, "", "one of hash-header and hash-property, and once");
	(void)wr_json_next(j);
	if (!is_header)
		return take_property(j, term, problem);
	term->by = WR_HASH_HEADER;
	return take_text(j, term->header, sizeof term->header, &term->header_bytes)
		       ? 0
		       : refuse(problem, "hash-header", "a header's name of 1 to 255 bytes");
}

int wr_hash_term_read(const void *pattern, size_t pattern_bytes, struct wr_hash_term *ret_term,
		      struct weir_problem *problem)
{
	struct wr_json j;
	uint32_t by_count = 0;
	char why[160];
	*ret_term = (struct wr_hash_term){.weight = 1};
	wr_json_init(&j, pattern, pattern_bytes, 1);
	if (wr_json_next(&j) != WR_JSON_OBJECT && j.token != WR_JSON_BAD)
		return refuse(problem, "", "a hash term is a JSON object: {\"ring\": \"a-name\"}");
	while (j.token != WR_JSON_BAD && wr_json_next(&j) == WR_JSON_NAME) {
		int rc = take_member(&j, ret_term, &by_count, problem);
		if (j.token == WR_JSON_BAD)
			break;
		if (rc != 0)
			return rc;
	}
	if (j.token != WR_JSON_BAD && wr_json_next(&j) == WR_JSON_END)
		return ret_term->ring_bytes > 0
			       ? 0
			       : refuse(problem, "ring", "the name of the ring has to be there");
	return wr_route_refuse(problem, -EINVAL, "", 0, "a hash term is a JSON object: %s",
			       wr_json_explain(&j, why, sizeof why));
}

bool wr_hash_term_same_ring(const struct wr_hash_term *a, const struct wr_hash_term *b)
{
	return a->ring_bytes == b->ring_bytes && memcmp(a->ring, b->ring, a->ring_bytes) == 0;
}

bool wr_hash_term_same_by(const struct wr_hash_term *a, const struct wr_hash_term *b)
{
	return a->by == b->by && a->header_bytes == b->header_bytes &&
	       memcmp(a->header, b->header, a->header_bytes) == 0;
}

/* ---- shares ---- */

static uint64_t hash(const void *bytes, size_t count)
{
	/* No secret: whoever knows the members may know who gets what. */
	static const uint8_t secret[WR_SIPHASH_SECRET_BYTES] = "weir's ring hash";
	uint64_t both[2];
	wr_siphash128(secret, bytes, count, both);
	return both[0];
}

uint64_t wr_hash_of_member(const struct wr_hash_term *term, uint32_t subscription)
{
	uint8_t id[4];
	wr_put_u32(id, subscription);
	/* Not the same draws in each of two rings of the same members. */
	return hash(id, sizeof id) + 0x9e3779b97f4a7c15u * hash(term->ring, term->ring_bytes);
}

uint64_t wr_hash_of_event(const void *bytes, size_t count)
{
	return hash(count > 0 ? bytes : "", count);
}

void wr_hash_logs(uint64_t ret_logs[WR_LOG_STEPS + 1])
{
	for (uint32_t i = 0; i < WR_LOG_STEPS; i++) {
		/* A square is twice the logarithm: each gives one bit. x is 1 to 2, times 2^31. */
		uint64_t x = ((uint64_t)1 << 31) + ((uint64_t)i << 23);
		uint64_t log = 0;
		for (uint32_t bit = 0; bit < 32; bit++) {
			x = x * x >> 31;
			log = log << 1 | (x >> 32);
			x >>= x >> 32;
		}
		ret_logs[i] = log;
	}
	ret_logs[WR_LOG_STEPS] = (uint64_t)1 << 32;
}

/* Sebastiano Vigna's splitmix64: each bit of the sum moves all of them. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t wr_hash_distance(const uint64_t logs[WR_LOG_STEPS + 1], uint64_t event, uint64_t member)
{
	uint64_t u = mix(event + member) | 1;
	uint32_t zeros = (uint32_t)__builtin_clzll(u);
	uint64_t digits = u << zeros << 1; /* behind the leading one */
	uint64_t step = digits >> 56;
	uint64_t rest = digits << 8 >> 32;
	uint64_t log = logs[step] + ((logs[step + 1] - logs[step]) * rest >> 32);
	return ((uint64_t)(zeros + 1) << 32) - log;
}
