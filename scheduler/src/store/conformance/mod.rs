//! The conformance suite, which every backend must pass. A backend implements [`Harness`] in its tests and calls
//! [`conformance_suite`]. Every case runs on a separate store.

pub(crate) mod access;
pub(crate) mod artifacts;
pub(crate) mod checkpoints;
pub(crate) mod custody;
pub(crate) mod forget;
pub(crate) mod history;
pub(crate) mod leases;
pub(crate) mod maintenance;
pub(crate) mod outputs;
pub(crate) mod recordings;
pub(crate) mod reviews;
pub(crate) mod samples;

use super::{Access, Store, StoreUrl, open};

/// A backend under test.
pub(crate) trait Harness {
    /// A location at which no store exists yet. `None`, after it said so, if the backend cannot be tested on this machine.
    fn fresh() -> Option<Self>
    where
        Self: Sized;

    /// The URL of the store at this location.
    fn url(&self) -> StoreUrl;

    /// Alters the stored data without using the store. Called while a writer has the store open.
    fn tamper(&self, how: &Tampering);
}

/// How stored data is altered. Applies to all records of the kind.
pub(crate) enum Tampering {
    ArtifactBody(&'static [u8]),
    ArtifactHash(&'static str),
    ArtifactKey {
        from: &'static str,
        to: &'static str,
    },
    ArtifactName(&'static str),
    CheckpointBody {
        index: u32,
        body: &'static [u8],
    },
    /// Adds a checkpoint with index 7 for a stored artifact.
    CheckpointOfArtifact,
    RecipeBody(&'static str),
    IncidentKind(&'static str),
    /// Deletes all runs, but no records that refer to them.
    NoRuns,
    RunCommand(&'static str),
}

impl dyn Harness + '_ {
    /// Opens the store for writing. Creates it the first time.
    pub(crate) fn open(&self) -> Box<dyn Store> {
        open(&self.url(), Access::Create).unwrap()
    }

    pub(crate) fn open_to_read(&self) -> Box<dyn Store> {
        open(&self.url(), Access::Read).unwrap()
    }
}

macro_rules! conformance_cases {
    ($harness:ty: $($group:ident: $($case:ident)+;)+) => {
        $($(
            #[test]
            fn $case() {
                if let Some(harness) = <$harness as $crate::store::conformance::Harness>::fresh() {
                    $crate::store::conformance::$group::$case(&harness);
                }
            }
        )+)+
    };
}

/// Defines the cases that concern every backend as tests of a [`Harness`]. A backend whose stores have one writer at a time
/// adds `access: store_has_one_writer_at_a_time_who_is_known` with [`conformance_cases`].
macro_rules! conformance_suite {
    ($harness:ty) => {
        $crate::store::conformance::conformance_cases! { $harness:
            access:
                store_is_created_only_on_demand
                store_opened_for_reading_sees_commits_and_refuses_writes;
            artifacts:
                artifact_comes_back_as_it_was_written
                artifact_is_replaced_only_on_demand_and_counted
                artifact_altered_in_body_hash_or_key_is_detected;
            checkpoints:
                checkpoints_are_listed_by_index_until_their_artifact_is_stored
                checkpoint_is_written_once_and_counted
                checkpoint_altered_is_left_out_and_written_again
                checkpoints_are_forgotten_of_one_artifact_alone;
            leases:
                lease_revoked_or_forged_writes_nothing
                lease_of_a_killed_run_ends_with_the_next_run
                lease_numbers_grow_over_the_life_of_a_store;
            history:
                runs_are_listed_latest_first_with_their_end
                run_of_a_killed_process_has_no_end
                failures_belong_to_their_run
                incidents_are_listed_in_the_order_of_recording
                quarantine_lasts_until_it_is_lifted;
            recordings:
                input_changed_in_any_way_is_not_cached
                recording_keeps_the_longer_recipe_of_the_same_file
                recording_whose_bytes_change_is_another_one_and_an_incident
                recording_at_another_place_is_the_same_one
                recordings_of_a_run_share_one_recipe
                recipe_with_unknown_stages_is_kept_as_it_is
                recipes_are_listed_by_their_latest_run;
            outputs:
                outputs_come_back_as_they_were_written_by_path
                outputs_are_replaced_by_path_and_forgotten
                outputs_are_ours_by_their_hash_or_that_of_the_file_that_they_replace;
            custody:
                custody_log_agrees_with_everything_that_is_written
                custody_log_contains_ids_and_hashes_alone
                custody_log_finds_every_alteration
                checkpoints_are_in_the_custody_log_until_their_artifact_is_stored
                artifact_that_is_stated_again_was_deleted_in_between
                run_or_review_that_is_stated_again_was_deleted_in_between
                deleted_texts_are_valid_only_with_the_entry_of_a_forgotten_recording
                text_that_was_edited_instead_of_deleted_is_found;
            forget:
                recording_that_is_forgotten_leaves_its_hash_and_log_and_store_agree
                recording_that_is_forgotten_leaves_no_text_that_names_it
                recording_that_is_forgotten_leaves_no_checkpoint_of_any_recipe
                recording_that_is_forgotten_again_keeps_its_first_record
                files_of_a_forgotten_recording_are_recorded_until_they_are_deleted
                forgetting_a_recording_keeps_what_is_about_others;
            reviews:
                reviews_are_added_once_and_never_changed
                reviews_are_in_the_custody_log_without_their_text;
            maintenance:
                check_counts_a_sound_store
                check_finds_every_alteration
                compact_drops_what_is_not_needed
                compact_keeps_recipes_that_are_used;
        }
    };
}

pub(crate) use {conformance_cases, conformance_suite};
