/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of YAML a config may use what is tame, and the rest is refused at its place before
 *         libfyaml sees it; what is hostile ends early and small.
 * Method: tables of texts with the report that they must get; texts that must be taken; texts at
 *         and beyond each limit, made large.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/support/config_bed.h"

struct refusal {
	const char *yaml;
	const char *first_line;
};

static void check(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *report = config_report(refusals[i].yaml);
		size_t bytes = strlen(refusals[i].first_line);
		cr_assert(strncmp(report, refusals[i].first_line, bytes) == 0 &&
				  report[bytes] == '\n',
			  "%s\ngave\n%s\nnot\n%s", refusals[i].yaml, report,
			  refusals[i].first_line);
	}
}

Test(config_subset, what_a_config_has_no_use_for_is_refused)
{
	static const struct refusal refusals[] = {
		{"name: &a orders\n",
		 "x:1:7: error: anchors are not for config files: write the value out"},
		{"name: *a\n",
		 "x:1:7: error: aliases are not for config files: write the value out"},
		{"name: !!str a\n",
		 "x:1:7: error: tags are not for config files: each key knows its type"},
		{"? name\n: a\n", "x:1:1: error: keys are words"},
		{"name: |\n  a\n", "x:1:7: error: texts of more than one line: no key takes one"},
		{"name: >-\n  a\n", "x:1:7: error: texts of more than one line: no key takes one"},
		{"name: a\n  b\n", "x:1:7: error: a text of more than one line: no key takes one"},
		{"%YAML 1.2\n---\nname: a\n", "x:1:1: error: directives are not for config files"},
		{"name: a\n---\nname: b\n", "x:2:1: error: a config file is one document"},
		{"name: a\n...\n", "x:2:1: error: a config file is one document"},
		{"--- name: a\n", "x:1:5: error: --- stands alone on its line"},
		{"<<: {name: a}\n",
		 "x:1:1: error: merge keys are not for config files: write the keys out"},
		{"name: a\nname: b\n", "x:2:1: error: the key \"name\" is there twice"},
		{"{name: a, name: b}\n", "x:1:11: error: the key \"name\" is there twice"},
		{"[a, b]: c\n", "x:1:1: error: a list or a map cannot be a key"},
		{"\tname: a\n", "x:1:1: error: a tab"},
		{"name:\ta\n", "x:1:6: error: a tab"},
		{"name: a\t# b\n", "x:1:8: error: a tab"},
		{"name: @a\n", "x:1:7: error: no value can begin like this"},
		{"name: - a\n", "x:1:7: error: a list item in the wrong place"},
	};
	check(refusals, WR_ARRAY_COUNT(refusals));
}

Test(config_subset, what_is_not_closed_is_told_where_it_opens)
{
	static const struct refusal refusals[] = {
		{"name: \"a\n", "x:1:7: error: this quote is not closed on its line"},
		{"name: 'it''s\n", "x:1:7: error: this quote is not closed on its line"},
		{"name: \"a\\\"\n", "x:1:7: error: this quote is not closed on its line"},
		{"name: \"a\\", "x:1:7: error: this quote is not closed on its line"},
		{"name: \"a\"b\n", "x:1:10: error: something directly behind a quote"},
		{"{\"name\":\"a\"}\n", "x:1:8: error: something directly behind a quote"},
		{"name: \"\\q\"\n", "x:1:8: error: this escape is not known"},
		{"name: \"\\x4\"\n", "x:1:8: error: an escape that is not complete"},
		{"name: \"\\ud800\"\n", "x:1:8: error: this escape is no character of a text"},
		{"name: \"\\0\"\n", "x:1:8: error: this escape is not known"},
		{"topics: [\n  {name: a},\n", "x:1:9: error: this bracket is never closed"},
		{"topics: [{name: a]\n", "x:1:18: error: this bracket closes nothing"},
		{"topics: ]\n", "x:1:9: error: no value can begin like this"},
	};
	check(refusals, WR_ARRAY_COUNT(refusals));
}

