/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: no byte of an event is in a core dump of the process, unless that is asked for: not in
 * chunks and lanes, not in the copies of threads without a producer, not in what was read back from
 * disk by recovery, by a member that is behind or by a search, and not in what was freed.
 *
 * Method: events with a pattern of 32 bytes are published in both ways, overtake a reader that then
 * reads from disk, are searched by time, and recovered by a second life. After each step all memory
 * that the kernel would dump (mappings without "dd" in /proc/self/smaps) is searched for the
 * pattern, stacks and what the allocator keeps included. It is kept inverted, so that the test
 * itself is no find. The same with options.in_core_dumps has to find it: the search works.
 *
 * All symbols are bound at start: at a function's first call the dynamic linker would save the
 * vector registers on the caller's stack, and on machines with AVX-512 a payload that was just
 * copied is still in them. Plain main(), TAP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/pipeline_fixture.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#define WORDS 4u
#define PAYLOAD_BYTES 512u
#define EVENTS 12000u /* three times the pool */

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++case_count, what);
	failed_count += !good;
}

static const uint64_t inverted[WORDS] = {
	~0x7061796c6f616431ull,
	~0x7365637265743432ull,
	~0x646f6e7464756d70ull,
	~0x6f72646572733939ull,
};

static uint64_t payload[PAYLOAD_BYTES / 8];

static void fill(bool with_pattern)
{
	for (size_t i = 0; i < PAYLOAD_BYTES / 8; i++)
		payload[i] = with_pattern ? ~inverted[i % WORDS] : 0;
}

static bool is_pattern(const uint64_t *at)
{
	uint64_t differs = 0;
	for (size_t i = 0; i < WORDS; i++)
		differs |= at[i] ^ ~inverted[i];
	return differs == 0;
}

/* Places in one mapping. */
static uint64_t search(uintptr_t first, uintptr_t end)
{
	uint64_t found = 0;
	for (uintptr_t at = first; at + WORDS * 8 <= end; at += 8)
		found += is_pattern((const uint64_t *)at);
	return found;
}

struct mapping {
	uintptr_t first, end;
	bool readable;
	char name[128];
};

/* Everything that would be dumped; names where the pattern was found. */
static uint64_t dumped(void)
{
	static struct mapping kept[4096];
	size_t count = 0;
	uint64_t found = 0;
	char line[512];
	struct mapping now = {.readable = false};
	FILE *file = fopen("/proc/self/smaps", "re");
	fixture_need(file != NULL, "/proc/self/smaps");
	while (fgets(line, sizeof line, file) != NULL) {
		char *end;
		uintptr_t first = strtoull(line, &end, 16);
		if (*end == '-' && end != line) {
			now = (struct mapping){.first = first, .end = strtoull(end + 1, &end, 16)};
			now.readable = end[1] == 'r';
			(void)snprintf(now.name, sizeof now.name, "%.100s", end + 1);
		}
		if (strncmp(line, "VmFlags:", 8) != 0 || !now.readable ||
		    strstr(line, " dd") != NULL || strstr(line, " gd") != NULL ||
		    strstr(now.name, "[v") != NULL)
			continue;
		fixture_need(count < sizeof kept / sizeof kept[0], "so many mappings");
		kept[count++] = now;
	}
	fclose(file);
	for (size_t i = 0; i < count; i++) {
		uint64_t here = search(kept[i].first, kept[i].end);
		if (here > 0)
			printf("# %" PRIu64 " in %s", here, kept[i].name);
		found += here;
	}
	return found;
}

static struct fixture f;
static uint32_t topic;

static void publish(void)
{
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = PAYLOAD_BYTES};
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t ticket = 0;
	fill(true);
	for (uint32_t i = 0; i < EVENTS; i++)
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
	for (uint32_t i = 0; i < 100; i++)
		fixture_need(weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT,
					       FIXTURE_LONG_NS, NULL) == 0,
			     "publishing without a producer");
	fill(false);
	fixture_wait(producer, ticket);
}

static void begin(bool in_core_dumps)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.in_core_dumps = in_core_dumps;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
}

static void on_request(void)
{
	begin(true);
	publish();
	check(dumped() > EVENTS / 10, "with in_core_dumps they are found: the search works");
	fixture_end(&f);
}

static void not_at_all(void)
{
	begin(false);
	uint32_t id = fixture_subscription(&f, "late", "work");
	publish();
	check(dumped() == 0, "published by producers and without one");
	struct weir_member *member = fixture_member(&f, id, NULL);
	uint32_t got = fixture_poll(member, NULL, 0, EVENTS / 2, true);
	check(got >= EVENTS / 2 && dumped() == 0, "read from disk by a member that is behind");
	int rc = weir_subscription_seek(f.pipeline, id, WEIR_SEEK_TIME, 1, FIXTURE_LONG_NS, NULL);
	check(rc == 0 && dumped() == 0, "searched by time");
	fixture_close(&f, NULL);
	check(dumped() == 0, "after the close, in what was freed");
	fixture_open(&f);
	check(dumped() == 0, "recovered by the next life");
	fixture_end(&f);
}

/* The linker looks at its environment only when a program begins. */
static void bind_all_symbols(char *const arguments[])
{
	if (getenv("LD_BIND_NOW") != NULL)
		return;
	fixture_need(setenv("LD_BIND_NOW", "1", 1) == 0, "another environment");
	(void)execv("/proc/self/exe", arguments);
	fixture_need(false, "this program once more");
}

int main(int count, char *arguments[])
{
	(void)count;
	if (fixture_emulated()) {
		printf("1..0 # SKIP an emulator: smaps are not those of the program\n");
		return 0;
	}
	if (UNDER_SANITIZER) {
		printf("1..0 # SKIP AddressSanitizer keeps frames of stacks, and stops a search\n");
		return 0;
	}
	bind_all_symbols(arguments);
	not_at_all();
	on_request();
	printf("1..%d\n", case_count);
	return failed_count == 0 ? 0 : 1;
}
