/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is worth waking somebody for: one table, from which come the rules for Prometheus
 * (docs/prometheus/weir-alerts.yml) and the alerts of the page. Each is about a metric of
 * core/metrics/table.h or of exposition.c; but that nobody answers is Prometheus' own to see.
 *
 * Thread: any; constant.
 */
#ifndef WR_HTTP_ALERTS_H
#define WR_HTTP_ALERTS_H

#include <stdint.h>

enum wr_http_alert_kind {
	WR_HTTP_ALERT_ABOVE, /* the value is greater than the limit */
	WR_HTTP_ALERT_GREW,  /* the counter rose within five minutes */
	WR_HTTP_ALERT_STATE, /* the pipeline is in the state `state` */
	WR_HTTP_ALERT_GONE,  /* the server does not answer: not on the page */
};

struct wr_http_alert {
	const char *name;
	const char *metric; /* as in the table */
	const char *state;  /* of STATE */
	const char *severity;
	const char *summary;
	const char *advice;
	double limit;
	uint32_t hold_s; /* for how long, before it counts */
	enum wr_http_alert_kind kind;
};

extern const struct wr_http_alert wr_http_alerts[];
extern const uint32_t wr_http_alert_count;

#endif
