/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of CPU requests. */
#include "io/config/cpus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/nearest.h"
#include "io/config/text.h"

/* What stands in front of a list. */
static const struct {
	const char *text;
	enum wr_cpu_request_kind kind;
} prefixes[] = {
	{"+", WR_CPUS_RELATIVE},
	{"node:", WR_CPUS_NODE},
	{"core:", WR_CPUS_CORE},
	{"l3:", WR_CPUS_L3},
};

static int refuse(struct wr_config_fault *fault, size_t at, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(struct wr_config_fault *fault, size_t at, size_t bytes, const char *format, ...)
{
	va_list list;
	*fault = (struct wr_config_fault){.at = at, .bytes = bytes};
	va_start(list, format);
	(void)vsnprintf(fault->why, sizeof fault->why, format, list);
	va_end(list);
	return -EINVAL;
}

static void help_with_shapes(struct wr_config_fault *fault)
{
	(void)snprintf(fault->help, sizeof fault->help,
		       "write auto, none, 2-5,8, 0-14:2, +0-7, node:0, core:2 or l3:0");
}

/* Digits from *at on, which moves behind them; false: there are none. Too large stays too large. */
static bool take_number(const char *text, size_t bytes, size_t *at, uint32_t *ret_n)
{
	size_t from = *at;
	uint32_t n = 0;
	for (; *at < bytes && text[*at] >= '0' && text[*at] <= '9'; (*at)++)
		n = n < WR_CPUS_MAX ? n * 10 + (uint32_t)(text[*at] - '0') : WR_CPUS_MAX;
	*ret_n = n;
	return *at > from;
}

/* What the prefix at `at` says; LIST where there is none. */
static enum wr_cpu_request_kind kind_at(const char *text, size_t bytes, size_t at)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(prefixes); i++) {
		size_t prefix_bytes = strlen(prefixes[i].text);
		if (bytes - at >= prefix_bytes &&
		    memcmp(text + at, prefixes[i].text, prefix_bytes) == 0)
			return prefixes[i].kind;
	}
	return WR_CPUS_LIST;
}

/* "4", "2-5", "0-14:2" at *at. */
static int take_item(const char *text, size_t bytes, size_t *at, struct wr_cpu_set *set,
		     struct wr_config_fault *fault)
{
	size_t from = *at;
	uint32_t first;
	uint32_t stride = 1;
	if (!take_number(text, bytes, at, &first)) {
		size_t end = *at;
		while (end < bytes && text[end] != ',')
			end++;
		bool is_kind = kind_at(text, bytes, *at) != WR_CPUS_LIST;
		(void)refuse(fault, *at, end - *at, "%s",
			     is_kind ? "a list is of one kind, which stands in front of it, once"
				     : "a number is missing here");
		help_with_shapes(fault);
		return -EINVAL;
	}
	uint32_t last = first;
	if (*at < bytes && text[*at] == '-') {
		(*at)++;
		if (!take_number(text, bytes, at, &last))
			return refuse(fault, from, *at - from, "a range without its end");
		if (last < first)
			return refuse(fault, from, *at - from, "a range that runs backwards");
		if (*at < bytes && text[*at] == ':') {
			size_t stride_at = ++(*at);
			if (!take_number(text, bytes, at, &stride) || stride == 0)
				return refuse(fault, stride_at,
					      *at > stride_at ? *at - stride_at : 1,
					      "a stride is 1 or more");
		}
	}
	if (last >= WR_CPUS_MAX)
		return refuse(fault, from, *at - from, "no machine has so many: %u at most",
			      WR_CPUS_MAX);
	for (uint32_t i = first; i <= last; i += stride) {
		/* Whole words at once: a hostile list may have a million ranges. */
		for (; stride == 1 && i % 64 == 0 && i + 63 <= last; i += 64)
			set->words[i / 64] = UINT64_MAX;
		if (i <= last)
			wr_cpu_set_add(set, i);
	}
	return 0;
}

static int take_list(const char *text, size_t bytes, size_t at, struct wr_cpu_set *set,
		     struct wr_config_fault *fault)
{
	for (;;) {
		int rc = take_item(text, bytes, &at, set, fault);
		if (rc != 0)
			return rc;
		if (at == bytes)
			return 0;
		if (text[at] != ',') {
			(void)refuse(fault, at, bytes - at,
				     "this does not belong to a list of CPUs");
			help_with_shapes(fault);
			return -EINVAL;
		}
		at++;
		while (at < bytes && text[at] == ' ')
			at++;
	}
}

static bool is_word(const char *text, size_t bytes, const char *word)
{
	return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

static int refuse_word(const char *text, size_t bytes, struct wr_config_fault *fault)
{
	static const char *const words[] = {"auto", "none", "node:", "core:", "l3:", NULL};
	char word[16];
	char quoted[WR_CONFIG_QUOTE_BYTES];
	size_t word_bytes = 0;
	while (word_bytes < bytes && word_bytes < sizeof word - 1 && text[word_bytes] != ':')
		word_bytes++;
	if (word_bytes < bytes && text[word_bytes] == ':' && word_bytes < sizeof word - 1)
		word_bytes++;
	memcpy(word, text, word_bytes);
	word[word_bytes] = '\0';
	const char *nearest = wr_nearest(word, words);
	(void)refuse(fault, 0, bytes, "%s does not name CPUs%s%s%s",
		     wr_config_quote(quoted, text, bytes), nearest != NULL ? "; did you mean " : "",
		     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
	help_with_shapes(fault);
	return -EINVAL;
}

int wr_cpu_request_parse(const char *text, size_t bytes, struct wr_cpu_request *ret_request,
			 struct wr_config_fault *ret_fault)
{
	struct wr_cpu_request request = {.kind = WR_CPUS_LIST};
	size_t at = 0;
	*ret_fault = (struct wr_config_fault){0};
	if (is_word(text, bytes, "auto")) {
		request.kind = WR_CPUS_AUTO;
	} else if (is_word(text, bytes, "none")) {
		request.kind = WR_CPUS_NONE;
	} else {
		for (size_t i = 0; i < WR_ARRAY_COUNT(prefixes); i++) {
			size_t prefix_bytes = strlen(prefixes[i].text);
			if (bytes < prefix_bytes ||
			    memcmp(text, prefixes[i].text, prefix_bytes) != 0)
				continue;
			request.kind = prefixes[i].kind;
			at = prefix_bytes;
		}
		if (at == 0 && (bytes == 0 || text[0] < '0' || text[0] > '9'))
			return refuse_word(text, bytes, ret_fault);
		int rc = take_list(text, bytes, at, &request.set, ret_fault);
		if (rc != 0)
			return rc;
	}
	*ret_request = request;
	return 0;
}

char *wr_cpu_request_format(const struct wr_cpu_request *request, char *to, size_t to_bytes)
{
	size_t used = 0;
	if (request->kind == WR_CPUS_AUTO || request->kind == WR_CPUS_NONE) {
		(void)snprintf(to, to_bytes, "%s", request->kind == WR_CPUS_AUTO ? "auto" : "none");
		return to;
	}
	for (size_t i = 0; i < WR_ARRAY_COUNT(prefixes); i++)
		if (prefixes[i].kind == request->kind) {
			used = strlen(prefixes[i].text);
			memcpy(to, prefixes[i].text, used);
		}
	wr_cpu_set_format(&request->set, to + used, to_bytes - used);
	return to;
}
