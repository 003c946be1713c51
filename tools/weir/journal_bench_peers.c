/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_bench_peers.h. Thread: main. */
#include "tools/weir/journal_bench_peers.h"

#include <errno.h>

#include "tools/weir/interrupt.h"

/* The fastest of them, with what it has beside its events. */
#define PEER_BYTES_PER_S 1500000000ull
#define PEER_BYTES_LEAST (512ull << 20)

bool journal_peers_find(struct journal_report *report)
{
	bool all = true;

	for (uint32_t i = 0; i < journal_peer_count; i++) {
		struct journal_peer_report *p = &report->peers[report->peer_count];
		p->peer = journal_peers[i];
		if (p->peer->version(p->version, sizeof p->version)) {
			report->peer_count++;
			continue;
		}
		fprintf(stderr, "weir: %s was not measured: it is not on this machine (%s)\n",
			p->peer->name, p->peer->package);
		all = false;
	}
	for (const struct journal_peer_absent *a = journal_peers_absent; a->name != NULL; a++) {
		fprintf(stderr, "weir: %s was not measured: this build lacks it (it needs %s)\n",
			a->name, a->package);
		all = false;
	}
	return all;
}

uint64_t journal_peers_bytes(const struct journal_choices *c)
{
	uint64_t bytes = (c->length_ns + c->warmup_ns) / 1000 * (PEER_BYTES_PER_S / 1000000);

	return wr_max_u64(bytes, PEER_BYTES_LEAST);
}

static int one_load(struct journal_report *report, struct journal_peer_report *p, uint64_t rate,
		    const char *dir, struct histogram *latency, struct weir_problem *problem,
		    struct journal_peer_round *ret_round)
{
	const struct journal_choices *c = &report->choices;
	const struct journal_load load = {
		.rate = rate, .warmup_ns = c->warmup_ns, .length_ns = c->length_ns};
	char why[160];

	histogram_reset(latency);
	*ret_round = (struct journal_peer_round){.ack = latency};
	int code = journal_peer_run(p->peer, dir, c->payload_bytes, &load, interrupt_flag(),
				    ret_round, why, sizeof why);
	if (code < 0 && code != -EINTR) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->text, sizeof problem->text, "%s: %.150s", p->peer->name,
			       why[0] != '\0' ? why : weir_strerror(code));
	}
	return code;
}

static int one_peer(struct journal_report *report, struct journal_peer_report *p, const char *dir,
		    struct histogram *latency, struct weir_problem *problem)
{
	struct journal_peer_round round;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < report->choices.rate_count; i++) {
		code = one_load(report, p, report->choices.rates[i], dir, latency, problem, &round);
		p->late_count[i] += round.late_count;
		if (code == 0)
			code = rounds_add(&p->at_rate[i], latency);
	}
	if (code == 0)
		code = one_load(report, p, JOURNAL_SATURATED, dir, latency, problem, &round);
	if (code == 0) {
		p->events_per_s[report->rounds] =
			round.elapsed_ns == 0
				? 0
				: (double)round.events * 1e9 / (double)round.elapsed_ns;
		code = rounds_add(&p->saturated_ack, latency);
	}
	return code;
}

int journal_peers_round(struct journal_report *report, const char *dir, struct histogram *latency,
			void (*tell)(const void *context, const char *name), const void *context,
			struct weir_problem *problem)
{
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < report->peer_count; i++) {
		tell(context, report->peers[i].peer->name);
		code = one_peer(report, &report->peers[i], dir, latency, problem);
	}
	return code;
}
