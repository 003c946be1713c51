/* SPDX-License-Identifier: Apache-2.0 */
/* Packing what a builder built: every sealed segment, as the packer of a journal does. */
#ifndef WR_TESTS_PACK_BED_H
#define WR_TESTS_PACK_BED_H

#include "core/journal/pack.h"
#include "core/journal/segment.h"
#include "tests/support/log_builder.h"
#include "tests/support/log_probe.h"

/* The first file number that is nobody's; packed files are numbered from here. */
#define PACK_BED_FILES 500u

/* How frames are compressed from now on: enum wr_codec_number, which this build has. */
extern uint32_t pack_bed_codec;

/*
 * Packs the n-th live segment of `p`, which is open, from and to `storage`: up to, and with
 * `to_the_end` through, the switch. 0, or what wr_pack_*() said.
 */
int pack_bed_one(struct log_probe *p, struct wr_storage *storage, uint32_t n, bool to_the_end);
/* The same of a segment that may be packed already, by a rule, into a file of this number. */
int pack_bed_rule(struct log_probe *p, struct wr_storage *storage, uint32_t n,
		  const struct wr_pack_rule *rule, uint32_t file_number, bool to_the_end);
/* The superblock of the journal on this storage says these features, too. */
int pack_bed_features(struct log_probe *p, struct wr_storage *storage, uint32_t features);
/*
 * Packs all sealed segments of a journal on this disk, and says so in its superblock; with
 * `remove_plain` what they stood for goes. How many, or a negative code.
 */
int pack_bed_all(struct wr_sim_disk *disk, struct wr_storage *storage, bool remove_plain);

#endif
