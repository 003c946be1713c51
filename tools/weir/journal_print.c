/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printing half of `weir journal`. A payload that is UTF-8 is shown as text, anything else in
 * hexadecimal, as a whole: half of each would be neither readable nor exact.
 *
 * Thread: main.
 */
#include "tools/weir/journal_print.h"

#include <string.h>

#include <weir/replay_to.h>
#include <weir/sharing.h>

#include "tools/weir/args.h"

static const char *damage_name(enum weir_journal_damage_kind kind)
{
	switch (kind) {
	case WEIR_JOURNAL_SUPERBLOCK_COPY:
		return "superblock_copy";
	case WEIR_JOURNAL_CHECKPOINT:
		return "checkpoint";
	case WEIR_JOURNAL_SEGMENT_HEADER:
		return "segment_header";
	case WEIR_JOURNAL_BATCH:
		return "batch";
	case WEIR_JOURNAL_MISSING_SEGMENT:
		return "missing_segment";
	case WEIR_JOURNAL_TORN_TAIL:
		return "torn_tail";
	case WEIR_JOURNAL_SPARE:
		return "spare";
	case WEIR_JOURNAL_RETIRED:
		return "retired";
	case WEIR_JOURNAL_SEGMENT_COPY:
		return "segment_copy";
	}
	return "unknown";
}

/* --- text ------------------------------------------------------------------------------------- */

void journal_print_segment(FILE *to, const struct weir_journal_segment *s, bool heading)
{
	char first[CLI_TEXT_BYTES];
	char last[CLI_TEXT_BYTES];
	char begin[CLI_TEXT_BYTES];
	char end[CLI_TEXT_BYTES];
	char used[CLI_TEXT_BYTES];

	if (heading)
		fprintf(to, "%-16s %8s %15s %15s  %-27s  %-27s %10s %8s %6s\n", "FILE", "ID",
			"FIRST", "LAST", "FROM", "TO", "USED", "BATCHES", "EPOCH");
	if (s->spare) {
		fprintf(to, "%-16s %8s %15s %15s  %-27s  %-27s %10s %8s %6s\n", s->file, "-",
			"spare", "-", "-", "-", "-", "-", "-");
		return;
	}
	bool empty = s->end_sequence <= s->first_sequence;
	fprintf(to, "%-16s %8llu %15s %15s  %-27s  %-27s %10s %8u %6u\n", s->file,
		(unsigned long long)s->segment_id,
		empty ? "-" : cli_text_count(first, s->first_sequence),
		empty ? "-" : cli_text_count(last, s->end_sequence - 1),
		cli_text_time(begin, s->first_time_us), cli_text_time(end, s->last_time_us),
		cli_text_bytes(used, s->used_bytes), s->batch_count, s->epoch);
}

void journal_print_totals(FILE *to, const struct weir_journal_report *r)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	fprintf(to, "%llu segments, %llu spare, of %s each; epoch %u, %s%s\n",
		(unsigned long long)r->segment_count, (unsigned long long)r->spare_count,
		cli_text_bytes(a, r->segment_bytes), r->epoch,
		r->clean ? "closed" : "open, or not closed in order",
		r->chained ? "; it has a chain" : "");
	if (r->last_sequence == 0 || r->last_sequence < r->oldest_sequence)
		fprintf(to, "no records\n");
	else
		fprintf(to, "%s records, %s of them events: sequence %s to %s\n",
			cli_text_count(a, r->record_count), cli_text_count(b, r->event_count),
			cli_text_count(c, r->oldest_sequence), cli_text_count(d, r->last_sequence));
	if (r->left_out_count > 0)
		fprintf(to, "%s events were left out since they were appended\n",
			cli_text_count(a, r->left_out_count));
	if (r->corrupt_count > 0)
		fprintf(to, "CORRUPT in %llu places: weir journal verify says where\n",
			(unsigned long long)r->corrupt_count);
}

