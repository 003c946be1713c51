/* SPDX-License-Identifier: Apache-2.0 */
/* A file or a text into a struct weir_config; and what can be asked of one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/alerts.h>

#include "io/config/check.h"
#include "io/config/config.h"
#include "io/config/read.h"
#include "io/config/threads.h"
#include "io/config/yaml.h"

static int set_problem(struct weir_problem *problem, int code, const char *name, const char *text)
{
	if (problem == NULL)
		return code;
	*problem = (struct weir_problem){.code = code};
	(void)snprintf(problem->text, sizeof problem->text, "%.120s: %s", name, text);
	return code;
}

void wr_config_first_problem(const struct wr_config_findings *findings,
			     struct weir_problem *problem)
{
	if (problem == NULL)
		return;
	*problem = (struct weir_problem){.code = -EINVAL};
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct weir_config_diagnostic *d = &findings->items[i];
		if (d->severity != WEIR_CONFIG_ERROR)
			continue;
		(void)snprintf(problem->text, sizeof problem->text, "%.60s:%u:%u: %s",
			       findings->source->name, d->line, d->column, d->text);
		return;
	}
}

/* ---- placing ---- */

int wr_config_place_here(struct wr_config_findings *findings, const struct weir_config *config,
			 struct weir_options *options, struct wr_placed *placed,
			 struct weir_problem *problem)
{
	struct wr_topology *topology = NULL;
	struct wr_affinity affinity;
	uint32_t errors_before = findings->error_count;
	int rc = wr_affinity_scan(NULL, &affinity);
	if (rc != 0)
		return set_problem(problem, rc, config->source.name,
				   "the CPU mask of this process cannot be read");
	rc = wr_topology_read(NULL, &topology, problem);
	if (rc != 0)
		return rc;
	wr_config_place_threads(findings, config->root, &config->values, topology, &affinity,
				options, placed);
	wr_topology_destroy(topology);
	if (findings->out_of_memory)
		return set_problem(problem, -ENOMEM, config->source.name, "out of memory");
	return findings->error_count == errors_before ? 0 : -EINVAL;
}

/* ---- reading ---- */

/* At most 100 bytes at fault are told, each at its place. */
static bool bytes_are_in_order(struct weir_config *config)
{
	const struct wr_config_source *source = &config->source;
	const char *why = NULL;
	size_t at = wr_config_source_fault(source, 0, &why);
	for (; at < source->bytes && !wr_config_is_full(&config->findings);
	     at = wr_config_source_fault(source, at + 1, &why))
		wr_config_error(&config->findings, wr_config_place_of(source, at, 1), "%s", why);
	return config->findings.error_count == 0;
}

static bool make_topics(struct weir_config *config)
{
	const struct wr_config_topic *from = config->values.topics.items;
	uint32_t count = config->values.topics.count;
	config->topics = wr_config_alloc(&config->arena, count * sizeof *config->topics);
	for (uint32_t i = 0; i < count && config->topics != NULL; i++) {
		weir_topic_options_init(&config->topics[i]);
		config->topics[i].name = from[i].name;
		config->topics[i].partitions = from[i].partitions;
		config->topics[i].partitions_max = from[i].partitions_max;
		config->topics[i].idempotency_keys = from[i].idempotency_keys;
		config->topics[i].idempotency_span_ns = from[i].idempotency_span_ns;
		config->topics[i].versioned_keys = from[i].versioned_keys;
		config->topics[i].schema = wr_config_make_schema(config, &from[i].schema);
		config->topics[i].compact = from[i].compact;
		config->topics[i].compact_lag_ns = from[i].compact_lag_ns;
		config->topics[i].tombstone_ns = from[i].tombstone_ns;
		config->topics[i].retention_bytes = from[i].retention_bytes;
		config->topics[i].retention_time_ns = from[i].retention_time_ns;
	}
	return config->topics != NULL;
}

/* The options have them, so that weir_open() does. */
static bool make_alerts(struct weir_config *config)
{
	const struct wr_config_alert *from = config->values.alerts.items;
	uint32_t count = config->values.alerts.count;
	if (count == 0)
		return true;
	config->alerts = wr_config_alloc(&config->arena, count * sizeof *config->alerts);
	if (config->alerts == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++)
		config->alerts[i] = (struct weir_alert_rule){
			.name = from[i].name,
			.kind = (enum weir_alert_kind)from[i].kind,
			.subscription = from[i].subscription,
			.bridge = from[i].bridge,
			.raise_at = from[i].raise_at,
			.clear_at = from[i].clear_at,
			.hold_ns = from[i].hold_ns,
		};
	config->values.options.alerts = config->alerts;
	config->values.options.alert_count = count;
	return true;
}

