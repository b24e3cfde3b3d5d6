//! Forms of names, numbers and exhibits in which equal ones are equal.

use unicode_normalization::UnicodeNormalization;

use crate::export::folded_name;

/// Digits of the shortest number: 112, 114.
const SHORTEST: usize = 3;
/// Digits of the longest number, with all prefixes.
const LONGEST: usize = 24;

/// A name without the differences of Unicode form and case, and without white space around it. Macs write Korean names
/// in a decomposed form.
pub(crate) fn name(text: &str) -> String {
    folded_name(text.trim())
}

/// An exhibit number. White space does not distinguish exhibits: `갑 제3호증` is `갑제3호증`.
pub(super) fn exhibit(text: &str) -> String {
    folded_name(text).split_whitespace().collect()
}

/// A phone number as digits: without separators, and in its national form if it is Korean (`+82 10-1234-5678` is
/// `01012345678`). Other country codes stay. `None` if the text is not a number, for example if the number was
/// withheld.
pub(crate) fn number(text: &str) -> Option<String> {
    let compact: String = text.trim().nfkc().filter(|c| !is_separator(*c)).collect();
    let digits = compact.strip_prefix('+').unwrap_or(&compact);
    let is_dialed = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#');
    let length = digits.chars().filter(char::is_ascii_digit).count();
    if !digits.chars().all(is_dialed) || !(SHORTEST..=LONGEST).contains(&length) {
        return None;
    }
    Some(of_korea(&compact).map_or_else(|| compact.clone(), national))
}

/// White space, and what people write between the digits of a number.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/' | '·' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The number after the country code of Korea, if there is one. Without a prefix, `82` may also begin a local number,
/// which has at most eight digits.
fn of_korea(compact: &str) -> Option<&str> {
    let international = compact.strip_prefix("+82").or_else(|| compact.strip_prefix("0082"));
    international.or_else(|| compact.strip_prefix("82").filter(|rest| rest.len() >= 8))
}

/// A Korean number with the zero before its area code. Numbers of businesses (1588-1234) have none.
fn national(rest: &str) -> String {
    let is_complete = rest.starts_with('0') || (rest.len() == 8 && rest.starts_with('1'));
    if is_complete { rest.to_owned() } else { format!("0{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_in_their_national_form() {
        let forms = [
            "010-1234-5678",
            "01012345678",
            "+82 10-1234-5678",
            "+82-(0)10-1234-5678",
            "0082 10 1234 5678",
            "82-10-1234-5678",
            "010.1234.5678",
            "０１０－１２３４－５６７８",
            "010\u{2011}1234\u{2013}5678",
            " 010 1234 5678 ",
        ];
        for form in forms {
            assert_eq!(number(form).as_deref(), Some("01012345678"), "{form}");
        }
        for (form, digits) in [
            ("02-820-1234", "028201234"),
            ("+82 2 820 1234", "028201234"),
            ("8201-2345", "82012345"),
            ("+82 1588-1234", "15881234"),
            ("1588-1234", "15881234"),
            ("+1 (415) 555-0100", "+14155550100"),
            ("0014155550100", "0014155550100"),
            ("112", "112"),
            ("*23#0212345678", "*23#0212345678"),
        ] {
            assert_eq!(number(form).as_deref(), Some(digits), "{form}");
        }
    }

    #[test]
    fn numbers_of_other_countries_differ_from_korean_ones() {
        assert_ne!(number("+1 10-1234-5678"), number("010-1234-5678"));
        assert_ne!(number("+81 10-1234-5678"), number("010-1234-5678"));
    }

    #[test]
    fn texts_that_are_not_numbers_have_no_digits_to_compare() {
        for text in ["", "11", "발신번호표시제한", "unknown", "010-1234-567a", "++82", &"1".repeat(25), "1+1", "٣٣٣"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn names_compare_without_unicode_form_case_and_outer_space() {
        let decomposed: String = "김민수".nfd().collect();
        assert_ne!(decomposed, "김민수");
        assert_eq!(name(&decomposed), name(" 김민수 "));
        assert_eq!(name("MINSU É"), name("minsu e\u{301}"));
        assert_ne!(name("김민수"), name("김 민수"));
        assert_eq!(exhibit("갑 제3호증"), exhibit("갑제3호증"));
        assert_ne!(exhibit("갑 제3호증의 1"), exhibit("갑 제31호증"));
    }
}
