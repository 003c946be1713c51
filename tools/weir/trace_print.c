/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/trace_print.h"

#include "tools/weir/args.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/json_out.h"

/* Deeper events are drawn at this depth, and their lines say how deep they are: a chain of many
 * thousand would be a page wide. */
#define DRAWN_DEPTH_MAX 24u

/* What comes behind `index` in the tree: its first effect, else its next neighbour, or that of the
 * nearest cause that has one. *depth goes along. */
static uint32_t next_in_tree(const struct trace_search *s, uint32_t index, uint32_t *depth)
{
	if (s->events[index].first_child != TRACE_NONE) {
		++*depth;
		return s->events[index].first_child;
	}
	while (index != TRACE_NONE && s->events[index].next_child == TRACE_NONE) {
		index = s->events[index].parent;
		--*depth;
	}
	return index != TRACE_NONE ? s->events[index].next_child : TRACE_NONE;
}

/* Each event with its depth, trees in the order of their roots. */
static void each(FILE *to, const struct trace_search *s, bool hex,
		 void (*show)(FILE *to, const struct trace_search *s, uint32_t index,
			      uint32_t depth, bool hex))
{
	for (uint32_t root = 0; root < s->count; root++) {
		uint32_t depth = 0;
		if (s->events[root].parent != TRACE_NONE)
			continue;
		for (uint32_t i = root; i != TRACE_NONE; i = next_in_tree(s, i, &depth)) {
			show(to, s, i, depth, hex);
			if (ferror(to) != 0)
				return;
		}
	}
}

/* ---- text ---- */

static void print_branch(FILE *to, const struct trace_search *s, uint32_t index, uint32_t depth)
{
	bool goes_on[DRAWN_DEPTH_MAX];
	uint32_t drawn = depth < DRAWN_DEPTH_MAX ? depth : DRAWN_DEPTH_MAX;
	uint32_t at = index;
	for (uint32_t level = drawn; level > 0; level--) {
		goes_on[level - 1] = s->events[at].next_child != TRACE_NONE;
		at = s->events[at].parent;
	}
	for (uint32_t level = 0; level + 1 < drawn; level++)
		fputs(goes_on[level] ? "|  " : "   ", to);
	if (drawn > 0)
		fputs(goes_on[drawn - 1] ? "|- " : "`- ", to);
	if (drawn < depth)
		fprintf(to, "(%u deep) ", depth);
}

static void print_named(FILE *to, const char *name, struct text text, bool hex)
{
	if (text.at == NULL)
		return;
	fprintf(to, " %s=", name);
	journal_print_bytes(to, text.at, text.bytes, hex);
}

static void show_text(FILE *to, const struct trace_search *s, uint32_t index, uint32_t depth,
		      bool hex)
{
	const struct trace_event *e = &s->events[index];
	char time[CLI_TEXT_BYTES];
	print_branch(to, s, index, depth);
	fprintf(to, "%llu %s ", (unsigned long long)e->sequence,
		cli_text_time(time, e->append_time_us));
	if (e->topic.at != NULL && e->partition != UINT32_MAX)
		fprintf(to, "%.*s[%u]", (int)e->topic.bytes, e->topic.at, e->partition);
	else
		fprintf(to, "topic-%u[?]", e->topic_id);
	print_named(to, "key", e->key, hex);
	print_named(to, "type", e->kind, false);
	if (e->kind.at == NULL && e->type != 0)
		fprintf(to, " type=%u", e->type);
	print_named(to, "id", e->event_id, false);
	print_named(to, "copy_of", e->copy_of, false);
	if (e->parent == TRACE_NONE && e->causation_id.at != NULL) {
		fputs(" caused by ", to);
		journal_print_bytes(to, e->causation_id.at, e->causation_id.bytes, false);
		fputs(", which is not there", to);
	}
	fputs(e->asked ? " <-\n" : "\n", to);
}

void trace_print_text(FILE *to, const struct trace_search *s, bool hex)
{
	uint64_t first_us = s->events[0].append_time_us;
	uint64_t last_us = s->events[s->count - 1].append_time_us;
	char span[CLI_TEXT_BYTES];
	each(to, s, hex, show_text);
	fprintf(to, "%u event%s, %s from first to last\n", s->count, s->count == 1 ? "" : "s",
		cli_text_ns(span, (last_us - first_us) * 1000));
}

/* ---- JSON ---- */

static void put_bytes(struct json_out *j, const char *name, const char *hex_name, struct text text,
		      bool hex)
{
	if (text.at != NULL)
		journal_json_bytes(j, name, hex_name, text.at, text.bytes, hex);
}

static void show_json(FILE *to, const struct trace_search *s, uint32_t index, uint32_t depth,
		      bool hex)
{
	const struct trace_event *e = &s->events[index];
	struct json_out j;
	json_begin(&j, to, JSON_LINE);
	json_object(&j, NULL);
	json_u64(&j, "depth", depth);
	json_bool(&j, "asked", e->asked);
	json_u64(&j, "sequence", e->sequence);
	json_u64(&j, "epoch", e->epoch);
	if (e->parent != TRACE_NONE)
		json_u64(&j, "cause_sequence", s->events[e->parent].sequence);
	else
		json_null(&j, "cause_sequence");
	journal_json_time(&j, "append_time", e->append_time_us);
	json_u64(&j, "append_time_us", e->append_time_us);
	if (e->event_time_us != 0)
		journal_json_time(&j, "event_time", e->event_time_us);
	if (e->topic.at != NULL)
		json_text_n(&j, "topic", e->topic.at, e->topic.bytes);
	else
		json_null(&j, "topic");
	json_u64(&j, "topic_id", e->topic_id);
	if (e->partition != UINT32_MAX)
		json_u64(&j, "partition", e->partition);
	if (e->type != 0)
		json_u64(&j, "type", e->type);
	put_bytes(&j, "type_header", "type_header_hex", e->kind, false);
	if (e->key.at != NULL)
		put_bytes(&j, "key", "key_hex", e->key, hex);
	else
		json_null(&j, "key");
	put_bytes(&j, "event_id", "event_id_hex", e->event_id, false);
	put_bytes(&j, "correlation_id", "correlation_id_hex", e->correlation_id, false);
	put_bytes(&j, "causation_id", "causation_id_hex", e->causation_id, false);
	put_bytes(&j, "copy_of", "copy_of_hex", e->copy_of, false);
	put_bytes(&j, "traceparent", "traceparent_hex", e->traceparent, false);
	put_bytes(&j, "tracestate", "tracestate_hex", e->tracestate, false);
	json_end(&j);
}

void trace_print_json(FILE *to, const struct trace_search *s, bool hex)
{
	each(to, s, hex, show_json);
}
