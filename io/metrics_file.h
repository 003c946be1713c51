/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that a pipeline's metrics lie in: memory that other processes may read. It is made at
 * open, whole and allocated (a full file system is an error here, and no signal later), and goes at
 * the close. What a process of the same name and journal left when it died goes at the next open;
 * at any open, what is left of a journal that is gone, or since a day.
 *
 * Thread: the opening and the closing one.
 */
#ifndef WR_IO_METRICS_FILE_H
#define WR_IO_METRICS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_metrics_file {
	void *base; /* NULL: there is none */
	size_t bytes;
	char path[256];
	char note[160]; /* why there is none; "" */
};

struct wr_metrics_file_options {
	const char *dir;     /* NULL: the default one */
	const char *name;    /* of the pipeline */
	const char *journal; /* its directory; "": none */
	size_t bytes;
};

/* 0, or -errno and the note. */
int wr_metrics_file_make(struct wr_metrics_file *file, const struct wr_metrics_file_options *o);
/* Unmaps and removes it; nothing, if there is none. */
void wr_metrics_file_remove(struct wr_metrics_file *file);

/* When a process began, in clock ticks after boot; 0: there is none such, or it is a zombie. */
uint64_t wr_process_start(uint64_t pid);
/* The PID namespace of this process, on this machine, since its boot; 0: not known. */
uint64_t wr_process_space(void);

/*
 * Opens a file of metrics to read it: a regular file, no symbolic link. Its descriptor, or -errno
 * (-EINVAL: it is something else).
 */
int wr_metrics_file_look(int dir_fd, const char *name, uint64_t *ret_bytes);

#endif
