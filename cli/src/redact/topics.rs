//! What a text around a number says about it.

/// What a number is about, according to words near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Identity,
    Card,
    Account,
    Phone,
    /// Something that everybody may know: a case, a product, a bus.
    Public,
}

/// Words of each topic, in lower case, separated by `|`.
const TOPICS: [(Topic, &str); 5] = [
    (
        Topic::Identity,
        "주민|생년월일|등록번호|등록 번호|여권|면허|사업자|법인|보험증|social|ssn|passport|licen|\
         insurance|tax id|registration|resident|ni number",
    ),
    (Topic::Card, "카드|cvc|cvv|유효기간|유효 기간|아멕스|비자|card|visa|amex|mastercard|expir|security code"),
    (
        Topic::Account,
        "계좌|통장|은행|뱅크|증권|금고|입금|송금|농협|신협|국민|신한|우체국|account|bank|routing|sort code|\
         iban|wire",
    ),
    (Topic::Phone, "전화|핸드폰|휴대폰|연락처|팩스|문자|내선|phone|mobile|call|cell|text|dial|fax|reach"),
    (
        Topic::Public,
        "사건|판결|선고|우편|제품|모델|버스|예약|주문|접수|열차|호증|case|exhibit|zip|room|reservation|order|\
         section|flight|version|page|route",
    ),
];
/// Words that announce a number, so that a short one is masked, too.
const CUES: &str = "번호|자리|생년월일|끝번|cvc|cvv|유효기간|유효 기간|계좌|통장|여권|면허|아멕스|number|digits|last four|\
     ending in|ends in|ending with|security code|sort code|social|ssn|routing|expir|account|iban|passport|\
     amex";

/// The topic of the last word about one before a number.
pub(super) fn topic_before(text: &str) -> Option<Topic> {
    places(text).into_iter().max_by_key(|(at, _)| *at).map(|(_, topic)| topic)
}

/// The topic of the first word about one behind a number.
pub(super) fn topic_after(text: &str) -> Option<Topic> {
    places(text).into_iter().min_by_key(|(at, _)| *at).map(|(_, topic)| topic)
}

/// Whether a text announces a number.
pub(super) fn has_cue(text: &str) -> bool {
    let text = text.to_lowercase();
    CUES.split('|').any(|cue| starts(&text, cue).next().is_some())
}

/// Where the words about topics are.
fn places(text: &str) -> Vec<(usize, Topic)> {
    let text = text.to_lowercase();
    let words = TOPICS.iter().flat_map(|(topic, words)| words.split('|').map(|word| (*topic, word)));
    words.flat_map(|(topic, word)| starts(&text, word).map(move |at| (at, topic)).collect::<Vec<_>>()).collect()
}

/// Where a word starts in a text. An English one starts at the start of the text or after a character that is not a letter.
fn starts<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_start = move |at: &usize| !word.is_ascii() || !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric());
    text.match_indices(word).map(|(at, _)| at).filter(is_start)
}
