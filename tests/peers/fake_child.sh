#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A contender of `weir bench ring` in a process of its own (bench/ring_child.h) that has no ring: it
# says that each producer pushed 100 items a run more than in the run before, and that the first
# consumer (multicast: each) got them. Or it does wrong in one way. usage: fake_child.sh WAY
way=$1
run_count=0

case $way in
mute) exec sleep 1000 ;;
stranger) echo "weir-ring-peer 2" ;;
flood) head -c 5000 /dev/zero | tr '\0' x ;;
*) echo "weir-ring-peer 1" ;;
esac

sides() { # sides: each is this process's one thread
	echo "ready $$ $(yes $$ | head -n $((producers + consumers)) | tr '\n' ' ')" | sed 's/ $//'
}

results() {
	each=$((100 * run_count))
	elapsed=$length
	count=0
	sum=0
	pushed=
	i=0
	while [ $i -lt "$producers" ]; do
		count=$((count + each))
		sum=$((sum + each * (i << 48) + each * (each - 1) / 2))
		pushed="$pushed $each"
		i=$((i + 1))
	done
	faults=0
	case $way in
	loses) count=$((count - 1)) ;;
	doubles) count=$((count + 1)) ;;
	changes) sum=$((sum + 1)) ;;
	faulty) faults=1 ;;
	early) elapsed=$((length - 1)) ;;
	late) elapsed=1000000000000000 ;;
	esac
	got=
	i=0
	while [ $i -lt "$consumers" ]; do
		got="$got $count $sum $faults"
		[ "$shape" = multicast ] || { count=0 sum=0 faults=0; }
		i=$((i + 1))
	done
	# As long as it says at least: weir has a clock, too.
	sleep "$((length / 1000000000)).$(printf %09d $((length % 1000000000)))"
	echo "done $elapsed$pushed$got"
}

while read -r word shape_ payload_ batch_ wait_ producers_ consumers_ capacity_ own_ length_ warm_; do
	case $word in
	run)
		run_count=$((run_count + 1))
		shape=$shape_ producers=$producers_ consumers=$consumers_ length=$length_
		case $way in
		refuses) echo "error out of memory" ;;
		babbles) echo "ready $$" ;;
		takes_another) echo "ready 1 $$ $$" ;;
		dies_second) [ $run_count -lt 2 ] || exit 3 ;;
		hangs_second) [ $run_count -lt 2 ] || exec sleep 1000 ;;
		esac
		case $way in
		refuses | babbles | takes_another) ;;
		*) sides ;;
		esac
		;;
	go)
		[ "$way" != is_killed ] || kill -9 $$
		[ "$way" != rambles ] || echo "done and dusted"
		results
		;;
	esac
done
[ "$way" != stays ] || exec sleep 1000
