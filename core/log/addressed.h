/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding an addressed event (core/record/recipients.h), and what it does to lag: it is no event
 * of its partition for anybody else, so that it is counted for each row that gets it, beside what
 * was appended to the partition.
 *
 * Refused: who it names reads the topic, and is nobody that copies; and what it is a copy of has
 * not been erased meanwhile: the copy stands behind the record that erased it, and would stay.
 */
#ifndef WR_LOG_ADDRESSED_H
#define WR_LOG_ADDRESSED_H

#include "core/log/decide.h"

/* For wr_decide(). -ESTALE: its key was erased behind what it is a copy of. */
int wr_decide_addressed(struct wr_tables *t, struct wr_undo *undo,
			const struct wr_record_view *view, struct wr_decision *d);

/* What was addressed to rows, in checkpoints: only where there is some. */
size_t wr_addressed_save_bytes_max(uint32_t rows_max);
void wr_addressed_save(struct wr_settle *s, struct wr_sink *sink);
int wr_addressed_load(struct wr_settle *s, uint32_t version, const uint8_t *bytes,
		      uint32_t length_bytes);

#endif
