/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case that ends with its suite's tear_down() inside. Criterion does not count what fails in a
 * suite's .fini: a leak found there, or tables that do not agree, would be printed and passed.
 *
 *   static void tear_down(void) { ... checks ... }
 *   TestSuite(chunk, .init = set_up);
 *   CASE(chunk, ordinals_are_dense) { ... }
 *
 * A case that is meant to end with a signal is a plain Test(...).
 */
#ifndef WR_TESTS_CASE_H
#define WR_TESTS_CASE_H

#define CASE(suite_, name_)                                                                        \
	static void suite_##_##name_##_body(void);                                                 \
	Test(suite_, name_)                                                                        \
	{                                                                                          \
		suite_##_##name_##_body();                                                         \
		tear_down();                                                                       \
	}                                                                                          \
	static void suite_##_##name_##_body(void)

#endif
