/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whatever graph of stages a config draws, every item gets to everybody behind it, once,
 *         and in the order of the worker that pushed it; and however it ends, it ends.
 * Method: graphs drawn from a seed: sources, fans, joins, several workers, every way to wait, rings
 *         of one slot and of many, broadcast. Each stage hands on what it is given to all that it
 *         feeds. What a stage should have seen follows from what the sources made; items carry who
 *         pushed them last and that one's count for the ring. Graphs run dry, are drained in the
 *         midst of it, or aborted. Plain main(), TAP; for ThreadSanitizer, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "tests/stress/stages_bed.h"

#define STAGES_MAX 8u
#define WORKERS_MAX 3u
#define PUSHERS_MAX (STAGES_MAX * WORKERS_MAX)
#define BURST 32u

struct item {
	uint64_t number;
	uint64_t step;   /* of the pusher, in this ring */
	uint64_t pusher; /* stage * WORKERS_MAX + worker */
};

/* Of one worker, who alone touches it until all have ended. */
struct worker {
	uint64_t made;
	uint64_t count;
	uint64_t sum;
	uint64_t steps[STAGES_MAX]; /* pushed, by output */
	uint64_t last[PUSHERS_MAX]; /* seen, by pusher */
	bool is_bad;
	char pad[128];
};

struct stage {
	const struct graph *graph;
	uint32_t index;
	uint32_t workers;
	bool is_source;
	bool is_broadcast; /* the ring into it */
	bool feeds[STAGES_MAX];
	uint32_t output_count;
	uint64_t unit; /* items that it sees for one that each worker of each source makes */
	struct worker of[WORKERS_MAX];
};

struct graph {
	uint32_t stage_count;
	uint64_t to_make; /* each worker of a source */
	struct stage stages[STAGES_MAX];
	char text[6000];
	size_t text_bytes;
};

enum end { END_DRY, END_DRAINED, END_ABORTED };

static struct graph graph;
static uint64_t random_state;

/* splitmix64. */
static uint64_t draw(uint64_t below)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % below;
}

/* ---- what the stages do ---- */