Test(config_subset, several_lines_that_are_refused_are_told_at_once)
{
	const char *report = config_report("name: &a b\njournal: {dir: \"x}\nio: !x y\n");
	cr_assert_not_null(strstr(report, "x:1:7: error: anchors"), "%s", report);
	cr_assert_not_null(strstr(report, "x:2:16: error: this quote"), "%s", report);
	cr_assert_not_null(strstr(report, "x:3:5: error: tags"), "%s", report);
}

Test(config_subset, what_people_write_is_taken)
{
	static const char *const good[] = {
		"",
		"# nothing but a comment: &a *b !c \"",
		"\n\n",
		"---\nname: a\n",
		"--- # an orders pipeline\nname: a\n",
		"name: a # a comment with \" and ' and [ { and \t\n",
		"name: a\r\njournal:\r\n  dir: b\r\n",
		"name: a\rjournal: {dir: b}\r",
		"\xef\xbb\xbfname: a\n",
		"\"name\": \"a\"\n",
		"'name' : 'a'\n",
		"{\"name\": \"a\", \"topics\": [{\"name\": \"b\"}]}\n",
		"journal: {dir: \"it's \\\"here\\\" \\u00e4 #1\"}\n",
		"journal: {dir: 'it''s here: \"a\"'}\n",
		"journal: {dir: C:/a#b}\n",
		"journal:\n  dir: a & b * c ! d | e > f % g\n",
		"journal:\n  dir: /var/lib/wächter\n",
		"topics:\n- name: a\n-\n  name: b\n- {name: c,\n   partitions: 2}\n",
		"topics: [\n  {name: a},\n  # between\n  {name: b},\n]\n",
		"memory:\nlimits:\ntopics:\n",
		"memory: {}\ntopics: []\n",
		"~\n",
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(good); i++)
		cr_assert_str_eq(config_report(good[i]), "", "%s\ngave\n%s", good[i],
				 config_report(good[i]));
}

Test(config_subset, texts_arrive_as_they_were_meant)
{
	static const struct {
		const char *yaml;
		const char *dir;
	} texts[] = {
		{"journal: {dir: a b}\n", "a b"},
		{"journal: {dir: 'it''s'}\n", "it's"},
		{"journal: {dir: \"a\\tb\\\\c\\\"d\\/\\x41\\u00e4\\U0001F30A\"}\n",
		 "a\tb\\c\"d/A\xc3\xa4\xf0\x9f\x8c\x8a"},
		{"journal: {dir: a  } # b\n", "a"},
		{"journal: {dir: http://x/y#z}\n", "http://x/y#z"},
		{"journal: {dir: \"~\"}\n", "~"},
		{"journal:\n  dir: [x\n  io: auto\n", NULL},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++) {
		if (texts[i].dir == NULL) {
			cr_assert_str_neq(config_report(texts[i].yaml), "");
			continue;
		}
		struct weir_config *config = config_good(texts[i].yaml);
		cr_assert_str_eq(weir_config_options(config)->dir, texts[i].dir);
		weir_config_destroy(config);
	}
}

