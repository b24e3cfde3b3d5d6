//! Loads lexicon files. A lexicon is rejected if one of its examples fails.
//!
//! A lexicon of the caller uses the sets, fillers and cues of the built-in lexicon of its language, and may add to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stage_core::{on_one_line, sha256_hex};

use super::cues::{Cue, CueTexts, Cues};
use super::pattern::{Pattern, Sets};
use super::token::tokens_of_text;
use super::{Lexicon, Match, Rule, Standing, View};
use crate::config::{DECEPTION, REPORTED};
use crate::{ForensicsConfig, ForensicsError, LexiconSource};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../lexicons/", $name)))),*] };
}

/// The built-in lexicons. The first of a language has its sets, fillers and cues.
const BUILT_IN: [(&str, &str); 12] = built_in![
    "en/base.toml",
    "en/threat.toml",
    "en/leverage.toml",
    "en/pressure.toml",
    "en/abuse.toml",
    "en/deception.toml",
    "ko/base.toml",
    "ko/threat.toml",
    "ko/leverage.toml",
    "ko/pressure.toml",
    "ko/abuse.toml",
    "ko/deception.toml",
];

/// The built-in lexicons, in the order in which they are read.
pub fn built_in() -> impl Iterator<Item = LexiconSource> {
    BUILT_IN.into_iter().map(|(name, text)| LexiconSource { name: name.to_owned(), text: text.to_owned() })
}

/// All lexicons of one run.
#[derive(Debug)]
pub(crate) struct Lexicons {
    lexicons: Vec<Lexicon>,
    /// The score that counts a category that a lexicon of the caller adds.
    categories: BTreeMap<String, String>,
}

/// A lexicon file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    #[serde(default)]
    sets: BTreeMap<String, String>,
    /// New categories of evidence, each with the score that counts it.
    #[serde(default)]
    categories: BTreeMap<String, String>,
    #[serde(default)]
    fillers: Vec<String>,
    #[serde(default)]
    negation: CueTexts,
    #[serde(default)]
    quotation: CueTexts,
    #[serde(default)]
    report: CueTexts,
    #[serde(default)]
    lawful: CueTexts,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleTexts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTexts {
    id: String,
    category: String,
    kind: String,
    severity: f64,
    patterns: Vec<String>,
    #[serde(default)]
    unless: CueTexts,
    #[serde(default)]
    ignore_negation: bool,
    #[serde(default)]
    lawful: bool,
    #[serde(default)]
    not_in_questions: bool,
    #[serde(default)]
    reported: bool,
    matches: Vec<String>,
    rejects: Vec<String>,
}

/// What the lexicons of one language share.
#[derive(Debug, Clone, Default)]
struct Base {
    sets: Sets,
    cues: Cues,
    fillers: Vec<Pattern>,
}

/// A rule, for lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleSummary {
    /// Its id.
    pub id: String,
    /// Its category.
    pub category: String,
    /// Its kind inside the category.
    pub kind: String,
    /// Its severity, 0 to 1.
    pub severity: f64,
    /// Number of patterns.
    pub patterns: usize,
    /// Number of examples that must and must not match.
    pub examples: usize,
    /// Patterns without an example under `matches` that no other pattern of the language matches: nothing shows what they
    /// add.
    pub redundant: Vec<String>,
}

impl Lexicons {
    /// Loads the built-in lexicons and the caller's. Rules of deception are left out unless the settings enable them.
    ///
    /// # Errors
    /// The first problem found in one of them.
    pub(crate) fn load(config: &ForensicsConfig, additional: &[LexiconSource]) -> Result<Self, ForensicsError> {
        Self::load_over(config, &built_in().collect::<Vec<_>>(), additional)
    }

    /// Verifies the examples of lexicons that are used together with others, and lists their rules.
    ///
    /// # Errors
    /// The first problem found in one of them.
    pub(crate) fn check(
        config: &ForensicsConfig,
        others: &[LexiconSource],
        sources: &[LexiconSource],
    ) -> Result<Vec<RuleSummary>, ForensicsError> {
        let config = ForensicsConfig { deception: true, ..config.clone() };
        let found = Self::load_over(&config, others, sources)?;
        let mut summaries = Vec::new();
        for (lexicon, source) in found.lexicons[others.len()..].iter().zip(sources) {
            let of_language: Vec<&Lexicon> = found.iter().filter(|other| other.language == lexicon.language).collect();
            summaries.extend(lexicon.summaries(&File::parse(source)?.rules, &of_language));
        }
        Ok(summaries)
    }

