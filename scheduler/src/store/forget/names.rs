//! Finds the names of a recording in texts.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::folded::{Folded, folded};

/// In place of a text that named a forgotten recording.
pub(in crate::store) const FORGOTTEN: &str = "(forgotten)";
/// Fewest characters of a name. A shorter one is part of too many texts, and identifies nothing.
const FEWEST: usize = 2;
/// Fewest digits of a number that is also found with separators in other places.
const FEWEST_DIGITS: usize = 7;

/// What identifies a recording in texts: its paths and file names, with and without extension, the name of its results,
/// and the contact and the number in its file name.
#[derive(Debug, Clone, Default)]
pub struct Names {
    paths: Vec<PathBuf>,
    texts: Vec<Vec<char>>,
    /// Digits of phone numbers.
    numbers: Vec<Vec<char>>,
    /// File names, against which patterns in command lines are matched.
    files: Vec<Vec<char>>,
}

impl Names {
    /// The names of a recording at these paths.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut names = Self::default();
        for path in paths {
            names.add_bytes(path.as_os_str().as_bytes());
            if let Some(file) = path.file_name() {
                names.add_bytes(file.as_bytes());
                names.files.push(characters(&folded(file.as_bytes())));
            }
            names.add_bytes(path.file_stem().unwrap_or_default().as_bytes());
            names.paths.push(path);
        }
        names
    }

    /// Adds a further name, such as a contact.
    pub fn add(&mut self, text: &str) {
        self.add_bytes(text.trim().as_bytes());
    }

    /// Adds a phone number by its digits. In texts it may have separators.
    pub fn add_number(&mut self, digits: &str) {
        self.add(digits);
        if digits.len() >= FEWEST_DIGITS {
            self.numbers.push(digits.chars().collect());
        }
    }

    fn add_bytes(&mut self, name: &[u8]) {
        let name = characters(&folded(name));
        if name.len() >= FEWEST && name.iter().any(|char| char.is_alphanumeric()) {
            self.texts.push(name);
        }
    }

    /// Whether a path is one of the recording.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| own == path)
    }

    /// The paths of the recording.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether a text contains a name, in any escaped or Unicode form.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        !self.found(&folded(text.as_bytes())).is_empty()
    }

    /// [`Self::is_in`] for a path.
    pub(super) fn is_in_path(&self, path: &Path) -> bool {
        !self.found(&folded(path.as_os_str().as_bytes())).is_empty()
    }

    /// A command line with `(forgotten)` in place of each argument that contains a name, or a pattern that matches a file
    /// name. `None` if there is no such argument.
    #[must_use]
    pub fn masked(&self, command: &str) -> Option<String> {
        let mut found = self.found(&folded(command.as_bytes()));
        let words = words(command).filter(|word| self.matches(&command[word.clone()]));
        found.extend(words);
        if found.is_empty() {
            return None;
        }
        let mut masked = String::new();
        let mut end = 0;
        found.sort_by_key(|range| range.start);
        for range in found.into_iter().map(|range| whole_words(command, range)) {
            if range.start >= end {
                masked.push_str(&command[end..range.start]);
                masked.push_str(FORGOTTEN);
            }
            end = end.max(range.end);
        }
        masked.push_str(&command[end..]);
        Some(masked)
    }

    /// Where names are in a text, as ranges of its source.
    fn found(&self, text: &[Folded]) -> Vec<Range<usize>> {
        let mut found: Vec<_> = self.texts.iter().flat_map(|name| occurrences(text, name)).collect();
        if !self.numbers.is_empty() {
            let digits = without_separators(text);
            found.extend(self.numbers.iter().flat_map(|number| occurrences(&digits, number)));
        }
        found
    }

    /// Whether an argument is a pattern for file names that names more than an extension and matches the recording.
    fn matches(&self, word: &str) -> bool {
        let pattern = characters(&folded(word.as_bytes()));
        let pattern = pattern.rsplit(|char| *char == '/').next().unwrap_or_default();
        let stem = pattern.rsplitn(2, |char| *char == '.').last().unwrap_or_default();
        let is_pattern = pattern.iter().any(|char| matches!(char, '*' | '?' | '['));
        is_pattern
            && stem.iter().any(|char| char.is_alphanumeric())
            && self.files.iter().flat_map(|file| from_each_word(file)).any(|file| is_match(pattern, file))
    }
}

fn characters(text: &[Folded]) -> Vec<char> {
    text.iter().map(|folded| folded.char).collect()
}

/// Where a name is in a text, if it is not part of a longer word or number there.
fn occurrences(text: &[Folded], name: &[char]) -> Vec<Range<usize>> {
    let is_name = |at: &usize| {
        let end = at + name.len();
        let same = text[*at..end].iter().zip(name).all(|(folded, char)| folded.char == *char);
        let before = at.checked_sub(1).map(|at| text[at].char);
        let after = text.get(end).map(|folded| folded.char);
        same && !before.is_some_and(|before| continues(before, name[0]))
            && !after.is_some_and(|after| is_combining_jamo(after) || continues(name[name.len() - 1], after))
    };
    let starts = 0..(text.len() + 1).saturating_sub(name.len());
    starts.filter(is_name).map(|at| text[at].start..text[at + name.len() - 1].end).collect()
}

