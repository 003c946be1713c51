/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bridges to and from RabbitMQ (AMQP 0-9-1): libweir-rabbitmq, apart from libweir. It links
 * librabbitmq. A driver for weir/bridge.h, which has the thread, states, retries and dead letters:
 *
 *     weir_rabbitmq_sink_options_init(&out);
 *     out.server.host = "broker.example";
 *     out.exchange = "orders";
 *     out.routing_key = "orders.{key}";
 *     weir_rabbitmq_sink_create(&out, &rabbit, &why);
 *     weir_bridge_options_init(&options);
 *     options.name = "orders-out";
 *     options.direction = WEIR_BRIDGE_SINK;
 *     options.subscription = subscription;
 *     options.ops = weir_rabbitmq_ops();
 *     options.self = rabbit;
 *     weir_bridge_start(pipeline, &options, &bridge, &why);
 *
 * A sink publishes what its subscription hands out, persistent and mandatory, on a channel with
 * publisher confirms, and acknowledges an event when the broker has confirmed it. What the broker
 * returns (no queue wants it), and what cannot be said in AMQP (a routing key over 255 bytes), is a
 * dead letter. After a loss of the connection, or of the process, what was not acknowledged is
 * published again, with the same message-id: "weir:UUID:LOG:SEQUENCE:TIME", of the log (TIME: when
 * it was appended, µs since 1970, hexadecimal: a copy that went on by itself gives its sequences
 * again, and later). So the broker has each event at least once, and who reads there knows a repeat
 * by its message-id.
 *
 * A source consumes a queue, and acknowledges a message when its event is durable in the log. A
 * message-id is the event's idempotency key: where the topic has a window of them
 * (weir_topic_options.idempotency_keys), a message that comes again is in the log once. What a sink
 * has sent from one log is in another one exactly once so, as long as the window reaches. Messages
 * without a message-id are there at least once.
 *
 * What stands where, in both directions:
 *
 *   key                  header "weir-key"; a source takes the routing key where there is none
 *   headers              headers of the same name: text as a long string, other bytes as a byte
 *                        array; a source has numbers as decimals, tables as JSON
 *   "content-type", "content-encoding"   the properties of these names
 *   correlation id       correlation-id; over 255 bytes the header "weir-correlation-id"
 *   event id, causation id   headers "weir-event-id", "weir-causation-id"; a source takes the
 *                        message-id for the event id where there is none
 *   traceparent, tracestate  headers of these names
 *   event time           timestamp, in seconds, and the header "weir-event-time-us"
 *   priority             priority; a source takes what is over WEIR_PRIORITY_MAX for that
 *   time to live         expiration: what is left of it, in ms, at least 1
 *   no payload           header "weir-tombstone"
 *   (nothing)            type, app-id, user-id, reply-to: a source has them as headers "amqp-type",
 *                        "amqp-app-id", "amqp-user-id", "amqp-reply-to"
 *
 * The bridge's thread needs 4 MiB of stack (weir_bridge_options.thread.stack_bytes; the C library's
 * default is 8): librabbitmq takes nested tables apart by recursion, and what a broker sends is its
 * to choose.
 *
 * Order: a subscription of order PARTITION is published in the order of its log, on one channel, so
 * that a queue has the events of a key in order; after a loss repeats come before what is new. A
 * source keeps the order of its queue while it is the queue's only consumer. Where the broker
 * refuses a single event (basic.nack: a queue with x-overflow reject-publish), what was behind it
 * may be there before it.
 */
#ifndef WEIR_RABBITMQ_H
#define WEIR_RABBITMQ_H

#include <weir/bridge.h>

WEIR_DECLS_BEGIN

/** Where the broker is. */
struct weir_rabbitmq_server {
	const char *host;     /**< name or address; default "localhost" */
	uint32_t port;        /**< 0 (default): 5672, with tls 5671 */
	const char *vhost;    /**< default "/" */
	const char *user;     /**< default "guest", who RabbitMQ lets in from its own host only */
	const char *password; /**< default "guest"; sent as PLAIN */
	bool external;        /**< with tls and cert_file: who the certificate names logs in
	                           (EXTERNAL); user and password are not sent. The broker needs its
	                           plugin rabbitmq_auth_mechanism_ssl, and a user of that name */
	bool tls;
	const char *ca_file;   /**< PEM: who may have signed the broker's certificate; needed with
	                            tls, but without verification */
	const char *cert_file; /**< PEM: one's own certificate, with key_file; NULL: none */
	const char *key_file;
	bool no_verify;        /**< tls: take any certificate. For tests */
	uint64_t timeout_ns;   /**< for the connection, and each answer; default 10 s, 100 ms .. */
	uint64_t heartbeat_ns; /**< whole seconds; default 10 s; 0: none, and a broker that is cut
	                              off is noticed late */
};