void journal_print_damage(FILE *to, const struct weir_journal_damage *d)
{
	char first[CLI_TEXT_BYTES];
	char last[CLI_TEXT_BYTES] = "the end";

	fprintf(to, "%s: %s", d->corrupt ? "CORRUPT" : "note", damage_name(d->kind));
	if (d->file[0] != '\0')
		fprintf(to, " in %s at offset %llu, %llu bytes", d->file,
			(unsigned long long)d->offset, (unsigned long long)d->bytes);
	if (d->segment_id != 0)
		fprintf(to, " (segment %llu)", (unsigned long long)d->segment_id);
	if (d->end_sequence > d->first_sequence) {
		if (d->end_sequence != UINT64_MAX)
			cli_text_count(last, d->end_sequence - 1);
		fprintf(to, ", sequence %s to %s", cli_text_count(first, d->first_sequence), last);
	}
	if (d->text[0] != '\0')
		fprintf(to, ": %s", d->text);
	fputc('\n', to);
}

void journal_print_verdict(FILE *to, const struct weir_journal_report *r)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char c[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	fprintf(to, "%s: %s records in %llu segments, last %s, attested durable %s; %s read",
		r->corrupt_count > 0 ? "CORRUPT" : "ok", cli_text_count(a, r->record_count),
		(unsigned long long)r->segment_count, cli_text_count(b, r->last_sequence),
		cli_text_count(c, r->durable_sequence), cli_text_bytes(d, r->read_bytes));
	if (r->left_out_count > 0)
		fprintf(to, "; %llu events left out", (unsigned long long)r->left_out_count);
	if (r->corrupt_count > 0)
		fprintf(to, "; %llu places damaged", (unsigned long long)r->corrupt_count);
	if (r->harmless_count > 0)
		fprintf(to, "; %llu harmless", (unsigned long long)r->harmless_count);
	fputc('\n', to);
}

/* The bytes of one character that is shown as it is, or 0: to be escaped. */
static size_t plain_bytes(const uint8_t *p, size_t left_bytes)
{
	if (p[0] < 0x20 || p[0] == 0x7f || p[0] == '"' || p[0] == '\\')
		return 0;
	if (p[0] < 0x80)
		return 1;
	/* U+0080 .. U+009F are control characters, too: some terminals obey them. */
	if (p[0] == 0xc2 && left_bytes > 1 && p[1] < 0xa0)
		return 0;
	for (size_t n = 2; n <= 4 && n <= left_bytes; n++)
		if (json_is_utf8(p, n))
			return n;
	return 0;
}

void journal_print_escaped(FILE *to, const void *bytes, size_t length_bytes)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < length_bytes;) {
		size_t n = plain_bytes(p + i, length_bytes - i);
		if (n > 0) {
			fwrite(p + i, 1, n, to);
			i += n;
			continue;
		}
		switch (p[i]) {
		case '\n':
			fputs("\\n", to);
			break;
		case '\r':
			fputs("\\r", to);
			break;
		case '\t':
			fputs("\\t", to);
			break;
		case '"':
		case '\\':
			fprintf(to, "\\%c", p[i]);
			break;
		default:
			fprintf(to, "\\x%02x", p[i]);
			break;
		}
		i++;
	}
}

void journal_print_bytes(FILE *to, const void *bytes, size_t length_bytes, bool hex)
{
	const uint8_t *p = bytes;

	if (!hex && json_is_utf8(bytes, length_bytes)) {
		fputc('"', to);
		journal_print_escaped(to, bytes, length_bytes);
		fputc('"', to);
		return;
	}
	fputs("0x", to);
	for (size_t i = 0; i < length_bytes; i++)
		fprintf(to, "%02x", p[i]);
}

static void print_headers(FILE *to, const struct weir_journal_event *event)
{
	struct weir_header header;
	bool any = false;

	for (uint32_t place = weir_item_header(&event->item, 0, &header); place != 0;
	     place = weir_item_header(&event->item, place, &header)) {
		fputs(any ? ", " : " {", to);
		any = true;
		journal_print_escaped(to, header.name, header.name_bytes);
		fputc('=', to);
		journal_print_bytes(to, header.value, header.value_bytes, false);
	}
	if (any)
		fputc('}', to);
}

void journal_print_time(struct journal_print *state, FILE *to, uint64_t time_us)
{
	char text[CLI_TEXT_BYTES];

	/* Formatting a date is most of the work of a line, and most lines share their second. */
	if (state->date[0] == '\0' || state->second != time_us / 1000000) {
		cli_text_time(text, time_us);
		if (strlen(text) != 27) {
			fprintf(to, " %-27s", text);
			return;
		}
		state->second = time_us / 1000000;
		snprintf(state->date, sizeof state->date, "%.19s", text);
	}
	fprintf(to, " %s.%06uZ", state->date, (unsigned)(time_us % 1000000));
}

