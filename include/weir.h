/* SPDX-License-Identifier: Apache-2.0 */
/**
 * weir: a lock-free, in-process event pipeline that keeps every event it has acknowledged.
 *
 * The words, each used everywhere in this one sense:
 *
 *   event          what is published: topic, key, payload, headers, ids, times
 *   record         an event, or a control entry, encoded in a log
 *   log            one totally ordered sequence of records: chunks in memory, segments on disk
 *   sequence       the 64-bit number of a record in its log, dense, from 1
 *   lane           the private ring of bytes through which one thread talks to a log
 *   run, ticket    records that become visible together; the ordinal that publish returns
 *   batch, chunk, segment   unit of commit; unit of memory; file on disk
 *   topic, partition        a named stream; the events whose key hashes to p, in log order
 *   producer       a handle that one thread publishes with
 *   subscription, group, member   who reads what; the members that share it; one of them
 *   ack            a member says that an event is done
 *   durable sequence   every record up to it survives power loss
 *   lag            what a subscription has still to process: in events, bytes and time
 *
 * Read on in this order: options.h, pipeline.h, event.h, producer.h, subscription.h, replay.h
 * (reading again), trace.h (what an event carries on), journal.h (reading a journal from outside),
 * backup.h, spans.h (traces of events, for OpenTelemetry), metrics.h (what is counted), alerts.h,
 * log.h (lines for a person), error.h. ring.h and ring_fan.h stand alone: queues between threads.
 */
#ifndef WEIR_H
#define WEIR_H

#include <weir/alerts.h>
#include <weir/backup.h>
#include <weir/base.h>
#include <weir/binding.h>
#include <weir/bridge.h>
#include <weir/dead_letters.h>
#include <weir/erase.h>
#include <weir/error.h>
#include <weir/event.h>
#include <weir/filtering.h>
#include <weir/journal.h>
#include <weir/log.h>
#include <weir/metrics.h>
#include <weir/notify.h>
#include <weir/options.h>
#include <weir/pipeline.h>
#include <weir/producer.h>
#include <weir/projection.h>
#include <weir/rabbitmq.h>
#include <weir/registry.h>
#include <weir/replay.h>
#include <weir/replay_to.h>
#include <weir/resolver.h>
#include <weir/ring.h>
#include <weir/ring_fan.h>
#include <weir/route.h>
#include <weir/schema.h>
#include <weir/sharing.h>
#include <weir/snapshot.h>
#include <weir/spans.h>
#include <weir/subscription.h>
#include <weir/trace.h>
#include <weir/transaction.h>
#include <weir/transform.h>
#include <weir/upcast.h>

#endif
