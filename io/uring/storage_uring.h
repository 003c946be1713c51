/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage by io_uring: one thread submits and reaps, no helper thread in the commit path. The
 * blocking calls and PREPARE are those of io/posix.
 */
#ifndef WR_URING_STORAGE_URING_H
#define WR_URING_STORAGE_URING_H

#include "core/port/storage.h"
#include "io/posix/storage_options.h"

#define WR_STORAGE_URING_DEPTH 4u

/*
 * 0, or a negative code with a reason in the options. Where io_uring is missing or refused
 * (-ENOSYS, -EPERM, -ENOMEM ...) the caller goes on with wr_storage_posix_open().
 */
int wr_storage_uring_open(const struct wr_storage_options *options, struct wr_storage **ret);

#endif
