//! The conformance suite on the memory store.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU32, Ordering};

use super::databases::Database;
use crate::store::conformance::{Harness, Tampering, conformance_cases, conformance_suite};
use crate::store::{Access, StoreUrl};

static NAMES: AtomicU32 = AtomicU32::new(0);

struct MemoryHarness {
    name: String,
}

impl Harness for MemoryHarness {
    fn fresh() -> Option<Self> {
        Some(Self { name: format!("conformance-{}", NAMES.fetch_add(1, Ordering::Relaxed)) })
    }

    fn url(&self) -> StoreUrl {
        format!("memory:{}", self.name).parse().unwrap()
    }

    fn tamper(&self, how: &Tampering) {
        let database = Database::find(&OsString::from(&self.name), Access::Read).unwrap();
        let mut tables = database.tables();
        match how {
            Tampering::ArtifactBody(body) => {
                tables.artifacts.values_mut().for_each(|raw| raw.body = body.to_vec());
            }
            Tampering::ArtifactHash(hash) => {
                tables.artifacts.values_mut().for_each(|raw| raw.body_sha256 = (*hash).to_owned());
            }
            Tampering::ArtifactKey { from, to } => {
                let altered = |key: &[u8]| String::from_utf8_lossy(key).replace(from, to).into_bytes();
                tables.artifacts.values_mut().for_each(|raw| raw.key = altered(&raw.key));
            }
            Tampering::ArtifactName(name) => {
                let artifacts = std::mem::take(&mut tables.artifacts);
                tables.artifacts = artifacts.into_values().map(|raw| ((*name).to_owned(), raw)).collect();
            }
            Tampering::CheckpointBody { index, body } => {
                let checkpoints = tables.checkpoints.iter_mut().filter(|((_, of), _)| of == index);
                checkpoints.for_each(|(_, raw)| raw.body = body.to_vec());
            }
            Tampering::CheckpointOfArtifact => {
                let checkpoint = super::tables::RawCheckpoint { body: Vec::new(), body_sha256: String::new() };
                let name = tables.artifacts.first_key_value().unwrap().0.clone();
                tables.checkpoints.insert((name, 7), checkpoint);
            }
            Tampering::RecipeBody(body) => {
                tables.recipes.values_mut().for_each(|raw| raw.body = (*body).to_owned());
            }
            Tampering::IncidentKind(kind) => {
                tables.incidents.iter_mut().for_each(|(_, raw)| raw.kind = (*kind).to_owned());
            }
            Tampering::NoRuns => tables.runs.clear(),
            Tampering::RunCommand(command) => {
                tables.runs.values_mut().for_each(|run| (*command).clone_into(&mut run.command));
            }
        }
    }
}

conformance_suite!(MemoryHarness);
conformance_cases! { MemoryHarness: access: store_has_one_writer_at_a_time_who_is_known; }
