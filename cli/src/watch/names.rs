//! Names of enum values, spelled the same in trace, metrics, report and progress.

use serde::Serialize;
use serde_json::Value;

/// The name that serde gives to a plain enum value, such as `worker-lost` or `infer`.
pub(super) fn label(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        other => unreachable!("{other:?} is not a plain name"),
    }
}
