/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite: a write-ahead log with synchronous=FULL, the setting with which a commit is durable; a
 * transaction for each group, a prepared statement, an exclusive lock (so that the index of the log
 * needs no shared memory), checkpoints by itself.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/harness.h"
#include "bench/journal_peer.h"

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *insert;
	uint64_t payload_bytes;
	struct journal_peer_place *place;
};

static int said(struct sqlite *s, int rc)
{
	if (rc == SQLITE_OK)
		return 0;
	(void)snprintf(s->place->why, sizeof s->place->why, "%.150s", sqlite3_errmsg(s->db));
	return -EIO;
}

static bool sqlite_version(char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%s", sqlite3_libversion());
	return true;
}

static void sqlite_close(void *handle)
{
	struct sqlite *s = handle;

	(void)sqlite3_finalize(s->insert);
	(void)sqlite3_close(s->db);
	free(s);
}

static int sqlite_open(struct journal_peer_place *place, void **ret_handle)
{
	static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
				    "PRAGMA synchronous=FULL;"
				    "CREATE TABLE events(id INTEGER PRIMARY KEY, payload BLOB);";
	struct sqlite *s = calloc(1, sizeof *s);
	char path[BENCH_PATH_BYTES + 16];

	if (s == NULL)
		return -ENOMEM;
	s->place = place;
	s->payload_bytes = place->payload_bytes;
	(void)snprintf(path, sizeof path, "%s/events.db", place->dir);
	int rc = sqlite3_open(path, &s->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, setup, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(s->db, "INSERT INTO events(payload) VALUES(?1)", -1,
					SQLITE_PREPARE_PERSISTENT, &s->insert, NULL);
	int code = said(s, rc);
	if (code != 0)
		sqlite_close(s);
	else
		*ret_handle = s;
	return code;
}

static int sqlite_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct sqlite *s = handle;
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (uint32_t i = 0; rc == SQLITE_OK && i < count; i++) {
		rc = sqlite3_bind_blob(s->insert, 1, events + i * s->payload_bytes,
				       (int)s->payload_bytes, SQLITE_STATIC);
		if (rc == SQLITE_OK && sqlite3_step(s->insert) != SQLITE_DONE)
			rc = SQLITE_ERROR;
		(void)sqlite3_reset(s->insert);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	return said(s, rc);
}

extern const struct journal_peer journal_peer_sqlite;
const struct journal_peer journal_peer_sqlite = {
	.name = "SQLite",
	.package = "libsqlite3-dev",
	.settings = "WAL, synchronous=FULL, exclusive, transactions of 10000",
	.group_events = 10000,
	.version = sqlite_version,
	.open = sqlite_open,
	.append = sqlite_append,
	.close = sqlite_close,
};
