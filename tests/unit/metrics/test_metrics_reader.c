/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a reader takes what a writer wrote, whole or not at all; a file that is cut short, changed
 * in any byte, or of a newer layout is refused or read without harm, and says what it is.
 *
 * Method: a file in memory, written by the writer's own half, behind a source that checks bounds.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/metrics/cells.h"
#include "core/metrics/reader.h"

struct bytes {
	uint8_t *at;
	uint64_t bytes;
	/* At the how-manieth read something is written, as by a writer in between. */
	uint32_t reads, disturb_at;
	struct wr_metrics *writer;
};

static struct wr_metrics writer;
static struct bytes file;
static struct weir_metrics reader;

static int read_bytes(void *context, uint64_t offset, void *to, size_t bytes)
{
	struct bytes *b = context;
	if (bytes > b->bytes || offset > b->bytes - bytes)
		return WEIR_E_CORRUPT;
	memcpy(to, b->at + offset, bytes);
	if (++b->reads == b->disturb_at) {
		static const char *const labels[] = {"orders"};
		wr_atomic_u64 *slot =
			wr_metrics_begin(b->writer, WR_SCOPE_SUBSCRIPTION, 0, labels, false);
		wr_metrics_put(b->writer, slot, WR_METRIC_LAG_EVENTS, 77);
		wr_metrics_put(b->writer, slot, WR_METRIC_LAG_BYTES, 7700);
		wr_metrics_end(slot);
	}
	return 0;
}

static int open_reader(struct weir_problem *problem)
{
	const struct wr_metrics_source source = {read_bytes, &file, file.bytes};
	memset(&reader, 0, sizeof reader);
	return wr_metrics_reader_init(&reader, &source, calloc, free, problem);
}

static void write_subscription(uint32_t index, const char *name, uint64_t lag, bool fresh)
{
	const char *labels[] = {name};
	wr_atomic_u64 *slot =
		wr_metrics_begin(&writer, WR_SCOPE_SUBSCRIPTION, index, labels, fresh);
	cr_assert_not_null(slot);
	wr_metrics_put(&writer, slot, WR_METRIC_LAG_EVENTS, lag);
	wr_metrics_put(&writer, slot, WR_METRIC_LAG_BYTES, lag * 100);
	wr_metrics_end(slot);
}

static void setup(void)
{
	const struct wr_metrics_limits limits = {.slots = {[WR_SCOPE_PIPELINE] = 1,
							   [WR_SCOPE_TOPIC] = 2,
							   [WR_SCOPE_SUBSCRIPTION] = 3,
							   [WR_SCOPE_ROW] = 2000}};
	const struct wr_metrics_identity identity = {
		.name = "shop", .dir = "/srv/shop", .pid = 4711, .interval_ns = 100000000u};
	struct wr_metrics_layout layout;

	wr_metrics_lay_out(&limits, &layout);
	file = (struct bytes){
		.at = calloc(1, layout.bytes), .bytes = layout.bytes, .writer = &writer};
	wr_metrics_init(&writer, file.at, &layout, &identity);
	write_subscription(0, "orders", 5, false);
	write_subscription(2, "audit\x1b[2J", 9, false);
	wr_metrics_note(&writer, -EIO, "the disk is gone", 1000);
	wr_metrics_note(&writer, -EIO, "the disk is gone", 3000);
	writer.left_out = 3;
	wr_metrics_round(&writer, WR_METRICS_OPEN, 111, 222);
}

static void teardown(void)
{
	free(file.at);
}

TestSuite(metrics_reader, .init = setup, .fini = teardown);

