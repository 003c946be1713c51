/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units, as people write them: 64KiB, 250us, 1_000_000, 1.5GiB. By hand and not by
 * strtod(), because that depends on the locale, takes "nan" and "0x", and rounds.
 *
 * Read by the command line (tools/weir) and by config files (io/config); libweir itself has no use
 * for it and does not contain it.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_TEXT_QUANTITY_H
#define WR_TEXT_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

/* A table of them ends with a NULL name. Case makes no difference. */
struct wr_unit {
	const char *name; /* "": a bare number */
	uint64_t factor;
};

extern const struct wr_unit wr_units_size[];          /* bytes; K, KB and KiB are 1024 */
extern const struct wr_unit wr_units_seconds[];       /* ns; a bare number is seconds */
extern const struct wr_unit *const wr_units_duration; /* ns; a bare number is refused */
extern const struct wr_unit wr_units_count[];         /* K, M, G are 1000 and so on */

/*
 * "12", "1_000", "1.5GiB": digits, with '_' between them to read by, up to six more behind a point,
 * and a unit, with a blank before it or not.
 *
 * @param ret_n   set on success
 * @param ret_at  may be NULL; on failure the first character that is wrong
 * @return 0, -EINVAL, or -ERANGE when it needs more than 64 bits
 */
int wr_quantity_parse(const char *text, const struct wr_unit *units, uint64_t *ret_n,
		      size_t *ret_at);

/* Digits only. The place behind them; NULL when they need more than 64 bits. */
const char *wr_digits_take(const char *text, uint64_t *ret_n, unsigned *ret_digits);

#endif
