/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   /metrics and /live have no size that they are refused for: with thousands of partitions,
 *         or topics, each is several times what the server may use for bodies and answers, and
 *         whole. Who reads slowly gets all of it, also when a pipeline that is in it has gone
 *         meanwhile.
 * Method: three pipelines of this process, a server with little memory, and a socket.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir.h>
#include <weir/serve.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/support/serve_client.h"

#define PIPELINES 3u
#define PARTITIONS 1024u
#define TOPICS 1000u
#define MEMORY_BYTES (512u << 10)
/* A family that many series come before. */
#define LAST "weir_subscription_partition_lag_events{"
#define ANSWER_ROOM (16u << 20)
/* Sanitized, on a busy machine, an answer of megabytes takes seconds; some have to come. */
#define PATIENCE_NS 100000000000ull
#define HOUR_NS 3600000000000ull

static struct fixture f[PIPELINES];
static struct weir_server *server;
static char dir[] = "/tmp/weir-pieces-XXXXXX";
static bool dir_is_made;
static char *answer;

static void make_dir(void)
{
	if (dir_is_made)
		return;
	cr_assert_not_null(mkdtemp(dir));
	dir_is_made = true;
}

static void open_one(struct fixture *one, const char *name)
{
	fixture_init(one, FIXTURE_MEMORY);
	one->options.name = name;
	one->options.metrics_dir = dir;
	one->options.partitions_max = PARTITIONS + TOPICS;
	one->options.topics_max = 1 + TOPICS;
	fixture_open(one);
	(void)fixture_topic(one, "orders", PARTITIONS);
	(void)fixture_subscription(one, "billing", "orders");
}

static void begin_with(uint32_t memory_bytes)
{
	static char names[PIPELINES][8], listen[64];
	struct weir_server_options serve;

	make_dir();
	answer = malloc(ANSWER_ROOM);
	cr_assert_not_null(answer);
	for (uint32_t i = 0; i < PIPELINES; i++) {
		(void)snprintf(names[i], sizeof names[i], "p%u", i);
		open_one(&f[i], names[i]);
	}
	weir_server_options_init(&serve);
	serve.pipeline = f[0].pipeline;
	serve.metrics_dir = dir;
	(void)snprintf(listen, sizeof listen, "unix:%s/socket", dir);
	serve.listen = listen;
	serve.body_bytes_max = 1024;
	serve.memory_bytes_max = memory_bytes;
	serve.request_ns = HOUR_NS; /* who reads slowly here reads other answers meanwhile */
	cr_assert_eq(weir_server_open(&serve, &server, NULL), 0);
}

static void begin(void)
{
	begin_with(MEMORY_BYTES);
}

static void end(void)
{
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
	for (uint32_t i = 0; i < PIPELINES; i++)
		fixture_end(&f[i]);
	(void)rmdir(dir);
	free(answer);
}

static int ask(const char *path)
{
	return serve_client_get(server, path, "Accept: application/openmetrics-text\r\n");
}

/* To the end of the connection, behind what is there already; a text. */
static size_t read_rest(int fd, size_t there)
{
	ssize_t got;
	while ((got = read(fd, answer + there, ANSWER_ROOM - 1 - there)) > 0)
		there += (size_t)got;
	cr_assert_eq(got, 0);
	cr_assert_lt(there, ANSWER_ROOM - 1);
	close(fd);
	answer[there] = '\0';
	return there;
}

/* So much of the beginning. */
static size_t read_first(int fd, char *to, size_t bytes)
{
	size_t there = 0;
	while (there < bytes) {
		ssize_t got = read(fd, to + there, bytes - there);
		cr_assert_gt(got, 0);
		there += (size_t)got;
	}
	return there;
}

/* Takes the chunks' frames away; its bytes. It has to end as an answer does that is whole. */
static size_t unwrap(void)
{
	cr_assert_eq(strncmp(answer, "HTTP/1.1 200", 12), 0, "%.60s", answer);
	char *at = strstr(answer, "\r\n\r\n"), *to = answer;
	cr_assert_not_null(at);
	at += 4;
	for (;;) {
		char *data;
		size_t bytes = strtoul(at, &data, 16);
		cr_assert_eq(memcmp(data, "\r\n", 2), 0, "a chunk begins");
		if (bytes == 0)
			break;
		memmove(to, data + 2, bytes);
		to += bytes;
		at = data + 2 + bytes;
		cr_assert_eq(memcmp(at, "\r\n", 2), 0, "a chunk is whole");
		at += 2;
	}
	*to = '\0';
	return (size_t)(to - answer);
}

static size_t unwrap_metrics(void)
{
	size_t bytes = unwrap();
	cr_assert(bytes > 6 && strcmp(answer + bytes - 6, "# EOF\n") == 0);
	return bytes;
}

static uint32_t lines_with(const char *begin)
{
	uint32_t count = 0;
	for (const char *at = answer; (at = strstr(at, begin)) != NULL; at++)
		count += at == answer || at[-1] == '\n';
	return count;
}

/* The group step tells of them a moment after they were made. */
static size_t read_all_of_it(void)
{
	uint64_t until = fixture_now_ns() + PATIENCE_NS;
	size_t bytes;
	do {
		(void)read_rest(ask("/metrics"), 0);
		bytes = unwrap_metrics();
	} while (lines_with(LAST) < PIPELINES * PARTITIONS && fixture_now_ns() < until);
	return bytes;
}

