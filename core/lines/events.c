/* SPDX-License-Identifier: Apache-2.0 */
/* See events.h. */
#include "core/lines/events.h"

#include <errno.h>

#define EVENT(id, its_name, its_level, when, then)                                                 \
	[WR_EVENT_##id] = {.name = (its_name),                                                     \
			   .level = WEIR_LOG_##its_level,                                          \
			   .what = (when),                                                         \
			   .advice = (then)}

const struct weir_log_event wr_events[WR_EVENTS] = {
	EVENT(ALERT_CLEARED, "alert.cleared", INFO,
	      "A rule of `alerts` is over: its number has been back at `clear_at` for the "
	      "hold time, or the rule is gone.",
	      "Nothing."),
	EVENT(ALERT_RAISED, "alert.raised", WARNING,
	      "A rule of `alerts` is raised: its number has been at `raise_at` for the hold "
	      "time.",
	      "What the rule is there for."),
	EVENT(ALERT_UNPUBLISHED, "alert.unpublished", WARNING,
	      "An alert could not be published to `alert_topic`.",
	      "Make the topic, or give its log room."),
	EVENT(BRIDGE_CANNOT_START, "bridge.cannot_start", ERROR,
	      "A bridge was refused when the run began.",
	      "Mend the key of the config that the line names."),
	EVENT(BRIDGE_DEAD_LETTER, "bridge.dead_letter", WARNING,
	      "A bridge gave up an event that the other side will never take.",
	      "Look at the cause in the line: mostly no queue is bound there."),
	EVENT(BRIDGE_FAILED, "bridge.failed", ERROR,
	      "A bridge met what trying again does not mend, and stands still.",
	      "Mend what the line says, then `weir bridge resume`."),
	EVENT(BRIDGE_PAUSED, "bridge.paused", INFO, "A bridge was told to pause.",
	      "`weir bridge resume` when it is to go on."),
	EVENT(BRIDGE_RETRYING, "bridge.retrying", WARNING,
	      "A bridge lost the other side, or was not let in, and tries again by itself.",
	      "Look at the broker if it lasts."),
	EVENT(BRIDGE_RUNNING, "bridge.running", INFO, "A bridge is connected and moves events.",
	      "Nothing."),
	EVENT(BRIDGE_STOPPED, "bridge.stopped", INFO, "A bridge has ended.", "Nothing."),
	EVENT(COPY_OVERTAKEN, "copy.overtaken", ERROR,
	      "Events left a memory-only log before what of them was to be copied was.",
	      "Give the log a larger pool, or a journal; these copies are missing."),
	EVENT(COPY_WAITS, "copy.waits", WARNING,
	      "Events cannot be copied to the topic that they are to go to, and wait in the "
	      "log.",
	      "Look at the cause in the line: mostly a full disk, or a topic that is not "
	      "there."),
	EVENT(DEAD_LETTER_OVERTAKEN, "dead_letter.overtaken", WARNING,
	      "An event left a memory-only log before its dead letter was written.",
	      "Give the log a larger pool, or a journal; this event is gone."),
	EVENT(DEAD_LETTER_REFUSED, "dead_letter.refused", WARNING,
	      "An event could not be put to the dead letters; it is kept and tried again.",
	      "Look at the cause in the line: mostly a full disk, or a topic of dead letters "
	      "that is not there."),
	EVENT(FILTER_EVENT_TOO_LARGE, "filter.event_too_large", WARNING,
	      "An event is too large, or has too many headers or array elements, for filters:"
	      " filtered subscriptions get it.",
	      "Publish smaller events, or have the consumers look at them. It is said at the "
	      "first, second, fourth, eighth one and so on."),
	EVENT(HANDLER_REFUSED, "handler.refused", ERROR,
	      "What a handler published was refused, and its member ends.",
	      "Look at the cause in the line, mend the handler, and start it again."),
	EVENT(HANDLER_STUCK, "handler.stuck", ERROR,
	      "A handler's member met damage, or what it cannot read, and stands there.",
	      "`weir journal verify` says what is damaged; restore it from a backup, or seek "
	      "past it."),
	EVENT(JOURNAL_FAILED, "journal.failed", ERROR,
	      "A write or sync failed: nothing more is acknowledged.",
	      "Look at the disk, and open the journal again: recovery finds out what is "
	      "there."),
	EVENT(JOURNAL_NO_ROOM, "journal.no_room", ERROR,
	      "No segment can be made, and producers wait or are refused.",
	      "Make room on the disk, raise `segments_max`, or let the subscription that is "
	      "furthest behind move."),
	EVENT(JOURNAL_ROOM_BACK, "journal.room_back", INFO,
	      "There has been room for segments for a while: producers go on.", "Nothing."),
	EVENT(JOURNAL_SPACE_BACK, "journal.space_back", INFO,
	      "The file system has room for segments again.", "Nothing."),
	EVENT(JOURNAL_SPACE_LOW, "journal.space_low", WARNING,
	      "The file system has no room for a further segment, or less than "
	      "`low_space_bytes` would be left.",
	      "Make room before the segments that are ready are used up."),
	EVENT(LOG_LOST, "log.lost", WARNING,
	      "Lines were lost: nobody read them fast enough, or their descriptor refused "
	      "them.",
	      "Read standard error, or look at what it is piped to."),
	EVENT(LOG_SUPPRESSED, "log.suppressed", WARNING,
	      "Lines of one event were held back by its rate.",
	      "Look at that event; raise `log.rate` and `log.burst` to see each."),
	EVENT(MEMBER_OVERTAKEN, "member.overtaken", WARNING,
	      "A member was too slow for what is kept for it, and got a gap.",
	      "Have it work faster, give the log more room, or choose another `when_slow`."),
	EVENT(MEMORY_HUGE_PAGES, "memory.huge_pages", WARNING,
	      "Huge pages were not to be had as asked.",
	      "`weir doctor` says what to set; it runs without them."),
	EVENT(MEMORY_NUMA, "memory.numa", WARNING,
	      "Memory could not be placed on the node as asked.",
	      "`weir topology` shows the nodes; it runs all the same."),
	EVENT(METRICS_NO_FILE, "metrics.no_file", WARNING,
	      "The file of metrics could not be made: other processes see nothing of this "
	      "pipeline.",
	      "Mend what the line says of `metrics_dir`."),
	EVENT(QUEUE_DROPPED, "queue.dropped", WARNING,
	      "Events of a queue without dead letters outlived their time to live, or were "
	      "too many, and were dropped.",
	      "Give the queue dead letters, more members, or another limit."),
	EVENT(QUEUE_FULL, "queue.full", WARNING,
	      "A queue that refuses what is too much was as long as it may be: events, or runs, "
	      "were refused.",
	      "More members, or another limit; producers are told which queue it is."),
	EVENT(QUEUE_PARKED_FULL, "queue.parked_full", WARNING,
	      "As many events are parked as a queue may have outstanding: it takes no more.",
	      "`weir dlq` redrives or gives up what they wait for."),
	EVENT(RECOVERY_TRIMMED, "recovery.trimmed", WARNING,
	      "Recovery took away a tail that was never acknowledged.",
	      "Nothing: it is what a crash leaves. Look why the process died."),
	EVENT(REDRIVE_ROOM, "redrive.room", INFO,
	      "Subscriptions of jobs over dead letters are on record: room was made for them, "
	      "beside `subscriptions_max` and `outstanding_max`.",
	      "Nothing."),
	EVENT(RELOAD_DONE, "reload.done", INFO, "The config was read again.", "Nothing."),
	EVENT(RELOAD_LEFT, "reload.left", WARNING,
	      "A key of the config differs, and stays as it was until a restart.",
	      "Restart when it suits. Where the line says that a restart is refused: take the key "
	      "back, or begin another log."),
	EVENT(RELOAD_REFUSED, "reload.refused", ERROR,
	      "The config could not be read again, or has errors: everything stays as it was.",
	      "Mend what the lines before it say, and reload again."),
	EVENT(RELOAD_TAKEN, "reload.taken", INFO,
	      "A key of the config has another value from now on.", "Nothing."),
	EVENT(RELOAD_WARNING, "reload.warning", WARNING,
	      "The config that was read again has what is not as one would think.",
	      "Look at the place that the line names."),
	EVENT(RUN_ABORTED, "run.aborted", WARNING,
	      "A second signal ended the drain: what is not delivered stays in the log.",
	      "Start it again: it goes on there."),
	EVENT(RUN_CANNOT_START, "run.cannot_start", ERROR,
	      "Nothing runs: something that is needed was not to be had.",
	      "Mend what the line says."),
	EVENT(RUN_CLOSE_FAILED, "run.close_failed", ERROR,
	      "The pipeline had failed, or could not be closed in order.",
	      "Look at the cause; the next open recovers."),
	EVENT(RUN_DRAIN_TIMEOUT, "run.drain_timeout", WARNING,
	      "`run.drain_timeout` was over: what is not delivered stays in the log.",
	      "Start it again: it goes on there. Raise the time if that happens often."),
	EVENT(RUN_DRAINING, "run.draining", INFO,
	      "Sources stop, and what they have published is delivered.", "Nothing."),
	EVENT(RUN_ENDED, "run.ended", INFO,
	      "A run is over; with `log.format: text` a report stands in its place.",
	      "Look at `end` and `exit_code` where they are not as they should be."),
	EVENT(RUN_NOTHING, "run.nothing", ERROR, "The config has nothing to run.",
	      "Give it sources, bridges, or a subscription with a sink."),
	EVENT(SCHEMA_UNREADABLE, "schema.unreadable", ERROR,
	      "A schema in the log cannot be read by this weir.",
	      "Use the weir that registered it; payloads of that schema are not checked or "
	      "read."),
	EVENT(SERVE_LISTENS, "serve.listens", INFO,
	      "The server beside a run answers at this address (`serve.listen`).", "Nothing."),
	EVENT(SERVE_NO_METRICS, "serve.no_metrics", WARNING,
	      "The folder of metrics that is to be served (`--metrics`) is not there, or cannot be"
	      " read: nothing of it is shown until it can.",
	      "Look at its path, and who may read it; it is looked at anew all the time."),
	EVENT(SERVE_NO_TOKEN, "serve.no_token", ERROR,
	      "The file of the token cannot be read, or has none in it. At a reload the token"
	      " stays.",
	      "Mend the file."),
	EVENT(SERVE_TOKEN_READABLE, "serve.token_readable", WARNING,
	      "Others may read or change the file with the token.", "chmod 600."),
	EVENT(SERVICE_NOT_TOLD, "service.not_told", WARNING,
	      "The service manager could not be told something.",
	      "Look at `NOTIFY_SOCKET`, and at the unit's NotifyAccess."),
	EVENT(SERVICE_STUCK, "service.stuck", ERROR,
	      "A thread that the watchdog looks at does not move; the manager will end the "
	      "process.",
	      "Keep what the thread does: a core, or `gdb -p`."),
	EVENT(SINK_APPENDS, "sink.appends", INFO,
	      "A sink's file had content before; events go behind it.", "Nothing."),
	EVENT(SINK_CUT, "sink.cut", INFO,
	      "Bytes of a sink's file that were not committed are cut off; their events come "
	      "again.",
	      "Nothing: it is what a crash leaves."),
	EVENT(SINK_EVENT_SKIPPED, "sink.event_skipped", WARNING,
	      "A sink's command failed at an event as often as it may, and the event was "
	      "passed over.",
	      "Look at the command; `on_failure` says what is to happen."),
	EVENT(SINK_GOES_ON, "sink.goes_on", INFO, "There is room for a sink's file again.",
	      "Nothing."),
	EVENT(SINK_WAITS, "sink.waits", WARNING, "There is no room for a sink's file: it waits.",
	      "Make room."),
	EVENT(SOURCE_FAILED, "source.failed", ERROR,
	      "A source ended by a failure; what can be delivered is, and the run ends.",
	      "Mend what the line says, and start it again: it goes on there."),
	EVENT(SOURCE_HELD_BACK, "source.held_back", WARNING,
	      "A run ended before the log had taken what a source had published last; the next run"
	      " reads that again.",
	      "Look why the log took nothing: mostly it has no room. Then start it again."),
	EVENT(SOURCE_LINE_SKIPPED, "source.line_skipped", WARNING,
	      "A line could not be an event, and was passed over.",
	      "Look at the line; `on_bad_line` says what is to happen."),
	EVENT(SOURCE_LOST, "source.lost", WARNING,
	      "A place in a source's file is no longer to be had: what it still had is lost, "
	      "or read again.",
	      "Keep rotated files until they are read."),
	EVENT(SOURCE_MOVED, "source.moved", INFO,
	      "A file that is followed was rotated or truncated.", "Nothing."),
	EVENT(SOURCE_QUEUE_FULL, "source.queue_full", WARNING,
	      "A queue that refuses what would make it too long was full, and a source waits for a "
	      "place there.",
	      "Nothing, if its members keep up; else give it more of them, or a larger limit."),
	EVENT(SOURCE_UNENDED_LINE, "source.unended_line", WARNING,
	      "A last line without a line feed is not published.", "End files with a line feed."),
	EVENT(SOURCE_WAITS, "source.waits", WARNING,
	      "A file that is to be followed is not there: it is waited for.",
	      "Look at its path, if it lasts."),
	EVENT(STORAGE_COPIES_ON_WRITE, "storage.copies_on_write", WARNING,
	      "The file system copies on write: a full disk ends in FAILED there.",
	      "Use ext4 or XFS, or keep room free."),
	EVENT(STORAGE_FALLBACK, "storage.fallback", WARNING,
	      "io_uring was not to be had, and the posix backend is used.",
	      "`weir doctor` says what refuses it, and what allows it."),
	EVENT(SUBSCRIPTION_BEHIND, "subscription.behind", WARNING,
	      "A subscription has more to handle than its `lag` mark allows.",
	      "Look at its members, or give it more."),
	EVENT(SUBSCRIPTION_CAUGHT_UP, "subscription.caught_up", INFO,
	      "A subscription is below its `lag` mark again.", "Nothing."),
	EVENT(SUBSCRIPTION_DETACHED, "subscription.detached", WARNING,
	      "A subscription with `when_slow: detach` was above its `lag` mark: nothing is kept "
	      "for it any more.",
	      "Seek to where it is to go on: `weir group reset`, or the program."),
	EVENT(SUBSCRIPTION_FAILED, "subscription.failed", ERROR,
	      "A subscription's sink failed; what can be delivered is, and the run ends.",
	      "Mend what the line says, and start it again: it goes on there."),
	EVENT(SUBSCRIPTION_MISSED, "subscription.missed", ERROR,
	      "Events were gone before a subscription read them.",
	      "Give the log more room, or choose another `when_slow`."),
	EVENT(SUBSCRIPTION_OVERTAKEN, "subscription.overtaken", WARNING,
	      "A queue of a memory-only log was overtaken, and goes on behind what is gone.",
	      "Give the log a larger pool, or a journal."),
	EVENT(SUBSCRIPTION_UNREADABLE, "subscription.unreadable", ERROR,
	      "What a queue is to hand out next cannot be read; it is tried again each "
	      "second.",
	      "`weir journal verify` says what is damaged; restore it from a backup, or seek "
	      "past it."),
	EVENT(THREADS_DEGRADED, "threads.degraded", WARNING,
	      "A thread did not get its wait strategy, CPUs or scheduling class.",
	      "`weir topology` and `weir doctor` say what may be had here."),
	EVENT(TRACES_ENDED, "traces.ended", ERROR,
	      "No more spans are made of what becomes of events; the rest of the run goes on.",
	      "Look at the cause in the line: mostly damage in the journal."),
	EVENT(TRACES_UNWRITTEN, "traces.unwritten", WARNING,
	      "Spans could not be written to `traces.file`, and are lost; said of the first line.",
	      "Make room, or give it another file. What was lost is counted in the report."),
};

int weir_log_event_at(uint32_t index, struct weir_log_event *ret_event)
{
	if (index >= WR_EVENTS)
		return -ENOENT;
	*ret_event = wr_events[index];
	return 0;
}

const char *weir_log_level_name(enum weir_log_level level)
{
	static const char *const names[] = {"off", "error", "warning", "info", "debug"};

	return (unsigned)level < sizeof names / sizeof *names ? names[level] : "?";
}
