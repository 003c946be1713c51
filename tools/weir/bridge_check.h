/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers say of the bridges of a config, at its place in the file: a property that librdkafka
 * does not know, a template that is none; and that this weir was built without a driver. Secrets
 * are not looked at: they are those of the machine that runs it.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BRIDGE_CHECK_H
#define WEIR_TOOLS_BRIDGE_CHECK_H

#include <weir/config.h>

#include "tools/weir/bridge_driver.h"

/* Adds to what was found in a config that has no errors; how many errors there are then. On any
 * machine a driver that is missing here is a warning. */
uint32_t bridge_check(struct weir_config *config, bool any_machine);

/* "orders.yaml:12:5" of what is at fault. */
#define BRIDGE_PLACE_BYTES 96
void bridge_place(const struct weir_config *config, uint32_t index,
		  const struct bridge_driver_fault *fault, char to[BRIDGE_PLACE_BYTES]);

#endif
