/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of bridges that must go together, and with the topics and subscriptions that they name. What
 * only a driver knows (names of properties, templates) is told by who makes the driver.
 */
#include <stdlib.h>
#include <string.h>

#include "core/text/nearest.h"
#include "io/config/check.h"
#include "io/config/keys_inner.h"

#define NAMES_MAX 64u
#define STACK_OF_RABBITMQ (4 * MIB)

/* One bridge, while it is looked at. */
struct bridge_check {
	struct wr_config_findings *findings;
	const struct wr_config_node *root;
	const struct wr_config_values *values;
	const struct wr_config_bridge *bridge;
	const struct wr_config_node *item;
};

static bool is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void refuse_at(const struct bridge_check *c, const struct wr_config_node *map,
		      const char *key, const char *text, const char *help)
{
	struct weir_config_diagnostic *d = wr_config_error(
		c->findings, wr_config_item_place(c->findings, map, key), "%s: %s", key, text);
	wr_config_help(c->findings, d, "%s", help);
}

static bool has_journal(const struct bridge_check *c)
{
	return c->values->options.dir != NULL || wr_config_child(c->root, "journal") != NULL;
}

/* ---- what it names --------------------------------------------------------------------------- */

static const struct wr_config_topic *topic_of(const struct bridge_check *c, const char *name)
{
	const struct wr_config_topic *topics = c->values->topics.items;
	for (uint32_t i = 0; i < c->values->topics.count; i++)
		if (is_same(topics[i].name, name))
			return &topics[i];
	return NULL;
}

static const struct wr_config_subscription *subscription_of(const struct bridge_check *c)
{
	const struct wr_config_subscription *all = c->values->subscriptions.items;
	for (uint32_t i = 0; i < c->values->subscriptions.count; i++)
		if (is_same(all[i].name, c->bridge->subscription))
			return &all[i];
	return NULL;
}

static void check_topic(const struct bridge_check *c, const char *key, const char *name)
{
	const struct wr_config_node *node = wr_config_child(c->item, key);
	if (node != NULL && name != NULL)
		wr_config_check_topic(c->findings, c->values, node, name);
}

static void refuse_subscription(const struct bridge_check *c)
{
	const struct wr_config_subscription *all = c->values->subscriptions.items;
	const char *names[NAMES_MAX + 1] = {NULL};
	uint32_t count = 0;
	for (uint32_t i = 0; i < c->values->subscriptions.count && count < NAMES_MAX; i++)
		if (all[i].name != NULL)
			names[count++] = all[i].name;
	const char *nearest = wr_nearest(c->bridge->subscription, names);
	struct weir_config_diagnostic *d = wr_config_error(
		c->findings, wr_config_item_place(c->findings, c->item, "subscription"),
		"there is no subscription \"%s\"%s%s%s", c->bridge->subscription,
		nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "\"?" : "");
	if (nearest == NULL)
		wr_config_help(c->findings, d, "subscriptions: [{name: %s, topics: [...]}]",
			       c->bridge->subscription);
}

/* A subscription is read by one of them. */
static void check_readers(const struct bridge_check *c, const struct wr_config_subscription *of)
{
	const struct wr_config_bridge *all = c->values->bridges.items;
	uint32_t index = (uint32_t)(c->bridge - all);
	bool has_sink = of->sink.to != 0 || of->sink.file != NULL || of->sink.command.count > 0;
	if (has_sink)
		refuse_at(c, c->item, "subscription", "it has a sink of its own",
			  "a subscription for each: both get every event");
	if (of->transform != NULL)
		refuse_at(c, c->item, "subscription",
			  "it has a transformer, which a bridge does not apply",
			  "transform by a binding, and bridge a subscription of its target");
	for (uint32_t i = 0; i < index; i++) {
		if (!is_same(all[i].subscription, c->bridge->subscription))
			continue;
		wr_config_refuse_second(
			c->findings, "bridge of subscription", of->name,
			wr_config_item_place(c->findings, c->item, "subscription"),
			wr_config_item_place(c->findings, wr_config_item_at(c->root, "bridges", i),
					     "subscription"));
		return;
	}
}

/* ---- out ------------------------------------------------------------------------------------- */

