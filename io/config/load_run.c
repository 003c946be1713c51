/* SPDX-License-Identifier: Apache-2.0 */
/* Sources and sinks as weir/config.h shows them, of the values that were read. */
#include "io/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"

static bool make_source(struct weir_config *config, const struct wr_config_input *from,
			struct weir_config_source *to)
{
	const struct wr_config_pair *pairs = from->headers.items;
	struct weir_config_header *headers =
		wr_config_alloc(&config->arena, from->headers.count * sizeof *headers);
	const char **file = wr_config_alloc(&config->arena, sizeof *file);
	if (headers == NULL || file == NULL)
		return false;
	for (uint32_t i = 0; i < from->headers.count; i++)
		headers[i] =
			(struct weir_config_header){.name = pairs[i].name, .field = pairs[i].text};
	*to = (struct weir_config_source){
		.name = from->name,
		.topic = from->topic,
		.from = (enum weir_config_from)from->from,
		.files = from->files.items,
		.file_count = from->files.count,
		.generate_events = from->generate_events,
		.generate_payload_bytes = from->generate_payload_bytes,
		.generate_keys = from->generate_keys,
		.generate_seed = from->generate_seed,
		.format = (enum weir_config_line_format)from->format,
		.key = from->key,
		.type = from->type,
		.time = from->time,
		.payload = from->payload,
		.headers = headers,
		.header_count = from->headers.count,
		.event_id = from->event_id,
		.correlation_id = from->correlation_id,
		.causation_id = from->causation_id,
		.traceparent = from->traceparent,
		.tracestate = from->tracestate,
		.missing_is_bad = from->missing_is_bad != 0,
		.skip_bad_lines = from->skip_bad_lines != 0,
		.rate_per_s = from->rate_per_s,
	};
	if (from->from != WEIR_CONFIG_FROM_FILE && from->from != WEIR_CONFIG_FROM_FOLLOW)
		return true;
	*file = from->from == WEIR_CONFIG_FROM_FILE ? from->file : from->follow;
	to->files = file;
	to->file_count = 1;
	if (from->from == WEIR_CONFIG_FROM_FILE)
		to->from = WEIR_CONFIG_FROM_FILES;
	return true;
}

static void make_sink(const struct weir_config *config, const struct wr_config_subscription *of,
		      struct weir_config_sink *to)
{
	const struct wr_config_output *from = &of->sink;
	*to = (struct weir_config_sink){
		.to = from->file != NULL        ? WEIR_CONFIG_TO_FILE
		      : from->command.count > 0 ? WEIR_CONFIG_TO_COMMAND
						: (enum weir_config_to)from->to,
		.members = of->members,
		.file = from->file,
		.command = from->command.items,
		.command_count = from->command.count,
		.write_json = from->write_json != 0,
		.commit = (enum weir_config_commit)from->commit,
		.timeout_ns = from->timeout_ns,
		.attempts_max = from->attempts_max,
		.backoff_ns = from->backoff_ns,
		.backoff_max_ns = from->backoff_max_ns,
		.on_failure = (enum weir_config_failure)from->on_failure,
	};
	to->commit = wr_config_is_together(of, config->values.options.dir != NULL)
			     ? WEIR_CONFIG_COMMIT_TOGETHER
			     : WEIR_CONFIG_COMMIT_AFTER;
}

bool wr_config_make_run(struct weir_config *config)
{
	const struct wr_config_input *sources = config->values.sources.items;
	const struct wr_config_subscription *subscriptions = config->values.subscriptions.items;
	uint32_t source_count = config->values.sources.count;
	uint32_t subscription_count = config->values.subscriptions.count;
	config->sources = wr_config_alloc(&config->arena, source_count * sizeof *config->sources);
	config->sinks = wr_config_alloc(&config->arena, subscription_count * sizeof *config->sinks);
	if (config->sources == NULL || config->sinks == NULL)
		return false;
	for (uint32_t i = 0; i < source_count; i++)
		if (!make_source(config, &sources[i], &config->sources[i]))
			return false;
	for (uint32_t i = 0; i < subscription_count; i++)
		make_sink(config, &subscriptions[i], &config->sinks[i]);
	return true;
}

/* ---- threads ---- */

/* "in" of several is in0, in1 ..., within the 15 bytes that a name has. */
static void number_name(char name[16], uint32_t index)
{
	char number[12];
	int digits = snprintf(number, sizeof number, "%u", index);
	size_t kept = wr_min_u64(strlen(name), 15u - (unsigned)digits);
	memcpy(name + kept, number, (size_t)digits + 1);
}

void wr_config_nth_thread(const struct weir_thread_options *asked, const struct wr_placed *placed,
			  uint32_t index, struct weir_thread_options *ret_options)
{
	*ret_options = *asked;
	if (asked->name[0] != '\0' && placed->count > 1)
		number_name(ret_options->name, index);
	wr_placed_to_options(placed, ret_options);
	if (placed->how != WR_PLACED_CORE)
		return;
	ret_options->cpus[0] = placed->cpus[index];
	ret_options->cpu_count = 1;
}

int weir_config_thread(const struct weir_config *config, enum weir_config_thread_of of,
		       uint32_t index, struct weir_thread_options *ret_options)
{
	static const uint32_t request_of[] = {
		[WEIR_CONFIG_THREAD_OF_SOURCE] = WR_CONFIG_SOURCE,
		[WEIR_CONFIG_THREAD_OF_SINK] = WR_CONFIG_SINK,
		[WEIR_CONFIG_THREAD_OF_BRIDGE] = WR_CONFIG_BRIDGE,
	};
	struct wr_config_requests requests;
	if (config->findings.error_count > 0 || of < WEIR_CONFIG_THREAD_OF_SOURCE ||
	    of > WEIR_CONFIG_THREAD_OF_BRIDGE)
		return -EINVAL;
	wr_config_requests(&config->values, &requests);
	uint32_t request = request_of[of];
	/* Bridges that leave their CPUs to weir ask for no place, and are threads all the same. */
	uint32_t count = of == WEIR_CONFIG_THREAD_OF_BRIDGE ? config->values.bridges.count
							    : requests.items[request].count;
	if (index >= count)
		return -EINVAL;
	struct wr_placed nowhere = {
		.how = WR_PLACED_ANYWHERE, .count = count, .wait = WEIR_WAIT_ADAPTIVE};
	bool is_placed = config->is_placed && requests.items[request].count > 0;
	wr_config_nth_thread(requests.threads[request],
			     is_placed ? &config->placed[request] : &nowhere, index, ret_options);
	return 0;
}
