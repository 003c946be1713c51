/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packing and compression make of a stream of events: room on the disk, and time of the CPU
 * that packs and that reads.
 *
 * The lines of a file are published as events, so many to a batch at most, into a journal in a
 * directory of its own within DIR, which is removed when all went well. Then each sealed segment is
 * packed by the packer itself, in each way that this build has, and each extent of it is read back
 * and checked, batch by batch. Times are the CPU's, of one thread; rates count the bytes of batches
 * without their padding. It ends with a line of JSON.
 *
 *   bench_packing DIR FILE [EVENTS_A_BATCH] [CHUNK_KIB] [LEVEL]      1000 1024 0 without
 *
 * FILE "-" is stdin; without FILE the lines are of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "core/journal/pack.h"
#include "io/posix/clock_posix.h"
#include "io/posix/memory_posix.h"
#include "io/posix/request.h"
#include "io/posix/storage_options.h"
#include "io/posix/storage_posix.h"

#define SEGMENTS_MAX 4096u
#define PACKED_NUMBER 1000000u
#define LINES_MAX (64u << 20)
#define OWN_LINES 20000u

struct segment {
	uint64_t id, first_seq;
	uint32_t number;
};

struct result {
	const char *name;
	uint32_t codec;
	uint64_t plain_bytes, frame_bytes, packed_bytes, stays;
	uint64_t pack_ns, read_ns;
};

static const char *const codec_names[WR_CODEC_COUNT] = {
	[WR_CODEC_LZ4] = "lz4",
	[WR_CODEC_ZSTD] = "zstd",
};

static struct wr_storage *storage;
static struct wr_memory_posix memory;
static struct wr_superblock superblock;
static struct segment segments[SEGMENTS_MAX];
static uint32_t segment_count, chunk_bytes = 1u << 20;
static uint32_t level;

static void need(bool good, const char *what, const char *why)
{
	if (good)
		return;
	fprintf(stderr, "bench_packing: %s: %s\n", what, why);
	exit(2);
}

/* --- the journal ------------------------------------------------------------------------------ */

static char *read_lines(const char *name, size_t *ret_bytes)
{
	char *lines = malloc(LINES_MAX);
	need(lines != NULL, "lines", "no memory");
	if (name == NULL) {
		size_t used = 0;
		for (uint32_t i = 0; i < OWN_LINES; i++)
			used += (size_t)snprintf(
				lines + used, 128,
				"{\"order\": %u, \"price\": %u.%02u, \"side\": \"%s\"}\n",
				i * 7919 % 5000, 230 + i % 9, i * 31 % 100, i % 3 ? "buy" : "sell");
		*ret_bytes = used;
		return lines;
	}
	FILE *from = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	need(from != NULL, name, strerror(errno));
	*ret_bytes = fread(lines, 1, LINES_MAX, from);
	if (from != stdin)
		(void)fclose(from);
	return lines;
}

static void publish(struct weir_pipeline *p, const char *lines, size_t bytes, uint64_t each)
{
	struct weir_topic_options topic;
	struct weir_event event = {.topic = 0};
	struct weir_producer *producer;
	struct weir_problem why = {.text = ""};
	uint64_t ticket = 0, count = 0;

	weir_topic_options_init(&topic);
	topic.name = "lines";
	need(weir_topic_create(p, &topic, &event.topic, &why) == 0, "topic", why.text);
	need(weir_producer_open(p, NULL, &producer, &why) == 0, "producer", why.text);
	for (size_t at = 0; at < bytes;) {
		const char *end = memchr(lines + at, '\n', bytes - at);
		event.payload = lines + at;
		event.payload_bytes = end != NULL ? (size_t)(end - lines) - at : bytes - at;
		at += event.payload_bytes + 1;
		need(weir_publish(producer, &event, &ticket) == 0, "publish", "refused");
		if (++count % each == 0)
			need(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0,
			     "wait", "not durable");
	}
	need(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0, "wait",
	     "the last");
	(void)weir_producer_close(producer, WEIR_FOREVER);
}

static void make_journal(const char *dir, const char *lines, size_t bytes, uint64_t each)
{
	struct weir_options o;
	struct weir_pipeline *p;
	struct weir_problem why = {.text = ""};

	weir_options_init(&o);
	o.dir = dir;
	o.chunk_bytes = chunk_bytes;
	o.segment_bytes = 4ull * chunk_bytes;
	need(weir_open(&o, &p, &why) == 0, why.field, why.text);
	publish(p, lines, bytes, each);
	need(weir_close(p, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL) == 0, "close", "not whole");
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct segment *)a)->id, y = ((const struct segment *)b)->id;

	return x < y ? -1 : x > y;
}

