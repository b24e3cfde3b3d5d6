//! Writes a model's files with its matrices in 8 bits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use kernels::{Isa, Quantized8};
use safetensors::tensor::{Dtype, TensorView, View};
use stage_core::{publish_file, replace_file};

use super::FAMILY;
use super::files::small_files;
use crate::weights::SCALE;
use crate::{ModelError, ModelSource, WEIGHTS_FILE};

/// The last part of a matrix's name.
const WEIGHT: &str = "weight";
/// Matrices that are used as lookup tables and never multiplied.
const POSITIONS: &str = "embed_positions.weight";

/// The reason why a model was not quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The matrices are already in int8: use the model as it is.
    #[error("{model}: its matrices are already in int8")]
    Already {
        /// The model's name.
        model: String,
    },
    /// The model is not a Whisper model.
    #[error("{model}: only Whisper models can be quantized, this model is of the family {family}")]
    Family {
        /// The model's name.
        model: String,
        /// The model's family.
        family: &'static str,
    },
    /// The folder already exists, or a file in it cannot be written: choose a new folder on a disk with enough space.
    #[error("{path}: cannot be written: {reason}")]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        reason: std::io::Error,
    },
}

/// Writes a model into a new folder with its matrices in int8. Each matrix is stored as `weight` (u8, 128 represents
/// zero) and `weight_scale` (f32, one per row). Convolutions, norms, biases and positions are unchanged. At precision
/// int8, the new folder gives the same numbers as the original model, with files of a quarter (from f32) or half (from
/// f16) the size. Tensors are quantized while they are written, so at most one of them is in memory.
///
/// # Errors
/// A [`QuantizeError`] that names the file.
///
/// ```
/// use models::whisper::quantize;
/// use models::{ModelSource, open};
///
/// let temporary = tempfile::tempdir()?;
/// let folder = temporary.path().join("test-tiny-int8");
/// quantize(&ModelSource::Directory("../../fixtures/models/test-tiny".into()), &folder)?;
/// open(&ModelSource::Directory(folder))?.check_contents()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn quantize(source: &ModelSource, folder: &Path) -> Result<(), QuantizeError> {
    let model = crate::open(source)?;
    if model.family() != FAMILY.name {
        return Err(QuantizeError::Family { model: model.name().to_owned(), family: model.family() });
    }
    model.check_contents()?;
    let weights = model.files().weights().open().map_err(ModelError::from)?;
    let tensors = weights.tensors();
    if tensors.iter().any(|(name, _)| name.ends_with(SCALE)) {
        return Err(QuantizeError::Already { model: model.name().to_owned() });
    }
    let unwritable = |path: PathBuf| move |reason| QuantizeError::Unwritable { path, reason };
    fs::create_dir(folder).map_err(unwritable(folder.to_owned()))?;
    for file in small_files(source)? {
        let path = folder.join(file.path.file_name().unwrap_or_default());
        replace_file(&path, file.bytes.as_ref()).map_err(unwritable(path.clone()))?;
    }
    let (part, whole) = (folder.join(format!("{WEIGHTS_FILE}.part")), folder.join(WEIGHTS_FILE));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(tensors.iter().flat_map(written), Some(metadata), &part)
        .map_err(|reason| QuantizeError::Unwritable { path: part.clone(), reason: std::io::Error::other(reason) })?;
    publish_file(&part, &whole).map_err(unwritable(whole.clone()))
}

/// The tensors that are written for one tensor: itself, or its levels and scales.
fn written<'a>((name, tensor): &'a (String, TensorView<'a>)) -> Vec<(String, Written<'a>)> {
    let floats = matches!(tensor.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16);
    match name.strip_suffix(WEIGHT) {
        Some(layer) if floats && tensor.shape().len() == 2 && !name.ends_with(POSITIONS) => vec![
            (name.clone(), Written { tensor, part: Part::Levels }),
            (format!("{layer}{SCALE}"), Written { tensor, part: Part::Scales }),
        ],
        _ => vec![(name.clone(), Written { tensor, part: Part::Whole })],
    }
}

struct Written<'a> {
    tensor: &'a TensorView<'a>,
    part: Part,
}

enum Part {
    Whole,
    Levels,
    Scales,
}

impl Written<'_> {
    fn quantized(&self) -> Quantized8 {
        let shape = self.tensor.shape();
        let dtype = self.tensor.dtype().try_into().expect("a type of numbers that candle knows");
        let values = Tensor::from_raw_buffer(self.tensor.data(), dtype, shape, &Device::Cpu)
            .and_then(|tensor| tensor.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1())
            .expect("a tensor as long as its header says");
        Quantized8::new(Isa::detect(), &values, shape[1])
    }
}

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        match self.part {
            Part::Whole => self.tensor.dtype(),
            Part::Levels => Dtype::U8,
            Part::Scales => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self.part {
            Part::Scales => &self.tensor.shape()[..1],
            _ => self.tensor.shape(),
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.part {
            Part::Whole => Cow::Borrowed(self.tensor.data()),
            Part::Levels => self.quantized().levels.into(),
            Part::Scales => self.quantized().scales.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>().into(),
        }
    }

    fn data_len(&self) -> usize {
        match self.part {
            Part::Whole => self.tensor.data().len(),
            Part::Levels => self.shape().iter().product(),
            Part::Scales => 4 * self.tensor.shape()[0],
        }
    }
}
