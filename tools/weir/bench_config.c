/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bench_config.h. The bench's own threads are placed together with weir's, as more requests
 * behind theirs, so that none of them meets a spinner; what is wrong with their CPUs is an error of
 * the file, at its place.
 *
 * Without libweir-config there are no files: bench_config_load() says so.
 */
#include "tools/weir/bench_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"

#ifdef WR_HAVE_CONFIG
#include "io/config/config.h"
#include "tools/weir/config_machine.h"
#include "tools/weir/config_report.h"

static void nobody_is_told(void *context, uint32_t subscription, const struct weir_lag *lag,
			   bool above)
{
	(void)context;
	(void)subscription;
	(void)lag;
	(void)above;
}

/* ---- who publishes, who reads ---- */

static uint32_t find_topic(const struct pipeline_settings *s, const char *name)
{
	uint32_t i = 0;
	while (strcmp(s->topics[i].name, name) != 0)
		i++;
	return i;
}

static uint32_t find_subscription(const struct pipeline_settings *s, const char *name)
{
	uint32_t i = 0;
	while (strcmp(s->subscriptions[i].name, name) != 0)
		i++;
	return i;
}

/* A thread for each topic, where the file does not say. */
static void make_streams(const struct wr_config_values *values, struct pipeline_settings *s)
{
	const struct wr_config_stream *streams = values->bench.streams.items;
	for (uint32_t i = 0; i < values->bench.streams.count; i++) {
		uint64_t rate = streams[i].rate_per_s;
		s->streams[i] = (struct pipeline_stream){
			.topic = find_topic(s, streams[i].topic),
			.producer_count = streams[i].threads,
			.payload_bytes = streams[i].payload_bytes,
			.key_count = streams[i].key_count,
			.rate = rate > 0 ? rate : PIPELINE_RATE_MAX,
		};
	}
	s->stream_count = values->bench.streams.count;
	if (s->stream_count > 0)
		return;
	for (uint32_t i = 0; i < s->topic_count; i++)
		s->streams[i] = (struct pipeline_stream){.topic = i,
							 .producer_count = 1,
							 .payload_bytes = 64,
							 .rate = PIPELINE_RATE_MAX};
	s->stream_count = s->topic_count;
}

static void make_readers(const struct wr_config_values *values, struct pipeline_settings *s)
{
	const struct wr_config_reader *readers = values->bench.readers.items;
	const struct wr_config_subscription *subscriptions = values->subscriptions.items;
	for (uint32_t i = 0; i < values->bench.readers.count; i++)
		s->readers[find_subscription(s, readers[i].subscription)].member_count =
			readers[i].threads;
	for (uint32_t i = 0; i < s->subscription_count && values->bench.readers.count == 0; i++)
		s->readers[i].member_count = subscriptions[i].members;
}

/* ---- where ---- */

/* Behind weir's own: one for each stream, then one for each subscription. */
struct places {
	struct wr_place_request requests[WR_PLACE_REQUESTS_MAX];
	uint32_t count;
	struct weir_cpu_list *lists[WR_PLACE_REQUESTS_MAX];
	const struct wr_config_node *items[WR_PLACE_REQUESTS_MAX]; /* in the file; NULL */
	struct wr_placement placement;
};

static void ask(struct places *p, const char *name, const struct wr_cpu_request *cpus,
		enum weir_wait wait, uint32_t count, struct weir_cpu_list *list,
		const struct wr_config_node *item)
{
	struct wr_cpu_request anywhere = {.kind = WR_CPUS_AUTO};
	p->lists[p->count] = list;
	p->items[p->count] = item;
	p->requests[p->count++] = (struct wr_place_request){.name = name,
							    .cpus = cpus != NULL ? *cpus : anywhere,
							    .wait = wait,
							    .count = count};
}

static const struct wr_config_node *first_of(const struct weir_config *config, const char *list)
{
	const struct wr_config_node *bench = wr_config_child(config->root, "bench");
	const struct wr_config_node *node = wr_config_child(bench, list);
	return node != NULL ? node->first : NULL;
}

