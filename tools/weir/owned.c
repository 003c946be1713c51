/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/owned.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/journal.h>

#include "tools/weir/args.h"
#include "tools/weir/lines.h"

#define STOP 1
#define NEW_SEGMENT_BYTES (8u << 20)
#define POOL_CHUNKS 24u
#define TOPICS_MAX 1024u
#define PARTITIONS_MAX 4096u
#define SUBSCRIPTIONS_MAX 64u
#define PRODUCERS_MAX 4096u
#define SCHEMAS_MAX 8192u
#define SCHEMA_BYTES_MAX (8u << 20)
#define KEYS_LEAST 1024u

static int stop(void *context, const struct weir_journal_segment *segment)
{
	(void)context;
	(void)segment;
	return STOP;
}

/* There is a journal, and it is like this. 0, or negative. */
static int look(const char *dir, struct weir_journal_report *ret_report,
		struct weir_problem *problem)
{
	struct weir_journal_visitor visitor;
	weir_journal_visitor_init(&visitor);
	visitor.segment = stop;
	int rc = weir_journal_inspect(dir, &visitor, ret_report, problem);
	return rc == STOP ? 0 : rc;
}

/* A chain is for good: where there is none, a command would lock its program out. */
static int refuse_key(struct weir_problem *problem)
{
	*problem = (struct weir_problem){.code = -EINVAL, .field = "--key-file"};
	(void)snprintf(problem->text, sizeof problem->text,
		       "this journal has no chain, and its program begins one, not a command");
	return -EINVAL;
}

static void help(int code)
{
	if (code == WEIR_E_LOCKED)
		fputs("weir: a process has it open: ask it, or stop it first\n", stderr);
	if (code == -ENOKEY)
		fputs("weir: --key-file takes what its program has as chain_key_file\n", stderr);
}

/*
 * An open says what a journal has more of than was allowed, one at a time, and leaves it as it is:
 * twice as much is tried then, of keys KEYS_LEAST to begin with, up to what a pipeline may have. So
 * nobody has to know what the program has. False: it is something else, or there is no more.
 */
static bool allow_more(struct weir_options *options, const struct weir_problem *problem)
{
	const struct {
		const char *field;
		uint32_t *limit;
		uint32_t max;
	} all[] = {
		{"topics_max", &options->topics_max, 65535},
		{"partitions_max", &options->partitions_max, 1u << 20},
		{"subscriptions_max", &options->subscriptions_max, 4096},
		{"named_producers_max", &options->named_producers_max, 1u << 20},
		{"idempotency_keys_max", &options->idempotency_keys_max, 100000000},
		{"versioned_keys_max", &options->versioned_keys_max, 50000000},
		{"outstanding_max", &options->outstanding_max, 1u << 22},
		{"schemas_max", &options->schemas_max, 65535},
		{"schema_bytes_max", &options->schema_bytes_max, 64u << 20},
		{"filter_bytes_max", &options->filter_bytes_max, 64u << 20},
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		uint32_t *limit = all[i].limit;
		if (strcmp(problem->field, all[i].field) != 0 || *limit >= all[i].max)
			continue;
		/* A subscription's room is large: there, few more are tried first. */
		bool is_large = limit == &options->subscriptions_max;
		uint32_t more = *limit < KEYS_LEAST && !is_large ? KEYS_LEAST : 2 * *limit;
		*limit = more < all[i].max ? more : all[i].max;
		return true;
	}
	return false;
}

static int open_it(const char *dir, const struct owned_limits *limits, bool manual, bool create,
		   const char *metrics_dir, struct weir_pipeline **ret_pipeline)
{
	struct weir_options options;
	struct weir_problem problem = {0};
	struct weir_journal_report report = {.chunk_bytes = 0};
	int rc = look(dir, &report, &problem);
	bool is_new = rc == -ENOENT && create;
	if (is_new)
		rc = 0;
	else if (rc == 0 && limits->key_file != NULL && !report.chained)
		rc = refuse_key(&problem);
	if (rc == 0) {
		weir_options_init(&options);
		options.dir = dir;
		options.manual = manual;
		options.metrics_dir = metrics_dir;
		if (!manual)
			options.log_fn = lines_take;
		if (is_new)
			options.segment_bytes = NEW_SEGMENT_BYTES;
		if (report.chunk_bytes != 0)
			options.chunk_bytes = report.chunk_bytes;
		options.chain_key_file = limits->key_file;
		/* A run may be as large as the program's may; there is one thread to hold it. */
		options.lane_bytes = options.member_lane_bytes =
			options.chunk_bytes > options.lane_bytes ? options.chunk_bytes
								 : options.lane_bytes;
		options.pool_bytes = POOL_CHUNKS * (uint64_t)options.chunk_bytes;
		options.undurable_bytes = 4 * (uint64_t)options.chunk_bytes;
		options.producers_max = 1;
		options.members_max = 4;
		options.topics_max = TOPICS_MAX;
		options.partitions_max = PARTITIONS_MAX;
		options.subscriptions_max = SUBSCRIPTIONS_MAX;
		options.named_producers_max = PRODUCERS_MAX;
		options.schemas_max = SCHEMAS_MAX;
		options.schema_bytes_max = SCHEMA_BYTES_MAX;
		options.outstanding_max = (uint32_t)limits->outstanding_max;
		options.idempotency_keys_max = (uint32_t)limits->idempotency_keys_max;
		options.versioned_keys_max = (uint32_t)limits->versioned_keys_max;
		options.filter_bytes_max = (uint32_t)limits->filter_bytes_max;
		options.erasures_max = limits->erasures_max;
		if (limits->erasures_max != 0)
			options.pack = WEIR_PACK_PADDING;
		do
			rc = weir_open(&options, ret_pipeline, &problem);
		while (rc == -EINVAL && allow_more(&options, &problem));
	}
	if (rc == 0)
		return CLI_GO_ON;
	int code = cli_fail(dir, rc, problem.text[0] != '\0' ? &problem : NULL);
	help(rc);
	return code;
}

int owned_open(const char *dir, const struct owned_limits *limits,
	       struct weir_pipeline **ret_pipeline)
{
	return open_it(dir, limits, true, false, "", ret_pipeline);
}

int owned_open_running(const char *dir, const struct owned_limits *limits, bool create,
		       const char *metrics_dir, struct weir_pipeline **ret_pipeline)
{
	return open_it(dir, limits, false, create, metrics_dir, ret_pipeline);
}

int owned_close(struct weir_pipeline *pipeline, const char *dir, int code)
{
	int rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	if (rc == 0 || code != CLI_EXIT_OK)
		return code;
	return cli_fail(dir, rc, NULL);
}
