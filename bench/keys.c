/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log's writer pays for an idempotency key: a window that is full, and keys of 36 bytes
 * that come in no order.
 *
 *   fresh      a key that is not in the window is looked up
 *   duplicate  one that is
 *   accepted   a fresh one is looked up and taken in, and the oldest leaves
 *   capture    a checkpoint is begun: all that the writer does for it
 *   copy       its bytes are fetched, as the journal does, in pieces of 1 MiB
 *   load       they are read back, as an open does
 *
 * Hash, index and ring are those of the library; what is around them in a pipeline is not here.
 * One thread, and its CPU time; tables in huge pages, as a pipeline's are by default. It ends with
 * a line of JSON; the sum of what was found is checked.
 *
 *   bench_keys [KEYS] [LOOKUPS]      10,000,000 and 5,000,000 without
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "bench/harness.h"
#include "core/log/keys.h"
#include "io/posix/memory_posix.h"

#define KEY_BYTES 36
#define PIECE_BYTES (1u << 20)
#define AHEAD 16u

static struct wr_keys keys;
static struct wr_memory_posix memory;

/* As a UUID is written; in no order. */
static void key_of(uint64_t n, char to[KEY_BYTES + 1])
{
	uint64_t a = (n + 1) * 0x9e3779b97f4a7c15u, b = a ^ a >> 29;
	b *= 0xbf58476d1ce4e5b9u;
	(void)snprintf(to, KEY_BYTES + 1, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(a >> 32),
		       (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
		       b & 0xffffffffffffu);
}

/* The keys of a measurement are written down before it. */
static char (*made(uint64_t first, uint64_t count, uint64_t within))[KEY_BYTES]
{
	char(*all)[KEY_BYTES] = malloc(count * KEY_BYTES);
	char one[KEY_BYTES + 1];
	uint64_t draw = 88172645463325252u;
	for (uint64_t i = 0; all != NULL && i < count; i++) {
		draw ^= draw << 13;
		draw ^= draw >> 7;
		draw ^= draw << 17;
		key_of(within > 0 ? first + draw % within : first + i, one);
		memcpy(all[i], one, KEY_BYTES);
	}
	return all;
}

static uint64_t found;

static double run(char (*all)[KEY_BYTES], uint64_t count, uint64_t *take_seq)
{
	uint64_t began = bench_thread_cpu_ns();
	for (uint64_t i = 0; i < count; i++) {
		struct wr_keys_candidate c = {0};
		/* As the writer does with what waits in a lane. */
		for (uint64_t k = i; i % AHEAD == 0 && k < i + AHEAD && k < count; k++)
			wr_keys_ahead(&keys, 0, all[k], KEY_BYTES);
		if (i % AHEAD == 0)
			wr_keys_ahead_end(&keys);
		int rc = wr_keys_check(&keys, 0, all[i], KEY_BYTES, 1, true, &c);
		found += rc == WEIR_E_DUPLICATE;
		if (take_seq != NULL && rc == 0)
			wr_keys_take(&keys, &c, (*take_seq)++, false);
	}
	return (double)(bench_thread_cpu_ns() - began) / (double)count;
}

static double hash_alone(char (*all)[KEY_BYTES], uint64_t count)
{
	const uint8_t secret[WR_SIPHASH_SECRET_BYTES] = {1};
	uint64_t hash[2], sum = 0, began = bench_thread_cpu_ns();
	for (uint64_t i = 0; i < count; i++) {
		wr_siphash128(secret, all[i], KEY_BYTES, hash);
		sum += hash[0];
	}
	found += sum == 1;
	return (double)(bench_thread_cpu_ns() - began) / (double)count;
}

static int load_back(uint8_t *body, uint64_t bytes, double *ret_ms)
{
	struct wr_section_header header;
	const uint8_t *section;
	uint32_t at = 0;
	if (bytes > UINT32_MAX ||
	    wr_section_next(body, (uint32_t)bytes, &at, &header, &section) != 1)
		return WEIR_E_CORRUPT;
	wr_keys_reset(&keys);
	uint64_t began = bench_thread_cpu_ns();
	int rc = wr_keys_load(&keys, 1, header.version, section, header.bytes);
	*ret_ms = (double)(bench_thread_cpu_ns() - began) / 1e6;
	return rc;
}

static int checkpoint(double *ret_capture_us, double *ret_copy_ms, double *ret_load_ms)
{
	uint64_t began = bench_thread_cpu_ns();
	uint64_t bytes = wr_keys_capture(&keys);
	*ret_capture_us = (double)(bench_thread_cpu_ns() - began) / 1e3;
	uint8_t *body = calloc(1, bytes);
	if (body == NULL)
		return -1;
	began = bench_thread_cpu_ns();
	for (uint64_t at = 0; at < bytes; at += PIECE_BYTES)
		wr_keys_copy(&keys, at, body + at,
			     (uint32_t)(bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES));
	*ret_copy_ms = (double)(bench_thread_cpu_ns() - began) / 1e6;
	wr_keys_release(&keys);
	int rc = load_back(body, bytes, ret_load_ms);
	free(body);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t window = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000;
	const struct wr_keys_limits limits = {.keys_max = (uint32_t)window,
					      .windows_max = 1,
					      .topics_max = 1,
					      .run_records_max = 1};
	const struct wr_memory_policy policy = {.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT};
	const struct wr_control_window def = {.keys = (uint32_t)window, .secret = {42}};
	double capture_us = 0, copy_ms = 0, load_ms = 0;
	uint64_t seq = 1;
	if (window == 0 || window > WR_IDEMPOTENCY_KEYS_MAX || count == 0 ||
	    wr_memory_posix_init(&memory, NULL) != 0)
		return 2;
	wr_memory_posix_use(&memory, &policy);
	if (wr_keys_init(&keys, &memory.memory, &limits) != 0)
		return 2;
	wr_keys_define(&keys, 0, &def, 1);
	char(*old)[KEY_BYTES] = made(0, window, 0);
	char(*fresh)[KEY_BYTES] = made(window, count, 0);
	char(*again)[KEY_BYTES] = made(0, count, window);
	if (old == NULL || fresh == NULL || again == NULL)
		return 2;
	(void)run(old, window, &seq);
	double hash_ns = hash_alone(fresh, count);
	double fresh_ns = run(fresh, count, NULL);
	uint64_t before = found;
	double duplicate_ns = run(again, count, NULL);
	bool right = before == 0 && found == count;
	double accepted_ns = run(fresh, count, &seq);
	int rc = checkpoint(&capture_us, &copy_ms, &load_ms);
	right = right && rc == 0 && found == count && run(fresh, count, NULL) > 0 &&
		found == count + (count < window ? count : window);
	printf("{\"keys\": %" PRIu64 ", \"lookups\": %" PRIu64
	       ", \"bytes_a_key\": %.2f, \"hash_ns\": %.1f, \"fresh_ns\": %.1f, "
	       "\"duplicate_ns\": %.1f, \"accepted_ns\": %.1f, \"capture_us\": %.1f, "
	       "\"copy_ms\": %.1f, \"load_ms\": %.1f, \"right\": %s}\n",
	       window, count, (double)wr_keys_bytes(&limits) / (double)window, hash_ns, fresh_ns,
	       duplicate_ns, accepted_ns, capture_us, copy_ms, load_ms, right ? "true" : "false");
	free(old);
	free(fresh);
	free(again);
	wr_keys_fini(&keys, &memory.memory);
	return right ? 0 : 1;
}
