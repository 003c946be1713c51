/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of kafka_cases.c are made of: kafka_cases_log.c has logs and bridges,
 * kafka_cases_broker.c topics of Kafka's and what is in them.
 *
 * A wait has an end, a minute; what fails before a case can say so ends the program.
 */
#ifndef WEIR_TESTS_BRIDGE_KAFKA_CASES_H
#define WEIR_TESTS_BRIDGE_KAFKA_CASES_H

#include <weir.h>
#include <weir/kafka.h>

#define CASES_WAIT_MS 60000u

struct log {
	char dir[1024];
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t sent, came, dead, positions; /* topics */
	uint32_t subscription;                /* of `sent` */
	uint32_t everything;                  /* of `came`; nobody reads it */
	uint64_t published;                   /* numbers 1 .. published */
};

/* ---- what is found --------------------------------------------------------------------------- */

void cases_check(bool good, const char *text);
void cases_skip(const char *text);
int cases_end(void);
/* Ends the program. */
void cases_need(bool good, const char *what);
void cases_nap_ms(uint32_t ms);

/* ---- the broker ------------------------------------------------------------------------------ */

/* A topic; max_bytes: its max.message.bytes, or NULL. */
void cases_topic(const char *name, int partitions, const char *max_bytes);
void cases_grow(const char *name, int partitions);
/* The offset behind its last message. */
int64_t cases_end_of(const char *topic, int partition);
/* Numbers as payloads, one in turn to each partition; `parent`: a header traceparent, or NULL. */
void cases_write(const char *topic, int partitions, uint64_t first, uint64_t end,
		 const char *parent);
/* Is each number 1 .. end in it, once, each partition in order? */
void cases_check_topic(const char *topic, int partitions, uint64_t end, const char *text);
int cases_count_parents(const char *topic, int partitions, const char *parent);
/* start, kill: tools/with-kafka's. */
void cases_control(const char *what);

/* ---- logs and bridges ------------------------------------------------------------------------ */

void log_open(struct log *l, const char *name, uint32_t partitions);
void log_close(struct log *l);
uint32_t log_subscription(struct log *l, const char *name);
uint32_t log_subscription_of(struct log *l, const char *name, const char *topic);
/* So many numbers more, a key to each seventh. */
void log_publish(struct log *l, uint32_t count);
void log_publish_bytes(struct log *l, const char *bytes, size_t size);
/* From here on bridges log in; NULL: no more. */
void cases_login(const char *servers, const char *user, const char *secret);
/* From here on they want a certificate that this authority has signed; with a user, they log in. */
void cases_tls(const char *servers, const char *ca_file, const char *user, const char *secret);
/* And, behind that, they show this certificate. */
void cases_certificate(const char *cert_file, const char *key_file);
struct weir_bridge *log_sink(struct log *l, const char *name, const char *group,
			     uint32_t subscription, const char *topic, uint32_t transaction_ms);
struct weir_bridge *log_source(struct log *l, const char *name, const char *group,
			       const char *topic, bool newest);
struct weir_bridge_status cases_look(struct weir_bridge *bridge);
bool cases_wait_state(struct weir_bridge *bridge, enum weir_bridge_state state);
/* Until its trouble says this. */
bool cases_wait_why(struct weir_bridge *bridge, const char *part);
/* Until the subscription has no lag. */
bool log_wait_sent(struct log *l, uint32_t subscription);
/* Until so many events have come. */
bool log_wait_came(struct log *l, uint64_t count);
/* Until the log has so many positions. */
bool log_wait_positions(struct log *l, uint64_t count);
/* Is each number 1 .. end in `came`, once, each key and partition in order? */
void log_check_came(struct log *l, uint64_t end, const char *text);
void log_check_parents(struct log *l, const char *parent, int count);

#endif
