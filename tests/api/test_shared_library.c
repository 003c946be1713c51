/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a program that knows only the public headers and the shared library works.
 * Method: linked with libweir.so; with its internal symbols hidden, a missing WEIR_API is a link
 *         error here. Plain main(), TAP.
 */
#include <stdio.h>
#include <string.h>

#include <weir/base.h>
#include <weir/error.h>

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	case_count++;
	if (!good)
		failed_count++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", case_count, what);
}

int main(void)
{
	char version[32];
	snprintf(version, sizeof version, "%d.%d.%d", WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
		 WEIR_VERSION_PATCH);
	check(strcmp(weir_version(), version) == 0, "library and headers are of one version");
	check(strcmp(weir_error_name(WEIR_E_AGAIN), "WEIR_E_AGAIN") == 0, "codes have names");
	check(strcmp(weir_strerror(0), "ok") == 0, "codes have texts");
	printf("1..%d\n", case_count);
	return failed_count != 0;
}
