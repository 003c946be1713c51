/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   an addressed event is taken only if whom it names reads its topic and it is of the form
 *         that readers trust; what was erased behind what it is a copy of is refused; it is counted
 *         for those rows and for no partition, goes back with its run, and over a checkpoint. An
 *         ordinary event cannot be addressed.
 * Method: records handed to wr_decide one by one: one that is good, and it again with one thing
 *         wrong.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include <weir/error.h>

#include "core/base/siphash.h"
#include "core/log/addressed.h"
#include "core/record/batch.h"
#include "core/record/recipients.h"
#include "io/sim/memory_sim.h"

static const struct wr_tables_limits limits = {
	.catalog = {.topics_max = 4, .partitions_max = 8, .subscriptions_max = 4, .rows_max = 16},
	.named_producers_max = 2,
	.outstanding_max = 8,
	.erasures_max = 4,
};

static struct wr_memory_sim memory;
static struct wr_tables tables, other;
static struct wr_decision decision;
static _Alignas(8) uint8_t record[1024];
static uint64_t next_seq;

static int decide(void)
{
	struct wr_undo none = {0};
	struct wr_record_view view;
	cr_assert(wr_record_view(record, sizeof record, &view));
	int rc = wr_decide(&tables, &none, &view, next_seq, false, &decision);
	next_seq += rc == 0 ? 1 : 0;
	return rc;
}

static void topic(const char *name, uint32_t partitions)
{
	struct wr_control_topic control = {.partitions = partitions};
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)strlen(name), &control,
			 sizeof control.partitions);
	cr_assert_eq(decide(), 0);
}

static void subscription(const char *name, uint32_t of)
{
	struct wr_control_subscription control = {
		.topic_count = 1, .start = WR_START_AT, .start_seq = 1, .topics = {of}};
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), &control,
			 wr_control_subscription_bytes(1));
	cr_assert_eq(decide(), 0);
}

/* Topics 0 and 1; subscriptions 0 and 1 read the first, 2 the second. */
static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_tables_init(&tables, &memory.base, &limits), 0);
	cr_assert_eq(wr_tables_init(&other, &memory.base, &limits), 0);
	next_seq = 1;
	topic("t", 2);
	topic("u", 1);
	subscription("a", 0);
	subscription("b", 0);
	subscription("c", 1);
}

