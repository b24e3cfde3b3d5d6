//! The causes of an error as text.

use std::error::Error;

/// The causes of `error` as text, the direct one first. A cause that the text before it already contains is left out,
/// because some libraries state the cause in the message too.
#[must_use]
pub fn causes_of(error: &dyn Error) -> Vec<String> {
    let mut last = error.to_string();
    let mut causes = Vec::new();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        if !last.contains(&text) {
            causes.push(text.clone());
            last = text;
        }
    }
    causes
}

/// The message of `error` followed by its causes, in one line.
#[must_use]
pub fn full_message(error: &dyn Error) -> String {
    causes_of(error).into_iter().fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Nested {
        #[error("the model cannot be read")]
        Outer(#[source] Box<Self>),
        #[error("weights: {0}")]
        Repeats(#[source] Box<Self>),
        #[error("no such file")]
        Inner,
    }

    #[test]
    fn full_message_states_every_cause_once() {
        let error = Nested::Outer(Box::new(Nested::Repeats(Box::new(Nested::Inner))));
        assert_eq!(full_message(&error), "the model cannot be read: weights: no such file");
        assert_eq!(causes_of(&error), ["weights: no such file"]);
        assert_eq!(full_message(&Nested::Inner), "no such file");
    }
}
