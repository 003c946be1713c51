/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every public header needs: export marks, C++ guards, result checking.
 *
 * Pointers must not be NULL unless the function says that they may. The calls that make something
 * (open, plan, create, join) look at their options and results all the same and say -EINVAL.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#else
#define WEIR_API
#define WEIR_MUST_CHECK
#endif

#ifdef __cplusplus
#define WEIR_DECLS_BEGIN extern "C" {
#define WEIR_DECLS_END }
#else
#define WEIR_DECLS_BEGIN
#define WEIR_DECLS_END
#endif

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

/* A wait without a deadline, for every `timeout_ns` parameter. 0 never waits. */
#define WEIR_FOREVER UINT64_MAX

#endif
