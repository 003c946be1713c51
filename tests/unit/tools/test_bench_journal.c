/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench journal` measures durable acknowledgements, reports what it promises, leaves
 *         nothing behind and refuses wrong command lines; its parts are right by themselves.
 * Method: medians, due times and figures of made-up rounds; lines of the kernel's and of fio's; a
 *         made-up report as a page; a short real run of each backend in a folder that must be empty
 *         afterwards. Times are not judged: the machine is shared.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "bench/device.h"
#include "bench/device_limit.h"
#include "bench/harness.h"
#include "bench/journal.h"
#include "bench/journal_check.h"
#include "bench/journal_peer.h"
#include "bench/rounds.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"
#include "tools/weir/journal_bench_html.h"
#include "tools/weir/journal_bench_report.h"

static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_bench, "bench", "journal", __VA_ARGS__)

static void make_dir(char *dir)
{
	const char *parent = getenv("TMPDIR");

	cr_assert_eq(bench_dir_make(parent != NULL ? parent : "/tmp", dir), 0);
}

/* --- parts ----------------------------------------------------------------------------------- */

Test(bench_journal, the_median_of_an_even_count_is_the_mean_of_the_middle_two)
{
	static const double odd[] = {9, 1, 5}, even[] = {4, 1, 8, 2};

	struct spread s = spread_of(odd, 3);
	cr_assert(s.median == 5 && s.least == 1 && s.most == 9);
	s = spread_of(even, 4);
	cr_assert(s.median == 3 && s.least == 1 && s.most == 8);
	s = spread_of(odd, 1);
	cr_assert(s.median == 9 && s.least == 9 && s.most == 9);
	s = spread_of(odd, 0);
	cr_assert(s.median == 0 && s.least == 0 && s.most == 0);
}

Test(bench_journal, rounds_keep_their_own_percentiles_and_add_up_to_one_distribution)
{
	struct histogram *h = histogram_create();
	struct rounds_latency rounds = {.count = 0};

	cr_assert_eq(rounds_add(&rounds, h), 0);
	cr_assert_eq(rounds.count, 0, "a round without a sample is none");
	for (uint64_t round = 1; round <= 3; round++) {
		histogram_reset(h);
		for (uint64_t i = 1; i <= 1000; i++)
			histogram_record(h, round * 1000 + (i == 1000 ? 1000000 : 0));
		cr_assert_eq(rounds_add(&rounds, h), 0);
	}
	cr_assert_eq(rounds.count, 3);
	cr_assert_eq(rounds.all->count, 3000);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(rounds.p50_ns[i] >= 1000.0 * (i + 1) &&
			  rounds.p50_ns[i] <= 1001.0 * (i + 1));
	cr_assert_eq(rounds.all->greatest, 1003000);
	rounds_fini(&rounds);
	histogram_destroy(h);
}

Test(bench_journal, events_faster_than_a_tick_are_due_in_groups_slower_ones_each_at_its_time)
{
	cr_assert_eq(journal_due_ns(200000, 0, 1), 0);
	cr_assert_eq(journal_due_ns(200000, 0, 4), 600000);
	cr_assert_eq(journal_due_ns(200000, 70000, 4), 670000);
	/* 100,000 a second: five every 50 us. */
	for (uint64_t n = 1; n <= 5; n++)
		cr_assert_eq(journal_due_ns(10000, 0, n), 0);
	cr_assert_eq(journal_due_ns(10000, 0, 6), 50000);
	cr_assert_eq(journal_due_ns(10000, 0, 100001), 1000000000);
}

Test(bench_journal, figures_follow_from_counters)
{
	const struct journal_round round = {.elapsed_ns = 500000000,
					    .cpu_events = 1000000,
					    .log_cpu_ns = 15000000,
					    .journal_cpu_ns = 5000000,
					    .producer_cpu_ns = 30000000,
					    .other_cpu_ns = 1000000,
					    .batch_bytes = 88000000,
					    .process_write_bytes = 100000000,
					    .syncs = 700};
	const struct journal_round nothing = {.elapsed_ns = 500000000};

	cr_assert(journal_figure(&round, JOURNAL_EVENTS_PER_S, 64) == 2e6);
	cr_assert(journal_figure(&round, JOURNAL_PAYLOAD_BYTES_PER_S, 64) == 128e6);
	cr_assert(journal_figure(&round, JOURNAL_DEVICE_BYTES_PER_S, 64) == 176e6);
	cr_assert(journal_figure(&round, JOURNAL_PROCESS_BYTES_PER_S, 64) == 200e6);
	cr_assert(journal_figure(&round, JOURNAL_SYNCS_PER_S, 64) == 1400);
	cr_assert(journal_figure(&round, JOURNAL_WRITER_CPU_NS, 64) == 20);
	cr_assert(journal_figure(&round, JOURNAL_LOG_CPU_NS, 64) == 15);
	cr_assert(journal_figure(&round, JOURNAL_JOURNAL_CPU_NS, 64) == 5);
	cr_assert(journal_figure(&round, JOURNAL_PRODUCER_CPU_NS, 64) == 30);
	cr_assert(journal_figure(&round, JOURNAL_OTHER_CPU_NS, 64) == 1);
	cr_assert(journal_figure(&nothing, JOURNAL_WRITER_CPU_NS, 64) == 0);
}

Test(bench_journal, the_mount_of_a_device_number_is_found)
{
	static const char line[] =
		"36 35 98:3 /mnt1 /mnt2 rw,noatime master:1 - xfs /dev/root rw,errors=continue";
	struct bench_device device = {.name = ""};
	char source[64];

	cr_assert(bench_device_mount(line, 98, 3, &device, source, sizeof source));
	cr_assert_str_eq(device.file_system, "xfs");
	cr_assert_str_eq(device.mount_options, "rw,noatime; rw,errors=continue");
	cr_assert_str_eq(source, "/dev/root");
	cr_assert_not(bench_device_mount(line, 98, 4, &device, source, sizeof source));
	cr_assert_not(
		bench_device_mount("36 35 98:3 / / rw", 98, 3, &device, source, sizeof source));
	cr_assert_not(bench_device_mount("", 98, 3, &device, source, sizeof source));
}

Test(bench_journal, the_device_of_a_folder_is_described)
{
	struct bench_device device;

	bench_device_read("/tmp", &device);
	cr_assert_str_not_empty(device.name);
	cr_assert_str_not_empty(device.file_system);
	cr_assert_str_not_empty(device.mount_options);
	cr_assert_str_not_empty(device.write_cache);
	bench_device_read("/nowhere/at/all", &device);
	cr_assert_str_eq(device.name, "n/a");
	cr_assert_str_eq(device.write_cache, "n/a");
}

Test(bench_journal, an_acknowledgement_is_covered_only_by_events_that_were_written)
{
	uint8_t is_durable[11] = {0};
	struct journal_cover cover = {
		.mark = 0x1234567890abcdef, .count = 10, .is_durable = is_durable};
	uint64_t words[16] = {0};

	words[3] = cover.mark;
	words[4] = 1;
	words[8] = cover.mark;
	words[9] = 2;
	words[11] = cover.mark; /* a number that was never published */
	words[12] = 11;
	words[15] = cover.mark; /* cut off: its number is in no write */
	journal_cover_bytes(&cover, words, sizeof words);
	cr_assert_eq(journal_cover_lacks(&cover, 1, 2), 0);
	cr_assert_eq(journal_cover_lacks(&cover, 1, 3), 1);
	cr_assert_eq(journal_cover_lacks(&cover, 3, 10), 8);
	cr_assert_eq(journal_cover_lacks(&cover, 11, 11), 1);
}

static void check_with(enum weir_io io)
{
	char dir[BENCH_PATH_BYTES], journal[BENCH_PATH_BYTES + 16];
	struct bench_device device;
	struct journal_check check;
	struct weir_problem problem;

	make_dir(dir);
	(void)snprintf(journal, sizeof journal, "%s/check", dir);
	bench_device_read(dir, &device);
	const struct journal_check_settings settings = {.dir = journal,
							.io = io,
							.payload_bytes = 64,
							.events = 3000,
							.time_max_ns = 60000000000ull};
	cr_assert_eq(journal_check_run(&settings, &device, &check, &problem), 0, "%s",
		     problem.text);
	cr_assert_eq(check.events, 3000);
	cr_assert_eq(check.refused, 0);
	cr_assert_eq(check.uncovered, 0);
	cr_assert_gt(check.durable_writes, 0);
	cr_assert_gt(check.acknowledgements, 1);
	cr_assert_not(journal_check_flushes_lack(&check, &device));
	cr_assert_eq(bench_tree_remove(dir), 0);
}

Test(bench_journal, every_acknowledgement_of_either_backend_follows_a_durable_write_of_its_event)
{
	check_with(WEIR_IO_AUTO);
	check_with(WEIR_IO_POSIX);
}

Test(bench_journal, a_cache_that_is_never_flushed_is_told)
{
	struct bench_device device = {.write_cache = "write back", .fua = "0"};
	struct journal_check check = {.events = 5, .flushes_told = true};

	cr_assert(journal_check_flushes_lack(&check, &device));
	check.device_flushes = 1;
	cr_assert_not(journal_check_flushes_lack(&check, &device));
	check.device_flushes = 0;
	(void)snprintf(device.fua, sizeof device.fua, "1");
	cr_assert_not(journal_check_flushes_lack(&check, &device));
	(void)snprintf(device.write_cache, sizeof device.write_cache, "write through");
	(void)snprintf(device.fua, sizeof device.fua, "0");
	cr_assert_not(journal_check_flushes_lack(&check, &device));
}

/* A line as fio 3.33 wrote it, shortened behind what is read. */
static const char fio_line[] =
	"3;fio-3.33;limit;0;0;0;0;0;0;0;0;0.000000;0.000000;0;0;0.000000;0.000000;1.000000%=0;"
	"5.000000%=0;10.000000%=0;20.000000%=0;30.000000%=0;40.000000%=0;50.000000%=0;60.000000%=0;"
	"70.000000%=0;80.000000%=0;90.000000%=0;95.000000%=0;99.000000%=0;99.500000%=0;"
	"99.900000%=0;99.950000%=0;99.990000%=0;0%=0;0%=0;0%=0;0;0;0.000000;0.000000;0;0;0.000000%;"
	"0.000000;0.000000;813056;2000000;1984;400;21;80;40.110000;4.000000;";

Test(bench_journal, the_rate_is_read_out_of_what_fio_says_and_nothing_else)
{
	char failed[sizeof fio_line];

	cr_assert(limit_parse(fio_line, false) == 2000000.0 * 1024);
	memcpy(failed, fio_line, sizeof failed);
	memcpy(strstr(failed, "limit;0;0;"), "limit;0;5;", 10);
	cr_assert(limit_parse(failed, false) < 0, "an error of fio's");
	cr_assert(limit_parse("3;fio-3.33;limit;0;0;0;", false) < 0);
	cr_assert(limit_parse("", false) < 0);
	cr_assert(limit_parse("3;fio-3.33;limit;0;0;4096;2048;2;", true) == 2048.0 * 1024);
	cr_assert(limit_parse("3;fio-3.33;limit;0;5;4096;2048;2;", true) < 0, "an error of fio's");
}

Test(bench_journal, a_sweep_has_every_way_to_sync_and_the_best_two_are_found)
{
	static struct limit_point points[LIMIT_POINTS_MAX];
	static struct journal_limit limit;
	uint32_t count = limit_points(false, points);

	cr_assert_leq(count, LIMIT_POINTS_MAX);
	cr_assert_lt(limit_points(true, points), count);
	count = limit_points(false, limit.points);
	limit.point_count = count;
	for (uint32_t i = 0; i < count; i++)
		limit.points[i].bytes_per_s = 100 + (i * 7) % count;
	limit.points[3].bytes_per_s = 1000;
	limit.points[9].bytes_per_s = 900;
	journal_limit_best(&limit);
	cr_assert_eq(limit.best_count, 2);
	cr_assert_eq(limit.best[0], 3);
	cr_assert_eq(limit.best[1], 9);
	limit.point_count = 0;
	journal_limit_best(&limit);
	cr_assert_eq(limit.best_count, 0);
}

/* --- peers ----------------------------------------------------------------------------------- */

struct fake {
	uint64_t calls;
	uint64_t last_number;
	int fail_at; /* this call */
};
static struct fake fake;

static bool fake_version(char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "1.2");
	return true;
}

static int fake_open(struct journal_peer_place *place, void **ret_handle)
{
	cr_assert_eq(access(place->dir, W_OK), 0);
	cr_assert_eq(place->payload_bytes, 40);
	*ret_handle = place;
	return 0;
}

/* Every event is there once, in order: its first word is its number. */
static int fake_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct journal_peer_place *place = handle;

	if (++fake.calls == (uint64_t)fake.fail_at) {
		(void)snprintf(place->why, sizeof place->why, "it is full");
		return -ENOSPC;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t number;
		memcpy(&number, events + i * place->payload_bytes, sizeof number);
		cr_assert_eq(number, ++fake.last_number);
	}
	bench_sleep_ns(1000000);
	return 0;
}

static void fake_close(void *handle)
{
	(void)handle;
}

static const char *fake_acks_early(const char *version)
{
	return strcmp(version, "1.2") == 0 ? "when it likes" : NULL;
}

static const struct journal_peer fake_peer = {.name = "fake",
					      .package = "none",
					      .settings = "as it is",
					      .group_events = 7,
					      .version = fake_version,
					      .acks_early = fake_acks_early,
					      .open = fake_open,
					      .append = fake_append,
					      .close = fake_close};

static int run_fake(const char *dir, uint64_t rate, uint64_t length_ns,
		    struct journal_peer_round *round, char why[160])
{
	const struct journal_load load = {.rate = rate, .length_ns = length_ns};

	histogram_reset(round->ack);
	*round = (struct journal_peer_round){.ack = round->ack};
	return journal_peer_run(&fake_peer, dir, 40, &load, NULL, round, why, 160);
}

Test(bench_journal, a_peer_gets_every_event_once_in_groups_and_its_folder_goes)
{
	struct journal_peer_round round = {.ack = histogram_create()};
	char dir[BENCH_PATH_BYTES];
	char why[160];

	make_dir(dir);
	cr_assert_eq(run_fake(dir, JOURNAL_SATURATED, 50000000, &round, why), 0);
	cr_assert_gt(round.syncs, 0);
	cr_assert_eq(round.events, 7 * round.syncs);
	cr_assert_geq(round.elapsed_ns, 1000000 * round.syncs, "each of them has slept");
	cr_assert_eq(round.ack->count, round.syncs);
	cr_assert_geq(round.ack->least, 1000000, "shorter than its sleep");
	fake = (struct fake){.calls = 0};
	cr_assert_eq(run_fake(dir, 2000, 50000000, &round, why), 0);
	cr_assert_leq(round.events, 100);
	cr_assert_eq(round.events, fake.last_number);
	cr_assert_eq(round.ack->count, round.events);
	fake = (struct fake){.fail_at = 3};
	/* Long enough that the third call comes, whatever else the machine does. */
	cr_assert_eq(run_fake(dir, JOURNAL_SATURATED, 60000000000, &round, why), -ENOSPC);
	cr_assert_str_eq(why, "it is full");
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
	histogram_destroy(round.ack);
}

Test(bench_journal, each_peer_that_is_here_keeps_events)
{
	char dir[BENCH_PATH_BYTES];
	char why[160] = "", version[64];

	make_dir(dir);
	for (uint32_t i = 0; i < journal_peer_count; i++) {
		const struct journal_peer *peer = journal_peers[i];
		struct journal_peer_round round = {.ack = histogram_create()};
		const struct journal_load load = {.rate = 2000, .length_ns = 30000000};
		cr_assert_leq(peer->group_events, JOURNAL_GROUP_MAX);
		if (peer->version(version, sizeof version)) {
			cr_assert_str_not_empty(version);
			cr_assert_eq(journal_peer_run(peer, dir, 64, &load, NULL, &round, why,
						      sizeof why),
				     0, "%s: %s", peer->name, why);
			cr_assert_gt(round.syncs, 0, "%s", peer->name);
		}
		histogram_destroy(round.ack);
	}
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
}

/* --- a report of made-up rounds -------------------------------------------------------------- */

static void make_latency(struct rounds_latency *latency, uint64_t ns)
{
	struct histogram *h = histogram_create();

	for (uint64_t i = 0; i < 1000; i++)
		histogram_record(h, ns + i);
	cr_assert_eq(rounds_add(latency, h), 0);
	histogram_destroy(h);
}

static struct journal_report *make_report(double limit_bytes_per_s)
{
	static struct journal_report r;

	/* Of the last one. */
	rounds_fini(&r.rates[0].ack);
	rounds_fini(&r.rates[0].bare);
	rounds_fini(&r.saturated_ack);
	rounds_fini(&r.peers[0].at_rate[0]);
	rounds_fini(&r.peers[0].saturated_ack);
	r = (struct journal_report){.rounds = 1,
				    .choices = {.rate_count = 1, .payload_bytes = 64},
				    .machine = {.cpu = "a <CPU>", .cpus_allowed = 8}};
	r.check = (struct journal_check){.events = 100, .durable_writes = 9};
	r.rates[0].rate = 100000;
	r.rates[0].rounds[0] = (struct journal_round){
		.elapsed_ns = 1000000000, .cpu_events = 100000, .log_cpu_ns = 500000000};
	r.saturated[0] = (struct journal_round){
		.elapsed_ns = 1000000000, .cpu_events = 20000000, .batch_bytes = 1800000000};
	make_latency(&r.rates[0].ack, 150000);
	make_latency(&r.rates[0].bare, 100000);
	make_latency(&r.saturated_ack, 5000000);
	r.peer_count = 1;
	r.peers[0].peer = &fake_peer;
	(void)snprintf(r.peers[0].version, sizeof r.peers[0].version, "1.2");
	r.peers[0].events_per_s[0] = 3e6;
	r.peers[0].late_count[0] = 5;
	make_latency(&r.peers[0].at_rate[0], 900000);
	make_latency(&r.peers[0].saturated_ack, 700000);
	if (limit_bytes_per_s > 0) {
		(void)snprintf(r.limit.tool, sizeof r.limit.tool, "fio-3.33");
		r.limit.point_count = limit_points(true, r.limit.points);
		r.limit.points[1].bytes_per_s = limit_bytes_per_s;
		r.limit.bytes_per_s[0] = limit_bytes_per_s;
		journal_limit_best(&r.limit);
	} else {
		(void)snprintf(r.limit.why, sizeof r.limit.why, "fio is not here");
	}
	return &r;
}

Test(bench_journal, more_than_the_device_can_do_is_told_as_an_error_of_the_measurement)
{
	char text[1024];

	journal_report_warnings(make_report(2e9), text, sizeof text);
	cr_assert_str_eq(text, "");
	cr_assert(journal_of_limit(make_report(2e9)) == 0.9);
	struct journal_report *r = make_report(2e9);
	r->check.uncovered = 3;
	journal_report_warnings(r, text, sizeof text);
	cr_assert(capture_has(text, "acknowledgements without a sync: 3 of 100 events"), "%s",
		  text);
	cr_assert(journal_check_failed(r));
	journal_report_warnings(make_report(1.5e9), text, sizeof text);
	cr_assert(capture_has(text, "120% of the device's limit: more than all there is cannot be"),
		  "%s", text);
	journal_report_warnings(make_report(0), text, sizeof text);
	cr_assert(capture_has(text, "was not measured: fio is not here"), "%s", text);
	cr_assert(journal_of_limit(make_report(0)) == 0);
}

Test(bench_journal, peers_stand_in_the_json_with_their_settings)
{
	static char text[1u << 16];
	FILE *f = fmemopen(text, sizeof text, "w");

	cr_assert_eq(journal_report_json(make_report(2e9), f), 0);
	cr_assert_eq(fclose(f), 0);
	cr_assert(capture_has(text, "\"name\": \"fake\""), "%s", text);
	cr_assert(capture_has(text, "\"durable\": false"), "%s", text);
	cr_assert(capture_has(text, "\"acks_early\": \"when it likes\""), "%s", text);
	cr_assert(capture_has(text, "\"runs_as\": \"as it is\""));
	cr_assert(capture_has(text, "\"events_per_s\": 3000000"));
	cr_assert(capture_has(text, "\"given_up\": 5"));
	cr_assert(capture_has(text, "\"of_limit\": 0.9"));
	cr_assert(capture_has(text, "\"tool\": \"fio-3.33\""));
}

Test(bench_journal, the_page_is_whole_and_its_text_is_escaped)
{
	static char text[1u << 17];
	FILE *f = fmemopen(text, sizeof text, "w");

	journal_report_html(make_report(2e9), f);
	cr_assert_eq(fclose(f), 0);
	cr_assert(capture_has(text, "</html>"));
	cr_assert(capture_has(text, "a &lt;CPU&gt;"));
	cr_assert(capture_has(text, "90 %"));
	cr_assert(capture_has(text, "100 000 events a second"));
	cr_assert(capture_has(text, "<svg"));
	cr_assert(capture_has(text, "every 16 writes"));
	cr_assert(capture_has(text, "write cache"));
	cr_assert(capture_has(text, "mount options"));
	cr_assert(capture_has(text,
			      "<th>fake</th><td>1.2</td><td>as it is</td><td>when it likes</td>"));
	cr_assert(capture_has(text, "<td>cannot</td>"));
	cr_assert_not(capture_has(text, "<script"));
	cr_assert_not(capture_has(text, "http://"));
}

/* --- command lines --------------------------------------------------------------------------- */

Test(bench_journal, wrong_command_lines_are_refused)
{
	RUN("--rates", "100K,fast");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "--rates: \"fast\""), "%s", c.err);
	RUN("--rates", ",");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("--rates", "1,2,3,4,5,6,7,8,9");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "more than 8"), "%s", c.err);
	RUN("--payload", "16");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("--rounds", "0");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("--segment-bytes", "64MiB", "--retention-bytes", "64MiB");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "less than two segments"), "%s", c.err);
	RUN("--dir", "/nowhere/at/all");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
}

Test(bench_journal, more_room_than_there_is_is_refused_before_anything_is_written)
{
	char dir[BENCH_PATH_BYTES];

	make_dir(dir);
	RUN("--dir", dir, "--segment-bytes", "4GiB", "--retention-bytes", "1TiB");
	if (bench_free_bytes(dir) < 1ull << 40) {
		cr_assert_eq(c.exit_code, CLI_EXIT_IO, "%s", c.err);
		cr_assert(capture_has(c.err, "free, and this needs"), "%s", c.err);
	}
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
}

Test(bench_journal, a_short_run_measures_every_due_event_and_leaves_nothing_behind)
{
	static const char *const members[] = {"\"benchmark\": \"journal\"",
					      "\"saturated\"",
					      "\"events_per_s\"",
					      "\"bytes_per_s\"",
					      "\"at_rate\"",
					      "\"device_bytes_per_s\"",
					      "\"ack_us\"",
					      "\"peers\"",
					      "\"journal_cpu_ns_per_event\"",
					      "\"bare_sync_us\"",
					      "\"p50\"",
					      "\"p99\"",
					      "\"p999\"",
					      "\"machine\"",
					      "\"given_up\": 0",
					      "\"events_per_s\": 2000",
					      "\"rounds\": 1,",
					      "\"interrupted\": false"};
	char dir[BENCH_PATH_BYTES];

	make_dir(dir);
	RUN("--dir", dir, "--rates", "2000,500", "--rounds", "1", "--time", "60ms", "--warmup",
	    "10ms", "--bare-time", "5ms", "--segment-bytes", "4MiB", "--retention-bytes", "8MiB",
	    "--no-limit", "--json");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	for (size_t i = 0; i < WR_ARRAY_COUNT(members); i++)
		cr_assert(capture_has(c.out, members[i]), "no %s in %s", members[i], c.out);
	/* Every event that was due in the 60 ms, whenever its answer came. */
	cr_assert(capture_has(c.out, "\"samples\": 120"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"samples\": 30"), "%s", c.out);
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
}

Test(bench_journal, the_posix_backend_is_measured_too_and_the_text_has_every_part)
{
	char dir[BENCH_PATH_BYTES];

	make_dir(dir);
	RUN("--dir", dir, "--io", "posix", "--rates", "1000", "--rounds", "2", "--time", "20ms",
	    "--warmup", "0", "--bare-time", "5ms", "--segment-bytes", "4MiB", "--retention-bytes",
	    "8MiB", "--no-limit");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_assert(capture_has(c.out, "1 000  ack"), "%s", c.out);
	cr_assert(capture_has(c.out, "bare write+fdatasync"), "%s", c.out);
	cr_assert(capture_has(c.out, "saturated, 64 B, 2 producers"), "%s", c.out);
	cr_assert(capture_has(c.out, "2, in turn; medians"), "%s", c.out);
	cr_assert(capture_has(c.out, "journal     posix"), "%s", c.out);
	cr_assert_eq(rmdir(dir), 0, "something was left behind");
}
