/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what `weir bench ring --json` printed once, through jansson. A document of another shape is
 * refused with the first member that is not as it should be: numbers that are compared with must
 * have been read from where they stand.
 *
 * Thread: main.
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/ring_compare.h"

struct reader {
	char *why;
	size_t why_bytes;
	char where[48]; /* "cells[3]." before the name of a member */
	bool bad;
};

bool ring_has_compare(void)
{
	return true;
}

static void refuse(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first reason stays. */
static void refuse(struct reader *r, const char *format, ...)
{
	va_list arguments;

	if (r->bad)
		return;
	r->bad = true;
	va_start(arguments, format);
	(void)vsnprintf(r->why, r->why_bytes, format, arguments);
	va_end(arguments);
}

static const json_t *member(struct reader *r, const json_t *of, const char *name)
{
	const json_t *value = json_object_get(of, name);

	if (value == NULL)
		refuse(r, "%s%s is not there", r->where, name);
	return value;
}

static void take_text(struct reader *r, const json_t *of, const char *name, char *to,
		      size_t to_bytes)
{
	const json_t *value = member(r, of, name);

	if (value != NULL && !json_is_string(value))
		refuse(r, "%s%s is no text", r->where, name);
	if (!r->bad)
		(void)snprintf(to, to_bytes, "%s", json_string_value(value));
}

static uint64_t take_count(struct reader *r, const json_t *of, const char *name, uint64_t least,
			   uint64_t most)
{
	const json_t *value = member(r, of, name);

	if (value != NULL && !json_is_integer(value))
		refuse(r, "%s%s is no whole number", r->where, name);
	if (r->bad)
		return 0;
	json_int_t n = json_integer_value(value);
	if (n < 0 || (uint64_t)n < least || (uint64_t)n > most) {
		refuse(r, "%s%s is %lld: not from %llu to %llu", r->where, name, (long long)n,
		       (unsigned long long)least, (unsigned long long)most);
		return 0;
	}
	return (uint64_t)n;
}

static bool take_bool(struct reader *r, const json_t *of, const char *name)
{
	const json_t *value = member(r, of, name);

	if (value != NULL && !json_is_boolean(value))
		refuse(r, "%s%s is neither true nor false", r->where, name);
	return !r->bad && json_is_true(value);
}

/* The index of the text among names; NULL ends them. */
static uint32_t take_choice(struct reader *r, const json_t *of, const char *name,
			    const char *const *names, uint32_t name_count)
{
	char text[32] = "";

	take_text(r, of, name, text, sizeof text);
	for (uint32_t i = 0; i < name_count; i++)
		if (names[i] != NULL && strcmp(text, names[i]) == 0)
			return i;
	refuse(r, "%s%s is \"%s\", which this weir does not know", r->where, name, text);
	return 0;
}

static void take_rounds(struct reader *r, const json_t *of, struct ring_old_cell *cell)
{
	const json_t *rounds = member(r, of, "weir_mops_rounds");
	size_t count = json_array_size(rounds);

	if (!r->bad && (!json_is_array(rounds) || count == 0 || count > RING_ROUNDS_MAX))
		refuse(r, "%sweir_mops_rounds is no list of 1 to %u numbers", r->where,
		       RING_ROUNDS_MAX);
	for (size_t i = 0; !r->bad && i < count; i++) {
		const json_t *value = json_array_get(rounds, i);
		double mops = json_number_value(value);
		if (!json_is_number(value) || !(mops >= 0))
			refuse(r, "%sweir_mops_rounds[%zu] is no number from 0", r->where, i);
		cell->mops[i] = mops;
	}
	cell->rounds = (uint32_t)count;
}

static void take_cell(struct reader *r, const json_t *of, struct ring_old_cell *cell)
{
	if (!json_is_object(of))
		refuse(r, "%.*s is no object", (int)strcspn(r->where, "."), r->where);
	cell->cell.shape =
		(enum ring_shape)take_choice(r, of, "shape", ring_shape_names, RING_SHAPES);
	cell->cell.payload_bytes = (uint32_t)take_count(r, of, "payload_bytes", 1, UINT32_MAX);
	cell->cell.batch = (uint32_t)take_count(r, of, "batch", 1, UINT32_MAX);
	cell->cell.wait =
		(enum weir_wait)take_choice(r, of, "wait", ring_wait_names, WEIR_WAIT_PARK + 1);
	cell->cell.producers = (uint32_t)take_count(r, of, "producers", 1, UINT32_MAX);
	cell->cell.consumers = (uint32_t)take_count(r, of, "consumers", 1, UINT32_MAX);
	cell->cell.capacity = take_count(r, of, "capacity", 1, UINT32_MAX);
	take_rounds(r, of, cell);
}

static void take_cells(struct reader *r, const json_t *document, struct ring_old *old)
{
	const json_t *cells = member(r, document, "cells");
	size_t count = json_array_size(cells);

	if (!r->bad && (!json_is_array(cells) || count > RING_CELLS_MAX))
		refuse(r, "cells is no list of at most %u", (unsigned)RING_CELLS_MAX);
	for (size_t i = 0; !r->bad && i < count; i++) {
		(void)snprintf(r->where, sizeof r->where, "cells[%zu].", i);
		take_cell(r, json_array_get(cells, i), &old->cells[i]);
	}
	old->cell_count = (uint32_t)count;
	r->where[0] = '\0';
}

static void take_rtt(struct reader *r, const json_t *document, struct ring_old *old)
{
	const json_t *rtt = member(r, document, "rtt_ns");

	old->has_rtt = rtt != NULL && !json_is_null(rtt);
	if (!old->has_rtt)
		return;
	(void)snprintf(r->where, sizeof r->where, "rtt_ns.");
	old->rtt_p50 = take_count(r, rtt, "weir_p50", 1, INT64_MAX);
	old->rtt_p99 = take_count(r, rtt, "weir_p99", 1, INT64_MAX);
	r->where[0] = '\0';
}

static void take_machine(struct reader *r, const json_t *document, struct bench_machine *m)
{
	const json_t *machine = member(r, document, "machine");

	(void)snprintf(r->where, sizeof r->where, "machine.");
	take_text(r, machine, "cpu", m->cpu, sizeof m->cpu);
	take_text(r, machine, "kernel", m->kernel, sizeof m->kernel);
	take_text(r, machine, "governor", m->governor, sizeof m->governor);
	take_text(r, machine, "isolated", m->isolated, sizeof m->isolated);
	m->cpus_allowed = (uint32_t)take_count(r, machine, "cpus_allowed", 1, UINT32_MAX);
	m->cpus_online = (uint32_t)take_count(r, machine, "cpus_online", 1, UINT32_MAX);
	r->where[0] = '\0';
}

static void take_all(struct reader *r, const json_t *document, struct ring_old *old)
{
	char benchmark[32] = "";

	if (!json_is_object(document))
		refuse(r, "it is no JSON object");
	take_text(r, document, "benchmark", benchmark, sizeof benchmark);
	if (strcmp(benchmark, "ring") != 0)
		refuse(r, "it is of \"weir bench %s\", not of \"weir bench ring\"", benchmark);
	take_text(r, document, "weir", old->weir, sizeof old->weir);
	old->rounds = (uint32_t)take_count(r, document, "rounds", 1, RING_ROUNDS_MAX);
	old->length_ns = take_count(r, document, "round_ns", 1, INT64_MAX);
	old->pinned = take_bool(r, document, "pinned");
	old->fifo = take_bool(r, document, "fifo");
	take_machine(r, document, &old->machine);
	take_rtt(r, document, old);
	take_cells(r, document, old);
}

int ring_old_read(const char *path, struct ring_old *ret_old, char *why, size_t why_bytes)
{
	struct reader r = {.why = why, .why_bytes = why_bytes};
	json_error_t error;
	FILE *f = fopen(path, "re");

	why[0] = '\0';
	if (f == NULL)
		return -errno;
	/* A directory opens, and cannot be read. */
	int code = getc(f) == EOF && ferror(f) != 0 ? -errno : 0;
	rewind(f);
	json_t *document = code == 0 ? json_loadf(f, JSON_REJECT_DUPLICATES, &error) : NULL;
	(void)fclose(f);
	if (code < 0)
		return code;
	memset(ret_old, 0, sizeof *ret_old);
	(void)snprintf(ret_old->file, sizeof ret_old->file, "%s", path);
	if (document == NULL)
		refuse(&r, "it is no JSON: line %d, column %d: %s", error.line, error.column,
		       error.text);
	else
		take_all(&r, document, ret_old);
	json_decref(document);
	return r.bad ? -EINVAL : 0;
}
