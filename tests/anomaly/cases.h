/* SPDX-License-Identifier: Apache-2.0 */
/* Histories written by hand: for each rule the smallest that breaks it, and near misses. */
#ifndef WR_ANOMALY_CASES_H
#define WR_ANOMALY_CASES_H

#include "tests/anomaly/checker.h"

struct case_of_rule {
	enum rule rule;
	bool fires;
	const char *what; /* what the near miss is excused by */
	const char *text;
};

extern const struct case_of_rule cases[], cases_owed[];
extern const uint32_t case_count, cases_owed_count;

/* Limits of the cases. */
#define CASES_LAG_MAX_NS 1000u

#endif
