/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses a line in one pass over its own members; see line.h for the two forms. An order event
 * whose fields do not make sense is still an event (its bytes are kept like all others), but it is
 * DEMO_OTHER: no book is built from it, on either side of the comparison.
 */
#include "tools/weir/demo/line.h"

#include <string.h>

static enum demo_kind kind_of(struct demo_text word)
{
	static const struct {
		const char *word;
		enum demo_kind kind;
	} kinds[] = {
		{"order_created", DEMO_CREATED}, {"order_changed", DEMO_CHANGED},
		{"order_deleted", DEMO_DELETED}, {"trade", DEMO_TRADE},
		{"order_book", DEMO_SNAPSHOT},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (demo_text_is(word, kinds[i].word))
			return kinds[i].kind;
	return DEMO_OTHER;
}

struct order_fields {
	struct demo_text id;
	struct demo_text price;
	struct demo_text amount;
	struct demo_text side;
	struct demo_text instrument;
};

static bool read_fields(struct demo_text object, struct order_fields *fields)
{
	struct demo_json walk;
	struct demo_text name;
	struct demo_text value;

	*fields = (struct order_fields){0};
	if (!demo_json_open(&walk, object) || !walk.object)
		return false;
	while (demo_json_next(&walk, &name, &value)) {
		if (demo_text_is(name, "id"))
			fields->id = demo_json_scalar(value);
		else if (demo_text_is(name, "price"))
			fields->price = demo_json_scalar(value);
		else if (demo_text_is(name, "amount"))
			fields->amount = demo_json_scalar(value);
		else if (demo_text_is(name, "order_type"))
			fields->side = demo_json_scalar(value);
		else if (demo_text_is(name, "instrument"))
			fields->instrument = demo_json_scalar(value);
	}
	return !walk.failed;
}

/* The event of this kind that `object` describes; DEMO_OTHER when its fields are not an order's. */
static struct demo_event order_event(enum demo_kind kind, struct demo_text object,
				     struct order_fields *fields)
{
	const struct demo_event other = {.kind = DEMO_OTHER};
	struct demo_event event = {.kind = kind};
	uint64_t instrument = 0;

	if (!read_fields(object, fields))
		return other;
	if (fields->instrument.bytes > 0 &&
	    (!demo_text_u64(fields->instrument, &instrument) || instrument >= DEMO_INSTRUMENTS_MAX))
		return other;
	event.instrument = (uint32_t)instrument;
	if (kind == DEMO_OTHER || kind == DEMO_SNAPSHOT)
		return event;
	if (!demo_text_u64(fields->id, &event.id) ||
	    !demo_text_decimal_e8(fields->price, &event.price_e8) ||
	    !demo_text_decimal_e8(fields->amount, &event.amount_e8) || event.amount_e8 < 0)
		return other;
	if (kind == DEMO_TRADE)
		return event;
	if (demo_text_is(fields->side, "1"))
		event.side = DEMO_ASK;
	else if (!demo_text_is(fields->side, "0"))
		return other;
	return event;
}

static bool parse_log_line(struct demo_text line, struct demo_record *record)
{
	struct demo_text rest = line;
	struct demo_text word;
	struct order_fields fields;
	uint64_t time_ms;

	if (!demo_text_split(&rest, ' ', &word) || !demo_text_u64(word, &time_ms) ||
	    !demo_text_split(&rest, ' ', &word) || word.bytes == 0 || rest.bytes == 0)
		return false;
	enum demo_kind kind = kind_of(word);
	record->event = order_event(kind, rest, &fields);
	bool order = kind == DEMO_CREATED || kind == DEMO_CHANGED || kind == DEMO_DELETED;
	record->key = order && fields.id.bytes > 0 ? fields.id : word;
	return true;
}

static bool parse_json_line(struct demo_text line, struct demo_record *record)
{
	struct demo_json walk;
	struct demo_text name;
	struct demo_text value;
	struct demo_text order = line;
	struct order_fields fields;
	enum demo_kind kind = DEMO_OTHER;

	if (!demo_json_open(&walk, line))
		return false;
	while (demo_json_next(&walk, &name, &value)) {
		if (demo_text_is(name, "key"))
			record->key = demo_json_scalar(value);
		else if (demo_text_is(name, "type"))
			kind = kind_of(demo_json_scalar(value));
		else if (demo_text_is(name, "payload") && value.at[0] == '{')
			order = value;
	}
	if (walk.failed)
		return false;
	if (kind != DEMO_OTHER)
		record->event = order_event(kind, order, &fields);
	return true;
}

bool demo_line_parse(struct demo_text line, struct demo_record *ret_record)
{
	*ret_record = (struct demo_record){.payload = line};
	if (line.bytes == 0)
		return false;
	bool good = line.at[0] == '{' ? parse_json_line(line, ret_record)
				      : parse_log_line(line, ret_record);
	return good && ret_record->key.bytes <= DEMO_KEY_BYTES_MAX;
}

bool demo_line_next(struct demo_text *rest, struct demo_text *ret_line)
{
	while (rest->bytes > 0) {
		if (!demo_text_split(rest, '\n', ret_line)) {
			*ret_line = *rest;
			rest->at += rest->bytes;
			rest->bytes = 0;
		}
		if (ret_line->bytes > 0 && ret_line->at[ret_line->bytes - 1] == '\r')
			ret_line->bytes--;
		if (ret_line->bytes > 0)
			return true;
	}
	return false;
}
