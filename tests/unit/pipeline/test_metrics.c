/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a pipeline's file of metrics says what the pipeline does, to this process and to others; it
 * is there while the pipeline is, and when its process died; without a file it opens all the same.
 *
 * Method: pipelines whose metrics_dir is a folder of the test's; a child that is killed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/metrics/layout.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static char dir[TEST_PATH_BYTES + 16];
static char found[512];

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	(void)snprintf(dir, sizeof dir, "%s.met", f.dir);
	f.options.metrics_dir = dir;
}

static void teardown(void)
{
	char command[sizeof dir + 16];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	cr_expect_eq(system(command), 0);
	fixture_end(&f);
}

TestSuite(metrics, .init = setup, .fini = teardown);

static int remember(void *context, const char *path)
{
	(void)context;
	(void)snprintf(found, sizeof found, "%s", path);
	return 0;
}

static struct weir_metrics *open_found(void)
{
	struct weir_metrics *m = NULL;
	struct weir_problem problem = {0};
	cr_assert_eq(weir_metrics_list(dir, remember, NULL), 1);
	cr_assert_eq(weir_metrics_open(found, &m, &problem), 0, "%s", problem.text);
	return m;
}

/* Of the first of its kind; UINT64_MAX: there is none. */
static uint64_t value_of(struct weir_metrics *m, const char *kind, const char *name)
{
	struct weir_metrics_object o;
	uint32_t at = 0;
	int metric = weir_metrics_find(m, name);
	cr_assert_geq(metric, 0, "%s", name);
	bool is_there = weir_metrics_next(m, kind, &at, &o);
	return is_there ? weir_metrics_value(m, &o, (uint32_t)metric) : UINT64_MAX;
}

/* Until it says so, or for long. */
static uint64_t await(struct weir_metrics *m, const char *kind, const char *name, uint64_t wanted)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS, value;
	do {
		cr_assert_eq(weir_metrics_update(m), 0);
		value = value_of(m, kind, name);
		if (value != wanted)
			fixture_sleep_ns(5000000);
	} while (value != wanted && fixture_now_ns() < until);
	return value;
}

/* What was written took some time, and that is in one bucket or another. */
static void expect_times(struct weir_metrics *m)
{
	static const char *const names[] = {"weir_durable_seconds", "weir_journal_write_seconds",
					    "weir_journal_write_bytes"};
	struct weir_metrics_histogram h;
	struct weir_metrics_object o;
	uint64_t sum = 0;
	uint32_t at = 0;

	cr_assert(weir_metrics_next(m, "pipeline", &at, &o));
	for (uint32_t i = 0; i < 3; i++) {
		int metric = weir_metrics_find(m, names[i]);
		cr_assert_eq(weir_metrics_histogram(m, &o, (uint32_t)metric, &h), 0);
		cr_expect(h.count > 0 && h.sum >= h.greatest && h.greatest > 0, "%s", names[i]);
		uint64_t median = weir_metrics_quantile(&h, NULL, 500000);
		cr_expect(median > 0 && median <= weir_metrics_quantile(&h, NULL, 990000));
		cr_expect_eq(weir_metrics_quantile(&h, &h, 500000), 0, "nothing since");
		sum = 0;
		for (uint32_t b = 0; b < h.bucket_count; b++)
			sum += h.buckets[b];
		cr_expect_eq(sum, h.count);
	}
	/* The last: blocks of 4 KiB. */
	cr_expect(h.sum % 4096 == 0 && h.greatest % 4096 == 0);
}

/* Of so many at least, of the object with this label; its help says that it is sampled. */
static void expect_latency(struct weir_metrics *m, const char *name, const char *label,
			   uint64_t count)
{
	struct weir_metrics_histogram h = {0};
	struct weir_metrics_object o;
	struct weir_metric metric;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	int index = weir_metrics_find(m, name);

	cr_assert_geq(index, 0, "%s", name);
	cr_assert_eq(weir_metrics_metric(m, (uint32_t)index, &metric), 0);
	cr_expect(metric.kind == WEIR_METRIC_HISTOGRAM && strstr(metric.help, "Sampled") != NULL);
	do {
		uint32_t at = 0;
		cr_assert_eq(weir_metrics_update(m), 0);
		while (weir_metrics_next(m, metric.object, &at, &o))
			if (label == NULL || strcmp(o.label_values[0], label) == 0)
				cr_assert_eq(weir_metrics_histogram(m, &o, (uint32_t)index, &h), 0);
		if (h.count < count)
			fixture_sleep_ns(5000000);
	} while (h.count < count && fixture_now_ns() < until);
	cr_expect(h.count >= count && h.greatest > 0, "%s: %llu", name,
		  (unsigned long long)h.count);
	cr_expect_leq(weir_metrics_quantile(&h, NULL, 500000), h.greatest);
}