struct weir_rabbitmq_sink_options {
	size_t struct_bytes;
	struct weir_rabbitmq_server server;
	const char *exchange; /**< "" (default): the default exchange, where the routing key is the
	                           name of a queue. It has to be there: see declare */
	/** A template: {topic}, {key} and {type} (a number) stand for the event's; "{{" for a
	 *  brace. Default "{topic}". At most 255 bytes: an event for which it is longer is a dead
	 *  letter. */
	const char *routing_key;
	/** Make the exchange, durable, of this type ("direct", "topic", "fanout", "headers"), or
	 *  find it as such. NULL (default): it is looked for only. */
	const char *declare;
	uint32_t window; /**< events that are published and then waited for; default 1024, 1 ..
	                      8192 */
	uint64_t confirm_timeout_ns; /**< without a confirm for so long the connection is taken for
	                                  lost, also while the broker blocks publishers; default
	                                  20 s; less than the subscription's session_timeout_ns */
	uint64_t message_bytes_max;  /**< larger payloads are dead letters; default 128 MiB: the
	                                  broker's max_message_size, which closes the channel */
};

/** Where a source takes the key of an event from. */
enum weir_rabbitmq_key {
	WEIR_RABBITMQ_KEY_AUTO = 0, /**< the header "weir-key", else the routing key */
	WEIR_RABBITMQ_KEY_ROUTING = 1,
	WEIR_RABBITMQ_KEY_HEADER = 2, /**< key_header; without it the event has none */
	WEIR_RABBITMQ_KEY_NONE = 3,
};

/** What a source does with a message that cannot be an event, without a topic of dead letters. */
enum weir_rabbitmq_refused {
	WEIR_RABBITMQ_REFUSED_FAIL = 0, /**< the bridge fails, and the message stays in its queue */
	WEIR_RABBITMQ_REFUSED_REJECT = 1, /**< basic.reject: to the queue's dead-letter exchange; a
	                                       queue without one drops it */
};

struct weir_rabbitmq_source_options {
	size_t struct_bytes;
	struct weir_rabbitmq_server server;
	uint32_t topic;    /**< of the log, where the events go */
	const char *queue; /**< has to be there: see declare */
	/** Make the queue, durable, of this type ("classic", "quorum"), or find it as such. NULL
	 *  (default): it is looked for only. */
	const char *declare;
	const char *exchange; /**< with declare: bind the queue to this exchange; NULL: to none */
	const char *binding_key; /**< with exchange; default "#" */
	uint32_t prefetch; /**< messages that are taken and not acknowledged; default 1024, 1 ..
	                              65535 */
	enum weir_rabbitmq_key key;
	const char *key_header;
	bool no_dedup; /**< a message-id is no idempotency key: for topics without a window */
	/** A message that has died so often (counts of x-death), or was delivered so often
	 *  (x-delivery-count of a quorum queue), is refused. 0 (default): however often. */
	uint32_t deaths_max;
	/** A topic for what is refused: a message that is no event (too large, a key of over 65535
	 *  bytes, no datum of the topic's schema), or has died too often. It has the body, and the
	 *  headers weir-bridge, weir-reason and weir-position. UINT32_MAX (default): none. */
	uint32_t dead_letters;
	enum weir_rabbitmq_refused when_refused;
	uint32_t message_bytes_max; /**< memory for one message; default 1 MiB, 1 KiB .. 64 MiB:
	                                 larger ones are refused */
};

/** A driver: what weir_bridge_options.self is to be. */
struct weir_rabbitmq;

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_rabbitmq_sink_options_init(struct weir_rabbitmq_sink_options *options);

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_rabbitmq_source_options_init(struct weir_rabbitmq_source_options *options);

/**
 * Make the driver of a sink. Nothing is connected before its bridge is started.
 *
 * Thread:    any. Blocks: never. Allocates: itself, copies of the texts, the window.
 * Owns:      the bridge that gets it, which destroys it when it is stopped; until then the caller:
 *            weir_rabbitmq_destroy().
 * @param ret_rabbitmq    set on success only
 * @param reterr_problem  may be NULL; `field` names the option at fault
 * @return 0, -EINVAL, -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int
weir_rabbitmq_sink_create(const struct weir_rabbitmq_sink_options *options,
			  struct weir_rabbitmq **ret_rabbitmq, struct weir_problem *reterr_problem);

/**
 * Make the driver of a source.
 *
 * Thread: any. Blocks: never. Allocates: itself, copies of the texts, message_bytes_max.
 * Owns:   as weir_rabbitmq_sink_create().
 * @param ret_rabbitmq    set on success only
 * @param reterr_problem  may be NULL; `field` names the option at fault
 * @return 0, -EINVAL, -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int
weir_rabbitmq_source_create(const struct weir_rabbitmq_source_options *options,
			    struct weir_rabbitmq **ret_rabbitmq,
			    struct weir_problem *reterr_problem);

/**
 * Give a driver back that no bridge was started with.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param rabbitmq  NULL is allowed
 */
WEIR_API void weir_rabbitmq_destroy(struct weir_rabbitmq *rabbitmq);

/**
 * The functions of both drivers, for weir_bridge_options.ops.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static struct
 */
WEIR_API const struct weir_bridge_ops *weir_rabbitmq_ops(void);

WEIR_DECLS_END
#endif
