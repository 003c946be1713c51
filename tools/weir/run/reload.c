/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: the config is read again. What a run can take while it runs takes effect at once; of the
 * rest each key is told with the cause, and stays as it was. A file that cannot be read, or has
 * errors, changes nothing, not the server's token either.
 *
 * What needs a restart is compared with the file that the run began with, and so told at each
 * reload; what takes effect with the one that was read last.
 *
 * Thread: main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/config/config.h"
#include "tools/weir/args.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/run.h"
#include "tools/weir/service.h"

/* The kernel takes a terminal that hung up away from its processes before it tells them. */
bool run_terminal_is_gone(const struct run *run)
{
	return run->has_terminal && !service_has_terminal();
}

struct reload {
	struct run *run;
	const struct weir_config *config;
	unsigned taken, left;
};

static void take(void *context, const struct weir_config_change *c)
{
	struct reload *r = context;
	if (!c->at_reload)
		return;
	r->taken++;
	lines_say(WR_EVENT_RELOAD_TAKEN,
		  WR_FIELDS(wr_field_text("key", c->key), wr_field_text("before", c->before),
			    wr_field_text("after", c->after)),
		  "reload: %s is %s now, it was %s", c->key,
		  c->after != NULL ? c->after : "not set",
		  c->before != NULL ? c->before : "not set");
}

static void leave(void *context, const struct weir_config_change *c)
{
	struct reload *r = context;
	if (c->at_reload)
		return;
	r->left++;
	const char *until = c->is_refused ? "and a restart is refused" : "until a restart";
	char what[320];
	if (c->before == NULL)
		(void)snprintf(what, sizeof what, "%s, which is new, has no effect", c->after);
	else if (c->after == NULL)
		(void)snprintf(what, sizeof what, "stays %s, though it is in the file no more",
			       c->before);
	else
		(void)snprintf(what, sizeof what, "stays %s, not %s", c->before, c->after);
	lines_say(WR_EVENT_RELOAD_LEFT,
		  WR_FIELDS(wr_field_text("key", c->key), wr_field_text("before", c->before),
			    wr_field_text("after", c->after), wr_field_text("why", c->why)),
		  "reload: %s %s, %s: %s", c->key, what, until, c->why);
}

/* All that is live: those that did not change are as they are. */
static void apply(struct reload *r)
{
	struct run *run = r->run;
	uint32_t count = 0;
	const struct weir_config_source *sources = weir_config_sources(r->config, &count);
	weir_config_run(r->config, &run->settings);
	if (run->drain_timeout_ns != 0)
		run->settings.drain_timeout_ns = run->drain_timeout_ns;
	for (uint32_t i = 0; i < run->source_count; i++)
		for (uint32_t k = 0; k < count; k++)
			if (strcmp(run->sources[i].name, sources[k].name) == 0)
				wr_store_relaxed(&run->publishers[i].rate_per_s,
						 sources[k].rate_per_s);
	struct weir_log_limits limits = weir_config_options(r->config)->log_limits;
	lines_choose(&run->lines, &limits, &run->settings.log_format);
	lines_set(&limits, run->settings.log_format);
	(void)weir_pipeline_log_set(run->pipeline, &limits, NULL);
}

/* Does the report's part about this finding begin with this line? */
static bool begins(const char *line, const char *path, const struct weir_config_diagnostic *d)
{
	char place[64];
	size_t bytes = strlen(path);
	(void)snprintf(place, sizeof place, ":%u:%u: ", d->line, d->column);
	return strncmp(line, path, bytes) == 0 && strncmp(line + bytes, place, strlen(place)) == 0;
}

/* To programs: a line each. */
static void say_findings(const struct run *run, const struct weir_config *config)
{
	char key[256];
	uint32_t count = 0;
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	for (uint32_t i = 0; i < count; i++) {
		wr_config_path_at(config->root, config->findings.at[i], key, sizeof key);
		lines_say(d[i].severity == WEIR_CONFIG_WARNING ? WR_EVENT_RELOAD_WARNING
							       : WR_EVENT_RELOAD_REFUSED,
			  WR_FIELDS(wr_field_text("config", run->config_path),
				    wr_field_u64("line", d[i].line),
				    wr_field_u64("column", d[i].column),
				    wr_field_text("key", key[0] != '\0' ? key : NULL),
				    wr_field_text("note", d[i].note),
				    wr_field_text("help", d[i].help)),
			  "%s:%u:%u: %s", run->config_path, d[i].line, d[i].column, d[i].text);
	}
}

/* Each line of it as bad as the finding that it is about; those of no finding as the one before. */
static void say_report(const struct run *run, const struct weir_config *config)
{
	uint32_t count = 0, next = 0;
	if (lines_format() == WEIR_LOG_AS_JSON) {
		say_findings(run, config);
		return;
	}
	const struct weir_config_diagnostic *d = weir_config_diagnostics(config, &count);
	size_t bytes = weir_config_report(config, NULL, 0);
	char *text = malloc(bytes + 1);
	enum wr_event event = WR_EVENT_RELOAD_REFUSED;
	if (text == NULL)
		return;
	(void)weir_config_report(config, text, bytes + 1);
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (next < count && begins(line, run->config_path, &d[next]))
			event = d[next++].severity == WEIR_CONFIG_WARNING ? WR_EVENT_RELOAD_WARNING
									  : WR_EVENT_RELOAD_REFUSED;
		lines_say(event, WR_NO_FIELDS, "%s", line);
	}
	free(text);
}

