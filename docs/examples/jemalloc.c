/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A jemalloc arena of its own for a pipeline's tables, with its own numbers.
 *
 * Needs libweir-jemalloc. Linking it makes jemalloc the allocator of the whole program: see
 * <weir/jemalloc.h>.
 */
#include <stdio.h>
#include <weir.h>
#include <weir/jemalloc.h>

int main(void)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_jemalloc *arena;
	struct weir_jemalloc_stats open_stats = {0}, closed_stats = {0};
	struct weir_problem why = {.text = ""};

	int rc = weir_jemalloc_create(&arena);
	if (rc != 0) {
		fprintf(stderr, "no arena: %s\n", weir_strerror(rc));
		return 1;
	}
	weir_options_init(&options);
	weir_jemalloc_allocator(arena, &options.allocator);
	rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = weir_jemalloc_stats(arena, &open_stats);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc == 0)
		rc = weir_jemalloc_stats(arena, &closed_stats);
	weir_jemalloc_destroy(arena);
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("tables: %llu bytes while open, %llu after the close\n",
	       (unsigned long long)open_stats.allocated_bytes,
	       (unsigned long long)closed_stats.allocated_bytes);
	return open_stats.allocated_bytes > 0 && closed_stats.allocated_bytes == 0 ? 0 : 1;
}
