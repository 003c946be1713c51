/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Options: plain structs, filled with safe defaults by their init function, changed by field, and
 * checked once. A rejected option is named in a struct weir_problem with the reason.
 *
 * All memory that a pipeline will ever use follows from these numbers: weir_memory_plan() computes
 * it without opening anything. All of it is reserved and touched at open.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <weir/base.h>
#include <weir/error.h>
#include <weir/log.h>

WEIR_DECLS_BEGIN

struct weir_alert;      /* alerts.h */
struct weir_alert_rule; /* the same */

/**
 * How far an event has come. What each level survives:
 *
 *   MEMORY    ordered in the log and visible in memory: survives nothing, not even the process
 *   WRITTEN   handed to the kernel: survives the death of the process, not of the machine
 *   DURABLE   written and flushed: survives power loss, on a device that honours flush
 *
 * Where the engine syncs in the write, WRITTEN is reported together with DURABLE.
 */
enum weir_level {
	WEIR_LEVEL_DEFAULT = 0, /**< DURABLE with a journal, MEMORY without */
	WEIR_LEVEL_MEMORY = 1,
	WEIR_LEVEL_WRITTEN = 2,
	WEIR_LEVEL_DURABLE = 3,
};

/** How a thread waits when it has nothing to do. */
enum weir_wait {
	WEIR_WAIT_DEFAULT = 0,  /**< ADAPTIVE */
	WEIR_WAIT_SPIN = 1,     /**< never leaves its CPU: needs one of its own */
	WEIR_WAIT_ADAPTIVE = 2, /**< spins some microseconds, yields, then parks */
	WEIR_WAIT_YIELD = 3,    /**< gives its CPU to whoever wants it, but never sleeps */
	WEIR_WAIT_PARK = 4,     /**< sleeps at once: least CPU, some microseconds to wake */
};

/** Which storage backend writes the journal. */
enum weir_io {
	WEIR_IO_AUTO = 0,  /**< io_uring, or posix where the machine refuses it */
	WEIR_IO_URING = 1, /**< io_uring, or an error that says why not */
	WEIR_IO_POSIX = 2, /**< blocking calls on helper threads */
};

/**
 * The scheduling class of a thread, as in sched(7). FIFO and RR run before every thread of the
 * other two and are not taken off a CPU by them: they need CAP_SYS_NICE or RLIMIT_RTPRIO. Where
 * that is refused the thread is OTHER, and weir_info says so; with strict_threads weir_open() is
 * refused. Nothing that such a thread starts (kernel workers, threads of a handler) has its class.
 */
enum weir_scheduler {
	WEIR_SCHEDULER_OTHER = 0, /**< as any thread */
	WEIR_SCHEDULER_BATCH = 1, /**< the same share, but interrupts nobody when it wakes */
	WEIR_SCHEDULER_FIFO = 2,  /**< real time: runs until it waits */
	WEIR_SCHEDULER_RR = 3,    /**< real time: takes turns with those of the same priority */
};

/**
 * Huge pages under chunks and lanes: a device is handed a batch in few long pieces instead of many
 * of 4 KiB (measured: up to half as many bytes a second again), and there are fewer misses of the
 * address translation. Whatever is at least one such page is rounded up to whole ones; what is
 * smaller (mostly lanes) keeps small pages.
 */
enum weir_huge_pages {
	WEIR_HUGE_PAGES_OFF = 0,
	/** The default: asked of the kernel, for memory that has small pages (madvise). Needs
	 *  nothing set aside; where there are none small ones do, and weir_info says why.
	 *  Linux 6.1 makes them at open; before, the kernel may make them some time later. The size
	 *  is the kernel's, huge_page_bytes is not looked at. */
	WEIR_HUGE_PAGES_TRANSPARENT = 1,
	/** From those that the administrator has set aside (hugetlb); small ones where there are
	 *  too few, and weir_info says what was missing. */
	WEIR_HUGE_PAGES_TRY = 2,
	WEIR_HUGE_PAGES_REQUIRE = 3, /**< the same, or weir_open() is refused */
};

/** On which NUMA node chunks and lanes lie. On a machine of one node nothing is done. */
enum weir_numa {
	/** Near the thread that writes them, if it is pinned to CPUs of one node: chunks near the
	 *  log thread, chunks for catching up near the group's, lanes of members near handlers. The
	 *  lanes of producers, whose threads weir does not know, lie near the log thread, which
	 *  reads them. Else as the kernel has it: near the thread that opens. */
	WEIR_NUMA_AUTO = 0,
	WEIR_NUMA_OFF = 1,        /**< as the kernel has it */
	WEIR_NUMA_NODE = 2,       /**< on numa_node, on others once that is full */
	WEIR_NUMA_INTERLEAVE = 3, /**< page by page over all nodes of this process */
};

