//! Pages: one HTML file each, made of a template, styles, a script and data.

use std::fmt::Write as _;

/// The element of the template that has the data.
pub(super) const DATA: &str = r#"<script type="application/json" id="data">"#;

/// Puts styles, script and data into a template.
pub(super) fn filled(html: &str, css: &str, js: &str, data: &str) -> String {
    let (before, after) = html.split_once(DATA).unwrap_or((html, "{}</script>"));
    let after = after.split_once("{}").map_or(after, |(_, after)| after);
    let with_files = |part: &str| part.replace("/*CSS*/", css).replace("/*JS*/", js);
    format!("{}{DATA}{}{}", with_files(before), without_markup(data), with_files(after))
}

/// JSON that cannot end the element it is in.
pub(super) fn without_markup(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A path as a part of a URL: everything but unreserved characters (RFC 3986) and slashes is encoded.
pub(super) fn percent_encoded(path: &[u8]) -> String {
    let mut out = String::new();
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(*byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
