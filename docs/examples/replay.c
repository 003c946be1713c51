/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading again: what an account holds now, and what it held after its second event, from the
 * events of its key alone; without a group, and with everything marked as a replay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

static int append(struct weir_pipeline *pipeline, uint32_t topic, const char *account,
		  const char *amount, struct weir_pos *ret_pos)
{
	struct weir_event event = {
		.topic = topic,
		.key = account,
		.key_bytes = strlen(account),
		.payload = amount,
		.payload_bytes = strlen(amount),
	};
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, ret_pos);
}

/* The fold: it has no side effect, so whether an event is replayed does not matter to it. */
static void apply(long *balance, const struct weir_item *item)
{
	char amount[32] = "";
	if (item->payload_bytes < sizeof amount)
		memcpy(amount, item->payload, item->payload_bytes);
	*balance += strtol(amount, NULL, 10);
	if ((item->flags & WEIR_ITEM_REPLAY) == 0)
		puts("a mail to the customer"); // not again for what was told long ago
}

/* The balance as it was in front of `end_sequence`: from the events of this account only. */
static int balance_at(struct weir_pipeline *pipeline, uint32_t topic, const char *account,
		      uint64_t end_sequence, long *ret_balance)
{
	struct weir_replay_options options;
	struct weir_replay *replay = NULL;
	struct weir_item items[64];
	int count;
	weir_replay_options_init(&options);
	options.topics = &topic;
	options.topic_count = 1;
	options.key = account;
	options.key_bytes = strlen(account);
	options.end_sequence = end_sequence;
	int rc = weir_replay_open(pipeline, &options, &replay, NULL);
	if (rc != 0)
		return rc;
	*ret_balance = 0;
	while ((count = weir_replay_next(replay, items, 64, WEIR_FOREVER)) > 0)
		for (int i = 0; i < count; i++)
			apply(ret_balance, &items[i]);
	weir_replay_close(replay);
	return count;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topics;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {0};
	struct weir_pos second = {0};
	uint32_t topic = 0;
	long now = 0, then = 0;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "replay.journal";
	weir_topic_options_init(&topics);
	topics.name = "accounts";
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topics, &topic, &why);
	if (rc == 0)
		rc = append(pipeline, topic, "acc-7", "20", NULL);
	if (rc == 0)
		rc = append(pipeline, topic, "acc-8", "99", NULL);
	if (rc == 0)
		rc = append(pipeline, topic, "acc-7", "-5", &second);
	if (rc == 0)
		rc = append(pipeline, topic, "acc-7", "30", NULL);
	if (rc == 0)
		rc = balance_at(pipeline, topic, "acc-7", UINT64_MAX, &now);
	if (rc == 0)
		rc = balance_at(pipeline, topic, "acc-7", second.sequence + 1, &then);
	if (rc == 0)
		printf("acc-7 holds %ld; after its second event it held %ld\n", now, then);
	else
		fprintf(stderr, "%s: %s\n", weir_strerror(rc), why.text);
	bool as_expected = rc == 0 && now % 45 == 0 && then != 0;
	rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && as_expected ? 0 : 1;
}
