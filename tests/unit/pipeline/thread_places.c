/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every thread that weir makes or causes, the kernel's workers of its io_uring included, has
 * the CPUs, the scheduling class and the name that the options say, whoever opens the pipeline; and
 * nothing of weir's touches threads that are not its own.
 *
 * Method: pipelines with both backends, with handlers, opened by a thread that is pinned to one CPU
 * and, where that is permitted, runs in a real-time class. While events flow, all of
 * /proc/self/task is read and each thread is compared with a table by its name: a thread that is
 * not in the table fails, and so does one of the table that is not there. The journals lie in
 * memory (/dev/shm) where there is that: syncs are then apart and need the kernel's workers. What
 * needs a privilege is tried and skipped with a line where it is refused; the refusals are made in
 * a child that gave its privileges up. Plain main(), TAP.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/support/seen_threads.h"

#define EVENTS 200u
#define MEMBERS 2u
#define STACK_BYTES (192u * 1024)
#define LOOKS_MAX 200u

static int case_count;
static int failed_count;

static void check(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++case_count, what);
	failed_count += !good;
}

static void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++case_count, what, why);
}

/* ---- what is there ---- */

static struct seen_thread before[SEEN_THREADS_MAX];
static uint32_t before_count;

static bool was_there(pid_t id)
{
	for (uint32_t i = 0; i < before_count; i++)
		if (before[i].id == id)
			return true;
	return false;
}

/* ---- what is expected ---- */

struct wanted {
	const char *name;
	bool is_prefix;
	const cpu_set_t *cpus;
	int policy;
	int priority;
	uint32_t least, most; /* threads of it */
};

static bool is_of(const struct seen_thread *t, const struct wanted *w)
{
	return w->is_prefix ? strncmp(t->name, w->name, strlen(w->name)) == 0
			    : strcmp(t->name, w->name) == 0;
}

static bool is_as_wanted(const struct seen_thread *t, const struct wanted *w)
{
	if (CPU_EQUAL(&t->cpus, w->cpus) && t->policy == w->policy && t->priority == w->priority)
		return true;
	printf("# %s: class %d, priority %d, wanted %d, %d; CPU 0 %d, CPU 1 %d, %d CPUs\n", t->name,
	       t->policy, t->priority, w->policy, w->priority, CPU_ISSET(0, &t->cpus) != 0,
	       CPU_ISSET(1, &t->cpus) != 0, CPU_COUNT(&t->cpus));
	return false;
}

static const char *own_name(void)
{
	static char name[16];
	(void)prctl(PR_GET_NAME, name);
	return name;
}

/* One look at all threads. False with a line of why. */
static bool all_as_wanted(const struct wanted *table, size_t table_count, bool say_missing,
			  bool *ret_complete)
{
	static struct seen_thread now[SEEN_THREADS_MAX];
	uint32_t found[16] = {0};
	uint32_t count = seen_threads(now);
	*ret_complete = true;
	for (uint32_t i = 0; i < count; i++) {
		size_t w = 0;
		if (was_there(now[i].id))
			continue;
		while (w < table_count && !is_of(&now[i], &table[w]))
			w++;
		/* One that has begun a moment ago still has the name of who began it. */
		if (w == table_count && strcmp(now[i].name, own_name()) == 0) {
			*ret_complete = false;
			if (say_missing)
				printf("# a thread without a name of its own\n");
			continue;
		}
		if (w == table_count) {
			printf("# a thread named \"%s\", which is none of weir's\n", now[i].name);
			return false;
		}
		/* So does a worker of the kernel's, which has begun behind that one. */
		if (!table[w].is_prefix && found[w] == table[w].most) {
			*ret_complete = false;
			if (say_missing)
				printf("# one more thread \"%s\"\n", now[i].name);
			continue;
		}
		if (!is_as_wanted(&now[i], &table[w]))
			return false;
		found[w]++;
	}
	for (size_t w = 0; w < table_count; w++) {
		if (found[w] >= table[w].least && found[w] <= table[w].most)
			continue;
		*ret_complete = false;
		if (say_missing)
			printf("# %u threads \"%s\", wanted %u to %u\n", found[w], table[w].name,
			       table[w].least, table[w].most);
	}
	return true;
}