void journal_print_event(struct journal_print *state, FILE *to,
			 const struct weir_journal_event *event, bool hex)
{
	const struct weir_item *item = &event->item;

	fprintf(to, "%llu", (unsigned long long)item->sequence);
	journal_print_time(state, to, item->append_time_us);
	if (event->control) {
		fprintf(to, " <%s> ", event->kind);
		if (event->detail[0] != '\0')
			journal_print_escaped(to, event->detail, strlen(event->detail));
		else if (item->payload_bytes > 0)
			journal_print_bytes(to, item->payload, item->payload_bytes, true);
		fputc('\n', to);
		return;
	}
	if (event->topic_name != NULL)
		fprintf(to, " %s[%u]", event->topic_name, item->partition);
	else
		fprintf(to, " topic-%u[?]", item->topic);
	if (item->key != NULL) {
		fputs(" key=", to);
		journal_print_bytes(to, item->key, item->key_bytes, hex);
	}
	fputc(' ', to);
	payload_json_make(&state->json, event);
	if (item->payload == NULL)
		fputs("(no payload)", to);
	else if (!payload_json_print(to, &state->json))
		journal_print_bytes(to, item->payload, item->payload_bytes, hex);
	payload_json_print_why(to, &state->json);
	print_headers(to, event);
	fputc('\n', to);
}

/* --- JSON ------------------------------------------------------------------------------------- */

void journal_json_time(struct json_out *j, const char *key, uint64_t time_us)
{
	char text[CLI_TEXT_BYTES];

	json_text(j, key, time_us != 0 ? cli_text_time(text, time_us) : NULL);
}

void journal_json_segment(struct json_out *j, const struct weir_journal_segment *s)
{
	json_object(j, NULL);
	json_text(j, "file", s->file);
	json_bool(j, "spare", s->spare);
	if (!s->spare) {
		json_u64(j, "segment_id", s->segment_id);
		json_u64(j, "first_sequence", s->first_sequence);
		json_u64(j, "end_sequence", s->end_sequence);
		journal_json_time(j, "first_time", s->first_time_us);
		journal_json_time(j, "last_time", s->last_time_us);
		json_u64(j, "used_bytes", s->used_bytes);
		json_u64(j, "batches", s->batch_count);
		json_u64(j, "epoch", s->epoch);
	}
	json_u64(j, "file_bytes", s->file_bytes);
	json_close(j);
}

void journal_json_damage(struct json_out *j, const struct weir_journal_damage *d)
{
	json_object(j, NULL);
	json_text(j, "kind", damage_name(d->kind));
	json_bool(j, "corrupt", d->corrupt);
	json_text(j, "file", d->file[0] != '\0' ? d->file : NULL);
	json_u64(j, "segment_id", d->segment_id);
	json_u64(j, "offset", d->offset);
	json_u64(j, "bytes", d->bytes);
	json_u64(j, "first_sequence", d->first_sequence);
	if (d->end_sequence == UINT64_MAX)
		json_null(j, "end_sequence");
	else
		json_u64(j, "end_sequence", d->end_sequence);
	json_text(j, "text", d->text);
	json_close(j);
}

void journal_json_report(struct json_out *j, const struct weir_journal_report *r)
{
	json_hex(j, "uuid", r->uuid, sizeof r->uuid);
	json_u64(j, "format", r->format);
	json_u64(j, "epoch", r->epoch);
	json_bool(j, "clean", r->clean);
	json_bool(j, "chained", r->chained);
	journal_json_time(j, "created", r->created_us);
	json_u64(j, "oldest_sequence", r->oldest_sequence);
	json_u64(j, "last_sequence", r->last_sequence);
	json_u64(j, "durable_sequence", r->durable_sequence);
	json_u64(j, "records", r->record_count);
	json_u64(j, "events", r->event_count);
	json_u64(j, "segment_count", r->segment_count);
	json_u64(j, "spare_count", r->spare_count);
	json_u64(j, "segment_bytes", r->segment_bytes);
	json_u64(j, "chunk_bytes", r->chunk_bytes);
	json_u64(j, "corrupt_count", r->corrupt_count);
	json_u64(j, "harmless_count", r->harmless_count);
	json_u64(j, "read_bytes", r->read_bytes);
	json_u64(j, "left_out", r->left_out_count);
}