Test(metrics_reader, what_was_written_is_read)
{
	struct weir_metrics_object o;
	struct weir_metrics_about about;
	struct weir_metrics_error e;
	uint32_t at = 0;

	cr_assert_eq(open_reader(NULL), 0);
	int lag = weir_metrics_find(&reader, "weir_subscription_lag_events");
	int bytes = weir_metrics_find(&reader, "weir_subscription_lag_bytes");
	cr_assert(lag >= 0 && bytes > lag);
	cr_assert_eq(weir_metrics_find(&reader, "weir_nothing"), -ENOENT);
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &o));
	cr_assert_str_eq(o.label_names[0], "subscription");
	cr_assert_str_eq(o.label_values[0], "orders");
	cr_assert_eq(weir_metrics_value(&reader, &o, (uint32_t)lag), 5);
	cr_assert_eq(weir_metrics_value(&reader, &o, (uint32_t)bytes), 500);
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &o));
	cr_assert_eq(o.index, 2);
	cr_assert_str_eq(o.label_values[0], "audit?[2J", "nothing that a terminal obeys");
	cr_assert_not(weir_metrics_next(&reader, "subscription", &at, &o));
	at = 0;
	cr_assert_not(weir_metrics_next(&reader, "topic", &at, &o));
	wr_metrics_tell_about(&reader, &about);
	cr_assert_str_eq(about.name, "shop");
	cr_assert_str_eq(about.dir, "/srv/shop");
	cr_assert_str_eq(about.version, weir_version());
	cr_assert_eq(about.pid, 4711);
	cr_assert_eq(about.rounds, 1);
	cr_assert_eq(about.left_out, 3, "what is there, and not what may be there");
	cr_assert_eq(weir_metrics_error(&reader, 0, &e), 0);
	cr_assert(e.code == -EIO && e.count == 2 && e.first_ns == 1000 && e.last_ns == 3000);
	cr_assert_str_eq(e.text, "the disk is gone");
	cr_assert_eq(weir_metrics_error(&reader, 1, &e), -ENOENT);
	wr_metrics_reader_fini(&reader, free);
}

Test(metrics_reader, the_table_describes_itself)
{
	struct weir_metric here, there;
	const char *labels[WEIR_METRICS_LABELS_MAX];

	cr_assert_eq(open_reader(NULL), 0);
	for (uint32_t i = 0; i < WR_METRIC_COUNT; i++) {
		cr_assert_eq(weir_metric_known(i, &here, labels), 0);
		cr_assert_eq(weir_metrics_metric(&reader, i, &there), 0);
		/* Nothing was cut. */
		cr_assert_str_eq(here.name, there.name);
		cr_assert_str_eq(here.unit, there.unit);
		cr_assert_str_eq(here.help, there.help);
		cr_assert_str_eq(here.object, there.object);
		cr_assert(here.kind == there.kind && here.per_unit == there.per_unit);
		cr_assert_eq(weir_metrics_find(&reader, here.name), (int)i, "%s twice", here.name);
		cr_assert_eq(here.help[strlen(here.help) - 1], '.');
	}
	cr_assert_eq(weir_metric_known(WR_METRIC_COUNT, &here, NULL), -ENOENT);
	cr_assert_eq(weir_metrics_metric(&reader, WR_METRIC_COUNT, &there), -ENOENT);
	wr_metrics_reader_fini(&reader, free);
}

/* A row of docs/reference/metrics.md. */
static void row_of(uint32_t index, char *to, size_t bytes)
{
	static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
	const char *labels[WEIR_METRICS_LABELS_MAX];
	struct weir_metric m;
	char names[160] = "";
	size_t used = 0;

	cr_assert_eq(weir_metric_known(index, &m, labels), 0);
	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX && labels[i] != NULL; i++)
		used += (size_t)snprintf(names + used, sizeof names - used, "%s`%s`",
					 i > 0 ? ", " : "", labels[i]);
	(void)snprintf(to, bytes, "| `%s` | %s | %s | %s | %s |\n", m.name, kinds[m.kind], m.unit,
		       names, m.help);
}

/* WEIR_TEST_WRITE=1 prints the rows, to be put into the page. */
Test(metrics_reader, the_page_has_every_metric_and_no_other)
{
	const char *root = getenv("WEIR_TEST_SOURCE");
	char path[1024], row[640];
	size_t rows = 0;

	cr_assert_not_null(root);
	(void)snprintf(path, sizeof path, "%s/docs/reference/metrics.md", root);
	FILE *page = fopen(path, "r");
	cr_assert_not_null(page, "%s", path);
	char *text = calloc(1, 1 << 18);
	cr_assert_lt(fread(text, 1, (1 << 18) - 1, page), (1 << 18) - 1);
	(void)fclose(page);
	for (uint32_t i = 0; i < WR_METRIC_COUNT; i++) {
		row_of(i, row, sizeof row);
		if (getenv("WEIR_TEST_WRITE") != NULL)
			(void)fprintf(stderr, "%s", row);
		else
			cr_expect_not_null(strstr(text, row), "the page lacks: %s", row);
	}
	for (const char *at = text; (at = strstr(at, "| `weir_")) != NULL; at++)
		rows++;
	if (getenv("WEIR_TEST_WRITE") == NULL)
		cr_expect_eq(rows, WR_METRIC_COUNT);
	free(text);
}