    /// As [`Lexicons::load`], with other lexicons in place of the built-in ones. Tests verify the examples of those.
    pub(crate) fn load_over(
        config: &ForensicsConfig,
        built_in: &[LexiconSource],
        additional: &[LexiconSource],
    ) -> Result<Self, ForensicsError> {
        let mut bases: BTreeMap<String, Base> = BTreeMap::new();
        let mut found = Self { lexicons: Vec::new(), categories: BTreeMap::new() };
        let mut ids = BTreeSet::new();
        for (index, source) in built_in.iter().chain(additional).enumerate() {
            let file = File::parse(source)?;
            let base = bases.entry(file.language.clone()).or_default();
            let lexicon = file.read(source, base)?;
            if index >= built_in.len() {
                lexicon.verify(&source.name, &file.rules)?;
            }
            found.add_categories(&source.name, &file.categories, config)?;
            for rule in &lexicon.rules {
                found.check_place(&source.name, rule, config, &mut ids)?;
            }
            found.lexicons.push(lexicon);
        }
        for lexicon in &mut found.lexicons {
            lexicon.rules.retain(|rule| config.deception || rule.category != DECEPTION);
        }
        Ok(found)
    }

    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { lexicons: Vec::new(), categories: BTreeMap::new() }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Lexicon> {
        self.lexicons.iter()
    }

    /// SHA-256 of each lexicon in hex, in the order in which they are applied.
    pub(crate) fn sha256(&self) -> Vec<&str> {
        self.iter().map(|lexicon| lexicon.sha256.as_str()).collect()
    }

    /// Whether one of the lexicons covers this language.
    pub(crate) fn cover(&self, language: &str) -> bool {
        self.iter().any(|lexicon| lexicon.language == language)
    }

    /// Whether a score counts a category: as the settings say, or as the lexicon says that adds it.
    pub(crate) fn is_counted(&self, score: &str, evidence: &[String], category: &str) -> bool {
        evidence.iter().any(|own| own == category) || self.categories.get(category).is_some_and(|own| own == score)
    }

    fn add_categories(
        &mut self,
        name: &str,
        categories: &BTreeMap<String, String>,
        config: &ForensicsConfig,
    ) -> Result<(), ForensicsError> {
        for (category, score) in categories {
            if !config.scores.iter().any(|own| own.name == *score) {
                let (lexicon, category, score) = (name.to_owned(), category.clone(), score.clone());
                return Err(ForensicsError::UnknownScore { lexicon, category, score });
            }
            self.categories.insert(category.clone(), score.clone());
        }
        Ok(())
    }

    fn check_place(
        &self,
        name: &str,
        rule: &Rule,
        config: &ForensicsConfig,
        ids: &mut BTreeSet<String>,
    ) -> Result<(), ForensicsError> {
        let (lexicon, id) = (name.to_owned(), rule.id.clone());
        if !ids.insert(id.clone()) {
            return Err(ForensicsError::DuplicateRule { lexicon, rule: id });
        }
        let is_scored =
            |category: &str| config.scores.iter().any(|score| self.is_counted(&score.name, &score.evidence, category));
        if is_scored(&rule.category) {
            return Ok(());
        }
        Err(ForensicsError::UnscoredCategory { lexicon, rule: id, category: rule.category.clone() })
    }
}

impl File {
    fn parse(source: &LexiconSource) -> Result<Self, ForensicsError> {
        toml::from_str(&source.text).map_err(|error| ForensicsError::Syntax {
            lexicon: source.name.clone(),
            message: on_one_line(&error.to_string()),
        })
    }

