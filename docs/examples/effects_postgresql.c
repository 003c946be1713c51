/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effects.h for PostgreSQL, at its default isolation level (READ COMMITTED): an UPDATE that meets a
 * row which another transaction has changed waits for that one, and looks at its condition again.
 * So the row of a partition is its lock: where two owners are inside at once, the second one waits,
 * and then finds the fence or the position that the first one left.
 */
#include "effects.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS_MAX 5

enum statement { CLAIM, OWNER, PASS, ONCE, BOOK, STATEMENTS };

static const char *const names[STATEMENTS] = {"claim", "owner", "pass", "once", "book"};

static const char *const texts[STATEMENTS] = {
	[CLAIM] = "INSERT INTO weir_position AS p VALUES ($1, $2, $3, $4, 0)"
		  " ON CONFLICT (subscription, topic, partition)"
		  " DO UPDATE SET fence = excluded.fence WHERE p.fence < excluded.fence",
	[OWNER] = "SELECT fence, position FROM weir_position"
		  " WHERE subscription = $1 AND topic = $2 AND partition = $3",
	[PASS] = "UPDATE weir_position SET position = $5::bigint + 1"
		 " WHERE subscription = $1 AND topic = $2 AND partition = $3"
		 " AND fence = $4 AND position <= $5::bigint",
	[ONCE] = "INSERT INTO weir_done VALUES ($1, $2) ON CONFLICT DO NOTHING",
	[BOOK] = "INSERT INTO bookings VALUES ($1, $2)",
};

/* Two connections that make a table at once would meet: the lock is of this transaction. */
static const char tables[] =
	"BEGIN; SELECT pg_advisory_xact_lock(20260711);"
	"CREATE TABLE IF NOT EXISTS weir_position (subscription text, topic bigint,"
	" partition bigint, fence bigint NOT NULL, position bigint NOT NULL,"
	" PRIMARY KEY (subscription, topic, partition));"
	"CREATE TABLE IF NOT EXISTS weir_done (subscription text, id bytea,"
	" PRIMARY KEY (subscription, id));"
	"CREATE TABLE IF NOT EXISTS bookings (subscription text, order_number bigint);"
	"COMMIT";

struct effects {
	PGconn *connection;
};

/* Numbers go as text, which every version of the server reads alike. */
struct parameters {
	int count;
	const char *values[PARAMETERS_MAX];
	int bytes[PARAMETERS_MAX], binary[PARAMETERS_MAX];
	char texts[PARAMETERS_MAX][24];
};

static void add_text(struct parameters *p, const char *text)
{
	p->values[p->count] = text;
	p->bytes[p->count] = 0;
	p->binary[p->count++] = 0;
}

static void add_number(struct parameters *p, int64_t number)
{
	char *text = p->texts[p->count];
	snprintf(text, sizeof p->texts[0], "%lld", (long long)number);
	add_text(p, text);
}

static void add_bytes(struct parameters *p, const void *bytes, size_t count)
{
	p->values[p->count] = bytes;
	p->bytes[p->count] = (int)count;
	p->binary[p->count++] = 1;
}

/* Frees the result. Rows changed or found come back in ret_rows, which may be NULL. */
static enum effects_answer answer(PGresult *result, int *ret_rows)
{
	enum effects_answer rc = EFFECTS_FAILED;
	ExecStatusType status = PQresultStatus(result);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		rc = EFFECTS_OK;
	else if (state != NULL && (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0))
		rc = EFFECTS_BUSY; // not serializable, deadlock: the server has undone it
	if (ret_rows != NULL)
		*ret_rows = atoi(PQcmdTuples(result));
	PQclear(result);
	return rc;
}

static PGresult *execute(struct effects *e, enum statement which, const struct parameters *p)
{
	return PQexecPrepared(e->connection, names[which], p->count, p->values, p->bytes, p->binary,
			      0);
}

enum effects_answer effects_open(const char *where, struct effects **ret_effects)
{
	struct effects *e = calloc(1, sizeof *e);
	*ret_effects = e;
	if (e == NULL)
		return EFFECTS_FAILED;
	e->connection = PQconnectdb(where);
	if (PQstatus(e->connection) != CONNECTION_OK)
		return EFFECTS_FAILED;
	enum effects_answer rc = effects_run(e, "SET client_min_messages = warning");
	/* What may go with a crash of the server must not be acknowledged: see the page. */
	if (rc == EFFECTS_OK)
		rc = effects_run(e, "SET synchronous_commit = on");
	if (rc == EFFECTS_OK)
		rc = effects_run(e, tables);
	for (int i = 0; i < STATEMENTS && rc == EFFECTS_OK; i++)
		rc = answer(PQprepare(e->connection, names[i], texts[i], 0, NULL), NULL);
	return rc;
}

