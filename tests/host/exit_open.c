/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a process may end by exit() without closing: it ends at once, whatever its threads and
 *         weir's are doing, also when a function of atexit() uses or closes the pipeline; and what
 *         was acknowledged is there at the next open.
 * Method: a child opens a pipeline with all kinds of threads, publishes, waits until it is durable,
 *         and calls exit() while other threads wait and publish. An alarm ends it if it hangs. The
 *         parent opens the journal and reads.
 *
 * Plain main(), TAP: it forks, and its children run what atexit() was given.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

#define HANGS_S 40u
#define EVENTS 100u
#define MORE 10u

enum at_exit { EXIT_PLAIN, EXIT_USES, EXIT_CLOSES, EXIT_IN_A_THREAD };

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *exiting;
static enum at_exit what_at_exit;

/* Runs inside exit(), while weir's threads still run. */
static void use_weir_at_exit(void)
{
	if (what_at_exit == EXIT_USES)
		fixture_wait(exiting, fixture_publish(exiting, topic, EVENTS, EVENTS + MORE));
	if (what_at_exit == EXIT_CLOSES &&
	    weir_close(f.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL) != 0)
		_exit(3);
}

static void *wait_for_ever(void *member)
{
	struct weir_item items[4];
	while (weir_poll(member, items, 4, WEIR_FOREVER) > 0)
		if (weir_ack_all(member) != 0)
			break;
	return NULL;
}

static void *publish_for_ever(void *producer)
{
	uint64_t number = 1000;
	struct weir_event event = fixture_event(topic, NULL, &number);
	while (weir_publish(producer, &event, NULL) == 0)
		(void)weir_producer_poll_acks(producer);
	return NULL;
}

static void *exit_here(void *unused)
{
	(void)unused;
	exit(0);
}

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	return WEIR_HANDLED_OK;
}

static void start(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	fixture_need(pthread_create(&thread, NULL, run, argument) == 0, "a thread");
}

static void define(void)
{
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
}

static void live_and_exit(void)
{
	struct weir_member_options o;
	struct weir_member *handled;
	(void)alarm(HANGS_S);
	(void)atexit(use_weir_at_exit);
	fixture_open(&f);
	define();
	uint32_t other = fixture_subscription(&f, "handled", "work");
	weir_member_options_init(&o);
	o.handler = handle;
	fixture_need(weir_member_join(f.pipeline, other, &o, &handled, NULL) == 0, "a handler");
	exiting = fixture_producer(&f, NULL);
	fixture_wait(exiting, fixture_publish(exiting, topic, 0, EVENTS));
	start(wait_for_ever, fixture_member(&f, other, NULL));
	/* Who closes has to have ended these before. */
	if (what_at_exit != EXIT_CLOSES)
		start(publish_for_ever, fixture_producer(&f, NULL));
	if (what_at_exit == EXIT_IN_A_THREAD) {
		start(exit_here, NULL);
		for (;;)
			pause();
	}
	exit(0);
}

/* Those below 1000 in order: how many. */
static uint64_t count_found(uint64_t wanted)
{
	struct weir_item item;
	uint64_t found = 0;
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (;;) {
		/* The first one may take its time on a busy machine; the last has none behind. */
		uint64_t patience_ns = found < wanted ? FIXTURE_LONG_NS : 50000000u;
		if (weir_poll(member, &item, 1, patience_ns) != 1)
			return found;
		uint64_t number = fixture_number(&item);
		if (number == found)
			found++;
		else if (number < 1000)
			return UINT64_MAX;
	}
}

static void one_exit(enum at_exit what, enum weir_io io, const char *title)
{
	int status;
	struct weir_info info;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = io;
	what_at_exit = what;
	pid_t pid = fork();
	fixture_need(pid >= 0, "fork");
	if (pid == 0)
		live_and_exit();
	fixture_need(waitpid(pid, &status, 0) == pid, "waitpid");
	bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	fixture_open(&f);
	fixture_info(&f, &info);
	define();
	uint64_t wanted = what == EXIT_USES ? EVENTS + MORE : EVENTS;
	uint64_t found = count_found(wanted);
	tap_check(ended && found == wanted && info.recovery.clean == (what == EXIT_CLOSES),
		  "%s, %s", title, io == WEIR_IO_POSIX ? "posix" : "io_uring");
	if (!ended || found != wanted)
		tap_note("status %x, found %llu of %llu, clean %d", (unsigned)status,
			 (unsigned long long)found, (unsigned long long)wanted,
			 info.recovery.clean);
	fixture_end(&f);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		enum weir_io io = i == 0 ? WEIR_IO_POSIX : WEIR_IO_URING;
		if (io == WEIR_IO_URING && !fixture_has_uring()) {
			tap_skip("no io_uring here");
			continue;
		}
		one_exit(EXIT_PLAIN, io, "exit() with threads at work ends, and all is there");
		one_exit(EXIT_IN_A_THREAD, io, "exit() in another thread ends, and all is there");
		one_exit(EXIT_USES, io, "a function of atexit() may still publish and wait");
		one_exit(EXIT_CLOSES, io, "a function of atexit() may close");
	}
	return tap_end();
}
