/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   events that are handed out many in a call are those that come one by one, with all that
 *         is known of each; names are those that were defined before; a call that says stop is the
 *         last.
 * Method: a journal made byte by byte (journal_build.h): a batch with more records than a call has
 *         items, with topics and a producer that are defined in its middle. What a walk tells is
 *         written down as text, by one callback and by the other, over many ranges.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdarg.h>

#include <weir/journal.h>

#include "tests/unit/tools/journal_build.h"

#define TEXT_BYTES (1u << 20)
#define MANY 300u /* records of a batch, beside those that define names */

static struct build b;

struct told {
	char text[TEXT_BYTES];
	size_t bytes;
	uint64_t calls, records;
	uint64_t most; /* records of a call */
	uint64_t stop_at;
	int stop_with;
	struct weir_journal_visitor visitor;
};

static struct told one, many;

static void __attribute__((format(printf, 2, 3))) tell(struct told *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(t->text + t->bytes, TEXT_BYTES - t->bytes, format, args);
	va_end(args);
	cr_assert(n >= 0 && (size_t)n < TEXT_BYTES - t->bytes);
	t->bytes += (size_t)n;
}

static void tell_bytes(struct told *t, const char *what, const void *bytes, size_t length_bytes)
{
	if (bytes == NULL)
		tell(t, " no %s", what);
	else
		tell(t, " %s %.*s", what, (int)length_bytes, (const char *)bytes);
}

static void tell_event(struct told *t, const struct weir_journal_event *e)
{
	const struct weir_item *i = &e->item;

	tell(t, "%llu..%llu %llu us: item %d %u %u, topic %u %s, partition %u, type %u, log %u.%u,",
	     (unsigned long long)i->sequence, (unsigned long long)i->end_sequence,
	     (unsigned long long)i->append_time_us, (int)i->kind, i->flags, i->attempts, i->topic,
	     e->topic_name != NULL ? e->topic_name : "?", i->partition, i->type, i->log, i->epoch);
	tell_bytes(t, "key", i->key, i->key_bytes);
	tell_bytes(t, "payload", e->control ? NULL : i->payload, i->payload_bytes);
	tell(t, ", %u bytes, %s %d %s, in %llu at %llu", i->record_bytes, e->kind, e->control,
	     e->detail, (unsigned long long)e->segment_id, (unsigned long long)e->batch_offset);
	tell(t, ", by %s %u %llu, schema %d %u\n",
	     e->producer_name != NULL ? e->producer_name : "-", e->producer_epoch,
	     (unsigned long long)e->producer_sequence, e->schema != NULL, e->schema_id);
	t->records++;
}

static int see_event(void *context, const struct weir_journal_event *event)
{
	struct told *t = context;

	t->calls++;
	tell_event(t, event);
	return t->records == t->stop_at ? t->stop_with : 0;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	struct weir_journal_event event;
	struct told *t = context;

	t->calls++;
	t->most = events->count > t->most ? events->count : t->most;
	cr_assert_geq(events->count, 1);
	for (size_t i = 0; i < events->count; i++) {
		weir_journal_event_read(events, i, &event);
		cr_assert_eq(event.item.record, events->items[i].record);
		cr_assert_eq(event.item.sequence, events->items[i].sequence);
		cr_assert_eq(event.item.payload, events->items[i].payload, "nothing is copied");
		tell_event(t, &event);
		if (t->records == t->stop_at)
			return t->stop_with;
	}
	return 0;
}

static void begin(struct told *t)
{
	memset(t, 0, sizeof *t);
	weir_journal_visitor_init(&t->visitor);
	t->visitor.control = true;
	t->visitor.context = t;
}

static int walk(struct told *t)
{
	t->text[0] = '\0';
	t->bytes = t->calls = t->records = t->most = 0;
	return weir_journal_inspect(b.dir, &t->visitor, NULL, NULL);
}

static void define_topic(uint32_t id, const char *name, uint32_t partitions)
{
	build_record(&b, WR_KIND_TOPIC, 0, id, 0, name, strlen(name), &partitions,
		     sizeof partitions);
}

static void build_of_topic(uint32_t topic, const char *key)
{
	build_record(&b, WR_KIND_EVENT, WR_RECORD_PARTITION_EXPLICIT, topic, 1, key, strlen(key),
		     "x", 1);
}

/* Sequences 1, 2: control; a batch of one event; the large batch; one in the next segment. */
static void make(void)
{
	const struct wr_producer_stamp stamp = {.id = 0, .epoch = 7, .sequence = 41};
	uint8_t producer[4] = {7, 0, 0, 0};

	build_init(&b);
	build_event(&b, 3, "alone", "in its batch");
	build_seal(&b);
	for (uint32_t i = 0; i < MANY; i++) {
		char text[32];
		snprintf(text, sizeof text, "number %u", i);
		build_event(&b, i, i % 3 == 0 ? NULL : "k", i % 7 == 0 ? NULL : text);
	}
	build_stamped(&b, "before its name", &stamp);
	build_of_topic(5, "early");
	define_topic(5, "late", 2);
	build_of_topic(5, "in time");
	build_record(&b, WR_KIND_PRODUCER, 0, 0, 0, "shop", 4, producer, sizeof producer);
	build_stamped(&b, "behind its name", &stamp);
	build_event(&b, 0, "k", "again without a name");
	build_seal(&b);
	build_roll(&b);
	build_event(&b, 1, "k", "in the next segment");
	build_seal(&b);
	build_evidence(&b);
	begin(&one);
	begin(&many);
	one.visitor.event = see_event;
	many.visitor.events = see_events;
}

