/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir lag --fail-above`: [SUBSCRIPTION=]LIMIT, where LIMIT is a count of events ("5000", "2M"),
 * bytes ("64MiB", "100B") or an age ("5s", "250ms"). Above is more than the limit, not as much.
 *
 * Thread: any; pure functions.
 */
#ifndef WEIR_TOOLS_TOP_LAG_LIMIT_H
#define WEIR_TOOLS_TOP_LAG_LIMIT_H

#include "tools/weir/top/look.h"

enum lag_limit_kind { LIMIT_EVENTS, LIMIT_BYTES, LIMIT_AGE };

struct lag_limit {
	const char *text;                   /* as it was given */
	char subscription[LOOK_NAME_BYTES]; /* "": of each */
	enum lag_limit_kind kind;
	uint64_t most; /* events, bytes or ns */
};

/* 0, or -EINVAL with the reason in `why`. */
int lag_limit_parse(struct lag_limit *l, const char *text, char *why, size_t why_bytes);
bool lag_limit_is_about(const struct lag_limit *l, const struct look_row *subscription);
/* Can it say that the limit is not crossed? Not while events are counted, or the oldest sought. */
bool lag_limit_is_certain(const struct lag_limit *l, const struct look_row *subscription);
bool lag_limit_is_crossed(const struct lag_limit *l, const struct look *look,
			  const struct look_row *subscription);

#endif