    /// Parses the patterns, over what the language has so far, to which it adds its own.
    fn read(&self, source: &LexiconSource, base: &mut Base) -> Result<Lexicon, ForensicsError> {
        let name = &source.name;
        read_sets(name, &self.sets, &mut base.sets)?;
        let sets = &base.sets;
        let cue = |part: &str, texts: &CueTexts| {
            Cue::parse(texts, sets).map_err(|(pattern, problem)| unreadable(name, part, pattern, problem))
        };
        let cues = Cues {
            negation: cue("negation", &self.negation)?,
            quotation: cue("quotation", &self.quotation)?,
            report: cue("report", &self.report)?,
            lawful: cue("lawful", &self.lawful)?,
        };
        let filler = |text: &String| {
            Pattern::parse(text, sets).map_err(|problem| unreadable(name, "fillers", text.clone(), problem))
        };
        let fillers = self.fillers.iter().map(filler).collect::<Result<Vec<_>, _>>()?;
        let rules = self.rules.iter().map(|texts| Rule::read(name, texts, sets)).collect::<Result<_, _>>()?;
        base.cues.extend(cues);
        base.fillers.extend(fillers);
        Ok(Lexicon {
            sha256: sha256_hex(source.text.as_bytes()),
            language: self.language.clone(),
            rules,
            cues: base.cues.clone(),
            fillers: base.fillers.clone(),
        })
    }
}

impl Lexicon {
    /// Checks every rule with its own examples.
    fn verify(&self, name: &str, texts: &[RuleTexts]) -> Result<(), ForensicsError> {
        self.rules.iter().zip(texts).try_for_each(|(rule, texts)| self.verify_rule(name, rule, texts))
    }

    fn verify_rule(&self, name: &str, rule: &Rule, texts: &RuleTexts) -> Result<(), ForensicsError> {
        let counts = |example: &String| self.matches_of(rule, &rule.patterns, example).iter().any(Match::counts);
        // What somebody else did is not what the speaker does, even if the rule finds more.
        let is_own = |example: &String| {
            let found = self.matches_of(rule, &rule.patterns, example);
            found.iter().any(|found| found.standing == Standing::Counts || (rule.reported && found.counts()))
        };
        let (lexicon, id) = (name.to_owned(), rule.id.clone());
        if let Some(example) = texts.matches.iter().find(|example| !is_own(example)) {
            return Err(ForensicsError::ExampleMissed { lexicon, rule: id, example: example.clone() });
        }
        let must_not = |example: &&String| if rule.reported { counts(example) } else { is_own(example) };
        match texts.rejects.iter().find(must_not) {
            Some(example) => Err(ForensicsError::ExampleMatched { lexicon, rule: id, example: example.clone() }),
            None => Ok(()),
        }
    }

    fn matches_of(&self, rule: &Rule, patterns: &[Pattern], example: &str) -> Vec<Match> {
        let tokens = tokens_of_text(example);
        self.find_any(rule, patterns, &self.view(&tokens))
    }

    /// The rules, with the patterns that no example of their own needs.
    fn summaries(&self, texts: &[RuleTexts], of_language: &[&Self]) -> Vec<RuleSummary> {
        let counts = |rule: &Rule, pattern: &Pattern, view: &View<'_>| {
            self.find_any(rule, std::slice::from_ref(pattern), view).iter().any(Match::counts)
        };
        let all = || of_language.iter().flat_map(|lexicon| &lexicon.rules);
        let pairs = || all().flat_map(|rule| rule.patterns.iter().map(move |pattern| (rule, pattern)));
        let is_of_one =
            |view: &View<'_>| pairs().filter(|(rule, pattern)| counts(rule, pattern, view)).nth(1).is_none();
        let summary = |(rule, texts): (&Rule, &RuleTexts)| {
            let tokens: Vec<_> = texts.matches.iter().map(|example| tokens_of_text(example)).collect();
            let views = tokens.iter().map(|tokens| self.view(tokens));
            let single: Vec<View<'_>> = views.filter(|view| is_of_one(view)).collect();
            let needed = |pattern: &Pattern| single.iter().any(|view| counts(rule, pattern, view));
            let patterns = rule.patterns.iter().zip(&texts.patterns);
            RuleSummary {
                id: rule.id.clone(),
                category: rule.category.clone(),
                kind: rule.kind.clone(),
                severity: rule.severity,
                patterns: rule.patterns.len(),
                examples: texts.matches.len() + texts.rejects.len(),
                redundant: patterns.filter(|(own, _)| !needed(own)).map(|(_, text)| text.clone()).collect(),
            }
        };
        self.rules.iter().zip(texts).map(summary).collect()
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
        if texts.reported != (texts.category == REPORTED) {
            return Err(wrong("a rule with `reported = true` has the category `reported`, and no other rule has it"));
        }
        let parse = |text: &String| {
            Pattern::parse(text, sets).map_err(|problem| unreadable(name, &texts.id, text.clone(), problem))
        };
        Ok(Self {
            id: texts.id.clone(),
            category: texts.category.clone(),
            kind: texts.kind.clone(),
            severity: texts.severity,
            patterns: texts.patterns.iter().map(parse).collect::<Result<_, _>>()?,
            unless: Cue::parse(&texts.unless, sets)
                .map_err(|(pattern, problem)| unreadable(name, &texts.id, pattern, problem))?,
            ignore_negation: texts.ignore_negation,
            lawful: texts.lawful,
            not_in_questions: texts.not_in_questions,
            reported: texts.reported,
        })
    }
}