/** Whether the journal has a thread of its own, or the one that orders writes too. */
enum weir_journal_thread {
	WEIR_JOURNAL_THREAD_AUTO = 0, /**< when this process may use 4 CPUs or more */
	WEIR_JOURNAL_THREAD_YES = 1,
	WEIR_JOURNAL_THREAD_NO = 2,
};

/** Where the log can have no further segment: a full disk, low_space_bytes, segments_max. */
enum weir_when_no_room {
	WEIR_NO_ROOM_WAIT = 0, /**< producers are held back, as their when_full says */
	/** The oldest segment that no subscription and no checkpoint needs is used again, also
	 *  within retention_bytes and retention_time_ns; where there is none, producers are held
	 *  back. */
	WEIR_NO_ROOM_DROP_OLDEST = 1,
	/** Events are refused with WEIR_E_NO_ROOM, at once, whatever their producer's when_full
	 *  says and though its lane has room. What lanes hold already waits, and so do claims and
	 *  runs that were open. weir_pipeline_room() says why, in bytes. */
	WEIR_NO_ROOM_REFUSE = 2,
};

/** What is done to segments that nothing more is written to. */
enum weir_pack {
	WEIR_PACK_NO = 0,
	/** Batches lose the zeros that pad them to 4 KiB: a file of the events alone takes the
	 *  place of the segment's, by a thread of its own that leaves most of its time to others
	 *  (in a manual pipeline weir_step() does it). Sequences stay, readers notice nothing. */
	WEIR_PACK_PADDING = 1,
	/** The same, and what is left is compressed, an extent (chunk_bytes) at a time, where that
	 *  saves a block: with LZ4 or with Zstandard, at `pack_level`. Who reads such a segment
	 *  needs a weir that was built with the library: another one refuses the journal
	 *  (WEIR_E_FORMAT) and says which. Opening with a library that this build lacks:
	 *  -ENOTSUP. Segments that were packed before stay as they are. */
	WEIR_PACK_LZ4 = 2,
	WEIR_PACK_ZSTD = 3,
};

#define WEIR_CPUS_MAX 64

/** A list of CPUs, by the kernel's numbers. */
struct weir_cpu_list {
	uint32_t cpu_count; /**< entries of `cpus` */
	uint16_t cpus[WEIR_CPUS_MAX];
};

/**
 * One kind of weir's own threads.
 *
 * A thread that is not pinned runs on the CPUs of the process: those it had when libweir was
 * loaded, or that its first thread or the one that opens may use now, within the cgroup. So it
 * never inherits the pin of a thread that opens or joins, and never its scheduling class.
 *
 * A FIFO or RR thread that spins (SPIN, YIELD) takes its CPU from everybody, the kernel's own
 * threads included, and the kernel then stops it for 50 ms of every second (RT throttling). It must
 * be pinned to CPUs that no other thread of weir may use; anything else is refused, strict or not.
 */
struct weir_thread_options {
	enum weir_wait wait;
	enum weir_scheduler scheduler;
	uint32_t priority;            /**< of FIFO and RR: 1 (lowest) .. 99; of the others 0 */
	uint32_t stack_bytes;         /**< 64 KiB .. 1 GiB; 0 (default): the C library's, mostly
	                                   8 MiB of addresses, of which memory is what is touched */
	uint32_t cpu_count;           /**< entries of `cpus`; 0: not pinned */
	uint16_t cpus[WEIR_CPUS_MAX]; /**< CPUs the thread may run on, by the kernel's numbers */
	char name[16];                /**< thread name; "": weir's own */
};

/**
 * Where tables and structs come from. Used at open, join and define; never on publish, poll, ack,
 * catch-up or segment roll.
 */
struct weir_allocator {
	/** Returns zeroed memory aligned to `align` (a power of two up to 4096), or NULL. */
	void *(*alloc)(void *context, size_t bytes, size_t align);
	void (*free)(void *context, void *p, size_t bytes);
	void *context;
};

struct weir_options {
	size_t struct_bytes; /**< set by weir_options_init: keeps the ABI open */

