/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   docs/reference/options.md gives the defaults and ranges that the library has.
 * Method: the page's tables are read. Each number that an init function fills in is compared with
 *         the page's default; each field of weir_options with a range is set to its ends, which are
 *         taken, and to one beyond, which is refused with the field's name. That no field is
 *         missing is tools/check/reference.sh's. Public headers only. Plain main(), TAP.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

static int case_count;
static int failed_count;

static void check(bool good, const char *field, const char *what)
{
	case_count++;
	if (!good)
		failed_count++;
	printf("%s %d - %s: %s\n", good ? "ok" : "not ok", case_count, field, what);
}

static char *page;

static bool read_page(void)
{
	char path[512];
	const char *root = getenv("WEIR_TEST_SOURCE");
	snprintf(path, sizeof path, "%s/docs/reference/options.md", root != NULL ? root : ".");
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return false;
	page = calloc(1, 1 << 20);
	size_t bytes = page != NULL ? fread(page, 1, (1 << 20) - 1, file) : 0;
	fclose(file);
	return bytes > 0;
}

/* Column `column` (0: the field) of a field's row in a struct's section. False: there is none. */
static bool cell_of(const char *structure, const char *field, int column, char *to, size_t to_bytes)
{
	char heading[128], start[128];
	snprintf(heading, sizeof heading, "\n## struct %s\n", structure);
	snprintf(start, sizeof start, "\n| `%s` |", field);
	const char *section = strstr(page, heading);
	if (section == NULL)
		return false;
	const char *end = strstr(section + 1, "\n## ");
	const char *row = strstr(section, start);
	if (row == NULL || (end != NULL && row > end))
		return false;
	const char *at = row + 1;
	for (int i = 0; i < column; i++)
		at = strchr(at + 1, '|');
	const char *stop = strchr(at + 1, '|');
	snprintf(to, to_bytes, "%.*s", (int)(stop - at - 1), at + 1);
	return true;
}

/* "64 MiB", "4096", "`WEIR_FOREVER`", "`chunk_bytes`" (its default). The place behind, or NULL. */
static const char *take_number(const char *text, uint64_t *ret_value)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {{" KiB", 1ull << 10},
		     {" MiB", 1ull << 20},
		     {" GiB", 1ull << 30},
		     {" TiB", 1ull << 40}};
	char *end;
	text += strspn(text, " ");
	if (strncmp(text, "`WEIR_FOREVER`", 14) == 0) {
		*ret_value = WEIR_FOREVER;
		return text + 14;
	}
	if (strncmp(text, "`chunk_bytes`", 13) == 0) {
		*ret_value = 1 << 20;
		return text + 13;
	}
	*ret_value = strtoull(text, &end, 10);
	if (end == text)
		return NULL;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strncmp(end, units[i].name, 4) == 0) {
			*ret_value *= units[i].factor;
			return end + 4;
		}
	return end;
}

static void default_is(const char *structure, const char *field, uint64_t value)
{
	char cell[256] = "no row", what[320];
	uint64_t said = 0;
	bool good = cell_of(structure, field, 1, cell, sizeof cell);
	if (good && strstr(cell, "false") != NULL)
		good = value == 0;
	else
		good = good && take_number(cell, &said) != NULL && said == value;
	snprintf(what, sizeof what, "the page's default (%.60s) is the library's %" PRIu64, cell,
		 value);
	check(good, field, what);
}

struct field {
	const char *name;
	size_t offset;
	size_t bytes;
};

#define FIELD(name_)                                                                               \
	{                                                                                          \
#name_, offsetof(struct weir_options, name_),                                      \
			sizeof(((struct weir_options *)0)->name_)                                  \
	}

static const struct field numbers[] = {
	FIELD(chunk_bytes),
	FIELD(pool_bytes),
	FIELD(undurable_bytes),
	FIELD(lane_bytes),
	FIELD(member_lane_bytes),
	FIELD(huge_page_bytes),
	FIELD(lock_memory),
	FIELD(numa_node),
	FIELD(in_core_dumps),
	FIELD(producers_max),
	FIELD(members_max),
	FIELD(topics_max),
	FIELD(partitions_max),
	FIELD(subscriptions_max),
	FIELD(named_producers_max),
	FIELD(outstanding_max),
	FIELD(run_records_max),
	FIELD(segment_bytes),
	FIELD(segments_ahead),
	FIELD(segments_max),
	FIELD(retention_bytes),
	FIELD(retention_time_ns),
	FIELD(low_space_bytes),
	FIELD(checkpoint_bytes),
	FIELD(batches_in_flight_max),
	FIELD(evidence_delay_ns),
	FIELD(manual),
	FIELD(seal_before_ack),
	FIELD(strict_threads),
};

