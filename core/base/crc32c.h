/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C (Castagnoli, reflected, polynomial 0x82F63B78), by the CPU's instructions where it has
 * them (SSE4.2, and AVX-512 with VPCLMULQDQ for long inputs; ARMv8 CRC), by slicing tables
 * elsewhere. One standard value whatever the path:
 * interleaved chains are combined inside.
 *
 * wr_crc32c(0, "123456789", 9) == 0xE3069283. Calls chain: crc(crc(seed, a), b) == crc(seed, ab).
 * Thread: any. Wait-free.
 */
#ifndef WR_BASE_CRC32C_H
#define WR_BASE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t wr_crc32c(uint32_t seed, const void *bytes, size_t length_bytes);

/* Paths apart, for tests that compare them: slicing; and whatever the CPU has but for the way of
 * long inputs, as on a CPU without that. */
uint32_t wr_crc32c_portable(uint32_t seed, const void *bytes, size_t length_bytes);
uint32_t wr_crc32c_chains(uint32_t seed, const void *bytes, size_t length_bytes);

/*
 * On ARM64 the core cannot ask the kernel whether the CPU has the CRC instructions: io says so
 * before sums are made (io/posix/cpu_crc.h). True on a CPU without them
 * is the caller's bug. Does nothing elsewhere: x86-64 asks the CPU itself.
 */
void wr_crc32c_use_hardware(bool use);

/* What wr_crc32c uses on this machine: "sse4.2", "sse4.2, vpclmulqdq", "armv8-crc", "portable". */
const char *wr_crc32c_engine(void);

#endif
