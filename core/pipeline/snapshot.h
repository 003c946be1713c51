/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots in the journal's directory, by blocking calls on the caller's thread: no step knows of
 * them. Why files, and not records: docs/design/snapshots-are-files.md.
 */
#ifndef WR_PIPELINE_SNAPSHOT_H
#define WR_PIPELINE_SNAPSHOT_H

#include "core/pipeline/pipeline.h"
#include "core/pipeline/snapshot_file.h"

/* The record that a snapshot stands at. */
struct wr_snapshot_record {
	uint32_t epoch;
	uint32_t crc;
	uint64_t append_time_us;
	bool left_out; /* of an event that left (compaction), and its checksum with it */
};

/* Whose, as the caller says it: 0, or -EINVAL and why. */
int wr_snapshot_id_of(const char *name, const void *key, size_t key_bytes, uint32_t schema_version,
		      struct wr_snapshot_id *ret_id, struct weir_problem *problem);
/* What every call looks at first: 0, or why not now. */
int wr_snapshot_may(struct weir_pipeline *p, struct weir_problem *problem);
/* Looks a record up on disk: 0, WEIR_E_TRUNCATED (retired, or not durable yet), or worse. */
int wr_snapshot_find_record(struct weir_pipeline *p, uint64_t seq,
			    struct wr_snapshot_record *ret_record, struct weir_problem *problem);
/*
 * Reads and verifies all of a file, which is of this id by its name. 0: it is good, and of this
 * journal; block and header are set. -ENOENT: it is not, and snapshot->problem says why. Else what
 * the storage said, or -ENOMEM.
 */
int wr_snapshot_read(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t sequence,
		     struct wr_snapshot_header *ret_header, struct weir_snapshot *ret_snapshot);
/* The highest sequence up to `most` of the files of an id; 0: there is none. Or a negative code. */
int wr_snapshot_newest(struct weir_pipeline *p, const struct wr_snapshot_id *id, uint64_t most,
		       uint64_t *ret_sequence);

#endif
