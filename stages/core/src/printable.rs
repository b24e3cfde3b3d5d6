//! Text of others (file names, tags, transcripts, messages) for terminals, logs and pages: characters that control a
//! terminal, start a line or reorder text are escaped.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a character must not be shown as it is: control characters, line and paragraph separators, controls of the
/// writing direction, invisible characters, and code points that are not characters.
///
/// ```
/// assert!(['\n', '\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}'].into_iter().all(stage_core::is_unprintable));
/// assert!(!['a', ' ', '가', '\u{301}', '🙂'].into_iter().any(stage_core::is_unprintable));
/// ```
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0001}'
                | '\u{E0020}'..='\u{E007F}'
        )
        || (c as u32) & 0xFFFE == 0xFFFE
}

/// The message of a parser that shows the place on further lines, on one line: `TOML parse error at line 2, column 16:
/// beam = 2: unknown field`.
///
/// ```
/// let message = "error at line 2\n  |\n2 | beam = 2\n  | ^^^^\nunknown field";
/// assert_eq!(stage_core::on_one_line(message), "error at line 2: beam = 2: unknown field");
/// ```
#[must_use]
pub fn on_one_line(message: &str) -> String {
    let part = |line: &str| match line.split_once(" |") {
        Some((number, source)) if number.trim().parse::<u32>().is_ok() => source.trim().to_owned(),
        _ => line.trim().to_owned(),
    };
    let parts = message.lines().map(part).filter(|part| part.chars().any(char::is_alphanumeric));
    parts.collect::<Vec<String>>().join(": ")
}

/// The text on one line: line ends, tabs and everything [`is_unprintable`] are escaped as in Rust, such as `\n` and
/// `\u{1b}`. Other text is unchanged.
///
/// ```
/// use stage_core::printable;
///
/// assert_eq!(printable("call\u{1b}[2J\n\u{202e}.wav"), r"call\u{1b}[2J\n\u{202e}.wav");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The text with everything [`is_unprintable`] escaped, except line ends and tabs: for text of this program on several
/// lines.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |c: char| is_unprintable(c) && !is_kept(c);
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            _ if !is_escaped(c) => shown.push(c),
            // `escape_debug` keeps some of the invisible characters.
            '\n' | '\r' | '\t' => shown.extend(c.escape_debug()),
            _ => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// A JSON text in which characters that [`is_unprintable`] have JSON escapes (`\u202e`), so that it can be printed. Equal
/// as JSON. Line ends, which JSON has only between values, are kept.
///
/// ```
/// assert_eq!(stage_core::printable_json("{\"name\":\"\u{202e}gpj\"}"), r#"{"name":"\u202egpj"}"#);
/// ```
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| is_unprintable(c) && c != '\n';
    if !json.chars().any(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// A path on one line, for people: [`printable`], and bytes that are not UTF-8 as `\xB1`.
///
/// ```
/// use std::ffi::OsStr;
/// use std::os::unix::ffi::OsStrExt;
/// use std::path::Path;
///
/// let path = Path::new(OsStr::from_bytes(b"calls/\xB1\xE8\n.wav"));
/// assert_eq!(stage_core::shown(path), r"calls/\xB1\xE8\n.wav");
/// ```
#[must_use]
pub fn shown(path: &Path) -> String {
    printable(&path_text(path)).into_owned()
}

/// A path as text, for JSON: the path itself if it is UTF-8. Otherwise its invalid bytes are written as `\xB1`, and
/// [`path_bytes`] has the path without loss.
#[must_use]
pub fn path_text(path: &Path) -> Cow<'_, str> {
    if let Some(text) = path.to_str() {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    Cow::Owned(text)
}

/// The bytes of a path as hexadecimal digits if it is not UTF-8, for JSON beside [`path_text`].
#[must_use]
pub fn path_bytes(path: &Path) -> Option<String> {
    path.to_str().is_none().then(|| crate::hash::to_hex(path.as_os_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn printable_escapes_what_controls_a_terminal_and_keeps_the_rest() {
        for c in ['\0', '\u{7}', '\u{8}', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{61c}', '\u{200e}'] {
            let shown = printable(&format!("a{c}b")).into_owned();
            assert!(shown.len() > 3 && !shown.chars().any(is_unprintable), "{shown}");
        }
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain(['\u{2028}', '\u{2029}', '\u{feff}']) {
            assert!(!printable(&c.to_string()).contains(c), "{}", c.escape_unicode());
        }
        let plain = "통화 녹음 김민수 🙂 é e\u{301} (1).m4a \\x41";
        assert!(matches!(printable(plain), Cow::Borrowed(text) if text == plain));
        assert_eq!(printable_lines("a\tb\nc\r\u{1b}"), "a\tb\nc\\r\\u{1b}");
    }

    #[test]
    fn printable_json_is_equal_as_json() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}2J\u{7f}", "\u{e0041}", "\n\u{1b}"]});
        let shown = printable_json(&value.to_string()).into_owned();
        assert!(!shown.chars().any(is_unprintable), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printable_json(&pretty)).unwrap(), value);
    }

    #[test]
    fn path_that_is_not_utf8_is_shown_and_has_its_bytes() {
        let path = Path::new(OsStr::from_bytes(b"\xB1\xE6\xB5\x1b.wav"));
        assert_eq!(shown(path), "\\xB1\\xE6\\xB5\\u{1b}.wav");
        assert_eq!(path_bytes(path).as_deref(), Some("b1e6b51b2e776176"));
        assert_eq!((shown(Path::new("김.wav")), path_bytes(Path::new("김.wav"))), ("김.wav".to_owned(), None));
    }
}
