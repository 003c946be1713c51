/* SPDX-License-Identifier: Apache-2.0 */
/* See registry.h. */
#include "io/http/registry.h"

#include <errno.h>
#include <string.h>

#define LIMIT_DEFAULT 1000u
#define NUMBER_MAX 0x7fffffffu

enum wr_http_which wr_http_which(const struct wr_http_request *r)
{
	if (wr_http_flag(r, "deletedOnly"))
		return WR_HTTP_DELETED_ONLY;
	return wr_http_flag(r, "deleted") ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE;
}

bool wr_http_is_wanted(const struct weir_schema_version *v, enum wr_http_which which)
{
	switch (v->state) {
	case WEIR_SCHEMA_LIVE:
		return which != WR_HTTP_DELETED_ONLY;
	case WEIR_SCHEMA_DELETED:
		return which != WR_HTTP_LIVE;
	case WEIR_SCHEMA_GONE:
		break;
	}
	return false;
}

bool wr_http_has_subject(struct weir_pipeline *p, const char *subject, enum wr_http_which which)
{
	struct weir_schema_version v;
	for (uint32_t i = 0; weir_registry_at(p, i, &v) == 0; i++)
		if (wr_http_is_wanted(&v, which) && strcmp(v.subject, subject) == 0)
			return true;
	return false;
}

static bool number_read(const char *text, uint64_t max, uint64_t *ret_n)
{
	uint64_t n = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || n > max / 10)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*ret_n = n;
	return n <= max;
}

bool wr_http_version_read(struct wr_http_request *r, const char *text, uint32_t *ret_version)
{
	uint64_t n = 0;
	if (strcmp(text, "latest") != 0 && strcmp(text, "-1") != 0 &&
	    (!number_read(text, NUMBER_MAX, &n) || n == 0)) {
		wr_http_fail(r, 42202,
			     "The specified version '%.64s' is not a valid version id. Allowed "
			     "values are between [1, 2^31-1] and the string \"latest\"",
			     text);
		return false;
	}
	*ret_version = (uint32_t)n;
	return true;
}

/* The newest one that is wanted; weir_registry_version() knows the newest live one. */
static bool find_latest(struct weir_pipeline *p, const char *subject, enum wr_http_which which,
			struct weir_schema_version *ret)
{
	struct weir_schema_version v;
	bool found = false;
	for (uint32_t i = 0; weir_registry_at(p, i, &v) == 0; i++) {
		if (!wr_http_is_wanted(&v, which) || strcmp(v.subject, subject) != 0 ||
		    (found && v.version < ret->version))
			continue;
		*ret = v;
		found = true;
	}
	return found;
}

bool wr_http_version_find(struct weir_pipeline *p, struct wr_http_request *r,
			  struct weir_schema_version *ret_version)
{
	const char *subject = r->path.segments[1], *text = r->path.segments[3];
	enum wr_http_which which = wr_http_flag(r, "deleted") ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE;
	uint32_t version;
	if (!wr_http_version_read(r, text, &version))
		return false;
	if (version == 0 ? find_latest(p, subject, which, ret_version)
			 : weir_registry_version(p, subject, version, ret_version) == 0 &&
				   wr_http_is_wanted(ret_version, which))
		return true;
	if (!wr_http_has_subject(p, subject, which))
		wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
	else
		wr_http_fail(r, 40402, "Version %.20s not found.", text);
	return false;
}

void wr_http_references_write(struct weir_pipeline *p, struct wr_http_text *to,
			      const struct weir_schema_version *v)
{
	struct weir_schema_reference reference;
	size_t bytes;
	if (v->reference_count == 0)
		return;
	wr_http_text_say(to, ",\"references\":[");
	for (uint32_t i = 0; weir_registry_reference(p, v, i, &reference, &bytes) == 0; i++) {
		wr_http_text_say(to, i > 0 ? ",{\"name\":" : "{\"name\":");
		wr_http_text_json(to, reference.name, bytes);
		wr_http_text_say(to, ",\"subject\":");
		wr_http_text_json(to, reference.subject, strlen(reference.subject));
		wr_http_text_format(to, ",\"version\":%u}", reference.version);
	}
	wr_http_text_say(to, "]");
}

