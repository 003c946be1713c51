/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in files, for `weir schema`. Thread: main. */
#ifndef WEIR_TOOLS_SCHEMA_FILE_H
#define WEIR_TOOLS_SCHEMA_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <weir/schema.h>

/*
 * The whole file, at most WEIR_SCHEMA_TEXT_BYTES_MAX + 1 bytes of it (one more is then refused
 * where it is read); "-" is standard input. To be freed. NULL: it was said why, and
 * *ret_exit_code is set.
 */
char *schema_file_text(const char *path, size_t *ret_bytes, int *ret_exit_code);

/* A schema out of a file. NULL: it was said why ("FILE: /fields/2: line 3, ..."),
 * CLI_EXIT_USAGE for what is no schema. */
struct weir_schema *schema_file_read(const char *path, uint32_t flags, int *ret_exit_code);

/* The choices of --format, and the flags of weir_schema_parse() that each means. */
extern const char *const schema_file_formats[];
uint32_t schema_file_flags(unsigned format);

#endif
