/* SPDX-License-Identifier: Apache-2.0 */
/* See bridge_check.h. */
#include "tools/weir/bridge_check.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/config/check.h"
#include "io/config/config.h"

/* The child whose key is the option of a driver's: "confirm_timeout_ns" is confirm_timeout. */
static const struct wr_config_node *child_of_option(const struct wr_config_node *map,
						    const char *option)
{
	static const char *const ends[] = {"", "_ns", "_bytes_max", "_max"};
	char key[64];
	for (size_t i = 0; i < WR_ARRAY_COUNT(ends); i++) {
		size_t end_bytes = strlen(ends[i]), bytes = strlen(option);
		if (bytes <= end_bytes || strcmp(option + bytes - end_bytes, ends[i]) != 0)
			continue;
		(void)snprintf(key, sizeof key, "%.*s%s", (int)wr_min_u64(bytes - end_bytes, 50),
			       option, strcmp(ends[i], "_bytes_max") == 0 ? "_max" : "");
		const struct wr_config_node *node = wr_config_child(map, key);
		if (node != NULL)
			return node;
	}
	return NULL;
}

static const struct wr_config_node *node_of_secret(const struct wr_config_node *map,
						   const char *name)
{
	static const char *const ends[] = {"_file", "_env"};
	char key[64];
	for (size_t i = 0; i < WR_ARRAY_COUNT(ends); i++) {
		(void)snprintf(key, sizeof key, "%.50s%s", name, ends[i]);
		const struct wr_config_node *node = wr_config_child(map, key);
		if (node != NULL)
			return node;
	}
	return NULL;
}

/* The node that says what a driver complains of, or the next around it. */
static const struct wr_config_node *node_of(const struct weir_config *config, uint32_t index,
					    const char *field)
{
	static const char *const maps[] = {"properties", "property_files", "property_env"};
	const struct weir_config_bridge *b = &config->bridges[index];
	const struct wr_config_node *item = wr_config_item_at(config->root, "bridges", index);
	const struct wr_config_node *way =
		wr_config_child(item, b->direction == WEIR_BRIDGE_SINK ? "to" : "from");
	const struct wr_config_node *map = wr_config_child(way, bridge_driver_system(b->system));
	const char *dot = strchr(field, '.');
	const struct wr_config_node *found = NULL;
	if (strncmp(field, "properties.", 11) == 0)
		for (size_t i = 0; i < WR_ARRAY_COUNT(maps) && found == NULL; i++) {
			const struct wr_config_node *of = wr_config_child(map, maps[i]);
			found = of != NULL ? wr_config_child(of, dot + 1) : NULL;
		}
	else if (strncmp(field, "server.", 7) == 0) {
		const struct wr_config_node *server = wr_config_child(map, "server");
		found = server != NULL ? child_of_option(server, dot + 1) : NULL;
		if (found == NULL && server != NULL)
			found = node_of_secret(server, dot + 1);
	} else if (field[0] != '\0') {
		found = child_of_option(map, field);
		if (found == NULL)
			found = child_of_option(item, field);
	}
	return found != NULL ? found : map;
}

static struct wr_config_place place_of(const struct weir_config *config, uint32_t index,
				       const struct bridge_driver_fault *fault)
{
	const struct wr_config_node *node = node_of(config, index, fault->field);
	/* A value may be a password, and a map has its key. */
	return wr_config_key_place(&config->findings, node);
}

void bridge_place(const struct weir_config *config, uint32_t index,
		  const struct bridge_driver_fault *fault, char to[BRIDGE_PLACE_BYTES])
{
	struct wr_config_place place = place_of(config, index, fault);
	(void)snprintf(to, BRIDGE_PLACE_BYTES, "%.60s:%u:%u", config->source.name, place.line,
		       place.column);
}

uint32_t bridge_check(struct weir_config *config, bool any_machine)
{
	uint32_t count;
	const struct weir_config_bridge *bridges = weir_config_bridges(config, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct weir_bridge_options options = {0};
		struct bridge_driver_fault fault = {0};
		const struct bridge_driver_of of = {.config = &bridges[i],
						    .topic = 0,
						    .dead_letters = UINT32_MAX,
						    .without_secrets = true};
		if (bridge_driver_make(&of, &options, &fault) == 0) {
			bridge_driver_destroy(&options);
			continue;
		}
		struct wr_config_place place = place_of(config, i, &fault);
		if (fault.is_missing && any_machine)
			(void)wr_config_warning(&config->findings, place, "%s", fault.text);
		else
			(void)wr_config_error(&config->findings, place, "bridge %.100s: %s%s%s",
					      bridges[i].name, fault.field,
					      fault.field[0] != '\0' ? ": " : "", fault.text);
	}
	wr_config_findings_sort(&config->findings);
	return config->findings.error_count;
}
