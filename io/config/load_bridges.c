/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges as weir/config.h shows them: the drivers' own options, to which the values have what the
 * table cannot put there. No function of a driver's is called: who links this library alone has
 * neither librdkafka nor librabbitmq.
 */
#include <stdio.h>
#include <string.h>

#include "io/config/config.h"

/* The values stay as they were read: they are explained. */
static void *copy_of(struct weir_config *config, const void *from, size_t bytes)
{
	void *copy = wr_config_alloc(&config->arena, bytes);
	if (copy != NULL)
		memcpy(copy, from, bytes);
	return copy;
}

/* Of a map of properties. */
static void put_secrets(const struct wr_config_list *from, bool are_files,
			struct weir_config_secret *secrets, uint32_t *count)
{
	const struct wr_config_pair *pairs = from->items;
	for (uint32_t i = 0; i < from->count; i++)
		secrets[(*count)++] = (struct weir_config_secret){
			.name = pairs[i].name,
			.file = are_files ? pairs[i].text : NULL,
			.env = are_files ? NULL : pairs[i].text,
		};
}

static bool make_kafka(struct weir_config *config, const struct wr_config_kafka *from,
		       struct weir_config_bridge *to,
		       const struct weir_kafka_property **ret_properties)
{
	const struct wr_config_pair *pairs = from->properties.items;
	uint32_t secret_count = from->property_files.count + from->property_env.count;
	struct weir_kafka_property *properties =
		wr_config_alloc(&config->arena, from->properties.count * sizeof *properties);
	struct weir_config_secret *secrets =
		wr_config_alloc(&config->arena, secret_count * sizeof *secrets);
	if (properties == NULL || secrets == NULL)
		return false;
	for (uint32_t i = 0; i < from->properties.count; i++)
		properties[i] =
			(struct weir_kafka_property){.name = pairs[i].name, .value = pairs[i].text};
	*ret_properties = properties;
	put_secrets(&from->property_files, true, secrets, &to->secret_count);
	put_secrets(&from->property_env, false, secrets, &to->secret_count);
	to->secrets = secrets;
	return true;
}

static bool make_rabbitmq(struct weir_config *config, const struct wr_config_rabbitmq *from,
			  struct weir_config_bridge *to, struct weir_rabbitmq_server *ret_server)
{
	struct weir_config_secret *secret = wr_config_alloc(&config->arena, sizeof *secret);
	if (secret == NULL)
		return false;
	*secret = (struct weir_config_secret){
		.name = "password", .file = from->password_file, .env = from->password_env};
	to->secrets = secret;
	to->secret_count = secret->file != NULL || secret->env != NULL;
	*ret_server = from->server;
	if (ret_server->password == NULL)
		ret_server->password = "guest";
	return true;
}

static bool make_sink(struct weir_config *config, const struct wr_config_bridge *from,
		      struct weir_config_bridge *to)
{
	static const char *const exchanges[] = {NULL, "direct", "topic", "fanout", "headers"};
	to->direction = WEIR_BRIDGE_SINK;
	to->system = (enum weir_config_system)from->to;
	if (from->to == WEIR_CONFIG_SYSTEM_KAFKA) {
		struct weir_kafka_sink_options *o =
			copy_of(config, &from->kafka_sink.options, sizeof *o);
		if (o == NULL)
			return false;
		o->struct_bytes = sizeof *o;
		o->property_count = from->kafka_sink.common.properties.count;
		to->kafka_sink = o;
		return make_kafka(config, &from->kafka_sink.common, to, &o->properties);
	}
	struct weir_rabbitmq_sink_options *o =
		copy_of(config, &from->rabbitmq_sink.options, sizeof *o);
	if (o == NULL)
		return false;
	o->struct_bytes = sizeof *o;
	o->declare = exchanges[from->rabbitmq_sink.declare];
	o->exchange = o->exchange != NULL ? o->exchange : "";
	to->rabbitmq_sink = o;
	return make_rabbitmq(config, &from->rabbitmq_sink.common, to, &o->server);
}

static bool make_source(struct weir_config *config, const struct wr_config_bridge *from,
			struct weir_config_bridge *to)
{
	static const char *const queues[] = {NULL, "classic", "quorum"};
	to->direction = WEIR_BRIDGE_SOURCE;
	to->system = (enum weir_config_system)from->from;
	if (from->from == WEIR_CONFIG_SYSTEM_KAFKA) {
		struct weir_kafka_source_options *o =
			copy_of(config, &from->kafka_source.options, sizeof *o);
		if (o == NULL)
			return false;
		o->struct_bytes = sizeof *o;
		o->topics = from->kafka_source.topics.items;
		o->topic_count = from->kafka_source.topics.count;
		o->topic = UINT32_MAX;
		o->property_count = from->kafka_source.common.properties.count;
		to->kafka_source = o;
		return make_kafka(config, &from->kafka_source.common, to, &o->properties);
	}
	struct weir_rabbitmq_source_options *o =
		copy_of(config, &from->rabbitmq_source.options, sizeof *o);
	if (o == NULL)
		return false;
	o->struct_bytes = sizeof *o;
	o->declare = queues[from->rabbitmq_source.declare];
	o->topic = UINT32_MAX;
	o->dead_letters = UINT32_MAX;
	to->rabbitmq_source = o;
	return make_rabbitmq(config, &from->rabbitmq_source.common, to, &o->server);
}

/* Beside the journal, not in it: what lies there is taken for the journal's own. */
static bool find_state_dir(struct weir_config *config, const struct wr_config_bridge *from,
			   struct weir_config_bridge *to)
{
	const char *journal = config->values.options.dir;
	size_t bytes = journal != NULL ? strlen(journal) : 0;
	to->state_dir = from->state_dir;
	if (from->state_dir != NULL || bytes == 0)
		return true;
	while (bytes > 1 && journal[bytes - 1] == '/')
		bytes--;
	char *dir = wr_config_alloc(&config->arena, bytes + sizeof ".bridges");
	if (dir == NULL)
		return false;
	(void)snprintf(dir, bytes + sizeof ".bridges", "%.*s.bridges", (int)bytes, journal);
	to->state_dir = dir;
	return true;
}

bool wr_config_make_bridges(struct weir_config *config)
{
	const struct wr_config_bridge *from = config->values.bridges.items;
	uint32_t count = config->values.bridges.count;
	config->bridges = wr_config_alloc(&config->arena, count * sizeof *config->bridges);
	if (config->bridges == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct weir_config_bridge *to = &config->bridges[i];
		*to = (struct weir_config_bridge){
			.name = from[i].name,
			.subscription = from[i].subscription,
			.topic = from[i].topic,
			.dead_letters = from[i].dead_letters,
			.positions = from[i].positions,
			.retry_min_ns = from[i].retry_min_ns,
			.retry_max_ns = from[i].retry_max_ns,
			.drain_ns = from[i].drain_ns,
		};
		if (from[i].to == 0 && from[i].from == 0)
			continue; /* that was told */
		if (!find_state_dir(config, &from[i], to) ||
		    !(from[i].to != 0 ? make_sink(config, &from[i], to)
				      : make_source(config, &from[i], to)))
			return false;
	}
	return true;
}