/* What of it cannot be is found out before anything is taken over. */
static int set_alerts(struct run *run, const struct weir_config *config,
		      struct weir_problem *problem)
{
	const struct weir_options *o = weir_config_options(config);
	return weir_pipeline_alerts_set(run->pipeline, o->alerts, o->alert_count, problem);
}

static bool has_topic(const struct weir_config *config, const char *name)
{
	uint32_t count = 0;
	const struct weir_topic_options *topics = weir_config_topics(config, &count);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(topics[i].name, name) == 0)
			return true;
	return false;
}

/*
 * The same. A topic that the run did not begin with is left alone until a restart, also one that
 * the log has; what one keeps that is in the file no more stays.
 */
static int set_retention(struct run *run, const struct weir_config *config,
			 struct weir_problem *problem)
{
	uint32_t count = 0, topic;
	const struct weir_topic_options *topics = weir_config_topics(config, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (!has_topic(run->config, topics[i].name) ||
		    weir_topic_find(run->pipeline, topics[i].name, &topic) != 0)
			continue;
		int rc = weir_topic_retention_set(run->pipeline, topic, topics[i].retention_time_ns,
						  topics[i].retention_bytes, problem);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Of a topic that was not in the file that was read last there is nothing to compare with. */
static void tell_returned(struct reload *r, const struct weir_config *last)
{
	uint32_t count = 0;
	const struct weir_topic_options *topics = weir_config_topics(r->config, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (!has_topic(r->run->config, topics[i].name) || has_topic(last, topics[i].name))
			continue;
		r->taken++;
		lines_say(WR_EVENT_RELOAD_TAKEN, WR_FIELDS(wr_field_text("topic", topics[i].name)),
			  "reload: topics[%s] is in the file again: it keeps what that says",
			  topics[i].name);
	}
}

static void set_again(struct run *run, const struct weir_config *last)
{
	(void)set_alerts(run, last, NULL);
	(void)set_retention(run, last, NULL);
}

static void take_over(struct run *run, struct weir_config *config)
{
	const struct weir_config *last = run->reloaded != NULL ? run->reloaded : run->config;
	struct reload r = {.run = run, .config = config};
	struct weir_problem problem = {0};
	const char *key = "alerts";
	int rc = set_alerts(run, config, &problem);
	if (rc == 0) {
		key = "topics";
		rc = set_retention(run, config, &problem);
	}
	if (rc < 0) {
		set_again(run, last);
		lines_say(WR_EVENT_RELOAD_REFUSED,
			  WR_FIELDS(wr_field_text("key", key), wr_field_code(rc)),
			  "reload: %s: %s; everything stays as it was", key, problem.text);
		weir_config_destroy(config);
		return;
	}
	rc = weir_config_diff(last, config, take, &r);
	if (rc >= 0)
		rc = weir_config_diff(run->config, config, leave, &r);
	if (rc < 0) {
		set_again(run, last);
		lines_say(WR_EVENT_RELOAD_REFUSED, WR_FIELDS(wr_field_code(rc)),
			  "reload: %s; everything stays as it was", weir_strerror(rc));
		weir_config_destroy(config);
		return;
	}
	tell_returned(&r, last);
	apply(&r);
	r.taken += run_serve_reload(&run->serve);
	lines_say(WR_EVENT_RELOAD_DONE,
		  WR_FIELDS(wr_field_u64("taken", r.taken), wr_field_u64("left", r.left)),
		  "reload: %u taken over, %u left until a restart", r.taken, r.left);
	weir_config_destroy(run->reloaded);
	run->reloaded = config;
}

void run_reload(struct run *run)
{
	struct weir_config *config = NULL;
	struct weir_problem problem = {0};
	struct stat about;
	(void)weir_notifier_reloading(run->notifier, "reading the config again");
	bool is_file = stat(run->config_path, &about) != 0 || S_ISREG(about.st_mode);
	int errors = is_file ? weir_config_load(run->config_path, 0, &config, &problem) : 0;
	if (!is_file) {
		lines_say(WR_EVENT_RELOAD_REFUSED,
			  WR_FIELDS(wr_field_text("config", run->config_path)),
			  "reload: %s is no file, it cannot be read again", run->config_path);
	} else if (errors == 0) {
		say_report(run, config);
		take_over(run, config);
	} else if (errors < 0) {
		lines_say(
			WR_EVENT_RELOAD_REFUSED,
			WR_FIELDS(wr_field_text("config", run->config_path), wr_field_code(errors)),
			"reload: %s; everything stays as it was", problem.text);
	} else {
		say_report(run, config);
		lines_say(WR_EVENT_RELOAD_REFUSED,
			  WR_FIELDS(wr_field_u64("errors", (uint64_t)errors)),
			  "reload: %d error%s; everything stays as it was", errors,
			  errors == 1 ? "" : "s");
		weir_config_destroy(config);
	}
	(void)weir_notifier_ready(run->notifier, NULL);
}
