/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics/cells.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/metrics/stamp.h"

static wr_atomic_u64 *word_at(struct wr_metrics *m, uint64_t offset)
{
	return (wr_atomic_u64 *)(void *)(m->base + offset);
}

/* ---- head and tables: nobody looks before the magic is there ---- */

static void put_text(uint8_t *to, const char *text, size_t bytes)
{
	size_t length = strlen(text);
	memcpy(to, text, length < bytes ? length : bytes - 1);
}

static void put_scope(struct wr_metrics *m, uint32_t scope)
{
	const struct wr_metrics_place *place = &m->layout.scopes[scope];
	const struct wr_scope_info *info = &wr_metric_scopes[scope];
	uint8_t *to = m->base + m->layout.scopes_at + (size_t)scope * WR_METRICS_SCOPE_BYTES;
	uint32_t labels = 0;

	put_text(to + WR_MS_NAME, info->name, WR_MS_NAME_BYTES);
	for (; labels < WEIR_METRICS_LABELS_MAX && info->labels[labels].name != NULL; labels++) {
		put_text(to + WR_MS_LABEL_NAMES + (size_t)labels * WR_MS_LABEL_NAME_BYTES,
			 info->labels[labels].name, WR_MS_LABEL_NAME_BYTES);
		wr_put_u32(to + WR_MS_LABEL_BYTES + (size_t)labels * 4, info->labels[labels].bytes);
	}
	wr_put_u32(to + WR_MS_LABELS, labels);
	wr_put_u32(to + WR_MS_SLOTS, place->slots);
	wr_put_u64(to + WR_MS_SLOTS_AT, place->slots_at);
	wr_put_u32(to + WR_MS_SLOT_BYTES, place->slot_bytes);
	wr_put_u32(to + WR_MS_CELLS_AT, place->cells_at);
	wr_put_u32(to + WR_MS_METRIC_FIRST, place->metric_first);
	wr_put_u32(to + WR_MS_METRICS, place->metrics);
}

static void put_metric(struct wr_metrics *m, uint32_t metric)
{
	const struct wr_metric_info *info = &wr_metric_infos[metric];
	uint8_t *to = m->base + m->layout.metrics_at + (size_t)metric * WR_METRICS_METRIC_BYTES;

	put_text(to + WR_MM_NAME, info->name, WR_MM_NAME_BYTES);
	put_text(to + WR_MM_UNIT, info->unit, WR_MM_UNIT_BYTES);
	put_text(to + WR_MM_HELP, info->help, WR_MM_HELP_BYTES);
	wr_put_u32(to + WR_MM_KIND, info->kind);
	wr_put_u32(to + WR_MM_CELL, m->layout.cell_of[metric]);
	wr_put_u64(to + WR_MM_PER_UNIT, info->per_unit);
	if (info->kind == WEIR_METRIC_HISTOGRAM) {
		wr_put_u32(to + WR_MM_BUCKETS, WR_METRICS_BUCKETS);
		wr_put_u32(to + WR_MM_SUB_BITS, WR_METRICS_SUB_BITS);
	}
}

void wr_metrics_init(struct wr_metrics *m, void *base, const struct wr_metrics_layout *layout,
		     const struct wr_metrics_identity *identity)
{
	*m = (struct wr_metrics){.layout = *layout, .base = base};
	uint8_t *h = m->base;

	wr_put_u32(h + WR_MH_LAYOUT, WR_METRICS_LAYOUT);
	wr_put_u32(h + WR_MH_HEAD_BYTES, WR_METRICS_HEAD_BYTES);
	wr_put_u64(h + WR_MH_FILE_BYTES, layout->bytes);
	wr_put_u32(h + WR_MH_SCOPES, WR_SCOPES);
	wr_put_u32(h + WR_MH_METRICS, WR_METRIC_COUNT);
	wr_put_u64(h + WR_MH_SCOPES_AT, layout->scopes_at);
	wr_put_u64(h + WR_MH_METRICS_AT, layout->metrics_at);
	wr_put_u64(h + WR_MH_ERRORS_AT, layout->errors_at);
	wr_put_u32(h + WR_MH_ERRORS, WR_METRICS_ERRORS);
	wr_put_u32(h + WR_MH_ERROR_BYTES, WR_METRICS_ERROR_BYTES);
	wr_put_u64(h + WR_MH_PID, identity->pid);
	wr_put_u64(h + WR_MH_PID_START, identity->pid_start);
	wr_put_u64(h + WR_MH_PID_SPACE, identity->pid_space);
	wr_put_u64(h + WR_MH_OPENED, identity->opened_wall_ns);
	wr_put_u64(h + WR_MH_INTERVAL, identity->interval_ns);
	put_text(h + WR_MH_NAME, identity->name, WR_MH_NAME_BYTES);
	put_text(h + WR_MH_VERSION, weir_version(), WR_MH_VERSION_BYTES);
	put_text(h + WR_MH_DIR, identity->dir, WR_MH_DIR_BYTES);
	for (uint32_t scope = 0; scope < WR_SCOPES; scope++)
		put_scope(m, scope);
	for (uint32_t metric = 0; metric < WR_METRIC_COUNT; metric++)
		put_metric(m, metric);
	wr_store_release(word_at(m, WR_MH_MAGIC), WR_METRICS_MAGIC); /* ME1 */
}

