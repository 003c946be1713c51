/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir config` finds every mistake, explains what is in force, prints the schema, and says
 *         the right thing to the shell.
 * Method: commands in a child process, judged by text and exit code.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_driver.h"

static struct capture c;
static char path[512];

#define RUN(...) CAPTURE(&c, cmd_config, "config", __VA_ARGS__)

static const char *in_source(const char *name)
{
	const char *root = getenv("WEIR_TEST_SOURCE");
	(void)snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
	return path;
}

Test(config_cli, check_tells_every_mistake_and_ends_with_3)
{
	RUN("check", "--any-machine", in_source("tests/data/config/twelve.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert_str_eq(c.out, "");
	cr_assert(capture_has(c.err, "twelve.yaml:23:14: error: there is no topic \"order\""), "%s",
		  c.err);
	cr_assert(capture_has(c.err, "\n12 errors\n"), "%s", c.err);
}

Test(config_cli, check_says_when_all_is_well)
{
	/* The last has bridges, of which a weir without their drivers has something to say. */
	static const char *const examples[] = {"orders", "bench", "demo", "bridges"};
	bool has_drivers = bridge_driver_is_built(WEIR_CONFIG_SYSTEM_KAFKA) &&
			   bridge_driver_is_built(WEIR_CONFIG_SYSTEM_RABBITMQ);
	for (size_t i = 0; i < WR_ARRAY_COUNT(examples) - (has_drivers ? 0 : 1); i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "docs/examples/%s.yaml", examples[i]);
		RUN("check", in_source(name));
		cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
		cr_assert(capture_has(c.out, ".yaml: no errors\n"), "%s", c.out);
		cr_assert_str_eq(c.err, "");
	}
}

Test(config_cli, check_prints_json_for_programs)
{
	RUN("check", "--any-machine", "--json", in_source("tests/data/config/twelve.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert_str_eq(c.err, "");
	cr_assert(capture_has(c.out, "\"ok\": false,\n  \"errors\": 12,\n  \"warnings\": 0,"), "%s",
		  c.out);
	cr_assert(capture_has(
			  c.out,
			  "\"line\": 6,\n      \"column\": 15,\n      \"columns\": 4,\n"
			  "      \"text\": \"journal.segment: \\\"64 megs\\\" is not a "
			  "size\",\n"
			  "      \"note\": null,\n"
			  "      \"help\": \"write bytes, or with K, M, G or T: 64KiB, 1.5 GiB\""),
		  "%s", c.out);
	RUN("check", "--json", in_source("docs/examples/orders.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert(capture_has(c.out, "\"ok\": true"), "%s", c.out);
}

/* A mistake of form hides those of meaning: here an unknown key. */
Test(config_cli, check_tells_programs_that_only_the_form_was_looked_at)
{
	char form[] = "/tmp/weir-form-XXXXXX";
	static const char text[] = "wiat: park\nname: [orders\n";
	int fd = mkstemp(form);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
	cr_assert_eq(close(fd), 0);
	RUN("check", "--json", form);
	cr_assert_eq(unlink(form), 0);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert(capture_has(c.out, "  \"only_form\": true,\n"), "%s", c.out);
	cr_assert(!capture_has(c.out, "wiat"), "%s", c.out);
	RUN("check", "--any-machine", "--json", in_source("tests/data/config/twelve.yaml"));
	cr_assert(capture_has(c.out, "  \"only_form\": false,\n"), "%s", c.out);
}

Test(config_cli, a_file_that_is_not_there_is_4)
{
	RUN("check", "/nonexistent.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_assert_str_eq(c.err, "weir: config: /nonexistent.yaml: no such file or directory "
				"(ENOENT)\n");
	RUN("explain", "/nonexistent.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
}

Test(config_cli, explain_takes_a_file_a_key_both_or_neither)
{
	RUN("explain", in_source("docs/examples/orders.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_assert(capture_has(c.out, "\nname: orders                            # line 5\n"), "%s",
		  c.out);
	RUN("explain", "journal.segment");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_assert(strncmp(c.out, "journal.segment\n", 16) == 0, "%s", c.out);
	RUN("explain", in_source("docs/examples/orders.yaml"), "journal.segment");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_assert(strncmp(c.out, "journal.segment = 16MiB    (", 28) == 0, "%s", c.out);
	RUN("explain");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_assert(capture_has(c.out, "\nname: weir                              # default\n"), "%s",
		  c.out);
	RUN("explain", in_source("docs/examples/orders.yaml"), "journal.segmnt");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "there is no key \"journal.segmnt\"; did you mean "
				     "\"journal.segment\"?"),
		  "%s", c.err);
	RUN("explain", "jurnal.segmnt");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "there is no file and no key \"jurnal.segmnt\"; did you mean "
				     "\"journal.segment\"?"),
		  "%s", c.err);
	RUN("explain", "nonexistent.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	RUN("explain", "--any-machine", in_source("tests/data/config/twelve.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert_str_eq(c.out, "");
}

Test(config_cli, schema_prints_a_schema_or_the_page)
{
	RUN("schema");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert(strncmp(c.out, "{\n  \"$schema\": \"https://json-schema.org/", 40) == 0);
	cr_assert_eq(c.out[strlen(c.out) - 1], '\n');
	RUN("schema", "--format", "markdown");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert(strncmp(c.out, "# Configuration file\n", 21) == 0);
	RUN("schema", "--format", "yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}

Test(config_cli, words_that_are_none_are_complained_of)
{
	RUN("chek", "x.yaml");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "there is no \"chek\"; did you mean check?"), "%s", c.err);
	RUN("plna", "x.yaml");
	cr_assert(capture_has(c.err, "did you mean plan?"), "%s", c.err);
	RUN("check");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}
