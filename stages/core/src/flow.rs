//! Inputs on their way into a device engine, and answers on their way out.

use std::collections::VecDeque;
use std::sync::Arc;

/// A line of inputs that an engine draws from while it works, so that a row of its batch that has ended is taken by the
/// next input at once, whichever recording that belongs to.
pub trait Flow<U: ?Sized, A> {
    /// Most inputs that may be in flight (drawn and not answered) at a time; at least 1.
    fn capacity(&self) -> usize;

    /// Draws an input; its key goes back with the answer. None where nothing waits now, or where as many as the capacity
    /// allows are in flight: an engine with nothing left to do then ends, another goes on and asks again later.
    fn draw(&mut self) -> Option<(usize, Arc<U>)>;

    /// Answers the input of that key. Each is answered once, in any order; another answer to it, or to a key that was not
    /// drawn, is the engine's bug.
    fn complete(&mut self, key: usize, answer: A);

    /// Says that the engine is alive: to be called after every step of work, however small.
    fn progressed(&mut self) {}
}

/// A flow over a list that is all there is.
#[derive(Debug)]
pub struct ListFlow<U: ?Sized, A> {
    capacity: usize,
    waiting: VecDeque<(usize, Arc<U>)>,
    answers: Vec<Option<A>>,
    /// An answer came that none of the inputs in flight waited for.
    misanswered: bool,
}

impl<U: ?Sized, A> ListFlow<U, A> {
    /// The inputs, of which at most `capacity` (at least 1) are in flight at a time.
    #[must_use]
    pub fn new(inputs: Vec<Arc<U>>, capacity: usize) -> Self {
        let answers = inputs.iter().map(|_| None).collect();
        Self {
            capacity: capacity.max(1),
            waiting: inputs.into_iter().enumerate().collect(),
            answers,
            misanswered: false,
        }
    }

    /// The answers in the order of the inputs. None where an input was not answered exactly once.
    #[must_use]
    pub fn into_outputs(self) -> Option<Vec<A>> {
        if self.misanswered { None } else { self.answers.into_iter().collect() }
    }

    fn in_flight(&self) -> usize {
        let answered = self.answers.iter().filter(|answer| answer.is_some()).count();
        self.answers.len() - self.waiting.len() - answered
    }
}

impl<U: ?Sized, A> Flow<U, A> for ListFlow<U, A> {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn draw(&mut self) -> Option<(usize, Arc<U>)> {
        if self.in_flight() < self.capacity { self.waiting.pop_front() } else { None }
    }

    fn complete(&mut self, key: usize, answer: A) {
        match self.answers.get_mut(key) {
            Some(place @ None) => *place = Some(answer),
            _ => self.misanswered = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_capacity_is_in_flight_and_answers_keep_their_order() {
        let mut flow = ListFlow::new(vec![Arc::new(10), Arc::new(20), Arc::new(30)], 2);
        let (first, second) = (flow.draw().unwrap(), flow.draw().unwrap());
        assert_eq!(flow.draw(), None);
        flow.complete(second.0, *second.1 + 1);
        let third = flow.draw().unwrap();
        flow.complete(third.0, *third.1 + 1);
        flow.complete(first.0, *first.1 + 1);
        assert_eq!(flow.into_outputs(), Some(vec![11, 21, 31]));
    }

    #[test]
    fn a_input_without_an_answer_is_noticed() {
        let mut flow = ListFlow::<_, u8>::new(vec![Arc::new(1)], 0);
        assert!(flow.draw().is_some());
        assert_eq!(flow.into_outputs(), None);
    }

    #[test]
    fn an_answer_too_many_overwrites_nothing_and_is_noticed() {
        for key in [0, 7] {
            let mut flow = ListFlow::new(vec![Arc::new(1)], 1);
            assert!(flow.draw().is_some());
            flow.complete(0, 'a');
            flow.complete(key, 'b');
            assert_eq!(flow.into_outputs(), None, "key {key}");
        }
    }
}
