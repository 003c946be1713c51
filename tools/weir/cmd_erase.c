/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir journal erase DIR --key KEY [--topic TOPIC]`: erases a key from a journal that no process
 * has open (owned.h), and waits until no file of it has a byte of it; without --key it goes on with
 * what was asked for before. A running owner does it itself, by weir_erase_key().
 *
 * Thread: main, and those of a pipeline.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/erase.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/owned.h"

#define LOOK_NS 10000000
#define NS_PER_S 1000000000ull
#define ERASURES_MAX 100000u

/* One command line a process: the tables point here. */
static struct {
	bool json, hex;
	const char *topic, *key;
	uint64_t wait_ns;
	struct owned_limits limits;
} choices;

static const struct cli_option options[] = {
	{.name = "key",
	 .type = CLI_STRING,
	 .target = &choices.key,
	 .value_name = "KEY",
	 .help = "whose events go; without it: those that were to go before"},
	{.name = "topic",
	 .type = CLI_STRING,
	 .target = &choices.topic,
	 .value_name = "TOPIC",
	 .help = "only of this topic, with copies that weir made of them"},
	{.name = "hex", .type = CLI_FLAG, .target = &choices.hex, .help = "KEY in hexadecimal"},
	{.name = "wait",
	 .type = CLI_DURATION,
	 .target = &choices.wait_ns,
	 .fallback = "10m",
	 .help = "how long at most"},
	OWNED_OPTIONS(choices.limits),
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "journal erase",
	.arguments = "DIR",
	.summary = "Erase a key from a journal that no process has open.",
	.description = "Waits until nothing of it is in any file of the journal. What a\n"
		       "subscription has still to read stays until it has: that is told, with\n"
		       "exit code 1. A running owner does it itself: weir_erase_key().",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 1,
	.arguments_max = 1,
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int ask(struct weir_pipeline *p)
{
	uint32_t topic = WEIR_ALL_TOPICS;
	struct weir_problem problem = {0};
	size_t key_bytes = strlen(choices.key);
	uint8_t *key = NULL;

	if (choices.topic != NULL && weir_topic_find(p, choices.topic, &topic) != 0) {
		fprintf(stderr, "weir: there is no topic \"%s\" in this journal\n", choices.topic);
		return CLI_EXIT_NOT_FOUND;
	}
	if (choices.hex && (key = cli_unhex(choices.key, &key_bytes)) == NULL)
		return cli_usage(&command, "--key is not hexadecimal");
	int rc = weir_erase_key(p, topic, key != NULL ? (const void *)key : choices.key, key_bytes,
				NULL, &problem);
	free(key);
	return rc == 0 ? CLI_GO_ON : cli_fail("the key", rc, &problem);
}

static void wait_until_done(struct weir_pipeline *p, struct weir_erase_status *ret)
{
	uint64_t end_ns = now_ns() + choices.wait_ns;
	const struct timespec look = {.tv_nsec = LOOK_NS};

	while (weir_erase_status(p, ret) == 0 && ret->bytes_left && now_ns() < end_ns &&
	       ret->waits_for != WEIR_ERASE_FAILED)
		(void)nanosleep(&look, NULL);
}

static const char *const waits[] = {
	[WEIR_ERASE_GOES_ON] = "it goes on",
	[WEIR_ERASE_READERS] = "a subscription has still to read it (weir group lag)",
	[WEIR_ERASE_LOG] = "the log has to go on",
	[WEIR_ERASE_ROOM] = "there is no room for another file",
	[WEIR_ERASE_FAILED] = "something cannot be erased: weir journal verify says where",
};

static int tell(const struct weir_erase_status *s)
{
	struct json_out j;
	int code = s->bytes_left ? CLI_EXIT_FAILED : CLI_EXIT_OK;

	if (choices.json) {
		json_begin(&j, stdout, JSON_PRETTY);
		json_object(&j, NULL);
		json_u64(&j, "asked_sequence", s->asked_sequence);
		json_u64(&j, "erased_sequence", s->erased_sequence);
		json_bool(&j, "bytes_left", s->bytes_left);
		json_text(&j, "waits_for", s->bytes_left ? waits[s->waits_for] : NULL);
		json_u64(&j, "at_sequence", s->at_sequence);
		json_close(&j);
		(void)json_end(&j);
	} else if (s->asked_sequence == 0 && s->erased_sequence == 0) {
		puts("nothing was ever erased");
	} else if (!s->bytes_left) {
		printf("erased up to sequence %llu; bytes left: no\n",
		       (unsigned long long)s->erased_sequence);
	} else {
		printf("erased up to sequence %llu of %llu; bytes left: yes, from %llu on: %s\n",
		       (unsigned long long)s->erased_sequence,
		       (unsigned long long)s->asked_sequence, (unsigned long long)s->at_sequence,
		       waits[s->waits_for]);
	}
	return code;
}

int cmd_journal_erase(int argc, char **argv)
{
	struct weir_pipeline *p;
	struct weir_erase_status status = {0};
	int first = 0;

	memset(&choices, 0, sizeof choices);
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	if (choices.key == NULL && choices.topic != NULL)
		return cli_usage(&command, "--topic needs --key");
	choices.limits.erasures_max = ERASURES_MAX;
	code = owned_open_running(argv[first], &choices.limits, false, "", &p);
	if (code != CLI_GO_ON)
		return code;
	code = choices.key != NULL ? ask(p) : CLI_GO_ON;
	if (code == CLI_GO_ON) {
		wait_until_done(p, &status);
		code = tell(&status);
	}
	return owned_close(p, argv[first], code);
}