/* One by one, slowly: each is timed, and none stands for others. */
Test(metrics, rare_hand_overs_are_timed_each)
{
	static const char *const levels[] = {"memory", "written", "durable"};
	struct weir_metrics *m = NULL;

	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 2);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, "web");
	struct weir_member *member = fixture_member(&f, id, "one");
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	for (uint64_t i = 0; i < 20; i++) {
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
		cr_assert_eq(fixture_poll(member, NULL, 0, 1, true), 1);
	}
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(levels); i++)
		expect_latency(m, "weir_ack_seconds", levels[i], 20);
	expect_latency(m, "weir_lane_wait_seconds", NULL, 20);
	expect_latency(m, "weir_subscription_delivery_seconds", "billing", 20);
	expect_latency(m, "weir_subscription_sojourn_seconds", "billing", 20);
	weir_metrics_close(m);
	weir_member_leave(member, WEIR_FOREVER);
}

/* How members of the subscription are called, in the order of their slots. */
static void await_members(struct weir_metrics *m, const char *wanted)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_metrics_object o;
	char names[512];
	do {
		uint32_t at = 0;
		names[0] = '\0';
		cr_assert_eq(weir_metrics_update(m), 0);
		while (weir_metrics_next(m, "member", &at, &o))
			(void)snprintf(names + strlen(names), sizeof names - strlen(names), " %s",
				       o.label_values[1]);
		if (strcmp(names, wanted) != 0)
			fixture_sleep_ns(5000000);
	} while (strcmp(names, wanted) != 0 && fixture_now_ns() < until);
	cr_expect_str_eq(names, wanted);
}

/* Series with the same labels are taken by no scraper. */
Test(metrics, members_of_one_name_are_told_apart)
{
	struct weir_metrics *m = NULL;
	fixture_open(&f);
	(void)fixture_topic(&f, "orders", 2);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	uint32_t other = fixture_subscription(&f, "audit", "orders");
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	struct weir_member *first = fixture_member(&f, id, "one");
	struct weir_member *second = fixture_member(&f, id, "one");
	struct weir_member *third = fixture_member(&f, other, "one");
	struct weir_member *fourth = fixture_member(&f, id, "one");
	await_members(m, " one one#1 one one#3");
	weir_member_leave(first, WEIR_FOREVER);
	await_members(m, " one#1 one one#3");
	first = fixture_member(&f, id, "one");
	await_members(m, " one one#1 one one#3");
	weir_metrics_close(m);
	weir_member_leave(first, WEIR_FOREVER);
	weir_member_leave(second, WEIR_FOREVER);
	weir_member_leave(third, WEIR_FOREVER);
	weir_member_leave(fourth, WEIR_FOREVER);
}

static enum weir_handled accept_item(void *context, struct weir_member *member,
				     const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	return WEIR_HANDLED_OK;
}

Test(metrics, a_handler_is_timed_and_what_it_settles)
{
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_metrics *m = NULL;

	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 2);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, "web");
	weir_member_options_init(&o);
	o.handler = accept_item;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 500));
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	/* What is polled at once may be timed by its first and last. */
	expect_latency(m, "weir_subscription_handler_seconds", "billing", 1);
	expect_latency(m, "weir_subscription_sojourn_seconds", "billing", 1);
	expect_latency(m, "weir_subscription_delivery_seconds", "billing", 1);
	weir_metrics_close(m);
	weir_member_leave(member, WEIR_FOREVER);
}

