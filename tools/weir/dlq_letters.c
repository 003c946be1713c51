/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/dlq_letters.h"

#include <string.h>

#include "tools/weir/json_out.h"

bool dlq_matches(const struct dlq_filter *f, const struct weir_item *letter,
		 const struct weir_origin *origin)
{
	if (letter->sequence < f->first_sequence || letter->sequence > f->last_sequence ||
	    (f->subscription != UINT32_MAX && f->subscription != origin->subscription) ||
	    (f->reason != UINT64_MAX && f->reason != origin->reason))
		return false;
	return f->key == NULL || (letter->key != NULL && letter->key_bytes == f->key_bytes &&
				  memcmp(letter->key, f->key, f->key_bytes) == 0);
}

const char *dlq_cause(const struct weir_origin *origin)
{
	return origin->by_verdict      ? "rejected"
	       : origin->expired       ? "expired"
	       : origin->overflowed    ? "maxlen"
	       : origin->untransformed ? "untransformed"
	       : origin->unrouted      ? "unrouted"
				       : "attempts";
}

const char *dlq_state(const struct weir_origin *origin, enum weir_letter_state state)
{
	if (origin->bound)
		return "left";
	return state == WEIR_LETTER_PARKED  ? "parked"
	       : state == WEIR_LETTER_WAITS ? "waits"
					    : "handled";
}

static const char *topic_name(struct weir_pipeline *p, uint32_t id)
{
	const char *name;
	return weir_topic_info(p, id, &name, NULL) == 0 ? name : "?";
}

static const char *subscription_name(struct weir_pipeline *p, uint32_t id)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	return weir_subscription_info(p, id, &info) == 0 ? info.name : "?";
}

static void print_rest(const struct dlq_print *print, FILE *to, const struct weir_item *letter)
{
	struct weir_header header;
	for (uint32_t at = 0; (at = weir_item_header(letter, at, &header)) != 0;) {
		fputs("  header ", to);
		journal_print_escaped(to, header.name, header.name_bytes);
		fputc('=', to);
		journal_print_bytes(to, header.value, header.value_bytes, print->hex);
		fputc('\n', to);
	}
	fputs("  payload ", to);
	if (letter->payload == NULL)
		fputs("none", to);
	else if (!payload_json_print(to, &print->state.json))
		journal_print_bytes(to, letter->payload, letter->payload_bytes, print->hex);
	payload_json_print_why(to, &print->state.json);
	fputc('\n', to);
}

void dlq_print_letter(struct dlq_print *print, FILE *to, const struct weir_item *letter,
		      const struct weir_origin *o, enum weir_letter_state state)
{
	fprintf(to, "%llu", (unsigned long long)letter->sequence);
	journal_print_time(&print->state, to, o->last_failed_us);
	fprintf(to, " %s %s[%u]:%llu", subscription_name(print->pipeline, o->subscription),
		topic_name(print->pipeline, o->topic), o->partition,
		(unsigned long long)o->sequence);
	if (letter->key != NULL) {
		fputs(" key=", to);
		journal_print_bytes(to, letter->key, letter->key_bytes, print->hex);
	}
	fprintf(to, " %s attempts=%u reason=%u", dlq_cause(o), o->attempts, o->reason);
	if (o->text_bytes > 0) {
		fputc(' ', to);
		journal_print_bytes(to, o->text, o->text_bytes, false);
	}
	fprintf(to, " %s\n", dlq_state(o, state));
	if (print->whole)
		print_rest(print, to, letter);
}

static void json_rest(const struct dlq_print *print, struct json_out *j,
		      const struct weir_item *letter)
{
	struct weir_header header;
	journal_json_ids(j, letter);
	json_array(j, "headers");
	for (uint32_t at = 0; (at = weir_item_header(letter, at, &header)) != 0;) {
		json_object(j, NULL);
		json_text_n(j, "name", header.name, header.name_bytes);
		journal_json_bytes(j, "value", "value_hex", header.value, header.value_bytes,
				   print->hex);
		json_close(j);
	}
	json_close(j);
	if (letter->payload != NULL && !payload_json_member(j, &print->state.json))
		journal_json_bytes(j, "payload", "payload_hex", letter->payload,
				   letter->payload_bytes, print->hex);
}

void dlq_json_letter(const struct dlq_print *print, struct json_out *j,
		     const struct weir_item *letter, const struct weir_origin *o,
		     enum weir_letter_state state)
{
	json_object(j, NULL);
	json_u64(j, "sequence", letter->sequence);
	journal_json_time(j, "append_time", letter->append_time_us);
	if (letter->key != NULL)
		journal_json_bytes(j, "key", "key_hex", letter->key, letter->key_bytes, print->hex);
	json_text(j, "subscription", subscription_name(print->pipeline, o->subscription));
	json_text(j, "topic", topic_name(print->pipeline, o->topic));
	json_u64(j, "partition", o->partition);
	json_u64(j, "origin_sequence", o->sequence);
	json_text(j, "cause", dlq_cause(o));
	json_u64(j, "attempts", o->attempts);
	json_u64(j, "reason", o->reason);
	json_text_n(j, "text", o->text, o->text_bytes);
	journal_json_time(j, "first_failed", o->first_failed_us);
	journal_json_time(j, "last_failed", o->last_failed_us);
	json_bool(j, "parked", state == WEIR_LETTER_PARKED);
	json_text(j, "state", dlq_state(o, state));
	if (print->whole)
		json_rest(print, j, letter);
	json_close(j);
}
