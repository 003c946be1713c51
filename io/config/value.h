/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars: the text of a value into its type and back, by a row of the table. Nothing is guessed: a
 * duration without a unit, `on`, a number with a leading zero are faults with a place.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_CONFIG_VALUE_H
#define WR_CONFIG_VALUE_H

#include "io/config/fault.h"
#include "io/config/keys.h"
#include "io/config/text.h"

/*
 * Reads one scalar of key->type (of key->item for the items of a list).
 *
 * @param text    ends in NUL; NAME and TEXT keep it
 * @param target  what the type says; set on success only
 * @return 0, or -EINVAL with the fault
 */
int wr_config_value_parse(const struct wr_config_key *key, enum wr_config_type type,
			  const char *text, void *target, struct wr_config_fault *ret_fault);

/* The value as it would stand in a file, quoted where YAML needs it. False: there is none (a key
 * without a default that was left out). */
bool wr_config_value_format(const struct wr_config_key *key, enum wr_config_type type,
			    const void *target, struct wr_config_text *text);

/* "16KiB" for the ends of a range and the like: the shortest exact form. */
void wr_config_size_format(uint64_t bytes, struct wr_config_text *text);
void wr_config_duration_format(uint64_t ns, struct wr_config_text *text);

/* What a value of the type looks like, for help and the reference: "a size: bytes, or 64KiB". */
const char *wr_config_type_shape(enum wr_config_type type);

/* "16KiB to 16MiB, a power of two"; false: any value will do. */
bool wr_config_range_format(const struct wr_config_key *key, struct wr_config_text *text);

/* A text as YAML, in quotes where a plain scalar would not do. */
void wr_config_put_scalar(struct wr_config_text *text, const char *from);

#endif
