/* SPDX-License-Identifier: Apache-2.0 */
/* The contenders of a run, as text and as JSON: see ring_report_peers.h. */
#include "tools/weir/ring_report_peers.h"

static uint32_t cells_of(const struct ring_report *r, uint32_t peer)
{
	uint32_t cells = 0;
	for (uint32_t i = 0; i < r->cell_count; i++)
		cells += r->cells[i].ran[peer];
	return cells;
}

uint32_t ring_report_absent(const struct ring_report *r)
{
	uint32_t count = 0;
	if (r->peer_count > 1)
		while (ring_peers_absent[count] != NULL)
			count++;
	return count;
}

void ring_report_peers_text(const struct ring_report *r, FILE *to)
{
	if (r->peer_count < 2)
		return;
	fputs("\npeer                           version     cells  compiled with\n", to);
	for (uint32_t p = 0; p < r->peer_count; p++) {
		const struct ring_peer *peer = r->peers[p];
		fprintf(to, "%-30s %-11s %5u  %s", peer->name, peer->version, cells_of(r, p),
			peer->flags);
		if (peer->differs != NULL)
			fprintf(to, "; differs: %s", peer->differs);
		fputc('\n', to);
	}
	for (uint32_t p = 0; p < ring_report_absent(r); p++)
		fprintf(to, "%-30s not in this build; it needs %s\n", ring_peers_absent[p]->name,
			ring_peers_absent[p]->package);
}

static void peer_json(struct json_out *j, const struct ring_peer *peer, uint32_t cells)
{
	json_object(j, NULL);
	json_text(j, "name", peer->name);
	json_text(j, "version", peer->version);
	json_u64(j, "cells", cells);
	json_text(j, "package", peer->package);
	json_text(j, "flags", peer->flags);
	json_text(j, "differs", peer->differs);
	json_close(j);
}

void ring_report_peers_json(struct json_out *j, const struct ring_report *r)
{
	json_array(j, "peers");
	for (uint32_t p = 1; p < r->peer_count; p++)
		peer_json(j, r->peers[p], cells_of(r, p));
	for (uint32_t p = 0; p < ring_report_absent(r); p++)
		peer_json(j, ring_peers_absent[p], 0);
	json_close(j);
}
