/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process for each event: the payload on its standard input, what else is known in its
 * environment, no shell. Exit status 0 is success; anything else is tried again, with time between
 * the attempts that doubles and is spread by chance, so that many of them do not come at once.
 *
 * The payload lies in a file in memory, so a program that does not read it holds up nobody. A
 * program that takes too long is killed with all that it has started (its process group), and so is
 * one that still runs when the time for draining is over: else the next run would start another one
 * for the same event beside it. A second signal leaves it alone. Either way the event is not
 * acknowledged, and comes again. So does it when the run is killed while a program runs: at least
 * once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "io/machine/machine.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/lines.h"
#include "tools/weir/run/sink.h"
#include "tools/weir/run/thread.h"

#define OWN_VARIABLES_MAX 96u
#define LOOK_NS (2 * RUN_MILLISECOND_NS)

extern char **environ;

struct command_sink {
	struct run_sink base;
	const struct run_sink_of *of;
	char **arguments; /* NULL ends */
	char **variables; /* those of this process, then the event's own; NULL ends */
	uint32_t inherited_count;
	uint32_t variable_count;
	struct run_output output; /* for write: json */
	uint64_t random;
};

/* ---- what the program is told ---------------------------------------------------------------- */

static bool set(struct command_sink *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool set(struct command_sink *s, const char *format, ...)
{
	va_list list;
	char *text = NULL;
	if (s->variable_count == s->inherited_count + OWN_VARIABLES_MAX)
		return true;
	va_start(list, format);
	int bytes = vasprintf(&text, format, list);
	va_end(list);
	if (bytes < 0)
		return false;
	s->variables[s->variable_count++] = text;
	s->variables[s->variable_count] = NULL;
	return true;
}

static void clear_variables(struct command_sink *s)
{
	while (s->variable_count > s->inherited_count)
		free(s->variables[--s->variable_count]);
	s->variables[s->variable_count] = NULL;
}

/* As it is, or where it is no text (or has a NUL in it) in base64. */
static bool set_bytes(struct command_sink *s, const char *name, const void *bytes,
		      size_t length_bytes)
{
	if (json_is_utf8(bytes, length_bytes) && memchr(bytes, '\0', length_bytes) == NULL)
		return set(s, "%s=%.*s", name, (int)length_bytes, (const char *)bytes);
	char *text = run_base64(bytes, length_bytes);
	bool good = text != NULL && set(s, "%s_BASE64=%s", name, text);
	free(text);
	return good;
}

/* A header "trace-id" is WEIR_HEADER_TRACE_ID. */
static bool set_headers(struct command_sink *s, const struct weir_item *item)
{
	struct weir_header header;
	bool good = true;
	for (uint32_t place = weir_item_header(item, 0, &header); place != 0 && good;
	     place = weir_item_header(item, place, &header)) {
		char name[sizeof "WEIR_HEADER_" + 256] = "WEIR_HEADER_";
		size_t used = strlen(name);
		for (size_t i = 0; i < header.name_bytes; i++) {
			char c = header.name[i];
			bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
					 (c >= '0' && c <= '9');
			name[used++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A')
				       : is_letter          ? c
							    : '_';
		}
		name[used] = '\0';
		good = set_bytes(s, name, header.value != NULL ? header.value : "",
				 header.value_bytes);
	}
	return good;
}

/*
 * Of what the program brings about, WEIR_EVENT_ID is the causation id and WEIR_CORRELATION_ID the
 * correlation id, whether the event has them or not. The trace's two names are those that other
 * programs look for.
 */
static bool set_ids(struct command_sink *s, const struct weir_item *item)
{
	struct weir_ids ids;
	struct weir_cause cause;
	weir_item_ids(item, &ids);
	weir_cause_ids(item, &cause);
	const struct weir_ids *next = &cause.ids;
	if (!set_bytes(s, "WEIR_EVENT_ID", next->causation_id, next->causation_id_bytes) ||
	    !set_bytes(s, "WEIR_CORRELATION_ID", next->correlation_id, next->correlation_id_bytes))
		return false;
	if (ids.causation_id_bytes > 0 &&
	    !set_bytes(s, "WEIR_CAUSATION_ID", ids.causation_id, ids.causation_id_bytes))
		return false;
	/* Valid ones are text. */
	if (next->traceparent_bytes > 0 &&
	    !set_bytes(s, "TRACEPARENT", next->traceparent, next->traceparent_bytes))
		return false;
	return next->tracestate_bytes == 0 ||
	       set_bytes(s, "TRACESTATE", next->tracestate, next->tracestate_bytes);
}

static bool set_variables(struct command_sink *s, const struct weir_item *item, uint32_t attempt)
{
	char time[CLI_TEXT_BYTES];
	const char *topic = NULL;
	clear_variables(s);
	if (weir_topic_info(s->of->pipeline, item->topic, &topic, NULL) < 0)
		topic = "";
	uint64_t time_us = weir_item_event_time_us(item);
	return set(s, "WEIR_SUBSCRIPTION=%s", s->of->subscription->name) &&
	       set(s, "WEIR_TOPIC=%s", topic) && set(s, "WEIR_PARTITION=%u", item->partition) &&
	       set(s, "WEIR_SEQUENCE=%llu", (unsigned long long)item->sequence) &&
	       set(s, "WEIR_ATTEMPT=%u", attempt) &&
	       set(s, "WEIR_TIME=%s",
		   cli_text_time(time, time_us != 0 ? time_us : item->append_time_us)) &&
	       (item->key == NULL || set_bytes(s, "WEIR_KEY", item->key, item->key_bytes)) &&
	       set_ids(s, item) && set_headers(s, item);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

/* The payload as a file; -errno. */
static int payload_file(const void *bytes, size_t length_bytes)
{
	const char *from = bytes;
	int file = memfd_create("weir-payload", MFD_CLOEXEC);
	if (file < 0)
		return -errno;
	while (length_bytes > 0) {
		ssize_t n = write(file, from, length_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int code = n < 0 ? -errno : -EIO;
			close(file);
			return code;
		}
		from += n;
		length_bytes -= (size_t)n;
	}
	(void)lseek(file, 0, SEEK_SET);
	return file;
}

/* A process that has the signals of a program that a shell starts, and a group of its own. */
static int start(struct command_sink *s, int payload, pid_t *ret_process)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigset_t standard;
	sigemptyset(&none);
	sigemptyset(&standard);
	sigaddset(&standard, SIGPIPE);
	sigaddset(&standard, SIGXFSZ);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	int rc = posix_spawn_file_actions_adddup2(&actions, payload, STDIN_FILENO);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &standard);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
	run_thread_unpin();
	if (rc == 0)
		rc = posix_spawnp(ret_process, s->arguments[0], &actions, &attributes, s->arguments,
				  s->variables);
	run_thread_repin();
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* Waits for its end by its descriptor, or, where the kernel has none, by looking. */
static void wait_a_little(const struct command_sink *s, int descriptor, uint64_t left_ns)
{
	struct pollfd polls[] = {{.fd = s->of->life->abort.descriptor, .events = POLLIN},
				 {.fd = descriptor, .events = POLLIN}};
	uint64_t wait_ns = descriptor >= 0 || left_ns < LOOK_NS ? left_ns : LOOK_NS;
	struct timespec time = {.tv_sec = (time_t)(wait_ns / RUN_SECOND_NS),
				.tv_nsec = (long)(wait_ns % RUN_SECOND_NS)};
	(void)ppoll(polls, descriptor >= 0 ? 2 : 1, &time, NULL);
}

static void end_all(pid_t process)
{
	int status;
	(void)kill(-process, SIGKILL);
	(void)waitpid(process, &status, 0);
}

/* 0; -EINTR: aborted; else why it failed, in `why`. */
static int finish(struct command_sink *s, pid_t process, char *why, size_t why_bytes)
{
	uint64_t timeout_ns = s->of->config->timeout_ns;
	uint64_t begun_ns = bench_now_ns();
	int descriptor = (int)syscall(SYS_pidfd_open, process, 0u);
	int status = 0;
	int code = 0;
	for (;;) {
		uint64_t taken_ns = bench_now_ns() - begun_ns;
		if (waitpid(process, &status, WNOHANG) == process)
			break;
		if (run_signal_is_raised(&s->of->life->abort)) {
			if (!s->of->life->spares_commands)
				end_all(process);
			code = -EINTR;
			break;
		}
		if (taken_ns >= timeout_ns) {
			end_all(process);
			code = -ETIMEDOUT;
			break;
		}
		wait_a_little(s, descriptor, timeout_ns - taken_ns);
	}
	if (descriptor >= 0)
		close(descriptor);
	if (code == -ETIMEDOUT)
		(void)snprintf(why, why_bytes, "took longer than its timeout and was killed");
	else if (code == 0 && WIFSIGNALED(status))
		(void)snprintf(why, why_bytes, "was ended by signal %d", WTERMSIG(status));
	else if (code == 0 && WEXITSTATUS(status) != 0)
		(void)snprintf(why, why_bytes, "ended with exit status %d", WEXITSTATUS(status));
	return code != 0 ? code : status != 0 ? -ECANCELED : 0;
}

static int attempt(struct command_sink *s, const struct weir_item *item, uint32_t number, char *why,
		   size_t why_bytes)
{
	const void *payload = item->payload;
	size_t payload_bytes = item->payload_bytes;
	pid_t process;
	if (s->of->config->write_json) {
		run_output_drop(&s->output, s->output.used);
		if (run_output_add(&s->output, item) < 0)
			return -ENOMEM;
		payload = s->output.bytes;
		payload_bytes = s->output.used;
	}
	int file = set_variables(s, item, number) ? payload_file(payload, payload_bytes) : -ENOMEM;
	int rc = file < 0 ? file : start(s, file, &process);
	if (file >= 0)
		close(file);
	if (rc < 0) {
		(void)snprintf(why, why_bytes, "cannot be started: %s", weir_strerror(rc));
		return rc;
	}
	return finish(s, process, why, why_bytes);
}

/* ---- an event -------------------------------------------------------------------------------- */

/* Between half of it and all of it, by chance. */
static uint64_t spread(struct command_sink *s, uint64_t ns)
{
	s->random = s->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return ns / 2 + (ns / 2 > 0 ? (s->random >> 33) % (ns / 2) : 0);
}

static int command_write(struct run_sink *sink, const struct weir_item *item,
			 struct run_fault *fault)
{
	struct command_sink *s = (struct command_sink *)sink;
	const struct weir_config_sink *config = s->of->config;
	uint64_t backoff_ns = config->backoff_ns;
	char why[96] = "";
	for (uint32_t number = 1;; number++) {
		int rc = attempt(s, item, number, why, sizeof why);
		if (rc == 0 || rc == -EINTR)
			return rc;
		if (number >= config->attempts_max)
			break;
		uint64_t wait_ns =
			backoff_ns < config->backoff_max_ns ? backoff_ns : config->backoff_max_ns;
		if (run_signal_wait(&s->of->life->abort, spread(s, wait_ns)))
			return -EINTR;
		backoff_ns = backoff_ns <= UINT64_MAX / 2 ? backoff_ns * 2 : backoff_ns;
	}
	if (config->on_failure == WEIR_CONFIG_FAILURE_REJECT) {
		(void)snprintf(s->base.why, sizeof s->base.why, "%.80s %s, %u times",
			       s->arguments[0], why, config->attempts_max);
		return RUN_SINK_REFUSES;
	}
	if (config->on_failure == WEIR_CONFIG_FAILURE_SKIP) {
		s->base.failed_count++;
		lines_say(WR_EVENT_SINK_EVENT_SKIPPED,
			  WR_FIELDS(wr_field_text("subscription", s->of->subscription->name),
				    wr_field_u64("sequence", item->sequence),
				    wr_field_text("why", why)),
			  "%s: event %llu: %s %s, %u times: passed over", s->of->subscription->name,
			  (unsigned long long)item->sequence, s->arguments[0], why,
			  config->attempts_max);
		return 0;
	}
	run_fault_set(fault, -ECANCELED, "event %llu: %s %s, %u times",
		      (unsigned long long)item->sequence, s->arguments[0], why,
		      config->attempts_max);
	return -ECANCELED;
}

static int command_commit(struct run_sink *sink, struct run_fault *fault)
{
	(void)sink;
	(void)fault;
	return 0;
}

static size_t command_pending(const struct run_sink *sink)
{
	(void)sink;
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void command_close(struct run_sink *sink)
{
	struct command_sink *s = (struct command_sink *)sink;
	if (s->variables != NULL)
		clear_variables(s);
	for (uint32_t i = 0; s->arguments != NULL && s->arguments[i] != NULL; i++)
		free(s->arguments[i]);
	free(s->arguments);
	free(s->variables);
	run_output_fini(&s->output);
	free(s);
}

/* A weir that is itself the command of another one has variables of that one's event: what they say
 * is not of this event, and where this one has no key, nothing would hide theirs. */
static bool is_of_an_event(const char *variable)
{
	static const char *const names[] = {
		"WEIR_SUBSCRIPTION=", "WEIR_TOPIC=",   "WEIR_PARTITION=",     "WEIR_SEQUENCE=",
		"WEIR_ATTEMPT=",      "WEIR_TIME=",    "WEIR_KEY=",           "WEIR_KEY_",
		"WEIR_HEADER_",       "WEIR_EVENT_ID", "WEIR_CORRELATION_ID", "WEIR_CAUSATION_ID",
		"TRACEPARENT=",       "TRACESTATE="};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool copy_arguments(struct command_sink *s)
{
	const struct weir_config_sink *config = s->of->config;
	s->arguments = calloc(config->command_count + 1, sizeof *s->arguments);
	for (uint32_t i = 0; s->arguments != NULL && i < config->command_count; i++) {
		s->arguments[i] = strdup(config->command[i]);
		if (s->arguments[i] == NULL)
			return false;
	}
	uint32_t count = 0;
	while (environ[count] != NULL)
		count++;
	s->variables = calloc(count + OWN_VARIABLES_MAX + 1, sizeof *s->variables);
	if (s->arguments == NULL || s->variables == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!is_of_an_event(environ[i]))
			s->variables[s->inherited_count++] = environ[i];
	s->variable_count = s->inherited_count;
	return true;
}

int run_sink_command_open(const struct run_sink_of *of, struct run_sink **ret_sink,
			  struct run_fault *fault)
{
	static const struct run_sink_ops ops = {.write = command_write,
						.commit = command_commit,
						.pending_bytes = command_pending,
						.close = command_close};
	struct command_sink *s = calloc(1, sizeof *s);
	if (s == NULL) {
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	s->base.ops = &ops;
	s->base.one_by_one = true;
	s->of = of;
	s->random = bench_now_ns();
	if (!copy_arguments(s) ||
	    run_output_init(&s->output, of->pipeline, of->config->write_json) < 0) {
		command_close(&s->base);
		run_fault_set(fault, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	/* Looked for now, so that a mistake is told before anything is published. */
	if (!wr_machine_has_program(s->arguments[0])) {
		run_fault_set(fault, -ENOENT, "there is no program %s that may be run",
			      s->arguments[0]);
		command_close(&s->base);
		return -ENOENT;
	}
	*ret_sink = &s->base;
	return 0;
}
