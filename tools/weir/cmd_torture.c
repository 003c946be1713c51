/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir torture DIR`: kills, failing disks and damage, to journals that it makes there itself, and
 * a verdict.
 *
 * Exit codes: 0 nothing that was acknowledged was lost or changed, 1 something was.
 *
 * Thread: main.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "io/machine/machine.h"
#include "tools/weir/args.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/torture/torture.h"

#define SECOND_NS UINT64_C(1000000000)
#define KILLS_A_JOURNAL 12u
#define ROOM_BYTES (64u << 20)

struct torture_hooks torture_hooks;

/* One command line a process: the table points here. */
static struct {
	uint64_t length_ns;
	uint64_t seed;
	unsigned io;
	bool keep;
	bool json;
} choices;

static const char *const backends[] = {"any", "uring", "posix", NULL};

static const struct cli_option options[] = {
	{.name = "seconds",
	 .type = CLI_DURATION,
	 .target = &choices.length_ns,
	 .fallback = "60",
	 .value_name = "N",
	 .min = SECOND_NS / 10,
	 .help = "how long, about"},
	{.name = "seed",
	 .type = CLI_NUMBER,
	 .target = &choices.seed,
	 .value_name = "N",
	 .help = "of what is drawn: the same plans again; drawn itself unless given"},
	{.name = "io",
	 .type = CLI_ENUM,
	 .target = &choices.io,
	 .choices = backends,
	 .fallback = "any",
	 .help = "storage backend; any: drawn for each life"},
	{.name = "keep",
	 .type = CLI_FLAG,
	 .target = &choices.keep,
	 .help = "leave the journal of a failure where it is"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "torture",
	.arguments = "DIR",
	.summary = "Kill, break and damage journals in DIR, and see whether anything is lost.",
	.description =
		"A child publishes, consumes and is killed with SIGKILL, again and again, some\n"
		"of the time on a disk that fails (write errors, failed syncs, a full disk,\n"
		"short writes); each time everything acknowledged as durable must be there, once,\n"
		"in order, byte for byte, and no group be handed again what it had committed.\n"
		"Then bits, sectors and files of copies are damaged: it is detected or harmless.\n"
		"\n"
		"All of it happens in a directory that it makes in DIR, some MiB large, and\n"
		"removes at its end, also when it is interrupted. Nothing else is touched.\n"
		"\n"
		"Exit code 0: nothing was lost; 1: something was, with the seed.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 1,
	.arguments_max = 1,
};

static bool is_stopped(void *context)
{
	struct torture *t = context;
	torture_progress(t);
	t->is_interrupted = interrupt_came() != 0;
	return t->is_interrupted;
}

/* One journal's lives, and what is done to copies of it. False: a fault. */
static bool torture_once(struct torture *t, uint64_t seed)
{
	char journal[ROOM_NAME_BYTES];
	uint64_t begun_ns = bench_now_ns();
	room_path(&t->room, "journal", journal);
	/* Where it is the last one, two fifths of its time are for the damage. */
	uint64_t end_ns = t->begun_ns + t->length_ns;
	t->sweep.end_ns = begun_ns + (end_ns > begun_ns ? (end_ns - begun_ns) / 5 * 3 : 0);
	if (!sweep_journal(&t->sweep, journal, seed)) {
		t->fault = t->sweep.fault;
		return false;
	}
	uint64_t now_ns = bench_now_ns();
	if (t->is_interrupted)
		return true;
	if (!flip_journal(&t->flip, "journal", seed, now_ns + (now_ns - begun_ns) / 3 * 2)) {
		t->fault = t->flip.fault;
		return false;
	}
	(void)room_empty(&t->room, "journal");
	return true;
}

static void torture_all(struct torture *t)
{
	uint64_t seed = t->seed;
	t->begun_ns = bench_now_ns();
	do
		if (!torture_once(t, seed++))
			t->failed_seed = seed - 1;
	while (t->fault == NULL && !t->is_interrupted &&
	       bench_now_ns() - t->begun_ns < t->length_ns);
	t->elapsed_ns = bench_now_ns() - t->begun_ns;
	torture_progress_end(t);
}

static int print(const struct torture *t)
{
	int rc = 0;
	if (choices.json)
		rc = torture_print_json(stdout, t);
	else
		torture_print(stdout, t);
	if (rc < 0)
		return cli_fail("standard output", rc, NULL);
	if (t->fault != NULL)
		return CLI_EXIT_FAILED;
	return t->is_interrupted ? 128 + (int)interrupt_came() : CLI_EXIT_OK;
}

static int run(struct torture *t)
{
	struct weir_problem problem = {0};
	struct wr_machine_dir dir;
	/* A disk that is full by itself would look like a fault of weir's. */
	wr_machine_read_dir(t->parent, &dir);
	if (dir.is_there && dir.total_bytes > 0 && dir.free_bytes < ROOM_BYTES) {
		(void)snprintf(problem.text, sizeof problem.text, "64 MiB are needed there");
		return cli_fail(t->parent, -ENOSPC, &problem);
	}
	interrupt_catch(INTERRUPT_NOTES); /* before there is anything that has to go again */
	int rc = room_make(t->parent, &t->room);
	if (rc < 0)
		return cli_fail(t->parent, rc, NULL);
	torture_all(t);
	t->room.is_kept = choices.keep && t->fault != NULL;
	int exit_code = print(t);
	rc = room_remove(&t->room);
	return rc < 0 && exit_code == CLI_EXIT_OK ? cli_fail(t->room.path, rc, NULL) : exit_code;
}

int cmd_torture(int argc, char **argv)
{
	static struct torture t;
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	t = (struct torture){
		.parent = argv[first],
		.seed = cli_given(&command, "seed") ? choices.seed : bench_now_ns() % 1000000007u,
		.length_ns = choices.length_ns,
		.is_terminal = isatty(STDERR_FILENO) == 1 && !choices.json,
		.sweep = {.kills_a_journal = KILLS_A_JOURNAL,
			  .breaks = true,
			  .has_io = choices.io != 0,
			  .io = choices.io == 1 ? WEIR_IO_URING : WEIR_IO_POSIX,
			  .is_stopped = is_stopped,
			  .killed = torture_hooks.killed,
			  .context = &t,
			  .ledger = sweep_ledger_map()},
		.flip = {.room = &t.room,
			 .is_stopped = is_stopped,
			 .looked = torture_hooks.looked,
			 .context = &t},
	};
	exit_code = t.sweep.ledger != NULL && flip_init(&t.flip)
			    ? run(&t)
			    : cli_fail("torture", -ENOMEM, NULL);
	flip_fini(&t.flip);
	return exit_code;
}
