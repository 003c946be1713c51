/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the pattern of docs/guide/databases.md: whenever a service is killed, each effect of its
 *         handlers on a database is there exactly once; and it is the pattern that does it.
 * Method: lives of a child (effects_life.h), each killed with SIGKILL at a drawn moment, or where
 *         it hurts: before a commit, or between it and the acknowledgement. The last one drains.
 *         Each number that was published has then one effect of each subscription. The same again
 *         without marks: there have to be numbers with two effects, or the test shows nothing.
 *         Then, step by step, a partition with two owners at once, with the fence, and without it,
 *         which has to go wrong; and a database that was restored from an older copy.
 *
 * It is linked with one of the two databases of docs/examples/. --server: a connection by libpq's
 * variables (tools/with-postgres), else a file beside the journal. --lives N: so many.
 *
 * Plain main(), TAP: it forks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/effects_life.h"

#define MS 1000000ull

static struct effects_ledger *ledger;
static struct fixture f;
static bool server;
static char where[TEST_PATH_BYTES + 16];
static struct effects *db;

static void run(const char *sql)
{
	if (effects_run(db, sql) != EFFECTS_OK)
		fixture_need(false, effects_why(db));
}

static int64_t number(const char *sql)
{
	int64_t found = 0;
	if (effects_number(db, sql, &found) != EFFECTS_OK)
		fixture_need(false, effects_why(db));
	return found;
}

static void open_database(void)
{
	if (effects_open(where, &db) != EFFECTS_OK)
		fixture_need(false, effects_why(db));
}

static void close_database(void)
{
	effects_close(db);
	db = NULL;
}

/* A journal of its own, and nothing in the database. */
static void begin(bool marks)
{
	fixture_init(&f, FIXTURE_DURABLE);
	where[0] = '\0';
	if (!server)
		(void)snprintf(where, sizeof where, "%s.db", f.dir);
	memset(ledger, 0, sizeof *ledger);
	ledger->marks = marks;
	open_database();
	run("DELETE FROM weir_position");
	run("DELETE FROM weir_done");
	run("DELETE FROM bookings");
}

static void end(void)
{
	static const char *const files[] = {"", "-wal", "-shm"};
	char name[sizeof where + 8];
	close_database();
	fixture_end(&f);
	for (size_t i = 0; !server && i < sizeof files / sizeof *files; i++) {
		(void)snprintf(name, sizeof name, "%s%s", where, files[i]);
		(void)unlink(name);
	}
}

/* ---- killed ---- */

static bool run_life(uint64_t seed, bool drains)
{
	int status = 0;
	wr_store_relaxed(&ledger->done, 0u);
	wr_store_relaxed(&ledger->stopped, 0u);
	/* Without marks every second life ends where it must show. */
	ledger->place = drains          ? EFFECTS_ANYWHERE
			: ledger->marks ? (enum effects_place)(seed % 3)
					: (enum effects_place)(seed % 2 * 2);
	ledger->place_after = (uint32_t)(seed / 3 % 20);
	/* Some are long enough for a session to end in them. */
	uint64_t nap_ns = seed * 2654435761u % (seed % 12 == 0 ? 400000 : 60000) * 1000;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(effects_live(&f, ledger, where, seed, drains));
	if (pid < 0)
		return false;
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     !drains && fixture_now_ns() < until && waitpid(pid, &status, WNOHANG) == 0;) {
		if (ledger->place == EFFECTS_ANYWHERE ? wr_load_relaxed(&ledger->done) > 0
						      : wr_load_acquire(&ledger->stopped) != 0)
			break;
		fixture_sleep_ns(MS / 2);
	}
	if (!drains) {
		fixture_sleep_ns(ledger->place == EFFECTS_ANYWHERE ? nap_ns : 0);
		(void)kill(pid, SIGKILL);
	}
	bool ended = waitpid(pid, &status, 0) == pid;
	bool good = ended && (drains ? WIFEXITED(status) && WEXITSTATUS(status) == 0
				     : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (!good)
		tap_note("a life ended with status %d", status);
	return good;
}

struct counted {
	uint32_t missing, twice, differ;
	int64_t effects;
};

/* What is durable has its effects; what is not, both or neither: both read one log. */
static void count(struct counted *ret)
{
	char sql[200];
	*ret = (struct counted){.effects = number("SELECT count(*) FROM bookings")};
	run("CREATE INDEX by_number ON bookings (order_number)");
	for (uint32_t i = 0; i < ledger->given; i++) {
		int64_t found[2];
		for (int s = 0; s < 2; s++) {
			(void)snprintf(sql, sizeof sql,
				       "SELECT count(*) FROM bookings WHERE order_number = %u"
				       " AND subscription = '%s'",
				       i, s == 0 ? "books" : "mails");
			found[s] = number(sql);
			ret->twice += found[s] > 1;
			ret->missing += ledger->durable[i] != 0 && found[s] == 0;
		}
		ret->differ += (found[0] == 0) != (found[1] == 0);
	}
	run("DROP INDEX by_number");
}

