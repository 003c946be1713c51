/* SPDX-License-Identifier: Apache-2.0 */
/* See request.h. */
#include "io/http/request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to `stop` or the end of *at, which is moved behind what was read. The bytes, or negative. */
static int decode(const char **at, char stop, bool plus_is_blank, char *to, size_t room)
{
	size_t bytes = 0;
	for (; **at != '\0' && **at != stop; (*at)++) {
		char c = **at;
		if (c == '%') {
			int high = digit((*at)[1]);
			int low = high >= 0 ? digit((*at)[2]) : -1;
			if (low < 0 || high * 16 + low == 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			*at += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (bytes + 1 >= room)
			return -ENAMETOOLONG;
		to[bytes++] = c;
	}
	if (room == 0)
		return -ENAMETOOLONG;
	to[bytes] = '\0';
	return (int)bytes;
}

int wr_http_path_read(const char *raw, struct wr_http_path *ret_path)
{
	size_t used = 0;
	ret_path->count = 0;
	while (*raw == '/') {
		raw++;
		if (*raw == '\0')
			break;
		if (ret_path->count == WR_HTTP_SEGMENTS_MAX)
			return -ENAMETOOLONG;
		char *to = ret_path->text + used;
		int n = decode(&raw, '/', false, to, sizeof ret_path->text - used);
		if (n < 0)
			return n;
		ret_path->segments[ret_path->count++] = to;
		used += (size_t)n + 1;
	}
	return *raw == '\0' ? 0 : -EINVAL;
}

int wr_http_parameter_add(struct wr_http_parameters *p, const char *name, const char *value)
{
	const char *parts[2] = {name, value != NULL ? value : ""};
	const char *read[2];
	if (p->count == WR_HTTP_PARAMETERS_MAX)
		return -ENAMETOOLONG;
	for (int i = 0; i < 2; i++) {
		read[i] = p->text + p->bytes;
		int n = decode(&parts[i], '\0', true, p->text + p->bytes,
			       sizeof p->text - p->bytes);
		if (n < 0)
			return n;
		p->bytes += (size_t)n + 1;
	}
	p->names[p->count] = read[0];
	p->values[p->count++] = read[1];
	return 0;
}

const char *wr_http_parameter(const struct wr_http_request *r, const char *name)
{
	for (uint32_t i = 0; i < r->parameters.count; i++)
		if (strcmp(r->parameters.names[i], name) == 0)
			return r->parameters.values[i];
	return NULL;
}

bool wr_http_flag(const struct wr_http_request *r, const char *name)
{
	const char *value = wr_http_parameter(r, name);
	return value != NULL && strcasecmp(value, "true") == 0;
}
