//! The files that a run will write, and the checks of their places before anything starts.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use scheduler::store::RecordingEntry;
use segment::VadChoice;

use super::Pipeline;
use crate::error::Error;
use crate::export::{DocumentContext, Exporter, Formats, Variant, assign_names};
use crate::inputs::Inputs;
use crate::outputs::{Output, Record, check_places};

/// The files that a run will write.
pub(crate) struct Targets<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) selected: &'a Formats,
    /// Whether the run writes results.
    pub(crate) writes_results: bool,
}

impl Targets<'_> {
    /// Refuses outputs that are inputs, files that would be written twice, and places that are not files.
    pub(super) fn check_places(&self, inputs: &Inputs) -> Result<(), Error> {
        let Pipeline { folder, store, overwrite, .. } = self.pipeline;
        if folder.symlink_metadata().is_ok() && !folder.is_dir() {
            return Err(Error::usage(format!("--out {}: not a folder", folder.display())));
        }
        let record = Record::empty(Some(store), folder, *overwrite);
        let mut outputs = self.outputs(&record, &[], inputs);
        if let Some(path) = store.path() {
            let beside =
                ["", ".lock", "-wal", "-shm"].map(|suffix| Output { what: "the store", path: with(path, suffix) });
            outputs.extend(beside);
        }
        check_places(self.inputs(inputs), &outputs).map_err(Error::usage)
    }

    /// Refuses to replace files that the store has no record of, or that were changed since. Returns the paths of the
    /// outputs.
    pub(super) fn check_taken(
        &self,
        record: &Record,
        known: &[RecordingEntry],
        inputs: &Inputs,
    ) -> Result<HashSet<PathBuf>, Error> {
        let outputs = self.outputs(record, known, inputs);
        check_places(self.inputs(inputs), &outputs).map_err(Error::usage)?;
        record.check_taken(&outputs)?;
        Ok(outputs.into_iter().map(|output| output.path).collect())
    }

    /// The same for the results, when the hashes of the recordings are known: a file whose bytes have changed is a new
    /// recording, with a name of its own. Outputs that were `checked` before are not read again.
    pub(super) fn check_results(
        &self,
        record: &Record,
        items: &[RecordingEntry],
        inputs: &Inputs,
        checked: &HashSet<PathBuf>,
    ) -> Result<(), Error> {
        if !self.writes_results {
            return Ok(());
        }
        let (all, context) = (self.pipeline.all_formats(), DocumentContext::default());
        let exporter = self.exporter(&all, &context);
        let of_item = |item: &RecordingEntry| exporter.outputs(record, Some(&item.file_sha256), &item.name);
        let mut outputs: Vec<_> = items.iter().flat_map(of_item).collect();
        check_places(self.inputs(inputs), &outputs).map_err(Error::usage)?;
        outputs.retain(|output| !checked.contains(&output.path));
        record.check_taken(&outputs)
    }

    /// Everything that is read: recordings, lexicons, weights, and files that the caller names.
    fn inputs<'b>(&'b self, inputs: &'b Inputs) -> impl Iterator<Item = &'b Path> {
        let Pipeline { config, read_files, .. } = self.pipeline;
        let weights = match &config.segment.vad {
            VadChoice::SileroAt(path) => Some(path),
            _ => None,
        };
        inputs.files.iter().chain(&config.lexicons).chain(weights).chain(read_files).map(PathBuf::as_path)
    }

    fn exporter<'b>(&'b self, all: &'b Formats, context: &'b DocumentContext) -> Exporter<'b> {
        let (variant, copies) = (Variant::default(), self.pipeline.config.export.listening_copy);
        Exporter { selected: self.selected, all, context, variant, copies, sound: None }
    }

    /// The files that the run will write, as far as they are known before the recordings are hashed.
    pub(crate) fn outputs(&self, record: &Record, known: &[RecordingEntry], inputs: &Inputs) -> Vec<Output> {
        let about_the_run = self.pipeline.run_files.iter().map(|file| file.output.clone());
        let mut outputs: Vec<_> = about_the_run.collect();
        if self.writes_results {
            let all = self.pipeline.all_formats();
            let context = DocumentContext::default();
            let exporter = self.exporter(&all, &context);
            let by_place = |entry: &'_ RecordingEntry| entry.places().map(Path::to_owned).collect::<Vec<_>>();
            let known: HashMap<PathBuf, &RecordingEntry> =
                known.iter().flat_map(|entry| by_place(entry).into_iter().map(move |place| (place, entry))).collect();
            let known_names = known.iter().map(|(place, entry)| (place.as_path(), entry.name.clone()));
            let names = assign_names(known_names, inputs.files.iter().map(|path| (path.as_path(), path.as_path())));
            let sha256 = |path: &PathBuf| known.get(path).map(|entry| &*entry.file_sha256);
            let of_file = |path: &PathBuf| exporter.outputs(record, sha256(path), &names[path.as_path()]);
            // Several places of one recording have one name.
            let mut named = HashSet::new();
            let once = inputs.files.iter().filter(|path| named.insert(&names[path.as_path()]));
            outputs.extend(once.flat_map(of_file));
            outputs.extend(exporter.case_output(record));
        }
        outputs
    }
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
