/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that events nearly match, drawn from a seed: events have long texts that share beginnings
 * and ends, and numbers close together; rules ask for one of those texts, its beginning or its end,
 * cut anywhere, as it is or with one byte of it changed, and for bounds beside those numbers.
 */
#ifndef WEIR_TESTS_ROUTE_DRAWN_NEAR_H
#define WEIR_TESTS_ROUTE_DRAWN_NEAR_H

#include "tests/unit/route/drawn.h"

/* Into d->text. */
void drawn_near_pattern(struct drawn *d);
void drawn_near_event(struct drawn *d);

#endif
