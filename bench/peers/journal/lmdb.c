/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB: a transaction for each group, its default sync at commit. As its documentation advises for
 * bulk loads: keys ascend, MDB_APPEND with MDB_INTEGERKEY. Without MDB_WRITEMAP, which is slower
 * here: pages of a map that is new are faults.
 */
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/journal_peer.h"

#define MAP_BYTES (16ull << 30) /* of addresses; the file is as long as what is in it */

struct lmdb {
	MDB_env *env;
	MDB_dbi dbi;
	size_t key;
	size_t payload_bytes;
	struct journal_peer_place *place;
};

static int said(struct lmdb *m, int rc)
{
	if (rc == 0)
		return 0;
	(void)snprintf(m->place->why, sizeof m->place->why, "%s", mdb_strerror(rc));
	return rc > 0 ? -rc : -EIO;
}

static bool lmdb_version(char *to, size_t to_bytes)
{
	int major, minor, patch;

	(void)mdb_version(&major, &minor, &patch);
	(void)snprintf(to, to_bytes, "%d.%d.%d", major, minor, patch);
	return true;
}

static void lmdb_close(void *handle)
{
	struct lmdb *m = handle;

	mdb_env_close(m->env);
	free(m);
}

static int lmdb_open(struct journal_peer_place *place, void **ret_handle)
{
	struct lmdb *m = calloc(1, sizeof *m);
	MDB_txn *txn = NULL;

	if (m == NULL)
		return -ENOMEM;
	m->place = place;
	m->payload_bytes = place->payload_bytes;
	int rc = mdb_env_create(&m->env);
	if (rc != 0) {
		free(m);
		return -ENOMEM;
	}
	rc = mdb_env_set_mapsize(m->env, MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_open(m->env, place->dir, 0, 0600);
	if (rc == 0)
		rc = mdb_txn_begin(m->env, NULL, 0, &txn);
	if (rc == 0) {
		rc = mdb_dbi_open(txn, NULL, MDB_CREATE | MDB_INTEGERKEY, &m->dbi);
		rc = rc == 0 ? mdb_txn_commit(txn) : (mdb_txn_abort(txn), rc);
	}
	if (rc == 0)
		*ret_handle = m;
	rc = said(m, rc);
	if (rc != 0)
		lmdb_close(m);
	return rc;
}

static int lmdb_append(void *handle, const uint8_t *events, uint32_t count)
{
	struct lmdb *m = handle;
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(m->env, NULL, 0, &txn);

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		MDB_val key = {.mv_size = sizeof m->key, .mv_data = &m->key};
		MDB_val value = {.mv_size = m->payload_bytes,
				 .mv_data = (void *)(uintptr_t)(events + i * m->payload_bytes)};
		m->key++;
		rc = mdb_put(txn, m->dbi, &key, &value, MDB_APPEND);
	}
	if (txn != NULL)
		rc = rc == 0 ? mdb_txn_commit(txn) : (mdb_txn_abort(txn), rc);
	return said(m, rc);
}

extern const struct journal_peer journal_peer_lmdb;
const struct journal_peer journal_peer_lmdb = {
	.name = "LMDB",
	.package = "liblmdb-dev",
	.settings = "transactions of 50000, MDB_APPEND, MDB_INTEGERKEY",
	.group_events = 50000,
	.version = lmdb_version,
	.open = lmdb_open,
	.append = lmdb_append,
	.close = lmdb_close,
};