static const struct wr_config_node *system_node(const struct bridge_check *c)
{
	const struct wr_config_node *way =
		wr_config_child(c->item, c->bridge->to != 0 ? "to" : "from");
	return way != NULL && way->kind == WR_NODE_MAP && way->first != NULL ? way->first : c->item;
}

/* A dead letter that its own subscription reads would go out again, and again be one. */
static void check_no_circle(const struct bridge_check *c, const struct wr_config_subscription *of)
{
	const char *const *topics = of->topics.items;
	for (uint32_t i = 0; i < of->topics.count; i++)
		if (is_same(topics[i], c->bridge->dead_letters))
			refuse_at(c, c->item, "dead_letters",
				  "its subscription reads this topic: they would come again",
				  "a topic that the subscription does not have");
}

/* Two that have one transactional.id fence each other, for ever. */
static void check_group(const struct bridge_check *c)
{
	const struct wr_config_bridge *all = c->values->bridges.items;
	const char *group = c->bridge->kafka_sink.options.group;
	uint32_t index = (uint32_t)(c->bridge - all);
	for (uint32_t i = 0; group != NULL && i < index; i++) {
		const struct bridge_check other = {
			.root = c->root,
			.bridge = &all[i],
			.item = wr_config_item_at(c->root, "bridges", i)};
		if (all[i].to != WEIR_CONFIG_SYSTEM_KAFKA ||
		    !is_same(all[i].kafka_sink.options.group, group))
			continue;
		wr_config_refuse_second(
			c->findings, "bridge to Kafka of the group", group,
			wr_config_item_place(c->findings, system_node(c), "group"),
			wr_config_item_place(c->findings, system_node(&other), "group"));
		return;
	}
}

static void check_kafka_sink(const struct bridge_check *c, const struct wr_config_subscription *of)
{
	if (of->order != WEIR_ORDER_PARTITION)
		refuse_at(c, c->item, "subscription",
			  "Kafka's positions are of partitions, and this one has another order",
			  "a subscription with order: partition");
	check_group(c);
}

static void check_rabbitmq_sink(const struct bridge_check *c,
				const struct wr_config_subscription *of)
{
	const struct wr_config_rabbitmq_sink *sink = &c->bridge->rabbitmq_sink;
	const struct wr_config_node *node = system_node(c);
	if (sink->options.confirm_timeout_ns >= of->session_timeout_ns &&
	    of->session_timeout_ns != 0 && sink->options.confirm_timeout_ns != 0)
		refuse_at(c, node, "confirm_timeout",
			  "a member that waits so long is taken for dead: session_timeout of the "
			  "subscription is not longer",
			  "a shorter confirm_timeout, or a longer session_timeout");
	if (sink->declare != 0 && sink->options.exchange == NULL)
		refuse_at(c, node, "declare", "the default exchange cannot be made",
			  "exchange: its name");
	if (of->gate == WEIR_LEVEL_MEMORY && has_journal(c))
		refuse_at(c, c->item, "subscription",
			  "with gate: memory two events can have the same message-id after a "
			  "power cut",
			  "gate: durable");
}

static void check_sink(const struct bridge_check *c)
{
	static const char *const of_sources[] = {"topic", "positions"};
	const struct wr_config_subscription *of = subscription_of(c);
	for (size_t i = 0; i < sizeof of_sources / sizeof of_sources[0]; i++)
		if (wr_config_child(c->item, of_sources[i]) != NULL)
			refuse_at(c, c->item, of_sources[i], "this is of bridges with from only",
				  "leave it out: events go out");
	if (wr_config_child(c->item, "subscription") == NULL) {
		struct weir_config_diagnostic *d =
			wr_config_error(c->findings, wr_config_node_place(c->findings, c->item),
					"a bridge with to has a subscription, whose events go out");
		wr_config_help(c->findings, d, "subscription: its name");
	}
	if (c->bridge->subscription != NULL && of == NULL)
		refuse_subscription(c);
	if (of == NULL)
		return;
	check_readers(c, of);
	check_no_circle(c, of);
	if (of->dead_letters != NULL && c->bridge->dead_letters != NULL)
		refuse_at(c, c->item, "dead_letters", "its subscription has some of its own",
			  "leave it out");
	if (c->bridge->to == WEIR_CONFIG_SYSTEM_KAFKA)
		check_kafka_sink(c, of);
	else
		check_rabbitmq_sink(c, of);
}

