/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of bridges, with a driver that does as it is told (bridge_bed.h): states, delays, pause
 * and resume by call and by file, and dead letters. Method: manual bridges on a small pipeline,
 * stepped by the test; time is real, delays are a millisecond.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir.h>

#include "tests/unit/io/bridge_bed.h"

static bool status_file_has(const char *dir, const char *line)
{
	char path[TEST_PATH_BYTES + 32], text[4096] = "";
	(void)snprintf(path, sizeof path, "%s/b.status", dir);
	FILE *file = fopen(path, "re");
	fixture_need(file != NULL, "a status file");
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	(void)fclose(file);
	return strstr(text, line) != NULL;
}

Test(bridge, goes_from_state_to_state_as_its_driver_says)
{
	struct fixture f;
	struct driver d = {.open_answer = WEIR_BRIDGE_LOST};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	fixture_begin(&f, FIXTURE_DURABLE);
	uint32_t topic = fixture_topic(&f, "t", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 1, 11));
	struct weir_bridge *bridge = start(&f, &o);

	step_to(bridge, WEIR_BRIDGE_RETRYING);
	cr_expect_str_eq(look(bridge).why, "nobody\nanswers");
	cr_expect_eq(look(bridge).attempts, 1);
	cr_expect_eq(d.closes, d.opens, "who could not open is closed, too");
	d.open_answer = WEIR_BRIDGE_GIVE_UP;
	step_to(bridge, WEIR_BRIDGE_FAILED);
	uint32_t opens = d.opens;
	for (int i = 0; i < 20; i++)
		cr_expect_eq(weir_bridge_step(bridge, MILLISECOND_NS / 10), 0);
	cr_expect_eq(d.opens, opens, "nothing is tried before a person has looked");
	cr_expect_eq(look(bridge).lag_events, 10, "what comes is kept");

	d.open_answer = 0;
	d.take = true;
	cr_assert_eq(weir_bridge_resume(bridge), 0);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_str_eq(look(bridge).why, "");
	while (d.sum < 55)
		cr_assert_geq(weir_bridge_step(bridge, 100 * MILLISECOND_NS), 0);
	d.step_answer = -1;
	step_to(bridge, WEIR_BRIDGE_RETRYING);
	d.step_answer = 0;
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(look(bridge).events, 10);
	cr_expect_eq(look(bridge).lag_events, 0);
	cr_expect_eq(d.drains, 0);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect_eq(d.drains, 1);
	cr_expect_eq(d.closes, d.opens);
	cr_expect_eq(d.destroys, 1);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
}

/* Both are asked before one is waited for; what they did at their end is in the status. */
Test(bridge, several_stop_side_by_side)
{
	struct fixture f;
	struct driver d[2] = {{0}, {0}};
	struct weir_bridge *bridges[2];
	fixture_begin(&f, FIXTURE_MEMORY);
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_bridge_options o = options_of(&d[i], WEIR_BRIDGE_SOURCE);
		o.name = i == 0 ? "one" : "two";
		o.manual = false;
		bridges[i] = start(&f, &o);
	}
	weir_bridge_stop_begin(bridges[0]);
	weir_bridge_stop_begin(bridges[1]);
	for (uint32_t i = 0; i < 2; i++) {
		while (look(bridges[i]).state != WEIR_BRIDGE_STOPPED)
			(void)sched_yield();
		cr_expect_eq(d[i].destroys, 0, "it is there until the stop");
		cr_expect_eq(weir_bridge_stop(bridges[i]), 0);
		cr_expect_eq(d[i].destroys, 1);
	}
	fixture_end(&f);
}

