//! Names of result files: the recording's stem, with a number if several recordings share it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Assigns a unique name to each recording. Known recordings keep their names, for any order of `paths`.
pub(crate) fn assign<'a>(
    known: impl IntoIterator<Item = (PathBuf, String)>,
    paths: impl IntoIterator<Item = &'a Path>,
) -> HashMap<PathBuf, String> {
    let mut names: HashMap<PathBuf, String> = known.into_iter().collect();
    let mut taken: HashSet<String> = names.values().map(|name| name.to_lowercase()).collect();
    for path in paths {
        if names.contains_key(path) {
            continue;
        }
        let stem = path.file_stem().map_or_else(|| "recording".into(), |stem| stem.to_string_lossy().into_owned());
        let name = (1..)
            .map(|n| if n == 1 { stem.clone() } else { format!("{stem}-{n}") })
            .find(|name| !taken.contains(&name.to_lowercase()))
            .unwrap_or(stem);
        taken.insert(name.to_lowercase());
        names.insert(path.to_owned(), name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_recordings_with_the_same_stem_differ() {
        let paths = ["a/call.m4a", "b/call.m4a", "b/call.wav", "call-2.wav", "CALL.ogg"].map(PathBuf::from);
        let names = assign([], paths.iter().map(PathBuf::as_path));
        let unique: HashSet<_> = names.values().map(|name| name.to_lowercase()).collect();
        assert_eq!(unique.len(), paths.len());
        assert_eq!(names[Path::new("a/call.m4a")], "call");
    }

    #[test]
    fn names_of_known_recordings_do_not_change() {
        let known = [(PathBuf::from("b/call.m4a"), "call".to_owned())];
        let names = assign(known, [Path::new("a/call.m4a")]);
        assert_eq!(names[Path::new("b/call.m4a")], "call");
        assert_eq!(names[Path::new("a/call.m4a")], "call-2");
    }
}
