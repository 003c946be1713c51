/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bridges of a config take beside the pipeline, and what is not there for them: files of
 * secrets and certificates, variables of the environment, a place for their state. Whether a broker
 * is there is not asked: a bridge waits for it.
 *
 * Thread: any; no state.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/config/check.h"
#include "io/config/config.h"
#include "io/config/plan_inner.h"

/* Its lock, and a status that is just being written. */
#define OF_STATE 2u
/* A socket, and what wakes a source. */
#define OF_RABBITMQ 2u
/* librdkafka has for each broker that it knows a socket and two ends that wake it, and some of its
 * own. How many brokers there are is not known here: nine. */
#define OF_KAFKA 32u

uint32_t wr_plan_bridges(const struct weir_config *config)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < config->values.bridges.count; i++) {
		const struct weir_config_bridge *b = &config->bridges[i];
		sum += b->system == WEIR_CONFIG_SYSTEM_KAFKA ? OF_KAFKA : OF_RABBITMQ;
		sum += b->state_dir != NULL ? OF_STATE : 0;
	}
	return sum;
}

/* ---- what is not there ----------------------------------------------------------------------- */

struct bridge_paths {
	struct wr_plan_search *search;
	const struct weir_config *config;
	const struct weir_config_bridge *bridge;
	const struct wr_config_node *item;
	const struct wr_config_node *system; /* the map of its options */
	uint32_t told;
};

static void tell(struct bridge_paths *p, const struct wr_config_node *node, const char *what,
		 const char *why, const char *fix)
{
	if (p->told++ >= WR_PLAN_PATHS_MAX)
		return;
	struct wr_plan_lack *to =
		wr_plan_lack(p->search, WR_LACK_STOPS, "bridge", "bridge %.50s: %.100s: %.60s",
			     p->bridge->name, what, why);
	struct wr_config_place place = wr_config_node_place(&p->config->findings, node);
	to->line = place.line;
	to->column = place.column;
	WR_PLAN_MEND(to, "%s", fix);
}

static const char *why_unread(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0 || access(path, R_OK) < 0)
		return weir_strerror(-errno);
	return S_ISDIR(status.st_mode) ? "a folder" : NULL;
}

static const struct wr_config_node *child_or(const struct wr_config_node *map, const char *key,
					     const struct wr_config_node *other)
{
	const struct wr_config_node *node = wr_config_child(map, key);
	return node != NULL ? node : other;
}

static void find_secrets(struct bridge_paths *p)
{
	bool is_kafka = p->bridge->system == WEIR_CONFIG_SYSTEM_KAFKA;
	const struct wr_config_node *server = child_or(p->system, "server", p->system);
	for (uint32_t i = 0; i < p->bridge->secret_count; i++) {
		const struct weir_config_secret *s = &p->bridge->secrets[i];
		bool is_file = s->file != NULL;
		const struct wr_config_node *node =
			is_kafka ? child_or(child_or(p->system,
						     is_file ? "property_files" : "property_env",
						     p->system),
					    s->name, p->system)
				 : child_or(server, is_file ? "password_file" : "password_env",
					    server);
		const char *why = is_file ? why_unread(s->file) : NULL;
		if (why != NULL)
			tell(p, node, s->file, why, "the file, and the right to read it");
		if (!is_file && !wr_machine_has_variable(s->env))
			tell(p, node, s->env, "the environment has no such variable",
			     "it is set for the service: Environment= or EnvironmentFile= of its "
			     "unit");
	}
}

static void find_certificates(struct bridge_paths *p, const struct weir_rabbitmq_server *server)
{
	const struct wr_config_node *map = child_or(p->system, "server", p->system);
	const struct {
		const char *key, *path;
	} files[] = {{"ca_file", server->ca_file},
		     {"cert_file", server->cert_file},
		     {"key_file", server->key_file}};
	for (size_t i = 0; i < WR_ARRAY_COUNT(files); i++) {
		const char *why = files[i].path != NULL ? why_unread(files[i].path) : NULL;
		if (why != NULL)
			tell(p, child_or(map, files[i].key, map), files[i].path, why,
			     "the file, and the right to read it");
	}
}

static void find_state_dir(struct bridge_paths *p)
{
	char folder[WR_MACHINE_PATH_BYTES];
	const char *dir = p->bridge->state_dir;
	struct stat status;
	if (dir == NULL)
		return;
	bool is_there = stat(dir, &status) == 0;
	wr_machine_parent(dir, folder);
	int code = wr_machine_takes_files(is_there ? dir : folder);
	/* Beside a journal that has no folder either, which is told of the journal. */
	if (code < 0 && wr_config_child(p->item, "state_dir") != NULL)
		tell(p, child_or(p->item, "state_dir", p->item), is_there ? dir : folder,
		     code == -ENOENT ? "there is no such folder" : "no folder that takes files",
		     "mkdir -p, and chown of it to the user of the service");
}

void wr_plan_find_bridges(struct wr_plan_search *search)
{
	const struct weir_config *config = search->input->config;
	struct bridge_paths p = {.search = search, .config = config};
	for (uint32_t i = 0; config != NULL && i < config->values.bridges.count; i++) {
		const struct weir_config_bridge *b = &config->bridges[i];
		p.bridge = b;
		p.item = wr_config_item_at(config->root, "bridges", i);
		const struct wr_config_node *way =
			wr_config_child(p.item, b->direction == WEIR_BRIDGE_SINK ? "to" : "from");
		p.system = way->first;
		find_secrets(&p);
		if (b->rabbitmq_sink != NULL)
			find_certificates(&p, &b->rabbitmq_sink->server);
		if (b->rabbitmq_source != NULL)
			find_certificates(&p, &b->rabbitmq_source->server);
		find_state_dir(&p);
	}
	if (p.told > WR_PLAN_PATHS_MAX)
		WR_PLAN_MEND(wr_plan_lack(search, WR_LACK_STOPS, "bridge",
					  "%u more files and variables of bridges are not there",
					  p.told - WR_PLAN_PATHS_MAX),
			     "first those that are named here");
}
