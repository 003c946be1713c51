/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between the quotes of a YAML scalar, as text. By hand, from the source: libfyaml
 * 0.7.12 leaks memory when it formats some hostile scalars, and this way every byte of the result
 * has a known place.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_CONFIG_UNQUOTE_H
#define WR_CONFIG_UNQUOTE_H

#include "io/config/fault.h"

/*
 * 'It''s': a quote is written twice.
 * @param to  as much room as `bytes`
 * @return bytes of the text
 */
size_t wr_config_unquote_single(const char *from, size_t bytes, char *to);

/*
 * "a\tb": \\ \" \/ \t \n \r \xNN \uNNNN \UNNNNNNNN. The result is UTF-8 without control characters
 * other than these three.
 * @param to         as much room as `bytes`; NULL: only to see whether it is right
 * @param ret_bytes  of the text; set on success
 * @return 0, or -EINVAL with the fault: places are counted in `from`
 */
int wr_config_unquote_double(const char *from, size_t bytes, char *to, size_t *ret_bytes,
			     struct wr_config_fault *ret_fault);

#endif
