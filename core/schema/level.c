/* SPDX-License-Identifier: Apache-2.0 */
/* Levels: which versions are compared with which, and who reads; names. */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/check.h"
#include "core/schema/js_issues.h"
#include "core/schema/js_schema.h"

static const struct {
	const char *name;
	bool backward;
	bool forward;
	bool all; /* versions, not just the last */
} levels[] = {
	[WEIR_SCHEMA_LEVEL_NONE] = {"NONE", false, false, false},
	[WEIR_SCHEMA_BACKWARD] = {"BACKWARD", true, false, false},
	[WEIR_SCHEMA_BACKWARD_TRANSITIVE] = {"BACKWARD_TRANSITIVE", true, false, true},
	[WEIR_SCHEMA_FORWARD] = {"FORWARD", false, true, false},
	[WEIR_SCHEMA_FORWARD_TRANSITIVE] = {"FORWARD_TRANSITIVE", false, true, true},
	[WEIR_SCHEMA_FULL] = {"FULL", true, true, false},
	[WEIR_SCHEMA_FULL_TRANSITIVE] = {"FULL_TRANSITIVE", true, true, true},
	[WEIR_SCHEMA_STRICT] = {"STRICT", true, true, true},
};

static const char *const formats[] = {
	[WEIR_SCHEMA_FORMAT_AVRO] = "AVRO",
	[WEIR_SCHEMA_FORMAT_JSON] = "JSON",
};

static const char *const kinds[] = {[WEIR_SCHEMA_NAME_MISMATCH] = "NAME_MISMATCH",
				    [WEIR_SCHEMA_FIXED_SIZE_MISMATCH] = "FIXED_SIZE_MISMATCH",
				    [WEIR_SCHEMA_MISSING_ENUM_SYMBOLS] = "MISSING_ENUM_SYMBOLS",
				    [WEIR_SCHEMA_READER_FIELD_MISSING_DEFAULT_VALUE] =
					    "READER_FIELD_MISSING_DEFAULT_VALUE",
				    [WEIR_SCHEMA_TYPE_MISMATCH] = "TYPE_MISMATCH",
				    [WEIR_SCHEMA_MISSING_UNION_BRANCH] = "MISSING_UNION_BRANCH",
				    [WEIR_SCHEMA_AMBIGUOUS_FIELD_ALIAS] = "AMBIGUOUS_FIELD_ALIAS",
				    [WEIR_SCHEMA_TYPE_CHANGED] = "TYPE_CHANGED",
				    [WEIR_SCHEMA_REQUIRED_FIELD_ADDED] = "REQUIRED_FIELD_ADDED",
				    [WEIR_SCHEMA_REQUIRED_FIELD_REMOVED] = "REQUIRED_FIELD_REMOVED",
#define ISSUE_NAME(name, explanation, fix) [WEIR_SCHEMA_##name] = #name,
				    WR_JS_ISSUE_MAP(ISSUE_NAME)
#undef ISSUE_NAME
};

const char *weir_schema_level_name(enum weir_schema_level level)
{
	return (size_t)level < WR_ARRAY_COUNT(levels) ? levels[level].name : "";
}

const char *weir_schema_issue_name(enum weir_schema_issue_kind kind)
{
	return (size_t)kind < WR_ARRAY_COUNT(kinds) ? kinds[kind] : "";
}

static bool same_word(const char *a, const char *capitals)
{
	for (; *a != '\0' && *capitals != '\0'; a++, capitals++) {
		char c = *a >= 'a' && *a <= 'z' ? (char)(*a - 'a' + 'A') : *a;
		if (c != *capitals)
			return false;
	}
	return *a == *capitals;
}

int weir_schema_level_parse(const char *name)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(levels); i++)
		if (same_word(name, levels[i].name))
			return (int)i;
	return -EINVAL;
}

const char *weir_schema_format_name(enum weir_schema_format format)
{
	return (size_t)format < WR_ARRAY_COUNT(formats) ? formats[format] : "";
}

int weir_schema_format_parse(const char *name)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(formats); i++)
		if (same_word(name, formats[i]))
			return (int)i;
	return -EINVAL;
}

/* What one of the two formats wrote the other cannot read. */
static int other_format(const struct weir_schema *reader, const struct weir_schema_issue *issue,
			weir_schema_issue_fn *on_issue, void *context)
{
	struct weir_schema_issue told = *issue;
	told.kind = WEIR_SCHEMA_TYPE_CHANGED;
	told.path = "/";
	told.message = reader->json != NULL ? "JSON, was Avro" : "Avro, was JSON";
	told.explanation = "payloads of one format are not read by schemas of the other";
	told.fix = "keep the format; what has another one goes under another subject";
	if (on_issue != NULL)
		on_issue(context, &told);
	return 0;
}

static int reads(const struct weir_schema *reader, const struct weir_schema *writer,
		 const struct weir_schema_issue *issue, weir_schema_issue_fn *on_issue,
		 void *context)
{
	struct wr_pairs p;
	if ((reader->json != NULL) != (writer->json != NULL))
		return other_format(reader, issue, on_issue, context);
	if (reader->json != NULL)
		return wr_json_schema_reads(reader, writer, issue, on_issue, context);
	int code = wr_check(&p, reader, writer);

	if (code == 0) {
		code = p.pairs[0].is_compatible;
		if (code == 0 && on_issue != NULL)
			code = wr_check_tell(&p, issue, on_issue, context);
	}
	wr_pairs_fini(&p);
	return code;
}

int weir_schema_can_read(const struct weir_schema *reader, const struct weir_schema *writer,
			 weir_schema_issue_fn *on_issue, void *context)
{
	static const struct weir_schema_issue of_one = {.version_index = 0};

	return reads(reader, writer, &of_one, on_issue, context);
}

/* One version: 1, 0, or a negative code. */
static int may_follow_one(const struct weir_schema *next, const struct weir_schema *old,
			  enum weir_schema_level level, uint32_t version_index,
			  weir_schema_issue_fn *on_issue, void *context)
{
	struct weir_schema_issue issue = {.version_index = version_index};
	int good = 1;

	/* Of JSON Schema FULL lets no type change and nothing come that is required. */
	if (level == WEIR_SCHEMA_STRICT && next->json == NULL && old->json == NULL) {
		good = wr_strict(next, old, &issue, on_issue, context);
		/* What it told already is not told again in other words. */
		if (good != 1)
			return good;
	}
	if (levels[level].backward)
		good = reads(next, old, &issue, on_issue, context);
	if (good >= 0 && levels[level].forward) {
		issue.is_forward = true;
		int other = reads(old, next, &issue, on_issue, context);
		good = other < 0 ? other : good & other;
	}
	return good;
}

int weir_schema_may_follow(const struct weir_schema *next, const struct weir_schema *const *old,
			   uint32_t old_count, enum weir_schema_level level,
			   weir_schema_issue_fn *on_issue, void *context)
{
	int good = 1;

	if ((size_t)level >= WR_ARRAY_COUNT(levels))
		return -EINVAL;
	for (uint32_t i = old_count; i-- > 0;) {
		int one = may_follow_one(next, old[i], level, i, on_issue, context);
		if (one < 0)
			return one;
		good &= one;
		if (!levels[level].all)
			break;
	}
	return good;
}
