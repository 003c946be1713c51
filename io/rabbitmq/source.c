/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h: messages in, acknowledged when they are durable. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <weir/producer.h>

#include "io/rabbitmq/driver.h"

/* Messages of one step, and how often a queue is asked for its length. */
#define STEP_MESSAGES 512
#define ASK_EACH_NS 2000000000ull
#define CLOSE_NS 100000000ull
#define GOODBYE_NS 1000000000ull

/* ---- what the log says ----------------------------------------------------------------------- */

static void answered(void *context, const struct weir_ack_range *range)
{
	struct wr_rabbit_source *s = &((struct weir_rabbitmq *)context)->source;
	bool good = range->code == 0 || range->code == WEIR_E_DUPLICATE;
	while (s->count > 0 && s->refused == 0) {
		const struct wr_rabbit_pending *p = &s->pending[s->first];
		if (p->ticket > range->last_ticket)
			return;
		if (!good) {
			s->refused = range->code;
			return;
		}
		if (p->is_dead) {
			s->dead++;
		} else if (range->code == WEIR_E_DUPLICATE) {
			s->repeats++;
		} else {
			s->events++;
			s->bytes += p->bytes;
		}
		s->ack_tag = p->tag;
		s->first = (s->first + 1) % s->options.prefetch;
		s->count--;
	}
}

