/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts at events of partitions: what became of the tries at the first event of a row that is
 * not settled. A partition goes on only behind its event, and so there is one at most in each row.
 * A REJECT of a subscription with order PARTITION says so (core/record/share.h); its head.key_hash
 * is the row.
 *
 * An entry is of an event at or above the row's position; one that is below has been settled since,
 * and says nothing any more. So progress costs nothing here. A seek forgets the row's.
 *
 * Poison that kills its process, and innocents that died with it (L33): a crash alone counts
 * nothing, since nobody knows which event did it. At the second one with a row at the same place
 * its events are handed out one at a time, each behind a durable record that says which: a crash
 * then is an attempt of that.
 *
 *   CRASHED      of the subscription (row 0, no event): the process had died. A row with something
 *                to do has met one more crash, or its first one at this place. What is in hand has
 *                failed, and all rows with something to do go alone from here on. But where events
 *                of another one did not go alone, that may have done it, and nothing has failed:
 *                so at two crashes of the row in hand at one place, and not later
 *   IN_HAND      this event is handed out alone; one at a time in all of the subscription
 *   OUT_OF_HAND  of the subscription: nothing is in hand, and no harm was done
 *   RELEASED     given back untried
 *   RETRY, DEAD, EXPIRED  it failed: again, never again, not again since it is too old by now
 *
 * Part of the writer's tables: a function of the records alone. One writer; others read cells of a
 * row once they have seen its generation raised, which nobody changes then but its owner.
 */
#ifndef WR_LOG_ATTEMPTS_H
#define WR_LOG_ATTEMPTS_H

#include "core/log/catalog.h"
#include "core/log/settle.h"
#include "core/record/share.h"

/* From so many crashes at one place on its events are handed out alone. */
#define WR_CRASHES_ALONE 2u

#define WR_ATTEMPTS_DEAD 1u
#define WR_ATTEMPTS_EXPIRED 2u
#define WR_ATTEMPTS_IN_HAND 4u

struct wr_attempts_row {
	wr_atomic_u64 seq; /* the event; 0: none */
	wr_atomic_u64 first_failed_us;
	wr_atomic_u64 last_failed_us;
	wr_atomic_u64 not_before_us; /* append time */
	wr_atomic_u64 said_seq;      /* of the last record that counted an attempt; 0: none did */
	wr_atomic_u64 counts;        /* attempts that failed, and the reason << 32 */
	wr_atomic_u64 flags;         /* WR_ATTEMPTS_*, and crashes at crash_from << 32 */
	wr_atomic_u64 crash_from;    /* where the row was at the last crash */
};

struct wr_attempts {
	struct wr_attempts_row *rows; /* as those of wr_settle */
	uint32_t rows_max;
};

/* A row's, read at once. */
struct wr_attempts_entry {
	uint64_t seq; /* 0: nothing is known of the event at its position */
	uint64_t first_failed_us, last_failed_us, not_before_us, said_seq;
	uint32_t attempts, reason;
	bool dead, expired, in_hand;
	bool alone; /* crashes were met here: hand its events out one at a time */
};

int wr_attempts_init(struct wr_attempts *a, struct wr_memory *memory, uint32_t rows_max);
void wr_attempts_fini(struct wr_attempts *a, struct wr_memory *memory);
void wr_attempts_reset(struct wr_attempts *a);
static inline size_t wr_attempts_bytes(uint32_t rows_max)
{
	return rows_max * sizeof(struct wr_attempts_row);
}

/* As of the position that the row has. */
void wr_attempts_read(struct wr_attempts *a, struct wr_settle *settle, uint32_t row,
		      struct wr_attempts_entry *ret_entry);

/*
 * A REJECT that names a row of the subscription. 0; WEIR_E_FENCED (another generation, one whose
 * progress was refused, or an event that is settled), WEIR_E_OUT_OF_SEQUENCE (another event of the
 * row has failed and is not settled), WEIR_E_FULL (IN_HAND: another one is), -EINVAL.
 */
int wr_attempts_decide(struct wr_attempts *a, struct wr_settle *settle, struct wr_undo *undo,
		       const struct wr_subscription *s, uint32_t row,
		       const struct wr_reject *reject, uint64_t seq);
/* The process had died. `is_idle`: whether everything of a row is settled. */
void wr_attempts_crashed(struct wr_attempts *a, struct wr_settle *settle,
			 const struct wr_subscription *s, const struct wr_reject *reject,
			 uint64_t seq, bool (*is_idle)(void *context, uint32_t row), void *context);
/* The row's generation was raised; `moved`: and its position set. */
void wr_attempts_raised(struct wr_attempts *a, struct wr_settle *settle, struct wr_undo *undo,
			uint32_t row, bool moved);

size_t wr_attempts_save_bytes_max(uint32_t rows_max);
/* Nothing where nothing has ever failed. */
void wr_attempts_save(struct wr_attempts *a, uint32_t rows_used, struct wr_sink *sink);
/* Behind those of settle. */
int wr_attempts_load(struct wr_attempts *a, uint32_t version, uint32_t rows_used,
		     const uint8_t *bytes, uint32_t length_bytes);

#endif
