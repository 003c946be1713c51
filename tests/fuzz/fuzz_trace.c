/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   traceparent, tracestate and positions out of hostile bytes: nothing is read out of
 *         bounds, and what is taken means the same when it is written and read again.
 * Method: the input is the text, in a block of its own length. Each reader has it; what it took
 *         goes through the writer and back. Replayed by replay.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/trace.h>

#include "core/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

static void check_traceparent(const char *text, size_t bytes)
{
	struct weir_traceparent t, again;
	char written[WEIR_TRACEPARENT_BYTES];
	if (weir_traceparent_parse(text, bytes, &t) != 0)
		return;
	WR_ASSERT(weir_traceparent_parse(text, bytes, NULL) == 0);
	WR_ASSERT(weir_traceparent_format(&t, written) == 55 && strlen(written) == 55);
	WR_ASSERT(weir_traceparent_parse(written, 55, &again) == 0);
	t.version = 0;
	WR_ASSERT(memcmp(&t, &again, sizeof t) == 0);
	/* What it was written as stands in it, but for the version. */
	const char *at = memchr(text, '-', bytes);
	WR_ASSERT(at != NULL && memcmp(at, written + 2, 53) == 0);
}

static void check_tracestate(const char *text, size_t bytes)
{
	int members = weir_tracestate_check(text, bytes);
	WR_ASSERT(members <= 33);
	if (members < 0)
		return;
	/* A comma more, and blanks around, are nothing; a member without a value is. */
	char *more = malloc(bytes + 4);
	WR_ASSERT(more != NULL);
	memcpy(more, " \t", 2);
	memcpy(more + 2, text, bytes);
	memcpy(more + 2 + bytes, ",", 1);
	WR_ASSERT(weir_tracestate_check(more, bytes + 3) == members);
	memcpy(more + 2 + bytes, ",a", 2);
	WR_ASSERT(weir_tracestate_check(more, bytes + 4) < 0);
	free(more);
}

static void check_pos(const char *text, size_t bytes)
{
	struct weir_pos pos;
	char written[WEIR_POS_TEXT_BYTES];
	if (weir_pos_parse(text, bytes, &pos) != 0)
		return;
	/* There is one way to write each. */
	WR_ASSERT(weir_pos_text(&pos, written) == bytes && memcmp(written, text, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	char *text = malloc(length_bytes + (length_bytes == 0));
	WR_ASSERT(text != NULL);
	if (length_bytes > 0)
		memcpy(text, bytes, length_bytes);
	check_traceparent(text, length_bytes);
	check_tracestate(text, length_bytes);
	check_pos(text, length_bytes);
	free(text);
	return 0;
}
