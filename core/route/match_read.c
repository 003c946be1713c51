/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payload's values on their way to the doors: brackets and quotes first, for the whole payload,
 * then from name to name through the tree of those that rules have. What is under another name is
 * passed over by its brackets.
 */
#include <string.h>

#include "core/json/json_read.h"
#include "core/route/matcher.h"

#define DEPTH_MAX WR_JSON_DEPTH_MAX
#define NOWHERE UINT32_MAX

struct frame {
	uint32_t node;
	uint32_t context;
	uint32_t array; /* 0: an object */
	bool is_first;
};

struct walk {
	struct weir_match *m;
	const uint8_t *text;
	size_t bytes;
	size_t at;
	uint32_t depth;
	struct frame frames[DEPTH_MAX];
};

/* ---- numbers ---- */

static size_t digits(const uint8_t *text, size_t at, size_t bytes, uint64_t *n, unsigned *count)
{
	for (; at < bytes && text[at] >= '0' && text[at] <= '9'; at++, ++*count)
		if (*count < 19)
			*n = *n * 10 + (uint64_t)(text[at] - '0');
	return at;
}

/* As JSON has it, and beyond what the quick way can round. */
static bool number_slowly(const uint8_t *text, size_t bytes, double *ret_number)
{
	struct wr_json j;
	wr_json_init(&j, text, bytes, 0);
	if (wr_json_next(&j) != WR_JSON_NUMBER || j.end != bytes)
		return false;
	*ret_number = wr_json_f64(&j);
	return true;
}

bool wr_match_number(const uint8_t *text, size_t bytes, double *ret_number)
{
	static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
				      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	bool is_negative = bytes > 0 && text[0] == '-';
	size_t first = is_negative, at;
	uint64_t n = 0;
	unsigned count = 0, whole;
	at = digits(text, first, bytes, &n, &count);
	whole = count;
	if (count == 0 || (text[first] == '0' && count > 1))
		return number_slowly(text, bytes, ret_number);
	if (at < bytes && text[at] == '.') {
		at = digits(text, at + 1, bytes, &n, &count);
		if (count == whole)
			return false;
	}
	/* A number below 2^53 over a power of ten up to 10^22 is rounded once: exactly. */
	if (at != bytes || count > 15)
		return number_slowly(text, bytes, ret_number);
	double number = (double)n / tens[count - whole];
	*ret_number = is_negative ? -number : number;
	return true;
}

/* ---- values ---- */

#define WORD_BYTES 8u

static inline uint64_t word_at(const uint8_t *text)
{
	uint64_t word;
	memcpy(&word, text, sizeof word);
	return word;
}

/* With how many digits the eight bytes begin. */
static inline unsigned digits_of(uint64_t word)
{
	uint64_t digits = word ^ 0x3030303030303030u;
	uint64_t others = ((digits + 0x7676767676767676u) | digits) & 0x8080808080808080u;
	return others != 0 ? (unsigned)__builtin_ctzll(others) / 8 : WORD_BYTES;
}

/* The number that its first digits are, 1 to 8: pairs, then fours, then all. */
static inline uint64_t number_of(uint64_t word, unsigned count)
{
	const uint64_t low = 0x000000ff000000ffu;
	word = word << (WORD_BYTES - count) * 8 & 0x0f0f0f0f0f0f0f0fu;
	word = word * 10 + (word >> 8);
	return ((word & low) * 0x000f424000000064u + (word >> 16 & low) * 0x0000271000000001u) >>
	       32;
}

/*
 * A whole number of up to 15 digits that others stand behind, as most are: how many it has, or 0 if
 * it is not so.
 */
static inline unsigned quick_number(const uint8_t *text, size_t left, double *ret_number)
{
	static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
	if (left < 2 * WORD_BYTES)
		return 0;
	uint64_t first = word_at(text), last = word_at(text + WORD_BYTES);
	unsigned count = digits_of(first), more = 0;
	uint64_t n;
	if (count == 0 || (text[0] == '0' && count > 1))
		return 0;
	n = number_of(first, count);
	if (count == WORD_BYTES && (more = digits_of(last)) > 0) {
		if (more == WORD_BYTES)
			return 0;
		n = n * tens[more] + number_of(last, more);
	}
	uint8_t c = text[count + more];
	*ret_number = (double)n;
	return c == ',' || c == '}' || c == ']' || c <= ' ' ? count + more : 0;
}

static uint8_t byte_at(const struct walk *w, size_t at)
{
	return at < w->bytes ? w->text[at] : 0;
}

static void skip_space(struct walk *w)
{
	for (uint8_t c; (c = byte_at(w, w->at)) <= ' ' && c != 0; w->at++)
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
}

/* A string between its quotes, without escapes; false: it has one that there is not. */
static bool unescape(struct weir_match *m, const uint8_t *text, size_t bytes,
		     struct wr_value *ret_value)
{
	struct wr_json j;
	uint8_t *to = m->texts + m->texts_bytes;
	wr_json_init(&j, text, bytes, 0);
	if (wr_json_next(&j) != WR_JSON_STRING || j.end != bytes)
		return false;
	ret_value->text = to;
	ret_value->text_bytes = wr_json_string(&j, to, bytes);
	m->texts_bytes += ret_value->text_bytes;
	return true;
}

