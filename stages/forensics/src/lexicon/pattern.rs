//! The pattern language of the lexicons. The top of `lexicons/en/base.toml` documents it for users.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::token::{Parts, Token, fold, hash, hash_bit, is_mark, normalize};
use super::view::View;

/// Named patterns that other patterns can use.
pub(super) type Sets = BTreeMap<String, Arc<Pattern>>;

/// Number of sequences from which on those that can begin with a word are looked up.
const MANY: usize = 16;

/// Alternatives, each of which is a sequence of nodes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    sequences: Vec<Vec<Node>>,
    can_be_empty: bool,
    /// The words with which a match can begin.
    first: FirstWords,
    starts: Starts,
}

/// Which sequences can begin with a word. A pattern that joins two sets with `_` has thousands.
#[derive(Debug, Clone, PartialEq, Default)]
struct Starts {
    /// Hashes of first words and of beginnings of first words, sorted, with the index of their sequence.
    by_hash: Vec<(u64, usize)>,
    /// Sequences that begin with something else.
    others: Vec<usize>,
}

impl Starts {
    fn of(sequences: &[Vec<Node>]) -> Self {
        let mut starts = Self::default();
        for (index, sequence) in sequences.iter().enumerate() {
            match sequence.first() {
                Some(Node::Word(literal)) if !literal.any_before => {
                    starts.by_hash.push((hash(&literal.folded[0]), index));
                }
                _ => starts.others.push(index),
            }
        }
        starts.by_hash.sort_unstable();
        starts
    }

