/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages from a config file: the file says which there are, on how many threads and CPUs, and how
 * rings join them; this program has a function for each.
 *
 *   read ──SPSC──► price (2 threads) ──MPSC──► settle ──SPSC, may drop──► audit
 */
#include <stdio.h>
#include <weir.h>
#include <weir/stages.h>

#define ORDERS 100000u
#define SECOND 1000000000ull

struct order {
	uint64_t number;
	uint64_t price;
	uint64_t priced_by;
};

struct totals {
	uint64_t count;
	uint64_t sum;
	uint64_t by[2]; /* of each thread of price */
};

/* A source is called again and again until it says that there is no more. */
static int read_orders(void *context, struct weir_stage_worker *worker,
		       const struct weir_stage_batch *none)
{
	uint64_t *number = context;
	(void)none;
	for (int i = 0; i < 100; i++) {
		if (*number == ORDERS)
			return WEIR_STAGE_DONE;
		(*number)++;
		int rc = weir_stage_push(worker, 0, number, sizeof *number);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Items lie side by side where they lie in the ring; what comes out is built in the next one. */
static int price(void *context, struct weir_stage_worker *worker,
		 const struct weir_stage_batch *batch)
{
	const uint64_t *numbers = batch->items;
	(void)context;
	for (uint32_t i = 0; i < batch->count; i++) {
		struct order order = {.number = numbers[i],
				      .price = numbers[i] % 1000,
				      .priced_by = weir_stage_index(worker)};
		int rc = weir_stage_push(worker, 0, &order, sizeof order);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int settle(void *context, struct weir_stage_worker *worker,
		  const struct weir_stage_batch *batch)
{
	struct totals *totals = context;
	const struct order *orders = batch->items;
	int audit = weir_stage_output(worker, "audit");
	for (uint32_t i = 0; i < batch->count; i++) {
		totals->count++;
		totals->sum += orders[i].price;
		totals->by[orders[i].priced_by]++;
		/* Never waits: the file says drop. */
		if (totals->count % 100 == 0 &&
		    weir_stage_push(worker, (uint32_t)audit, &orders[i], sizeof orders[i]) < 0)
			return WEIR_E_CLOSED;
	}
	return 0;
}

static int audit(void *context, struct weir_stage_worker *worker,
		 const struct weir_stage_batch *batch)
{
	uint64_t *seen = context;
	(void)worker;
	*seen += batch->count;
	return 0;
}

static int run(const struct weir_config *config)
{
	uint64_t number = 0;
	uint64_t audited = 0;
	struct totals totals = {0};
	struct weir_stages *stages;
	struct weir_problem why;
	struct weir_stage_info infos[4];
	const struct weir_stage_function functions[] = {
		{"read", read_orders, &number},
		{"price", price, NULL},
		{"settle", settle, &totals},
		{"audit", audit, &audited},
	};

	int rc = weir_stages_open(config, functions, 4, &stages, &why);
	if (rc == 0) {
		/* The source ends by itself, and then, one after another, all of them. */
		rc = weir_stages_wait(stages, 100 * SECOND, &why);
		(void)weir_stages_info(stages, infos, 4);
		int closed = weir_stages_close(stages, WEIR_CLOSE_DRAIN, SECOND, NULL);
		rc = rc == 0 ? closed : rc;
	}
	if (rc != 0) {
		fprintf(stderr, "%s\n", why.text);
		return rc;
	}
	printf("%llu orders settled, %llu and %llu by each; %llu audited, %llu dropped\n",
	       (unsigned long long)totals.count, (unsigned long long)totals.by[0],
	       (unsigned long long)totals.by[1], (unsigned long long)audited,
	       (unsigned long long)infos[2].dropped);
	bool good = totals.count == ORDERS && totals.sum == (uint64_t)ORDERS / 1000 * 499500 &&
		    audited + infos[2].dropped == ORDERS / 100;
	return good ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct weir_config *config;
	struct weir_problem why;
	static char report[16384];

	int rc = weir_config_load(argc > 1 ? argv[1] : "stages.yaml", 0, &config, &why);
	if (rc < 0) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	weir_config_report(config, report, sizeof report);
	fprintf(stderr, "%s", report);
	rc = rc > 0 ? -1 : run(config);
	weir_config_destroy(config);
	return rc == 0 ? 0 : 1;
}
