/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table for others: as a JSON Schema (draft 2020-12), with which editors complete and check a
 * file while it is written, and as the reference page.
 *
 * The schema accepts what the library accepts, as far as one value shows it: what needs several
 * keys, or the machine, is not in it. YAML readers of editors may take `yes` for true and 4 for a
 * number: both are accepted where their text would be.
 *
 * Thread: any; pure functions of the table.
 */
#ifndef WR_CONFIG_SCHEMA_H
#define WR_CONFIG_SCHEMA_H

#include "io/config/keys.h"
#include "io/config/text.h"

void wr_config_schema_put(struct wr_config_text *text);
void wr_config_reference_put(struct wr_config_text *text);

#endif