/* ---- in -------------------------------------------------------------------------------------- */

static void check_kafka_source(const struct bridge_check *c)
{
	const struct wr_config_topic *positions = topic_of(c, c->bridge->positions);
	if (wr_config_child(c->item, "positions") == NULL) {
		struct weir_config_diagnostic *d = wr_config_error(
			c->findings, wr_config_node_place(c->findings, c->item),
			"a bridge from Kafka has positions: a topic for how far it is");
		wr_config_help(c->findings, d,
			       "positions: NAME, and topics: [{name: NAME, versioned_keys: 1000}]");
	}
	if (positions != NULL && positions->versioned_keys == 0)
		refuse_at(c, c->item, "positions", "the keys of this topic have no versions",
			  "versioned_keys: 1000 of the topic, as many as Kafka has partitions");
	if (positions != NULL && is_same(c->bridge->positions, c->bridge->topic))
		refuse_at(c, c->item, "positions", "this is where its events go",
			  "a topic of their own");
	if (wr_config_child(c->item, "dead_letters") != NULL)
		refuse_at(c, c->item, "dead_letters", "a bridge from Kafka has none",
			  "skip_unusable: yes, or leave it out");
}

static void check_rabbitmq_source(const struct bridge_check *c)
{
	const struct wr_config_rabbitmq_source *source = &c->bridge->rabbitmq_source;
	const struct weir_rabbitmq_source_options *o = &source->options;
	const struct wr_config_topic *topic = topic_of(c, c->bridge->topic);
	const struct wr_config_node *node = system_node(c);
	if (wr_config_child(c->item, "positions") != NULL)
		refuse_at(c, c->item, "positions", "this is of bridges from Kafka only",
			  "leave it out");
	if (topic != NULL && topic->idempotency_keys == 0 && !o->no_dedup)
		refuse_at(c, c->item, "topic", "it has no window of idempotency keys",
			  "idempotency: {keys: 100_000} of the topic, or no_dedup: yes for events "
			  "that may come twice");
	if (c->bridge->dead_letters != NULL && is_same(c->bridge->dead_letters, c->bridge->topic))
		refuse_at(c, c->item, "dead_letters", "this is where its events go",
			  "a topic of their own");
	if (o->exchange != NULL && source->declare == 0)
		refuse_at(c, node, "exchange", "a queue is bound only where it is declared",
			  "declare: classic, or quorum");
	if (o->exchange == NULL && wr_config_child(node, "binding_key") != NULL)
		refuse_at(c, node, "binding_key", "this is of bindings only", "exchange: its name");
	if ((o->key == WEIR_RABBITMQ_KEY_HEADER) != (o->key_header != NULL))
		refuse_at(c, node, "key_header",
			  o->key_header != NULL ? "nobody looks at it"
						: "there is none, and key: header wants one",
			  o->key_header != NULL ? "key: header" : "key_header: its name");
}

static void check_source(const struct bridge_check *c)
{
	if (wr_config_child(c->item, "subscription") != NULL)
		refuse_at(c, c->item, "subscription", "this is of bridges with to only",
			  "leave it out: events come in");
	if (wr_config_child(c->item, "topic") == NULL) {
		struct weir_config_diagnostic *d =
			wr_config_error(c->findings, wr_config_node_place(c->findings, c->item),
					"a bridge with from has a topic, where its events go");
		wr_config_help(c->findings, d, "topic: a name from the file's topics");
	}
	check_topic(c, "topic", c->bridge->topic);
	check_topic(c, "positions", c->bridge->positions);
	if (c->bridge->from == WEIR_CONFIG_SYSTEM_KAFKA)
		check_kafka_source(c);
	else
		check_rabbitmq_source(c);
}

/* ---- what both have -------------------------------------------------------------------------- */

