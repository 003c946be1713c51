/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupt ends a command properly: it stops where it is, says what it has, and removes what it
 * made. The handler notes the signal, and nothing else; who works looks at the note.
 *
 * SIGINT, SIGTERM and SIGHUP, but that one not where it is ignored: nohup is to hold.
 *
 * Thread: main; the note is read by any, and the handler runs on any.
 */
#ifndef WEIR_TOOLS_INTERRUPT_H
#define WEIR_TOOLS_INTERRUPT_H

#include "core/base/atomic.h"

#define INTERRUPT_EXIT 130

enum interrupt_again {
	INTERRUPT_NOTES, /* so is each further one */
	INTERRUPT_KILLS, /* the second of a kind kills as usual */
};

/* From now on they are noted; what was noted before is forgotten. */
void interrupt_catch(enum interrupt_again again);
/* As it was before that: the rest of the command is not to be stopped. */
void interrupt_leave(void);
/* In a child that is to die of them as usual. */
void interrupt_forget(void);

/* The number of the last one; 0: none came. */
wr_atomic_u32 *interrupt_flag(void);
uint32_t interrupt_came(void);

#endif