Test(bridge, is_paused_and_resumed_by_calls_and_by_files)
{
	struct fixture f;
	struct driver d = {.take = true};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	struct weir_bridge *other = NULL;
	char dir[TEST_PATH_BYTES + 16], path[TEST_PATH_BYTES + 32];
	fixture_begin(&f, FIXTURE_DURABLE);
	(void)fixture_topic(&f, "t", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	(void)snprintf(dir, sizeof dir, "%s.bridges", f.dir);
	(void)snprintf(path, sizeof path, "%s/b.pause", dir);
	o.state_dir = dir;
	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect(status_file_has(dir, "\nstate running\n"));
	cr_expect_eq(weir_bridge_start(f.pipeline, &o, &other, NULL), WEIR_E_LOCKED);

	cr_assert_eq(weir_bridge_pause(bridge), 0);
	step_to(bridge, WEIR_BRIDGE_PAUSED);
	cr_expect(status_file_has(dir, "\nstate paused\n"));
	cr_expect_eq(d.drains, 1);
	cr_expect_eq(d.closes, 1);
	cr_expect_eq(weir_bridge_stop(bridge), 0);

	bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_PAUSED);
	cr_expect_eq(d.opens, 1, "it is paused after a restart, too");
	cr_assert_eq(unlink(path), 0);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(file, 0);
	(void)close(file);
	step_to(bridge, WEIR_BRIDGE_PAUSED);
	cr_assert_eq(weir_bridge_resume(bridge), 0);
	step_to(bridge, WEIR_BRIDGE_RUNNING);

	d.open_answer = WEIR_BRIDGE_GIVE_UP;
	d.step_answer = -1;
	step_to(bridge, WEIR_BRIDGE_FAILED);
	cr_expect(status_file_has(dir, "\nwhy wrong password\n"));
	d.open_answer = d.step_answer = 0;
	(void)snprintf(path, sizeof path, "%s/b.resume", dir);
	file = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(file, 0);
	(void)close(file);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_expect_eq(access(path, F_OK), -1, "what was asked for once is done once");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect(status_file_has(dir, "\nstate stopped\n"));
	fixture_end(&f);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s/b.%s", dir, i == 0 ? "lock" : "status");
		(void)unlink(path);
	}
	cr_expect_eq(rmdir(dir), 0, "nothing else is left there");
}

Test(bridge, takes_a_resume_as_said_when_it_was_said)
{
	struct fixture f;
	struct driver d = {.take = true};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	char dir[TEST_PATH_BYTES + 16], path[TEST_PATH_BYTES + 32];
	fixture_begin(&f, FIXTURE_DURABLE);
	(void)fixture_topic(&f, "t", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	(void)snprintf(dir, sizeof dir, "%s.bridges", f.dir);
	o.state_dir = dir;
	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_RUNNING);
	cr_assert_eq(weir_bridge_resume(bridge), 0);
	(void)weir_bridge_step(bridge, 0);
	d.open_answer = WEIR_BRIDGE_GIVE_UP;
	d.step_answer = -1;
	step_to(bridge, WEIR_BRIDGE_FAILED);
	uint32_t opens = d.opens;
	for (int i = 0; i < 5; i++)
		cr_expect_eq(weir_bridge_step(bridge, MILLISECOND_NS / 10), 0);
	cr_expect_eq(d.opens, opens, "one of before it failed is not for now");

	cr_assert_eq(weir_bridge_pause(bridge), 0);
	step_to(bridge, WEIR_BRIDGE_PAUSED);
	(void)snprintf(path, sizeof path, "%s/b.resume", dir);
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(file, 0);
	(void)close(file);
	while (access(path, F_OK) == 0)
		(void)weir_bridge_step(bridge, MILLISECOND_NS);
	uint64_t begun_ns = fixture_now_ns();
	for (int i = 0; i < 10; i++)
		cr_expect_eq(weir_bridge_step(bridge, 2 * MILLISECOND_NS), 0);
	cr_expect_geq(fixture_now_ns() - begun_ns, 10 * MILLISECOND_NS, "it sleeps");
	cr_expect_eq(look(bridge).state, WEIR_BRIDGE_PAUSED);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	fixture_end(&f);
	static const char *const ends[] = {"lock", "status", "pause"};
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s/b.%s", dir, ends[i]);
		(void)unlink(path);
	}
	cr_expect_eq(rmdir(dir), 0);
}

static uint32_t count_headers(const struct weir_item *item)
{
	struct weir_header header;
	uint32_t count = 0;
	for (uint32_t at = 0; (at = weir_item_header(item, at, &header)) != 0; count++)
		;
	return count;
}

