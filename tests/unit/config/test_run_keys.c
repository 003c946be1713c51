/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   sources, sinks and `run` are read as they are meant, short forms included; keys that do
 *         not go together are told at their places; a program gets them as structs.
 * Method: texts through the public API, the report compared by its lines; what is explained is
 *         read again and explained again.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/config_bed.h"

#define TOPICS "topics: [{name: a}]\n"
#define JOURNAL "journal: {dir: j}\n" TOPICS

static const char *const whole =
	JOURNAL "sources:\n"
		"  - {name: in, topic: a, from: stdin}\n"
		"  - name: orders\n"
		"    topic: a\n"
		"    from: {file: orders.jsonl}\n"
		"    format: json\n"
		"    key: user.id\n"
		"    type: kind\n"
		"    time: at\n"
		"    headers: {trace: trace_id, region: where.region}\n"
		"    ids: {event: id, correlation: flow.id, causation: why, traceparent: tp, "
		"tracestate: ts}\n"
		"    payload: body\n"
		"    on_missing: bad_line\n"
		"    on_bad_line: skip\n"
		"    rate: 10k/s\n"
		"  - {name: two, topic: a, from: {files: [x, y]}}\n"
		"  - {name: log, topic: a, from: {follow: app.log}}\n"
		"  - {name: made, topic: a, from: {generate: {events: 5M, keys: 7}}}\n"
		"subscriptions:\n"
		"  - {name: s0, topics: [a], sink: stdout}\n"
		"  - {name: s1, topics: [a], sink: null}\n"
		"  - {name: s2, topics: [a], sink: {to: stdout, write: json}}\n"
		"  - {name: s3, topics: [a], sink: {file: out}}\n"
		"  - {name: s4, topics: [a], members: 3, sink: {file: o-%m, commit: after}}\n"
		"  - name: s5\n"
		"    topics: [a]\n"
		"    sink:\n"
		"      command: [send, '-x', '{y}']\n"
		"      timeout: 3s\n"
		"      retry: {attempts: 7, backoff: 1ms, backoff_max: 2s}\n"
		"      on_failure: skip\n"
		"  - {name: s6, topics: [a]}\n"
		"run: {drain_timeout: 3m, stay: yes}\n"
		"traces: {file: spans, service: shop, per_million: 250k, events: 1k}\n"
		"limits: {schemas: 9}\n"
		"serve: {listen: 127.0.0.1:0, token_file: t, writable: yes, connections: 9,\n"
		"  body_max: 2MiB, request_time: 3s}\n";

Test(run_keys, sources_are_read_as_they_are_meant)
{
	struct weir_config *config = config_good(whole);
	uint32_t count;
	const struct weir_config_source *s = weir_config_sources(config, &count);
	cr_assert_eq(count, 5);
	cr_assert_eq(s[0].from, WEIR_CONFIG_FROM_STDIN);
	cr_assert_eq(s[0].format, WEIR_CONFIG_FORMAT_LINES);
	cr_assert(s[0].key == NULL && s[0].payload == NULL && s[0].header_count == 0);
	cr_assert(!s[0].missing_is_bad && !s[0].skip_bad_lines && s[0].rate_per_s == 0);
	cr_assert_eq(s[1].from, WEIR_CONFIG_FROM_FILES);
	cr_assert_eq(s[1].file_count, 1);
	cr_assert_str_eq(s[1].files[0], "orders.jsonl");
	cr_assert_eq(s[1].format, WEIR_CONFIG_FORMAT_JSON);
	cr_assert_str_eq(s[1].key, "user.id");
	cr_assert_str_eq(s[1].type, "kind");
	cr_assert_str_eq(s[1].time, "at");
	cr_assert_str_eq(s[1].payload, "body");
	cr_assert_eq(s[1].header_count, 2);
	cr_assert_str_eq(s[1].headers[1].name, "region");
	cr_assert_str_eq(s[1].headers[1].field, "where.region");
	cr_assert_str_eq(s[1].event_id, "id");
	cr_assert_str_eq(s[1].correlation_id, "flow.id");
	cr_assert_str_eq(s[1].causation_id, "why");
	cr_assert_str_eq(s[1].traceparent, "tp");
	cr_assert_str_eq(s[1].tracestate, "ts");
	cr_assert(s[0].event_id == NULL && s[0].traceparent == NULL);
	cr_assert(s[1].missing_is_bad && s[1].skip_bad_lines);
	cr_assert_eq(s[1].rate_per_s, 10000);
	cr_assert_eq(s[2].from, WEIR_CONFIG_FROM_FILES);
	cr_assert_eq(s[2].file_count, 2);
	cr_assert_str_eq(s[2].files[1], "y");
	cr_assert_eq(s[3].from, WEIR_CONFIG_FROM_FOLLOW);
	cr_assert_str_eq(s[3].files[0], "app.log");
	cr_assert_eq(s[4].from, WEIR_CONFIG_FROM_GENERATE);
	cr_assert_eq(s[4].generate_events, 5000000);
	cr_assert_eq(s[4].generate_payload_bytes, 128);
	cr_assert_eq(s[4].generate_keys, 7);
	cr_assert_eq(s[4].generate_seed, 1);
	weir_config_destroy(config);
}

