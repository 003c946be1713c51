/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: places where bpftrace, perf, SystemTap or gdb can stop and look, in a process that runs
 * (docs/guide/probes.md). Where nobody looks, a probe is one nop: no branch, no load, no call. Why
 * this page and not <sys/sdt.h>: docs/design/probes-are-own-notes.md.
 *
 * What tools find is a note of SystemTap's format, version 3 ("stapsdt"), in a section that is not
 * loaded. By byte offset, after ELF's own {name bytes, note bytes, type 3, "stapsdt\0"}:
 *
 *     0  u64   address of the nop
 *     8  u64   address of _.stapsdt.base, by which tools see how far prelink moved the file
 *    16  u64   address of the semaphore: 0, there is none
 *    24  text  "weir", then the probe's name, then its arguments: "8@OPERAND" for each, with a
 *              blank between them; each ends with a zero
 *
 * An argument is an operand where the compiler has it anyway: a register, a constant or a place in
 * memory. Each is widened to 64 bits, and is to be something that the code around holds in hand:
 * tests/api/check_probes.py compares the code with and without.
 *
 * -Dprobes=false, and architectures other than x86-64 and ARM64, have none.
 */
#ifndef WR_BASE_PROBE_H
#define WR_BASE_PROBE_H

#include <stdint.h>

#if !defined(WR_NO_PROBES) && !defined(WR_EXPLORE) && (defined(__x86_64__) || defined(__aarch64__))

/* clang takes memory wherever it may, and would store a register there first. */
#if defined(__clang__)
#define WR_PROBE_OPERAND "nr"
#else
#define WR_PROBE_OPERAND "nor"
#endif

#define WR_PROBE_NOTE(name, operands)                                                              \
	"990: nop\n"                                                                               \
	" .pushsection .note.stapsdt,\"\",%%note\n"                                                \
	" .balign 4\n"                                                                             \
	" .4byte 992f-991f, 994f-993f, 3\n"                                                        \
	"991: .asciz \"stapsdt\"\n"                                                                \
	"992: .balign 4\n"                                                                         \
	"993: .8byte 990b\n"                                                                       \
	" .8byte _.stapsdt.base\n"                                                                 \
	" .8byte 0\n"                                                                              \
	" .asciz \"weir\"\n"                                                                       \
	" .asciz \"" name "\"\n"                                                                   \
	" .asciz \"" operands "\"\n"                                                               \
	"994: .balign 4\n"                                                                         \
	" .popsection\n"                                                                           \
	".ifndef _.stapsdt.base\n"                                                                 \
	" .pushsection .stapsdt.base,\"aG\",%%progbits,.stapsdt.base,comdat\n"                     \
	" .weak _.stapsdt.base\n"                                                                  \
	" .hidden _.stapsdt.base\n"                                                                \
	"_.stapsdt.base: .space 1\n"                                                               \
	" .size _.stapsdt.base, 1\n"                                                               \
	" .popsection\n"                                                                           \
	".endif\n"

#define WR_PROBE2(name, a, b)                                                                      \
	__asm__ __volatile__(WR_PROBE_NOTE(#name, "8@%0 8@%1")::WR_PROBE_OPERAND((uint64_t)(a)),   \
			     WR_PROBE_OPERAND((uint64_t)(b)))
#define WR_PROBE3(name, a, b, c)                                                                   \
	__asm__ __volatile__(                                                                      \
		WR_PROBE_NOTE(#name, "8@%0 8@%1 8@%2")::WR_PROBE_OPERAND((uint64_t)(a)),           \
		WR_PROBE_OPERAND((uint64_t)(b)), WR_PROBE_OPERAND((uint64_t)(c)))
#define WR_PROBE4(name, a, b, c, d)                                                                \
	__asm__ __volatile__(                                                                      \
		WR_PROBE_NOTE(#name, "8@%0 8@%1 8@%2 8@%3")::WR_PROBE_OPERAND((uint64_t)(a)),      \
		WR_PROBE_OPERAND((uint64_t)(b)), WR_PROBE_OPERAND((uint64_t)(c)),                  \
		WR_PROBE_OPERAND((uint64_t)(d)))

#else

#define WR_PROBE2(name, a, b) ((void)(a), (void)(b))
#define WR_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define WR_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))

#endif
#endif
