/* SPDX-License-Identifier: Apache-2.0 */
/* What is said into a history, where one is wanted: see world_history.c. */
#ifndef WR_SIM_WORLD_HISTORY_H
#define WR_SIM_WORLD_HISTORY_H

#include "tests/sim/world.h"

struct oracle_row;
/* `sequence`: of the first event; 0: it was not told. */
void world_say_send(enum history_type type, uint32_t process, uint32_t source,
		    const struct world_ticket *t, enum weir_level level, uint64_t sequence);
/* A repeat: it is told where the first event of its key stands. */
void world_say_present(uint32_t process, uint32_t source, const struct world_ticket *t,
		       enum weir_level level, uint64_t sequence);
/* A transaction is handed over, or it is told what became of it; what was polled comes again. */
void world_say_txn(const struct world_member *m, const struct world_txn *t, enum history_type type);
void world_say_rewind(const struct world_member *m);
/* It begins, or it found nothing. */
void world_say_poll(const struct world_member *m, enum history_type type);
void world_say_item(const struct world_member *m, const struct weir_item *item);
void world_say_ack(const struct world_member *m, const struct weir_item *item, int rc);
/* Of a queue: an event is given back, or its lease ends at another time; a member leaves; what it
 * acknowledged is settled at a level; an event is dead. */
void world_say_lease(const struct world_member *m, const struct weir_item *item, enum history_f f);
void world_say_left(const struct world_member *m);
void world_say_settled(const struct world_member *m, uint64_t sequence, enum weir_level level);
void world_say_dead(uint32_t subscription, uint64_t sequence, uint64_t letter_seq, bool is_parked);
void world_say_given_up(uint32_t subscription, uint64_t sequence);
void world_say_redriven(uint64_t sequence);
void world_say_expired(uint32_t subscription, uint64_t sequence);
/* By the next of its marks: it may be leased; those of a mark have a call. */
void world_say_taken(uint32_t subscription, uint64_t sequence, uint32_t call);
void world_say_commit(const struct world_member *m, enum weir_level level);
void world_say_seek(uint32_t subscription, enum history_type type, uint64_t target);
void world_say_subscription(uint32_t subscription, uint32_t topic, uint64_t start_seq);
/* The newest of its filters is in force from there on. */
void world_say_filter(uint32_t subscription, uint64_t sequence);
/* A generation begins, or progress: as the log says. */
void world_say_row(uint32_t subscription, enum history_f f, const struct oracle_row *row,
		   uint32_t generation, uint64_t position);
void world_say_growth(uint32_t topic, uint64_t sequence, uint32_t partitions);
/* A pass begins, over what stands below. */
void world_say_compaction(uint32_t topic, uint64_t end_seq);
/* `level` DEFAULT: the log says so; else somebody was told. */
void world_say_erasure(uint64_t sequence, enum weir_level level);
void world_say_recovered(uint64_t last_seq);
void world_say_drained(void);
/* Somebody knows what the events up to a place come to; `whose` sum it is. */
void world_say_state(uint32_t whose, uint64_t sequence, uint64_t digest);

#endif
