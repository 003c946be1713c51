/* SPDX-License-Identifier: Apache-2.0 */
/* The table of addresses, and the answers that are not of the registry. See site.h. */
#include "io/http/site.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/http/page.h"
#include "io/http/pipelines.h"

const char wr_http_json[] = "application/json";
const char wr_http_registry_json[] = "application/vnd.schemaregistry.v1+json";

#define GET WR_HTTP_GET
#define POST WR_HTTP_POST
#define PUT WR_HTTP_PUT
#define DELETE WR_HTTP_DELETE
#define READS WR_HTTP_REGISTRY
#define ASKS (WR_HTTP_REGISTRY | WR_HTTP_SLOW)
#define CHANGES (WR_HTTP_REGISTRY | WR_HTTP_SLOW | WR_HTTP_CHANGES)

/* Those of a path stand together: what is allowed there is gathered from them. */
static const struct wr_http_route routes[] = {
	{GET, WR_HTTP_OPEN, "", wr_http_root},
	{GET, WR_HTTP_OPEN, "health", wr_http_health},
	{GET, WR_HTTP_OPEN, "ready", wr_http_ready},
	{GET, 0, "metrics", wr_http_metrics},
	{GET, 0, "live", wr_http_live},
	{GET, READS, "subjects", wr_http_subjects},
	{POST, ASKS, "subjects/?", wr_http_lookup},
	{DELETE, CHANGES, "subjects/?", wr_http_subject_delete},
	{GET, READS, "subjects/?/versions", wr_http_versions},
	{POST, CHANGES, "subjects/?/versions", wr_http_register},
	{GET, READS, "subjects/?/versions/?", wr_http_version},
	{DELETE, CHANGES, "subjects/?/versions/?", wr_http_version_delete},
	{GET, READS, "subjects/?/versions/?/schema", wr_http_version_schema},
	{GET, READS, "subjects/?/versions/?/referencedby", wr_http_version_referenced_by},
	{GET, READS, "schemas", wr_http_schemas},
	{GET, READS, "schemas/types", wr_http_schema_types},
	{GET, READS, "schemas/ids/?", wr_http_schema_id},
	{GET, READS, "schemas/ids/?/schema", wr_http_schema_id_schema},
	{GET, READS, "schemas/ids/?/subjects", wr_http_schema_id_subjects},
	{GET, READS, "schemas/ids/?/versions", wr_http_schema_id_versions},
	{POST, ASKS, "compatibility/subjects/?/versions", wr_http_compatibility_all},
	{POST, ASKS, "compatibility/subjects/?/versions/?", wr_http_compatibility_one},
	{GET, READS, "config", wr_http_config},
	{PUT, CHANGES, "config", wr_http_config_set},
	{DELETE, CHANGES, "config", wr_http_config_delete},
	{GET, READS, "config/?", wr_http_config_subject},
	{PUT, CHANGES, "config/?", wr_http_config_set},
	{DELETE, CHANGES, "config/?", wr_http_config_delete},
	{GET, READS, "mode", wr_http_mode},
	{PUT, READS, "mode", wr_http_mode_set},
	{GET, READS, "mode/?", wr_http_mode_subject},
	{PUT, READS, "mode/?", wr_http_mode_set},
	{GET, READS, "contexts", wr_http_contexts},
	{GET, READS, "v1/metadata/id", wr_http_cluster_id},
	{GET, READS, "v1/metadata/version", wr_http_cluster_version},
};

static bool matches(const char *pattern, const struct wr_http_path *path)
{
	for (uint32_t i = 0; i < path->count; i++) {
		size_t bytes = strcspn(pattern, "/");
		bool is_any = bytes == 1 && *pattern == '?';
		if (bytes == 0 || (!is_any && (strlen(path->segments[i]) != bytes ||
					       memcmp(path->segments[i], pattern, bytes) != 0)))
			return false;
		pattern += bytes + (pattern[bytes] == '/');
	}
	return *pattern == '\0';
}

/* By a bit for each method. */
static const char *const allowed[16] = {
	NULL,
	"GET, HEAD",
	"POST",
	"GET, HEAD, POST",
	"PUT",
	"GET, HEAD, PUT",
	"POST, PUT",
	"GET, HEAD, POST, PUT",
	"DELETE",
	"GET, HEAD, DELETE",
	"POST, DELETE",
	"GET, HEAD, POST, DELETE",
	"PUT, DELETE",
	"GET, HEAD, PUT, DELETE",
	"POST, PUT, DELETE",
	"GET, HEAD, POST, PUT, DELETE",
};

const struct wr_http_route *wr_http_route_find(const struct wr_http_site *site,
					       const struct wr_http_request *r,
					       const char **ret_allow)
{
	unsigned methods = 0;
	*ret_allow = NULL;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		const struct wr_http_route *route = &routes[i];
		if (((route->flags & WR_HTTP_REGISTRY) != 0 && site->pipeline == NULL) ||
		    !matches(route->pattern, &r->path))
			continue;
		if (route->method == r->method)
			return route;
		methods |= 1u << route->method;
	}
	*ret_allow = allowed[methods];
	return NULL;
}

void wr_http_fail(struct wr_http_request *r, unsigned code, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (r->status = code; r->status > 999; r->status /= 10)
		;
	r->reply.bytes = 0;
	wr_http_text_format(&r->reply, "{\"error_code\":%u,\"message\":", code);
	wr_http_text_json(&r->reply, text, strlen(text));
	wr_http_text_say(&r->reply, "}");
}

void wr_http_done(struct wr_http_request *r)
{
	r->status = 200;
}

/* --- what is not of the registry -------------------------------------------------------------- */

/* The page has no data in it, and so needs no token: it asks its reader for one. */
void wr_http_root(const struct wr_http_site *site, struct wr_http_request *r)
{
	(void)site;
	if (r->wants_html) {
		r->content_type = "text/html; charset=utf-8";
		r->extra_name = "Content-Security-Policy";
		r->extra_value = "default-src 'none'; style-src 'unsafe-inline'; script-src "
				 "'unsafe-inline'; connect-src 'self'; img-src data:; base-uri "
				 "'none'; form-action 'none'; frame-ancestors 'none'";
		r->fixed = (const char *)wr_http_page;
		r->fixed_bytes = wr_http_page_bytes;
	} else {
		/* What a registry says to who looks whether it is there. */
		wr_http_text_say(&r->reply, "{}");
	}
	wr_http_done(r);
}

void wr_http_health(const struct wr_http_site *site, struct wr_http_request *r)
{
	wr_http_text_format(&r->reply, "{\"status\":\"ok\",\"token\":%s}",
			    site->wants_token ? "true" : "false");
	wr_http_done(r);
}

/* Of the server's own pipeline: may it be handed events? Others that are shown are not its own. */
void wr_http_ready(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	wr_http_pipelines_look(site->pipelines);
	for (uint32_t i = 0; site->pipeline != NULL && i < site->pipelines->count; i++) {
		const struct wr_http_pipeline *one = site->pipelines->list[i];
		if (one->about.failed && wr_http_is_own(site->pipelines, one)) {
			wr_http_fail(r, 503, "the journal has failed: open it again");
			return;
		}
	}
	if (site->pipeline != NULL && weir_pipeline_info(site->pipeline, &info) == 0 &&
	    info.starved) {
		wr_http_fail(r, 503, "the journal has no room for another segment: %s",
			     weir_strerror(info.starved_code));
		return;
	}
	wr_http_text_say(&r->reply, "{\"status\":\"ready\"}");
	wr_http_done(r);
}
