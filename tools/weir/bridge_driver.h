/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a bridge of a config to its driver: of libweir-kafka or libweir-rabbitmq, if this weir was
 * built with it. Nothing is connected.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BRIDGE_DRIVER_H
#define WEIR_TOOLS_BRIDGE_DRIVER_H

#include <weir/config.h>

struct bridge_driver_of {
	const struct weir_config_bridge *config;
	uint32_t topic;        /* of a source */
	uint32_t dead_letters; /* UINT32_MAX: none */
	bool without_secrets;  /* to try the rest: they need not be there */
};

struct bridge_driver_fault {
	int code;
	bool is_missing; /* this weir was built without it */
	char field[64];  /* "properties.NAME", "password", "routing_key"; "": none */
	char text[400];
};

/* "kafka", "rabbitmq": also the key of the file. */
const char *bridge_driver_system(enum weir_config_system system);

/* Was this weir built with it? */
bool bridge_driver_is_built(enum weir_config_system system);

/* Sets direction, ops and self of `options`, which own the driver; nothing is set on failure. 0 or
 * negative, with the fault. */
int bridge_driver_make(const struct bridge_driver_of *of, struct weir_bridge_options *options,
		       struct bridge_driver_fault *fault);

/* Of a driver that no bridge was started with. */
void bridge_driver_destroy(struct weir_bridge_options *options);

#endif