Test(metrics, another_reads_what_it_does)
{
	struct weir_metrics_about about;
	struct weir_info info;
	struct weir_metrics *m;

	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 2);
	uint32_t id = fixture_subscription(&f, "billing", "orders");
	struct weir_producer *producer = fixture_producer(&f, "web");
	fixture_wait(producer, fixture_publish(producer, topic, 0, 100));
	struct weir_member *member = fixture_member(&f, id, "one");
	cr_assert_eq(fixture_poll(member, NULL, 0, 40, true), 40);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER), 0);
	m = open_found();
	cr_assert_eq(await(m, "topic", "weir_topic_events", 100), 100);
	cr_assert_eq(await(m, "subscription", "weir_subscription_lag_events", 60), 60);
	cr_assert_eq(await(m, "subscription", "weir_subscription_members", 1), 1);
	cr_assert_eq(await(m, "member", "weir_member_settled_events", 40), 40);
	cr_assert_eq(await(m, "member", "weir_member_delivered_events", 40), 40);
	cr_assert_eq(await(m, "producer", "weir_producer_durable", 100), 100);
	cr_assert_gt(value_of(m, "subscription", "weir_subscription_lag_seconds"), 0);
	cr_assert_gt(value_of(m, "pipeline", "weir_durable_sequence"), 100);
	cr_assert_gt(value_of(m, "thread", "weir_thread_loops"), 0);
	cr_assert_gt(value_of(m, "pipeline", "weir_free_bytes"), 0);
	expect_times(m);
	cr_assert_eq(weir_metrics_about(m, &about), 0);
	cr_assert(about.state == WEIR_METRICS_RUNNING && about.pid == (uint64_t)getpid());
	cr_assert_str_eq(about.dir, f.dir);
	fixture_info(&f, &info);
	cr_assert_str_eq(info.metrics_path, found);
	weir_member_leave(member, WEIR_FOREVER);
	cr_assert_eq(await(m, "subscription", "weir_subscription_members", 0), 0);
	struct weir_metrics_object o;
	uint32_t at = 0;
	cr_assert_not(weir_metrics_next(m, "member", &at, &o));
	fixture_close(&f, NULL);
	/* Who has it open sees the end; nobody else sees the file. */
	cr_assert_eq(weir_metrics_update(m), 0);
	cr_assert_eq(weir_metrics_about(m, &about), 0);
	cr_assert_eq(about.state, WEIR_METRICS_CLOSED);
	cr_assert_eq(weir_metrics_list(dir, remember, NULL), 0);
	weir_metrics_close(m);
}

Test(metrics, labels_say_whose_they_are)
{
	struct weir_metrics_object o;
	uint32_t at = 0;

	f.options.manual = true;
	fixture_open(&f);
	(void)fixture_topic(&f, "orders", 2);
	(void)fixture_subscription(&f, "billing", "orders");
	(void)fixture_producer(&f, "web");
	(void)fixture_producer(&f, NULL);
	struct weir_metrics *m = NULL;
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	fixture_sleep_ns(110000000);
	cr_assert_geq(weir_step(f.pipeline, 0), 0);
	cr_assert_eq(weir_metrics_update(m), 0);
	cr_assert(weir_metrics_next(m, "producer", &at, &o));
	cr_assert_str_eq(o.label_values[1], "web");
	cr_assert(weir_metrics_next(m, "producer", &at, &o));
	cr_assert_str_eq(o.label_values[1], "");
	at = 0;
	cr_assert(weir_metrics_next(m, "subscription_partition", &at, &o));
	cr_assert(weir_metrics_next(m, "subscription_partition", &at, &o));
	cr_assert_str_eq(o.label_values[0], "billing");
	cr_assert_str_eq(o.label_values[1], "orders");
	cr_assert_str_eq(o.label_values[2], "1");
	weir_metrics_close(m);
}

/* One that stood still for a moment seems silent until it goes on. */
static void await_running(struct weir_metrics *m, struct weir_metrics_about *ret_about)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	cr_assert_eq(weir_metrics_about(m, ret_about), 0);
	while (ret_about->state != WEIR_METRICS_RUNNING && fixture_now_ns() < until) {
		fixture_sleep_ns(5000000);
		cr_assert_eq(weir_metrics_update(m), 0);
		cr_assert_eq(weir_metrics_about(m, ret_about), 0);
	}
}

/* A life that ends by SIGKILL; who reads its file meanwhile. */
static pid_t start_child(void)
{
	int ready[2];
	char byte;
	cr_assert_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
		fixture_open(&f);
		(void)fixture_topic(&f, "orders", 1);
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return child;
}

/* Of limits that nothing uses nothing is left out. */
Test(metrics, what_has_no_place_is_counted_when_it_is_there)
{
	struct weir_metrics_about about = {0};
	f.options.partitions_max = 4096;
	fixture_open(&f);
	struct weir_metrics *m = open_found();
	cr_assert_eq(weir_metrics_about(m, &about), 0);
	cr_expect_eq(about.left_out, 0);
	(void)fixture_topic(&f, "wide", WR_METRICS_SLOTS_MAX + 100);
	(void)fixture_subscription(&f, "all", "wide");
	/* Partitions of the topic, and those of the subscription. */
	for (uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	     about.left_out != 200 && fixture_now_ns() < end_ns; fixture_sleep_ns(1000000)) {
		cr_assert_eq(weir_metrics_update(m), 0);
		cr_assert_eq(weir_metrics_about(m, &about), 0);
	}
	cr_expect_eq(about.left_out, 200);
	weir_metrics_close(m);
}

