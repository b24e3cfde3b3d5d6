//! The precision of a case: chosen once, then kept until an option changes it.

use std::fmt;
use std::str::FromStr;

use scheduler::store::{self, Access, StoreError, StoreUrl};
use stage_core::{DeviceId, Stage};
use transcribe::{ModelSource, Precision, Transcriber, UnknownPrecision};

/// The precision of a run. As text: `auto`, or the name of a precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionChoice {
    /// The precision of the case. In a new case, the best one for model and device.
    #[default]
    Auto,
    /// A given precision.
    Given(Precision),
}

/// No precision has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}, or auto")]
pub struct UnknownPrecisionChoice(UnknownPrecision);

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecisionChoice;

    fn from_str(name: &str) -> Result<Self, UnknownPrecisionChoice> {
        if name == "auto" { Ok(Self::Auto) } else { name.parse().map(Self::Given).map_err(UnknownPrecisionChoice) }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(precision) => precision.fmt(f),
        }
    }
}

/// The case has a precision that the device does not support.
#[derive(Debug, thiserror::Error)]
#[error(
    "this case was transcribed in {stored}, which {device} does not support; --precision {instead} transcribes it again"
)]
pub(crate) struct NotOnThisDevice {
    stored: Precision,
    device: DeviceId,
    instead: Precision,
}

impl PrecisionChoice {
    /// The precision of a run. `stored` is the precision of the case's last transcription with this model.
    ///
    /// # Errors
    /// [`NotOnThisDevice`] if `device` does not support it and no option overrides it.
    pub(crate) fn resolve(
        self,
        stored: Option<Precision>,
        model: &ModelSource,
        device: &DeviceId,
    ) -> Result<Precision, NotOnThisDevice> {
        let missing = if device.is_cuda() { Precision::Int8 } else { Precision::F16 };
        match (self, stored) {
            (Self::Given(precision), _) => Ok(precision),
            (Self::Auto, Some(stored)) if stored == missing => {
                Err(NotOnThisDevice { stored, device: device.clone(), instead: best(model, device) })
            }
            (Self::Auto, Some(stored)) => Ok(stored),
            (Self::Auto, None) => Ok(best(model, device)),
        }
    }
}

/// int8 is faster and increases the error of the embedded model by less than one point (BENCHMARKS.md). For other
/// models the increase is unknown.
fn best(model: &ModelSource, device: &DeviceId) -> Precision {
    match model {
        _ if device.is_cuda() => Precision::F16,
        ModelSource::Embedded => Precision::Int8,
        _ => Precision::F32,
    }
}

/// The precision of the latest run with this model in this store, if any.
///
/// # Errors
/// As [`store::open`], except that a missing store or one with an older schema returns `None`.
pub(crate) fn stored(url: &StoreUrl, model_sha256: &str) -> Result<Option<Precision>, StoreError> {
    let store = match store::open(url, Access::Read) {
        Err(StoreError::Missing { .. } | StoreError::OlderSchema { .. }) => return Ok(None),
        store => store?,
    };
    let recipes = store.recipes()?;
    let transcribed =
        recipes.iter().filter_map(|recipe| recipe.step(Transcriber::SPEC.name)).map(|step| &step.identity);
    let mut same_model = transcribed.filter(|identity| identity.model_sha256.as_deref() == Some(model_sha256));
    Ok(same_model.find_map(|identity| identity.numeric.as_deref()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_the_flag_or_the_case_or_the_best_for_model_and_device() {
        let (cpu, gpu): (DeviceId, DeviceId) = (DeviceId::Cpu(0), DeviceId::Cuda("0".into()));
        let folder = ModelSource::Directory("model".into());
        let auto = |stored, model: &ModelSource, device| PrecisionChoice::Auto.resolve(stored, model, device);
        assert_eq!(auto(None, &ModelSource::Embedded, &cpu).unwrap(), Precision::Int8);
        assert_eq!(auto(None, &folder, &cpu).unwrap(), Precision::F32);
        assert_eq!(auto(None, &folder, &gpu).unwrap(), Precision::F16);
        assert_eq!(auto(Some(Precision::Bf16), &folder, &gpu).unwrap(), Precision::Bf16);
        let given = PrecisionChoice::Given(Precision::F32);
        assert_eq!(given.resolve(Some(Precision::Int8), &folder, &gpu).unwrap(), Precision::F32);
        let error = auto(Some(Precision::Int8), &ModelSource::Embedded, &gpu).unwrap_err().to_string();
        assert!(error.contains("transcribed in int8") && error.contains("--precision f16"), "{error}");
    }
}
