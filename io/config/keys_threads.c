/* SPDX-License-Identifier: Apache-2.0 */
/* The table: what threads may be placed on, and each kind of thread. */
#include "io/config/keys_inner.h"

/* ---- machine ---- */

static const struct wr_config_choice smt_choices[] = {
	{"one_per_core", false, "a thread has a physical core for itself"},
	{"all", true, "SMT siblings are CPUs like others"},
	{0},
};

static const struct wr_config_choice locality_choices[] = {
	{"l3", WR_LOCALITY_L3, "threads that talk to each other share a level-3 cache"},
	{"node", WR_LOCALITY_NODE, "they share a NUMA node"},
	{"none", WR_LOCALITY_NONE, "anywhere"},
	{0},
};

static const struct wr_config_choice shared_choices[] = {
	{"auto", WR_SHARED_AUTO, "yes when the CPU quota is below the CPUs, or cores are few"},
	{"yes", WR_SHARED_YES, "nothing spins, nothing is pinned"},
	{"no", WR_SHARED_NO, "the machine is weir's"},
	{0},
};

static const struct wr_config_key machine_keys[] = {
	{.name = "allow",
	 VALUE(policy.allow),
	 .type = WR_CONFIG_CPUS,
	 .fallback = "auto",
	 .doc = "The CPUs that weir may use, of those that the process may"},
	{.name = "avoid",
	 VALUE(policy.avoid),
	 .type = WR_CONFIG_CPUS,
	 .fallback = "none",
	 .doc = "CPUs on which no thread is placed that did not ask for them"},
	{.name = "smt",
	 VALUE(policy.use_siblings),
	 .type = WR_CONFIG_CHOICE,
	 .choices = smt_choices,
	 .fallback = "one_per_core",
	 .doc = "What automatic placement does with SMT siblings"},
	{.name = "locality",
	 VALUE(policy.locality),
	 .type = WR_CONFIG_CHOICE,
	 .choices = locality_choices,
	 .fallback = "l3",
	 .doc = "How near to each other threads are placed"},
	{.name = "shared",
	 VALUE(policy.shared),
	 .type = WR_CONFIG_CHOICE,
	 .choices = shared_choices,
	 .fallback = "auto",
	 .doc = "Is the machine shared with others?"},
	{.name = "housekeeping",
	 VALUE(policy.housekeeping),
	 .type = WR_CONFIG_CPUS,
	 .fallback = "auto",
	 .doc = "CPUs of every helper: threads that prepare files and write, workers of io_uring"},
	{.name = "strict",
	 OPTION(strict_threads),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "What would be degraded, with a note, is an error"},
	{0},
};

const struct wr_config_section wr_config_machine = {.keys = machine_keys};

/* ---- threads ---- */

const struct wr_config_choice wr_config_waits[] = {
	{"adaptive", WEIR_WAIT_ADAPTIVE, "spins some microseconds, yields, then parks"},
	{"spin", WEIR_WAIT_SPIN, "never leaves its CPU: needs one of its own"},
	{"yield", WEIR_WAIT_YIELD, "gives its CPU to whoever wants it, but never sleeps"},
	{"park", WEIR_WAIT_PARK, "sleeps at once: least CPU, some microseconds to wake"},
	{0},
};

const struct wr_config_choice wr_config_schedulers[] = {
	{"other", WEIR_SCHEDULER_OTHER, "as any thread"},
	{"batch", WEIR_SCHEDULER_BATCH, "the same share, but it interrupts nobody when it wakes"},
	{"fifo", WEIR_SCHEDULER_FIFO, "real time: runs until it waits; needs a privilege"},
	{"rr", WEIR_SCHEDULER_RR, "real time, in turns with those of the same priority"},
	{0},
};

static const struct wr_config_choice own_choices[] = {
	{"auto", WEIR_JOURNAL_THREAD_AUTO, "when weir may use 4 CPUs or more"},
	{"yes", WEIR_JOURNAL_THREAD_YES, "always"},
	{"no", WEIR_JOURNAL_THREAD_NO, "never"},
	{0},
};

#define NAME_KEY(at, text)                                                                         \
	{                                                                                          \
		.name = "name", at, .type = WR_CONFIG_WORD, .absent = "weir's own", .doc = (text)  \
	}
#define THREAD_KEYS(kind)                                                                          \
	CPUS_KEY(VALUE(cpus.kind)), WAIT_KEY(OPTION(kind.wait)),                                   \
		CLASS_KEYS(OPTION, kind, 64 * KIB),                                                \
		NAME_KEY(OPTION(kind.name), "Its name, as ps and top show it: up to 15 bytes")
/* They wait inside calls of weir's, and those know how. */
#define RUN_THREAD_KEYS(kind)                                                                      \
	CPUS_KEY(VALUE(cpus.kind)), CLASS_KEYS(VALUE, kind, 256 * KIB),                            \
		NAME_KEY(VALUE(kind.name),                                                         \
			 "Its name, up to 15 bytes; a number behind it where there are several")

static const struct wr_config_key log_keys[] = {THREAD_KEYS(log), {0}};
static const struct wr_config_key journal_thread_keys[] = {
	{.name = "own",
	 OPTION(journal_thread),
	 .type = WR_CONFIG_CHOICE,
	 .choices = own_choices,
	 .fallback = "auto",
	 .doc = "A thread of its own writes the journal, not the one that orders"},
	THREAD_KEYS(journal),
	{0},
};
static const struct wr_config_key group_keys[] = {THREAD_KEYS(group), {0}};
static const struct wr_config_key handler_keys[] = {THREAD_KEYS(handler), {0}};
static const struct wr_config_key source_keys[] = {RUN_THREAD_KEYS(source), {0}};
static const struct wr_config_key sink_keys[] = {RUN_THREAD_KEYS(sink), {0}};
static const struct wr_config_key bridge_keys[] = {RUN_THREAD_KEYS(bridge), {0}};

static const struct wr_config_section log_section = {.keys = log_keys};
static const struct wr_config_section journal_thread_section = {.keys = journal_thread_keys};
static const struct wr_config_section group_section = {.keys = group_keys};
static const struct wr_config_section handler_section = {.keys = handler_keys};
static const struct wr_config_section source_section = {.keys = source_keys};
static const struct wr_config_section sink_section = {.keys = sink_keys};
static const struct wr_config_section bridge_section = {.keys = bridge_keys};

static const struct wr_config_key threads_keys[] = {
	{.name = "log", SAME_STRUCT(log_section), .doc = "The thread that orders events"},
	{.name = "journal",
	 SAME_STRUCT(journal_thread_section),
	 .doc = "The thread that writes them"},
	{.name = "group",
	 SAME_STRUCT(group_section),
	 .doc = "The thread of assignments, catch-up and lag"},
	{.name = "handler",
	 SAME_STRUCT(handler_section),
	 .doc = "Each thread that runs members' handlers"},
	{.name = "source",
	 SAME_STRUCT(source_section),
	 .doc = "Each source's thread of `weir run`"},
	{.name = "sink",
	 SAME_STRUCT(sink_section),
	 .doc = "The thread of each member of a subscription with a sink, of `weir run`"},
	{.name = "bridge",
	 SAME_STRUCT(bridge_section),
	 .doc = "The thread of each bridge, of `weir run`; cpus: auto are those of housekeeping"},
	{0},
};

const struct wr_config_section wr_config_threads = {.keys = threads_keys};
