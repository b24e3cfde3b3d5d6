//! Text normalization: verbalizes numbers, times, amounts of money, telephone numbers and percentages in Korean and
//! English.
//!
//! A written word has pronunciation variants, the most likely first; the audio decides which one was spoken. Only the
//! variant is aligned: the word stays as it is written.

mod english;
mod korean;
mod tokens;

use tokens::{Token, tokens};

use crate::hangul::is_syllable;

/// Maximum number of variants of a word.
const MOST_VARIANTS: usize = 4;

/// Pronunciation variants of a written word: at least one, at most [`MOST_VARIANTS`]. A word without digits and spoken
/// signs is its only variant. `next` is the next word, which may be the counter of a number.
pub(crate) fn variants(word: &str, next: Option<&str>, language: &str) -> Vec<String> {
    let spoken = |c: char| c.is_ascii_digit() || "$₩€£&%".contains(c);
    if !word.contains(spoken) {
        return vec![word.to_owned()];
    }
    let tokens = tokens(word);
    let read: fn(&[Token], usize, &str) -> Vec<String> = match language {
        "ko" => korean::read,
        "en" => english::read,
        _ if word.chars().any(is_syllable) => korean::read,
        _ => return vec![word.to_owned()],
    };
    let counted = next.unwrap_or_default();
    let mut variants = vec![String::new()];
    for at in 0..tokens.len() {
        let parts = read(&tokens, at, counted);
        variants = parts
            .iter()
            .flat_map(|part| variants.iter().map(move |before| format!("{before}{part}")))
            .take(MOST_VARIANTS)
            .collect();
    }
    distinct(variants)
}

/// Removes repeated variants.
fn distinct(variants: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for variant in variants {
        if !kept.contains(&variant) {
            kept.push(variant);
        }
    }
    kept
}

/// Names the digits of a number one by one.
fn one_by_one(digits: &str, names: &[&str; 10], between: &str) -> String {
    let name = |digit: u8| names[usize::from(digit - b'0')];
    digits.bytes().map(name).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: &str, table: &[(&str, &str, &[&str])]) {
        for (word, next, expected) in table {
            let next = (!next.is_empty()).then_some(*next);
            assert_eq!(variants(word, next, language), *expected, "{word} {next:?}");
        }
    }

    #[test]
    fn variants_of_korean_numbers_are_their_spoken_forms() {
        check(
            "ko",
            &[
                ("여보세요", "", &["여보세요"]),
                ("112", "", &["백십이", "일일이"]),
                ("119에", "", &["백십구에", "일일구에"]),
                ("3,500원", "", &["삼천오백원"]),
                ("10000원", "", &["만원"]),
                ("1억", "", &["일억"]),
                ("123,456,789", "", &["일억이천삼백사십오만육천칠백팔십구"]),
                ("2:30", "", &["두시삼십분", "이시삼십분"]),
                ("3시", "", &["세시", "삼시"]),
                ("12시", "", &["열두시", "십이시"]),
                ("15시", "", &["십오시"]),
                ("30분", "", &["삼십분", "서른분"]),
                ("3시30분에", "", &["세시삼십분에", "삼시삼십분에", "세시서른분에", "삼시서른분에"]),
                ("5명", "", &["다섯명", "오명"]),
                ("20명", "", &["스무명", "이십명"]),
                ("21살", "", &["스물한살", "이십일살"]),
                ("2", "명이", &["두", "이", "둘"]),
                ("3", "", &["삼", "셋", "세"]),
                ("100명", "", &["백명"]),
                ("15%", "", &["십오퍼센트", "십오프로"]),
                ("3.5", "", &["삼점오", "삼쩜오"]),
                ("$20", "", &["이십달러"]),
                ("₩5000", "", &["오천원"]),
                ("2026년", "", &["이천이십육년"]),
                ("6월", "", &["유월", "육월"]),
                ("10월", "", &["시월", "십월"]),
                ("8월", "", &["팔월"]),
                (
                    "010-1234-5678",
                    "",
                    &[
                        "공일공일이삼사오육칠팔",
                        "영일영일이삼사오육칠팔",
                        "공일공에일이삼사에오육칠팔",
                        "공일공다시일이삼사다시오육칠팔",
                    ],
                ),
                ("01012345678", "", &["공일공일이삼사오육칠팔", "영일영일이삼사오육칠팔"]),
                ("2-3", "", &["이삼", "이에삼", "이다시삼"]),
                ("16일", "", &["십육일"]),
                ("0", "", &["영", "공"]),
                ("A4", "", &["A사", "A넷", "A네"]),
            ],
        );
    }

    #[test]
    fn variants_of_english_numbers_are_their_spoken_forms() {
        check(
            "en",
            &[
                ("don't", "", &["don't"]),
                ("7", "", &["seven"]),
                ("0", "", &["zero", "oh"]),
                ("112", "", &["one hundred twelve", "one one two", "one twelve", "one hundred and twelve"]),
                ("3,500", "", &["three thousand five hundred", "thirty five hundred"]),
                ("2:30", "", &["two thirty"]),
                ("2:05", "", &["two oh five", "two five"]),
                ("3:00", "", &["three o'clock", "three"]),
                ("15%", "", &["fifteen percent"]),
                ("$20", "", &["twenty dollars"]),
                ("$1", "", &["one dollar"]),
                ("$2.50", "", &["two dollars fifty", "two dollars and fifty cents", "two fifty"]),
                ("3.14", "", &["three point one four"]),
                (
                    "010-1234-5678",
                    "",
                    &[
                        "zero one zero one two three four five six seven eight",
                        "oh one oh one two three four five six seven eight",
                    ],
                ),
                ("1st", "", &["first"]),
                ("22nd", "", &["twenty second"]),
                ("30th", "", &["thirtieth"]),
                ("1990s", "", &["nineteen nineties", "one thousand nine hundred nineties"]),
                ("405", "", &["four hundred five", "four zero five", "four oh five", "four hundred and five"]),
                (
                    "2026",
                    "",
                    &[
                        "twenty twenty six",
                        "two thousand twenty six",
                        "two thousand and twenty six",
                        "two zero two six",
                    ],
                ),
                ("1,000,000", "", &["one million"]),
                ("A&B", "", &["A and B"]),
                ("90210", "", &["nine zero two one zero", "ninety thousand two hundred ten", "nine oh two one oh"]),
            ],
        );
    }

    #[test]
    fn text_of_another_language_is_left_as_it_is() {
        assert_eq!(variants("112", None, "de"), ["112"]);
    }
}