Test(metrics_reader, who_comes_into_a_place_is_another)
{
	struct weir_metrics_object first, second;
	uint32_t at = 0;

	cr_assert_eq(open_reader(NULL), 0);
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &first));
	write_subscription(0, "orders", 6, true);
	cr_assert_eq(weir_metrics_update(&reader), 0);
	at = 0;
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &second));
	cr_assert_neq(first.generation, second.generation);
	wr_metrics_drop(&writer, WR_SCOPE_SUBSCRIPTION, 0);
	cr_assert_eq(weir_metrics_update(&reader), 0);
	at = 0;
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &second));
	cr_assert_eq(second.index, 2);
	wr_metrics_reader_fini(&reader, free);
}

/* What would be read beyond a place, or written into an answer as it is, is refused at the open. */
Test(metrics_reader, tables_that_lie_are_refused)
{
	uint8_t *scopes = file.at + wr_get_u64(file.at + WR_MH_SCOPES_AT);
	uint8_t *metrics = file.at + wr_get_u64(file.at + WR_MH_METRICS_AT);
	uint8_t *topic = scopes + WR_SCOPE_TOPIC * WR_METRICS_SCOPE_BYTES;
	const struct {
		uint8_t *at;
		uint32_t word;
		const char *why;
	} lies[] = {
		{topic + WR_MS_METRICS, wr_get_u32(topic + WR_MS_METRICS) + 1,
		 "metrics of two kinds of objects"},
		{metrics + WR_MM_KIND, 0, "no kind of metric"},
		{metrics + WR_MM_KIND, WEIR_METRIC_HISTOGRAM + 1, "a kind that there is not"},
		{metrics + WR_MM_NAME, 0x0a7d2261, "a name that ends its line"},
		{metrics + WR_MM_NAME, 0, "no name"},
		{topic + WR_MS_LABEL_NAMES, 0x223d2261, "a label's name with a quotation mark"},
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		uint32_t was = wr_get_u32(lies[i].at);
		wr_put_u32(lies[i].at, lies[i].word);
		cr_expect_eq(open_reader(NULL), WEIR_E_CORRUPT, "%s", lies[i].why);
		wr_put_u32(lies[i].at, was);
	}
	cr_assert_eq(open_reader(NULL), 0);
	wr_metrics_reader_fini(&reader, free);
}

Test(metrics_reader, controls_of_two_bytes_are_shown_to_no_terminal)
{
	struct weir_metrics_object o;
	uint32_t at = 0;

	write_subscription(0,
			   "a\xc2\x9b"
			   "2J\xc3\xa9",
			   5, true);
	cr_assert_eq(open_reader(NULL), 0);
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &o));
	cr_assert_str_eq(o.label_values[0], "a??2J\xc3\xa9");
	wr_metrics_reader_fini(&reader, free);
}

Test(metrics_reader, a_copy_is_of_one_moment)
{
	struct weir_metrics_object o;

	cr_assert_eq(open_reader(NULL), 0);
	uint32_t lag = (uint32_t)weir_metrics_find(&reader, "weir_subscription_lag_events");
	uint32_t bytes = (uint32_t)weir_metrics_find(&reader, "weir_subscription_lag_bytes");
	/* A writer comes at each read of an update in turn. */
	for (uint32_t i = 1; i < 64; i++) {
		uint32_t at = 0;
		write_subscription(0, "orders", 5, false);
		file.reads = 0;
		file.disturb_at = i;
		cr_assert_eq(weir_metrics_update(&reader), 0);
		cr_assert(weir_metrics_next(&reader, "subscription", &at, &o));
		uint64_t events = weir_metrics_value(&reader, &o, lag);
		cr_assert(events == 5 || events == 77);
		cr_assert_eq(weir_metrics_value(&reader, &o, bytes), events * 100, "at read %u", i);
	}
	file.disturb_at = 0;
	/* One that never ends: the object stays as it was, and the update comes to an end. */
	wr_atomic_u64 *stamp =
		(wr_atomic_u64 *)(void *)(file.at +
					  writer.layout.scopes[WR_SCOPE_SUBSCRIPTION].slots_at);
	cr_assert_eq(weir_metrics_update(&reader), 0);
	wr_store_relaxed(stamp, wr_load_relaxed(stamp) + 1);
	wr_put_u64((uint8_t *)stamp + writer.layout.scopes[WR_SCOPE_SUBSCRIPTION].cells_at, 12345);
	cr_assert_eq(weir_metrics_update(&reader), 0);
	uint32_t at = 0;
	cr_assert(weir_metrics_next(&reader, "subscription", &at, &o));
	cr_assert_neq(weir_metrics_value(&reader, &o, lag), 12345);
	wr_metrics_reader_fini(&reader, free);
}

