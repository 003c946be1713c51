/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal through the audit: the read-only visitor of weir/journal.h, which verifies every
 * checksum itself and shares no state with the process that wrote.
 */
#include <stdio.h>

#include <weir/journal.h>

#include "core/base/bytes.h"
#include "tools/weir/demo/audit.h"

static int on_event(struct demo_audit *audit, const struct weir_item *item)
{
	struct weir_ids ids;

	weir_item_ids(item, &ids);
	uint64_t index = ids.event_id_bytes == 8 ? wr_get_u64(ids.event_id) : 0;
	struct demo_text key = {.at = item->key, .bytes = item->key_bytes};
	struct demo_text payload = {.at = item->payload, .bytes = item->payload_bytes};
	return demo_audit_event(audit, index, key, payload);
}

static int on_events(void *context, const struct weir_journal_events *events)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < events->count; i++)
		code = on_event(context, &events->items[i]);
	return code;
}

int demo_audit_read(struct demo_audit *audit, const char *dir, struct weir_problem *ret_problem)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;

	weir_journal_visitor_init(&visitor);
	visitor.events = on_events;
	visitor.context = audit;
	int error = weir_journal_inspect(dir, &visitor, &report, ret_problem);
	if (error != 0)
		return error;
	if (report.corrupt_count > 0) {
		snprintf(ret_problem->text, sizeof ret_problem->text,
			 "%llu damaged places: `weir journal verify` names them",
			 (unsigned long long)report.corrupt_count);
		ret_problem->code = WEIR_E_CORRUPT;
		return WEIR_E_CORRUPT;
	}
	return 0;
}
