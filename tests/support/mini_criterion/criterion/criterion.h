/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of Criterion's interface that weir's tests use, for builds where Criterion is not at
 * hand (the ARM64 cross build): the same test sources then run under this runner, which prints TAP.
 * meson puts this folder in the include path only where it does not find Criterion itself.
 *
 * As there: every case runs in a process of its own, `cr_assert_*` ends the case, `cr_expect_*`
 * goes on, `.signal` and `.exit_code` say how a case is meant to end. Not here: theories, logging
 * levels, reports in other formats.
 */
#ifndef WEIR_MINI_CRITERION_H
#define WEIR_MINI_CRITERION_H

/* As Criterion's own header is one: the macros may be called without their optional message. */
#pragma GCC system_header
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct criterion_test_extra_data {
	int sentinel_;
	void (*init)(void);
	void (*fini)(void);
	int signal;
	int exit_code;
	bool disabled;
	const char *description;
	double timeout; /* seconds */
};

struct criterion_test_params {
	size_t size;
	void *params;
	size_t length;
	void (*cleanup)(struct criterion_test_params *params);
};

#define cr_make_param_array(type, array, ...)                                                      \
	((struct criterion_test_params){sizeof(type), (void *)(array), __VA_ARGS__})

struct mini_test {
	const char *suite;
	const char *name;
	void (*body)(void);
	void (*body_of)(void *parameter); /* of a parameterised test */
	struct criterion_test_params (*parameters)(void);
	const struct criterion_test_extra_data *options;
	struct mini_test *next;
};

struct mini_suite {
	const char *name;
	const struct criterion_test_extra_data *options;
	struct mini_suite *next;
};

void mini_register_test(struct mini_test *test);
void mini_register_suite(struct mini_suite *suite);
/* `format` and what follows may be missing: then it is "". */
void mini_check(bool good, bool fatal, const char *file, int line, const char *what,
		const char *format, ...);
_Noreturn void mini_skip(const char *format, ...);
void mini_log(const char *format, ...);

#define MINI_REGISTER_(kind, id, ...)                                                              \
	static const struct criterion_test_extra_data mini_options_##id = {.sentinel_ = 0,         \
									    ##__VA_ARGS__};