static void compare(void)
{
	cr_assert_eq(walk(&one), 0);
	cr_assert_eq(walk(&many), 0);
	cr_assert_str_eq(many.text, one.text);
	cr_assert_eq(one.calls, one.records);
}

Test(journal_events, many_in_a_call_are_those_that_come_one_by_one)
{
	static const uint64_t froms[] = {0, 2, 4, 130, 131, 132, 304, 309, 400};

	make();
	compare();
	cr_assert_eq(many.records, b.next_seq - 1, "all of them");
	cr_assert_gt(many.most, 1);
	cr_assert_lt(many.calls, many.records / 10);
	for (size_t i = 0; i < sizeof froms / sizeof froms[0]; i++) {
		for (uint64_t count = 1; count < 400; count = 2 * count + 1) {
			one.visitor.from_sequence = many.visitor.from_sequence = froms[i];
			one.visitor.end_sequence = many.visitor.end_sequence = froms[i] + count;
			one.visitor.control = many.visitor.control = count % 2 == 0 || count > 60;
			compare();
			cr_assert_leq(many.records, count);
		}
	}
	build_fini(&b);
}

Test(journal_events, a_range_of_time_may_end_within_a_batch)
{
	make();
	/* The large batch is the third: a microsecond from record to record. */
	uint64_t base_us = 1700000000000000 + 2000000;
	one.visitor.from_time_us = many.visitor.from_time_us = base_us + 10;
	one.visitor.end_time_us = many.visitor.end_time_us = base_us + 150;
	compare();
	cr_assert_eq(many.records, 140);
	cr_assert_eq(strncmp(many.text, "14..15 ", 7), 0, "%.20s", many.text);
	build_fini(&b);
}

Test(journal_events, a_name_is_known_from_the_record_on_that_defines_it)
{
	make();
	cr_assert_eq(walk(&many), 0);
	cr_expect_not_null(strstr(many.text,
				  "topic 5 ?, partition 4294967295, type 0, log 0.1, key "
				  "early payload x"));
	cr_expect_not_null(strstr(many.text, "topic 5 late, partition 1, type 0, log 0.1, key in "
					     "time payload x"));
	char *early = strstr(many.text, "before its name"), *late = strstr(many.text, "behind its");
	cr_assert(early != NULL && late != NULL);
	/* "": it has a name, and nobody knows which. */
	cr_expect_eq(strncmp(strstr(early, ", by "), ", by  7 41", 10), 0, "%.120s", early);
	cr_expect_eq(strncmp(strstr(late, ", by "), ", by shop 7 41", 14), 0, "%.120s", late);
	char *without = strstr(many.text, "again without a name");
	cr_assert_not_null(without);
	cr_expect_eq(strncmp(strstr(without, ", by "), ", by - 0 0", 10), 0, "%.120s", without);
	build_fini(&b);
}

Test(journal_events, a_call_that_says_stop_is_the_last)
{
	make();
	for (uint64_t at = 1; at < b.next_seq; at += 17) {
		one.stop_at = many.stop_at = at;
		one.stop_with = many.stop_with = 99;
		cr_assert_eq(walk(&one), 99);
		cr_assert_eq(walk(&many), 99);
		cr_assert_eq(many.records, at);
		cr_assert_str_eq(many.text, one.text);
	}
	build_fini(&b);
}

Test(journal_events, what_is_damaged_is_not_handed_out)
{
	make();
	/* In the large batch, which stands behind the header's block and two batches of one. */
	build_flip(&b, "0-00000001.seg", 3 * WR_BLOCK_BYTES + 6000);
	cr_assert_eq(walk(&many), 0);
	cr_expect_null(strstr(many.text, "number"));
	cr_expect_not_null(strstr(many.text, "in its batch"));
	cr_expect_not_null(strstr(many.text, "in the next segment"));
	build_fini(&b);
}

Test(journal_events, a_visitor_asks_for_one_of_the_two)
{
	make();
	one.visitor.events = see_events;
	cr_expect_eq(walk(&one), -EINVAL);
	cr_expect_eq(one.calls, 0);
	build_fini(&b);
}

static int no_more(void *context)
{
	(void)context;
	return 78;
}

Test(journal_events, who_follows_gets_them_so_too)
{
	make();
	one.visitor.idle = many.visitor.idle = no_more;
	one.visitor.from_sequence = many.visitor.from_sequence = 100;
	cr_assert_eq(weir_journal_follow(b.dir, &one.visitor, NULL), 78);
	cr_assert_eq(weir_journal_follow(b.dir, &many.visitor, NULL), 78);
	cr_assert_str_eq(many.text, one.text);
	cr_assert_eq(many.records, b.next_seq - 100);
	cr_assert_lt(many.calls, 20);
	build_fini(&b);
}
