/* SPDX-License-Identifier: Apache-2.0 */
/* See replay.h. Thread: the caller's. */
#include "bench/replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/journal.h>

#include "bench/harness.h"
#include "core/base/bits.h"

#define TOPIC "bench"
#define BURST 64u
#define ITEMS 1024u
#define POLL_NS 100000000u
#define STALL_NS 20000000000ull
#define CLOSE_NS 60000000000ull
#define CACHED_BYTES (256u << 10)
#define DIRECT_BYTES (1u << 20)
#define ALIGN 4096u

const char *const replay_way_names[REPLAY_WAYS] = {
	"cached", "cached_many", "cached_verify", "cached_plain",
	"cold",   "cold_verify", "cold_plain",    "subscription",
};

static bool interrupted(const struct replay_settings *s)
{
	return s->interrupted != NULL && wr_load_relaxed(s->interrupted) != 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void make_options(const struct replay_settings *s, struct weir_options *o)
{
	weir_options_init(o);
	o->name = "bench";
	o->dir = s->dir;
	o->segment_bytes = s->segment_bytes;
	o->retention_bytes = UINT64_MAX / 4;
}

/* Events 1 .. n, each with its number at the beginning of its payload. */
static int publish_all(const struct replay_settings *s, struct weir_producer *producer,
		       uint32_t topic, uint8_t *payloads)
{
	struct weir_event events[BURST] = {{.topic = 0}};
	uint64_t next = 1, last_ticket = 0;

	for (uint32_t i = 0; i < BURST; i++)
		events[i] = (struct weir_event){.topic = topic,
						.payload = payloads + i * s->payload_bytes,
						.payload_bytes = s->payload_bytes};
	while (next <= s->events) {
		size_t count = (size_t)wr_min_u64(BURST, s->events - next + 1);
		for (uint32_t i = 0; i < count; i++) {
			uint64_t number = next + i;
			memcpy(payloads + i * s->payload_bytes, &number, sizeof number);
		}
		int n = weir_publish_many(producer, events, count, &last_ticket);
		if (interrupted(s))
			return -EINTR;
		if (n == WEIR_E_AGAIN || n == WEIR_E_FULL) {
			bench_sleep_ns(20000);
			continue;
		}
		if (n < 0)
			return n;
		next += (uint64_t)n;
	}
	return weir_wait(producer, last_ticket, WEIR_LEVEL_DURABLE, STALL_NS);
}

static int write_journal(const struct replay_settings *s, struct weir_problem *problem)
{
	struct weir_producer_options producer_options;
	struct weir_topic_options topic_options;
	struct weir_producer *producer = NULL;
	struct weir_pipeline *pipeline;
	struct weir_options options;
	uint32_t topic = 0;

	uint8_t *payloads = calloc(BURST, s->payload_bytes);
	if (payloads == NULL)
		return -ENOMEM;
	make_options(s, &options);
	int code = weir_open(&options, &pipeline, problem);
	if (code < 0) {
		free(payloads);
		return code;
	}
	weir_topic_options_init(&topic_options);
	topic_options.name = TOPIC;
	weir_producer_options_init(&producer_options);
	code = weir_topic_create(pipeline, &topic_options, &topic, problem);
	if (code == 0)
		code = weir_producer_open(pipeline, &producer_options, &producer, problem);
	if (code == 0)
		code = publish_all(s, producer, topic, payloads);
	if (producer != NULL)
		(void)weir_producer_close(producer, STALL_NS);
	int close_code = weir_close(pipeline, WEIR_CLOSE_DRAIN, CLOSE_NS, NULL);
	free(payloads);
	return code != 0 ? code : close_code;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Calls `each` for every segment file, until it fails. */
static int each_file(const char *dir, int (*each)(void *context, const char *path), void *context)
{
	char path[BENCH_PATH_BYTES + 300];
	struct dirent *entry;
	int code = 0;

	DIR *d = opendir(dir);
	if (d == NULL)
		return -errno;
	while (code == 0 && (entry = readdir(d)) != NULL) {
		const char *suffix = strrchr(entry->d_name, '.');
		if (suffix == NULL || strcmp(suffix, ".seg") != 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		code = each(context, path);
	}
	(void)closedir(d);
	return code;
}

struct plain {
	uint8_t *buffer;
	size_t length_bytes;
	int flags;
	uint64_t bytes;
};

static int read_file(void *context, const char *path)
{
	struct plain *p = context;
	ssize_t n;

	int fd = open(path, O_RDONLY | O_CLOEXEC | p->flags);
	if (fd < 0 && errno == EINVAL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, p->buffer, p->length_bytes)) > 0)
		p->bytes += (uint64_t)n;
	int code = n < 0 ? -errno : 0;
	(void)close(fd);
	return code;
}

/* Every byte once; how many. */
static int read_plain(const char *dir, size_t length_bytes, int flags, uint64_t *ret_bytes)
{
	struct plain p = {.length_bytes = length_bytes, .flags = flags};

	p.buffer = aligned_alloc(ALIGN, length_bytes);
	if (p.buffer == NULL)
		return -ENOMEM;
	memset(p.buffer, 0, length_bytes);
	int code = each_file(dir, read_file, &p);
	free(p.buffer);
	*ret_bytes = p.bytes;
	return code;
}

/* Only a hint to the kernel. */
static int forget_file(void *context, const char *path)
{
	(void)context;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
	return 0;
}

static int try_direct(void *context, const char *path)
{
	bool *direct = context;
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	*direct = fd >= 0;
	if (fd >= 0)
		(void)close(fd);
	return 0;
}

struct names {
	char *to;
	size_t to_bytes;
	size_t length;
	uint32_t count;
};

static int add_name(void *context, const char *path)
{
	struct names *n = context;
	size_t more = strlen(path) + 1;

	if (n->length + more + 1 > n->to_bytes || strchr(path, ':') != NULL)
		return 0;
	n->length += (size_t)snprintf(n->to + n->length, n->to_bytes - n->length, "%s%s",
				      n->count > 0 ? ":" : "", path);
	n->count++;
	return 0;
}

uint32_t replay_files(const char *dir, char *to, size_t to_bytes)
{
	struct names n = {.to = to, .to_bytes = to_bytes};

	to[0] = '\0';
	return each_file(dir, add_name, &n) == 0 ? n.count : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct seen {
	const struct replay_settings *settings;
	uint64_t events;
	uint64_t sum;
	uint64_t last_sequence;
	bool out_of_order;
};

static inline void see(struct seen *seen, const struct weir_item *item)
{
	uint64_t number = 0;

	if (item->payload_bytes >= sizeof number)
		memcpy(&number, item->payload, sizeof number);
	seen->sum += number;
	seen->events++;
	seen->out_of_order |= item->sequence <= seen->last_sequence;
	seen->last_sequence = item->sequence;
}

static int see_event(void *context, const struct weir_journal_event *event)
{
	see(context, &event->item);
	return 0;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		see(context, &events->items[i]);
	return 0;
}

static int count_damage(void *context, const struct weir_journal_damage *damage)
{
	(void)context;
	return damage->corrupt ? -EPROTO : 0;
}

static int compare(const struct replay_settings *s, const struct seen *seen)
{
	uint64_t n = s->events;
	uint64_t sum = n % 2 == 0 ? n / 2 * (n + 1) : (n + 1) / 2 * n;

	return seen->events == n && seen->sum == sum && !seen->out_of_order ? 0 : -EPROTO;
}

static int inspect(const struct replay_settings *s, enum replay_way way, struct replay_round *round,
		   struct weir_problem *problem)
{
	bool is_many = way == REPLAY_CACHED_MANY;
	bool shows = way == REPLAY_CACHED || is_many || way == REPLAY_COLD;
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;
	struct seen seen = {.settings = s};

	weir_journal_visitor_init(&visitor);
	visitor.cached = way <= REPLAY_CACHED_VERIFY;
	visitor.event = shows && !is_many ? see_event : NULL;
	visitor.events = is_many ? see_events : NULL;
	visitor.damage = count_damage;
	visitor.context = &seen;
	int code = weir_journal_inspect(s->dir, &visitor, &report, problem);
	round->events = report.event_count;
	round->bytes = report.read_bytes;
	if (code == 0 && report.event_count != s->events)
		code = -EPROTO;
	return code == 0 && shows ? compare(s, &seen) : code;
}

static int poll_all(const struct replay_settings *s, struct weir_member *member,
		    struct weir_item *items, struct seen *seen)
{
	uint64_t quiet_ns = 0;

	while (seen->events < s->events) {
		int n = weir_poll(member, items, ITEMS, POLL_NS);
		if (n < 0)
			return n;
		if (interrupted(s))
			return -EINTR;
		quiet_ns = n == 0 ? quiet_ns + POLL_NS : 0;
		if (quiet_ns > STALL_NS)
			return -ETIMEDOUT;
		for (int i = 0; i < n; i++)
			if (items[i].kind == WEIR_ITEM_EVENT)
				see(seen, &items[i]);
		(void)weir_ack_all(member);
	}
	return 0;
}

/* A subscription that was never there before, from the oldest event. */
static int subscribe(struct weir_pipeline *pipeline, struct weir_member **ret_member,
		     struct weir_problem *problem)
{
	const char *topic = TOPIC;
	struct weir_subscription_options options;
	char name[48];
	uint32_t subscription;

	(void)snprintf(name, sizeof name, "replay-%llu", (unsigned long long)bench_now_ns());
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	options.start = WEIR_START_OLDEST;
	int code = weir_subscription_create(pipeline, &options, &subscription, problem);
	return code < 0 ? code
			: weir_member_join(pipeline, subscription, NULL, ret_member, problem);
}

/* Timed is the way from the first poll to the last event. */
static int catch_up(const struct replay_settings *s, uint64_t log_bytes, struct replay_round *round,
		    struct weir_problem *problem)
{
	struct weir_pipeline *pipeline;
	struct weir_member *member = NULL;
	struct weir_options options;
	struct seen seen = {.settings = s};

	struct weir_item *items = calloc(ITEMS, sizeof *items);
	if (items == NULL)
		return -ENOMEM;
	make_options(s, &options);
	int code = weir_open(&options, &pipeline, problem);
	if (code < 0) {
		free(items);
		return code;
	}
	code = subscribe(pipeline, &member, problem);
	uint64_t from_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
	if (code == 0)
		code = poll_all(s, member, items, &seen);
	round->elapsed_ns = bench_now_ns() - from_ns;
	round->cpu_ns = bench_cpu_ns() - cpu_ns;
	round->events = seen.events;
	round->bytes = log_bytes;
	if (member != NULL && code != WEIR_E_CLOSED)
		(void)weir_member_leave(member, STALL_NS);
	int close_code = weir_close(pipeline, WEIR_CLOSE_DRAIN, CLOSE_NS, NULL);
	free(items);
	if (code == 0)
		code = compare(s, &seen);
	return code != 0 ? code : close_code;
}

/* --- the calls -------------------------------------------------------------------------------- */

static int add_used(void *context, const struct weir_journal_segment *segment)
{
	uint64_t *bytes = context;

	*bytes += segment->used_bytes;
	return 0;
}

static int log_bytes(const struct replay_settings *s, struct weir_journal_report *ret_report,
		     uint64_t *ret_bytes, struct weir_problem *problem)
{
	struct weir_journal_visitor visitor;

	*ret_bytes = 0;
	weir_journal_visitor_init(&visitor);
	visitor.segment = add_used;
	visitor.context = ret_bytes;
	return weir_journal_inspect(s->dir, &visitor, ret_report, problem);
}

int replay_make(const struct replay_settings *settings, struct replay_journal *ret_journal,
		struct weir_problem *problem)
{
	struct weir_journal_report report;

	*ret_journal = (struct replay_journal){.segments = 0};
	int code = write_journal(settings, problem);
	if (code == 0)
		code = log_bytes(settings, &report, &ret_journal->bytes, problem);
	if (code < 0)
		return code;
	ret_journal->segments = report.segment_count;
	return each_file(settings->dir, try_direct, &ret_journal->direct);
}

int replay_run(const struct replay_settings *settings, enum replay_way way,
	       struct replay_round *ret_round, struct weir_problem *problem)
{
	struct replay_round round = {.elapsed_ns = 0};
	struct weir_journal_report report;
	uint64_t bytes = 0;
	int code;

	if (way <= REPLAY_CACHED_PLAIN)
		code = read_plain(settings->dir, CACHED_BYTES, 0, &bytes);
	else
		code = each_file(settings->dir, forget_file, NULL);
	if (code == 0 && way == REPLAY_SUBSCRIPTION)
		code = log_bytes(settings, &report, &bytes, problem);
	if (code < 0)
		return code;
	uint64_t from_ns = bench_now_ns(), cpu_ns = bench_cpu_ns();
	switch (way) {
	case REPLAY_CACHED_PLAIN:
		code = read_plain(settings->dir, CACHED_BYTES, 0, &round.bytes);
		break;
	case REPLAY_COLD_PLAIN:
		code = read_plain(settings->dir, DIRECT_BYTES, O_DIRECT, &round.bytes);
		break;
	case REPLAY_SUBSCRIPTION:
		code = catch_up(settings, bytes, &round, problem);
		break;
	default:
		code = inspect(settings, way, &round, problem);
		break;
	}
	if (way != REPLAY_SUBSCRIPTION) {
		round.elapsed_ns = bench_now_ns() - from_ns;
		round.cpu_ns = bench_cpu_ns() - cpu_ns;
	}
	*ret_round = round;
	return code == 0 && interrupted(settings) ? -EINTR : code;
}