Test(metrics_reader, a_newer_layout_is_named)
{
	struct weir_problem problem = {0};

	wr_put_u32(file.at + WR_MH_LAYOUT, WR_METRICS_LAYOUT + 1);
	cr_assert_eq(open_reader(&problem), WEIR_E_FORMAT);
	cr_assert(strstr(problem.text, "layout 2") != NULL &&
			  strstr(problem.text, weir_version()) != NULL,
		  "%s", problem.text);
}

/* All that a tool does with a file. */
static void look_at_everything(void)
{
	struct weir_metrics_object o;
	struct weir_metric metric;
	struct weir_metrics_histogram h;
	struct weir_metrics_about about;
	struct weir_metrics_error e;
	uint64_t sum = 0;

	cr_assert_leq(weir_metrics_update(&reader), 0);
	wr_metrics_tell_about(&reader, &about);
	for (uint32_t at = 0; weir_metrics_next(&reader, NULL, &at, &o);) {
		for (uint32_t l = 0; l < o.label_count; l++)
			sum += strlen(o.label_names[l]) + strlen(o.label_values[l]);
		for (uint32_t i = 0; i < o.metric_count; i++) {
			sum += weir_metrics_value(&reader, &o, o.metric_first + i);
			if (weir_metrics_histogram(&reader, &o, o.metric_first + i, &h) == 0)
				sum += weir_metrics_quantile(&h, NULL, 500000);
		}
	}
	for (uint32_t i = 0; weir_metrics_metric(&reader, i, &metric) == 0; i++)
		sum += strlen(metric.name) + strlen(metric.unit) + strlen(metric.help) +
		       strlen(metric.object);
	for (uint32_t i = 0; weir_metrics_error(&reader, i, &e) == 0; i++)
		sum += strlen(e.text);
	cr_assert_neq(sum, 0);
}

Test(metrics_reader, hostile_bytes_do_no_harm)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	uint64_t tables_end = writer.layout.errors_at;
	uint32_t opened = 0;

	for (uint64_t at = 0; at < tables_end; at++) {
		/* Of text one place is as good as another. */
		if ((at >= WR_MH_NAME && at < WR_METRICS_HEAD_BYTES && at % 251 != 0) ||
		    (at >= writer.layout.metrics_at + 1024 && at % 13 != 0))
			continue;
		for (size_t v = 0; v < sizeof values; v++) {
			uint8_t was = file.at[at];
			file.at[at] = values[v];
			if (open_reader(NULL) == 0) {
				opened++;
				if (at % 7 == 0)
					look_at_everything();
				wr_metrics_reader_fini(&reader, free);
			}
			file.at[at] = was;
		}
	}
	cr_assert_gt(opened, 100);
}

Test(metrics_reader, a_file_cut_short_is_refused)
{
	uint64_t whole = file.bytes;

	for (uint64_t bytes = 0; bytes < whole; bytes += bytes < 8192 ? 512 : 65536) {
		file.bytes = bytes;
		cr_assert_eq(open_reader(NULL), WEIR_E_CORRUPT, "%lu bytes", (unsigned long)bytes);
	}
	file.bytes = whole;
	/* And while it is read. */
	cr_assert_eq(open_reader(NULL), 0);
	file.bytes = 4096;
	cr_assert_eq(weir_metrics_update(&reader), WEIR_E_CORRUPT);
	wr_metrics_reader_fini(&reader, free);
}

Test(metrics_reader, errors_without_a_place_are_counted)
{
	char text[32];

	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof text, "error %d", i);
		wr_metrics_note(&writer, 0, text, 5);
	}
	cr_assert_eq(writer.errors_used, WR_METRICS_ERRORS);
	cr_assert_eq(writer.errors_left, 101 - WR_METRICS_ERRORS);
}
