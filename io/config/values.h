/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a config file says, after reading: the structs that the table (keys.c) describes. Where the
 * core has an option, its own struct has the value; CPUs are asked for beside it, and become
 * options when the threads are placed (threads.h).
 */
#ifndef WR_CONFIG_VALUES_H
#define WR_CONFIG_VALUES_H

#include <weir/config.h>
#include <weir/filtering.h>
#include <weir/kafka.h>
#include <weir/options.h>
#include <weir/pipeline.h>
#include <weir/rabbitmq.h>
#include <weir/subscription.h>

#include "io/config/keys.h"
#include "io/config/place.h"

/* "oldest", "newest", "sequence 4711", "time 2026-01-31T12:00:00Z". */
struct wr_config_point {
	enum weir_start start;
	uint64_t at; /* sequence, or µs since 1970 */
};

/* "auto", "off", "interleave", "node:0". */
struct wr_config_numa {
	enum weir_numa how;
	uint32_t node; /* for WEIR_NUMA_NODE */
};

/* The CPUs that each kind of thread asks for; what else is said of weir's own is in
 * weir_options. */
struct wr_config_cpus {
	struct wr_cpu_request log;
	struct wr_cpu_request journal;
	struct wr_cpu_request group;
	struct wr_cpu_request handler;
	struct wr_cpu_request source;
	struct wr_cpu_request sink;
	struct wr_cpu_request bridge;
};

/* A source, and where a subscription's events go. weir/config.h shows both in its own structs; the
 * choices have its numbers. */
struct wr_config_input {
	const char *name;
	const char *topic;
	unsigned from;               /* enum weir_config_from */
	unsigned input;              /* the same: WEIR_CONFIG_FROM_STDIN */
	const char *file;            /* for WEIR_CONFIG_FROM_FILE, the number of its row */
	struct wr_config_list files; /* const char * */
	const char *follow;
	uint64_t generate_events;
	uint64_t generate_payload_bytes;
	uint64_t generate_keys;
	uint64_t generate_seed;
	unsigned format; /* enum weir_config_line_format */
	const char *key;
	const char *type;
	const char *time;
	struct wr_config_list headers; /* struct wr_config_pair */
	const char *event_id;
	const char *correlation_id;
	const char *causation_id;
	const char *traceparent;
	const char *tracestate;
	const char *payload;
	unsigned missing_is_bad;
	unsigned skip_bad_lines;
	uint64_t rate_per_s;
};

struct wr_config_output {
	unsigned to; /* enum weir_config_to; 0: file or command, or there is no sink */
	const char *file;
	struct wr_config_list command; /* const char * */
	unsigned write_json;
	unsigned commit; /* enum weir_config_commit */
	uint64_t timeout_ns;
	uint32_t attempts_max;
	uint64_t backoff_ns;
	uint64_t backoff_max_ns;
	unsigned on_failure; /* enum weir_config_failure */
};

/* The subject of the schema registry that a topic follows. */
struct wr_config_follows {
	const char *subject; /* NULL: it follows none */
	bool prefix;
	bool validate;
};

struct wr_config_topic {
	const char *name;
	uint32_t partitions;
	struct wr_config_follows schema;
	const char *unrouted;      /* NULL: not said */
	uint32_t partitions_max;   /* 0: it says nothing of growing */
	uint32_t idempotency_keys; /* 0: it has no window */
	uint64_t idempotency_span_ns;
	uint32_t versioned_keys; /* 0: its keys have no versions */
	bool compact;
	uint64_t compact_lag_ns;
	uint64_t tombstone_ns;
	uint64_t retention_bytes; /* 0: it has none of its own, of either sort */
	uint64_t retention_time_ns;
};

/* A pattern by its kind: one of them is there. */
struct wr_config_pattern {
	unsigned which; /* number of its row; 0: none */
	const char *direct;
	const char *topic;
	const char *headers;
	const char *eventbridge;
	const char *sns_attributes;
	const char *sns_body;
	const char *hash;
	const char *eventbridge_headers;
};

struct wr_config_term {
	struct wr_config_pattern is;
	struct wr_config_pattern is_not; /* with the row behind them: negated */
};

