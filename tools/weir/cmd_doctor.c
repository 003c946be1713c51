/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir doctor [DIR]`: what of this machine costs a pipeline time, or keeps it from working, and
 * how to mend each.
 *
 * Exit codes: 0 nothing costs anything, 10 something does, 1 something cannot work.
 *
 * Thread: main.
 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"
#ifdef WR_HAVE_CONFIG
#include "tools/weir/config_machine.h"
#endif

/* One command line a process: the table points here. */
static struct {
	const char *config;
	const char *from;
	uint64_t sync_ns;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "config",
	 .type = CLI_STRING,
	 .target = &choices.config,
	 .value_name = "FILE",
	 .help = "and what its plan lacks; DIR is its journal's; - is standard input"},
	{.name = "sync-time",
	 .type = CLI_DURATION,
	 .target = &choices.sync_ns,
	 .fallback = "500ms",
	 .value_name = "T",
	 .max = 60ull * 1000000000u,
	 .help = "how long to write and sync, in each of two ways; 0: not at all"},
	{.name = "from",
	 .type = CLI_STRING,
	 .target = &choices.from,
	 .value_name = "TREE",
	 .help = "another machine: a folder with its proc/ and sys/; nothing is measured"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "doctor",
	.arguments = "[DIR]",
	.summary = "Say what of this machine costs a pipeline time, and how to mend it.",
	.description =
		"io_uring, the disk behind DIR (.), CPUs, memory, limits: what was found, what\n"
		"it costs, where that is known from, and the fix as a command or a setting. "
		"Limits\n"
		"are those of this process: run it as the service runs. 5 MiB are written to a\n"
		"file without a name, which is gone in any case; no rights are needed.\n"
		"\n"
		"Exit code 0: nothing that costs; 10: something does; 1: something cannot work.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_max = 1,
};

static int judge(struct doctor *d)
{
	if (!doctor_look(d, choices.sync_ns))
		return cli_fail("doctor", -ENOMEM, NULL);
	doctor_judge_kernel(d);
	doctor_judge_cpus(d);
	doctor_judge_memory(d);
	doctor_judge_disk(d);
	doctor_judge_sync(d);
	return CLI_GO_ON;
}

static int print(const struct doctor *d)
{
	int exit_code = doctor_count(d, DOCTOR_STOPS) > 0   ? CLI_EXIT_FAILED
			: doctor_count(d, DOCTOR_COSTS) > 0 ? CLI_EXIT_DEGRADED
							    : CLI_EXIT_OK;
	if (!choices.json) {
		doctor_print(stdout, d);
		return exit_code;
	}
	int rc = doctor_print_json(stdout, d, exit_code);
	return rc == 0 ? exit_code : cli_fail("standard output", rc, NULL);
}

static int judge_general(struct doctor *d)
{
	int exit_code = judge(d);
	return exit_code == CLI_GO_ON ? print(d) : exit_code;
}

#ifdef WR_HAVE_CONFIG
static int judge_config(struct doctor *d, bool has_dir)
{
	struct config_machine m;
	int exit_code = config_machine_load(choices.config, NULL, &m);
	if (exit_code == CLI_GO_ON) {
		if (!has_dir)
			d->path = m.options.dir;
		exit_code = judge(d);
	}
	if (exit_code == CLI_GO_ON) {
		int rc = doctor_judge_plan(d, &m);
		exit_code = rc == 0 ? print(d) : cli_fail("config plan", rc, NULL);
	}
	config_machine_free(&m);
	return exit_code;
}
#else
static int judge_config(struct doctor *d, bool has_dir)
{
	(void)d;
	(void)has_dir;
	return cli_usage(&command,
			 "--config needs libweir-config, and this weir was built without it");
}
#endif

int cmd_doctor(int argc, char **argv)
{
	static struct doctor d;
	int first = 0;
	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	if (choices.from != NULL && choices.config != NULL)
		return cli_usage(&command,
				 "--config is planned on the machine itself: not with --from");
	d.root = choices.from != NULL ? choices.from : "";
	d.path = first < argc ? argv[first] : ".";
	if (choices.from != NULL && first < argc && argv[first][0] != '/')
		return cli_usage(&command, "with --from DIR is a path of that machine, from / on");
	exit_code = choices.config != NULL ? judge_config(&d, first < argc) : judge_general(&d);
	doctor_fini(&d);
	return exit_code;
}