    /// Adds the sequences that may begin with this token.
    fn add(&self, token: &Token, sequences: &mut Vec<usize>) {
        for wanted in &token.beginnings.hashes {
            let from = self.by_hash.partition_point(|(hash, _)| hash < wanted);
            let own = self.by_hash[from..].iter().take_while(|(hash, _)| hash == wanted);
            sequences.extend(own.map(|(_, index)| *index));
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Word(Literal),
    Group(Arc<Pattern>),
    Optional(Arc<Pattern>),
    /// Up to this number of arbitrary tokens.
    Gap(usize),
    /// The start or the end of a sentence.
    Edge(Edge),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

/// Matches one token: completely, or by parts of it in their order.
#[derive(Debug, Clone, PartialEq)]
struct Literal {
    /// What a token has, with any text between two parts; never empty.
    parts: Vec<String>,
    folded: Vec<String>,
    /// Whether any text may stand before the first part, and after the last.
    any_before: bool,
    any_after: bool,
}

impl Literal {
    fn new(parts: Vec<String>, any_before: bool, any_after: bool) -> Self {
        Self { folded: parts.iter().map(|part| fold(part)).collect(), parts, any_before, any_after }
    }

    fn is_whole(&self) -> bool {
        self.parts.len() == 1 && !self.any_before && !self.any_after
    }

    fn matches(&self, token: &Token, folded: bool) -> bool {
        let (token, parts) = if folded { (&token.folded, &self.folded) } else { (&token.text, &self.parts) };
        let mut rest = token.as_str();
        for (index, part) in parts.iter().enumerate() {
            let (is_first, is_last) = (index == 0, index + 1 == parts.len());
            let found = match () {
                () if is_first && !self.any_before => rest.strip_prefix(part.as_str()),
                () if is_last && !self.any_after => return rest.ends_with(part.as_str()),
                () => rest.split_once(part.as_str()).map(|(_, after)| after),
            };
            let Some(after) = found else { return false };
            rest = after;
        }
        self.any_after || rest.is_empty()
    }
}

/// The words with which a pattern can begin. Nearly all tokens are none of them, and need no search.
#[derive(Debug, Clone, PartialEq, Default)]
struct FirstWords {
    whole: HashSet,
    /// Beginnings of words with any end.
    beginnings: HashSet,
    /// Ends of words with any beginning.
    endings: HashSet,
    /// Parts from the middle of words.
    inner: Vec<Literal>,
}

/// Hashes of texts, sorted.
#[derive(Debug, Clone, PartialEq, Default)]
struct HashSet {
    hashes: Vec<u64>,
    /// [`hash_bit`] of each.
    mask: u64,
}

impl HashSet {
    fn add(&mut self, text: &str) {
        self.hashes.push(hash(text));
    }

    fn finish(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.mask = self.hashes.iter().fold(0, |mask, hash| mask | hash_bit(*hash));
    }

    fn has(&self, hash: u64) -> bool {
        self.mask & hash_bit(hash) != 0 && self.hashes.binary_search(&hash).is_ok()
    }

    fn has_any(&self, parts: &Parts) -> bool {
        self.mask & parts.mask != 0 && parts.hashes.iter().any(|hash| self.has(*hash))
    }
}

impl FirstWords {
    fn of(sequences: &[Vec<Node>]) -> Self {
        let mut first = Self::default();
        sequences.iter().for_each(|sequence| first.add_sequence(sequence));
        [&mut first.whole, &mut first.beginnings, &mut first.endings].into_iter().for_each(HashSet::finish);
        first
    }

    fn add_sequence(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Word(literal) => self.add_word(literal),
                Node::Group(group) | Node::Optional(group) => self.add_all(&group.first),
                Node::Gap(_) | Node::Edge(_) => {}
            }
            if !node.can_be_empty() {
                return;
            }
        }
    }

    fn add_word(&mut self, literal: &Literal) {
        let (first, last) = (&literal.folded[0], &literal.folded[literal.folded.len() - 1]);
        match literal {
            literal if literal.is_whole() => self.whole.add(first),
            literal if !literal.any_before => self.beginnings.add(first),
            literal if !literal.any_after => self.endings.add(last),
            literal => self.inner.push(literal.clone()),
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.whole.hashes.extend(&other.whole.hashes);
        self.beginnings.hashes.extend(&other.beginnings.hashes);
        self.endings.hashes.extend(&other.endings.hashes);
        self.inner.extend(other.inner.iter().cloned());
    }

    /// Whether a match may begin with this token; false only if none can.
    fn has(&self, token: &Token) -> bool {
        self.whole.has(token.hash)
            || self.beginnings.has_any(&token.beginnings)
            || self.endings.has_any(&token.endings)
            || self.inner.iter().any(|literal| literal.matches(token, true))
    }
}

/// How the nodes of a pattern match tokens, besides fillers, which may always stand between them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passing<'a> {
    /// Negators, which a gap cannot skip.
    pub(super) negators: &'a [Pattern],
    /// Whether negators may occur anywhere inside the phrase.
    pub(super) negated: bool,
    /// Whether words that sound alike are equal ([`fold`]).
    pub(super) folded: bool,
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
            "" if pattern.can_be_empty => Err("it can match without any word"),
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
        view: &View<'_>,
        start: usize,
        passing: Passing<'_>,
        accept: &dyn Fn(usize) -> bool,
    ) -> Option<Taken> {
        if !view.tokens.get(start).is_some_and(|token| self.first.has(token)) {
            return None;
        }
        let mut walk = Walk { view, passing, start, taken: Taken::default(), at_edge: false };
        walk.pattern(self, start, &mut |_, end| accept(end)).then_some(walk.taken)
    }

    /// The index after the first match from token `start` on.
    pub(super) fn end_at(&self, view: &View<'_>, start: usize) -> Option<usize> {
        let taken = self.match_at(view, start, Passing::default(), &|_| true)?;
        taken.tokens.last().map(|last| last + 1)
    }

    /// Whether the pattern matches this token alone.
    pub(super) fn matches_token(&self, token: &Token) -> bool {
        let view = View::plain(std::slice::from_ref(token));
        self.match_at(&view, 0, Passing::default(), &|end| end == 1).is_some()
    }

    fn of(sequences: Vec<Vec<Node>>) -> Self {
        let can_be_empty = sequences.iter().any(|sequence| sequence.iter().all(Node::can_be_empty));
        Self { can_be_empty, first: FirstWords::of(&sequences), starts: Starts::of(&sequences), sequences }
    }

