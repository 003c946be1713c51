/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage in front of another, for one thread that reads segments from their beginning to their
 * end: it keeps reads in flight behind the place where that thread is, so that the medium works
 * while bytes are looked at. Everything else goes through.
 *
 * A run of reads is one that goes on where the read before ended, or a little further. It begins
 * with the second such read; a shorter file, or one that is read here and there, costs nothing. It
 * goes on into the next file where that was named before (follows()).
 *
 * What is read again is asked of the medium again: bytes are handed out once, and a read that goes
 * back ends the run. So who reads a place twice, because its owner may have written it meanwhile
 * (L36), sees what is there the second time. Bytes further on may have been read earlier than those
 * in front of them, by as much as is in flight.
 *
 * Thread: one, for all calls. Blocks. Memory: a pool of WR_READ_AHEAD_BYTES, from the first run to
 * the end.
 */
#ifndef WR_JOURNAL_READ_AHEAD_H
#define WR_JOURNAL_READ_AHEAD_H

#include "core/port/memory.h"
#include "core/port/storage.h"

#define WR_READ_AHEAD_DEPTH 8u
#define WR_READ_AHEAD_PIECE_BYTES (1u << 20)
#define WR_READ_AHEAD_BYTES (WR_READ_AHEAD_DEPTH * WR_READ_AHEAD_PIECE_BYTES)

/*
 * 0 or -ENOMEM. *ret_storage owns `inner` then, which has to be left (enter, submit and poll are
 * for the reads ahead), and whose depth_max bounds how many there are. Its fini() ends both.
 */
int wr_read_ahead_open(struct wr_storage *inner, struct wr_memory *memory,
		       struct wr_storage **ret_storage);

#endif
