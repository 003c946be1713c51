/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a server can be closed while a call of the registry does not end: it says so, has ended
 *         its connections, goes on answering nobody, and is closed by a second call. An answer for
 *         which there is not enough memory is refused, and others are given. A log that does not
 *         answer within the time of a request is told, as something that may still be done. A
 *         server that has nothing to do goes round when somebody looks whether it does.
 * Method: the registry's call is a wrapper here, which waits until the test lets it go; a log does
 *         not answer while the test has the lock of its control calls.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistd.h>

#include <weir/pipeline.h>
#include <weir/registry.h>
#include <weir/serve.h>

#include "core/pipeline/control.h"
#include "tests/support/serve_client.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool called;
static bool let_go;

int __wrap_weir_registry_level_set(struct weir_pipeline *pipeline, const char *subject, int level,
				   struct weir_problem *problem);
int __wrap_weir_registry_level_set(struct weir_pipeline *pipeline, const char *subject, int level,
				   struct weir_problem *problem)
{
	(void)pipeline;
	(void)subject;
	(void)level;
	(void)problem;
	pthread_mutex_lock(&lock);
	called = true;
	pthread_cond_broadcast(&changed);
	while (!let_go)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void expect_status(struct weir_server *server, const char *path, const char *status)
{
	char answer[16] = "";
	int fd = serve_client_get(server, path, "");
	cr_assert(read(fd, answer, 12) == 12);
	cr_expect_str_eq(answer, status, "%s", path);
	close(fd);
}

Test(serve_close, an_answer_that_is_larger_than_memory_is_refused)
{
	struct weir_options options;
	struct weir_server_options serve;
	struct weir_pipeline *pipeline;
	struct weir_server *server;
	weir_options_init(&options);
	options.metrics_dir = "";
	cr_assert_eq(weir_open(&options, &pipeline, NULL), 0);
	weir_server_options_init(&serve);
	serve.pipeline = pipeline;
	serve.listen = "127.0.0.1:0";
	serve.body_bytes_max = serve.memory_bytes_max = 4096;
	cr_assert_eq(weir_server_open(&serve, &server, NULL), 0);
	for (int i = 0; i < 3; i++) {
		expect_status(server, "/live", "HTTP/1.1 503");
		expect_status(server, "/metrics", "HTTP/1.1 503");
		expect_status(server, "/health", "HTTP/1.1 200");
	}
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Once a second else: fewer within the limit than are waited for. */
Test(serve_close, who_looks_whether_it_moves_makes_it_go_round)
{
	struct weir_server_options serve;
	struct weir_server *server;
	weir_server_options_init(&serve);
	serve.listen = "127.0.0.1:0";
	cr_assert_eq(weir_server_open(&serve, &server, NULL), 0);
	uint64_t end_ns = now_ns() + 30000000000u, turns = weir_server_turns(server), moved = 0;
	while (moved < 60 && now_ns() < end_ns) {
		uint64_t turns_now = weir_server_turns(server);
		moved += turns_now != turns;
		turns = turns_now;
		(void)sched_yield();
	}
	cr_expect_eq(moved, 60);
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
}

static const char put[] = "PUT /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n"
			  "{\"compatibility\":\"FULL\"} ";

/* A pipeline with a registry, served to who may write; a request has so long, 0: as by default. */
static struct weir_pipeline *open_registry(uint64_t request_ns, struct weir_server **ret_server)
{
	struct weir_options options;
	struct weir_server_options serve;
	struct weir_pipeline *pipeline;
	weir_options_init(&options);
	options.schemas_max = 4;
	options.metrics_dir = "";
	cr_assert_eq(weir_open(&options, &pipeline, NULL), 0);
	weir_server_options_init(&serve);
	serve.pipeline = pipeline;
	serve.listen = "127.0.0.1:0";
	serve.writable = true;
	if (request_ns != 0)
		serve.request_ns = request_ns;
	cr_assert_eq(weir_server_open(&serve, ret_server, NULL), 0);
	return pipeline;
}

Test(serve_close, a_call_that_does_not_end_is_told_and_waited_for_by_a_second_close)
{
	struct weir_server *server;
	char answer[64] = "";
	struct weir_pipeline *pipeline = open_registry(0, &server);

	int first = serve_client_connect(server), second = serve_client_connect(server);
	serve_client_say(first, put);
	pthread_mutex_lock(&lock);
	while (!called)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	serve_client_say(second, put); // waits for its turn
	/* Others are answered meanwhile. */
	int third = serve_client_get(server, "/config", "");
	cr_assert(read(third, answer, 12) == 12);
	cr_assert_str_eq(answer, "HTTP/1.1 200");

	cr_assert_eq(weir_server_close(server, 0), -ETIMEDOUT);
	cr_assert_eq(weir_server_close(server, 1000000), -ETIMEDOUT);
	ssize_t n;
	while ((n = read(first, answer, sizeof answer)) > 0) {
	}
	cr_assert_leq(n, 0, "its connection has ended");
	pthread_mutex_lock(&lock);
	let_go = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
	close(first);
	close(second);
	close(third);
}

/* All of the answer, whose connection ends with it. */
static void ask(struct weir_server *server, const char *head, const char *body, char answer[1024])
{
	char request[512];
	size_t bytes = 0;
	ssize_t n;
	int fd = serve_client_connect(server);
	(void)snprintf(request, sizeof request,
		       "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		       "Content-Length: %zu\r\n\r\n%s",
		       head, strlen(body), body);
	serve_client_say(fd, request);
	while (bytes < 1023 && (n = read(fd, answer + bytes, 1023 - bytes)) > 0)
		bytes += (size_t)n;
	answer[bytes] = '\0';
	close(fd);
}

Test(serve_close, a_log_that_does_not_answer_in_time_is_told)
{
	static const char head[] = "POST /subjects/s/versions";
	static const char body[] = "{\"schema\":\"\\\"int\\\"\"}";
	struct weir_server *server;
	char answer[1024];
	struct weir_pipeline *pipeline = open_registry(500000000, &server);
	wr_control_lock(pipeline);
	ask(server, head, body, answer);
	wr_control_unlock(pipeline);
	cr_expect_eq(strncmp(answer, "HTTP/1.1 503", 12), 0, "%s", answer);
	cr_expect_not_null(strstr(answer, "\"error_code\":50302"), "%s", answer);
	cr_expect_not_null(strstr(answer, "it may still be done: ask again"), "%s", answer);
	ask(server, head, body, answer);
	cr_expect_eq(strncmp(answer, "HTTP/1.1 200", 12), 0, "%s", answer);
	cr_assert_eq(weir_server_close(server, WEIR_FOREVER), 0);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
}
