/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir, the command: finds the sub-command and hands over to it. `weir help CMD` is `weir CMD
 * --help`; whatever a command says, standard output that could not be written is an error.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/nearest.h"
#include "tools/weir/args.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"demo", cmd_demo, "an exchange that is killed half-way and loses nothing"},
	{"journal", cmd_journal,
	 "look at a journal, copy it: ls, dump, verify, tail, audit, backup, restore, erase"},
	{"topic", cmd_topic, "topics of a journal, and more partitions for them: ls, grow"},
	{"group", cmd_group, "subscriptions of a journal: ls, describe, lag, reset"},
	{"status", cmd_status, "what the pipelines on this machine do"},
	{"top", cmd_top, "the same, live: rates, lag, members, threads, errors"},
	{"lag", cmd_lag, "what their subscriptions have still to process, with limits for scripts"},
	{"bridge", cmd_bridge, "bridges to other systems: ls, status, pause, resume"},
	{"dlq", cmd_dlq, "dead letters of a journal: ls, show, redrive, purge"},
	{"archive", cmd_archive,
	 "archives, and replays to subscriptions: create, ls, rm, replay, replays, cancel"},
	{"replay", cmd_replay, "a range of a journal again, at its own pace or any other"},
	{"trace", cmd_trace, "what brought an event about, and what it brought about"},
	{"route", cmd_route, "try patterns on events, and measure them: test, bench"},
	{"doctor", cmd_doctor, "what of this machine costs time, and how to mend it"},
	{"schema", cmd_schema, "compare schemas before they are used, read data with them"},
	{"torture", cmd_torture, "kill, break and damage journals on a disk of yours"},
	{"bench", cmd_bench, "measure weir on this machine: journal, pipeline, ring, stall, all"},
#ifdef WR_HAVE_CONFIG
	{"config", cmd_config, "config files: check, diff, explain, plan, schema"},
	{"run", cmd_run, "run a config file: sources, topics, sinks, without code"},
	{"topology", cmd_topology, "draw the machine, and where weir's threads would run"},
#endif
#ifdef WR_HAVE_SERVE
	{"serve", cmd_serve, "serve over HTTP: metrics, a live page, a schema registry"},
#endif
};

#define COMMAND_COUNT WR_ARRAY_COUNT(commands)

static void print_usage(FILE *to)
{
	fputs("usage: weir COMMAND [OPTIONS]\n"
	      "\n"
	      "A lock-free event pipeline that keeps every event it has acknowledged.\n"
	      "\n",
	      to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("  help CMD   what a command does\n"
	      "\n"
	      "  --version  version and features of this build\n"
	      "\n"
	      "Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 not found, 5 in use,\n"
	      "6 damaged journal, 7 input/output or durability, 8 schemas are not compatible,\n"
	      "9 a threshold was crossed, 10 the machine costs time, 11 a newer format,\n"
	      "12 not all was delivered in time, 130 interrupted.\n",
	      to);
}

static int unknown(const char *word)
{
	const char *names[COMMAND_COUNT + 2];

#ifndef WR_HAVE_CONFIG
	if (strcmp(word, "config") == 0 || strcmp(word, "topology") == 0 ||
	    strcmp(word, "run") == 0)
		return cli_usage(NULL,
				 "\"%s\" needs libweir-config, and this weir was built "
				 "without it",
				 word);
#endif
#ifndef WR_HAVE_SERVE
	if (strcmp(word, "serve") == 0)
		return cli_usage(NULL, "\"serve\" needs libweir-serve, and this weir was built "
				       "without it");
#endif

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	names[COMMAND_COUNT] = "help";
	names[COMMAND_COUNT + 1] = NULL;
	const char *nearest = word[0] == '-' ? NULL : wr_nearest(word, names);
	if (nearest != NULL)
		return cli_usage(NULL, "there is no command \"%s\"; did you mean %s?", word,
				 nearest);
	return cli_usage(NULL, "there is no %s \"%s\"", word[0] == '-' ? "option" : "command",
			 word);
}

static const struct command *find(const char *word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	return NULL;
}

/* weir help [CMD [SUB-CMD]] */
static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *arguments[4] = {NULL};
	int count = 0;

	if (argc < 2) {
		print_usage(stdout);
		return CLI_EXIT_OK;
	}
	const struct command *command = find(argv[1]);
	if (command == NULL)
		return unknown(argv[1]);
	arguments[count++] = argv[1];
	if (argc > 2)
		arguments[count++] = argv[2];
	arguments[count++] = option;
	return command->run(count, arguments);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		cli_print_version(stdout);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "help") == 0)
		return help(argc - 1, argv + 1);
	const struct command *command = find(argv[1]);
	if (command == NULL)
		return unknown(argv[1]);
	return command->run(argc - 1, argv + 1);
}

/*
 * hwloc loads drivers of graphics cards, and with them X and OpenCL, to look for devices: several
 * times as long as everything else that a command does. CPUs, caches and memory need none of them.
 * What `weir run` starts would inherit it.
 */
static void leave_devices_out(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "run") != 0)
		(void)setenv("HWLOC_PLUGINS_BLACKLIST",
			     "hwloc_gl.so,hwloc_opencl.so,hwloc_cuda.so,hwloc_nvml.so,"
			     "hwloc_rsmi.so,hwloc_levelzero.so",
			     0);
}

int main(int argc, char **argv)
{
	cli_fill_standard_streams();
	leave_devices_out(argc, argv);
	int exit_code = dispatch(argc, argv);

	/* A full disk or a closed pipe behind stdout must not look like success. */
	if ((fflush(stdout) != 0 || ferror(stdout) != 0) && exit_code == CLI_EXIT_OK)
		return cli_fail("standard output", -EIO, NULL);
	return exit_code;
}
