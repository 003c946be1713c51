/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of subscriptions, bindings, and the subjects that topics follow, as weir.h has them. */
#include <string.h>

#include <weir/binding.h>
#include <weir/registry.h>

#include "io/config/check.h"
#include "io/config/config.h"

const struct weir_topic_schema *wr_config_make_schema(struct weir_config *config,
						      const struct wr_config_follows *from)
{
	if (from->subject == NULL)
		return NULL;
	struct weir_topic_schema *to = wr_config_alloc(&config->arena, sizeof *to);
	if (to == NULL) {
		config->findings.out_of_memory = true;
		return NULL;
	}
	*to = (struct weir_topic_schema){
		.subject = from->subject, .prefix = from->prefix, .validate = from->validate};
	return to;
}

static const struct weir_filter_term *make_terms(struct weir_config *config,
						 const struct wr_config_list *list)
{
	const struct wr_config_term *source = list->items;
	struct weir_filter_term *terms =
		wr_config_alloc(&config->arena, list->count * sizeof *terms);
	for (uint32_t i = 0; i < list->count && terms != NULL; i++)
		(void)wr_config_term(&source[i], &terms[i]);
	return terms;
}

const struct weir_subscription_filter *wr_config_make_filter(struct weir_config *config,
							     const struct wr_config_filter *from,
							     const char *transform)
{
	const struct wr_config_list *list =
		from->join == WR_CONFIG_FILTER_ALL ? &from->all : &from->any;
	bool has_terms = from->join != 0 && list->count > 0;
	if (!has_terms && transform == NULL)
		return NULL;
	struct weir_subscription_filter *to = wr_config_alloc(&config->arena, sizeof *to);
	const struct weir_filter_term *terms = has_terms ? make_terms(config, list) : NULL;
	if (to == NULL || (has_terms && terms == NULL)) {
		config->findings.out_of_memory = true;
		return NULL;
	}
	*to = (struct weir_subscription_filter){
		.join = from->join == WR_CONFIG_FILTER_ANY ? WEIR_FILTER_ANY : WEIR_FILTER_ALL,
		.term_count = has_terms ? list->count : 0,
		.terms = terms,
		.transform = transform,
		.transform_bytes = transform != NULL ? strlen(transform) : 0,
	};
	return to;
}

bool wr_config_make_bindings(struct weir_config *config)
{
	const struct wr_config_binding *from = config->values.bindings.items;
	uint32_t count = config->values.bindings.count;
	config->bindings = wr_config_alloc(&config->arena, count * sizeof *config->bindings);
	for (uint32_t i = 0; i < count && config->bindings != NULL; i++) {
		struct weir_binding_options *to = &config->bindings[i];
		weir_binding_options_init(to);
		to->name = from[i].name;
		to->filter = wr_config_make_filter(config, &from[i].filter, NULL);
		to->transform = from[i].transform;
		to->transform_bytes = from[i].transform != NULL ? strlen(from[i].transform) : 0;
		to->on_failure = from[i].dead_letters != NULL
					 ? WEIR_TRANSFORM_DEAD_LETTER
					 : (enum weir_transform_failure)from[i].on_failure;
		to->start = from[i].start.start;
		to->start_at = from[i].start.at;
	}
	return config->bindings != NULL;
}
