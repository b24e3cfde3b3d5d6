//! The device lane of the server: one thread with one resident model, whose batches the windows of all requests share.
//!
//! ```text
//! requests -> windows, a queue for each request -> lane: draws from the requests in turn -> outputs to each request
//! ```
//!
//! Windows that are decoded with the same settings share batches, in any language and with any prompt. While windows with
//! other settings wait, a group draws [`TURN`] windows at most; then its batch drains, and the next group is decoded.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use models::{Output, Unit};
use stage_core::{DeviceStage, ErrorClass, ErrorCode, Flow, PipelineError, Stage};
use transcribe::Transcriber;

/// Windows that a group draws while others wait, per row of the batch.
const TURN: usize = 4;
/// Windows of a request that wait, per row of the batch. The request prepares no more.
const AHEAD: usize = 2;

/// The output of a window, with its index in the request.
pub(super) type WindowOutput = (usize, Result<Output, PipelineError>);

/// A request, as the lane knows it.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// Decodes its windows.
    pub(super) group: Arc<Transcriber>,
    pub(super) outputs: Sender<WindowOutput>,
    pub(super) canceled: Arc<AtomicBool>,
}

/// The lane. Its thread ends when it is dropped.
#[derive(Debug)]
pub(super) struct WindowLane {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

type Locked<'a> = std::sync::MutexGuard<'a, State>;

#[derive(Debug)]
struct State {
    /// Requests with windows that wait; the first one is served next.
    waiting: VecDeque<Waiting>,
    /// Rows of a batch. Less memory leaves fewer.
    rows: usize,
    stopped: bool,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    windows: VecDeque<(usize, Arc<Unit>)>,
}

impl WindowLane {
    /// Starts the lane with batches of at most `rows` windows.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(rows: usize) -> std::io::Result<Self> {
        let state = State { waiting: VecDeque::new(), rows: rows.max(1), stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("device-lane".to_owned()).spawn(move || own.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a window of a request; waits while the request has enough of them. False if the request was canceled, or the
    /// lane has stopped.
    pub(super) fn add(&self, ticket: &Ticket, index: usize, unit: Unit) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.stopped || ticket.is_canceled() {
                return false;
            }
            let limit = AHEAD * state.rows;
            match state.waiting.iter_mut().find(|waiting| waiting.ticket.is(ticket)) {
                Some(waiting) if waiting.windows.len() >= limit => state = self.shared.wait(state),
                Some(waiting) => {
                    waiting.windows.push_back((index, Arc::new(unit)));
                    break;
                }
                None => {
                    let windows = VecDeque::from([(index, Arc::new(unit))]);
                    state.waiting.push_back(Waiting { ticket: ticket.clone(), windows });
                    break;
                }
            }
        }
        self.shared.changed.notify_all();
        true
    }

    /// Informs the lane that a request was canceled.
    pub(super) fn canceled(&self) {
        // Whoever has read that it is not canceled waits already, and is notified.
        let _state = self.shared.lock();
        self.shared.changed.notify_all();
    }
}

impl Drop for WindowLane {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Ticket {
    fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }

    /// Whether it is of the same request.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.canceled, &other.canceled)
    }
}

impl Shared {
    fn lock(&self) -> Locked<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: Locked<'a>) -> Locked<'a> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(group) = self.next_group() {
            let mut flow = LiveFlow { shared: self, group: &group, drawn: 0, next_key: 0, rows: BTreeMap::new() };
            let ran = catch_unwind(AssertUnwindSafe(|| group.infer(&mut flow)));
            let error = match ran {
                Ok(Ok(())) => unfinished("a window was not decoded"),
                Ok(Err(error)) => error,
                Err(_) => unfinished("the decoder panicked"),
            };
            let rows = std::mem::take(&mut flow.rows);
            self.failed(rows, error);
        }
    }

    /// The group of the request that is served next; `None` when the lane stops.
    fn next_group(&self) -> Option<Arc<Transcriber>> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            state.drop_canceled();
            match state.waiting.front() {
                Some(first) => return Some(Arc::clone(&first.ticket.group)),
                None => state = self.wait(state),
            }
        }
    }

    /// Windows that were drawn and have no output. Without memory for all of them, they are decoded again, fewer at once.
    fn failed(&self, rows: BTreeMap<usize, Row>, error: PipelineError) {
        if rows.is_empty() {
            return;
        }
        let mut state = self.lock();
        if error.class == ErrorClass::Memory && state.rows > 1 {
            state.rows /= 2;
            tracing::warn!(rows = state.rows, "the device has too little memory: fewer windows are decoded at once");
            rows.into_values().rev().for_each(|row| state.put_back(row));
            return;
        }
        drop(state);
        for Row { ticket, index, .. } in rows.into_values() {
            let _nobody = ticket.outputs.send((index, Err(error.clone())));
        }
    }
}

impl State {
    fn drop_canceled(&mut self) {
        self.waiting.retain(|waiting| !waiting.windows.is_empty() && !waiting.ticket.is_canceled());
    }

    fn put_back(&mut self, Row { ticket, index, unit }: Row) {
        match self.waiting.iter_mut().find(|waiting| waiting.ticket.is(&ticket)) {
            Some(waiting) => waiting.windows.push_front((index, unit)),
            None => self.waiting.push_front(Waiting { ticket, windows: VecDeque::from([(index, unit)]) }),
        }
    }

    /// The next window of a group: its requests take turns. A group that has `drawn` enough leaves the batch to others that
    /// wait.
    fn draw(&mut self, group: &Arc<Transcriber>, drawn: usize) -> Option<Row> {
        self.drop_canceled();
        let is_own = |waiting: &Waiting| Arc::ptr_eq(&waiting.ticket.group, group);
        let others_wait = self.waiting.iter().any(|waiting| !is_own(waiting));
        if others_wait && drawn >= TURN * self.rows {
            return None;
        }
        let at = self.waiting.iter().position(is_own)?;
        let mut waiting = self.waiting.remove(at)?;
        let (index, unit) = waiting.windows.pop_front()?;
        let row = Row { ticket: waiting.ticket.clone(), index, unit };
        if !waiting.windows.is_empty() {
            self.waiting.push_back(waiting);
        }
        Some(row)
    }
}

/// A window in the batch.
struct Row {
    ticket: Ticket,
    index: usize,
    unit: Arc<Unit>,
}

/// The windows of a group as they come.
struct LiveFlow<'a> {
    shared: &'a Shared,
    group: &'a Arc<Transcriber>,
    drawn: usize,
    next_key: usize,
    rows: BTreeMap<usize, Row>,
}

impl Flow<Unit, Output> for LiveFlow<'_> {
    fn capacity(&self) -> usize {
        self.shared.lock().rows
    }

    fn draw(&mut self) -> Option<(usize, Arc<Unit>)> {
        let mut state = self.shared.lock();
        if self.rows.len() >= state.rows {
            return None;
        }
        let row = state.draw(self.group, self.drawn)?;
        drop(state);
        self.shared.changed.notify_all();
        let (key, unit) = (self.next_key, Arc::clone(&row.unit));
        (self.drawn, self.next_key) = (self.drawn + 1, self.next_key + 1);
        self.rows.insert(key, row);
        Some((key, unit))
    }

    fn complete(&mut self, key: usize, output: Output) {
        if let Some(Row { ticket, index, .. }) = self.rows.remove(&key) {
            let _nobody = ticket.outputs.send((index, Ok(output)));
        }
    }
}

fn unfinished(message: &str) -> PipelineError {
    PipelineError::bug(Transcriber::SPEC.name, ErrorCode::InferenceIncomplete, message.to_owned())
}