Test(run_keys, sinks_are_read_as_they_are_meant)
{
	struct weir_config *config = config_good(whole);
	struct weir_config_run run;
	uint32_t count;
	const struct weir_config_sink *s = weir_config_sinks(config, &count);
	cr_assert_eq(count, 7);
	cr_assert_eq(s[0].to, WEIR_CONFIG_TO_STDOUT);
	cr_assert_eq(s[0].members, 1);
	cr_assert_eq(s[1].to, WEIR_CONFIG_TO_NULL);
	cr_assert(s[2].to == WEIR_CONFIG_TO_STDOUT && s[2].write_json && !s[0].write_json);
	cr_assert_eq(s[3].to, WEIR_CONFIG_TO_FILE);
	cr_assert_eq(s[3].commit, WEIR_CONFIG_COMMIT_TOGETHER);
	cr_assert_eq(s[4].commit, WEIR_CONFIG_COMMIT_AFTER);
	cr_assert_eq(s[4].members, 3);
	cr_assert_eq(s[5].to, WEIR_CONFIG_TO_COMMAND);
	cr_assert_eq(s[5].command_count, 3);
	cr_assert_str_eq(s[5].command[2], "{y}");
	cr_assert_eq(s[5].timeout_ns, 3000000000);
	cr_assert_eq(s[5].attempts_max, 7);
	cr_assert_eq(s[5].backoff_ns, 1000000);
	cr_assert_eq(s[5].backoff_max_ns, 2000000000);
	cr_assert(s[5].on_failure == WEIR_CONFIG_FAILURE_SKIP &&
		  s[0].on_failure == WEIR_CONFIG_FAILURE_STOP);
	cr_assert_eq(s[6].to, WEIR_CONFIG_TO_NONE);
	weir_config_run(config, &run);
	cr_assert(run.stay && run.drain_timeout_ns == 180000000000);
	cr_assert_str_eq(run.traces.file, "spans");
	cr_assert_str_eq(run.traces.service, "shop");
	cr_assert(run.traces.ratio > 0.2499 && run.traces.ratio < 0.2501);
	cr_assert_eq(run.traces.events_max, 1000);
	cr_assert_str_eq(run.serve.listen, "127.0.0.1:0");
	cr_assert_str_eq(run.serve.token_file, "t");
	cr_assert(run.serve.writable && run.serve.connections_max == 9);
	cr_assert_eq(run.serve.body_bytes_max, 2 << 20);
	cr_assert_eq(run.serve.request_ns, 3000000000);
	weir_config_destroy(config);
}

Test(run_keys, without_a_journal_progress_comes_after_the_output)
{
	struct weir_config *config =
		config_good(TOPICS "subscriptions: [{name: s, topics: [a], sink: {file: out}}]\n");
	uint32_t count;
	cr_assert_eq(weir_config_sinks(config, &count)[0].commit, WEIR_CONFIG_COMMIT_AFTER);
	weir_config_destroy(config);
}

