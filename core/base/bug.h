/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded bugs: mistakes that somebody could make, each kept beside the line that is right, so that
 * the tests can show that they would notice (tests/bugs, docs/internals/seeded-bugs.md).
 *
 *   if (WR_BUG(ACK_BEFORE_SYNC)) ...
 *
 * In every build but one WR_BUG() is the constant false: no code, no symbol, no branch. With
 * -Dseeded_bugs=true it is true while test code has set wr_bug_active to that bug. Such a build is
 * for the suite `bugs` and for nothing else.
 *
 * A bug is one condition where the mistake would be, and changes nothing else.
 */
#ifndef WR_BASE_BUG_H
#define WR_BASE_BUG_H

#include <stdbool.h>

/* X(name, file, what it breaks). Which test catches it: tests/bugs/detections.h. */
#define WR_BUG_MAP(X)                                                                              \
	X(ACK_BEFORE_SYNC, "core/journal/journal_commit.c",                                        \
	  "the durable sequence moves when a write is done, its sync is not awaited")              \
	X(TICKET_BEFORE_SYNC, "core/journal/journal_commit.c",                                     \
	  "a producer's ticket is durable when it is only written")                                \
	X(ACK_OF_FAILED_SYNC, "core/journal/journal_commit.c",                                     \
	  "a write or sync that failed is taken for done")                                         \
	X(ACK_UP_TO_NEWEST, "core/journal/journal_commit.c",                                       \
	  "a write that is done acknowledges those before it, done or not")                        \
	X(ACK_WITHOUT_EVIDENCE, "core/journal/journal_commit.c",                                   \
	  "with seal_before_ack nothing waits for the header that attests it")                     \
	X(CLAIM_IS_VISIBLE, "core/pipeline/publish.c",                                             \
	  "a lane's tail moves at the claim, before the payload is there")                         \
	X(FULL_LANE_OVERWRITTEN, "core/log/lane.c",                                                \
	  "room in a lane forgets what the writer has not read")                                   \
	X(REPLIES_NOT_COUNTED, "core/log/lane.c",                                                  \
	  "a lane's credit forgets the replies that nobody has read")                              \
	X(RUN_TURNED_AROUND, "core/pipeline/publish.c",                                            \
	  "what is added to a run stands in front of what it has")                                 \
	X(LANE_FREED_TOO_EARLY, "core/log/writer.c",                                               \
	  "a lane gets its next owner before the last one's mark came through")                    \
	X(RUN_COUNTS_RECORDS, "core/log/writer_append.c",                                          \
	  "a run counts as many tickets as it has records")                                        \
	X(REFUSED_RUN_HALF_KEPT, "core/log/writer_append.c",                                       \
	  "what the first records of a refused run changed stays changed")                         \
	X(REFUSALS_UNMARKED, "core/log/writer_batch.c",                                            \
	  "a lane with nothing but refusals gets no mark")                                         \
	X(REFUSAL_TOLD_EARLY, "core/pipeline/producer.c",                                          \
	  "a refusal is told before what it rests on has reached the producer's level")            \
	X(CLOSE_TELLS_EARLY, "core/pipeline/producer.c",                                           \
	  "the close of a producer tells a refusal as soon as it is decided")                      \
	X(SEQUENCE_GAP_ACCEPTED, "core/log/producers.c",                                           \
	  "a named producer's events may leave numbers out")                                       \
	X(PINNED_CHUNK_REUSED, "core/log/chunk.c",                                                 \
	  "a chunk is written to again while a reader has it pinned")                              \
	X(CHUNK_REUSED_UNDER_WRITE, "core/log/chunk.c",                                            \
	  "a chunk is written to again while its last block is being written out")                 \
	X(CATCHUP_SLOT_REUSED, "core/pipeline/catchup.c",                                          \
	  "a catch-up slot is filled again while a reader has it pinned")                          \
	X(CATCHUP_UNTOLD, "core/pipeline/group_catchup.c",                                         \
	  "who waits for a chunk that was read for somebody else is not told")                     \
	X(OLD_LEASE_SETTLES, "core/log/outstanding.c",                                             \
	  "a settle counts whatever generation it names: a lease that is over ends the next one")  \
	X(ATTEMPT_NOT_COUNTED, "core/log/outstanding.c", "an attempt that failed is not counted")  \
	X(TRY_NOT_COUNTED, "core/log/attempts.c",                                                  \
	  "a failed attempt at an event of a partition is not counted")                            \
	X(TRIED_TOGETHER, "core/log/attempts.c",                                                   \
	  "after two crashes at one place the events of a partition are handed out as ever")       \
	X(DIED_OF_ANOTHER, "core/log/attempts.c",                                                  \
	  "what is in hand has failed at a crash, whoever else had events that did not go alone")  \
	X(REFUSED_OWNER_REJECTS, "core/log/attempts.c",                                            \
	  "who was refused progress over events of a partition still rejects what lies behind")    \
	X(NOT_ALONE_IS_FENCED, "core/pipeline/ack.c",                                              \
	  "who is told that another event is handed out alone takes its partition for lost")       \
	X(MET_STAYS_FIRST, "core/pipeline/member_tries.c",                                         \
	  "an event that goes alone is said to be in hand when a gap before it comes again")       \
	X(TRIED_TOO_EARLY, "core/pipeline/member_tries.c",                                         \
	  "an event of a partition that has failed does not wait for its time")                    \
	X(FULL_QUEUE_TAKES, "core/log/lengths.c",                                                  \
	  "a queue that refuses what is too much for it takes all")                                \
	X(SAID_NOT_SAVED, "core/log/outstanding.c",                                                \
	  "a checkpoint does not say where the text of an event's last rejection stands")          \
	X(TEXT_NOT_CARRIED, "core/pipeline/carry.c",                                               \
	  "a copy further on leaves out what was said of the event when it failed last")           \
	X(CARRIED_NOT_HELD, "core/log/carried.c",                                                  \
	  "what was copied further on does not hold retention where its copy stands")              \
	X(CARRIED_NOT_SAVED, "core/log/carried.c",                                                 \
	  "a checkpoint does not say where what was copied further on lies")                       \
	X(CARRIED_THOUGH_ERASED, "core/log/carried.c",                                             \
	  "an event whose key was erased is copied further on")                                    \
	X(CARRIED_HANDED_OUT, "core/group/share.c",                                                \
	  "an event is handed out where it lies while its copy further on is on its way")          \
	X(CARRIED_IN_HAND, "core/group/share_carry.c",                                             \
	  "an event that somebody has is copied further on")                                       \
	X(CARRIED_GO, "core/log/outstanding.c",                                                    \
	  "a seek to the oldest gives up what was copied further on and is not found there")       \
	X(CARRIES_ROUND_AND_ROUND, "core/pipeline/carry.c",                                        \
	  "what is outstanding is copied further on however little that frees")                    \
	X(TRY_NOT_DURABLE, "core/pipeline/member_tries.c",                                         \
	  "an event of a partition is handed out again before the attempt that failed is durable") \
	X(TRIES_NOT_SAVED, "core/log/attempts.c",                                                  \
	  "a checkpoint leaves out how often events of partitions have failed")                    \
	X(DEATH_NOT_TOLD, "core/pipeline/row_letters.c",                                           \
	  "members of partitions go on before the log knows that their process had died")          \
	X(POSITION_IS_FRONTIER, "core/log/outstanding.c",                                          \
	  "a shared subscription's position is how far it was taken, settled or not")              \
	X(KEYS_NOT_ORDERED, "core/group/share.c",                                                  \
	  "with order KEY an event is handed out while one of its key is")                         \
	X(ATTEMPT_NOT_DURABLE, "core/group/share.c",                                               \
	  "an event is handed out again before the attempt that failed is durable")                \
	X(LEASE_NOT_DRAINED, "core/group/share.c",                                                 \
	  "a lease ends before what its member has sent is decided")                               \
	X(OLD_LEASE_AFTER_MOVE, "core/log/outstanding.c",                                          \
	  "a lease from before a seek settles an event that was taken again")                      \
	X(PARKED_LETS_PASS, "core/group/share_keys.c",                                             \
	  "the next event of a key that is parked does not wait")                                  \
	X(DELAY_NOT_WAITED, "core/group/share_terms.c",                                            \
	  "what has a delay of its own is handed out before it is over")                           \
	X(EXPIRED_HANDED_OUT, "core/group/share_terms.c",                                          \
	  "what expires while it waits for a member is handed out")                                \
	X(EXPIRED_STAYS_LEASED, "core/pipeline/share_poll.c",                                      \
	  "what expires before its member polls it waits for the end of its lease")                \
	X(PRIORITY_NOT_TAKEN, "core/pipeline/share_take.c",                                        \
	  "a queue with priorities takes its events without them")                                 \
	X(LEASED_DROPPED, "core/group/share_overflow.c",                                           \
	  "of a queue that is too long what a member has goes, too")                               \
	X(TERMS_NOT_KEPT, "core/log/outstanding.c",                                                \
	  "what an event may wait for and until when is not known after a crash")                  \
	X(SNAPSHOT_UNCHECKED, "core/pipeline/snapshot_load.c",                                     \
	  "the state of a snapshot that is damaged is loaded")                                     \
	X(SNAPSHOT_OF_LATER, "core/pipeline/snapshot_load.c",                                      \
	  "as of an earlier place the newest snapshot is loaded all the same")                     \
	X(DELETED_SCHEMA_LIVES, "core/log/schemas_save.c",                                         \
	  "a version of a schema that was deleted is live again after a checkpoint")               \
	X(DEAD_HANDED_OUT, "core/group/share.c",                                                   \
	  "what was dead before an open is handed out again")                                      \
	X(SETTLE_NOT_UNDONE, "core/log/outstanding.c",                                             \
	  "what a refused run has settled stays settled")                                          \
	X(SUSPECTS_NOT_ALONE, "core/log/suspects.c",                                               \
	  "what the process has died of more than once is handed out with the rest")               \
	X(CRASH_NOT_COUNTED, "core/log/suspects.c",                                                \
	  "what was in hand alone when the process died has not failed")                           \
	X(IN_HAND_NOT_DURABLE, "core/group/share_suspects.c",                                      \
	  "a suspect is handed out before it is durable that it is in hand")                       \
	X(RUN_SETTLES_ITS_FIRST, "core/log/outstanding.c",                                         \
	  "of neighbours that are acknowledged together the first is settled, and no other")       \
	X(LEAVES_WITH_ALL, "core/group/share_members.c",                                           \
	  "what others have is anybody's when a member leaves")                                    \
	X(LEASE_NOT_EXTENDED, "core/group/share_members.c",                                        \
	  "a lease that was extended ends when it was to end before")                              \
	X(LETTER_NOT_WRITTEN, "core/pipeline/dead_letter.c",                                       \
	  "what is dead is settled without a dead letter")                                         \
	X(BURIED_AND_READY, "core/group/share.c",                                                  \
	  "what is on its way to the dead letters is handed out")                                  \
	X(LETTER_WITHOUT_SETTLE, "core/pipeline/dead_letter.c",                                    \
	  "a dead letter is written without the settle of its event")                              \
	X(FILLER_NOT_CHAINED, "core/log/writer_batch.c",                                           \
	  "the batch behind a filler names the batch before it")                                   \
	X(ATTESTS_UNWRITTEN, "core/log/writer_batch.c",                                            \
	  "a sealed header attests records that are not on the medium")                            \
	X(EVIDENCE_TAKES_THE_RESERVE, "core/log/writer_chunk.c",                                   \
	  "on a full disk the last segment is opened for a block that only attests")               \
	X(EVIDENCE_WITHOUT_ROOM, "core/log/writer_chunk.c",                                        \
	  "settles take the last chunk, and nothing is left to attest them in")                    \
	X(NO_IDLE_EVIDENCE, "core/log/writer_batch.c",                                             \
	  "nothing is sealed to attest the last batches of a log at rest")                         \
	X(BODY_UNCHECKED, "core/record/batch.c", "a batch's body checksum is not looked at")       \
	X(CHAIN_UNCHECKED, "core/journal/scan.c", "a batch need not name the one before it")       \
	X(TRIMS_THE_DURABLE, "core/journal/scan_ahead.c",                                          \
	  "the log ends at the first bad batch, whatever attests it")                              \
	X(OLDER_LIFE_HIDES, "core/journal/scan_ahead.c",                                           \
	  "behind a lost write, what a longer batch of an older life covered is not looked at")    \
	X(MISSING_SEGMENT_PASSED, "core/journal/scan_ahead.c",                                     \
	  "where a segment is missing the log ends without an error")                              \
	X(WRITE_UNSYNCED, "io/posix/transfer.c",                                                   \
	  "a write that has to be durable does not sync, and says that it did")                    \
	X(URING_WRITE_UNSYNCED, "io/uring/completion.c",                                           \
	  "a write that has to be durable does not sync, and says that it did")                    \
	X(SYNCS_IN_WRITE_ANYWHERE, "io/posix/engine.c",                                            \
	  "a write is to sync itself where the file system is not known to do that")               \
	X(SHORT_READ_IS_THE_END, "io/posix/read_whole.c",                                          \
	  "a read that moves less than it was asked for is taken for the end of the file")         \
	X(RECOVERED_UNSYNCED, "core/journal/recovery.c",                                           \
	  "what recovery found is served before it is synced")                                     \
	X(TAIL_LEFT_BEHIND, "core/journal/recovery_resume.c",                                      \
	  "a log goes on in front of whole batches that a crash left in its segment")              \
	X(TAIL_SEGMENT_LEFT, "core/journal/recovery_resume.c",                                     \
	  "a log goes on below whole segments that a crash left")                                  \
	X(EPOCH_NOT_RAISED, "core/journal/recovery.c", "an open goes on in the epoch before it")   \
	X(EPOCH_NOT_WRITTEN, "core/journal/recovery.c",                                            \
	  "the new epoch is used before it is on the medium")                                      \
	X(SUPERBLOCK_PAIR_FIXED, "core/journal/recovery.c",                                        \
	  "an open writes over the good pair of superblocks first")                                \
	X(CHECKPOINT_AHEAD, "core/journal/journal_checkpoint.c",                                   \
	  "a checkpoint is written before its batch is")                                           \
	X(CHECKPOINT_UNSYNCED, "core/journal/journal_checkpoint.c",                                \
	  "a checkpoint's header is written before its body is durable")                           \
	X(FAILED_CHECKPOINT_FORGOTTEN, "core/journal/journal_checkpoint.c",                        \
	  "what a checkpoint needs whose write failed may leave the log")                          \
	X(CHECKPOINT_UNCHECKED, "core/journal/recovery_checkpoint.c",                              \
	  "a checkpoint's body checksum is not looked at")                                         \
	X(OLDER_CHECKPOINT, "core/journal/recovery_start.c",                                       \
	  "recovery begins at the older of two checkpoints")                                       \
	X(PROGRESS_NOT_SAVED, "core/log/settle.c", "a checkpoint leaves the last row out")         \
	X(WINDOW_NOT_SAVED, "core/log/keys_save.c",                                                \
	  "a checkpoint leaves out which idempotency keys there were")                             \
	X(WINDOW_OVERWRITTEN, "core/log/keys.c",                                                   \
	  "an idempotency key takes the place of one that a checkpoint is still to hold")          \
	X(WINDOW_KEEPS_REFUSED, "core/log/keys.c",                                                 \
	  "the idempotency keys of a run that is refused stay in the window")                      \
	X(WINDOW_JUMPS, "core/log/keys.c",                                                         \
	  "idempotency keys age at once by what the clock jumped at an open")                      \
	X(VERSION_UNCHECKED, "core/log/versions.c",                                                \
	  "an event is taken whatever version its key has")                                        \
	X(VERSION_REPEAT_REFUSED, "core/log/versions.c",                                           \
	  "a repeat of a key's last event is told to conflict")                                    \
	X(VERSION_KEEPS_REFUSED, "core/log/versions.c",                                            \
	  "a refused run leaves the versions that it would have made")                             \
	X(VERSION_NEVER_ENDS, "core/log/versions.c", "a key that was ended keeps its version")     \
	X(VERSION_NOT_SAVED, "core/log/version_entry.c",                                           \
	  "a checkpoint holds some versions as they were made behind it")                          \
	X(DUPLICATE_TOLD_EARLY, "core/pipeline/publish_once.c",                                    \
	  "a duplicate is told before the first event has reached the level that was asked for")   \
	X(RETENTION_UNGATED, "core/journal/journal_segments.c",                                    \
	  "retention does not ask what the checkpoints need")                                      \
	X(RETENTION_PASSES_SEEKS, "core/journal/journal_segments.c",                               \
	  "retention does not ask where a seek has just gone")                                     \
	X(PLACE_NOT_HELD, "core/journal/journal_segments.c",                                       \
	  "retention does not ask whether somebody is looking for a place")                        \
	X(NEVER_DETACHED, "core/pipeline/detach.c",                                                \
	  "who is above the limit of DETACH is left where it is")                                  \
	X(DETACHED_IS_KEPT, "core/log/settle.c",                                                   \
	  "retention keeps what a subscription that is detached had not read")                     \
	X(COUNT_NOT_HELD, "core/pipeline/lag_count.c",                                             \
	  "retention takes what the lag behind a seek is still to be counted from")                \
	X(SEGMENT_NOT_RECORDED, "core/journal/journal_segments.c",                                 \
	  "a segment is used before the superblock says that it is there")                         \
	X(RETIRED_STILL_RECORDED, "core/journal/journal_range.c",                                  \
	  "a retired segment is written over while the superblock says that it is there")          \
	X(LOST_SEGMENT_PASSED, "core/journal/scan_range.c",                                        \
	  "nobody asks whether the segments of the superblock are there")                          \
	X(TORN_LEFT_TO_ERASE, "core/journal/recovery_resume.c",                                    \
	  "behind a full segment what a crash left is erased only when it is used again")          \
	X(TORN_ZEROED_AT_ONCE, "core/journal/recovery_resume.c",                                   \
	  "a torn batch is zeroed by one write, which may spare what was good of it")              \
	X(NO_CHECKPOINT_PASSED, "core/journal/recovery.c",                                         \
	  "a log that lost its beginning to retention is opened without a checkpoint")             \
	X(ID_GIVEN_AGAIN, "core/journal/recovery.c",                                               \
	  "an id whose header is about to be erased may be given to another segment")              \
	X(HEADER_UNSYNCED, "core/journal/journal_segments.c",                                      \
	  "extents are offered before their segment's header is durable")                          \
	X(GAP_PASSED_OVER, "core/pipeline/ack.c",                                                  \
	  "a partition is passed on as idle before it is told of its gap")                         \
	X(GAP_STAYS_LAG, "core/pipeline/ack.c",                                                    \
	  "progress over a gap does not say that there was one")                                   \
	X(FENCED_NOT_TOLD, "core/pipeline/ack.c",                                                  \
	  "a commit says nothing of acknowledgements that were refused")                           \
	X(PASSED_OVER_WANTED, "core/pipeline/pass.c",                                              \
	  "a subscription without members is moved on over what it wants")                         \
	X(WAITING_NOT_TOLD, "core/group/group.c",                                                  \
	  "who gets a partition again that waits, is not told that he lost it")                    \
	X(HELD_NOT_TOLD, "core/journal/journal_ahead.c",                                           \
	  "data that waits for room that is kept for others is told of no want")                   \
	X(IDLE_HOLDS_RETENTION, "core/pipeline/pipeline.h",                                        \
	  "who has nothing to do is not moved on where retention waits for that")                  \
	X(UNROUTED_MADE_LATER, "core/pipeline/router.c",                                           \
	  "a subscription that was made later wants an event that nobody wanted")                  \
	X(UNROUTED_FORGETS_FILTERS, "core/log/decide_filter.c",                                    \
	  "a filter goes that what nobody wanted is still to be found out by")                     \
	X(RING_FORGETS_MEMBERS, "core/log/decide_filter.c",                                        \
	  "a filter goes by which another member of its ring has still to find out its share")     \
	X(COPY_WITHOUT_PROGRESS, "core/pipeline/copier.c",                                         \
	  "what nobody wanted is copied, and its progress is not in the same run")                 \
	X(READS_UNROUTED, "core/pipeline/poll.c",                                                  \
	  "a member reads on in memory where nobody has looked at what its filter wants")          \
	X(CATCHUP_UNROUTED, "core/pipeline/poll.c", "the same of a chunk that was read from disk") \
	X(FILTER_NOT_SAVED, "core/log/filters.c", "a checkpoint leaves filters out")               \
	X(FILTER_LOST_EARLY, "core/log/filters.c", "a filter goes that something unsettled needs") \
	X(HOLE_COUNTED_TWICE, "core/pipeline/lag_count.c",                                         \
	  "what the router counted behind a hole is counted by the walk over that, too")           \
	X(COUNTS_FORGOTTEN, "core/pipeline/router.c",                                              \
	  "lag is exact though it was counted by another filter than events were handed out by")   \
	X(REFUSED_WANTS_NOTHING, "core/pipeline/route_rules_make.c",                               \
	  "a subscription whose first filter was refused gets nothing when others get theirs")     \
	X(PATTERN_SEES_AVRO, "core/pipeline/event_json.c",                                         \
	  "a pattern looks at the bytes of an Avro datum, or at an id, instead of at JSON")        \
	X(FILTER_AT_ONCE, "core/pipeline/router.c",                                                \
	  "a new filter counts for what was appended before it, too")                              \
	X(ACK_OVER_A_HOLE, "core/pipeline/ack.c",                                                  \
	  "an acknowledgement out of order settles what lies before it")                           \
	X(OUTPUTS_WITHOUT_PROGRESS, "core/log/writer_append.c",                                    \
	  "a transaction's outputs are kept though its progress is refused")                       \
	X(FENCED_RUN_TAKEN, "core/log/settle.c",                                                   \
	  "a transaction of an owner that lost its partition is accepted")                         \
	X(RUN_SETTLES_IN_PART, "core/log/decide.c",                                                \
	  "a transaction settles what is its member's, and leaves the rest out")                   \
	X(REFUSED_STAYS_ACKED, "core/pipeline/transaction_answers.c",                              \
	  "a member goes on behind what a refused transaction acknowledged")                       \
	X(DOOMED_LEFT_OUT, "core/pipeline/transaction_answers.c",                                  \
	  "a transaction that builds on a refused one goes back to where that would have been")    \
	X(OUTCOME_TOLD_EARLY, "core/pipeline/transaction_answers.c",                               \
	  "the outcome of a transaction is told as soon as it is decided")                         \
	X(TOLD_LOST_SETTLES, "core/pipeline/ack.c",                                                \
	  "who is told that what failed is not its own any more acknowledges it with all")         \
	X(REWOUND_KEEPS_PIECES, "core/pipeline/member_rows.c",                                     \
	  "what was acknowledged out of order stays so when all of it comes again")                \
	X(OLD_GENERATION_TAKEN, "core/log/settle.c",                                               \
	  "progress of an owner that lost its partition is accepted")                              \
	X(OWNER_NOT_ASKED, "core/group/group.c",                                                   \
	  "a partition gets its next owner before the last one let go")                            \
	X(OWNER_NOT_DRAINED, "core/group/group.c",                                                 \
	  "a generation is raised before the last owner's lane is decided")                        \
	X(GIVEN_TO_BOTH, "core/group/group.c",                                                     \
	  "who loses a partition without being asked is given it in its next generation, too")     \
	X(LOSS_NOT_TOLD, "core/group/group.c",                                                     \
	  "who loses a partition without being asked is not told")                                 \
	X(INSTANCE_TWICE, "core/group/seats.c",                                                    \
	  "who has an instance id that another one takes over is not fenced")                      \
	X(LOST_ROW_TAKEN, "core/pipeline/member_rows.c",                                           \
	  "an assignment that was taken back before it was read is taken")                         \
	X(GROWTH_NOT_DRAINED, "core/group/group.c",                                                \
	  "new partitions are read before what came before them is settled")                       \
	X(OLD_COUNT_PLACES, "core/log/decide.h",                                                   \
	  "the writer places by the partitions that a topic was made with")                        \
	X(GROWTHS_NOT_SAVED, "core/log/catalog.c",                                                 \
	  "a checkpoint leaves out where a topic has grown")                                       \
	X(GATE_NOT_LOOKED_AT, "core/pipeline/poll_wait.c",                                         \
	  "who found nothing looks again only when its group has something to say")                \
	X(POLL_TURNED_AROUND, "core/pipeline/poll.c",                                              \
	  "of two events of a poll the later one comes first")                                     \
	X(HIT_LEFT_OUT, "core/pipeline/poll.c",                                                    \
	  "behind an event that is not for it a poll leaves out the next one that is")             \
	X(NEW_OWNER_SKIPS, "core/pipeline/group_ports.c",                                          \
	  "a new owner begins behind what nobody has acknowledged")                                \
	X(WAITS_IN_A_STEP, "core/pipeline/wait.c",                                                 \
	  "a call inside a step waits for what only that step can bring about")                    \
	X(HANDLER_IS_DEAF, "core/pipeline/handler.c",                                              \
	  "a handler's member looks at nothing before its whole batch is handled")                 \
	X(HANDLER_UNPINNED, "core/pipeline/poll.c",                                                \
	  "a member that is moved lets go of what its handler has in hand")                        \
	X(REMOVED_STILL_RECORDED, "core/journal/journal_removal.c",                                \
	  "a file is removed while the superblock says that it is there")                          \
	X(REMOVED_UNORDERED, "core/journal/journal_removal.c",                                     \
	  "a retired file gets a new header while an older one is being removed")                  \
	X(REMOVED_TOO_SOON, "core/journal/journal_removal.c",                                      \
	  "a file is removed that the log uses again before long")                                 \
	X(RETENTION_JUMPS, "core/journal/journal_age.c",                                           \
	  "what is kept ages at once by what the clock jumped at an open")                         \
	X(RETENTION_AGES_AHEAD, "core/journal/journal_age.c",                                      \
	  "an event is born as old as the wall clock was set back")                                \
	X(RETENTION_BY_FIRST, "core/journal/journal_age.c",                                        \
	  "a segment goes when its first event is too old, whatever the others are")               \
	X(DROPS_THE_NEEDED, "core/journal/journal_segments.c",                                     \
	  "on a full disk the oldest segment goes, needed or not")                                 \
	X(DROPS_TOO_MANY, "core/journal/journal_segments.c",                                       \
	  "on a full disk another segment is dropped while the room of one is on its way")         \
	X(LOW_SPACE_PASSED, "core/journal/journal_room.c",                                         \
	  "a file is made that leaves less than low_space_bytes free")                             \
	X(DAMAGE_AT_FIRST_SIGHT, "core/journal/verify_live.c",                                     \
	  "what a walk beside an owner sees of two moments is told as damage")                     \
	X(READ_AHEAD_STALE, "core/journal/read_ahead.c",                                           \
	  "what is read again comes out of what was read before")                                  \
	X(BACKUP_WITHOUT_NEWEST, "core/journal/backup.c",                                          \
	  "the segment that was the newest as a backup began is left out of it")                   \
	X(BACKUP_OVER_A_HOLE, "core/journal/backup.c",                                             \
	  "a backup goes on behind a segment that was used again before it was copied")            \
	X(BACKUP_NAMES_UNSYNCED, "core/journal/backup.c",                                          \
	  "a backup says what is in it before the names of its files are durable")                 \
	X(BACKUP_FEATURES_OF_BEFORE, "core/journal/backup.c",                                      \
	  "a backup says of its batches what was so when it began")                                \
	X(TAG_OF_HEADER, "core/record/chain.c", "the tag of a batch says nothing of its records")  \
	X(LINK_TO_NOTHING, "core/record/chain.c", "a link says nothing of the batch before")       \
	X(CHAIN_OF_ANY_KEY, "core/journal/recovery_chain.c",                                       \
	  "an open goes on with a chain that was made with another key")                           \
	X(CHAIN_UNTOLD, "core/journal/recovery_chain.c",                                           \
	  "the superblock does not say that batches have links")                                   \
	X(CHAIN_BEGINS_ANEW, "core/journal/recovery_chain.c",                                      \
	  "an open does not go on from the link that it found")                                    \
	X(FRAMES_UNTOLD, "core/journal/pack.c",                                                    \
	  "a packed file does not say in which ways its frames are stored")                        \
	X(STORED_UNCHECKED, "core/journal/unpack.c",                                               \
	  "what is compressed is decoded before its checksum is looked at")                        \
	X(SHORT_FRAME_TAKEN, "io/codec/lz4.c", "what is decoded may be less than it has to be")    \
	X(PACKED_WITH_A_HOLE, "core/journal/pack.c",                                               \
	  "a damaged segment is packed without what is damaged")                                   \
	X(PACKED_COPY_UNUSED, "core/journal/unpack.c",                                             \
	  "the second index of a packed segment is not looked at")                                 \
	X(PACKS_UNTOLD, "core/journal/journal_packing.c",                                          \
	  "the first segment is packed before the superblock says that there may be some")         \
	X(READERS_NOT_ASKED, "core/journal/journal_packed.c",                                      \
	  "the file that a packed one stands for is used again while somebody reads it")           \
	X(PACKED_DRAFT_COUNTS, "core/journal/scan_packed.c",                                       \
	  "a packed file counts before it is whole")                                               \
	X(PACKED_PASSED_OVER, "core/journal/verify_live.c",                                        \
	  "a look from outside takes a segment that was packed meanwhile for one that left")       \
	X(PACKED_UNSYNCED, "core/journal/recovery.c",                                              \
	  "an open uses a twin again before it has synced the packed file")                        \
	X(LEFT_OUT_UNBALANCED, "core/journal/pack.c",                                              \
	  "a batch that events were left out of gets no balance")                                  \
	X(NEWEST_LEFT_OUT, "core/journal/compact.c",                                               \
	  "compaction leaves out the newest event of a key, too")                                  \
	X(COMPACTS_UNGATED, "core/journal/journal_compaction.c",                                   \
	  "compaction leaves out what a subscription or a checkpoint needs")                       \
	X(LEAVES_OUT_UNTOLD, "core/journal/journal_compaction.c",                                  \
	  "events are left out before the superblock says that some may be")                       \
	X(TOMBSTONES_UNAGED, "core/journal/compact.c", "a tombstone leaves before its time")       \
	X(COMPACTS_THE_YOUNG, "core/journal/compact.c",                                            \
	  "compaction does not ask for the topic's compact_lag_ns")                                \
	X(KEYS_OF_TOPICS_MEET, "core/journal/compact.c", "one key in two topics is taken for one") \
	X(TOPIC_TAKES_OTHERS, "core/journal/journal_retire.c",                                     \
	  "where a topic's events leave a segment those of all topics do")                         \
	X(TOPIC_KEEPS_LESS, "core/journal/retire.c", "a topic keeps half of its bytes")            \
	X(TOPIC_KEEPS_AS_BEFORE, "core/journal/retire.c",                                          \
	  "segments leave by what their topics kept before one was told to keep more")             \
	X(TOPIC_LEAVES_AS_BEFORE, "core/journal/retire.c",                                         \
	  "a segment is written anew by what a topic kept before it was told to keep more")        \
	X(TOPIC_UNGATED, "core/journal/journal_retire.c",                                          \
	  "what a topic keeps no more leaves though a subscription has to read it")                \
	X(GENERATION_STAYS, "core/journal/pack.c",                                                 \
	  "what is packed anew says that it is as old as what it is packed from")                  \
	X(LEAVES_OUT_COUNTED, "core/journal/journal_compaction.c",                                 \
	  "compaction goes on below a subscription that went back meanwhile")                      \
	X(CATCHUP_OF_BEFORE, "core/pipeline/catchup.c",                                            \
	  "what was read before events left is found by who counts after it")                      \
	X(GENERATION_IGNORED, "core/journal/scan_packed.c",                                        \
	  "of two packed files of one segment nobody knows which was packed last")                 \
	X(PROGRESS_TAKES_THE_RESERVE, "core/log/writer_append.c",                                  \
	  "without a journal acknowledgements use up what is kept back, and then what is held")    \
	X(NO_ROOM_FOR_COPIES, "core/log/writer_room.c",                                            \
	  "producers take the room that copies of what is there will need")                        \
	X(NO_ROOM_FOR_MEMBERS, "core/log/writer_room.c",                                           \
	  "producers leave no room for what members publish with what they settle")                \
	X(COPIES_OVERRUN_HOLDS, "core/log/writer_append.c",                                        \
	  "without a journal copies use up what is kept back, and then what is held")              \
	X(ERASED_HANDED_OUT, "core/pipeline/erase.c", "a poll hands out an event that was erased") \
	X(ERASES_PLAIN_ONLY, "core/journal/journal_erase.c",                                       \
	  "what was erased stays in segments that are packed already")                             \
	X(NEIGHBOUR_LEFT_OUT, "core/journal/pack.c",                                               \
	  "what stands behind an event that is to be left out leaves in its place")                \
	X(ERASED_SAID_EARLY, "core/journal/journal_range.c",                                       \
	  "the superblock says that all is erased while it is not: the next owner begins nothing") \
	X(ERASED_AS_ASKED, "core/journal/journal_range.c",                                         \
	  "what was asked for while a pass was under way is taken for erased with it")             \
	X(ERASES_UNKEPT, "core/journal/packer.c",                                                  \
	  "events leave by a record that is not durable, and a crash takes that")                  \
	X(COPY_OF_ERASED_TAKEN, "core/log/decide.c",                                               \
	  "the writer takes a copy of what was erased when that had been read already")            \
	X(ERASED_STAYS_PARKED, "core/pipeline/share_records.c",                                    \
	  "a key waits for ever behind an event that was erased before its letter was written")    \
	X(COPY_FOR_ALL, "core/record/recipients.c",                                                \
	  "a copy that is addressed to some is handed to all")                                     \
	X(REPLAYS_AGAIN, "core/pipeline/replay_to_copy.c",                                         \
	  "a replay to subscriptions remembers where its last copies began, and not their end")    \
	X(ADDRESSED_NOT_SAVED, "core/log/addressed.c",                                             \
	  "a checkpoint leaves out what was addressed to rows")                                    \
	X(ERASED_FILES_WAIT, "core/journal/journal_removal.c",                                     \
	  "files that held what was erased stay while segments are wanted as fast as they come")   \
	X(STALE_FORGOTTEN, "core/journal/journal_start.c",                                         \
	  "where keys are erased, a file that an open could not remove is not remembered")         \
	X(ERASED_STILL_THERE, "core/journal/journal_spares.c",                                     \
	  "files that held what was erased are kept when they have left the log")                  \
	X(SHARED_HALF_MADE, "core/pipeline/publish_once.c",                                        \
	  "a buffer of the shared lane is handed over before the payload is in it")                \
	X(SCHEMA_VERSION_AGAIN, "core/log/schemas.c",                                              \
	  "a version of a schema that was deleted is given to another one")                        \
	X(ROWS_GIVEN_AGAIN, "core/log/catalog.c",                                                  \
	  "a subscription gets the rows of the one before it")                                     \
	X(HOLDERS_NOT_COUNTED, "core/pipeline/options_check.c",                                    \
	  "the pool of chunks has no room for those that hold a pin")                              \
	X(SETTLES_ARE_DATA, "core/log/writer.c",                                                   \
	  "acknowledgements take turns with data, and are held back where that is")                \
	X(CHUNK_TURNS_UNSEEN, "core/pipeline/gate_sleepers.c",                                     \
	  "who sleeps in a poll is not told that another chunk was begun")                         \
	X(WANTS_AS_BEFORE, "core/pipeline/wait.c",                                                 \
	  "who finds in its last look that it wants more sleeps for what it wanted before")        \
	X(SERVED_BEFORE_DURABLE, "core/pipeline/pipeline.h",                                       \
	  "the durable gate shows what is only visible")

enum wr_bug {
	WR_BUG_NONE = 0,
#define WR_BUG_ENUM(name, file, breaks) WR_BUG_##name,
	WR_BUG_MAP(WR_BUG_ENUM)
#undef WR_BUG_ENUM
		WR_BUG_COUNT
};

#ifdef WR_SEEDED_BUGS
/* Set before the library is used, by test programs only (tests/support/bug.c). */
extern enum wr_bug wr_bug_active;
#define WR_BUG(name) (wr_bug_active == WR_BUG_##name)
#else
#define WR_BUG(name) ((void)WR_BUG_##name, false) /* a wrong name is an error in any build */
#endif

#endif
