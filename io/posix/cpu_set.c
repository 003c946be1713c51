/* SPDX-License-Identifier: Apache-2.0 */
/* See cpu_set.h. */
#include "io/posix/cpu_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"

uint32_t wr_cpu_set_count(const struct wr_cpu_set *set)
{
	uint32_t count = 0;
	for (size_t i = 0; i < WR_ARRAY_COUNT(set->words); i++)
		count += (uint32_t)__builtin_popcountll(set->words[i]);
	return count;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A number below WR_CPUS_MAX at *at, which moves behind it. */
static bool take_cpu(const char **at, uint32_t *ret_cpu)
{
	uint32_t cpu = 0;
	const char *p = *at;
	for (; *p >= '0' && *p <= '9' && cpu < WR_CPUS_MAX; p++)
		cpu = cpu * 10 + (uint32_t)(*p - '0');
	if (p == *at || cpu >= WR_CPUS_MAX)
		return false;
	*at = p;
	*ret_cpu = cpu;
	return true;
}

int wr_cpu_set_parse(const char *text, struct wr_cpu_set *ret_set)
{
	struct wr_cpu_set set = {{0}};
	while (is_blank(*text))
		text++;
	while (*text != '\0') {
		uint32_t first;
		uint32_t last;
		if (!take_cpu(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (!take_cpu(&text, &last) || last < first)
				return -EINVAL;
		}
		for (uint32_t cpu = first; cpu <= last; cpu++)
			wr_cpu_set_add(&set, cpu);
		if (*text == ',' && text[1] >= '0' && text[1] <= '9') {
			text++;
			continue;
		}
		while (is_blank(*text))
			text++;
		if (*text != '\0')
			return -EINVAL;
	}
	*ret_set = set;
	return 0;
}

void wr_cpu_set_format(const struct wr_cpu_set *set, char *ret_text, size_t out_bytes)
{
	size_t used = 0;
	ret_text[0] = '\0';
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++) {
		if (set->words[cpu / 64] == 0)
			cpu |= 63; // nothing in this word
		if (!wr_cpu_set_has(set, cpu))
			continue;
		uint32_t last = cpu;
		while (wr_cpu_set_has(set, last + 1))
			last++;
		char item[32];
		int length = last == cpu ? snprintf(item, sizeof item, ",%u", cpu)
					 : snprintf(item, sizeof item, ",%u-%u", cpu, last);
		const char *from = used == 0 ? item + 1 : item;
		size_t bytes = (size_t)length - (used == 0 ? 1 : 0);
		if (used + bytes + sizeof "..." > out_bytes) {
			memcpy(ret_text + used, "...", sizeof "...");
			return;
		}
		memcpy(ret_text + used, from, bytes + 1);
		used += bytes;
		cpu = last;
	}
}