/* ---- a pipeline at work ---- */

static cpu_set_t all_cpus; /* of the process */
static cpu_set_t first_cpu, second_cpu;
static uint16_t first, second;
static wr_atomic_u64 handled;
static wr_atomic_u64 handler_stack_bytes;

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	pthread_attr_t attributes;
	size_t bytes = 0;
	(void)context;
	(void)member;
	(void)item;
	if (wr_load_relaxed(&handler_stack_bytes) == 0 &&
	    pthread_getattr_np(pthread_self(), &attributes) == 0) {
		(void)pthread_attr_getstacksize(&attributes, &bytes);
		(void)pthread_attr_destroy(&attributes);
		wr_store_relaxed(&handler_stack_bytes, (uint64_t)bytes);
	}
	(void)wr_add_relaxed(&handled, 1u);
	return WEIR_HANDLED_OK;
}

static void pin(struct weir_thread_options *t, uint16_t cpu)
{
	t->cpus[t->cpu_count++] = cpu;
}

static struct fixture f;
static uint32_t topic;

/* On a thread of its own, pinned, and in a real-time class where that is permitted. */
static void *open_pinned(void *argument)
{
	const struct sched_param param = {.sched_priority = 3};
	bool *real_time = argument;
	fixture_need(sched_setaffinity(0, sizeof second_cpu, &second_cpu) == 0, "a pin");
	if (*real_time)
		fixture_need(sched_setscheduler(0, SCHED_RR, &param) == 0, "a real-time opener");
	fixture_open(&f);
	topic = fixture_topic(&f, "work", MEMBERS);
	uint32_t id = fixture_subscription(&f, "group", "work");
	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct weir_member_options o;
		struct weir_member *member;
		weir_member_options_init(&o);
		o.handler = handle;
		fixture_need(weir_member_join(f.pipeline, id, &o, &member, NULL) == 0, "joining");
	}
	cpu_set_t after;
	fixture_need(sched_getaffinity(0, sizeof after, &after) == 0 &&
			     CPU_EQUAL(&after, &second_cpu),
		     "the opener's own pin stays");
	return NULL;
}

static bool may_be_real_time(void)
{
	const struct sched_param high = {.sched_priority = 20};
	const struct sched_param none = {.sched_priority = 0};
	if (sched_setscheduler(0, SCHED_FIFO, &high) != 0)
		return false;
	return sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

static void begin(enum weir_io io)
{
	before_count = seen_threads(before);
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = io;
	f.options.name = "places";
	f.options.journal_thread = WEIR_JOURNAL_THREAD_YES;
	f.options.handler.stack_bytes = STACK_BYTES;
	wr_store_relaxed(&handled, (uint64_t)0);
	wr_store_relaxed(&handler_stack_bytes, (uint64_t)0);
}

static void open_by_a_pinned_thread(bool real_time)
{
	pthread_t opener;
	fixture_need(pthread_create(&opener, NULL, open_pinned, &real_time) == 0, "a thread");
	pthread_join(opener, NULL);
}

/* Publishes, looking at all threads in between, until all that are wanted were there. */
static bool work_and_look(const struct wanted *table, size_t table_count)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	bool good = true;
	bool complete = false;
	for (uint32_t look = 0; good && !complete && look < LOOKS_MAX; look++) {
		fixture_wait(producer,
			     fixture_publish(producer, topic, look * EVENTS, (look + 1) * EVENTS));
		good = all_as_wanted(table, table_count, look == LOOKS_MAX - 1, &complete);
	}
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_relaxed(&handled) == 0 && fixture_now_ns() < until)
		fixture_sleep_ns(1000000);
	return good && complete;
}

/* What weir_info says of each thread is what the kernel says. */
static bool info_agrees(void)
{
	static const int policies[] = {SCHED_OTHER, SCHED_BATCH, SCHED_FIFO, SCHED_RR};
	static struct seen_thread now[SEEN_THREADS_MAX];
	struct weir_info info;
	uint32_t count = seen_threads(now);
	fixture_info(&f, &info);
	for (uint32_t i = 0; i < info.thread_count; i++) {
		uint32_t k = 0;
		while (k < count && strcmp(now[k].name, info.threads[i].name) != 0)
			k++;
		if (k == count || now[k].policy != policies[info.threads[i].scheduler] ||
		    now[k].priority != (int)info.threads[i].priority) {
			printf("# weir_info disagrees about %s\n", info.threads[i].name);
			return false;
		}
	}
	return info.thread_count == 3 + MEMBERS;
}

