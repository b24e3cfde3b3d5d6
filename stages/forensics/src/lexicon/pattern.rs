//! The pattern language of the lexicons. The top of `lexicons/en.toml` documents it for users.

use std::collections::BTreeMap;

use super::token::{Token, normalize};

/// Named patterns that other patterns can use.
pub(super) type Sets = BTreeMap<String, Pattern>;

/// Alternatives, each of which is a sequence of nodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Vec<Vec<Node>>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Word(Literal),
    Group(Pattern),
    Optional(Pattern),
    /// Up to this number of arbitrary tokens.
    Gap(usize),
}

/// Matches one token completely, by its start or by its end.
#[derive(Debug, Clone, PartialEq)]
struct Literal {
    text: String,
    any_before: bool,
    any_after: bool,
}

impl Literal {
    fn matches(&self, token: &str) -> bool {
        match (self.any_before, self.any_after) {
            (false, false) => token == self.text,
            (false, true) => token.starts_with(&self.text),
            (true, false) => token.ends_with(&self.text),
            (true, true) => token.contains(&self.text),
        }
    }
}

/// Rules for skipping tokens between the nodes of a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing<'a> {
    /// Negators, which a gap cannot skip.
    pub(super) negators: &'a [Pattern],
    /// Whether negators may occur anywhere inside the phrase.
    pub(super) negated: bool,
}

/// Result of a match: indices of the matched tokens, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) tokens: Vec<usize>,
    pub(super) negators: Vec<usize>,
}

impl Pattern {
    /// # Errors
    /// The problem with the text.
    pub(super) fn parse(text: &str, sets: &Sets) -> Result<Self, &'static str> {
        let mut parser = Parser { rest: text.trim(), sets };
        let pattern = parser.alternatives()?;
        match parser.rest {
            "" if pattern.can_be_empty() => Err("it can match without any word"),
            "" if pattern.gap_at_edge() => Err("a gap needs a word on both sides"),
            "" => Ok(pattern),
            _ => Err("a `)` without a matching `(`"),
        }
    }

    /// Returns the first match from token `start` on for which `accept` returns true for the end (the index after the
    /// last token). Alternatives are tried in order, with optional words before without, and short gaps before long
    /// ones.
    pub(super) fn match_at(
        &self,
        tokens: &[Token],
        start: usize,
        passing: Passing<'_>,
        accept: &dyn Fn(usize) -> bool,
    ) -> Option<Taken> {
        let mut walk = Walk { tokens, passing, start, taken: Taken::default() };
        walk.pattern(self, start, &mut |_, end| accept(end)).then_some(walk.taken)
    }

    /// Whether the pattern matches this token alone.
    pub(super) fn matches_token(&self, token: &Token) -> bool {
        let nothing = Passing { negators: &[], negated: false };
        self.match_at(std::slice::from_ref(token), 0, nothing, &|end| end == 1).is_some()
    }

    fn can_be_empty(&self) -> bool {
        self.0.iter().any(|sequence| {
            sequence.iter().all(|node| match node {
                Node::Word(_) => false,
                Node::Group(group) => group.can_be_empty(),
                Node::Optional(_) | Node::Gap(_) => true,
            })
        })
    }

    fn gap_at_edge(&self) -> bool {
        let is_gap = |node: Option<&Node>| matches!(node, Some(Node::Gap(_)));
        self.0.iter().any(|sequence| is_gap(sequence.first()) || is_gap(sequence.last()))
    }
}

/// Depth-first search. Each step calls the rest of the pattern as its continuation.
struct Walk<'a> {
    tokens: &'a [Token],
    passing: Passing<'a>,
    start: usize,
    taken: Taken,
}

type Rest<'r, 'a> = &'r mut dyn FnMut(&mut Walk<'a>, usize) -> bool;

impl<'a> Walk<'a> {
    fn pattern(&mut self, pattern: &Pattern, at: usize, rest: Rest<'_, 'a>) -> bool {
        pattern.0.iter().any(|sequence| self.sequence(sequence, at, rest))
    }