/* A property that is said twice, in one of the three maps each. */
static void check_properties(const struct bridge_check *c)
{
	static const char *const maps[] = {"properties", "property_files", "property_env"};
	const struct wr_config_node *node = system_node(c);
	for (size_t i = 1; i < sizeof maps / sizeof maps[0]; i++) {
		const struct wr_config_node *map = wr_config_child(node, maps[i]);
		bool is_map = map != NULL && map->kind == WR_NODE_MAP;
		const struct wr_config_node *entry = is_map ? map->first : NULL;
		for (; entry != NULL; entry = entry->next)
			for (size_t j = 0; j < i; j++) {
				const struct wr_config_node *other = wr_config_child(node, maps[j]);
				other = other != NULL ? wr_config_child(other, entry->key->text)
						      : NULL;
				if (other == NULL)
					continue;
				wr_config_refuse_second(c->findings, "property", entry->key->text,
							wr_config_key_place(c->findings, entry),
							wr_config_key_place(c->findings, other));
			}
	}
}

static void check_server(const struct bridge_check *c, const struct wr_config_rabbitmq *from)
{
	const struct wr_config_node *node = wr_config_child(system_node(c), "server");
	const struct weir_rabbitmq_server *s = &from->server;
	if (node == NULL)
		return;
	if ((from->password_file != NULL) + (from->password_env != NULL) + (s->password != NULL) >
	    1)
		refuse_at(c, node, from->password_env != NULL ? "password_env" : "password_file",
			  "the password is said twice", "leave one of them, and the others out");
	if (!s->tls && (s->ca_file != NULL || s->cert_file != NULL || s->key_file != NULL))
		refuse_at(c, node,
			  s->ca_file != NULL     ? "ca_file"
			  : s->cert_file != NULL ? "cert_file"
						 : "key_file",
			  "this is of tls only", "tls: yes");
	if (s->tls && s->ca_file == NULL && !s->no_verify)
		refuse_at(c, node, "tls", "nobody says who may have signed the certificate",
			  "ca_file: /etc/ssl/certs/ca-certificates.crt");
	if (s->tls && (s->cert_file == NULL) != (s->key_file == NULL))
		refuse_at(c, node, s->cert_file != NULL ? "cert_file" : "key_file",
			  "a certificate and its key go together",
			  s->cert_file != NULL ? "key_file: its path" : "cert_file: its path");
	if (s->external && (!s->tls || s->cert_file == NULL))
		refuse_at(c, node, "external", "nobody says which certificate it is",
			  "tls: yes, with cert_file and key_file");
	if (s->heartbeat_ns % 1000000000u != 0)
		refuse_at(c, node, "heartbeat", "AMQP has whole seconds", "heartbeat: 10s");
}

static void check_system(const struct bridge_check *c)
{
	const struct wr_config_bridge *b = c->bridge;
	if (b->to == WEIR_CONFIG_SYSTEM_RABBITMQ)
		check_server(c, &b->rabbitmq_sink.common);
	else if (b->from == WEIR_CONFIG_SYSTEM_RABBITMQ)
		check_server(c, &b->rabbitmq_source.common);
	else
		check_properties(c);
}

/* What lies in the journal's directory is taken for the journal's. */
static bool is_same_dir(const char *a, const char *b)
{
	size_t a_bytes = a != NULL ? strlen(a) : 0;
	size_t b_bytes = b != NULL ? strlen(b) : 0;
	while (a_bytes > 1 && a[a_bytes - 1] == '/')
		a_bytes--;
	while (b_bytes > 1 && b[b_bytes - 1] == '/')
		b_bytes--;
	return a_bytes > 0 && a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0;
}

