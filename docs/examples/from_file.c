/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline from a config file: its topics and subscriptions are there when it is open. */
#include <stdio.h>
#include <weir.h>
#include <weir/config.h>

static void say(void *context, const struct weir_log_line *line)
{
	(void)context;
	fprintf(stderr, "weir: %s\n", line->message);
}

static struct weir_pipeline *open_from(const char *path)
{
	struct weir_config *config;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why;
	static char report[16384];

	int rc = weir_config_load(path, 0, &config, &why);
	if (rc < 0) {
		fprintf(stderr, "%s\n", why.text);
		return NULL;
	}
	if (rc > 0) {
		weir_config_report(config, report, sizeof report);
		fprintf(stderr, "%s%d errors; nothing was started\n", report, rc);
	} else {
		/* What a file cannot say is the program's: here, whom to tell. */
		struct weir_options options = *weir_config_options(config);
		options.log_fn = say;
		if (weir_config_open(config, &options, &pipeline, &why) != 0)
			fprintf(stderr, "%s\n", why.text);
	}
	weir_config_destroy(config);
	return pipeline;
}

int main(int argc, char **argv)
{
	struct weir_pipeline *pipeline = open_from(argc > 1 ? argv[1] : "orders.yaml");
	struct weir_producer *producer;
	struct weir_event event = {
		.key = "eve", .key_bytes = 3, .payload = "buy", .payload_bytes = 3};
	uint64_t ticket;

	if (pipeline == NULL)
		return 1;
	bool good = weir_topic_find(pipeline, "orders", &event.topic) == 0 &&
		    weir_producer_open(pipeline, NULL, &producer, NULL) == 0 &&
		    weir_publish(producer, &event, &ticket) == 0 &&
		    weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0;
	printf("%s\n", good ? "durable" : "failed");
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
