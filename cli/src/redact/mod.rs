//! Copies for the other side: identity, card, account and phone numbers are masked.
//!
//! ```text
//! text -> digits, written and spelled (digits.rs) -> runs -> what a run is (rules.rs) -> mask
//! ```
//!
//! A run of digits that no rule knows is masked too if it is long: somebody can ask about a mask, but a number that was
//! handed over stays known.

mod digits;
mod document;
mod rules;

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use self::document::{redact, redacted_name};
use self::rules::Rule;

/// Version of the rules. It is incremented when they mask something else.
pub(crate) const VERSION: u32 = 2;

/// What was masked in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct RedactionBlock {
    /// Version of the rules.
    pub version: u32,
    /// Number of masked texts by rule.
    pub masked: BTreeMap<String, usize>,
    /// What else was left out.
    pub note: String,
}

/// The parts of a text that are masked, in order, with the rule of each.
fn masked(text: &str) -> Vec<(Range<usize>, Rule)> {
    digits::runs(text).into_iter().filter_map(|run| Some((run.range.clone(), rules::rule_of(&run, text)?))).collect()
}

/// Masks numbers in a text, and counts them by rule.
fn mask(text: &str, counts: &mut BTreeMap<String, usize>) -> String {
    let mut result = String::new();
    let mut end = 0;
    for (range, rule) in masked(text) {
        result.push_str(&text[end..range.start]);
        result.push_str(&rule.mask());
        end = range.end;
        *counts.entry(rule.name().to_owned()).or_default() += 1;
    }
    result + &text[end..]
}

/// Masks a text that may be a part of a number: all of it if it has a digit, written or spelled.
fn mask_part(text: &str, counts: &mut BTreeMap<String, usize>) -> String {
    if digits::runs(text).is_empty() && !text.chars().any(char::is_numeric) {
        return text.to_owned();
    }
    *counts.entry(Rule::Other.name().to_owned()).or_default() += 1;
    Rule::Other.mask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redaction_masks_each_part_of_a_number_in_statements_about_words() {
        let masked = |text| mask_part(text, &mut BTreeMap::new());
        for part in ["010", "1234", "5678이에요", "공일공", "일이삼사,", "five", "oh", "a1b2", "１２３４", "12:34"]
        {
            assert_eq!(masked(part), "[number]", "{part}");
        }
        for other in ["갚으면", "call", "no", "", "[number]", "[phone number]"] {
            assert_eq!(masked(other), other);
        }
    }

    fn masked_text(text: &str) -> String {
        mask(text, &mut BTreeMap::new())
    }

    /// Texts whose numbers must be masked, with the rule.
    const NUMBERS: &[(&str, &str)] = &[
        ("제 번호는 010-1234-5678 입니다", "phone number"),
        ("010 1234 5678", "phone number"),
        ("01012345678로 전화 주세요", "phone number"),
        ("공일공 일이삼사 오육칠팔이에요", "phone number"),
        ("영일영 일이삼사 오육칠팔", "phone number"),
        ("공일공, 일이삼사, 오육칠팔.", "phone number"),
        ("공 일 공 일 이 삼 사 오 육 칠 팔", "phone number"),
        ("+82 10-1234-5678", "phone number"),
        ("0082-10-1234-5678", "phone number"),
        ("02-123-4567", "phone number"),
        ("031 1234 5678", "phone number"),
        ("070-8765-4321", "phone number"),
        ("1588-1234", "phone number"),
        ("０１０-１２３４-５６７８", "phone number"),
        ("call me at (555) 123-4567", "phone number"),
        ("five five five, one two three, four five six seven", "phone number"),
        ("oh one oh, one two three four, five six seven eight", "phone number"),
        ("+1 555 123 4567", "phone number"),
        ("주민번호 900101-1234567", "identity number"),
        ("9001011234567", "identity number"),
        ("구공공일공일 일이삼사오육칠", "identity number"),
        ("900101 1234567 맞으시죠", "identity number"),
        ("123-45-6789", "identity number"),
        ("여권 M12345678", "identity number"),
        ("면허 11-22-333333-44", "identity number"),
        ("사업자 123-45-67890", "identity number"),
        ("4111 1111 1111 1111", "card number"),
        ("4111111111111111", "card number"),
        ("카드 4111-1111-1111-1111 유효", "card number"),
        ("사일일일 일일일일 일일일일 일일일일", "card number"),
        ("계좌 110-123-456789", "account number"),
        ("국민은행 123456-04-123456", "account number"),
        ("account 000123456789", "account number"),
        ("3333-01-1234567 카카오뱅크", "account number"),
        ("농협 302-1234-5678-91", "account number"),
        ("비밀번호는 12345678이에요", "number"),
        ("code 98765432", "number"),
    ];

    /// Texts that stay as they are.
    const OTHERS: &[&str] = &[
        "오천만 원 보내",
        "50,000,000원",
        "12000000원 입금했어요",
        "1,234,567 dollars",
        "$1234567",
        "3500000 won",
        "2024-01-31",
        "2024년 1월 31일",
        "2024.01.31 14:25",
        "20240131에 만났어요",
        "between 2019 2020 and 2021",
        "14:25:30",
        "the year 2024",
        "101동 1502호",
        "3층 302호",
        "그 일은 이제 끝이야",
        "일이 많아서 오지 못했어",
        "이 사람 삼촌이야",
        "one two three",
        "we met one on one",
        "만 65세",
        "100%",
        "room 1204",
        "1, 2, 3",
        "no one",
        "삼 일 뒤에",
        "2 3 4 번",
        "가나다",
        "",
    ];

    #[test]
    fn redaction_masks_numbers_by_their_kind() {
        let is_right = |(text, rule): &&(&str, &str)| {
            let mut counts = BTreeMap::new();
            let result = mask(text, &mut counts);
            let is_whole = !result.chars().any(char::is_numeric) && counts.values().sum::<usize>() == 1;
            result.contains(&format!("[{rule}]")) && is_whole
        };
        let wrong: Vec<_> = NUMBERS.iter().filter(|row| !is_right(row)).map(|(text, _)| masked_text(text)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn redaction_keeps_amounts_dates_times_and_words() {
        let wrong: Vec<_> =
            OTHERS.iter().map(|text| masked_text(text)).filter(|text| !OTHERS.contains(&&**text)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(NUMBERS.len() + OTHERS.len() >= 60);
    }

    #[test]
    fn redaction_of_a_redacted_text_changes_nothing() {
        for (text, _) in NUMBERS {
            let once = masked_text(text);
            assert_eq!(masked_text(&once), once);
        }
    }
}