/* ---- stamps ---- */

void wr_metrics_end(wr_atomic_u64 *slot)
{
	wr_stamp_end(slot);
}

void wr_metrics_round(struct wr_metrics *m, uint64_t state, uint64_t boot_ns, uint64_t wall_ns)
{
	wr_atomic_u64 *round = word_at(m, WR_MH_ROUND);
	wr_stamp_begin(round);
	wr_stamp_put(word_at(m, WR_MH_STATE), state);
	wr_stamp_put(word_at(m, WR_MH_BOOT), boot_ns);
	wr_stamp_put(word_at(m, WR_MH_WALL), wall_ns);
	wr_stamp_put(word_at(m, WR_MH_ROUNDS), ++m->rounds);
	wr_stamp_put(word_at(m, WR_MH_ERRORS_USED), m->errors_used);
	wr_stamp_put(word_at(m, WR_MH_ERRORS_LEFT), m->errors_left);
	wr_stamp_put(word_at(m, WR_MH_LEFT_OUT), m->left_out);
	wr_metrics_end(round);
	m->left_out = 0;
}

/* ---- slots ---- */

/* Text in words, the rest of them 0. True when it was something else. */
static bool put_words(wr_atomic_u64 *to, const char *text, uint32_t bytes, bool only_compare)
{
	size_t length = wr_min_u64(strlen(text), bytes - 1);
	bool changed = false;

	for (uint32_t i = 0; i < bytes / 8; i++) {
		char part[8] = {0};
		if (length > (size_t)i * 8)
			memcpy(part, text + (size_t)i * 8, wr_min_u64(length - (size_t)i * 8, 8));
		uint64_t word = wr_get_u64(part);
		if (wr_load_relaxed(&to[i]) == word) /* own */
			continue;
		changed = true;
		if (only_compare)
			break;
		wr_stamp_put(&to[i], word);
	}
	return changed;
}

static bool put_labels(wr_atomic_u64 *slot, enum wr_metrics_scope_id scope,
		       const char *const *labels, bool only_compare)
{
	wr_atomic_u64 *to = slot + WR_SLOT_LABELS / 8;
	bool changed = false;

	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX; i++) {
		const struct wr_label_info *label = &wr_metric_scopes[scope].labels[i];
		if (label->name == NULL)
			break;
		changed = put_words(to, labels[i], label->bytes, only_compare) || changed;
		to += label->bytes / 8;
	}
	return changed;
}

wr_atomic_u64 *wr_metrics_begin(struct wr_metrics *m, enum wr_metrics_scope_id scope,
				uint64_t index, const char *const *labels, bool fresh)
{
	const struct wr_metrics_place *place = &m->layout.scopes[scope];
	if (index >= place->slots)
		return NULL;
	wr_atomic_u64 *slot = word_at(m, place->slots_at + index * place->slot_bytes);
	wr_atomic_u64 *used = word_at(
		m, m->layout.scopes_at + (uint64_t)scope * WR_METRICS_SCOPE_BYTES + WR_MS_USED);

	fresh = fresh || wr_load_relaxed(&slot[WR_SLOT_GENERATION / 8]) == 0 || /* own */
		put_labels(slot, scope, labels, true);
	wr_stamp_begin(slot);
	if (fresh) {
		(void)put_labels(slot, scope, labels, false);
		for (uint32_t i = place->cells_at / 8; i < place->slot_bytes / 8; i++)
			wr_stamp_put(&slot[i], 0);
		wr_stamp_put(&slot[WR_SLOT_GENERATION / 8], ++m->generations);
		if (wr_load_relaxed(used) <= index) /* own */
			wr_stamp_put(used, index + 1);
	}
	return slot;
}

