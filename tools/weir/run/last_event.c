/* SPDX-License-Identifier: Apache-2.0 */
/* See last_event.h. The journal is read beside its owner, which is this process: what was durable
 * when it was opened is attested soon. */
#include "tools/weir/run/last_event.h"

#include <errno.h>
#include <string.h>

#include <weir/journal.h>

#define FOUND 1
#define GIVEN_UP 2
#define IDLE_NS (20 * RUN_MILLISECOND_NS)
#define IDLES_MAX 1500u /* half a minute */

struct search {
	void (*look)(void *context, const struct weir_item *item);
	void *context;
	const struct run_life *life;
	uint64_t sequence;
	uint32_t idles;
};

static int see_event(void *context, const struct weir_journal_event *event)
{
	const struct search *s = context;
	/* Another one: it was retired, and there is nothing to be had. */
	if (event->item.sequence == s->sequence)
		s->look(s->context, &event->item);
	return FOUND;
}

void run_event_header(const struct weir_item *item, const char *name, char *to, size_t to_bytes)
{
	struct weir_header header;
	to[0] = '\0';
	for (uint32_t place = weir_item_header(item, 0, &header); place != 0;
	     place = weir_item_header(item, place, &header)) {
		if (header.name_bytes != strlen(name) ||
		    memcmp(header.name, name, header.name_bytes) != 0 ||
		    header.value_bytes >= to_bytes)
			continue;
		memcpy(to, header.value, header.value_bytes);
		to[header.value_bytes] = '\0';
	}
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	const struct search *s = context;
	return damage->kind == WEIR_JOURNAL_RETIRED && damage->end_sequence > s->sequence ? FOUND
											  : 0;
}

static int wait(void *context)
{
	struct search *s = context;
	if (run_signal_wait(&s->life->stop, IDLE_NS))
		return GIVEN_UP;
	return ++s->idles < IDLES_MAX ? 0 : GIVEN_UP;
}

int run_event_look(const char *journal, uint64_t sequence,
		   void (*look)(void *context, const struct weir_item *item), void *context,
		   const struct run_life *life, struct run_fault *fault)
{
	struct search search = {
		.look = look, .context = context, .life = life, .sequence = sequence};
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	visitor.from_sequence = sequence;
	visitor.begin_near = true;
	visitor.event = see_event;
	visitor.damage = see_damage;
	visitor.idle = wait;
	visitor.context = &search;
	int rc = weir_journal_follow(journal, &visitor, &problem);
	if (rc == FOUND)
		return 0;
	if (rc == GIVEN_UP && run_signal_is_raised(&life->stop))
		return 0; // nothing will be read
	rc = rc < 0 ? rc : -ETIMEDOUT;
	run_fault_set(fault, rc, "the last event, %llu, cannot be found in the journal: %s",
		      (unsigned long long)sequence,
		      problem.text[0] != '\0' ? problem.text : weir_strerror(rc));
	return rc;
}
