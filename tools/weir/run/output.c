/* SPDX-License-Identifier: Apache-2.0 */
/* See output.h. */
#include "tools/weir/run/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/json_out.h"

int run_output_init(struct run_output *output, struct weir_pipeline *pipeline, bool as_json)
{
	*output = (struct run_output){.pipeline = pipeline, .as_json = as_json};
	if (!as_json)
		return 0;
	output->stream = open_memstream(&output->text, &output->text_bytes);
	return output->stream != NULL ? 0 : -ENOMEM;
}

void run_output_fini(struct run_output *output)
{
	if (output->stream != NULL)
		fclose(output->stream);
	free(output->text);
	free(output->bytes);
}

static int add(struct run_output *output, const void *bytes, size_t length_bytes)
{
	if (length_bytes > output->room_bytes - output->used) {
		size_t room_bytes = 2 * (output->room_bytes + length_bytes) + 4096;
		char *grown = realloc(output->bytes, room_bytes);
		if (grown == NULL)
			return -ENOMEM;
		output->bytes = grown;
		output->room_bytes = room_bytes;
	}
	if (length_bytes > 0)
		memcpy(output->bytes + output->used, bytes, length_bytes);
	output->used += length_bytes;
	return 0;
}

void run_output_drop(struct run_output *output, size_t bytes)
{
	output->used -= bytes;
	if (output->used > 0)
		memmove(output->bytes, output->bytes + bytes, output->used);
}

char *run_base64(const void *bytes, size_t length_bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = bytes;
	char *text = malloc((length_bytes + 2) / 3 * 4 + 1);
	char *to = text;
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < length_bytes; i += 3) {
		size_t left = length_bytes - i;
		uint32_t three = (uint32_t)from[i] << 16 |
				 (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
				 (left > 2 ? from[i + 2] : 0);
		*to++ = digits[three >> 18];
		*to++ = digits[three >> 12 & 63];
		*to++ = left > 1 ? digits[three >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[three & 63] : '=';
	}
	*to = '\0';
	return text;
}

/* `name` as text, or `name64` in base64, or nothing. */
static int put_bytes(struct json_out *j, const char *name, const char *name64, const void *bytes,
		     size_t length_bytes)
{
	if (bytes == NULL)
		return 0;
	if (json_is_utf8(bytes, length_bytes)) {
		json_text_n(j, name, bytes, length_bytes);
		return 0;
	}
	char *text = run_base64(bytes, length_bytes);
	if (text == NULL)
		return -ENOMEM;
	json_text(j, name64, text);
	free(text);
	return 0;
}

static void put_time(struct json_out *j, const char *name, uint64_t time_us)
{
	char text[CLI_TEXT_BYTES];
	if (time_us != 0)
		json_text(j, name, cli_text_time(text, time_us));
}

/* Those that are set. */
static int put_ids(struct json_out *j, const struct weir_item *item)
{
	struct weir_ids ids;
	weir_item_ids(item, &ids);
	const struct {
		const char *name, *name64;
		const void *bytes;
		size_t length_bytes;
	} rows[] = {
		{"event_id", "event_id_base64", ids.event_id, ids.event_id_bytes},
		{"correlation_id", "correlation_id_base64", ids.correlation_id,
		 ids.correlation_id_bytes},
		{"causation_id", "causation_id_base64", ids.causation_id, ids.causation_id_bytes},
		{"traceparent", "traceparent_base64", ids.traceparent, ids.traceparent_bytes},
		{"tracestate", "tracestate_base64", ids.tracestate, ids.tracestate_bytes},
	};
	int rc = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && rc == 0; i++)
		if (rows[i].length_bytes > 0)
			rc = put_bytes(j, rows[i].name, rows[i].name64, rows[i].bytes,
				       rows[i].length_bytes);
	return rc;
}

static int put_headers(struct json_out *j, const struct weir_item *item)
{
	struct weir_header header;
	uint32_t place = weir_item_header(item, 0, &header);
	int rc = 0;
	if (place == 0)
		return 0;
	/* A list: names may repeat, and are no keys of JSON's. */
	json_array(j, "headers");
	for (; place != 0 && rc == 0; place = weir_item_header(item, place, &header)) {
		json_object(j, NULL);
		json_text_n(j, "name", header.name, header.name_bytes);
		rc = put_bytes(j, "value", "value_base64", header.value != NULL ? header.value : "",
			       header.value_bytes);
		json_close(j);
	}
	json_close(j);
	return rc;
}

static int add_envelope(struct run_output *output, const struct weir_item *item)
{
	struct json_out j;
	const char *topic = NULL;
	rewind(output->stream);
	json_begin(&j, output->stream, JSON_LINE);
	json_object(&j, NULL);
	if (weir_topic_info(output->pipeline, item->topic, &topic, NULL) == 0)
		json_text(&j, "topic", topic);
	json_u64(&j, "partition", item->partition);
	json_u64(&j, "sequence", item->sequence);
	int rc = put_bytes(&j, "key", "key_base64", item->key, item->key_bytes);
	put_time(&j, "time", weir_item_event_time_us(item));
	put_time(&j, "append_time", item->append_time_us);
	if (rc == 0)
		rc = put_ids(&j, item);
	if (rc == 0)
		rc = put_headers(&j, item);
	if (rc == 0)
		rc = put_bytes(&j, "payload", "payload_base64", item->payload, item->payload_bytes);
	if (json_end(&j) < 0 || fflush(output->stream) != 0 || rc != 0)
		return -ENOMEM;
	return add(output, output->text, output->text_bytes);
}

int run_output_add(struct run_output *output, const struct weir_item *item)
{
	if (output->as_json)
		return add_envelope(output, item);
	int rc = add(output, item->payload, item->payload_bytes);
	return rc == 0 ? add(output, "\n", 1) : rc;
}
