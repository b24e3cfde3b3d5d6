use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

/// Contact, number and time of a stem.
type Claims = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn parse(parser: &NameParser, name: &str) -> NamedRecording {
    parser.parse(Path::new(&format!("/calls/{name}.m4a")))
}

fn check(parser: &NameParser, name: &str, (contact, number, at): Claims) {
    let named = parse(parser, name);
    let found = (named.contact.as_deref(), named.number.as_deref(), named.recorded_at.as_deref());
    assert_eq!(found, (contact, number, at), "{name}");
}

const AT: Option<&str> = Some("2024-01-31T14:25:30");

fn contact(name: &'static str) -> Claims {
    (Some(name), None, AT)
}

const fn number(number: &'static str) -> Claims {
    (None, Some(number), AT)
}

const fn both(contact: &'static str, number: &'static str) -> Claims {
    (Some(contact), Some(number), AT)
}

#[test]
fn names_of_known_recorders_give_contact_number_and_time() {
    let cases: &[(&str, Claims)] = &[
        // Samsung.
        ("통화 녹음 홍길동_240131_142530", contact("홍길동")),
        ("통화 녹음 010-1234-5678_240131_142530", number("010-1234-5678")),
        ("통화 녹음 +821012345678_240131_142530", number("+821012345678")),
        ("통화 녹음 발신번호표시제한_240131_142530", number("발신번호표시제한")),
        ("Call recording John Smith_240131_142530", contact("John Smith")),
        ("Call recording +82 10-1234-5678_240131_142530", number("+82 10-1234-5678")),
        ("홍길동_240131_142530", contact("홍길동")),
        ("01012345678-20240131-142530", number("01012345678")),
        ("010-1234-5678-20240131-142530", number("010-1234-5678")),
        ("114_240131_142530", number("114")),
        // SKT A.
        ("01012345678_20240131142530", number("01012345678")),
        ("홍길동_01012345678_20240131142530", both("홍길동", "01012345678")),
        ("홍 길동 (회사)_010-1234-5678_20240131142530", both("홍 길동 (회사)", "010-1234-5678")),
        // LG U+ ixi-O.
        ("01012345678_20240131142530123", (None, Some("01012345678"), Some("2024-01-31T14:25:30.123"))),
        // T phone.
        ("[T전화통화녹음]_홍길동_20240131_142530", contact("홍길동")),
        ("[T전화통화녹음]_01012345678_20240131142530", number("01012345678")),
        ("[T전화통화녹음]_홍길동_20240131", (Some("홍길동"), None, Some("2024-01-31"))),
        // Xiaomi, Huawei.
        ("CallRecord_01012345678_20240131142530", number("01012345678")),
        ("Mom(01012345678)_20240131142530", both("Mom", "01012345678")),
        ("Mom@+821012345678_20240131142530", both("Mom", "+821012345678")),
        ("010-1234-5678(홍길동)_20240131142530", both("홍길동", "010-1234-5678")),
        // BCR, Cube ACR, ACR Phone, voice memos of an iPhone.
        (
            "20240131_142530.088+0900_out_+821012345678_John Doe_",
            (Some("John Doe"), Some("+821012345678"), Some("2024-01-31T14:25:30.088")),
        ),
        ("20240131_142530-0400_in_sim1_01012345678", number("01012345678")),
        ("20240131T142530Z_홍길동", contact("홍길동")),
        ("phone_20240131-142530_홍길동", contact("홍길동")),
        ("2024-01-31 14-25-30 (phone) Mom (+821012345678) ↗", both("Mom", "+821012345678")),
        ("2024-01-31 14-25-30 홍길동", contact("홍길동")),
        ("홍길동_2024-01-31_14-25-30", contact("홍길동")),
        ("20240131 142530", (None, None, AT)),
        // What the program has always read.
        ("a_b_20240131_142530", contact("a_b")),
        ("_240131_142530", (None, None, AT)),
    ];
    for (name, claims) in cases {
        check(&NameParser::default(), name, *claims);
    }
}

#[test]
fn contacts_may_hold_any_characters() {
    let cases: &[(&str, Claims)] = &[
        ("김 민수 A.B. [회사]_240131_142530", contact("김 민수 A.B. [회사]")),
        ("엄마❤️_240131_142530", contact("엄마❤️")),
        ("홍_길_동_240131_142530", contact("홍_길_동")),
        ("홍길동 2024.01.01_240131_142530", contact("홍길동 2024.01.01")),
        ("홍길동_20240101_240131_142530", contact("홍길동_20240101")),
        ("홍길동(1)_240131_142530", contact("홍길동(1)")),
        ("Call Center_240131_142530", contact("Call Center")),
        ("Check in_240131_142530", contact("Check in")),
        ("3호선 12_240131_142530", contact("3호선 12")),
        ("12_240131_142530", contact("12")),
        ("A-240101_240131_142530", contact("A-240101")),
    ];
    for (name, claims) in cases {
        check(&NameParser::default(), name, *claims);
    }
}

#[test]
fn copies_and_decomposed_names_give_the_same_claims() {
    let copies = [
        "(1)",
        " (12)",
        " - 복사본",
        " - 복사본 (2)",
        " 복사본",
        " 복사본 2",
        " copy",
        " copy 3",
        " - Copy (2)",
        "_1",
        "-2",
    ];
    for copy in copies {
        check(&NameParser::default(), &format!("통화 녹음 홍길동_240131_142530{copy}"), contact("홍길동"));
    }
    let decomposed: String = "통화 녹음 홍길동 é_240131_142530 - 복사본".nfd().collect();
    assert!(decomposed.chars().count() > 30, "the name is decomposed");
    check(&NameParser::default(), &decomposed, contact("홍길동 é"));
}

