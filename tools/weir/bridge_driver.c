/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge_driver.h. */
#include "tools/weir/bridge_driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/bridge_secret.h"

const char *bridge_driver_system(enum weir_config_system system)
{
	return system == WEIR_CONFIG_SYSTEM_KAFKA ? "kafka" : "rabbitmq";
}

bool bridge_driver_is_built(enum weir_config_system system)
{
	switch (system) {
	case WEIR_CONFIG_SYSTEM_KAFKA:
#ifdef WR_HAVE_KAFKA
		return true;
#else
		return false;
#endif
	case WEIR_CONFIG_SYSTEM_RABBITMQ:
#ifdef WR_HAVE_RABBITMQ
		return true;
#else
		return false;
#endif
	}
	return false;
}

static int refuse_missing(enum weir_config_system system, struct bridge_driver_fault *fault)
{
	bool is_kafka = system == WEIR_CONFIG_SYSTEM_KAFKA;
	*fault = (struct bridge_driver_fault){.code = -ENOSYS, .is_missing = true};
	(void)snprintf(fault->text, sizeof fault->text,
		       "this weir was built without %s: it needs lib%s, which is made where %s is",
		       is_kafka ? "Kafka" : "RabbitMQ", is_kafka ? "weir-kafka" : "weir-rabbitmq",
		       is_kafka ? "librdkafka-dev" : "librabbitmq-dev");
	return fault->code;
}

#if defined(WR_HAVE_KAFKA) || defined(WR_HAVE_RABBITMQ)

static int take(const struct weir_problem *problem, int code, struct bridge_driver_fault *fault)
{
	*fault = (struct bridge_driver_fault){.code = code};
	(void)snprintf(fault->field, sizeof fault->field, "%s", problem->field);
	(void)snprintf(fault->text, sizeof fault->text, "%s",
		       problem->text[0] != '\0' ? problem->text : weir_strerror(code));
	return code;
}

/* The value, NULL where secrets are left out, or the fault. */
static int read_secret(const struct bridge_driver_of *of, const struct weir_config_secret *secret,
		       const char *field, char **ret_value, struct bridge_driver_fault *fault)
{
	char why[BRIDGE_SECRET_WHY_BYTES];
	*ret_value = NULL;
	if (of->without_secrets)
		return 0;
	*ret_value = bridge_secret_read(secret, why);
	if (*ret_value != NULL)
		return 0;
	*fault = (struct bridge_driver_fault){.code = -EINVAL};
	(void)snprintf(fault->field, sizeof fault->field, "%s%.50s", field, secret->name);
	(void)snprintf(fault->text, sizeof fault->text, "%s", why);
	return fault->code;
}

#endif

/* ---- Kafka ----------------------------------------------------------------------------------- */

#ifdef WR_HAVE_KAFKA

/* Those of the file and, behind them, those that are secret. */
struct properties {
	struct weir_kafka_property *items;
	uint32_t count;
	uint32_t clear_count;
};

static void free_properties(struct properties *p)
{
	for (uint32_t i = p->clear_count; i < p->count; i++) {
		union {
			const char *lent;
			char *own;
		} value = {.lent = p->items[i].value};
		bridge_secret_free(value.own);
	}
	free(p->items);
}

static bool names_brokers(const char *name)
{
	return strcmp(name, "bootstrap.servers") == 0 ||
	       strcmp(name, "metadata.broker.list") == 0 ||
	       strcmp(name, "test.mock.num.brokers") == 0;
}

static int make_properties(const struct bridge_driver_of *of,
			   const struct weir_kafka_property *clear, uint32_t clear_count,
			   struct properties *p, struct bridge_driver_fault *fault)
{
	const struct weir_config_bridge *from = of->config;
	*p = (struct properties){0};
	p->items = calloc(clear_count + from->secret_count + 1, sizeof *p->items);
	if (p->items == NULL)
		return take(&(struct weir_problem){0}, -ENOMEM, fault);
	/* Plugins are code, which a look at a file is not to run. */
	for (uint32_t i = 0; i < clear_count; i++)
		if (!of->without_secrets || strcmp(clear[i].name, "plugin.library.paths") != 0)
			p->items[p->count++] = clear[i];
	p->clear_count = p->count;
	for (uint32_t i = 0; i < from->secret_count; i++) {
		char *value;
		int rc = read_secret(of, &from->secrets[i], "properties.", &value, fault);
		if (rc < 0)
			return rc;
		/* That there is one decides; which it is, is seen when it runs. */
		if (of->without_secrets && names_brokers(from->secrets[i].name))
			value = strdup("1");
		if (value != NULL)
			p->items[p->count++] = (struct weir_kafka_property){
				.name = from->secrets[i].name, .value = value};
	}
	return 0;
}

