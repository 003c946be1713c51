/* SPDX-License-Identifier: Apache-2.0 */
/*
 * include/weir/ring_fan.h and core/ring/fan.c: one or two branches and one set of consumers.
 * A consumer that sleeps is woken by any branch, by one that is opened meanwhile (RG11), and by the
 * close; what was accepted is popped, once, and nothing else.
 */
#include "core/ring/fan.h"
#include "tests/explorer/scenarios.h"

struct fan_bed {
	struct weir_ring_fan *fan;
	struct weir_ring_producer *producers[2];
	struct weir_ring_fan_consumer *consumers[2];
	wr_atomic_u64 item_wakes, room_wakes[2];
	unsigned accepted[2], popped[2]; /* of values 1 and 2 */
	unsigned got[2];                 /* by consumer */
};

static struct fan_bed *bed;

static void set_up(enum wr_park_mode mode, enum weir_ring_consumers consumers,
		   unsigned branch_count, unsigned opened)
{
	const struct wr_ring_host host = {.park = explorer_park_ops()};
	struct weir_ring_options o;
	uint64_t bytes;
	wr_park_mode = mode;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers = consumers;
	o.producers_max = branch_count;
	o.consumers_max = 2;
	o.capacity = 2;
	o.wait = WEIR_WAIT_PARK;
	EXPLORER_CHECK(wr_ring_fan_measure(&o, &bytes, NULL) == 0);
	bed->fan = wr_ring_fan_make(explorer_alloc(bytes, WEIR_RING_LINE_BYTES), &o, &host);
	bed->fan->items.context = &bed->item_wakes;
	for (unsigned i = 0; i < branch_count; i++) {
		uint8_t *ring = bed->fan->rings + i * bed->fan->ring_bytes;
		((struct wr_ring *)(void *)ring)->room.context = &bed->room_wakes[i];
	}
	for (unsigned i = 0; i < opened; i++)
		EXPLORER_CHECK(weir_ring_fan_producer_open(bed->fan, &bed->producers[i]) == 0);
	for (unsigned i = 0; i < bed->fan->consumer_count; i++)
		EXPLORER_CHECK(weir_ring_fan_consumer_open(bed->fan, &bed->consumers[i]) == 0);
}

static void push(unsigned branch, uint64_t value)
{
	int code = weir_ring_push(bed->producers[branch], &value, sizeof value);
	EXPLORER_CHECK(code == 0 || code == WEIR_E_CLOSED);
	if (code == 0)
		bed->accepted[value - 1]++;
}

static void push_first(void)
{
	push(0, 1);
}

static void push_second(void)
{
	push(1, 2);
}

static void open_and_push(void)
{
	struct weir_ring_producer *p;
	EXPLORER_CHECK(weir_ring_fan_producer_open(bed->fan, &p) == 0);
	unsigned branch = bed->producers[0] == NULL ? 0 : 1;
	bed->producers[branch] = p;
	push(branch, branch + 1);
}

/* Notes what was popped: nothing comes twice. */
static void note(uint64_t value)
{
	EXPLORER_CHECK(value == 1 || value == 2);
	EXPLORER_CHECK(bed->popped[value - 1]++ == 0);
}

static void pop_asleep(void)
{
	uint64_t value = 0;
	EXPLORER_CHECK(
		weir_ring_fan_pop_wait(bed->consumers[0], &value, sizeof value, WEIR_FOREVER) == 0);
	note(value);
}

static void pop_two_asleep(void)
{
	pop_asleep();
	pop_asleep();
}

static void pop_asleep_until_closed(void)
{
	uint64_t value = 0;
	while (weir_ring_fan_pop_wait(bed->consumers[0], &value, sizeof value, WEIR_FOREVER) == 0)
		note(value);
}

/* One try, while others push and close. */
static void pop_once(void)
{
	uint64_t value = 0;
	int code = weir_ring_fan_pop(bed->consumers[0], &value, sizeof value);
	EXPLORER_CHECK(code == 0 || code == WEIR_E_AGAIN || code == WEIR_E_CLOSED);
	if (code == 0)
		note(value);
}

static void pop_and_close_handle(void)
{
	pop_once();
	weir_ring_fan_consumer_close(bed->consumers[0]);
}

static void open_handle_and_pop(void)
{
	struct weir_ring_fan_consumer *c;
	EXPLORER_AWAIT(weir_ring_load_relaxed(&bed->consumers[0]->is_open) == 0);
	EXPLORER_CHECK(weir_ring_fan_consumer_open(bed->fan, &c) == 0);
	pop_once();
}

