/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the callback of alerts was told: how often, and what last; and a pipeline with such a
 * callback. For the test programs of alerts in pipelines that are driven by hand.
 *
 * Thread: the one that drives.
 */
#ifndef WR_TESTS_ALERTS_HEARD_H
#define WR_TESTS_ALERTS_HEARD_H

#include <stdio.h>

#include <weir/alerts.h>

#include "tests/support/pipeline_fixture.h"

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

/* A pipeline with one rule, heard, and told to the topic "alerts". */
static inline void alerts_open(struct fixture *f, int kind, const struct weir_alert_rule *rule)
{
	fixture_init(f, kind);
	f->options.alerts = rule;
	f->options.alert_count = 1;
	f->options.alert_topic = "alerts";
	f->options.alert_fn = hear;
	f->options.alert_context = &heard;
	f->options.metrics_dir = "none";
	fixture_open(f);
}

#endif
