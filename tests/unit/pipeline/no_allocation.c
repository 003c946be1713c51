/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: after open, no thread allocates anything on publish, poll, ack, catch-up from disk, replay,
 * segment roll, recycling and checkpoint; with io_uring, with posix, and in memory only.
 *
 * Method: the program has its own malloc, calloc, realloc, free, aligned ones, mmap, munmap and
 * mremap, which count while armed, whichever thread calls. They are seen to count during an open,
 * so that a build in which they were bypassed fails. While they are armed the program goes through
 * every door that promises "Allocates: never"; the counters say 0 afterwards. What no wrapper sees
 * (system calls of liburing, the C library's own) is seen in the break and in the list of mappings,
 * which are the same before and after.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/sanitizer.h"
#include <weir/registry.h>

#include "tests/support/pipeline_fixture.h"

#if WR_UNDER_ASAN || WR_UNDER_TSAN

int main(void)
{
	tap_skip("the sanitizer's allocator cannot be replaced");
	return tap_end();
}

#else

#define ROUNDS 4u /* between them the late reader catches up, so that segments are let go */
#define TURNS 120u
#define PARTITIONS 4u

static wr_atomic_u32 armed;
static wr_atomic_u64 allocations; /* and frees */
static wr_atomic_u64 mappings;
static wr_atomic_u64 first_caller;

static void count(wr_atomic_u64 *counter, void *caller)
{
	if (wr_load_relaxed(&armed) == 0)
		return;
	uint64_t none = 0;
	(void)wr_cas_acq_rel(&first_caller, &none, (uint64_t)(uintptr_t)caller);
	(void)wr_add_relaxed(counter, 1u);
}

/* glibc's own names for what is replaced below. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *p, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *p);

void *malloc(size_t bytes)
{
	count(&allocations, __builtin_return_address(0));
	return __libc_malloc(bytes);
}

void *calloc(size_t members, size_t bytes)
{
	count(&allocations, __builtin_return_address(0));
	return __libc_calloc(members, bytes);
}

void *realloc(void *p, size_t bytes)
{
	count(&allocations, __builtin_return_address(0));
	return __libc_realloc(p, bytes);
}

void free(void *p)
{
	if (p != NULL)
		count(&allocations, __builtin_return_address(0));
	__libc_free(p);
}

void *aligned_alloc(size_t align, size_t bytes)
{
	count(&allocations, __builtin_return_address(0));
	return __libc_memalign(align, bytes);
}

int posix_memalign(void **ret, size_t align, size_t bytes)
{
	count(&allocations, __builtin_return_address(0));
	*ret = __libc_memalign(align, bytes);
	return *ret != NULL ? 0 : 12;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	count(&mappings, __builtin_return_address(0));
	return (void *)(uintptr_t)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

int munmap(void *address, size_t bytes)
{
	count(&mappings, __builtin_return_address(0));
	return (int)syscall(SYS_munmap, address, bytes);
}

/* ---- what no wrapper sees ---- */

struct space {
	void *program_break;
	uint64_t mappings_hash; /* of the lines of /proc/self/maps */
	uint64_t mapping_count;
};

/* Without stdio, which allocates. Lines of maps change when something is mapped or unmapped. */
static struct space look_at_space(void)
{
	static char bytes[1 << 16];
	struct space space = {.program_break = sbrk(0), .mappings_hash = 14695981039346656037u};
	long fd = syscall(SYS_openat, -100, "/proc/self/maps", 0 /* O_RDONLY */, 0);
	long n;
	while (fd >= 0 && (n = syscall(SYS_read, fd, bytes, sizeof bytes)) > 0)
		for (long i = 0; i < n; i++) {
			space.mappings_hash =
				(space.mappings_hash ^ (uint8_t)bytes[i]) * 1099511628211u;
			space.mapping_count += bytes[i] == '\n';
		}
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	return space;
}

/* The stack is a mapping that grows by itself: it has grown before anything is compared. */
static void grow_stack(void)
{
	uint8_t deep[512 * 1024];
	explicit_bzero(deep, sizeof deep);
}

static void arm(bool on)
{
	if (on) {
		wr_store_relaxed(&allocations, 0u);
		wr_store_relaxed(&mappings, 0u);
		wr_store_relaxed(&first_caller, 0u);
	}
	wr_store_seq(&armed, on ? 1u : 0u);
}

/* ---- the work ---- */

struct work {
	struct fixture f;
	uint32_t topic, validated, fast, slow, handled_by_weir;
	struct weir_producer *plain, *named;
	struct weir_member *quick, *late, *handler;
	struct weir_replay *again;
	uint64_t published, polled, caught_up, replayed;
	wr_atomic_u64 handled;
};

static struct work w;

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)wr_add_relaxed(&w.handled, item->kind == WEIR_ITEM_EVENT ? 1u : 0u);
	return WEIR_HANDLED_OK;
}

static void make_handler(void)
{
	struct weir_member_options options;
	weir_member_options_init(&options);
	options.handler = handle;
	fixture_need(
		weir_member_join(w.f.pipeline, w.handled_by_weir, &options, &w.handler, NULL) == 0,
		"a handler");
}

