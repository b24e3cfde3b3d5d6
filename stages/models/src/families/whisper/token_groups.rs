//! Groups tokens into whole characters. Byte-level tokens often split a Korean character.

/// A run of tokens that together form whole characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Range of the tokens.
    pub(crate) tokens: std::ops::Range<usize>,
    /// Their text.
    pub(crate) text: String,
}

/// Groups tokens, given as bytes, into the shortest runs of complete UTF-8. Invalid bytes, and a character that is
/// truncated at the end, become U+FFFD.
pub(crate) fn group<'a>(tokens: impl IntoIterator<Item = &'a [u8]>) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut pending: Vec<u8> = Vec::new();
    let (mut first, mut next) = (0, 0);
    for bytes in tokens {
        pending.extend_from_slice(bytes);
        next += 1;
        if !ends_inside_a_character(&pending) {
            groups.push(joined(first..next, &pending));
            pending.clear();
            first = next;
        }
    }
    if first < next {
        groups.push(joined(first..next, &pending));
    }
    groups
}

fn joined(tokens: std::ops::Range<usize>, bytes: &[u8]) -> Group {
    Group { tokens, text: String::from_utf8_lossy(bytes).into_owned() }
}

/// Whether more bytes could complete the last character.
fn ends_inside_a_character(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().last().is_some_and(|chunk| {
        let rest = chunk.invalid();
        std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_join_the_tokens_of_a_split_character() {
        let bytes = " 한다".as_bytes();
        let groups = group([&bytes[..2], &bytes[2..4], &bytes[4..]]);
        assert_eq!(
            groups.iter().map(|p| (p.tokens.clone(), p.text.as_str())).collect::<Vec<_>>(),
            [(0..2, " 한"), (2..3, "다")]
        );
    }

    #[test]
    fn groups_end_at_bytes_that_begin_no_character() {
        let texts: Vec<_> = group([&b"a"[..], &[0xFF], b"b", &[0xED]]).into_iter().map(|p| p.text).collect();
        assert_eq!(texts, ["a", "\u{FFFD}", "b", "\u{FFFD}"]);
    }

    proptest! {
        #[test]
        fn groups_joined_are_the_text(text in "\\PC{0,20}", cuts in prop::collection::vec(0usize..60, 0..8)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let groups = group(cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]));
            prop_assert_eq!(groups.iter().map(|group| group.text.as_str()).collect::<String>(), text);
            let mut next = 0;
            for group in &groups {
                prop_assert_eq!(group.tokens.start, next);
                next = group.tokens.end;
            }
            prop_assert_eq!(next, cuts.len() - 1);
        }
    }
}
