/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server has: its addresses, each with the function that answers. The server (server.c)
 * knows HTTP and nothing of what is answered; those who answer know nothing of connections.
 *
 * Thread: an answer is given by the server's thread; one of a WR_HTTP_SLOW address by its worker,
 * which may block.
 */
#ifndef WR_HTTP_SITE_H
#define WR_HTTP_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/pipeline.h>

#include "io/http/request.h"

struct wr_http_pipelines;

struct wr_http_site {
	struct weir_pipeline *pipeline; /* may be NULL */
	bool writable;
	bool wants_token;
	uint64_t call_ns;                    /* so long a call of the registry waits for the log */
	struct wr_http_pipelines *pipelines; /* the server's thread alone */
};

enum wr_http_route_flags {
	WR_HTTP_OPEN = 1,     /* without a token */
	WR_HTTP_SLOW = 2,     /* may block, or take long: the worker's */
	WR_HTTP_CHANGES = 4,  /* refused when the server is read-only */
	WR_HTTP_REGISTRY = 8, /* there with a pipeline only; speaks as Confluent's registry does */
};

typedef void wr_http_answer_fn(const struct wr_http_site *site, struct wr_http_request *r);

struct wr_http_route {
	enum wr_http_method method;
	unsigned flags;
	const char *pattern; /* "subjects/?/versions": a ? is any one segment */
	wr_http_answer_fn *answer;
};

/*
 * The address that was asked for. NULL: none has this path; or, *ret_allow being set, none with
 * this method: it is those that there are ("GET, POST").
 */
const struct wr_http_route *wr_http_route_find(const struct wr_http_site *site,
					       const struct wr_http_request *r,
					       const char **ret_allow);

/* --- answers ---------------------------------------------------------------------------------- */

/* {"error_code":CODE,"message":"..."}; the status is its first three digits. At most 511 bytes. */
void wr_http_fail(struct wr_http_request *r, unsigned code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* 200 with what `reply` holds, as JSON. */
void wr_http_done(struct wr_http_request *r);

extern const char wr_http_json[];          /* "application/json" */
extern const char wr_http_registry_json[]; /* "application/vnd.schemaregistry.v1+json" */

/* The registry's, by its resources: registry_subjects.c and so on. */
wr_http_answer_fn wr_http_subjects, wr_http_versions, wr_http_version, wr_http_version_schema,
	wr_http_version_referenced_by, wr_http_lookup, wr_http_register, wr_http_subject_delete,
	wr_http_version_delete, wr_http_schemas, wr_http_schema_types, wr_http_schema_id,
	wr_http_schema_id_schema, wr_http_schema_id_subjects, wr_http_schema_id_versions,
	wr_http_compatibility_all, wr_http_compatibility_one, wr_http_config,
	wr_http_config_subject, wr_http_config_set, wr_http_config_delete, wr_http_mode,
	wr_http_mode_subject, wr_http_mode_set, wr_http_contexts, wr_http_cluster_id,
	wr_http_cluster_version;
wr_http_answer_fn wr_http_root, wr_http_health, wr_http_ready, wr_http_metrics, wr_http_live;

#endif