/* The path of a node that a scalar stands for; NOWHERE: no rule has it. */
static uint32_t path_of(const struct walk *w, uint32_t node)
{
	if (node == NOWHERE || w->m->matcher->nodes[node].path == 0)
		return NOWHERE;
	return w->m->matcher->nodes[node].path - 1;
}

static bool take_text(struct walk *w, uint32_t node, uint32_t context)
{
	struct weir_match *m = w->m;
	size_t first = w->at;
	struct wr_scan_string s = wr_scan_string(m->blocks, first + 1, w->bytes);
	uint32_t path = path_of(w, node);
	struct wr_value value = {.kind = WR_VALUE_TEXT,
				 .text = w->text + first + 1,
				 .text_bytes = s.end - first - 1};
	if (s.end == w->bytes)
		return false;
	w->at = s.end + 1;
	if (path == NOWHERE)
		return true;
	if (s.slashes != 0 && !unescape(m, w->text + first, s.end + 1 - first, &value))
		return false;
	wr_match_take(m, path, &value, context);
	return true;
}

static bool is_word(const struct walk *w, size_t first, const char *word)
{
	size_t bytes = strlen(word);
	return w->at - first == bytes && memcmp(w->text + first, word, bytes) == 0;
}

static bool take_bare(struct walk *w, uint32_t node, uint32_t context)
{
	size_t first = w->at;
	uint32_t path = path_of(w, node);
	struct wr_value value = {.kind = WR_VALUE_NUMBER, .text = w->text + first};
	value.text_bytes = quick_number(value.text, w->bytes - first, &value.number);
	if (value.text_bytes > 0) {
		w->at += value.text_bytes;
		if (path != NOWHERE)
			wr_match_take(w->m, path, &value, context);
		return true;
	}
	for (uint8_t c; (c = byte_at(w, w->at)) > ' ' && c != ',' && c != '}' && c != ']';)
		w->at++;
	value.text_bytes = w->at - first;
	uint8_t head = byte_at(w, first);
	if (head == 't' && is_word(w, first, "true"))
		value.kind = WR_VALUE_TRUE;
	else if (head == 'f' && is_word(w, first, "false"))
		value.kind = WR_VALUE_FALSE;
	else if (head == 'n' && is_word(w, first, "null"))
		value.kind = WR_VALUE_NULL;
	else if ((head != '-' && (head < '0' || head > '9')) ||
		 (path != NOWHERE && !wr_match_number(value.text, value.text_bytes, &value.number)))
		return false;
	else
		value.kind = WR_VALUE_NUMBER;
	if (path != NOWHERE)
		wr_match_take(w->m, path, &value, context);
	return true;
}

/* An object or array begins: into it, or past it. */
static bool take_inner(struct walk *w, uint32_t node, const struct frame *in)
{
	struct weir_match *m = w->m;
	const struct wr_node *n = node != NOWHERE ? &m->matcher->nodes[node] : NULL;
	bool is_array = w->text[w->at] == '[';
	if (n == NULL || (!n->has_children && (!is_array || n->path == 0))) {
		w->at = m->matcher->scan->end_of(m->blocks, w->at, w->bytes) + 1;
		return w->at <= w->bytes;
	}
	uint32_t context = in->context;
	if (w->depth == DEPTH_MAX)
		return false;
	if (in->array != 0) {
		context = m->context_count++;
		m->contexts[context] = (struct wr_context){in->context, in->array};
	}
	w->frames[w->depth++] =
		(struct frame){node, context, is_array ? ++m->array_count : 0, true};
	w->at++;
	return true;
}

/* ---- names ---- */

/* What a name leads to from a node; its dots lead further. */
static uint32_t follow(const struct weir_matcher *r, uint32_t node, const uint8_t *name,
		       size_t bytes, bool has_dot)
{
	while (has_dot) {
		const uint8_t *dot = memchr(name, '.', bytes);
		if (dot == NULL)
			break;
		node = wr_node_child(r, node, name, (size_t)(dot - name));
		if (node == 0)
			return NOWHERE;
		bytes -= (size_t)(dot + 1 - name);
		name = dot + 1;
	}
	node = wr_node_child(r, node, name, bytes);
	return node != 0 ? node : NOWHERE;
}

static bool take_name(struct walk *w, uint32_t in, uint32_t *ret_node)
{
	struct weir_match *m = w->m;
	size_t first = w->at + 1;
	struct wr_value name = {0};
	if (byte_at(w, w->at) != '"')
		return false;
	struct wr_scan_string s = wr_scan_string(m->blocks, first, w->bytes);
	if (s.end == w->bytes)
		return false;
	name.text = w->text + first;
	name.text_bytes = s.end - first;
	size_t texts_bytes = m->texts_bytes;
	if (s.slashes != 0 && !unescape(m, w->text + first - 1, s.end + 2 - first, &name))
		return false;
	*ret_node = follow(m->matcher, in, name.text, name.text_bytes, (s.slashes | s.dots) != 0);
	m->texts_bytes = texts_bytes;
	w->at = s.end + 1;
	skip_space(w);
	if (byte_at(w, w->at++) != ':')
		return false;
	skip_space(w);
	return true;
}

