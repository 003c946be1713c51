/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a container that refuses io_uring gets the posix backend, which is told why, and loses
 *         nothing by it; who insists on io_uring gets a clear error and nothing is made.
 * Method: children under a seccomp filter that answers io_uring_setup with EPERM (as the filters of
 *         container engines do) or ENOSYS (as old kernels do). Each publishes, waits for durable
 *         and closes; the parent, without a filter, reads the journal.
 *
 * Plain main(), TAP: filters are for ever, so each case is a process.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define SECOND_NS UINT64_C(1000000000)
#define EVENTS 500u
#define EXIT_NO_FILTER 77

static int refused_with; /* errno */
static char journal[TEST_PATH_BYTES + 16];
static struct capture captured;

static void refuse_io_uring(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refused_with),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof rules / sizeof rules[0], .filter = rules};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(EXIT_NO_FILTER);
	errno = 0;
	if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != refused_with)
		exit(EXIT_NO_FILTER);
}

static int publish_all(struct weir_pipeline *pipeline)
{
	struct weir_topic_options topic_options;
	struct weir_producer_options producer_options;
	struct weir_producer *producer;
	uint64_t ticket = 0;
	uint32_t topic;

	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	weir_producer_options_init(&producer_options);
	int rc = weir_topic_create(pipeline, &topic_options, &topic, NULL);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &producer_options, &producer, NULL);
	for (unsigned i = 0; rc == 0 && i < EVENTS; i++) {
		const struct weir_event event = {
			.topic = topic, .payload = &i, .payload_bytes = sizeof i};
		rc = weir_publish(producer, &event, &ticket);
	}
	return rc == 0 ? weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, SECOND_NS * 30) : rc;
}

/* In the child, with the signature of a command. argv[1]: "auto" or "uring". */
static int open_and_publish(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem problem = {0};
	struct weir_info info = {.struct_bytes = sizeof info};

	(void)argc;
	refuse_io_uring();
	test_options(&options, journal);
	options.io = strcmp(argv[1], "uring") == 0 ? WEIR_IO_URING : WEIR_IO_AUTO;
	int rc = weir_open(&options, &pipeline, &problem);
	if (rc < 0) {
		fprintf(stderr, "%s: %s", weir_error_name(rc), problem.text);
		return 1;
	}
	rc = weir_pipeline_info(pipeline, &info);
	if (rc == 0)
		rc = publish_all(pipeline);
	int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	printf("backend %s, because %s", info.backend, info.backend_reason);
	return rc == 0 && closed == 0 ? 0 : 1;
}

static int bench_under_filter(int argc, char **argv)
{
	refuse_io_uring();
	return cmd_bench(argc, argv);
}

static void check_auto(const char *name)
{
	struct weir_journal_report report = {0};

	capture_run(&captured, open_and_publish, "open", (const char *const[]){"auto", NULL});
	if (captured.exit_code == EXIT_NO_FILTER) {
		tap_skip("seccomp filters are refused here");
		return;
	}
	tap_check(captured.exit_code == 0 && capture_has(captured.out, "backend posix") &&
			  capture_has(captured.out, "io_uring"),
		  "%s: auto is posix, and says why", name);
	tap_note("%s%s", captured.out, captured.err);
	int rc = weir_journal_inspect(journal, NULL, &report, NULL);
	tap_check(rc == 0 && report.event_count == EVENTS && report.clean &&
			  report.corrupt_count == 0,
		  "%s: all %u events are in the journal", name, EVENTS);
	test_dir_remove(journal);
}

static void check_uring(const char *name, const char *dir)
{
	struct stat status;

	capture_run(&captured, open_and_publish, "open", (const char *const[]){"uring", NULL});
	if (captured.exit_code == EXIT_NO_FILTER)
		return;
	bool is_there = stat(journal, &status) == 0;
	if (is_there)
		test_dir_remove(journal);
	tap_check(captured.exit_code == 1 && capture_has(captured.err, name) &&
			  capture_has(captured.err, "io_uring"),
		  "%s: io_uring alone is an error that names it", name);
	tap_note("%s%s", captured.err, is_there ? " (the directory was made)" : "");
	capture_run(&captured, bench_under_filter, "bench",
		    (const char *const[]){"pipeline", "--io", "uring", "--seconds", "0.1",
					  "--bare-syncs", "0", "--dir", dir, NULL});
	tap_check(captured.exit_code != 0 && captured.exit_code < 128 &&
			  capture_has(captured.err, "io_uring"),
		  "%s: so it is on the command line (exit code %d)", name, captured.exit_code);
	tap_note("%.200s", captured.err);
}

int main(void)
{
	static const struct {
		int number;
		const char *name;
	} refusals[] = {{EPERM, "EPERM"}, {ENOSYS, "ENOSYS"}};
	char dir[TEST_PATH_BYTES];

	if (getenv("WEIR_TEST_EMULATED") != NULL) {
		tap_skip("an emulator does not pass filters on");
		return tap_end();
	}
	(void)unsetenv("WEIR_TEST_IO");
	test_dir_make(dir);
	snprintf(journal, sizeof journal, "%s/journal", dir);
	for (unsigned i = 0; i < 2; i++) {
		refused_with = refusals[i].number;
		check_auto(refusals[i].name);
		check_uring(refusals[i].name, dir);
	}
	test_dir_remove(dir);
	return tap_end();
}
