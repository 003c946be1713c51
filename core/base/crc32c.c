/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C in four ways that give one value.
 *
 * The CPU's instruction takes 8 bytes a cycle but answers three cycles later, so one chain of it
 * reaches a third of what the unit can do. The bytes are therefore taken as three neighbouring
 * blocks, each with a chain of its own, and the three registers are combined as if there had been
 * one: the register of the first block moves over the second (a multiplication by x^(8 * block),
 * eight look-ups in a table of 512 bytes), and so on. Three block lengths keep the share that goes
 * into combining small for any input: 3 * 1360 is one 4 KiB block less 16 bytes.
 *
 * Long inputs go a way of their own where the CPU has it (crc32c_wide.c).
 *
 * The portable way is slicing by 8: eight look-ups for eight bytes.
 *
 * Which one: x86-64 asks the CPU. The CRC instructions of ARMv8.0 are optional and only the kernel
 * knows of them; the core asks no kernel, so io tells it (wr_crc32c_use_hardware), unless the build
 * targets a CPU that has them for certain.
 *
 * Thread: any. No state but that one flag, which only ever selects between equal answers.
 */
#include "core/base/crc32c.h"

#include "core/base/atomic.h"
#include "core/base/bytes.h"
#include "core/base/crc32c_tables.h"
#include "core/base/crc32c_wide.h"

static uint32_t crc_bytes_portable(uint32_t crc, const uint8_t *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		crc = (crc >> 8) ^ slice[0][(crc ^ p[i]) & 0xff];
	return crc;
}

uint32_t wr_crc32c_portable(uint32_t seed, const void *bytes, size_t length_bytes)
{
	const uint8_t *p = bytes;
	uint32_t crc = ~seed;
	for (; length_bytes >= 8; p += 8, length_bytes -= 8) {
		uint64_t word = wr_get_u64(p) ^ crc;
		crc = slice[7][word & 0xff] ^ slice[6][(word >> 8) & 0xff] ^
		      slice[5][(word >> 16) & 0xff] ^ slice[4][(word >> 24) & 0xff] ^
		      slice[3][(word >> 32) & 0xff] ^ slice[2][(word >> 40) & 0xff] ^
		      slice[1][(word >> 48) & 0xff] ^ slice[0][word >> 56];
	}
	return ~crc_bytes_portable(crc, p, length_bytes);
}

#if defined(__x86_64__)

#define HARDWARE_NAME "sse4.2"
#define HARDWARE_TARGET __attribute__((target("sse4.2")))

static bool has_hardware(void)
{
	/* One load and a test of what libgcc or compiler-rt read from CPUID at load. */
	return __builtin_cpu_supports("sse4.2") != 0;
}

HARDWARE_TARGET static inline uint32_t crc_word(uint32_t crc, const uint8_t *p)
{
	return (uint32_t)__builtin_ia32_crc32di(crc, wr_get_u64(p));
}

HARDWARE_TARGET static inline uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	return __builtin_ia32_crc32qi(crc, byte);
}

#elif defined(__aarch64__)

#define HARDWARE_NAME "armv8-crc"
#define HARDWARE_TARGET

#ifdef __ARM_FEATURE_CRC32
static wr_atomic_u32 hardware = 1;
#else
static wr_atomic_u32 hardware = 0;
#endif

static bool has_hardware(void)
{
	/* Relaxed: the flag carries no data with it, and both ways give the same answer. */
	return wr_load_relaxed(&hardware) != 0;
}

/*
 * Assembler, because gcc and clang spell both the builtin and the target attribute differently.
 * The directive lets the assembler accept the instruction; it changes nothing in the object file.
 */
static inline uint32_t crc_word(uint32_t crc, const uint8_t *p)
{
	uint64_t word = wr_get_u64(p);
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
	return crc;
}

static inline uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	uint32_t value = byte;
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(value));
	return crc;
}

#endif

void wr_crc32c_use_hardware(bool use)
{
#if defined(__aarch64__)
	wr_store_relaxed(&hardware, use ? 1u : 0u);
#else
	(void)use;
#endif
}