	const char *name; /**< for threads and reports, 1..32 of [A-Za-z0-9._-]; default "weir" */
	const char *dir;  /**< the journal's directory, made if missing; NULL: memory only */
	enum weir_io io;
	bool manual; /**< no threads: the program calls weir_step() itself */

	/* memory: sizes in bytes, rounded up to what they need to be */
	uint32_t chunk_bytes;       /**< unit of memory and of pinning; power of two, 16 KiB ..
	                               16 MiB; default 1 MiB. The largest run is a quarter of it,
	                               or of a lane where that is smaller.
	                               A journal keeps it: another one is refused */
	uint64_t pool_bytes;        /**< chunks in memory, default 64 MiB: how far a reader may lag
	                               before it reads from disk. At most 65,534 chunks. With a
	                               journal, who begins finds the newest undurable_bytes and
	                               eight chunks there; more is kept for who reads in it */
	uint64_t undurable_bytes;   /**< visible but not yet durable at most, default 8 MiB: beyond
	                               it producers are held back. The pool is made larger where
	                               it has too few chunks for it, and for those who hold one */
	uint32_t lane_bytes;        /**< of a producer, power of two, default 1 MiB */
	uint32_t member_lane_bytes; /**< of a member or group, default 1 MiB */
	enum weir_huge_pages huge_pages;
	uint32_t huge_page_bytes; /**< of TRY and REQUIRE: 2 MiB (default) or 1 GiB */
	bool lock_memory;         /**< chunks, lanes and tables never leave memory for swap; needs
	                               RLIMIT_MEMLOCK of the plan, or CAP_IPC_LOCK: without it
	                               weir_open() is refused. Not locked: stacks, and what is the
	                               program's (mlockall() is for that). Pages are touched at open
	                               with and without it */
	enum weir_numa numa;
	uint32_t numa_node; /**< for WEIR_NUMA_NODE */
	bool in_core_dumps; /**< bytes of events are in a core dump of the process; default:
	                               they are left out. Of huge pages the kernel also looks at bit
	                               6 of /proc/PID/coredump_filter */

	/* Limits: what has a slot, a table entry or a pin reserved. They may change from open to
	 * open; a journal that holds more than they allow is refused, and not touched. (What jobs
	 * over dead letters left is beside them: dead_letters.h.) */
	uint32_t producers_max;        /**< open at once, default 16 */
	uint32_t members_max;          /**< joined at once, replays that are open too; default 16 */
	uint32_t topics_max;           /**< ever made, default 64 */
	uint32_t partitions_max;       /**< of all topics together, default 1024 */
	uint32_t subscriptions_max;    /**< ever made, default 16 */
	uint32_t named_producers_max;  /**< ever made, default 256 */
	uint32_t idempotency_keys_max; /**< of the windows of all topics together, 0 (default) ..
	                                100,000,000: 40 bytes of memory each, 28 in a checkpoint */
	uint32_t versioned_keys_max;   /**< of all topics whose keys have versions together, 0
	                                (default) .. 50,000,000: 77 bytes of memory each, 48 in a
	                                checkpoint */
	uint32_t outstanding_max;      /**< events that shared subscriptions (sharing.h) have taken
	                                   and not settled, all together; default 16384, about 160
	                                   bytes each, and 72 in a checkpoint */
	uint32_t schemas_max;          /**< versions of all subjects of the schema registry
	                                   (registry.h) together, deleted ones too, 0 (default:
	                                   there is no registry) .. 65,535: about 310 bytes each */
	uint32_t schema_bytes_max;     /**< of the texts of all schemas and their references
	                                   together, 4 KiB .. 64 MiB, default 1 MiB: reserved with
	                                   schemas_max, and as much for the checkpoint */
	uint32_t validate_work_max;    /**< steps that a payload of a JSON Schema may cost where it
	                                   is read before it is taken (registry.h): over them it
	                                   is refused. 0 (default): 16,777,216 and one for each
	                                   byte, up to a second; else up to 2^31. See
	                                   weir_schema_validate_within() */
	uint32_t filter_bytes_max;     /**< of all filters of subscriptions together (filtering.h),
	                                   0 .. 64 MiB, default 64 KiB: so much in a checkpoint */
	uint32_t run_records_max;      /**< events in one run, default 4096 */

