/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the rings move bytes in and out of slots, inlined into the program. Not for programs:
 * weir/ring.h includes it. Knows nothing of rings.
 */
#ifndef WEIR_RING_COPY_H
#define WEIR_RING_COPY_H

#include <string.h>

#include <weir/base.h>

WEIR_DECLS_BEGIN

/* Always: with the item's size as a constant little is left of each, but compilers judge before. */
#define WEIR_RING_INLINE static inline __attribute__((always_inline))
#define WEIR_RING_ASK_BYTES 512u /* of an item that is asked for ahead */
/*
 * A copy of so much is memcpy()'s: its string moves take lines over without reading what is written
 * over. For 8 KiB they still lose where consumers share.
 */
#define WEIR_RING_LARGE_BYTES 16384u
/*
 * And a batch of so much into slots, up to the other: memcpy() stores by moves as wide as this
 * machine has, the program's own are as wide as all machines have. Stores that miss wait in a short
 * queue, and one for each line lets four times the lines come together. From 4 KiB on C libraries
 * may take string moves, which are slower here.
 */
#define WEIR_RING_WIDE_BYTES 2048u
#define WEIR_RING_WIDE_END_BYTES 4096u

/*
 * Asks for a line to write it. For x86-64 in its oldest form compilers make a prefetch to read of
 * __builtin_prefetch(p, 1), which takes the line twice; every x86-64 CPU takes this one.
 */
WEIR_RING_INLINE void weir_ring_ask_to_write(const void *place)
{
#if defined(__x86_64__)
	__asm__("prefetchw %0" : : "m"(*(const unsigned char *)place));
#else
	__builtin_prefetch(place, 1);
#endif
}

/* The lines of an item, the first few of a large one. */
WEIR_RING_INLINE void weir_ring_ask_ahead(const unsigned char *item, size_t item_bytes,
					  bool to_write)
{
	size_t bytes = item_bytes < WEIR_RING_ASK_BYTES ? item_bytes : WEIR_RING_ASK_BYTES;
	for (size_t at = 0; at < bytes; at += 64)
		if (to_write)
			weir_ring_ask_to_write(item + at);
		else
			__builtin_prefetch(item + at);
}

/* As wide as this program's CPUs are said to move at once: wider is made of pieces in memory. */
#if defined(__AVX512F__)
#define WEIR_RING_VECTOR_BYTES 64
#elif defined(__AVX__)
#define WEIR_RING_VECTOR_BYTES 32
#else
#define WEIR_RING_VECTOR_BYTES 16
#endif
#define WEIR_RING_BLOCK_BYTES 64
typedef uint64_t weir_ring_vector
	__attribute__((vector_size(WEIR_RING_VECTOR_BYTES), aligned(1), may_alias));

/*
 * Items that lie one behind the other are copied by vector moves, and the ring's lines that come
 * `ahead` items later are asked for. Not memcpy() but for the sizes above: the C library's ways are
 * slower on lines that another core holds. The empty assembler keeps compilers from recognising the
 * loop and calling memcpy() all the same.
 */
WEIR_RING_INLINE void weir_ring_copy(unsigned char *to, const unsigned char *from, uint64_t bytes)
{
	while (bytes >= 8) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
		bytes -= 8;
		__asm__("" : "+r"(from));
	}
	while (bytes > 0) {
		*to++ = *from++;
		bytes--;
		__asm__("" : "+r"(from));
	}
}

/* The same by memcpy(). Compilers that know how small the program's array is
 * would warn of a copy that does not happen. */
WEIR_RING_INLINE void weir_ring_copy_large(unsigned char *to, const unsigned char *from,
					   uint64_t bytes)
{
	__asm__("" : "+r"(to), "+r"(from));
	memcpy(to, from, bytes);
}

WEIR_RING_INLINE void weir_ring_move_block(unsigned char *to, const unsigned char *from)
{
	weir_ring_vector *t = (weir_ring_vector *)(void *)to;
	const weir_ring_vector *f = (const weir_ring_vector *)(const void *)from;
#if WEIR_RING_VECTOR_BYTES == 64
	t[0] = f[0];
#elif WEIR_RING_VECTOR_BYTES == 32
	weir_ring_vector a = f[0], b = f[1];
	t[0] = a;
	t[1] = b;
#else
	weir_ring_vector a = f[0], b = f[1], c = f[2], d = f[3];
	t[0] = a;
	t[1] = b;
	t[2] = c;
	t[3] = d;
#endif
}

/*
 * One item of the program into its slot, word by word. The program has just written it, field by
 * field: a wider load would wait until all that the CPU has stored so far is in its cache, the
 * lines of earlier slots included, and none of those would be fetched beside another.
 */
WEIR_RING_INLINE void weir_ring_put(unsigned char *to, const unsigned char *from, size_t bytes)
{
	size_t at = 0;
	for (; at + 8 <= bytes; at += 8) {
		uint64_t word;
		memcpy(&word, from + at, 8);
		__asm__("" : "+r"(word));
		memcpy(to + at, &word, 8);
	}
	if (at < bytes)
		memcpy(to + at, from + at, bytes - at);
}

WEIR_DECLS_END
#endif
