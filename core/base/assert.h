/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions are for weir's own reasoning only. Arguments return an error, bytes from a medium
 * return WEIR_E_CORRUPT, and a failed device is a state: none of them ever ends up here.
 *
 *   WR_ASSERT   always on, also in release builds: cheap, off the per-event path
 *   WR_DEBUG    per event; debug builds, tests and the simulator
 */
#ifndef WR_BASE_ASSERT_H
#define WR_BASE_ASSERT_H

#define WR_STRINGIFY_(x) #x
#define WR_STRINGIFY(x) WR_STRINGIFY_(x)

/* Does not return. Keeps the text where a debugger or a core dump shows it. */
_Noreturn void wr_assert_failed(const char *text);

#define WR_ASSERT(condition)                                                                       \
	((condition) ? (void)0                                                                     \
		     : wr_assert_failed(__FILE__ ":" WR_STRINGIFY(__LINE__) ": " #condition))

#ifdef WR_DEBUG_CHECKS
#define WR_DEBUG(condition) WR_ASSERT(condition)
#else
#define WR_DEBUG(condition) ((void)sizeof(condition))
#endif

#define WR_IMPLIES(a, b) (!(a) || (b))

#endif
