/* SPDX-License-Identifier: Apache-2.0 */
/* See close.h. A close waits for handlers that are running, and a leave for its own. */
#include "tests/stress/close.h"

static wr_atomic_u32 inside, ended, may_end;
static struct weir_member *leaver;

static enum weir_handled sit(void *context, struct weir_member *member,
			     const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	wr_add_seq(&inside, 1u);
	while (wr_load_seq(&may_end) == 0)
		fixture_sleep_ns(200000);
	/* The close is to find it here. */
	fixture_sleep_ns(2000000);
	wr_add_seq(&ended, 1u);
	return WEIR_HANDLED_OK;
}

static struct weir_member *join(const char *name)
{
	struct weir_member_options options;
	struct weir_member *member = NULL;
	uint32_t id = fixture_subscription(&close_bed, name, "handled");
	weir_member_options_init(&options);
	options.handler = sit;
	fixture_need(weir_member_join(close_bed.pipeline, id, &options, &member, NULL) == 0, name);
	return member;
}

void close_handlers_start(void)
{
	uint32_t topic = fixture_topic(&close_bed, "handled", 1);
	struct weir_producer *producer = fixture_producer(&close_bed, NULL);
	wr_store_seq(&inside, 0u);
	wr_store_seq(&ended, 0u);
	wr_store_seq(&may_end, 0u);
	(void)join("sits");
	leaver = join("leaves");
	(void)fixture_publish(producer, topic, 0, 1);
	fixture_need(weir_producer_close(producer, FIXTURE_LONG_NS) == 0, "one event to sit in");
	while (wr_load_seq(&inside) < 2)
		fixture_sleep_ns(200000);
}

void close_handlers_let_go(void)
{
	wr_store_seq(&may_end, 1u);
}

uint32_t close_handlers_ended(void)
{
	return wr_load_seq(&ended);
}

int close_wait_to_leave(void)
{
	wr_add_seq(&close_waiting, 1u);
	return weir_member_leave(leaver, WEIR_FOREVER);
}
