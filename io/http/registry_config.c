/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /compatibility, /config, /mode and what clients ask besides. See registry.h.
 *
 * The mode is the server's: READWRITE where it is writable, READONLY elsewhere. It is not kept in
 * the log, so that it cannot be set to another one; IMPORT is `weir schema import`.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "io/http/registry.h"

/* --- compatibility ---------------------------------------------------------------------------- */

struct messages {
	struct wr_http_text *to;
	uint32_t count;
};

static void tell(void *context, const struct weir_schema_issue *issue)
{
	struct messages *m = context;
	struct wr_http_text message = {.data = NULL};
	wr_http_text_format(&message, "{errorType:'%s', description:'%.400s', additionalInfo:'",
			    weir_schema_issue_name(issue->kind), issue->explanation);
	wr_http_text_format(&message, "%.300s at %.300s; %.300s'}", issue->message, issue->path,
			    issue->fix);
	wr_http_text_say(m->to, m->count++ > 0 ? "," : "");
	wr_http_text_json(m->to, message.data, message.bytes);
	m->to->failed = m->to->failed || message.failed;
	wr_http_text_free(&message);
}

static void check(const struct wr_http_site *site, struct wr_http_request *r,
		  const uint32_t *version)
{
	const char *subject = r->path.segments[2];
	struct wr_http_text list = {.data = NULL};
	struct messages messages = {.to = &list};
	struct wr_http_schema_body body = {.block = NULL};
	struct weir_problem problem = {0};
	if (!wr_http_schema_body_read(r, subject, &body))
		return;
	int rc = version == NULL ? weir_registry_check(site->pipeline, &body.registration, tell,
						       &messages, &problem)
				 : weir_registry_check_version(site->pipeline, &body.registration,
							       *version, tell, &messages, &problem);
	wr_http_schema_body_free(&body);
	if (rc == WEIR_E_UNKNOWN_NAME && strcmp(problem.field, "version") == 0) {
		wr_http_fail(r, 40402, "Version %.20s not found.", r->path.segments[4]);
	} else if (rc < 0) {
		wr_http_fail_call(r, subject, rc, &problem);
	} else {
		wr_http_text_format(&r->reply, "{\"is_compatible\":%s", rc == 1 ? "true" : "false");
		if (wr_http_flag(r, "verbose")) {
			wr_http_text_say(&r->reply, ",\"messages\":[");
			wr_http_text_put(&r->reply, list.data, list.bytes);
			wr_http_text_say(&r->reply, "]");
			r->reply.failed = r->reply.failed || list.failed;
		}
		wr_http_text_say(&r->reply, "}");
		wr_http_done(r);
	}
	wr_http_text_free(&list);
}

void wr_http_compatibility_all(const struct wr_http_site *site, struct wr_http_request *r)
{
	check(site, r, NULL);
}

void wr_http_compatibility_one(const struct wr_http_site *site, struct wr_http_request *r)
{
	uint32_t version;
	if (wr_http_version_read(r, r->path.segments[4], &version))
		check(site, r, &version);
}

/* --- levels ----------------------------------------------------------------------------------- */

static void write_level(struct wr_http_request *r, int level)
{
	wr_http_text_format(&r->reply, "{\"compatibilityLevel\":\"%s\"}",
			    weir_schema_level_name((enum weir_schema_level)level));
	wr_http_done(r);
}

void wr_http_config(const struct wr_http_site *site, struct wr_http_request *r)
{
	int level = weir_registry_level(site->pipeline, NULL, NULL);
	if (level >= 0)
		write_level(r, level);
	else
		wr_http_fail(r, 50001, "the pipeline has no registry: set schemas_max");
}

void wr_http_config_subject(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = r->path.segments[1];
	bool own = false;
	int level = weir_registry_level(site->pipeline, subject, &own);
	if (level >= 0 && own)
		write_level(r, level);
	else if (wr_http_flag(r, "defaultToGlobal"))
		wr_http_config(site, r);
	else
		wr_http_fail(
			r, 40408,
			"Subject '%.200s' does not have subject-level compatibility configured",
			subject);
}

static const char *subject_of(const struct wr_http_request *r)
{
	return r->path.count > 1 ? r->path.segments[1] : NULL;
}

