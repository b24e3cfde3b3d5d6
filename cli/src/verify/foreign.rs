//! Looks for files in the folder that the store has no record of.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scheduler::store::{StoreUrl, logs_beside};
use stage_core::shown;

use super::{Case, Check, Report};
use crate::case_file;
use crate::error::{Error, ErrorContext};
use crate::export::is_result;
use crate::outputs::start_of;

pub(super) fn check(case: &Case<'_>, url: &StoreUrl, report: &mut Report) -> Result<(), Error> {
    let folder = case.record.folder();
    let unreadable = || format!("{}: cannot be read", folder.display());
    if !folder.exists() {
        return Ok(());
    }
    let own: HashSet<PathBuf> = own_files(url, folder).into_iter().collect();
    let recordings: HashSet<PathBuf> =
        case.recordings.iter().flat_map(|entry| entry.places()).map(Path::to_owned).collect();
    let mut paths = Vec::new();
    for entry in folder.read_dir().context(unreadable())? {
        paths.push(entry.context(unreadable())?.path());
    }
    paths.sort();
    for path in paths {
        if !path.is_file() || case.record.entry(&path).is_some() || own.contains(&path) || recordings.contains(&path) {
            continue;
        }
        let name = path.file_name().map(|name| shown(Path::new(name))).unwrap_or_default();
        if start_of(&path).is_ok_and(|start| is_result(&start)) {
            report.fault(Check::Folder, format!("{name}: a result that this store has no record of"));
        } else {
            report.note(Check::Folder, format!("{name}: not written by this store"));
        }
    }
    Ok(())
}

/// The files of the store, if it is in the folder.
fn own_files(url: &StoreUrl, folder: &Path) -> Vec<PathBuf> {
    let Some(store) = url.path() else { return Vec::new() };
    let name = store.file_name().unwrap_or_default();
    let with = |suffix: &str| {
        let mut name = name.to_owned();
        name.push(suffix);
        folder.join(name)
    };
    let logs = logs_beside(store).into_iter().filter_map(|log| Some(folder.join(log.file_name()?)));
    let files = ["", ".lock", "-wal", "-shm"].iter().map(|suffix| with(suffix));
    files.chain(logs).chain([case_file::path(folder)]).collect()
}