/* Kernel workers: at least one where syncs need them, none with the posix backend. */
static struct wanted workers_of(enum weir_io io, const cpu_set_t *cpus, bool certain)
{
	bool uring = io == WEIR_IO_URING;
	return (struct wanted){"iou-wrk-",    true, cpus, SCHED_OTHER, 0, uring && certain ? 1 : 0,
			       uring ? 16 : 0};
}

static struct wanted writers_of(enum weir_io io, const cpu_set_t *cpus)
{
	uint32_t count = io == WEIR_IO_POSIX ? 2 : 0;
	return (struct wanted){"places-io", true, cpus, SCHED_OTHER, 0, count, count};
}

static const char *named(enum weir_io io, const char *text)
{
	static char name[160];
	(void)snprintf(name, sizeof name, "%s: %s", io == WEIR_IO_POSIX ? "posix" : "io_uring",
		       text);
	return name;
}

static void nothing_is_inherited(enum weir_io io, bool certain)
{
	bool real_time = may_be_real_time();
	const struct wanted table[] = {
		{"places-log", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-jrnl", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-group", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-h0", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-h1", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-prep", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		writers_of(io, &all_cpus),
		workers_of(io, &all_cpus, certain),
	};
	begin(io);
	open_by_a_pinned_thread(real_time);
	bool good = work_and_look(table, sizeof table / sizeof table[0]);
	check(good, named(io, real_time ? "a pinned real-time opener passes neither on"
					: "a pinned opener does not pass its pin on"));
	check(info_agrees(), named(io, "weir_info says the same"));
	uint64_t bytes = wr_load_relaxed(&handler_stack_bytes);
	check(bytes >= STACK_BYTES && bytes < 2 * STACK_BYTES,
	      named(io, "the stack is as large as was asked"));
	fixture_close(&f, NULL);
	fixture_end(&f);
}

static void all_is_as_asked(enum weir_io io, bool certain)
{
	cpu_set_t both = first_cpu;
	CPU_OR(&both, &both, &second_cpu);
	const struct wanted table[] = {
		{"places-log", false, &first_cpu, SCHED_BATCH, 0, 1, 1},
		{"places-jrnl", false, &second_cpu, SCHED_OTHER, 0, 1, 1},
		{"my-group", false, &all_cpus, SCHED_BATCH, 0, 1, 1},
		{"places-h0", false, &both, SCHED_OTHER, 0, 1, 1},
		{"places-h1", false, &both, SCHED_OTHER, 0, 1, 1},
		{"places-prep", false, &first_cpu, SCHED_OTHER, 0, 1, 1},
		writers_of(io, &first_cpu),
		workers_of(io, &first_cpu, certain),
	};
	begin(io);
	f.options.log.scheduler = WEIR_SCHEDULER_BATCH;
	f.options.group.scheduler = WEIR_SCHEDULER_BATCH;
	pin(&f.options.log, first);
	pin(&f.options.journal, second);
	pin(&f.options.handler, first);
	if (second != first)
		pin(&f.options.handler, second);
	memcpy(f.options.group.name, "my-group", sizeof "my-group");
	f.options.housekeeping = (struct weir_cpu_list){1, {first}};
	open_by_a_pinned_thread(false);
	bool good = work_and_look(table, sizeof table / sizeof table[0]);
	check(good, named(io, "pins, housekeeping and class BATCH"));
	check(info_agrees(), named(io, "weir_info says the same of them"));
	fixture_close(&f, NULL);
	fixture_end(&f);
}

static void real_time_stays_with_its_thread(enum weir_io io, bool certain)
{
	const char *what = "classes FIFO and RR, and nothing that they start has them";
	const struct wanted table[] = {
		{"places-log", false, &first_cpu, SCHED_FIFO, 20, 1, 1},
		{"places-jrnl", false, &second_cpu, SCHED_FIFO, 10, 1, 1},
		{"places-group", false, &all_cpus, SCHED_OTHER, 0, 1, 1},
		{"places-h0", false, &all_cpus, SCHED_RR, 5, 1, 1},
		{"places-h1", false, &all_cpus, SCHED_RR, 5, 1, 1},
		{"places-prep", false, &second_cpu, SCHED_OTHER, 0, 1, 1},
		writers_of(io, &second_cpu),
		workers_of(io, &second_cpu, certain),
	};
	if (!may_be_real_time()) {
		skip(named(io, what), "real-time classes are refused here");
		return;
	}
	begin(io);
	f.options.strict_threads = true;
	struct weir_thread_options *t = &f.options.log;
	pin(t, first);
	t->scheduler = WEIR_SCHEDULER_FIFO;
	t->priority = 20;
	t = &f.options.journal;
	pin(t, second);
	t->scheduler = WEIR_SCHEDULER_FIFO;
	t->priority = 10;
	t = &f.options.handler;
	t->scheduler = WEIR_SCHEDULER_RR;
	t->priority = 5;
	f.options.housekeeping = (struct weir_cpu_list){1, {second}};
	open_by_a_pinned_thread(false);
	check(work_and_look(table, sizeof table / sizeof table[0]), named(io, what));
	check(info_agrees(), named(io, "weir_info says the same of real-time threads"));
	fixture_close(&f, NULL);
	fixture_end(&f);
}

/* ---- refusals ---- */

static int open_in_class(enum weir_scheduler scheduler, enum weir_wait wait, bool strict,
			 struct weir_problem *problem)
{
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.log.scheduler = scheduler;
	f.options.log.priority = 7;
	f.options.log.wait = wait;
	f.options.strict_threads = strict;
	return weir_open(&f.options, &f.pipeline, problem);
}

/* The bits that say what failed: an exit status. */
static int without_the_right_to_it(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	const struct rlimit zero = {0};
	struct weir_problem problem = {0};
	struct weir_info info;
	int failed = 0;
	if (setrlimit(RLIMIT_RTPRIO, &zero) != 0 || syscall(SYS_capset, &header, none) != 0 ||
	    may_be_real_time())
		return 64;
	if (open_in_class(WEIR_SCHEDULER_FIFO, WEIR_WAIT_PARK, false, &problem) != 0)
		return 1;
	fixture_info(&f, &info);
	failed |= info.threads[0].scheduler == WEIR_SCHEDULER_OTHER ? 0 : 2;
	failed |= info.threads[0].priority == 0 ? 0 : 2;
	failed |= strstr(info.thread_note, "log.scheduler") != NULL &&
				  strstr(info.thread_note, "RLIMIT_RTPRIO 7") != NULL
			  ? 0
			  : 4;
	fixture_end(&f);
	if (open_in_class(WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, true, &problem) != -EPERM ||
	    strcmp(problem.field, "log.scheduler") != 0 ||
	    strstr(problem.text, "CAP_SYS_NICE") == NULL)
		failed |= 8;
	/* A class that is not had starves nobody: the rest of it is no error. */
	if (open_in_class(WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, false, &problem) != 0)
		failed |= 16;
	fixture_end(&f);
	return failed;
}

static void refusals(void)
{
	struct weir_problem problem = {0};
	int status = -1;
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(without_the_right_to_it());
	fixture_need(child > 0 && waitpid(child, &status, 0) == child, "a child");
	int failed = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	if (failed == 64) {
		skip("a class that is refused", "privileges cannot be given up here");
	} else {
		printf("# bits of what failed: %d\n", failed);
		check(failed == 0, "a class that is refused becomes OTHER with a note, or, strict, "
				   "is an error that names the fix");
	}
	if (!may_be_real_time()) {
		skip("a real-time spinner without a CPU of its own", "refused here altogether");
		return;
	}
	int rc = open_in_class(WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, false, &problem);
	printf("# %s: %s\n", problem.field, problem.text);
	check(rc == -EINVAL && strcmp(problem.field, "log.scheduler") == 0 &&
		      strstr(problem.text, "starves") != NULL,
	      "a real-time spinner without a CPU of its own is refused, strict or not");
	fixture_end(&f);
}

/* A CPU that is not allowed to helpers is refused by name. */
static void housekeeping_is_checked(void)
{
	struct weir_problem problem = {0};
	uint16_t cpu = 0;
	while (CPU_ISSET(cpu, &all_cpus))
		cpu++;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.housekeeping = (struct weir_cpu_list){2, {first, cpu}};
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	check(rc == -EINVAL && strcmp(problem.field, "housekeeping.cpus") == 0 &&
		      strstr(problem.text, "not available") != NULL,
	      "a CPU of housekeeping that is not there is refused by name");
	fixture_end(&f);
}

static enum weir_handled idle(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)item;
	return WEIR_HANDLED_OK;
}

