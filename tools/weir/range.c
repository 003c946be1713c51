/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/range.h"

#include <time.h>

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t range_time_us(const struct cli_point *point)
{
	uint64_t now = now_us();

	if (point->kind == CLI_POINT_TIME)
		return point->value;
	return point->value / 1000 < now ? now - point->value / 1000 : 0;
}

bool range_is_backwards(const struct cli_point *from, const struct cli_point *to)
{
	if (from->kind == CLI_POINT_NONE || from->kind != to->kind)
		return false;
	/* Ages count the other way. */
	return from->kind == CLI_POINT_AGO ? to->value > from->value : to->value < from->value;
}

void range_put(const struct range_place *place, const struct cli_point *from,
	       const struct cli_point *to)
{
	if (from->kind == CLI_POINT_SEQUENCE)
		*place->from_sequence = from->value;
	else if (from->kind != CLI_POINT_NONE)
		*place->from_time_us = range_time_us(from);
	if (to->kind == CLI_POINT_SEQUENCE)
		*place->end_sequence = to->value == UINT64_MAX ? UINT64_MAX : to->value + 1;
	else if (to->kind != CLI_POINT_NONE)
		*place->end_time_us = range_time_us(to) + 1;
}

void range_set(struct weir_journal_visitor *visitor, const struct cli_point *from,
	       const struct cli_point *to)
{
	const struct range_place place = {&visitor->from_sequence, &visitor->end_sequence,
					  &visitor->from_time_us, &visitor->end_time_us};

	range_put(&place, from, to);
}
