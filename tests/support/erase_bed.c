/* SPDX-License-Identifier: Apache-2.0 */
/* See erase_bed.h. */
#include "tests/support/erase_bed.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/raw_files.h"

void erase_bed_init(struct fixture *f)
{
	fixture_init(f, FIXTURE_DURABLE);
	fixture_small_segments(f);
	f->options.erasures_max = 1000;
	f->options.members_max = 4;
}

uint64_t erase_bed_key(struct fixture *f, uint32_t topic, const char *key)
{
	uint64_t sequence = 0;
	struct weir_problem why = {0};

	int rc = weir_erase_key(f->pipeline, topic, key, strlen(key), &sequence, &why);
	fixture_need(rc == 0, why.text);
	return sequence;
}

struct weir_erase_status erase_bed_status(struct fixture *f)
{
	struct weir_erase_status s;

	fixture_need(weir_erase_status(f->pipeline, &s) == 0, "weir_erase_status");
	return s;
}

void erase_bed_wait(struct fixture *f, uint64_t sequence)
{
	uint64_t end_ns = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	struct weir_erase_status s = erase_bed_status(f);
	char text[96];

	while (s.erased_sequence < sequence && fixture_now_ns() < end_ns) {
		fixture_sleep_ns(5000000);
		s = erase_bed_status(f);
	}
	(void)snprintf(text, sizeof text, "the bytes stay: waits for %d at %llu", (int)s.waits_for,
		       (unsigned long long)s.at_sequence);
	fixture_need(s.erased_sequence >= sequence && !s.bytes_left, text);
}

uint32_t erase_bed_files_with(struct fixture *f, const char *text)
{
	uint32_t count = raw_files_with(f->dir, text);

	fixture_need(count != UINT32_MAX, "look through the files");
	return count;
}
