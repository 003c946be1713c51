#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How many events a second a sink brings to Kafka, beside Kafka's own load generator
# (kafka-producer-perf-test) with transactions of the same size: one broker, the two in turn, each
# with a new topic. Alone on the machine: clients and broker share it.
# usage: tools/measure/kafka_sink.sh BUILD [--rounds N] [--events N] [--bytes N] [--ms N]
#            [--partitions N] [--generator NAME=VALUE]... [--sink NAME=VALUE]...
#   BUILD         a release build with tests/bridge_kafka_rate
#   --ms          a transaction of the generator's lasts so long (100); what that is in events is
#                 counted in each round, and is what a transaction of the sink's has
#   --generator, --sink   a property of the producer of one of them, beyond its defaults
# Both wait for all replicas (acks=all, one broker), and neither compresses; no event has a key.
# The sink's events come out of a journal, into which they are published meanwhile, durable.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
usage() { sed -n '6,8s/^# //p' "$0"; }
[ $# -ge 1 ] && [ -d "$1" ] || { usage >&2; exit 2; }
arguments=("$@")
bench=$1/tests/bridge_kafka_rate
shift
rounds=5 events=1000000 bytes=1024 ms=100 partitions=4
generator=() sink=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=${2:?} ;;
	--events) events=${2:?} ;;
	--bytes) bytes=${2:?} ;;
	--ms) ms=${2:?} ;;
	--partitions) partitions=${2:?} ;;
	--generator) generator+=("${2:?}") ;;
	--sink) sink+=("${2:?}") ;;
	*) usage >&2; exit 2 ;;
	esac
	shift 2
done
[ -x "$bench" ] || { echo "no $bench: ninja -C ${arguments[0]} tests/bridge_kafka_rate" >&2; exit 2; }
[ -n "${KAFKA_SERVERS:-}" ] || exec tools/with-kafka --perf "tools/measure/kafka_sink.sh" "${arguments[@]}"

journal=$(mktemp -d "${TMPDIR:-/var/tmp}/kafka-sink.XXXXXX")
trap 'rm -rf "$journal"' EXIT

generate() { # generate TOPIC: events a second
	java -cp "$KAFKA_JARS" org.apache.kafka.tools.ProducerPerformance --topic "$1" \
		--num-records "$events" --record-size "$bytes" --throughput -1 \
		--transactional-id "$1" --transaction-duration-ms "$ms" \
		--producer-props "bootstrap.servers=$KAFKA_SERVERS" acks=all \
		${generator[@]+"${generator[@]}"} 2>"$journal/errors" |
		sed -n 's|.*records sent, \([0-9.]*\) records/sec.*99.9th.*|\1|p' | tail -n 1
}
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

echo "$events events of $bytes bytes, $partitions partitions; $(nproc) CPUs for broker and client"
echo "events/s: generator, sink; ratio; events in a transaction"
for round in $(seq "$rounds"); do
	"$bench" make "generator-$round" "$partitions" && "$bench" make "sink-$round" "$partitions" || exit 1
	sync # what the one before has left for the disk is not the next one's
	theirs=$(generate "generator-$round")
	[ -n "$theirs" ] || { echo "the generator failed:" >&2; cat "$journal/errors" >&2; exit 1; }
	transactions=$("$bench" marks "generator-$round" "$events") || exit 1
	size=$((events / (transactions > 0 ? transactions : 1)))
	"$bench" drop "generator-$round"
	sync
	ours=$("$bench" send "sink-$round" "$partitions" "$events" "$bytes" "$size" "$journal/log" \
		${sink[@]+"${sink[@]}"}) || exit 1
	"$bench" drop "sink-$round"
	rm -rf "$journal/log"
	echo "$theirs $ours" | awk -v s="$size" '{ printf "%.0f %.0f %.3f %d\n", $1, $2, $2 / $1, s }' |
		tee -a "$journal/rounds"
done
for column in 1 2 3; do
	awk -v c=$column '{ print $c }' "$journal/rounds" | median
done | xargs printf 'median: generator %s, sink %s events/s; of the ratios %s\n'
