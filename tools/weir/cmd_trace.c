/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir trace DIR ID`: what brought an event about, and what it brought about (trace_search.h); and
 * `weir trace --otlp DIR`: spans (trace_otlp.h). Read-only; works while the owner is running.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/trace_otlp.h"
#include "tools/weir/trace_print.h"
#include "tools/weir/trace_search.h"

static bool want_json;
static bool want_hex;
static uint64_t sequence;
static uint64_t memory_bytes;
static bool want_otlp;
static struct trace_otlp otlp;

static const struct cli_option options[] = {
	{.name = "sequence",
	 .type = CLI_NUMBER,
	 .target = &sequence,
	 .min = 1,
	 .help = "the event with this sequence, instead of ID"},
	{.name = "memory",
	 .type = CLI_SIZE,
	 .target = &memory_bytes,
	 .fallback = "256MiB",
	 .min = 65536,
	 .help = "for what is found, at most: about 600 bytes an event"},
	{.name = "hex",
	 .type = CLI_FLAG,
	 .target = &want_hex,
	 .help = "ID and keys in hexadecimal"},
	{.name = "json", .type = CLI_FLAG, .target = &want_json, .help = "one JSON object a line"},
	{.name = "otlp",
	 .type = CLI_FLAG,
	 .target = &want_otlp,
	 .help = "spans, as OpenTelemetry's file exporter writes them"},
	{.name = "service",
	 .type = CLI_STRING,
	 .target = &otlp.service,
	 .fallback = "weir",
	 .value_name = "NAME",
	 .help = "with --otlp: service.name"},
	{.name = "ratio",
	 .type = CLI_STRING,
	 .target = &otlp.ratio_text,
	 .fallback = "1",
	 .value_name = "0..1",
	 .help = "with --otlp, without ID: of traces without a traceparent"},
	{.name = "from",
	 .type = CLI_POINT,
	 .target = &otlp.from,
	 .help = "with --otlp, first: a sequence, an append time, or -5m"},
	{.name = "to",
	 .type = CLI_POINT,
	 .target = &otlp.to_point,
	 .help = "with --otlp, last, inclusive: the same"},
};

static const struct cli_command command = {
	.name = "trace",
	.arguments = "DIR [ID]",
	.summary = "Print the tree of events that hang together: causes and effects.",
	.description =
		"ID is an event id, a correlation id, a place (weir:0:1:4711), or the trace id of\n"
		"a traceparent. Shown are the events of its flow, what brought it about and what\n"
		"they brought about, each below its cause; <- marks what was asked for.\n"
		"\n"
		"Reads the whole journal, twice or more where causes stand before what is asked\n"
		"for, also while its owner runs. Exit code 4: there is no such event; 1: there\n"
		"are more than fit into --memory, or causes go back further than 16 flows; 6:\n"
		"part of the journal is damaged. What was found is printed all the same.\n"
		"\n"
		"--otlp prints spans instead, as lines of OTLP in JSON, and reads the journal\n"
		"once more for them. Without ID: of all events between --from and --to whose\n"
		"traceparent has its sampled flag, and of others by --ratio.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 1,
	.arguments_max = 2,
};

static int show_damage(void *context, const struct weir_journal_damage *damage)
{
	(void)context;
	journal_print_damage(stderr, damage);
	return 0;
}

/* The spans of what was found; 0 or a code. */
static int print_spans(const struct trace_search *search, const char *dir,
		       struct weir_problem *problem)
{
	otlp.to = stdout;
	otlp.memory_max = memory_bytes;
	otlp.damage = show_damage;
	otlp.damages = 0;
	otlp.found = search;
	return trace_otlp_run(&otlp, dir, problem);
}

static int report(const struct trace_search *search, const char *asked)
{
	if (search->count == 0 && !search->full) {
		fprintf(stderr, "weir: there is no event ");
		if (search->id.at == NULL)
			fprintf(stderr, "with sequence %llu", (unsigned long long)search->sequence);
		else
			fprintf(stderr, "whose event, correlation or trace id, or place, is \"%s\"",
				asked);
		fprintf(stderr, " (retention may have removed it)\n");
		return search->damages > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_NOT_FOUND;
	}
	if (search->count > 0 && want_json)
		trace_print_json(stdout, search, want_hex);
	else if (search->count > 0 && !want_otlp)
		trace_print_text(stdout, search, want_hex);
	if (search->full)
		fprintf(stderr, "weir: there are more events than fit: give more --memory\n");
	if (search->cut_short)
		fprintf(stderr, "weir: causes go back further than %u flows\n", TRACE_WALKS_MAX);
	if (search->damages > 0)
		return CLI_EXIT_DAMAGE;
	return search->full || search->cut_short ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

/* CLI_GO_ON, or the exit code after a complaint. */
static int check_otlp(bool has_id)
{
	static const char *const of_otlp[] = {"service", "ratio", "from", "to"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(of_otlp); i++) {
		if (!want_otlp && cli_given(&command, of_otlp[i]))
			return cli_usage(&command, "--%s goes with --otlp", of_otlp[i]);
		if (i > 0 && has_id && cli_given(&command, of_otlp[i]))
			return cli_usage(&command, "--%s is for --otlp without an ID", of_otlp[i]);
	}
	if (want_otlp && want_json)
		return cli_usage(&command, "--json and --otlp are two ways to print");
	if (!trace_otlp_check(&otlp))
		return cli_usage(&command, "--ratio: \"%s\" is not a number from 0 to 1",
				 otlp.ratio_text);
	return CLI_GO_ON;
}

int cmd_trace(int argc, char **argv)
{
	struct weir_problem problem = {0};
	int first = 0;

	want_json = want_hex = want_otlp = false;
	otlp = (struct trace_otlp){0};
	sequence = 0;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	const char *dir = argv[first];
	const char *asked = argc - first > 1 ? argv[first + 1] : NULL;
	code = check_otlp(asked != NULL || sequence != 0);
	if (code != CLI_GO_ON)
		return code;
	if (want_otlp && asked == NULL && sequence == 0) {
		code = print_spans(NULL, dir, &problem);
		if (code < 0)
			return cli_fail(dir, code, problem.text[0] != '\0' ? &problem : NULL);
		return otlp.damages > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_OK;
	}
	if ((asked == NULL) == (sequence == 0))
		return cli_usage(&command, "either an ID or --sequence says which event it is");
	struct trace_search search = {
		.sequence = sequence, .memory_max = memory_bytes, .damage = show_damage};
	uint8_t *bytes = NULL;
	if (asked != NULL && want_hex) {
		size_t length_bytes = 0;
		bytes = cli_unhex(asked, &length_bytes);
		if (bytes == NULL || length_bytes == 0) {
			free(bytes);
			return cli_usage(&command, "\"%s\" is not hexadecimal", asked);
		}
		search.id = (struct text){(const char *)bytes, (uint32_t)length_bytes};
	} else if (asked != NULL) {
		search.id = (struct text){asked, (uint32_t)strlen(asked)};
	}
	code = trace_search_run(&search, dir, &problem);
	if (code >= 0 && want_otlp && search.count > 0)
		code = print_spans(&search, dir, &problem);
	code = code < 0 ? cli_fail(dir, code, problem.text[0] != '\0' ? &problem : NULL)
			: report(&search, asked);
	trace_search_end(&search);
	free(bytes);
	return code;
}