#[test]
fn names_without_a_valid_time_say_nothing() {
    let names = [
        "call",
        "홍길동",
        "",
        "01012345678",
        "홍길동_01012345678",
        "call_241105",
        "call_241399_093012",
        "홍길동_240231_142530",
        "홍길동_240131_252530",
        "홍길동_240131_146030",
        "홍길동_20240231142530",
        "01012345678_20241331142530",
        "x_1240131_142530",
        "x_240131_1425301",
        "x240131_142530",
        "x_24é105_093012",
        "IMG_123456_123456",
        "x_99991231_142530",
        "x_20240131",
        "홍길동_20240131_",
        "(1)",
        " - 복사본",
    ];
    for name in names {
        assert_eq!(parse(&NameParser::default(), name), NamedRecording::default(), "{name}");
    }
}

#[test]
fn direction_is_read_where_a_recorder_states_it() {
    let cases = [
        ("20240131_142530_out_01012345678", Some(Direction::Outgoing)),
        ("20240131_142530_in_01012345678", Some(Direction::Incoming)),
        ("홍길동_수신_240131_142530", Some(Direction::Incoming)),
        ("[발신] 홍길동_240131_142530", Some(Direction::Outgoing)),
        ("홍길동_240131_142530_incoming", Some(Direction::Incoming)),
        ("2024-01-31 14-25-30 (phone) 홍길동 ↙", Some(Direction::Incoming)),
        ("발신번호표시제한_240131_142530", None),
        ("홍길동_240131_142530", None),
    ];
    for (name, direction) in cases {
        let named = parse(&NameParser::default(), name);
        assert_eq!((named.direction, named.recorded_at.as_deref()), (direction, AT), "{name}");
        assert!(named.contact.is_none_or(|contact| contact == "홍길동"), "{name}");
    }
}

#[test]
fn years_are_of_this_century_and_dates_of_the_calendar() {
    check(&NameParser::default(), "a_240229_000000", (Some("a"), None, Some("2024-02-29T00:00:00")));
    check(&NameParser::default(), "a_990101_235959", (Some("a"), None, Some("2099-01-01T23:59:59")));
    check(&NameParser::default(), "a_230229_000000", (None, None, None));
}

#[test]
fn name_in_cp949_is_read_and_marked_as_a_guess() {
    let read = |bytes: &[u8]| NameParser::default().parse(Path::new(OsStr::from_bytes(bytes)));
    let named = read(b"\xC5\xEB\xC8\xAD \xB3\xEC\xC0\xBD \xC8\xAB\xB1\xE6\xB5\xBF_240131_142530.m4a");
    assert_eq!((named.contact.as_deref(), named.recorded_at.as_deref()), (Some("홍길동"), AT));
    assert_eq!(named.encoding, Some("cp949"));
    let broken = read(b"\xFF\xFF_240131_142530.m4a");
    assert_eq!((broken.encoding, broken.recorded_at.as_deref()), (None, AT));
    assert_eq!(read("홍길동_240131_142530.m4a".as_bytes()).encoding, None);
}

#[test]
fn patterns_of_the_user_come_first_and_match_the_whole_name() {
    let parser = |patterns: &[&str]| NameParser::new(&patterns.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let of = parser(&[
        "{*} [{number}] {contact} {DD}.{MM}.{YYYY} {hh}h{mm}",
        "{YY}{MM}{DD} {direction} {contact}",
        "{{{contact}}}",
    ])
    .unwrap();
    let at = Some("2024-01-31T14:25:00");
    check(&of, "rec 7 [010-1234-5678] 홍 길동 31.01.2024 14h25", (Some("홍 길동"), Some("010-1234-5678"), at));
    check(&of, "240131 수신 홍길동", (Some("홍길동"), None, Some("2024-01-31")));
    assert_eq!(parse(&of, "240131 수신 홍길동").direction, Some(Direction::Incoming));
    check(&of, "{홍길동}", (Some("홍길동"), None, None));
    check(&of, "{홍길동} (1)", (Some("홍길동"), None, None));
    check(&of, "rec 7 [010-1234-5678] 홍길동 31.02.2024 14h25", (None, None, None));
    check(&of, "홍길동_240131_142530", contact("홍길동"));
}

#[test]
fn patterns_that_are_invalid_are_refused_with_the_reason() {
    let cases = [
        ("{name}", "{name} is not one of {contact}, {number}"),
        ("{contact", "a `{` has no `}`"),
        ("contact}", "a `}` has no `{`"),
        ("call", "neither {contact} nor {number} nor a date"),
        ("{contact}{number}", "need text between them"),
        ("{contact} {contact}", "{contact} occurs twice"),
        ("{YYYY}{YY}{MM}{DD}", "both years"),
        ("{YYYY}{DD}", "a date needs a year"),
        ("{contact} {hh}{mm}", "a time needs"),
        ("{YY}{MM}{DD}{hh}{mm}{ms}", "{ms} needs {ss}"),
    ];
    for (pattern, reason) in cases {
        let error = NameParser::new(&[pattern.to_owned()]).unwrap_err().to_string();
        assert!(error.contains(pattern) && error.contains(reason), "{error}");
    }
}

#[test]
fn pattern_on_a_long_name_ends_quickly() {
    let parser = NameParser::new(&["{*}_{contact}_{number}_x".to_owned()]).unwrap();
    let name = "1_".repeat(120);
    let began = std::time::Instant::now();
    assert_eq!(parse(&parser, &name), NamedRecording::default());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