static bool make_subscriptions(struct weir_config *config)
{
	const struct wr_config_subscription *from = config->values.subscriptions.items;
	uint32_t count = config->values.subscriptions.count;
	config->subscriptions =
		wr_config_alloc(&config->arena, count * sizeof *config->subscriptions);
	for (uint32_t i = 0; i < count && config->subscriptions != NULL; i++) {
		struct weir_subscription_options *to = &config->subscriptions[i];
		weir_subscription_options_init(to);
		to->name = from[i].name;
		to->topics = from[i].topics.items;
		to->topic_count = from[i].topics.count;
		to->filter = wr_config_make_filter(config, &from[i].filter, from[i].transform);
		to->start = from[i].start.start;
		to->start_at = from[i].start.at;
		to->gate = (enum weir_level)from[i].gate;
		to->when_slow = (enum weir_when_slow)from[i].when_slow;
		to->assignor = (enum weir_assignor)from[i].assignor;
		to->session_timeout_ns = from[i].session_timeout_ns;
		to->order = (enum weir_order)from[i].order;
		to->lease_ns = from[i].lease_ns;
		to->outstanding_max = from[i].outstanding_max;
		to->single_active = from[i].single_active;
		to->attempts_max = from[i].attempts_max;
		to->retry_delay_min_ns = from[i].retry_delay_min_ns;
		to->retry_delay_max_ns = from[i].retry_delay_max_ns;
		to->delay_ns = from[i].delay_ns;
		to->time_to_live_ns = from[i].time_to_live_ns;
		to->length_max = from[i].length_max;
		to->length_bytes_max = from[i].length_bytes_max;
		to->when_long = (enum weir_when_long)from[i].when_long;
		to->priorities = from[i].priorities;
		to->dead_letters = from[i].dead_letters;
		to->when_dead = (enum weir_when_dead)from[i].when_dead;
		to->lag_events_max = from[i].lag_events_max;
		to->lag_time_max_ns = from[i].lag_time_max_ns;
	}
	return config->subscriptions != NULL;
}

/* Everything but memory, which is looked at by the caller. */
static int read_config(struct weir_config *config, unsigned flags, struct weir_problem *problem)
{
	struct wr_config_findings *findings = &config->findings;
	config->root = bytes_are_in_order(config) ? wr_config_yaml(findings) : NULL;
	findings->only_form = config->root == NULL;
	if (config->root == NULL)
		return 0;
	weir_options_init(&config->values.options);
	wr_config_defaults(&wr_config_file, &config->values);
	wr_config_read(findings, &wr_config_file, config->root, &config->values);
	config->values.options.numa = config->values.numa.how;
	config->values.options.numa_node = config->values.numa.node;
	wr_config_check(findings, config->root, &config->values);
	if ((flags & WEIR_CONFIG_ANY_MACHINE) == 0) {
		int rc = wr_config_place_here(findings, config, &config->values.options,
					      config->placed, problem);
		if (rc != 0 && rc != -EINVAL)
			return rc;
		config->is_placed = rc == 0;
		if (findings->error_count == 0)
			wr_config_check_placed(findings, config->root, &config->values.options);
		if (config->is_placed && findings->error_count == 0)
			wr_config_check_stage_classes(findings, config->root, &config->values,
						      config->placed);
	}
	if (!make_topics(config) || !make_subscriptions(config) ||
	    !wr_config_make_bindings(config) || !make_alerts(config) ||
	    !wr_config_make_run(config) || !wr_config_make_bridges(config))
		findings->out_of_memory = true;
	return 0;
}

int weir_config_parse(const char *name, const char *text, size_t bytes, unsigned flags,
		      struct weir_config **ret_config, struct weir_problem *reterr_problem)
{
	if ((flags & ~(unsigned)WEIR_CONFIG_ANY_MACHINE) != 0)
		return set_problem(reterr_problem, -EINVAL, name, "unknown flags");
	if (bytes > WEIR_CONFIG_BYTES_MAX)
		return set_problem(reterr_problem, -EFBIG, name, "larger than 1 MiB");
	struct weir_config *config = calloc(1, sizeof *config);
	if (config == NULL)
		return set_problem(reterr_problem, -ENOMEM, name, "out of memory");
	config->findings.arena = &config->arena;
	config->findings.source = &config->source;
	int rc = wr_config_source_init(&config->source, &config->arena, name, text, bytes);
	if (rc == 0)
		rc = read_config(config, flags, reterr_problem);
	if (rc == 0 && config->findings.out_of_memory)
		rc = -ENOMEM;
	if (rc != 0) {
		weir_config_destroy(config);
		return rc == -ENOMEM ? set_problem(reterr_problem, rc, name, "out of memory") : rc;
	}
	wr_config_findings_sort(&config->findings);
	if (config->findings.error_count > 0)
		wr_config_first_problem(&config->findings, reterr_problem);
	*ret_config = config;
	return (int)config->findings.error_count;
}

