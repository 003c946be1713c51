/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h. */
#include "io/http/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static ptrdiff_t read_pieces(void *context, char *to, size_t room)
{
	struct wr_http_walk *w = context;
	size_t done = 0;
	while (done < room) {
		if (w->sent == w->text.bytes) {
			w->text.bytes = w->sent = 0;
			if (!w->make(w))
				break;
		}
		if (w->text.failed)
			return -ENOMEM;
		size_t bytes = w->text.bytes - w->sent;
		bytes = bytes < room - done ? bytes : room - done;
		if (bytes > 0)
			memcpy(to + done, w->text.data + w->sent, bytes);
		w->sent += bytes;
		done += bytes;
	}
	return (ptrdiff_t)done;
}

static void end_pieces(void *context)
{
	struct wr_http_walk *w = context;
	for (uint32_t i = 0; i < w->count; i++)
		wr_http_pipeline_leave(w->list[i]);
	w->all->answers--;
	wr_http_text_free(&w->text);
	free(w);
}

void *wr_http_walk_begin(const struct wr_http_site *site, struct wr_http_request *r, size_t bytes,
			 bool (*make)(struct wr_http_walk *walk))
{
	struct wr_http_pipelines *all = site->pipelines;
	struct wr_http_walk *w = calloc(1, bytes);
	if (w == NULL) {
		r->reply.failed = true;
		return NULL;
	}
	wr_http_pipelines_look(all);
	all->answers++;
	w->all = all;
	w->make = make;
	w->count = all->count;
	for (uint32_t i = 0; i < w->count; i++) {
		struct wr_http_pipeline *one = all->list[i];
		wr_http_pipeline_use(one);
		w->list[i] = one;
		w->is_alive[i] = one->about.state == WEIR_METRICS_RUNNING ||
				 one->about.state == WEIR_METRICS_SILENT;
	}
	r->pieces = (struct wr_http_pieces){.read = read_pieces, .end = end_pieces, .context = w};
	wr_http_done(r);
	return w;
}
