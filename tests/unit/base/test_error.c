/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever number weir returns, a person gets a name and a sentence for it.
 * Method: the X-macro against the functions, every errno that the C library knows, and numbers
 *         that are no code.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} own[] = {
#define ENTRY(name, number, text) {WEIR_E_##name, "WEIR_E_" #name, text},
	WEIR_ERROR_MAP(ENTRY)
#undef ENTRY
};

#define OWN_COUNT (sizeof own / sizeof own[0])

Test(error, every_code_of_weir_has_its_name_and_text)
{
	for (size_t i = 0; i < OWN_COUNT; i++) {
		cr_assert_str_eq(weir_error_name(own[i].code), own[i].name);
		cr_assert_str_eq(weir_strerror(own[i].code), own[i].text);
		cr_assert_gt(strlen(own[i].text), 10);
	}
}

Test(error, codes_of_weir_are_distinct_and_never_an_errno)
{
	for (size_t i = 0; i < OWN_COUNT; i++) {
		cr_assert_lt(own[i].code, -4095);
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(own[i].code, own[k].code, "%s", own[i].name);
	}
}

Test(error, errno_values_that_weir_returns_have_their_names)
{
	cr_assert_str_eq(weir_error_name(-EINVAL), "EINVAL");
	cr_assert_str_eq(weir_error_name(-ENOMEM), "ENOMEM");
	cr_assert_str_eq(weir_error_name(-ENOSPC), "ENOSPC");
	cr_assert_str_eq(weir_error_name(-EIO), "EIO");
	cr_assert_str_eq(weir_error_name(-EACCES), "EACCES");
	cr_assert_str_eq(weir_error_name(-EROFS), "EROFS");
	cr_assert_str_eq(weir_error_name(-ETIMEDOUT), "ETIMEDOUT");
	cr_assert_str_eq(weir_strerror(-ENOSPC), "no space left on the device");
}

Test(error, names_of_errno_agree_with_the_c_library)
{
	int known = 0;
	for (int code = 1; code < 4096; code++) {
		const char *name = weir_error_name(-code);
		if (strcmp(name, "UNKNOWN") == 0) {
			cr_assert_str_eq(weir_strerror(-code), "unknown error");
			continue;
		}
		known++;
		const char *libc_name = strerrorname_np(code);
		cr_assert_not_null(libc_name);
		/* One number, two names. */
		if (code == EAGAIN || code == EOPNOTSUPP || code == EDEADLK)
			continue;
		cr_assert_str_eq(name, libc_name);
		cr_assert_gt(strlen(weir_strerror(-code)), 4, "%s", name);
	}
	cr_assert_geq(known, 50);
}

Test(error, zero_and_counts_are_ok)
{
	cr_assert_str_eq(weir_strerror(0), "ok");
	cr_assert_str_eq(weir_strerror(17), "ok");
	cr_assert_str_eq(weir_strerror(INT_MAX), "ok");
	cr_assert_str_eq(weir_error_name(0), "OK");
}

Test(error, a_number_that_is_no_code_is_unknown)
{
	static const int numbers[] = {-4095, -4000, -5000, INT_MIN, -1000000};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		cr_assert_str_eq(weir_strerror(numbers[i]), "unknown error");
		cr_assert_str_eq(weir_error_name(numbers[i]), "UNKNOWN");
	}
}

Test(error, the_version_is_that_of_the_header)
{
	char text[32];
	snprintf(text, sizeof text, "%d.%d.%d", WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
		 WEIR_VERSION_PATCH);
	cr_assert_str_eq(weir_version(), text);
}
