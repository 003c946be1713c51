/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what only a real broker shows of the bridges to Kafka, beside kills
 *         (tools/bridge-test): zombies, rebalances, new partitions, a restart within a transaction,
 *         what the broker refuses, passwords, certificates. Nothing is lost, nothing comes twice.
 * Method: events are numbers. Each case has logs and a topic of its own; at the end the topic is
 *         read with read_committed, or the log, and each number has to be there once. By hand:
 *             tools/with-kafka --sasl --tls build/tests/bridge_kafka_cases [CASE]
 *         The broker is where KAFKA_SERVERS says; tools/with-kafka has the other variables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bridge/kafka_cases.h"

static void two_sinks_of_a_group(void)
{
	static struct log l;
	log_open(&l, "fenced", 4);
	cases_topic("fenced", 4, NULL);
	uint32_t second = log_subscription(&l, "second");
	struct weir_bridge *a = log_sink(&l, "a", "one", l.subscription, "fenced", 50);
	struct weir_bridge *b = NULL;
	for (uint32_t i = 0; i < 20; i++) {
		log_publish(&l, 100);
		if (i == 4)
			b = log_sink(&l, "b", "one", second, "fenced", 50);
		cases_nap_ms(100);
	}
	struct weir_bridge_status sa, sb;
	bool one_gave_up = false;
	for (int i = 0; i < 600 && !one_gave_up; i++) {
		sa = cases_look(a);
		sb = cases_look(b);
		one_gave_up = sa.state == WEIR_BRIDGE_FAILED || sb.state == WEIR_BRIDGE_FAILED;
		log_publish(&l, 10);
		cases_nap_ms(50);
	}
	cases_check(one_gave_up && sa.state != sb.state, "of two sinks of a group one gives up");
	const struct weir_bridge_status *lost = sa.state == WEIR_BRIDGE_FAILED ? &sa : &sb;
	cases_check(strstr(lost->why, "another bridge uses group one") != NULL, lost->why);
	cases_check(log_wait_sent(&l, lost == &sa ? second : l.subscription),
		    "the other goes on to the end");
	cases_check_topic("fenced", 4, l.published, "two sinks of a group");
	(void)weir_bridge_stop(a);
	(void)weir_bridge_stop(b);
	log_close(&l);
}

/* Another log under the same group fences the one that is there, and then sends nothing. */
static void a_sink_of_another_log(void)
{
	static struct log l, other;
	log_open(&l, "right", 4);
	log_open(&other, "wrong", 4);
	cases_topic("right", 4, NULL);
	struct weir_bridge *a = log_sink(&l, "a", "mine", l.subscription, "right", 50);
	log_publish(&l, 500);
	cases_check(log_wait_sent(&l, l.subscription), "a sink sends");
	log_publish(&other, 500);
	struct weir_bridge *b = log_sink(&other, "b", "mine", other.subscription, "right", 50);
	bool failed = cases_wait_state(b, WEIR_BRIDGE_FAILED);
	struct weir_bridge_status status = cases_look(b);
	cases_check(failed && strstr(status.why, "another log") != NULL, status.why);
	log_publish(&l, 500);
	cases_check(log_wait_sent(&l, l.subscription), "the fenced one goes on");
	cases_check_topic("right", 4, l.published, "a sink of another log");
	(void)weir_bridge_stop(b);
	(void)weir_bridge_stop(a);
	log_close(&l);
	log_close(&other);
}

static void rebalances(void)
{
	static struct log l;
	log_open(&l, "shared", 4);
	cases_topic("shared", 6, NULL);
	struct weir_bridge *bridges[2] = {log_source(&l, "a", "both", "shared", false),
					  log_source(&l, "b", "both", "shared", false)};
	uint64_t written = 0;
	uint64_t shares[2] = {0};
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 10; k++, written += 200) {
			cases_write("shared", 6, written + 1, written + 201, NULL);
			cases_nap_ms(50);
		}
		shares[i % 2] += cases_look(bridges[i % 2]).events;
		(void)weir_bridge_stop(bridges[i % 2]);
		cases_write("shared", 6, written + 1, written + 201, NULL);
		written += 200;
		bridges[i % 2] = log_source(&l, i % 2 == 0 ? "a" : "b", "both", "shared", false);
	}
	cases_check(log_wait_came(&l, written), "all comes while sources come and go");
	shares[0] += cases_look(bridges[0]).events;
	shares[1] += cases_look(bridges[1]).events;
	cases_check(shares[0] > 0 && shares[1] > 0, "both had a share");
	(void)weir_bridge_stop(bridges[0]);
	(void)weir_bridge_stop(bridges[1]);
	log_check_came(&l, written, "rebalances");
	log_close(&l);
}

