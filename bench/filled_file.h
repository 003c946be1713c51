/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that was really written with zeros and synced. On one that grows, or has only been
 * allocated, each sync commits metadata too and takes up to three times as long.
 *
 * Thread: any; blocks on the disk.
 */
#ifndef WEIR_BENCH_FILLED_FILE_H
#define WEIR_BENCH_FILLED_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Of an open file the first `bytes`, rounded up to 256 KiB. 0 or -errno. */
int filled_file_fill(int fd, uint64_t bytes);

/* `bytes` rounded up to 256 KiB. The descriptor, for reading and writing, or -errno: then there is
 * no such file, unless it is -EEXIST. */
int filled_file_make(int dir_fd, const char *name, uint64_t bytes);

/* All of it. 0 or -errno. */
int filled_file_write(int fd, const void *buffer, size_t bytes, uint64_t offset);

#endif
