/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_loss.h. */
#include "tests/sim/journal_loss.h"

#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "tests/support/log_probe.h"

static struct wr_sim_disk *copy_of(const struct wr_sim_disk *disk)
{
	struct wr_sim_disk *copy = wr_sim_disk_clone(disk);

	WR_ASSERT(copy != NULL);
	wr_fault_plan_heal(&copy->plan);
	wr_sim_disk_trip_at(copy, 0, 0);
	return copy;
}

/* The name of one of its segment files, or NULL. */
static const char *draw_segment(const struct wr_sim_disk *disk, struct wr_prng *prng)
{
	uint32_t log_id, number, count = 0;
	const char *name = NULL;

	for (uint32_t i = 0; i < disk->entry_count; i++) {
		const struct wr_sim_entry *entry = &disk->entries[i];
		if (entry->now != WR_SIM_NONE &&
		    wr_segment_name_parse(entry->name, &log_id, &number) &&
		    wr_prng_below(prng, ++count) == 0)
			name = entry->name;
	}
	return name;
}

static void lose(struct wr_sim_disk *disk, const char *name, struct wr_prng *prng)
{
	uint64_t bytes = 0;
	uint8_t *zeros;

	WR_ASSERT(wr_sim_disk_peek(disk, name, &bytes) != NULL);
	switch (wr_prng_below(prng, 4)) {
	case 0:
		WR_ASSERT(wr_sim_disk_remove(disk, name) == 0);
		break;
	case 1:
		zeros = calloc(1, bytes + 1);
		WR_ASSERT(zeros != NULL && wr_sim_disk_put(disk, name, zeros, bytes) == 0);
		free(zeros);
		break;
	case 2:
		WR_ASSERT(wr_sim_disk_truncate(disk, name, 0) == 0);
		break;
	default:
		WR_ASSERT(wr_sim_disk_truncate(disk, name, wr_prng_below(prng, bytes + 1)) == 0);
		break;
	}
}

/* All that had to be kept is there, and that there was more behind it is said. */
static bool is_torn_tail(const struct log_probe *less, uint64_t kept_seq)
{
	return less->recovered.next_seq > kept_seq &&
	       less->report.trimmed_from_seq == less->recovered.next_seq &&
	       less->report.trimmed_bytes > 0;
}

enum journal_loss journal_loss_try(const struct wr_sim_disk *disk, struct wr_prng *prng,
				   uint64_t kept_seq, bool read_only)
{
	static struct log_probe whole, less;
	struct wr_sim_disk *whole_disk = copy_of(disk), *less_disk = copy_of(disk);
	const char *name = draw_segment(less_disk, prng);
	enum journal_loss loss = JOURNAL_LOSS_NONE;

	if (name != NULL) {
		lose(less_disk, name, prng);
		int r = log_probe_open(&whole, whole_disk, NULL, read_only);
		int with_less = log_probe_open(&less, less_disk, NULL, read_only);
		if (r != 0 || (with_less != 0 && with_less != WEIR_E_CORRUPT))
			loss = JOURNAL_LOSS_OTHER;
		else if (with_less != 0)
			loss = JOURNAL_LOSS_REFUSED;
		else if (less.recovered.next_seq == whole.recovered.next_seq &&
			 less.report.oldest_seq == whole.report.oldest_seq &&
			 (less.recovered.next_seq == 1 || log_probe_read_all(&less) == 0))
			loss = JOURNAL_LOSS_SPARE;
		else if (less.recovered.next_seq < whole.recovered.next_seq &&
			 less.report.oldest_seq == whole.report.oldest_seq &&
			 is_torn_tail(&less, kept_seq) && log_probe_read_all(&less) == 0)
			loss = JOURNAL_LOSS_TAIL;
		else
			loss = JOURNAL_LOSS_UNNOTICED;
		log_probe_close(&less);
		log_probe_close(&whole);
	}
	wr_sim_disk_destroy(less_disk);
	wr_sim_disk_destroy(whole_disk);
	return loss;
}

bool journal_loss_of_clean_pages(struct wr_sim_disk *disk)
{
	bool any = false;

	for (uint32_t i = 0; i < disk->inode_count; i++) {
		struct wr_sim_inode *inode = &disk->inodes[i];
		if (!inode->used || !inode->differs)
			continue;
		any = true;
		for (uint64_t k = 0; k < inode->bytes / WR_SIM_SECTOR_BYTES; k++)
			if ((inode->dirty[k / 64] >> k % 64 & 1) == 0)
				memcpy(inode->cache + k * WR_SIM_SECTOR_BYTES,
				       inode->durable + k * WR_SIM_SECTOR_BYTES,
				       WR_SIM_SECTOR_BYTES);
		inode->differs = false;
	}
	return any;
}
