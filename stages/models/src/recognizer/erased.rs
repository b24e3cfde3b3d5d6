//! Units and outputs with their types erased.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage_core::{Flow, PhoneEmissions, Window};

use super::{Pass, Recognizer, SpeechModel, TranscribeConfig, TypedRecognizer, WindowAudio, WindowText};
use crate::ModelError;

/// The prepared input of one decode pass.
#[derive(Clone)]
pub struct Unit(Arc<dyn Any + Send + Sync>);

impl Unit {
    /// Wraps a unit of a family.
    #[must_use]
    pub fn new<T: Send + Sync + 'static>(unit: T) -> Self {
        Self(Arc::new(unit))
    }

    /// The unit, if it has this type.
    #[must_use]
    pub fn typed<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").finish_non_exhaustive()
    }
}

/// The output of one decode pass, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Output(Value);

impl Output {
    /// Wraps an output of a family.
    #[must_use]
    pub fn new<T: Serialize>(output: &T) -> Self {
        Self(compact_json(output))
    }

    /// Deserializes the output as this type.
    ///
    /// # Errors
    /// [`ModelError::ForeignOutput`] if it has another type.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, ModelError> {
        T::deserialize(&self.0).map_err(ModelError::ForeignOutput)
    }
}

/// Converts a value to JSON and keeps the shortest decimal form of each number. It serializes through text, because
/// `to_value` would widen f32 to f64 (0.1 to 0.10000000149011612).
///
/// # Panics
/// If the value cannot be represented in JSON, for example a map whose keys are not text.
#[must_use]
pub fn compact_json<T: Serialize>(value: &T) -> Value {
    let text = serde_json::to_string(value).expect("a value with a form in JSON");
    serde_json::from_str(&text).expect("JSON that was just written")
}

/// A flow of erased units that a family reads as its own type.
struct TypedFlow<'a> {
    inner: &'a mut dyn Flow<Unit, Output>,
    /// Whether a unit of another family was drawn.
    foreign: bool,
}

impl<U: Send + Sync + 'static, O: Serialize> Flow<U, O> for TypedFlow<'_> {
    fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    fn draw(&mut self) -> Option<(usize, Arc<U>)> {
        let (key, unit) = self.inner.draw()?;
        let typed = unit.typed();
        self.foreign |= typed.is_none();
        typed.map(|unit| (key, unit))
    }

    fn complete(&mut self, key: usize, output: O) {
        self.inner.complete(key, Output::new(&output));
    }

    fn progressed(&mut self) {
        self.inner.progressed();
    }
}

impl<T: TypedRecognizer + 'static> Recognizer for T {
    fn model(&self) -> &dyn SpeechModel {
        TypedRecognizer::model(self)
    }

    fn with_config(&self, config: TranscribeConfig) -> Result<Box<dyn Recognizer>, ModelError> {
        Ok(Box::new(TypedRecognizer::with_config(self, config)?))
    }

    fn settings(&self) -> Value {
        TypedRecognizer::settings(self)
    }

    fn numeric(&self) -> String {
        TypedRecognizer::numeric(self)
    }

    fn load(&self) -> Result<(), ModelError> {
        TypedRecognizer::load(self)
    }

    fn prepare(&self, audio: &WindowAudio, pass: Pass) -> Unit {
        Unit::new(TypedRecognizer::prepare(self, audio, pass))
    }

    fn infer(&self, flow: &mut dyn Flow<Unit, Output>) -> Result<(), ModelError> {
        let mut flow = TypedFlow { inner: flow, foreign: false };
        TypedRecognizer::infer(self, &mut flow)?;
        if flow.foreign { Err(ModelError::ForeignUnit) } else { Ok(()) }
    }

    fn next_passes(&self, windows: &[Window], outputs: &[Output]) -> Result<Vec<Pass>, ModelError> {
        Ok(TypedRecognizer::next_passes(self, windows, &typed::<T>(outputs)?))
    }

    fn finish(&self, windows: &[Window], outputs: &[Output]) -> Result<Option<Vec<WindowText>>, ModelError> {
        Ok(TypedRecognizer::finish(self, windows, &typed::<T>(outputs)?))
    }

    fn phone_emissions(&self, windows: &[Window], outputs: &[Output]) -> Result<PhoneEmissions, ModelError> {
        Ok(TypedRecognizer::phone_emissions(self, windows, &typed::<T>(outputs)?))
    }
}

fn typed<T: TypedRecognizer>(outputs: &[Output]) -> Result<Vec<T::Output>, ModelError> {
    outputs.iter().map(Output::typed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_is_compact_keeps_the_digits_of_f32() {
        let json = compact_json(&vec![0.1f32, -0.234_12, 1e-9]);
        assert_eq!(json.to_string(), "[0.1,-0.23412,1e-9]");
        assert_eq!(Vec::<f32>::deserialize(&json).unwrap(), [0.1f32, -0.234_12, 1e-9]);
    }

    #[test]
    fn unit_is_typed_only_as_what_it_is() {
        let unit = Unit::new(7u32);
        assert_eq!(unit.typed::<u32>().as_deref(), Some(&7));
        assert!(unit.typed::<String>().is_none());
    }

    #[test]
    fn output_of_another_type_is_an_error() {
        let output = Output::new(&"text");
        assert_eq!(output.typed::<String>().unwrap(), "text");
        assert!(matches!(output.typed::<u32>(), Err(ModelError::ForeignOutput(_))));
    }
}
