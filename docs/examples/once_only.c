/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payment that must not be booked twice, whatever its sender does: the sender's own id of it is
 * the idempotency key, and the topic remembers the keys of the last million events for a day. A
 * repeat is refused, and told where the first one stands.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

#define DAY_NS (24ull * 3600 * 1000000000)

static int make_topic(struct weir_pipeline *pipeline, uint32_t *ret_topic,
		      struct weir_problem *why)
{
	struct weir_topic_options options;
	weir_topic_options_init(&options);
	options.name = "payments";
	options.idempotency_keys = 1000000;
	options.idempotency_span_ns = DAY_NS;
	return weir_topic_create(pipeline, &options, ret_topic, why);
}

/* May be called again with the same id, by anybody, after a restart too: 0, and where it stands. */
static int book(struct weir_pipeline *pipeline, uint32_t topic, const char *id, const char *amount,
		struct weir_pos *ret_pos)
{
	const struct weir_ids ids = {
		.idempotency_key = id,
		.idempotency_key_bytes = (uint16_t)strlen(id),
	};
	struct weir_event event = {
		.topic = topic,
		.payload = amount,
		.payload_bytes = strlen(amount),
		.ids = &ids,
	};
	int rc = weir_publish_once(pipeline, &event, WEIR_LEVEL_DEFAULT, WEIR_FOREVER, ret_pos);
	return rc == WEIR_E_DUPLICATE ? 0 : rc; // it is booked: that is what was asked for
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {0};
	struct weir_pos first = {0}, again = {0};
	uint32_t topic;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : NULL;
	options.idempotency_keys_max = 1000000; // 40 MB of memory
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = make_topic(pipeline, &topic, &why);
	if (rc == 0)
		rc = book(pipeline, topic, "pay-2026-0042", "12.50", &first);
	if (rc == 0)
		rc = book(pipeline, topic, "pay-2026-0042", "12.50", &again);
	if (rc == 0)
		printf("booked once, at %llu\n", (unsigned long long)again.sequence);
	else
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	bool same = rc == 0 && first.sequence == again.sequence;
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && same ? 0 : 1;
}
