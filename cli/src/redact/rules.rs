//! What a run of digits is.

use super::digits::Run;

/// Fewest digits of a number that no rule knows.
const FEWEST: usize = 7;
/// Words near which a number is one of an account.
const ACCOUNT_WORDS: [&str; 9] = ["계좌", "은행", "뱅크", "입금", "송금", "농협", "신협", "account", "bank"];
/// What follows an amount.
const CURRENCIES: [&str; 12] = ["원", "만", "억", "천", "달러", "불", "won", "dollar", "krw", "usd", "%", "퍼센트"];
/// What precedes an amount.
const AMOUNT_SIGNS: [char; 4] = ['$', '₩', '€', '£'];
/// Characters around a number that are searched for [`ACCOUNT_WORDS`].
const NEAR: usize = 12;

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
}

/// The rule that masks a run; `None` if it stays.
pub(super) fn rule_of(run: &Run, text: &str) -> Option<Rule> {
    let (digits, lengths) = (run.digits(), run.lengths());
    if digits.len() < FEWEST || is_amount(run, text) || is_date(run) || is_years(run) {
        return None;
    }
    let mut first = text[run.range.clone()].chars();
    let is_passport =
        first.next().is_some_and(|c| c.is_ascii_alphabetic()) && first.next().is_some_and(char::is_numeric);
    Some(match () {
        () if is_resident(&digits) || is_passport || is_identity(&lengths) => Rule::Identity,
        () if is_card(&digits, &lengths) => Rule::Card,
        () if is_phone(&digits, &lengths, text[run.range.clone()].starts_with('+')) => Rule::Phone,
        () if is_near(run, text, &ACCOUNT_WORDS) || is_account(&digits, &lengths) => Rule::Account,
        () => Rule::Other,
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

/// A payment card: the check digit of Luhn, in the groups of cards or in one.
fn is_card(digits: &str, lengths: &[usize]) -> bool {
    let has_groups =
        matches!(lengths, [_] | [4, 4, 4, 4] | [4, 6, 5] | [4, 4, 4, 4, _]) || lengths.iter().all(|n| *n == 1);
    let value = |(index, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0') << (index % 2);
        if digit > 9 { digit - 9 } else { digit }
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(value).sum();
    (14..=19).contains(&digits.len()) && has_groups && sum.is_multiple_of(10)
}

/// Korean and international phone numbers.
fn is_phone(digits: &str, lengths: &[usize], has_plus: bool) -> bool {
    let national = ["0082", "82"].iter().find_map(|code| digits.strip_prefix(code)).filter(|rest| rest.len() >= 8);
    let is_national = |digits: &str| {
        let n = digits.len();
        match digits.as_bytes() {
            [b'0', b'1', ..] => (10..=11).contains(&n),
            [b'0', b'2', ..] => (9..=10).contains(&n),
            [b'0', b'3'..=b'7', ..] => (10..=12).contains(&n),
            [b'1', b'5' | b'6' | b'8', ..] => n == 8 && lengths != [8],
            _ => false,
        }
    };
    let with_zero = national.map(|rest| format!("0{}", rest.trim_start_matches('0')));
    has_plus
        || is_national(digits)
        || with_zero.is_some_and(|digits| is_national(&digits))
        || matches!(lengths, [3, 3, 4] | [1, 3, 3, 4] | [3, 4])
        || (digits.len() == 10 && lengths.iter().all(|n| *n == 1))
}

/// Groups in which Korean banks write accounts.
fn is_account(digits: &str, lengths: &[usize]) -> bool {
    (10..=14).contains(&digits.len())
        && matches!(lengths, [3, 3, 6] | [6, 2, 6] | [4, 2, 7] | [3, 4, 4, 2] | [3, 6, 5] | [3, 2, 6] | [3, 6, 2, 3])
}

/// An amount of money, or a number in groups of thousands.
fn is_amount(run: &Run, text: &str) -> bool {
    let after = text[run.range.end..].trim_start().to_lowercase();
    let before = text[..run.range.start].trim_end();
    let is_thousands =
        run.has_commas && run.groups[0].len() <= 3 && run.groups[1..].iter().all(|group| group.len() == 3);
    CURRENCIES.iter().any(|name| after.starts_with(name)) || before.ends_with(AMOUNT_SIGNS) || is_thousands
}

/// A date of this or the last century, in one group or in year, month and day, perhaps with a time.
fn is_date(run: &Run) -> bool {
    let digits = run.digits();
    let is_day = |digits: &str| is_year(&digits[..4]) && is_month_and_day(&digits[4..8]);
    match run.lengths().as_slice() {
        [8] | [4, 2, 2] => is_day(&digits),
        [4, 2, 2, 2, 2] | [4, 2, 2, 2] | [8, 6] => digits.len() >= 8 && is_day(&digits[..8]),
        _ => false,
    }
}

fn is_years(run: &Run) -> bool {
    run.groups.iter().all(|group| group.len() == 4 && is_year(group))
}

fn is_year(digits: &str) -> bool {
    digits.starts_with("19") || digits.starts_with("20")
}

fn is_month_and_day(digits: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    (1..=12).contains(&number(&digits[..2])) && (1..=31).contains(&number(&digits[2..4]))
}

/// Whether a word is near a run.
fn is_near(run: &Run, text: &str, words: &[&str]) -> bool {
    let before: String =
        text[..run.range.start].chars().rev().take(NEAR).collect::<Vec<_>>().into_iter().rev().collect();
    let after: String = text[run.range.end..].chars().take(NEAR).collect();
    let around = format!("{before} {after}").to_lowercase();
    words.iter().any(|word| around.contains(word))
}
