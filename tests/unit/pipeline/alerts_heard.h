/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the callback of alerts was told: how often, and what last. For the test programs of alerts
 * in pipelines that are driven by hand.
 *
 * Thread: the one that drives.
 */
#ifndef WR_TESTS_ALERTS_HEARD_H
#define WR_TESTS_ALERTS_HEARD_H

#include <stdio.h>

#include <weir/alerts.h>

struct heard {
	uint32_t raised, cleared;
	char rule[64], subscription[64], bridge[64];
	uint64_t value;
};

static struct heard heard;

/* options.alert_fn, with `heard` as its context. */
static inline void hear(void *context, const struct weir_alert *alert)
{
	struct heard *h = context;
	h->raised += alert->raised;
	h->cleared += !alert->raised;
	h->value = alert->value;
	(void)snprintf(h->rule, sizeof h->rule, "%s", alert->rule);
	(void)snprintf(h->subscription, sizeof h->subscription, "%s",
		       alert->subscription != NULL ? alert->subscription : "");
	(void)snprintf(h->bridge, sizeof h->bridge, "%s",
		       alert->bridge != NULL ? alert->bridge : "");
}

#endif
