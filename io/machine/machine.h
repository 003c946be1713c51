/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine says of itself where a plan has to know: limits of the process, how its CPUs are
 * run, what the kernel allows, and the directory of a journal. Facts only, read from /proc and
 * /sys; what they mean for a pipeline is plan.h's.
 *
 * Thread: any; no state.
 */
#ifndef WR_MACHINE_MACHINE_H
#define WR_MACHINE_MACHINE_H

#include "io/thread/affinity.h"

#define WR_MACHINE_NO_LIMIT UINT64_MAX
#define WR_MACHINE_NODES_MAX 64u
#define WR_MACHINE_PATH_BYTES 256u

struct wr_machine_limit {
	uint64_t soft; /* WR_MACHINE_NO_LIMIT */
	uint64_t hard;
};

/* What is behind the path of a journal. */
struct wr_machine_dir {
	bool is_there;                     /* the directory itself */
	bool is_makeable;                  /* it or its parent is there, and may be written */
	char place[WR_MACHINE_PATH_BYTES]; /* what was looked at: it or its parent */
	uint64_t free_bytes;               /* for this user */
	uint64_t total_bytes;              /* of the file system; 0: not known */
	uint32_t file_count;               /* segments that are in it */
	/* Of the journal that is there, as options say them; 0: there is none. */
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	int journal_code; /* WEIR_E_FORMAT, WEIR_E_CORRUPT: it cannot be opened, as the text says */
	char journal_text[208];
};

/* Huge pages of one size that are set aside. */
struct wr_machine_pages {
	bool is_there;   /* the kernel has pages of this size */
	uint64_t total;  /* set aside */
	uint64_t unused; /* to be had: free, promised to nobody, or to be made when asked for */
	/* Free on each node, as far as a number is known for it. */
	uint32_t node_count;
	uint64_t node_unused[WR_MACHINE_NODES_MAX];
};

struct wr_machine {
	bool knows_limits;                     /* of the process: the four that follow */
	struct wr_machine_limit descriptors;   /* RLIMIT_NOFILE */
	struct wr_machine_limit locked;        /* RLIMIT_MEMLOCK, bytes */
	struct wr_machine_limit file_bytes;    /* RLIMIT_FSIZE */
	struct wr_machine_limit address_bytes; /* RLIMIT_AS */
	struct wr_machine_limit stack_bytes;   /* RLIMIT_STACK: of a thread that asks for none */
	uint64_t mapped_bytes;                 /* of address space, now; 0: not known */
	struct wr_machine_limit real_time;     /* RLIMIT_RTPRIO: the highest priority */
	bool may_lock;                         /* CAP_IPC_LOCK: whatever the limit */
	bool may_schedule;                     /* CAP_SYS_NICE: any class and priority */
	bool stops_real_time;            /* threads that never wait, for a part of each second */
	uint64_t memory_available_bytes; /* MemAvailable; 0: not known */
	uint64_t memory_limit_bytes;     /* of the cgroup; WR_MACHINE_NO_LIMIT */

	int uring_code;          /* 0: an io_uring can be made; else the negative code of trying */
	uint32_t uring_disabled; /* the sysctl kernel.io_uring_disabled; 0: not */
	struct wr_cpu_set slow;  /* CPUs whose governor is not "performance" */
	char governor[32];       /* that of the first of them; "" */
	bool smt_active;         /* second threads of cores are in use */
	struct wr_cpu_set tickless; /* nohz_full */
	char huge_pages[16];        /* transparent ones: "always", "madvise", "never", "" */
	char shared_pages[16];      /* those of shared memory: "never", "deny", ... */
	struct wr_machine_pages pages_2m;
	struct wr_machine_pages pages_1g;
};

/* Those of 2 MiB or of 1 GiB. */
static inline const struct wr_machine_pages *wr_machine_pages_of(const struct wr_machine *machine,
								 uint32_t page_bytes)
{
	return page_bytes > 2u << 20 ? &machine->pages_1g : &machine->pages_2m;
}

/*
 * Never fails: what cannot be read is what the struct says for "not known".
 *
 * @param root     NULL: the running system, and an io_uring is tried. Else a tree with proc/ and
 *                 sys/, as tests build it; the code of the io_uring is then what the sysctl says
 * @param present  the CPUs whose governors are looked at
 */
void wr_machine_read(const char *root, const struct wr_cpu_set *present,
		     struct wr_machine *ret_machine);

/* How to have an io_uring where trying said `uring_code`: a command or a setting. */
const char *wr_machine_mend_uring(const struct wr_machine *machine, int uring_code);

/* Looks at the directory of a journal (machine_dir.c); makes nothing. */
void wr_machine_read_dir(const char *path, struct wr_machine_dir *ret_dir);

/* The folder that a path is in: "." for a name alone. */
void wr_machine_parent(const char *path, char to[WR_MACHINE_PATH_BYTES]);

/* 0: a folder in which this process may make files; else why not: -ENOENT, -ENOTDIR, -EACCES. */
int wr_machine_takes_files(const char *path);

/* By its path, or, a name alone, in the folders of PATH: is it there, and may it be run? */
bool wr_machine_has_program(const char *name);

/* Has the environment of this process such a variable, with something in it? */
bool wr_machine_has_variable(const char *name);

#endif
