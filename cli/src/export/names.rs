//! Names of result files: the recording's stem, made legal on Linux, macOS and Windows, with a number if several
//! recordings share it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::hash::Hash;
use std::path::{Component, Path};

use stage_core::sha256_hex;
use unicode_normalization::UnicodeNormalization;

/// Longest name, in bytes. File systems allow 255; the rest is for numbers and extensions.
const LONGEST: usize = 200;
/// Names of pages that are not those of a recording.
const PAGES: [&str; 2] = ["index", "report"];
/// Number of hex digits that end a name that was cut.
const CUT_DIGITS: usize = 12;
/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Assigns a unique name to each recording, after the name of its file. `K` identifies a recording. Known recordings keep
/// their names, for any order of `files`.
pub(crate) fn assign<'a, K: Eq + Hash>(
    known: impl IntoIterator<Item = (K, String)>,
    files: impl IntoIterator<Item = (K, &'a Path)>,
) -> HashMap<K, String> {
    let mut names: HashMap<K, String> = known.into_iter().collect();
    let taken = names.values().map(|name| folded(name)).chain(PAGES.map(str::to_owned));
    let mut taken: HashSet<String> = taken.collect();
    for (recording, path) in files {
        if names.contains_key(&recording) {
            continue;
        }
        let first = path.file_stem().map_or_else(|| "recording".to_owned(), legal);
        let mut name = first.clone();
        for number in 2.. {
            if taken.insert(folded(&name)) {
                break;
            }
            name = format!("{first}-{number}");
        }
        names.insert(recording, name);
    }
    names
}

/// A name as file systems compare it that ignore case and Unicode form.
pub(crate) fn folded(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Whether a name from a store is that of a file in a folder, and not a path that leads out of it.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
        && !name.contains('\0')
}

/// A file name made of `stem`, in NFC. Bytes that are not UTF-8, and characters that are reserved, control the terminal
/// or reverse the text, become `%` and their bytes in hex.
pub(crate) fn legal(stem: &OsStr) -> String {
    let mut name = String::new();
    for chunk in stem.as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().nfc() {
            if is_legal(c) { name.push(c) } else { escape(&mut name, c.encode_utf8(&mut [0; 4]).as_bytes()) }
        }
        escape(&mut name, chunk.invalid());
    }
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    let visible = name.trim_end_matches(['.', ' ']).len();
    let trimmed = "_".repeat(name.len() - visible);
    name.replace_range(visible.., &trimmed);
    if is_device(&name) {
        name.insert(0, '_');
    }
    match name.is_empty() {
        true => "recording".to_owned(),
        false => shortened(name, stem),
    }
}

fn is_legal(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
        // Invisible and bidirectional controls, line and paragraph separators, and the byte order mark.
        && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        && !matches!(c, '\u{feff}' | '\u{fff9}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

fn escape(name: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(name, "%{byte:02X}");
    }
}

fn is_device(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |device: &str| {
        let number = first.strip_prefix(device).map(|number| number.chars().collect::<Vec<_>>());
        matches!(number.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&first.as_str()) || numbered("COM") || numbered("LPT")
}

/// A long name is cut, and ends with digits that are derived from the whole one.
fn shortened(mut name: String, stem: &OsStr) -> String {
    if name.len() > LONGEST {
        let digits = &sha256_hex(stem.as_encoded_bytes())[..CUT_DIGITS];
        name.truncate(name.floor_char_boundary(LONGEST - CUT_DIGITS - 1));
        name.push('~');
        name.push_str(digits);
    }
    name
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The names of recordings that their paths identify.
    fn assigned(known: &[(&str, &str)], paths: &[PathBuf]) -> HashMap<PathBuf, String> {
        let known = known.iter().map(|(path, name)| (PathBuf::from(path), (*name).to_owned()));
        assign(known, paths.iter().map(|path| (path.clone(), &**path)))
    }

    #[test]
    fn names_of_recordings_with_the_same_stem_differ() {
        let paths = ["a/call.m4a", "b/call.m4a", "b/call.wav", "call-2.wav", "CALL.ogg"].map(PathBuf::from);
        let names = assigned(&[], &paths);
        let unique: HashSet<_> = names.values().map(|name| name.to_lowercase()).collect();
        assert_eq!(unique.len(), paths.len());
        assert_eq!(names[Path::new("a/call.m4a")], "call");
    }

    #[test]
    fn names_that_differ_only_in_unicode_form_or_case_differ() {
        let paths =
            ["caf\u{e9}.wav", "cafe\u{301}.wav", "CAFÉ.wav", "가.wav", "\u{1100}\u{1161}.wav"].map(PathBuf::from);
        let names = assigned(&[], &paths);
        let unique: HashSet<_> = names.values().map(|name| folded(name)).collect();
        assert_eq!(unique.len(), paths.len(), "{names:?}");
        assert!(names.values().all(|name| name.nfc().eq(name.chars())));
    }

    #[test]
    fn names_of_known_recordings_do_not_change() {
        let names = assigned(&[("b/call.m4a", "call")], &["a/call.m4a".into()]);
        assert_eq!(names[Path::new("b/call.m4a")], "call");
        assert_eq!(names[Path::new("a/call.m4a")], "call-2");
    }

    #[test]
    fn names_are_legal_on_windows() {
        let cases = [
            ("a<b>c:d\"e/f\\g|h?i*j", "a%3Cb%3Ec%3Ad%22e%2Ff%5Cg%7Ch%3Fi%2Aj"),
            ("CON", "_CON"),
            ("nul.2024", "_nul.2024"),
            ("com1 .x", "_com1 .x"),
            ("LPT³", "_LPT³"),
            ("COM10", "COM10"),
            ("console", "console"),
            ("end. .", "end___"),
            (".hidden", "_hidden"),
            ("..", "__"),
            ("통화 녹음", "통화 녹음"),
            ("\u{1b}[31mred\n", "%1B[31mred%0A"),
            ("a\u{202e}gpj", "a%E2%80%AEgpj"),
            ("\u{7f}\u{85}", "%7F%C2%85"),
        ];
        for (stem, name) in cases {
            assert_eq!(legal(OsStr::new(stem)), name, "{stem:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_keep_bytes_that_are_not_utf_8_apart() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(legal(OsStr::from_bytes(b"\xb0\xa1 call")), "%B0%A1 call");
        assert_ne!(legal(OsStr::from_bytes(b"\xc8")), legal(OsStr::from_bytes(b"\xc9")));
    }

    #[test]
    fn names_that_are_long_are_cut_and_stay_different() {
        let long = |end: &str| PathBuf::from(format!("{}{end}.wav", "가".repeat(83)));
        let paths = [long("1"), long("2")];
        let names = assigned(&[], &paths);
        assert_ne!(names[&paths[0]], names[&paths[1]]);
        assert!(names.values().all(|name| name.len() <= LONGEST && name.starts_with("가가") && name.contains('~')));
    }

    #[test]
    fn names_from_a_store_that_are_paths_are_not_plain() {
        for name in ["", ".", "..", "/x", "a/b", "../x", "a/", "./a", "a/..", "a\0b"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("call") && is_plain("..call") && is_plain("통화 1"));
    }
}
