/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of CPUs, as the kernel takes and writes it. Pure functions.
 */
#ifndef WR_POSIX_CPU_SET_H
#define WR_POSIX_CPU_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NR_CPUS of the largest kernels. */
#define WR_CPUS_MAX 8192u

/* Laid out as the kernel's mask on a little-endian machine. */
struct wr_cpu_set {
	uint64_t words[WR_CPUS_MAX / 64];
};

static inline bool wr_cpu_set_has(const struct wr_cpu_set *set, uint32_t cpu)
{
	return cpu < WR_CPUS_MAX && (set->words[cpu / 64] >> (cpu % 64) & 1) != 0;
}

static inline void wr_cpu_set_add(struct wr_cpu_set *set, uint32_t cpu)
{
	if (cpu < WR_CPUS_MAX)
		set->words[cpu / 64] |= 1ull << (cpu % 64);
}

uint32_t wr_cpu_set_count(const struct wr_cpu_set *set);

/* The kernel's list format, "0-3,8"; white space around it. Empty is the empty set. -EINVAL. */
int wr_cpu_set_parse(const char *text, struct wr_cpu_set *ret_set);

/* The same format; ends in "..." when it does not fit. out_bytes >= 4. */
void wr_cpu_set_format(const struct wr_cpu_set *set, char *ret_text, size_t out_bytes);

#endif
