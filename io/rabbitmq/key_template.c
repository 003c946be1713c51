/* SPDX-License-Identifier: Apache-2.0 */
/* See map.h: routing keys from templates, "orders.{key}". */
#include <stdio.h>
#include <string.h>

#include "io/rabbitmq/map.h"

enum part { TEXT, TOPIC, KEY, TYPE, FAULT };

/* The part that begins at *at, which moves behind it. Of TEXT, one byte: *ret_byte. */
static enum part next(const char **at, char *ret_byte)
{
	static const struct {
		const char *name;
		enum part part;
	} names[] = {{"{topic}", TOPIC}, {"{key}", KEY}, {"{type}", TYPE}};
	const char *text = *at;
	*ret_byte = *text;
	if (text[0] != '{' && text[0] != '}') {
		*at = text + 1;
		return TEXT;
	}
	if (text[1] == text[0]) { // "{{" and "}}"
		*at = text + 2;
		return TEXT;
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t bytes = strlen(names[i].name);
		if (strncmp(text, names[i].name, bytes) == 0) {
			*at = text + bytes;
			return names[i].part;
		}
	}
	return FAULT;
}

const char *wr_rabbit_template_check(const char *text)
{
	char byte;
	size_t bytes = 0;
	while (*text != 0) {
		enum part part = next(&text, &byte);
		if (part == FAULT)
			return "a brace that begins neither {topic}, {key} nor {type}: \"{{\" and "
			       "\"}}\" stand for braces";
		bytes += part == TEXT;
	}
	return bytes > WR_RABBIT_SHORT_BYTES ? "a routing key has at most 255 bytes" : NULL;
}

size_t wr_rabbit_template_fill(const char *text, const struct weir_item *item,
			       const char *topic_name, char *room)
{
	size_t used = 0;
	while (*text != 0) {
		char byte, number[8];
		const void *from = &byte;
		size_t bytes = 1;
		switch (next(&text, &byte)) {
		case TOPIC:
			from = topic_name;
			bytes = strlen(topic_name);
			break;
		case KEY:
			from = item->key;
			bytes = item->key_bytes;
			break;
		case TYPE:
			bytes = (size_t)snprintf(number, sizeof number, "%u", item->type);
			from = number;
			break;
		case TEXT:
		case FAULT: // wr_rabbit_template_check() lets none through
			break;
		}
		if (bytes > WR_RABBIT_SHORT_BYTES - used)
			return WR_RABBIT_SHORT_BYTES + 1;
		if (bytes > 0)
			memcpy(room + used, from, bytes);
		used += bytes;
	}
	return used;
}