    fn sequence(&mut self, nodes: &[Node], at: usize, rest: Rest<'_, 'a>) -> bool {
        let Some((node, others)) = nodes.split_first() else { return rest(self, at) };
        match node {
            Node::Word(literal) => self.word(literal, others, at, rest),
            Node::Group(group) => self.pattern(group, at, &mut |walk, at| walk.sequence(others, at, rest)),
            Node::Optional(group) => {
                self.pattern(group, at, &mut |walk, at| walk.sequence(others, at, rest))
                    || self.sequence(others, at, rest)
            }
            Node::Gap(most) => self.gap(*most, others, at, rest),
        }
    }

    fn word(&mut self, literal: &Literal, others: &[Node], at: usize, rest: Rest<'_, 'a>) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        if literal.matches(&token.text) {
            self.taken.tokens.push(at);
            if self.sequence(others, at + 1, rest) {
                return true;
            }
            self.taken.tokens.pop();
        }
        if self.passing.negated && at > self.start && self.is_negator(at) {
            self.taken.negators.push(at);
            if self.word(literal, others, at + 1, rest) {
                return true;
            }
            self.taken.negators.pop();
        }
        false
    }

    /// Matches a gap. It cannot cross the end of a sentence or skip a negator.
    fn gap(&mut self, most: usize, others: &[Node], at: usize, rest: Rest<'_, 'a>) -> bool {
        for end in at..=at + most {
            if self.sequence(others, end, rest) {
                return true;
            }
            let sentence_ended = end > 0 && self.tokens[end - 1].ends_sentence;
            if end >= self.tokens.len() || sentence_ended || self.is_negator(end) {
                return false;
            }
        }
        false
    }

    fn is_negator(&self, at: usize) -> bool {
        self.passing.negators.iter().any(|negator| negator.matches_token(&self.tokens[at]))
    }
}

struct Parser<'a> {
    rest: &'a str,
    sets: &'a Sets,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Pattern, &'static str> {
        let mut alternatives = vec![self.sequence()?];
        while self.eat('|') {
            alternatives.push(self.sequence()?);
        }
        Ok(Pattern(alternatives))
    }

    fn sequence(&mut self) -> Result<Vec<Node>, &'static str> {
        let mut nodes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with(['|', ')']) {
                break;
            }
            let mut node = self.atom()?;
            while self.eat('_') {
                node = glue(&node, &self.atom()?)?;
            }
            nodes.push(if self.eat('?') { Node::Optional(Pattern(vec![vec![node]])) } else { node });
            if !(self.rest.is_empty() || self.rest.starts_with([' ', '|', ')'])) {
                return Err("a space, `_`, `|` or `)` is missing after a word or group");
            }
        }
        if nodes.is_empty() { Err("an alternative is empty") } else { Ok(nodes) }
    }

    fn atom(&mut self) -> Result<Node, &'static str> {
        if self.eat('(') {
            let group = self.alternatives()?;
            return if self.eat(')') { Ok(Node::Group(group)) } else { Err("a `(` without a matching `)`") };
        }
        let end = self.rest.find([' ', '|', '(', ')', '?', '_']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some(count) = text.strip_prefix("..") {
            return match count.parse() {
                Ok(most @ 1..=12) => Ok(Node::Gap(most)),
                _ => Err("a gap must be `..N` with N from 1 to 12"),
            };
        }
        match text.strip_prefix('$') {
            Some(name) => self.sets.get(name).cloned().map(Node::Group).ok_or("a `$name` that `sets` does not define"),
            None => literal(text).map(Node::Word),
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.rest.strip_prefix(wanted).map(|rest| self.rest = rest).is_some()
    }
}

/// Builds `left_right`: both with a space between them, or as one word if there is no `*` between them.
fn glue(left: &Node, right: &Node) -> Result<Node, &'static str> {
    let mut alternatives = Vec::new();
    for left in words_of(left)? {
        for right in words_of(right)? {
            if let ([head @ .., a], [b, tail @ ..]) = (left.as_slice(), right.as_slice())
                && !a.any_after
                && !b.any_before
            {
                let text = format!("{}{}", a.text, b.text);
                let joined = Literal { text, any_before: a.any_before, any_after: b.any_after };
                alternatives.push([head, &[joined], tail].concat());
            }
            alternatives.push([left.as_slice(), &right].concat());
        }
    }
    let sequence = |words: Vec<Literal>| words.into_iter().map(Node::Word).collect();
    Ok(Node::Group(Pattern(alternatives.into_iter().map(sequence).collect())))
}