static void open_replay(void)
{
	struct weir_replay_options options;
	weir_replay_options_init(&options);
	options.follow = true;
	fixture_need(weir_replay_open(w.f.pipeline, &options, &w.again, NULL) == 0, "a replay");
}

/* A topic whose payloads are JSON, and read before they are taken. */
static void make_validated(void)
{
	static const char schema[] = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":"
				     "\"integer\",\"minimum\":0}},\"required\":[\"id\"]}";
	struct weir_topic_schema follows = {.subject = "ids", .validate = true};
	struct weir_registration asks;
	struct weir_schema_version version;
	weir_registration_init(&asks);
	asks.subject = "ids";
	asks.text = schema;
	asks.text_bytes = strlen(schema);
	asks.format = WEIR_SCHEMA_FORMAT_JSON;
	w.validated = fixture_topic(&w.f, "validated", 1);
	fixture_need(weir_registry_register(w.f.pipeline, &asks, &version, NULL, NULL, NULL) == 0 &&
			     weir_topic_schema_set(w.f.pipeline, w.validated, &follows, NULL) == 0,
		     "a schema");
}

static void begin(int kind, enum weir_io io)
{
	fixture_init(&w.f, kind);
	w.f.options.io = io;
	w.f.options.retention_bytes = 1u << 20;
	w.f.options.checkpoint_bytes = 1u << 20;
	/* Every table is part of a checkpoint, and that bounds how often there is one. */
	w.f.options.named_producers_max = 2;
	w.f.options.schemas_max = 1;
	w.f.options.schema_bytes_max = 4096;
	fixture_open(&w.f);
	w.topic = fixture_topic(&w.f, "work", PARTITIONS);
	make_validated();
	w.fast = fixture_subscription(&w.f, "fast", "work");
	w.slow = fixture_subscription(&w.f, "slow", "work");
	w.handled_by_weir = fixture_subscription(&w.f, "handled", "work");
	w.plain = fixture_producer(&w.f, NULL);
	w.named = fixture_producer(&w.f, "source");
	w.quick = fixture_member(&w.f, w.fast, "quick");
	w.late = fixture_member(&w.f, w.slow, "late");
	make_handler();
	open_replay();
	fixture_need(fixture_owns(w.quick, PARTITIONS) && fixture_owns(w.late, PARTITIONS),
		     "partitions");
	w.published = w.polled = w.caught_up = w.replayed = 0;
	wr_store_relaxed(&w.handled, 0u);
}

static void must(int code)
{
	fixture_need(code >= 0, weir_error_name(code));
}

/* One of each way in. */
static uint64_t publish_each_way(void)
{
	static const uint8_t payload[200];
	static const struct weir_header header = {
		.name = "n", .value = "v", .name_bytes = 1, .value_bytes = 1};
	uint64_t ticket;
	void *room;
	struct weir_event event = fixture_event(w.topic, &w.published, &w.published);
	event.payload = payload;
	event.payload_bytes = sizeof payload;
	event.headers = &header;
	event.header_count = 1;
	struct weir_event events[4] = {event, event, event, event};

	must(weir_publish(w.plain, &event, NULL));
	must(weir_publish(w.named, &event, NULL));
	int many = weir_publish_many(w.plain, events, 4, NULL);
	must(many);
	must(weir_claim(w.plain, &event, 100, &room));
	must(weir_commit(w.plain, 60, NULL));
	must(weir_claim(w.plain, &event, 100, &room));
	must(weir_abort(w.plain));
	must(weir_run_begin(w.plain, 2 * weir_event_bytes(&event)));
	must(weir_run_add(w.plain, &event));
	must(weir_run_add(w.plain, &event));
	must(weir_run_commit(w.plain, &ticket));
	w.published += 5 + (uint64_t)many;
	return ticket;
}

static void publish_validated(void)
{
	struct weir_event event = {.topic = w.validated, .type = 1, .payload_bytes = 10};
	event.payload = "{\"id\": 17}";
	must(weir_publish(w.plain, &event, NULL));
	event.payload = "{\"id\": -7}";
	fixture_need(weir_publish(w.plain, &event, NULL) == WEIR_E_NOT_A_DATUM, "a refusal");
}

static void poll_quick(uint64_t until)
{
	struct weir_item items[64];
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (w.polled < until && fixture_now_ns() < deadline) {
		int n = weir_poll(w.quick, items, 64, 1000000u);
		must(n);
		for (int i = 0; i < n; i++) {
			must(weir_ack(w.quick, &items[i]));
			w.polled += items[i].kind == WEIR_ITEM_EVENT ? 1u : 0u;
		}
	}
	must(weir_member_commit(w.quick, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS));
}

/* To the end, or for as long as something comes: in a memory-only log it has gaps. */
static void catch_up(bool durable)
{
	uint64_t quiet_ns = durable ? FIXTURE_LONG_NS : 100000000u;
	struct weir_item items[64];
	uint64_t quiet_since = fixture_now_ns();
	while (w.caught_up < w.published && fixture_now_ns() - quiet_since < quiet_ns) {
		int n = weir_poll(w.late, items, 64, 1000000u);
		must(n);
		for (int i = 0; i < n; i++)
			w.caught_up += items[i].kind == WEIR_ITEM_EVENT ? 1u : 0u;
		must(weir_ack_all(w.late));
		if (n > 0)
			quiet_since = fixture_now_ns();
	}
	must(weir_member_commit(w.late, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS));
}

