/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device behind a directory, as the kernel tells it: what a durable write has to wait for
 * there. Read as text from /proc/self/mountinfo and /sys; what is not told is "n/a", never an
 * error.
 *
 * Thread: any; nothing is shared.
 */
#ifndef WEIR_BENCH_DEVICE_H
#define WEIR_BENCH_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct bench_device {
	char name[64];  /* "vda", "nvme0n1p2" */
	char model[64]; /* of the disk */
	char file_system[24];
	char mount_options[256]; /* of the mount, and of the file system behind it */
	char write_cache[24];    /* "write back": a sync has to flush it; "write through" */
	char fua[8];             /* "1": a write may be durable without a flush */
	char scheduler[64];      /* with the one in use in brackets */
	char rotational[8];
	char physical_block_bytes[16];
	char below[64]; /* devices that this one is made of (dm, md), or a loop's file; "" */
};

void bench_device_read(const char *dir, struct bench_device *ret_device);

/* Flushes that the disk has done since it was there, for anybody; false where that is not told. */
bool bench_device_flushes(const struct bench_device *device, uint64_t *ret_flushes);

/* One line of /proc/self/mountinfo: does it tell of this device number? Then the fields are set. */
bool bench_device_mount(const char *line, unsigned major, unsigned minor,
			struct bench_device *device, char *source, size_t source_bytes);

#endif