/* True: two handlers' threads, one on each of the two CPUs. */
static bool handlers_are_apart(void)
{
	static struct seen_thread now[SEEN_THREADS_MAX];
	uint32_t count = seen_threads(now), on_first = 0, on_second = 0, handlers = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (strncmp(now[i].name, "spins-h", 7) != 0)
			continue;
		handlers++;
		on_first += CPU_EQUAL(&now[i].cpus, &first_cpu) != 0;
		on_second += CPU_EQUAL(&now[i].cpus, &second_cpu) != 0;
	}
	return handlers == 2 && on_first == 1 && on_second == 1;
}

static bool come_to_be_apart(void)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!handlers_are_apart() && fixture_now_ns() < until)
		fixture_sleep_ns(1000000);
	return handlers_are_apart();
}

static struct weir_member *join_idle(const char *name)
{
	struct weir_member_options options;
	struct weir_member *member = NULL;
	uint32_t id = fixture_subscription(&f, name, "t");
	weir_member_options_init(&options);
	options.handler = idle;
	fixture_need(weir_member_join(f.pipeline, id, &options, &member, NULL) == 0, name);
	return member;
}

/* Also when the first has left and another one comes. */
static void handlers_that_spin_have_a_cpu_each(void)
{
	const char *what = "handlers that spin have a CPU of their list each";
	struct weir_info info;
	if (first == second) {
		skip(what, "one CPU");
		return;
	}
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.name = "spins";
	f.options.members_max = 2;
	f.options.handler.wait = WEIR_WAIT_SPIN;
	f.options.handler.cpu_count = 2;
	f.options.handler.cpus[0] = first;
	f.options.handler.cpus[1] = second;
	fixture_open(&f);
	fixture_info(&f, &info);
	(void)fixture_topic(&f, "t", 1);
	if (info.thread_note[0] != '\0') { // a quota
		skip(what, info.thread_note);
	} else {
		struct weir_member *one = join_idle("one");
		(void)join_idle("two");
		check(come_to_be_apart(), what);
		fixture_need(weir_member_leave(one, WEIR_FOREVER) == 0, "the first leaves");
		(void)join_idle("three");
		check(come_to_be_apart(), "and so has one that comes later");
	}
	fixture_end(&f);
}