void journal_json_bytes(struct json_out *j, const char *key, const char *hex_key, const void *bytes,
			size_t length_bytes, bool hex)
{
	if (bytes == NULL)
		json_null(j, key);
	else if (!hex && json_is_utf8(bytes, length_bytes))
		json_text_n(j, key, bytes, length_bytes);
	else
		json_hex(j, hex_key, bytes, length_bytes);
}

bool journal_copy_of(const struct weir_item *item, struct weir_pos *ret_pos)
{
	struct weir_replayed of;
	struct weir_origin from;
	if (weir_item_origin(item, &from) && !from.bound && !from.unrouted)
		*ret_pos = (struct weir_pos){from.sequence, from.epoch, from.log};
	else if (weir_item_replayed(item, &of))
		*ret_pos = of.pos;
	else
		return false;
	return true;
}

void journal_json_ids(struct json_out *j, const struct weir_item *item)
{
	struct weir_ids ids = {0};

	weir_item_ids(item, &ids);
	if (ids.event_id_bytes > 0)
		journal_json_bytes(j, "event_id", "event_id_hex", ids.event_id, ids.event_id_bytes,
				   false);
	if (ids.correlation_id_bytes > 0)
		journal_json_bytes(j, "correlation_id", "correlation_id_hex", ids.correlation_id,
				   ids.correlation_id_bytes, false);
	if (ids.causation_id_bytes > 0)
		journal_json_bytes(j, "causation_id", "causation_id_hex", ids.causation_id,
				   ids.causation_id_bytes, false);
	if (ids.traceparent_bytes > 0)
		json_text_n(j, "traceparent", ids.traceparent, ids.traceparent_bytes);
	if (ids.tracestate_bytes > 0)
		json_text_n(j, "tracestate", ids.tracestate, ids.tracestate_bytes);
}

static void json_headers(struct json_out *j, const struct weir_item *item)
{
	struct weir_header header;
	uint32_t place = weir_item_header(item, 0, &header);

	if (place == 0)
		return;
	json_array(j, "headers");
	for (; place != 0; place = weir_item_header(item, place, &header)) {
		json_object(j, NULL);
		json_text_n(j, "name", header.name, header.name_bytes);
		journal_json_bytes(j, "value", "value_hex",
				   header.value_bytes > 0 ? header.value : "", header.value_bytes,
				   false);
		json_close(j);
	}
	json_close(j);
}

void journal_json_event(struct journal_print *state, FILE *to,
			const struct weir_journal_event *event, bool hex)
{
	const struct weir_item *item = &event->item;
	uint64_t event_time_us = event->control ? 0 : weir_item_event_time_us(item);
	struct json_out j;

	json_begin(&j, to, JSON_LINE);
	json_object(&j, NULL);
	json_u64(&j, "sequence", item->sequence);
	json_u64(&j, "epoch", item->epoch);
	journal_json_time(&j, "append_time", item->append_time_us);
	json_u64(&j, "append_time_us", item->append_time_us);
	json_text(&j, "kind", event->kind);
	if (event->control) {
		json_text(&j, "detail", event->detail);
		if (item->payload != NULL)
			json_hex(&j, "payload_hex", item->payload, item->payload_bytes);
	} else {
		json_text(&j, "topic", event->topic_name);
		json_u64(&j, "topic_id", item->topic);
		if (item->partition != UINT32_MAX)
			json_u64(&j, "partition", item->partition);
		if (item->type != 0)
			json_u64(&j, "type", item->type);
		journal_json_bytes(&j, "key", "key_hex", item->key, item->key_bytes, hex);
		payload_json_make(&state->json, event);
		if (!payload_json_member(&j, &state->json))
			journal_json_bytes(&j, "payload", "payload_hex", item->payload,
					   item->payload_bytes, hex);
		if (event_time_us != 0)
			journal_json_time(&j, "event_time", event_time_us);
		journal_json_ids(&j, item);
		json_headers(&j, item);
	}
	json_end(&j);
}
