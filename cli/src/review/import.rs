//! Imports a review file. Each statement is checked, and those that fail are not added.
//!
//! ```text
//! file -> own fields (check.rs) -> ID once -> result of this case, by the custody log (past.rs) -> withdrawals -> store
//! ```

use std::collections::{HashMap, HashSet};
use std::path::Path;

use scheduler::store::{Custody, ReviewEntry, ReviewOutcome, Store};
use stage_core::{printable, shown};

use super::file::{ReviewFile, read};
use super::past::{PastError, PastResults};
use super::{Action, Review, ReviewError, Target};
use crate::clock::now_ms;
use crate::error::{Error, ErrorContext};

/// What an import did.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) written: usize,
    /// Reviews that the case had.
    pub(crate) known: usize,
    /// IDs of reviews that were not added, with the reason.
    pub(crate) refused: Vec<(String, String)>,
}

/// Why a statement of a file is refused.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error(transparent)]
    Review(#[from] ReviewError),
    #[error(transparent)]
    Past(#[from] PastError),
    #[error("the case has another review with this ID")]
    Conflict,
    #[error("the file has this ID twice, with different contents")]
    Repeated,
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
}

/// Why a statement cannot be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WithdrawalError {
    #[error("the review that it withdraws is not known, or was refused")]
    Unknown,
    #[error("the review that it withdraws is about another recording")]
    OtherRecording,
    #[error("the review that it withdraws is about another item: {0}")]
    OtherItem(Target),
    #[error("a withdrawal cannot be withdrawn; state it again instead")]
    OfWithdrawal,
}

/// Adds the reviews of a file to a case. Each one is checked; those that fail are not added.
///
/// # Errors
/// The file cannot be read or is of another case, or the store cannot be read or written. Then nothing is added.
pub(crate) fn import(store: &mut dyn Store, path: &Path) -> Result<Imported, Error> {
    let (mut imported, entries) = checked(&*store, read(path)?, &shown(path))?;
    put(store, &mut imported, &entries)?;
    Ok(imported)
}

/// Adds the reviews of a file, which has this name in messages, all or none: if one is refused, nothing is added.
///
/// # Errors
/// As for [`import`].
#[cfg(feature = "serve")]
pub(crate) fn import_all(store: &mut dyn Store, file: ReviewFile, name: &str) -> Result<Imported, Error> {
    let (mut imported, entries) = checked(&*store, file, name)?;
    if imported.refused.is_empty() {
        put(store, &mut imported, &entries)?;
    }
    Ok(imported)
}

/// Checks the reviews of a file. Those that were refused are in the first value, the others in the second.
fn checked(store: &dyn Store, file: ReviewFile, name: &str) -> Result<(Imported, Vec<ReviewEntry>), Error> {
    let custody = store.custody().map_err(Error::store)?;
    if file.case != custody.case {
        let (other, case) = (printable(&file.case), custody.case);
        return Err(Error::usage(format!("{name}: it is of the case {other}, this is the case {case}")));
    }
    let reviews: Vec<Review> = file.reviews.into_iter().map(Review::from).collect();
    let (mut imported, mut entries) = (Imported::default(), Vec::new());
    let mut import = Import::of(store, &custody, &reviews)?;
    // A withdrawal may be of a statement that is further down.
    let (withdrawals, others): (Vec<_>, Vec<_>) = reviews.into_iter().partition(is_withdrawal);
    for review in others.into_iter().chain(withdrawals) {
        match import.check(&review) {
            Ok(()) => entries.push(import.accept(review)?),
            Err(error) => imported.refused.push((review.id, error.to_string())),
        }
    }
    Ok((imported, entries))
}

fn put(store: &mut dyn Store, imported: &mut Imported, entries: &[ReviewEntry]) -> Result<(), Error> {
    let outcomes = store.put_reviews(entries).map_err(Error::store)?;
    count(imported, entries, &outcomes);
    Ok(())
}

fn is_withdrawal(review: &Review) -> bool {
    review.statement.action == Action::Withdraw
}

fn count(imported: &mut Imported, entries: &[ReviewEntry], outcomes: &[ReviewOutcome]) {
    for (entry, outcome) in entries.iter().zip(outcomes) {
        match outcome {
            ReviewOutcome::Written => imported.written += 1,
            ReviewOutcome::Known => imported.known += 1,
            ReviewOutcome::Conflict => imported.refused.push((entry.id.clone(), ImportError::Conflict.to_string())),
        }
    }
}

/// What the statements of a file are checked against.
struct Import<'a> {
    past: PastResults<'a>,
    /// The statements of the case, and those of the file that were accepted; `None` if one was altered.
    known: HashMap<String, Option<Review>>,
    /// IDs that the file has with different contents.
    repeated: HashSet<String>,
    now_ms: u64,
}

impl<'a> Import<'a> {
    fn of(store: &'a dyn Store, custody: &Custody, reviews: &[Review]) -> Result<Self, Error> {
        let known = store.reviews(None).map_err(Error::store)?;
        let known = known.into_iter().map(|entry| (entry.id.clone(), Review::of(&entry).ok())).collect();
        let past = PastResults::of(store, custody)?;
        Ok(Self { past, known, repeated: repeated(reviews), now_ms: now_ms() })
    }

    fn check(&mut self, review: &Review) -> Result<(), ImportError> {
        match self.known.get(&review.id) {
            Some(Some(known)) if known == review => return Ok(()),
            _ if self.repeated.contains(&review.id) => return Err(ImportError::Repeated),
            Some(_) => return Err(ImportError::Conflict),
            None => {}
        }
        review.check(self.now_ms)?;
        self.past.check(review)?;
        if is_withdrawal(review) {
            let withdrawn = review.statement.new.as_ref().and_then(|id| self.known.get(id)?.as_ref());
            check_withdrawal(review, withdrawn)?;
        }
        Ok(())
    }

    fn accept(&mut self, review: Review) -> Result<ReviewEntry, Error> {
        let entry = review.entry().context("a review cannot be stored")?;
        self.known.insert(review.id.clone(), Some(review));
        Ok(entry)
    }
}

/// The IDs that statements with different contents have.
fn repeated(reviews: &[Review]) -> HashSet<String> {
    let mut first: HashMap<&str, &Review> = HashMap::new();
    let mut repeated = HashSet::new();
    for review in reviews {
        if *first.entry(&review.id).or_insert(review) != review {
            repeated.insert(review.id.clone());
        }
    }
    repeated
}

/// Checks a withdrawal against the statement that it withdraws.
pub(crate) fn check_withdrawal(review: &Review, withdrawn: Option<&Review>) -> Result<(), WithdrawalError> {
    let withdrawn = withdrawn.ok_or(WithdrawalError::Unknown)?;
    match withdrawn.statement.target {
        _ if withdrawn.recording != review.recording => Err(WithdrawalError::OtherRecording),
        _ if is_withdrawal(withdrawn) => Err(WithdrawalError::OfWithdrawal),
        target if target != review.statement.target => Err(WithdrawalError::OtherItem(target)),
        _ => Ok(()),
    }
}
