//! The CPU lane: a pool of threads that are fed no more tasks than they can run, so that the caller keeps the order.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// A rayon pool and the number of tasks that it runs now.
#[derive(Debug)]
pub(crate) struct CpuLane {
    pool: ThreadPool,
    running: usize,
}

impl CpuLane {
    /// A pool of `threads` threads, at least two: one may wait for the device lane while another prepares what is next.
    pub(crate) fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(2))
            .thread_name(|index| format!("cpu-lane-{index}"))
            .build()?;
        Ok(Self { pool, running: 0 })
    }

    /// Threads.
    pub(crate) fn width(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Whether a thread is free.
    pub(crate) fn has_room(&self) -> bool {
        self.running < self.width()
    }

    /// Runs a task on a free thread; [`CpuLane::finished`] must be called when it has ended.
    pub(crate) fn run(&mut self, task: impl FnOnce() + Send + 'static) {
        self.running += 1;
        self.pool.spawn_fifo(task);
    }

    /// A task has ended.
    pub(crate) const fn finished(&mut self) {
        self.running -= 1;
    }
}
