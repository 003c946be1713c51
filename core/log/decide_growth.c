/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding a PARTITION_MAP record: from here on a topic has more partitions.
 *
 * An event behind it lies in the partition that its hash has under the new number, which is a
 * multiple of the old one: where it was, or in a partition that begins here. Its row of each
 * subscription begins at this record, since nothing of it lies before. Rows of a shared
 * subscription have no position of their own.
 */
#include <errno.h>

#include <weir/error.h>

#include "core/log/decide.h"
#include "core/record/batch.h"

static void begin_rows(struct wr_tables *t, struct wr_undo *undo, const struct wr_subscription *s,
		       uint32_t topic, uint32_t before, uint64_t seq)
{
	uint32_t first = wr_catalog_row(&t->catalog, s, topic, 0);
	uint32_t now = wr_topic_in_force(&t->catalog.topics[topic]);
	if (first == UINT32_MAX || s->order != WR_ORDER_PARTITION)
		return;
	for (uint32_t row = first + before; row < first + now; row++) {
		wr_settle_row_begin(&t->settle, s->row_first + row, seq);
		wr_tables_count_from(t, undo, s, row, seq, seq);
	}
}

int wr_decide_growth(struct wr_tables *t, struct wr_undo *undo, const struct wr_record_view *view,
		     uint64_t seq, struct wr_decision *d)
{
	struct wr_catalog *c = &t->catalog;
	uint32_t topic = view->head->topic;
	uint32_t partitions;
	if (view->head->key_hash != 0 || view->head->key_bytes != 0 || undo->entries != NULL ||
	    !wr_control_map_read(view, &partitions))
		return -EINVAL; /* other threads see it at once: it cannot be taken back */
	if (topic >= wr_catalog_topic_count(c))
		return WEIR_E_UNKNOWN_NAME;
	d->id = topic;
	uint32_t before = wr_topic_in_force(&c->topics[topic]);
	int rc = wr_catalog_grow(c, topic, partitions, seq);
	d->same = rc == WEIR_E_EXISTS;
	if (rc != 0)
		return rc;
	d->features = WR_BATCH_MAPS;
	for (uint32_t id = 0; id < wr_catalog_subscription_count(c); id++)
		begin_rows(t, undo, &c->subscriptions[id], topic, before, seq);
	return 0;
}
