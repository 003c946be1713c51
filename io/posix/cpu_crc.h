/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CRC instructions the CPU has, where only the kernel can tell.
 */
#ifndef WR_POSIX_CPU_CRC_H
#define WR_POSIX_CPU_CRC_H

/* Tells core/base/crc32c.h. To be called on each way in that checks or makes sums; cheap. */
void wr_cpu_crc_use(void);

#endif