    fn gap_at_edge(&self) -> bool {
        let is_gap = |node: Option<&Node>| matches!(node, Some(Node::Gap(_)));
        self.sequences.iter().any(|sequence| is_gap(sequence.first()) || is_gap(sequence.last()))
    }
}

impl Node {
    fn can_be_empty(&self) -> bool {
        match self {
            Self::Word(_) => false,
            Self::Group(group) => group.can_be_empty,
            Self::Optional(_) | Self::Gap(_) | Self::Edge(_) => true,
        }
    }
}

/// Depth-first search. Each step calls the rest of the pattern as its continuation.
struct Walk<'a> {
    view: &'a View<'a>,
    passing: Passing<'a>,
    start: usize,
    taken: Taken,
    /// Whether the node before the next word is the edge of a sentence.
    at_edge: bool,
}

type Rest<'r, 'a> = &'r mut dyn FnMut(&mut Walk<'a>, usize) -> bool;

impl<'a> Walk<'a> {
    fn pattern(&mut self, pattern: &Pattern, at: usize, rest: Rest<'_, 'a>) -> bool {
        if !pattern.can_be_empty && !self.is_reachable(at, &mut |token| pattern.first.has(token)) {
            return false;
        }
        if pattern.sequences.len() < MANY {
            return pattern.sequences.iter().any(|sequence| self.sequence(sequence, at, rest));
        }
        let mut ways = pattern.starts.others.clone();
        let adds_all = self.is_reachable(at, &mut |token| {
            pattern.starts.add(token, &mut ways);
            false
        });
        if adds_all {
            ways = (0..pattern.sequences.len()).collect();
        }
        ways.sort_unstable();
        ways.dedup();
        ways.into_iter().any(|way| self.sequence(&pattern.sequences[way], at, rest))
    }