#ifdef HARDWARE_NAME

/* The register after as many zero bytes as the table stands for. */
static inline uint32_t crc_shift(const uint32_t table[8][16], uint32_t crc)
{
	return table[0][crc & 15] ^ table[1][(crc >> 4) & 15] ^ table[2][(crc >> 8) & 15] ^
	       table[3][(crc >> 12) & 15] ^ table[4][(crc >> 16) & 15] ^
	       table[5][(crc >> 20) & 15] ^ table[6][(crc >> 24) & 15] ^ table[7][crc >> 28];
}

/* Three blocks of block_bytes from p. The callers pass constants: the loop is a counted one. */
HARDWARE_TARGET static inline uint32_t crc_three(uint32_t crc, const uint8_t *p, size_t block_bytes,
						 const uint32_t table[8][16])
{
	uint32_t second = 0;
	uint32_t third = 0;
	for (size_t i = 0; i < block_bytes; i += 8) {
		crc = crc_word(crc, p + i);
		second = crc_word(second, p + block_bytes + i);
		third = crc_word(third, p + 2 * block_bytes + i);
	}
	return crc_shift(table, crc_shift(table, crc) ^ second) ^ third;
}

/* The register behind the bytes. */
HARDWARE_TARGET static uint32_t crc_chains(uint32_t crc, const uint8_t *p, size_t left_bytes)
{
	for (; left_bytes >= 3 * 1360; p += 3 * 1360, left_bytes -= 3 * 1360)
		crc = crc_three(crc, p, 1360, shift_1360);
	for (; left_bytes >= 3 * 336; p += 3 * 336, left_bytes -= 3 * 336)
		crc = crc_three(crc, p, 336, shift_336);
	for (; left_bytes >= 3 * 80; p += 3 * 80, left_bytes -= 3 * 80)
		crc = crc_three(crc, p, 80, shift_80);
	for (; left_bytes >= 8; p += 8, left_bytes -= 8)
		crc = crc_word(crc, p);
	for (; left_bytes > 0; p++, left_bytes--)
		crc = crc_byte(crc, *p);
	return crc;
}

uint32_t wr_crc32c_chains(uint32_t seed, const void *bytes, size_t length_bytes)
{
	if (has_hardware())
		return ~crc_chains(~seed, bytes, length_bytes);
	return wr_crc32c_portable(seed, bytes, length_bytes);
}

#ifdef WR_CRC32C_WIDE

uint32_t wr_crc32c(uint32_t seed, const void *bytes, size_t length_bytes)
{
	const uint8_t *p = bytes;
	uint32_t crc = ~seed;
	size_t done_bytes = 0;

	if (!has_hardware())
		return wr_crc32c_portable(seed, bytes, length_bytes);
	if (length_bytes >= WR_CRC32C_WIDE_BYTES_MIN && wr_crc32c_wide_is_here())
		crc = wr_crc32c_wide(crc, p, length_bytes, &done_bytes);
	return ~crc_chains(crc, p + done_bytes, length_bytes - done_bytes);
}

const char *wr_crc32c_engine(void)
{
	if (!has_hardware())
		return "portable";
	return wr_crc32c_wide_is_here() ? HARDWARE_NAME ", vpclmulqdq" : HARDWARE_NAME;
}

#else

uint32_t wr_crc32c(uint32_t seed, const void *bytes, size_t length_bytes)
{
	return wr_crc32c_chains(seed, bytes, length_bytes);
}

const char *wr_crc32c_engine(void)
{
	return has_hardware() ? HARDWARE_NAME : "portable";
}

#endif

#else

uint32_t wr_crc32c(uint32_t seed, const void *bytes, size_t length_bytes)
{
	return wr_crc32c_portable(seed, bytes, length_bytes);
}

uint32_t wr_crc32c_chains(uint32_t seed, const void *bytes, size_t length_bytes)
{
	return wr_crc32c_portable(seed, bytes, length_bytes);
}

const char *wr_crc32c_engine(void)
{
	return "portable";
}

#endif
