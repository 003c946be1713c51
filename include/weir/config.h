/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pipeline from a file: options, threads and their CPUs, topics and subscriptions, as people
 * write them down.
 *
 *     version: 1
 *     name: orders
 *     journal:
 *       dir: /var/lib/orders
 *       retention: 20GiB
 *     threads:
 *       log: {cpus: "+0", wait: spin}
 *     topics:
 *       - {name: orders, partitions: 8}
 *     subscriptions:
 *       - {name: books, topics: [orders]}
 *
 * Every key has a default but the names, and an empty file is a pipeline in memory without topics.
 * docs/reference/config.md lists the keys. Nothing is guessed: an unknown key, a number without its
 * unit, a CPU that this process may not use is an error with line, column and reason, and all of
 * them are found in one run; in a text that cannot be read at all, those of its form.
 *
 * This is a library by itself (libweir-config), because it brings libfyaml in: who links libweir
 * alone links neither.
 *
 *     struct weir_config *config;
 *     int rc = weir_config_load("orders.yaml", 0, &config, &problem);
 *     if (rc == 0)
 *             rc = weir_config_open(config, NULL, &pipeline, &problem);
 *     else if (rc > 0)
 *             weir_config_report(config, text, sizeof text);    for people: all of it
 *     weir_config_destroy(config);
 */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include <weir/base.h>
#include <weir/bridge.h>
#include <weir/error.h>
#include <weir/kafka.h>
#include <weir/options.h>
#include <weir/pipeline.h>
#include <weir/rabbitmq.h>
#include <weir/subscription.h>

WEIR_DECLS_BEGIN

struct weir_config;

/** For weir_config_load() and weir_config_parse(); added up. */
enum weir_config_flags {
	/** The file is for another machine: whether this process may use the CPUs that it names is
	 *  not looked at. weir_config_open() does so all the same. */
	WEIR_CONFIG_ANY_MACHINE = 1,
};

/** How large a file may be, in bytes. */
#define WEIR_CONFIG_BYTES_MAX (1u << 20)

/**
 * Read a file.
 *
 * Thread:    any. Blocks: for the file. Allocates: with malloc(), until weir_config_destroy().
 * @param path            at most WEIR_CONFIG_BYTES_MAX large
 * @param flags           of enum weir_config_flags, or 0
 * @param ret_config      set when the result is not negative
 * @param reterr_problem  may be NULL; filled in when the result is not 0: the first error
 * @return 0; or how many errors are in the file, which nothing can be opened from then; or -ENOMEM,
 *         -EFBIG (too large), -EINVAL (unknown flags), -ENOENT, -EACCES ... (what the file system
 *         said)
 */
WEIR_API WEIR_MUST_CHECK int weir_config_load(const char *path, unsigned flags,
					      struct weir_config **ret_config,
					      struct weir_problem *reterr_problem);

/**
 * Read a text.
 *
 * Thread:    any. Blocks: never. Allocates: with malloc(), until weir_config_destroy().
 * Owns:      name and text are copied.
 * @param name   of the file that it came from, for messages
 * @param text   YAML in UTF-8; need not end in NUL
 * @param bytes  of it
 * @return as weir_config_load()
 */
WEIR_API WEIR_MUST_CHECK int weir_config_parse(const char *name, const char *text, size_t bytes,
					       unsigned flags, struct weir_config **ret_config,
					       struct weir_problem *reterr_problem);

/**
 * Give everything back that a config has handed out. A pipeline that was opened from it lives on.
 *
 * Thread: any, once. Blocks: never. Allocates: never.
 * @param config  may be NULL
 */
WEIR_API void weir_config_destroy(struct weir_config *config);

enum weir_config_severity {
	WEIR_CONFIG_ERROR = 1,
	WEIR_CONFIG_WARNING = 2, /**< it works, but not as one would think */
};

/** One finding. Texts are lent until the config is destroyed. */
struct weir_config_diagnostic {
	enum weir_config_severity severity;
	uint32_t line;    /**< from 1 */
	uint32_t column;  /**< in characters, from 1 */
	uint32_t columns; /**< characters at fault on that line, at least 1 */
	const char *text; /**< what is wrong */
	const char *note; /**< what it was judged by, or NULL */
	const char *help; /**< what would be right, or NULL */
};

