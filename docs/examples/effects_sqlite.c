/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects.h for SQLite. A transaction takes the write lock at its begin: it cannot be refused
 * half-way, and two owners never are inside at once.
 */
#include "effects.h"

#include <sqlite3.h>
#include <stdlib.h>

enum statement { BEGIN, COMMIT, ROLLBACK, CLAIM, OWNER, PASS, ONCE, BOOK, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[CLAIM] = "INSERT INTO weir_position VALUES (?1, ?2, ?3, ?4, 0)"
		  " ON CONFLICT DO UPDATE SET fence = ?4 WHERE fence < ?4",
	[OWNER] = "SELECT fence, position FROM weir_position"
		  " WHERE subscription = ?1 AND topic = ?2 AND partition = ?3",
	[PASS] = "UPDATE weir_position SET position = ?5 + 1"
		 " WHERE subscription = ?1 AND topic = ?2 AND partition = ?3"
		 " AND fence = ?4 AND position <= ?5",
	[ONCE] = "INSERT INTO weir_done VALUES (?1, ?2) ON CONFLICT DO NOTHING",
	[BOOK] = "INSERT INTO bookings VALUES (?1, ?2)",
};

static const char tables[] =
	"CREATE TABLE IF NOT EXISTS weir_position (subscription TEXT, topic INTEGER,"
	" partition INTEGER, fence INTEGER NOT NULL, position INTEGER NOT NULL,"
	" PRIMARY KEY (subscription, topic, partition)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS weir_done (subscription TEXT, id BLOB,"
	" PRIMARY KEY (subscription, id)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS bookings (subscription TEXT, order_number INTEGER);";

struct effects {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
};

static enum effects_answer answer(int rc)
{
	return rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW ? EFFECTS_OK
	       : rc == SQLITE_BUSY                                      ? EFFECTS_BUSY
									: EFFECTS_FAILED;
}

enum effects_answer effects_open(const char *where, struct effects **ret_effects)
{
	struct effects *e = calloc(1, sizeof *e);
	*ret_effects = e;
	if (e == NULL || sqlite3_open(where, &e->db) != SQLITE_OK)
		return EFFECTS_FAILED;
	sqlite3_busy_timeout(e->db, 10000);
	/* FULL: a commit is on the disk before the event is acknowledged. */
	enum effects_answer rc = effects_run(e, "PRAGMA journal_mode = WAL");
	if (rc == EFFECTS_OK)
		rc = effects_run(e, "PRAGMA synchronous = FULL");
	if (rc == EFFECTS_OK)
		rc = effects_run(e, tables);
	for (int i = 0; i < STATEMENTS && rc == EFFECTS_OK; i++)
		rc = answer(sqlite3_prepare_v2(e->db, texts[i], -1, &e->statements[i], NULL));
	return rc;
}

void effects_close(struct effects *e)
{
	if (e == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(e->statements[i]);
	sqlite3_close(e->db);
	free(e);
}

const char *effects_why(const struct effects *e)
{
	return e == NULL ? "out of memory" : sqlite3_errmsg(e->db);
}

/* Its parameters are bound; a statement that is reset lets go of what it holds. */
static enum effects_answer run(struct effects *e, enum statement which)
{
	enum effects_answer rc = answer(sqlite3_step(e->statements[which]));
	sqlite3_reset(e->statements[which]);
	return rc;
}

static sqlite3_stmt *of_owner(struct effects *e, enum statement which,
			      const struct effects_owner *owner)
{
	sqlite3_stmt *s = e->statements[which];
	sqlite3_bind_text(s, 1, owner->subscription, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, owner->topic);
	sqlite3_bind_int64(s, 3, owner->partition);
	if (which != OWNER)
		sqlite3_bind_int64(s, 4, effects_fence(owner));
	return s;
}

enum effects_answer effects_begin(struct effects *e)
{
	return run(e, BEGIN);
}

enum effects_answer effects_commit(struct effects *e)
{
	return run(e, COMMIT);
}

void effects_rollback(struct effects *e)
{
	if (sqlite3_get_autocommit(e->db) == 0)
		run(e, ROLLBACK);
}

/* Who owns the partition, by the row: OK, or FENCED. */
static enum effects_answer look(struct effects *e, const struct effects_owner *owner,
				uint64_t *ret_position)
{
	sqlite3_stmt *s = of_owner(e, OWNER, owner);
	int rc = sqlite3_step(s);
	enum effects_answer found = answer(rc);
	if (rc == SQLITE_ROW) {
		found = sqlite3_column_int64(s, 0) == effects_fence(owner) ? EFFECTS_OK
									   : EFFECTS_FENCED;
		*ret_position = (uint64_t)sqlite3_column_int64(s, 1);
	} else if (rc == SQLITE_DONE) {
		found = EFFECTS_FENCED; // somebody removed the row: claim it again
	}
	sqlite3_reset(s);
	return found;
}

enum effects_answer effects_claim(struct effects *e, const struct effects_owner *owner,
				  uint64_t *ret_position)
{
	of_owner(e, CLAIM, owner);
	enum effects_answer rc = run(e, CLAIM);
	return rc == EFFECTS_OK ? look(e, owner, ret_position) : rc;
}

enum effects_answer effects_pass(struct effects *e, const struct effects_owner *owner,
				 uint64_t sequence)
{
	uint64_t position;
	sqlite3_stmt *s = of_owner(e, PASS, owner);
	sqlite3_bind_int64(s, 5, (int64_t)sequence);
	enum effects_answer rc = run(e, PASS);
	if (rc != EFFECTS_OK || sqlite3_changes(e->db) == 1)
		return rc;
	rc = look(e, owner, &position);
	return rc == EFFECTS_OK ? EFFECTS_REPEAT : rc;
}

enum effects_answer effects_once(struct effects *e, const char *subscription, const void *id,
				 size_t id_bytes)
{
	sqlite3_stmt *s = e->statements[ONCE];
	sqlite3_bind_text(s, 1, subscription, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(s, 2, id, id_bytes, SQLITE_TRANSIENT);
	enum effects_answer rc = run(e, ONCE);
	return rc == EFFECTS_OK && sqlite3_changes(e->db) == 0 ? EFFECTS_REPEAT : rc;
}

enum effects_answer effects_book(struct effects *e, const char *subscription, uint64_t order)
{
	sqlite3_stmt *s = e->statements[BOOK];
	sqlite3_bind_text(s, 1, subscription, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)order);
	return run(e, BOOK);
}

enum effects_answer effects_run(struct effects *e, const char *sql)
{
	return answer(sqlite3_exec(e->db, sql, NULL, NULL, NULL));
}

enum effects_answer effects_number(struct effects *e, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(e->db, sql, -1, &s, NULL);
	if (rc != SQLITE_OK)
		return answer(rc);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? EFFECTS_OK : rc == SQLITE_BUSY ? EFFECTS_BUSY : EFFECTS_FAILED;
}
