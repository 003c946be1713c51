/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the addresses of the registry share: names and numbers out of the path, the body of a
 * registration, lists of versions. Errors have the codes and words of Confluent's registry, since
 * clients look at them.
 *
 * Thread: as site.h says.
 */
#ifndef WR_HTTP_REGISTRY_H
#define WR_HTTP_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/registry.h>

#include "io/http/site.h"

/* --- what is there ---------------------------------------------------------------------------- */

enum wr_http_which {
	WR_HTTP_LIVE,         /* not deleted */
	WR_HTTP_WITH_DELETED, /* also with the mark */
	WR_HTTP_DELETED_ONLY,
};

/* By "deleted" and "deletedOnly". */
enum wr_http_which wr_http_which(const struct wr_http_request *r);
bool wr_http_is_wanted(const struct weir_schema_version *v, enum wr_http_which which);

/* Has the subject a version like that? */
bool wr_http_has_subject(struct weir_pipeline *p, const char *subject, enum wr_http_which which);

/*
 * "3", "latest", "-1" (latest, too) from a segment: 0 for the latest. false: the answer says 42202.
 */
bool wr_http_version_read(struct wr_http_request *r, const char *text, uint32_t *ret_version);

/* Of the path's subject and version; false: the answer says 40401, 40402 or 42202. */
bool wr_http_version_find(struct weir_pipeline *p, struct wr_http_request *r,
			  struct weir_schema_version *ret_version);

/* {"subject":...,"version":...,"id":...,"schema":...}, with references if there are some, and, as
 * registries do it, the schemaType where it is not Avro. */
void wr_http_version_write(struct weir_pipeline *p, struct wr_http_text *to,
			   const struct weir_schema_version *v);
void wr_http_references_write(struct weir_pipeline *p, struct wr_http_text *to,
			      const struct weir_schema_version *v);
void wr_http_format_write(struct wr_http_text *to, const struct weir_schema_version *v);

/* Answers with the names of subjects, sorted, each once; id: of those that have it, 0: of all. */
void wr_http_subjects_write(struct weir_pipeline *p, struct wr_http_request *r, uint32_t id);

/* A page of a list, by "offset" and "limit". */
struct wr_http_window {
	uint64_t offset;
	uint64_t limit;
	uint64_t at;    /* how many were asked for so far */
	uint64_t shown; /* of them in the window */
};

bool wr_http_window_read(struct wr_http_request *r, struct wr_http_window *ret);
/* Is the next one in it? */
bool wr_http_window_next(struct wr_http_window *w);

/* --- bodies ----------------------------------------------------------------------------------- */

/* {"schema":...,"schemaType":...,"references":[...]}; its texts are in one block. */
struct wr_http_schema_body {
	char *block;
	struct weir_schema_reference references[WEIR_SCHEMA_REFERENCES_MAX];
	struct weir_registration registration;
};

/* false: the answer says why, and there is nothing to free. */
bool wr_http_schema_body_read(struct wr_http_request *r, const char *subject,
			      struct wr_http_schema_body *ret);
void wr_http_schema_body_free(struct wr_http_schema_body *body);

/* The string member of an object that is the body. false: the answer says why. */
bool wr_http_member_read(struct wr_http_request *r, const char *name, char *to, size_t to_bytes);

/* --- errors ----------------------------------------------------------------------------------- */

/* What a call of weir/registry.h said of a schema or a change. */
void wr_http_fail_call(struct wr_http_request *r, const char *subject, int code,
		       const struct weir_problem *problem);

#endif
