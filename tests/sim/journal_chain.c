/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_chain.h. */
#include "tests/sim/journal_chain.h"

#include <string.h>

#include "core/record/left_out.h"

#define LATE_MAX 3u /* lives without the key, at most */

static const struct wr_chain_secret secret = {
	.count = WR_CHAIN_SECRET_MIN,
	.bytes = "a key that nobody else ought to..",
};

void journal_chain_init(struct journal_chain *c, uint64_t seed)
{
	*c = (struct journal_chain){
		.is_on = seed / 16 % 3 == 1,
		.from_life = (uint32_t)(seed / 48 % (LATE_MAX + 1)),
	};
}

void journal_chain_options(const struct journal_chain *c, struct journal_rig_options *o)
{
	o->chain_secret = c->is_on && c->life >= c->from_life ? &secret : NULL;
}

bool journal_chain_is_there(const struct journal_chain *c)
{
	return c->is_on && c->life > c->from_life;
}

void journal_chain_begin(struct journal_chain *c, const struct journal_rig *rig)
{
	c->key = rig->recovered.is_chained ? &rig->recovered.chain_key : NULL;
	c->any = c->has_link = false;
}

static void expect(struct journal_chain *c, bool good, const char *what)
{
	if (!good && c->wrong == NULL)
		c->wrong = what;
}

void journal_chain_batch(struct journal_chain *c, const struct wr_batch_header *h)
{
	bool is_linked = (h->features_may & WR_BATCH_LINKED) != 0;
	bool begins = (h->features_may & WR_BATCH_LINK_BEGINS) != 0;

	if (c->key == NULL) {
		expect(c, !is_linked, "a link that nobody had the key for");
		return;
	}
	expect(c, is_linked || !c->has_link, "a batch without a link behind one that has one");
	expect(c, !begins || !c->has_link, "the chain begins once more");
	expect(c, begins || c->has_link || !is_linked || !c->any, "a link to nothing");
	if (is_linked) {
		expect(c, !(begins || c->has_link) || wr_chain_link_is_good(c->key, c->link, h),
		       "a link that is not the one that follows");
		expect(c, wr_left_out_count(h) > 0 || wr_chain_tag_is_good(c->key, h),
		       "a tag that is not of its batch");
		c->begun_late_count += begins && c->any;
		c->proven_count++;
		memcpy(c->link, h->link, sizeof c->link);
	}
	c->has_link = is_linked;
	c->any = true;
}
