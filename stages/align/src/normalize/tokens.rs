//! Splits a written word into numbers, signs and the text between them.

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Digits with the marks inside a number: `3,500`, `2:30`, `3.5`, `010-1234-5678`.
    Number(&'a str),
    /// A sign that is spoken: `$`, `%`, `&`.
    Sign(char),
    /// Anything else.
    Text(&'a str),
}

/// Splits a word into its parts. Joined, the parts are the word.
pub(super) fn tokens(word: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let len = if first.is_ascii_digit() {
            number(rest)
        } else if is_sign(first) {
            first.len_utf8()
        } else {
            rest.find(|c: char| c.is_ascii_digit() || is_sign(c)).unwrap_or(rest.len())
        };
        let (part, behind) = rest.split_at(len);
        tokens.push(match first {
            _ if first.is_ascii_digit() => Token::Number(part),
            _ if is_sign(first) => Token::Sign(first),
            _ => Token::Text(part),
        });
        rest = behind;
    }
    tokens
}

const fn is_sign(c: char) -> bool {
    matches!(c, '$' | '₩' | '€' | '£' | '&' | '%')
}

/// Length of the number at the start of a text: digits, and single marks between digits.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let inside = |at: &usize| digit(*at) || (b",.:-".contains(&bytes[*at]) && digit(at + 1));
    (0..bytes.len()).take_while(inside).count()
}

/// The types of numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Number<'a> {
    /// A whole number, without the commas between its thousands.
    Whole(String),
    /// The digits before and after the decimal point.
    Decimal(String, &'a str),
    /// Hours and minutes.
    Clock(&'a str, &'a str),
    /// Groups of digits between hyphens, or digits that begin with zero: an account or telephone number.
    Groups(Vec<&'a str>),
}

/// The type of a [`Token::Number`].
pub(super) fn kind(text: &str) -> Number<'_> {
    if let Some((hours, minutes)) = text.split_once(':')
        && hours.len() <= 2
        && minutes.len() == 2
        && minutes.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Number::Clock(hours, minutes);
    }
    if text.contains(['-', ':']) {
        return Number::Groups(text.split(['-', ':', '.', ',']).collect());
    }
    if text.len() > 1 && text.starts_with('0') && !text.contains('.') {
        return Number::Groups(text.split(',').collect());
    }
    match text.split_once('.') {
        Some((whole, behind)) if !behind.contains(['.', ',']) => Number::Decimal(whole.replace(',', ""), behind),
        Some(_) => Number::Groups(text.split(['.', ',']).collect()),
        None => Number::Whole(text.replace(',', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_marks_do() {
        assert_eq!(tokens("3,500원."), [Token::Number("3,500"), Token::Text("원.")]);
        assert_eq!(tokens("($20),"), [Token::Text("("), Token::Sign('$'), Token::Number("20"), Token::Text("),")]);
        assert_eq!(tokens("3시30분"), [Token::Number("3"), Token::Text("시"), Token::Number("30"), Token::Text("분")]);
    }

    #[test]
    fn marks_tell_the_kind() {
        assert_eq!(kind("3,500"), Number::Whole("3500".into()));
        assert_eq!(kind("2:30"), Number::Clock("2", "30"));
        assert_eq!(kind("1,234.5"), Number::Decimal("1234".into(), "5"));
        assert_eq!(kind("0.5"), Number::Decimal("0".into(), "5"));
        assert_eq!(kind("010-12"), Number::Groups(vec!["010", "12"]));
        assert_eq!(kind("007"), Number::Groups(vec!["007"]));
        assert_eq!(kind("1.2.3"), Number::Groups(vec!["1", "2", "3"]));
    }
}
