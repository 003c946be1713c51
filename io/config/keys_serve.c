/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the server beside a run, and what of them does not go together. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "io/config/check.h"
#include "io/config/keys_inner.h"

static const struct wr_config_key serve_keys[] = {
	{.name = "listen",
	 VALUE(serve_listen),
	 .type = WR_CONFIG_TEXT,
	 .absent = "nothing is served",
	 .doc = "IP:PORT, [IP6]:PORT or unix:/path; port 0: any that is free"},
	{.name = "token_file",
	 VALUE(serve_token_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "another one",
	 .doc = "Its first line is the token, which goes with each request; a reload reads it "
		"again"},
	{.name = "no_token",
	 VALUE(serve_no_token),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Whoever reaches the address may ask: on loopback only"},
	{.name = "writable",
	 VALUE(serve_writable),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Schemas may be registered and deleted, levels set"},
	{.name = "connections",
	 VALUE(serve_connections),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1024,
	 .fallback = "64",
	 .doc = "At once; more wait"},
	{.name = "body_max",
	 VALUE(serve_body_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1024,
	 .max = 16u << 20,
	 .fallback = "1MiB",
	 .doc = "The largest request"},
	{.name = "request_time",
	 VALUE(serve_request_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 100000000,
	 .max = 3600000000000,
	 .fallback = "10s",
	 .doc = "In which a request has to be there, and its answer read"},
	{0},
};

const struct wr_config_section wr_config_serve = {.keys = serve_keys};

/* ---- where it listens ------------------------------------------------------------------------ */

/* As weir_server_open() takes it (io/http/address.c), which is linked without this, and this
 * without it: tests/unit/config/test_serve_address.c has both read the same. */

#define PORT_MAX 65535
#define PORT_DIGITS 5u

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	while (digits > PORT_DIGITS && *text == '0') {
		text++;
		digits--;
	}
	return digits > 0 && digits <= PORT_DIGITS && text[digits] == '\0' &&
	       strtol(text, NULL, 10) <= PORT_MAX;
}

/* True: an address in numbers; of loopback others do not reach it. */
static bool read_host(char *host, size_t bytes, bool *ret_is_local)
{
	struct in_addr ip4;
	struct in6_addr ip6;
	if (host[0] == '[' && host[bytes - 1] == ']') {
		host[bytes - 1] = '\0';
		bool is_good = inet_pton(AF_INET6, host + 1, &ip6) == 1;
		*ret_is_local = is_good && IN6_IS_ADDR_LOOPBACK(&ip6);
		return is_good;
	}
	bool is_good =
		inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ip4) == 1;
	*ret_is_local = is_good && (ntohl(ip4.s_addr) >> 24) == IN_LOOPBACKNET;
	return is_good;
}

/* What is wrong with it; NULL: nothing. */
static const char *address_fault(const char *text, bool *ret_is_local)
{
	struct sockaddr_un name;
	char host[64];
	*ret_is_local = true;
	if (strncmp(text, "unix:", 5) == 0) {
		size_t bytes = strlen(text + 5);
		return bytes > 0 && bytes < sizeof name.sun_path
			       ? NULL
			       : "unix: is followed by a path of 1 to 107 bytes";
	}
	const char *colon = strrchr(text, ':');
	size_t bytes = colon != NULL ? (size_t)(colon - text) : 0;
	if (bytes == 0 || bytes >= sizeof host)
		return "this is no address and port";
	memcpy(host, text, bytes);
	host[bytes] = '\0';
	if (!read_host(host, bytes, ret_is_local))
		return "this is no address in numbers: names but localhost are not looked up";
	return is_port(colon + 1) ? NULL : "the port is a number from 0 to 65535";
}

static void check_address(struct wr_config_findings *findings, const struct wr_config_node *node,
			  const struct wr_config_values *values)
{
	bool is_local;
	const char *fault = address_fault(values->serve_listen, &is_local);
	struct wr_config_place place = wr_config_item_place(findings, node, "listen");
	if (fault != NULL)
		wr_config_help(findings, wr_config_error(findings, place, "%s", fault),
			       "127.0.0.1:9464, [::1]:9464 or unix:/path");
	else if (!is_local && values->serve_no_token)
		wr_config_help(findings,
			       wr_config_error(findings, place,
					       "others reach this address: it needs a token"),
			       "token_file: a file of mode 0600 with a token in it; or loopback");
}

void wr_config_check_serve(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_values *values)
{
	const struct wr_config_node *node = wr_config_child(root, "serve");
	const char *listen = values->serve_listen;
	struct weir_config_diagnostic *d = NULL;

	if (node == NULL || node->refused)
		return;
	/* What is explained has the defaults of all its keys: those say nothing. */
	if (listen == NULL && values->serve_token_file == NULL && !values->serve_no_token &&
	    !values->serve_writable)
		return;
	if (listen == NULL) {
		d = wr_config_error(findings, wr_config_node_place(findings, node),
				    "it does not say where to listen");
		wr_config_help(findings, d, "listen: 127.0.0.1:9464");
		return;
	}
	if (values->serve_writable && values->options.schemas_max == 0) {
		d = wr_config_error(findings, wr_config_item_place(findings, node, "writable"),
				    "the pipeline has no registry");
		wr_config_help(findings, d, "limits: {schemas: 1000}");
	}
	check_address(findings, node, values);
	bool is_file = strncmp(listen, "unix:", 5) == 0;
	if (values->serve_token_file != NULL && values->serve_no_token) {
		(void)wr_config_error(findings, wr_config_item_place(findings, node, "no_token"),
				      "no_token and token_file exclude each other");
	} else if (values->serve_token_file == NULL && !values->serve_no_token && !is_file) {
		d = wr_config_error(findings, wr_config_item_place(findings, node, "listen"),
				    "whoever reaches this address could ask: it needs a token");
		wr_config_help(findings, d,
			       "token_file: a file of mode 0600 with a token in it; or a "
			       "unix:/path, which its owner alone gets in by; or, on loopback, "
			       "no_token: yes");
	}
}
