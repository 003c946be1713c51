/* SPDX-License-Identifier: Apache-2.0 */
/* What plan.c and plan_lacks.c share. */
#ifndef WR_CONFIG_PLAN_INNER_H
#define WR_CONFIG_PLAN_INNER_H

#include "io/config/plan.h"

/* Compares a plan that is otherwise complete with what the machine has. plan_lacks.c */
void wr_plan_find_lacks(const struct wr_plan_input *input, struct wr_plan *plan);

#endif
