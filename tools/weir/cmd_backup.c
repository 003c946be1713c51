/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir journal backup DIR DEST` and `weir journal restore BACKUP DIR`, by <weir/backup.h>.
 *
 * Exit codes: 6 when acknowledged events of the source are damaged or missing, with --damaged too;
 * 130 when interrupted, and nothing is left then.
 *
 * Thread: main.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/backup.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/journal_print.h"
#include "tools/weir/json_out.h"

#define STOP 1

static struct {
	bool json;
	bool damaged;
} choices;

#define OPTIONS                                                                                    \
	{.name = "damaged",                                                                        \
	 .type = CLI_FLAG,                                                                         \
	 .target = &choices.damaged,                                                               \
	 .help = "of a damaged journal, copy every batch that is whole"},                          \
		CLI_OPTION_JSON(&choices.json)

static const struct cli_option options_of_both[] = {OPTIONS};

static const struct cli_command commands[] = {
	{.name = "journal backup",
	 .arguments = "DIR DEST",
	 .summary = "Copy a journal, also while its owner runs, and verify it on the way.",
	 .description =
		 "DEST must not exist. It is there when it is whole and synced, never before:\n"
		 "until then it is DEST.weir-partial, which an interrupted backup may leave\n"
		 "and the next one clears away. DEST is a journal: verify it, look at it,\n"
		 "restore it.",
	 .options = options_of_both,
	 .option_count = WR_ARRAY_COUNT(options_of_both),
	 .arguments_min = 2,
	 .arguments_max = 2},
	{.name = "journal restore",
	 .arguments = "BACKUP DIR",
	 .summary = "Copy a backup to where a pipeline will open it, and verify it on the way.",
	 .description = "DIR must not exist, or be empty. The same as a backup otherwise.",
	 .options = options_of_both,
	 .option_count = WR_ARRAY_COUNT(options_of_both),
	 .arguments_min = 2,
	 .arguments_max = 2},
};

struct copying {
	struct json_out json;
	bool terminal; /* behind stderr */
	bool is_restore;
	const char *from;
	const char *to;
};

static void clear_line(const struct copying *c)
{
	if (c->terminal)
		fprintf(stderr, "\r%70s\r", "");
}

static int on_progress(void *context, const struct weir_backup_progress *progress)
{
	const struct copying *c = context;
	char bytes[CLI_TEXT_BYTES];

	if (c->terminal)
		fprintf(stderr, "\r%llu of %llu segments, %s, to sequence %llu   ",
			(unsigned long long)progress->segments,
			(unsigned long long)wr_max_u64(progress->segments_total,
						       progress->segments),
			cli_text_bytes(bytes, progress->written_bytes),
			(unsigned long long)progress->last_sequence);
	return interrupt_came() != 0 ? STOP : 0;
}

static void on_damage(void *context, const struct weir_journal_damage *damage)
{
	struct copying *c = context;

	clear_line(c);
	if (choices.json)
		journal_json_damage(&c->json, damage);
	else
		journal_print_damage(stdout, damage);
}

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_report(const struct copying *c, const struct weir_backup_report *r,
			 double seconds)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];
	char d[CLI_TEXT_BYTES];

	printf("%s: %s ", r->corrupt_count > 0 ? "DAMAGED" : "ok", c->to);
	if (r->first_sequence == 0)
		printf("is a journal without a record");
	else
		printf("holds sequence %s to %s", cli_text_count(a, r->first_sequence),
		       cli_text_count(b, r->last_sequence));
	printf(", %llu segments, %s in %.1f s\n", (unsigned long long)r->segment_count,
	       cli_text_bytes(d, r->written_bytes), seconds);
	if (r->tries > 1)
		printf("retention was faster than the copying: begun anew %u times\n",
		       r->tries - 1);
	if (r->corrupt_count > 0)
		printf("%llu places of %s are damaged: what they held is missing\n",
		       (unsigned long long)r->corrupt_count, c->from);
}

static void json_report(struct copying *c, const struct weir_backup_report *r, int code,
			double seconds)
{
	struct json_out *j = &c->json;

	json_close(j); /* damages */
	json_bool(j, "ok", code == 0 && r->corrupt_count == 0);
	json_text(j, "from", c->from);
	json_text(j, "to", c->to);
	if (code != 0)
		return;
	json_hex(j, "uuid", r->uuid, sizeof r->uuid);
	json_u64(j, "epoch", r->epoch);
	json_u64(j, "first_sequence", r->first_sequence);
	json_u64(j, "last_sequence", r->last_sequence);
	json_u64(j, "checkpoint_sequence", r->checkpoint_sequence);
	json_u64(j, "records", r->record_count);
	json_u64(j, "segment_count", r->segment_count);
	json_u64(j, "written_bytes", r->written_bytes);
	json_u64(j, "tries", r->tries);
	json_u64(j, "corrupt_count", r->corrupt_count);
	json_u64(j, "harmless_count", r->harmless_count);
	json_f64(j, "seconds", seconds, 3);
}

static int run(struct copying *c)
{
	struct weir_backup_options options;
	struct weir_backup_report report = {0};
	struct weir_problem problem = {0};
	double began = now_seconds();

	weir_backup_options_init(&options);
	options.damaged = choices.damaged;
	options.damage = on_damage;
	options.progress = on_progress;
	options.context = c;
	interrupt_catch(INTERRUPT_NOTES);
	if (choices.json) {
		json_begin(&c->json, stdout, JSON_PRETTY);
		json_object(&c->json, NULL);
		json_array(&c->json, "damages");
	}
	int code = c->is_restore ? weir_journal_restore(c->from, c->to, &options, &report, &problem)
				 : weir_journal_backup(c->from, c->to, &options, &report, &problem);
	double seconds = now_seconds() - began;
	clear_line(c);
	if (choices.json) {
		json_report(c, &report, code, seconds);
		if (json_end(&c->json) < 0)
			return CLI_EXIT_IO;
	} else if (code == 0) {
		print_report(c, &report, seconds);
	}
	if (code == STOP) {
		fprintf(stderr, "weir: interrupted: nothing was copied\n");
		return INTERRUPT_EXIT;
	}
	if (code < 0)
		return cli_fail(strcmp(problem.field, "destination") == 0 ? c->to : c->from, code,
				problem.text[0] != '\0' ? &problem : NULL);
	return report.corrupt_count > 0 ? CLI_EXIT_DAMAGE : CLI_EXIT_OK;
}

int cmd_journal_backup(int argc, char **argv)
{
	struct copying c = {.is_restore = strcmp(argv[0], "restore") == 0};
	int first = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse(&commands[c.is_restore ? 1 : 0], argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	c.from = argv[first];
	c.to = argv[first + 1];
	c.terminal = isatty(STDERR_FILENO) == 1;
	return run(&c);
}