static void close_fan(void)
{
	weir_ring_fan_close(bed->fan);
}

static void all_accepted_was_popped(void)
{
	for (unsigned i = 0; i < 2; i++)
		EXPLORER_CHECK(bed->accepted[i] == bed->popped[i]);
}

/* Closed by now: what is left is there, and then the end. */
static void all_accepted_is_there(void)
{
	uint64_t value = 0;
	int code;
	while ((code = weir_ring_fan_pop(bed->consumers[0], &value, sizeof value)) == 0)
		note(value);
	EXPLORER_CHECK(code == WEIR_E_CLOSED);
	all_accepted_was_popped();
}

/* Consumers that share find an item each, wherever the other is: there are two. */
static void pop_of(unsigned consumer)
{
	uint64_t value = 0;
	EXPLORER_CHECK(weir_ring_fan_pop(bed->consumers[consumer], &value, sizeof value) == 0);
	EXPLORER_CHECK(value == 1 || value == 2);
	bed->got[consumer] = (unsigned)value;
}

static void pop_of_first(void)
{
	pop_of(0);
}

static void pop_of_second(void)
{
	pop_of(1);
}

static void each_has_one(void)
{
	EXPLORER_CHECK(bed->got[0] + bed->got[1] == 3);
}

#define FAN_SET_UP(id, consumers, branch_count, opened, filled)                                    \
	static void set_up_##id(enum wr_park_mode mode)                                            \
	{                                                                                          \
		set_up(mode, consumers, branch_count, opened);                                     \
		for (unsigned i = 0; i != (filled); i++)                                           \
			push(0, i + 1);                                                            \
	}                                                                                          \
	static void set_up_##id##_seq(void)                                                        \
	{                                                                                          \
		set_up_##id(WR_PARK_SEQ_CST);                                                      \
	}                                                                                          \
	static void set_up_##id##_asymmetric(void)                                                 \
	{                                                                                          \
		set_up_##id(WR_PARK_MEMBARRIER);                                                   \
	}

FAN_SET_UP(none, WEIR_RING_ONE_CONSUMER, 2, 0, 0)
FAN_SET_UP(one, WEIR_RING_ONE_CONSUMER, 2, 1, 0)
FAN_SET_UP(one_full, WEIR_RING_ONE_CONSUMER, 2, 1, 2)
FAN_SET_UP(two, WEIR_RING_ONE_CONSUMER, 2, 2, 0)
FAN_SET_UP(shared, WEIR_RING_SHARING_CONSUMERS, 2, 1, 2)
FAN_SET_UP(only_none, WEIR_RING_ONE_CONSUMER, 1, 0, 0)

#define FAN_BOTH(id, text, set_up_id, finish_fn, ...)                                              \
	const struct explorer_scenario id##_seq = {.name = "fan, seq_cst: " text,                  \
						   .setup = set_up_##set_up_id##_seq,              \
						   .threads = {__VA_ARGS__},                       \
						   .finish = finish_fn};                           \
	const struct explorer_scenario id##_asymmetric = {.name = "fan, membarrier: " text,        \
							  .setup =                                 \
								  set_up_##set_up_id##_asymmetric, \
							  .threads = {__VA_ARGS__},                \
							  .finish = finish_fn}

FAN_BOTH(fan_opened, "asleep with no branch, one is opened", none, all_accepted_was_popped,
	 open_and_push, pop_asleep);
FAN_BOTH(fan_opened_beside, "asleep at one branch, another is opened", one, NULL, open_and_push,
	 pop_asleep);
FAN_BOTH(fan_two, "asleep at two branches", two, all_accepted_was_popped, push_first, push_second,
	 pop_two_asleep);
FAN_BOTH(fan_close, "closed during a push", one, all_accepted_is_there, push_first, pop_once,
	 close_fan);
FAN_BOTH(fan_close_opened, "closed while a branch is opened", only_none, all_accepted_is_there,
	 open_and_push, pop_once, close_fan);
FAN_BOTH(fan_close_none, "closed over a consumer asleep, no branch", only_none,
	 all_accepted_was_popped, pop_asleep_until_closed, close_fan);
FAN_BOTH(fan_consumer_handle, "a consumer's handle is handed on", one_full, all_accepted_was_popped,
	 pop_and_close_handle, open_handle_and_pop);
FAN_BOTH(fan_shared, "two that share, two items in one branch", shared, each_has_one, pop_of_first,
	 pop_of_second);