Test(metrics, the_dead_can_be_read)
{
	if (fixture_emulated()) /* other processes have other start times there */
		return;
	struct weir_metrics_about about;
	pid_t child = start_child();
	struct weir_metrics *m = open_found();

	cr_assert_eq(await(m, "topic", "weir_topic_partitions", 1), 1);
	await_running(m, &about);
	cr_assert(about.state == WEIR_METRICS_RUNNING && about.pid == (uint64_t)child);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	cr_assert_eq(weir_metrics_about(m, &about), 0);
	cr_assert_eq(about.state, WEIR_METRICS_DEAD);
	weir_metrics_close(m);
	m = open_found();
	cr_assert_eq(value_of(m, "topic", "weir_topic_partitions"), 1);
	weir_metrics_close(m);
	/* The next life of the same journal takes its place. */
	fixture_open(&f);
	m = open_found();
	cr_assert_eq(weir_metrics_about(m, &about), 0);
	cr_assert_eq(about.pid, (uint64_t)getpid());
	weir_metrics_close(m);
}

Test(metrics, a_process_that_stands_still_is_silent)
{
	if (fixture_emulated()) /* other processes have other start times there */
		return;
	struct weir_metrics_about about;
	pid_t child = start_child();
	struct weir_metrics *m = open_found();

	cr_assert_eq(kill(child, SIGSTOP), 0);
	cr_assert_eq(waitpid(child, NULL, WUNTRACED), child);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		fixture_sleep_ns(100000000);
		cr_assert_eq(weir_metrics_update(m), 0);
		cr_assert_eq(weir_metrics_about(m, &about), 0);
	} while (about.state == WEIR_METRICS_RUNNING && fixture_now_ns() < until);
	cr_assert(about.state == WEIR_METRICS_SILENT && about.age_ns > 2000000000u);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	weir_metrics_close(m);
}

static char said[512];

static void hear(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strstr(line->message, "metrics") != NULL)
		(void)snprintf(said, sizeof said, "%s", line->message);
}

Test(metrics, without_a_place_it_opens_and_says_why)
{
	struct weir_metrics *m = NULL;
	struct weir_info info;

	cr_assert_eq(mkdir(dir, 0777), 0);
	cr_assert_eq(chmod(dir, 0777), 0);
	f.options.log_fn = hear;
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_assert_str_eq(info.metrics_path, "");
	cr_assert(strstr(info.metrics_note, "others may write") != NULL, "%s", info.metrics_note);
	cr_assert_str_eq(said, info.metrics_note);
	/* This process reads them all the same. */
	cr_assert_eq(weir_metrics_open_own(f.pipeline, &m, NULL), 0);
	cr_assert_gt(value_of(m, "pipeline", "weir_epoch"), 0);
	weir_metrics_close(m);
}

Test(metrics, no_file_is_made_where_none_is_wanted)
{
	struct weir_info info;
	struct stat st;

	f.options.metrics_dir = "";
	fixture_open(&f);
	fixture_info(&f, &info);
	cr_assert(info.metrics_path[0] == '\0' && info.metrics_note[0] == '\0');
	cr_assert(stat(dir, &st) != 0);
}

/* Zeros, last written so long ago. */
static void leave_zeros(const char *name, uint64_t bytes, time_t age_s)
{
	char path[sizeof dir + 64];
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	cr_assert_eq(ftruncate(fileno(file), (off_t)bytes), 0);
	cr_assert_eq(futimens(fileno(file), times), 0);
	cr_assert_eq(fclose(file), 0);
}

static bool is_there(const char *name)
{
	char path[sizeof dir + 64];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return stat(path, &st) == 0;
}

