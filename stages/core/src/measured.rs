//! A measured value, or the reason why there is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Either a measured value, or null with the reason, so that a placeholder cannot be mistaken for a measurement.
///
/// Serializes as `{"value": 118.2}` or `{"value": null, "reason": "no voiced frame"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured<T = f64> {
    /// The measured value, if any.
    pub value: Option<T>,
    /// Why the value is missing, or what limits its validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl<T> Measured<T> {
    /// A measured value.
    #[must_use]
    pub const fn of(value: T) -> Self {
        Self { value: Some(value), reason: None }
    }

    /// A missing value, with its reason.
    #[must_use]
    pub fn missing(reason: impl Into<String>) -> Self {
        Self { value: None, reason: Some(reason.into()) }
    }

    /// The value if there is one, otherwise a missing value with `reason`.
    ///
    /// ```
    /// use stage_core::Measured;
    ///
    /// let pitch_hz = Measured::from_option(None::<f64>, "no voiced frame");
    /// assert_eq!(serde_json::to_string(&pitch_hz)?, r#"{"value":null,"reason":"no voiced frame"}"#);
    /// assert_eq!(Measured::of(118.2).value, Some(118.2));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn from_option(value: Option<T>, reason: &str) -> Self {
        value.map_or_else(|| Self::missing(reason), Self::of)
    }
}

/// The sum of numbers: 0 if there are none, where [`Iterator::sum`] gives -0.
pub fn sum(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_without_a_value_has_a_reason() {
        let json = serde_json::to_string(&Measured::<f64>::missing("no voiced frame")).unwrap();
        assert_eq!(json, r#"{"value":null,"reason":"no voiced frame"}"#);
        assert_eq!(serde_json::to_string(&Measured::of(1.5)).unwrap(), r#"{"value":1.5}"#);
    }

    #[test]
    fn sum_of_nothing_is_a_positive_zero() {
        assert!(sum(std::iter::empty()).is_sign_positive());
        assert_eq!(sum([0.5, 1.5].into_iter()), 2.0);
    }
}
