/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/histogram.h"
#include "core/metrics/stamp.h"

/* More than any weir would have, and little enough to be held. */
#define SCOPES_MAX 64u
#define METRICS_MAX 1024u
#define SLOTS_MAX 65536u
#define ERRORS_MAX 4096u
#define SUB_BITS_MAX 12u
/* Until an object stays as it was. */
#define TRIES 16u
#define SCRATCH_BYTES (64u * 1024)

static int say(struct weir_problem *problem, int code, const char *text)
{
	if (problem != NULL) {
		problem->code = code;
		(void)snprintf(problem->field, sizeof problem->field, "metrics");
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

/* Ended, and without what a terminal would obey: U+0080 to U+009F are controls, too. */
static void clean_text(uint8_t *text, size_t bytes)
{
	text[bytes - 1] = 0;
	for (size_t i = 0; text[i] != 0; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
		else if (text[i] == 0xc2 && text[i + 1] >= 0x80 && text[i + 1] < 0xa0)
			text[i] = text[i + 1] = '?';
}

/* What a stranger wrote, cut. */
static void take_text(char *to, size_t to_bytes, const uint8_t *from, size_t from_bytes)
{
	size_t i = 0;
	for (; i < from_bytes && i < to_bytes - 1 && from[i] != 0; i++)
		to[i] = (char)from[i];
	memset(to + i, 0, to_bytes - i);
	clean_text((uint8_t *)to, to_bytes);
}

/* As a metric or a label is called: it goes into OpenMetrics and JSON as it is. */
static bool is_name(const char *name)
{
	for (const char *at = name; *at != 0; at++) {
		bool is_letter =
			(*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
		if (!is_letter && (at == name || *at < '0' || *at > '9'))
			return false;
	}
	return name[0] != 0;
}

/* ---- head and tables ---- */

static bool fits(const struct weir_metrics *m, uint64_t at, uint64_t count, uint64_t bytes)
{
	/* Both are bounded by the caller: the product stays in 64 bits. */
	return at % 8 == 0 && at <= m->source.bytes && count * bytes <= m->source.bytes - at;
}

static int read_head(struct weir_metrics *m, struct weir_problem *problem)
{
	char text[sizeof problem->text], version[WR_MH_VERSION_BYTES];
	uint8_t *h = m->head;

	if (m->source.bytes < WR_METRICS_HEAD_BYTES || m->source.bytes > WR_METRICS_FILE_BYTES_MAX)
		return say(problem, WEIR_E_CORRUPT, "this is no file of metrics: its size");
	int rc = m->source.read(m->source.context, 0, h, WR_METRICS_HEAD_BYTES);
	if (rc != 0)
		return say(problem, rc, weir_strerror(rc));
	if (wr_get_u64(h + WR_MH_MAGIC) != WR_METRICS_MAGIC)
		return say(problem, WEIR_E_CORRUPT,
			   "this is no file of metrics, or its pipeline is just being opened");
	take_text(version, sizeof version, h + WR_MH_VERSION, WR_MH_VERSION_BYTES);
	if (wr_get_u32(h + WR_MH_LAYOUT) > WR_METRICS_LAYOUT) {
		(void)snprintf(text, sizeof text,
			       "the pipeline's weir is %s, and writes layout %u; this one reads up "
			       "to %u: use a weir as new as that one",
			       version, wr_get_u32(h + WR_MH_LAYOUT), WR_METRICS_LAYOUT);
		return say(problem, WEIR_E_FORMAT, text);
	}
	m->scope_count = wr_get_u32(h + WR_MH_SCOPES);
	m->metric_count = wr_get_u32(h + WR_MH_METRICS);
	m->error_count = wr_get_u32(h + WR_MH_ERRORS);
	m->error_bytes = wr_get_u32(h + WR_MH_ERROR_BYTES);
	m->scopes_at = wr_get_u64(h + WR_MH_SCOPES_AT);
	m->errors_at = wr_get_u64(h + WR_MH_ERRORS_AT);
	if (wr_get_u32(h + WR_MH_HEAD_BYTES) != WR_METRICS_HEAD_BYTES ||
	    wr_get_u64(h + WR_MH_FILE_BYTES) > m->source.bytes || m->scope_count > SCOPES_MAX ||
	    m->metric_count > METRICS_MAX || m->error_count > ERRORS_MAX ||
	    m->error_bytes % 8 != 0 || m->error_bytes <= WR_ME_TEXT ||
	    m->error_bytes > WR_METRICS_HEAD_BYTES ||
	    !fits(m, m->scopes_at, m->scope_count, WR_METRICS_SCOPE_BYTES) ||
	    !fits(m, wr_get_u64(h + WR_MH_METRICS_AT), m->metric_count, WR_METRICS_METRIC_BYTES) ||
	    !fits(m, m->errors_at, m->error_count, m->error_bytes))
		return say(problem, WEIR_E_CORRUPT, "the head of the file makes no sense");
	return 0;
}

static bool take_scope(struct weir_metrics *m, struct wr_metrics_scope_view *v, const uint8_t *from)
{
	uint64_t labels_bytes = 0;

	take_text(v->name, sizeof v->name, from + WR_MS_NAME, WR_MS_NAME_BYTES);
	v->labels = wr_get_u32(from + WR_MS_LABELS);
	v->slots = wr_get_u32(from + WR_MS_SLOTS);
	v->slots_at = wr_get_u64(from + WR_MS_SLOTS_AT);
	v->slot_bytes = wr_get_u32(from + WR_MS_SLOT_BYTES);
	v->cells_at = wr_get_u32(from + WR_MS_CELLS_AT);
	v->metric_first = wr_get_u32(from + WR_MS_METRIC_FIRST);
	v->metrics = wr_get_u32(from + WR_MS_METRICS);
	if (v->labels > WEIR_METRICS_LABELS_MAX)
		return false;
	for (uint32_t i = 0; i < v->labels; i++) {
		take_text(v->label_names[i], WR_MS_LABEL_NAME_BYTES,
			  from + WR_MS_LABEL_NAMES + (size_t)i * WR_MS_LABEL_NAME_BYTES,
			  WR_MS_LABEL_NAME_BYTES);
		v->label_bytes[i] = wr_get_u32(from + WR_MS_LABEL_BYTES + (size_t)i * 4);
		if (v->label_bytes[i] == 0 || v->label_bytes[i] % 8 != 0 ||
		    !is_name(v->label_names[i]))
			return false;
		labels_bytes += v->label_bytes[i];
	}
	return v->slots <= SLOTS_MAX && v->slot_bytes % 8 == 0 &&
	       v->slot_bytes <= m->source.bytes && v->cells_at % 8 == 0 &&
	       v->cells_at <= v->slot_bytes && WR_SLOT_LABELS + labels_bytes <= v->cells_at &&
	       v->metric_first <= m->metric_count &&
	       v->metrics <= m->metric_count - v->metric_first &&
	       fits(m, v->slots_at, v->slots, v->slot_bytes);
}

static bool take_metric(struct weir_metrics *m, uint32_t index, const uint8_t *from)
{
	struct wr_metric_view *v = &m->metrics[index];
	uint64_t cells = 1, room = 0;

	take_text(v->name, sizeof v->name, from + WR_MM_NAME, WR_MM_NAME_BYTES);
	take_text(v->unit, sizeof v->unit, from + WR_MM_UNIT, WR_MM_UNIT_BYTES);
	take_text(v->help, sizeof v->help, from + WR_MM_HELP, WR_MM_HELP_BYTES);
	v->kind = wr_get_u32(from + WR_MM_KIND);
	v->cell = wr_get_u32(from + WR_MM_CELL);
	v->per_unit = wr_get_u64(from + WR_MM_PER_UNIT);
	v->buckets = wr_get_u32(from + WR_MM_BUCKETS);
	v->sub_bits = wr_get_u32(from + WR_MM_SUB_BITS);
	v->scope = UINT32_MAX;
	for (uint32_t s = 0; s < m->scope_count; s++) {
		if (index < m->scopes[s].metric_first ||
		    index - m->scopes[s].metric_first >= m->scopes[s].metrics)
			continue;
		if (v->scope != UINT32_MAX)
			return false; /* of two kinds: its cell has a place in one of them only */
		v->scope = s;
	}
	if (v->scope == UINT32_MAX || v->per_unit == 0 || !is_name(v->name) ||
	    v->kind < WEIR_METRIC_COUNTER || v->kind > WEIR_METRIC_HISTOGRAM)
		return false;
	if (v->kind == WEIR_METRIC_HISTOGRAM) {
		cells = 3 + (uint64_t)v->buckets;
		if (v->sub_bits > SUB_BITS_MAX || v->buckets == 0 ||
		    v->buckets > 64u << v->sub_bits)
			return false;
	}
	room = (m->scopes[v->scope].slot_bytes - m->scopes[v->scope].cells_at) / 8;
	return v->cell <= room && cells <= room - v->cell;
}

static int read_tables(struct weir_metrics *m, struct weir_problem *problem)
{
	uint8_t row[256];
	uint64_t metrics_at = wr_get_u64(m->head + WR_MH_METRICS_AT);
	int rc = 0;

	for (uint32_t i = 0; i < m->scope_count && rc == 0; i++) {
		rc = m->source.read(m->source.context, m->scopes_at + (uint64_t)i * sizeof row, row,
				    sizeof row);
		if (rc == 0 && !take_scope(m, &m->scopes[i], row))
			rc = WEIR_E_CORRUPT;
	}
	for (uint32_t i = 0; i < m->metric_count && rc == 0; i++) {
		rc = m->source.read(m->source.context, metrics_at + (uint64_t)i * sizeof row, row,
				    sizeof row);
		if (rc == 0 && !take_metric(m, i, row))
			rc = WEIR_E_CORRUPT;
	}
	return rc == 0 ? 0 : say(problem, rc, "the tables of the file make no sense");
}

int wr_metrics_reader_init(struct weir_metrics *m, const struct wr_metrics_source *source,
			   void *(*alloc)(size_t count, size_t bytes), void (*give_back)(void *p),
			   struct weir_problem *problem)
{
	m->source = *source;
	int rc = read_head(m, problem);
	if (rc != 0)
		return rc;
	m->scopes = alloc(m->scope_count + 1u, sizeof *m->scopes);
	m->metrics = alloc(m->metric_count + 1u, sizeof *m->metrics);
	m->errors = alloc(m->error_count + 1u, m->error_bytes);
	rc = m->scopes == NULL || m->metrics == NULL || m->errors == NULL ? -ENOMEM : 0;
	if (rc == 0)
		rc = read_tables(m, problem);
	m->scratch_bytes = SCRATCH_BYTES;
	uint64_t all = 0;
	for (uint32_t i = 0; i < m->scope_count && rc == 0; i++) {
		struct wr_metrics_scope_view *v = &m->scopes[i];
		m->scratch_bytes = wr_max_u64(m->scratch_bytes, v->slot_bytes);
		/* Scopes may name the same bytes: what is held is bounded all the same. */
		all += (uint64_t)v->slots * v->slot_bytes;
		if (all > m->source.bytes)
			rc = say(problem, WEIR_E_CORRUPT, "the tables of the file make no sense");
		else if ((v->copy = alloc(v->slots + 1u, v->slot_bytes + 8u)) == NULL)
			rc = -ENOMEM;
	}
	if (rc == 0 && (m->scratch = alloc(2, m->scratch_bytes)) == NULL)
		rc = -ENOMEM;
	if (rc == -ENOMEM)
		(void)say(problem, rc, weir_strerror(rc));
	if (rc == 0 && (rc = weir_metrics_update(m)) != 0)
		(void)say(problem, rc, "no whole copy of the file was to be had");
	if (rc != 0)
		wr_metrics_reader_fini(m, give_back);
	return rc;
}

void wr_metrics_reader_fini(struct weir_metrics *m, void (*give_back)(void *p))
{
	for (uint32_t i = 0; m->scopes != NULL && i < m->scope_count; i++)
		give_back(m->scopes[i].copy);
	give_back(m->scopes);
	give_back(m->metrics);
	give_back(m->errors);
	give_back(m->scratch);
	m->scopes = NULL;
	m->metrics = NULL;
	m->errors = NULL;
	m->scratch = NULL;
}

/* ---- a copy ---- */

/* Of stamped things of so many bytes, one after the other; `count` fit into the scratch. */
static int copy_some(struct weir_metrics *m, uint64_t at, uint32_t bytes, uint32_t count,
		     uint8_t *to, uint32_t *ret_torn)
{
	uint8_t *once = m->scratch, *again = m->scratch + m->scratch_bytes;
	size_t all = (size_t)bytes * count;
	int rc = m->source.read(m->source.context, at, once, all);

	if (rc == 0)
		rc = m->source.read(m->source.context, at, again, all);
	*ret_torn = 0;
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		const uint8_t *one = once + (size_t)i * bytes;
		if (wr_stamp_is_whole(one, again + (size_t)i * bytes, bytes))
			memcpy(to + (size_t)i * bytes, one, bytes);
		else
			++*ret_torn;
	}
	return rc;
}

static int copy_all(struct weir_metrics *m, uint64_t at, uint32_t bytes, uint32_t count,
		    uint8_t *to)
{
	uint32_t at_once = bytes == 0 ? 0 : (uint32_t)(m->scratch_bytes / bytes);
	int rc = 0;

	for (uint32_t i = 0; i < count && at_once > 0 && rc == 0; i += at_once) {
		uint32_t some = (uint32_t)wr_min_u64(at_once, count - i);
		uint32_t torn = 1;
		/* The whole piece again: a writer is at one of them, and then at another. */
		for (uint32_t tries = 0; tries < TRIES && torn > 0 && rc == 0; tries++)
			rc = copy_some(m, at + (uint64_t)i * bytes, bytes, some,
				       to + (size_t)i * bytes, &torn);
	}
	return rc;
}

static int update_scope(struct weir_metrics *m, uint32_t index)
{
	struct wr_metrics_scope_view *v = &m->scopes[index];
	uint8_t word[8];
	int rc =
		m->source.read(m->source.context,
			       m->scopes_at + (uint64_t)index * WR_METRICS_SCOPE_BYTES + WR_MS_USED,
			       word, sizeof word);

	if (rc != 0 || v->slot_bytes < WR_SLOT_LABELS)
		return rc;
	uint32_t used = (uint32_t)wr_min_u64(wr_get_u64(word), v->slots);
	rc = copy_all(m, v->slots_at, v->slot_bytes, used, v->copy);
	if (rc == 0)
		v->used = used;
	/* Of a copy that broke off, too: what came of it is shown. */
	for (uint32_t i = 0; i < used; i++) {
		uint8_t *label = v->copy + (size_t)i * v->slot_bytes + WR_SLOT_LABELS;
		for (uint32_t l = 0; l < v->labels; l++) {
			clean_text(label, v->label_bytes[l]);
			label += v->label_bytes[l];
		}
	}
	return rc;
}

int weir_metrics_update(struct weir_metrics *m)
{
	int rc = copy_all(m, WR_MH_ROUND, sizeof m->round, 1, (uint8_t *)m->round);

	for (uint32_t i = 0; i < m->scope_count && rc == 0; i++)
		rc = update_scope(m, i);
	if (rc != 0)
		return rc;
	uint64_t errors = m->round[(WR_MH_ERRORS_USED - WR_MH_ROUND) / 8];
	uint32_t used = (uint32_t)wr_min_u64(errors, m->error_count);
	rc = copy_all(m, m->errors_at, m->error_bytes, used, m->errors);
	for (uint32_t i = 0; i < used; i++)
		clean_text(m->errors + (size_t)i * m->error_bytes + WR_ME_TEXT,
			   m->error_bytes - WR_ME_TEXT);
	return rc;
}

/* ---- what is asked of it ---- */

int weir_metrics_metric(const struct weir_metrics *m, uint32_t index,
			struct weir_metric *ret_metric)
{
	if (index >= m->metric_count)
		return -ENOENT;
	const struct wr_metric_view *v = &m->metrics[index];
	*ret_metric = (struct weir_metric){.name = v->name,
					   .unit = v->unit,
					   .help = v->help,
					   .object = m->scopes[v->scope].name,
					   .kind = (enum weir_metric_kind)v->kind,
					   .per_unit = v->per_unit};
	return 0;
}

int weir_metrics_find(const struct weir_metrics *m, const char *name)
{
	for (uint32_t i = 0; i < m->metric_count; i++)
		if (strcmp(m->metrics[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static void tell_object(const struct wr_metrics_scope_view *v, uint32_t index,
			struct weir_metrics_object *ret_object)
{
	const uint8_t *slot = v->copy + (size_t)index * v->slot_bytes;
	const char *label = (const char *)slot + WR_SLOT_LABELS;

	*ret_object = (struct weir_metrics_object){
		.kind = v->name,
		.index = index,
		.generation = wr_get_u64(slot + WR_SLOT_GENERATION),
		.label_count = v->labels,
		.metric_first = v->metric_first,
		.metric_count = v->metrics,
		.values = slot + v->cells_at,
	};
	for (uint32_t l = 0; l < v->labels; l++) {
		ret_object->label_names[l] = v->label_names[l];
		ret_object->label_values[l] = label;
		label += v->label_bytes[l];
	}
}

bool weir_metrics_next(const struct weir_metrics *m, const char *kind, uint32_t *at,
		       struct weir_metrics_object *ret_object)
{
	uint32_t first = 0; /* the scope's, in the places of all scopes */

	for (uint32_t s = 0; s < m->scope_count; s++) {
		const struct wr_metrics_scope_view *v = &m->scopes[s];
		uint32_t i = *at > first ? *at - first : 0;
		bool is_asked = kind == NULL || strcmp(kind, v->name) == 0;
		for (; is_asked && i < v->used; i++) {
			const uint8_t *slot = v->copy + (size_t)i * v->slot_bytes;
			if (wr_get_u64(slot + WR_SLOT_GENERATION) == 0)
				continue;
			*at = first + i + 1;
			tell_object(v, i, ret_object);
			return true;
		}
		first += v->slots;
	}
	return false;
}

/* The metric's first cell in the object's; NULL: it has none. */
static const uint8_t *cells_of(const struct weir_metrics *m,
			       const struct weir_metrics_object *object, uint32_t metric)
{
	if (metric >= m->metric_count || metric < object->metric_first ||
	    metric - object->metric_first >= object->metric_count)
		return NULL;
	return (const uint8_t *)object->values + (size_t)m->metrics[metric].cell * 8;
}

uint64_t weir_metrics_value(const struct weir_metrics *m, const struct weir_metrics_object *object,
			    uint32_t metric)
{
	const uint8_t *cells = cells_of(m, object, metric);
	return cells != NULL ? wr_get_u64(cells) : 0;
}

int weir_metrics_histogram(const struct weir_metrics *m, const struct weir_metrics_object *object,
			   uint32_t metric, struct weir_metrics_histogram *ret_histogram)
{
	const uint8_t *cells = cells_of(m, object, metric);

	if (cells == NULL || m->metrics[metric].kind != WEIR_METRIC_HISTOGRAM)
		return -EINVAL;
	*ret_histogram = (struct weir_metrics_histogram){
		.count = wr_get_u64(cells),
		.sum = wr_get_u64(cells + 8),
		.greatest = wr_get_u64(cells + 16),
		.bucket_count = m->metrics[metric].buckets,
		.sub_bits = m->metrics[metric].sub_bits,
		.buckets = (const uint64_t *)(const void *)(cells + 24),
	};
	return 0;
}

uint64_t weir_metrics_bucket_end(const struct weir_metrics_histogram *h, uint32_t bucket)
{
	return bucket + 1 < h->bucket_count ? wr_histogram_bucket_end(bucket, h->sub_bits)
					    : UINT64_MAX;
}

uint64_t weir_metrics_quantile(const struct weir_metrics_histogram *h,
			       const struct weir_metrics_histogram *before, uint32_t ppm)
{
	uint64_t count = 0, seen = 0;
	bool is_alike = before != NULL && before->bucket_count == h->bucket_count &&
			before->sub_bits == h->sub_bits;

	for (uint32_t i = 0; i < h->bucket_count; i++)
		count += h->buckets[i] - (is_alike ? before->buckets[i] : 0);
	if (count == 0)
		return 0;
	uint64_t rank = wr_histogram_rank(count, ppm);
	for (uint32_t i = 0; i < h->bucket_count; i++) {
		seen += h->buckets[i] - (is_alike ? before->buckets[i] : 0);
		if (seen >= rank)
			return wr_min_u64(weir_metrics_bucket_end(h, i), h->greatest);
	}
	return h->greatest;
}

int weir_metrics_error(const struct weir_metrics *m, uint32_t index,
		       struct weir_metrics_error *ret_error)
{
	uint64_t used = m->round[(WR_MH_ERRORS_USED - WR_MH_ROUND) / 8];

	if (index >= m->error_count || index >= used)
		return -ENOENT;
	const uint8_t *e = m->errors + (size_t)index * m->error_bytes;
	*ret_error = (struct weir_metrics_error){
		.code = (int)(int64_t)wr_get_u64(e + WR_ME_CODE),
		.count = wr_get_u64(e + WR_ME_COUNT),
		.first_ns = wr_get_u64(e + WR_ME_FIRST),
		.last_ns = wr_get_u64(e + WR_ME_LAST),
	};
	take_text(ret_error->text, sizeof ret_error->text, e + WR_ME_TEXT,
		  m->error_bytes - WR_ME_TEXT);
	return 0;
}

void wr_metrics_tell_about(const struct weir_metrics *m, struct weir_metrics_about *a)
{
	const uint8_t *h = m->head;
	const uint64_t *round = m->round;

	*a = (struct weir_metrics_about){
		.layout = wr_get_u32(h + WR_MH_LAYOUT),
		.pid = wr_get_u64(h + WR_MH_PID),
		.failed = round[(WR_MH_STATE - WR_MH_ROUND) / 8] == WR_METRICS_FAILED,
		.opened_ns = wr_get_u64(h + WR_MH_OPENED),
		.told_ns = round[(WR_MH_WALL - WR_MH_ROUND) / 8],
		.interval_ns = wr_get_u64(h + WR_MH_INTERVAL),
		.rounds = round[(WR_MH_ROUNDS - WR_MH_ROUND) / 8],
		.left_out = round[(WR_MH_LEFT_OUT - WR_MH_ROUND) / 8],
		.errors_left = round[(WR_MH_ERRORS_LEFT - WR_MH_ROUND) / 8],
		.state = WEIR_METRICS_RUNNING,
	};
	if (round[(WR_MH_STATE - WR_MH_ROUND) / 8] == WR_METRICS_CLOSED)
		a->state = WEIR_METRICS_CLOSED;
	take_text(a->name, sizeof a->name, h + WR_MH_NAME, WR_MH_NAME_BYTES);
	take_text(a->version, sizeof a->version, h + WR_MH_VERSION, WR_MH_VERSION_BYTES);
	take_text(a->dir, sizeof a->dir, h + WR_MH_DIR, WR_MH_DIR_BYTES);
}
