/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A branch for each producer: three sensors push readings, and never meet; one collector takes what
 * there is of each, in that sensor's order.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <weir.h>

#define SENSORS 3u
#define READINGS 100000u

struct reading {
	uint64_t sensor;
	uint64_t number;
};

static struct weir_ring_fan *fan;

static void *sense(void *argument)
{
	const uint64_t *sensor = argument;
	struct weir_ring_producer *out;
	if (weir_ring_fan_producer_open(fan, &out) != 0)
		return NULL;
	for (uint64_t number = 0; number < READINGS; number++) {
		const struct reading reading = {*sensor, number};
		if (weir_ring_push_wait(out, &reading, sizeof reading, WEIR_FOREVER) != 0)
			break;
	}
	weir_ring_producer_close(out);
	return NULL;
}

static void *collect(void *argument)
{
	uint64_t *next = argument; // of each sensor; then all that was wrong
	struct weir_ring_fan_consumer *in;
	struct reading batch[64];
	int n;
	if (weir_ring_fan_consumer_open(fan, &in) != 0)
		return NULL;
	while ((n = weir_ring_fan_pop_many_wait(in, batch, 64, sizeof batch[0], WEIR_FOREVER)) > 0)
		for (int i = 0; i < n; i++)
			if (batch[i].number != next[batch[i].sensor]++)
				next[SENSORS]++;
	weir_ring_fan_consumer_close(in);
	return NULL;
}

static int make_fan(void)
{
	struct weir_ring_options options;
	struct weir_problem why;
	weir_ring_options_init(&options);
	options.producers = WEIR_RING_MANY_PRODUCERS;
	options.producers_max = SENSORS;
	options.slot_bytes = sizeof(struct reading);
	options.capacity = 1024; // of each branch
	int code = weir_ring_fan_create(&options, &fan, &why);
	if (code < 0)
		fprintf(stderr, "%s: %s\n", why.field, why.text);
	return code;
}

int main(void)
{
	pthread_t sensors[SENSORS], collector;
	uint64_t names[SENSORS];
	uint64_t next[SENSORS + 1] = {0};
	if (make_fan() < 0 || pthread_create(&collector, NULL, collect, next) != 0)
		return 1;
	for (uint64_t i = 0; i < SENSORS; i++) {
		names[i] = i;
		if (pthread_create(&sensors[i], NULL, sense, &names[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < SENSORS; i++)
		(void)pthread_join(sensors[i], NULL);
	weir_ring_fan_close(fan);
	(void)pthread_join(collector, NULL);
	weir_ring_fan_destroy(fan);
	for (unsigned i = 0; i < SENSORS; i++)
		printf("sensor %u: %" PRIu64 " readings\n", i, next[i]);
	return next[0] + next[1] + next[2] == SENSORS * READINGS && next[SENSORS] == 0 ? 0 : 1;
}
