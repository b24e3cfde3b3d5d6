//! The interface through which a device engine receives inputs and returns outputs.

use std::collections::VecDeque;
use std::sync::Arc;

/// A queue from which an engine draws inputs while it works. When a row of its batch is finished, the next input takes
/// the row at once, even if it belongs to another recording.
pub trait Flow<I: ?Sized, O> {
    /// Maximum number of inputs in flight (drawn and not complete); at least 1.
    fn capacity(&self) -> usize;

    /// Draws an input; its key identifies it in [`Flow::complete`]. Returns `None` if no input is queued or the
    /// capacity is used up. An engine with no work left then returns; otherwise it continues and asks again later.
    fn draw(&mut self) -> Option<(usize, Arc<I>)>;

    /// Completes the input with this key. Each input is completed once, in any order. A second output for an input, or
    /// a key that was not drawn, is a bug in the engine.
    fn complete(&mut self, key: usize, output: O);

    /// Reports that the engine is alive. Call it after every step of work, however small.
    fn progressed(&mut self) {}
}

/// A flow over a fixed list.
///
/// ```
/// use std::sync::Arc;
///
/// use stage_core::{Flow, ListFlow};
///
/// // An engine that computes two inputs at a time.
/// let mut flow = ListFlow::new(vec![Arc::new(1), Arc::new(2), Arc::new(3)], 2);
/// loop {
///     let batch: Vec<_> = std::iter::from_fn(|| flow.draw()).collect();
///     if batch.is_empty() {
///         break;
///     }
///     batch.into_iter().for_each(|(key, input)| flow.complete(key, *input * 10));
///     flow.progressed();
/// }
/// assert_eq!(flow.into_outputs(), Some(vec![10, 20, 30]));
/// ```
#[derive(Debug)]
pub struct ListFlow<I: ?Sized, O> {
    capacity: usize,
    waiting: VecDeque<(usize, Arc<I>)>,
    outputs: Vec<Option<O>>,
    /// Set when an output did not belong to an input in flight.
    misdirected: bool,
}

impl<I: ?Sized, O> ListFlow<I, O> {
    /// A flow of these inputs with at most `capacity` (at least 1) in flight.
    #[must_use]
    pub fn new(inputs: Vec<Arc<I>>, capacity: usize) -> Self {
        let outputs = inputs.iter().map(|_| None).collect();
        Self {
            capacity: capacity.max(1),
            waiting: inputs.into_iter().enumerate().collect(),
            outputs,
            misdirected: false,
        }
    }

    /// The outputs in the order of the inputs. `None` if an input was not completed exactly once.
    #[must_use]
    pub fn into_outputs(self) -> Option<Vec<O>> {
        if self.misdirected { None } else { self.outputs.into_iter().collect() }
    }

    fn in_flight(&self) -> usize {
        let complete = self.outputs.iter().filter(|output| output.is_some()).count();
        self.outputs.len() - self.waiting.len() - complete
    }
}

impl<I: ?Sized, O> Flow<I, O> for ListFlow<I, O> {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn draw(&mut self) -> Option<(usize, Arc<I>)> {
        if self.in_flight() < self.capacity { self.waiting.pop_front() } else { None }
    }

    fn complete(&mut self, key: usize, output: O) {
        match self.outputs.get_mut(key) {
            Some(place @ None) => *place = Some(output),
            _ => self.misdirected = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_keeps_its_capacity_and_the_order_of_outputs() {
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
    fn flow_with_an_incomplete_input_has_no_outputs() {
        let mut flow = ListFlow::<_, u8>::new(vec![Arc::new(1)], 0);
        assert!(flow.draw().is_some());
        assert_eq!(flow.into_outputs(), None);
    }

    #[test]
    fn flow_with_a_second_or_misdirected_output_has_no_outputs() {
        for key in [0, 7] {
            let mut flow = ListFlow::new(vec![Arc::new(1)], 1);
            assert!(flow.draw().is_some());
            flow.complete(0, 'a');
            flow.complete(key, 'b');
            assert_eq!(flow.into_outputs(), None, "key {key}");
        }
    }
}
