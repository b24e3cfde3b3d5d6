//! BER to DER. RFC 3161 asks for DER, but some authorities send the outer parts of a token in BER: with indefinite lengths,
//! and with strings in pieces.

/// Deeper nesting is rejected. Tokens have about 15 levels.
const DEPTH: usize = 64;
const CONSTRUCTED: u8 = 0x20;
const OCTET_STRING: u8 = 0x04;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

/// The same values with the shortest definite lengths, and with each OCTET STRING in one piece. `None` if the bytes are not
/// BER. DER is returned unchanged.
pub(super) fn to_der(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut der = Vec::with_capacity(bytes.len());
    let rest = element(bytes, &mut der, DEPTH)?;
    rest.is_empty().then_some(der)
}

/// Appends the first element of `bytes` to `der`; returns the rest.
fn element<'a>(bytes: &'a [u8], der: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    let (&tag, after_tag) = bytes.split_first()?;
    // No type of a token has a tag number of several bytes.
    if tag & 0x1f == 0x1f || depth == 0 {
        return None;
    }
    let (length, after) = length(after_tag)?;
    if tag & CONSTRUCTED == 0 {
        let (contents, rest) = after.split_at_checked(length?)?;
        append(tag, contents, der);
        return Some(rest);
    }
    let (mut left, after_definite) = match length {
        Some(length) => after.split_at_checked(length).map(|(contents, rest)| (contents, Some(rest)))?,
        None => (after, None),
    };
    let mut contents = Vec::new();
    while !left.is_empty() && (after_definite.is_some() || !left.starts_with(&END_OF_CONTENTS)) {
        left = if tag == OCTET_STRING | CONSTRUCTED {
            piece(left, &mut contents, depth - 1)?
        } else {
            element(left, &mut contents, depth - 1)?
        };
    }
    append(if tag == OCTET_STRING | CONSTRUCTED { OCTET_STRING } else { tag }, &contents, der);
    after_definite.or_else(|| left.strip_prefix(&END_OF_CONTENTS))
}

/// Appends the contents of an OCTET STRING, the first element of `bytes`, to `string`; returns the rest.
fn piece<'a>(bytes: &'a [u8], string: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    let mut der = Vec::new();
    let rest = element(bytes, &mut der, depth)?;
    let (_, contents) = der.split_first().filter(|(tag, _)| **tag == OCTET_STRING).and_then(|(_, der)| length(der))?;
    string.extend_from_slice(contents);
    Some(rest)
}

/// The length at the start of `bytes`, `None` if it is indefinite, and what follows it.
fn length(bytes: &[u8]) -> Option<(Option<usize>, &[u8])> {
    let (&first, after) = bytes.split_first()?;
    match first {
        0..0x80 => Some((Some(first.into()), after)),
        0x80 => Some((None, after)),
        _ => {
            let (length, after) = after.split_at_checked((first & 0x7f).into())?;
            let digits = length.iter().skip_while(|digit| **digit == 0);
            let add = |value: usize, digit: &u8| value.checked_mul(256)?.checked_add((*digit).into());
            Some((Some(digits.into_iter().try_fold(0, add)?), after))
        }
    }
}

fn append(tag: u8, contents: &[u8], der: &mut Vec<u8>) {
    der.push(tag);
    let length = contents.len().to_be_bytes();
    let digits = &length[length.iter().take_while(|digit| **digit == 0).count()..];
    match digits {
        [] => der.push(0),
        [short @ 0..0x80] => der.push(*short),
        _ => {
            der.push(0x80 | digits.len() as u8);
            der.extend_from_slice(digits);
        }
    }
    der.extend_from_slice(contents);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ber_becomes_der() {
        let sequence = [0x30, 0x80, 0x02, 0x81, 0x01, 0x05, 0xa0, 0x80, 0x05, 0x00, 0, 0, 0, 0];
        assert_eq!(to_der(&sequence).unwrap(), [0x30, 0x07, 0x02, 0x01, 0x05, 0xa0, 0x02, 0x05, 0x00]);
        let pieces = [0x24, 0x80, 0x04, 0x01, 0x61, 0x24, 0x04, 0x04, 0x02, 0x62, 0x63, 0, 0];
        assert_eq!(to_der(&pieces).unwrap(), [0x04, 0x03, 0x61, 0x62, 0x63]);
        let long = [&[0x04, 0x84, 0, 0, 1, 0][..], &[7; 256]].concat();
        assert_eq!(to_der(&long).unwrap(), [&[0x04, 0x82, 1, 0][..], &[7; 256]].concat());
    }

    #[test]
    fn ber_that_is_cut_extended_or_too_deep_is_rejected() {
        let whole = [0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0x61, 0, 0, 0, 0];
        assert!(to_der(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(to_der(&whole[..end]), None, "{end}");
        }
        assert_eq!(to_der(&[&whole[..], &[0]].concat()), None);
        assert_eq!(to_der(&[0x24, 0x03, 0x02, 0x01, 0x61]), None, "a piece of another type");
        assert_eq!(to_der(&[0x04, 0x80, 0, 0]), None, "primitive with an indefinite length");
        assert_eq!(to_der(&[0x04, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None, "a length beyond 64 bits");
        let deep = [[0x30, 0x80].repeat(100_000), [0, 0].repeat(100_000)].concat();
        assert_eq!(to_der(&deep), None);
    }
}
