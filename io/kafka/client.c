/* SPDX-License-Identifier: Apache-2.0 */
/* See client.h. */
#include "io/kafka/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_SLICES 20u
#define SECOND_NS 1000000000ull
/* Longer than a broker needs that begins to listen while others of its names are refused. */
#define NOBODY_NS (3 * SECOND_NS)

uint64_t wr_kafka_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* ---- properties ------------------------------------------------------------------------------ */

int wr_kafka_refuse(struct weir_problem *problem, const char *field, const char *text)
{
	if (problem == NULL)
		return -EINVAL;
	*problem = (struct weir_problem){.code = -EINVAL};
	(void)snprintf(problem->field, sizeof problem->field, "%s", field);
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	return -EINVAL;
}

static int refuse(struct weir_problem *problem, const char *name, const char *why)
{
	char field[sizeof problem->field];
	(void)snprintf(field, sizeof field, "properties.%.36s", name);
	return wr_kafka_refuse(problem, field, why);
}

static int check_name(const struct weir_kafka_property *p, const char *const *own,
		      struct weir_problem *problem)
{
	if (p->name == NULL || p->value == NULL || p->name[0] == '\0')
		return refuse(problem, "?", "a property has a name and a value");
	for (const char *const *name = own; *name != NULL; name++)
		if (strcmp(*name, p->name) == 0)
			return refuse(problem, p->name,
				      "this one is the bridge's: exactly once hangs on it");
	return 0;
}

int wr_kafka_properties_copy(const struct weir_kafka_property *from, uint32_t count,
			     const char *const *own, struct wr_kafka_properties *to,
			     struct weir_problem *problem)
{
	size_t bytes = (count + 1) * sizeof *to->items;
	bool has_servers = false;
	for (uint32_t i = 0; i < count; i++) {
		if (check_name(&from[i], own, problem) < 0)
			return -EINVAL;
		has_servers |= strcmp(from[i].name, "bootstrap.servers") == 0 ||
			       strcmp(from[i].name, "metadata.broker.list") == 0 ||
			       strcmp(from[i].name, "test.mock.num.brokers") == 0;
		bytes += strlen(from[i].name) + strlen(from[i].value) + 2;
	}
	if (!has_servers)
		return refuse(problem, "bootstrap.servers", "missing: HOST:PORT, ...");
	to->items = malloc(bytes);
	if (to->items == NULL)
		return -ENOMEM;
	to->count = count;
	char *at = (char *)(to->items + count + 1);
	for (uint32_t i = 0; i < count; i++) {
		size_t name_bytes = strlen(from[i].name) + 1;
		size_t value_bytes = strlen(from[i].value) + 1;
		memcpy(at, from[i].name, name_bytes);
		memcpy(at + name_bytes, from[i].value, value_bytes);
		to->items[i] = (struct weir_kafka_property){.name = at, .value = at + name_bytes};
		at += name_bytes + value_bytes;
	}
	return 0;
}

void wr_kafka_properties_free(struct wr_kafka_properties *properties)
{
	free(properties->items);
	*properties = (struct wr_kafka_properties){0};
}

int wr_kafka_properties_try(const struct wr_kafka_properties *properties,
			    struct weir_problem *problem)
{
	char text[256] = "";
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int rc = 0;
	for (uint32_t i = 0; i < properties->count && rc == 0; i++) {
		const struct weir_kafka_property *p = &properties->items[i];
		rd_kafka_conf_res_t result =
			rd_kafka_conf_set(conf, p->name, p->value, text, sizeof text);
		/* What it says of a value may have the value in it. */
		if (result == RD_KAFKA_CONF_UNKNOWN)
			rc = refuse(problem, p->name, "librdkafka has no such property");
		else if (result != RD_KAFKA_CONF_OK)
			rc = refuse(problem, p->name,
				    "librdkafka does not take this value for it, or was built "
				    "without what it needs");
	}
	rd_kafka_conf_destroy(conf);
	return rc;
}

/* ---- a client -------------------------------------------------------------------------------- */

static bool needs_a_person(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
	       code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM ||
	       code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

/* The first answer of a broker says which cluster it is of. */
static bool has_answered(rd_kafka_t *rk)
{
	char *cluster = rd_kafka_clusterid(rk, 0);
	if (cluster == NULL)
		return false;
	rd_kafka_mem_free(rk, cluster);
	return true;
}

/* Where no answer was Kafka's ever, the size that librdkafka reads is the text of something else,
 * and a larger limit, its advice, mends nothing. */
static void mend_advice(rd_kafka_t *rk, char text[WR_KAFKA_ERROR_BYTES])
{
	char *advice = strstr(text, ": increase receive.message.max.bytes");
	if (advice == NULL || has_answered(rk))
		return;
	(void)snprintf(advice, WR_KAFKA_ERROR_BYTES - (size_t)(advice - text),
		       ": what answers there does not speak Kafka, or expects TLS");
}

/* From rd_kafka_poll() and the like: on the bridge's thread. */
static void take_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct wr_kafka_client *client = opaque;
	bool person = needs_a_person((rd_kafka_resp_err_t)code);
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->down_ns == 0)
		client->down_ns = wr_kafka_now_ns();
	/* "All brokers are down" follows a refusal, too, and says less than what came before. */
	if ((client->is_refused && !person) ||
	    (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->last_error[0] != '\0'))
		return;
	client->last_code = (rd_kafka_resp_err_t)code;
	client->is_refused |= person;
	client->is_news = true;
	(void)snprintf(client->last_error, sizeof client->last_error, "%s", reason);
	mend_advice(rk, client->last_error);
}

static void drop_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)text;
}

