/* SPDX-License-Identifier: Apache-2.0 */
/* /subjects...: list, look up, register, delete. See registry.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/http/registry.h"

/* --- lists ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool begins_with(const char *text, const char *prefix)
{
	/* ":*:" stands for all contexts, of which there is one. */
	if (prefix == NULL || strcmp(prefix, ":*:") == 0)
		return true;
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

void wr_http_subjects_write(struct weir_pipeline *p, struct wr_http_request *r, uint32_t id)
{
	const char *prefix = wr_http_parameter(r, "subjectPrefix");
	enum wr_http_which which = wr_http_which(r);
	struct wr_http_text names = {.data = NULL};
	struct weir_schema_version v;
	struct wr_http_window window;
	if (!wr_http_window_read(r, &window))
		return;
	for (uint32_t i = 0; weir_registry_at(p, i, &v) == 0; i++)
		if (wr_http_is_wanted(&v, which) && begins_with(v.subject, prefix) &&
		    (id == 0 || v.id == id))
			wr_http_text_put(&names, &v.subject, sizeof v.subject);
	const char **list = (const char **)(void *)names.data;
	size_t count = names.bytes / sizeof *list;
	if (count > 0)
		qsort(list, count, sizeof *list, by_name);
	wr_http_text_say(&r->reply, "[");
	for (size_t i = 0; i < count; i++) {
		if ((i > 0 && strcmp(list[i], list[i - 1]) == 0) || !wr_http_window_next(&window))
			continue;
		wr_http_text_say(&r->reply, window.shown > 1 ? "," : "");
		wr_http_text_json(&r->reply, list[i], strlen(list[i]));
	}
	wr_http_text_say(&r->reply, "]");
	r->reply.failed = r->reply.failed || names.failed;
	wr_http_text_free(&names);
	wr_http_done(r);
}

void wr_http_subjects(const struct wr_http_site *site, struct wr_http_request *r)
{
	wr_http_subjects_write(site->pipeline, r, 0);
}

/* "[1,2]" of what a deletion or a list names. */
static uint32_t write_versions(struct weir_pipeline *p, struct wr_http_text *to,
			       const char *subject, enum wr_http_which which)
{
	struct weir_schema_version v;
	uint32_t count = 0;
	wr_http_text_say(to, "[");
	for (uint32_t i = 0; weir_registry_at(p, i, &v) == 0; i++)
		if (wr_http_is_wanted(&v, which) && strcmp(v.subject, subject) == 0)
			wr_http_text_format(to, count++ > 0 ? ",%u" : "%u", v.version);
	wr_http_text_say(to, "]");
	return count;
}

void wr_http_versions(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	enum wr_http_which which = wr_http_which(r);
	enum wr_http_which there = which == WR_HTTP_LIVE ? WR_HTTP_LIVE : WR_HTTP_WITH_DELETED;
	if (!wr_http_has_subject(site->pipeline, subject, there)) {
		wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
		return;
	}
	(void)write_versions(site->pipeline, &r->reply, subject, which);
	wr_http_done(r);
}

/* --- one version ------------------------------------------------------------------------------ */

void wr_http_version(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v;
	if (!wr_http_version_find(site->pipeline, r, &v))
		return;
	wr_http_version_write(site->pipeline, &r->reply, &v);
	wr_http_done(r);
}

void wr_http_version_schema(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v;
	if (!wr_http_version_find(site->pipeline, r, &v))
		return;
	wr_http_text_put(&r->reply, v.text, v.text_bytes);
	wr_http_done(r);
}

static bool refers_to(struct weir_pipeline *p, const struct weir_schema_version *from,
		      const struct weir_schema_version *to)
{
	struct weir_schema_reference reference;
	size_t bytes;
	for (uint32_t i = 0; weir_registry_reference(p, from, i, &reference, &bytes) == 0; i++)
		if (reference.version == to->version && strcmp(reference.subject, to->subject) == 0)
			return true;
	return false;
}

/* Ids of schemas that refer to it, each once. */
void wr_http_version_referenced_by(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_schema_version v, other, named;
	const char *comma = "";
	if (!wr_http_version_find(site->pipeline, r, &v))
		return;
	wr_http_text_say(&r->reply, "[");
	for (uint32_t i = 0; weir_registry_at(site->pipeline, i, &other) == 0; i++) {
		/* Of the versions that have one id, one speaks for all. */
		if (other.state != WEIR_SCHEMA_LIVE || !refers_to(site->pipeline, &other, &v) ||
		    weir_registry_id(site->pipeline, other.id, &named) != 0 ||
		    named.place != other.place)
			continue;
		wr_http_text_format(&r->reply, "%s%u", comma, other.id);
		comma = ",";
	}
	wr_http_text_say(&r->reply, "]");
	wr_http_done(r);
}

/* --- look up, register ------------------------------------------------------------------------ */

void wr_http_lookup(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	bool deleted_too = wr_http_flag(r, "deleted");
	struct wr_http_schema_body body = {.block = NULL};
	struct weir_problem problem = {0};
	struct weir_schema_version v;
	if (!wr_http_schema_body_read(r, subject, &body))
		return;
	int rc = weir_registry_find(site->pipeline, &body.registration, deleted_too, &v, &problem);
	wr_http_schema_body_free(&body);
	if (rc == 0) {
		wr_http_version_write(site->pipeline, &r->reply, &v);
		wr_http_done(r);
	} else if (rc != WEIR_E_UNKNOWN_SCHEMA) {
		wr_http_fail_call(r, subject, rc, &problem);
	} else if (wr_http_has_subject(site->pipeline, subject,
				       deleted_too ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE)) {
		wr_http_fail(r, 40403, "Schema not found");
	} else {
		wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
	}
}

