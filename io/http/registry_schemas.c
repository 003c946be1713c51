/* SPDX-License-Identifier: Apache-2.0 */
/* /schemas...: by id, and all of them. See registry.h. */
#include <stdlib.h>
#include <string.h>

#include "io/http/registry.h"

/* Without deleted ones the registry knows the newest; with them it is looked for. */
static bool is_latest(struct weir_pipeline *p, const struct weir_schema_version *v,
		      enum wr_http_which which)
{
	struct weir_schema_version other;
	if (which == WR_HTTP_LIVE)
		return weir_registry_version(p, v->subject, 0, &other) == 0 &&
		       other.version == v->version;
	for (uint32_t i = v->place + 1; weir_registry_at(p, i, &other) == 0; i++)
		if (wr_http_is_wanted(&other, which) && other.version > v->version &&
		    strcmp(other.subject, v->subject) == 0)
			return false;
	return true;
}

void wr_http_schemas(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *prefix = wr_http_parameter(r, "subjectPrefix");
	enum wr_http_which which = wr_http_flag(r, "deleted") ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE;
	bool latest_only = wr_http_flag(r, "latestOnly");
	struct weir_schema_version v;
	struct wr_http_window window;
	if (!wr_http_window_read(r, &window))
		return;
	wr_http_text_say(&r->reply, "[");
	for (uint32_t i = 0; weir_registry_at(site->pipeline, i, &v) == 0; i++) {
		if (!wr_http_is_wanted(&v, which) ||
		    (prefix != NULL && strncmp(v.subject, prefix, strlen(prefix)) != 0) ||
		    (latest_only && !is_latest(site->pipeline, &v, which)) ||
		    !wr_http_window_next(&window))
			continue;
		wr_http_text_say(&r->reply, window.shown > 1 ? "," : "");
		wr_http_version_write(site->pipeline, &r->reply, &v);
	}
	wr_http_text_say(&r->reply, "]");
	wr_http_done(r);
}

void wr_http_schema_types(const struct wr_http_site *site, struct wr_http_request *r)
{
	(void)site;
	wr_http_text_say(&r->reply, "[\"JSON\",\"AVRO\"]");
	wr_http_done(r);
}

/* Of the path's id; false: the answer says 40403. Deleted ones, too: events may have them. */
static bool find(struct weir_pipeline *p, struct wr_http_request *r,
		 struct weir_schema_version *ret)
{
	const char *text = r->path.segments[2];
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0') {
		wr_http_fail(r, 404, "HTTP 404 Not Found");
		return false;
	}
	if (n <= INT32_MAX && weir_registry_id(p, (uint32_t)n, ret) == 0)
		return true;
	wr_http_fail(r, 40403, "Schema %.20s not found", text);
	return false;
}

void wr_http_schema_id(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v, other;
	uint32_t id_max = 0;
	if (!find(site->pipeline, r, &v))
		return;
	wr_http_text_say(&r->reply, "{\"schema\":");
	wr_http_text_json(&r->reply, v.text, v.text_bytes);
	wr_http_format_write(&r->reply, &v);
	wr_http_references_write(site->pipeline, &r->reply, &v);
	if (wr_http_flag(r, "fetchMaxId")) {
		for (uint32_t i = 0; weir_registry_at(site->pipeline, i, &other) == 0; i++)
			id_max = other.id > id_max ? other.id : id_max;
		wr_http_text_format(&r->reply, ",\"maxId\":%u", id_max);
	}
	wr_http_text_say(&r->reply, "}");
	wr_http_done(r);
}

void wr_http_schema_id_schema(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v;
	if (!find(site->pipeline, r, &v))
		return;
	wr_http_text_put(&r->reply, v.text, v.text_bytes);
	wr_http_done(r);
}

void wr_http_schema_id_subjects(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v;
	if (find(site->pipeline, r, &v))
		wr_http_subjects_write(site->pipeline, r, v.id);
}

void wr_http_schema_id_versions(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *only = wr_http_parameter(r, "subject");
	enum wr_http_which which = wr_http_flag(r, "deleted") ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE;
	struct weir_schema_version found, v;
	struct wr_http_window window;
	if (!find(site->pipeline, r, &found) || !wr_http_window_read(r, &window))
		return;
	wr_http_text_say(&r->reply, "[");
	for (uint32_t i = 0; weir_registry_at(site->pipeline, i, &v) == 0; i++) {
		if (v.id != found.id || !wr_http_is_wanted(&v, which) ||
		    (only != NULL && strcmp(only, v.subject) != 0) || !wr_http_window_next(&window))
			continue;
		wr_http_text_say(&r->reply, window.shown > 1 ? ",{\"subject\":" : "{\"subject\":");
		wr_http_text_json(&r->reply, v.subject, strlen(v.subject));
		wr_http_text_format(&r->reply, ",\"version\":%u}", v.version);
	}
	wr_http_text_say(&r->reply, "]");
	wr_http_done(r);
}
