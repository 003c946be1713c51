/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the server beside a run, and what of them does not go together. */
#include <stddef.h>
#include <string.h>

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
