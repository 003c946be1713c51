/* SPDX-License-Identifier: Apache-2.0 */
/* Findings for people, the worst first, and for programs. */
#include <string.h>

#include <weir/error.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"
#include "tools/weir/json_out.h"

#define NAME_COLUMNS 16
#define LABEL_COLUMNS 7

/* Broken at blanks; every line but the first begins at `indent`. A word is never broken. */
static void print_wrapped(FILE *to, const char *text, int indent, int columns)
{
	int at = indent;
	while (*text != '\0') {
		int word = (int)strcspn(text, " ");
		if (at > indent && at + 1 + word > columns) {
			fprintf(to, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', to);
			at++;
		}
		fprintf(to, "%.*s", word, text);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

static void print_finding(FILE *to, const struct doctor_finding *f, int columns)
{
	char text[400];
	fprintf(to, "  %-*s", NAME_COLUMNS - 2, f->id);
	print_wrapped(to, f->found, NAME_COLUMNS, columns);
	if (f->cost[0] != '\0') {
		(void)snprintf(text, sizeof text, "%s (%s)", f->cost, f->source);
		fprintf(to, "%*s%-*s", NAME_COLUMNS, "", LABEL_COLUMNS, "costs:");
		print_wrapped(to, text, NAME_COLUMNS + LABEL_COLUMNS, columns);
	}
	/* In one piece: it is copied. */
	if (f->fix[0] != '\0')
		fprintf(to, "%*s%-*s%s\n", NAME_COLUMNS, "", LABEL_COLUMNS, "fix:", f->fix);
}

static const char *const titles[] = {
	[DOCTOR_STOPS] = "cannot work",
	[DOCTOR_COSTS] = "costs you",
	[DOCTOR_NOTE] = "worth knowing",
	[DOCTOR_OK] = "ok",
};

void doctor_print(FILE *to, const struct doctor *d)
{
	int columns = cli_columns(to);
	for (int weight = 0; weight < DOCTOR_WEIGHT_COUNT; weight++) {
		if (doctor_count(d, (enum doctor_weight)weight) == 0)
			continue;
		fprintf(to, "%s\n", titles[weight]);
		for (uint32_t i = 0; i < d->finding_count; i++)
			if ((int)d->findings[i].weight == weight)
				print_finding(to, &d->findings[i], columns);
	}
	fprintf(to, "%u cannot work, %u cost you, %u worth knowing, %u ok\n",
		doctor_count(d, DOCTOR_STOPS), doctor_count(d, DOCTOR_COSTS),
		doctor_count(d, DOCTOR_NOTE), doctor_count(d, DOCTOR_OK));
}

/* ---- JSON ---- */

static void put_histogram(struct json_out *j, const char *key, const struct histogram *h)
{
	if (h == NULL || h->count == 0) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	json_f64(j, "p50", (double)histogram_quantile(h, 500000) / 1000, 1);
	json_f64(j, "p99", (double)histogram_quantile(h, 990000) / 1000, 1);
	json_f64(j, "p999", (double)histogram_quantile(h, 999000) / 1000, 1);
	json_f64(j, "max", (double)h->greatest / 1000, 1);
	json_u64(j, "samples", h->count);
	json_close(j);
}

static void put_finding(struct json_out *j, const struct doctor_finding *f)
{
	static const char *const names[] = {
		[DOCTOR_STOPS] = "cannot_work",
		[DOCTOR_COSTS] = "costs",
		[DOCTOR_NOTE] = "worth_knowing",
		[DOCTOR_OK] = "ok",
	};
	json_object(j, NULL);
	json_text(j, "id", f->id);
	json_text(j, "weight", names[f->weight]);
	json_text(j, "found", f->found);
	json_text(j, "cost", f->cost[0] != '\0' ? f->cost : NULL);
	json_text(j, "source", f->source);
	json_text(j, "fix", f->fix[0] != '\0' ? f->fix : NULL);
	json_close(j);
}

static void put_sync(struct json_out *j, const char *key, const struct doctor_sync *sync)
{
	put_histogram(j, key, sync->code == 0 ? sync->latency : NULL);
}

int doctor_print_json(FILE *to, const struct doctor *d, int exit_code)
{
	struct json_out j;
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_bool(&j, "ok", exit_code == 0);
	json_u64(&j, "exit_code", (uint64_t)exit_code);
	json_text(&j, "dir", d->path);
	json_u64(&j, "cannot_work", doctor_count(d, DOCTOR_STOPS));
	json_u64(&j, "costs", doctor_count(d, DOCTOR_COSTS));
	json_u64(&j, "worth_knowing", doctor_count(d, DOCTOR_NOTE));
	json_array(&j, "findings");
	for (int weight = 0; weight < DOCTOR_WEIGHT_COUNT; weight++)
		for (uint32_t i = 0; i < d->finding_count; i++)
			if ((int)d->findings[i].weight == weight)
				put_finding(&j, &d->findings[i]);
	json_close(&j);
	put_sync(&j, "sync_buffered_us", &d->buffered);
	put_sync(&j, "sync_direct_us", &d->in_write);
	put_histogram(&j, "wake_up_us", d->wakes);
	if (d->clock_ns > 0)
		json_f64(&j, "clock_ns", d->clock_ns, 1);
	else
		json_null(&j, "clock_ns");
	json_text(&j, "weir", weir_version());
	return json_end(&j);
}
