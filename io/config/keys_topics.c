/* SPDX-License-Identifier: Apache-2.0 */
/* The table: topics, subscriptions and bindings. */
#include <weir/binding.h>

#include "io/config/keys_inner.h"

/* ---- topics ---- */

#define TOPIC(member) AT(struct wr_config_topic, member)

static const struct wr_config_key idempotency_keys[] = {
	{.name = "keys",
	 TOPIC(idempotency_keys),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 100000000u,
	 .required = true,
	 .doc = "The keys of so many events are remembered, the last ones"},
	{.name = "span",
	 TOPIC(idempotency_span_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1000,
	 .max = 3660ull * 24 * 3600 * 1000000000,
	 .absent = "until others have taken its place",
	 .doc = "Each for so long at most, of the time that the log ran"},
	{0},
};

static const struct wr_config_section idempotency_section = {.keys = idempotency_keys};

static const struct wr_config_key schema_keys[] = {
	{.name = "subject",
	 TOPIC(schema.subject),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "The subject; it need not have versions yet"},
	{.name = "prefix",
	 TOPIC(schema.prefix),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Payloads begin with a byte 0 and the schema's id, as Confluent writes them"},
	{.name = "validate",
	 TOPIC(schema.validate),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "A payload that is no datum of its schema is refused"},
	{0},
};

static const struct wr_config_section schema_section = {.keys = schema_keys};

static const struct wr_config_key topic_keys[] = {
	{.name = "name",
	 TOPIC(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name"},
	{.name = "partitions",
	 TOPIC(partitions),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1u << 20,
	 .fallback = "1",
	 .doc = "Events with the same key are in the same one, in order"},
	{.name = "partitions_max",
	 TOPIC(partitions_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1u << 20,
	 .absent = "as many as partitions: it does not grow",
	 .doc = "The most that it can grow to, by a larger number of partitions; as it was made"},
	{.name = "idempotency",
	 SAME_STRUCT(idempotency_section),
	 .doc = "An event whose idempotency key is remembered is refused; as the topic was made"},
	{.name = "versioned_keys",
	 TOPIC(versioned_keys),
	 .type = WR_CONFIG_COUNT,
	 .max = 50000000u,
	 .fallback = "0",
	 .doc = "So many keys have versions, which events may expect; as the topic was made"},
	{.name = "schema",
	 SAME_STRUCT(schema_section),
	 .shorthand = "subject",
	 .absent = "none, or the one that it follows already",
	 .doc = "The subject of the schema registry that its events have to follow, or a map"},
	{.name = "unrouted",
	 TOPIC(unrouted),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "they stay where they are; or as it was before",
	 .doc = "The topic, from the file's topics, that gets copies of events that nobody wants"},
	{.name = "compact",
	 TOPIC(compact),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Of the events of a key only the newest has to stay; needs compaction_keys"},
	{.name = "compact_lag",
	 TOPIC(compact_lag_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 60ull * 365 * 24 * 3600 * 1000000000,
	 .fallback = "0s",
	 .doc = "With compact: younger ones stay, and what comes behind one of those; in seconds"},
	{.name = "tombstones",
	 TOPIC(tombstone_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 60ull * 365 * 24 * 3600 * 1000000000,
	 .fallback = "24h",
	 .doc = "With compact: so long an event without a payload stays; in seconds"},
	{.name = "retention",
	 TOPIC(retention_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .absent = "what the log keeps",
	 .live = true,
	 .doc = "So much of its events stays at least, the rest leaves; needs topic_retention; a "
		"reload changes it"},
	{.name = "retention_time",
	 TOPIC(retention_time_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .absent = "what the log keeps",
	 .live = true,
	 .doc = "Its events stay so long at least, and then leave; needs topic_retention; a reload "
		"changes it"},
	{0},
};

const struct wr_config_section wr_config_topics = {.keys = topic_keys,
						   .struct_bytes = sizeof(struct wr_config_topic)};

/* ---- subscriptions ---- */

#define SUBSCRIPTION(member) AT(struct wr_config_subscription, member)

static const struct wr_config_choice gate_choices[] = {
	{"auto", WEIR_LEVEL_DEFAULT, "durable with a journal, memory without"},
	{"durable", WEIR_LEVEL_DURABLE, "nobody acts on what a power cut could take back"},
	{"memory", WEIR_LEVEL_MEMORY, "as soon as they are ordered"},
	{0},
};

static const struct wr_config_choice slow_choices[] = {
	{"catch_up", WEIR_SLOW_CATCH_UP, "they read from disk; without a journal they get a gap"},
	{"block", WEIR_SLOW_BLOCK, "producers are held back, while the group has members"},
	{"gap", WEIR_SLOW_GAP, "they get a gap item, and go on with what is in memory"},
	{"detach", WEIR_SLOW_DETACH,
	 "catch_up, and above the limits of `lag` nothing is kept for it"},
	{0},
};

static const struct wr_config_choice when_dead_choices[] = {
	{"pass", WEIR_DEAD_PASS, "the next events of its key go on without it"},
	{"park", WEIR_DEAD_PARK,
	 "they wait behind it, in order, until it is redriven or given up; order: key"},
	{0},
};

static const struct wr_config_choice when_long_choices[] = {
	{"drop", WEIR_LONG_DROP, "the oldest go, to the dead letters or dropped"},
	{"refuse", WEIR_LONG_REFUSE,
	 "what comes is refused, and is nowhere; needs length or length_bytes, and no filter"},
	{0},
};

static const struct wr_config_choice order_choices[] = {
	{"partition", WEIR_ORDER_PARTITION,
	 "a partition belongs to one member, which gets it in order"},
	{"key", WEIR_ORDER_KEY, "shared one by one; one event of a key at a time"},
	{"none", WEIR_ORDER_NONE, "shared one by one"},
	{0},
};

static const struct wr_config_key retry_keys[] = {
	{.name = "attempts",
	 SUBSCRIPTION(attempts_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1u << 20,
	 .absent = "for ever",
	 .doc = "Failed so often, an event is dead, and goes to dead_letters, which this needs"},
	{.name = "delay",
	 SUBSCRIPTION(retry_delay_min_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 43200000000000u,
	 .fallback = "1s",
	 .doc = "Before the second attempt, less up to a half by chance; doubled with each"},
	{.name = "delay_max",
	 SUBSCRIPTION(retry_delay_max_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 43200000000000u,
	 .fallback = "60s",
	 .doc = "At most so long"},
	{0},
};

static const struct wr_config_section retry_section = {.keys = retry_keys};

static const struct wr_config_key lag_keys[] = {
	{.name = "events",
	 SUBSCRIPTION(lag_events_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .absent = "no threshold",
	 .doc = "More than so many events are still to be handled"},
	{.name = "time",
	 SUBSCRIPTION(lag_time_max_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .absent = "no threshold",
	 .doc = "The oldest of them is older"},
	{0},
};

static const struct wr_config_section lag_section = {.keys = lag_keys};

static const struct wr_config_choice assignor_choices[] = {
	{"range", WEIR_ASSIGN_RANGE, "topics apart, each divided into runs of partitions"},
	{"cooperative_sticky", WEIR_ASSIGN_COOPERATIVE_STICKY,
	 "even over all topics, and who has a partition keeps it as far as that allows"},
	{"round_robin", WEIR_ASSIGN_ROUND_ROBIN, "over all topics, one by one in turn"},
	{0},
};

/* ---- filters ---- */

#define PATTERN_KEY(of, kind, says)                                                                \
	{                                                                                          \
		.name = #kind, AT(struct wr_config_term, of.kind), .type = WR_CONFIG_TEXT,         \
		.absent = "another kind", .doc = says                                              \
	}
#define PATTERN_KEYS(of)                                                                           \
	PATTERN_KEY(of, direct, "The event's key"),                                                \
		PATTERN_KEY(of, topic,                                                             \
			    "RabbitMQ's binding key for the event's key: words between dots, "     \
			    "`*` is one word, `#` any number"),                                    \
		PATTERN_KEY(of, headers,                                                           \
			    "RabbitMQ's binding arguments for its headers, a JSON object"),        \
		PATTERN_KEY(of, eventbridge, "EventBridge's event pattern for its JSON payload"),  \
		PATTERN_KEY(of, sns_attributes, "SNS's filter policy for its headers"),            \
		PATTERN_KEY(of, sns_body, "SNS's filter policy for its JSON payload"),             \
		PATTERN_KEY(of, hash, "A share of the keys of a ring, a JSON object"),             \
		PATTERN_KEY(of, eventbridge_headers,                                               \
			    "EventBridge's event pattern for its headers")

static const struct wr_config_key not_keys[] = {PATTERN_KEYS(is_not), {0}};
static const struct wr_config_section not_section = {.keys = not_keys};

static const struct wr_config_key term_keys[] = {
	PATTERN_KEYS(is),
	{.name = "not",
	 AT(struct wr_config_term, is_not.which),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &not_section,
	 .doc = "One of the others in a map: it must not hold"},
	{0},
};
_Static_assert(offsetof(struct wr_config_term, is.which) == 0, "an item that is one of several");
static const struct wr_config_section term_section = {
	.keys = term_keys, .struct_bytes = sizeof(struct wr_config_term)};

#define FILTER_KEYS(structure)                                                                     \
	{.name = "all",                                                                            \
	 AT(structure, filter.all),                                                                \
	 .type = WR_CONFIG_LIST,                                                                   \
	 .item = WR_CONFIG_ONE_OF,                                                                 \
	 .section = &term_section,                                                                 \
	 .min = 1,                                                                                 \
	 .max = WEIR_FILTER_TERMS_MAX,                                                             \
	 .doc = "All of them have to hold"},                                                       \
	{                                                                                          \
		.name = "any", AT(structure, filter.any), .type = WR_CONFIG_LIST,                  \
		.item = WR_CONFIG_ONE_OF, .section = &term_section, .min = 1,                      \
		.max = WEIR_FILTER_TERMS_MAX, .doc = "One of them has to hold"                     \
	}

static const struct wr_config_key filter_keys[] = {
	FILTER_KEYS(struct wr_config_subscription),
	{0},
};

static const struct wr_config_section filter_section = {.keys = filter_keys};

static const struct wr_config_key subscription_keys[] = {
	{.name = "name",
	 SUBSCRIPTION(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name; its progress is kept under it"},
	{.name = "topics",
	 SUBSCRIPTION(topics),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_NAME,
	 .min = 1,
	 .max = 64,
	 .required = true,
	 .doc = "The topics that it reads: names from the file's topics"},
	{.name = "filter",
	 SUBSCRIPTION(filter.join),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &filter_section,
	 .absent = "every event, or what it wanted before",
	 .doc = "What it wants of them; another one than before is a change from now on"},
	{.name = "transform",
	 SUBSCRIPTION(transform),
	 .type = WR_CONFIG_TEXT,
	 .absent = "none, or, without a filter, the one that it had before",
	 .doc = "What its members make of payloads, and sinks of weir run get: as of bindings"},
	{.name = "start",
	 SUBSCRIPTION(start),
	 .type = WR_CONFIG_POINT,
	 .fallback = "oldest",
	 .doc = "Where it starts when it is made, not when it is found"},
	{.name = "gate",
	 SUBSCRIPTION(gate),
	 .type = WR_CONFIG_CHOICE,
	 .choices = gate_choices,
	 .fallback = "auto",
	 .doc = "When events are handed out"},
	{.name = "when_slow",
	 SUBSCRIPTION(when_slow),
	 .type = WR_CONFIG_CHOICE,
	 .choices = slow_choices,
	 .fallback = "catch_up",
	 .doc = "What happens when members are slower than producers"},
	{.name = "assignor",
	 SUBSCRIPTION(assignor),
	 .type = WR_CONFIG_CHOICE,
	 .choices = assignor_choices,
	 .fallback = "range",
	 .doc = "How partitions are divided among members, as Kafka's assignors do it"},
	{.name = "session_timeout",
	 SUBSCRIPTION(session_timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .fallback = "45s",
	 .doc = "A member that did not poll for so long loses its partitions"},
	{.name = "order",
	 SUBSCRIPTION(order),
	 .type = WR_CONFIG_CHOICE,
	 .choices = order_choices,
	 .fallback = "partition",
	 .doc = "Who gets which events; with key or none it is a queue"},
	{.name = "lease",
	 SUBSCRIPTION(lease_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1000000,
	 .max = 43200000000000u,
	 .fallback = "30s",
	 .doc = "Of a queue: who does not settle an event for so long has lost it"},
	{.name = "outstanding",
	 SUBSCRIPTION(outstanding_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1u << 22,
	 .absent = "4096, or what limits allow if that is less",
	 .doc = "Of a queue: events taken and not settled, at once"},
	{.name = "single_active",
	 SUBSCRIPTION(single_active),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Of a queue: one member gets all, the next takes over"},
	{.name = "retry",
	 SAME_STRUCT(retry_section),
	 .doc = "When an event that failed is tried again: of a queue beside others; by partition "
		"in its place, and what is behind it in the partition waits"},
	{.name = "delay",
	 SUBSCRIPTION(delay_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = WEIR_DELAY_NS_MAX,
	 .fallback = "0s",
	 .doc = "Of a queue: an event is handed out so long after it was appended, not before"},
	{.name = "time_to_live",
	 SUBSCRIPTION(time_to_live_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1000,
	 .max = WEIR_TIME_TO_LIVE_NS_MAX,
	 .absent = "however old",
	 .doc = "Of a queue: and not later than so long after; then it is dead, or dropped. By "
		"partition: what has failed is not tried again later than that"},
	{.name = "length",
	 SUBSCRIPTION(length_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .absent = "however many",
	 .doc = "Of a queue: where more events wait the oldest go, dead or dropped, or more are "
		"refused"},
	{.name = "length_bytes",
	 SUBSCRIPTION(length_bytes_max),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .absent = "however much",
	 .doc = "Of a queue: the same by the bytes of their records"},
	{.name = "when_long",
	 SUBSCRIPTION(when_long),
	 .type = WR_CONFIG_CHOICE,
	 .choices = when_long_choices,
	 .fallback = "drop",
	 .doc = "Of a queue: what becomes of it when it is as long as it may be"},
	{.name = "priorities",
	 SUBSCRIPTION(priorities),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Of a queue with order none: the highest priority first"},
	{.name = "dead_letters",
	 SUBSCRIPTION(dead_letters),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "nothing is given up",
	 .doc = "The topic, from the file's topics, for events that are dead, of a queue or by "
		"partition"},
	{.name = "when_dead",
	 SUBSCRIPTION(when_dead),
	 .type = WR_CONFIG_CHOICE,
	 .choices = when_dead_choices,
	 .fallback = "pass",
	 .doc = "Of a queue: what becomes of the key of an event that is dead"},
	{.name = "lag",
	 SAME_STRUCT(lag_section),
	 .doc = "When the program is told that members are behind"},
	{.name = "members",
	 SUBSCRIPTION(members),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1024,
	 .fallback = "1",
	 .doc = "How many members `weir run` has in the group, each with the sink"},
	{.name = "sink",
	 SUBSCRIPTION(sink),
	 .type = WR_CONFIG_MAP,
	 .section = &wr_config_sink,
	 .shorthand = "to",
	 .absent = "`weir run` leaves the subscription alone",
	 .doc = "Where `weir run` writes its events: stdout, null, or a map with to, file or "
		"command"},
	{0},
};

const struct wr_config_section wr_config_subscriptions = {
	.keys = subscription_keys, .struct_bytes = sizeof(struct wr_config_subscription)};

/* ---- bindings ---- */

#define BINDING(member) AT(struct wr_config_binding, member)

static const struct wr_config_key binding_filter_keys[] = {
	FILTER_KEYS(struct wr_config_binding),
	{0},
};

static const struct wr_config_section binding_filter_section = {.keys = binding_filter_keys};

static const struct wr_config_choice on_failure_choices[] = {
	{"wait", WEIR_TRANSFORM_WAIT, "it waits, and all behind it, and `log_fn` is told"},
	{"pass", WEIR_TRANSFORM_PASS, "it is copied as it is"},
	{0},
};

static const struct wr_config_key binding_keys[] = {
	{.name = "name",
	 BINDING(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name, which no subscription has; its progress is kept under it"},
	{.name = "source",
	 BINDING(source),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "The topic whose events are copied: a name from the file's topics"},
	{.name = "target",
	 BINDING(target),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "The topic that gets the copies: a name from the file's topics"},
	{.name = "filter",
	 BINDING(filter.join),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &binding_filter_section,
	 .absent = "every event",
	 .doc = "Which of them; another one, or another target, is a change from now on"},
	{.name = "transform",
	 BINDING(transform),
	 .type = WR_CONFIG_TEXT,
	 .absent = "copies are as their events",
	 .doc = "What is made of their payloads: EventBridge's Input, InputPath, or InputTemplate "
		"with InputPathsMap, in a JSON object"},
	{.name = "on_failure",
	 BINDING(on_failure),
	 .type = WR_CONFIG_CHOICE,
	 .choices = on_failure_choices,
	 .fallback = "wait",
	 .doc = "What becomes of an event that cannot be transformed"},
	{.name = "dead_letters",
	 BINDING(dead_letters),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "on_failure counts",
	 .doc = "It is copied as it is to this topic instead: a name from the file's topics"},
	{.name = "start",
	 BINDING(start),
	 .type = WR_CONFIG_POINT,
	 .fallback = "newest",
	 .doc = "Where it starts when it is made, not when it is found"},
	{0},
};

const struct wr_config_section wr_config_bindings = {
	.keys = binding_keys, .struct_bytes = sizeof(struct wr_config_binding)};
