/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RocksDB: a WriteBatch for each group, written with sync. As its documentation advises for a log
 * of writes: log files are used again, one writer at a time and so no concurrent memtable writes,
 * the memtable a vector (the fastest to fill), no compression.
 */
#include <errno.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/journal_peer.h"

#define MEMTABLE_BYTES (256u << 20)

struct rocks {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *write;
	rocksdb_writebatch_t *batch;
	uint64_t key;
	uint64_t payload_bytes;
	struct journal_peer_place *place;
};

static int said(struct rocks *r, char *error)
{
	if (error == NULL)
		return 0;
	(void)snprintf(r->place->why, sizeof r->place->why, "%.150s", error);
	rocksdb_free(error);
	return -EIO;
}

/* The headers do not say it in C; the build's pkg-config does. */
static bool rocks_version(char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%s", JOURNAL_PEER_VERSION);
	return true;
}

static void rocks_close(void *handle)
{
	struct rocks *r = handle;

	if (r->db != NULL)
		rocksdb_close(r->db);
	rocksdb_writebatch_destroy(r->batch);
	rocksdb_writeoptions_destroy(r->write);
	rocksdb_options_destroy(r->options);
	free(r);
}

static int rocks_open(struct journal_peer_place *place, void **ret_handle)
{
	struct rocks *r = calloc(1, sizeof *r);
	char *error = NULL;

	if (r == NULL)
		return -ENOMEM;
	r->place = place;
	r->payload_bytes = place->payload_bytes;
	r->options = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(r->options, 1);
	rocksdb_options_set_compression(r->options, rocksdb_no_compression);
	rocksdb_options_set_write_buffer_size(r->options, MEMTABLE_BYTES);
	rocksdb_options_set_max_write_buffer_number(r->options, 4);
	rocksdb_options_set_recycle_log_file_num(r->options, 4);
	rocksdb_options_set_allow_concurrent_memtable_write(r->options, 0);
	rocksdb_options_set_memtable_vector_rep(r->options);
	r->write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->write, 1);
	r->batch = rocksdb_writebatch_create();
	r->db = rocksdb_open(r->options, place->dir, &error);
	int code = said(r, error);
	if (code != 0)
		rocks_close(r);
	else
		*ret_handle = r;
	return code;
}

static int rocks_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct rocks *r = handle;
	char *error = NULL;

	rocksdb_writebatch_clear(r->batch);
	for (uint32_t i = 0; i < count; i++) {
		/* Most significant first, so that keys ascend as bytes. */
		uint64_t key = __builtin_bswap64(++r->key);
		rocksdb_writebatch_put(r->batch, (const char *)&key, sizeof key,
				       (const char *)events + i * r->payload_bytes,
				       r->payload_bytes);
	}
	rocksdb_write(r->db, r->write, r->batch, &error);
	return said(r, error);
}

extern const struct journal_peer journal_peer_rocksdb;
const struct journal_peer journal_peer_rocksdb = {
	.name = "RocksDB",
	.package = "librocksdb-dev",
	.settings = "WriteBatch of 10000, sync, vector memtable, recycled log files",
	.group_events = 10000,
	.version = rocks_version,
	.open = rocks_open,
	.append = rocks_append,
	.close = rocks_close,
};
