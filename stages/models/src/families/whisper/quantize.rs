//! A model's files with its matrices in 8 bits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use kernels::{Isa, Quantized8};
use safetensors::tensor::{Dtype, TensorView, View};

use super::FAMILY;
use super::files::small_files;
use crate::weights::SCALE;
use crate::{ModelError, ModelSource, WEIGHTS_FILE};

/// The end of a matrix's name.
const WEIGHT: &str = "weight";
/// The matrices that are looked up and never multiplied with.
const POSITIONS: &str = "embed_positions.weight";

/// Why a model was not quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// The model cannot be used as it is.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model is in int8 already: use it as it is.
    #[error("{model}: its matrices are in int8 already")]
    Already {
        /// The model's name.
        model: String,
    },
    /// The model is not a Whisper.
    #[error("{model}: only Whisper models can be quantized, this one is of the family {family}")]
    Family {
        /// The model's name.
        model: String,
        /// Its family.
        family: &'static str,
    },
    /// The folder exists, or a file in it cannot be written: name a new folder, on a disk with room.
    #[error("{path}: cannot be written: {reason}")]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
}

/// Writes a model into a new folder with its matrices in int8: for each, `weight` (u8, 128 stands for zero) and
/// `weight_scale` (f32) for each row. Convolutions, norms, biases and positions stay as they are. At precision int8 the
/// folder gives the numbers of the model that it was made of, from files of a quarter (of f32) or half (of f16) the
/// size. Tensors are quantized as they are written: no more than one of them is in memory.
///
/// # Errors
/// A [`QuantizeError`] that names the file.
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
        fs::write(&path, file.bytes).map_err(unwritable(path.clone()))?;
    }
    let (part, whole) = (folder.join(format!("{WEIGHTS_FILE}.part")), folder.join(WEIGHTS_FILE));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(tensors.iter().flat_map(written), Some(metadata), &part)
        .map_err(|reason| QuantizeError::Unwritable { path: part.clone(), reason: std::io::Error::other(reason) })?;
    fs::rename(&part, &whole).map_err(unwritable(whole.clone()))
}

/// The tensors that are written for one: itself, or its levels and their scales.
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
