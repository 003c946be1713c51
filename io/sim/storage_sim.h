/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage of simulations: the contract of core/port/storage.h over a struct wr_sim_disk, on one
 * thread, deterministic. Requests complete in a drawn order after drawn delays; a poll that waits
 * moves the disk's clock to the next completion. What goes wrong is the disk's fault plan.
 *
 * After a power cut (wr_storage_sim_crash, or a trip of the disk) every call returns WEIR_E_FAILED,
 * no done() runs any more, and fini() only frees: whoever was here is dead. Then the same disk is
 * opened again. wr_storage_sim_kill() is the death of the process alone: what was handed to the
 * kernel happens or not, and what was written stays readable.
 *
 * Differences from a real medium: one thread for everything, also for wake() and read().
 */
#ifndef WR_SIM_STORAGE_SIM_H
#define WR_SIM_STORAGE_SIM_H

#include "core/port/storage.h"
#include "io/posix/storage_options.h"
#include "io/sim/disk_sim.h"

#define WR_STORAGE_SIM_DEPTH 8u

/* options->sim_disk is the medium; `dir` is not looked at. 0, -EINVAL (no disk), -ENOMEM. */
int wr_storage_sim_open(const struct wr_storage_options *options, struct wr_storage **ret);
void wr_storage_sim_crash(struct wr_storage *s);
void wr_storage_sim_kill(struct wr_storage *s);
/* Requests in flight, PREPAREs included. */
uint32_t wr_storage_sim_in_flight(const struct wr_storage *s);

#endif
