/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of the simulated storage (S11), as io/posix/files.c has them: a file keeps one while
 * it is kept, in use, or among the last IDLE_MAX used. They are counted, and the plan can bound
 * them: a test sees how many a log of many files needs, and what happens when there are none left.
 * Thread: the simulation's.
 */
#include "io/sim/storage_sim_inner.h"

#include <errno.h>
#include <stddef.h>

#include <weir/error.h>

#define IDLE_MAX 32u

void wr_sim_idle_look(struct wr_storage_sim *s, struct wr_sim_handle *handle)
{
	const bool is_idle = handle->used && handle->open && !handle->kept && handle->users == 0;

	s->idle_count += is_idle;
	s->idle_count -= handle->idle;
	handle->idle = is_idle;
}

/* By its number + 1; 0: the list's own end. */
static uint32_t *older_of(struct wr_storage_sim *s, uint32_t number)
{
	return number != 0 ? &s->handles[number - 1].older : &s->newest_open;
}

static uint32_t *newer_of(struct wr_storage_sim *s, uint32_t number)
{
	return number != 0 ? &s->handles[number - 1].newer : &s->oldest_open;
}

static void take_out(struct wr_storage_sim *s, const struct wr_sim_handle *handle)
{
	*older_of(s, handle->newer) = handle->older;
	*newer_of(s, handle->older) = handle->newer;
}

static void put_newest(struct wr_storage_sim *s, struct wr_sim_handle *handle)
{
	uint32_t number = (uint32_t)(handle - s->handles) + 1;

	handle->older = s->newest_open;
	handle->newer = 0;
	*newer_of(s, s->newest_open) = number;
	s->newest_open = number;
}

static void shut(struct wr_storage_sim *s, struct wr_sim_handle *handle)
{
	if (!handle->open)
		return;
	take_out(s, handle);
	s->descriptor_count--;
	handle->open = false;
	wr_sim_idle_look(s, handle);
}

/* False: none is idle, or not more than `spare` of them. */
static bool shut_oldest_idle(struct wr_storage_sim *s, uint32_t spare)
{
	uint32_t oldest = s->oldest_open;

	if (s->idle_count <= spare)
		return false;
	while (!s->handles[oldest - 1].idle)
		oldest = *newer_of(s, oldest);
	shut(s, &s->handles[oldest - 1]);
	return true;
}

int wr_sim_descriptor_room(struct wr_storage_sim *s)
{
	const uint32_t descriptors_max = s->disk->plan.descriptors_max;

	while (descriptors_max != 0 && s->descriptor_count >= descriptors_max)
		if (!shut_oldest_idle(s, 0))
			return -EMFILE;
	return 0;
}

int wr_sim_use(struct wr_storage_sim *s, struct wr_sim_handle *handle)
{
	if (handle->open) {
		take_out(s, handle);
		put_newest(s, handle);
		return 0;
	}
	int code = wr_sim_descriptor_room(s);
	if (code < 0)
		return code;
	handle->open = true;
	put_newest(s, handle);
	s->descriptor_count++;
	wr_sim_idle_look(s, handle);
	if (!handle->kept)
		(void)shut_oldest_idle(s, IDLE_MAX);
	if (s->descriptor_count > s->disk->descriptors_peak)
		s->disk->descriptors_peak = s->descriptor_count;
	return 0;
}

int wr_sim_file_keep(struct wr_storage *base, uint32_t file, bool keep)
{
	struct wr_storage_sim *s = (struct wr_storage_sim *)base;

	if (s->dead)
		return WEIR_E_FAILED;
	struct wr_sim_handle *handle = wr_sim_handle(s, file);
	if (handle == NULL)
		return -EBADF;
	int code = keep ? wr_sim_use(s, handle) : 0;
	if (code < 0)
		return code;
	handle->kept = keep;
	wr_sim_idle_look(s, handle);
	if (!keep)
		(void)shut_oldest_idle(s, IDLE_MAX);
	return 0;
}

void wr_sim_handle_end(struct wr_storage_sim *s, struct wr_sim_handle *handle)
{
	const uint32_t number = (uint32_t)(handle - s->handles);

	shut(s, handle);
	handle->used = false;
	if (number < s->free_from)
		s->free_from = number;
}