static void check_bridge(const struct bridge_check *c)
{
	const struct wr_config_bridge *b = c->bridge;
	bool has_to = wr_config_child(c->item, "to") != NULL;
	bool has_from = wr_config_child(c->item, "from") != NULL;
	if (has_to == has_from) {
		struct weir_config_diagnostic *d = wr_config_error(
			c->findings, wr_config_node_place(c->findings, c->item),
			"a bridge has one of to and from%s", has_to ? ", not both" : "");
		wr_config_help(c->findings, d, "%s",
			       has_to ? "two bridges"
				      : "to: {kafka: {...}}, or from: {rabbitmq: {...}}");
		return;
	}
	check_topic(c, "dead_letters", b->dead_letters);
	if (b->retry_max_ns < b->retry_min_ns)
		refuse_at(c, c->item, "retry_max", "it is less than retry_min",
			  "as much as retry_min, or more");
	if (is_same_dir(b->state_dir, c->values->options.dir))
		refuse_at(c, c->item, "state_dir",
			  "this is the journal's, where only the journal's own files may be",
			  "another one, or leave it out");
	if (b->to != 0)
		check_sink(c);
	if (b->from != 0)
		check_source(c);
	if (b->to == 0 && b->from == 0)
		return; /* what is wrong with it was told */
	check_system(c);
	if (!has_journal(c)) {
		struct weir_config_diagnostic *d = wr_config_warning(
			c->findings, wr_config_key_place(c->findings, system_node(c)),
			"without a journal what was under way is lost with the process");
		wr_config_help(c->findings, d, "journal: {dir: ...}");
	}
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void check_names(struct wr_config_findings *findings, const struct wr_config_node *root,
			const struct wr_config_bridge *all, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++) {
		if (!is_same(all[i].name, all[index].name))
			continue;
		wr_config_refuse_second(
			findings, "bridge", all[i].name,
			wr_config_item_place(findings, wr_config_item_at(root, "bridges", index),
					     "name"),
			wr_config_item_place(findings, wr_config_item_at(root, "bridges", i),
					     "name"));
		return;
	}
}

static void check_limit(struct wr_config_findings *findings, const struct wr_config_node *root,
			const char *what, const char *limit, uint64_t count, uint64_t most)
{
	if (count <= most)
		return;
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_place_at(findings, root, "bridges"),
		"bridges: with what they take there are %llu %s, and limits.%s is %llu",
		(unsigned long long)count, what, limit, (unsigned long long)most);
	wr_config_help(findings, d, "limits: {%s: %llu}", limit, (unsigned long long)count);
}

static void check_stack(struct wr_config_findings *findings, const struct wr_config_node *root,
			const struct wr_config_values *values)
{
	const struct wr_config_bridge *all = values->bridges.items;
	bool any = false;
	for (uint32_t i = 0; i < values->bridges.count; i++)
		any |= all[i].to == WEIR_CONFIG_SYSTEM_RABBITMQ ||
		       all[i].from == WEIR_CONFIG_SYSTEM_RABBITMQ;
	if (!any || values->bridge.stack_bytes == 0 ||
	    values->bridge.stack_bytes >= STACK_OF_RABBITMQ)
		return;
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_place_at(findings, root, "threads.bridge.stack"),
		"threads.bridge.stack: a bridge to or from RabbitMQ needs 4 MiB");
	wr_config_help(findings, d, "stack: 4MiB, or leave it out");
}

/* Each sink is a member, each source a producer; positions have a subscription of their own. */
static void check_limits(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_config_values *values)
{
	const struct wr_config_bridge *all = values->bridges.items;
	const struct wr_config_subscription *subscriptions = values->subscriptions.items;
	uint64_t members = 0, producers = values->sources.count;
	uint64_t subscription_count = values->subscriptions.count;
	for (uint32_t i = 0; i < values->subscriptions.count; i++)
		if (wr_config_child(wr_config_item_at(root, "subscriptions", i), "sink") != NULL)
			members += subscriptions[i].members;
	for (uint32_t i = 0; i < values->bridges.count; i++) {
		members += all[i].to != 0;
		producers += all[i].from != 0;
		subscription_count += all[i].from == WEIR_CONFIG_SYSTEM_KAFKA;
	}
	members += values->traces_file != NULL; /* the exporter of spans */
	check_limit(findings, root, "members", "members", members, values->options.members_max);
	check_limit(findings, root, "producers", "producers", producers,
		    values->options.producers_max);
	check_limit(findings, root, "subscriptions", "subscriptions", subscription_count,
		    values->options.subscriptions_max);
}

void wr_config_check_bridges(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values)
{
	const struct wr_config_bridge *all = values->bridges.items;
	if (values->bridges.count == 0)
		return;
	for (uint32_t i = 0; i < values->bridges.count && !wr_config_is_full(findings); i++) {
		const struct bridge_check c = {.findings = findings,
					       .root = root,
					       .values = values,
					       .bridge = &all[i],
					       .item = wr_config_item_at(root, "bridges", i)};
		check_names(findings, root, all, i);
		if (!c.item->refused)
			check_bridge(&c);
	}
	check_limits(findings, root, values);
	check_stack(findings, root, values);
}