Test(run_keys, a_file_without_them_has_none)
{
	struct weir_config *config = config_good(TOPICS);
	struct weir_config_run run;
	uint32_t count = 7;
	cr_assert_null(weir_config_sources(config, &count));
	cr_assert_eq(count, 0);
	cr_assert_null(weir_config_sinks(config, &count));
	cr_assert_eq(count, 0);
	weir_config_run(config, &run);
	cr_assert(!run.stay && run.drain_timeout_ns == 10000000000);
	cr_assert_null(run.traces.file);
	cr_assert_null(run.serve.listen);
	weir_config_destroy(config);
}

static char *explained(const char *yaml)
{
	struct weir_config *config = config_good(yaml);
	size_t bytes = weir_config_explain(config, NULL, NULL, 0);
	char *text = malloc(bytes + 1);
	cr_assert_not_null(text);
	(void)weir_config_explain(config, NULL, text, bytes + 1);
	weir_config_destroy(config);
	return text;
}

Test(run_keys, what_is_explained_means_the_same)
{
	char *first = explained(whole);
	char *second = explained(first);
	char *third = explained(second);
	cr_assert_str_eq(second, third);
	cr_assert(strstr(first, "headers: {trace: trace_id, region: where.region}") != NULL);
	cr_assert(strstr(first, "rate: 10000/s") != NULL);
	cr_assert(strstr(first, "to: null") != NULL);
	free(first);
	free(second);
	free(third);
}

/* ---- mistakes ---- */

static void expect(const char *yaml, const char *line)
{
	const char *report = config_report(yaml);
	cr_assert(strstr(report, line) != NULL, "no \"%s\" in\n%s", line, report);
}

#define SOURCE(text) TOPICS "sources:\n  - {name: in, topic: a, " text "}\n"
#define SINK(text) JOURNAL "subscriptions:\n  - {name: s, topics: [a], " text "}\n"

Test(run_keys, a_server_that_lets_everybody_in_is_told_at_its_place)
{
	expect(TOPICS "serve: {listen: 0.0.0.0:9464}\n",
	       "x:2:17: error: whoever reaches this address could ask: it needs a "
	       "token");
	expect(TOPICS "serve: {listen: 0.0.0.0:9464, no_token: yes}\n",
	       "x:2:17: error: others reach this address: it needs a token");
	expect(TOPICS "serve: {listen: '[::]:9464', no_token: yes}\n", "others reach this");
	expect(TOPICS "serve: {listen: 127.0.0.1:99999, no_token: yes}\n",
	       "x:2:17: error: the port is a number from 0 to 65535");
	expect(TOPICS "serve: {listen: 'localhost:', no_token: yes}\n", "the port is a number");
	expect(TOPICS "serve: {listen: 'example.org:80', no_token: yes}\n", "not looked up");
	expect(TOPICS "serve: {listen: '9464', no_token: yes}\n", "no address and port");
	expect(TOPICS "serve: {listen: 'unix:'}\n", "a path of 1 to 107 bytes");
	expect(TOPICS "serve: {listen: 'unix:/run/w', writable: yes}\n",
	       "error: the pipeline has no registry");
	expect(TOPICS "serve: {writable: yes}\n", "error: it does not say where to listen");
	expect(TOPICS "serve: {listen: 127.0.0.1:1, no_token: yes, token_file: t}\n",
	       "no_token and token_file exclude each other");
	expect(TOPICS "serve: {listen: 127.0.0.1:1, no_token: yes, connections: 0}\n",
	       "serve.connections");
	weir_config_destroy(config_good(TOPICS "serve: {listen: 'unix:/run/w'}\n"));
	weir_config_destroy(config_good(TOPICS "serve: {listen: '[::1]:1', no_token: yes}\n"));
	weir_config_destroy(config_good(TOPICS "serve: {listen: localhost:0, no_token: yes}\n"));
	weir_config_destroy(config_good(TOPICS "serve: {listen: 0.0.0.0:65535, token_file: t}\n"));
}

