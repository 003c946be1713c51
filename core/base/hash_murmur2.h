/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MurmurHash2 as Kafka's Java client computes it (seed 0x9747b28c): a bridge to Kafka keeps every
 * key on its partition. partition = (hash & 0x7fffffff) % partition_count.
 * Thread: any. Wait-free.
 */
#ifndef WR_BASE_HASH_MURMUR2_H
#define WR_BASE_HASH_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

uint32_t wr_hash_murmur2(const void *key, size_t key_bytes);

#endif