/* A file that begins with a batch is a segment of the log: this one was never short of room. */
static int visit(void *context, const char *name)
{
	uint8_t *blocks = context;
	struct wr_segment_header h;
	uint32_t log_id, number, file;

	if (!wr_segment_name_parse(name, &log_id, &number) || segment_count == SEGMENTS_MAX)
		return 0;
	need(storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &file) == 0, name, "open");
	int64_t n = storage->ops->read(storage, file, blocks, 2 * WR_BLOCK_BYTES, 0);
	(void)storage->ops->file_close(storage, file);
	const struct wr_batch_header *batch = (const void *)(blocks + WR_BLOCK_BYTES);
	if (n == 2 * WR_BLOCK_BYTES && wr_segment_header_decode(blocks, &h) == WR_BLOCK_VALID &&
	    batch->magic == WR_BATCH_MAGIC && batch->segment_id == h.segment_id)
		segments[segment_count++] =
			(struct segment){h.segment_id, batch->first_seq, number};
	return 0;
}

static void find_segments(const char *dir)
{
	const struct wr_storage_options options = {.dir = dir};
	uint8_t *blocks = aligned_alloc(WR_BLOCK_BYTES, 2 * WR_BLOCK_BYTES);
	uint32_t file;

	need(wr_storage_posix_open(&options, &storage) == 0, dir, "storage");
	need(storage->ops->file_open(storage, WR_SUPERBLOCK_NAME, WR_FILE_READ_ONLY, &file) == 0,
	     dir, "superblock");
	need(storage->ops->read(storage, file, blocks, WR_BLOCK_BYTES, 0) == WR_BLOCK_BYTES &&
		     wr_superblock_decode(blocks, 0, &superblock) == WR_BLOCK_VALID,
	     dir, "no superblock");
	(void)storage->ops->file_close(storage, file);
	need(storage->ops->file_each(storage, visit, blocks) == 0, dir, "files");
	qsort(segments, segment_count, sizeof segments[0], by_id);
	free(blocks);
}

/* --- one way ---------------------------------------------------------------------------------- */

/* All extents of a packed file, each batch checked. */
static void read_back(struct result *r, struct wr_unpack *u, uint32_t file, uint64_t id,
		      uint8_t *to)
{
	const struct wr_unpack_source from = {storage, file, id};
	uint64_t extents = wr_extent_count(superblock.segment_bytes, chunk_bytes);

	for (uint64_t i = 0; i < extents; i++) {
		uint64_t begin_ns = bench_thread_cpu_ns();
		need(wr_unpack_extent(u, &from, i, to) == 0, "a frame", "cannot be read");
		for (uint32_t at = 0; at < chunk_bytes;) {
			const struct wr_batch_place place = {superblock.uuid, 0, id,
							     wr_extent_offset(chunk_bytes, i) + at};
			const struct wr_batch_header *h = (const void *)(to + at);
			enum wr_batch_verdict verdict = wr_batch_check(h, chunk_bytes - at, &place);
			if (verdict == WR_BATCH_ZERO)
				break;
			need(verdict == WR_BATCH_VALID, "a batch", "is not what it was");
			r->frame_bytes += wr_packed_batch_bytes(h);
			at += h->batch_bytes + h->skip_bytes;
		}
		r->read_ns += bench_thread_cpu_ns() - begin_ns;
	}
}

static void pack_one(struct result *r, struct wr_pack *p, struct wr_unpack *u, uint32_t n,
		     uint8_t *to)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	struct wr_pack_job job = {
		.segment_id = segments[n].id,
		.first_seq = segments[n].first_seq,
		.end_seq = segments[n + 1].first_seq,
		.file_number = PACKED_NUMBER,
	};

	wr_segment_name(name, 0, segments[n].number);
	need(storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &job.file) == 0, name,
	     "open");
	uint64_t begin_ns = bench_thread_cpu_ns();
	int rc = wr_pack_begin(p, &job);
	while (rc == 0 && (rc = wr_pack_step(p)) == 1)
		rc = 0;
	if (rc == 0 && p->extent == wr_extent_count(superblock.segment_bytes, chunk_bytes))
		rc = wr_pack_switch(p);
	r->pack_ns += bench_thread_cpu_ns() - begin_ns;
	(void)storage->ops->file_close(storage, job.file);
	need(rc == 0 || rc == WEIR_E_FULL, name, "cannot be packed");
	r->plain_bytes += superblock.segment_bytes;
	r->packed_bytes += rc == 0 ? p->header.file_bytes : superblock.segment_bytes;
	r->stays += rc != 0;
	if (rc == 0) {
		wr_unpack_forget(u);
		read_back(r, u, p->file, segments[n].id, to);
	}
	wr_pack_abort(p); /* the file has done its duty */
}

