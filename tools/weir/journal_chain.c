/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/journal_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/journal.h>

#include "tools/weir/args.h"
#include "tools/weir/json_out.h"

#define LINK_BYTES sizeof((struct weir_chain_report *)0)->head_link
#define HEAD_CHARS (2 * LINK_BYTES)

/* SEQUENCE-LINK, as it was printed. */
static bool read_head(const char *text, struct weir_chain_check *check)
{
	char *end;

	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	check->expect_sequence = strtoull(text, &end, 10);
	if (errno != 0 || *end++ != '-' || strlen(end) != HEAD_CHARS)
		return false;
	size_t count = 0;
	uint8_t *link = cli_unhex(end, &count);
	check->expect = link != NULL && count == LINK_BYTES;
	if (check->expect)
		memcpy(check->expect_link, link, LINK_BYTES);
	free(link);
	return check->expect;
}

static void write_head(const struct weir_chain_report *r, char to[32 + HEAD_CHARS])
{
	int n = snprintf(to, 32, "%" PRIu64 "-", r->head_sequence);

	for (size_t i = 0; i < LINK_BYTES; i++)
		n += snprintf(to + n, 3, "%02x", r->head_link[i]);
}

static const char *expected_text(enum weir_chain_head head)
{
	switch (head) {
	case WEIR_CHAIN_HEAD_FOUND:
		return "found";
	case WEIR_CHAIN_HEAD_MISSING:
		return "missing";
	case WEIR_CHAIN_HEAD_RETIRED:
		return "retired";
	case WEIR_CHAIN_HEAD_NOT_ASKED:
		break;
	}
	return "not asked";
}

static bool is_good(const struct weir_chain_report *r)
{
	return !r->broken && r->corrupt_count == 0 && r->linked_batches > 0 &&
	       r->expected != WEIR_CHAIN_HEAD_MISSING;
}

static void print_beginning(const struct weir_chain_report *r)
{
	if (r->is_cut_at_front)
		printf("begins    with sequence %" PRIu64
		       ": what it links to has left the journal, or was taken out\n",
		       r->begins_sequence);
	else
		printf("begins    with sequence %" PRIu64 "\n", r->begins_sequence);
	if (r->begins_sequence > r->oldest_sequence)
		printf("unproven  sequences %" PRIu64 " to %" PRIu64
		       ", from before there was a chain\n",
		       r->oldest_sequence, r->begins_sequence - 1);
	if (r->beginnings > 1)
		printf("anew      %" PRIu64 " times: behind damage that an open had to pass\n",
		       r->beginnings - 1);
}

static void print_text(const struct weir_chain_report *r)
{
	char head[32 + HEAD_CHARS];

	if (r->linked_batches == 0) {
		printf("chain     none: no batch of this journal has a link\n");
		return;
	}
	printf("chain     %s: %" PRIu64 " of %" PRIu64 " batches have links\n",
	       r->broken ? "BROKEN" : "whole", r->linked_batches, r->batches);
	if (r->broken)
		printf("broken    at sequence %" PRIu64 ", segment %" PRIu64 ", offset %" PRIu64
		       ": %s\n",
		       r->broken_sequence, r->broken_segment_id, r->broken_offset, r->text);
	print_beginning(r);
	printf("proven    %" PRIu64 " records\n", r->proven_records);
	if (r->altered_batches > 0)
		printf("left      events of %" PRIu64
		       " batches, of which the headers are proven and the content is not\n",
		       r->altered_batches);
	if (r->corrupt_count > 0)
		printf("damaged   %" PRIu64 " places: weir journal verify says which\n",
		       r->corrupt_count);
	if (r->expected != WEIR_CHAIN_HEAD_NOT_ASKED)
		printf("expected  %s\n",
		       r->expected == WEIR_CHAIN_HEAD_FOUND ? "found: nothing up to it is gone"
		       : r->expected == WEIR_CHAIN_HEAD_RETIRED
			       ? "has left the journal with its segment: it says nothing"
			       : "MISSING: what was there up to it is not, or not as it was");
	write_head(r, head);
	printf("head      %s\n", head);
}

static int print_json(const struct weir_chain_report *r)
{
	struct json_out json;
	char head[32 + HEAD_CHARS];

	write_head(r, head);
	json_begin(&json, stdout, JSON_PRETTY);
	json_object(&json, NULL);
	json_bool(&json, "ok", is_good(r));
	json_u64(&json, "batches", r->batches);
	json_u64(&json, "linked_batches", r->linked_batches);
	json_u64(&json, "altered_batches", r->altered_batches);
	json_u64(&json, "proven_records", r->proven_records);
	json_u64(&json, "corrupt_count", r->corrupt_count);
	json_u64(&json, "oldest_sequence", r->oldest_sequence);
	json_u64(&json, "begins_sequence", r->begins_sequence);
	json_bool(&json, "is_cut_at_front", r->is_cut_at_front);
	json_u64(&json, "beginnings", r->beginnings);
	json_bool(&json, "broken", r->broken);
	if (r->broken) {
		json_u64(&json, "broken_sequence", r->broken_sequence);
		json_u64(&json, "broken_segment_id", r->broken_segment_id);
		json_u64(&json, "broken_offset", r->broken_offset);
		json_text(&json, "text", r->text);
	}
	json_text(&json, "expected", expected_text(r->expected));
	json_text(&json, "head", r->linked_batches > 0 ? head : "");
	json_close(&json);
	return json_end(&json);
}

int journal_chain_run(const struct cli_command *command, const char *dir, const char *key_file,
		      const char *head, bool json)
{
	struct weir_chain_report report = {.struct_bytes = sizeof report};
	struct weir_chain_check check;
	struct weir_problem problem = {.text = ""};

	weir_chain_check_init(&check);
	check.key_file = key_file;
	if (key_file == NULL)
		return cli_usage(command, "--chain needs --key-file");
	if (head != NULL && !read_head(head, &check))
		return cli_usage(command, "--expect takes a head as it was printed: SEQUENCE-LINK");
	int code = weir_chain_verify(dir, &check, &report, &problem);
	if (code < 0)
		return cli_fail(dir, code, problem.text[0] != '\0' ? &problem : NULL);
	if (json) {
		if (print_json(&report) < 0)
			return CLI_EXIT_IO;
	} else {
		print_text(&report);
	}
	return is_good(&report) ? CLI_EXIT_OK : CLI_EXIT_DAMAGE;
}
