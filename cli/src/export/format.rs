//! Export formats and the set of them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Document, ExportConfig, formats};

/// A file format for the results of one recording.
///
/// The formats of the program are listed in [`Formats::built_in`]; a library user adds others with [`Formats::with`].
/// `render` must depend on the document alone: `earwitness verify` compares the hash of the file with the stored one,
/// and a second export of unchanged results must write the same bytes.
///
/// ```
/// use earwitness::export::{Document, ExportFormat, Formats, RenderError};
///
/// /// The words of a recording, one per line.
/// struct WordList;
///
/// impl ExportFormat for WordList {
///     fn name(&self) -> &'static str {
///         "plain-words"
///     }
///
///     fn extension(&self) -> &'static str {
///         "plain.txt"
///     }
///
///     fn about(&self) -> &'static str {
///         "One word per line"
///     }
///
///     fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError> {
///         let lines = document.words.iter().map(|word| format!("{}\n", word.text));
///         Ok(lines.collect::<String>().into_bytes())
///     }
/// }
///
/// let formats = Formats::built_in().with(WordList)?;
/// assert_eq!(formats.get("plain-words").map(|format| format.extension()), Some("plain.txt"));
/// # Ok::<(), earwitness::export::FormatError>(())
/// ```
pub trait ExportFormat: Send + Sync {
    /// The name for `--format`: lowercase letters, digits and hyphens.
    fn name(&self) -> &'static str;

    /// The file extension, without its leading dot. Files are named `<recording>.<extension>`.
    fn extension(&self) -> &'static str;

    /// One line for `--help`, without a final period.
    fn about(&self) -> &'static str;

    /// Version of the renderer. It is recorded with each file; increment it when the same document gives other bytes.
    fn version(&self) -> u32 {
        1
    }

    /// Settings that affect the bytes. They are recorded with each file.
    fn settings(&self) -> Value {
        Value::Object(Map::new())
    }

    /// The content of the file. The same document must give the same bytes.
    ///
    /// # Errors
    /// The document cannot be written in this format.
    fn render(&self, document: &Document) -> Result<Vec<u8>, RenderError>;
}

/// Why a document cannot be written in a format; the source gives the reason.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RenderError(Box<dyn Error + Send + Sync>);

impl RenderError {
    /// An error with its reason: another error, or a text.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// Why a format cannot be added to a set, or why a set has no such format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Two formats have the same name.
    #[error("there are two export formats named {0}")]
    NameTaken(&'static str),
    /// Two formats have the same extension, so that one file would replace the other.
    #[error("the export formats {first} and {second} both have the extension {extension}")]
    ExtensionTaken {
        /// The format that is in the set.
        first: &'static str,
        /// The format that was to be added.
        second: &'static str,
        /// The extension that both have, up to case.
        extension: &'static str,
    },
    /// A name or an extension has characters that it may not have, or none.
    #[error("the export format {name} (extension {extension}): {rule}")]
    Malformed {
        /// The format's name.
        name: &'static str,
        /// The format's extension.
        extension: &'static str,
        /// The violated rule.
        rule: &'static str,
    },
    /// No format has this name.
    #[error("there is no export format {name}: expected one of {known}")]
    Unknown {
        /// The unknown name.
        name: String,
        /// The names of all formats in the set.
        known: String,
    },
}

/// A set of export formats with unique names and extensions, in a fixed order.
#[derive(Clone, Default)]
pub struct Formats(Vec<Arc<dyn ExportFormat>>);

impl Formats {
    /// The name of the format that is always written.
    pub const ALWAYS: &'static str = "json";

    /// The formats of this program, with default settings.
    #[must_use]
    pub fn built_in() -> Self {
        Self::with_settings(&ExportConfig::default())
    }

    /// The formats of this program.
    #[must_use]
    pub fn with_settings(config: &ExportConfig) -> Self {
        Self(formats::built_in(config))
    }

    /// The formats of this program with the settings that were recorded with a file.
    #[must_use]
    pub(crate) fn with_recorded_settings(settings: &Value) -> Self {
        Self::with_settings(&ExportConfig::recorded(settings))
    }

