/* SPDX-License-Identifier: Apache-2.0 */
/* See lag_limit.h. */
#include "tools/weir/top/lag_limit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/args.h"

int lag_limit_parse(struct lag_limit *l, const char *text, char *why, size_t why_bytes)
{
	const char *equals = strrchr(text, '=');
	const char *value = equals == NULL ? text : equals + 1;
	const char *suffix = value + strspn(value, "0123456789._");
	struct cli_option option = {.name = "fail-above", .target = &l->most};

	memset(l, 0, sizeof *l);
	l->text = text;
	if (equals != NULL && (equals == text || equals - text >= (long)LOOK_NAME_BYTES)) {
		(void)snprintf(why, why_bytes, "has no name of a subscription before \"=\"");
		return -EINVAL;
	}
	if (equals != NULL)
		memcpy(l->subscription, text, (size_t)(equals - text));
	if (suffix[0] == '\0' || (strchr("KMG", suffix[0]) != NULL && suffix[1] == '\0')) {
		l->kind = LIMIT_EVENTS;
		option.type = CLI_NUMBER;
	} else if (suffix[strlen(suffix) - 1] == 'B') {
		l->kind = LIMIT_BYTES;
		option.type = CLI_SIZE;
	} else {
		l->kind = LIMIT_AGE;
		option.type = CLI_DURATION;
	}
	if (suffix != value && cli_parse_value(&option, value, why, why_bytes) == 0)
		return 0;
	(void)snprintf(why, why_bytes,
		       "is no limit: events (5000, 2M), bytes (64MiB, 100B) or an age (5s, 250ms), "
		       "with SUBSCRIPTION= before it for one of them");
	return -EINVAL;
}

bool lag_limit_is_about(const struct lag_limit *l, const struct look_row *s)
{
	return l->subscription[0] == '\0' || strcmp(l->subscription, s->name) == 0;
}

bool lag_limit_is_certain(const struct lag_limit *l, const struct look_row *s)
{
	int exact = l->kind == LIMIT_AGE ? SUBSCRIPTION_TIME_EXACT : SUBSCRIPTION_EXACT;
	return !lag_limit_is_about(l, s) || s->values[exact] != 0;
}

bool lag_limit_is_crossed(const struct lag_limit *l, const struct look *look,
			  const struct look_row *s)
{
	if (!lag_limit_is_about(l, s))
		return false;
	switch (l->kind) {
	case LIMIT_EVENTS:
		return s->values[SUBSCRIPTION_EVENTS] > l->most;
	case LIMIT_BYTES:
		return s->values[SUBSCRIPTION_BYTES] > l->most;
	case LIMIT_AGE:
		break;
	}
	return look_lag_ns(look, s) > l->most;
}
