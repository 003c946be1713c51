/* SPDX-License-Identifier: Apache-2.0 */
/* Parked events, from outside: what ends one, other than the redrive of its letter. */
#include <errno.h>

#include <weir/dead_letters.h>

#include "core/pipeline/pipeline.h"
#include "core/record/share.h"

int weir_parked_give_up(struct weir_pipeline *p, uint32_t subscription, uint64_t sequence)
{
	_Alignas(8) uint8_t record[WR_RECORD_HEAD_BYTES + sizeof(struct wr_reject)];
	struct wr_reject give_up = {.seq = sequence, .verdict = WR_VERDICT_GIVEN_UP};
	struct wr_reply reply = {0};
	int rc = wr_pipeline_refused_call(p);
	if (rc != 0)
		return rc;
	wr_control_write(record, WR_KIND_REJECT, subscription, 0, NULL, 0, &give_up,
			 sizeof give_up);
	wr_control_lock(p);
	rc = wr_control_call(p, record, ((struct wr_record *)record)->bytes, &reply);
	wr_control_unlock(p);
	return rc == WEIR_E_OUT_OF_SEQUENCE ? -ENOENT : rc;
}