	/* journal */
	uint64_t segment_bytes;     /**< of a file, multiple of chunk_bytes, default 64 MiB; a
	                                journal keeps the size that it was made with */
	uint32_t segments_ahead;    /**< zero-written before they are needed, default 2 (1..16) */
	uint32_t segments_max;      /**< files of the log at most, default 65,536 (64 ..
	                                1,048,576): some 220 bytes of memory each. With as many
	                                as that, and nothing to recycle, it is as with a full
	                                disk (when_no_room). May be raised at any open */
	uint64_t retention_bytes;   /**< let the oldest segments beyond this go, once no
	                                subscription needs them; 0 (default): no limit by size */
	uint64_t retention_time_ns; /**< let the oldest segments go when their newest event is
	                                older than this, once no subscription needs them;
	                                0 (default): whatever its age. By a clock that never
	                                jumps: an event stays while the log runs, with this
	                                option, for half of it, also if the wall clock is wrong
	                                at an open, and time that nobody ran the log counts at
	                                the same pace from then on. At the first open with it,
	                                and the first after one without, ages are those of
	                                append time, jumps of the wall clock included. The newest
	                                segment stays, however old. With retention_bytes: what
	                                comes first */
	uint64_t low_space_bytes;   /**< room on the file system that is left to others: no further
	                                segment is made that leaves less free. It is as with a
	                                full disk then, segments_ahead segments before producers
	                                notice; weir_info and log_fn tell. 0 (default): none */
	enum weir_when_no_room when_no_room;
	enum weir_pack pack; /**< default WEIR_PACK_NO: from the first packed segment on, a weir
	                          that cannot read them refuses the journal (WEIR_E_FORMAT) */
	uint32_t pack_level; /**< how hard LZ4 (1..12; 1 is its fast mode) or ZSTD (1..19) tries; 0
	                          (default): 1 and 3. Must be 0 with another `pack` */
	uint32_t compaction_keys; /**< keys that a pass of compaction has in its table at most, for
	                              topics that ask for it (weir_topic_options.compact): at
	                              least 36 bytes of memory each; with more keys it takes
	                              several passes. 0 (default): nothing is compacted; else 1024
	                              .. 100,000,000, with `pack`. From the first event on that is
	                              left out, a weir that does not know of that refuses the
	                              journal (WEIR_E_FORMAT) */
	uint32_t erasures_max;    /**< keys that may be erased (weir_erase_key()) between two opens,
	                              with those that an earlier owner left to be done: 40 bytes of
	                              memory each. 0 (default): none can be; else up to 1,000,000,
	                              with `pack`. With it no segment file is used again: each is
	                              made anew, and removed when it has left the log */
	bool topic_retention;     /**< topics may have a retention of their own
	                               (weir_topic_options.retention_time_ns, retention_bytes): some
	                               420 bytes of memory for each of topics_max, and two chunks.
	                               false (default): none may; needs `pack`. From the first event
	                               on that leaves, a weir that does not know of that refuses the
	                               journal (WEIR_E_FORMAT) */
	uint64_t checkpoint_bytes; /**< log bytes between checkpoints; 0: 64 MiB, or four times the
	                                size of a checkpoint if that is more */
	uint32_t batches_in_flight_max; /**< writes under way at once, default 4 (1..16) */
	uint64_t evidence_delay_ns;     /**< idle time after which the last batches are attested as
	                                     durable on the medium, default 50 ms */
	/** A file with 32 to 64 bytes, read at the open: each batch then carries a tag of its
	 * content and a link of a chain under that key, which `weir journal verify --chain` proves
	 * (docs/guide/tamper-evidence.md). For good: a journal that has a chain opens with that
	 * key only, else -ENOKEY or -EKEYREJECTED, and a weir that knows of none refuses it
	 * (WEIR_E_FORMAT). NULL (default): none */
	const char *chain_key_file;
	bool seal_before_ack; /**< attest each batch before its acknowledgement: closes the
	                           window of a double fault (power cut and damage), for a
	                           second write */

	/* threads */
	enum weir_journal_thread journal_thread;
	struct weir_thread_options log; /**< orders; also writes, without journal_thread */
	struct weir_thread_options journal;
	struct weir_thread_options group;   /**< assignments, generations, catch-up, lag */
	struct weir_thread_options handler; /**< each thread that runs members' handlers */
	struct weir_cpu_list housekeeping; /**< CPUs of every helper: threads that prepare segments,
	                                        that pack them, that write for the posix backend,
	                                        the kernel's workers of the io_uring. None: all of
	                                        the process */
	bool strict_threads; /**< more spinners than CPUs, or a scheduling class that is refused, is
	                          an error, instead of ADAPTIVE or OTHER and a note in weir_info */

