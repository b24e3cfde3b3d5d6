//! Joins the runs of a shared store: their recordings and settings instead of own ones.

use std::collections::HashSet;
use std::sync::Arc;

use scheduler::store::{self, Access, RecordingEntry, SharedPlan, Store, StoreError};
use stage_core::{DeviceId, Recipe, RecipeStep, StageName, shown};
use transcribe::{ModelSource, open_model};

use super::{Pipeline, PlannedRun, UNWRITABLE, Work};
use crate::error::{Error, ErrorContext};
use crate::export::{DocumentContext, Formats};
use crate::inputs::Inputs;
use crate::outputs::Record;
use crate::plan::Plan;
use crate::settings::Settings;
use crate::stages::{self, Context};
use crate::worker;

/// Why the runs of a store cannot be joined.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error("a file has one writer: only a store in a PostgreSQL database can be joined")]
    NotShared,
    #[error("there is nothing to join: no run has put recordings into this store")]
    NoPlan,
    #[error("this is version {own}, and the run to join is of version {theirs}: use the same version everywhere")]
    Version { own: &'static str, theirs: String },
    #[error("the run to join uses simulated devices, and this one does not, or the other way round: see --devices")]
    Simulated,
    #[error("the settings of the run to join cannot be read: {0}")]
    Settings(serde_json::Error),
    #[error("the model of the run to join, {0}, does not exist here: name its folder with --model")]
    Model(String),
    #[error("{stage}: {difference} here than in the run to join, so the results would differ")]
    Recipe { stage: StageName, difference: &'static str },
}

impl Pipeline {
    /// Plans a run that joins those of the store: it processes recordings that they have not processed yet, with their
    /// stages and settings. Limits, devices and the place of the model are those of this machine. No result files are
    /// written.
    ///
    /// # Errors
    /// The store does not exist, cannot be shared, or no run has put recordings into it; or this program is of another
    /// version, or has another model.
    pub fn join(self) -> Result<PlannedRun, Error> {
        self.check_settings()?;
        let devices = self.devices()?;
        let mut store = store::open(&self.store, Access::Write).map_err(Error::store)?;
        let queue = store.queue().ok_or(JoinError::NotShared).map_err(Error::usage)?;
        let plan = queue.plan().map_err(Error::store)?.ok_or(JoinError::NoPlan).map_err(Error::usage)?;
        let unfinished = queue.unfinished().map_err(Error::store)?;
        let work = self.work_of(&plan, &devices[0])?;
        let items = items(&*store, unfinished, &Arc::new(plan.recipe)).map_err(Error::store)?;
        self.check_interrupt()?;
        let record = Record::read(&*store, &self.store, &self.folder, self.overwrite).map_err(Error::store)?;
        Ok(PlannedRun {
            selected: Formats::default(),
            inputs: Inputs::default(),
            plan: Plan { items, unreadable: Vec::new(), forgotten: Vec::new() },
            context: DocumentContext::default(),
            joins: true,
            _lock: None,
            pipeline: self,
            store,
            devices,
            work,
            record,
        })
    }

    /// What the workers do in the run to join. Checks that they do the same here.
    fn work_of(&self, plan: &SharedPlan, device: &DeviceId) -> Result<Work, Error> {
        let own = env!("CARGO_PKG_VERSION");
        if plan.tool_version != own {
            return Err(Error::usage(JoinError::Version { own, theirs: plan.tool_version.clone() }));
        }
        let simulated = stages::simulated(&plan.settings, None).map_err(Error::usage)?;
        if device.is_sim() != simulated.includes(&plan.recipe) {
            return Err(Error::usage(JoinError::Simulated));
        }
        if device.is_sim() {
            let args = vec![worker::NAME.into(), worker::SIMULATED.into()];
            return Ok(Work { args, settings: plan.settings.clone(), model: None });
        }
        let settings = self.settings_of(plan)?;
        let model = open_model(&settings.model).map_err(Error::usage)?;
        let context = Context::new(&settings, device, model, true).map_err(Error::usage)?;
        let recipe = stages::recipe(&context.stages().map_err(Error::usage)?, None).map_err(Error::usage)?;
        check_recipe(&recipe, &plan.recipe).map_err(Error::usage)?;
        let (args, model) = (vec![worker::NAME.into()], Some(settings.model.clone()));
        Ok(Work { args, settings: serde_json::to_value(settings).context(UNWRITABLE)?, model })
    }

    /// The settings of the run to join, with what belongs to this machine.
    fn settings_of(&self, plan: &SharedPlan) -> Result<Settings, Error> {
        let parsed = serde_json::from_value(plan.settings.clone()).map_err(JoinError::Settings);
        let mut settings: Settings = parsed.map_err(Error::usage)?;
        settings.config.limits = self.config.limits.clone();
        settings.config.run = self.config.run.clone();
        // The model may be elsewhere here; its hash is compared.
        if self.own_model {
            settings.model = self.config.models.speech_source().map_err(Error::usage)?;
        }
        match &settings.model {
            ModelSource::Directory(folder) if !folder.is_dir() => Err(Error::usage(JoinError::Model(shown(folder)))),
            _ => Ok(settings),
        }
    }
}

/// The recordings that are not finished, with the recipe of the run to join.
fn items(store: &dyn Store, unfinished: Vec<String>, recipe: &Arc<Recipe>) -> Result<Vec<RecordingEntry>, StoreError> {
    let unfinished: HashSet<String> = unfinished.into_iter().collect();
    let recordings = store.recordings()?.into_iter().filter(|entry| unfinished.contains(&entry.file_sha256));
    Ok(recordings.map(|entry| RecordingEntry { recipe: Arc::clone(recipe), ..entry }).collect())
}

fn check_recipe(own: &Recipe, theirs: &Recipe) -> Result<(), JoinError> {
    let Some(step) = theirs.steps().iter().find(|step| !own.steps().contains(step)) else { return Ok(()) };
    let difference = match own.steps().iter().find(|other| other.stage == step.stage) {
        None => "the stage does not exist",
        Some(other) => difference(other, step),
    };
    Err(JoinError::Recipe { stage: step.stage, difference })
}

fn difference(own: &RecipeStep, theirs: &RecipeStep) -> &'static str {
    let (own, theirs) = ((own.version, &own.identity), (theirs.version, &theirs.identity));
    match own {
        (version, _) if version != theirs.0 => "the stage has another version",
        (_, identity) if identity.model_sha256 != theirs.1.model_sha256 => "the model is another one",
        (_, identity) if identity.numeric != theirs.1.numeric => "the precision is another one",
        _ => "the settings are others",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_names_the_first_stage_that_differs() {
        let theirs = stages::simulated(&serde_json::json!({"a": 1}), None).unwrap();
        assert!(check_recipe(&theirs, &theirs).is_ok());
        let changed = |change: fn(&mut RecipeStep)| {
            let mut steps = theirs.steps().to_vec();
            change(&mut steps[1]);
            check_recipe(&Recipe::new(steps).unwrap(), &theirs).unwrap_err().to_string()
        };
        let stage = theirs.steps()[1].stage;
        for (error, expected) in [
            (changed(|step| step.version += 1), "another version"),
            (changed(|step| step.identity.model_sha256 = Some("ab".to_owned())), "the model is another one"),
            (changed(|step| step.identity.numeric = Some("int8".to_owned())), "the precision is another one"),
            (changed(|step| step.identity.settings = serde_json::json!(1)), "the settings are others"),
        ] {
            assert!(error.starts_with(&format!("{stage}: ")) && error.contains(expected), "{error}");
        }
    }
}
