/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dashboard for Grafana and alert rules for Prometheus, from the tables that /metrics has
 * (weir_metric_known(), io/http/alerts.h): docs/grafana/weir.json and
 * docs/prometheus/weir-alerts.yml are what these print. Thread: main.
 */
#ifndef WEIR_TOOLS_SERVE_PRINT_H
#define WEIR_TOOLS_SERVE_PRINT_H

/* Exit codes. */
int serve_print_dashboard(void);
int serve_print_alerts(void);

#endif
