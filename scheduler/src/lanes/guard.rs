//! A panic in a stage fails one recording, not the worker.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use stage_core::{ErrorClass, StageError, StageName};

/// Runs `work`; a panic becomes an error of class `Bug` with the panic's message. What `work` was changing when it
/// panicked must not be used again.
pub(crate) fn guarded<T>(stage: StageName, work: impl FnOnce() -> Result<T, StageError>) -> Result<T, StageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(StageError::new(stage, ErrorClass::Bug, "panic", format!("panicked: {}", message(panic.as_ref()))))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