struct wr_config_filter {
	unsigned join;             /* number of the row: WR_CONFIG_FILTER_ALL, _ANY; 0: no filter */
	struct wr_config_list all; /* struct wr_config_term */
	struct wr_config_list any; /* the same */
};
enum { WR_CONFIG_FILTER_ALL = 1, WR_CONFIG_FILTER_ANY = 2 };

struct wr_config_subscription {
	const char *name;
	struct wr_config_list topics; /* const char * */
	struct wr_config_filter filter;
	const char *transform; /* NULL: none */
	struct wr_config_point start;
	unsigned gate;      /* enum weir_level */
	unsigned when_slow; /* enum weir_when_slow */
	unsigned assignor;  /* enum weir_assignor */
	uint64_t session_timeout_ns;
	unsigned order; /* enum weir_order */
	uint64_t lease_ns;
	uint32_t outstanding_max; /* 0: the default */
	bool single_active;
	uint32_t attempts_max; /* 0: no limit */
	uint64_t retry_delay_min_ns;
	uint64_t retry_delay_max_ns;
	uint64_t delay_ns;
	uint64_t time_to_live_ns;  /* 0: none */
	uint64_t length_max;       /* 0: none */
	uint64_t length_bytes_max; /* 0: none */
	unsigned when_long;        /* enum weir_when_long */
	bool priorities;
	const char *dead_letters; /* NULL: none */
	unsigned when_dead;       /* enum weir_when_dead */
	uint64_t lag_events_max;
	uint64_t lag_time_max_ns;
	uint32_t members;
	struct wr_config_output sink;
};

/*
 * Whether a file's output and progress are committed as one. Progress is a sequence for each
 * partition, which says nothing of a queue: there a later event may come before an earlier one.
 */
static inline bool wr_config_is_together(const struct wr_config_subscription *of, bool has_journal)
{
	return of->sink.commit == WEIR_CONFIG_COMMIT_TOGETHER ||
	       (of->sink.commit == WEIR_CONFIG_COMMIT_AUTO && has_journal &&
		of->order == WEIR_ORDER_PARTITION);
}

/*
 * A bridge. What a driver has an option for is read into the driver's own struct; ids of topics,
 * lists and secrets come beside it (load_bridges.c).
 */
struct wr_config_kafka {
	struct wr_config_list properties;     /* struct wr_config_pair */
	struct wr_config_list property_files; /* the same: paths of files with the values */
	struct wr_config_list property_env;   /* names of variables that have them */
};

struct wr_config_kafka_sink {
	struct weir_kafka_sink_options options;
	struct wr_config_kafka common;
};

struct wr_config_kafka_source {
	struct weir_kafka_source_options options;
	struct wr_config_kafka common;
	struct wr_config_list topics; /* const char * */
};

struct wr_config_rabbitmq {
	struct weir_rabbitmq_server server;
	const char *password_file;
	const char *password_env;
};

struct wr_config_rabbitmq_sink {
	struct weir_rabbitmq_sink_options options;
	struct wr_config_rabbitmq common;
	unsigned declare; /* number of its choice; 0: nothing */
};

struct wr_config_rabbitmq_source {
	struct weir_rabbitmq_source_options options;
	struct wr_config_rabbitmq common;
	unsigned declare;
};

struct wr_config_bridge {
	const char *name;
	unsigned to;   /* enum weir_config_system; 0: it is a source */
	unsigned from; /* the same; 0: it is a sink */
	const char *subscription;
	const char *topic;
	const char *dead_letters; /* NULL: none */
	const char *positions;
	const char *state_dir;
	uint64_t retry_min_ns, retry_max_ns;
	uint64_t drain_ns;
	struct wr_config_kafka_sink kafka_sink;
	struct wr_config_kafka_source kafka_source;
	struct wr_config_rabbitmq_sink rabbitmq_sink;
	struct wr_config_rabbitmq_source rabbitmq_source;
};

