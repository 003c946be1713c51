/* SPDX-License-Identifier: Apache-2.0 */
/* See access.h. */
#include "io/http/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/base/token.h"

#define CREDENTIALS_BYTES_MAX 1024u

bool wr_http_token_valid(const char *token)
{
	return wr_token_is_valid(token, strlen(token));
}

/* All of the token is looked at, whatever was given. */
static bool equals(const char *given, size_t given_bytes, const char *token)
{
	size_t bytes = strlen(token);
	unsigned difference = given_bytes != bytes;
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = i < given_bytes ? (unsigned char)given[i] : 0;
		difference |= (unsigned)(c ^ (unsigned char)token[i]);
	}
	return difference == 0;
}

static int value_of(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
	return at != NULL ? (int)(at - alphabet) : -1;
}

/* The bytes; what is no base64 ends it. */
static size_t decode(const char *text, char *to, size_t room)
{
	uint32_t word = 0;
	unsigned bits = 0;
	size_t bytes = 0;
	for (; bytes < room && value_of(*text) >= 0; text++) {
		word = word << 6 | (uint32_t)value_of(*text);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			to[bytes++] = (char)(word >> bits & 0xff);
		}
	}
	return bytes;
}

bool wr_http_token_good(const char *header, const char *token)
{
	char credentials[CREDENTIALS_BYTES_MAX];
	if (header == NULL)
		return false;
	if (strncasecmp(header, "Bearer ", 7) == 0) {
		header += 7 + strspn(header + 7, " ");
		return equals(header, strlen(header), token);
	}
	if (strncasecmp(header, "Basic ", 6) != 0)
		return false;
	size_t bytes =
		decode(header + 6 + strspn(header + 6, " "), credentials, sizeof credentials);
	const char *colon = memchr(credentials, ':', bytes);
	return colon != NULL && equals(colon + 1, bytes - (size_t)(colon + 1 - credentials), token);
}

/* All of 127/8: each is this machine. A name that only begins so is none of them. */
static bool is_loopback(const char *host)
{
	char text[INET_ADDRSTRLEN];
	size_t bytes = strcspn(host, ":");
	struct in_addr address;
	if (bytes >= sizeof text)
		return false;
	memcpy(text, host, bytes);
	text[bytes] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 &&
	       (ntohl(address.s_addr) >> 24) == IN_LOOPBACKNET;
}

bool wr_http_host_is_local(const char *host)
{
	static const char *const names[] = {"localhost", "[::1]"};
	if (host == NULL || is_loopback(host))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t bytes = strlen(names[i]);
		if (strncasecmp(host, names[i], bytes) == 0 &&
		    (host[bytes] == '\0' || host[bytes] == ':'))
			return true;
	}
	return false;
}

bool wr_http_origin_good(const char *origin, const char *host)
{
	if (origin == NULL)
		return true;
	const char *at = strstr(origin, "://");
	return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0;
}
