/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rings' stamps say, and the word by which consumers that share take, inlined into the
 * program. Not for programs: weir/ring.h includes it. Numbers only; knows nothing of rings.
 *
 * A stamp announces a run of slots: the run's position + 1, and below it a code of seven bits:
 *
 *     0 ..  63   1 to 64 items
 *    64 ..  95   1 to 32 slots that were claimed and not used
 *    96 .. 127   96, 128, .. 1024 items: whole units of 32
 *
 * The word is the position that is taken next, and below it how far from there items are known to
 * be ready, up to where a run begins, in seven bits, too:
 *
 *     0 ..  95   so many items
 *    96 .. 127   up to the 3rd .. 34th beginning of a unit behind the one that the position is in
 *
 * So wherever 96 items and more are known, they have to end where a unit does. They do: where
 * consumers share, long runs begin only there (weir_ring_next_run()), and of what a look finds,
 * less than WEIR_RING_FEW_SHARED + 63 items behind what is taken are of short runs.
 */
#ifndef WEIR_RING_STAMP_H
#define WEIR_RING_STAMP_H

#include <weir/base.h>
#include <weir/ring_copy.h>

WEIR_DECLS_BEGIN

/* Positions have the other 57 bits: years of any rate there is. */
#define WEIR_RING_CODE_BITS 7u
#define WEIR_RING_CODE_MAX 127u
#define WEIR_RING_RUN_MAX 64u
#define WEIR_RING_VOID 64u
#define WEIR_RING_VOID_MAX 32u
#define WEIR_RING_LONG 96u
#define WEIR_RING_LONG_LEAST 96u
#define WEIR_RING_LONG_MAX 1024u
#define WEIR_RING_UNIT 32u
/* Apart from a unit's beginning: from here on, short, long and short are not more than short. */
#define WEIR_RING_LONG_WORTH 160u

/* What announces the slots from `position` on. */
WEIR_RING_INLINE uint64_t weir_ring_stamp(uint64_t position, uint64_t code)
{
	return (position + 1) << WEIR_RING_CODE_BITS | code;
}

/* How many items from `position` on this stamp announces: 0, if not they, or not used. */
WEIR_RING_INLINE uint64_t weir_ring_run(uint64_t stamp, uint64_t position)
{
	uint64_t code = stamp - weir_ring_stamp(position, 0);
	if (code < WEIR_RING_RUN_MAX)
		return code + 1;
	code -= WEIR_RING_LONG;
	return code <= (WEIR_RING_LONG_MAX - WEIR_RING_LONG_LEAST) / WEIR_RING_UNIT
		       ? WEIR_RING_LONG_LEAST + code * WEIR_RING_UNIT
		       : 0;
}

/* The same, of slots that were claimed and not used. */
WEIR_RING_INLINE uint64_t weir_ring_run_void(uint64_t stamp, uint64_t position)
{
	uint64_t code = stamp - weir_ring_stamp(position, WEIR_RING_VOID);
	return code < WEIR_RING_VOID_MAX ? code + 1 : 0;
}

/*
 * How many of `count` items from `first` on the next stamp announces, and its code. `anywhere`: no
 * consumers share, and long runs need not begin where a unit does.
 */
WEIR_RING_INLINE uint64_t weir_ring_next_run(uint64_t first, uint64_t count, bool anywhere,
					     uint64_t *ret_code)
{
	uint64_t to_unit = anywhere ? 0 : -first & (WEIR_RING_UNIT - 1);
	uint64_t n = count < WEIR_RING_RUN_MAX ? count : WEIR_RING_RUN_MAX;
	if (to_unit == 0 && count >= WEIR_RING_LONG_LEAST) {
		n = count < WEIR_RING_LONG_MAX ? count : WEIR_RING_LONG_MAX;
		n -= n % WEIR_RING_UNIT;
		*ret_code = WEIR_RING_LONG + (n - WEIR_RING_LONG_LEAST) / WEIR_RING_UNIT;
		return n;
	}
	if (count >= WEIR_RING_LONG_WORTH)
		n = to_unit;
	*ret_code = n - 1;
	return n;
}

/* The word: `position` is taken next, and `known` items from there on are ready. */
WEIR_RING_INLINE uint64_t weir_ring_take_word(uint64_t position, uint64_t known)
{
	if (known >= WEIR_RING_LONG)
		known = WEIR_RING_LONG - 3 + (known + position % WEIR_RING_UNIT) / WEIR_RING_UNIT;
	return position << WEIR_RING_CODE_BITS | known;
}

WEIR_RING_INLINE uint64_t weir_ring_take_position(uint64_t word)
{
	return word >> WEIR_RING_CODE_BITS;
}

/* The position below which all is ready. */
WEIR_RING_INLINE uint64_t weir_ring_take_known(uint64_t word)
{
	uint64_t position = weir_ring_take_position(word);
	uint64_t code = word & WEIR_RING_CODE_MAX;
	if (code < WEIR_RING_LONG)
		return position + code;
	return position - position % WEIR_RING_UNIT +
	       (code - (WEIR_RING_LONG - 3)) * WEIR_RING_UNIT;
}

WEIR_DECLS_END
#endif
