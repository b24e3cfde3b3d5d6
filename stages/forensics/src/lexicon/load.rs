//! Loads lexicon files. A lexicon is rejected if one of its examples fails.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use stage_core::{on_one_line, sha256_hex};

use super::cues::{Cue, CueTexts, Cues};
use super::pattern::{Pattern, Sets};
use super::token::tokens_of_text;
use super::{Lexicon, Rule, find};
use crate::config::DECEPTION;
use crate::{ForensicsConfig, ForensicsError, LexiconSource};

/// The built-in lexicons.
const BUILT_IN: [(&str, &str); 2] =
    [("en.toml", include_str!("../../lexicons/en.toml")), ("ko.toml", include_str!("../../lexicons/ko.toml"))];

/// All lexicons of one run.
#[derive(Debug)]
pub(crate) struct Lexicons(Vec<Lexicon>);

/// A lexicon file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    #[serde(default)]
    sets: BTreeMap<String, String>,
    #[serde(default)]
    negation: CueTexts,
    #[serde(default)]
    quotation: CueTexts,
    #[serde(rename = "rule")]
    rules: Vec<RuleTexts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTexts {
    id: String,
    category: String,
    subcategory: String,
    severity: f64,
    patterns: Vec<String>,
    #[serde(default)]
    unless: CueTexts,
    #[serde(default)]
    ignore_negation: bool,
    matches: Vec<String>,
    rejects: Vec<String>,
}

impl Lexicons {
    /// Loads the built-in lexicons and the caller's. Rules of deception are left out unless the settings enable them.
    ///
    /// # Errors
    /// The first problem found in one of them.
    pub(crate) fn load(config: &ForensicsConfig, additional: &[LexiconSource]) -> Result<Self, ForensicsError> {
        let callers = additional.iter().map(|source| (source.name.as_str(), source.text.as_str()));
        let mut ids = BTreeSet::new();
        let mut lexicons = Vec::new();
        for (name, text) in BUILT_IN.into_iter().chain(callers) {
            let mut lexicon = Lexicon::read(name, text)?;
            for rule in &lexicon.rules {
                check_place(name, rule, config, &mut ids)?;
            }
            lexicon.rules.retain(|rule| config.deception || rule.category != DECEPTION);
            lexicons.push(lexicon);
        }
        Ok(Self(lexicons))
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Lexicon> {
        self.0.iter()
    }

    /// SHA-256 of each lexicon in hex, in the order in which they are applied.
    pub(crate) fn sha256(&self) -> Vec<&str> {
        self.iter().map(|lexicon| lexicon.sha256.as_str()).collect()
    }

    /// Whether one of the lexicons covers this language.
    pub(crate) fn cover(&self, language: &str) -> bool {
        self.iter().any(|lexicon| lexicon.language == language)
    }
}

fn check_place(
    name: &str,
    rule: &Rule,
    config: &ForensicsConfig,
    ids: &mut BTreeSet<String>,
) -> Result<(), ForensicsError> {
    let (lexicon, id) = (name.to_owned(), rule.id.clone());
    if !ids.insert(id.clone()) {
        return Err(ForensicsError::DuplicateRule { lexicon, rule: id });
    }
    if config.scores.iter().any(|score| score.evidence.contains(&rule.category)) {
        return Ok(());
    }
    Err(ForensicsError::UnscoredCategory { lexicon, rule: id, category: rule.category.clone() })
}

impl Lexicon {
    /// Parses a file and checks every rule with its own examples.
    fn read(name: &str, text: &str) -> Result<Self, ForensicsError> {
        let file: File = toml::from_str(text).map_err(|error| ForensicsError::Syntax {
            lexicon: name.to_owned(),
            message: on_one_line(&error.to_string()),
        })?;
        let sets = read_sets(name, &file.sets)?;
        let cue = |part: &str, texts| {
            Cue::parse(texts, &sets).map_err(|(pattern, problem)| unreadable(name, part, pattern, problem))
        };
        let cues = Cues { negation: cue("negation", &file.negation)?, quotation: cue("quotation", &file.quotation)? };
        let rules = file.rules.iter().map(|texts| Rule::read(name, texts, &sets)).collect::<Result<_, _>>()?;
        let lexicon = Self { sha256: sha256_hex(text.as_bytes()), language: file.language, rules, cues };
        for (rule, texts) in lexicon.rules.iter().zip(&file.rules) {
            lexicon.verify(name, rule, texts)?;
        }
        Ok(lexicon)
    }

