/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's program, by an installed libweir-config: a pipeline from a text, with a place of its
 * threads, its topic and an event that becomes durable.
 *
 * usage: app_config DIR
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>
#include <weir/config.h>

static int publish(struct weir_pipeline *pipeline, struct weir_problem *why)
{
	struct weir_event event = {.payload = "hello", .payload_bytes = 5};
	struct weir_producer *producer;
	uint64_t ticket = 0;
	int rc = weir_topic_find(pipeline, "greetings", &event.topic);
	if (rc == 0)
		rc = weir_producer_open(pipeline, NULL, &producer, why);
	if (rc == 0)
		rc = weir_publish(producer, &event, &ticket);
	return rc == 0 ? weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) : rc;
}

int main(int argc, char **argv)
{
	struct weir_problem why = {.text = ""};
	struct weir_config *config;
	struct weir_pipeline *pipeline;
	char text[4096];
	if (argc != 2)
		return 2;
	int length = snprintf(text, sizeof text,
			      "journal: {dir: \"%s\", segment: 4MiB}\n"
			      "threads: {log: {cpus: \"+0\"}}\n"
			      "topics: [{name: greetings}]\n",
			      argv[1]);
	int rc = weir_config_parse("app.yaml", text, (size_t)length, 0, &config, &why);
	if (rc == 0)
		rc = weir_config_open(config, NULL, &pipeline, &why);
	if (rc == 0) {
		rc = publish(pipeline, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
		weir_config_destroy(config);
	}
	if (rc != 0) {
		fprintf(stderr, "weir: %d (%s)\n", rc, why.text);
		return 1;
	}
	printf("weir %s works from a file\n", weir_version());
	return strcmp(weir_version(), WANTED_VERSION) == 0 ? 0 : 1;
}
