/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the keys of a shared subscription reach the program as options, and those that
 *         contradict each other are told at their places.
 * Method: texts through the public API, the report searched for its lines.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <weir/alerts.h>

#include "tests/support/config_bed.h"

#define TOPICS "topics: [{name: a}, {name: dead}]\n"
#define QUEUE(keys) TOPICS "subscriptions:\n  - {name: q, topics: [a], " keys "}\n"

static void expect(const char *yaml, const char *line)
{
	const char *report = config_report(yaml);
	cr_expect_not_null(strstr(report, line), "%s\nlacks: %s\nis: %s", yaml, line, report);
}

TestSuite(queues, .timeout = 60);

Test(queues, keys_become_options)
{
	struct weir_config *config = config_good("journal: {dir: j}\n" QUEUE(
		"order: key, lease: 3s, outstanding: 77, single_active: yes, "
		"retry: {attempts: 5, delay: 10ms, delay_max: 2s}, "
		"dead_letters: dead, when_dead: park, delay: 15m, time_to_live: 2h"));
	uint32_t count;
	const struct weir_subscription_options *o = weir_config_subscriptions(config, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(o->order, WEIR_ORDER_KEY);
	cr_expect_eq(o->lease_ns, 3000000000u);
	cr_expect_eq(o->outstanding_max, 77);
	cr_expect(o->single_active);
	cr_expect_eq(o->attempts_max, 5);
	cr_expect_eq(o->retry_delay_min_ns, 10000000u);
	cr_expect_eq(o->retry_delay_max_ns, 2000000000u);
	cr_expect_str_eq(o->dead_letters, "dead");
	cr_expect_eq(o->when_dead, WEIR_DEAD_PARK);
	cr_expect_eq(o->delay_ns, 900000000000u);
	cr_expect_eq(o->time_to_live_ns, 7200000000000u);
	cr_expect_not(o->priorities);
	weir_config_destroy(config);
	config = config_good(QUEUE("order: none"));
	o = weir_config_subscriptions(config, &count);
	cr_expect_eq(o->order, WEIR_ORDER_NONE);
	cr_expect_eq(o->lease_ns, 30000000000u);
	cr_expect_eq(o->outstanding_max, 0);
	cr_expect_eq(o->attempts_max, 0);
	cr_expect_null(o->dead_letters);
	cr_expect(o->delay_ns == 0 && o->time_to_live_ns == 0 && !o->priorities);
	weir_config_destroy(config);
	config = config_good(
		QUEUE("order: none, priorities: yes, length: 1000, length_bytes: 1MiB"));
	o = weir_config_subscriptions(config, &count);
	cr_expect(o->priorities);
	cr_expect(o->length_max == 1000 && o->length_bytes_max == 1u << 20);
	cr_expect_eq(o->when_long, WEIR_LONG_DROP);
	weir_config_destroy(config);
	config = config_good(QUEUE("order: none, when_long: refuse, length: 10"));
	o = weir_config_subscriptions(config, &count);
	cr_expect_eq(o->when_long, WEIR_LONG_REFUSE);
	weir_config_destroy(config);
}

Test(queues, contradictions_are_told_at_their_places)
{
	expect(QUEUE("outstanding: 3"), "x:3:41: error: only a queue has this");
	expect(QUEUE("single_active: yes"), "only a queue has this");
	expect(QUEUE("retry: {attempts: 3}"), "nothing is given up in silence");
	expect(QUEUE("retry: {delay: 2m}"), "delay is longer than delay_max");
	expect(QUEUE("when_dead: park"), "only a queue has this");
	expect(QUEUE("order: none, dead_letters: dead, when_dead: park"),
	       "without an order by key there is none to park");
	expect(QUEUE("order: key, when_dead: park"), "nothing is dead without dead_letters");
	expect(QUEUE("order: key, dead_letters: dead, when_dead: park"),
	       "in memory alone producers would be held back");
	expect(QUEUE("delay: 1s"), "only a queue has this");
	expect(QUEUE("time_to_live: 1s"), "nothing is given up in silence");
	expect(QUEUE("priorities: yes"), "only a queue has this");
	expect(QUEUE("length: 3"), "only a queue has this");
	expect(QUEUE("length_bytes: 3KiB"), "only a queue has this");
	expect(QUEUE("when_long: refuse"), "only a queue has this");
	expect(QUEUE("order: key, when_long: refuse"), "there is no limit for it to be too long");
	expect(QUEUE("order: key, length: 3, when_long: refuse, filter: {type: x}"),
	       "what comes cannot be refused by a filter");
	expect(QUEUE("order: key, priorities: yes"), "a key's events are in order");
	expect(QUEUE("order: key, when_slow: gap"), "a queue leaves nothing out");
	expect(QUEUE("order: key, when_slow: detach"),
	       "there is no limit above which it is too slow");
	expect(QUEUE("when_slow: detach"), "there is no limit above which it is too slow");
	expect(QUEUE("order: key, outstanding: 1M"), "more than all queues together may have");
	expect(QUEUE("order: key, retry: {attempts: 3}"), "nothing is given up in silence");
	expect(QUEUE("order: key, retry: {delay: 2m}"), "delay is longer than delay_max");
	expect(QUEUE("order: key, retry: {delay: 0s}"), "a delay of 0 does not grow");
	expect(QUEUE("order: key, dead_letters: a"), "what is dead would come back");
	expect(QUEUE("order: key, dead_letters: deed"),
	       "there is no topic \"deed\"; did you mean \"dead\"?");
	expect(QUEUE("order: keys"), "\"keys\" is none of the choices; did you mean key?");
}

#define RULE(keys) TOPICS "alerts:\n  - {name: far, " keys "}\n"

Test(queues, rules_of_alerts_become_options)
{
	struct weir_config *config = config_good(
		TOPICS "metrics: {dir: none, alert_topic: dead}\n"
		       "alerts:\n"
		       "  - {name: far, when: {lag_age: {raise_at: 30s, clear_at: 5s}},\n"
		       "     subscription: q, hold: 2s}\n"
		       "  - {name: much, when: {lag_bytes: {raise_at: 2MiB, clear_at: 0}}}\n"
		       "  - {name: lost, when: {bridge_down: {raise_at: 1m, clear_at: 0s}}}\n"
		       "  - {name: dead, when: {bridge_dead_letters: {raise_at: 5, clear_at: 0}},\n"
		       "     bridge: out}\n"
		       "  - {name: idle, when: {idle_age: {raise_at: 1m, clear_at: 0s}},\n"
		       "     subscription: q}\n"
		       "  - {name: held, when: {bridge_stuck_age: {raise_at: 1m, clear_at: 0s}},\n"
		       "     bridge: out}\n");
	const struct weir_options *o = weir_config_options(config);
	cr_assert_eq(o->alert_count, 6);
	cr_expect_str_eq(o->metrics_dir, "none");
	cr_expect_str_eq(o->alert_topic, "dead");
	cr_expect_str_eq(o->alerts[0].name, "far");
	cr_expect_str_eq(o->alerts[0].subscription, "q");
	cr_expect_eq(o->alerts[0].kind, WEIR_ALERT_LAG_AGE);
	cr_expect_eq(o->alerts[0].raise_at, 30000000000u);
	cr_expect_eq(o->alerts[0].clear_at, 5000000000u);
	cr_expect_eq(o->alerts[0].hold_ns, 2000000000u);
	cr_expect_eq(o->alerts[1].kind, WEIR_ALERT_LAG_BYTES);
	cr_expect_eq(o->alerts[1].raise_at, 2u << 20);
	cr_expect_null(o->alerts[1].subscription);
	cr_expect_eq(o->alerts[1].hold_ns, 10000000000u);
	cr_expect_eq(o->alerts[2].kind, WEIR_ALERT_BRIDGE_DOWN);
	cr_expect_eq(o->alerts[2].raise_at, 60000000000u);
	cr_expect_null(o->alerts[2].bridge);
	cr_expect_eq(o->alerts[3].kind, WEIR_ALERT_BRIDGE_DEAD_LETTERS);
	cr_expect_str_eq(o->alerts[3].bridge, "out");
	cr_expect_eq(o->alerts[4].kind, WEIR_ALERT_IDLE_AGE);
	cr_expect_eq(o->alerts[5].kind, WEIR_ALERT_BRIDGE_STUCK_AGE);
	weir_config_destroy(config);
	expect(RULE("when: {parked: {raise_at: 5, clear_at: 0}}, bridge: out"),
	       "this number is not of a bridge");
	expect(RULE("when: {idle_age: {raise_at: 5s, clear_at: 0s}}, bridge: out"),
	       "this number is not of a bridge");
	expect(RULE("when: {bridge_stuck_age: {raise_at: 5s, clear_at: 0s}}, subscription: q"),
	       "this number is of a bridge, and not of a subscription");
	expect(RULE("when: {bridge_down: {raise_at: 5s, clear_at: 0s}}, subscription: q"),
	       "this number is of a bridge, and not of a subscription");
	expect(RULE("when: {bridge_down: {raise_at: 5s, clear_at: 0s}}, bridge: out"),
	       "the file has no bridge \"out\": this rule waits for one that a program starts");
	expect(RULE("when: {lag_age: {raise_at: 5s, clear_at: 0s}}, subscription: biling"),
	       "the file has no subscription \"biling\": this rule waits for one that a program "
	       "makes");
	expect(QUEUE("order: partition") "alerts: [{name: far, subscription: q, "
					 "when: {parked: {raise_at: 5, clear_at: 0}}}]\n",
	       "\"q\" is no queue");
	expect(QUEUE("order: partition") "alerts: [{name: far, subscription: q, "
					 "when: {lease_age: {raise_at: 5s, clear_at: 0s}}}]\n",
	       "\"q\" is no queue");
	cr_expect_str_eq(
		config_report(QUEUE("order: key") "alerts: [{name: far, subscription: q, "
						  "when: {parked: {raise_at: 5, clear_at: 0}}}]\n"),
		"");
	expect(RULE("when: {parked: {raise_at: 5, clear_at: 5}}"), "clear_at has to be less");
	const char *report = config_report(RULE("when: {lag_age: {raise_at: 5, clear_at: 5s}}"));
	cr_expect_not_null(strstr(report, "has no unit"), "%s", report);
	cr_expect_null(strstr(report, "clear_at has to be"), "%s", report);
	expect(RULE("when: {free_bytes: {raise_at: 5, clear_at: 9}}"), "there is none");
	expect(RULE("when: {stuck_age: {raise_at: 5s, clear_at: 1s}}, subscription: q"),
	       "this number is of the pipeline");
	expect("metrics: {alert_topic: none}\n", "there is no topic \"none\"");
}