#define TestSuite(suite_, ...)                                                                     \
	MINI_REGISTER_(suite, suite_, ##__VA_ARGS__)                                               \
	static struct mini_suite mini_suite_##suite_ = {#suite_, &mini_options_##suite_, NULL};    \
	__attribute__((constructor)) static void mini_register_##suite_(void)                      \
	{                                                                                          \
		mini_register_suite(&mini_suite_##suite_);                                         \
	}                                                                                          \
	struct mini_suite

#define Test(suite_, name_, ...)                                                                   \
	static void mini_body_##suite_##_##name_(void);                                            \
	MINI_REGISTER_(test, suite_##_##name_, ##__VA_ARGS__)                                      \
	static struct mini_test mini_test_##suite_##_##name_ = {                                   \
		.suite = #suite_,                                                                  \
		.name = #name_,                                                                    \
		.body = mini_body_##suite_##_##name_,                                              \
		.options = &mini_options_##suite_##_##name_,                                       \
	};                                                                                         \
	__attribute__((constructor)) static void mini_register_##suite_##_##name_(void)            \
	{                                                                                          \
		mini_register_test(&mini_test_##suite_##_##name_);                                 \
	}                                                                                          \
	static void mini_body_##suite_##_##name_(void)

#define ParameterizedTestParameters(suite_, name_)                                                 \
	static struct criterion_test_params mini_parameters_##suite_##_##name_(void)

#define ParameterizedTest(parameter_, suite_, name_, ...)                                          \
	static void mini_body_##suite_##_##name_(parameter_);                                      \
	MINI_REGISTER_(test, suite_##_##name_, ##__VA_ARGS__)                                      \
	static struct mini_test mini_test_##suite_##_##name_ = {                                   \
		.suite = #suite_,                                                                  \
		.name = #name_,                                                                    \
		.body_of = (void (*)(void *))mini_body_##suite_##_##name_,                         \
		.parameters = mini_parameters_##suite_##_##name_,                                  \
		.options = &mini_options_##suite_##_##name_,                                       \
	};                                                                                         \
	__attribute__((constructor)) static void mini_register_##suite_##_##name_(void)            \
	{                                                                                          \
		mini_register_test(&mini_test_##suite_##_##name_);                                 \
	}                                                                                          \
	static void mini_body_##suite_##_##name_(parameter_)

/* The message is a string literal, so "" before it also stands for none. */
#define MINI_CHECK_(fatal, good, what, ...)                                                        \
	mini_check((good) ? true : false, fatal, __FILE__, __LINE__, what, "" __VA_ARGS__)

#define cr_assert(a, ...) MINI_CHECK_(true, a, #a, ##__VA_ARGS__)
#define cr_expect(a, ...) MINI_CHECK_(false, a, #a, ##__VA_ARGS__)
#define cr_assert_not(a, ...) MINI_CHECK_(true, !(a), "!(" #a ")", ##__VA_ARGS__)
#define cr_expect_not(a, ...) MINI_CHECK_(false, !(a), "!(" #a ")", ##__VA_ARGS__)
#define cr_assert_fail(...) MINI_CHECK_(true, false, "fail", ##__VA_ARGS__)
#define cr_expect_fail(...) MINI_CHECK_(false, false, "fail", ##__VA_ARGS__)
#define cr_fatal(...) MINI_CHECK_(true, false, "fail", ##__VA_ARGS__)

#define MINI_COMPARE_(fatal, a, op, b, ...)                                                        \
	MINI_CHECK_(fatal, (a)op(b), #a " " #op " " #b, ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...) MINI_COMPARE_(true, a, ==, b, ##__VA_ARGS__)
#define cr_expect_eq(a, b, ...) MINI_COMPARE_(false, a, ==, b, ##__VA_ARGS__)
#define cr_assert_neq(a, b, ...) MINI_COMPARE_(true, a, !=, b, ##__VA_ARGS__)
#define cr_expect_neq(a, b, ...) MINI_COMPARE_(false, a, !=, b, ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...) MINI_COMPARE_(true, a, <, b, ##__VA_ARGS__)
#define cr_expect_lt(a, b, ...) MINI_COMPARE_(false, a, <, b, ##__VA_ARGS__)
#define cr_assert_leq(a, b, ...) MINI_COMPARE_(true, a, <=, b, ##__VA_ARGS__)
#define cr_expect_leq(a, b, ...) MINI_COMPARE_(false, a, <=, b, ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...) MINI_COMPARE_(true, a, >, b, ##__VA_ARGS__)
#define cr_expect_gt(a, b, ...) MINI_COMPARE_(false, a, >, b, ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...) MINI_COMPARE_(true, a, >=, b, ##__VA_ARGS__)
#define cr_expect_geq(a, b, ...) MINI_COMPARE_(false, a, >=, b, ##__VA_ARGS__)

#define cr_assert_null(a, ...) MINI_CHECK_(true, (a) == NULL, #a " is NULL", ##__VA_ARGS__)
#define cr_expect_null(a, ...) MINI_CHECK_(false, (a) == NULL, #a " is NULL", ##__VA_ARGS__)
#define cr_assert_not_null(a, ...) MINI_CHECK_(true, (a) != NULL, #a " is not NULL", ##__VA_ARGS__)
#define cr_expect_not_null(a, ...) MINI_CHECK_(false, (a) != NULL, #a " is not NULL", ##__VA_ARGS__)

#define MINI_STRINGS_(fatal, a, op, b, ...)                                                        \
	MINI_CHECK_(fatal, strcmp((a), (b)) op 0, #a " " #op " " #b, ##__VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) MINI_STRINGS_(true, a, ==, b, ##__VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) MINI_STRINGS_(false, a, ==, b, ##__VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) MINI_STRINGS_(true, a, !=, b, ##__VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) MINI_STRINGS_(false, a, !=, b, ##__VA_ARGS__)
#define cr_assert_str_empty(a, ...) MINI_CHECK_(true, (a)[0] == 0, #a " is empty", ##__VA_ARGS__)
#define cr_assert_str_not_empty(a, ...)                                                            \
	MINI_CHECK_(true, (a)[0] != 0, #a " is not empty", ##__VA_ARGS__)

#define cr_expect_str_empty(a, ...) MINI_CHECK_(false, (a)[0] == 0, #a " is empty", ##__VA_ARGS__)
#define cr_expect_str_not_empty(a, ...)                                                            \
	MINI_CHECK_(false, (a)[0] != 0, #a " is not empty", ##__VA_ARGS__)

#define MINI_ARRAYS_(fatal, a, op, b, bytes, ...)                                                  \
	MINI_CHECK_(fatal, memcmp((a), (b), (bytes)) op 0, #a " " #op " " #b, ##__VA_ARGS__)
#define cr_assert_arr_eq(a, b, bytes, ...) MINI_ARRAYS_(true, a, ==, b, bytes, ##__VA_ARGS__)
#define cr_expect_arr_eq(a, b, bytes, ...) MINI_ARRAYS_(false, a, ==, b, bytes, ##__VA_ARGS__)
#define cr_assert_arr_neq(a, b, bytes, ...) MINI_ARRAYS_(true, a, !=, b, bytes, ##__VA_ARGS__)
#define cr_expect_arr_neq(a, b, bytes, ...) MINI_ARRAYS_(false, a, !=, b, bytes, ##__VA_ARGS__)

#define cr_assert_float_eq(a, b, by, ...)                                                          \
	MINI_CHECK_(true, fabs((double)(a) - (double)(b)) <= (by), #a " about " #b, ##__VA_ARGS__)
#define cr_expect_float_eq(a, b, by, ...)                                                          \
	MINI_CHECK_(false, fabs((double)(a) - (double)(b)) <= (by), #a " about " #b, ##__VA_ARGS__)

#define cr_skip_test(...) mini_skip("" __VA_ARGS__)
#define cr_skip(...) mini_skip("" __VA_ARGS__)
#define cr_log_info(...) mini_log("" __VA_ARGS__)
#define cr_log_warn(...) mini_log("" __VA_ARGS__)
#define cr_log_error(...) mini_log("" __VA_ARGS__)

#endif
