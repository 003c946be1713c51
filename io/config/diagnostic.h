/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a config: findings are collected while it is read, sorted by place, and told
 * the way a compiler does:
 *
 *   weir.yaml:31:19: error: CPU 64 is not available to this process
 *      31 |   cpus: [4, 5, 64]
 *         |                ^~
 *      = note: allowed here: 0-15
 *      = help: use auto, node:0, or a list within 0-15
 *
 * Reading goes on behind each of them, so one run finds them all; at most 100 are kept. Out of
 * memory is kept, too, and told by the one who began: nobody in between has to look.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_DIAGNOSTIC_H
#define WR_CONFIG_DIAGNOSTIC_H

#include <weir/config.h>

#include "io/config/source.h"
#include "io/config/text.h"

#define WR_CONFIG_FINDINGS_MAX 100u

struct wr_config_findings {
	struct wr_config_arena *arena;
	const struct wr_config_source *source;
	uint32_t count;
	uint32_t error_count; /* of all, kept or not */
	uint32_t left_out;
	bool out_of_memory;
	bool only_form; /* it could not be read: keys and values were not looked at */
	/* One more than is kept: there goes what is too much. */
	struct weir_config_diagnostic items[WR_CONFIG_FINDINGS_MAX + 1];
	size_t at[WR_CONFIG_FINDINGS_MAX + 1]; /* of each: its byte in the source */
};

/* Nothing more will be kept: what costs time to say need not be found out. */
static inline bool wr_config_is_full(const struct wr_config_findings *findings)
{
	return findings->count == WR_CONFIG_FINDINGS_MAX;
}

/* Never NULL; valid until the next one. */
struct weir_config_diagnostic *wr_config_error(struct wr_config_findings *findings,
					       struct wr_config_place place, const char *format,
					       ...) __attribute__((format(printf, 3, 4)));
struct weir_config_diagnostic *wr_config_warning(struct wr_config_findings *findings,
						 struct wr_config_place place, const char *format,
						 ...) __attribute__((format(printf, 3, 4)));
void wr_config_note(struct wr_config_findings *findings, struct weir_config_diagnostic *of,
		    const char *format, ...) __attribute__((format(printf, 3, 4)));
void wr_config_help(struct wr_config_findings *findings, struct weir_config_diagnostic *of,
		    const char *format, ...) __attribute__((format(printf, 3, 4)));

void wr_config_findings_sort(struct wr_config_findings *findings);
void wr_config_findings_print(const struct wr_config_findings *findings,
			      struct wr_config_text *text);

#endif
