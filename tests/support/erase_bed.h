/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline in which keys are erased: the call, and the wait until no byte is left. What fails
 * ends the process.
 */
#ifndef WR_TEST_ERASE_BED_H
#define WR_TEST_ERASE_BED_H

#include "tests/support/pipeline_fixture.h"

/* With small segments, and room for erasures; not opened yet. */
void erase_bed_init(struct fixture *f);
/* The sequence of the record. */
uint64_t erase_bed_key(struct fixture *f, uint32_t topic, const char *key);
struct weir_erase_status erase_bed_status(struct fixture *f);
/* Until nothing is left in any file, for a long time. */
void erase_bed_wait(struct fixture *f, uint64_t sequence);
/* In how many files of the journal's directory the text stands. */
uint32_t erase_bed_files_with(struct fixture *f, const char *text);

#endif
