/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key, with all that the table knows of it, and its values in a config. The rest of
 * weir_config_explain() is in explain.c.
 *
 * Thread: any; reads only.
 */
#ifndef WR_CONFIG_EXPLAIN_H
#define WR_CONFIG_EXPLAIN_H

#include <stdbool.h>

#include <weir/config.h>

#include "io/config/text.h"

/* `config` may be NULL. Bytes of the text; 0: there is no such key. */
size_t wr_config_explain_key(const struct weir_config *config, const char *path,
			     struct wr_config_text *text);

/* The key that was probably meant by a path that names none: false if there is none such. */
bool wr_config_nearest_key(const char *path, char *ret_path, size_t path_bytes);

#endif