    /// Whether the next word of the phrase can be such a token: the one at `at`, or one behind fillers and negators.
    fn is_reachable(&self, at: usize, is_such: &mut dyn FnMut(&Token) -> bool) -> bool {
        let Some(token) = self.view.tokens.get(at) else { return false };
        if is_such(token) {
            return true;
        }
        let after = self.view.after_fillers(at);
        let skips_filler = after > at && at > self.start && self.is_reachable(after, is_such);
        skips_filler || (self.passing.negated && at > self.start && self.is_negator(at))
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
            Node::Edge(edge) => {
                self.at_edge = true;
                let found = self.is_edge(*edge, at) && self.sequence(others, at, rest);
                self.at_edge = false;
                found
            }
        }
    }

    fn word(&mut self, literal: &Literal, others: &[Node], at: usize, rest: Rest<'_, 'a>) -> bool {
        let Some(token) = self.view.tokens.get(at) else { return false };
        let crosses = at > self.start && self.view.tokens[at - 1].ends_sentence;
        if crosses && !self.at_edge {
            return false;
        }
        if literal.matches(token, self.passing.folded) {
            let at_edge = std::mem::take(&mut self.at_edge);
            self.taken.tokens.push(at);
            if self.sequence(others, at + 1, rest) {
                return true;
            }
            self.taken.tokens.pop();
            self.at_edge = at_edge;
        }
        let after = self.view.after_fillers(at);
        if after > at && at > self.start && self.word(literal, others, after, rest) {
            return true;
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

    /// Matches a gap. It cannot cross the end of a sentence, nor skip a negator or a mark of the model.
    fn gap(&mut self, most: usize, others: &[Node], at: usize, rest: Rest<'_, 'a>) -> bool {
        let tokens = self.view.tokens;
        let mut end = at;
        for _ in 0..=most {
            if self.sequence(others, end, rest) {
                return true;
            }
            let skipped = self.view.after_fillers(end);
            let before = tokens.get(end.saturating_sub(1)..skipped).unwrap_or_default();
            let sentence_ended = end > 0 && before.iter().any(|token| token.ends_sentence);
            if skipped >= tokens.len() || sentence_ended || self.is_negator(skipped) || is_mark(&tokens[skipped].text) {
                return false;
            }
            end = skipped + 1;
        }
        false
    }

    /// Whether a sentence begins or ends before the token `at`. Fillers at the edge do not matter.
    fn is_edge(&self, edge: Edge, at: usize) -> bool {
        let tokens = self.view.tokens;
        let ends = |token: usize| tokens[token].ends_sentence;
        match edge {
            Edge::Start => {
                let fillers = (0..at).rev().find(|before| self.view.after_fillers(*before) != at);
                fillers.is_none_or(ends)
            }
            Edge::End => at > 0 && (at >= tokens.len() || ends(at - 1) || self.view.after_fillers(at) >= tokens.len()),
        }
    }

    fn is_negator(&self, at: usize) -> bool {
        self.passing.negators.iter().any(|negator| negator.matches_token(&self.view.tokens[at]))
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
        Ok(Pattern::of(alternatives))
    }

    fn sequence(&mut self) -> Result<Vec<Node>, &'static str> {
        let mut nodes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with(['|', ')']) {
                break;
            }
            let mut node = self.atom()?;
            let mut is_optional = self.eat('?');
            while self.eat('_') {
                let right = self.atom()?;
                let right_is_optional = self.eat('?');
                let glued = glue(&node, &right)?;
                node = match (is_optional, right_is_optional) {
                    (false, false) => glued,
                    (false, true) => any_of([glued, node]),
                    (true, false) => any_of([glued, right]),
                    (true, true) => return Err("of two words that `_` joins, one at most can be optional"),
                };
                is_optional = false;
            }
            nodes.push(if is_optional { Node::Optional(Arc::new(Pattern::of(vec![vec![node]]))) } else { node });
            if !(self.rest.is_empty() || self.rest.starts_with([' ', '|', ')'])) {
                return Err("a space, `_`, `|` or `)` is missing after a word or group");
            }
        }
        if nodes.is_empty() { Err("an alternative is empty") } else { Ok(nodes) }
    }

    fn atom(&mut self) -> Result<Node, &'static str> {
        if self.eat('(') {
            let group = self.alternatives()?;
            return if self.eat(')') { Ok(Node::Group(Arc::new(group))) } else { Err("a `(` without a matching `)`") };
        }
        let end = self.rest.find([' ', '|', '(', ')', '?', '_']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        match text {
            "<" => return Ok(Node::Edge(Edge::Start)),
            ">" => return Ok(Node::Edge(Edge::End)),
            _ => {}
        }
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

fn any_of(nodes: [Node; 2]) -> Node {
    Node::Group(Arc::new(Pattern::of(nodes.map(|node| vec![node]).into())))
}

/// Builds `left_right`: both as one word, or with a space between them.
fn glue(left: &Node, right: &Node) -> Result<Node, &'static str> {
    let mut ways = Vec::new();
    let rights = words_of(right)?;
    for left in words_of(left)? {
        for right in &rights {
            if let ([head @ .., a], [b, tail @ ..]) = (left.as_slice(), right.as_slice()) {
                ways.push([head, &[joined(a, b)], tail].concat().into_iter().map(Node::Word).collect());
            }
        }
    }
    ways.push(vec![left.clone(), right.clone()]);
    Ok(Node::Group(Arc::new(Pattern::of(ways))))
}

/// Two words written as one.
fn joined(a: &Literal, b: &Literal) -> Literal {
    let mut parts = a.parts.clone();
    match (parts.last_mut(), b.parts.split_first()) {
        (Some(last), Some((first, rest))) if !a.any_after && !b.any_before => {
            last.push_str(first);
            parts.extend_from_slice(rest);
        }
        _ => parts.extend_from_slice(&b.parts),
    }
    Literal::new(parts, a.any_before, b.any_after)
}

