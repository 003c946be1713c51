/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal verified by several threads: each walks a range of its segments, with a directory of
 * its own (core/journal/verify.h: parts). Private to io/journal_inspect.c.
 *
 * Thread: the caller's, which waits, and calls the visitor; it starts and joins the others.
 */
#ifndef WR_IO_JOURNAL_PARTS_H
#define WR_IO_JOURNAL_PARTS_H

#include "io/journal_inspect.h"

#define WR_PARTS_MAX 64u

/*
 * 1: all ranges are whole, and continue each other: the visitor was told what there is, and
 * *ret_report is that of a walk through all of it. 0: something is not as it should be, or the
 * owner was faster: a single walk has to say what, nothing was told. -EINTR: the visitor has
 * stopped it, with *ret_stop.
 */
int wr_parts_verify(const char *dir, const struct weir_journal_visitor *visitor,
		    struct wr_verify_report *ret_report, int *ret_stop);

#endif
