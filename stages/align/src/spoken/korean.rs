//! Numbers as Korean speaks them: Sino-Korean, and native before hours and most counters.

use super::{Numerals, digits_of};

const SINO: [&str; 10] = ["영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
const PLACES: [&str; 4] = ["", "십", "백", "천"];
const MYRIADS: [&str; 4] = ["", "만", "억", "조"];
/// Native numbers as they stand before a counter.
const NATIVE: [&str; 10] = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"];
const NATIVE_TENS: [&str; 10] = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"];
/// What is counted with native numbers.
const COUNTERS: [&str; 32] = [
    "시간", "시", "명", "개", "살", "마리", "잔", "병", "장", "권", "대", "달", "가지", "군데", "사람", "곳", "쌍",
    "켤레", "벌", "그루", "송이", "통", "채", "판", "그릇", "갑", "자루", "모금", "끼", "척", "칸", "줄",
];
/// What begins like a counter and takes Sino-Korean numbers.
const NO_COUNTERS: [&str; 2] = ["달러", "개월"];
/// What is counted in either way.
const EITHER: [&str; 4] = ["번", "분", "배", "차례"];
/// Larger numbers are read digit by digit.
const LONGEST_NUMBER: usize = 16;

pub(super) struct Korean;

impl Numerals for Korean {
    fn number(&self, number: &str, after: &str) -> Vec<String> {
        let (whole, fraction) = digits_of(number);
        if let Some(fraction) = fraction {
            return vec![format!("{} 점 {}", sino(&whole), one_by_one(fraction, "영"))];
        }
        if !number.contains(',') && (whole.len() > LONGEST_NUMBER || (whole.len() > 1 && whole.starts_with('0'))) {
            return self.digits(&[&whole]);
        }
        let mut ways = vec![sino(&whole)];
        match (after.starts_with('월'), whole.as_str()) {
            (true, "6") => return vec!["유".to_owned()],
            (true, "10") => return vec!["시".to_owned()],
            _ => {}
        }
        let starts = |counters: &[&str]| counters.iter().any(|counter| after.starts_with(counter));
        if let Some(native) = native(&whole) {
            if starts(&EITHER) || after.is_empty() {
                ways.push(native);
            } else if starts(&COUNTERS) && !starts(&NO_COUNTERS) {
                ways.insert(0, native);
            }
        }
        if whole.len() > 1 && !number.contains(',') {
            ways.push(one_by_one(&whole, "공"));
        }
        ways
    }

    fn clock(&self, hour: u64, minute: u64) -> Vec<String> {
        let hour_text = hour.to_string();
        let hours = native(&hour_text).filter(|_| (1..=12).contains(&hour)).unwrap_or_else(|| sino(&hour_text));
        let minutes = sino(&minute.to_string());
        match minute {
            0 => vec![format!("{hours} 시"), format!("{hours} 시 정각")],
            30 => vec![format!("{hours} 시 삼십 분"), format!("{hours} 시 반")],
            _ => vec![format!("{hours} 시 {minutes} 분")],
        }
    }

    fn amount(&self, sign: char, number: &str, after: &str) -> Vec<String> {
        let unit = match sign {
            '£' => "파운드",
            '€' => "유로",
            '¥' => "엔",
            '₩' => "원",
            _ => "달러",
        };
        self.number(number, unit).into_iter().map(|said| format!("{said}{} {unit}", myriad(after))).collect()
    }

    fn digits(&self, groups: &[&str]) -> Vec<String> {
        let say = |zero: &str, between: &str| {
            groups.iter().map(|group| one_by_one(group, zero)).collect::<Vec<_>>().join(between)
        };
        vec![say("공", " "), say("공", "에 "), say("영", " ")]
    }

    fn sign(&self, sign: &str) -> Option<Vec<String>> {
        let ways: &[&str] = match sign {
            "%" => &["퍼센트", "프로"],
            "#" => &["번호", "샵"],
            "&" => &["앤드", "그리고"],
            "@" => &["골뱅이"],
            "+" => &["플러스", "더하기"],
            "=" => &["는"],
            "-" => &["에서", "", "다시"],
            "~" => &["에서", "부터"],
            "/" => &["", "분의"],
            "km" => &["킬로미터", "킬로"],
            "kg" => &["킬로그램", "킬로"],
            "cm" => &["센티미터", "센티"],
            "mm" => &["밀리미터", "밀리"],
            "m" => &["미터"],
            "g" => &["그램"],
            "L" | "l" => &["리터"],
            _ => return None,
        };
        Some(ways.iter().map(|way| (*way).to_owned()).collect())
    }
}

/// 만, 억 or 조 where the text begins with it.
fn myriad(text: &str) -> &str {
    MYRIADS[1..].iter().find(|name| text.starts_with(*name)).copied().unwrap_or_default()
}

fn one_by_one(digits: &str, zero: &str) -> String {
    digits.bytes().map(|byte| if byte == b'0' { zero } else { SINO[usize::from(byte - b'0')] }).collect()
}

/// A Sino-Korean number. One is left out before 십, 백, 천, and before 만 where it stands first.
fn sino(digits: &str) -> String {
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return SINO[0].to_owned();
    }
    if significant.len() > LONGEST_NUMBER {
        return one_by_one(digits, "공");
    }
    let groups: Vec<&str> =
        significant.as_bytes().rchunks(4).map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    let said: String = groups
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(at, group)| {
            let below = below_10_000(group);
            let name = MYRIADS[at];
            (!below.is_empty()).then(|| if below == "일" && name == "만" { name.to_owned() } else { below + name })
        })
        .collect();
    said
}

fn below_10_000(digits: &str) -> String {
    let length = digits.len();
    let place = |(at, byte): (usize, u8)| {
        let (digit, place) = (usize::from(byte - b'0'), PLACES[length - 1 - at]);
        match digit {
            0 => String::new(),
            1 if !place.is_empty() => place.to_owned(),
            _ => format!("{}{place}", SINO[digit]),
        }
    };
    digits.bytes().enumerate().map(place).collect()
}

/// A native number from 1 to 99 as it stands before a counter.
fn native(digits: &str) -> Option<String> {
    let number: usize = digits.parse().ok().filter(|number| (1..100).contains(number))?;
    Some(if number == 20 {
        "스무".to_owned()
    } else {
        format!("{}{}", NATIVE_TENS[number / 10], NATIVE[number % 10])
    })
}
