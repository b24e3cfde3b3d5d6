//! Copies for the other side: identity, card, account and phone numbers are masked.
//!
//! ```text
//! lines of a conversation -> text of each channel (conversation.rs) -> words with digits (numerals.rs) -> runs (runs.rs)
//!     -> what a run is (rules.rs), by its digits and by what is said before it (topics.rs) -> masks of each line
//! ```
//!
//! A run of digits that no rule knows is masked too if it is long: somebody can ask about a mask, but a number that was
//! handed over stays known.

#[cfg(test)]
mod accuracy;
mod conversation;
mod document;
mod numerals;
mod rules;
mod runs;
mod topics;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use self::conversation::{Line, Mask, masks};
pub(crate) use self::document::{redact, redacted_name};
use self::rules::Rule;

/// Version of the rules. It is incremented when they mask something else.
pub(crate) const VERSION: u32 = 2;

/// What was masked in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[non_exhaustive]
pub struct RedactionBlock {
    /// Version of the rules.
    pub version: u32,
    /// Number of masked texts by rule.
    pub masked: BTreeMap<String, usize>,
    /// What else was left out.
    pub note: String,
}

/// Masks numbers in a text that stands alone, and counts them by rule.
fn mask(text: &str, counts: &mut BTreeMap<String, usize>) -> String {
    let masks = masks(&[Line { channel: 0, text }]).concat();
    replace(text, &masks, counts)
}

/// Replaces parts of a text by masks, and counts them by rule.
fn replace(text: &str, masks: &[Mask], counts: &mut BTreeMap<String, usize>) -> String {
    let mut result = String::new();
    let mut end = 0;
    for (range, rule) in masks {
        result.push_str(&text[end..range.start]);
        result.push_str(&rule.mask());
        end = range.end;
        *counts.entry(rule.name().to_owned()).or_default() += 1;
    }
    result + &text[end..]
}

/// Masks a text that may be a part of a number: all of it if it has a digit, written or spelled.
fn mask_part(text: &str, counts: &mut BTreeMap<String, usize>) -> String {
    if is_masked(text) || (numerals::numerals(text).is_empty() && !text.chars().any(char::is_numeric)) {
        return text.to_owned();
    }
    *counts.entry(Rule::Other.name().to_owned()).or_default() += 1;
    Rule::Other.mask()
}

/// Whether a text has a mask.
fn is_masked(text: &str) -> bool {
    Rule::ALL.iter().any(|rule| text.contains(&rule.mask()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ("010 1234 5678 만나서 얘기해요", "phone number"),
        ("010 1234 5678 불러 드릴게요", "phone number"),
        ("555 867 5309 won't work", "phone number"),
        ("공일공3482 7719", "phone number"),
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

    /// What random texts consist of.
    const PIECES: &str = r"[0-9]{1,5}|[-., \n]|[A-Z]{1,3}|이|공일|번호|네|oh|double|\PC";

    proptest::proptest! {
        #[test]
        fn redaction_accepts_every_text(pieces in proptest::collection::vec(PIECES, 0..12)) {
            let text = pieces.concat();
            let found = masks(&[Line { channel: 0, text: &text }, Line { channel: 1, text: &text }]);
            for masks in found {
                proptest::prop_assert!(masks.is_sorted_by(|(a, _), (b, _)| a.end <= b.start));
                proptest::prop_assert!(masks.iter().all(|(range, _)| text.get(range.clone()).is_some()));
            }
        }
    }

    #[test]
    fn redaction_masks_a_number_that_is_spread_over_segments() {
        let line = |channel, text| Line { channel, text };
        let lines =
            [line(0, "카드번호 불러 주세요."), line(1, "9410에"), line(0, "네."), line(1, "2281, 7730에 6614요.")];
        let masked: Vec<_> = lines
            .iter()
            .zip(masks(&lines))
            .map(|(line, masks)| replace(line.text, &masks, &mut BTreeMap::new()))
            .collect();
        assert_eq!(masked, ["카드번호 불러 주세요.", "[card number]에", "네.", "[card number]요."]);
    }

    #[test]
    fn redaction_of_a_redacted_text_changes_nothing() {
        for (text, _) in NUMBERS {
            let once = masked_text(text);
            assert_eq!(masked_text(&once), once);
        }
    }
}
