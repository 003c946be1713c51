/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time, as people write them: RFC 3339, or a date alone. Without a zone it is UTC.
 *
 * Read by the command line (tools/weir) and by config files (io/config); not in libweir.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_TEXT_MOMENT_H
#define WR_TEXT_MOMENT_H

#include <stdint.h>

/* "2026-01-31T12:00:00.5+02:00", "2026-01-31 12:00", "2026-01-31": µs since 1970. 0 or -EINVAL. */
int wr_moment_parse(const char *text, uint64_t *ret_us);

#endif