/* Its maker died before the file had a beginning; what may be somebody's stays. */
Test(metrics, a_file_that_is_half_made_goes_and_no_other)
{
	if (fixture_emulated()) /* which processes live is not told there */
		return;
	f.options.name = "orders";
	cr_assert_eq(mkdir(dir, 0700), 0);
	leave_zeros("orders.4194305", 1 << 20, 3600);
	leave_zeros("orders.4194306-2", 0, 3600);
	leave_zeros("orders.4194307", 1 << 20, 0); // being made, as far as anybody knows
	leave_zeros("orders.1", 1 << 20, 3600);    // of one that lives
	leave_zeros("other.4194305", 1 << 20, 3600);
	leave_zeros("orders.4194305.bak", 1 << 20, 3600);
	fixture_open(&f);
	cr_expect(!is_there("orders.4194305") && !is_there("orders.4194306-2"));
	cr_expect(is_there("orders.4194307") && is_there("orders.1"));
	cr_expect(is_there("other.4194305") && is_there("orders.4194305.bak"));
}

/* The file that is found, as another machine would have written it so long ago, beside it. */
static void copy_as_of_another(const char *path, uint64_t age_s)
{
	static uint8_t bytes[8 << 20];
	uint64_t told_ns = ((uint64_t)time(NULL) + 2 - age_s) * 1000000000u;
	FILE *file = fopen(found, "r");

	cr_assert_not_null(file);
	size_t count = fread(bytes, 1, sizeof bytes, file);
	cr_assert_eq(fclose(file), 0);
	cr_assert(count > WR_METRICS_HEAD_BYTES && count < sizeof bytes);
	wr_put_u64(bytes + WR_MH_PID_SPACE, wr_get_u64(bytes + WR_MH_PID_SPACE) ^ 1);
	wr_put_u64(bytes + WR_MH_PID, 4194305);
	wr_put_u64(bytes + WR_MH_WALL, told_ns);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, count, file), count);
	cr_assert_eq(fclose(file), 0);
}

Test(metrics, who_lives_on_another_machine_is_not_told_by_numbers)
{
	static const struct {
		uint64_t age_s;
		enum weir_metrics_state state;
		bool stays;
	} cases[] = {{0, WEIR_METRICS_RUNNING, true},
		     {60, WEIR_METRICS_SILENT, true},
		     {2 * 24 * 3600, WEIR_METRICS_SILENT, false}};
	struct weir_metrics_about about;
	char path[sizeof dir + 16];

	(void)snprintf(path, sizeof path, "%s/other.7", dir);
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		struct weir_metrics *m = NULL;
		fixture_open(&f);
		cr_assert_geq(weir_metrics_list(dir, remember, NULL), 1);
		if (i > 0 || strcmp(found, path) == 0)
			(void)unlink(path);
		cr_assert_eq(weir_metrics_list(dir, remember, NULL), 1);
		copy_as_of_another(path, cases[i].age_s);
		cr_assert_eq(weir_metrics_open(path, &m, NULL), 0);
		cr_assert_eq(weir_metrics_about(m, &about), 0);
		cr_expect_eq(about.state, cases[i].state, "%u", i);
		weir_metrics_close(m);
		fixture_close(&f, NULL);
		fixture_open(&f); // of the same name and journal
		cr_expect_eq(is_there("other.7"), cases[i].stays, "%u", i);
		fixture_close(&f, NULL);
	}
	fixture_open(&f);
}

Test(metrics, two_of_one_name_have_a_file_each)
{
	struct fixture second;
	fixture_init(&second, FIXTURE_MEMORY);
	second.options.metrics_dir = dir;
	fixture_open(&f);
	fixture_open(&second);
	cr_assert_eq(weir_metrics_list(dir, remember, NULL), 2);
	fixture_end(&second);
	cr_assert_eq(weir_metrics_list(dir, remember, NULL), 1);
}

Test(metrics, what_is_no_file_of_metrics_is_refused)
{
	struct weir_metrics *m = NULL;
	struct weir_problem problem = {0};
	char path[sizeof dir + 16];

	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert_eq(weir_metrics_open(dir, &m, &problem), -EINVAL);
	(void)snprintf(path, sizeof path, "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(weir_metrics_open(path, &m, &problem), -EINVAL);
	(void)snprintf(path, sizeof path, "%s/none", dir);
	cr_assert_eq(weir_metrics_open(path, &m, &problem), -ENOENT);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	cr_assert_eq(weir_metrics_open(path, &m, &problem), -ELOOP);
	cr_assert_eq(weir_metrics_open("/etc/passwd", &m, &problem), WEIR_E_CORRUPT);
	cr_assert_eq(weir_metrics_list(dir, remember, NULL), 0);
	cr_assert_eq(weir_metrics_list("/nowhere", remember, NULL), -ENOENT);
}
