/* SPDX-License-Identifier: Apache-2.0 */
/* A service under systemd (Type=notify): ready when it is recovered, watched while it moves, ended
 * in order by SIGTERM. It publishes one event a second; without a service manager, one in all. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <weir.h>

#define NS_PER_S 1000000000ull

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);
	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static struct weir_notifier *open_notifier(void)
{
	struct weir_notifier_options options;
	struct weir_notifier *notifier = NULL;
	struct weir_problem problem = {.text = ""};
	uint64_t watchdog_us = number_of("WATCHDOG_USEC");
	uint64_t watched_pid = number_of("WATCHDOG_PID");
	int rc;
	if (watched_pid != 0 && watched_pid != (uint64_t)getpid())
		watchdog_us = 0;
	weir_notifier_options_init(&options);
	options.socket = getenv("NOTIFY_SOCKET"); // NULL: nobody listens, and nothing is sent
	options.watchdog_ns = watchdog_us * 1000; // of WATCHDOG_USEC, if WATCHDOG_PID is ours
	rc = weir_notifier_open(&options, &notifier, &problem);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", problem.field, problem.text);
	return notifier;
}

/* Publishes until a signal comes. */
static int work(struct weir_producer *producer, struct weir_event *event, const sigset_t *signals,
		bool forever)
{
	const struct timespec second = {.tv_sec = 1};
	uint64_t ticket;
	do {
		int rc = weir_publish(producer, event, &ticket);
		if (rc == 0)
			rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, 10 * NS_PER_S);
		if (rc != 0)
			return rc;
	} while (forever && sigtimedwait(signals, NULL, &second) < 0);
	return 0;
}

/* Lines for programs, on standard error; the pipeline's threads wait for nobody who reads them. */
static struct weir_log_writer *open_lines(struct weir_options *options)
{
	struct weir_log_writer_options to;
	struct weir_log_writer *writer = NULL;
	struct weir_problem why = {.text = ""};
	weir_log_writer_options_init(&to);
	to.format = WEIR_LOG_AS_JSON;
	if (weir_log_writer_open(&to, &writer, &why) == 0) {
		options->log_fn = weir_log_writer_take;
		options->log_context = writer;
	}
	return writer;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_pipeline *pipeline = NULL;
	struct weir_producer *producer;
	struct weir_event event = {.payload = "tick", .payload_bytes = 4};
	struct weir_problem why = {.text = "the call's return code says why"};
	bool forever = getenv("NOTIFY_SOCKET") != NULL;
	sigset_t signals;
	/* Before the first thread is there. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	struct weir_notifier *notifier = open_notifier();
	if (notifier == NULL)
		return 1;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "service.journal";
	options.segment_bytes = 4 << 20;
	struct weir_log_writer *lines = open_lines(&options);
	weir_topic_options_init(&topic);
	topic.name = "ticks";
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topic, &event.topic, &why);
	if (rc == 0)
		rc = weir_producer_open(pipeline, NULL, &producer, &why);
	if (rc == 0)
		rc = weir_notifier_watch_pipeline(notifier, pipeline);
	if (rc == 0) {
		weir_notifier_ready(notifier, "publishing");
		rc = work(producer, &event, &signals, forever);
	}
	if (rc != 0)
		fprintf(stderr, "%s %s %s\n", weir_strerror(rc), why.field, why.text);
	weir_notifier_stopping(notifier, 30 * NS_PER_S, "closing");
	weir_notifier_unwatch_pipeline(notifier, pipeline);
	weir_close(pipeline, WEIR_CLOSE_DRAIN, 30 * NS_PER_S, NULL);
	weir_log_writer_close(lines, NS_PER_S);
	weir_notifier_close(notifier);
	return rc == 0 ? 0 : 1;
}
