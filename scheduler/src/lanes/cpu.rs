//! The CPU lane: a thread pool. It gets no more tasks than it can run at once, so that the caller controls the order.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// A rayon pool and the number of tasks that it is running.
#[derive(Debug)]
pub(crate) struct CpuLane {
    pool: ThreadPool,
    running: usize,
}

impl CpuLane {
    /// Creates a pool of `threads` threads, but at least two: one may block on the device lane while another prepares
    /// inputs.
    pub(crate) fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(2))
            .thread_name(|index| format!("cpu-lane-{index}"))
            .build()?;
        Ok(Self { pool, running: 0 })
    }

    /// Number of threads.
    pub(crate) fn width(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Whether a thread is free.
    pub(crate) fn has_room(&self) -> bool {
        self.running < self.width()
    }

    /// Runs a task on a free thread. [`CpuLane::finished`] must be called when the task has ended.
    pub(crate) fn run(&mut self, task: impl FnOnce() + Send + 'static) {
        self.running += 1;
        self.pool.spawn_fifo(task);
    }

    /// Records that a task has ended.
    pub(crate) const fn finished(&mut self) {
        self.running -= 1;
    }
}
