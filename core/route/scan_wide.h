/* SPDX-License-Identifier: Apache-2.0 */
/* The way of scan.h by AVX2, or by NEON. Part of scan.c, and for nobody else. */
#ifndef WR_ROUTE_SCAN_WIDE_H
#define WR_ROUTE_SCAN_WIDE_H

#include "core/route/scan.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define WR_SCAN_WIDE 1

bool wr_scan_wide_is_here(void);
extern const struct wr_scan_way wr_scan_wide;
#endif

#endif