static void ask_for_all(struct places *p, const struct config_machine *m,
			struct pipeline_settings *s)
{
	const struct wr_config_bench *bench = &m->config->values.bench;
	const struct wr_config_stream *streams = bench->streams.items;
	const struct wr_config_reader *readers = bench->readers.items;
	const struct wr_config_node *item = first_of(m->config, "producers");
	enum weir_wait wait = s->pace == PIPELINE_PACE_SPIN ? WEIR_WAIT_SPIN : WEIR_WAIT_ADAPTIVE;
	for (uint32_t i = 0; i < s->stream_count; i++) {
		ask(p, "producers", bench->streams.count > 0 ? &streams[i].cpus : NULL, wait,
		    s->streams[i].producer_count, &s->streams[i].cpus, item);
		item = item != NULL ? item->next : NULL;
	}
	item = first_of(m->config, "members");
	for (uint32_t i = 0; i < bench->readers.count; i++, item = item->next) {
		struct pipeline_reader *reader =
			&s->readers[find_subscription(s, readers[i].subscription)];
		ask(p, "members", &readers[i].cpus, WEIR_WAIT_ADAPTIVE, readers[i].threads,
		    &reader->cpus, item);
	}
	for (uint32_t i = 0; i < s->subscription_count && bench->readers.count == 0; i++)
		ask(p, "members", NULL, WEIR_WAIT_ADAPTIVE, s->readers[i].member_count,
		    &s->readers[i].cpus, NULL);
}

static int refuse(const struct places *p, struct config_machine *m)
{
	struct wr_config_findings *findings = &m->config->findings;
	/* What else was to be said of the file was said when it was loaded. */
	findings->count = findings->left_out = 0;
	for (uint32_t i = 0; i < p->placement.problem_count; i++) {
		const struct wr_place_problem *problem = &p->placement.problems[i];
		const struct wr_config_node *item =
			problem->of < p->count ? p->items[problem->of] : NULL;
		const struct wr_config_node *cpus = wr_config_child(item, "cpus");
		const struct wr_config_node *at = cpus != NULL ? cpus : item;
		at = at != NULL ? at : wr_config_child(m->config->root, "bench");
		struct weir_config_diagnostic *d = wr_config_error(
			findings, wr_config_node_place(findings, at != NULL ? at : m->config->root),
			"%s", problem->text);
		if (problem->note[0] != '\0')
			wr_config_note(findings, d, "%s", problem->note);
		if (problem->help[0] != '\0')
			wr_config_help(findings, d, "%s", problem->help);
	}
	wr_config_findings_sort(findings);
	return config_report(m->config);
}

static void take_places(const struct places *p, struct pipeline_settings *s)
{
	struct weir_thread_options *const threads[WR_CONFIG_OPENED] = {
		&s->options.log, &s->options.journal, &s->options.group, &s->options.handler};
	for (uint32_t i = 0; i < p->count; i++) {
		const struct wr_placed *placed = &p->placement.placed[i];
		if (placed->how == WR_PLACED_NOT)
			continue;
		if (i < WR_CONFIG_OPENED) {
			wr_placed_to_options(placed, threads[i]);
			continue;
		}
		if (placed->wait != WEIR_WAIT_SPIN && s->pace == PIPELINE_PACE_SPIN &&
		    p->requests[i].wait == WEIR_WAIT_SPIN)
			s->pace = PIPELINE_PACE_YIELD;
		/* Who leaves it to weir has asked for nothing. */
		if (placed->degraded && (p->requests[i].cpus.kind != WR_CPUS_AUTO ||
					 p->requests[i].wait == WEIR_WAIT_SPIN))
			fprintf(stderr, "weir: %s: %s\n", p->requests[i].name, placed->note);
		if (placed->how == WR_PLACED_ANYWHERE)
			continue;
		p->lists[i]->cpu_count = placed->cpu_count;
		memcpy(p->lists[i]->cpus, placed->cpus, sizeof placed->cpus);
	}
	wr_config_housekeeping(&p->placement, &s->options.housekeeping);
}

static int place(struct config_machine *m, struct pipeline_settings *s)
{
	struct places *p = calloc(1, sizeof *p);
	if (p == NULL)
		return cli_fail("config", -ENOMEM, NULL);
	/* weir's own; sources and sinks are those of the bench. */
	p->count = WR_CONFIG_OPENED;
	memcpy(p->requests, m->requests.items, p->count * sizeof p->requests[0]);
	ask_for_all(p, m, s);
	int rc = wr_place(m->topology, &m->affinity, &m->requests.policy, p->requests, p->count,
			  &p->placement);
	int code = CLI_GO_ON;
	if (rc == 0)
		take_places(p, s);
	else
		code = rc == -EINVAL ? refuse(p, m) : cli_fail("config", rc, NULL);
	free(p);
	return code;
}

/* ---- the file ---- */