static void new_partitions(void)
{
	static struct log l;
	log_open(&l, "growing", 4);
	cases_topic("growing", 2, NULL);
	struct weir_bridge *out = log_sink(&l, "out", "grow-out", l.subscription, "growing", 50);
	struct weir_bridge *in = log_source(&l, "in", "grow-in", "growing", false);
	log_publish(&l, 1000);
	cases_check(log_wait_came(&l, 1000), "all comes from two partitions");
	cases_grow("growing", 5);
	cases_write("growing", 5, 1001, 1501, NULL);
	l.published += 500;
	cases_check(log_wait_came(&l, 1500), "and what others write to new ones");
	/* The sink asks for partitions when it connects. */
	cases_check(weir_bridge_pause(out) == 0 && cases_wait_state(out, WEIR_BRIDGE_PAUSED) &&
			    weir_bridge_resume(out) == 0,
		    "a pause of the sink");
	log_publish(&l, 1000);
	cases_check(log_wait_came(&l, l.published), "and what the sink sends to them");
	(void)weir_bridge_stop(out);
	(void)weir_bridge_stop(in);
	log_check_came(&l, l.published, "new partitions");
	log_close(&l);
}

/* It asks for them each minute. What it sent before is there first, so that no key is ahead. */
static void new_partitions_of_a_sink_that_runs(void)
{
	static struct log l;
	log_open(&l, "widening", 4);
	cases_topic("widening", 2, NULL);
	struct weir_bridge *out = log_sink(&l, "out", "wide-out", l.subscription, "widening", 50);
	struct weir_bridge *in = log_source(&l, "in", "wide-in", "widening", false);
	log_publish(&l, 100);
	cases_check(log_wait_came(&l, 100), "all comes from two partitions");
	cases_grow("widening", 6); // of which k0 and k1 go to the last
	bool come = true;
	for (int i = 0; i < 360 && come && cases_end_of("widening", 5) == 0; i++) {
		log_publish(&l, 100);
		come = log_wait_came(&l, l.published);
		cases_nap_ms(500);
	}
	cases_check(come && cases_end_of("widening", 5) > 0,
		    "a sink that runs sends to the new ones, too");
	cases_check(cases_look(out).state == WEIR_BRIDGE_RUNNING && cases_look(out).attempts == 0,
		    "and was never away");
	log_publish(&l, 100);
	cases_check(log_wait_came(&l, l.published), "all comes from six");
	(void)weir_bridge_stop(out);
	(void)weir_bridge_stop(in);
	log_check_came(&l, l.published, "new partitions of a sink that runs");
	log_close(&l);
}

static void a_restart_within_a_transaction(void)
{
	static struct log l;
	log_open(&l, "restart", 4);
	cases_topic("restart", 4, NULL);
	struct weir_bridge *out = log_sink(&l, "out", "restart", l.subscription, "restart", 5000);
	cases_check(cases_wait_state(out, WEIR_BRIDGE_RUNNING), "it runs");
	for (int i = 0; i < 2; i++) {
		log_publish(&l, 2000);
		cases_nap_ms(1000); /* sent, and the transaction is open for four seconds more */
		cases_control("kill");
		cases_control("start");
	}
	log_publish(&l, 100);
	cases_check(log_wait_sent(&l, l.subscription), "all is sent");
	cases_check_topic("restart", 4, l.published, "restarts within transactions");
	(void)weir_bridge_stop(out);
	log_close(&l);
}