/**
 * What was found, sorted by place; at most 100.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_count  how many
 * @return the first of them; lent until the config is destroyed
 */
WEIR_API const struct weir_config_diagnostic *
weir_config_diagnostics(const struct weir_config *config, uint32_t *ret_count);

/**
 * The same for people, as a compiler says it: file, line, column, the line itself with a mark under
 * what is wrong, reason and help.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param to        may be NULL with to_bytes 0; else it ends in NUL
 * @param to_bytes  room there
 * @return bytes of the whole text, as snprintf() says it; 0: nothing was found
 */
WEIR_API size_t weir_config_report(const struct weir_config *config, char *to, size_t to_bytes);

/**
 * The options of the file, for weir_open() or, changed by the program, for weir_config_open().
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return lent until the config is destroyed; NULL when there are errors
 */
WEIR_API const struct weir_options *weir_config_options(const struct weir_config *config);

/**
 * The topics of the file, in its order.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return an array, lent until the config is destroyed; NULL when there are none, or errors
 */
WEIR_API const struct weir_topic_options *weir_config_topics(const struct weir_config *config,
							     uint32_t *ret_count);

/**
 * The subscriptions of the file, in its order.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return an array, lent until the config is destroyed; NULL when there are none, or errors
 */
WEIR_API const struct weir_subscription_options *
weir_config_subscriptions(const struct weir_config *config, uint32_t *ret_count);

/* ---- what `weir run` does with the file ------------------------------------------------------ */

/** Where a source reads. */
enum weir_config_from {
	WEIR_CONFIG_FROM_STDIN = 1,
	WEIR_CONFIG_FROM_FILE = 2,  /**< shown as WEIR_CONFIG_FROM_FILES with one file */
	WEIR_CONFIG_FROM_FILES = 3, /**< one after another, each to its end */
	WEIR_CONFIG_FROM_FOLLOW = 4,
	WEIR_CONFIG_FROM_GENERATE = 5,
};

enum weir_config_line_format {
	WEIR_CONFIG_FORMAT_LINES = 1,
	WEIR_CONFIG_FORMAT_JSON = 2,
};

/** A header, and the field of a JSON object that it comes from. */
struct weir_config_header {
	const char *name;
	const char *field;
};

/** A source. Fields are named by paths: "user.id"; NULL: none. */
struct weir_config_source {
	const char *name; /**< of the source, and of its producer */
	const char *topic;
	enum weir_config_from from;
	const char *const *files; /**< FILES; FOLLOW has one */
	uint32_t file_count;
	uint64_t generate_events; /**< GENERATE; 0: without end */
	uint64_t generate_payload_bytes;
	uint64_t generate_keys;
	uint64_t generate_seed;
	enum weir_config_line_format format;
	const char *key;
	const char *type;
	const char *time;
	const char *payload; /**< NULL: the line */
	const struct weir_config_header *headers;
	uint32_t header_count;
	const char *event_id; /**< fields of its ids, as of the five above; NULL: none */
	const char *correlation_id;
	const char *causation_id;
	const char *traceparent;
	const char *tracestate;
	bool missing_is_bad; /**< else the event goes without the field */
	bool skip_bad_lines; /**< else the source stops at the first */
	uint64_t rate_per_s; /**< 0: no limit */
};

/** Where the events of a subscription go. */
enum weir_config_to {
	WEIR_CONFIG_TO_NONE = 0, /**< the subscription has no sink */
	WEIR_CONFIG_TO_STDOUT = 1,
	WEIR_CONFIG_TO_NULL = 2,
	WEIR_CONFIG_TO_FILE = 3,
	WEIR_CONFIG_TO_COMMAND = 4,
};

enum weir_config_commit {
	WEIR_CONFIG_COMMIT_AUTO = 0, /**< never shown */
	WEIR_CONFIG_COMMIT_TOGETHER = 1,
	WEIR_CONFIG_COMMIT_AFTER = 2,
};

/** What becomes of an event that a command does not take. */
enum weir_config_failure {
	WEIR_CONFIG_FAILURE_STOP = 0,   /**< the run ends */
	WEIR_CONFIG_FAILURE_SKIP = 1,   /**< it is passed over */
	WEIR_CONFIG_FAILURE_REJECT = 2, /**< its subscription tries it again: weir_reject() */
};