/// Returns all sequences of words that a node matches.
fn words_of(node: &Node) -> Result<Vec<Vec<Literal>>, &'static str> {
    match node {
        Node::Word(literal) => Ok(vec![vec![literal.clone()]]),
        Node::Group(group) => {
            let mut all = Vec::new();
            for sequence in &group.sequences {
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
        Node::Optional(_) | Node::Gap(_) | Node::Edge(_) => Err("`_` can only join words and groups of words"),
    }
}

fn literal(text: &str) -> Result<Literal, &'static str> {
    let (any_before, inner) = text.strip_prefix('*').map_or((false, text), |inner| (true, inner));
    let (any_after, inner) = inner.strip_suffix('*').map_or((false, inner), |inner| (true, inner));
    if inner.contains(['\'', '’']) {
        return Err("contractions must be written out");
    }
    let part = |part: &str| <[String; 1]>::try_from(normalize(part)).map(|[text]| text);
    match inner.split('*').map(part).collect::<Result<Vec<_>, _>>() {
        Ok(parts) => Ok(Literal::new(parts, any_before, any_after)),
        Err(_) => Err("a word, and each part of it beside a `*`, must normalize to exactly one word"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens_of_text;
    use super::*;

    fn taken(pattern: &str, text: &str) -> Option<Vec<usize>> {
        let will = Pattern::parse("will|am going to", &Sets::new()).unwrap();
        let sets = Sets::from([("will".to_owned(), Arc::new(will))]);
        let pattern = Pattern::parse(pattern, &sets).unwrap();
        let (tokens, filler) = (tokens_of_text(text), Pattern::parse("uh|you know", &sets).unwrap());
        let passing = Passing { folded: true, ..Passing::default() };
        pattern.match_at(&View::new(&tokens, &[filler]), 0, passing, &|_| true).map(|taken| taken.tokens)
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
    fn patterns_make_the_last_glued_word_optional() {
        assert_eq!(taken("아무것도_없으면?", "아무것도 못하겠어"), Some(vec![0]));
        assert_eq!(taken("아무것도_없으면?", "아무것도 없으면"), Some(vec![0, 1]));
        assert_eq!(taken("가만_안_둬?", "못하겠어"), None, "the rest is not optional");
        assert_eq!(taken("가만_안_둬?", "가만안"), Some(vec![0]));
    }

    #[test]
    fn patterns_have_words_with_parts_and_edges_of_sentences() {
        assert_eq!(taken("때리*겠다", "때리시겠다"), Some(vec![0]));
        assert_eq!(taken("때리*겠다", "때린다"), None);
        assert_eq!(taken("ab*ba", "aba"), None, "parts do not overlap");
        assert_eq!(taken("죽여*_버리*", "죽여서버리자"), Some(vec![0]));
        assert_eq!(taken("< get lost >", "get lost!"), Some(vec![0, 1]));
        assert_eq!(taken("get lost >", "get lost in it"), None);
        assert_eq!(taken("get lost >", "get lost you know"), Some(vec![0, 1]), "fillers do not matter");
        assert_eq!(taken("a < b", "a. b"), Some(vec![0, 1]));
        assert_eq!(taken("a < (b|c)", "a. c"), Some(vec![0, 1]));
        assert_eq!(taken("a b", "a. b"), None, "words are of one sentence");
    }

    #[test]
    fn patterns_match_with_fillers_between_words() {
        assert_eq!(taken("i $will kill you", "I will, uh, you know, kill you"), Some(vec![0, 1, 5, 6]));
        assert_eq!(taken("i $will ..1 kill you", "I will uh just uh kill you"), Some(vec![0, 1, 5, 6]));
        assert_eq!(taken("i $will kill you", "uh I will kill you"), None, "a phrase does not begin with a filler");
    }

    #[test]
    fn patterns_match_vowels_that_sound_alike() {
        assert_eq!(taken("*새끼*", "개세끼야"), Some(vec![0]));
        assert_eq!(taken("네가", "내가"), None, "you and I");
    }

    #[test]
    fn patterns_that_are_invalid_are_refused_with_a_reason() {
        for pattern in [
            "", "(a", "a)", "a ..0 b", "..2 b", "a ..2", "$no", "do**not", "don't", "<", "< >", "a||b", "(a)?", "*",
            "a(b|c)", "a_..2 b", "a?_b?",
        ] {
            assert!(Pattern::parse(pattern, &Sets::new()).is_err(), "{pattern}");
        }
    }
}