	struct weir_allocator allocator; /**< all NULL: the C library's */

	/** Gets lines (log.h): what an operator should know, such as what was not to be had of
	 *  backend, wait strategy, scheduling class, huge pages and NUMA, a tail that recovery
	 *  trimmed (all inside weir_open()), the failure of the journal, that room for segments
	 *  is short on the file system and that it is there again, that the journal has no room
	 *  for another segment (at once) and that it has again (when that has lasted for a
	 *  second; for twice as long each time that the room went again, up to 15 minutes, until
	 *  there was none lacking for an hour), damage that stops a member with a handler (all
	 *  inside a step), a member that was overtaken (inside its poll). The threads of the log
	 *  and of groups among them: it must return soon, and must not call weir;
	 *  weir_log_writer_take() is one. NULL: nothing is said. */
	weir_log_fn log_fn;
	void *log_context;
	/** Which lines: default WEIR_LOG_INFO and worse, of each event 20 at once and one a second;
	 *  weir_pipeline_log_set() changes it. */
	struct weir_log_limits log_limits;

	/**
	 * Where the file is made in which other processes read the pipeline's metrics (metrics.h):
	 * a directory in memory; it is made, with mode 0700, if it is missing, and has to be the
	 * user's own. The file, NAME.PID, has mode 0600, goes with a close, and stays where the
	 * process dies: until the next open of the same name and journal, or any open of the
	 * user's a day later, or when that journal is gone. NULL (default):
	 * /dev/shm/weir-UID; "" or "none": no file. Where none can be made the pipeline opens
	 * without it, and weir_info and log_fn say why.
	 */
	const char *metrics_dir;

	/** Rules that say when somebody is to be told (alerts.h), and how many: 64 at most. They
	 *  are copied, and weir_pipeline_alerts_set() has others in their place. NULL and 0
	 *  (default): none. */
	const struct weir_alert_rule *alerts;
	uint32_t alert_count;
	/** 0 .. 65536, default 64: numbers that rules look at, for which memory is reserved: 1
	 *  for a rule of the pipeline or of one subscription, subscriptions_max for one of each.
	 *  It is what `alerts` need, if that is more. */
	uint32_t alert_instances_max;
	/** A topic, made by the program or the configuration file, to which an event is published
	 *  when a rule is raised, and when it is over; NULL (default): none. */
	const char *alert_topic;
	/** Is told of the same, by weir's group thread or, of what stands still, by a thread beside
	 *  it, one at a time; must not call weir. Who does not come back from it holds up what that
	 *  thread does. NULL (default): nobody is. */
	void (*alert_fn)(void *context, const struct weir_alert *alert);
	void *alert_context;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param options  overwritten
 */
WEIR_API void weir_options_init(struct weir_options *options);

/** What a pipeline with these options will use at most. */
struct weir_memory_plan {
	uint64_t chunks_bytes;  /**< the chunk pool, in whole huge pages where they are asked for,
	                             and the tag column beside it */
	uint64_t lanes_bytes;   /**< all lanes and their reply rings, when all are open */
	uint64_t catchup_bytes; /**< chunks for readers that are behind, when all groups are */
	uint64_t tables_bytes;  /**< topics, subscriptions, producers, progress, checkpoint */
	uint64_t total_bytes;
	uint64_t huge_bytes; /**< of these in huge pages that are set aside, if all can be had; the
	                          rest is what lock_memory counts against RLIMIT_MEMLOCK */
	uint32_t chunk_count;
	uint64_t checkpoint_bytes; /**< no memory: of a checkpoint on disk, at most. A journal has
	                                room for two; 0: there is none */
	uint64_t metrics_bytes;    /**< of the file of metrics (metrics.h), which is in memory */
};

/**
 * Compute what would be reserved, and check every option: also the CPUs, by what this process may
 * use just now. What only an open can know is not looked at: the directory, and the memory itself.
 *
 * Thread: any. Blocks: for a look at the kernel's files. Allocates: never.
 * @param options         as for weir_open()
 * @param ret_plan        set on success
 * @param reterr_problem  may be NULL; on failure the field and the reason
 * @return 0, or -EINVAL with the problem filled in
 */
WEIR_API WEIR_MUST_CHECK int weir_memory_plan(const struct weir_options *options,
					      struct weir_memory_plan *ret_plan,
					      struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
