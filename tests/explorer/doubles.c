/* SPDX-License-Identifier: Apache-2.0 */
/* Which executions were seen: a table of hashes, for the explorer's tests of itself. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/explore_internal.h"

#define TABLE_COUNT (1u << 20)

static uint64_t *table;
static uint32_t used;

void explore_forget(void)
{
	if (used > 0)
		memset(table, 0, TABLE_COUNT * sizeof *table);
	used = 0;
}

bool explore_is_new(uint64_t hash)
{
	if (table == NULL)
		table = calloc(TABLE_COUNT, sizeof *table);
	WR_ASSERT(table != NULL && used < TABLE_COUNT / 2);
	hash |= 1;
	uint32_t i = (uint32_t)(hash >> 32) % TABLE_COUNT;
	for (; table[i] != 0; i = (i + 1) % TABLE_COUNT)
		if (table[i] == hash)
			return false;
	table[i] = hash;
	used++;
	return true;
}