/* One byte more than is allowed, so that too large is seen. */
static int read_file(int file, char **ret_text, size_t *ret_bytes)
{
	size_t room_bytes = WEIR_CONFIG_BYTES_MAX + 1;
	size_t bytes = 0;
	char *text = malloc(room_bytes);
	if (text == NULL)
		return -ENOMEM;
	while (bytes < room_bytes) {
		ssize_t n = read(file, text + bytes, room_bytes - bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = -errno;
			free(text);
			return code;
		}
		if (n == 0)
			break;
		bytes += (size_t)n;
	}
	*ret_text = text;
	*ret_bytes = bytes;
	return 0;
}

int weir_config_load(const char *path, unsigned flags, struct weir_config **ret_config,
		     struct weir_problem *reterr_problem)
{
	char *text = NULL;
	size_t bytes = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return set_problem(reterr_problem, -errno, path, weir_strerror(-errno));
	int rc = read_file(file, &text, &bytes);
	close(file);
	if (rc != 0)
		return set_problem(reterr_problem, rc, path, weir_strerror(rc));
	rc = weir_config_parse(path, text, bytes, flags, ret_config, reterr_problem);
	free(text);
	return rc;
}

void weir_config_destroy(struct weir_config *config)
{
	if (config == NULL)
		return;
	wr_config_arena_fini(&config->arena);
	free(config);
}

/* ---- asking ---- */

const struct weir_config_diagnostic *weir_config_diagnostics(const struct weir_config *config,
							     uint32_t *ret_count)
{
	*ret_count = config->findings.count;
	return config->findings.items;
}

size_t weir_config_report(const struct weir_config *config, char *to, size_t to_bytes)
{
	struct wr_config_text text = {.to = to, .room_bytes = to_bytes};
	if (to_bytes > 0)
		to[0] = '\0';
	wr_config_findings_print(&config->findings, &text);
	return text.bytes;
}

static bool is_usable(const struct weir_config *config)
{
	return config->findings.error_count == 0;
}

const struct weir_options *weir_config_options(const struct weir_config *config)
{
	return is_usable(config) ? &config->values.options : NULL;
}

const struct weir_topic_options *weir_config_topics(const struct weir_config *config,
						    uint32_t *ret_count)
{
	*ret_count = is_usable(config) ? config->values.topics.count : 0;
	return *ret_count > 0 ? config->topics : NULL;
}

const struct weir_subscription_options *weir_config_subscriptions(const struct weir_config *config,
								  uint32_t *ret_count)
{
	*ret_count = is_usable(config) ? config->values.subscriptions.count : 0;
	return *ret_count > 0 ? config->subscriptions : NULL;
}

const struct weir_config_source *weir_config_sources(const struct weir_config *config,
						     uint32_t *ret_count)
{
	*ret_count = is_usable(config) ? config->values.sources.count : 0;
	return *ret_count > 0 ? config->sources : NULL;
}

const struct weir_config_sink *weir_config_sinks(const struct weir_config *config,
						 uint32_t *ret_count)
{
	*ret_count = is_usable(config) ? config->values.subscriptions.count : 0;
	return *ret_count > 0 ? config->sinks : NULL;
}

const struct weir_config_bridge *weir_config_bridges(const struct weir_config *config,
						     uint32_t *ret_count)
{
	*ret_count = is_usable(config) ? config->values.bridges.count : 0;
	return *ret_count > 0 ? config->bridges : NULL;
}

void weir_config_run(const struct weir_config *config, struct weir_config_run *ret_run)
{
	*ret_run = (struct weir_config_run){
		.drain_timeout_ns = config->values.drain_timeout_ns,
		.stay = config->values.stay,
		.log_format = (enum weir_log_format)config->values.log_format,
		.traces =
			{
				.file = config->values.traces_file,
				.service = config->values.traces_service,
				.ratio = config->values.traces_per_million / 1e6,
				.events_max = config->values.traces_events,
			},
		.serve =
			{
				.listen = config->values.serve_listen,
				.token_file = config->values.serve_token_file,
				.writable = config->values.serve_writable,
				.connections_max = config->values.serve_connections,
				.body_bytes_max = config->values.serve_body_bytes,
				.request_ns = config->values.serve_request_ns,
			},
	};
}

void weir_config_on_lag(struct weir_config *config,
			void (*lag_fn)(void *context, uint32_t subscription,
				       const struct weir_lag *lag, bool above),
			void *context)
{
	for (uint32_t i = 0; i < config->values.subscriptions.count; i++) {
		if (config->subscriptions == NULL)
			return;
		config->subscriptions[i].lag_fn = lag_fn;
		config->subscriptions[i].lag_context = context;
	}
}
