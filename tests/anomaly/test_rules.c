/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the checker names what is wrong, and nothing else; a history is the same after it was
 *         written down and read back.
 * Method: histories written by hand (cases.c): of each rule the smallest that breaks it, and near
 *         misses. Then histories drawn at random that are right (draw.h): nothing may be found;
 *         and with one anomaly planted in each (plant.h): exactly that one is. Last, each history
 *         goes through its text.
 *
 *   unit_anomaly_rules [HISTORIES OF EACH RULE]    WEIR_TEST_SEED: the first seed
 *
 * Plain main(), TAP.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/anomaly/cases.h"
#include "tests/anomaly/plant.h"
#include "tests/support/real_data.h"

#define HISTORIES 12u
#define TRIES 40u /* of each, where a history has no place for the anomaly */

static struct checker *checker;
static struct history history, copy;
static struct verdict verdict;

static void check_case(const struct case_of_rule *one)
{
	const struct checker_options options = {.lag_max_ns = CASES_LAG_MAX_NS};
	uint32_t bad_line = history_read_text(&history, one->text);
	uint64_t others = 0;

	if (bad_line != 0) {
		tap_check(false, "%s: line %u of a case is malformed", rule_name(one->rule),
			  bad_line);
		return;
	}
	checker_run(checker, &history, &options, &verdict);
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		others += r == one->rule || rule_is_allowed(r) ? 0 : verdict.counts[r];
	bool good = others == 0 && (verdict.counts[one->rule] > 0) == one->fires;
	tap_check(good, "%s %s%s%s", rule_name(one->rule), one->fires ? "fires" : "does not fire",
		  one->what != NULL ? ": " : "", one->what != NULL ? one->what : "");
	if (!good)
		verdict_say(&verdict, &history, stdout);
}

static void check_cases(void)
{
	uint32_t fires[RULE_COUNT] = {0}, misses[RULE_COUNT] = {0}, lacking = 0;

	for (uint32_t i = 0; i < case_count + cases_owed_count; i++) {
		const struct case_of_rule *one =
			i < case_count ? &cases[i] : &cases_owed[i - case_count];
		check_case(one);
		(one->fires ? fires : misses)[one->rule]++;
	}
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		lacking += fires[r] == 0 || misses[r] == 0;
	tap_check(lacking == 0, "each of %u rules has a case where it fires and a near miss",
		  (unsigned)RULE_COUNT);
}

/* --- drawn ------------------------------------------------------------------------------------ */

static void say_replay(uint64_t seed, const char *rule)
{
	tap_note("again: weir-anomaly --drawn --seed %" PRIu64 "%s%s", seed,
		 rule != NULL ? " --plant " : "", rule != NULL ? rule : "");
	verdict_say(&verdict, &history, stdout);
}

static void check_drawn(uint64_t seed, uint32_t count)
{
	const struct checker_options options = {.lag_max_ns = PLANT_LAG_MAX_NS};
	uint64_t lines = 0;

	for (uint32_t i = 0; i < count; i++) {
		draw_history(&history, seed + i);
		checker_run(checker, &history, &options, &verdict);
		lines += history_count(&history);
		if (verdict.anomalies == 0)
			continue;
		tap_check(false, "a right history has an anomaly");
		say_replay(seed + i, NULL);
		return;
	}
	tap_check(true, "nothing is found in %u histories that are right (%" PRIu64 " lines)",
		  count, lines);
}

static void check_planted(enum rule rule, uint64_t seed, uint32_t count)
{
	uint32_t planted = 0, tries = 0;

	for (uint32_t i = 0; planted < count && i < count * TRIES; i++, tries++) {
		bool was_exact = true;
		if (!plant_and_check(checker, &history, seed + i, rule, &verdict, &was_exact))
			continue;
		planted++;
		if (was_exact)
			continue;
		tap_check(false, "%s was planted and is not what is found", rule_name(rule));
		say_replay(seed + i, rule_name(rule));
		return;
	}
	tap_check(planted == count, "%s, planted in %u histories of %u, is found, and it alone",
		  rule_name(rule), planted, tries);
}

/* --- text ------------------------------------------------------------------------------------- */

static bool is_same(const struct history_op *a, const struct history_op *b)
{
	char text[HISTORY_LINE_BYTES], other[HISTORY_LINE_BYTES];

	history_say(a, text);
	history_say(b, other);
	return strcmp(text, other) == 0 && a->time == b->time && a->value == b->value &&
	       a->offset == b->offset && a->flags == b->flags && a->type == b->type && a->f == b->f;
}

static void check_text(uint64_t seed)
{
	FILE *file = tmpfile();
	bool same;

	if (file == NULL) {
		tap_skip("no temporary file");
		return;
	}
	draw_history(&history, seed);
	history_write(&history, file);
	rewind(file);
	same = history_read(&copy, file) == 0 && history_count(&copy) == history_count(&history);
	for (uint32_t i = 0; same && i < history_count(&history); i++)
		same = is_same(history_op(&copy, i), history_op(&history, i));
	(void)fclose(file);
	tap_check(same, "a history of %u lines is the same after it was written and read",
		  history_count(&history));
	tap_check(history_read_text(&copy, "# nothing\n\n1 2 ok poll value=3\n") == 0 &&
			  history_count(&copy) == 1,
		  "comments and empty lines are none");
	tap_check(history_read_text(&copy, "1 2 ok poll\n1 2 ok jump\n") == 2 &&
			  history_read_text(&copy, "1 2 ok poll value=\n") == 1 &&
			  history_read_text(&copy, "1 2 ok poll group=4294967296\n") == 1 &&
			  history_read_text(&copy, "1 2 maybe poll\n") == 1 &&
			  history_read_text(&copy, "1 2 ok poll soon\n") == 1 &&
			  history_read_text(&copy, "1 2\n") == 1,
		  "a malformed line is named");
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : HISTORIES;
	uint64_t seed = test_seed();

	checker = checker_create();
	check_cases();
	check_drawn(seed, count * 4);
	for (uint32_t r = 0; r < RULE_COUNT; r++)
		check_planted((enum rule)r, seed, count);
	check_text(seed);
	checker_destroy(checker);
	history_fini(&history);
	history_fini(&copy);
	return tap_end();
}