Test(run_keys, a_source_that_cannot_be_is_told_at_its_place)
{
	expect(SOURCE("from: stdni"), "x:3:32: error: sources[0].from: \"stdni\" is none of the "
				      "choices; did you mean stdin?");
	expect(SOURCE("from: {file: a, follow: b}"),
	       "x:3:26: error: sources[0].from needs one of input, file, files, follow, generate");
	expect(SOURCE("from: "), "sources[0].from needs one of");
	expect(SOURCE("from: ~"), "sources[0].from needs one of");
	expect(SOURCE("format: json"), "x:3:5: error: sources[0] has no from");
	expect(SOURCE("from: stdin, rate: 10k"), "\"10k\" has no unit");
	expect(SOURCE("from: stdin, rate: 10k"), "= help: a second: 10k/s");
	expect(SOURCE("from: stdin, rate: 0/s"), "\"0/s\" is too small");
	expect(SOURCE("from: stdin, rate: 1/m"), "\"1/m\" is not a rate");
	expect(SOURCE("from: stdin, key: id"),
	       "x:3:39: error: key: a line that is not JSON has no fields");
	expect(SOURCE("from: {generate: }, format: json, key: id"),
	       "key: events that are made up have their own");
	expect(SOURCE("from: stdin, format: json, headers: {'a b': c}"), "\"a b\" is not a name");
	expect(SOURCE("from: stdin, format: json, headers: {a: [c]}"),
	       "sources[0].headers.a is a text, and this is a list");
	expect(SOURCE("from: stdin, format: json, headers: [c]"),
	       "sources[0].headers is a map of names, and this is a list");
	expect(SOURCE("from: stdin, format: json, key: .id"),
	       "x:3:58: error: the field \".id\" has a part without a name");
	expect(SOURCE("from: stdin, format: json, type: a..b"), "the field \"a..b\" has a part");
	expect(SOURCE("from: stdin, format: json, time: a."), "the field \"a.\" has a part");
	expect(SOURCE("from: stdin, format: json, payload: ."), "the field \".\" has a part");
	expect(SOURCE("from: stdin, format: json, ids: {correlation: a..b}"),
	       "the field \"a..b\" has a part without a name");
	expect(SOURCE("from: stdin, ids: {event: a}"),
	       "ids: a line that is not JSON has no fields");
	expect(SOURCE("from: stdin, format: json, headers: {t: a.b, u: ..}"),
	       "the field \"..\" has a part without a name");
	expect(TOPICS "sources: [{name: in, topic: b, from: stdin}]\n",
	       "x:2:29: error: there is no topic \"b\"\n");
	expect("topics: [{name: orders}]\nsources: [{name: in, topic: order, from: stdin}]\n",
	       "x:2:29: error: there is no topic \"order\"; did you mean \"orders\"?");
	expect(TOPICS "sources:\n  - {name: in, topic: a, from: {file: x}}\n"
		      "  - {name: in, topic: a, from: {file: y}}\n",
	       "x:4:12: error: a second source \"in\"\n");
	expect(TOPICS "sources:\n  - {name: i, topic: a, from: stdin}\n"
		      "  - {name: j, topic: a, from: stdin}\n",
	       "x:4:31: error: a second source of \"stdin\"\n");
	expect("limits: {producers: 1}\n" TOPICS "sources:\n  - {name: i, topic: a, from: stdin}\n"
	       "  - {name: j, topic: a, from: {file: x}}\n",
	       "sources: 2 of them, and limits.producers is 1");
}

