/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that are made up: lines of JSON, {"n":17,"key":"k-5","pad":"..."}, of the size that was
 * asked for. The n-th is a function of seed and n.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/run/source.h"

struct generator {
	struct run_reader base;
	const struct weir_config_source *source;
	uint64_t made;
	char *line;
	size_t room_bytes;
};

/* A bijection of 64 bits with every bit depending on every bit (the finalizer of splitmix64). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

size_t run_generated_key(const struct weir_config_source *source, uint64_t n,
			 char to[RUN_GENERATED_KEY_BYTES])
{
	uint64_t random = mix(mix(source->generate_seed) + n);
	return (size_t)snprintf(to, RUN_GENERATED_KEY_BYTES, "k-%llu",
				(unsigned long long)(random % source->generate_keys));
}

static int generator_next(struct run_reader *reader, struct run_line *ret_line,
			  struct run_fault *fault)
{
	struct generator *g = (struct generator *)reader;
	size_t bytes = g->source->generate_payload_bytes;
	char key[RUN_GENERATED_KEY_BYTES];
	(void)fault;
	if (run_signal_is_raised(&g->base.life->stop))
		return RUN_SOURCE_STOPPED;
	if (g->source->generate_events != 0 && g->made >= g->source->generate_events)
		return RUN_SOURCE_END;
	g->made++;
	(void)run_generated_key(g->source, g->made, key);
	int length = snprintf(g->line, g->room_bytes, "{\"n\":%llu,\"key\":\"%s\",\"pad\":\"",
			      (unsigned long long)g->made, key);
	size_t used = (size_t)length;
	/* Where a short one has no room for padding, it is as long as it has to be. */
	while (used + 2 < bytes) {
		g->line[used] = (char)('a' + (g->made + used) % 26);
		used++;
	}
	g->line[used++] = '"';
	g->line[used++] = '}';
	*ret_line = (struct run_line){.at = g->line, .length_bytes = used, .number = g->made};
	return RUN_SOURCE_LINE;
}

static void generator_skip(struct run_reader *reader, uint64_t event_count)
{
	((struct generator *)reader)->made = event_count;
}

static void generator_close(struct run_reader *reader)
{
	struct generator *g = (struct generator *)reader;
	free(g->line);
	free(g);
}

int run_generator_open(const struct weir_config_source *source, const struct run_life *life,
		       struct run_reader **ret_reader, struct run_fault *fault)
{
	static const struct run_reader_ops ops = {
		.next = generator_next, .skip = generator_skip, .close = generator_close};
	struct generator *g = calloc(1, sizeof *g);
	size_t room_bytes = source->generate_payload_bytes + 96;
	char *line = malloc(room_bytes);
	if (g == NULL || line == NULL) {
		free(g);
		free(line);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	*g = (struct generator){
		.base = {.ops = &ops, .life = life, .can_reread = true, .name = source->name},
		.source = source,
		.line = line,
		.room_bytes = room_bytes};
	*ret_reader = &g->base;
	return 0;
}
