//! What a run of digits is.

use std::ops::Range;

use super::numerals::after_ending;
use super::runs::Run;
use super::topics::{Topic, has_cue, topic_after, topic_before};

/// Fewest digits of a number that no rule knows.
const FEWEST: usize = 7;
/// Fewest digits of a number with capital letters.
const FEWEST_WITH_LETTERS: usize = 6;
/// Fewest digits of a number that the text announces, such as the last digits of a card.
const FEWEST_ANNOUNCED: usize = 3;
/// What follows an amount.
const CURRENCIES: [&str; 16] = [
    "원",
    "만",
    "억",
    "천",
    "백만",
    "달러",
    "불",
    "유로",
    "won",
    "dollar",
    "krw",
    "usd",
    "euro",
    "%",
    "퍼센트",
    "percent",
];
/// Characters behind a number that are searched for a currency.
const LONGEST_CURRENCY: usize = 16;
/// What may follow a Korean currency in the same word.
const AFTER_CURRENCY: [&str; 10] = ["원", "을", "이", "은", "정", "씩", "짜리", "에", "도", "어치"];
/// What precedes an amount.
const AMOUNT_SIGNS: [char; 4] = ['$', '₩', '€', '£'];
/// What English words count. A short number before one of them does not belong to a card or account.
const COUNTED: [&str; 14] = [
    "time", "year", "month", "week", "day", "hour", "minute", "second", "people", "person", "mile", "pound", "point",
    "page",
];
/// Public numbers that everybody calls.
const EMERGENCY: [&str; 6] = ["112", "119", "911", "999", "114", "110"];

/// Kinds of numbers that are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Identity,
    Card,
    Account,
    Phone,
    Other,
}

impl Rule {
    pub(super) const ALL: [Self; 5] = [Self::Identity, Self::Card, Self::Account, Self::Phone, Self::Other];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity number",
            Self::Card => "card number",
            Self::Account => "account number",
            Self::Phone => "phone number",
            Self::Other => "number",
        }
    }

    /// What replaces the number. It does not depend on the digits or their count.
    pub(super) fn mask(self) -> String {
        format!("[{}]", self.name())
    }

    const fn of_topic(topic: Topic) -> Option<Self> {
        match topic {
            Topic::Identity => Some(Self::Identity),
            Topic::Card => Some(Self::Card),
            Topic::Account => Some(Self::Account),
            Topic::Phone => Some(Self::Phone),
            Topic::Public => None,
        }
    }
}

/// The texts before and behind a run.
pub(super) struct Context<'a> {
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

/// The rule that masks a run; `None` if it stays.
pub(super) fn rule_of(run: &Run, context: &Context<'_>) -> Option<Rule> {
    let digits = run.digits();
    let topic = topic_before(context.before);
    let fewest = if run.has_letters { FEWEST_WITH_LETTERS } else { FEWEST };
    let is_long = digits.len() >= fewest && !is_date(run) && !is_years(run);
    if is_count(run) || !(is_long || is_announced(run, context, topic)) {
        return None;
    }
    let is_public = topic == Some(Topic::Public);
    if is_public && run.has_letters {
        return None;
    }
    let by_form = rule_of_form(run);
    let by_topic = topic.or_else(|| topic_after(context.after)).and_then(Rule::of_topic);
    by_form.or(by_topic).or_else(|| rule_of_groups(run)).or_else(|| (!is_public).then_some(Rule::Other))
}

/// Whether a short number is one that the text announces: `CVC`, the last digits of a card.
fn is_announced(run: &Run, context: &Context<'_>, topic: Option<Topic>) -> bool {
    let digits = run.digits();
    let after = context.after.trim_start().to_lowercase();
    let is_counted = after_ending(context.after).is_none() || COUNTED.iter().any(|unit| after.starts_with(unit));
    let is_public = topic == Some(Topic::Public) || EMERGENCY.contains(&&*digits) && topic != Some(Topic::Card);
    let is_year = digits.len() == 4 && is_year(&digits);
    digits.len() >= FEWEST_ANNOUNCED
        && has_cue(context.before)
        && !is_counted
        && !is_public
        && !is_year
        && !is_date(run)
}

/// What the digits themselves are, regardless of the words around them.
fn rule_of_form(run: &Run) -> Option<Rule> {
    let (digits, lengths) = (run.digits(), run.lengths());
    Some(match () {
        () if is_resident(&digits) => Rule::Identity,
        () if is_card(&digits, &lengths) => Rule::Card,
        () if is_mobile(&digits) || is_mobile_prefix(&run.groups[0]) => Rule::Phone,
        () => return None,
    })
}

/// What the groups of a number suggest, if nothing is said about it.
fn rule_of_groups(run: &Run) -> Option<Rule> {
    let (digits, lengths) = (run.digits(), run.lengths());
    Some(match () {
        () if run.has_letters || is_identity(&lengths) => Rule::Identity,
        () if is_phone(&digits, &lengths) => Rule::Phone,
        () if is_account(&digits, &lengths) => Rule::Account,
        () => return None,
    })
}

