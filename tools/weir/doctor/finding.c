/* SPDX-License-Identifier: Apache-2.0 */
/* The list of findings. */
#include <stdarg.h>
#include <string.h>

#include "core/base/assert.h"
#include "tools/weir/doctor/doctor.h"

struct doctor_finding *doctor_find(struct doctor *d, enum doctor_weight weight, const char *id,
				   const char *format, ...)
{
	va_list arguments;
	WR_ASSERT(d->finding_count < DOCTOR_FINDINGS_MAX);
	struct doctor_finding *to = &d->findings[d->finding_count++];
	*to = (struct doctor_finding){.weight = weight, .id = id};
	va_start(arguments, format);
	(void)vsnprintf(to->found, sizeof to->found, format, arguments);
	va_end(arguments);
	return to;
}

struct doctor_finding *doctor_finding_of(struct doctor *d, const char *id)
{
	for (uint32_t i = 0; i < d->finding_count; i++)
		if (strcmp(d->findings[i].id, id) == 0)
			return &d->findings[i];
	return NULL;
}

uint32_t doctor_count(const struct doctor *d, enum doctor_weight weight)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < d->finding_count; i++)
		count += d->findings[i].weight == weight;
	return count;
}