static void measure(struct result *r)
{
	struct wr_pack p;
	struct wr_unpack u;
	uint8_t *to = aligned_alloc(WR_BLOCK_BYTES, chunk_bytes);

	need(wr_pack_init(&p, storage, &memory.memory, superblock.uuid, 0, chunk_bytes,
			  superblock.segment_bytes, false) == 0 &&
		     wr_pack_compress(&p, r->codec, r->codec != WR_CODEC_NONE ? level : 0) == 0 &&
		     wr_unpack_init(&u, storage, &memory.memory, superblock.uuid, 0, chunk_bytes,
				    superblock.segment_bytes, false) == 0,
	     r->name, "no memory");
	for (uint32_t n = 0; n + 1 < segment_count; n++)
		pack_one(r, &p, &u, n, to);
	wr_unpack_fini(&u);
	wr_pack_fini(&p);
	free(to);
}

/* --- the report ------------------------------------------------------------------------------- */

static double rate(uint64_t bytes, uint64_t ns)
{
	return ns > 0 ? (double)bytes * 1e3 / (double)ns : 0; /* MB/s */
}

static void report(const struct result *all, uint32_t count, uint64_t line_bytes)
{
	printf("%-8s %12s %10s %10s %12s %12s\n", "pack", "bytes", "of plain", "of padding",
	       "pack MB/s", "read MB/s");
	for (uint32_t i = 0; i < count; i++)
		printf("%-8s %12" PRIu64 " %9.1f%% %9.1f%% %12.0f %12.0f\n", all[i].name,
		       all[i].packed_bytes,
		       100.0 * (double)all[i].packed_bytes / (double)all[i].plain_bytes,
		       100.0 * (double)all[i].packed_bytes / (double)all[0].packed_bytes,
		       rate(all[i].frame_bytes, all[i].pack_ns),
		       rate(all[i].frame_bytes, all[i].read_ns));
	printf("{\"lines_bytes\": %" PRIu64 ", \"plain_bytes\": %" PRIu64 ", \"pack\": [",
	       line_bytes, all[0].plain_bytes);
	for (uint32_t i = 0; i < count; i++)
		printf("%s{\"name\": \"%s\", \"bytes\": %" PRIu64 ", \"stayed_plain\": %" PRIu64
		       ", \"pack_mb_per_s\": %.0f, \"read_mb_per_s\": %.0f}",
		       i > 0 ? ", " : "", all[i].name, all[i].packed_bytes, all[i].stays,
		       rate(all[i].frame_bytes, all[i].pack_ns),
		       rate(all[i].frame_bytes, all[i].read_ns));
	printf("]}\n");
}

static int remove_one(void *context, const char *name)
{
	(void)context;
	(void)storage->ops->file_remove(storage, name);
	return 0;
}

int main(int argc, char **argv)
{
	struct result all[WR_CODEC_COUNT] = {{.name = "padding"}};
	uint64_t each = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000;
	uint32_t count = 1;
	char dir[4096];
	size_t bytes;

	need(argc > 1, "DIR", "name a directory on the medium in question");
	need(snprintf(dir, sizeof dir, "%s/bench_packing.XXXXXX", argv[1]) < (int)sizeof dir &&
		     mkdtemp(dir) != NULL,
	     argv[1], "no directory can be made in it");
	chunk_bytes = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) << 10 : 1u << 20;
	level = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0;
	need(each > 0 && chunk_bytes > 0, "EVENTS_A_BATCH, CHUNK_KIB", "numbers above 0");
	char *lines = read_lines(argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL, &bytes);
	need(bytes > 0, "FILE", "empty");
	need(wr_memory_posix_init(&memory, NULL) == 0, "memory", "none");
	make_journal(dir, lines, bytes, each);
	find_segments(dir);
	need(segment_count > 1, "FILE", "too little for a second segment: choose a smaller chunk");
	for (uint32_t number = 1; number < WR_CODEC_COUNT; number++)
		if (wr_codec_of(storage, number) != NULL) {
			all[count].name = codec_names[number];
			all[count++].codec = number;
		}
	for (uint32_t i = 0; i < count; i++)
		measure(&all[i]);
	report(all, count, bytes);
	(void)storage->ops->file_each(storage, remove_one, NULL);
	storage->ops->fini(storage);
	char lock[sizeof dir + 8];
	(void)snprintf(lock, sizeof lock, "%s/" WR_STORAGE_LOCK_NAME, dir);
	need(unlink(lock) == 0 && rmdir(dir) == 0, dir, strerror(errno));
	free(lines);
	return 0;
}
