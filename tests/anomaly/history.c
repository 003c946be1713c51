/* SPDX-License-Identifier: Apache-2.0 */
/* See history.h. */
#include "tests/anomaly/history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 32u

struct field {
	const char *name;
	size_t at;
	size_t bytes;
};

#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct history_op, name), sizeof((struct history_op){0}).name      \
	}

static const struct field fields[] = {
	FIELD(value),  FIELD(key),      FIELD(dedup), FIELD(topic),      FIELD(partition),
	FIELD(offset), FIELD(end),      FIELD(group), FIELD(generation), FIELD(call),
	FIELD(level),  FIELD(delay),    FIELD(lives), FIELD(version),    FIELD(priority),
	FIELD(kind),   FIELD(unwanted),
};

static const char *const types[HISTORY_TYPE_COUNT] = {
#define TYPE_WORD(name, word) word,
	HISTORY_TYPE_MAP(TYPE_WORD)
#undef TYPE_WORD
};

static const char *const fs[HISTORY_F_COUNT] = {
#define F_WORD(name, word, fields) word,
	HISTORY_F_MAP(F_WORD)
#undef F_WORD
};

static const struct {
	uint8_t bit;
	const char *word;
} flags[] = {
#define FLAG_WORD(name, bit, word) {bit, word},
	HISTORY_FLAG_MAP(FLAG_WORD)
#undef FLAG_WORD
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void history_begin(struct history *history)
{
	list_begin(&history->ops, sizeof(struct history_op));
}

void history_fini(struct history *history)
{
	list_fini(&history->ops);
}

void history_add(struct history *history, const struct history_op *op)
{
	*(struct history_op *)list_add(&history->ops) = *op;
}

void history_insert(struct history *history, uint32_t index, const struct history_op *op)
{
	(void)list_add(&history->ops);
	struct history_op *at = history_op(history, index);
	memmove(at + 1, at, (history_count(history) - 1 - index) * sizeof *at);
	*at = *op;
}

void history_remove(struct history *history, uint32_t index)
{
	struct history_op *at = history_op(history, index);

	memmove(at, at + 1, (history_count(history) - 1 - index) * sizeof *at);
	history->ops.count--;
}

/* --- text ------------------------------------------------------------------------------------- */

static uint64_t get(const struct history_op *op, const struct field *field)
{
	uint64_t wide = 0;

	/* Little-endian, as everything that weir runs on. */
	memcpy(&wide, (const char *)op + field->at, field->bytes);
	return wide;
}

static bool put(struct history_op *op, const struct field *field, uint64_t number)
{
	if (field->bytes < sizeof number && number >> (8 * field->bytes) != 0)
		return false;
	memcpy((char *)op + field->at, &number, field->bytes);
	return true;
}

void history_say(const struct history_op *op, char text[HISTORY_LINE_BYTES])
{
	size_t used = (size_t)snprintf(text, HISTORY_LINE_BYTES, "%" PRIu64 " %u %s %s", op->time,
				       op->process, types[op->type], fs[op->f]);

	for (size_t i = 0; i < COUNT(fields); i++) {
		uint64_t number = get(op, &fields[i]);
		if (number != 0)
			used += (size_t)snprintf(text + used, HISTORY_LINE_BYTES - used,
						 " %s=%" PRIu64, fields[i].name, number);
	}
	for (size_t i = 0; i < COUNT(flags); i++)
		if ((op->flags & flags[i].bit) != 0)
			used += (size_t)snprintf(text + used, HISTORY_LINE_BYTES - used, " %s",
						 flags[i].word);
}

void history_write(const struct history *history, FILE *to)
{
	char text[HISTORY_LINE_BYTES];

	for (uint32_t i = 0; i < history_count(history); i++) {
		history_say(history_op(history, i), text);
		(void)fprintf(to, "%s\n", text);
	}
}

static bool number_of(const char *text, uint64_t *ret_number)
{
	char *end = NULL;

	if (*text < '0' || *text > '9')
		return false;
	*ret_number = strtoull(text, &end, 10);
	return *end == '\0';
}

/* The next word, and what stands behind it. False: there is none, or it is too long. */
static bool next_word(const char **at, char word[WORD_BYTES])
{
	size_t length;

	*at += strspn(*at, " \t\n");
	length = strcspn(*at, " \t\n");
	if (length == 0 || length >= WORD_BYTES)
		return false;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length;
	return true;
}

static bool parse_word(const char *word, struct history_op *op)
{
	const char *equals = strchr(word, '=');
	uint64_t number;

	for (size_t i = 0; equals == NULL && i < COUNT(flags); i++)
		if (strcmp(word, flags[i].word) == 0) {
			op->flags |= flags[i].bit;
			return true;
		}
	if (equals == NULL || !number_of(equals + 1, &number))
		return false;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (strlen(fields[i].name) == (size_t)(equals - word) &&
		    strncmp(word, fields[i].name, (size_t)(equals - word)) == 0)
			return put(op, &fields[i], number);
	return false;
}

static bool find_word(const char *word, const char *const *words, uint32_t count, uint8_t *ret)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0) {
			*ret = (uint8_t)i;
			return true;
		}
	return false;
}

bool history_parse(const char *line, struct history_op *ret_op)
{
	char word[WORD_BYTES];
	uint64_t number;

	*ret_op = (struct history_op){.f = HISTORY_F_COUNT};
	line += strspn(line, " \t\n");
	if (*line == '\0' || *line == '#')
		return true;
	if (!next_word(&line, word) || !number_of(word, &ret_op->time))
		return false;
	if (!next_word(&line, word) || !number_of(word, &number) || number > UINT32_MAX)
		return false;
	ret_op->process = (uint32_t)number;
	if (!next_word(&line, word) || !find_word(word, types, HISTORY_TYPE_COUNT, &ret_op->type))
		return false;
	if (!next_word(&line, word) || !find_word(word, fs, HISTORY_F_COUNT, &ret_op->f))
		return false;
	while (next_word(&line, word))
		if (!parse_word(word, ret_op))
			return false;
	return line[strspn(line, " \t\n")] == '\0';
}

static bool take_line(struct history *history, const char *line)
{
	struct history_op op;

	if (!history_parse(line, &op))
		return false;
	if (op.f != HISTORY_F_COUNT)
		history_add(history, &op);
	return true;
}

uint32_t history_read(struct history *history, FILE *from)
{
	char line[HISTORY_LINE_BYTES * 2];

	history_begin(history);
	for (uint32_t number = 1; fgets(line, sizeof line, from) != NULL; number++)
		if (!take_line(history, line))
			return number;
	return 0;
}

uint32_t history_read_text(struct history *history, const char *text)
{
	history_begin(history);
	for (uint32_t number = 1; *text != '\0'; number++) {
		char line[HISTORY_LINE_BYTES];
		size_t length = strcspn(text, "\n");
		if (length >= sizeof line)
			return number;
		memcpy(line, text, length);
		line[length] = '\0';
		if (!take_line(history, line))
			return number;
		text += length + (text[length] == '\n');
	}
	return 0;
}
