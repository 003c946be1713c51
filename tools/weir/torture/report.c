/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict of a torture, for people and for programs, and what is shown meanwhile. */
#include <string.h>

#include "bench/harness.h"
#include "io/machine/disk.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/torture/torture.h"

#define SHOW_NS UINT64_C(200000000)
#define SECOND_NS UINT64_C(1000000000)

static uint64_t damages(const struct flip_sum *sum)
{
	return sum->done[FLIP_BIT] + sum->done[FLIP_CUT] + sum->done[FLIP_ZERO];
}

static unsigned breaks(const struct sweep_sum *sum)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < SWEEP_BREAKS; i++)
		count += sum->breaks[i];
	return count;
}

void torture_progress(struct torture *t)
{
	uint64_t now_ns = bench_now_ns();
	char line[100];

	if (!t->is_terminal || now_ns - t->shown_ns < SHOW_NS)
		return;
	t->shown_ns = now_ns;
	(void)snprintf(line, sizeof line,
		       "%llu of %llu s: %u kills, %u on a failing disk, %llu damages",
		       (unsigned long long)((now_ns - t->begun_ns) / SECOND_NS),
		       (unsigned long long)(t->length_ns / SECOND_NS), t->sweep.sum.kills,
		       breaks(&t->sweep.sum), (unsigned long long)damages(&t->flip.sum));
	fprintf(stderr, "\r%-78s", line);
	fflush(stderr);
}

void torture_progress_end(struct torture *t)
{
	if (t->shown_ns != 0)
		fprintf(stderr, "\r%-78s\r", "");
}

/* "DIR": to be typed again. */
static void put_again(char to[ROOM_NAME_BYTES], const struct torture *t)
{
	(void)snprintf(to, ROOM_NAME_BYTES, "weir torture %.480s --seed %llu --seconds %llu",
		       t->parent, (unsigned long long)t->failed_seed,
		       (unsigned long long)(t->length_ns / SECOND_NS + 1));
}

/* ---- for people ---- */

static void print_kills(FILE *to, const struct sweep_sum *sum)
{
	char events[CLI_TEXT_BYTES];

	fprintf(to,
		"  kills       %u by SIGKILL, in %u journals: %u while opening, %u running, %u "
		"closing or closed\n",
		sum->kills, sum->journals, sum->in_phase[SWEEP_BORN] + sum->in_phase[SWEEP_OPENING],
		sum->in_phase[SWEEP_RUNNING],
		sum->in_phase[SWEEP_CLOSING] + sum->in_phase[SWEEP_DONE]);
	fprintf(to, "              %s events acknowledged as durable, %llu commits of groups\n",
		cli_text_count(events, sum->acked), (unsigned long long)sum->commits);
	fprintf(to,
		"  failing     %u of these on a disk that failed: %u writes, %u syncs, %u full, %u "
		"short writes\n",
		breaks(sum), sum->breaks[SWEEP_BREAK_WRITE], sum->breaks[SWEEP_BREAK_SYNC],
		sum->breaks[SWEEP_BREAK_SPACE], sum->breaks[SWEEP_BREAK_SHORT]);
	if (sum->unbroken > 0)
		fprintf(to,
			"              %u could not be made to fail: filters of system calls are "
			"refused here\n",
			sum->unbroken);
}

static void print_damages(FILE *to, const struct flip_sum *sum)
{
	fprintf(to,
		"  damage      %llu to copies: %llu bits turned over, %llu files cut, %llu sectors "
		"zeroed\n",
		(unsigned long long)damages(sum), (unsigned long long)sum->done[FLIP_BIT],
		(unsigned long long)sum->done[FLIP_CUT], (unsigned long long)sum->done[FLIP_ZERO]);
	fprintf(to,
		"              %llu detected, %llu told and harmless, %llu where nothing is; %llu "
		"silent; %llu opened\n",
		(unsigned long long)sum->detected, (unsigned long long)sum->mended,
		(unsigned long long)sum->unseen, (unsigned long long)sum->silent,
		(unsigned long long)sum->reopened);
}

