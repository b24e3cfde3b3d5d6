//! Text in a form in which a name equals all of its escaped forms, with the source of each character.

use unicode_normalization::char::decompose_canonical;

/// How often escapes are decoded: a name may be escaped for JSON, and then for HTML.
const PASSES: usize = 6;
/// Bytes that are not UTF-8 become these code points, which no text contains.
const BYTES: u32 = 0x10_FF00;
const ENTITIES: [(&str, u8); 6] =
    [("&amp;", b'&'), ("&lt;", b'<'), ("&gt;", b'>'), ("&quot;", b'"'), ("&apos;", b'\''), ("&nbsp;", b' ')];

/// A character, and the bytes of the source that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folded {
    pub(super) char: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A byte, and the bytes of the source that it comes from.
#[derive(Clone, Copy)]
struct Byte {
    value: u8,
    start: usize,
    end: usize,
}

/// Decodes all escapes of JSON, Rust, Prometheus, HTML and URLs, decomposes characters, and folds case.
pub(super) fn folded(source: &[u8]) -> Vec<Folded> {
    let byte = |(start, value): (usize, &u8)| Byte { value: *value, start, end: start + 1 };
    let mut bytes: Vec<_> = source.iter().enumerate().map(byte).collect();
    for _ in 0..PASSES {
        let before = bytes.len();
        bytes = decoded(&bytes);
        if bytes.len() == before {
            break;
        }
    }
    characters(&bytes)
}

fn decoded(bytes: &[Byte]) -> Vec<Byte> {
    let values: Vec<u8> = bytes.iter().map(|byte| byte.value).collect();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        match escape(&values[at..]) {
            Some((length, values)) => {
                let end = bytes[at + length - 1].end;
                decoded.extend(values.into_iter().map(|value| Byte { value, start: byte.start, end }));
                at += length;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

fn characters(bytes: &[Byte]) -> Vec<Folded> {
    let values: Vec<u8> = bytes.iter().map(|byte| byte.value).collect();
    let (mut folded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    let mut push = |char, length: usize, at: &mut usize| {
        let (start, end) = (bytes[*at].start, bytes[*at + length - 1].end);
        *at += length;
        decompose_canonical(char, |part| {
            folded.extend(part.to_lowercase().map(|char| Folded { char, start, end }));
        });
    };
    for chunk in values.utf8_chunks() {
        for char in chunk.valid().chars() {
            push(char, char.len_utf8(), &mut at);
        }
        for byte in chunk.invalid() {
            push(char::from_u32(BYTES + u32::from(*byte)).unwrap_or_default(), 1, &mut at);
        }
    }
    folded
}

/// The length of the escape at the start of a text, and the bytes that it stands for.
fn escape(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    match text {
        [b'%', rest @ ..] => Some((3, vec![hex(rest.get(..2)?)? as u8])),
        [b'\\', b'x', rest @ ..] => Some((4, vec![hex(rest.get(..2)?)? as u8])),
        [b'\\', b'u', b'{', rest @ ..] => {
            let length = rest.iter().take(8).position(|byte| *byte == b'}')?;
            Some((length + 4, utf8(char::from_u32(hex(&rest[..length])?)?)))
        }
        [b'\\', b'u', ..] => json_unit(text),
        [b'\\', b'n', ..] => Some((2, vec![b'\n'])),
        [b'\\', b'r', ..] => Some((2, vec![b'\r'])),
        [b'\\', b't', ..] => Some((2, vec![b'\t'])),
        [b'\\', other, ..] if other.is_ascii_punctuation() || *other == b' ' => Some((2, vec![*other])),
        [b'&', ..] => entity(text),
        _ => None,
    }
}

/// `\uXXXX`, or two of them for a character of two UTF-16 units.
fn json_unit(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let unit = |at: usize| {
        let text = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        hex(text).and_then(|unit| u16::try_from(unit).ok())
    };
    let first = unit(0)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((6, utf8(char)));
    }
    let char = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((12, utf8(char)))
}

fn entity(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    if let Some((name, value)) = ENTITIES.iter().find(|(name, _)| text.starts_with(name.as_bytes())) {
        return Some((name.len(), vec![*value]));
    }
    let length = text.iter().take(12).position(|byte| *byte == b';')?;
    let number = std::str::from_utf8(text.get(2..length).filter(|_| text[1] == b'#')?).ok()?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => hex(digits.as_bytes())?,
        None => number.parse().ok()?,
    };
    Some((length + 1, utf8(char::from_u32(code)?)))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

fn utf8(char: char) -> Vec<u8> {
    char.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &[u8]) -> String {
        folded(source).iter().map(|folded| folded.char).collect()
    }

    #[test]
    fn folded_name_equals_its_escaped_forms() {
        let name = "김\u{301}<b>&\"\n\u{202e}🙂'%";
        for escaped in [
            "김\u{301}&lt;b&gt;&amp;&quot;\\n\\u{202e}🙂&#39;%",
            r#"\uae40\u0301<b>&\"\n\u202e\ud83d\ude42'%"#,
            "%EA%B9%80%CC%81%3Cb%3E%26%22%0A%E2%80%AE%F0%9F%99%82%27%25",
            "&#xae40;\u{301}&lt;B&gt;&amp;amp;\\&quot;\\\\n&#8238;🙂&apos;%25",
        ] {
            assert_eq!(text(escaped.as_bytes()), text(name.as_bytes()), "{escaped}");
        }
        assert_eq!(text(b"call\\xB1\\xE8.wav"), text(b"call\xB1\xE8.wav"));
        assert_ne!(text(b"call\xB1.wav"), text(b"call\xB2.wav"));
    }

    #[test]
    fn folded_text_that_only_looks_like_an_escape_is_kept() {
        for plain in [r"100% a\b \u12 \u{zz} &; &#; &#x; &none; \", "%", "%4", "&", "\\u{110000}", r"\ud83d"] {
            assert_eq!(text(plain.as_bytes()), plain);
        }
    }

    #[test]
    fn folded_character_knows_its_source() {
        let source = r"a\u{e9}%41";
        let sources: Vec<_> = folded(source.as_bytes()).iter().map(|one| &source[one.start..one.end]).collect();
        assert_eq!(sources, ["a", r"\u{e9}", r"\u{e9}", "%41"]);
    }
}
