/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   every way to say CPUs means what io/config/cpus.h says, and what is wrong is told at its
 *         character.
 * Method: tables; random sets written and read back; the text stands in memory of exactly its size.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/config/cpus.h"
#include "io/sim/prng.h"

/* In a block of exactly its bytes: AddressSanitizer sees one read behind it. */
static int parse(const char *text, struct wr_cpu_request *request, struct wr_config_fault *fault)
{
	size_t bytes = strlen(text);
	char *exact = malloc(bytes > 0 ? bytes : 1);
	cr_assert_not_null(exact);
	memcpy(exact, text, bytes);
	int rc = wr_cpu_request_parse(exact, bytes, request, fault);
	free(exact);
	return rc;
}

Test(cpus, each_form_means_what_it_says)
{
	static const struct {
		const char *text;
		enum wr_cpu_request_kind kind;
		const char *set;
		const char *shortest;
	} forms[] = {
		{"auto", WR_CPUS_AUTO, "", "auto"},
		{"none", WR_CPUS_NONE, "", "none"},
		{"4", WR_CPUS_LIST, "4", "4"},
		{"2-5,8", WR_CPUS_LIST, "2-5,8", "2-5,8"},
		{"2-5, 8", WR_CPUS_LIST, "2-5,8", "2-5,8"},
		{"l3:0,  2", WR_CPUS_L3, "0,2", "l3:0,2"},
		{"0-14:2", WR_CPUS_LIST, "0,2,4,6,8,10,12,14", "0,2,4,6,8,10,12,14"},
		{"1-4:7", WR_CPUS_LIST, "1", "1"},
		{"5,3,4,3", WR_CPUS_LIST, "3-5", "3-5"},
		{"8191", WR_CPUS_LIST, "8191", "8191"},
		{"0004", WR_CPUS_LIST, "4", "4"},
		{"+3", WR_CPUS_RELATIVE, "3", "+3"},
		{"+0-7", WR_CPUS_RELATIVE, "0-7", "+0-7"},
		{"node:0", WR_CPUS_NODE, "0", "node:0"},
		{"core:2-3", WR_CPUS_CORE, "2-3", "core:2-3"},
		{"l3:0,2", WR_CPUS_L3, "0,2", "l3:0,2"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(forms); i++) {
		struct wr_cpu_request request = {.kind = WR_CPUS_LIST};
		struct wr_config_fault fault;
		struct wr_cpu_set set;
		char text[64];
		cr_assert_eq(parse(forms[i].text, &request, &fault), 0, "%s: %s", forms[i].text,
			     fault.why);
		cr_assert_eq(wr_cpu_set_parse(forms[i].set, &set), 0);
		cr_assert_eq(request.kind, forms[i].kind, "%s", forms[i].text);
		cr_assert_arr_eq(&request.set, &set, sizeof set, "%s", forms[i].text);
		cr_assert_str_eq(wr_cpu_request_format(&request, text, sizeof text),
				 forms[i].shortest);
	}
}

Test(cpus, what_is_wrong_is_told_where_it_stands)
{
	static const struct {
		const char *text;
		size_t at;
		size_t bytes;
		const char *why;
	} faults[] = {
		{"", 0, 0, "\"\" does not name CPUs"},
		{"atuo", 0, 4, "\"atuo\" does not name CPUs; did you mean auto?"},
		{"nodes:0", 0, 7, "\"nodes:0\" does not name CPUs; did you mean node:?"},
		{"all", 0, 3, "\"all\" does not name CPUs"},
		{"-1", 0, 2, "\"-1\" does not name CPUs"},
		{"4,", 2, 0, "a number is missing here"},
		{"4,,5", 2, 0, "a number is missing here"},
		{"4,x,5", 2, 1, "a number is missing here"},
		{"node:", 5, 0, "a number is missing here"},
		{"+", 1, 0, "a number is missing here"},
		{"4, ", 3, 0, "a number is missing here"},
		{"4 ,5", 1, 3, "this does not belong to a list of CPUs"},
		{"l3:0,node:1", 5, 6, "a list is of one kind, which stands in front of it, once"},
		{"node:0, node:1", 8, 6, "a list is of one kind, which stands in front of it"},
		{"4,+5", 2, 2, "a list is of one kind, which stands in front of it, once"},
		{"4-", 0, 2, "a range without its end"},
		{"1,5-2", 2, 3, "a range that runs backwards"},
		{"0-8:0", 4, 1, "a stride is 1 or more"},
		{"0-8:", 4, 1, "a stride is 1 or more"},
		{"1,8192", 2, 4, "no machine has so many: 8192 at most"},
		{"99999999999999999999", 0, 20, "no machine has so many: 8192 at most"},
		{"0-9000", 0, 6, "no machine has so many: 8192 at most"},
		{"4 5", 1, 2, "this does not belong to a list of CPUs"},
		{"4:2", 1, 2, "this does not belong to a list of CPUs"},
		{"2-5;8", 3, 2, "this does not belong to a list of CPUs"},
		{"auto,4", 0, 6, "\"auto,4\" does not name CPUs; did you mean auto?"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(faults); i++) {
		struct wr_cpu_request request = {.kind = WR_CPUS_L3};
		struct wr_config_fault fault;
		cr_assert_eq(parse(faults[i].text, &request, &fault), -EINVAL, "%s",
			     faults[i].text);
		cr_assert_eq(request.kind, WR_CPUS_L3);
		cr_assert(strncmp(fault.why, faults[i].why, strlen(faults[i].why)) == 0, "%s: %s",
			  faults[i].text, fault.why);
		cr_assert(fault.at == faults[i].at && fault.bytes == faults[i].bytes,
			  "%s: at %zu, %zu bytes", faults[i].text, fault.at, fault.bytes);
	}
}

Test(cpus, random_sets_read_back_as_they_were_written)
{
	static char text[32768];
	struct wr_prng prng;
	wr_prng_init(&prng, 42);
	for (int i = 0; i < 300; i++) {
		static struct wr_cpu_request request;
		static struct wr_cpu_request again;
		struct wr_config_fault fault;
		uint64_t count = 1 + wr_prng_below(&prng, 200);
		memset(&request, 0, sizeof request);
		request.kind = WR_CPUS_LIST + (unsigned)wr_prng_below(&prng, 5);
		for (uint64_t n = 0; n < count; n++) {
			uint32_t first = (uint32_t)wr_prng_below(&prng, WR_CPUS_MAX);
			uint32_t run = (uint32_t)wr_prng_below(&prng, 4);
			for (uint32_t cpu = first; cpu <= first + run; cpu++)
				wr_cpu_set_add(&request.set, cpu);
		}
		(void)wr_cpu_request_format(&request, text, sizeof text);
		cr_assert_eq(parse(text, &again, &fault), 0, "%s: %s", text, fault.why);
		cr_assert_arr_eq(&request, &again, sizeof request);
	}
}