void effects_close(struct effects *e)
{
	if (e == NULL)
		return;
	PQfinish(e->connection);
	free(e);
}

const char *effects_why(const struct effects *e)
{
	return e == NULL ? "out of memory" : PQerrorMessage(e->connection);
}

enum effects_answer effects_begin(struct effects *e)
{
	return effects_run(e, "BEGIN");
}

enum effects_answer effects_commit(struct effects *e)
{
	/* A transaction that has failed is rolled back by COMMIT, which says so and is no error. */
	if (PQtransactionStatus(e->connection) != PQTRANS_INTRANS)
		return EFFECTS_FAILED;
	return effects_run(e, "COMMIT");
}

void effects_rollback(struct effects *e)
{
	if (PQtransactionStatus(e->connection) != PQTRANS_IDLE)
		effects_run(e, "ROLLBACK");
}

static void of_owner(struct parameters *p, const struct effects_owner *owner)
{
	*p = (struct parameters){.count = 0};
	add_text(p, owner->subscription);
	add_number(p, owner->topic);
	add_number(p, owner->partition);
}

/* Who owns the partition, by the row: OK, or FENCED, also where somebody has removed it. */
static enum effects_answer look(struct effects *e, const struct effects_owner *owner,
				uint64_t *ret_position)
{
	struct parameters p;
	of_owner(&p, owner);
	PGresult *result = execute(e, OWNER, &p);
	enum effects_answer found = EFFECTS_FENCED;
	if (PQntuples(result) == 1) {
		*ret_position = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
		if (strtoll(PQgetvalue(result, 0, 0), NULL, 10) == effects_fence(owner))
			found = EFFECTS_OK;
	}
	enum effects_answer rc = answer(result, NULL);
	return rc == EFFECTS_OK ? found : rc;
}

enum effects_answer effects_claim(struct effects *e, const struct effects_owner *owner,
				  uint64_t *ret_position)
{
	struct parameters p;
	of_owner(&p, owner);
	add_number(&p, effects_fence(owner));
	enum effects_answer rc = answer(execute(e, CLAIM, &p), NULL);
	return rc == EFFECTS_OK ? look(e, owner, ret_position) : rc;
}

enum effects_answer effects_pass(struct effects *e, const struct effects_owner *owner,
				 uint64_t sequence)
{
	struct parameters p;
	uint64_t position;
	int changed;
	of_owner(&p, owner);
	add_number(&p, effects_fence(owner));
	add_number(&p, (int64_t)sequence);
	enum effects_answer rc = answer(execute(e, PASS, &p), &changed);
	if (rc != EFFECTS_OK || changed == 1)
		return rc;
	rc = look(e, owner, &position);
	return rc == EFFECTS_OK ? EFFECTS_REPEAT : rc;
}

enum effects_answer effects_once(struct effects *e, const char *subscription, const void *id,
				 size_t id_bytes)
{
	struct parameters p = {.count = 0};
	int inserted;
	add_text(&p, subscription);
	add_bytes(&p, id, id_bytes);
	enum effects_answer rc = answer(execute(e, ONCE, &p), &inserted);
	return rc == EFFECTS_OK && inserted == 0 ? EFFECTS_REPEAT : rc;
}

enum effects_answer effects_book(struct effects *e, const char *subscription, uint64_t order)
{
	struct parameters p = {.count = 0};
	add_text(&p, subscription);
	add_number(&p, (int64_t)order);
	return answer(execute(e, BOOK, &p), NULL);
}

enum effects_answer effects_run(struct effects *e, const char *sql)
{
	return answer(PQexec(e->connection, sql), NULL);
}

enum effects_answer effects_number(struct effects *e, const char *sql, int64_t *ret_number)
{
	PGresult *result = PQexec(e->connection, sql);
	int found = PQntuples(result);
	if (found > 0)
		*ret_number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	enum effects_answer rc = answer(result, NULL);
	return rc == EFFECTS_OK && found == 0 ? EFFECTS_FAILED : rc;
}
