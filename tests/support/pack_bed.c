/* SPDX-License-Identifier: Apache-2.0 */
/* See pack_bed.h. */
#include "tests/support/pack_bed.h"

#include "core/base/assert.h"
#include "core/journal/scan.h"

uint32_t pack_bed_codec = WR_CODEC_NONE;

static int run(struct wr_pack *pack, const struct wr_pack_job *job, bool to_the_end)
{
	int r = wr_pack_begin(pack, job);

	if (r < 0)
		return r;
	do
		r = wr_pack_step(pack);
	while (r == 1);
	if (r == 0 && to_the_end)
		r = wr_pack_switch(pack);
	if (r == WEIR_E_CORRUPT || r == WEIR_E_FULL)
		wr_pack_abort(pack);
	else
		(void)pack->storage->ops->file_close(pack->storage, pack->file);
	return r;
}

int pack_bed_rule(struct log_probe *p, struct wr_storage *storage, uint32_t n,
		  const struct wr_pack_rule *rule, uint32_t file_number, bool to_the_end)
{
	struct wr_segment *s = wr_segment_live(&p->table, n);
	struct wr_segment *next = wr_segment_live(&p->table, n + 1);
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_pack_job job = {
		.is_packed = wr_segment_is_packed(s),
		.rule = rule,
		.segment_id = wr_load_relaxed(&s->segment_id),
		.first_seq = wr_load_relaxed(&s->first_seq),
		.end_seq = wr_load_relaxed(&next->first_seq),
		.file_number = file_number,
		.now_us = 1,
	};
	struct wr_pack pack;

	wr_segment_name(name, 0, s->file_number);
	int r = storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &job.file);
	if (r < 0)
		return r;
	WR_ASSERT(wr_pack_init(&pack, storage, &p->memory.base, p->table.uuid, 0,
			       p->table.chunk_bytes, p->table.segment_bytes, rule != NULL) == 0 &&
		  wr_pack_compress(&pack, pack_bed_codec, 0) == 0);
	r = run(&pack, &job, to_the_end);
	(void)storage->ops->file_close(storage, job.file);
	wr_pack_fini(&pack);
	return r;
}

int pack_bed_one(struct log_probe *p, struct wr_storage *storage, uint32_t n, bool to_the_end)
{
	return pack_bed_rule(p, storage, n, NULL, PACK_BED_FILES + n, to_the_end);
}

int pack_bed_features(struct log_probe *p, struct wr_storage *storage, uint32_t features)
{
	struct wr_superblock_found found;
	uint32_t file;
	int r = storage->ops->file_open(storage, WR_SUPERBLOCK_NAME, 0, &file);

	if (r == 0)
		r = wr_superblock_read(storage, &p->memory.base, file, &found);
	if (r < 0)
		return r;
	found.superblock.features_must |= features;
	r = wr_superblock_write(storage, &p->memory.base, file, 0, &found.superblock);
	(void)storage->ops->file_close(storage, file);
	return r;
}

int pack_bed_all(struct wr_sim_disk *disk, struct wr_storage *storage, bool remove_plain)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	struct log_probe p;
	int r = log_probe_open(&p, disk, NULL, true);
	int count = 0;

	if (r == 0)
		r = pack_bed_features(&p, storage, WR_SUPERBLOCK_PACKED);
	for (uint32_t n = 0; r == 0 && n + 1 < wr_segment_live_count(&p.table); n++) {
		if (wr_segment_is_packed(wr_segment_live(&p.table, n)))
			continue;
		r = pack_bed_one(&p, storage, n, true);
		if (r == WEIR_E_FULL) {
			r = 0;
			continue;
		}
		wr_segment_name(name, 0, wr_segment_live(&p.table, n)->file_number);
		if (r == 0 && remove_plain)
			r = storage->ops->file_remove(storage, name);
		count++;
	}
	if (r == 0)
		r = storage->ops->sync_dir(storage);
	log_probe_close(&p);
	return r < 0 ? r : count;
}
