/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_oracle.h. */
#include "tests/sim/journal_oracle.h"

#include "core/base/bytes.h"
#include "core/record/section.h"

#define SECTION_BYTES 16u

static uint64_t mix(uint64_t fold, uint32_t kind, uint64_t first)
{
	uint64_t x = (fold ^ (first + kind)) * 0x9e3779b97f4a7c15u;
	return x ^ (x >> 29);
}

uint64_t journal_oracle_appended(struct journal_oracle *o, uint32_t kind, uint64_t first)
{
	uint64_t seq = ++o->appended_seq;

	o->fold[seq] = mix(o->fold[seq - 1], kind, first);
	return seq;
}

static void expect(struct journal_oracle *o, bool good, const char *what)
{
	if (!good && o->wrong == NULL)
		o->wrong = what;
}

static int fed_section(void *context, uint32_t module, uint32_t version, uint32_t part,
		       const uint8_t *bytes, uint32_t length_bytes)
{
	struct journal_oracle *o = context;

	(void)part;
	expect(o, module == WR_SECTION_CATALOG && version == 1 && length_bytes >= SECTION_BYTES,
	       "a section that nobody wrote");
	if (o->wrong != NULL)
		return 0;
	o->fed_seq = wr_get_u64(bytes);
	o->fed_fold = wr_get_u64(bytes + 8);
	o->fed_any = true;
	o->fed_checkpoint = true;
	expect(o, o->fed_seq <= o->appended_seq && o->fed_fold == o->fold[o->fed_seq],
	       "a checkpoint is not the fold of its log");
	return 0;
}

static void fed_reset(void *context)
{
	struct journal_oracle *o = context;

	o->fed_seq = 0;
	o->fed_fold = 0;
	o->fed_any = false;
	o->fed_first_seq = 0;
	o->fed_checkpoint = false;
}

void journal_oracle_reset(struct journal_oracle *o)
{
	fed_reset(o);
}

static int fed_record(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
		      const struct wr_record_view *view)
{
	struct journal_oracle *o = context;

	(void)epoch, (void)time_us;
	if (!o->fed_any && seq >= 1 && seq <= o->appended_seq) {
		o->fed_first_seq = seq;
		o->fed_seq = seq - 1;
		o->fed_fold = o->fold[seq - 1];
	}
	expect(o, seq == o->fed_seq + 1, "a hole, or a record again");
	expect(o, seq <= o->appended_seq, "a record that nobody appended");
	expect(o, view->payload_bytes >= 8, "a record without its payload");
	if (o->wrong != NULL)
		return 0;
	o->fed_seq = seq;
	o->fed_fold = mix(o->fed_fold, view->head->kind, wr_get_u64(view->payload));
	o->fed_any = true;
	expect(o, o->fed_fold == o->fold[seq], "a record is not what was appended there");
	return 0;
}

struct wr_recovery_sink journal_oracle_sink(struct journal_oracle *o)
{
	return (struct wr_recovery_sink){fed_section, fed_reset, fed_record, o};
}
