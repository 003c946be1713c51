/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   /metrics has no size that it is refused for: with thousands of partitions it is several
 *         times what the server may use for bodies and answers, and whole. Who reads it slowly gets
 *         all of it, also when a pipeline that is in it has gone meanwhile.
 * Method: three pipelines of this process, a server with little memory, and a socket.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <weir.h>
#include <weir/serve.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/support/serve_client.h"

#define PIPELINES 3u
#define PARTITIONS 1024u
#define MEMORY_BYTES (512u << 10)
#define ANSWER_ROOM (16u << 20)

static struct fixture f[PIPELINES];
static struct weir_server *server;
static char dir[] = "/tmp/weir-pieces-XXXXXX";
static char *answer;

static void begin(void)
{
	static char names[PIPELINES][8];
	struct weir_server_options serve;

	cr_assert_not_null(mkdtemp(dir));
	answer = malloc(ANSWER_ROOM);
	cr_assert_not_null(answer);
	for (uint32_t i = 0; i < PIPELINES; i++) {
		fixture_init(&f[i], FIXTURE_MEMORY);
		(void)snprintf(names[i], sizeof names[i], "p%u", i);
		f[i].options.name = names[i];
		f[i].options.metrics_dir = dir;
		f[i].options.partitions_max = PARTITIONS;
		fixture_open(&f[i]);
		(void)fixture_topic(&f[i], "orders", PARTITIONS);
		(void)fixture_subscription(&f[i], "billing", "orders");
	}
	weir_server_options_init(&serve);
	serve.pipeline = f[0].pipeline;
	serve.metrics_dir = dir;
	serve.listen = "127.0.0.1:0";
	serve.body_bytes_max = 1024;
	serve.memory_bytes_max = MEMORY_BYTES;
	cr_assert_eq(weir_server_open(&serve, &server, NULL), 0);
}

static void end(void)
{
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
	for (uint32_t i = 0; i < PIPELINES; i++)
		fixture_end(&f[i]);
	(void)rmdir(dir);
	free(answer);
}

static int ask(const char *path, int receive_bytes)
{
	return serve_client_get(server, path, "Accept: application/openmetrics-text\r\n",
				receive_bytes);
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
	size_t bytes = (size_t)(to - answer);
	cr_assert(bytes > 6 && strcmp(to - 6, "# EOF\n") == 0);
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
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	size_t bytes;
	do {
		(void)read_rest(ask("/metrics", 0), 0);
		bytes = unwrap();
	} while (lines_with("weir_subscription_partition_lag_events{") < PIPELINES * PARTITIONS &&
		 fixture_now_ns() < until);
	return bytes;
}

Test(metrics_pieces, it_is_larger_than_the_memory_of_answers_and_whole)
{
	begin();
	size_t bytes = read_all_of_it();
	cr_expect_gt(bytes, 2 * MEMORY_BYTES);
	cr_expect_eq(lines_with("weir_partition_events_total{"), PIPELINES * PARTITIONS);
	cr_expect_eq(lines_with("weir_subscription_partition_lag_events{"), PIPELINES * PARTITIONS);
	cr_expect_eq(lines_with("# TYPE weir_partition_events counter\n"), 1);
	cr_expect_eq(lines_with("# EOF\n"), 1);
	end();
}

static bool shows(const char *name)
{
	char words[64];
	(void)snprintf(words, sizeof words, "weir_pipeline_info{pipeline=\"%s\"", name);
	(void)read_rest(ask("/metrics", 0), 0);
	(void)unwrap();
	return lines_with(words) > 0;
}

Test(metrics_pieces, who_reads_slowly_gets_all_of_it_though_a_pipeline_is_gone)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	char first[4096];
	size_t there = 0;

	begin();
	(void)read_all_of_it();
	int slow = ask("/metrics", 4096);
	while (there < sizeof first) {
		ssize_t got = read(slow, first + there, sizeof first - there);
		cr_assert_gt(got, 0);
		there += (size_t)got;
	}
	fixture_close(&f[2], NULL);
	while (shows("p2") && fixture_now_ns() < until)
		;
	cr_expect(!shows("p2"));
	memcpy(answer, first, there);
	(void)read_rest(slow, there);
	(void)unwrap();
	cr_expect_eq(lines_with("weir_pipeline_info{pipeline=\"p2\""), 1);
	cr_expect_eq(lines_with("# TYPE weir_partition_events counter\n"), 1);
	end();
}
