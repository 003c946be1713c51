/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/explorer/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explorer/engine.h"

struct order_word {
	const char *word;
	enum explorer_order order;
};

static const struct order_word order_words[] = {
	{"rlx", ORDER_RELAXED}, {"acq", ORDER_ACQUIRE}, {"rel", ORDER_RELEASE},
	{"ar", ORDER_ACQ_REL},  {"sc", ORDER_SEQ},
};
#define ORDER_WORDS (sizeof order_words / sizeof order_words[0])

static const char *const place_words = "xyz";

static bool parse_order(const char *word, enum explorer_order *ret)
{
	for (unsigned i = 0; i < ORDER_WORDS; i++) {
		if (strcmp(word, order_words[i].word) == 0) {
			*ret = order_words[i].order;
			return true;
		}
	}
	return false;
}

static bool parse_operation(struct program *p, struct operation *o, const char *word)
{
	*o = (struct operation){.kind = word[0], .order = ORDER_SEQ};
	if (strcmp(word, "F") == 0 || strcmp(word, "f") == 0)
		return true;
	const char *rest = word + 1;
	if (o->kind == 'C') {
		if (rest[0] < '0' || rest[0] > '9' || rest[1] < '0' || rest[1] > '9')
			return false;
		o->expected = (uint8_t)(rest[0] - '0');
		o->value = (uint8_t)(rest[1] - '0');
		rest += 2;
	} else {
		const char *place = rest[0] != '\0' ? strchr(place_words, rest[0]) : NULL;
		if (place == NULL || strchr("WRXA", o->kind) == NULL)
			return false;
		o->place = (uint8_t)(place - place_words);
		rest++;
		if (o->kind != 'R') {
			if (*rest < '0' || *rest > '9')
				return false;
			o->value = (uint8_t)(*rest++ - '0');
		}
	}
	if (o->place >= p->place_count)
		p->place_count = o->place + 1u;
	return parse_order(rest, &o->order);
}

bool program_parse(struct program *p, const char *text)
{
	char copy[256], *rest, *word;
	memset(p, 0, sizeof *p);
	p->thread_count = 1;
	if (strlen(text) >= sizeof copy)
		return false;
	(void)snprintf(copy, sizeof copy, "%s", text);
	for (word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		unsigned t = p->thread_count - 1;
		if (strcmp(word, "|") == 0) {
			if (++p->thread_count > THREADS_MAX)
				return false;
		} else if (p->length[t] == OPERATIONS_MAX ||
			   !parse_operation(p, &p->operations[t][p->length[t]++], word)) {
			return false;
		}
	}
	return true;
}

static int print_operation(char *text, size_t bytes, const struct operation *o)
{
	const char *order = "?";
	for (unsigned i = 0; i < ORDER_WORDS; i++)
		if (order_words[i].order == o->order)
			order = order_words[i].word;
	if (o->kind == 'F' || o->kind == 'f')
		return snprintf(text, bytes, "%c ", o->kind);
	if (o->kind == 'C')
		return snprintf(text, bytes, "C%u%u%s ", o->expected, o->value, order);
	if (o->kind == 'R')
		return snprintf(text, bytes, "R%c%s ", place_words[o->place], order);
	return snprintf(text, bytes, "%c%c%u%s ", o->kind, place_words[o->place], o->value, order);
}

void program_print(const struct program *p, char *text, size_t bytes)
{
	size_t at = 0;
	text[0] = '\0';
	for (unsigned t = 0; t < p->thread_count; t++) {
		if (t > 0)
			at += (size_t)snprintf(text + at, bytes - at, "| ");
		for (unsigned i = 0; i < p->length[t] && at + 16 < bytes; i++)
			at += (size_t)print_operation(text + at, bytes - at, &p->operations[t][i]);
	}
}

/* ---- running it ---- */

static const struct program *program;
static void (*tell)(const char *text);
static uint64_t *places;
static uint8_t found[THREADS_MAX][OPERATIONS_MAX];
static struct explorer_site sites[THREADS_MAX][OPERATIONS_MAX];

static bool has_load(const struct operation *o)
{
	return strchr("RXAC", o->kind) != NULL;
}

static void set_up(void)
{
	places = explorer_alloc(PLACES_MAX * sizeof *places, sizeof *places);
}

static void run_thread(unsigned t)
{
	for (unsigned i = 0; i < program->length[t]; i++) {
		const struct operation *o = &program->operations[t][i];
		struct explorer_site *site = &sites[t][i];
		uint64_t *place = &places[o->place], value = o->expected;
		switch (o->kind) {
		case 'W':
			explorer_store(site, place, sizeof *place, o->value);
			break;
		case 'R':
			value = explorer_load(site, place, sizeof *place);
			break;
		case 'X':
			value = explorer_rmw(site, place, sizeof *place, RMW_EXCHANGE, o->value);
			break;
		case 'A':
			value = explorer_rmw(site, place, sizeof *place, RMW_ADD, o->value);
			break;
		case 'C':
			(void)explorer_cas(site, place, sizeof *place, &value, o->value);
			break;
		default:
			explorer_fence(site);
			break;
		}
		found[t][i] = (uint8_t)value;
	}
}

static void thread_0(void)
{
	run_thread(0);
}
static void thread_1(void)
{
	run_thread(1);
}
static void thread_2(void)
{
	run_thread(2);
}
static void thread_3(void)
{
	run_thread(3);
}

static void finish(void)
{
	char text[OUTCOME_BYTES];
	unsigned at = 0;
	for (unsigned t = 0; t < program->thread_count; t++)
		for (unsigned i = 0; i < program->length[t]; i++)
			if (has_load(&program->operations[t][i]))
				text[at++] = (char)('0' + found[t][i]);
	text[at++] = '/';
	for (unsigned i = 0; i < program->place_count; i++)
		text[at++] = (char)('0' + places[i]);
	text[at] = '\0';
	if (tell != NULL)
		tell(text);
}

void program_explore(const struct program *p, void (*outcome)(const char *text),
		     struct explorer_result *ret_result)
{
	static void (*const mains[THREADS_MAX])(void) = {thread_0, thread_1, thread_2, thread_3};
	struct explorer_scenario scenario = {.name = "program", .setup = set_up, .finish = finish};
	const struct explorer_options options = {.find_doubles = true};
	program = p;
	tell = outcome;
	for (unsigned t = 0; t < p->thread_count; t++) {
		scenario.threads[t] = mains[t];
		for (unsigned i = 0; i < p->length[t]; i++) {
			const struct operation *o = &p->operations[t][i];
			/* A CAS that fails only loads. */
			enum explorer_order fail = o->order == ORDER_RELEASE   ? ORDER_RELAXED
						   : o->order == ORDER_ACQ_REL ? ORDER_ACQUIRE
									       : o->order;
			sites[t][i] = (struct explorer_site){
				.file = "program",
				.function = "program",
				.what = place_words + o->place,
				.kind = o->kind == 'F' ? KIND_HEAVY : KIND_LIGHT,
				.order_now = o->order,
				.fail_order_now = fail,
			};
		}
	}
	explorer_run(&scenario, &options, ret_result);
}
