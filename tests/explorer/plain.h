/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that code compiled with -fsanitize=thread calls, and the two that memcpy and
 * memset are renamed to in it (the compiler does not instrument those).
 */
#ifndef WR_EXPLORER_PLAIN_H
#define WR_EXPLORER_PLAIN_H

#include <stddef.h>

void __tsan_init(void);
void __tsan_func_entry(void *from);
void __tsan_func_exit(void);
void __tsan_read1(void *p);
void __tsan_read2(void *p);
void __tsan_read4(void *p);
void __tsan_read8(void *p);
void __tsan_read16(void *p);
void __tsan_write1(void *p);
void __tsan_write2(void *p);
void __tsan_write4(void *p);
void __tsan_write8(void *p);
void __tsan_write16(void *p);
void __tsan_unaligned_read1(void *p);
void __tsan_unaligned_read2(void *p);
void __tsan_unaligned_read4(void *p);
void __tsan_unaligned_read8(void *p);
void __tsan_unaligned_read16(void *p);
void __tsan_unaligned_write1(void *p);
void __tsan_unaligned_write2(void *p);
void __tsan_unaligned_write4(void *p);
void __tsan_unaligned_write8(void *p);
void __tsan_unaligned_write16(void *p);
void __tsan_read_range(void *p, size_t bytes);
void __tsan_write_range(void *p, size_t bytes);
void *explorer_memcpy(void *to, const void *from, size_t bytes);
void *explorer_memset(void *to, int byte, size_t bytes);

#endif