static int push_all(struct stage *s, struct worker *w, struct weir_stage_worker *worker,
		    uint64_t number)
{
	for (uint32_t i = 0; i < s->output_count; i++) {
		struct item item = {.number = number,
				    .step = ++w->steps[i],
				    .pusher = s->index * WORKERS_MAX + weir_stage_index(worker)};
		int rc = weir_stage_push(worker, i, &item, sizeof item);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make(void *context, struct weir_stage_worker *worker, const struct weir_stage_batch *in)
{
	struct stage *s = context;
	struct worker *w = &s->of[weir_stage_index(worker)];
	(void)in;
	for (uint32_t i = 0; i < BURST; i++) {
		if (w->made == s->graph->to_make)
			return WEIR_STAGE_DONE;
		uint64_t number = w->made + 1;
		int rc = push_all(s, w, worker, number);
		if (rc < 0)
			return rc;
		w->made++;
		w->count++;
		w->sum += number;
	}
	return 0;
}

static int pass_on(void *context, struct weir_stage_worker *worker,
		   const struct weir_stage_batch *in)
{
	struct stage *s = context;
	struct worker *w = &s->of[weir_stage_index(worker)];
	const struct item *items = in->items;
	for (uint32_t i = 0; i < in->count; i++) {
		uint64_t pusher = items[i].pusher;
		if (pusher >= PUSHERS_MAX || items[i].step <= w->last[pusher] ||
		    (s->is_broadcast && items[i].step != w->last[pusher] + 1)) {
			w->is_bad = true;
			return -EBADMSG;
		}
		w->last[pusher] = items[i].step;
		w->count++;
		w->sum += items[i].number;
		int rc = push_all(s, w, worker, items[i].number);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- a graph ---- */

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int bytes = vsnprintf(graph.text + graph.text_bytes, sizeof graph.text - graph.text_bytes,
			      format, arguments);
	va_end(arguments);
	graph.text_bytes += (size_t)bytes;
	must(graph.text_bytes < sizeof graph.text, "the room for the config");
}

/* One to three of those before it. */
static void draw_feeders(struct stage *s)
{
	for (uint64_t left = 1 + draw(3); left > 0; left--)
		graph.stages[draw(s->index)].feeds[s->index] = true;
	for (uint32_t i = 0; i < s->index; i++) {
		struct stage *feeder = &graph.stages[i];
		if (!feeder->feeds[s->index])
			continue;
		feeder->output_count++;
		s->unit += feeder->unit;
	}
	/* Everything that is doubled is doubled again behind it. */
	s->is_broadcast = s->unit < 32 && draw(4) == 0;
	s->unit *= s->is_broadcast ? s->workers : 1;
}

static void put_ring(const struct stage *s)
{
	const char *between = "";
	put("  - {from: [");
	for (uint32_t i = 0; i < s->index; i++) {
		if (!graph.stages[i].feeds[s->index])
			continue;
		put("%ss%u", between, i);
		between = ", ";
	}
	put("], to: s%u, slot: %zu, capacity: %u%s}\n", s->index, sizeof(struct item),
	    1u << draw(8), s->is_broadcast ? ", shape: broadcast" : "");
}

static void draw_graph(uint64_t items)
{
	static const char *const waits[] = {"adaptive", "adaptive", "park",
					    "park",     "yield",    "spin"};
	uint64_t units = 0;
	memset(&graph, 0, sizeof graph);
	graph.stage_count = 2 + (uint32_t)draw(STAGES_MAX - 1);
	put("stages:\n");
	for (uint32_t i = 0; i < graph.stage_count; i++) {
		struct stage *s = &graph.stages[i];
		s->graph = &graph;
		s->index = i;
		s->workers = 1 + (uint32_t)draw(WORKERS_MAX);
		s->is_source = i == 0 || draw(6) == 0;
		if (s->is_source)
			s->unit = s->workers;
		else
			draw_feeders(s);
		units += s->unit;
		put("  - {name: s%u, workers: %u, wait: %s, batch: %u%s}\n", i, s->workers,
		    waits[draw(6)], 1 + (unsigned)draw(40), s->is_source ? ", source: yes" : "");
	}
	const char *head = "rings:\n";
	for (uint32_t i = 0; i < graph.stage_count; i++) {
		if (graph.stages[i].is_source)
			continue;
		put("%s", head);
		head = "";
		put_ring(&graph.stages[i]);
	}
	graph.to_make = items / units + 1;
}

/* What a stage has seen is what those that feed it have, once or, by broadcast, for each worker. */
static bool is_whole(const struct stage *s, const struct weir_stage_info *info)
{
	uint64_t count = 0;
	uint64_t sum = 0;
	uint64_t wanted_count = 0;
	uint64_t wanted_sum = 0;
	for (uint32_t w = 0; w < s->workers; w++) {
		count += s->of[w].count;
		sum += s->of[w].sum;
		wanted_sum += s->is_source ? s->of[w].made * (s->of[w].made + 1) / 2 : 0;
		wanted_count += s->is_source ? s->of[w].made : 0;
	}
	for (uint32_t i = 0; i < s->index; i++)
		for (uint32_t w = 0; graph.stages[i].feeds[s->index] && w < WORKERS_MAX; w++) {
			uint64_t times = s->is_broadcast ? s->workers : 1;
			wanted_count += times * graph.stages[i].of[w].count;
			wanted_sum += times * graph.stages[i].of[w].sum;
		}
	bool is_told = info->workers_ended == s->workers &&
		       info->pushed == count * s->output_count &&
		       (s->is_source || info->items == count);
	if (count != wanted_count || sum != wanted_sum || !is_told)
		tap_note("s%u: %" PRIu64 " of %" PRIu64 " items, told: %" PRIu64 " and %" PRIu64
			 " pushed",
			 s->index, count, wanted_count, info->items, info->pushed);
	return count == wanted_count && sum == wanted_sum && is_told;
}

/* ---- runs ---- */

static void sleep_ns(uint64_t ns)
{
	const struct timespec time = {.tv_nsec = (long)ns};
	(void)nanosleep(&time, NULL);
}

static bool run_graph(enum end end, uint64_t *ret_items)
{
	struct weir_stage_function functions[STAGES_MAX];
	struct weir_stage_info infos[STAGES_MAX];
	char names[STAGES_MAX][12];
	int rc = 0;
	for (uint32_t i = 0; i < graph.stage_count; i++) {
		(void)snprintf(names[i], sizeof names[i], "s%u", i);
		functions[i] = (struct weir_stage_function){
			names[i], graph.stages[i].is_source ? make : pass_on, &graph.stages[i]};
	}
	struct weir_config *config = parse("%s", graph.text);
	struct weir_stages *stages = open_stages(config, functions, graph.stage_count);
	weir_config_destroy(config);
	if (end != END_DRY)
		sleep_ns(draw(3000000));
	if (end == END_DRAINED)
		weir_stages_stop(stages);
	if (end != END_ABORTED) {
		rc = weir_stages_wait(stages, LONG, NULL);
		(void)weir_stages_info(stages, infos, graph.stage_count);
	}
	int closed = weir_stages_close(
		stages, end == END_ABORTED ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN, LONG, NULL);
	bool good = rc == 0 && closed == 0;
	for (uint32_t i = 0; i < graph.stage_count; i++) {
		for (uint32_t w = 0; w < WORKERS_MAX; w++) {
			good = good && !graph.stages[i].of[w].is_bad;
			*ret_items += graph.stages[i].of[w].count;
		}
		if (end != END_ABORTED)
			good = is_whole(&graph.stages[i], &infos[i]) && good;
	}
	if (!good)
		tap_note("%d, %d", rc, closed);
	return good;
}

static bool run_seed(uint64_t seed, uint64_t items, uint64_t *ret_items)
{
	random_state = seed;
	draw_graph(items);
	enum end end = (enum end)draw(3);
	/* One that ends by itself may be over before it is ended. */
	if (end != END_DRY && draw(2) == 0)
		graph.to_make = UINT64_MAX;
	if (run_graph(end, ret_items))
		return true;
	printf("%s# run it again: stress_stages_drawn --seed %" PRIu64 " --items %" PRIu64 "\n",
	       graph.text, seed, items);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	uint64_t graphs = 24;
	uint64_t seconds = 0;
	uint64_t items = 20000;
	uint64_t seen = 0;
	uint64_t done = 0;
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--seed") == 0)
			seed = value, graphs = 1;
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = value;
		else if (strcmp(argv[i], "--items") == 0)
			items = value;
	}
	time_t begun = time(NULL);
	bool good = true;
	while (good && (seconds > 0 ? (uint64_t)(time(NULL) - begun) < seconds : done < graphs))
		good = run_seed(seed + done++, items, &seen);
	tap_check(good, "%" PRIu64 " graphs of stages: each item once to each that is behind it",
		  done);
	/* How many that were depends on when they were ended. */
	tap_note("%" PRIu64 " items were handled", seen);
	return tap_end();
}
