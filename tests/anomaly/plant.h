/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories drawn at random from a small log that does everything right, crashes included; and
 * anomalies planted in them. A planted one is something that a log could have done wrong there, and
 * breaks that rule and no other.
 */
#ifndef WR_ANOMALY_PLANT_H
#define WR_ANOMALY_PLANT_H

#include "tests/anomaly/checker.h"

#define PLANT_LAG_MAX_NS 1000000000u

/* draw.c */
void draw_history(struct history *history, uint64_t seed);

/* False: there was no place for it. */
bool plant(struct history *history, uint64_t seed, enum rule rule);
/* Draws, plants, checks. False as above; *ret_exact: that rule was found and nothing else. */
bool plant_and_check(struct checker *checker, struct history *history, uint64_t seed,
		     enum rule rule, struct verdict *ret_verdict, bool *ret_exact);

#endif