void wr_http_format_write(struct wr_http_text *to, const struct weir_schema_version *v)
{
	if (v->format != WEIR_SCHEMA_FORMAT_AVRO)
		wr_http_text_format(to, ",\"schemaType\":\"%s\"",
				    weir_schema_format_name(v->format));
}

void wr_http_version_write(struct weir_pipeline *p, struct wr_http_text *to,
			   const struct weir_schema_version *v)
{
	wr_http_text_say(to, "{\"subject\":");
	wr_http_text_json(to, v->subject, strlen(v->subject));
	wr_http_text_format(to, ",\"version\":%u,\"id\":%u", v->version, v->id);
	wr_http_format_write(to, v);
	wr_http_references_write(p, to, v);
	wr_http_text_say(to, ",\"schema\":");
	wr_http_text_json(to, v->text, v->text_bytes);
	if (v->state != WEIR_SCHEMA_LIVE)
		wr_http_text_say(to, ",\"deleted\":true");
	wr_http_text_say(to, "}");
}

bool wr_http_window_read(struct wr_http_request *r, struct wr_http_window *ret)
{
	const char *offset = wr_http_parameter(r, "offset");
	const char *limit = wr_http_parameter(r, "limit");
	*ret = (struct wr_http_window){.limit = LIMIT_DEFAULT};
	if (offset != NULL && !number_read(offset, NUMBER_MAX, &ret->offset)) {
		wr_http_fail(r, 400, "offset: a number from 0 on");
		return false;
	}
	/* -1 stands for the default, as there. */
	if (limit != NULL && limit[0] != '-' && !number_read(limit, NUMBER_MAX, &ret->limit)) {
		wr_http_fail(r, 400, "limit: a number, or -1");
		return false;
	}
	if (ret->limit > LIMIT_DEFAULT || ret->limit == 0)
		ret->limit = LIMIT_DEFAULT;
	return true;
}

bool wr_http_window_next(struct wr_http_window *w)
{
	bool in = w->at++ >= w->offset && w->shown < w->limit;
	if (in)
		w->shown++;
	return in;
}

void wr_http_fail_call(struct wr_http_request *r, const char *subject, int code,
		       const struct weir_problem *problem)
{
	const char *text = problem->text[0] != '\0' ? problem->text : weir_strerror(code);
	switch (code) {
	case -EINVAL:
		if (strcmp(problem->field, "subject") == 0)
			wr_http_fail(r, 42208, "The specified subject '%.200s' is not a valid. %s",
				     subject, text);
		else
			wr_http_fail(r, 42201, "Invalid schema: %s%s%s", problem->field,
				     problem->field[0] != '\0' ? ": " : "", text);
		break;
	case WEIR_E_UNKNOWN_NAME:
		wr_http_fail(r, 42201, "Invalid schema: %s", text);
		break;
	case WEIR_E_TOO_BIG:
		wr_http_fail(r, 42209, "Schema too large: %s", text);
		break;
	case WEIR_E_INCOMPATIBLE:
		wr_http_fail(r, 409, "%s", text);
		break;
	case WEIR_E_FULL:
		wr_http_fail(r, 50001, "the registry is full: %s", text);
		break;
	case WEIR_E_CLOSED:
		wr_http_fail(r, 503, "%s", text);
		break;
	case -ETIMEDOUT:
		wr_http_fail(r, 50302,
			     "the log does not answer, and it may still be done: ask again (%s)",
			     text);
		break;
	default:
		wr_http_fail(r, 50001, "%s (%s)", text, weir_error_name(code));
	}
}