struct obstacles {
	struct wr_http_text text;
	uint32_t count;
};

/* For a person, in one message: of many the first are enough. */
static void tell(void *context, const struct weir_schema_issue *issue)
{
	struct obstacles *o = context;
	if (o->text.bytes < 2048)
		wr_http_text_format(&o->text, "%s%s %.200s: %.300s (%.200s)",
				    o->count > 0 ? "; " : "", weir_schema_issue_name(issue->kind),
				    issue->path, issue->message, issue->fix);
	o->count++;
}

static void fail_incompatible(struct wr_http_request *r, const char *subject,
			      const struct obstacles *o)
{
	r->status = 409;
	r->reply.bytes = 0;
	struct wr_http_text message = {.data = NULL};
	wr_http_text_format(&message,
			    "Schema being registered is incompatible with an earlier schema for "
			    "subject \"%.200s\", details: ",
			    subject);
	wr_http_text_put(&message, o->text.data, o->text.bytes);
	wr_http_text_say(&r->reply, "{\"error_code\":409,\"message\":");
	wr_http_text_json(&r->reply, message.data, message.bytes);
	wr_http_text_say(&r->reply, "}");
	r->reply.failed = r->reply.failed || message.failed || o->text.failed;
	wr_http_text_free(&message);
}

void wr_http_register(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	struct wr_http_schema_body body = {.block = NULL};
	struct weir_problem problem = {0};
	struct obstacles obstacles = {.count = 0};
	struct weir_schema_version v;
	if (!wr_http_schema_body_read(r, subject, &body))
		return;
	int rc = weir_registry_register(site->pipeline, &body.registration, &v, tell, &obstacles,
					&problem);
	wr_http_schema_body_free(&body);
	if (rc == 0) {
		wr_http_text_format(&r->reply, "{\"id\":%u}", v.id);
		wr_http_done(r);
	} else if (rc == WEIR_E_INCOMPATIBLE && obstacles.count > 0) {
		fail_incompatible(r, subject, &obstacles);
	} else {
		wr_http_fail_call(r, subject, rc, &problem);
	}
	wr_http_text_free(&obstacles.text);
}

/* --- delete ----------------------------------------------------------------------------------- */

/* What stands in the way of a deletion, of a version (NULL: of all). */
static void fail_delete(struct weir_pipeline *p, struct wr_http_request *r, const char *subject,
			const struct weir_schema_version *v, int code,
			const struct weir_problem *problem)
{
	bool for_good = wr_http_flag(r, "permanent");
	if (code != -EBUSY && code != WEIR_E_UNKNOWN_NAME)
		wr_http_fail_call(r, subject, code, problem);
	else if (for_good && v == NULL && wr_http_has_subject(p, subject, WR_HTTP_LIVE))
		wr_http_fail(r, 40405,
			     "Subject '%.200s' was not deleted first before being permanently "
			     "deleted",
			     subject);
	else if (for_good && v != NULL && v->state == WEIR_SCHEMA_LIVE)
		wr_http_fail(r, 40407,
			     "Subject '%.200s' Version %u was not deleted first before being "
			     "permanently deleted",
			     subject, v->version);
	else if (code == -EBUSY)
		wr_http_fail(r, 42206, "One or more references exist to the schema of %.200s",
			     subject);
	else
		wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
}

void wr_http_subject_delete(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	bool for_good = wr_http_flag(r, "permanent");
	struct weir_problem problem = {0};
	struct wr_http_text versions = {.data = NULL};
	if (!wr_http_has_subject(site->pipeline, subject, WR_HTTP_WITH_DELETED)) {
		wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
		return;
	}
	if (!for_good && !wr_http_has_subject(site->pipeline, subject, WR_HTTP_LIVE)) {
		wr_http_fail(r, 40404,
			     "Subject '%.200s' was soft deleted.Set permanent=true to delete "
			     "permanently",
			     subject);
		return;
	}
	(void)write_versions(site->pipeline, &versions, subject,
			     for_good ? WR_HTTP_WITH_DELETED : WR_HTTP_LIVE);
	int rc = weir_registry_delete(site->pipeline, subject, 0, for_good, &problem);
	if (rc == 0) {
		wr_http_text_put(&r->reply, versions.data, versions.bytes);
		r->reply.failed = r->reply.failed || versions.failed;
		wr_http_done(r);
	} else {
		fail_delete(site->pipeline, r, subject, NULL, rc, &problem);
	}
	wr_http_text_free(&versions);
}

void wr_http_version_delete(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	bool for_good = wr_http_flag(r, "permanent");
	struct weir_problem problem = {0};
	struct weir_schema_version v = {.version = 0};
	uint32_t version;
	if (!wr_http_version_read(r, r->path.segments[3], &version))
		return;
	int rc = weir_registry_version(site->pipeline, subject, version, &v);
	if (rc != 0 || v.state == WEIR_SCHEMA_GONE) {
		if (wr_http_has_subject(site->pipeline, subject, WR_HTTP_WITH_DELETED))
			wr_http_fail(r, 40402, "Version %.20s not found.", r->path.segments[3]);
		else
			wr_http_fail(r, 40401, "Subject '%.200s' not found.", subject);
		return;
	}
	if (!for_good && v.state == WEIR_SCHEMA_DELETED) {
		wr_http_fail(r, 40406,
			     "Subject '%.200s' Version %u was soft deleted.Set permanent=true to "
			     "delete permanently",
			     subject, v.version);
		return;
	}
	rc = weir_registry_delete(site->pipeline, subject, v.version, for_good, &problem);
	if (rc == 0) {
		wr_http_text_format(&r->reply, "%u", v.version);
		wr_http_done(r);
	} else {
		fail_delete(site->pipeline, r, subject, &v, rc, &problem);
	}
}