    /// The set with another format.
    ///
    /// # Errors
    /// Its name or extension is malformed, or another format has it (extensions are compared without case, because file
    /// systems may do so).
    pub fn with(mut self, format: impl ExportFormat + 'static) -> Result<Self, FormatError> {
        let (name, extension) = (format.name(), format.extension());
        if let Some(rule) = violated_rule(name, extension) {
            return Err(FormatError::Malformed { name, extension, rule });
        }
        if self.get(name).is_some() {
            return Err(FormatError::NameTaken(name));
        }
        if let Some(first) = self.iter().find(|other| other.extension().eq_ignore_ascii_case(extension)) {
            return Err(FormatError::ExtensionTaken { first: first.name(), second: name, extension });
        }
        self.0.push(Arc::new(format));
        Ok(self)
    }

    /// The subset with these names and [`Formats::ALWAYS`], in the order of the set.
    ///
    /// # Errors
    /// No format has one of the names.
    pub fn select<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, FormatError> {
        let names: Vec<&str> = names.into_iter().chain([Self::ALWAYS]).collect();
        if let Some(name) = names.iter().find(|name| self.get(name).is_none()) {
            let known = self.iter().map(ExportFormat::name).collect::<Vec<_>>().join(", ");
            return Err(FormatError::Unknown { name: (*name).to_owned(), known });
        }
        Ok(Self(self.0.iter().filter(|format| names.contains(&format.name())).cloned().collect()))
    }

    /// The format with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn ExportFormat> {
        self.iter().find(|format| format.name() == name)
    }

    /// All formats, in order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn ExportFormat> {
        self.0.iter().map(|format| &**format)
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(ExportFormat::name)).finish()
    }
}

/// The rule for names and extensions that these violate, if any.
fn violated_rule(name: &str, extension: &str) -> Option<&'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Some("a name has lowercase letters, digits and hyphens");
    }
    let has_empty_part = extension.split('.').any(str::is_empty);
    if has_empty_part || !extension.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Some("an extension has letters, digits, hyphens and single inner dots");
    }
    if extension.to_ascii_lowercase().ends_with("part") {
        return Some("the extension part belongs to unfinished files");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str, &'static str);

    impl ExportFormat for Named {
        fn name(&self) -> &'static str {
            self.0
        }

        fn extension(&self) -> &'static str {
            self.1
        }

        fn about(&self) -> &'static str {
            "A format for tests"
        }

        fn render(&self, _: &Document) -> Result<Vec<u8>, RenderError> {
            Err(RenderError::new("this format renders nothing"))
        }
    }

    fn names(formats: &Formats) -> Vec<&'static str> {
        formats.iter().map(ExportFormat::name).collect()
    }

    #[test]
    fn formats_of_the_program_have_unique_valid_names_and_extensions() {
        let mut unique = Formats::default();
        for format in Formats::built_in().iter() {
            assert!(!format.about().is_empty() && !format.about().ends_with('.'), "{}", format.name());
            unique = unique.with(Named(format.name(), format.extension())).unwrap();
        }
        assert!(unique.get(Formats::ALWAYS).is_some());
    }

    #[test]
    fn formats_with_a_taken_or_malformed_name_are_rejected() {
        let rejected = |name, extension| Formats::built_in().with(Named(name, extension)).unwrap_err();
        assert_eq!(rejected("srt", "srt2"), FormatError::NameTaken("srt"));
        let taken = FormatError::ExtensionTaken { first: "textgrid", second: "praat", extension: "textgrid" };
        assert_eq!(rejected("praat", "textgrid"), taken);
        for (name, extension) in [("", "a"), ("Upper", "a"), ("a", ""), ("a", ".a"), ("a", "b/c"), ("a", "b.part")] {
            let error = rejected(name, extension);
            assert!(matches!(error, FormatError::Malformed { .. }), "{name}.{extension}: {error}");
        }
    }

    #[test]
    fn formats_select_by_name_with_json_in_the_order_of_the_set() {
        let all = Formats::built_in().with(Named("last", "last")).unwrap();
        assert_eq!(names(&all.select(["last", "srt", "srt"]).unwrap()), ["json", "srt", "last"]);
        assert_eq!(names(&all.select([]).unwrap()), ["json"]);
        let unknown = all.select(["docx"]).unwrap_err().to_string();
        assert!(unknown.contains("docx") && unknown.contains("json, html, srt"), "{unknown}");
    }
}