/// A resident or foreigner registration number: birthday, then a digit for sex and century.
fn is_resident(digits: &str) -> bool {
    digits.len() == 13 && is_month_and_day(&digits[2..6]) && matches!(digits.as_bytes()[6], b'1'..=b'8')
}

/// Groups of a US social security number, a Korean driver's license, or a business registration number.
fn is_identity(lengths: &[usize]) -> bool {
    matches!(lengths, [3, 2, 4] | [2, 2, 6, 2] | [3, 2, 5])
}

/// A payment card: the groups of cards, or the check digit of Luhn. A group may have been misheard.
fn is_card(digits: &str, lengths: &[usize]) -> bool {
    let value = |(index, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0') << (index % 2);
        if digit > 9 { digit - 9 } else { digit }
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(value).sum();
    let has_no_groups = lengths.len() == 1 || lengths.iter().all(|n| *n <= 2);
    matches!(lengths, [4, 4, 4, 4] | [4, 6, 5])
        || has_no_groups && (15..=16).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// A Korean mobile number, at home or from abroad.
fn is_mobile(digits: &str) -> bool {
    let rest = ["00820", "0082", "820", "82", "0"].iter().find_map(|code| digits.strip_prefix(code));
    rest.is_some_and(|rest| matches!(rest.len(), 9 | 10) && is_mobile_prefix(&format!("0{}", &rest[..2])))
}

fn is_mobile_prefix(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'0', b'1', b'0' | b'1' | b'6'..=b'9'])
}

/// Other Korean and international phone numbers.
fn is_phone(digits: &str, lengths: &[usize]) -> bool {
    let n = digits.len();
    let is_national = match digits.as_bytes() {
        [b'0', b'0', ..] => n >= 11,
        [b'0', b'2', ..] => (9..=11).contains(&n),
        [b'0', b'3'..=b'8', ..] => (10..=12).contains(&n),
        [b'1', b'5' | b'6' | b'8', ..] => n == 8 && lengths != [8],
        [b'8', b'2', ..] => (10..=12).contains(&n),
        _ => false,
    };
    is_national
        || matches!(lengths, [3, 3, 4] | [1, 3, 3, 4] | [3, 4])
        || (matches!(n, 10 | 11) && lengths.iter().all(|n| *n <= 4))
}

/// Groups in which Korean banks write accounts.
fn is_account(digits: &str, lengths: &[usize]) -> bool {
    (10..=14).contains(&digits.len())
        && matches!(lengths, [3, 3, 6] | [6, 2, 6] | [4, 2, 7] | [3, 4, 4, 2] | [3, 6, 5] | [3, 2, 6] | [3, 6, 2, 3])
}

/// Whether a number is an amount of money: a sign before it, or a currency behind it. A group behind a hyphen is not.
pub(super) fn is_amount(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].trim_end();
    let rest = text[range.end..].chars().take(LONGEST_CURRENCY).collect::<String>().to_lowercase();
    let has_currency = CURRENCIES.iter().any(|name| starts_with_currency(&rest, name));
    before.ends_with(AMOUNT_SIGNS) || has_currency && !before.ends_with('-')
}

/// Whether a text starts with a currency, and not with another word: `만 원`, but not `만나요` or `won't`.
fn starts_with_currency(text: &str, name: &str) -> bool {
    let is_attached = !text.starts_with(char::is_whitespace);
    let Some(tail) = text.trim_start().strip_prefix(name) else { return false };
    if name.is_ascii() {
        let tail = tail.strip_prefix('s').unwrap_or(tail);
        return !tail.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '\'' | '’'));
    }
    let is_word = !tail.starts_with(char::is_alphanumeric);
    is_attached || is_word || AFTER_CURRENCY.iter().any(|suffix| tail.starts_with(suffix))
}

/// A date of this or the last century, in one group or in year, month and day, perhaps with a time.
fn is_date(run: &Run) -> bool {
    let number = |index: usize| run.groups[index].parse::<u32>().unwrap_or_default();
    let digits = run.digits();
    match run.lengths().as_slice() {
        [8] | [8, 6] => is_year(&digits) && is_month_and_day(&digits[4..8]),
        [4, 1..=2, 1..=2] | [4, 1..=2, 1..=2, 1..=2] | [4, 1..=2, 1..=2, 1..=2, 1..=2] => {
            is_year(&digits) && (1..=12).contains(&number(1)) && (1..=31).contains(&number(2))
        }
        _ => false,
    }
}

fn is_years(run: &Run) -> bool {
    run.groups.iter().all(|group| group.len() == 4 && is_year(group))
}

fn is_year(digits: &str) -> bool {
    digits.starts_with("19") || digits.starts_with("20")
}

/// Counting aloud: each number is one more than the one before.
fn is_count(run: &Run) -> bool {
    let numbers: Vec<u32> = run.groups.iter().filter_map(|group| group.parse().ok()).collect();
    numbers.len() > 2
        && numbers.len() == run.groups.len()
        && numbers.windows(2).all(|pair| pair[1].checked_sub(1) == Some(pair[0]))
}

fn is_month_and_day(digits: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    (1..=12).contains(&number(&digits[..2])) && (1..=31).contains(&number(&digits[2..4]))
}
