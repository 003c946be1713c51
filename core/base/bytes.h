/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that leave the process: everything on a medium is little endian, read and written through
 * these. The struct-shaped fast paths of core/record assert that the machine is little endian.
 */
#ifndef WR_BASE_BYTES_H
#define WR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weir's formats are little endian");

static inline uint16_t wr_get_u16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t wr_get_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t wr_get_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline void wr_put_u16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void wr_put_u32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void wr_put_u64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

/* A bounds-checked place in hostile bytes. Every take fails once anything was short. */
struct wr_cursor {
	const uint8_t *at;
	size_t left_bytes;
	bool failed;
};

static inline struct wr_cursor wr_cursor_over(const void *bytes, size_t length_bytes)
{
	return (struct wr_cursor){.at = bytes, .left_bytes = length_bytes, .failed = false};
}

/* NULL when fewer than `bytes` are left. */
static inline const uint8_t *wr_take(struct wr_cursor *c, size_t bytes)
{
	if (c->failed || bytes > c->left_bytes) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *p = c->at;
	c->at += bytes;
	c->left_bytes -= bytes;
	return p;
}

static inline uint16_t wr_take_u16(struct wr_cursor *c)
{
	const uint8_t *p = wr_take(c, 2);
	return p != NULL ? wr_get_u16(p) : 0;
}

static inline uint32_t wr_take_u32(struct wr_cursor *c)
{
	const uint8_t *p = wr_take(c, 4);
	return p != NULL ? wr_get_u32(p) : 0;
}

static inline uint64_t wr_take_u64(struct wr_cursor *c)
{
	const uint8_t *p = wr_take(c, 8);
	return p != NULL ? wr_get_u64(p) : 0;
}

/* A bounded place to write to: the other half. Every put fails once anything did not fit. */
struct wr_sink {
	uint8_t *bytes;
	size_t used_bytes;
	size_t capacity_bytes;
	bool failed;
};

/* Reserves `bytes` and returns where they go, or NULL when they do not fit. */
static inline uint8_t *wr_put(struct wr_sink *s, size_t bytes)
{
	if (s->failed || bytes > s->capacity_bytes - s->used_bytes) {
		s->failed = true;
		return NULL;
	}
	uint8_t *p = s->bytes + s->used_bytes;
	s->used_bytes += bytes;
	return p;
}

static inline void wr_sink_u32(struct wr_sink *s, uint32_t v)
{
	uint8_t *p = wr_put(s, 4);
	if (p != NULL)
		wr_put_u32(p, v);
}

static inline void wr_sink_u64(struct wr_sink *s, uint64_t v)
{
	uint8_t *p = wr_put(s, 8);
	if (p != NULL)
		wr_put_u64(p, v);
}

static inline void wr_sink_bytes(struct wr_sink *s, const void *from, size_t bytes)
{
	uint8_t *p = wr_put(s, bytes);
	if (p != NULL && bytes > 0)
		memcpy(p, from, bytes);
}

#endif