/* All that is still there: retention, or the writer, has taken some of it. */
static void read_again(void)
{
	struct weir_item items[64];
	struct weir_replay_progress progress;
	int n;
	while ((n = weir_replay_next(w.again, items, 64, 1000000u)) > 0)
		;
	must(n);
	weir_replay_progress(w.again, &progress);
	w.replayed = progress.events;
}

static void take_turn(uint32_t turn)
{
	uint64_t ticket = 0;
	publish_validated();
	for (uint32_t k = 0; k < 10; k++)
		ticket = publish_each_way();
	(void)weir_producer_poll_acks(w.plain);
	(void)weir_producer_poll_acks(w.named);
	if (turn % 8 == 0)
		must(weir_wait(w.plain, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS));
	poll_quick(w.published);
}

static void do_everything(bool durable, struct weir_info *info)
{
	static struct weir_producer_options options;
	struct weir_producer *passing;
	struct weir_producer_progress progress;
	struct weir_lag lag;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t turn = 0; turn < TURNS; turn++)
			take_turn(turn);
		catch_up(durable);
		read_again();
	}
	weir_producer_progress(w.plain, &progress);
	weir_producer_options_init(&options);
	must(weir_producer_open(w.f.pipeline, &options, &passing, NULL));
	must(weir_producer_close(passing, FIXTURE_LONG_NS));
	struct weir_event event = fixture_event(w.topic, NULL, &w.published);
	must(weir_publish_once(w.f.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL));
	w.published++;
	catch_up(durable);
	poll_quick(w.published);
	must(weir_lag(w.f.pipeline, w.fast, &lag));
	must(weir_subscription_seek(w.f.pipeline, w.fast, WEIR_SEEK_TIME, 0, FIXTURE_LONG_NS,
				    NULL));
	must(weir_subscription_seek(w.f.pipeline, w.fast, WEIR_SEEK_NEWEST, 0, FIXTURE_LONG_NS,
				    NULL));
	/* The handler's threads come to their end too. */
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (durable && wr_load_relaxed(&w.handled) < w.published && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
	fixture_info(&w.f, info);
}

static void run(const char *name, int kind, enum weir_io io)
{
	struct weir_info info;
	bool durable = kind == FIXTURE_DURABLE;

	arm(true);
	begin(kind, io);
	arm(false);
	tap_check(wr_load_relaxed(&allocations) > 0 && wr_load_relaxed(&mappings) > 0,
		  "%s: the counters see what an open allocates and maps", name);

	struct space before = look_at_space();
	arm(true);
	do_everything(durable, &info);
	arm(false);
	struct space after = look_at_space();

	tap_check(wr_load_relaxed(&allocations) == 0 && wr_load_relaxed(&mappings) == 0,
		  "%s: no thread allocates (%llu) or maps (%llu) anything; first from %#llx", name,
		  (unsigned long long)wr_load_relaxed(&allocations),
		  (unsigned long long)wr_load_relaxed(&mappings),
		  (unsigned long long)wr_load_relaxed(&first_caller));
	if (!fixture_emulated())
		tap_check(before.program_break == after.program_break && before.mapping_count > 0 &&
				  before.mapping_count == after.mapping_count &&
				  before.mappings_hash == after.mappings_hash,
			  "%s: the break and the %llu mappings are as before", name,
			  (unsigned long long)after.mapping_count);
	tap_check(w.polled == w.published, "%s: %llu events went through", name,
		  (unsigned long long)w.published);
	if (durable) {
		tap_check(w.caught_up == w.published && wr_load_relaxed(&w.handled) == w.published,
			  "%s: one reader caught up from disk, a handler ran", name);
		tap_check(info.segments_recycled > 0 && info.checkpoints > 0,
			  "%s: %llu segments were recycled, %llu checkpoints written", name,
			  (unsigned long long)info.segments_recycled,
			  (unsigned long long)info.checkpoints);
	}
	tap_check(w.replayed > 0, "%s: %llu events were replayed", name,
		  (unsigned long long)w.replayed);
	weir_replay_close(w.again);
	weir_release(w.quick);
	weir_release(w.late);
	fixture_close(&w.f, NULL);
	fixture_end(&w.f);
}

int main(void)
{
	bool uring = fixture_has_uring();
	grow_stack();
	/* What the C library allocates once, it may. */
	setvbuf(stdout, NULL, _IOLBF, 4096);
	if (uring)
		run("io_uring", FIXTURE_DURABLE, WEIR_IO_URING);
	else
		tap_skip("io_uring is refused here, or left out");
	run("posix", FIXTURE_DURABLE, WEIR_IO_POSIX);
	run("memory", FIXTURE_MEMORY, WEIR_IO_AUTO);
	return tap_end();
}

#endif