static wr_atomic_u64 *cell_of(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric)
{
	const struct wr_metrics_place *place = &m->layout.scopes[wr_metric_infos[metric].scope];
	return slot + place->cells_at / 8 + m->layout.cell_of[metric];
}

void wr_metrics_put(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
		    uint64_t value)
{
	wr_stamp_put(cell_of(m, slot, metric), value);
}

void wr_metrics_put_histogram(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
			      const struct wr_tally *tally)
{
	wr_atomic_u64 *to = cell_of(m, slot, metric);
	uint64_t count = 0;

	/* The count of what is copied: it never differs from the sum of the buckets. */
	for (uint32_t i = 0; i < WR_METRICS_BUCKETS; i++) {
		uint64_t in_bucket = wr_load_relaxed(&tally->buckets[i]);
		count += in_bucket;
		if (wr_load_relaxed(&to[3 + i]) != in_bucket) /* own */
			wr_stamp_put(&to[3 + i], in_bucket);
	}
	wr_stamp_put(&to[0], count);
	wr_stamp_put(&to[1], wr_load_relaxed(&tally->sum));
	wr_stamp_put(&to[2], wr_load_relaxed(&tally->greatest));
}

static void add(wr_atomic_u64 *cell, uint64_t value)
{
	wr_stamp_put(cell, wr_load_relaxed(cell) + value); /* own */
}

void wr_metrics_add_time(struct wr_metrics *m, wr_atomic_u64 *slot, enum wr_metric_id metric,
			 uint64_t value, uint64_t weight)
{
	wr_atomic_u64 *to = cell_of(m, slot, metric);

	add(&to[3 + wr_histogram_index(value, WR_TALLY_SUB_BITS, WR_TALLY_VALUE_BITS)], weight);
	add(&to[0], weight);
	add(&to[1], value * weight);
	if (value > wr_load_relaxed(&to[2])) /* own */
		wr_stamp_put(&to[2], value);
}

void wr_metrics_drop(struct wr_metrics *m, enum wr_metrics_scope_id scope, uint64_t index)
{
	const struct wr_metrics_place *place = &m->layout.scopes[scope];
	if (index >= place->slots)
		return;
	wr_atomic_u64 *slot = word_at(m, place->slots_at + index * place->slot_bytes);
	if (wr_load_relaxed(&slot[WR_SLOT_GENERATION / 8]) == 0) /* own */
		return;
	wr_stamp_begin(slot);
	wr_stamp_put(&slot[WR_SLOT_GENERATION / 8], 0);
	wr_metrics_end(slot);
}

/* ---- errors ---- */

void wr_metrics_note(struct wr_metrics *m, int code, const char *text, uint64_t wall_ns)
{
	wr_atomic_u64 *slot = NULL;
	const uint32_t text_bytes = WR_METRICS_ERROR_BYTES - WR_ME_TEXT;

	for (uint64_t i = 0; i < m->errors_used && slot == NULL; i++) {
		wr_atomic_u64 *e = word_at(m, m->layout.errors_at + i * WR_METRICS_ERROR_BYTES);
		if ((int64_t)wr_load_relaxed(&e[WR_ME_CODE / 8]) == code && /* own */
		    !put_words(&e[WR_ME_TEXT / 8], text, text_bytes, true))
			slot = e;
	}
	bool is_new = slot == NULL;
	if (is_new && m->errors_used == WR_METRICS_ERRORS) {
		m->errors_left++;
		return;
	}
	if (is_new)
		slot = word_at(m, m->layout.errors_at + m->errors_used++ * WR_METRICS_ERROR_BYTES);
	wr_stamp_begin(slot);
	if (is_new) {
		wr_stamp_put(&slot[WR_SLOT_GENERATION / 8], 1);
		wr_stamp_put(&slot[WR_ME_CODE / 8], (uint64_t)(int64_t)code);
		wr_stamp_put(&slot[WR_ME_FIRST / 8], wall_ns);
		(void)put_words(&slot[WR_ME_TEXT / 8], text, text_bytes, false);
	}
	wr_stamp_put(&slot[WR_ME_COUNT / 8], wr_load_relaxed(&slot[WR_ME_COUNT / 8]) + 1); /* own */
	wr_stamp_put(&slot[WR_ME_LAST / 8], wall_ns);
	wr_metrics_end(slot);
}
