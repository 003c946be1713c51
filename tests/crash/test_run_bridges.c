/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` starts the bridges of its file, shows them, stops them in its drain and says
 *         what they left; `weir bridge` steers them beside it, over its end and its next start.
 * Method: the command in a child process (run_bed.h), with librdkafka's mock of a broker inside it,
 *         and for a broker that is not there a port that nobody listens on. What is waited for is a
 *         fact. Prints TAP; what this weir was built without is skipped.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"
#include "tools/weir/bridge_driver.h"

static struct capture c;

#define BRIDGE(...) CAPTURE(&c, cmd_bridge, "bridge", __VA_ARGS__)
#define SUBSCRIPTION "subscriptions: [{name: o, topics: [t]}]\n"
#define MOCK "{kafka: {properties: {test.mock.num.brokers: 1}, topic: far, transaction_time: 10ms}}"

/* What the one before has said is not to be taken for its own. */
static pid_t start(void)
{
	(void)unlink("said");
	return run_bed_start("c.yaml");
}

static void test_a_batch(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {events: 300}}}]\n" SUBSCRIPTION
		    "bridges: [{name: out, subscription: o, to: " MOCK "}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("bridge out: kafka sink, 300 events") &&
			  run_bed_says(", 0 left"),
		  "a run ends by itself when a bridge has everything");
	BRIDGE("status", "j", "out");
	tap_check(c.exit_code == 0 && strstr(c.out, "out: stopped") != NULL &&
			  strstr(c.out, "moved   300 events") != NULL,
		  "its files say so when it has ended");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("bridge out: kafka sink, 0 events"),
		  "the next run sends nothing again");
}

/* Until its files say this, or no longer. */
static void wait_until(const char *text, bool is_there)
{
	do {
		const struct timespec moment = {.tv_nsec = 10000000};
		(void)nanosleep(&moment, NULL);
		BRIDGE("ls", "j", "--json");
	} while ((strstr(c.out, text) != NULL) != is_there);
}

static void test_pause(void)
{
	run_bed_fresh();
	run_bed_put(
		"c.yaml", RUN_BED_JOURNAL
		"sources: [{name: s, topic: t, from: {generate: {}}, rate: 500/s}]\n" SUBSCRIPTION
		"bridges: [{name: out, subscription: o, to: " MOCK "}]\n"
		"run: {drain_timeout: 1h}\n");
	pid_t child = start();
	run_bed_wait_for_word("bridge out: running");
	wait_until("\"events\": 0,", false);
	BRIDGE("pause", "j", "out", "--wait", "60s");
	tap_check(c.exit_code == 0 && strstr(c.out, "paused") != NULL,
		  "a bridge pauses when it is asked to");
	BRIDGE("status", "j");
	tap_check(c.exit_code == 0, "which is no fault");
	BRIDGE("resume", "j", "out", "--wait", "60s");
	tap_check(c.exit_code == 0 && strstr(c.out, "running") != NULL, "and goes on");
	BRIDGE("pause", "j", "out", "--wait", "60s");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("drained after a signal"),
		  "a drain does not wait for what is paused");
	child = start();
	run_bed_wait_for_word("bridge out: paused");
	BRIDGE("pause", "j", "out", "--wait", "60s", "--json");
	tap_check(c.exit_code == 0 && strstr(c.out, "\"state\": \"paused\"") != NULL,
		  "it is paused after a restart, too");
	kill(child, SIGKILL);
	code = run_bed_end(child);
	BRIDGE("status", "j", "out");
	tap_check(code == 128 + SIGKILL && c.exit_code == 1 &&
			  strstr(c.out, "out: dead, it was paused") != NULL,
		  "of a process that was killed it says that it is dead");
	BRIDGE("resume", "j", "out");
	child = start();
	run_bed_wait_for_word("bridge out: running");
	kill(child, SIGTERM);
	code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says(", 0 left"), "resumed, the next one sends all of it");
}

static void test_waiting_for_a_pause(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {file: in}}]\n" SUBSCRIPTION
		    "bridges: [{name: out, subscription: o, to: " MOCK "}]\n");
	run_bed_put("in", "one\n");
	tap_check(run_bed_run("c.yaml") == 0, "a file is sent");
	BRIDGE("pause", "j", "out");
	run_bed_put("in", "one\ntwo\n");
	pid_t child = start();
	run_bed_wait_for_word("all sources have ended: the run waits for it");
	BRIDGE("resume", "j", "out");
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("bridge out: kafka sink, 1 events") &&
			  run_bed_says(", 0 left"),
		  "a run waits for a bridge that is paused, and says so");
}

static void test_secrets(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL SUBSCRIPTION
		    "bridges:\n"
		    "  - name: out\n"
		    "    subscription: o\n"
		    "    to:\n"
		    "      kafka:\n"
		    "        property_env: {test.mock.num.brokers: WEIR_TEST_BROKERS}\n"
		    "        property_files: {client.id: secret}\n");
	(void)setenv("WEIR_TEST_BROKERS", "1", 1);
	int code = run_bed_run("c.yaml");
	tap_check(code == 3 && run_bed_says("c.yaml:12:26: bridge out: properties.client.id: ") &&
			  run_bed_says("secret: "),
		  "a secret that is not there is told at its place");
	run_bed_put("secret", "\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 3 && run_bed_says("secret: it is empty"), "so is an empty one");
	run_bed_put("secret", "hush\n");
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("bridge out: running") &&
			  strstr(run_bed_said, "hush") == NULL,
		  "files and the environment have the values, and nobody sees them");
	(void)unsetenv("WEIR_TEST_BROKERS");
	code = run_bed_run("c.yaml");
	tap_check(code == 3 && run_bed_says("c.yaml:11:24: bridge out: properties.test.mock.num."
					    "brokers: WEIR_TEST_BROKERS: the environment has no"),
		  "so is a variable");
}

static void test_nobody_there(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {events: 10}}}]\n" SUBSCRIPTION
		    "bridges:\n"
		    "  - {name: out, subscription: o, retry_min: 1h, retry_max: 1h, to: "
		    "{rabbitmq: {server: {host: 127.0.0.1, port: 1}}}}\n"
		    "run: {drain_timeout: 24h}\n");
	pid_t child = start();
	run_bed_wait_for_word("bridge out: retrying: ");
	wait_until("\"lag_events\": 10,", true);
	BRIDGE("status", "j", "out"); /* also where it is trying just now */
	tap_check(c.exit_code == 1 && strstr(c.out, "out: retrying") != NULL &&
			  strstr(c.out, "  why     ") != NULL,
		  "a broker that is not there is tried again, and weir bridge says why");
	BRIDGE("resume", "j", "out", "--wait", "50ms");
	tap_check(c.exit_code == 1 && strstr(c.err, "out: it is not running, but ") != NULL,
		  "who waits for it is told");
	wait_until("\"attempts\": 2,", true); /* the next one is half an hour away, or more */
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == CLI_EXIT_UNDRAINED && run_bed_says("bridge out: not reached once more") &&
			  run_bed_says(", 10 left"),
		  "a drain has it tried at once, and does not wait: its events stay in the log");
	BRIDGE("status", "j", "out");
	tap_check(strstr(c.out, "out: stopped") != NULL, "its files say that it has stopped");
}

/* Of a pipeline that is named its process says where that is. */
static void test_files_elsewhere(void)
{
	char process[24];
	run_bed_fresh();
	run_bed_put(
		"c.yaml", RUN_BED_JOURNAL
		"sources: [{name: s, topic: t, from: {generate: {}}, rate: 500/s}]\n" SUBSCRIPTION
		"bridges: [{name: out, subscription: o, state_dir: away, to: " MOCK "}]\n");
	pid_t child = start();
	run_bed_wait_for_word("bridge out: running");
	(void)snprintf(process, sizeof process, "%d", (int)child);
	do { /* metrics are told ten times a second */
		BRIDGE("ls", process);
	} while (c.exit_code == CLI_EXIT_NOT_FOUND);
	tap_check(c.exit_code == 0 && strstr(c.out, "out") != NULL,
		  "a bridge whose files are elsewhere is found by its process");
	BRIDGE("pause", process, "out", "--wait", "60s");
	tap_check(c.exit_code == 0 && access("away/out.pause", F_OK) == 0, "and steered");
	kill(child, SIGTERM);
	tap_check(run_bed_end(child) == 0, "that process ends");
}

/* A source goes on until it is told not to. */
static void test_both_ways(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_SMALL
		    "limits: {versioned_keys: 100}\n"
		    "topics: [{name: t, partitions: 2}, {name: p, versioned_keys: 100}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n"
		    "bridges: [{name: in, topic: t, positions: p, from: {kafka: {topics: [far],\n"
		    "  properties: {test.mock.num.brokers: 1}}}}]\n");
	pid_t child = start();
	run_bed_wait_for_word("bridge in: running");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("bridge in: kafka source, 0 events") &&
			  run_bed_says("drained after a signal"),
		  "a source runs until a signal, and its stop is part of the drain");
	run_bed_put("d.yaml", RUN_BED_JOURNAL SUBSCRIPTION
		    "bridges: [{name: x, subscription: o, state_dir: /proc/x, to: " MOCK "}]\n");
	run_bed_must(system("rm -rf j j.bridges") == 0, "rm");
	code = run_bed_run("d.yaml");
	tap_check(code != 0 && run_bed_says("d.yaml:6:38: bridge x: state_dir: "),
		  "a state_dir that cannot be made is told at its place");
}

int main(void)
{
	if (!bridge_driver_is_built(WEIR_CONFIG_SYSTEM_KAFKA) ||
	    !bridge_driver_is_built(WEIR_CONFIG_SYSTEM_RABBITMQ)) {
		tap_skip("this weir was built without Kafka or RabbitMQ");
		return tap_end();
	}
	test_a_batch();
	test_pause();
	test_waiting_for_a_pause();
	test_secrets();
	test_nobody_there();
	test_both_ways();
	test_files_elsewhere();
	run_bed_end_all();
	return tap_end();
}
