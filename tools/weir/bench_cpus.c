/* SPDX-License-Identifier: Apache-2.0 */
/* See bench_cpus.h. Thread: main. */
#include "tools/weir/bench_cpus.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"

#define KINDS 6u

static const char *const kind_names[] = {"log",       "journal", "group",
					 "producers", "members", "helpers"};

/* The kind's list, wherever it is kept. */
struct list {
	uint32_t *cpu_count;
	uint16_t *cpus;
};

static struct list list_of(struct pipeline_settings *s, size_t kind)
{
	struct weir_thread_options *threads[] = {&s->options.log, &s->options.journal,
						 &s->options.group};
	struct weir_cpu_list *lists[] = {&s->streams[0].cpus, &s->readers[0].cpus,
					 &s->options.housekeeping};

	if (kind < 3)
		return (struct list){&threads[kind]->cpu_count, threads[kind]->cpus};
	return (struct list){&lists[kind - 3]->cpu_count, lists[kind - 3]->cpus};
}

static void add(struct list list, uint32_t cpu)
{
	if (*list.cpu_count < WEIR_CPUS_MAX)
		list.cpus[(*list.cpu_count)++] = (uint16_t)cpu;
}

/* One "KIND=LIST". */
static int parse_word(const char *word, struct pipeline_settings *settings, char *why,
		      size_t why_bytes)
{
	const char *equals = strchr(word, '=');
	struct wr_cpu_set set;
	size_t kind = 0;

	if (equals == NULL) {
		(void)snprintf(why, why_bytes, "\"%.40s\" is not KIND=CPUS", word);
		return -EINVAL;
	}
	size_t length = (size_t)(equals - word);
	while (kind < KINDS &&
	       (strlen(kind_names[kind]) != length || strncmp(kind_names[kind], word, length) != 0))
		kind++;
	if (kind == KINDS) {
		(void)snprintf(why, why_bytes,
			       "no thread is a \"%.*s\": log, journal, group, producers, members, "
			       "helpers",
			       (int)wr_min_u64(length, 40), word);
		return -EINVAL;
	}
	if (wr_cpu_set_parse(equals + 1, &set) != 0 || wr_cpu_set_count(&set) == 0 ||
	    wr_cpu_set_count(&set) > WEIR_CPUS_MAX) {
		(void)snprintf(why, why_bytes, "\"%.40s\" is not a list of 1 to %u CPUs: 0-3,8",
			       equals + 1, WEIR_CPUS_MAX);
		return -EINVAL;
	}
	struct list list = list_of(settings, kind);
	*list.cpu_count = 0;
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(&set, cpu))
			add(list, cpu);
	return 0;
}

int bench_cpus_parse(const char *text, struct pipeline_settings *settings, char *why,
		     size_t why_bytes)
{
	char copy[512];
	char *rest = NULL;

	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
		(void)snprintf(why, why_bytes, "is longer than %zu bytes", sizeof copy - 1);
		return -EINVAL;
	}
	for (char *word = strtok_r(copy, " ;", &rest); word != NULL;
	     word = strtok_r(NULL, " ;", &rest)) {
		int code = parse_word(word, settings, why, why_bytes);
		if (code != 0)
			return code;
	}
	return 0;
}

/* The n-th of the allowed CPUs, counted around. */
static uint32_t nth(const struct wr_affinity *affinity, uint64_t n)
{
	uint64_t left = n % affinity->allowed_count;

	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(&affinity->allowed, cpu) && left-- == 0)
			return cpu;
	return 0;
}

void bench_cpus_spread(const struct wr_affinity *affinity, struct pipeline_settings *settings)
{
	uint64_t dealt = 0;
	uint32_t log_cpu = nth(affinity, dealt++);

	add(list_of(settings, 0), log_cpu);
	for (uint64_t i = 0; i < pipeline_producer_count(settings); i++)
		add(list_of(settings, 3), nth(affinity, dealt++));
	for (uint64_t i = 0; i < pipeline_member_count(settings); i++)
		add(list_of(settings, 4), nth(affinity, dealt++));
	add(list_of(settings, 1), nth(affinity, dealt++));
	add(list_of(settings, 2), nth(affinity, dealt++));
	for (uint32_t i = 0; affinity->allowed_count > 1 && i < affinity->allowed_count; i++)
		if (nth(affinity, i) != log_cpu)
			add(list_of(settings, 5), nth(affinity, i));
}

static void add_all(struct wr_cpu_set *set, const struct weir_cpu_list *list)
{
	for (uint32_t i = 0; i < list->cpu_count; i++)
		wr_cpu_set_add(set, list->cpus[i]);
}

static void format(const struct pipeline_settings *settings, size_t kind, char *text,
		   size_t text_bytes)
{
	/* Only looked at. */
	struct list list = list_of((struct pipeline_settings *)(uintptr_t)settings, kind);
	struct wr_cpu_set set = {{0}};

	for (uint32_t i = 0; i < *list.cpu_count; i++)
		wr_cpu_set_add(&set, list.cpus[i]);
	/* Of a config there may be several. */
	for (uint32_t k = 1; kind == 3 && k < settings->stream_count; k++)
		add_all(&set, &settings->streams[k].cpus);
	for (uint32_t k = 1; kind == 4 && k < settings->subscription_count; k++)
		add_all(&set, &settings->readers[k].cpus);
	wr_cpu_set_format(&set, text, text_bytes);
}

void bench_cpus_text(const struct pipeline_settings *settings, FILE *to)
{
	const char *before = "pinned      ";
	char text[64];

	for (size_t kind = 0; kind < KINDS; kind++) {
		format(settings, kind, text, sizeof text);
		if (text[0] == '\0')
			continue;
		fprintf(to, "%s%s %s", before, kind_names[kind], text);
		before = "; ";
	}
	if (before[0] == ';')
		fputc('\n', to);
}

void bench_cpus_list_json(struct json_out *j, const struct weir_cpu_list *list)
{
	if (list->cpu_count == 0) {
		json_null(j, "cpus");
		return;
	}
	json_array(j, "cpus");
	for (uint32_t i = 0; i < list->cpu_count; i++)
		json_u64(j, NULL, list->cpus[i]);
	json_close(j);
}

void bench_cpus_json(const struct pipeline_settings *settings, struct json_out *j)
{
	char text[64];

	json_object(j, "cpus");
	for (size_t kind = 0; kind < KINDS; kind++) {
		format(settings, kind, text, sizeof text);
		json_text(j, kind_names[kind], text[0] != '\0' ? text : NULL);
	}
	json_close(j);
}
