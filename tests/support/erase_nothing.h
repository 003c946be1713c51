/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal asks that may erase, of tests in which nobody erases anything. */
#ifndef WR_TEST_ERASE_NOTHING_H
#define WR_TEST_ERASE_NOTHING_H

#include "core/record/record.h"

static inline uint64_t erased_by_none(void *context, uint64_t seq,
				      const struct wr_record_view *event)
{
	(void)context, (void)seq, (void)event;
	return 0;
}

static inline int nothing_beside(void *context)
{
	(void)context;
	return 0;
}

#endif