static void too_large_for_the_broker(void)
{
	static struct log l;
	static char large[4000];
	log_open(&l, "sizes", 1);
	cases_topic("sizes", 1, "2000"); // max.message.bytes
	memset(large, '9', sizeof large);
	log_publish(&l, 10);
	log_publish_bytes(&l, large, sizeof large);
	log_publish(&l, 10);
	struct weir_bridge *out = log_sink(&l, "out", "sizes", l.subscription, "sizes", 50);
	cases_check(log_wait_sent(&l, l.subscription), "all but one is sent");
	cases_check(cases_look(out).dead_letters == 1, "that one is a dead letter");
	cases_check_topic("sizes", 1, l.published, "one too large");
	(void)weir_bridge_stop(out);
	log_close(&l);
}

static void where_a_source_starts(void)
{
	static struct log newest, oldest;
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	log_open(&newest, "newest", 2);
	log_open(&oldest, "oldest", 2);
	cases_topic("starts", 2, NULL);
	cases_write("starts", 2, 1, 101, NULL);
	struct weir_bridge *a = log_source(&newest, "a", "newest", "starts", true);
	struct weir_bridge *b = log_source(&oldest, "b", "oldest", "starts", false);
	cases_check(log_wait_came(&oldest, 100), "from the oldest message");
	/* Once it has its partitions, their ends are positions. */
	cases_check(log_wait_positions(&newest, 2), "from the newest one");
	cases_write("starts", 2, 101, 111, parent);
	cases_check(log_wait_came(&oldest, 110) && log_wait_came(&newest, 10), "and what follows");
	(void)weir_bridge_stop(a);
	(void)weir_bridge_stop(b);
	log_check_came(&oldest, 110, "the oldest");
	log_check_parents(&newest, parent, 10);
	/* And out again, as it came. */
	cases_topic("again", 2, NULL);
	uint32_t came = log_subscription_of(&newest, "again", "came");
	struct weir_bridge *out = log_sink(&newest, "out", "again", came, "again", 50);
	cases_check(log_wait_sent(&newest, came), "it goes out");
	cases_check(cases_count_parents("again", 2, parent) == 10, "traceparent is kept both ways");
	(void)weir_bridge_stop(out);
	log_close(&newest);
	log_close(&oldest);
}

static void passwords(void)
{
	static struct log l;
	const char *servers = getenv("KAFKA_SASL_SERVERS");
	const char *user = getenv("KAFKA_SASL_USER"), *secret = getenv("KAFKA_SASL_SECRET");
	if (servers == NULL || user == NULL || secret == NULL) {
		cases_skip("passwords: tools/with-kafka --sasl");
		return;
	}
	log_open(&l, "secret", 2);
	cases_topic("secret", 2, NULL);
	log_publish(&l, 100);
	cases_login(servers, user, "not-this-one");
	struct weir_bridge *bridges[2] = {
		log_sink(&l, "out", "secret", l.subscription, "secret", 50),
		log_source(&l, "in", "secret-in", "secret", false)};
	for (int i = 0; i < 2; i++) {
		bool failed = cases_wait_state(bridges[i], WEIR_BRIDGE_FAILED);
		struct weir_bridge_status status = cases_look(bridges[i]);
		cases_check(failed && strstr(status.why, "uthentication") != NULL &&
				    strstr(status.why, "not-this-one") == NULL,
			    status.why);
		(void)weir_bridge_stop(bridges[i]);
	}
	cases_login(servers, user, secret);
	bridges[0] = log_sink(&l, "out", "secret", l.subscription, "secret", 50);
	bridges[1] = log_source(&l, "in", "secret-in", "secret", false);
	cases_check(log_wait_came(&l, 100), "with the right one all goes out and comes back");
	(void)weir_bridge_stop(bridges[0]);
	(void)weir_bridge_stop(bridges[1]);
	cases_login(NULL, NULL, NULL);
	log_close(&l);
}

