/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which test catches which seeded bug (core/base/bug.h), and by what it says. A bug may stand here
 * more than once.
 *
 *   X(bug, program, says)
 *
 *   sim_*    the check that fails, word for word; it runs with the seeds of seeded_bugs.c
 *   weir_anomaly   the rule that a history of the simulation breaks (tests/anomaly/), while the
 *            simulation's own oracle says nothing
 *   crash_*  a part of what it says it found, in the line that names the seed, or of the check
 *            that fails
 *   unit_*   the case that fails: suite::case; nothing else of the program runs
 */
#ifndef WR_TESTS_DETECTIONS_H
#define WR_TESTS_DETECTIONS_H

#include "core/base/bug.h"

#define WR_DETECTION_MAP(X)                                                                        \
	X(ACK_BEFORE_SYNC, sim_journal, "an acknowledged record is gone")                          \
	X(ACK_BEFORE_SYNC, sim_pipeline, "durable records are gone")                               \
	X(TICKET_BEFORE_SYNC, sim_pipeline, "acknowledged as durable behind the durable sequence") \
	X(ACK_OF_FAILED_SYNC, sim_journal, "a false alarm: corruption")                            \
	X(ACK_UP_TO_NEWEST, sim_journal, "a false alarm: corruption")                              \
	X(ACK_WITHOUT_EVIDENCE, unit_journal,                                                      \
	  "journal::before_ack_nothing_is_acknowledged_without_evidence_on_the_medium")            \
	X(CLAIM_IS_VISIBLE, sim_pipeline, "an event in the log is not what was handed over")       \
	X(FULL_LANE_OVERWRITTEN, unit_lane,                                                        \
	  "lane::the_whole_ring_may_be_used_and_not_a_byte_more")                                  \
	X(REPLIES_NOT_COUNTED, unit_lane, "lane::a_ring_full_of_answers_is_full_and_no_more")      \
	X(LANE_FREED_TOO_EARLY, sim_pipeline, "a run that must be refused was taken")              \
	X(RUN_COUNTS_RECORDS, sim_pipeline, "a run that must be refused was taken")                \
	X(REFUSED_RUN_HALF_KEPT, sim_pipeline, "an event has another version of its key")          \
	X(REFUSALS_UNMARKED, sim_pipeline,                                                         \
	  "a refusal is never answered while nothing else happens")                                \
	X(REFUSAL_TOLD_EARLY, sim_pipeline, "a refusal before what it rests on is durable")        \
	X(CLOSE_TELLS_EARLY, sim_pipeline, "a refusal before what it rests on is durable")         \
	X(SEQUENCE_GAP_ACCEPTED, sim_pipeline,                                                     \
	  "a source's events are out of order, lost or doubled")                                   \
	X(PINNED_CHUNK_REUSED, sim_pipeline, "lent bytes changed before the next poll")            \
	X(PINNED_CHUNK_REUSED, unit_chunk, "chunk::nothing_pinned_is_ever_written_over")           \
	X(CHUNK_REUSED_UNDER_WRITE, unit_chunk,                                                    \
	  "chunk::only_what_is_closed_durable_and_written_may_go")                                 \
	X(CATCHUP_SLOT_REUSED, sim_pipeline, "lent bytes changed before the next poll")            \
	X(CATCHUP_UNTOLD, unit_catchup_wakes, "catchup_wakes::one_read_for_two_wakes_both")        \
	X(OLD_LEASE_SETTLES, sim_pipeline, "a settle of nothing was taken")                        \
	X(OLD_LEASE_SETTLES, weir_anomaly, "committed-again")                                      \
	X(OLD_LEASE_SETTLES, unit_sharing,                                                         \
	  "sharing::a_lease_that_ends_is_anothers_and_fences_the_first")                           \
	X(ATTEMPT_NOT_COUNTED, sim_pipeline, "what is outstanding is not what the log says")       \
	X(ATTEMPT_NOT_COUNTED, unit_sharing, "sharing::attempts_and_delays_survive_an_open")       \
	X(TRY_NOT_COUNTED, unit_partition_retry, "partition_retry::attempts_go_on_after_an_open")  \
	X(TRY_NOT_COUNTED, sim_pipeline, "attempts are not what the log says")                     \
	X(TRIED_TOGETHER, sim_pipeline, "two crashes at one place, and nothing is alone there")    \
	X(TRIED_TOGETHER, unit_partition_retry,                                                    \
	  "partition_retry_crash::what_kills_its_process_ends_in_the_dead_letters_alone")          \
	X(DIED_OF_ANOTHER, unit_partition_retry,                                                   \
	  "partition_retry_crash::what_another_partition_dies_of_is_no_attempt")                   \
	X(REFUSED_OWNER_REJECTS, unit_partition_retry,                                             \
	  "partition_retry::who_was_refused_progress_passes_over_nothing")                         \
	X(NOT_ALONE_IS_FENCED, unit_partition_retry,                                               \
	  "partition_return::an_answer_about_what_is_tried_no_more_costs_no_partition")            \
	X(MET_STAYS_FIRST, unit_partition_retry,                                                   \
	  "partition_return_gap::a_gap_comes_again_before_what_goes_alone_behind_it")              \
	X(TRIED_TOO_EARLY, sim_pipeline,                                                           \
	  "a partition's event is handed out before its delay is over")                            \
	X(TRY_NOT_DURABLE, sim_pipeline,                                                           \
	  "a partition's event is handed out before its attempt was durable")                      \
	X(TRIES_NOT_SAVED, sim_pipeline, "another event is tried than the log says")               \
	X(DEATH_NOT_TOLD, sim_pipeline,                                                            \
	  "handed out before it is durable that the process had died")                             \
	X(TRIED_TOO_EARLY, unit_partition_retry,                                                   \
	  "partition_retry::"                                                                      \
	  "a_failed_event_comes_again_first_of_its_partition_and_the_others_go_on")                \
	X(FULL_QUEUE_TAKES, sim_pipeline, "taken, and a queue that refuses is full")               \
	X(FULL_QUEUE_TAKES, unit_queue_length,                                                     \
	  "queue_refuses::a_full_queue_refuses_until_some_is_settled")                             \
	X(SAID_NOT_SAVED, unit_outstanding, "outstanding::it_is_what_was_marked_and_not_settled")  \
	X(TEXT_NOT_CARRIED, unit_carry, "carry::what_was_said_of_it_goes_with_its_copies")         \
	X(CARRIED_NOT_HELD, unit_outstanding,                                                      \
	  "outstanding::it_is_what_was_marked_and_not_settled")                                    \
	X(CARRIED_NOT_SAVED, unit_outstanding,                                                     \
	  "outstanding::it_is_what_was_marked_and_not_settled")                                    \
	X(CARRIED_NOT_SAVED, sim_pipeline, "what is outstanding is not what the log says")         \
	X(CARRIED_THOUGH_ERASED, unit_decide,                                                      \
	  "carried::what_was_erased_is_refused_and_what_came_after_is_not")                        \
	X(CARRIED_HANDED_OUT, unit_share_carry,                                                    \
	  "share_carry::it_is_not_handed_out_before_it_is_known_where_its_copy_stands")            \
	X(CARRIED_IN_HAND, unit_share_carry,                                                       \
	  "share_carry::what_waits_may_be_copied_and_what_somebody_has_may_not")                   \
	X(CARRIED_IN_HAND, sim_pipeline, "an event is carried that somebody has")                  \
	X(CARRIED_GO, unit_carry, "carry::a_seek_to_the_oldest_finds_what_was_copied")             \
	X(CARRIED_GO, unit_outstanding, "outstanding::it_is_what_was_marked_and_not_settled")      \
	X(CARRIES_ROUND_AND_ROUND, unit_carry,                                                     \
	  "carry::a_segment_of_which_most_is_outstanding_stays")                                   \
	X(POSITION_IS_FRONTIER, sim_pipeline, "a position is not what the log says")               \
	X(POSITION_IS_FRONTIER, unit_outstanding,                                                  \
	  "outstanding::an_event_that_stays_holds_the_position_and_no_other")                      \
	X(KEYS_NOT_ORDERED, sim_pipeline, "a key's next while one of it is not settled")           \
	X(KEYS_NOT_ORDERED, weir_anomaly, "key-in-flight")                                         \
	X(KEYS_NOT_ORDERED, weir_anomaly, "key-order")                                             \
	X(KEYS_NOT_ORDERED, unit_share, "share::everything_is_had_by_one_and_settled_once")        \
	X(ATTEMPT_NOT_DURABLE, sim_pipeline, "handed out before its attempt was durable")          \
	X(ATTEMPT_NOT_DURABLE, unit_share, "share::everything_is_had_by_one_and_settled_once")     \
	X(LEASE_NOT_DRAINED, unit_share, "share::everything_is_had_by_one_and_settled_once")       \
	X(OLD_LEASE_AFTER_MOVE, unit_outstanding,                                                  \
	  "outstanding::it_is_what_was_marked_and_not_settled")                                    \
	X(PARKED_LETS_PASS, weir_anomaly, "parked-passed")                                         \
	X(DELAY_NOT_WAITED, weir_anomaly, "too-early")                                             \
	X(DELAY_NOT_WAITED, unit_share, "share::everything_is_had_by_one_and_settled_once")        \
	X(EXPIRED_HANDED_OUT, weir_anomaly, "too-late")                                            \
	X(EXPIRED_HANDED_OUT, unit_share, "share::everything_is_had_by_one_and_settled_once")      \
	X(EXPIRED_STAYS_LEASED, unit_queue_terms,                                                  \
	  "queue_terms::what_expires_before_it_is_polled_holds_its_key_back_no_longer")            \
	X(TERMS_NOT_KEPT, unit_outstanding, "outstanding::it_is_what_was_marked_and_not_settled")  \
	X(DELETED_SCHEMA_LIVES, sim_pipeline, "a recovery finds another registry")                 \
	X(DEAD_HANDED_OUT, sim_pipeline, "handed out, and given up")                               \
	X(DEAD_HANDED_OUT, unit_sharing,                                                           \
	  "sharing::what_was_dead_before_an_open_is_not_handed_out")                               \
	X(SETTLE_NOT_UNDONE, unit_outstanding,                                                     \
	  "outstanding::it_is_what_was_marked_and_not_settled")                                    \
	X(SUSPECTS_NOT_ALONE, sim_pipeline, "a suspect is handed out with others")                 \
	X(CRASH_NOT_COUNTED, sim_pipeline, "what is outstanding is not what the log says")         \
	X(IN_HAND_NOT_DURABLE, sim_pipeline,                                                       \
	  "a suspect is handed out before it is durable that it is in hand")                       \
	X(RUN_SETTLES_ITS_FIRST, sim_pipeline, "a subscription never gets its last events")        \
	X(LEASE_NOT_EXTENDED, sim_pipeline, "a lease ended before its time")                       \
	X(LEAVES_WITH_ALL, sim_pipeline, "handed out while another one has it")                    \
	X(LEAVES_WITH_ALL, weir_anomaly, "leased-twice")                                           \
	X(LETTER_NOT_WRITTEN, sim_pipeline,                                                        \
	  "settled under a lease in which nobody acknowledged it")                                 \
	X(LETTER_NOT_WRITTEN, weir_anomaly, "dead-and-gone")                                       \
	X(BURIED_AND_READY, sim_pipeline, "handed out, and not outstanding")                       \
	X(BURIED_AND_READY, weir_anomaly, "dead-and-alive")                                        \
	X(LETTER_WITHOUT_SETTLE, sim_pipeline, "a dead letter without the settle of its event")    \
	X(LETTER_WITHOUT_SETTLE, unit_sharing, "sharing::what_is_rejected_as_dead_goes_at_once")   \
	X(FILLER_NOT_CHAINED, sim_pipeline, "a clean close was not found clean")                   \
	X(ATTESTS_UNWRITTEN, sim_pipeline, "a false alarm")                                        \
	X(EVIDENCE_TAKES_THE_RESERVE, unit_writer_shortage,                                        \
	  "writer_shortage::"                                                                      \
	  "on_a_full_disk_evidence_leaves_the_reserve_to_settles_and_to_the_next_open")            \
	X(EVIDENCE_WITHOUT_ROOM, unit_writer_shortage,                                             \
	  "writer_shortage::a_backlog_that_is_to_be_attested_keeps_room_for_it")                   \
	X(NO_IDLE_EVIDENCE, sim_pipeline, "a call that never comes back")                          \
	X(BODY_UNCHECKED, sim_journal, "a record is not what was appended there")                  \
	X(CHAIN_UNCHECKED, unit_recovery,                                                          \
	  "recovery::r5_a_batch_that_names_another_predecessor_is_absent")                         \
	X(TRIMS_THE_DURABLE, unit_recovery,                                                        \
	  "recovery::r4_a_damaged_batch_with_evidence_behind_it_is_refused")                       \
	X(OLDER_LIFE_HIDES, unit_recovery,                                                         \
	  "recovery::r4_behind_a_lost_write_a_longer_batch_of_an_older_life_hides_nothing")        \
	X(MISSING_SEGMENT_PASSED, unit_recovery_whole,                                             \
	  "recovery_whole::r7_a_missing_segment_is_corruption")                                    \
	X(WRITE_UNSYNCED, crash_powercut, "cut before entry")                                      \
	X(URING_WRITE_UNSYNCED, crash_powercut, "cut before entry")                                \
	X(SYNCS_IN_WRITE_ANYWHERE, crash_fuse_syncs,                                               \
	  "acknowledged batches has an FSYNC of its own")                                          \
	X(SHORT_READ_IS_THE_END, sim_journal, "a false alarm: corruption")                         \
	X(RECOVERED_UNSYNCED, sim_journal, "a false alarm: corruption")                            \
	X(TAIL_LEFT_BEHIND, unit_resume, "resume::whole_batches_ahead_in_the_segment_are_gone")    \
	X(TAIL_SEGMENT_LEFT, unit_resume, "resume::whole_segments_above_are_gone_and_stay_out")    \
	X(EPOCH_NOT_RAISED, sim_journal, "a false alarm: corruption")                              \
	X(EPOCH_NOT_WRITTEN, unit_recovery, "recovery::an_epoch_is_never_given_twice")             \
	X(SUPERBLOCK_PAIR_FIXED, unit_recovery,                                                    \
	  "recovery::the_pair_of_superblocks_that_is_good_is_written_last")                        \
	X(CHECKPOINT_AHEAD, sim_journal, "a false alarm: corruption")                              \
	X(CHECKPOINT_UNSYNCED, sim_journal, "a false alarm: corruption")                           \
	X(FAILED_CHECKPOINT_FORGOTTEN, unit_journal_checkpoint,                                    \
	  "journal_checkpoint::what_a_failed_one_needs_stays")                                     \
	X(NO_CHECKPOINT_PASSED, unit_recovery_whole,                                               \
	  "recovery_whole::r9_a_log_that_lost_its_beginning_needs_a_checkpoint")                   \
	X(CHECKPOINT_UNCHECKED, unit_recovery_whole,                                               \
	  "recovery_whole::r9_a_damaged_checkpoint_gives_way_to_the_older_one")                    \
	X(OLDER_CHECKPOINT, unit_recovery_whole,                                                   \
	  "recovery_whole::r9_the_newest_checkpoint_is_used")                                      \
	X(PROGRESS_NOT_SAVED, sim_pipeline, "the tables are not the fold of the log")              \
	X(WINDOW_NOT_SAVED, sim_pipeline, "the tables are not the fold of the log")                \
	X(WINDOW_NOT_SAVED, weir_anomaly, "dedup-twice")                                           \
	X(WINDOW_OVERWRITTEN, unit_keys, "keys::random_lives_are_those_of_a_plain_list")           \
	X(WINDOW_KEEPS_REFUSED, sim_pipeline, "the tables are not the fold of the log")            \
	X(WINDOW_JUMPS, unit_keys, "keys::a_jump_at_an_open_takes_no_key")                         \
	X(VERSION_UNCHECKED, weir_anomaly, "version-taken")                                        \
	X(VERSION_UNCHECKED, unit_versions,                                                        \
	  "versions::an_event_is_taken_when_its_key_has_what_it_expects")                          \
	X(VERSION_REPEAT_REFUSED, unit_versions,                                                   \
	  "versions::a_repeat_of_the_last_event_is_told_where_it_stands")                          \
	X(VERSION_KEEPS_REFUSED, unit_versions,                                                    \
	  "versions::random_lives_are_those_of_a_plain_array")                                     \
	X(VERSION_NEVER_ENDS, unit_versions,                                                       \
	  "versions::a_key_that_ends_is_forgotten_and_makes_room")                                 \
	X(VERSION_NOT_SAVED, unit_versions, "versions::random_lives_are_those_of_a_plain_array")   \
	X(DUPLICATE_TOLD_EARLY, sim_pipeline,                                                      \
	  "acknowledged as durable behind the durable sequence")                                   \
	X(RETENTION_UNGATED, sim_journal, "a false alarm: corruption")                             \
	X(RETENTION_PASSES_SEEKS, sim_pipeline, "retention took what a subscription needs")        \
	X(PLACE_NOT_HELD, sim_pipeline, "retention took what a subscription needs")                \
	X(NEVER_DETACHED, unit_detach, "detach::who_is_too_slow_is_told_and_holds_nothing")        \
	X(DETACHED_IS_KEPT, unit_detach, "detach::retention_takes_what_it_had_not_read")           \
	X(COUNT_NOT_HELD, sim_pipeline, "lag is never counted")                                    \
	X(SEGMENT_NOT_RECORDED, sim_journal, "a lost segment file is taken for something else")    \
	X(RETIRED_STILL_RECORDED, sim_journal, "a false alarm: corruption")                        \
	X(LOST_SEGMENT_PASSED, sim_journal, "a segment file is lost and nobody says so")           \
	X(TORN_LEFT_TO_ERASE, unit_resume,                                                         \
	  "resume::a_torn_batch_behind_a_full_segment_is_gone_before_anything_goes_on")            \
	X(TORN_ZEROED_AT_ONCE, unit_resume,                                                        \
	  "resume::a_power_cut_in_the_clearing_makes_no_torn_batch_whole")                         \
	X(ID_GIVEN_AGAIN, unit_recovery_range,                                                     \
	  "recovery_range::an_id_is_never_given_twice_whatever_became_of_its_header")              \
	X(HEADER_UNSYNCED, unit_journal_segments,                                                  \
	  "journal_segments::no_extent_is_offered_before_its_header_survives_power_loss")          \
	X(GAP_PASSED_OVER, sim_pipeline, "progress over an event that nobody acknowledged")        \
	X(GAP_STAYS_LAG, sim_pipeline, "a subscription never gets its last events")                \
	X(FENCED_NOT_TOLD, unit_members, "members::a_commit_tells_of_acks_that_went_before_it")    \
	X(PASSED_OVER_WANTED, unit_filtering, "pass::but_not_over_what_is_wanted")                 \
	X(WAITING_NOT_TOLD, unit_group,                                                            \
	  "group::who_gets_a_row_again_that_waits_is_told_that_he_lost_it")                        \
	X(HELD_NOT_TOLD, unit_room_ahead,                                                          \
	  "room_ahead::and_also_when_what_is_there_is_not_for_data")                               \
	X(IDLE_HOLDS_RETENTION, unit_filtering, "pass::what_holds_retention_up_is_moved_on")       \
	X(UNROUTED_MADE_LATER, unit_filtering, "unrouted::who_comes_later_does_not_count")         \
	X(UNROUTED_FORGETS_FILTERS, unit_filtering, "unrouted::filters_count_as_they_were")        \
	X(RING_FORGETS_MEMBERS, unit_filtering, "rings::members_count_as_they_were")               \
	X(COPY_WITHOUT_PROGRESS, unit_filtering, "unrouted::each_once_over_opens")                 \
	X(READS_UNROUTED, sim_pipeline, "a subscription never gets its last events")               \
	X(CATCHUP_UNROUTED, sim_pipeline,                                                          \
	  "events of a partition left out, doubled or out of order")                               \
	X(FILTER_NOT_SAVED, sim_pipeline, "the tables are not the fold of the log")                \
	X(FILTER_LOST_EARLY, sim_pipeline, "a filter was taken in place of one that is needed")    \
	X(HOLE_COUNTED_TWICE, unit_filtering,                                                      \
	  "filtered_lag::what_left_memory_before_the_router_saw_it_is_walked_over")                \
	X(COUNTS_FORGOTTEN, unit_filtering,                                                        \
	  "filtering::lag_is_not_exact_below_a_filter_that_is_gone")                               \
	X(REFUSED_WANTS_NOTHING, unit_filtering,                                                   \
	  "first_filter::who_was_refused_a_first_filter_goes_on_to_get_everything")                \
	X(PATTERN_SEES_AVRO, unit_filtering,                                                       \
	  "schema_filters::patterns_look_at_fields_whatever_encodes_them")                         \
	X(FILTER_AT_ONCE, sim_pipeline, "events of a partition left out, doubled or out of order") \
	X(FILTER_AT_ONCE, weir_anomaly, "unwanted")                                                \
	X(FILTER_AT_ONCE, unit_filtering, "filtering::also_behind_a_restart")                      \
	X(ACK_OVER_A_HOLE, sim_pipeline, "progress that counts other events")                      \
	X(OUTPUTS_WITHOUT_PROGRESS, sim_pipeline, "progress under another generation")             \
	X(FENCED_RUN_TAKEN, sim_pipeline, "progress under another generation")                     \
	X(FENCED_RUN_TAKEN, unit_transactions,                                                     \
	  "transactions::a_zombie_is_fenced_and_none_of_its_outputs_appear")                       \
	X(RUN_SETTLES_IN_PART, unit_transactions,                                                  \
	  "transactions::one_event_whose_lease_is_over_refuses_all_of_it")                         \
	X(REFUSED_STAYS_ACKED, sim_pipeline, "a commit that the log does not hold")                \
	X(DOOMED_LEFT_OUT, unit_transactions,                                                      \
	  "transactions::those_that_build_on_a_refused_one_go_with_it_and_come_again")             \
	X(OUTCOME_TOLD_EARLY, sim_pipeline, "acknowledged as durable behind the durable sequence") \
	X(TOLD_LOST_SETTLES, unit_partition_retry,                                                 \
	  "partition_return_refused::what_is_told_to_be_lost_is_not_acknowledged_with_all")        \
	X(REWOUND_KEEPS_PIECES, unit_transactions,                                                 \
	  "transactions::what_comes_again_is_not_acknowledged_by_what_was_out_of_order")           \
	X(OLD_GENERATION_TAKEN, sim_pipeline, "progress under another generation")                 \
	X(OWNER_NOT_ASKED, unit_group,                                                             \
	  "group::an_owner_that_does_not_answer_is_waited_for_until_its_session_ends")             \
	X(OWNER_NOT_ASKED, unit_group_model,                                                       \
	  "group_model::no_ack_in_time_is_fenced_and_all_comes_to_rest")                           \
	X(OWNER_NOT_DRAINED, unit_group, "group::a_second_member_takes_over_in_four_moves")        \
	X(OWNER_NOT_DRAINED, unit_group_model,                                                     \
	  "group_model::no_ack_in_time_is_fenced_and_all_comes_to_rest")                           \
	X(LOSS_NOT_TOLD, sim_pipeline, "two owners of a partition at once")                        \
	X(LOSS_NOT_TOLD, unit_group, "group::who_reads_no_messages_is_told_all_the_same")          \
	X(INSTANCE_TWICE, unit_seats, "seats::a_second_one_with_the_same_id_fences_the_first")     \
	X(LOST_ROW_TAKEN, unit_members,                                                            \
	  "members::who_slept_through_seeks_holds_nothing_of_what_they_gave_it")                   \
	X(GROWTH_NOT_DRAINED, sim_pipeline,                                                        \
	  "a new partition is given away before its keys are drained")                             \
	X(GROWTH_NOT_DRAINED, weir_anomaly, "key-order")                                           \
	X(GROWTH_NOT_DRAINED, unit_growth, "growth::new_partitions_wait_for_what_came_before")     \
	X(OLD_COUNT_PLACES, sim_pipeline, "the tables are not the fold of the log")                \
	X(GROWTHS_NOT_SAVED, sim_pipeline, "the tables are not the fold of the log")               \
	X(NEW_OWNER_SKIPS, sim_pipeline,                                                           \
	  "events of a partition left out, doubled or out of order")                               \
	X(WAITS_IN_A_STEP, unit_handlers, "handlers::what_would_wait_says_again_inside_a_handler") \
	X(HANDLER_IS_DEAF, unit_handlers,                                                          \
	  "handlers::a_seek_reaches_who_is_in_the_middle_of_a_batch")                              \
	X(HANDLER_IS_DEAF, sim_pipeline, "two owners of a partition at once")                      \
	X(HANDLER_UNPINNED, unit_handlers,                                                         \
	  "handlers::what_is_in_hand_stays_while_the_member_gets_more_to_read")                    \
	X(REMOVED_STILL_RECORDED, unit_removal, "removal::a_power_cut_anywhere_leaves_no_hole")    \
	X(REMOVED_UNORDERED, unit_removal, "removal::nothing_retired_gets_a_new_header_beside_it") \
	X(REMOVED_TOO_SOON, unit_removal, "removal::what_is_used_again_soon_stays")                \
	X(RETENTION_JUMPS, unit_retention_time,                                                    \
	  "retention_time::a_clock_that_is_ahead_at_an_open_takes_nothing_at_once")                \
	X(RETENTION_JUMPS, sim_journal, "an event went before its time")                           \
	X(RETENTION_AGES_AHEAD, unit_retention_time,                                               \
	  "retention_time::where_the_clock_was_set_back_no_event_is_born_old")                     \
	X(RETENTION_BY_FIRST, unit_retention_time,                                                 \
	  "retention_time::a_segment_goes_when_its_newest_event_is_too_old")                       \
	X(DROPS_THE_NEEDED, unit_low_space, "low_space::what_is_needed_never_goes")                \
	X(DROPS_TOO_MANY, unit_packing, "packing::one_is_dropped_at_a_time_and_the_log_goes_on")   \
	X(LOW_SPACE_PASSED, unit_low_space,                                                        \
	  "low_space::the_mark_is_kept_and_told_before_anybody_waits")                             \
	X(DAMAGE_AT_FIRST_SIGHT, unit_verify, "verify::damage_that_only_one_look_finds_is_none")   \
	X(READ_AHEAD_STALE, unit_read_ahead, "read_ahead::what_is_read_again_is_asked_for_again")  \
	X(BACKUP_WITHOUT_NEWEST, unit_backup, "backup::a_closed_journal_is_the_same_in_the_copy")  \
	X(BACKUP_OVER_A_HOLE, unit_backup,                                                         \
	  "backup::what_is_used_again_before_it_was_copied_begins_it_anew")                        \
	X(BACKUP_NAMES_UNSYNCED, unit_backup,                                                      \
	  "backup::after_a_power_cut_anywhere_the_copy_is_whole_or_none")                          \
	X(BACKUP_FEATURES_OF_BEFORE, unit_backup,                                                  \
	  "backup::what_the_owner_said_while_it_was_copied_is_said_by_the_copy")                   \
	X(TAG_OF_HEADER, unit_links, "links::they_are_what_the_page_on_the_format_says")           \
	X(LINK_TO_NOTHING, unit_links, "links::no_bit_of_what_they_are_of_can_change")             \
	X(CHAIN_OF_ANY_KEY, unit_chain, "chain::another_key_opens_nothing_and_proves_nothing")     \
	X(CHAIN_UNTOLD, unit_chain, "chain::another_key_opens_nothing_and_proves_nothing")         \
	X(CHAIN_BEGINS_ANEW, sim_journal, "the chain begins once more")                            \
	X(FRAMES_UNTOLD, unit_packed,                                                              \
	  "packed_compressed::each_codec_gives_the_log_back_in_fewer_bytes")                       \
	X(STORED_UNCHECKED, unit_packed,                                                           \
	  "packed_compressed::a_flipped_bit_costs_the_extent_that_it_is_in")                       \
	X(SHORT_FRAME_TAKEN, unit_packed,                                                          \
	  "packed_compressed::what_a_codec_gives_back_is_what_it_took")                            \
	X(PACKED_WITH_A_HOLE, unit_packed, "packed::a_damaged_segment_stays_as_it_is")             \
	X(PACKED_COPY_UNUSED, unit_packed, "packed::every_flipped_bit_is_harmless_or_told")        \
	X(PACKS_UNTOLD, unit_packing, "packing::the_superblock_says_so_before")                    \
	X(READERS_NOT_ASKED, unit_packing,                                                         \
	  "packing::nobodys_file_is_used_again_while_he_reads_it")                                 \
	X(LEFT_OUT_UNBALANCED, unit_left_out, "left_out::the_log_is_whole_but_for_them")           \
	X(NEWEST_LEFT_OUT, unit_compaction,                                                        \
	  "compaction::the_newest_of_each_key_stays_and_all_else_too")                             \
	X(NEWEST_LEFT_OUT, weir_anomaly, "poll-skip")                                              \
	X(NEWEST_LEFT_OUT, sim_pipeline, "an event left that has to stay")                         \
	X(COMPACTS_UNGATED, sim_pipeline, "compaction of what")                                    \
	X(TOMBSTONES_UNAGED, sim_pipeline, "an event left that has to stay")                       \
	X(COMPACTS_THE_YOUNG, sim_pipeline, "an event left that has to stay")                      \
	X(KEYS_OF_TOPICS_MEET, sim_pipeline, "an event left that has to stay")                     \
	X(TOPIC_TAKES_OTHERS, unit_topic_retention,                                                \
	  "topic_retention::what_is_too_old_leaves_and_no_byte_of_it_stays")                       \
	X(TOPIC_KEEPS_LESS, unit_topic_retention,                                                  \
	  "topic_retention::a_floor_by_bytes_is_neither_too_high_nor_far_too_low")                 \
	X(TOPIC_KEEPS_AS_BEFORE, unit_retention_time,                                              \
	  "retention_time::of_a_topic_that_is_to_keep_more_no_segment_leaves")                     \
	X(TOPIC_LEAVES_AS_BEFORE, unit_retention_time,                                             \
	  "retention_time::of_a_topic_that_is_to_keep_more_no_event_leaves")                       \
	X(TOPIC_TAKES_OTHERS, sim_pipeline, "an event left that has to stay")                      \
	X(TOPIC_KEEPS_LESS, sim_pipeline, "an event left that has to stay")                        \
	X(TOPIC_UNGATED, sim_pipeline, "retention of what")                                        \
	X(GENERATION_STAYS, sim_pipeline, "the retained log has a hole")                           \
	X(LEAVES_OUT_COUNTED, sim_pipeline, "progress that counts other events")                   \
	X(CATCHUP_OF_BEFORE, sim_pipeline, "progress that counts other events")                    \
	X(ERASED_HANDED_OUT, unit_erase,                                                           \
	  "erase::a_subscription_that_lags_passes_it_over_and_is_waited_for")                      \
	X(STALE_FORGOTTEN, unit_erasing, "erasing::what_fails_is_not_taken_for_gone")              \
	X(ERASED_STILL_THERE, unit_erase,                                                          \
	  "erase::nobody_sees_it_from_the_answer_on_and_its_bytes_go")                             \
	X(ERASED_HANDED_OUT, weir_anomaly, "erased-seen")                                          \
	X(ERASED_HANDED_OUT, sim_pipeline, "handed out, and erased")                               \
	X(ERASED_FILES_WAIT, sim_journal, "what is to be erased never goes")                       \
	X(ERASED_STILL_THERE, sim_pipeline, "what was erased is on the medium")                    \
	X(ERASES_PLAIN_ONLY, sim_pipeline, "what was erased is on the medium")                     \
	X(NEIGHBOUR_LEFT_OUT, sim_pipeline, "an event left that has to stay")                      \
	X(ERASED_SAID_EARLY, sim_pipeline, "what was erased is on the medium")                     \
	X(ERASED_AS_ASKED, sim_pipeline, "what was erased is on the medium")                       \
	X(ERASES_UNKEPT, sim_pipeline, "an event left that has to stay")                           \
	X(ERASED_STAYS_PARKED, unit_erase,                                                         \
	  "erase::a_key_goes_on_when_what_is_in_hand_is_erased_and_then_dies")                     \
	X(COPY_OF_ERASED_TAKEN, unit_decide,                                                       \
	  "decide::a_copy_of_what_was_erased_is_refused_and_stands_where_it_stands")               \
	X(COPY_FOR_ALL, sim_pipeline, "progress that counts other events")                         \
	X(REPLAYS_AGAIN, sim_pipeline, "a replay copied an event twice")                           \
	X(ADDRESSED_NOT_SAVED, sim_pipeline, "the tables are not the fold of the log")             \
	X(LEAVES_OUT_UNTOLD, unit_compaction,                                                      \
	  "compaction::the_newest_of_each_key_stays_and_all_else_too")                             \
	X(GENERATION_IGNORED, unit_left_out,                                                       \
	  "left_out::what_was_packed_last_counts_and_the_other_goes")                              \
	X(PACKED_DRAFT_COUNTS, unit_packed, "packed::a_draft_counts_for_nothing_and_is_a_rest")    \
	X(PACKED_PASSED_OVER, unit_verify_packing,                                                 \
	  "verify_packing::where_a_file_was_used_again_the_packed_one_is_read")                    \
	X(PACKED_UNSYNCED, unit_packing,                                                           \
	  "packing::a_switch_that_a_kill_left_unsynced_is_synced_by_the_next_open")                \
	X(PROGRESS_TAKES_THE_RESERVE, unit_writer_shortage,                                        \
	  "writer_shortage::a_memory_only_log_keeps_what_is_held_while_it_is_settled")             \
	X(NO_ROOM_FOR_COPIES, unit_room,                                                           \
	  "room::a_producer_that_outruns_a_binding_leaves_room_for_copies")                        \
	X(NO_ROOM_FOR_MEMBERS, unit_room,                                                          \
	  "room::what_only_transactions_settle_leaves_room_for_what_they_publish")                 \
	X(COPIES_OVERRUN_HOLDS, unit_writer_shortage,                                              \
	  "writer_shortage::copies_take_nothing_that_is_held_in_a_memory_only_log")                \
	X(SHARED_HALF_MADE, sim_pipeline, "a source's events are out of order, lost or doubled")   \
	X(SHARED_HALF_MADE, weir_anomaly, "phantom")                                               \
	X(SCHEMA_VERSION_AGAIN, sim_pipeline, "a schema got another version or id")                \
	X(ROWS_GIVEN_AGAIN, sim_pipeline, "a position is not what the log says")                   \
	X(ROWS_GIVEN_AGAIN, weir_anomaly, "unacked-passed")                                        \
	X(HOLDERS_NOT_COUNTED, unit_slow, "slow::members_that_hold_chunks_hold_nobody_up")         \
	X(CHUNK_TURNS_UNSEEN, unit_sleeping_members,                                               \
	  "sleeping_members::they_go_with_the_log_at_the_memory_gate")                             \
	X(WANTS_AS_BEFORE, unit_sleeping_members,                                                  \
	  "sleeping_members::what_the_last_look_brings_is_slept_for")                              \
	X(SETTLES_ARE_DATA, sim_pipeline, "a subscription never gets its last events")             \
	X(SETTLES_ARE_DATA, unit_writer_shortage,                                                  \
	  "writer_shortage::on_a_full_disk_the_reserve_is_for_settles_only")                       \
	X(SERVED_BEFORE_DURABLE, sim_pipeline, "handed out before it was durable")                 \
	X(SERVED_BEFORE_DURABLE, weir_anomaly, "vanished")                                         \
	X(CLAIM_IS_VISIBLE, weir_anomaly, "phantom")                                               \
	X(CLAIM_IS_VISIBLE, weir_anomaly, "G1a")                                                   \
	X(CLAIM_IS_VISIBLE, weir_anomaly, "torn-batch")                                            \
	X(SEQUENCE_GAP_ACCEPTED, weir_anomaly, "duplicate")                                        \
	X(RUN_COUNTS_RECORDS, weir_anomaly, "inconsistent-offsets")                                \
	X(RUN_COUNTS_RECORDS, weir_anomaly, "lost-write")                                          \
	X(RUN_COUNTS_RECORDS, weir_anomaly, "nonmonotonic-send")                                   \
	X(RUN_COUNTS_RECORDS, weir_anomaly, "key-moved")                                           \
	X(GATE_NOT_LOOKED_AT, weir_anomaly, "realtime-lag")                                        \
	X(RUN_TURNED_AROUND, weir_anomaly, "int-nonmonotonic-send")                                \
	X(POLL_TURNED_AROUND, weir_anomaly, "int-nonmonotonic-poll")                               \
	X(HIT_LEFT_OUT, weir_anomaly, "int-poll-skip")                                             \
	X(GIVEN_TO_BOTH, weir_anomaly, "two-owners")                                               \
	X(GAP_PASSED_OVER, weir_anomaly, "unacked-passed")                                         \
	X(OUTPUTS_WITHOUT_PROGRESS, weir_anomaly, "nonmonotonic-poll")                             \
	X(OUTCOME_TOLD_EARLY, weir_anomaly, "unseen")                                              \
	X(OLD_GENERATION_TAKEN, weir_anomaly, "fenced-ack")                                        \
	X(LOSS_NOT_TOLD, weir_anomaly, "stale-owner")                                              \
	X(LOSS_NOT_TOLD, weir_anomaly, "unmarked-redelivery")                                      \
	X(NEW_OWNER_SKIPS, weir_anomaly, "poll-skip")                                              \
	X(PRIORITY_NOT_TAKEN, weir_anomaly, "priority-passed")                                     \
	X(LEASED_DROPPED, weir_anomaly, "taken-away")                                              \
	X(SNAPSHOT_UNCHECKED, weir_anomaly, "snapshot-differs")                                    \
	X(SNAPSHOT_OF_LATER, weir_anomaly, "snapshot-differs")

#endif
