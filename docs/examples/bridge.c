/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge of one's own: a driver that appends events to a file, as lines. What it shows is what a
 * driver has to do, and what the frame does for it: a thread, states, another attempt after a
 * delay, pause and resume, lag.
 *
 * Here the other side knows no repeats: a process that dies between fsync() and the
 * acknowledgement leaves lines that come again. What a driver can do about that depends on the
 * other side: a position there (Kafka's transactions), or an id for each event.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>
#include <weir/bridge.h>

#define ITEMS 64

struct file_driver {
	const char *path;
	FILE *file;
};

static int file_open(void *self, struct weir_bridge *bridge)
{
	struct file_driver *d = self;
	d->file = fopen(d->path, "ae");
	if (d->file != NULL)
		return 0;
	/* A folder without rights will not mend itself; all else may. */
	if (errno == EACCES)
		return weir_bridge_failed(bridge, "%s: %s", d->path, strerror(errno));
	return weir_bridge_lost(bridge, "%s: %s", d->path, strerror(errno));
}

static int file_step(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct file_driver *d = self;
	struct weir_member *member = weir_bridge_member(bridge);
	struct weir_item items[ITEMS];
	uint64_t bytes = 0;
	int count = weir_poll(member, items, ITEMS, timeout_ns);
	if (count <= 0)
		return count == 0 ? 0 : weir_bridge_lost(bridge, "%s", weir_strerror(count));
	for (int i = 0; i < count; i++) {
		if (items[i].kind != WEIR_ITEM_EVENT)
			continue; /* a gap, acknowledged with the rest */
		(void)fwrite(items[i].payload, 1, items[i].payload_bytes, d->file);
		(void)putc('\n', d->file);
		bytes += items[i].payload_bytes;
	}
	if (fflush(d->file) != 0 || fsync(fileno(d->file)) != 0)
		return weir_bridge_lost(bridge, "%s: %s", d->path, strerror(errno));
	if (weir_ack_all(member) != 0)
		return weir_bridge_lost(bridge, "nothing can be acknowledged");
	weir_bridge_count(bridge, (uint64_t)count, bytes, 0);
	return count;
}

static int file_drain(void *self, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	(void)self; /* each step ends with everything on its disk */
	return weir_member_commit(weir_bridge_member(bridge), WEIR_LEVEL_DEFAULT, timeout_ns);
}

static void file_close(void *self, struct weir_bridge *bridge)
{
	struct file_driver *d = self;
	(void)bridge;
	if (d->file != NULL)
		(void)fclose(d->file);
	d->file = NULL;
}

static const struct weir_bridge_ops file_ops = {
	.struct_bytes = sizeof(struct weir_bridge_ops),
	.system = "file",
	.open = file_open,
	.step = file_step,
	.drain = file_drain,
	.close = file_close,
};

static int start(struct weir_pipeline *pipeline, struct file_driver *driver,
		 struct weir_bridge **ret_bridge, struct weir_problem *why)
{
	struct weir_bridge_options options;
	weir_bridge_options_init(&options);
	options.name = "lines";
	options.direction = WEIR_BRIDGE_SINK;
	options.ops = &file_ops;
	options.self = driver;
	options.state_dir = "bridge.journal.bridges"; /* status, pause: files */
	int rc = weir_subscription_find(pipeline, "lines", &options.subscription);
	return rc < 0 ? rc : weir_bridge_start(pipeline, &options, ret_bridge, why);
}

static int publish_three(struct weir_pipeline *pipeline, uint32_t topic)
{
	static const char *const words[] = {"one", "two", "three"};
	int rc = 0;
	for (int i = 0; i < 3 && rc == 0; i++) {
		const struct weir_event event = {
			.topic = topic, .payload = words[i], .payload_bytes = strlen(words[i])};
		rc = weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL);
	}
	return rc;
}

int main(void)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options readers;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {.text = "the call's return code says why"};
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	struct file_driver driver = {.path = "bridge.lines"};
	struct weir_bridge *bridge = NULL;
	uint32_t id;

	weir_options_init(&options);
	options.dir = "bridge.journal";
	options.segment_bytes = 4 << 20;
	weir_topic_options_init(&topic);
	topic.name = "words";
	weir_subscription_options_init(&readers);
	readers.name = "lines";
	readers.topics = &topic.name;
	readers.topic_count = 1;
	bool good = weir_open(&options, &pipeline, &why) == 0 &&
		    weir_topic_create(pipeline, &topic, &id, &why) == 0 &&
		    weir_subscription_create(pipeline, &readers, &id, &why) == 0 &&
		    weir_topic_find(pipeline, "words", &id) == 0 &&
		    start(pipeline, &driver, &bridge, &why) == 0 &&
		    publish_three(pipeline, id) == 0;
	while (good && status.events < 3) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		good = weir_bridge_status(bridge, &status) == 0;
	}
	if (good)
		printf("%s is %s: %llu events\n", status.name, weir_bridge_state_name(status.state),
		       (unsigned long long)status.events);
	else
		fprintf(stderr, "%s %s\n", why.field, why.text);
	good = weir_bridge_stop(bridge) == 0 && good; /* before the pipeline is closed */
	(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