Test(run_keys, a_sink_that_cannot_be_is_told_at_its_place)
{
	expect(SINK("sink: nul"), "did you mean null?");
	expect(SINK("sink: "), "x:4:28: error: a sink has one of to, file and command\n");
	expect(SINK("sink: ~"), "a sink has one of to, file and command\n");
	expect(SINK("sink: {write: json}"), "a sink has one of to, file and command\n");
	expect(SINK("sink: {file: o, to: stdout}"), "to, file and command, not several");
	expect(SINK("sink: {file: o, to: stdout}"), "= help: leave one of them, and the others");
	expect(SINK("sink: {command: []}"), "subscriptions[0].sink.command is empty");
	expect(SINK("sink: {to: null, write: json}"), "write: null writes nothing");
	expect(SINK("sink: {to: stdout, commit: after}"),
	       "x:4:55: error: commit: this is of files only");
	expect(SINK("sink: {file: o, timeout: 1s}"), "timeout: this is of commands only");
	expect(SINK("sink: {file: o, retry: {attempts: 1}}"), "retry: this is of commands only");
	expect(SINK("sink: {file: o, on_failure: skip}"), "on_failure: this is of commands only");
	expect(SINK("members: 2"), "members: there is no sink for them");
	expect(SINK("members: 2, sink: {file: o}"),
	       "members: output and progress go together with one member only");
	expect(SINK("members: 2, sink: {file: o, commit: after}"),
	       "file: several members need a file each");
	expect(SINK("gate: memory, sink: {file: o}"),
	       "gate: an event that a power cut could take back cannot be committed");
	expect(SINK("members: 17, sink: stdout"),
	       "subscriptions: 17 of them, and limits.members is 16");
	expect(TOPICS "subscriptions: [{name: s, topics: [a], sink: {file: o, commit: together}}]",
	       "commit: without a journal there is no progress to go together with");
	expect(SINK("order: key, sink: {file: o, commit: together}"),
	       "commit: a queue's events are in no one order: there is no progress");
	expect(SINK("sink: {file: o}}\n  - {name: t, topics: [a], sink: {file: o}"),
	       "x:5:41: error: a second sink to the file \"o\"");
	expect(SINK("sink: {file: o}") "sources: [{name: i, topic: a, from: {files: [p, o]}}]\n",
	       "x:4:41: error: file: a source reads this file: it would never end");
}

Test(run_keys, a_file_has_one_writer_under_whatever_name_of_it)
{
	static const char *const same[] = {"./out", ".//out", "a/../out", "./a/b/../../out",
					   "out/"};
	static const char *const others[] = {"../out", "/out", "out2", "a/out", "out/a"};
	static const char *const theirs = "x:5:41: error: a second sink to the file";
	char text[512];
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		(void)snprintf(
			text, sizeof text,
			SINK("sink: {file: out}}\n  - {name: t, topics: [a], sink: {file: %s}"),
			same[i]);
		expect(text, theirs);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		(void)snprintf(
			text, sizeof text,
			SINK("sink: {file: out}}\n  - {name: t, topics: [a], sink: {file: %s}"),
			others[i]);
		cr_expect_str_eq(config_report(text), "", "%s", others[i]);
	}
	expect(SINK("sink: {file: /a/../../b}}\n  - {name: t, topics: [a], sink: {file: /b}"),
	       theirs);
	expect(SINK("sink: {file: ../../b}}\n"
		    "  - {name: t, topics: [a], sink: {file: ../a/../../b}"),
	       theirs);
	expect(SINK("members: 12, sink: {file: o-%m, commit: after}}\n"
		    "  - {name: t, topics: [a], sink: {file: o-11}"),
	       theirs);
	expect(SINK("sink: {file: o-0}}\n"
		    "  - {name: t, topics: [a], members: 2, sink: {file: ./o-%m, commit: after}"),
	       "x:5:53: error: a second sink to the file \"./o-%m\"");
	cr_expect_str_eq(config_report(SINK("members: 12, sink: {file: o-%m, commit: after}}\n"
					    "  - {name: t, topics: [a], sink: {file: o-12}}\n"
					    "  - {name: u, topics: [a], sink: {file: o-07}")),
			 "");
	/* And the one that weir keeps beside an output. */
	expect(SINK("sink: {file: out}}\n  - {name: t, topics: [a], sink: {file: ./out.weir}"),
	       "x:5:41: error: file: weir keeps this file beside the output of another sink");
	expect(SINK("sink: {file: out.weir}}\n  - {name: t, topics: [a], sink: {file: out}"),
	       "x:5:41: error: file: the file that weir keeps beside it, with .weir");
	cr_expect_str_eq(config_report(SINK("sink: {file: out, commit: after}}\n  - {name: t, "
					    "topics: [a], sink: {file: out.weir}")),
			 "");
}

