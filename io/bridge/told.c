/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge in the metrics: what it shows, and what a status has no place for (how often it came to
 * run, was lost and failed; its last error, which is kept when it runs again), in the cells of its
 * place.
 *
 * Thread: the driver's; at the start and the end whoever calls those.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/port/clock.h"
#include "io/bridge/bridge.h"

static uint64_t now_ns(const struct weir_bridge *b)
{
	return wr_clock_mono_ns(b->pipeline->host.clock);
}

/* Text behind whose end all is 0: words are compared. */
static void put_text(char *to, size_t room, const char *text)
{
	size_t bytes = strnlen(text, room - 1);
	memset(to, 0, room);
	memcpy(to, text, bytes);
}

/* The folder is there by now. Who looks stands elsewhere, so that it is told as a whole path; half
 * of one would be another folder. */
static void put_state_dir(struct weir_bridge *b)
{
	char whole[PATH_MAX];
	if (b->state_dir != NULL && realpath(b->state_dir, whole) != NULL &&
	    strlen(whole) < sizeof b->told.state_dir)
		put_text(b->told.state_dir, sizeof b->told.state_dir, whole);
}

/* Is it to move events, and does not? */
static bool is_down(enum weir_bridge_state state)
{
	return state == WEIR_BRIDGE_CONNECTING || state == WEIR_BRIDGE_RETRYING ||
	       state == WEIR_BRIDGE_FAILED;
}

void wr_bridge_told_begin(struct weir_bridge *b)
{
	bool is_sink = b->options.direction == WEIR_BRIDGE_SINK;
	b->place = wr_bridge_place_take(b->pipeline, b->name);
	b->told = (struct wr_bridge_told){
		.subscription = is_sink ? b->options.subscription : UINT64_MAX,
		.moved_ns = now_ns(b),
	};
	put_text(b->told.name, sizeof b->told.name, b->name);
	put_text(b->told.system, sizeof b->told.system, b->ops.system);
	put_state_dir(b);
	wr_bridge_told_step(b);
	(void)pthread_mutex_lock(&b->lock);
	wr_bridge_shown_changed(b);
	(void)pthread_mutex_unlock(&b->lock);
}

void wr_bridge_told_step(struct weir_bridge *b)
{
	wr_bridge_place_step(b->place, now_ns(b));
}

void wr_bridge_told_end(struct weir_bridge *b)
{
	wr_bridge_place_give(b->pipeline, b->place);
	b->place = NULL;
}

void wr_bridge_shown_changed(struct weir_bridge *b)
{
	const struct weir_bridge_status *s = &b->shown;
	struct wr_bridge_told *t = &b->told;

	b->shown_changed = true;
	if (b->place == NULL)
		return;
	if (t->state != s->state)
		t->state_ns = now_ns(b);
	if (!is_down(s->state))
		t->down_ns = 0;
	else if (t->down_ns == 0)
		t->down_ns = now_ns(b);
	if (t->events != s->events || t->repeats != s->repeats)
		t->moved_ns = now_ns(b);
	t->state = s->state;
	t->events = s->events;
	t->bytes = s->bytes;
	t->repeats = s->repeats;
	t->dead_letters = s->dead_letters;
	t->attempts = s->attempts;
	t->lag_events = s->lag_events;
	wr_bridge_place_tell(b->place, t);
}

void wr_bridge_told_connected(struct weir_bridge *b)
{
	b->told.connections++;
}

void wr_bridge_told_error(struct weir_bridge *b, bool is_final)
{
	struct wr_bridge_told *t = &b->told;
	char text[sizeof t->error];

	if (is_final)
		t->failures++;
	else
		t->retries++;
	put_text(text, sizeof text, b->shown.why);
	if (t->error_times == 0 || memcmp(text, t->error, sizeof text) != 0) {
		memcpy(t->error, text, sizeof text);
		t->error_times = 0;
		t->error_first_ns = wr_clock_wall_ns(b->pipeline->host.clock);
	}
	t->error_times++;
	t->error_last_ns = wr_clock_wall_ns(b->pipeline->host.clock);
}
