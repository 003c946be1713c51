/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of librdkafka's, as both directions have it: properties, the last error that it told,
 * and its end.
 *
 * Its threads inherit the CPUs of the thread that makes it: the bridge's. It never prints; what it
 * says of errors is kept, for the text of weir_bridge_lost(). A value of a property is never part
 * of a text: it may be a password.
 *
 * Thread: the bridge's, but for wr_kafka_properties_*.
 */
#ifndef WR_IO_KAFKA_CLIENT_H
#define WR_IO_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>
#include <weir/kafka.h>

#define WR_KAFKA_ERROR_BYTES 200u
#define WR_KAFKA_GROUP_BYTES 256u
/* librdkafka is asked again after so long: between two looks at whether the bridge is to stop. */
#define WR_KAFKA_SLICE_MS 500

uint64_t wr_kafka_now_ns(void); /* monotonic */

struct wr_kafka_properties {
	struct weir_kafka_property *items; /* with their texts, one allocation */
	uint32_t count;
};

struct wr_kafka_client {
	rd_kafka_t *rk; /* NULL: not connected */
	rd_kafka_resp_err_t last_code;
	char last_error[WR_KAFKA_ERROR_BYTES]; /* "": none since it was made */
	bool is_refused; /* the last error is one that only a person can mend */
	bool is_news;    /* it was not noted yet */
	/* librdkafka has said that all its brokers are down, first then, and none has answered
	 * wr_kafka_check() since. 0: it has not. */
	uint64_t down_ns;
	bool is_committing; /* offsets of a group are on their way, or wait for its coordinator */
	uint64_t made_ns;
};

/* -EINVAL, and what of the options is wrong; `problem` may be NULL. */
int wr_kafka_refuse(struct weir_problem *problem, const char *field, const char *text);

/* A copy; `own` are names that the bridge sets itself, ended by NULL. -EINVAL: with the problem. */
int wr_kafka_properties_copy(const struct weir_kafka_property *from, uint32_t count,
			     const char *const *own, struct wr_kafka_properties *to,
			     struct weir_problem *problem);
void wr_kafka_properties_free(struct wr_kafka_properties *properties);

/* Tries them all without connecting: 0 or -EINVAL. */
int wr_kafka_properties_try(const struct wr_kafka_properties *properties,
			    struct weir_problem *problem);

/* A configuration with the properties and `own`, pairs of name and value, ended by NULL. Its opaque
 * is the client. NULL: no memory, or one was refused. */
rd_kafka_conf_t *wr_kafka_conf_make(const struct wr_kafka_properties *properties,
				    const char *const *own, struct wr_kafka_client *client);
/* `conf` is taken in any case. 0, or what the driver is to return. */
int wr_kafka_client_make(struct wr_kafka_client *client, rd_kafka_type_t type,
			 rd_kafka_conf_t *conf, struct weir_bridge *bridge);
/* Forgets what is under way, and waits for nobody but its own threads. client_end.c. */
void wr_kafka_client_end(struct wr_kafka_client *client);

/* What `error` says, and frees it: lost, or failed where only a person can mend it. */
int wr_kafka_fault(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		   const char *doing, rd_kafka_error_t *error);
/* The same of a code. */
int wr_kafka_fault_code(struct weir_bridge *bridge, const struct wr_kafka_client *client,
			const char *doing, rd_kafka_resp_err_t code);
/* Nobody has answered in time: the last error says why, if there was one. */
int wr_kafka_no_answer(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		       const char *doing);

/* Nobody has answered yet: what was told since the last look is noted for who looks meanwhile, and
 * after a while without an error that nobody has. */
void wr_kafka_note(struct weir_bridge *bridge, struct wr_kafka_client *client);

/*
 * Whether it is worth while to ask again what was asked so often and not answered: not where a
 * person has to mend something, not when the bridge stops (but once), and not when no broker has
 * ever answered this client and for some seconds each was down: who waits on has a bridge that is
 * shown as connecting, and no failed attempt. One that is slow has answered something, or its
 * connection stands: that is waited for.
 */
bool wr_kafka_may_ask(struct weir_bridge *bridge, const struct wr_kafka_client *client,
		      uint32_t asked);

/*
 * While it runs, often, after a poll: 0, or what the driver is to return. It is lost when all its
 * brokers were said to be down, and for some seconds none has answered since. Until then it may
 * wait for an answer, WR_KAFKA_SLICE_MS; where none is said to be down it asks nobody.
 */
int wr_kafka_check(struct weir_bridge *bridge, struct wr_kafka_client *client);

/* How many partitions a topic has, now. 0, or what the driver is to return. */
int wr_kafka_partitions(struct weir_bridge *bridge, struct wr_kafka_client *client,
			const char *topic, uint32_t *ret_count);

#endif