/// Parses the sets of a file and adds them to those of its language. Sets may use other sets.
fn read_sets(name: &str, texts: &BTreeMap<String, String>, sets: &mut Sets) -> Result<(), ForensicsError> {
    let is_odd = |set: &&String| !set.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(set) = texts.keys().find(is_odd) {
        let problem = "the name of a set has letters and digits alone";
        return Err(ForensicsError::Rule { lexicon: name.to_owned(), rule: format!("sets.{set}"), problem });
    }
    let mut open: Vec<(&String, &String)> = texts.iter().collect();
    while !open.is_empty() {
        let (mut failed, before) = (Vec::new(), open.len());
        for (set, text) in open {
            match Pattern::parse(text, sets) {
                Ok(pattern) => drop(sets.insert(set.clone(), Arc::new(pattern))),
                Err(problem) => failed.push(((set, text), problem)),
            }
        }
        if failed.len() == before {
            let ((set, text), problem) = failed.swap_remove(0);
            return Err(unreadable(name, &format!("sets.{set}"), text.clone(), problem));
        }
        open = failed.into_iter().map(|(set, _)| set).collect();
    }
    Ok(())
}

fn unreadable(lexicon: &str, rule: &str, pattern: String, problem: &'static str) -> ForensicsError {
    ForensicsError::Pattern { lexicon: lexicon.to_owned(), rule: rule.to_owned(), pattern, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(rules: &str) -> Result<Lexicons, ForensicsError> {
        let text = format!("language = \"en\"\n{rules}");
        Lexicons::load(&ForensicsConfig::default(), &[LexiconSource { name: "mine.toml".to_owned(), text }])
    }

    fn rule(changes: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("id", r#""mine.boat""#),
            ("category", r#""threat""#),
            ("kind", r#""veiled""#),
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
    fn lexicons_of_the_project_pass_their_own_examples_and_need_every_pattern() {
        let sources: Vec<LexiconSource> = built_in().collect();
        let rules = Lexicons::check(&ForensicsConfig::default(), &[], &sources).unwrap();
        let redundant: Vec<_> = rules.iter().filter(|rule| !rule.redundant.is_empty()).collect();
        assert!(redundant.is_empty(), "{redundant:#?}");
        println!("{} patterns", rules.iter().map(|rule| rule.patterns).sum::<usize>());
        let lexicons = Lexicons::load(&ForensicsConfig::default(), &[]).unwrap();
        assert!(lexicons.cover("en") && lexicons.cover("ko") && !lexicons.cover("ja"));
    }

    #[test]
    fn lexicon_of_the_caller_has_the_cues_sets_and_fillers_of_its_language() {
        let own =
            rule(&[("patterns", r#"["i $will sink your boat"]"#), ("matches", r#"["I'll, uh, sink your boat"]"#)]);
        let text = own.replace("sink your boats", "I will not sink your boat");
        assert!(load(&text).is_ok(), "{:?}", load(&text));
    }

    #[test]
    fn lexicon_of_the_caller_adds_categories_to_a_score() {
        let own = rule(&[("category", r#""piracy""#)]);
        assert!(load(&own).unwrap_err().to_string().contains("piracy"));
        let lexicons = load(&format!("[categories]\npiracy = \"threat\"\n{own}")).unwrap();
        assert!(lexicons.is_counted("threat", &[], "piracy") && !lexicons.is_counted("coercion", &[], "piracy"));
        let error = load(&format!("[categories]\npiracy = \"weather\"\n{own}")).unwrap_err().to_string();
        assert!(error.contains("weather") && error.contains("piracy"), "{error}");
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