void torture_print(FILE *to, const struct torture *t)
{
	struct wr_disk disk;
	char again[ROOM_NAME_BYTES];

	wr_disk_read("", t->parent, &disk);
	fprintf(to, "torture in %s (%s%s%s), seed %llu, %.1f s%s\n", t->parent,
		disk.type[0] != '\0' ? disk.type : "file system not known",
		disk.name[0] != '\0' ? " on " : "", disk.name, (unsigned long long)t->seed,
		(double)t->elapsed_ns / 1e9, t->is_interrupted ? ", interrupted" : "");
	print_kills(to, &t->sweep.sum);
	print_damages(to, &t->flip.sum);
	if (t->fault == NULL) {
		fputs("  verdict     nothing that was acknowledged is lost, twice, out of order or "
		      "wrong\n",
		      to);
		return;
	}
	put_again(again, t);
	fprintf(to, "  verdict     FAILED: %s\n  again       %s\n", t->fault, again);
	if (t->room.is_kept)
		fprintf(to, "  kept        %s\n", t->room.path);
}

/* ---- for programs ---- */

static void put_sweep(struct json_out *j, const struct sweep_sum *sum)
{
	json_u64(j, "journals", sum->journals);
	json_u64(j, "acknowledged", sum->acked);
	json_u64(j, "commits", sum->commits);
	json_u64(j, "checkpoints", sum->checkpoints);
	json_u64(j, "recycled_segments", sum->recycled);
	json_u64(j, "packed_segments", sum->packed);
	json_object(j, "kills");
	json_u64(j, "total", sum->kills);
	json_u64(j, "opening", sum->in_phase[SWEEP_BORN] + sum->in_phase[SWEEP_OPENING]);
	json_u64(j, "running", sum->in_phase[SWEEP_RUNNING]);
	json_u64(j, "closing", sum->in_phase[SWEEP_CLOSING] + sum->in_phase[SWEEP_DONE]);
	json_close(j);
	json_object(j, "failing_disk");
	json_u64(j, "total", breaks(sum));
	json_u64(j, "writes", sum->breaks[SWEEP_BREAK_WRITE]);
	json_u64(j, "syncs", sum->breaks[SWEEP_BREAK_SYNC]);
	json_u64(j, "full", sum->breaks[SWEEP_BREAK_SPACE]);
	json_u64(j, "short_writes", sum->breaks[SWEEP_BREAK_SHORT]);
	json_u64(j, "refused", sum->unbroken);
	json_close(j);
}

static void put_damage(struct json_out *j, const struct flip_sum *sum)
{
	json_object(j, "damage");
	json_u64(j, "total", damages(sum));
	json_u64(j, "bits", sum->done[FLIP_BIT]);
	json_u64(j, "cuts", sum->done[FLIP_CUT]);
	json_u64(j, "zeroed_sectors", sum->done[FLIP_ZERO]);
	json_u64(j, "detected", sum->detected);
	json_u64(j, "harmless", sum->mended);
	json_u64(j, "unused", sum->unseen);
	json_u64(j, "reopened", sum->reopened);
	json_u64(j, "silent", sum->silent);
	json_close(j);
}

int torture_print_json(FILE *to, const struct torture *t)
{
	struct json_out j;
	struct wr_disk disk;
	char again[ROOM_NAME_BYTES];

	wr_disk_read("", t->parent, &disk);
	put_again(again, t);
	json_begin(&j, to, JSON_PRETTY);
	json_object(&j, NULL);
	json_bool(&j, "ok", t->fault == NULL && !t->is_interrupted);
	json_text(&j, "fault", t->fault);
	json_text(&j, "again", t->fault != NULL ? again : NULL);
	json_bool(&j, "interrupted", t->is_interrupted);
	json_u64(&j, "seed", t->seed);
	json_f64(&j, "seconds", (double)t->elapsed_ns / 1e9, 1);
	json_text(&j, "dir", t->parent);
	json_text(&j, "kept", t->room.is_kept ? t->room.path : NULL);
	json_text(&j, "file_system", disk.type[0] != '\0' ? disk.type : NULL);
	json_text(&j, "device", disk.name[0] != '\0' ? disk.name : NULL);
	put_sweep(&j, &t->sweep.sum);
	put_damage(&j, &t->flip.sum);
	json_text(&j, "weir", weir_version());
	return json_end(&j);
}