/* The bench may begin anywhere, and its log is new. */
static bool copy_subscriptions(struct bench_config *c, struct pipeline_settings *s)
{
	const struct weir_config *config = c->machine->config;
	uint32_t count = config->values.subscriptions.count;
	c->subscriptions = calloc(count + 1u, sizeof *c->subscriptions);
	for (uint32_t i = 0; i < count && c->subscriptions != NULL; i++) {
		c->subscriptions[i] = config->subscriptions[i];
		c->subscriptions[i].start = WEIR_START_OLDEST;
		c->subscriptions[i].lag_fn = nobody_is_told;
	}
	s->subscriptions = c->subscriptions;
	s->subscription_count = count;
	return c->subscriptions != NULL;
}

static void parent_of(const char *path, char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%s", path);
	size_t bytes = strlen(to);
	while (bytes > 1 && to[bytes - 1] == '/')
		to[--bytes] = '\0';
	char *slash = strrchr(to, '/');
	if (slash == NULL)
		(void)snprintf(to, to_bytes, ".");
	else
		slash[slash == to] = '\0';
}

static int check_counts(const char *path, const struct pipeline_settings *s)
{
	const char *what = NULL;
	if (s->topic_count == 0)
		what = "no topics to publish into";
	else if (s->subscription_count > WR_CONFIG_BENCH_GROUPS_MAX)
		what = "more subscriptions than a bench reads: 14";
	else if (s->stream_count > WR_CONFIG_BENCH_GROUPS_MAX)
		what = "more topics than a bench publishes into by itself: say in bench.producers";
	if (what == NULL)
		return CLI_GO_ON;
	fprintf(stderr, "weir: %s: %s\n", path, what);
	return CLI_EXIT_CONFIG;
}

/* Those of bench.members were counted with the file. */
static int check_members(const char *path, const struct pipeline_settings *s)
{
	uint64_t members = 0;
	for (uint32_t i = 0; i < s->subscription_count; i++)
		members += s->readers[i].member_count;
	if (members <= WR_CONFIG_BENCH_THREADS_MAX)
		return CLI_GO_ON;
	fprintf(stderr,
		"weir: %s: %llu members of all subscriptions, a bench has at most %u: say in "
		"bench.members\n",
		path, (unsigned long long)members, WR_CONFIG_BENCH_THREADS_MAX);
	return CLI_EXIT_CONFIG;
}

static int read_values(const char *path, struct bench_config *c, struct pipeline_settings *s)
{
	const struct wr_config_values *values = &c->machine->config->values;
	s->options = c->machine->options;
	s->topics = c->machine->config->topics;
	s->topic_count = values->topics.count;
	s->length_ns = values->bench.length_ns;
	s->warmup_ns = values->bench.warmup_ns;
	s->pace = (enum pipeline_pace)values->bench.pace;
	s->progress = (enum pipeline_progress)values->bench.progress;
	s->level = (enum weir_level)values->bench.level;
	if (s->level == WEIR_LEVEL_DEFAULT)
		s->level = s->options.dir != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	if (s->options.dir != NULL)
		parent_of(s->options.dir, c->dir, sizeof c->dir);
	if (!copy_subscriptions(c, s))
		return cli_fail("config", -ENOMEM, NULL);
	s->stream_count =
		values->bench.streams.count > 0 ? values->bench.streams.count : s->topic_count;
	int code = check_counts(path, s);
	if (code != CLI_GO_ON)
		return code;
	make_streams(values, s);
	make_readers(values, s);
	code = check_members(path, s);
	return code == CLI_GO_ON ? place(c->machine, s) : code;
}

int bench_config_load(const char *path, struct bench_config *ret_config,
		      struct pipeline_settings *settings)
{
	*ret_config = (struct bench_config){.machine = calloc(1, sizeof *ret_config->machine)};
	if (ret_config->machine == NULL)
		return cli_fail("config", -ENOMEM, NULL);
	int code = config_machine_load_for_bench(path, ret_config->machine);
	return code == CLI_GO_ON ? read_values(path, ret_config, settings) : code;
}

void bench_config_free(struct bench_config *config)
{
	if (config->machine != NULL)
		config_machine_free(config->machine);
	free(config->machine);
	free(config->subscriptions);
	*config = (struct bench_config){0};
}

#else

int bench_config_load(const char *path, struct bench_config *ret_config,
		      struct pipeline_settings *settings)
{
	(void)path;
	(void)settings;
	*ret_config = (struct bench_config){0};
	fprintf(stderr, "weir: --config: built without libweir-config\n");
	return CLI_EXIT_USAGE;
}

void bench_config_free(struct bench_config *config)
{
	(void)config;
}

#endif
