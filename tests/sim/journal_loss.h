/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment file of a journal is lost: removed, written over with zeros, cut. What an open has to
 * make of it is known from the same medium without the loss.
 */
#ifndef WR_TESTS_SIM_JOURNAL_LOSS_H
#define WR_TESTS_SIM_JOURNAL_LOSS_H

#include "io/sim/disk_sim.h"

enum journal_loss {
	JOURNAL_LOSS_NONE = 0,  /* there is no segment file to lose */
	JOURNAL_LOSS_REFUSED,   /* the journal is refused as damaged */
	JOURNAL_LOSS_SPARE,     /* it opens as it would have with the file: nothing was in that */
	JOURNAL_LOSS_TAIL,      /* it opens without what was in flight, and reports a torn tail */
	JOURNAL_LOSS_UNNOTICED, /* it opens, with less */
	JOURNAL_LOSS_OTHER,     /* anything else */
};

/*
 * The medium is left alone: it happens to copies of it. `kept_seq` was acknowledged, or served
 * after a recovery: a file cut behind it looks as a power cut may have left it (R2, R3). read_only:
 * by who has not the key of its chain.
 */
enum journal_loss journal_loss_try(const struct wr_sim_disk *disk, struct wr_prng *prng,
				   uint64_t kept_seq, bool read_only);

/*
 * What every backend does at open (direct I/O, or POSIX_FADV_DONTNEED): clean pages are not
 * trusted. After a failed sync they hold what never reached the medium, and no later sync
 * would write it. Whether there were any.
 */
bool journal_loss_of_clean_pages(struct wr_sim_disk *disk);

#endif
