//! Numbers in Korean: Sino-Korean (일, 이, 삼), and native (하나, 둘, 셋) for counting things, hours or people.

use super::tokens::{Number, Token, kind};
use super::{distinct, one_by_one};

const DIGITS: [&str; 10] = ["영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
const DIGITS_WITH_GONG: [&str; 10] = ["공", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
/// Native ones and tens without a counter.
const ONES: [&str; 10] = ["", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉"];
const TENS: [&str; 10] = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"];
/// Native ones before a counter.
const COUNTING_ONES: [&str; 10] = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"];
/// Counters of native numbers. Of two with a common prefix, the longer comes first.
const COUNTERS: [&str; 36] = [
    "시간", "시", "명", "살", "개월", "개", "번째", "번", "마리", "사람", "잔", "병", "권", "대", "장", "달", "가지",
    "군데", "채", "켤레", "쌍", "그루", "송이", "통", "벌", "척", "자루", "끼", "줄", "곳", "배", "판", "건", "봉지",
    "마디", "시쯤",
];
/// Counters that take only Sino-Korean numbers.
const SINO_COUNTERS: [&str; 24] = [
    "년",
    "월",
    "일",
    "원",
    "초",
    "층",
    "호",
    "도",
    "킬로",
    "미터",
    "센티",
    "그램",
    "퍼센트",
    "프로",
    "달러",
    "유로",
    "만",
    "억",
    "천",
    "백",
    "동",
    "회",
    "주",
    "개월",
];

/// Variants of one part of a word; `counted` is the next word.
pub(super) fn read(tokens: &[Token<'_>], at: usize, counted: &str) -> Vec<String> {
    let before = at.checked_sub(1).map(|before| tokens[before].clone());
    let next = tokens.get(at + 1).cloned();
    match &tokens[at] {
        Token::Text(text) => vec![(*text).to_owned()],
        Token::Sign('%') => vec!["퍼센트".to_owned(), "프로".to_owned()],
        Token::Sign('&') => vec!["앤드".to_owned(), "앤".to_owned()],
        // The currency is spoken after the number that it precedes.
        Token::Sign(_) if matches!(next, Some(Token::Number(_))) => vec![String::new()],
        Token::Sign(sign) => vec![currency(*sign).to_owned()],
        Token::Number(number) => match (before, next) {
            (Some(Token::Sign(sign)), _) if sign != '&' && sign != '%' => {
                amount(number, "원").iter().map(|amount| format!("{amount}{}", currency(sign))).collect()
            }
            (_, Some(Token::Text(unit))) => amount(number, unit),
            (_, Some(Token::Sign(_))) => amount(number, "퍼센트"),
            (_, Some(Token::Number(_))) => amount(number, ""),
            (_, None) => amount_of_word(number, counted),
        },
    }
}

const fn currency(sign: char) -> &'static str {
    match sign {
        '$' => "달러",
        '₩' => "원",
        '€' => "유로",
        '£' => "파운드",
        _ => "",
    }
}

/// Variants of a number at the end of its word. The next word may be its counter.
fn amount_of_word(number: &str, counted: &str) -> Vec<String> {
    match (kind(number), counter(counted)) {
        (Number::Whole(digits), Some(_)) if native(&digits, &ONES, "스물").is_some() => {
            let mut variants = amount(number, counted);
            variants.extend(native(&digits, &ONES, "스물"));
            variants.dedup();
            variants
        }
        (_, Some(_)) => amount(number, counted),
        _ if SINO_COUNTERS.iter().any(|sino| counted.starts_with(sino)) => amount(number, counted),
        _ => amount(number, ""),
    }
}

/// Variants of a number before its unit.
fn amount(number: &str, unit: &str) -> Vec<String> {
    match kind(number) {
        Number::Whole(digits) if number.contains(',') => vec![sino(&digits)],
        Number::Whole(digits) => whole(&digits, unit),
        Number::Decimal(whole, behind) => {
            ["점", "쩜"].map(|point| format!("{}{point}{}", sino(&whole), one_by_one(behind, &DIGITS, ""))).to_vec()
        }
        Number::Clock(hours, minutes) => {
            let minutes = if minutes == "00" { String::new() } else { format!("{}분", sino(minutes)) };
            whole(hours.trim_start_matches('0'), "시").iter().map(|hours| format!("{hours}시{minutes}")).collect()
        }
        Number::Groups(groups) => {
            let ways = [(DIGITS_WITH_GONG, ""), (DIGITS, ""), (DIGITS_WITH_GONG, "에"), (DIGITS_WITH_GONG, "다시")];
            let read = |(names, between): ([&str; 10], &str)| {
                groups.iter().map(|group| one_by_one(group, &names, "")).collect::<Vec<_>>().join(between)
            };
            distinct(ways.map(read))
        }
    }
}

fn whole(digits: &str, unit: &str) -> Vec<String> {
    let sino = sino(digits);
    let counting = native(digits, &COUNTING_ONES, "스무");
    match (digits, counting) {
        ("0" | "", _) => vec!["영".to_owned(), "공".to_owned()],
        ("6", _) if unit.starts_with('월') => vec!["유".to_owned(), sino],
        ("10", _) if unit.starts_with('월') => vec!["시".to_owned(), sino],
        (_, Some(counting)) if unit.starts_with('분') => vec![sino, counting],
        (_, Some(counting)) if counter(unit).is_some_and(|counter| counter != "시" || hours(digits)) => {
            vec![counting, sino]
        }
        _ if counter(unit).is_some() || SINO_COUNTERS.iter().any(|counter| unit.starts_with(counter)) => vec![sino],
        (_, Some(counting)) => distinct([sino, native(digits, &ONES, "스물").unwrap_or_default(), counting]),
        _ => distinct([sino, one_by_one(digits, &DIGITS, ""), one_by_one(digits, &DIGITS_WITH_GONG, "")]),
    }
}

fn hours(digits: &str) -> bool {
    digits.parse().is_ok_and(|hours: u32| hours <= 12)
}

/// The counter of native numbers that a word begins with, if any.
fn counter(word: &str) -> Option<&'static str> {
    COUNTERS.into_iter().find(|counter| word.starts_with(counter)).filter(|counter| *counter != "개월")
}

/// A native number from 1 to 99; `twenty` is the form of exactly 20.
fn native(digits: &str, ones: &[&str; 10], twenty: &str) -> Option<String> {
    let number: usize = digits.parse().ok().filter(|number| (1..100).contains(number))?;
    Some(if number == 20 { twenty.to_owned() } else { format!("{}{}", TENS[number / 10], ones[number % 10]) })
}

/// A Sino-Korean number. Numbers that are too long for a name are spoken digit by digit.
fn sino(digits: &str) -> String {
    const GROUPS: [&str; 5] = ["", "만", "억", "조", "경"];
    let Ok(number) = digits.parse::<u64>() else { return one_by_one(digits, &DIGITS, "") };
    if number == 0 {
        return "영".to_owned();
    }
    let group = |at: usize| (number / 10_000u64.pow(at as u32) % 10_000) as usize;
    (0..GROUPS.len())
        .rev()
        .filter(|at| group(*at) > 0)
        // 10,000 is 만, while 100,000,000 is 일억.
        .map(|at| if at == 1 && number < 20_000 { thousands(group(at), true) } else { thousands(group(at), false) } + GROUPS[at])
        .collect()
}

/// A number below 10,000; `silent` makes the name of 1 empty.
fn thousands(number: usize, silent: bool) -> String {
    let place = |(power, name): (usize, &str)| match (number / power % 10, name) {
        (0, _) => String::new(),
        (1, "") if silent && number == 1 => String::new(),
        (1, name) if !name.is_empty() => name.to_owned(),
        (digit, name) => format!("{}{name}", DIGITS[digit]),
    };
    [(1000, "천"), (100, "백"), (10, "십"), (1, "")].map(place).concat()
}