static void tear_down(void)
{
	wr_tables_fini(&tables, &memory.base);
	wr_tables_fini(&other, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(addressed, .init = set_up, .fini = tear_down);

/* What a case does to the good one. */
struct change {
	uint32_t topic;
	uint32_t count;
	uint32_t ids[WR_RECIPIENTS_MAX + 1];
	uint32_t name_bytes;
	uint8_t kind, flags;
	bool without_address, without_mark, stamped;
};

static const struct change good = {
	.count = 2, .ids = {0, 1}, .name_bytes = 3, .kind = WR_KIND_ADDRESSED};

/* Of event 3, key "k". */
static void write(const struct change *c)
{
	uint8_t value[WR_REPLAY_MARK_BYTES + WR_REPLAY_NAME_MAX + 1] = {0}, *at;
	char name[WR_REPLAY_NAME_MAX + 1];
	struct wr_record *head = (struct wr_record *)record;
	const struct wr_producer_stamp stamp = {0};
	memset(record, 0, sizeof record);
	memset(name, 'n', sizeof name);
	at = record + WR_RECORD_HEAD_BYTES;
	for (uint32_t i = 0; i < c->count; i++)
		wr_put_u32(value + 4 * i, c->ids[i]);
	if (!c->without_address)
		at += wr_option_put(at, WR_OPTION_ADDRESS, value, (uint16_t)(4 * c->count));
	const struct wr_replay_mark mark = {.seq = 3, .name = name, .name_bytes = c->name_bytes};
	wr_replay_mark_put(&mark, value);
	if (!c->without_mark)
		at += wr_option_put(at, WR_OPTION_REPLAY, value,
				    (uint16_t)(WR_REPLAY_MARK_BYTES + c->name_bytes));
	if (c->stamped)
		at += wr_option_put(at, WR_OPTION_PRODUCER, &stamp, sizeof stamp);
	uint32_t given = (uint32_t)(at - record) - WR_RECORD_HEAD_BYTES;
	uint32_t area = wr_record_option_area(given, 1);
	*head = (struct wr_record){
		.bytes = WR_RECORD_HEAD_BYTES + area + 1,
		.key_bytes = 1,
		.option_bytes = (uint16_t)area,
		.topic = c->topic,
		.key_hash = 1,
		.kind = c->kind,
		.flags = c->flags,
	};
	record[WR_RECORD_HEAD_BYTES + area] = 'k';
}

static uint64_t addressed_to(const struct wr_tables *t, uint32_t row)
{
	return wr_load_relaxed(&t->settle.rows[row].to_events);
}

Test(addressed, one_that_is_good_counts_for_its_rows_alone)
{
	write(&good);
	cr_assert_eq(decide(), 0);
	cr_expect_eq(decision.features, WR_BATCH_ADDRESSED);
	cr_expect_eq(decision.tag, tables.catalog.topics[0].tag_base + 1);
	for (uint32_t row = 0; row < 5; row++)
		cr_expect_eq(addressed_to(&tables, row), row == 1 || row == 3 ? 1 : 0, "%u", row);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(wr_load_relaxed(&tables.catalog.cells[i].events), 0);
	const struct wr_record *r = (const struct wr_record *)record;
	cr_expect(wr_record_is_for(r, 0) && wr_record_is_for(r, 1) && !wr_record_is_for(r, 2));
}

Test(addressed, what_is_not_good_is_refused)
{
	const struct {
		struct change change;
		int code;
	} cases[] = {
		{{.topic = 2, .count = 1, .name_bytes = 3}, WEIR_E_UNKNOWN_NAME},
		{{.count = 1, .ids = {2}, .name_bytes = 3}, WEIR_E_UNKNOWN_NAME},
		{{.count = 1, .ids = {3}, .name_bytes = 3}, WEIR_E_UNKNOWN_NAME},
		{{.count = 2, .ids = {0, 2}, .name_bytes = 3}, WEIR_E_UNKNOWN_NAME},
		{{.count = 0, .name_bytes = 3}, -EINVAL},
		{{.count = 6, .ids = {0, 1, 2, 3, 4, 5}, .name_bytes = 3}, -EINVAL},
		{{.count = 2, .ids = {1, 0}, .name_bytes = 3}, -EINVAL},
		{{.count = 2, .ids = {1, 1}, .name_bytes = 3}, -EINVAL},
		{{.count = 1, .name_bytes = 0}, -EINVAL},
		{{.count = 1, .name_bytes = WR_REPLAY_NAME_MAX + 1}, -EINVAL},
		{{.count = 1, .name_bytes = 3, .without_address = true}, -EINVAL},
		{{.count = 1, .name_bytes = 3, .without_mark = true}, -EINVAL},
		{{.count = 1, .name_bytes = 3, .stamped = true}, -EINVAL},
		{{.count = 1, .name_bytes = 3, .flags = WR_RECORD_DECIDE}, -EINVAL},
		{{.count = 1, .name_bytes = 3, .kind = WR_KIND_EVENT}, -EINVAL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct change change = cases[i].change;
		if (change.kind == 0)
			change.kind = WR_KIND_ADDRESSED;
		write(&change);
		cr_expect_eq(decide(), cases[i].code, "%zu", i);
	}
	for (uint32_t row = 0; row < 5; row++)
		cr_expect_eq(addressed_to(&tables, row), 0, "%u", row);
}

static void erase(uint32_t of)
{
	struct wr_erase e = {0};
	uint8_t payload[WR_ERASE_BYTES];
	wr_siphash128(e.secret, "k", 1, e.hash);
	wr_erase_put(&e, payload);
	wr_control_write(record, WR_KIND_ERASE, of, 0, NULL, 0, payload, sizeof payload);
	cr_assert_eq(decide(), 0);
}

Test(addressed, a_copy_of_what_was_erased_is_refused)
{
	erase(1);
	write(&good);
	cr_expect_eq(decide(), 0, "of another topic");
	erase(0);
	write(&good);
	cr_expect_eq(decide(), -ESTALE);
	((struct wr_record *)record)->flags = WR_RECORD_KEYLESS;
	cr_expect_eq(decide(), 0, "it has no key");
}

Test(addressed, it_goes_back_with_its_run)
{
	struct wr_undo_entry entries[2 * WR_UNDO_CELLS];
	struct wr_undo undo = {.entries = entries, .capacity = 2 * WR_UNDO_CELLS};
	struct wr_record_view view;
	write(&good);
	cr_assert(wr_record_view(record, sizeof record, &view));
	wr_tables_run_begin(&tables, &undo);
	cr_expect_eq(wr_decide(&tables, &undo, &view, next_seq, false, &decision), 0);
	cr_expect_eq(addressed_to(&tables, 1), 1);
	wr_tables_run_undo(&tables, &undo);
	cr_expect_eq(addressed_to(&tables, 1), 0);
	cr_expect_eq(addressed_to(&tables, 3), 0);
}

/* ---- checkpoints ---- */

#define SECTION_MAX 256u

static uint32_t save(uint8_t *to)
{
	struct wr_sink sink = {.bytes = to, .capacity_bytes = SECTION_MAX};
	wr_addressed_save(&tables.settle, &sink);
	return (uint32_t)sink.used_bytes;
}

Test(addressed, it_is_in_a_checkpoint_where_there_is_some)
{
	_Alignas(8) uint8_t bytes[SECTION_MAX], changed[SECTION_MAX];
	const uint32_t head = (uint32_t)sizeof(struct wr_section_header);
	cr_expect_eq(save(bytes), 0, "none, and no section");
	write(&good);
	cr_assert_eq(decide(), 0);
	uint32_t count = save(bytes) - head;
	cr_assert_geq(count, 44);
	count = 44;
	other.settle.rows_used = tables.settle.rows_used;
	cr_expect_eq(wr_addressed_load(&other.settle, 1, bytes + head, count), 0);
	cr_expect(addressed_to(&other, 1) == 1 && addressed_to(&other, 3) == 1);
	cr_expect_eq(wr_addressed_load(&other.settle, 2, bytes + head, count), WEIR_E_FORMAT);
	for (uint32_t cut = 0; cut < count; cut++)
		cr_expect_eq(wr_addressed_load(&other.settle, 1, bytes + head, cut), WEIR_E_CORRUPT,
			     "%u", cut);
	memcpy(changed, bytes + head, count);
	wr_put_u32(changed + 4, 3); /* the same row twice */
	cr_expect_eq(wr_addressed_load(&other.settle, 1, changed, count), WEIR_E_CORRUPT);
	wr_put_u32(changed + 4, 1);
	wr_put_u32(changed + 24, 99); /* a row that there is not */
	cr_expect_eq(wr_addressed_load(&other.settle, 1, changed, count), WEIR_E_CORRUPT);
}
