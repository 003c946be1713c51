/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limit-order events, as the demo's exchange publishes them: what an event says (demo_event), and
 * what of it travels through weir (demo_record: key and payload bytes).
 *
 * A payload is either a line of text, exactly as it stood in the input, or the 48 bytes that the
 * generator makes: small, so that the figures of the demo are weir's and not a JSON parser's. The
 * first byte tells them apart: a kind (below 0x20) or a printable character.
 *
 * Prices and amounts are integers in units of 10^-8, so that sums do not depend on their order.
 *
 * Thread: any; there is no state.
 */
#ifndef WEIR_TOOLS_DEMO_EVENT_H
#define WEIR_TOOLS_DEMO_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/weir/demo/text.h"

#define DEMO_INSTRUMENTS_MAX 1024

enum demo_kind {
	DEMO_OTHER = 0, /* goes through weir like every event, but changes no book */
	DEMO_CREATED = 1,
	DEMO_CHANGED = 2,
	DEMO_DELETED = 3,
	DEMO_TRADE = 4,
	DEMO_SNAPSHOT = 5, /* the exchange's own view of its book */
};

enum demo_side { DEMO_BID = 0, DEMO_ASK = 1 };

struct demo_event {
	enum demo_kind kind;
	enum demo_side side;
	uint32_t instrument; /* below DEMO_INSTRUMENTS_MAX */
	uint64_t id;         /* of the order, or of the trade */
	int64_t price_e8;
	int64_t amount_e8; /* what is left of the order; of a trade: what was traded */
};

/* One event of a source: what it means, and the bytes that weir is given. */
struct demo_record {
	uint64_t index; /* from 1: its producer sequence */
	struct demo_event event;
	struct demo_text key; /* bytes == 0: no key */
	struct demo_text payload;
};

#define DEMO_PAYLOAD_BYTES 48

/* The generator's encoding. `index` makes each payload a different one. */
void demo_event_encode(const struct demo_event *event, uint64_t index,
		       uint8_t to[DEMO_PAYLOAD_BYTES]);

/* Either encoding. Whatever is not an order event comes out as DEMO_OTHER. */
void demo_event_decode(const void *payload, size_t payload_bytes, struct demo_event *ret_event);

/* Field by field: the struct has padding. */
bool demo_event_equal(const struct demo_event *a, const struct demo_event *b);

#endif