static void check_lives(uint32_t lives, bool marks, uint64_t seed)
{
	struct counted counted;
	bool good = true;
	begin(marks);
	close_database(); // no connection lives over a fork
	for (uint32_t i = 0; i <= lives && good; i++)
		good = run_life(seed + i, i == lives);
	open_database();
	count(&counted);
	tap_note("%s marks: %u events, %lld effects, %u of them twice; %u repeats and %u late "
		 "owners were told, %u members moved",
		 marks ? "with" : "without", ledger->given, (long long)counted.effects,
		 counted.twice, wr_load_relaxed(&ledger->repeats), wr_load_relaxed(&ledger->fenced),
		 wr_load_relaxed(&ledger->moved));
	tap_check(good && wr_load_relaxed(&ledger->faults) == 0 && ledger->given > lives,
		  "%u lives were killed, and the last one came to its end", lives);
	tap_check(counted.missing == 0 && counted.differ == 0, "no effect is missing");
	if (marks)
		tap_check(counted.twice == 0 && wr_load_relaxed(&ledger->repeats) > 0,
			  "with marks each effect is there exactly once, and there were repeats");
	else
		tap_check(counted.twice > 0,
			  "without marks there are effects that are there twice");
	end();
}

/* ---- two owners at once ---- */

/* The first event of a member that is to come: within its session or behind another one's. */
static struct weir_item next_item(struct weir_member *member)
{
	struct weir_item item;
	fixture_need(weir_poll(member, &item, 1, FIXTURE_LONG_NS) == 1, "an event");
	return item;
}

/* An owner that keeps the sum of its partition, and writes it down with each event. */
struct adder {
	struct effects_owner owner;
	int64_t sum;
};

static void adder_begin(struct adder *adder, const struct weir_item *item, bool fence)
{
	uint64_t position;
	adder->owner = (struct effects_owner){"sums", item->topic, item->partition, 1,
					      fence ? item->generation : 1};
	fixture_need(effects_claim(db, &adder->owner, &position) == EFFECTS_OK, "a claim");
	adder->sum = number("SELECT total FROM sums");
}

static enum effects_answer adder_add(struct adder *adder, const struct weir_item *item)
{
	char sql[64];
	fixture_need(effects_begin(db) == EFFECTS_OK, "a begin");
	enum effects_answer rc = effects_pass(db, &adder->owner, item->sequence);
	if (rc == EFFECTS_OK) {
		adder->sum += (int64_t)fixture_number(item);
		(void)snprintf(sql, sizeof sql, "UPDATE sums SET total = %lld",
			       (long long)adder->sum);
		run(sql);
	}
	fixture_need(effects_commit(db) == EFFECTS_OK, "a commit");
	return rc;
}

/* The old owner writes after the new one has begun. What the sum is then; it should be 30. */
static int64_t two_owners(bool fence, enum effects_answer *ret_late)
{
	static const char *const topics[] = {"numbers"};
	struct weir_subscription_options options;
	struct weir_problem problem;
	struct adder old, new;
	uint32_t subscription;
	begin(true);
	run("CREATE TABLE sums (total bigint)");
	run("INSERT INTO sums VALUES (0)");
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "numbers", 1);
	weir_subscription_options_init(&options);
	options.name = "sums";
	options.topics = topics;
	options.topic_count = 1;
	options.session_timeout_ns = 200 * MS;
	fixture_need(weir_subscription_create(f.pipeline, &options, &subscription, &problem) == 0,
		     problem.text);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 10, 11));
	struct weir_member *first = fixture_member(&f, subscription, "old");
	struct weir_item item = next_item(first);
	adder_begin(&old, &item, fence);
	/* It sleeps, and its session ends; the other one's name is the first in order, so that the
	 * partition stays there. */
	struct weir_member *second = fixture_member(&f, subscription, "new");
	struct weir_item again = next_item(second);
	fixture_need(again.sequence == item.sequence && again.generation > item.generation,
		     "the same event to the next owner");
	options.session_timeout_ns = FIXTURE_LONG_NS; // and it keeps it
	fixture_need(weir_subscription_create(f.pipeline, &options, &subscription, &problem) == 0,
		     problem.text);
	adder_begin(&new, &again, fence);
	*ret_late = adder_add(&old, &item);
	(void)adder_add(&new, &again);
	fixture_need(weir_ack(second, &again) == 0, "an ack");
	fixture_wait(producer, fixture_publish(producer, topic, 20, 21));
	again = next_item(second);
	(void)adder_add(&new, &again);
	int64_t sum = number("SELECT total FROM sums");
	run("DROP TABLE sums");
	(void)weir_member_leave(second, FIXTURE_LONG_NS);
	(void)weir_member_leave(first, FIXTURE_LONG_NS);
	fixture_close(&f, NULL);
	end();
	return sum;
}

