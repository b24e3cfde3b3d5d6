//! The template of a transcript: `transcript.html` and `transcript.toml`, built in or from a user's folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stage_core::{Existing, shown, write_files};

use super::texts::{self, TextFile};

/// The template of the page as it is built in.
const HTML: &str = include_str!("../../templates/transcript.html");

const HTML_NAME: &str = "transcript.html";
const TEXTS_NAME: &str = "transcript.toml";
/// Largest file of a template, in bytes.
const LARGEST: u64 = 4 << 20;

/// The template of a transcript.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(super) file: TextFile,
    pub(super) html: String,
    /// The file with the page, for messages.
    pub(super) html_path: PathBuf,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error(
        "--template {}: the folder has neither {HTML_NAME} nor {TEXTS_NAME}; --write-templates FOLDER writes both, to edit",
        shown(.0)
    )]
    Nothing(PathBuf),
    #[error("{}: larger than {} MiB", shown(.0), LARGEST >> 20)]
    TooLarge(PathBuf),
    #[error("{}: cannot be read", shown(path))]
    Unreadable {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{}: line {line}: {reason}", shown(path))]
    Invalid { path: PathBuf, line: usize, reason: String },
    #[error(
        "{}: the page does not show the text `draft_notice` of {TEXTS_NAME}: a draft must say on every page that a machine \
         made it; print {{{{ t.draft_notice }}}}",
        shown(.0)
    )]
    NoNotice(PathBuf),
    #[error("{}: it exists, and nothing is replaced; choose another folder with --write-templates", shown(.0))]
    Taken(PathBuf),
    #[error("{}: cannot be written", shown(path))]
    Unwritable {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
}

impl Template {
    /// The template in a folder. A file that it does not have is the built-in one.
    ///
    /// # Errors
    /// The folder has neither file, or a file cannot be read or used.
    pub(crate) fn read(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let own = |name| folder.map(|folder: &Path| read(&folder.join(name))).transpose().map(Option::flatten);
        let (html, texts) = (own(HTML_NAME)?, own(TEXTS_NAME)?);
        if let Some(folder) = folder.filter(|_| html.is_none() && texts.is_none()) {
            return Err(TemplateError::Nothing(folder.to_owned()));
        }
        let path = |name: &str| folder.map_or_else(|| name.into(), |folder| folder.join(name));
        let file = TextFile::parse(texts.as_deref().unwrap_or(texts::BUILT_IN));
        let invalid = |(line, reason)| TemplateError::Invalid { path: path(TEXTS_NAME), line, reason };
        Ok(Self {
            file: file.map_err(invalid)?,
            html_path: path(HTML_NAME),
            html: html.unwrap_or_else(|| HTML.to_owned()),
        })
    }
}

/// Writes the built-in files into a folder, which is created. Neither file replaces anything.
///
/// # Errors
/// One of the files exists, or cannot be written. Then neither is written.
pub(crate) fn write_built_in(folder: &Path) -> Result<[PathBuf; 2], TemplateError> {
    let [html, texts] = [HTML_NAME, TEXTS_NAME].map(|name| folder.join(name));
    if let Some(taken) = [&html, &texts].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(TemplateError::Taken(taken.clone()));
    }
    fs::create_dir_all(folder).map_err(|error| TemplateError::Unwritable { path: folder.to_owned(), error })?;
    let files = [(&*html, HTML.as_bytes(), Existing::Keep), (&*texts, texts::BUILT_IN.as_bytes(), Existing::Keep)];
    write_files(files).map_err(|(path, error)| match error.kind() {
        io::ErrorKind::AlreadyExists => TemplateError::Taken(path),
        _ => TemplateError::Unwritable { path, error },
    })?;
    Ok([html, texts])
}

/// The text of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, TemplateError> {
    let unreadable = |error| TemplateError::Unreadable { path: path.to_owned(), error };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
        Ok(found) if found.len() > LARGEST => Err(TemplateError::TooLarge(path.to_owned())),
        Ok(_) => {
            let text = fs::read_to_string(path).map_err(unreadable)?;
            // Editors on Windows begin files with a byte order mark.
            Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
        }
    }
}
