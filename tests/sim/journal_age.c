/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_age.h. */
#include "tests/sim/journal_age.h"

#include <string.h>

#define MS_NS 1000000ull

void journal_age_init(struct journal_age *age, uint64_t seed)
{
	memset(age, 0, sizeof *age);
	wr_prng_init(&age->prng, seed ^ 0x71e);
	if (seed % 4 == 2)
		age->limit_ns = 10 * MS_NS + seed % 7 * 10 * MS_NS;
}

void journal_age_appended(struct journal_age *age, const struct wr_sim_disk *disk, uint64_t seq)
{
	age->ran_ns[seq] = disk->clock->mono_ns;
}

static void set_clock(struct journal_age *age, struct wr_sim_disk *disk, uint64_t most_ns)
{
	int64_t by_ns = (int64_t)wr_prng_below(&age->prng, most_ns);

	wr_clock_sim_jump_wall(disk->clock, wr_prng_chance(&age->prng, 650000) ? by_ns : -by_ns);
	age->set_count++;
}

bool journal_age_pass(struct journal_age *age, struct journal_rig *rig)
{
	struct wr_sim_disk *disk = rig->o.disk;
	uint64_t what = wr_prng_below(&age->prng, 1000);
	uint64_t oldest_seq = wr_segment_oldest_seq(&rig->table);

	if (age->limit_ns == 0)
		return true;
	/* What is not counted yet was not appended by the last life, but found by this one. */
	bool good = oldest_seq <= age->gone_seq + 1 ||
		    disk->clock->mono_ns - age->ran_ns[oldest_seq - 1] >= age->limit_ns / 2;
	if (oldest_seq > age->gone_seq + 1) {
		age->gone_seq = oldest_seq - 1;
		age->gone_count++;
	}
	if (what < 5)
		set_clock(age, disk, 200 * age->limit_ns);
	else if (what < 17)
		wr_clock_sim_advance(disk->clock, wr_prng_below(&age->prng, age->limit_ns / 2));
	journal_rig_stamp(rig);
	return good;
}

void journal_age_pause(struct journal_age *age, struct wr_sim_disk *disk)
{
	if (age->limit_ns != 0)
		set_clock(age, disk, 2000 * age->limit_ns);
}