Test(config_subset, bytes_that_are_no_text_are_told_with_their_place)
{
	static const struct {
		const char *yaml;
		size_t bytes;
		const char *first_line;
	} texts[] = {
		{"name: a\0b\n", 10, "x:1:8: error: a NUL byte"},
		{"n: 1\nname: \x80\n", 13, "x:2:7: error: this is not UTF-8"},
		{"\xff\xfen\0a\0", 6, "x:1:1: error: this is not UTF-8"},
		{"name: \xc0\xaf\n", 9, "x:1:7: error: this is not UTF-8"},
		{"name: \xed\xa0\x80\n", 10, "x:1:7: error: this is not UTF-8"},
		{"name: \xf4\x90\x80\x80\n", 11, "x:1:7: error: this is not UTF-8"},
		{"name: \xe2\x82", 8, "x:1:7: error: this is not UTF-8"},
		{"# \x1b[31m\n", 8, "x:1:3: error: an escape character"},
		{"name: a\x7f\n", 9, "x:1:8: error: a control character"},
		{"name: a\xc2\x85\n", 10, "x:1:8: error: a control character"},
		{"name: a\xe2\x80\xae\n", 11, "x:1:8: error: an invisible character"},
		{"name: a\xe2\x80\xa8\n", 11, "x:1:8: error: an invisible character"},
		{"name: \xef\xbb\xbf\n", 10, "x:1:7: error: an invisible character"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++) {
		const char *report = config_report_n(texts[i].yaml, texts[i].bytes);
		size_t bytes = strlen(texts[i].first_line);
		cr_assert(strncmp(report, texts[i].first_line, bytes) == 0 && report[bytes] == '\n',
			  "%zu gave\n%s", i, report);
		for (const char *c = report; *c != '\0'; c++)
			cr_assert((unsigned char)*c >= ' ' || *c == '\n');
	}
}

/* ---- limits ---- */

static char *repeat(const char *before, const char *what, size_t count, const char *behind)
{
	size_t what_bytes = strlen(what);
	char *text = malloc(strlen(before) + what_bytes * count + strlen(behind) + 1);
	cr_assert_not_null(text);
	size_t used = strlen(before);
	memcpy(text, before, used);
	for (size_t i = 0; i < count; i++, used += what_bytes)
		memcpy(text + used, what, what_bytes);
	memcpy(text + used, behind, strlen(behind) + 1);
	return text;
}

static void check_large(char *text, const char *expected)
{
	const char *report = config_report(text);
	cr_assert_not_null(strstr(report, expected), "%.300s", report);
	free(text);
}

Test(config_subset, deep_nesting_ends_at_32_levels)
{
	check_large(repeat("a: ", "[", 100000, ""), "x:1:36: error: more than 32 levels");
	check_large(repeat("", "- ", 1000, "a"), "x:1:65: error: more than 32 levels");
	check_large(repeat("", "{a: ", 1000, ""), "error: more than 32 levels");
	/* One within another by indentation. */
	char *text = malloc(1 << 20);
	size_t used = 0;
	for (size_t i = 0; i < 40; i++)
		used += (size_t)snprintf(text + used, (1 << 20) - used, "%*sa:\n", (int)i, "");
	check_large(text, "x:33:33: error: more than 32 levels");
}

Test(config_subset, many_nodes_end_at_ten_thousand)
{
	check_large(repeat("a: [", "b,", 20000, "]"), "error: more than 10000 keys and values");
	check_large(repeat("", "- a\n", 12000, ""),
		    "x:10000:3: error: more than 10000 keys and values");
	/* What cannot be within the limit never reaches libfyaml. */
	check_large(repeat("", "- a\n", 200000, ""),
		    "x:15001:2: error: more than 10000 keys and values");
}

Test(config_subset, a_bomb_of_aliases_never_goes_off)
{
	check_large(repeat("a: &a [x,x,x,x,x,x,x,x,x]\n", "b: &b [*a,*a,*a,*a,*a,*a]\n", 90, ""),
		    "x:1:4: error: anchors are not for config files");
}

Test(config_subset, a_huge_scalar_is_a_value_like_others)
{
	check_large(repeat("name: ", "a", 1000000, "\n"),
		    "x:1:39: error: name: a name of 1000000 bytes: at most 32");
	check_large(repeat("name: \"", "\\u0041", 100000, "\"\n"),
		    "x:1:7: error: name: a name of 100000 bytes: at most 32");
	check_large(repeat("", " ", 1000000, "a: b\n"), "error: unknown key \"a\"");
	check_large(repeat("", "#", 1000000, "\na: b\n"), "x:2:1: error: unknown key \"a\"");
	check_large(repeat("journal: {retention: ", "9", 100000, "}\n"),
		    "is too large for 64 bits");
}

Test(config_subset, larger_than_a_mebibyte_is_not_read_at_all)
{
	struct weir_config *config = NULL;
	struct weir_problem problem;
	char *text = repeat("#", "x", WEIR_CONFIG_BYTES_MAX, "");
	cr_assert_eq(weir_config_parse("x", text, WEIR_CONFIG_BYTES_MAX, WEIR_CONFIG_ANY_MACHINE,
				       &config, NULL),
		     0);
	weir_config_destroy(config);
	config = NULL;
	cr_assert_eq(weir_config_parse("x", text, WEIR_CONFIG_BYTES_MAX + 1,
				       WEIR_CONFIG_ANY_MACHINE, &config, &problem),
		     -EFBIG);
	cr_assert_null(config);
	cr_assert_str_eq(problem.text, "x: larger than 1 MiB");
	free(text);
}

/* What costs more than its length would take minutes here, and the suite's patience ends sooner. */
Test(config_subset, a_mebibyte_of_anything_ends_soon)
{
	static const char *const repeated[] = {
		"\t\n",
		"a\n",
		"- ",
		"- a\n",
		"\"\n",
		"[\n",
		"]\n",
		"# x\n",
		"\n",
		"\r",
		" ",
		"  \n",
		": ",
		",",
		"{},",
		"a: b\n",
		"\"a\": 1\n",
		"a:\n b: 1\n",
		"- - - a\n",
		"? a\n",
		"&a ",
		"'a' ",
		"\"\\x41\" ",
		"{a: ",
		"a: [b, c]\n",
		"\xff",
		"\xc3\xa4: 1\n",
		"- {name: a}\n",
		"! ",
		"|\n",
		"...\n",
		"---\n",
	};
	static const char *const before[] = {"", "a: [", "topics:\n", "topics: [", "'"};
	static char text[WEIR_CONFIG_BYTES_MAX];
	for (size_t b = 0; b < WR_ARRAY_COUNT(before); b++)
		for (size_t i = 0; i < WR_ARRAY_COUNT(repeated); i++) {
			size_t used = strlen(before[b]);
			size_t bytes = strlen(repeated[i]);
			memcpy(text, before[b], used);
			for (; used + bytes <= sizeof text; used += bytes)
				memcpy(text + used, repeated[i], bytes);
			(void)config_report_n(text, used);
		}
}

Test(config_subset, a_million_mistakes_on_one_line_end_soon)
{
	static char text[WEIR_CONFIG_BYTES_MAX];
	size_t used = (size_t)snprintf(text, sizeof text, "{%900000s", "");
	for (int i = 0; i < 4900; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "k%d: 1,", i);
	text[used++] = '}';
	const char *report = config_report_n(text, used);
	cr_assert(strncmp(report, "x:1:900002: error: unknown key \"k0\"", 35) == 0, "%.200s",
		  report);
	cr_assert_not_null(strstr(report, "x: and 4800 more\n"));
}

Test(config_subset, many_topics_that_are_not_there_end_soon)
{
	static char text[WEIR_CONFIG_BYTES_MAX];
	size_t used = (size_t)snprintf(text, sizeof text, "topics: [");
	for (int i = 0; i < 510; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
					 "{name: topic_%d_with_a_long_name},", i);
	used += (size_t)snprintf(text + used, sizeof text - used,
				 "]\nsubscriptions: [{name: s, topics: [");
	for (int i = 0; i < 7000; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
					 "tpoic_%d_with_a_long_nam,", i);
	used += (size_t)snprintf(text + used, sizeof text - used, "]}]\n");
	cr_assert_not_null(strstr(config_report_n(text, used), "did you mean \"topic_0_with"));
}

Test(config_subset, that_only_mistakes_of_form_are_told_is_said)
{
	static const char said[] =
		"\nx: what its keys and values say was not looked at: that comes "
		"when it can be read\n";
	cr_assert_not_null(strstr(config_report("nmae: a\nname: &a b\n"), said));
	cr_assert_not_null(strstr(config_report("nmae: [a\n"), said));
	cr_assert_not_null(strstr(config_report("nmae: \x01\n"), said));
	/* Where it could be read all is told at once. */
	const char *report = config_report("nmae: a\nname: b\nname: c\n");
	cr_assert_null(strstr(report, said));
	cr_assert_not_null(strstr(report, "unknown key"));
	cr_assert_not_null(strstr(report, "is there twice"));
}
