/* SPDX-License-Identifier: Apache-2.0 */
/* The masks of scan.h by AVX2. Part of scan.c, and for nobody else. */
#ifndef WR_ROUTE_SCAN_WIDE_H
#define WR_ROUTE_SCAN_WIDE_H

#include "core/route/scan.h"

#if defined(__x86_64__)
#define WR_SCAN_WIDE 1

bool wr_scan_wide_is_here(void);
void wr_scan_wide(const uint8_t *bytes, struct wr_scan_block *ret_block);
#endif

#endif
