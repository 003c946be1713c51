/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns, events and what a system says of them: for the tests of filters, and for those of
 * matchers, which have to agree.
 */
#ifndef WEIR_TESTS_ROUTE_CASES_H
#define WEIR_TESTS_ROUTE_CASES_H

#include <stddef.h>

enum route_answer { NO = 0, YES = 1, REFUSED = 2 };

struct route_case {
	char kind; /* e: EventBridge, t: topic, b: SNS over bodies, s: over attributes, d: direct */
	enum route_answer answer;
	const char *pattern;
	const char *event;
};

extern const struct route_case topic_cases[];
extern const size_t topic_case_count;
extern const struct route_case path_cases[];
extern const size_t path_case_count;
extern const struct route_case operator_cases[];
extern const size_t operator_case_count;
extern const struct route_case sns_cases[];
extern const size_t sns_case_count;

#endif