/// Whether two characters are part of one word or number.
const fn continues(a: char, b: char) -> bool {
    (a.is_ascii_digit() && b.is_ascii_digit()) || (a.is_ascii_alphabetic() && b.is_ascii_alphabetic())
}

/// Whether a character is a part of the one before it: an accent, or a vowel or final consonant of Korean.
const fn is_combining_jamo(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{1160}'..='\u{11ff}')
}

/// The text without what people write between the digits of a number.
fn without_separators(text: &[Folded]) -> Vec<Folded> {
    let is_kept = |folded: &&Folded| !matches!(folded.char, '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}');
    text.iter().filter(is_kept).copied().collect()
}

/// The arguments of a command line.
fn words(command: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    command.split(' ').map(move |word| {
        let range = start..start + word.len();
        start = range.end + 1;
        range
    })
}

/// The range with the rest of the arguments that it is part of.
fn whole_words(command: &str, range: Range<usize>) -> Range<usize> {
    let start = command[..range.start].rfind(' ').map_or(0, |space| space + 1);
    let end = command[range.end..].find(' ').map_or(command.len(), |space| range.end + space);
    start..end
}

/// A name from each of its words on: arguments of a stored command line cannot be distinguished from their words.
fn from_each_word(name: &[char]) -> impl Iterator<Item = &[char]> {
    let starts = name.iter().enumerate().filter(|(_, char)| **char == ' ').map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).map(|start| &name[start..])
}

/// Whether a name matches a pattern with `*`, `?` and `[...]`, whose content is not examined.
fn is_match(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => is_match(rest, name) || (!name.is_empty() && is_match(pattern, &name[1..])),
        (['?', rest @ ..], [_, name @ ..]) => is_match(rest, without_jamo(name)),
        (['[', rest @ ..], [_, name @ ..]) => match rest.iter().position(|char| *char == ']') {
            Some(end) => is_match(&rest[end + 1..], without_jamo(name)),
            None => false,
        },
        ([char, rest @ ..], [first, name @ ..]) => char == first && is_match(rest, name),
        _ => false,
    }
}

/// The text without the combining jamo at its start.
fn without_jamo(text: &[char]) -> &[char] {
    let jamo = text.iter().take_while(|char| is_combining_jamo(**char)).count();
    &text[jamo..]
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn names(path: &str) -> Names {
        let mut names = Names::new([PathBuf::from(path)]);
        names.add("김민수");
        names.add_number("01012345678");
        names
    }

    const PATH: &str = "/calls/통화 녹음 김민수_241105_093012.m4a";

    #[test]
    fn names_are_found_in_every_form() {
        let names = names(PATH);
        let decomposed: String = PATH.nfd().collect();
        for text in [
            PATH,
            &decomposed,
            "통화 녹음 김민수_241105_093012.json",
            "../calls/x/../통화\\ 녹음\\ 김민수_241105_093012.m4a",
            "%ED%86%B5%ED%99%94%20%EB%85%B9%EC%9D%8C%20%EA%B9%80%EB%AF%BC%EC%88%98_241105_093012",
            r#"{"name":"\ud1b5\ud654 \ub179\uc74c \uae40\ubbfc\uc218_241105_093012"}"#,
            "spoke with 김민수",
            "010-1234-5678",
            "(010)1234.5678",
        ] {
            assert!(names.is_in(text), "{text}");
        }
        for text in ["/calls", "통화 녹음 박민수_241105_093012.m4a", "1010-1234-5678", "010-1234-56789", ""] {
            assert!(!names.is_in(text), "{text}");
        }
        let bytes = Names::new([PathBuf::from(OsStr::from_bytes(b"/calls/\xB1\xE8.wav"))]);
        assert!(bytes.is_in(r"calls/\xB1\xE8.wav") && !bytes.is_in(r"calls/\xB1\xE9.wav"));
    }

    #[test]
    fn name_that_is_part_of_a_longer_word_is_not_found() {
        let names = Names::new([PathBuf::from("/in/call.wav"), PathBuf::from("/in/call-1.wav")]);
        for text in ["earwitness run calls", "recall", "call-10.wav", "a"] {
            assert_eq!(names.is_in(text), text.contains("call-1"), "{text}");
        }
        assert!(
            !Names::new([PathBuf::from("각.wav")]).is_in("가")
                && !Names::new([PathBuf::from("가.wav")]).is_in("각.mp3")
        );
        assert!(!Names::new([PathBuf::from("/"), PathBuf::from("-.-"), PathBuf::new()]).is_in("/ - . a"));
    }

    #[test]
    fn masked_command_loses_only_the_arguments_that_name_the_recording() {
        let names = names(PATH);
        for (command, masked) in [
            (format!("earwitness run {PATH} --out out"), "earwitness run (forgotten) --out out"),
            ("earwitness run a/김민수.wav 김민수 b.wav".to_owned(), "earwitness run (forgotten) (forgotten) b.wav"),
            ("earwitness run calls/통화* --out=010-1234-5678".to_owned(), "earwitness run (forgotten) (forgotten)"),
            ("run calls/*김?수_* calls/[통]화*.m4a".to_owned(), "run (forgotten) (forgotten)"),
        ] {
            assert_eq!(names.masked(&command).as_deref(), Some(masked), "{command}");
        }
        for command in ["earwitness run calls --out out", "run calls/* calls/*.m4a calls/박*", ""] {
            assert_eq!(names.masked(command), None, "{command}");
        }
    }
}