/* Copies of what a filter wants of one topic to another. */
struct wr_config_binding {
	const char *name;
	const char *source;
	const char *target;
	struct wr_config_filter filter;
	const char *transform; /* NULL: none */
	unsigned on_failure;   /* enum weir_transform_failure; not DEAD_LETTER */
	const char *dead_letters;
	struct wr_config_point start;
};

struct wr_config_alert {
	const char *name;
	const char *subscription; /* NULL: each */
	const char *bridge;       /* the same */
	unsigned kind;            /* enum weir_alert_kind */
	uint64_t raise_at, clear_at;
	uint64_t hold_ns;
};

/* Of a benchmark: threads that do the same, and all of them. */
#define WR_CONFIG_BENCH_GROUPS_MAX 14u
#define WR_CONFIG_BENCH_THREADS_MAX 64u

struct wr_config_stream {
	const char *topic;
	uint32_t threads;
	uint64_t payload_bytes;
	uint64_t key_count;
	uint64_t rate_per_s; /* 0: as fast as it goes */
	struct wr_cpu_request cpus;
};

struct wr_config_reader {
	const char *subscription;
	uint32_t threads;
	struct wr_cpu_request cpus;
};

struct wr_config_bench {
	uint64_t length_ns;
	uint64_t warmup_ns;
	unsigned level;    /* enum weir_level */
	unsigned progress; /* of bench/pipeline.h, as `pace` */
	unsigned pace;
	struct wr_config_list streams; /* struct wr_config_stream */
	struct wr_config_list readers; /* struct wr_config_reader */
};

/* Stages of a program's own pipeline, and the rings between them. */
#define WR_CONFIG_STAGES_MAX 32u
#define WR_CONFIG_WORKERS_MAX 64u

struct wr_config_stage {
	const char *name;
	uint32_t workers;
	bool is_source;
	uint32_t batch;
	struct wr_cpu_request cpus;
	struct weir_thread_options thread;
};

enum wr_config_shape {
	WR_CONFIG_SHAPE_AUTO = 0,
	WR_CONFIG_SHAPE_SPSC,
	WR_CONFIG_SHAPE_MPSC,
	WR_CONFIG_SHAPE_SPMC,
	WR_CONFIG_SHAPE_MPMC,
	WR_CONFIG_SHAPE_BROADCAST,
};

enum wr_config_full { WR_CONFIG_FULL_WAIT = 0, WR_CONFIG_FULL_DROP, WR_CONFIG_FULL_REFUSE };

struct wr_config_ring {
	struct wr_config_list from; /* const char * */
	const char *to;
	uint32_t slot_bytes;
	uint64_t capacity;
	unsigned shape; /* enum wr_config_shape */
	unsigned full;  /* enum wr_config_full */
};

struct wr_config_values {
	uint32_t version;
	struct weir_options options;
	struct wr_place_policy policy; /* but `strict`, which is an option of the core */
	struct wr_config_cpus cpus;
	struct weir_thread_options source; /* of `weir run`, each source's */
	struct weir_thread_options sink;   /* and each member's */
	struct weir_thread_options bridge; /* and each bridge's */
	struct wr_config_numa numa;
	struct wr_config_list topics;        /* struct wr_config_topic */
	struct wr_config_list subscriptions; /* struct wr_config_subscription */
	struct wr_config_list bindings;      /* struct wr_config_binding */
	struct wr_config_list alerts;        /* struct wr_config_alert */
	struct wr_config_list sources;       /* struct wr_config_input */
	struct wr_config_list bridges;       /* struct wr_config_bridge */
	uint64_t drain_timeout_ns;
	bool stay;
	unsigned log_format;     /* enum weir_log_format */
	const char *traces_file; /* NULL: no spans are made */
	const char *traces_service;
	uint32_t traces_per_million;
	uint32_t traces_events;
	const char *serve_listen; /* NULL: nothing is served */
	const char *serve_token_file;
	bool serve_no_token;
	bool serve_writable;
	uint32_t serve_connections;
	uint32_t serve_body_bytes;
	uint64_t serve_request_ns;
	struct wr_config_list stages; /* struct wr_config_stage */
	struct wr_config_list rings;  /* struct wr_config_ring */
	struct wr_config_bench bench;
};

#endif
