/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another event under an idempotency key that the log has: what a publisher does that made its
 * event anew, in a later life perhaps. It is refused, and told where the first one stands; in the
 * log it is never. In one history of six, by a generator of its own, so that other seeds stay as
 * they are.
 */
#include "tests/sim/oracle.h"

#define SEED_ONE_IN 6u
#define ACT_ONE_IN 12u
/* Fewer than a topic's window holds: the key is still there. */
#define BACK_MAX 16u
#define SPANNED 1u /* the topic that forgets keys by time */

void world_repeats_begin(void)
{
	wr_prng_init(&world.repeats_prng, world.seed ^ 0x2ece);
	world.repeats_keys = world.seed % SEED_ONE_IN == 5 && world.history != NULL;
}

/* One of before k, of the same topic; 0: there is none. */
static uint32_t draw_first(uint32_t source, uint32_t k)
{
	uint32_t back = 1 + (uint32_t)wr_prng_below(&world.repeats_prng, BACK_MAX);
	struct weir_event event, before;

	world_event_of(source, k, &event);
	for (uint32_t first_k = k > back ? k - back : 1; first_k < k; first_k++) {
		world_event_of(source, first_k, &before);
		if (before.topic == event.topic && event.topic != world.topics[SPANNED])
			return first_k;
	}
	return 0;
}

static void publish_repeat(uint32_t source, uint32_t k, uint32_t first_k)
{
	enum weir_level level = (enum weir_level)(
		WEIR_LEVEL_MEMORY + wr_prng_below(&world.repeats_prng, world.memory_only ? 1 : 3));
	uint32_t key[2] = {source, first_k};
	struct weir_ids ids = {.idempotency_key = key, .idempotency_key_bytes = sizeof key};
	const struct world_ticket t = {
		.first_k = k, .last_k = k, .call = ++world.call_last, .key_k = first_k};
	uint32_t process = ++world.process_last;
	struct weir_event event;
	struct weir_pos pos = {0};

	world_event(source, k, &event);
	event.ids = &ids;
	world_say_send(HISTORY_INVOKE, process, source, &t, level, 0);
	struct world_call call = world_call_begin(WEIR_FOREVER);
	int rc = weir_publish_once(world.pipeline, &event, level, WEIR_FOREVER, &pos);
	world_call_end(&call, "a repeat over its deadline");
	world_note("repeat", k, (uint64_t)(uint32_t)rc);
	if (rc == WEIR_E_DUPLICATE) {
		world_say_present(process, source, &t, level, pos.sequence);
		world_check(pos.sequence == oracle.sources[source].seq_of[first_k],
			    "a repeat is told another place", pos.sequence, first_k);
		world_sometimes(SOMETIMES_DUPLICATE);
		return;
	}
	world_say_send(rc == 0                ? HISTORY_OK
		       : rc == WEIR_E_TOO_BIG ? HISTORY_FAIL
					      : HISTORY_INFO,
		       process, source, &t, level, rc == 0 ? pos.sequence : 0);
	world_check(rc == WEIR_E_AGAIN || rc == WEIR_E_TOO_BIG || rc == WEIR_E_NO_ROOM ||
			    (rc == WEIR_E_FAILED && world_has_failed()),
		    "another event under a key that the log has", (uint64_t)-rc, k);
	world.once_k += rc == 0; /* only with a mute oracle */
}

void world_repeats_act(void)
{
	uint32_t source = world.once_source, k = world.once_k;

	if (!world.repeats_keys || wr_prng_below(&world.repeats_prng, ACT_ONE_IN) != 0)
		return;
	/* The next one, which nobody has sent yet: only its number says whose value it is. */
	if (source == 0 || world.once_open || k != oracle.sources[source].last_k + 1 ||
	    k >= ORACLE_KS_MAX)
		return;
	uint32_t first_k = draw_first(source, k);
	if (first_k != 0)
		publish_repeat(source, k, first_k);
}
