/* SPDX-License-Identifier: Apache-2.0 */
/* See publish_kept.h. The writer decides it as any event: by the version that it expects. */
#include "core/pipeline/publish_kept.h"

#include <errno.h>

#include "core/pipeline/control.h"
#include "core/pipeline/measure.h"

#define KEPT_BYTES_MAX 2048u

int wr_publish_kept(struct weir_pipeline *p, const struct weir_event *event, uint64_t timeout_ns,
		    uint64_t *ret_sequence)
{
	static const struct wr_measure by = {.no_cause = true, .bytes_max = KEPT_BYTES_MAX};
	_Alignas(8) uint8_t record[KEPT_BYTES_MAX];
	struct wr_encoding encoding;
	struct wr_caused caused;
	struct wr_reply reply = {0};
	/* The answer's sequence is of an event that is decided alone. */
	if (event->expected_version == 0 || event->key_bytes == 0)
		return -EINVAL;
	int rc = wr_pipeline_refused_call(p);
	if (rc == 0)
		rc = wr_measure(p, &by, &event, &caused, &encoding);
	if (rc != 0)
		return rc;
	uint8_t *payload = wr_encode_head(event, &encoding, NULL, record);
	if (encoding.payload_bytes > 0)
		memcpy(payload, event->payload, encoding.payload_bytes);
	wr_encode_tail(record, encoding.head.bytes);
	rc = wr_control_lock_for(p, timeout_ns);
	if (rc != 0)
		return rc;
	rc = wr_control_call_for(p, record, encoding.head.bytes, timeout_ns, &reply);
	wr_control_unlock(p);
	if (rc == 0)
		*ret_sequence = reply.sequence;
	return rc;
}