Test(run_keys, a_sink_writes_over_nothing_of_the_journal_the_config_and_the_sources)
{
	static const char *const in_it[] = {"j/0-00000005.seg", "./j/JOURNAL", "j/out", "j",
					    "a/../j//x"};
	static const char *const not_in_it[] = {"j/out/x", "jj", "j.out", "k/j", "../j/x"};
	char text[512];
	for (size_t i = 0; i < sizeof in_it / sizeof in_it[0]; i++) {
		(void)snprintf(text, sizeof text, SINK("sink: {file: %s}"), in_it[i]);
		expect(text,
		       "x:4:41: error: file: in the journal's directory are the journal's own");
	}
	for (size_t i = 0; i < sizeof not_in_it / sizeof not_in_it[0]; i++) {
		(void)snprintf(text, sizeof text, SINK("sink: {file: %s}"), not_in_it[i]);
		cr_expect_str_eq(config_report(text), "", "%s", not_in_it[i]);
	}
	expect("journal: {dir: .}\n" TOPICS
	       "subscriptions: [{name: s, topics: [a], sink: {file: ./out}}]\n",
	       "x:3:53: error: file: in the journal's directory are");
	expect("journal: {dir: /d/}\n" TOPICS
	       "subscriptions: [{name: s, topics: [a], sink: {file: /d/out}}]\n",
	       "x:3:53: error: file: in the journal's directory are");
	expect(SINK("sink: {file: ./x}"),
	       "x:4:41: error: file: this would write to the config file");
	expect(SINK("sink: {file: a/../o}") "sources: [{name: i, topic: a, from: {file: ./o}}]\n",
	       "x:4:41: error: file: a source reads this file: it would never end");
	expect(SINK("sink: {file: o}") "sources: [{name: i, topic: a, from: {follow: o.weir}}]\n",
	       "x:4:41: error: file: a source reads this file: it would never end");
}

Test(run_keys, a_sink_that_may_lose_events_is_warned_of)
{
	expect(TOPICS "subscriptions: [{name: s, topics: [a], sink: stdout}]\n",
	       "x:2:40: warning: without a journal a sink that is slow loses events");
	cr_assert_str_eq(config_report(TOPICS "subscriptions: [{name: s, topics: [a], "
					      "when_slow: block, sink: stdout}]\n"),
			 "");
	cr_assert_str_eq(config_report(SINK("sink: stdout")), "");
}

Test(run_keys, a_command_that_may_outlast_its_session_is_warned_of)
{
	expect(SINK("sink: {command: [c], timeout: 10s}"),
	       "x:4:28: warning: one event may take longer than session_timeout, which is 45s");
	cr_assert_str_eq(config_report(SINK("sink: {command: [c]}")), "");
	cr_assert_str_eq(
		config_report(SINK("session_timeout: 2m, sink: {command: [c], timeout: 10s}")), "");
	expect(SINK("sink: {command: [c], retry: {attempts: 100, backoff: 10s}}"), "warning");
}

/* ---- what differs ---- */

static char told[4096];

static void tell_change(void *context, const struct weir_config_change *c)
{
	size_t used = strlen(told);
	(void)context;
	cr_expect_eq(c->why == NULL, c->at_reload, "%s", c->key);
	(void)snprintf(told + used, sizeof told - used, "%s %s > %s%s\n", c->key,
		       c->before != NULL ? c->before : "-", c->after != NULL ? c->after : "-",
		       c->at_reload    ? " live"
		       : c->is_refused ? " refused"
				       : "");
}

static struct weir_config *parsed(const char *text)
{
	struct weir_config *config = NULL;
	struct weir_problem problem = {0};
	int rc = weir_config_parse("x", text, strlen(text), WEIR_CONFIG_ANY_MACHINE, &config,
				   &problem);
	cr_assert_geq(rc, 0, "%s", problem.text);
	return config;
}

static int diff(const char *before, const char *after)
{
	struct weir_config *a = parsed(before), *b = parsed(after);
	told[0] = '\0';
	int rc = weir_config_diff(a, b, tell_change, NULL);
	weir_config_destroy(a);
	weir_config_destroy(b);
	return rc;
}

