/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A contender of bench/ring.h in a process of its own: one that lives through all cells and rounds,
 * so that what it learned about itself (a JIT compiler's work) is there in the next. It is started
 * by its first run. weir and it exchange lines of ASCII on its standard input and output:
 *
 *     contender   weir-ring-peer 1                               once, when it is there
 *     weir        run SHAPE PAYLOAD_BYTES BATCH WAIT PRODUCERS CONSUMERS CAPACITY OWN_CPUS
 *                     LENGTH_NS WARM_NS
 *     contender   ready TIMER PRODUCER... CONSUMER...         the kernel's numbers of its threads
 *     weir        go
 *     contender   done ELAPSED_NS COUNT... {COUNT SUM FAULTS}... producers; consumers
 *
 * OWN_CPUS is 1 where each thread is going to have a CPU to itself. WARM_NS is what it may run
 * unseen before the first run of a cell. Between `ready` and `go` its threads are there and wait,
 * and weir gives them the CPUs (and with --fifo the priority) that its own threads have in this
 * cell; TIMER is the thread that waits for LENGTH_NS. Items are those of bench/ring_loop.h, and the
 * time is from the start of the pushing to the last item. A SUM is of first words, modulo 2^64.
 *
 * Instead of an answer it may say `error TEXT`. It ends when its input does.
 *
 * weir believes no result: sums of producers follow from their counts, those of consumers have to
 * agree, and the time has to be what weir's own clock allows. Who dies, is silent for too long or
 * says something else is killed, and the run fails with a cause in run->why; the next run would
 * start it again.
 *
 * Thread: the one that calls ring_run().
 */
#ifndef WEIR_BENCH_RING_CHILD_H
#define WEIR_BENCH_RING_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "bench/ring.h"

#define RING_CHILD_LINE_BYTES 2048u

struct ring_child {
	const char *const *argv; /* NULL ends; looked for on the PATH */
	uint64_t patience_ns;    /* for an answer, beside the time that it was asked to take */
	uint64_t
		warm_least_ns; /* WARM_NS is three rounds, but two seconds at most, this at least */
	/* Inside. All 0 before and after. */
	pid_t pid;
	int fd;
	uint32_t line_bytes; /* of `text`: the line that was taken last */
	uint32_t filled;
	char text[RING_CHILD_LINE_BYTES];
};

#define RING_CHILD_PATIENCE_NS 60000000000ull

/*
 * One run: run->cell and the rest as for ring_run(). 0; -EPROTO when items were lost, torn, doubled
 * or out of order, or the time cannot be; -EPIPE when it died, -ETIMEDOUT when it was silent,
 * -EBADMSG when it said something else, -ECANCELED when it said `error`; or -errno of starting it
 * or of placing its threads.
 */
int ring_child_run(struct ring_child *child, struct ring_run *run);

/* Ends the process, if there is one: it is asked to, and killed if it does not. */
void ring_child_close(struct ring_child *child);

#endif