static void check_two_owners(void)
{
	enum effects_answer late;
	int64_t sum = two_owners(true, &late);
	tap_check(late == EFFECTS_FENCED && sum == 30,
		  "an owner whose partition has moved writes nothing, and nothing is lost");
	sum = two_owners(false, &late);
	tap_check(late == EFFECTS_OK && sum != 30, "without the fence it does, and something is");
}

/* ---- a database that is older than the log ---- */

static void work(struct effects_worker *w, uint32_t events)
{
	while (events > 0) {
		struct weir_item item = next_item(w->member);
		fixture_need(effects_handle(w, &item) == EFFECTS_OK, "an effect");
		fixture_need(weir_ack(w->member, &item) == 0, "an ack");
		events--;
	}
	fixture_need(weir_member_commit(w->member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0,
		     "a commit");
}

static void open_again(struct effects_worker *w, uint32_t *ret_topic, uint32_t *ret_books)
{
	struct weir_info info;
	fixture_open(&f);
	fixture_info(&f, &info);
	*ret_topic = fixture_topic(&f, "orders", EFFECTS_PARTITIONS);
	*ret_books = fixture_subscription(&f, "books", "orders");
	*w = (struct effects_worker){
		.ledger = ledger, .subscription = "books", .effects = db, .epoch = info.epoch};
}

static void publish_orders(uint32_t topic, uint64_t first, uint64_t count)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, first, first + count));
}

static void check_restored(void)
{
	struct effects_worker w;
	struct weir_problem problem;
	uint32_t topic, books;
	begin(true);
	open_again(&w, &topic, &books);
	w.member = fixture_member(&f, books, NULL);
	publish_orders(topic, 1, 40);
	work(&w, 40);
	run("CREATE TABLE old_position AS SELECT * FROM weir_position");
	run("CREATE TABLE old_bookings AS SELECT * FROM bookings");
	publish_orders(topic, 41, 60);
	work(&w, 60);
	(void)weir_member_leave(w.member, FIXTURE_LONG_NS);
	fixture_close(&f, NULL);
	run("DELETE FROM weir_position");
	run("INSERT INTO weir_position SELECT * FROM old_position");
	run("DELETE FROM bookings");
	run("INSERT INTO bookings SELECT * FROM old_bookings");
	open_again(&w, &topic, &books);
	uint64_t position = (uint64_t)number("SELECT min(position) FROM weir_position");
	int rc = weir_subscription_seek(f.pipeline, books, WEIR_SEEK_SEQUENCE, position,
					FIXTURE_LONG_NS, &problem);
	fixture_need(rc == 0, problem.text);
	w.member = fixture_member(&f, books, NULL);
	struct weir_lag lag = {.events = 1};
	while (weir_lag(f.pipeline, books, &lag) == 0 && (lag.events > 0 || !lag.exact))
		if (lag.events > 0)
			work(&w, 1);
	tap_check(number("SELECT count(*) FROM bookings") == 100 &&
			  number("SELECT count(DISTINCT order_number) FROM bookings") == 100 &&
			  wr_load_relaxed(&ledger->repeats) < 40,
		  "a database from an older copy gets what it lacks, and nothing twice");
	(void)weir_member_leave(w.member, FIXTURE_LONG_NS);
	fixture_close(&f, NULL);
	run("DROP TABLE old_position");
	run("DROP TABLE old_bookings");
	end();
}

int main(int argc, char **argv)
{
	uint32_t lives = 4;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--server") == 0)
			server = true;
		else if (strcmp(argv[i], "--lives") == 0 && i + 1 < argc)
			lives = (uint32_t)strtoul(argv[++i], NULL, 10);
	}
	ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (ledger == MAP_FAILED)
		return 1;
	uint64_t seed = test_seed();
	check_lives(lives, true, seed);
	check_lives(lives < 8 ? 3 : lives / 4, false, seed);
	check_two_owners();
	check_restored();
	return tap_end();
}
