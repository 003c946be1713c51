/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain over commits at an open: whether the key is the one, and from which link it goes on.
 * Nothing was written before, and the superblock that the open writes says that there is a chain,
 * before any batch of it is written. Thread: see recovery.h.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bug.h"
#include "core/journal/recovery_run.h"

int wr_recovery_chain(struct wr_recovery_run *run, struct wr_recovered *rec)
{
	const struct wr_chain_secret *secret = run->options->chain_secret;
	struct wr_superblock *s = &rec->superblock;
	bool has_chain = (s->features_must & WR_SUPERBLOCK_CHAINED) != 0;

	if (secret == NULL) {
		if (!has_chain || run->options->read_only)
			return 0;
		return wr_recovery_fail(run, -ENOKEY, "chain_key_file",
					"this journal has a chain, and is written with its key "
					"only: nothing was changed");
	}
	wr_chain_key_make(&rec->chain_key, secret, s->uuid, run->options->log_id);
	if (has_chain && !WR_BUG(CHAIN_OF_ANY_KEY) &&
	    memcmp(s->chain_check, rec->chain_key.check, sizeof s->chain_check) != 0)
		return wr_recovery_fail(run, -EKEYREJECTED, "chain_key_file",
					"the chain of this journal was made with another key: "
					"nothing was changed");
	if (!WR_BUG(CHAIN_UNTOLD))
		s->features_must |= WR_SUPERBLOCK_CHAINED;
	memcpy(s->chain_check, rec->chain_key.check, sizeof s->chain_check);
	rec->is_chained = true;
	rec->has_link = run->scan.has_link && !WR_BUG(CHAIN_BEGINS_ANEW);
	memcpy(rec->link, run->scan.link, sizeof rec->link);
	return 0;
}
