//! Conversations in tab-separated text: columns id, language, text and optionally speaker.

use std::io::{self, BufRead};

/// The columns that are read.
const COLUMNS: [&str; 4] = ["id", "language", "text", "speaker"];

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) id: String,
    /// Number of the line in the file, from 1.
    pub(crate) line: usize,
    /// Code of the language in lower case, without a region: `ko` of `ko-KR`.
    pub(crate) language: String,
    pub(crate) text: String,
    pub(crate) speaker: Option<String>,
}

/// A line that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(crate) struct LineError {
    line: usize,
    reason: &'static str,
}

/// The lines of a file, one after the other.
pub(crate) struct Utterances<R> {
    reader: R,
    line: usize,
    /// The place of each of [`COLUMNS`] in a line.
    places: [Option<usize>; 4],
}

impl<R: BufRead> Utterances<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: 0, places: [Some(0), Some(1), Some(2), Some(3)] }
    }

    /// The next line that is neither empty nor a header. A line that cannot be used is an error of its own, after which
    /// reading can continue.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&mut self) -> io::Result<Option<Result<Utterance, LineError>>> {
        loop {
            let mut bytes = Vec::new();
            if self.reader.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let Ok(text) = std::str::from_utf8(&bytes) else {
                return Ok(Some(Err(self.error("the text is not UTF-8"))));
            };
            let row = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
            if row.trim().is_empty() || (self.line == 1 && self.is_header(row)) {
                continue;
            }
            return Ok(Some(self.utterance(row)));
        }
    }

    /// Whether the first line names the columns; their places are then those of the names.
    fn is_header(&mut self, row: &str) -> bool {
        let names: Vec<String> = row.split('\t').map(|name| name.trim().to_lowercase()).collect();
        let places = COLUMNS.map(|column| names.iter().position(|name| name == column));
        let is_header = places[..3].iter().all(Option::is_some);
        if is_header {
            self.places = places;
        }
        is_header
    }

    fn utterance(&self, row: &str) -> Result<Utterance, LineError> {
        let fields: Vec<&str> = row.split('\t').collect();
        let field = |column: usize| self.places[column].and_then(|place| fields.get(place)).map(|text| text.trim());
        let (Some(id), Some(language), Some(text)) = (field(0), field(1), field(2)) else {
            return Err(self.error("three columns at least are expected, separated by tabs: id, language, text"));
        };
        let subtag = language.split(['-', '_']).next().unwrap_or_default().to_lowercase();
        if !(2..=3).contains(&subtag.len()) || !subtag.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(self.error("the second column is not the code of a language, such as ko or en"));
        }
        Ok(Utterance {
            id: id.to_owned(),
            line: self.line,
            language: subtag,
            text: text.to_owned(),
            speaker: field(3).filter(|speaker| !speaker.is_empty()).map(str::to_owned),
        })
    }

    fn error(&self, reason: &'static str) -> LineError {
        LineError { line: self.line, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<Utterance, LineError>> {
        let mut lines = Utterances::new(text);
        std::iter::from_fn(|| lines.read().unwrap()).collect()
    }

    #[test]
    fn utterances_have_columns_by_order_or_by_header() {
        let plain = read("a\tko-KR\t그래\tA\r\n\na\ten\tyes\n".as_bytes());
        let first = plain[0].as_ref().unwrap();
        assert_eq!((first.language.as_str(), first.text.as_str(), first.speaker.as_deref()), ("ko", "그래", Some("A")));
        let second = plain[1].as_ref().unwrap();
        assert_eq!((second.line, second.speaker.as_deref()), (3, None));
        let named = read("\u{feff}text\tnote\tLanguage\tid\nyes\tx\ten\tc1\n".as_bytes());
        let only = named[0].as_ref().unwrap();
        assert_eq!((only.id.as_str(), only.text.as_str(), only.line, named.len()), ("c1", "yes", 2, 1));
    }

    #[test]
    fn utterances_that_cannot_be_used_are_errors_of_their_line() {
        let found = read(b"a\ten\tone\na b c\na\t\ttext\na\ten\t\xff\na\ten\ttwo\n");
        let errors: Vec<String> = found.iter().filter_map(|line| Some(line.as_ref().err()?.to_string())).collect();
        assert_eq!(errors.len(), 3, "{found:?}");
        for (error, part) in
            errors.iter().zip(["line 2: three columns", "line 3: the second column", "line 4: the text"])
        {
            assert!(error.starts_with(part), "{error}");
        }
        assert_eq!(found[4].as_ref().unwrap().text, "two");
        assert!(read(b"").is_empty());
    }
}