struct weir_config_sink {
	enum weir_config_to to;
	uint32_t members;           /**< of the group */
	const char *file;           /**< FILE; with several members it has a "%m" */
	const char *const *command; /**< COMMAND: program and arguments */
	uint32_t command_count;
	bool write_json; /**< else the payload */
	enum weir_config_commit commit;
	uint64_t timeout_ns;
	uint32_t attempts_max;
	uint64_t backoff_ns;
	uint64_t backoff_max_ns;
	enum weir_config_failure on_failure; /**< of a command, after its last attempt */
};

/** Spans that are made of what becomes of events (spans.h). */
struct weir_config_traces {
	const char *file; /**< lines of OTLP; NULL: none are made */
	const char *service;
	double ratio; /**< of traces without a traceparent, 0 .. 1 */
	uint32_t events_max;
};

/** A server beside the pipeline (serve.h), which shows this one. */
struct weir_config_serve {
	const char *listen;     /**< NULL: there is none */
	const char *token_file; /**< its first line is the token; NULL: none is asked for */
	bool writable;
	uint32_t connections_max;
	uint32_t body_bytes_max;
	uint64_t request_ns;
};

struct weir_config_run {
	uint64_t drain_timeout_ns;
	bool stay; /**< go on when all is done */
	enum weir_log_format log_format;
	struct weir_config_traces traces;
	struct weir_config_serve serve;
};

/** The other side of a bridge. */
enum weir_config_system {
	WEIR_CONFIG_SYSTEM_KAFKA = 1,
	WEIR_CONFIG_SYSTEM_RABBITMQ = 2,
};

/** A value that is not in the file: the library reads neither of the two. */
struct weir_config_secret {
	const char *name; /**< of a property of Kafka's; "password" of RabbitMQ */
	const char *file; /**< the value is its content, but for a line feed at its end; or NULL */
	const char *env;  /**< the value is that of this variable; or NULL */
};

/** A bridge (weir/bridge.h). Topics and subscriptions are those of the file. */
struct weir_config_bridge {
	const char *name;
	enum weir_bridge_direction direction;
	enum weir_config_system system;
	const char *subscription; /**< of a sink */
	const char *topic;        /**< of a source */
	const char *dead_letters; /**< a topic, or NULL */
	const char *positions;    /**< likewise */
	const char *state_dir;    /**< or NULL */
	uint64_t retry_min_ns;
	uint64_t retry_max_ns;
	uint64_t drain_ns;
	const struct weir_config_secret *secrets;
	uint32_t secret_count;
	/** By direction and system one of these, as weir_kafka_sink_create() and its like take it,
	 *  but for ids of topics, which a source has, and for what is secret: the program takes a
	 *  copy, and sets those. */
	const struct weir_kafka_sink_options *kafka_sink;
	const struct weir_kafka_source_options *kafka_source;
	const struct weir_rabbitmq_sink_options *rabbitmq_sink;
	const struct weir_rabbitmq_source_options *rabbitmq_source;
};

/**
 * The sources of the file, in its order. weir_config_open() has no use for them: a program may have
 * its own, and use the file's topics.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return an array, lent until the config is destroyed; NULL when there are none, or errors
 */
WEIR_API const struct weir_config_source *weir_config_sources(const struct weir_config *config,
							      uint32_t *ret_count);

/**
 * The sinks of the subscriptions: one for each, in their order; WEIR_CONFIG_TO_NONE where the file
 * has none.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return an array, lent until the config is destroyed; NULL when there are none, or errors
 */
WEIR_API const struct weir_config_sink *weir_config_sinks(const struct weir_config *config,
							  uint32_t *ret_count);

/**
 * The bridges of the file, in its order. weir_config_open() starts none, and needs neither
 * libweir-kafka nor libweir-rabbitmq; what a driver says of the options, its create function says.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return an array, lent until the config is destroyed; NULL when there are none, or errors
 */
WEIR_API const struct weir_config_bridge *weir_config_bridges(const struct weir_config *config,
							      uint32_t *ret_count);

/**
 * How `weir run` is to end.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_run  overwritten
 */
WEIR_API void weir_config_run(const struct weir_config *config, struct weir_config_run *ret_run);

enum weir_config_thread_of {
	WEIR_CONFIG_THREAD_OF_SOURCE = 1,
	WEIR_CONFIG_THREAD_OF_SINK = 2, /**< of a member of a subscription that has a sink */
	WEIR_CONFIG_THREAD_OF_BRIDGE = 3,
};