static uint64_t get(const struct weir_options *options, const struct field *field)
{
	uint64_t value = 0;
	memcpy(&value, (const char *)options + field->offset, field->bytes); // little endian
	return value;
}

/* What weir says of a value: 0, or whether it names this very field. */
static int ask(const struct field *field, uint64_t value, bool *ret_named)
{
	struct weir_options options;
	struct weir_memory_plan plan;
	struct weir_problem why = {.field = ""};
	weir_options_init(&options);
	memcpy((char *)&options + field->offset, &value, field->bytes);
	int rc = weir_memory_plan(&options, &plan, &why);
	*ret_named = rc == -EINVAL && strcmp(why.field, field->name) == 0;
	return rc;
}

static void range_is(const struct field *field)
{
	char cell[256] = "no row", what[320];
	uint64_t least, most;
	bool named;
	if (!cell_of("weir_options", field->name, 2, cell, sizeof cell)) {
		check(false, field->name, "has a row");
		return;
	}
	const char *at = take_number(cell, &least);
	if (at == NULL || strncmp(at, " .. ", 4) != 0)
		return; // any value, or a flag
	if (take_number(at + 4, &most) == NULL) {
		check(false, field->name, "the page's range has an end");
		return;
	}
	(void)ask(field, least, &named);
	bool good = !named;
	(void)ask(field, most, &named);
	good = good && !named;
	snprintf(what, sizeof what, "both ends of the page's range (%.60s) are taken", cell);
	check(good, field->name, what);
	good = least == 0 || (ask(field, least - 1, &named) == -EINVAL && named);
	bool fits = field->bytes == 8 || most < UINT32_MAX;
	good = good && (!fits || (ask(field, most + 1, &named) == -EINVAL && named));
	check(good, field->name, "one beyond either end is refused by name");
}

int main(void)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;
	struct weir_subscription_options subscription;
	struct weir_member_options member;
	struct weir_ring_options ring;

	if (!read_page()) {
		printf("Bail out! no docs/reference/options.md: set WEIR_TEST_SOURCE\n");
		return 1;
	}
	weir_options_init(&options);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		default_is("weir_options", numbers[i].name, get(&options, &numbers[i]));
		range_is(&numbers[i]);
	}
	weir_topic_options_init(&topic);
	default_is("weir_topic_options", "partitions", topic.partitions);
	weir_producer_options_init(&producer);
	default_is("weir_producer_options", "block_timeout_ns", producer.block_timeout_ns);
	default_is("weir_producer_options", "no_acks", producer.no_acks);
	default_is("weir_producer_options", "want_sequences", producer.want_sequences);
	weir_subscription_options_init(&subscription);
	default_is("weir_subscription_options", "topic_count", subscription.topic_count);
	default_is("weir_subscription_options", "start_at", subscription.start_at);
	default_is("weir_subscription_options", "session_timeout_ns",
		   subscription.session_timeout_ns);
	default_is("weir_subscription_options", "lag_events_max", subscription.lag_events_max);
	default_is("weir_subscription_options", "lag_time_max_ns", subscription.lag_time_max_ns);
	weir_member_options_init(&member);
	default_is("weir_member_options", "items_max", member.items_max);
	default_is("weir_member_options", "unacked_ranges_max", member.unacked_ranges_max);
	weir_ring_options_init(&ring);
	default_is("weir_ring_options", "producers_max", ring.producers_max);
	default_is("weir_ring_options", "consumers_max", ring.consumers_max);
	default_is("weir_ring_options", "slot_bytes", ring.slot_bytes);
	default_is("weir_ring_options", "capacity", ring.capacity);
	free(page);
	printf("1..%d\n", case_count);
	return failed_count == 0 ? 0 : 1;
}
