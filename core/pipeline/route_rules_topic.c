/* SPDX-License-Identifier: Apache-2.0 */
/* What is compiled of one topic, or had from the rules before. */
#include <errno.h>
#include <stdio.h>

#include "core/pipeline/rules_builder.h"

int wr_rules_no_memory(struct weir_problem *problem)
{
	return wr_problem_set(problem, -ENOMEM, "filter", weir_strerror(-ENOMEM));
}

void wr_rules_name_term(struct wr_rules_builder *b, const struct wr_rule_source *source,
			uint32_t term)
{
	const struct wr_subscription *s =
		&b->pipeline->tables.catalog.subscriptions[source->subscription];
	struct weir_problem *problem = b->problem;
	char prefix[128];
	if (problem == NULL)
		return;
	if (source->topics == s->topics)
		(void)snprintf(prefix, sizeof prefix, "subscription '%.60s', term %u: ", s->name,
			       term);
	else
		(void)snprintf(prefix, sizeof prefix, "term %u: ", term);
	size_t bytes = strlen(prefix);
	memmove(problem->text + bytes, problem->text, sizeof problem->text - bytes);
	memcpy(problem->text, prefix, bytes);
	problem->text[sizeof problem->text - 1] = '\0';
}

void wr_rules_topic_free(struct wr_rules *rules, struct wr_topic_matcher *m)
{
	if (m == NULL || --m->users > 0)
		return;
	weir_matcher_destroy(m->matcher);
	wr_rules_array_free(rules, m->made_of, m->made_of_bytes, 1);
	rules->memory->ops->free(rules->memory, m, sizeof *m);
}

/* Whose filters they are, which of theirs, and what they say. */
static size_t write_made_of(const struct wr_rules_builder *b, const struct wr_rules_topic *topic,
			    uint8_t *to)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < topic->program_count; i++) {
		uint32_t number = b->rules->programs_of[topic->first_program + i];
		const struct wr_rule_source *s = &b->sources[number];
		const uint64_t head[3] = {s->subscription, s->number, s->length_bytes};
		if (b->rules->programs[number].term_count == 0)
			continue;
		if (to != NULL) {
			memcpy(to + bytes, head, sizeof head);
			memcpy(to + bytes + sizeof head, s->bytes, s->length_bytes);
		}
		bytes += sizeof head + s->length_bytes;
	}
	return bytes;
}

/* Terms of a program that no other topic has had compiled. */
static int compile_program(struct wr_rules_builder *b, uint32_t number, struct wr_topic_matcher *m)
{
	const struct wr_program *program = &b->rules->programs[number];
	const struct wr_rule_source *source = &b->sources[number];
	struct wr_filter_view view;
	(void)wr_filter_read(source->bytes, source->length_bytes, &view);
	for (uint32_t i = 0; i < program->term_count; i++) {
		const struct wr_filter_term *term = &view.terms[i];
		struct weir_filter **filter = &b->filters[program->first_rule + i];
		uint8_t asks = b->rules->asks[program->first_rule + i];
		m->reads_payloads |= (asks & WR_ASKS_PAYLOAD) != 0;
		m->reads_headers |= (asks & WR_ASKS_HEADERS) != 0;
		if (*filter != NULL || term->kind == WEIR_FILTER_HASH)
			continue; /* a share of a ring is no rule of the matcher */
		int rc = wr_filter_create((enum weir_filter_kind)term->kind, term->pattern,
					  term->pattern_bytes, &b->rules->allocator, filter,
					  b->problem);
		if (rc != 0) {
			wr_rules_name_term(b, source, i);
			return rc;
		}
	}
	return 0;
}

static int compile_topic(struct wr_rules_builder *b, const struct wr_rules_topic *topic,
			 struct wr_topic_matcher *m)
{
	int rc = 0;
	for (uint32_t i = 0; i < topic->program_count && rc == 0; i++)
		rc = compile_program(b, b->rules->programs_of[topic->first_program + i], m);
	for (uint32_t i = 0; i < topic->rule_count && rc == 0; i++)
		b->of_topic[i] = b->filters[b->rules->rules_of[topic->first_rule + i]];
	return rc == 0 ? wr_matcher_create((const struct weir_filter *const *)b->of_topic,
					   topic->rule_count, &b->rules->allocator, &m->matcher,
					   b->problem)
		       : rc;
}

int wr_rules_make_topic(struct wr_rules_builder *b, uint32_t number)
{
	struct wr_rules *rules = b->rules;
	struct wr_rules_topic *topic = &rules->topics[number];
	struct wr_topic_matcher *before =
		b->before != NULL ? b->before->topics[number].matcher : NULL;
	size_t bytes = write_made_of(b, topic, NULL);
	uint8_t *made_of = wr_rules_array(rules, bytes, 1);
	if (made_of == NULL)
		return wr_rules_no_memory(b->problem);
	(void)write_made_of(b, topic, made_of);
	if (before != NULL && before->made_of_bytes == bytes &&
	    memcmp(before->made_of, made_of, bytes) == 0) {
		wr_rules_array_free(rules, made_of, bytes, 1);
		before->users++;
		topic->matcher = before;
		return 0;
	}
	struct wr_topic_matcher *m = rules->memory->ops->alloc(rules->memory, sizeof *m, 64);
	if (m == NULL) {
		wr_rules_array_free(rules, made_of, bytes, 1);
		return wr_rules_no_memory(b->problem);
	}
	*m = (struct wr_topic_matcher){.users = 1, .made_of = made_of, .made_of_bytes = bytes};
	topic->matcher = m;
	return compile_topic(b, topic, m);
}
