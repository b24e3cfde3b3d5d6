//! A profiler for inference: it times named parts on the calling thread while a probe is on.
//!
//! It synchronizes the device before and after each part, so a run with a probe is slower. Without a probe, [`span`]
//! only calls `work`.

use std::cell::RefCell;
use std::time::Instant;

use candle_core::{Device, Result};

/// One part of an inference, over all its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The part's name (`encoder.mlp`).
    pub name: &'static str,
    /// Seconds over all calls.
    pub seconds: f64,
    /// Number of calls.
    pub count: u64,
    /// Rows, tokens or windows of all calls; equal to `count` if they are not counted.
    pub items: u64,
}

thread_local! {
    static PARTS: RefCell<Option<Vec<Part>>> = const { RefCell::new(None) };
}

/// Turns the probe of this thread on and clears its parts.
pub fn start() {
    PARTS.set(Some(Vec::new()));
}

/// Turns the probe of this thread off and returns its parts, in the order of their first calls.
#[must_use]
pub fn finish() -> Vec<Part> {
    PARTS.take().unwrap_or_default()
}

/// Calls `work`, and times it as the part `name` if the probe of this thread is on.
///
/// # Errors
/// The error of `work`, or of the synchronization of the device.
///
/// ```
/// use candle_core::Device;
/// use kernels::probe;
///
/// probe::start();
/// let sum = probe::span("sum", &Device::Cpu, || Ok((1..=10).sum::<u32>()))?;
/// let parts = probe::finish();
/// assert_eq!((sum, parts[0].name, parts[0].count), (55, "sum", 1));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn span<T>(name: &'static str, device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    span_of(name, 1, device, work)
}

/// As [`span`], for work on `items` rows, tokens or windows.
///
/// # Errors
/// As [`span`].
pub fn span_of<T>(name: &'static str, items: usize, device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if PARTS.with_borrow(Option::is_none) {
        return work();
    }
    device.synchronize()?;
    let start = Instant::now();
    let output = work()?;
    device.synchronize()?;
    let seconds = start.elapsed().as_secs_f64();
    PARTS.with_borrow_mut(|parts| {
        if let Some(parts) = parts {
            record(parts, name, seconds, items as u64);
        }
    });
    Ok(output)
}

fn record(parts: &mut Vec<Part>, name: &'static str, seconds: f64, items: u64) {
    match parts.iter_mut().find(|part| part.name == name) {
        Some(part) => {
            part.seconds += seconds;
            part.count += 1;
            part.items += items;
        }
        None => parts.push(Part { name, seconds, count: 1, items }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_counts_parts_while_it_is_on() {
        let call = |name| span(name, &Device::Cpu, || Ok(7)).expect("the work succeeds");
        assert_eq!(call("before"), 7);
        assert_eq!(finish(), []);
        start();
        for name in ["step.mlp", "step.logits", "step.mlp"] {
            assert_eq!(call(name), 7);
        }
        span_of("step.mlp", 5, &Device::Cpu, || Ok(())).expect("the work succeeds");
        let failed: Result<()> = span("failed", &Device::Cpu, || candle_core::bail!("on purpose"));
        assert!(failed.is_err());
        let parts = finish();
        let counts: Vec<_> = parts.iter().map(|part| (part.name, part.count, part.items)).collect();
        assert_eq!(counts, [("step.mlp", 3, 7), ("step.logits", 1, 1)]);
        assert!(parts.iter().all(|part| part.seconds >= 0.0));
        call("after");
        assert_eq!(finish(), []);
    }
}
