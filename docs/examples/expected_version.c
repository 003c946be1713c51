/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account whose balance must not go below zero, whoever withdraws from it at the same time: who
 * withdraws has seen all that came before, or is told that it has not. What was seen is a version
 * of the account's key; what is written expects that version.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

static int make_topic(struct weir_pipeline *pipeline, uint32_t *ret_topic, struct weir_problem *why)
{
	struct weir_topic_options options;
	weir_topic_options_init(&options);
	options.name = "accounts";
	options.versioned_keys = 100000;
	return weir_topic_create(pipeline, &options, ret_topic, why);
}

/* By somebody who has seen the account up to `version`. */
static int append(struct weir_pipeline *pipeline, uint32_t topic, const char *account,
		  uint64_t version, const char *what)
{
	struct weir_event event = {
		.topic = topic,
		.key = account,
		.key_bytes = strlen(account),
		.payload = what,
		.payload_bytes = strlen(what),
		.expected_version = version == 0 ? WEIR_VERSION_NONE : version,
	};
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DEFAULT, WEIR_FOREVER, NULL);
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {0};
	uint32_t topic, version = 0;
	int late = 0;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : NULL;
	options.versioned_keys_max = 100000; // 8 MB of memory
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = make_topic(pipeline, &topic, &why);
	if (rc == 0)
		rc = append(pipeline, topic, "acc-7", 0, "opened, 20.00");
	/* Two tellers have seen the same account. */
	if (rc == 0)
		rc = append(pipeline, topic, "acc-7", 1, "withdrawn, 15.00");
	if (rc == 0)
		late = append(pipeline, topic, "acc-7", 1, "withdrawn, 10.00");
	if (rc == 0)
		rc = weir_key_version(pipeline, topic, "acc-7", strlen("acc-7"), &version, NULL);
	if (rc == 0)
		printf("the second teller: %s; the account has version %u\n", weir_strerror(late),
		       version);
	else
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	bool as_expected = rc == 0 && late == WEIR_E_CONFLICT && version == 2;
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && as_expected ? 0 : 1;
}