/* What is durable is acknowledged, as soon as there is room to send it. 1: something was. */
static int acknowledge(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	(void)weir_producer_poll_acks(s->producer);
	int rc = 0;
	if (s->ack_tag != 0) {
		/* Of what is below, all was acknowledged, rejected, or is durable. */
		amqp_basic_ack_t ack = {.delivery_tag = s->ack_tag, .multiple = 1};
		rc = wr_rabbit_link_send(&r->link, AMQP_BASIC_ACK_METHOD, &ack, 0);
	}
	if (rc > 0) {
		s->ack_tag = 0;
		weir_bridge_count(bridge, s->events, s->bytes, s->repeats);
		if (s->dead > 0)
			weir_bridge_count_dead(bridge, s->dead);
		s->events = s->bytes = s->repeats = s->dead = 0;
	}
	if (rc < 0 || s->refused == 0 || s->handed_over || s->ack_tag != 0)
		return rc;
	if (s->refused == WEIR_E_FAILED || s->refused == WEIR_E_CLOSED ||
	    s->refused == WEIR_E_POISONED)
		return weir_bridge_failed(bridge, "the log: %s", weir_strerror(s->refused));
	s->careful = s->options.prefetch;
	return weir_bridge_lost(bridge, "the log refused a message: %s. They are taken one by one",
				weir_strerror(s->refused));
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int declare(struct weir_rabbitmq *r)
{
	const struct weir_rabbitmq_source_options *o = &r->source.options;
	amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type")};
	amqp_queue_declare_t arguments = {
		.queue = amqp_cstring_bytes(o->queue),
		.passive = o->declare == NULL,
		.durable = 1,
	};
	if (o->declare != NULL) {
		type.value.kind = AMQP_FIELD_KIND_UTF8;
		type.value.value.bytes = amqp_cstring_bytes(o->declare);
		arguments.arguments = (amqp_table_t){.num_entries = 1, .entries = &type};
	}
	int rc = wr_rabbit_link_request(&r->link, AMQP_QUEUE_DECLARE_METHOD, &arguments,
					AMQP_QUEUE_DECLARE_OK_METHOD, "queue.declare");
	if (rc != 0 || o->declare == NULL || o->exchange == NULL)
		return rc;
	amqp_queue_bind_t bind = {
		.queue = amqp_cstring_bytes(o->queue),
		.exchange = amqp_cstring_bytes(o->exchange),
		.routing_key = amqp_cstring_bytes(o->binding_key),
	};
	return wr_rabbit_link_request(&r->link, AMQP_QUEUE_BIND_METHOD, &bind,
				      AMQP_QUEUE_BIND_OK_METHOD, "queue.bind");
}

/* Whether the topic takes idempotency keys: a run that is given up leaves no trace. */
static int check_window(struct wr_rabbit_source *s, struct weir_bridge *bridge)
{
	struct weir_ids ids = {.idempotency_key = "?", .idempotency_key_bytes = 1};
	struct weir_event event = {.topic = s->options.topic, .ids = &ids};
	if (s->options.no_dedup)
		return 0;
	int rc = weir_run_begin(s->producer, 4096);
	if (rc != 0)
		return weir_bridge_lost(bridge, "the log: %s", weir_strerror(rc));
	rc = weir_run_add(s->producer, &event);
	(void)weir_abort(s->producer);
	if (rc == -EINVAL)
		return weir_bridge_failed(bridge,
					  "its topic remembers no idempotency keys: give it "
					  "a window of them, or set no_dedup");
	return rc == 0 ? 0 : weir_bridge_failed(bridge, "its topic: %s", weir_strerror(rc));
}

static int open_producer(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	struct weir_producer_options options;
	struct weir_problem problem = {0};
	weir_producer_options_init(&options);
	options.when_full = WEIR_FULL_TRY;
	options.ack_fn = answered;
	options.ack_context = r;
	int rc = weir_producer_open(weir_bridge_pipeline(bridge), &options, &s->producer, &problem);
	if (rc != 0) {
		s->producer = NULL;
		return weir_bridge_lost(bridge, "no producer: %s %s", weir_strerror(rc),
					problem.text);
	}
	s->eventfd = weir_producer_eventfd(s->producer);
	if (s->eventfd < 0)
		return weir_bridge_lost(bridge, "no descriptor: %s", weir_strerror(s->eventfd));
	return check_window(s, bridge);
}

static int consume(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	const struct weir_rabbitmq_source_options *o = &r->source.options;
	amqp_basic_qos_t qos = {.prefetch_count = (uint16_t)o->prefetch};
	int rc = wr_rabbit_link_request(&r->link, AMQP_BASIC_QOS_METHOD, &qos,
					AMQP_BASIC_QOS_OK_METHOD, "basic.qos");
	amqp_basic_consume_t arguments = {
		.queue = amqp_cstring_bytes(o->queue),
		.consumer_tag = amqp_cstring_bytes(weir_bridge_name(bridge)),
	};
	if (rc == 0)
		rc = wr_rabbit_link_request(&r->link, AMQP_BASIC_CONSUME_METHOD, &arguments,
					    AMQP_BASIC_CONSUME_OK_METHOD, "basic.consume");
	return rc;
}

int wr_rabbit_source_open(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	s->first = s->count = 0;
	s->ack_tag = 0;
	s->refused = 0;
	s->handed_over = false;
	s->asked_ns = 0;
	int rc = open_producer(r, bridge);
	if (rc == 0)
		rc = wr_rabbit_link_open(&r->link);
	if (rc == 0)
		rc = declare(r);
	if (rc == 0)
		rc = consume(r, bridge);
	r->link.answered = false;
	return rc;
}

void wr_rabbit_source_close(struct weir_rabbitmq *r)
{
	struct wr_rabbit_source *s = &r->source;
	s->count = 0;
	if (s->producer != NULL)
		(void)weir_producer_close(s->producer, CLOSE_NS);
	s->producer = NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* How long the queue is: asked without waiting, the answer comes among the deliveries. */
static int look_at_length(struct weir_rabbitmq *r, struct weir_bridge *bridge)
{
	struct wr_rabbit_source *s = &r->source;
	if (r->link.answered && r->link.answer.id == AMQP_QUEUE_DECLARE_OK_METHOD) {
		const amqp_queue_declare_ok_t *ok = r->link.answer.decoded;
		weir_bridge_lag(bridge, ok->message_count);
	}
	r->link.answered = false;
	uint64_t now_ns = wr_rabbit_now_ns();
	if (r->link.awaited != 0 || now_ns - s->asked_ns < ASK_EACH_NS)
		return 0;
	amqp_queue_declare_t arguments = {.queue = amqp_cstring_bytes(s->options.queue),
					  .passive = 1};
	int rc = wr_rabbit_link_send(&r->link, AMQP_QUEUE_DECLARE_METHOD, &arguments, 0);
	if (rc > 0) {
		r->link.awaited = AMQP_QUEUE_DECLARE_OK_METHOD;
		s->asked_ns = now_ns;
	}
	return rc < 0 ? rc : 0;
}

/* Until a message comes, or an answer of the log. */
static void wait_for_work(struct weir_rabbitmq *r, uint64_t timeout_ns)
{
	struct pollfd entries[] = {{.fd = r->link.fd, .events = POLLIN},
				   {.fd = r->source.eventfd, .events = POLLIN}};
	/* With a message in hand the socket has nothing to say that could be heard. */
	if (r->link.held)
		entries[0].fd = -1;
	if (poll(entries, 2, (int)(timeout_ns / 1000000u)) > 0 && entries[1].revents != 0) {
		uint64_t count;
		(void)!read(r->source.eventfd, &count, sizeof count);
	}
}

int wr_rabbit_source_step(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	bool moved = false;
	int rc = acknowledge(r, bridge);
	for (int i = 0; i < STEP_MESSAGES && rc >= 0; i++) {
		moved = moved || rc > 0;
		rc = wr_rabbit_link_read(&r->link, 0);
		if (rc >= 0 && r->link.answered)
			rc = look_at_length(r, bridge);
		if (rc < 0 || !r->link.held)
			break;
		rc = wr_rabbit_source_take(r, bridge);
		if (rc <= 0)
			break;
		wr_rabbit_link_release(&r->link);
	}
	if (rc >= 0)
		rc = look_at_length(r, bridge);
	if (rc < 0)
		return rc;
	if (moved)
		return 1;
	/* A message that waits for room in the log has nobody who wakes it. */
	bool waits = r->link.held && !r->source.handed_over && r->source.count == 0;
	wait_for_work(r, waits && timeout_ns > 10000000u ? 10000000u : timeout_ns);
	return 0;
}

int wr_rabbit_source_drain(struct weir_rabbitmq *r, struct weir_bridge *bridge, uint64_t timeout_ns)
{
	struct wr_rabbit_source *s = &r->source;
	uint64_t end_ns = wr_rabbit_now_ns() + timeout_ns;
	for (;;) {
		int rc = acknowledge(r, bridge);
		if (rc < 0)
			return -1;
		if (s->count == 0 && s->ack_tag == 0)
			break;
		if (wr_rabbit_now_ns() > end_ns || weir_bridge_is_aborting(bridge))
			return -1;
		wait_for_work(r, 10000000u);
	}
	wr_rabbit_link_goodbye(&r->link, GOODBYE_NS);
	return 0;
}