Test(run_keys, what_differs_is_told_by_name_and_whether_a_reload_takes_it)
{
	static const struct {
		const char *before, *after, *told;
	} cases[] = {
		{whole, whole, ""},
		{TOPICS, TOPICS "run: {drain_timeout: 10s, stay: no}\n", ""},
		{TOPICS, TOPICS "run: {drain_timeout: 1m, stay: yes}\n",
		 "run.drain_timeout 10s > 1m live\nrun.stay no > yes live\n"},
		{"topics: [{name: a}, {name: b}]\n", "topics: [{name: b}, {name: c}]\n",
		 "topics[a] a > -\ntopics[c] - > c\n"},
		{JOURNAL "sources: [{name: i, topic: a, from: stdin, rate: 5/s}]\n",
		 JOURNAL "sources: [{name: i, topic: a, from: stdin}]\n",
		 "sources[i].rate 5/s > - live\n"},
		{JOURNAL "sources: [{name: i, topic: a, from: stdin, rate: 5/s}]\n",
		 JOURNAL "sources: [{name: j, topic: a, from: stdin, rate: 5/s}]\n",
		 "sources[i] i > -\nsources[j] - > j\n"},
		{JOURNAL "sources: [{name: i, topic: a, from: {files: [x, y]}}]\n",
		 JOURNAL "sources: [{name: i, topic: a, from: {files: [x, z, w]}}]\n",
		 "sources[i].from.files[1] y > z\nsources[i].from.files[2] - > w\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int count = diff(cases[i].before, cases[i].after);
		int lines = 0;
		for (const char *c = cases[i].told; *c != '\0'; c++)
			lines += *c == '\n';
		cr_expect_str_eq(told, cases[i].told, "case %zu: %s", i, told);
		cr_expect_eq(count, lines, "case %zu", i);
	}
	cr_expect_eq(diff(TOPICS, "topics: [{name: }]\n"), -EINVAL);
}

#define ONE(what)                                                                                  \
	"journal: {dir: j}\n"                                                                      \
	"limits: {versioned_keys: 100, idempotency_keys: 100}\n"                                   \
	"topics: [{name: a, " what "}]\n"

/* What tests/crash/test_run_service.c finds out of a log, from two files. */
Test(run_keys, what_the_log_refuses_after_a_restart_is_told)
{
	static const struct {
		const char *before, *after, *told;
	} cases[] = {
		{ONE("partitions: 4"), ONE("partitions: 8"),
		 "topics[a].partitions 4 > 8 refused\n"},
		{ONE("partitions: 4"), ONE("partitions: 2"),
		 "topics[a].partitions 4 > 2 refused\n"},
		{ONE("partitions: 4, partitions_max: 16"), ONE("partitions: 8, partitions_max: 16"),
		 "topics[a].partitions 4 > 8\n"},
		{ONE("partitions: 4, partitions_max: 16"), ONE("partitions: 6, partitions_max: 16"),
		 "topics[a].partitions 4 > 6 refused\n"},
		{ONE("partitions: 4"), ONE("partitions: 4, partitions_max: 8"),
		 "topics[a].partitions_max - > 8 refused\n"},
		{ONE("versioned_keys: 10"), ONE("versioned_keys: 20"),
		 "topics[a].versioned_keys 10 > 20 refused\n"},
		{ONE("idempotency: {keys: 10}"), ONE("idempotency: {keys: 20}"),
		 "topics[a].idempotency.keys 10 > 20 refused\n"},
		/* A log that begins anew takes all of it. */
		{"topics: [{name: a, partitions: 4}]\n", "topics: [{name: a, partitions: 2}]\n",
		 "topics[a].partitions 4 > 2\n"},
		{"journal: {dir: x}\ntopics: [{name: a, partitions: 4}]\n",
		 "journal: {dir: y}\ntopics: [{name: a, partitions: 2}]\n",
		 "journal.dir x > y\ntopics[a].partitions 4 > 2\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		(void)diff(cases[i].before, cases[i].after);
		cr_expect_str_eq(told, cases[i].told, "case %zu: %s", i, told);
	}
}
