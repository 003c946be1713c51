/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a config is refused for where its server is to listen exactly when the server would
 *         refuse it: libweir-config and libweir-serve each read such an address, since neither is
 *         linked with the other, and a file that check has passed must not fail at the run.
 * Method: addresses put together from pieces of good ones and bad ones, read by both.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <weir/config.h>

#include "core/base/bits.h"
#include "io/http/address.h"

#define DRAWS 4000u
#define PIECES_MAX 4u

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % below;
}

/* Without a token: others must not reach it. */
static bool server_takes(const char *listen)
{
	struct wr_http_address address;
	return wr_http_address_read(listen, &address, NULL) == 0 && address.is_local;
}

static bool config_takes(const char *listen)
{
	struct weir_config *config = NULL;
	char text[512];
	int bytes = snprintf(text, sizeof text,
			     "topics: [{name: t}]\nserve: {listen: '%s', no_token: yes}\n", listen);
	cr_assert(bytes > 0 && (size_t)bytes < sizeof text);
	int errors =
		weir_config_parse("x", text, (size_t)bytes, WEIR_CONFIG_ANY_MACHINE, &config, NULL);
	cr_assert_geq(errors, 0);
	weir_config_destroy(config);
	return errors == 0;
}

static bool expect_same(const char *listen)
{
	bool server = server_takes(listen), config = config_takes(listen);
	cr_expect_eq(config, server, "\"%s\": the server %s it, and the config %s it", listen,
		     server ? "takes" : "refuses", config ? "takes" : "refuses");
	return server;
}

Test(serve_address, a_config_takes_what_the_server_takes)
{
	static const char *const pieces[] = {
		"127.0.0.1", "127.9.9.9", "0.0.0.0",   "[::1]",  "[::]",
		"[::1",      "::1",       "localhost", "a.host", "127.0.0",
		"unix:",     "/a/b",      ":",         ":0",     ":9464",
		":65535",    ":65536",    ":-1",       ":09464", ":0000000065535",
		": 1",       ":1a",       "4294967297"};
	char path[160] = "unix:";
	uint32_t taken = 0;

	for (uint32_t i = 0; i < DRAWS; i++) {
		char listen[160] = "";
		size_t used = 0;
		for (uint32_t k = 0, count = 1 + draw(PIECES_MAX); k < count; k++)
			used += (size_t)snprintf(listen + used, sizeof listen - used, "%s",
						 pieces[draw(WR_ARRAY_COUNT(pieces))]);
		taken += expect_same(listen);
	}
	cr_expect_gt(taken, DRAWS / 100, "enough of them are good");
	/* As long as a socket's name may be, and longer. */
	for (size_t bytes = strlen(path); bytes < 130; bytes++) {
		path[bytes] = 'p';
		path[bytes + 1] = '\0';
		(void)expect_same(path);
	}
}
