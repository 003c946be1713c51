/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/payload_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>

#include "tools/weir/journal_print.h"

void payload_json_fini(struct payload_json *p)
{
	free(p->text);
	p->text = NULL;
	p->room = p->bytes = 0;
}

static bool make_room(struct payload_json *p, size_t bytes)
{
	if (bytes <= p->room)
		return true;
	char *text = realloc(p->text, bytes);
	if (text == NULL)
		return false;
	p->text = text;
	p->room = bytes;
	return true;
}

/* Without the blanks between its tokens: it is known to be JSON. */
static int take_json(struct payload_json *p, const char *from, size_t bytes)
{
	bool in_string = false;
	if (!make_room(p, bytes + 1))
		return -ENOMEM;
	p->bytes = 0;
	for (size_t i = 0; i < bytes; i++) {
		if (!in_string && strchr(" \t\r\n", from[i]) != NULL && from[i] != '\0')
			continue;
		if (in_string && from[i] == '\\' && i + 1 < bytes)
			p->text[p->bytes++] = from[i++];
		else if (from[i] == '"')
			in_string = !in_string;
		p->text[p->bytes++] = from[i];
	}
	return 0;
}

static int take_avro(struct payload_json *p, const struct weir_schema *schema, const void *data,
		     size_t bytes, struct weir_problem *problem)
{
	int code =
		weir_schema_to_json(schema, data, bytes, 0, p->text, p->room, &p->bytes, problem);
	if (code != -ENOBUFS)
		return code;
	if (!make_room(p, p->bytes))
		return -ENOMEM;
	return weir_schema_to_json(schema, data, bytes, 0, p->text, p->room, &p->bytes, problem);
}

static bool is_c1(const char *at, size_t left_bytes)
{
	return left_bytes > 1 && (uint8_t)at[0] == 0xc2 && (uint8_t)at[1] < 0xa0;
}

/* DEL and U+0080 to U+009F, which some terminals obey, as \u00NN. They are in strings. */
static int make_safe(struct payload_json *p)
{
	static const char digits[] = "0123456789abcdef";
	size_t more = 0;
	for (size_t i = 0; i < p->bytes; i++)
		more += p->text[i] == 0x7f ? 5 : is_c1(p->text + i, p->bytes - i) ? 4 : 0;
	if (more == 0)
		return 0;
	if (!make_room(p, p->bytes + more))
		return -ENOMEM;
	size_t from = p->bytes, to = from + more;
	p->bytes = to;
	while (from > 0) {
		uint8_t c = (uint8_t)p->text[--from];
		bool two = from > 0 && is_c1(p->text + from - 1, 2);
		if (c != 0x7f && !two) {
			p->text[--to] = (char)c;
			continue;
		}
		from -= two;
		to -= 6;
		memcpy(p->text + to, "\\u00", 4);
		p->text[to + 4] = digits[c >> 4];
		p->text[to + 5] = digits[c & 15];
	}
	return 0;
}

static bool take(struct payload_json *p, const struct weir_schema *schema, const uint8_t *payload,
		 size_t payload_bytes, size_t prefix_bytes)
{
	struct weir_problem problem = {0};
	const uint8_t *data = payload + prefix_bytes;
	size_t bytes = payload_bytes - prefix_bytes;
	int code;
	if (weir_schema_type_of(schema) != WEIR_SCHEMA_JSON_VALUE) {
		code = take_avro(p, schema, data, bytes, &problem);
	} else {
		code = weir_schema_validate(schema, data, bytes, &problem);
		if (code == 0)
			code = take_json(p, (const char *)data, bytes);
	}
	if (code == 0)
		code = make_safe(p);
	if (code == 0)
		return true;
	snprintf(p->why, sizeof p->why, "not of schema %u: %s%s%s", p->schema_id, problem.field,
		 problem.field[0] != '\0' ? ": " : "",
		 problem.text[0] != '\0' ? problem.text : weir_strerror(code));
	return false;
}

void payload_json_make(struct payload_json *p, const struct weir_journal_event *event)
{
	const struct weir_item *item = &event->item;
	p->why[0] = '\0';
	p->is_good = false;
	p->schema_id = p->is_asked ? event->schema_id : 0;
	if (p->is_asked && event->schema_problem != NULL)
		snprintf(p->why, sizeof p->why, "%s", event->schema_problem);
	if (p->is_asked && event->schema != NULL)
		p->is_good = take(p, event->schema, item->payload, item->payload_bytes,
				  event->schema_prefix_bytes);
}

bool payload_json_print(FILE *to, const struct payload_json *p)
{
	if (p->is_good)
		(void)fwrite(p->text, 1, p->bytes, to);
	return p->is_good;
}

void payload_json_print_why(FILE *to, const struct payload_json *p)
{
	if (!p->is_good && p->why[0] != '\0') {
		fputs(" (no JSON: ", to);
		journal_print_escaped(to, p->why, strlen(p->why));
		fputc(')', to);
	}
}

bool payload_json_member(struct json_out *j, const struct payload_json *p)
{
	if (p->schema_id != 0)
		json_u64(j, "schema_id", p->schema_id);
	if (p->is_good)
		json_ready(j, "payload_json", p->text, p->bytes);
	else if (p->why[0] != '\0')
		json_text(j, "payload_problem", p->why);
	return p->is_good;
}
