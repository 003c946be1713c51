/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as those see it who answer: method, the path in its segments, what is asked for behind
 * the question mark, the body; and the answer that they fill in. Nothing of the server is in it, so
 * it can be made from anything.
 *
 * Thread: one at a time: the server's, then the worker's, then the server's again.
 */
#ifndef WR_HTTP_REQUEST_H
#define WR_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/http/text.h"

enum wr_http_method {
	WR_HTTP_GET, /* HEAD, too: who sends the answer leaves the body out */
	WR_HTTP_POST,
	WR_HTTP_PUT,
	WR_HTTP_DELETE,
	WR_HTTP_OTHER,
};

#define WR_HTTP_SEGMENTS_MAX 8u
#define WR_HTTP_PATH_BYTES_MAX 1024u
#define WR_HTTP_PARAMETERS_MAX 16u
#define WR_HTTP_QUERY_BYTES_MAX 1024u

/* "/subjects/a%2Fb/versions" has the segments "subjects", "a/b", "versions". */
struct wr_http_path {
	const char *segments[WR_HTTP_SEGMENTS_MAX];
	uint32_t count;
	char text[WR_HTTP_PATH_BYTES_MAX];
};

struct wr_http_parameters {
	const char *names[WR_HTTP_PARAMETERS_MAX];
	const char *values[WR_HTTP_PARAMETERS_MAX];
	uint32_t count;
	size_t bytes;
	char text[WR_HTTP_QUERY_BYTES_MAX];
};

/* An answer that is made as it goes out. */
struct wr_http_pieces {
	/* How many bytes it put there; 0: that was all; -ENOMEM: there is no end to it. */
	ptrdiff_t (*read)(void *context, char *to, size_t room);
	void (*end)(void *context); /* once, however far it came */
	void *context;
};

struct wr_http_request {
	enum wr_http_method method;
	struct wr_http_path path;
	struct wr_http_parameters parameters;
	const char *body; /* not terminated */
	size_t body_bytes;
	bool wants_html; /* a browser's navigation */
	bool wants_openmetrics;

	/* The answer. */
	unsigned status;
	const char *content_type;
	const char *extra_name; /* one more header, or NULL */
	const char *extra_value;
	struct wr_http_text reply;
	const char *fixed; /* instead of `reply`: a text that lives for ever */
	size_t fixed_bytes;
	struct wr_http_pieces pieces; /* instead of both, where `read` is set */
};

/*
 * The raw path into segments, percent signs undone; an empty last one ("/subjects/") does not
 * count.
 * 0; -EINVAL: a percent sign without two digits, or an encoded 0; -ENAMETOOLONG
 */
int wr_http_path_read(const char *raw, struct wr_http_path *ret_path);

/* One more of them, encoded as in a form (a '+' is a blank); value may be NULL. As above. */
int wr_http_parameter_add(struct wr_http_parameters *p, const char *name, const char *value);

/* NULL: it was not given. Of several the first. */
const char *wr_http_parameter(const struct wr_http_request *r, const char *name);
/* "true", in capitals or not. */
bool wr_http_flag(const struct wr_http_request *r, const char *name);

#endif
