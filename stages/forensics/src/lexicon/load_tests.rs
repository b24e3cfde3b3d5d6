//! Tests of lexicon files: what is refused, and how the refusal reads.

use super::*;
use crate::LexiconSource;

fn load(rules: &str) -> Result<Lexicons, ForensicsError> {
    let text = format!("language = \"en\"\n[negation]\ninside = [\"not\"]\n{rules}");
    let lexicons = vec![LexiconSource { name: "mine.toml".to_owned(), text }];
    Lexicons::load(&ForensicsConfig { lexicons, ..ForensicsConfig::default() })
}

fn rule(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("id", r#""mine.boat""#),
        ("category", r#""threat""#),
        ("subcategory", r#""veiled""#),
        ("severity", "0.5"),
        ("patterns", r#"["sink your boat"]"#),
        ("matches", r#"["I may sink your boat"]"#),
        ("rejects", r#"["sink your boats"]"#),
    ];
    for (field, value) in changes {
        fields.retain(|(name, _)| name != field);
        fields.push((field, value));
    }
    let lines: Vec<String> = fields.iter().map(|(field, value)| format!("{field} = {value}")).collect();
    format!("[[rule]]\n{}\n", lines.join("\n"))
}

fn refusal(changes: &[(&str, &str)]) -> String {
    load(&rule(changes)).unwrap_err().to_string()
}

#[test]
fn lexicons_of_the_project_pass_their_own_examples() {
    let lexicons = Lexicons::load(&ForensicsConfig { deception: true, ..ForensicsConfig::default() }).unwrap();
    assert!(lexicons.cover("en") && lexicons.cover("ko") && !lexicons.cover("ja"));
}

#[test]
fn lexicon_of_the_caller_is_loaded_and_enters_the_hashes() {
    let own = load(&rule(&[])).unwrap();
    assert_eq!(own.sha256().len(), BUILT_IN.len() + 1);
    let other = load(&rule(&[("severity", "0.6")])).unwrap();
    assert_ne!(own.sha256(), other.sha256());
}

#[test]
fn example_that_does_not_match_refuses_the_lexicon_by_name() {
    let message = refusal(&[("matches", r#"["I may sink your ship"]"#)]);
    for part in ["mine.toml", "mine.boat", "I may sink your ship", "must match"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn example_that_must_not_match_refuses_the_lexicon() {
    let message = refusal(&[("rejects", r#"["they sink your boat"]"#)]);
    assert!(message.contains("they sink your boat") && message.contains("must not match"), "{message}");
}

#[test]
fn example_that_is_negated_does_not_count_as_matching() {
    assert!(refusal(&[("matches", r#"["sink not your boat"]"#)]).contains("must match"));
}

#[test]
fn rules_that_are_invalid_are_refused_with_a_reason() {
    assert!(refusal(&[("severity", "1.5")]).contains("severity"));
    assert!(refusal(&[("rejects", "[]")]).contains("rejects"));
    assert!(refusal(&[("patterns", r#"["sink (your boat"]"#)]).contains("sink (your boat"));
    assert!(refusal(&[("category", r#""weather""#)]).contains("weather"));
    assert!(refusal(&[("colour", "1")]).contains("colour"));
    assert!(refusal(&[("id", r#""en.threat.kill""#)]).contains("another rule has this id"));
}