/* Two events: with 100 headers, and with more than a copy can have. */
Test(bridge, a_dead_letter_has_all_headers_or_there_is_none)
{
	static struct weir_header headers[1022];
	struct fixture f;
	struct driver d = {.bury = true};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	struct weir_item letter;
	uint64_t ticket;
	for (int i = 0; i < 1022; i++)
		headers[i] = (struct weir_header){
			.name = "h", .name_bytes = 1, .value = "v", .value_bytes = 1};
	fixture_begin(&f, FIXTURE_DURABLE);
	struct weir_event event = {.topic = fixture_topic(&f, "t", 1),
				   .payload = "p",
				   .payload_bytes = 1,
				   .headers = headers,
				   .header_count = 100};
	o.dead_letters = fixture_topic(&f, "dead", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	uint32_t readers = fixture_subscription(&f, "letters", "dead");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	event.header_count = 1022;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_FAILED);
	cr_expect(strstr(look(bridge).why, "cannot be a dead letter") != NULL, "%s",
		  look(bridge).why);
	cr_expect_eq(look(bridge).dead_letters, 1);
	cr_expect_eq(look(bridge).lag_events, 1, "it stays");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	struct weir_member *member = fixture_member(&f, readers, "m");
	cr_assert_eq(weir_poll(member, &letter, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(count_headers(&letter), 103);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
}

/* Members' lanes are smaller than producers' here. */
Test(bridge, says_what_a_dead_letter_is_too_large_for)
{
	static const uint8_t payload[10 << 10];
	struct fixture f;
	struct driver d = {.bury = true};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	uint64_t ticket;
	fixture_begin(&f, FIXTURE_DURABLE);
	const struct weir_event event = {.topic = fixture_topic(&f, "t", 1),
					 .payload = payload,
					 .payload_bytes = sizeof payload};
	o.dead_letters = fixture_topic(&f, "dead", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_FAILED);
	cr_expect(strstr(look(bridge).why, "a quarter of member_lane") != NULL, "%s",
		  look(bridge).why);
	cr_expect_eq(look(bridge).lag_events, 1, "it stays");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
}

Test(bridge, gives_an_event_up_once_or_stops)
{
	struct fixture f;
	struct driver d = {.bury = true};
	struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SINK);
	struct weir_item letters[4];
	struct weir_header header;
	uint32_t at = 0;
	fixture_begin(&f, FIXTURE_DURABLE);
	uint32_t topic = fixture_topic(&f, "t", 1);
	uint32_t dead = fixture_topic(&f, "dead", 1);
	o.subscription = fixture_subscription(&f, "s", "t");
	uint32_t readers = fixture_subscription(&f, "letters", "dead");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 7, 9));

	struct weir_bridge *bridge = start(&f, &o);
	step_to(bridge, WEIR_BRIDGE_FAILED);
	cr_expect(strstr(look(bridge).why, "too large for it") != NULL, "%s", look(bridge).why);
	cr_expect_eq(look(bridge).lag_events, 2);
	(void)weir_bridge_stop(bridge);

	o.dead_letters = dead;
	bridge = start(&f, &o);
	while (look(bridge).dead_letters < 2 && look(bridge).state != WEIR_BRIDGE_FAILED)
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
	cr_expect_eq(look(bridge).dead_letters, 2);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	struct weir_member *member = fixture_member(&f, readers, "m");
	cr_assert_eq(fixture_poll(member, NULL, 0, 2, true), 2);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	uint32_t again = fixture_subscription(&f, "again", "dead");
	member = fixture_member(&f, again, "m");
	cr_assert_eq(weir_poll(member, letters, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(fixture_number(&letters[0]), 7);
	bool has_reason = false;
	while ((at = weir_item_header(&letters[0], at, &header)) != 0)
		has_reason |= header.name_bytes == 11 &&
			      memcmp(header.name, "weir-reason", 11) == 0 &&
			      memcmp(header.value, "too large for it", 16) == 0;
	cr_expect(has_reason);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
}

Test(bridge, refuses_options_that_cannot_work)
{
	struct fixture f;
	struct driver d = {0};
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem;
	struct weir_bridge_ops half = driver_ops;
	fixture_begin(&f, FIXTURE_DURABLE);
	uint32_t topic = fixture_topic(&f, "t", 1);
	half.step = NULL;
	for (int i = 0; i < 6; i++) {
		struct weir_bridge_options o = options_of(&d, WEIR_BRIDGE_SOURCE);
		static const char *const fields[] = {"name",         "direction", "ops",
						     "subscription", "positions", "dead_letters"};
		o.name = i == 0 ? "../b" : o.name;
		o.direction = i == 1 ? 0 : i == 3 ? WEIR_BRIDGE_SINK : o.direction;
		o.ops = i == 2 ? &half : o.ops;
		o.subscription = 99;
		o.positions = i == 4 ? topic : UINT32_MAX; /* its keys have no versions */
		o.dead_letters = i == 5 ? 99 : UINT32_MAX;
		cr_expect_lt(weir_bridge_start(f.pipeline, &o, &bridge, &problem), 0);
		cr_expect_str_eq(problem.field, fields[i]);
		cr_expect_neq(problem.text[0], '\0');
	}
	fixture_end(&f);
}