/// Returns all sequences of words that a node matches.
fn words_of(node: &Node) -> Result<Vec<Vec<Literal>>, &'static str> {
    match node {
        Node::Word(literal) => Ok(vec![vec![literal.clone()]]),
        Node::Group(Pattern(alternatives)) => {
            let mut all = Vec::new();
            for sequence in alternatives {
                let mut ways = vec![Vec::new()];
                for node in sequence {
                    let next = words_of(node)?;
                    ways =
                        ways.iter().flat_map(|way| next.iter().map(|words| [way.as_slice(), words].concat())).collect();
                }
                all.extend(ways);
            }
            Ok(all)
        }
        Node::Optional(_) | Node::Gap(_) => Err("`_` can only join words and groups of words"),
    }
}

fn literal(text: &str) -> Result<Literal, &'static str> {
    let (any_before, inner) = text.strip_prefix('*').map_or((false, text), |inner| (true, inner));
    let (any_after, inner) = inner.strip_suffix('*').map_or((false, inner), |inner| (true, inner));
    if inner.contains(['*', '\'', '’']) {
        return Err("`*` is only allowed at an end of a word, and contractions must be written out");
    }
    match <[String; 1]>::try_from(normalize(inner)) {
        Ok([text]) => Ok(Literal { text, any_before, any_after }),
        Err(_) => Err("a word must normalize to exactly one word"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens_of_text;
    use super::*;

    fn taken(pattern: &str, text: &str) -> Option<Vec<usize>> {
        let sets = Sets::from([("will".to_owned(), Pattern::parse("will|am going to", &Sets::new()).unwrap())]);
        let pattern = Pattern::parse(pattern, &sets).unwrap();
        let passing = Passing { negators: &[], negated: false };
        pattern.match_at(&tokens_of_text(text), 0, passing, &|_| true).map(|taken| taken.tokens)
    }

    #[test]
    fn patterns_have_words_groups_options_gaps_and_sets() {
        assert_eq!(taken("i $will kill you", "I'm going to kill you"), Some(vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(taken("i $will (kill|hurt) you", "i will hurt you"), Some(vec![0, 1, 2, 3]));
        assert_eq!(taken("you will pay (for this)?", "you will pay now"), Some(vec![0, 1, 2]));
        assert_eq!(taken("if you ..3 i will", "if you do that again i will"), Some(vec![0, 1, 5, 6]));
        assert_eq!(taken("if you ..2 i will", "if you do that again i will"), None);
        assert_eq!(taken("if you ..5 i will", "if you do that. now i will"), None, "a gap ends with the sentence");
    }

    #[test]
    fn patterns_have_wildcards_and_optional_spaces() {
        assert_eq!(taken("죽여_버리*", "죽여버린다"), Some(vec![0]));
        assert_eq!(taken("죽여_버리*", "죽여 버릴 거야"), Some(vec![0, 1]));
        assert_eq!(taken("(패|때려)_버리*", "때려버린다"), Some(vec![0]));
        assert_eq!(taken("(패|때려)_버리*", "패 버린다"), Some(vec![0, 1]));
        assert_eq!(taken("kill", "skills"), None);
        assert_eq!(taken("*새끼*", "개새끼야"), Some(vec![0]));
    }

    #[test]
    fn patterns_that_are_invalid_are_refused_with_a_reason() {
        for pattern in [
            "", "(a", "a)", "a ..0 b", "..2 b", "a ..2", "$no", "do*not", "don't", "a||b", "(a)?", "*", "a(b|c)",
            "a_..2 b",
        ] {
            assert!(Pattern::parse(pattern, &Sets::new()).is_err(), "{pattern}");
        }
    }
}