/* ---- the walk ---- */

/* One member or element, or the end of what it would be in. */
static bool step(struct walk *w)
{
	struct frame *f = &w->frames[w->depth - 1];
	uint32_t node = f->node;
	skip_space(w);
	uint8_t c = byte_at(w, w->at);
	if (c == (f->array != 0 ? ']' : '}')) {
		w->at++;
		w->depth--;
		return true;
	}
	if (!f->is_first) {
		if (c != ',')
			return false;
		w->at++;
		skip_space(w);
	}
	f->is_first = false;
	if (f->array == 0 && !take_name(w, f->node, &node))
		return false;
	c = byte_at(w, w->at);
	if (c == '"')
		return take_text(w, node, f->context);
	if (c == '{' || c == '[')
		return take_inner(w, node, f);
	return take_bare(w, node, f->context);
}

bool wr_match_read_payload(struct weir_match *m, const uint8_t *text, size_t bytes)
{
	struct walk w;
	if (!m->matcher->scan->run(text, bytes, m->blocks))
		return false;
	w.m = m;
	w.text = text;
	w.bytes = bytes;
	w.at = 0;
	w.depth = 0;
	skip_space(&w);
	if (byte_at(&w, w.at) != '{')
		return false;
	w.at++;
	w.frames[w.depth++] = (struct frame){WR_NODE_PAYLOAD, 0, 0, true};
	while (w.depth > 0)
		if (!step(&w))
			return false;
	skip_space(&w);
	return w.at == bytes;
}

/* ---- attributes ---- */

static void take_token(struct weir_match *m, const struct wr_json *j, uint32_t path)
{
	struct wr_value value = {.text = j->text + j->start, .text_bytes = j->end - j->start};
	switch (j->token) {
	case WR_JSON_STRING:
		value.kind = WR_VALUE_TEXT;
		if (value.text_bytes > 2 * m->payload_bytes_max - m->texts_bytes)
			m->failed = true;
		else if (unescape(m, value.text, value.text_bytes, &value))
			wr_match_take(m, path, &value, 0);
		return;
	case WR_JSON_NUMBER:
		value.kind = WR_VALUE_NUMBER;
		value.number = wr_json_f64(j);
		break;
	case WR_JSON_TRUE:
		value.kind = WR_VALUE_TRUE;
		break;
	case WR_JSON_FALSE:
		value.kind = WR_VALUE_FALSE;
		break;
	default:
		value.kind = WR_VALUE_NULL;
	}
	wr_match_take(m, path, &value, 0);
}

static void take_list(struct weir_match *m, const struct weir_typed_header *h, uint32_t path)
{
	struct wr_json j;
	wr_json_init(&j, h->value, h->value_bytes, WR_JSON_DEPTH_MAX);
	if (wr_json_next(&j) != WR_JSON_ARRAY)
		return;
	while (wr_json_next(&j) != WR_JSON_END && j.token != WR_JSON_BAD) {
		if (j.token == WR_JSON_OBJECT || j.token == WR_JSON_ARRAY)
			(void)wr_json_skip(&j);
		else if (j.token != WR_JSON_ARRAY_END)
			take_token(m, &j, path);
	}
}

void wr_match_read_attributes(struct weir_match *m, const struct weir_routed *event)
{
	for (size_t i = 0; i < event->header_count; i++) {
		const struct weir_typed_header *h = &event->headers[i];
		struct wr_value value = {.text = (const uint8_t *)""};
		uint32_t node = wr_node_child(m->matcher, WR_NODE_ATTRIBUTES,
					      (const uint8_t *)h->name, h->name_bytes);
		uint32_t path = node != 0 ? m->matcher->nodes[node].path - 1 : NOWHERE;
		if (path == NOWHERE || h->kind == WEIR_VALUE_BINARY)
			continue;
		switch (h->kind) {
		case WEIR_VALUE_JSON:
			take_list(m, h, path);
			continue;
		case WEIR_VALUE_TEXT:
			value.kind = WR_VALUE_TEXT;
			if (h->value != NULL)
				value.text = h->value;
			value.text_bytes = h->value_bytes;
			break;
		case WEIR_VALUE_INTEGER:
		case WEIR_VALUE_REAL:
			value.kind = WR_VALUE_NUMBER;
			value.number = h->kind == WEIR_VALUE_REAL ? h->real : (double)h->integer;
			break;
		case WEIR_VALUE_BOOLEAN:
			value.kind = h->boolean ? WR_VALUE_TRUE : WR_VALUE_FALSE;
			break;
		default:
			value.kind = WR_VALUE_NULL;
		}
		wr_match_take(m, path, &value, 0);
	}
}