rd_kafka_conf_t *wr_kafka_conf_make(const struct wr_kafka_properties *properties,
				    const char *const *own, struct wr_kafka_client *client)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool good = true;
	for (uint32_t i = 0; i < properties->count && good; i++)
		good = rd_kafka_conf_set(conf, properties->items[i].name,
					 properties->items[i].value, NULL, 0) == RD_KAFKA_CONF_OK;
	for (; own[0] != NULL && good; own += 2)
		good = rd_kafka_conf_set(conf, own[0], own[1], NULL, 0) == RD_KAFKA_CONF_OK;
	if (!good) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_error_cb(conf, take_error);
	rd_kafka_conf_set_log_cb(conf, drop_log);
	return conf;
}

int wr_kafka_client_make(struct wr_kafka_client *client, rd_kafka_type_t type,
			 rd_kafka_conf_t *conf, struct weir_bridge *bridge)
{
	char text[WR_KAFKA_ERROR_BYTES] = "";
	client->last_code = RD_KAFKA_RESP_ERR_NO_ERROR;
	client->last_error[0] = '\0';
	client->is_refused = client->is_news = client->is_committing = false;
	client->down_ns = 0;
	client->made_ns = wr_kafka_now_ns();
	if (conf == NULL)
		return weir_bridge_failed(bridge, "librdkafka refuses a property that goes with "
						  "exactly once: it is too old (2.0 is needed)");
	client->rk = rd_kafka_new(type, conf, text, sizeof text);
	if (client->rk != NULL)
		return 0;
	rd_kafka_conf_destroy(conf);
	return weir_bridge_failed(bridge, "librdkafka: %s", text);
}

/* ---- what went wrong ------------------------------------------------------------------------- */

int wr_kafka_fault_code(struct weir_bridge *bridge, const struct wr_kafka_client *client,
			const char *doing, rd_kafka_resp_err_t code)
{
	const char *why = rd_kafka_err2str(code);
	if (needs_a_person(code) || client->is_refused)
		return weir_bridge_failed(bridge, "%s: %s%s%s", doing, why,
					  client->last_error[0] != '\0' ? ": " : "",
					  client->last_error);
	return weir_bridge_lost(bridge, "%s: %s%s%s", doing, why,
				client->last_error[0] != '\0' ? ": " : "", client->last_error);
}

int wr_kafka_fault(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		   const char *doing, rd_kafka_error_t *error)
{
	bool person = needs_a_person(rd_kafka_error_code(error)) || client->is_refused;
	const char *why = rd_kafka_error_string(error);
	int rc = person ? weir_bridge_failed(bridge, "%s: %s", doing, why)
			: weir_bridge_lost(bridge, "%s: %s", doing, why);
	rd_kafka_error_destroy(error);
	return rc;
}

int wr_kafka_no_answer(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		       const char *doing)
{
	const char *why =
		client->last_error[0] != '\0' ? client->last_error : "no broker has answered";
	return client->is_refused ? weir_bridge_failed(bridge, "%s: %s", doing, why)
				  : weir_bridge_lost(bridge, "%s: %s", doing, why);
}

static bool is_silent(const struct wr_kafka_client *client)
{
	return wr_kafka_now_ns() - client->made_ns >= NOBODY_NS && !has_answered(client->rk);
}

void wr_kafka_note(struct weir_bridge *bridge, struct wr_kafka_client *client)
{
	if (client->is_news)
		weir_bridge_note(bridge, client->last_error);
	else if (client->last_error[0] == '\0' && is_silent(client))
		weir_bridge_note(bridge, "no broker has answered yet");
	client->is_news = false;
}

bool wr_kafka_may_ask(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		      uint32_t asked)
{
	bool is_nobody_there = client->down_ns != 0 && is_silent(client);
	return !client->is_refused && !is_nobody_there &&
	       (asked == 0 || !weir_bridge_is_stopping(bridge));
}

int wr_kafka_check(struct weir_bridge *bridge, struct wr_kafka_client *client)
{
	const struct rd_kafka_metadata *metadata = NULL;
	if (client->is_refused)
		return wr_kafka_no_answer(bridge, client, "the connection");
	if (client->down_ns == 0)
		return 0;
	if (rd_kafka_metadata(client->rk, 0, NULL, &metadata, WR_KAFKA_SLICE_MS) !=
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		return wr_kafka_now_ns() - client->down_ns < NOBODY_NS
			       ? 0
			       : wr_kafka_no_answer(bridge, client, "the connection");
	rd_kafka_metadata_destroy(metadata);
	client->down_ns = 0;
	client->last_error[0] = '\0';
	client->is_news = false;
	return 0;
}

static bool is_no_answer(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

int wr_kafka_partitions(struct weir_bridge *bridge, struct wr_kafka_client *client,
			const char *topic, uint32_t *ret_count)
{
	const struct rd_kafka_metadata *metadata = NULL;
	char doing[300];
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client->rk, topic, NULL);
	(void)snprintf(doing, sizeof doing, "Kafka's topic %.249s", topic);
	if (handle == NULL)
		return weir_bridge_failed(bridge, "%s: %s", doing,
					  rd_kafka_err2str(rd_kafka_last_error()));
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	for (uint32_t i = 0;
	     i < ANSWER_SLICES && is_no_answer(code) && wr_kafka_may_ask(bridge, client, i); i++) {
		code = rd_kafka_metadata(client->rk, 0, handle, &metadata, WR_KAFKA_SLICE_MS);
		(void)rd_kafka_poll(client->rk, 0);
		wr_kafka_note(bridge, client);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1)
		code = metadata->topics[0].err;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR &&
	    (metadata->topic_cnt != 1 || metadata->topics[0].partition_cnt <= 0))
		code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		*ret_count = (uint32_t)metadata->topics[0].partition_cnt;
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		       ? 0
		       : wr_kafka_fault_code(bridge, client, doing, code);
}