    fn verify(&self, name: &str, rule: &Rule, texts: &RuleTexts) -> Result<(), ForensicsError> {
        let counts = |example: &String| {
            find(self, rule, &tokens_of_text(example)).iter().any(|found| found.discounted.is_none())
        };
        let (lexicon, id) = (name.to_owned(), rule.id.clone());
        if let Some(example) = texts.matches.iter().find(|example| !counts(example)) {
            return Err(ForensicsError::ExampleMissed { lexicon, rule: id, example: example.clone() });
        }
        match texts.rejects.iter().find(|example| counts(example)) {
            Some(example) => Err(ForensicsError::ExampleMatched { lexicon, rule: id, example: example.clone() }),
            None => Ok(()),
        }
    }
}

impl Rule {
    fn read(name: &str, texts: &RuleTexts, sets: &Sets) -> Result<Self, ForensicsError> {
        let wrong = |problem| ForensicsError::Rule { lexicon: name.to_owned(), rule: texts.id.clone(), problem };
        if !(texts.severity > 0.0 && texts.severity <= 1.0) {
            return Err(wrong("severity must be above 0 and at most 1"));
        }
        if texts.patterns.is_empty() || texts.matches.is_empty() || texts.rejects.is_empty() {
            return Err(wrong("`patterns`, `matches` and `rejects` each need at least one entry"));
        }
        let parse = |text: &String| {
            Pattern::parse(text, sets).map_err(|problem| unreadable(name, &texts.id, text.clone(), problem))
        };
        Ok(Self {
            id: texts.id.clone(),
            category: texts.category.clone(),
            subcategory: texts.subcategory.clone(),
            severity: texts.severity,
            patterns: texts.patterns.iter().map(parse).collect::<Result<_, _>>()?,
            unless: Cue::parse(&texts.unless, sets)
                .map_err(|(pattern, problem)| unreadable(name, &texts.id, pattern, problem))?,
            ignore_negation: texts.ignore_negation,
        })
    }
}

/// Parses the sets of a file. A set cannot use other sets.
fn read_sets(name: &str, texts: &BTreeMap<String, String>) -> Result<Sets, ForensicsError> {
    let none = Sets::new();
    let read = |(set, text): (&String, &String)| match Pattern::parse(text, &none) {
        Ok(pattern) => Ok((set.clone(), pattern)),
        Err(problem) => Err(unreadable(name, &format!("sets.{set}"), text.clone(), problem)),
    };
    texts.iter().map(read).collect()
}

fn unreadable(lexicon: &str, rule: &str, pattern: String, problem: &'static str) -> ForensicsError {
    ForensicsError::Pattern { lexicon: lexicon.to_owned(), rule: rule.to_owned(), pattern, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rules: &str) -> Result<Lexicons, ForensicsError> {
        let text = format!("language = \"en\"\n[negation]\ninside = [\"not\"]\n{rules}");
        Lexicons::load(&ForensicsConfig::default(), &[LexiconSource { name: "mine.toml".to_owned(), text }])
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
        let config = ForensicsConfig { deception: true, ..ForensicsConfig::default() };
        let lexicons = Lexicons::load(&config, &[]).unwrap();
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
        assert!(refusal(&[("hue", "1")]).contains("hue"));
        assert!(refusal(&[("id", r#""en.threat.kill""#)]).contains("another rule has this id"));
    }
}