static int make_kafka(const struct bridge_driver_of *of, struct weir_bridge_options *options,
		      struct bridge_driver_fault *fault)
{
	const struct weir_config_bridge *from = of->config;
	struct weir_problem problem = {0};
	struct properties p;
	bool is_sink = from->direction == WEIR_BRIDGE_SINK;
	int rc = make_properties(
		of, is_sink ? from->kafka_sink->properties : from->kafka_source->properties,
		is_sink ? from->kafka_sink->property_count : from->kafka_source->property_count, &p,
		fault);
	if (rc == 0 && is_sink) {
		struct weir_kafka_sink_options sink = *from->kafka_sink;
		sink.properties = p.items;
		sink.property_count = p.count;
		rc = weir_kafka_sink_create(&sink, options, &problem);
	} else if (rc == 0) {
		struct weir_kafka_source_options source = *from->kafka_source;
		source.properties = p.items;
		source.property_count = p.count;
		source.topic = of->topic;
		rc = weir_kafka_source_create(&source, options, &problem);
	}
	if (rc < 0 && (problem.code != 0 || rc == -ENOMEM))
		(void)take(&problem, rc, fault);
	free_properties(&p);
	return rc;
}

#endif

/* ---- RabbitMQ -------------------------------------------------------------------------------- */

#ifdef WR_HAVE_RABBITMQ

static int make_rabbitmq(const struct bridge_driver_of *of, struct weir_bridge_options *options,
			 struct bridge_driver_fault *fault)
{
	const struct weir_config_bridge *from = of->config;
	struct weir_problem problem = {0};
	struct weir_rabbitmq *driver = NULL;
	char *password = NULL;
	if (from->secret_count > 0) {
		int rc = read_secret(of, &from->secrets[0], "server.", &password, fault);
		if (rc < 0)
			return rc;
	}
	int rc;
	if (from->direction == WEIR_BRIDGE_SINK) {
		struct weir_rabbitmq_sink_options sink = *from->rabbitmq_sink;
		if (password != NULL)
			sink.server.password = password;
		rc = weir_rabbitmq_sink_create(&sink, &driver, &problem);
	} else {
		struct weir_rabbitmq_source_options source = *from->rabbitmq_source;
		if (password != NULL)
			source.server.password = password;
		source.topic = of->topic;
		source.dead_letters = of->dead_letters;
		rc = weir_rabbitmq_source_create(&source, &driver, &problem);
	}
	bridge_secret_free(password);
	if (rc < 0)
		return take(&problem, rc, fault);
	options->direction = from->direction;
	options->ops = weir_rabbitmq_ops();
	options->self = driver;
	return 0;
}

#endif

/* ---- both ------------------------------------------------------------------------------------ */

int bridge_driver_make(const struct bridge_driver_of *of, struct weir_bridge_options *options,
		       struct bridge_driver_fault *fault)
{
	switch (of->config->system) {
	case WEIR_CONFIG_SYSTEM_KAFKA:
#ifdef WR_HAVE_KAFKA
		return make_kafka(of, options, fault);
#else
		(void)options;
		break;
#endif
	case WEIR_CONFIG_SYSTEM_RABBITMQ:
#ifdef WR_HAVE_RABBITMQ
		return make_rabbitmq(of, options, fault);
#else
		(void)options;
		break;
#endif
	}
	return refuse_missing(of->config->system, fault);
}

void bridge_driver_destroy(struct weir_bridge_options *options)
{
	if (options->ops != NULL && options->ops->destroy != NULL)
		options->ops->destroy(options->self);
	options->ops = NULL;
	options->self = NULL;
}