/**
 * What the file says of one thread of `weir run`, placed on this machine: CPUs (one, where it has a
 * core of its own), class, stack; and its name, numbered where there are several, or "" where the
 * file has none. `wait` says nothing: these threads wait in calls of weir.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param index        of the source or bridge in the file; or of the member, counted over all
 *                     sinks, those of the first subscription first
 * @param ret_options  overwritten on success; without CPUs when the config was read for any machine
 * @return 0, or -EINVAL: there is no such thread, or the config has errors
 */
WEIR_API WEIR_MUST_CHECK int weir_config_thread(const struct weir_config *config,
						enum weir_config_thread_of of, uint32_t index,
						struct weir_thread_options *ret_options);

/**
 * Who is told when a subscription's `lag` is exceeded. The thresholds are the file's, the function
 * is the program's: without one, weir_config_open() refuses a file that has thresholds.
 *
 * Thread: any, before weir_config_open(). Blocks: never. Allocates: never.
 * @param lag_fn   as in struct weir_subscription_options
 * @param context  its first argument
 */
WEIR_API void weir_config_on_lag(struct weir_config *config,
				 void (*lag_fn)(void *context, uint32_t subscription,
						const struct weir_lag *lag, bool above),
				 void *context);

/**
 * Open the pipeline, and create its topics and subscriptions or find them. If one of them fails,
 * the pipeline is closed again.
 *
 * Thread:    any. Blocks: as weir_open(), and for one commit each. Allocates: as weir_open().
 * Owns:      the pipeline keeps nothing of the config.
 * @param options         NULL: weir_config_options(); or a copy of it in which the program has set
 *                        what is its own to say: log_fn, allocator, manual
 * @param ret_pipeline    set on success only
 * @param reterr_problem  may be NULL; on failure with the place in the file, where one is at fault
 * @return 0; -EINVAL (the config has errors, or thresholds and no lag_fn; or a CPU is not to be
 *         had); or what weir_open(), weir_topic_create() or weir_subscription_create() said
 */
WEIR_API WEIR_MUST_CHECK int weir_config_open(const struct weir_config *config,
					      const struct weir_options *options,
					      struct weir_pipeline **ret_pipeline,
					      struct weir_problem *reterr_problem);

/**
 * The values in force, each with where it comes from and what it does: YAML again, with comments,
 * which reads as the same config.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param config  NULL: the defaults
 * @param key     NULL: all; or one key with all that is known of it: "journal.segment"
 * @return bytes of the whole text, as snprintf() says it; 0: there is no such key, or the config
 *         has errors
 */
WEIR_API size_t weir_config_explain(const struct weir_config *config, const char *key, char *to,
				    size_t to_bytes);

/** A value that differs between two configs. Texts are good during the call. */
struct weir_config_change {
	const char *key;    /**< "run.drain_timeout", "sources[NAME].rate": what has a name by it */
	const char *before; /**< as it would stand in a file; NULL: there is none. A
	                         password is "(not shown)", and so are properties of bridges */
	const char *after;  /**< the same */
	bool at_reload;     /**< `weir run` takes it when it reads its file again */
	const char *why;    /**< it does not; NULL: it does */
	bool is_refused;    /**< at a restart, too: the log keeps it as it was made; see `why` */
};

/**
 * What differs between two configs, by the values in force: a default that is written out is no
 * difference. In the order of their keys.
 *
 * Thread: any. Blocks: never. Allocates: with malloc(), until it returns.
 * @param fn       called for each
 * @param context  its first argument
 * @return how many there are; -EINVAL: one of them has errors; -ENOMEM
 */
WEIR_API int weir_config_diff(const struct weir_config *before, const struct weir_config *after,
			      void (*fn)(void *context, const struct weir_config_change *change),
			      void *context);

enum weir_config_format {
	WEIR_CONFIG_JSON_SCHEMA = 1, /**< draft 2020-12, for editors */
	WEIR_CONFIG_MARKDOWN = 2,    /**< docs/reference/config.md */
};

/**
 * What a file may contain: every key with type, default, range and meaning.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return bytes of the whole text, as snprintf() says it; 0: no such format
 */
WEIR_API size_t weir_config_schema(enum weir_config_format format, char *to, size_t to_bytes);

WEIR_DECLS_END
#endif
