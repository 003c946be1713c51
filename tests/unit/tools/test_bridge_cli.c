/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bridge` shows what the files of a state_dir say, beside a process that lives and
 *         after it has died, steers a bridge by them, and says the right thing to the shell;
 *         whatever stands in the files. `weir config check` tells what drivers know.
 * Method: files written by the test, a lock that it holds or does not; commands in a child process.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_driver.h"

static struct capture c;
static char dir[TEST_PATH_BYTES];

#define RUN(...) CAPTURE(&c, cmd_bridge, "bridge", __VA_ARGS__)
#define CHECK(path) CAPTURE(&c, cmd_config, "config", "check", path)
#define GOOD                                                                                       \
	"weir-bridge 1\nname x\nsystem kafka\ndirection sink\nstate %s\nsince_us 1700000000000000" \
	"\nevents 12\nbytes 345\nrepeats 1\ndead_letters 2\nattempts %u\nlag_events 4\n"           \
	"lag_time_ns 5000000\nprocess 99\nwhy %s\n"

static const char *path_of(const char *name)
{
	static char path[TEST_PATH_BYTES + 64];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put_n(const char *name, const char *text, size_t bytes)
{
	FILE *file = fopen(path_of(name), "w");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
	cr_assert_eq(fclose(file), 0);
}

static void put_tried(const char *name, const char *state, unsigned attempts, const char *why)
{
	char text[2048], file[64];
	int bytes = snprintf(text, sizeof text, GOOD, state, attempts, why);
	(void)snprintf(file, sizeof file, "%s.status", name);
	put_n(file, text, (size_t)bytes);
	(void)snprintf(file, sizeof file, "%s.lock", name);
	put_n(file, "", 0);
}

static void put_status(const char *name, const char *state, const char *why)
{
	put_tried(name, state, 0, why);
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

/* As a bridge that lives has it. */
static int lock(const char *name)
{
	int file = open(path_of(name), O_RDWR | O_CLOEXEC);
	cr_assert_geq(file, 0);
	cr_assert_eq(flock(file, LOCK_EX | LOCK_NB), 0);
	return file;
}

static void begin(void)
{
	test_dir_make(dir);
}

static void end(void)
{
	test_dir_remove(dir);
}

TestSuite(bridge_cli, .init = begin, .fini = end);

Test(bridge_cli, who_lives_is_shown_as_he_says_and_who_does_not_is_dead)
{
	static const struct {
		const char *state;
		unsigned attempts;
		bool is_alive;
		const char *shown;
		int exit_code;
	} cases[] = {
		{"running", 0, true, "running", 0},       {"connecting", 0, true, "connecting", 0},
		{"connecting", 3, true, "connecting", 1}, {"paused", 3, true, "paused", 0},
		{"retrying", 3, true, "retrying", 1},     {"failed", 0, true, "failed", 1},
		{"stopped", 0, false, "stopped", 0},      {"running", 0, false, "dead", 1},
		{"paused", 0, false, "dead", 1},          {"retrying", 3, false, "dead", 1},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		char line[64];
		put_tried("x", cases[i].state, cases[i].attempts, "no broker");
		int file = cases[i].is_alive ? lock("x.lock") : -1;
		RUN("status", dir, "x");
		cr_expect_eq(c.exit_code, cases[i].exit_code, "%s: %d", cases[i].state,
			     c.exit_code);
		(void)snprintf(line, sizeof line, "x: %s", cases[i].shown);
		cr_expect_eq(strncmp(c.out, line, strlen(line)), 0, "%s", c.out);
		RUN("ls", dir, "--json");
		cr_expect_eq(c.exit_code, 0);
		(void)snprintf(line, sizeof line, "\"state\": \"%s\"", cases[i].shown);
		cr_expect(capture_has(c.out, line), "%s", c.out);
		(void)snprintf(line, sizeof line, "\"said\": \"%s\"", cases[i].state);
		cr_expect(capture_has(c.out, line), "%s", c.out);
		if (file >= 0)
			(void)close(file);
	}
	cr_expect(capture_has(c.out, "\"events\": 12,") && capture_has(c.out, "\"bytes\": 345,") &&
			  capture_has(c.out, "\"dead_letters\": 2,") &&
			  capture_has(c.out, "\"lag_events\": 4,") &&
			  capture_has(c.out, "\"why\": \"no broker\","),
		  "%s", c.out);
}

Test(bridge_cli, a_pause_stays_and_a_resume_takes_it_back)
{
	put_status("x", "running", "");
	put_status("y", "running", "");
	int file = lock("x.lock");
	RUN("pause", dir, "x");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(is_there("x.pause") && !is_there("y.pause"));
	cr_assert(capture_has(c.out, "running") && capture_has(c.out, "to be paused"), "%s", c.out);
	RUN("pause", dir, "x", "--wait", "60ms");
	cr_assert_eq(c.exit_code, 1, "it does not pause");
	cr_assert(capture_has(c.err, "x: it is not paused, but running"), "%s", c.err);
	put_status("x", "paused", "");
	(void)close(file);
	file = lock("x.lock");
	RUN("pause", dir, "x", "--wait", "10s");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	RUN("resume", dir, "x");
	cr_assert_eq(c.exit_code, 0);
	cr_assert(!is_there("x.pause") && is_there("x.resume"));
	/* Who does not live takes no wish but that of a pause. */
	RUN("pause", dir, "y");
	cr_assert_eq(c.exit_code, 0);
	cr_assert(is_there("y.pause"));
	cr_assert(capture_has(c.out, "y: it does not run now; it will be paused when it starts"),
		  "%s", c.out);
	RUN("resume", dir, "--all");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(!is_there("y.pause") && !is_there("y.resume"));
	(void)close(file);
}

Test(bridge_cli, where_is_a_folder_or_the_journal_beside_it)
{
	char inner[TEST_PATH_BYTES + 64];
	cr_assert_eq(mkdir(path_of("j"), 0700), 0);
	(void)snprintf(inner, sizeof inner, "%s", path_of("j"));
	RUN("ls", inner);
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_assert(capture_has(c.err, "no bridge has its files in this folder"), "%s", c.err);
	cr_assert_eq(mkdir(path_of("j.bridges"), 0700), 0);
	put_status("j.bridges/x", "stopped", "");
	RUN("ls", inner);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "stopped"), "%s", c.out);
	RUN("status", inner, "z");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_assert(capture_has(c.err, "there is no bridge \"z\""), "%s", c.err);
	RUN("status", inner, "../x");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	put_status("j.bridges/orders", "stopped", "");
	RUN("pause", inner, "order");
	cr_assert(capture_has(c.err, "did you mean orders?"), "%s", c.err);
	RUN("ls", path_of("nothing"), "--metrics-dir", dir);
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
}

Test(bridge_cli, a_config_says_where)
{
	char yaml[TEST_PATH_BYTES * 2 + 400];
	int bytes = snprintf(
		yaml, sizeof yaml,
		"topics: [{name: a}]\nsubscriptions: [{name: s, topics: [a]}]\n"
		"bridges: [{name: x, subscription: s, state_dir: '%s', to: {kafka: {}}}]\n",
		dir);
	put_n("c.yaml", yaml, (size_t)bytes);
	RUN("ls", path_of("c.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_assert(capture_has(c.err, "its bridges have left no files"), "%s", c.err);
	put_status("x", "stopped", "");
	RUN("ls", path_of("c.yaml"));
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	put_n("d.yaml", "topics: [{name: a}]\n", 20);
	RUN("ls", path_of("d.yaml"));
	cr_assert(capture_has(c.err, "it has no bridges"), "%s", c.err);
	put_n("e.yaml", "topics: 5\n", 10);
	RUN("ls", path_of("e.yaml"));
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
}

Test(bridge_cli, what_is_no_status_is_told_and_nothing_is_believed)
{
	static const struct {
		const char *text;
		size_t bytes; /* 0: its length */
		int exit_code;
		const char *fault;
	} cases[] = {
		{"", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge \n", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge 1\n", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge 1\nstate running", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge 1\nstate\n", 0, CLI_EXIT_DAMAGE, "none, or damaged"},
		{"weir-bridge 1\nstate running\nevents x\n", 0, CLI_EXIT_DAMAGE, "damaged"},
		{"weir-bridge 1\nstate running\nevents -1\n", 0, CLI_EXIT_DAMAGE, "damaged"},
		{"weir-bridge 1\nstate running\nevents 99999999999999999999\n", 0, CLI_EXIT_DAMAGE,
		 "damaged"},
		{"weir-bridge 1\nstate run\0ning\n", 28, CLI_EXIT_DAMAGE, "damaged"},
		{"weir-bridge 2\nstate running\n", 0, CLI_EXIT_FORMAT, "a newer weir wrote it"},
		{"weir-bridge 10\nstate running\n", 0, CLI_EXIT_FORMAT, "a newer weir wrote it"},
	};
	put_n("x.lock", "", 0);
	RUN("status", dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "no status: %d", c.exit_code);
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		put_n("x.status", cases[i].text,
		      cases[i].bytes != 0 ? cases[i].bytes : strlen(cases[i].text));
		RUN("status", dir);
		cr_expect_eq(c.exit_code, cases[i].exit_code, "%zu: %d", i, c.exit_code);
		cr_expect(capture_has(c.out, "x: unreadable: ") &&
				  capture_has(c.out, cases[i].fault),
			  "%zu: %s", i, c.out);
	}
	/* Keys that it does not know are a later weir's; escapes steer no terminal. */
	static const char later[] =
		"weir-bridge 1\nstate stopped\nlater 1 2 3\nwhy \033[2Jx\xff\302\2332J\n";
	put_n("x.status", later, sizeof later - 1);
	RUN("status", dir, "--json");
	cr_expect_eq(c.exit_code, 0, "%s", c.out);
	RUN("status", dir);
	cr_expect_eq(c.exit_code, 0, "%s", c.out);
	cr_expect(capture_has(c.out, "?[2Jx\xff?2J") && strchr(c.out, 033) == NULL, "%s", c.out);
	/* What is no file is not waited for. */
	cr_assert_eq(unlink(path_of("x.status")), 0);
	cr_assert_eq(mkfifo(path_of("x.status"), 0600), 0);
	cr_assert_eq(unlink(path_of("x.lock")), 0);
	cr_assert_eq(mkfifo(path_of("x.lock"), 0600), 0);
	RUN("status", dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE, "%s", c.out);
}

Test(bridge_cli, the_command_line_is_judged)
{
	RUN("pause", dir);
	cr_expect(c.exit_code == CLI_EXIT_USAGE && capture_has(c.err, "which bridge?"), "%s",
		  c.err);
	RUN("pause", dir, "x", "--all");
	cr_expect(c.exit_code == CLI_EXIT_USAGE && capture_has(c.err, "not both"), "%s", c.err);
	RUN("stauts");
	cr_expect(c.exit_code == CLI_EXIT_USAGE && capture_has(c.err, "did you mean status?"), "%s",
		  c.err);
	RUN("status");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
}

/* ---- what drivers know ----------------------------------------------------------------------- */

#define CONFIG(way)                                                                                \
	"limits: {idempotency_keys: 100}\ntopics: [{name: a, idempotency: {keys: 100}}]\n"         \
	"subscriptions: [{name: s, topics: [a]}]\njournal: {dir: j}\nbridges:\n"                   \
	"  - {name: x, " way "}\n"

static void expect_check(const char *yaml, const char *line)
{
	put_n("c.yaml", yaml, strlen(yaml));
	CHECK(path_of("c.yaml"));
	cr_expect_eq(c.exit_code, CLI_EXIT_CONFIG, "%s", yaml);
	cr_expect(capture_has(c.err, line), "no \"%s\" in %s", line, c.err);
}

Test(bridge_cli, check_says_what_kafkas_driver_knows)
{
	static const char kafka[] =
		CONFIG("subscription: s, to: {kafka: {properties: {bootstrap.servers: k}}}");
	if (!bridge_driver_is_built(WEIR_CONFIG_SYSTEM_KAFKA)) {
		expect_check(kafka, "6:37: error: bridge x: this weir was built without Kafka");
		return;
	}
	put_n("c.yaml", kafka, sizeof kafka - 1);
	CHECK(path_of("c.yaml"));
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	expect_check(
		CONFIG("subscription: s, to: {kafka: {properties: {bootstrap.servers: k, "
		       "lingerms: 5}}}"),
		":6:80: error: bridge x: properties.lingerms: librdkafka has no such property");
	expect_check(CONFIG("subscription: s, to: {kafka: {properties: {bootstrap.servers: k, "
			    "acks: 1}}}"),
		     "properties.acks: this one is the bridge's");
	expect_check(CONFIG("subscription: s, to: {kafka: {}}"),
		     "6:37: error: bridge x: properties.bootstrap.servers: missing");
	/* Secrets are of the machine that runs it. */
	static const char secret[] =
		CONFIG("subscription: s, to: {kafka: {property_env: {bootstrap.servers: NOT_SET}, "
		       "property_files: {sasl.password: /not/there}}}");
	put_n("c.yaml", secret, sizeof secret - 1);
	CHECK(path_of("c.yaml"));
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
}

Test(bridge_cli, check_says_what_rabbitmqs_driver_knows)
{
	static const char rabbitmq[] = CONFIG("subscription: s, to: {rabbitmq: {}}");
	if (!bridge_driver_is_built(WEIR_CONFIG_SYSTEM_RABBITMQ)) {
		expect_check(rabbitmq,
			     "6:37: error: bridge x: this weir was built without RabbitMQ");
		return;
	}
	put_n("c.yaml", rabbitmq, sizeof rabbitmq - 1);
	CHECK(path_of("c.yaml"));
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	expect_check(CONFIG("subscription: s, to: {rabbitmq: {routing_key: '{kye}'}}"),
		     ":6:48: error: bridge x: routing_key: ");
}

Test(bridge_cli, plan_says_what_of_a_bridge_is_not_there)
{
	char yaml[1024];
	int bytes = snprintf(yaml, sizeof yaml,
			     CONFIG("subscription: s, state_dir: %s/no/such, to: "
				    "{rabbitmq: {server: {password_file: "
				    "/not/there, tls: yes, ca_file: %s}}}"),
			     dir, dir);
	if (!bridge_driver_is_built(WEIR_CONFIG_SYSTEM_RABBITMQ))
		return;
	put_n("c.yaml", yaml, (size_t)bytes);
	CAPTURE(&c, cmd_config, "config", "plan", path_of("c.yaml"));
	cr_expect_eq(c.exit_code, 1, "%s", c.err);
	cr_expect(capture_has(c.out, "bridge x: /not/there: no such file"), "%s", c.out);
	cr_expect(capture_has(c.out, ": a folder\n"), "%s", c.out);
	cr_expect(capture_has(c.out, "there is no such folder"), "%s", c.out);
	cr_expect(capture_has(c.out, " 4 of bridges, "), "%s", c.out);
}
