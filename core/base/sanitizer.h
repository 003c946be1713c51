/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sanitizer this is built with: gcc defines a macro, clang answers __has_feature. 1 or 0, for
 * the preprocessor and for code.
 */
#ifndef WR_BASE_SANITIZER_H
#define WR_BASE_SANITIZER_H

#if defined(__has_feature)
#define WR_SANITIZER_OF_CLANG(name) __has_feature(name)
#else
#define WR_SANITIZER_OF_CLANG(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || WR_SANITIZER_OF_CLANG(thread_sanitizer)
#define WR_UNDER_TSAN 1
#else
#define WR_UNDER_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__) || WR_SANITIZER_OF_CLANG(address_sanitizer)
#define WR_UNDER_ASAN 1
#else
#define WR_UNDER_ASAN 0
#endif

/*
 * For functions in which a thread may be cancelled: their frames are left as they are, and where
 * AddressSanitizer has put edges around variables it would find those when the thread's end uses
 * the stack again.
 */
#define WR_FRAME_MAY_BE_LEFT __attribute__((no_sanitize_address))

#endif