/* Nothing goes to a broker whose certificate is a stranger's, and all of it when it is known. */
static void certificates_of(const char *name, const char *servers, const char *user,
			    const char *secret)
{
	static struct log l;
	log_open(&l, name, 2);
	cases_topic(name, 2, NULL);
	log_publish(&l, 100);
	cases_tls(servers, getenv("KAFKA_OTHER_CA_FILE"), user, secret);
	struct weir_bridge *bridges[2] = {log_sink(&l, "out", name, l.subscription, name, 50),
					  log_source(&l, "in", name, name, false)};
	for (int i = 0; i < 2; i++) {
		bool told = cases_wait_why(bridges[i], "certificate verify failed");
		struct weir_bridge_status status = cases_look(bridges[i]);
		cases_check(told && status.events == 0, status.why);
		(void)weir_bridge_stop(bridges[i]);
	}
	cases_tls(servers, getenv("KAFKA_CA_FILE"), user, secret);
	bridges[0] = log_sink(&l, "out", name, l.subscription, name, 50);
	bridges[1] = log_source(&l, "in", name, name, false);
	cases_check(log_wait_came(&l, 100), "with the right authority all goes out and comes back");
	(void)weir_bridge_stop(bridges[0]);
	(void)weir_bridge_stop(bridges[1]);
	log_check_came(&l, 100, name);
	cases_login(NULL, NULL, NULL);
	log_close(&l);
}

static void certificates(void)
{
	const char *servers = getenv("KAFKA_TLS_SERVERS");
	const char *login = getenv("KAFKA_SASL_TLS_SERVERS");
	if (servers == NULL)
		cases_skip("certificates: tools/with-kafka --tls");
	else
		certificates_of("tls", servers, NULL, NULL);
	if (login == NULL)
		cases_skip("certificates and passwords: tools/with-kafka --sasl --tls");
	else
		certificates_of("tls-login", login, getenv("KAFKA_SASL_USER"),
				getenv("KAFKA_SASL_SECRET"));
}

/* Nothing goes to a broker that wants to know who comes, and is not told, or knows nobody of it. */
static void certificates_of_ours(void)
{
	static struct log l;
	const char *servers = getenv("KAFKA_MUTUAL_SERVERS"), *ca_file = getenv("KAFKA_CA_FILE");
	if (servers == NULL) {
		cases_skip("certificates of ours: tools/with-kafka --tls");
		return;
	}
	log_open(&l, "mutual", 2);
	cases_topic("mutual", 2, NULL);
	log_publish(&l, 100);
	for (int i = 0; i < 2; i++) {
		cases_tls(servers, ca_file, NULL, NULL);
		if (i > 0)
			cases_certificate(getenv("KAFKA_OTHER_CERT_FILE"),
					  getenv("KAFKA_OTHER_KEY_FILE"));
		struct weir_bridge *out =
			log_sink(&l, "out", "mutual", l.subscription, "mutual", 50);
		bool told = cases_wait_why(out, "certificate");
		struct weir_bridge_status status = cases_look(out);
		cases_check(told && status.events == 0, status.why);
		(void)weir_bridge_stop(out);
	}
	cases_tls(servers, ca_file, NULL, NULL);
	cases_certificate(getenv("KAFKA_CERT_FILE"), getenv("KAFKA_KEY_FILE"));
	struct weir_bridge *out = log_sink(&l, "out", "mutual", l.subscription, "mutual", 50);
	struct weir_bridge *in = log_source(&l, "in", "mutual", "mutual", false);
	cases_check(log_wait_came(&l, 100), "with a certificate all goes out and comes back");
	(void)weir_bridge_stop(out);
	(void)weir_bridge_stop(in);
	log_check_came(&l, 100, "mutual");
	cases_login(NULL, NULL, NULL);
	log_close(&l);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"fenced", two_sinks_of_a_group},
		{"other-log", a_sink_of_another_log},
		{"rebalances", rebalances},
		{"partitions", new_partitions},
		{"partitions-later", new_partitions_of_a_sink_that_runs},
		{"restart", a_restart_within_a_transaction},
		{"sizes", too_large_for_the_broker},
		{"starts", where_a_source_starts},
		{"passwords", passwords},
		{"certificates", certificates},
		{"certificates-of-ours", certificates_of_ours},
	};
	bool found = false;
	if (getenv("KAFKA_SERVERS") == NULL || getenv("KAFKA_CONTROL") == NULL) {
		(void)fprintf(stderr, "usage: tools/with-kafka [--sasl] [--tls] %s [CASE]\n",
			      argv[0]);
		return 2;
	}
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (argc > 1 && strcmp(argv[1], all[i].name) != 0)
			continue;
		(void)printf("# %s\n", all[i].name);
		all[i].run();
		found = true;
	}
	if (!found)
		(void)fprintf(stderr, "no case %s\n", argv[1]);
	return found ? cases_end() : 2;
}
