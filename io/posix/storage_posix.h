/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage by blocking writes on helper threads (pwritev2 with RWF_DSYNC, or pwrite and fdatasync).
 * For hosts that refuse io_uring, and the quicker of the two on disks with a volatile cache and no
 * FUA: its flush does not depend on a worker of the CPU that somebody else keeps busy.
 *
 * One helper thread for each request in flight, "NAME-ioN"; 2 by default, which is best (one
 * writes while the other flushes).
 */
#ifndef WR_POSIX_STORAGE_POSIX_H
#define WR_POSIX_STORAGE_POSIX_H

#include "core/port/storage.h"
#include "io/posix/storage_options.h"

#define WR_STORAGE_POSIX_DEPTH 2u
#define WR_STORAGE_POSIX_DEPTH_MAX 16u

/* 0 or a negative code, with a reason in the options. depth_max above 16 is cut to 16. */
int wr_storage_posix_open(const struct wr_storage_options *options, struct wr_storage **ret);

#endif
