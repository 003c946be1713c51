/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep.h: the bytes of an event, and a member of a group. A member holds every item against
 * the ledger: nothing is handed out again whose progress was durable, nothing is passed over that
 * no life has acknowledged.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "tools/weir/torture/sweep.h"

#define SECOND_NS UINT64_C(1000000000)
#define ITEMS_MAX 64u

uint32_t sweep_payload(uint8_t to[SWEEP_PAYLOAD_BYTES_MAX], uint32_t stream, uint64_t number)
{
	/* Mostly small, now and then several to a block, or over one. */
	uint32_t spread = number % 37 == 0 ? 2500 : number % 5 == 0 ? 300 : 60;
	uint32_t bytes = 16 + (uint32_t)(number * 2654435761u % spread);

	wr_put_u64(to, stream);
	wr_put_u64(to + 8, number);
	for (uint32_t i = 16; i < bytes; i++)
		to[i] = (uint8_t)(number * 7 + i * 13 + stream);
	return bytes;
}

bool sweep_read(const struct weir_item *item, uint32_t *ret_stream, uint64_t *ret_number)
{
	uint8_t expected[SWEEP_PAYLOAD_BYTES_MAX];
	const uint8_t *payload = item->payload;

	if (item->payload_bytes < 16 || wr_get_u64(payload) >= SWEEP_STREAMS)
		return false;
	*ret_stream = (uint32_t)wr_get_u64(payload);
	*ret_number = wr_get_u64(payload + 8);
	uint32_t bytes = sweep_payload(expected, *ret_stream, *ret_number);
	return bytes == item->payload_bytes && memcmp(expected, payload, bytes) == 0;
}

void sweep_fault(struct sweep_ledger *ledger, const char *format, ...)
{
	va_list arguments;
	uint32_t none = 0;

	if (!wr_cas_seq(&ledger->has_fault, &none, 1))
		return;
	va_start(arguments, format);
	vsnprintf(ledger->fault, sizeof ledger->fault, format, arguments);
	va_end(arguments);
}

static void take_named(struct sweep_member *m, uint32_t stream, uint64_t number,
		       const struct weir_item *item)
{
	uint32_t key = (uint32_t)(number % SWEEP_CLASSES);
	uint64_t settled = wr_load_relaxed(&m->ledger->settled[m->group][key][stream]);
	uint64_t committed = wr_load_relaxed(&m->ledger->committed[m->group][key][stream]);
	uint64_t seen = m->seen[key][stream];
	uint64_t next = (settled > seen ? settled : seen) + SWEEP_CLASSES;

	if (settled == 0 && seen == 0)
		next = key == 0 ? SWEEP_CLASSES : key;
	if (number <= committed)
		sweep_fault(m->ledger,
			    "group %u got %u.%llu (sequence %llu) again: up to %llu was durable",
			    m->group, stream, (unsigned long long)number,
			    (unsigned long long)item->sequence, (unsigned long long)committed);
	if (number > next)
		sweep_fault(m->ledger,
			    "group %u: %u.%llu was passed over, %llu came (sequence %llu)",
			    m->group, stream, (unsigned long long)next, (unsigned long long)number,
			    (unsigned long long)item->sequence);
	if (m->is_alone && number <= seen)
		sweep_fault(m->ledger, "group %u got %u.%llu after %llu in one life", m->group,
			    stream, (unsigned long long)number, (unsigned long long)seen);
	m->seen[key][stream] = number;
	m->in_hand[key][stream] = (struct sweep_hand){
		.number = number, .partition = item->partition, .generation = item->generation};
}

static void take(struct sweep_member *m, const struct weir_item *item)
{
	uint32_t stream;
	uint64_t number;

	if (item->kind != WEIR_ITEM_EVENT || !sweep_read(item, &stream, &number)) {
		sweep_fault(m->ledger,
			    "group %u: sequence %llu is a gap, a loss or not what was "
			    "published",
			    m->group, (unsigned long long)item->sequence);
		return;
	}
	if (stream < SWEEP_NAMED)
		take_named(m, stream, number, item);
	else if (number < SWEEP_ONCE_MAX)
		wr_store_relaxed(&m->ledger->once_handled[m->group][number], 1);
}

/* Monotonic: members of one group follow one another on a key, and a late one changes nothing. */
static void raise_to(wr_atomic_u64 *to, uint64_t number)
{
	uint64_t now = wr_load_relaxed(to);

	while (number > now && !wr_cas_seq(to, &now, number))
		;
}

static void record(struct sweep_member *m, wr_atomic_u64 to[SWEEP_CLASSES][SWEEP_NAMED])
{
	for (uint32_t key = 0; key < SWEEP_CLASSES; key++)
		for (uint32_t stream = 0; stream < SWEEP_NAMED; stream++)
			raise_to(&to[key][stream], m->in_hand[key][stream].number);
}

/* A partition that was given back took its items along: another member gets them again. */
static void drop_what_moved(struct sweep_member *m)
{
	struct weir_assignment owned[SWEEP_PARTITIONS];
	int count = weir_member_assignments(m->member, owned, SWEEP_PARTITIONS);

	for (uint32_t key = 0; key < SWEEP_CLASSES; key++) {
		for (uint32_t stream = 0; stream < SWEEP_NAMED; stream++) {
			struct sweep_hand *hand = &m->in_hand[key][stream];
			bool is_owned = false;
			for (int i = 0; i < count && i < (int)SWEEP_PARTITIONS; i++)
				is_owned |= owned[i].partition == hand->partition &&
					    owned[i].generation == hand->generation;
			if (!is_owned)
				*hand = (struct sweep_hand){.number = 0};
		}
	}
}

static void settle(struct sweep_member *m, bool commit)
{
	drop_what_moved(m);
	record(m, m->ledger->settled[m->group]);
	(void)weir_ack_all(m->member);
	if (!commit)
		return;
	int rc = weir_member_commit(m->member, WEIR_LEVEL_DURABLE, m->patience_ns);
	drop_what_moved(m);
	if (rc == 0) {
		record(m, m->ledger->committed[m->group]);
		wr_add_relaxed(&m->ledger->commits, 1);
	} else if (rc != WEIR_E_FENCED && wr_load_acquire(&m->ledger->is_breaking) == 0) {
		sweep_fault(m->ledger, "weir_member_commit: %s", weir_error_name(rc));
	}
}

void *sweep_member(void *context)
{
	struct sweep_member *m = context;
	struct weir_item items[ITEMS_MAX];
	struct wr_prng prng;
	uint32_t left = 0; /* handed out, not acknowledged */

	wr_prng_init(&prng, m->seed);
	while (wr_load_acquire(m->stop) == 0 && wr_load_relaxed(&m->ledger->has_fault) == 0) {
		size_t most = (size_t)wr_prng_between(&prng, 1, ITEMS_MAX);
		int count = weir_poll(m->member, items, most, SECOND_NS / 200);
		if (count < 0 && wr_load_acquire(&m->ledger->is_breaking) != 0)
			break;
		if (count < 0) {
			sweep_fault(m->ledger, "weir_poll: %s", weir_error_name(count));
			break;
		}
		for (int i = 0; i < count; i++)
			take(m, &items[i]);
		left += (uint32_t)count;
		if (left == 0 || (count > 0 && wr_prng_chance(&prng, 200000)))
			continue; /* not all of it is acknowledged at once */
		left = 0;
		settle(m, wr_prng_chance(&prng, 500000));
	}
	return NULL;
}