int main(void)
{
	fixture_need(sched_getaffinity(0, sizeof all_cpus, &all_cpus) == 0, "the CPU mask");
	while (!CPU_ISSET(first, &all_cpus))
		first++;
	second = first;
	for (uint16_t cpu = (uint16_t)(first + 1); cpu < CPU_SETSIZE && second == first; cpu++)
		if (CPU_ISSET(cpu, &all_cpus))
			second = cpu;
	CPU_SET(first, &first_cpu);
	CPU_SET(second, &second_cpu);
	bool in_memory = access("/dev/shm", W_OK) == 0 && setenv("TMPDIR", "/dev/shm", 1) == 0;
	if (!in_memory)
		printf("# no /dev/shm: the kernel's workers are looked at if they show\n");
	refusals();
	housekeeping_is_checked();
	handlers_that_spin_have_a_cpu_each();
	for (enum weir_io io = WEIR_IO_URING; io <= WEIR_IO_POSIX; io++) {
		if (io == WEIR_IO_URING && !fixture_has_uring()) {
			skip("io_uring", "refused here, or left out");
			continue;
		}
		nothing_is_inherited(io, in_memory);
		all_is_as_asked(io, in_memory);
		real_time_stays_with_its_thread(io, in_memory);
	}
	printf("1..%d\n", case_count);
	return failed_count == 0 ? 0 : 1;
}
