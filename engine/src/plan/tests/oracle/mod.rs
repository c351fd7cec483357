//! The design's rules for plans, one function each, written from its text alone: nothing of the planner or its judge is
//! called, but for `keep`, which has tests of its own. Everything is asked from scratch of small worlds, whose points
//! all list their packs.
//!
//! A rule looks at a whole story, the state and the plan, and gives how often it applied, or what breaks it.

mod copies;
mod home;
mod order;
mod removals;
mod replay;
mod reports;
mod room;

pub(super) use home::HOME_RULES;
pub(super) use replay::{Story, founded};
pub(super) use room::nothing_older_is_left_out;

/// How often a rule applied, or what breaks it.
pub(super) type Verdict = Result<usize, String>;

/// A rule and its name.
pub(super) type Rule = (&'static str, fn(&Story<'_>) -> Verdict);

/// Every rule.
pub(super) const RULES: &[Rule] = &[
    ("ancestors_come_first", copies::ancestors_come_first),
    ("a_dependent_is_complete_only_on_a_complete_base", copies::a_dependent_is_complete_only_on_a_complete_base),
    ("the_first_that_can_take_it_is_served", copies::the_first_that_can_take_it_is_served),
    ("one_copy_is_enough_where_the_first_counts", copies::one_copy_is_enough_where_the_first_counts),
    ("a_copy_on_the_same_disk_is_not_enough", copies::a_copy_on_the_same_disk_is_not_enough),
    ("what_is_owed_arrives_or_the_plan_says_why", copies::what_is_owed_arrives_or_the_plan_says_why),
    ("only_what_keep_would_keep_is_copied", copies::only_what_keep_would_keep_is_copied),
    ("nothing_evicted_comes_back", copies::nothing_evicted_comes_back),
    ("what_was_given_up_for_good_stays_away", copies::what_was_given_up_for_good_stays_away),
    ("a_copy_has_somewhere_to_come_from", copies::a_copy_has_somewhere_to_come_from),
    ("reasons_for_declining_hold", copies::reasons_for_declining_hold),
    ("nothing_is_copied_to_be_removed", removals::nothing_is_copied_to_be_removed),
    ("home_never_drops_what_is_owed", removals::home_never_drops_what_is_owed),
    ("never_below_keep_at_least", removals::never_below_keep_at_least),
    ("never_the_last_that_a_drill_proved", removals::never_the_last_that_a_drill_proved),
    ("pinned_points_stay", removals::pinned_points_stay),
    ("nothing_goes_while_a_job_is_on_hold", removals::nothing_goes_while_a_job_is_on_hold),
    ("what_is_nowhere_else_offsite_goes_only_if_allowed", removals::what_is_nowhere_else_offsite_goes_only_if_allowed),
    ("retention_counts_on_each_medium_by_itself", removals::retention_counts_on_each_medium_by_itself),
    ("a_base_stays_while_one_that_depends_on_it_stays", removals::a_base_stays_while_one_that_depends_on_it_stays),
    ("an_unfinished_chain_is_never_evicted", removals::an_unfinished_chain_is_never_evicted),
    ("evict_never_is_never", removals::evict_never_is_never),
    ("room_is_made_for_newer_points_only", room::room_is_made_for_newer_points_only),
    ("room_is_made_only_for_what_comes", room::room_is_made_only_for_what_comes),
    ("never_for_a_point_that_never_fits", room::never_for_a_point_that_never_fits),
    ("never_for_a_point_not_verified_at_its_origin", room::never_for_a_point_not_verified_at_its_origin),
    (
        "room_comes_from_the_unwanted_the_jobs_oldest_the_oldest",
        room::room_comes_from_the_unwanted_the_jobs_oldest_the_oldest,
    ),
    ("no_more_room_than_needed_is_made", room::no_more_room_than_needed_is_made),
    ("limit_and_reserve_hold_before_during_and_after", room::limit_and_reserve_hold_before_during_and_after),
    ("bytes_are_known_exactly", room::bytes_are_known_exactly),
    ("d1_a_needed_pack_stays", order::d1_a_needed_pack_stays),
    ("d3_nothing_is_deleted_where_that_is_refused", order::d3_nothing_is_deleted_where_that_is_refused),
    ("d5_incoming_packs_are_not_counted_as_freed", order::d5_incoming_packs_are_not_counted_as_freed),
    ("d8_begun_removals_are_finished_first", order::d8_begun_removals_are_finished_first),
    ("d9_orphans_stay_while_a_seed_is_open", order::d9_orphans_stay_while_a_seed_is_open),
    ("media_away_or_retired_are_not_touched", order::media_away_or_retired_are_not_touched),
    ("every_pack_of_a_complete_point_is_there", order::every_pack_of_a_complete_point_is_there),
    ("full_and_stuck_has_a_deadline", reports::full_and_stuck_has_a_deadline),
    ("a_chain_is_reported_before_it_no_longer_fits", reports::a_chain_is_reported_before_it_no_longer_fits),
];

/// The rule of that name.
pub(super) fn rule(name: &str) -> fn(&Story<'_>) -> Verdict {
    RULES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule).expect("a rule of the table")
}
