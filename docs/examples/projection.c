/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A projection: balances of accounts, folded from the log, with snapshots. Run it again: it goes on
 * where its last snapshot stands, and still has each event once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

#define ACCOUNTS 100

struct balances {
	long balance[ACCOUNTS];
	uint64_t events;
};

static int load(void *context, const void *state, size_t state_bytes)
{
	struct balances *b = context;
	if (state != NULL && state_bytes != sizeof *b)
		return -1; // another form of it: an older snapshot is tried, then none
	if (state != NULL)
		memcpy(b, state, sizeof *b);
	else
		memset(b, 0, sizeof *b);
	return 0;
}

static int apply(void *context, const struct weir_item *item)
{
	struct balances *b = context;
	char amount[32] = "";
	uint32_t account = 0;
	if (item->kind != WEIR_ITEM_EVENT)
		return -1; // a gap: these balances would be wrong
	if (item->key_bytes == sizeof account)
		memcpy(&account, item->key, sizeof account);
	if (item->payload_bytes < sizeof amount)
		memcpy(amount, item->payload, item->payload_bytes);
	b->balance[account % ACCOUNTS] += strtol(amount, NULL, 10);
	b->events++;
	return 0;
}

static int save(void *context, const void **ret_state, size_t *ret_state_bytes)
{
	*ret_state = context;
	*ret_state_bytes = sizeof(struct balances);
	return 0;
}

static int publish(struct weir_pipeline *pipeline, uint32_t topic, uint32_t account, long amount)
{
	char text[32];
	int bytes = snprintf(text, sizeof text, "%ld", amount);
	struct weir_event event = {
		.topic = topic,
		.key = &account,
		.key_bytes = sizeof account,
		.payload = text,
		.payload_bytes = (size_t)bytes,
	};
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL);
}

/* Everything that there is, then a snapshot of it. */
static int follow(struct weir_projection *projection)
{
	int rc;
	do
		rc = weir_projection_step(projection, 10000000); // 10 ms without an event: all
	while (rc > 0);
	return rc == 0 ? weir_projection_snapshot(projection) : rc;
}

int main(int argc, char **argv)
{
	static struct balances b;
	static const char *const topics[] = {"accounts"};
	struct weir_options options;
	struct weir_topic_options topic_options;
	struct weir_projection_options projected;
	struct weir_projection_progress progress = {0};
	struct weir_pipeline *pipeline = NULL;
	struct weir_projection *projection = NULL;
	struct weir_problem why = {0};
	uint32_t topic = 0, served = 0;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "projection.journal";
	weir_topic_options_init(&topic_options);
	topic_options.name = topics[0];
	weir_projection_options_init(&projected);
	projected.name = "balances";
	projected.version = 1;
	projected.topics = topics;
	projected.topic_count = 1;
	projected.load = load;
	projected.apply = apply;
	projected.save = save;
	projected.context = &b;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topic_options, &topic, &why);
	if (rc == 0)
		rc = weir_projection_open(pipeline, &projected, &projection, &why);
	for (uint32_t i = 0; i < 20 && rc == 0; i++)
		rc = publish(pipeline, topic, i % 4, i % 4 == 3 ? -1 : 10);
	if (rc == 0)
		rc = follow(projection);
	if (rc == 0)
		rc = weir_projection_newest(pipeline, "balances", &served, &why);
	if (rc == 0) {
		weir_projection_progress(projection, &progress);
		printf("version %u has %llu events, %llu of them now; account 0 holds %ld\n",
		       served, (unsigned long long)b.events, (unsigned long long)progress.events,
		       b.balance[0]);
	} else {
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	}
	bool as_expected = rc == 0 && served == 1 && b.events % 20 == 0 &&
			   b.balance[0] == (long)(b.events / 20 * 50);
	weir_projection_close(projection);
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && as_expected ? 0 : 1;
}
