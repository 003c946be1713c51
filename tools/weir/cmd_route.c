/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir route test|bench`: the words of a command line to their commands.
 *
 * Thread: main.
 */
#include <string.h>

#include "tools/weir/args.h"

static void print_usage(FILE *to)
{
	fputs("usage: weir route test|bench [OPTIONS]\n"
	      "\n"
	      "Patterns of RabbitMQ, EventBridge and SNS on events, without a pipeline.\n"
	      "\n"
	      "  test    does a pattern match an event, or which of the events on standard input\n"
	      "  bench   how many events a second are routed by how many rules\n"
	      "\n"
	      "weir route test --help and so on say more.\n",
	      to);
}

int cmd_route(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	if (word == NULL) {
		print_usage(stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_usage(stdout);
		return CLI_EXIT_OK;
	}
	if (strcmp(word, "test") == 0)
		return cmd_route_test(argc - 1, argv + 1);
	if (strcmp(word, "bench") == 0)
		return cmd_route_bench(argc - 1, argv + 1);
	return cli_usage(NULL, "weir route has no \"%s\": there are test and bench", word);
}
