/* SPDX-License-Identifier: Apache-2.0 */
#include "io/posix/cpu_crc.h"

#include "core/base/crc32c.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

void wr_cpu_crc_use(void)
{
#if defined(__aarch64__)
	wr_crc32c_use_hardware((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0);
#endif
}
