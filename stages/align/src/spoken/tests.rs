//! What is spoken for what is written.

use super::*;

fn check(language: &str, cases: &[(&str, &str, &[&str])]) {
    for (written, next, spoken) in cases {
        assert_eq!(&readings(written, Some(next), language), spoken, "{written} {next}");
    }
}

#[test]
fn words_without_numbers_are_spoken_as_they_are_written() {
    check("en", &[("hello,", "", &["hello,"]), ("don't", "", &["don't"])]);
    check("ko", &[("여보세요", "", &["여보세요"]), ("\"네\"", "", &["\"네\""])]);
    check("ja", &[("3時", "", &["3時"])]);
}

#[test]
fn english_numbers() {
    check(
        "en",
        &[
            ("7", "", &["seven"]),
            ("15", "", &["fifteen", "one five"]),
            ("112", "", &["one hundred twelve", "one hundred and twelve", "one one two"]),
            ("3,500", "", &["three thousand five hundred", "thirty five hundred"]),
            (
                "1,234,567.",
                "",
                &[
                    "one million two hundred thirty four thousand five hundred sixty seven",
                    "one million two hundred and thirty four thousand five hundred and sixty seven",
                ],
            ),
            ("007", "", &["zero zero seven", "oh oh seven"]),
            ("3.14", "", &["three point one four"]),
            ("0.5", "", &["zero point five"]),
            ("0", "", &["zero"]),
        ],
    );
    let year = readings("2026", None, "en");
    assert_eq!(year[..2], ["twenty twenty six", "two thousand twenty six"]);
    assert_eq!(readings("1905", None, "en")[0], "nineteen oh five");
    assert_eq!(readings("90210", None, "en").last().unwrap(), "nine zero two one zero");
}

#[test]
fn english_times_amounts_and_signs() {
    check(
        "en",
        &[
            ("2:30", "", &["two thirty", "half past two"]),
            ("11:45,", "", &["eleven forty five", "quarter to twelve"]),
            ("12:45", "", &["twelve forty five", "quarter to one"]),
            ("9:05", "", &["nine oh five"]),
            ("4:00", "", &["four o'clock", "four", "four hundred"]),
            ("9:10pm", "", &["nine ten pm"]),
            ("$20", "", &["twenty dollars", "two zero dollars"]),
            ("$1", "", &["one dollar"]),
            ("£3.50", "", &["three pounds and fifty pence", "three pounds fifty pence", "three fifty"]),
            ("15%", "", &["fifteen percent", "one five percent"]),
            ("1st", "", &["first"]),
            ("22nd", "", &["twenty second"]),
            ("30th,", "", &["thirtieth"]),
            ("12th", "", &["twelfth"]),
            ("A4", "", &["A four"]),
            ("5-6", "", &["five to six", "five six", "five minus six"]),
            (
                "010-1234-5678",
                "",
                &[
                    "zero one zero one two three four five six seven eight",
                    "oh one oh one two three four five six seven eight",
                ],
            ),
            ("&", "", &["and"]),
        ],
    );
}

#[test]
fn korean_numbers_follow_what_is_counted() {
    check(
        "ko",
        &[
            ("3시", "", &["세 시", "삼 시"]),
            ("3", "시에", &["세", "삼"]),
            ("30분", "", &["삼십 분", "서른 분", "삼공 분"]),
            ("5명이", "", &["다섯 명이", "오 명이"]),
            ("3개월", "", &["삼 개월"]),
            ("20살", "", &["스무 살", "이십 살", "이공 살"]),
            ("21살", "", &["스물한 살", "이십일 살", "이일 살"]),
            ("1번", "", &["일 번", "한 번"]),
            ("6월", "", &["유 월"]),
            ("10월", "25일", &["시 월"]),
            ("12월", "", &["십이 월", "일이 월"]),
            ("2026년", "", &["이천이십육 년", "이공이육 년"]),
            ("3,500원", "", &["삼천오백 원"]),
            ("10,000원", "", &["만 원"]),
            ("3만5천원", "", &["삼 만 오 천원"]),
            ("112에", "", &["백십이 에", "일일이 에"]),
            ("100", "", &["백", "일공공"]),
            ("1억", "", &["일 억"]),
            ("110,000,000", "", &["일억천만"]),
            ("0.5", "", &["영 점 오"]),
            ("0", "", &["영"]),
        ],
    );
}

#[test]
fn korean_times_amounts_and_telephones() {
    check(
        "ko",
        &[
            ("2:30에", "", &["두 시 삼십 분에", "두 시 반에"]),
            ("2:30", "", &["두 시 삼십 분", "두 시 반"]),
            ("14:05", "", &["십사 시 오 분"]),
            ("9:00", "", &["아홉 시", "아홉 시 정각"]),
            ("$20", "", &["이십 달러", "이공 달러"]),
            ("₩300만", "", &["삼백만 원", "삼공공만 원"]),
            ("15%", "", &["십오 퍼센트", "일오 프로"]),
            (
                "010-1234-5678",
                "",
                &["공일공 일이삼사 오육칠팔", "공일공에 일이삼사에 오육칠팔", "영일영 일이삼사 오육칠팔"],
            ),
            ("5km", "", &["오 킬로미터", "오 킬로"]),
        ],
    );
}
