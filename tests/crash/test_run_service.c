/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir run` tells who started it when it is ready, that it moves, what it does, and that
 *         it stops; what it starts is told nothing of that; a wrong address keeps nothing from
 *         running.
 * Method: a socket of the test's own in the manager's place; run_bed_before() sets the variables,
 *         as systemd does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"
#include "tools/weir/args.h"

#define NEVER_ENDS "sources: [{name: s, topic: t, from: {generate: {}}, rate: 100/s}]\n"

static int manager;
static char heard[4096];
static const char *socket_name;
static char abstract[64];

/* As systemd does it for Type=notify with WatchdogSec. */
static void as_a_service(void)
{
	char pid[24];
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	(void)setenv("NOTIFY_SOCKET", socket_name, 1);
	(void)setenv("WATCHDOG_USEC", "200000", 1);
	(void)setenv("WATCHDOG_PID", pid, 1);
}

static void as_a_service_whose_watchdog_is_another(void)
{
	as_a_service();
	(void)setenv("WATCHDOG_PID", "1", 1);
}

static void listen_abstract(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 60};
	(void)snprintf(abstract, sizeof abstract, "@weir-run-%d", (int)getpid());
	memcpy(at.sun_path + 1, abstract + 1, strlen(abstract) - 1);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	run_bed_must(bind(manager, (struct sockaddr *)&at,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(abstract))) ==
			     0,
		     "bind");
	(void)setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	socket_name = abstract;
}

/* Whatever comes, until this does. False: something of `never` came before. */
static bool hear_until(const char *words, const char *never)
{
	bool good = true;
	do {
		ssize_t bytes = recv(manager, heard, sizeof heard - 1, 0);
		run_bed_must(bytes > 0, words);
		heard[bytes] = '\0';
		good = good && (never == NULL || strstr(heard, never) == NULL);
	} while (strstr(heard, words) == NULL);
	return good;
}

static void test_life(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL NEVER_ENDS
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	run_bed_before = as_a_service;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	bool good = hear_until("READY=1\nSTATUS=", "WATCHDOG=1");
	tap_check(good, "it says that it is ready, and feeds no watchdog before");
	for (int i = 0; i < 3; i++)
		(void)hear_until("WATCHDOG=1", NULL);
	kill(child, SIGSTOP);
	const struct timeval moment = {.tv_usec = 300000};
	struct timeval patience = {.tv_sec = 60};
	(void)setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
	while (recv(manager, heard, sizeof heard, 0) > 0)
		; /* what was on its way */
	tap_check(recv(manager, heard, sizeof heard, 0) < 0, "one that stands still feeds none");
	(void)setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	kill(child, SIGCONT);
	(void)hear_until("WATCHDOG=1", NULL);
	(void)hear_until("published, ", NULL);
	tap_check(strstr(heard, "STATUS=") != NULL && strstr(heard, " to deliver") != NULL,
		  "it says what it does: %s", heard);
	kill(child, SIGTERM);
	(void)hear_until("STOPPING=1", NULL);
	tap_check(strstr(heard, "EXTEND_TIMEOUT_USEC=30000000") != NULL,
		  "it says that it stops, and asks for time");
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says(", 0 left"), "and ends in order (%d)", code);
}

#define RELOADED(rate, more)                                                                       \
	RUN_BED_JOURNAL "sources: [{name: s, topic: t, from: {generate: {}}, rate: " rate "}]\n"   \
			"subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n" more

static void alone(void)
{
	(void)setsid(); // no terminal
	as_a_service();
}

static void test_reload(void)
{
	while (recv(manager, heard, sizeof heard, MSG_DONTWAIT) > 0)
		; /* of the one before */
	run_bed_fresh();
	run_bed_put("c.yaml", RELOADED("1/s", ""));
	run_bed_before = alone;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	(void)hear_until("READY=1", NULL);
	run_bed_put("c.yaml", RELOADED("wrong", "run: {drain_timeout: 1h}\n"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 1 error; everything stays as it was");
	(void)hear_until("RELOADING=1\nMONOTONIC_USEC=", NULL);
	(void)hear_until("READY=1", NULL);
	tap_check(true, "a reload is told, and its end");
	run_bed_put("c.yaml", RELOADED("2000/s", "run: {drain_timeout: 1m, stay: yes}\n"
						 "limits: {topics: 9}\n"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 3 taken over, 1 left until a restart");
	run_bed_wait_for_bytes("out", 129 * 1000);
	tap_check(true, "a rate that was changed is kept to from then on");
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 0 taken over, 1 left until a restart");
	run_bed_must(unlink("c.yaml") == 0, "unlink");
	kill(child, SIGHUP);
	run_bed_wait_for_word("no such file");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && run_bed_says("reload: sources[s].rate is 2000/s now, it was 1/s") &&
			  run_bed_says("reload: run.drain_timeout is 1m now, it was 10s") &&
			  run_bed_says("reload: limits.topics stays 64, not 9, until a restart: "
				       "memory is reserved at the open") &&
			  run_bed_says("c.yaml: ") && run_bed_says(", 0 left"),
		  "what changes is told by name, what cannot with the cause (%d)", code);
}

/* Every line from the first object on is one, and the last one says how it ended. */
static bool is_json_to_the_end(void)
{
	const char *line = strstr(run_bed_said, "{\"time\":\"");
	bool good = line != NULL;
	for (const char *end; good && (end = strchr(line, '\n')) != NULL; line = end + 1)
		good = strncmp(line, "{\"time\":\"", 9) == 0 && end[-1] == '}' && end[-2] == '}';
	return good && *line == '\0' &&
	       run_bed_says("\"event\":\"run.ended\",\"pipeline\":\"life\",\"message\":"
			    "\"drained after a signal after ");
}

#define FREE_BYTES                                                                                 \
	"{name: disk, when: {free_bytes: {raise_at: 1000TiB, clear_at: 2000TiB}}, hold: 1ms}"

/* Is there a line of this level and event with this in it? */
static bool is_said_as(const char *what, const char *text)
{
	char *place;
	(void)run_bed_get("said");
	for (char *line = strtok_r(run_bed_text, "\n", &place); line != NULL;
	     line = strtok_r(NULL, "\n", &place))
		if (strstr(line, what) != NULL && strstr(line, text) != NULL)
			return true;
	return false;
}

static void test_reload_of_lines_and_alerts(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RELOADED("1000/s", "log: {level: warning}\n"));
	run_bed_before = alone;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", 1);
	run_bed_put("c.yaml",
		    RELOADED("1000/s", "log: {format: json}\nalerts: [" FREE_BYTES "]\n"));
	kill(child, SIGHUP);
	/* In the old format or in the new one: rules are taken over before it is. */
	run_bed_wait_for_word("alert.raised");
	run_bed_wait_for_word("\"event\":\"reload.done\"");
	tap_check(strstr(run_bed_get("said"), "reload.taken") == NULL,
		  "what is less than the level is not said");
	run_bed_put("c.yaml", RELOADED("1000/s", "log: {format: json}\n"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("\"event\":\"alert.cleared\"");
	run_bed_put("c.yaml",
		    RELOADED("wrong", "log: {format: json}\nalerts: [{name: b, bridge: far, "
				      "when: {bridge_down: {raise_at: 1m, clear_at: 0s}}}]\n"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 1 error; everything stays as it was");
	run_bed_put("c.yaml",
		    RELOADED("1000/s", "log: {format: json}\nmetrics: {alert_instances: 1}\n"
				       "alerts: [{name: far, when: {lag_events: "
				       "{raise_at: 9, clear_at: 1}}}]\n"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("\"event\":\"reload.left\"");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 && is_json_to_the_end() &&
			  run_bed_says("reload: alerts[disk] is not set now, it was disk") &&
			  run_bed_says("reload: alerts[far] is far now, it was not set") &&
			  run_bed_says("\"key\":\"metrics.alert_instances\",\"before\":\"64\","),
		  "a reload takes the format, the level and rules of alerts (%d)", code);
	tap_check(is_said_as("warning\",\"event\":\"reload.warning", "has no bridge") &&
			  is_said_as("error\",\"event\":\"reload.refused",
				     "\"fields\":{\"config\":\"c.yaml\",\"line\":5,\"column\":") &&
			  is_said_as("error\",\"event\":\"reload.refused",
				     "\"key\":\"sources[s].rate\"") &&
			  !run_bed_says("^"),
		  "what is found in the file is said as bad as it is, with place and key");
}

#define MADE(topic)                                                                                \
	RUN_BED_SMALL "topics: [{name: t, partitions: 2" topic "}]\n" NEVER_ENDS                   \
		      "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n"

/* Of partitions that cannot come a reload says that no restart brings them, and that is so. */
static void test_reload_of_partitions(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", MADE(""));
	run_bed_before = alone;
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out", 1);
	run_bed_put("c.yaml", MADE(", partitions_max: 4"));
	kill(child, SIGHUP);
	run_bed_wait_for_word(
		"topics[t].partitions_max 4, which is new, has no effect, and a restart is "
		"refused: a topic keeps it as it was made");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	run_bed_put("c.yaml", MADE(", partitions_max: 4"));
	int again = run_bed_run("c.yaml");
	run_bed_before = NULL;
	tap_check(code == 0 && again == CLI_EXIT_CONFIG && run_bed_says("topic"),
		  "a reload says what a restart refuses, and it does (%d, %d)", code, again);
}

#define KEEPS(journal, topic)                                                                      \
	"journal: {dir: j, segment: 1MiB" journal "}\nmemory: {chunk: 64KiB, pool: 2MiB, "         \
	"undurable: 512KiB}\ntopics: [{name: t" topic "}]\n" NEVER_ENDS                            \
	"subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n"

static void test_reload_of_retention(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", KEEPS(", pack: padding, topic_retention: yes, retention_time: 2h",
				    ", retention_time: 1h"));
	run_bed_before = alone;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", 1);
	/* The file would have the log keep more, which it does after a restart. */
	run_bed_put("c.yaml",
		    KEEPS(", pack: padding, topic_retention: yes", ", retention_time: 3h"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: topics: the log keeps no more than 7200000000000 ns");
	run_bed_put("c.yaml", KEEPS(", pack: padding, topic_retention: yes, retention_time: 2h",
				    ", retention: 1GiB"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 2 taken over, 0 left until a restart");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(
		code == 0 && run_bed_says("reload: topics[t].retention is 1GiB now") &&
			run_bed_says("reload: topics[t].retention_time is not set now, it was 1h"),
		"a reload takes what a topic keeps, and no more than the log does (%d)", code);
}

#define KEEPS_TWO(topic) KEEPS(", pack: padding, topic_retention: yes", "}, {name: " topic)

/* One that leaves the file and comes back, and one that was never made. */
static void test_reload_of_topics(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", KEEPS_TWO("u, retention_time: 3h"));
	run_bed_before = alone;
	pid_t child = run_bed_start("c.yaml");
	run_bed_before = NULL;
	run_bed_wait_for_bytes("out", 1);
	run_bed_put("c.yaml", KEEPS_TWO("v, retention_time: 1h"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 0 taken over, 2 left until a restart");
	run_bed_put("c.yaml", KEEPS_TWO("u, retention_time: 2h"));
	kill(child, SIGHUP);
	run_bed_wait_for_word("reload: 1 taken over, 0 left until a restart");
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(code == 0 &&
			  run_bed_says("topics[u] stays u, though it is in the file no more, ") &&
			  run_bed_says("reload: topics[v] v, which is new, has no effect, until") &&
			  run_bed_says("reload: topics[u] is in the file again: it keeps what"),
		  "topics that leave the file are told, and those that come back to it (%d)", code);
}

static void test_who_is_told(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [sh, -c, "
		    "'echo \"[$NOTIFY_SOCKET$WATCHDOG_USEC$WATCHDOG_PID]\" >>env'],"
		    " timeout: 1m}}]\n");
	while (recv(manager, heard, sizeof heard, MSG_DONTWAIT) > 0)
		; /* of the one before */
	run_bed_before = as_a_service_whose_watchdog_is_another;
	int code = run_bed_run("c.yaml");
	run_bed_before = NULL;
	bool good = hear_until("all is delivered", "WATCHDOG=1");
	tap_check(good, "a watchdog of another process is not fed");
	tap_check(code == 0 && strcmp(run_bed_get("env"), "[]\n") == 0,
		  "what it starts knows nothing of it: %s", run_bed_get("env"));
}

static void test_wrong_address(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {file: out}}]\n");
	socket_name = "vsock:2:1";
	run_bed_before = as_a_service;
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("NOTIFY_SOCKET is not as sd_notify has it"),
		  "an address that cannot be is told, and it runs (%d)", code);
	socket_name = "/nowhere/there";
	code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says("could not be told"), "so is one where nobody is (%d)",
		  code);
	run_bed_before = NULL;
}

int main(void)
{
	listen_abstract();
	test_life();
	test_reload();
	test_reload_of_lines_and_alerts();
	test_reload_of_partitions();
	test_reload_of_retention();
	test_reload_of_topics();
	test_who_is_told();
	test_wrong_address();
	run_bed_end_all();
	close(manager);
	return tap_end();
}