static void set(const struct wr_http_site *site, struct wr_http_request *r, int level)
{
	const char *subject = subject_of(r);
	struct weir_problem problem = {0};
	int rc = weir_registry_level_set(site->pipeline, subject, level, &problem);
	if (rc == 0)
		wr_http_done(r);
	else
		wr_http_fail_call(r, subject != NULL ? subject : "", rc, &problem);
}

void wr_http_config_set(const struct wr_http_site *site, struct wr_http_request *r)
{
	char name[32];
	if (!wr_http_member_read(r, "compatibility", name, sizeof name))
		return;
	int level = weir_schema_level_parse(name);
	if (level < 0) {
		wr_http_fail(r, 42203,
			     "Invalid compatibility level. Valid values are none, backward, "
			     "forward, full, backward_transitive, forward_transitive, and "
			     "full_transitive; and weir's own strict");
		return;
	}
	wr_http_text_format(&r->reply, "{\"compatibility\":\"%s\"}",
			    weir_schema_level_name((enum weir_schema_level)level));
	set(site, r, level);
}

/* Back to the level of all; or, of all, to the registry's first one. What it was is the answer. */
void wr_http_config_delete(const struct wr_http_site *site, struct wr_http_request *r)
{
	const char *subject = subject_of(r);
	bool own = false;
	int level = weir_registry_level(site->pipeline, subject, &own);
	if (level < 0 || (subject != NULL && !own)) {
		wr_http_fail(r, 40401, "Subject '%.200s' not found.",
			     subject != NULL ? subject : "");
		return;
	}
	write_level(r, level);
	set(site, r, subject != NULL ? WEIR_SCHEMA_LEVEL_OF_ALL : WEIR_SCHEMA_BACKWARD);
}

/* --- mode ------------------------------------------------------------------------------------- */

static const char *mode_of(const struct wr_http_site *site)
{
	return site->writable ? "READWRITE" : "READONLY";
}

void wr_http_mode(const struct wr_http_site *site, struct wr_http_request *r)
{
	wr_http_text_format(&r->reply, "{\"mode\":\"%s\"}", mode_of(site));
	wr_http_done(r);
}

void wr_http_mode_subject(const struct wr_http_site *site, struct wr_http_request *r)
{
	if (wr_http_flag(r, "defaultToGlobal"))
		wr_http_mode(site, r);
	else
		wr_http_fail(r, 40409,
			     "Subject '%.200s' does not have subject-level mode configured",
			     r->path.segments[1]);
}

void wr_http_mode_set(const struct wr_http_site *site, struct wr_http_request *r)
{
	static const char *const modes[] = {"READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT",
					    "FORWARD"};
	char name[32];
	bool known = false;
	if (!wr_http_member_read(r, "mode", name, sizeof name))
		return;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		known = known || strcasecmp(modes[i], name) == 0;
	if (!known)
		wr_http_fail(r, 42204,
			     "Invalid mode. Valid values are READWRITE, READONLY, "
			     "READONLY_OVERRIDE, and IMPORT");
	else if (strcasecmp(name, mode_of(site)) != 0)
		wr_http_fail(
			r, 42205,
			"the mode is %s, as the server was started: weir keeps none in its log",
			mode_of(site));
	else
		wr_http_mode(site, r);
}

/* --- what clients ask besides ----------------------------------------------------------------- */

void wr_http_contexts(const struct wr_http_site *site, struct wr_http_request *r)
{
	(void)site;
	wr_http_text_say(&r->reply, "[\".\"]");
	wr_http_done(r);
}

void wr_http_cluster_id(const struct wr_http_site *site, struct wr_http_request *r)
{
	(void)site;
	wr_http_text_say(&r->reply, "{\"scope\":{\"path\":[],\"clusters\":{\"kafka-cluster\":\"\","
				    "\"schema-registry-cluster\":\"weir\"}}}");
	wr_http_done(r);
}

void wr_http_cluster_version(const struct wr_http_site *site, struct wr_http_request *r)
{
	(void)site;
	wr_http_text_format(&r->reply, "{\"version\":\"weir %s\",\"commitId\":\"\"}",
			    weir_version());
	wr_http_done(r);
}
