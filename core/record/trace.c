/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of weir/trace.h: traceparent, tracestate, and positions. Bytes come from anywhere:
 * nothing is read beyond the length that is given.
 */
#include <weir/trace.h>

#include <errno.h>
#include <string.h>

#define PARENT_CHARACTERS 55u
#define MEMBERS_MAX 33u
#define KEY_MAX 256u
#define TENANT_MAX 241u
#define SYSTEM_MAX 14u
#define VALUE_MAX 256u

struct text {
	const char *at;
	size_t bytes;
};

static struct text trimmed(const char *text, size_t bytes)
{
	while (bytes > 0 && (text[0] == ' ' || text[0] == '\t')) {
		text++;
		bytes--;
	}
	while (bytes > 0 && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
		bytes--;
	return (struct text){text, bytes};
}

/* ---- traceparent ---- */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `count` bytes of two digits each. */
static bool take_hex(const char *from, uint8_t *to, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit_of(from[2 * i]);
		int low = digit_of(from[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

int weir_traceparent_parse(const char *text, size_t text_bytes, struct weir_traceparent *ret)
{
	struct weir_traceparent t;
	struct text s = trimmed(text, text_bytes);
	if (s.bytes < PARENT_CHARACTERS || s.at[2] != '-' || s.at[35] != '-' || s.at[52] != '-')
		return -EINVAL;
	if (!take_hex(s.at, &t.version, 1) || !take_hex(s.at + 3, t.trace_id, 16) ||
	    !take_hex(s.at + 36, t.parent_id, 8) || !take_hex(s.at + 53, &t.flags, 1))
		return -EINVAL;
	if (t.version == 0xff || is_zero(t.trace_id, 16) || is_zero(t.parent_id, 8))
		return -EINVAL;
	if (s.bytes > PARENT_CHARACTERS && (t.version == 0 || s.at[PARENT_CHARACTERS] != '-'))
		return -EINVAL;
	if (ret != NULL)
		*ret = t;
	return 0;
}

static char *put_hex(char *to, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < count; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	return to;
}

int weir_traceparent_format(const struct weir_traceparent *t, char ret_text[WEIR_TRACEPARENT_BYTES])
{
	static const uint8_t version = 0;
	if (is_zero(t->trace_id, 16) || is_zero(t->parent_id, 8))
		return -EINVAL;
	char *to = put_hex(ret_text, &version, 1);
	*to++ = '-';
	to = put_hex(to, t->trace_id, 16);
	*to++ = '-';
	to = put_hex(to, t->parent_id, 8);
	*to++ = '-';
	to = put_hex(to, &t->flags, 1);
	*to = '\0';
	return (int)(to - ret_text);
}

/* ---- tracestate ---- */

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(struct text s, size_t bytes_max, bool digit_first)
{
	if (s.bytes == 0 || s.bytes > bytes_max ||
	    !(is_letter(s.at[0]) || (digit_first && is_digit(s.at[0]))))
		return false;
	for (size_t i = 1; i < s.bytes; i++) {
		char c = s.at[i];
		if (!is_letter(c) && !is_digit(c) && c != '_' && c != '-' && c != '*' && c != '/')
			return false;
	}
	return true;
}

static bool is_key(struct text key)
{
	const char *at = memchr(key.at, '@', key.bytes);
	if (at == NULL)
		return is_word(key, KEY_MAX, false);
	size_t tenant_bytes = (size_t)(at - key.at);
	return is_word((struct text){key.at, tenant_bytes}, TENANT_MAX, true) &&
	       is_word((struct text){at + 1, key.bytes - tenant_bytes - 1}, SYSTEM_MAX, false);
}

/* Blanks at its end went with those around the member. */
static bool is_value(struct text value)
{
	if (value.bytes == 0 || value.bytes > VALUE_MAX)
		return false;
	for (size_t i = 0; i < value.bytes; i++)
		if (value.at[i] < 0x20 || value.at[i] > 0x7e || value.at[i] == '=')
			return false;
	return true;
}

static bool is_among(const struct text *keys, int count, struct text key)
{
	for (int i = 0; i < count; i++)
		if (keys[i].bytes == key.bytes && memcmp(keys[i].at, key.at, key.bytes) == 0)
			return true;
	return false;
}

int weir_tracestate_check(const char *text, size_t text_bytes)
{
	struct text keys[MEMBERS_MAX];
	int count = 0;
	for (size_t at = 0; at < text_bytes;) {
		const char *comma = memchr(text + at, ',', text_bytes - at);
		size_t end = comma != NULL ? (size_t)(comma - text) : text_bytes;
		struct text member = trimmed(text + at, end - at);
		at = end + 1;
		if (member.bytes == 0)
			continue;
		const char *sign = memchr(member.at, '=', member.bytes);
		if (sign == NULL || count == MEMBERS_MAX)
			return -EINVAL;
		struct text key = {member.at, (size_t)(sign - member.at)};
		struct text value = {sign + 1, member.bytes - key.bytes - 1};
		if (!is_key(key) || !is_value(value) || is_among(keys, count, key))
			return -EINVAL;
		keys[count++] = key;
	}
	return count;
}

/* ---- positions ---- */

static const char scheme[] = "weir:";
#define SCHEME_BYTES (sizeof scheme - 1)

static char *put_number(char *to, uint64_t n)
{
	char digits[20];
	uint32_t count = 0;
	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (count > 0)
		*to++ = digits[--count];
	return to;
}

uint32_t weir_pos_text(const struct weir_pos *pos, char ret_text[WEIR_POS_TEXT_BYTES])
{
	memcpy(ret_text, scheme, SCHEME_BYTES);
	char *to = put_number(ret_text + SCHEME_BYTES, pos->log);
	*to++ = ':';
	to = put_number(to, pos->epoch);
	*to++ = ':';
	to = put_number(to, pos->sequence);
	*to = '\0';
	return (uint32_t)(to - ret_text);
}

/* A number of at most `max`, and where it ends. */
static bool take_number(const char **at, const char *end, uint64_t max, uint64_t *ret)
{
	const char *begin = *at;
	uint64_t n = 0;
	for (; *at < end && is_digit(**at); ++*at) {
		uint64_t digit = (uint64_t)(**at - '0');
		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return *at > begin && (*begin != '0' || *at == begin + 1);
}

int weir_pos_parse(const char *text, size_t text_bytes, struct weir_pos *ret_pos)
{
	uint64_t log, epoch, sequence;
	if (text_bytes < SCHEME_BYTES || memcmp(text, scheme, SCHEME_BYTES) != 0)
		return -EINVAL;
	const char *at = text + SCHEME_BYTES;
	const char *end = text + text_bytes;
	if (!take_number(&at, end, UINT32_MAX, &log) || at == end || *at++ != ':' ||
	    !take_number(&at, end, UINT32_MAX, &epoch) || at == end || *at++ != ':' ||
	    !take_number(&at, end, UINT64_MAX, &sequence) || at != end)
		return -EINVAL;
	*ret_pos = (struct weir_pos){
		.sequence = sequence, .epoch = (uint32_t)epoch, .log = (uint32_t)log};
	return 0;
}
