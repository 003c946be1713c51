/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what an operator has to know reaches log_fn, and positions have an order.
 * Method: the shared library and the public headers only. More spinning threads than CPUs; a
 *         journal whose writes begin to fail, because the process may not write beyond the first
 *         block of a file any more (RLIMIT_FSIZE: weir's threads have SIGXFSZ blocked and get
 *         EFBIG). Plain main(), TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <weir.h>

#define FOREVER_ENOUGH_NS 20000000000ull

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	case_count++;
	if (!good)
		failed_count++;
	printf("%s %d - %s\n", good ? "ok" : "not ok", case_count, what);
}

struct notes {
	_Atomic int count; // also of weir's threads
	char text[512];
};

static void note(void *context, const struct weir_log_line *line)
{
	struct notes *notes = context;
	snprintf(notes->text, sizeof notes->text, "%s", line->message);
	notes->count++;
	printf("# note: %s\n", line->message);
}

static void positions_are_ordered(void)
{
	const struct weir_pos early = {.log = 0, .epoch = 1, .sequence = 12};
	const struct weir_pos again = {.log = 0, .epoch = 2, .sequence = 11};
	const struct weir_pos later = {.log = 0, .epoch = 2, .sequence = UINT64_MAX};
	const struct weir_pos other = {.log = 1, .epoch = 1, .sequence = 1};
	check(weir_pos_compare(&early, &early) == 0, "a position is equal to itself");
	check(weir_pos_compare(&early, &again) < 0 && weir_pos_compare(&again, &early) > 0,
	      "a sequence that a later epoch used again stands behind the first use");
	check(weir_pos_compare(&again, &later) < 0 && weir_pos_compare(&later, &again) > 0,
	      "in one epoch the sequence decides, also where a difference would not fit an int");
	check(weir_pos_compare(&later, &other) < 0, "positions of two logs have an order too");
}

static void a_degraded_thread_is_told(void)
{
	struct notes notes = {.count = 0};
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};

	weir_options_init(&options);
	options.log_fn = note;
	options.log_context = &notes;
	/* All of them on one CPU: one may spin, the others cannot. */
	struct weir_thread_options *threads[] = {&options.log, &options.group, &options.handler};
	for (size_t i = 0; i < 3; i++)
		threads[i]->wait = WEIR_WAIT_SPIN;
	struct weir_info info = {.struct_bytes = sizeof info};
	uint16_t cpu = 0;
	int rc = -1;
	for (; cpu < WEIR_CPUS_MAX && rc != 0; cpu++) {
		for (size_t i = 0; i < 3; i++) {
			threads[i]->cpu_count = 1;
			threads[i]->cpus[0] = cpu;
		}
		rc = weir_open(&options, &pipeline, &why); // a CPU that is not ours is refused
	}
	check(rc == 0, "a pipeline with more spinners than CPUs opens");
	if (rc != 0)
		return;
	rc = weir_pipeline_info(pipeline, &info);
	check(rc == 0 && info.thread_note[0] != '\0' && notes.count == 1 &&
		      strcmp(notes.text, info.thread_note) == 0,
	      "log_fn is told once which thread was degraded, as weir_info says it");
	weir_close(pipeline, WEIR_CLOSE_DRAIN, FOREVER_ENOUGH_NS, NULL);
}

static int publish_until_it_fails(struct weir_pipeline *pipeline)
{
	struct weir_topic_options topic_options;
	struct weir_producer_options options;
	struct weir_producer *producer;
	struct weir_event event = {.payload = "x", .payload_bytes = 1};
	struct rlimit before, little;
	uint64_t ticket;

	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	weir_producer_options_init(&options);
	int rc = weir_topic_create(pipeline, &topic_options, &event.topic, NULL);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &options, &producer, NULL);
	if (rc != 0 || getrlimit(RLIMIT_FSIZE, &before) != 0)
		return rc != 0 ? rc : -1;
	little = before;
	little.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &little);
	rc = weir_publish(producer, &event, &ticket);
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FOREVER_ENOUGH_NS);
	setrlimit(RLIMIT_FSIZE, &before);
	return rc;
}

static void a_failure_is_told(void)
{
	char dir[512];
	char command[600];
	const char *base = getenv("TMPDIR");
	const char *io = getenv("WEIR_TEST_IO");
	struct notes notes = {.count = 0};
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};

	snprintf(dir, sizeof dir, "%s/weir-notes-XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(dir) == NULL) {
		check(false, "a directory for the journal");
		return;
	}
	weir_options_init(&options);
	options.dir = dir;
	options.segment_bytes = 4 << 20;
	options.io = io != NULL && strcmp(io, "posix") == 0 ? WEIR_IO_POSIX : WEIR_IO_AUTO;
	int rc = weir_open(&options, &pipeline, &why);
	check(rc == 0, "a journal opens");
	weir_close(rc == 0 ? pipeline : NULL, WEIR_CLOSE_DRAIN, FOREVER_ENOUGH_NS, NULL);
	options.log_fn = note;
	options.log_context = &notes;
	rc = rc == 0 ? weir_open(&options, &pipeline, &why) : rc;
	int at_open = notes.count; // a machine without io_uring says so here
	if (rc == 0) {
		rc = publish_until_it_fails(pipeline);
		check(rc == WEIR_E_FAILED, "a wait for what could not be written ends with FAILED");
		check(weir_pipeline_problem(pipeline, &why) == WEIR_E_FAILED,
		      "the pipeline says why it failed");
		weir_close(pipeline, WEIR_CLOSE_ABORT, FOREVER_ENOUGH_NS, NULL);
		check(notes.count == at_open + 1 && strcmp(notes.text, why.text) == 0,
		      "log_fn is told of the failure once, in the same words");
	}
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) != 0)
		printf("# %s is left behind\n", dir);
}

int main(void)
{
	setbuf(stdout, NULL);
	positions_are_ordered();
	a_degraded_thread_is_told();
	a_failure_is_told();
	printf("1..%d\n", case_count);
	return failed_count == 0 ? 0 : 1;
}