Test(metrics_pieces, it_is_larger_than_the_memory_of_answers_and_whole)
{
	begin();
	size_t bytes = read_all_of_it();
	cr_expect_gt(bytes, 2 * MEMORY_BYTES);
	cr_expect_eq(lines_with("weir_partition_events_total{"), PIPELINES * PARTITIONS);
	cr_expect_eq(lines_with(LAST), PIPELINES * PARTITIONS);
	cr_expect_eq(lines_with("# TYPE weir_partition_events counter\n"), 1);
	cr_expect_eq(lines_with("# EOF\n"), 1);
	end();
}

static uint32_t words(const char *text)
{
	uint32_t count = 0;
	for (const char *at = answer; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

Test(metrics_pieces, the_page_is_told_of_more_than_the_memory_of_answers)
{
	size_t bytes;

	begin_with(160u << 10);
	for (uint32_t i = 0; i < TOPICS; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "topic-%u", i);
		(void)fixture_topic(&f[1], name, 1);
	}
	uint64_t until = fixture_now_ns() + PATIENCE_NS;
	do {
		(void)read_rest(ask("/live"), 0);
		bytes = unwrap();
	} while (words("\"topic\":\"topic-") < TOPICS && fixture_now_ns() < until);
	cr_expect_eq(words("\"topic\":\"topic-"), TOPICS);
	cr_expect_gt(bytes, 160u << 10);
	cr_expect_eq(words("\"journal\":"), PIPELINES);
	cr_expect_eq(words("\"errors\":["), PIPELINES);
	cr_expect_eq(words("}{"), 0, "a comma is missing");
	cr_expect_eq(words("[,"), 0);
	cr_expect_eq(words("],\"left_out\":0,\"metrics_dir\":"), 1);
	cr_expect_str_eq(answer + bytes - 22, ",\"metrics_trouble\":\"\"}");
	end();
}

static bool shows(const char *name)
{
	char words[64];
	(void)snprintf(words, sizeof words, "weir_pipeline_info{pipeline=\"%s\"", name);
	(void)read_rest(ask("/metrics"), 0);
	(void)unwrap_metrics();
	return lines_with(words) > 0;
}

Test(metrics_pieces, who_reads_slowly_gets_all_of_it_though_a_pipeline_is_gone)
{
	char first[4096];

	begin();
	(void)read_all_of_it();
	int slow = ask("/metrics");
	size_t there = read_first(slow, first, sizeof first);
	fixture_close(&f[2], NULL);
	uint64_t until = fixture_now_ns() + PATIENCE_NS;
	bool is_shown;
	while ((is_shown = shows("p2")) && fixture_now_ns() < until)
		;
	cr_expect(!is_shown);
	memcpy(answer, first, there);
	(void)read_rest(slow, there);
	(void)unwrap_metrics();
	cr_expect_eq(lines_with("weir_pipeline_info{pipeline=\"p2\""), 1);
	cr_expect_eq(lines_with("# TYPE weir_partition_events counter\n"), 1);
	end();
}

/* Another process with a pipeline "killed", before this one has any thread. */
static pid_t begin_child(void)
{
	int ready[2];
	char byte = 0;
	make_dir();
	fixture_need(pipe(ready) == 0, "a pipe");
	pid_t child = fork();
	fixture_need(child >= 0, "a process");
	if (child == 0) {
		static struct fixture own;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_one(&own, "killed");
		fixture_need(write(ready[1], &byte, 1) == 1, "a word to the test");
		for (;;)
			(void)pause();
	}
	fixture_need(read(ready[0], &byte, 1) == 1, "a word of the other process");
	close(ready[0]);
	close(ready[1]);
	return child;
}

static bool has_all_of_both(void)
{
	(void)read_rest(ask("/metrics"), 0);
	(void)unwrap_metrics();
	return lines_with(LAST) == (PIPELINES + 1) * PARTITIONS;
}

static bool is_dead(void)
{
	(void)read_rest(ask("/metrics"), 0);
	(void)unwrap_metrics();
	return lines_with("weir_pipeline_state{pipeline=\"killed\",state=\"dead\"} 1\n") == 1;
}

/* Its file stays where it is, and says that nobody writes it any more. */
Test(metrics_pieces, a_process_that_is_killed_meanwhile_is_told_to_its_end)
{
	char first[4096];

	if (fixture_emulated()) /* other processes have other start times there */
		return;
	pid_t child = begin_child();
	begin();
	uint64_t until = fixture_now_ns() + PATIENCE_NS;
	while (!has_all_of_both() && fixture_now_ns() < until)
		;
	int slow = ask("/metrics");
	size_t there = read_first(slow, first, sizeof first);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	until = fixture_now_ns() + PATIENCE_NS;
	bool is_told;
	while (!(is_told = is_dead()) && fixture_now_ns() < until)
		;
	cr_expect(is_told);
	cr_expect_eq(lines_with(LAST), PIPELINES * PARTITIONS, "a later one has nothing of it");
	memcpy(answer, first, there);
	(void)read_rest(slow, there);
	(void)unwrap_metrics();
	cr_expect_eq(lines_with(LAST), (PIPELINES + 1) * PARTITIONS);
	(void)snprintf(first, sizeof first, "%s/killed.%d", dir, (int)child);
	cr_expect_eq(unlink(first), 0);
	end();
}
