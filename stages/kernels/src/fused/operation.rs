//! One description of an operation for GPUs and CPUs: the launch of a kernel as plain data, and a reference.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, DType, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use half::{bf16, f16};

/// An argument of a kernel.
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "only a build for GPUs starts kernels"))]
pub(super) enum Argument<'a> {
    /// The address of a contiguous tensor's first number.
    Tensor(&'a Tensor),
    /// The address of the first number of a tensor with a row stride.
    Rows(&'a Tensor),
    /// The address of the tensor that the kernel creates or changes.
    Target,
    /// A null pointer.
    Nothing,
    Int(usize),
    Size(usize),
    Real(f32),
}

/// The launch of a kernel.
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "only a build for GPUs starts kernels"))]
pub(super) struct Launch<'a> {
    /// The name of the source file in `cuda/`.
    pub(super) source: &'static str,
    pub(super) kernel: String,
    pub(super) grid: (usize, usize, usize),
    pub(super) threads: usize,
    pub(super) arguments: Vec<Argument<'a>>,
}

/// The suffix of kernel names for a type.
pub(super) fn suffix(dtype: DType) -> Result<&'static str> {
    Ok(match dtype {
        DType::F32 => "f32",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        other => bail!("no kernel for {other:?}"),
    })
}

/// Creates a tensor of the same type as the one that it is applied to.
pub(super) struct Make<'a, R> {
    pub(super) launch: Launch<'a>,
    pub(super) shape: Shape,
    /// Computes all numbers of the result.
    pub(super) reference: R,
}

impl<R: Fn() -> Result<Vec<f32>>> Make<'_, R> {
    /// Creates the tensor, with the device and type of `like`.
    pub(super) fn like(&self, like: &Tensor) -> Result<Tensor> {
        like.apply_op1_no_bwd(self)
    }
}

impl<R: Fn() -> Result<Vec<f32>>> CustomOp1 for Make<'_, R> {
    fn name(&self) -> &'static str {
        self.launch.source
    }

    fn cpu_fwd(&self, like: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let numbers = (self.reference)()?;
        let storage = match like {
            CpuStorage::F32(_) => CpuStorage::F32(numbers),
            CpuStorage::F16(_) => CpuStorage::F16(numbers.into_iter().map(f16::from_f32).collect()),
            CpuStorage::BF16(_) => CpuStorage::BF16(numbers.into_iter().map(bf16::from_f32).collect()),
            _ => bail!("{} takes f32, f16 or bf16", self.name()),
        };
        Ok((storage, self.shape.clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, like: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        let made = cuda::uninitialized(like, self.shape.elem_count())?;
        cuda::start(&self.launch, &made, &Layout::contiguous(&self.shape))?;
        Ok((made, self.shape.clone()))
    }
}

/// Changes a tensor in place.
pub(super) struct Change<'a, R> {
    pub(super) launch: Launch<'a>,
    /// Changes all numbers of the tensor.
    pub(super) reference: R,
}

impl<R: Fn(&mut [f32]) -> Result<()>> Change<'_, R> {
    /// Changes a contiguous tensor.
    pub(super) fn apply(&self, target: &Tensor) -> Result<()> {
        target.inplace_op1(self)
    }
}

impl<R: Fn(&mut [f32]) -> Result<()>> InplaceOp1 for Change<'_, R> {
    fn name(&self) -> &'static str {
        self.launch.source
    }

    fn cpu_fwd(&self, target: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("{} takes contiguous tensors", self.name()) };
        match target {
            CpuStorage::F32(numbers) => (self.reference)(&mut numbers[start..end]),
            CpuStorage::F16(numbers) => {
                self.converted(&mut numbers[start..end], |number| number.to_f32(), f16::from_f32)
            }
            CpuStorage::BF16(numbers) => {
                self.converted(&mut numbers[start..end], |number| number.to_f32(), bf16::from_f32)
            }
            _ => bail!("{} takes f32, f16 or bf16", self.name()),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, target: &mut CudaStorage, layout: &Layout) -> Result<()> {
        cuda::start(&self.launch, target, layout)
    }
}

impl<R: Fn(&mut [f32]) -> Result<()>> Change<'_, R> {
    fn converted<T: Copy>(&self, numbers: &mut [T], to: fn(T) -> f32, from: fn(f32) -> T) -> Result<()> {
        let mut converted: Vec<f32> = numbers.iter().copied().map(to).collect();
        (self.reference)(&mut converted)?;
        numbers.iter_mut().zip(converted).for_each(|(number, changed)| *number = from(changed));
        Ok(())
    }
}

#[cfg(feature = "cuda")]
pub(super) use cuda::{address, has_tensor_cores_for_bf16, keep_freed_memory, release_freed_memory};

#[cfg(feature = "cuda")]
mod cuda {
    //! The only module that calls the driver.

    use std::cell::RefCell;
    use std::collections::HashMap;

    use candle_core::cuda_backend::cudarc::driver::sys::{
        CUdevice_attribute, CUmemPool_attribute, CUmemoryPool, cuDeviceGetDefaultMemPool, cuMemPoolSetAttribute,
        cuMemPoolTrimTo,
    };
    use candle_core::cuda_backend::cudarc::driver::{CudaFunction, DevicePtr, LaunchConfig, PushKernelArg};
    use candle_core::cuda_backend::{CudaStorageSlice, DeviceId, WrapErr};
    use candle_core::{CudaDevice, CudaStorage, Layout, Result, Storage, Tensor, bail};

    use super::{Argument, Launch};

    /// The compiled PTX of a source file.
    fn ptx(source: &str) -> Result<&'static str> {
        Ok(match source {
            "choose" => include_str!(concat!(env!("OUT_DIR"), "/choose.ptx")),
            "decoder_attention" => include_str!(concat!(env!("OUT_DIR"), "/decoder_attention.ptx")),
            "elementwise" => include_str!(concat!(env!("OUT_DIR"), "/elementwise.ptx")),
            "encoder_attention" => include_str!(concat!(env!("OUT_DIR"), "/encoder_attention.ptx")),
            other => bail!("no CUDA source {other}"),
        })
    }

    /// The bits of a kernel's argument.
    enum Bits {
        Word(u32),
        Double(u64),
        Real(f32),
    }

    /// Launches a kernel that creates or changes `target`.
    pub(in crate::fused) fn start(launch: &Launch<'_>, target: &CudaStorage, layout: &Layout) -> Result<()> {
        let device = &target.device;
        let first_number = |tensor: &Tensor, of: fn(&CudaStorage, &Layout) -> Result<u64>| {
            let (storage, layout) = tensor.storage_and_layout();
            match &*storage {
                Storage::Cuda(storage) => of(storage, layout),
                _ => bail!("{}: a tensor on another device", launch.kernel),
            }
        };
        let bits = |argument: &Argument<'_>| {
            Ok(match argument {
                Argument::Tensor(tensor) => Bits::Double(first_number(tensor, address)?),
                Argument::Rows(tensor) => Bits::Double(first_number(tensor, address_of_rows)?),
                Argument::Target => Bits::Double(address(target, layout)?),
                Argument::Nothing => Bits::Double(0),
                Argument::Int(number) => Bits::Word(u32::try_from(*number).map_err(candle_core::Error::wrap)?),
                Argument::Size(number) => Bits::Double(*number as u64),
                Argument::Real(number) => Bits::Real(*number),
            })
        };
        let arguments = launch.arguments.iter().map(bits).collect::<Result<Vec<_>>>()?;
        let function = function(device, launch)?;
        let stream = device.cuda_stream();
        let mut builder = stream.launch_builder(&function);
        for argument in &arguments {
            match argument {
                Bits::Word(word) => builder.arg(word),
                Bits::Double(double) => builder.arg(double),
                Bits::Real(real) => builder.arg(real),
            };
        }
        let (x, y, z) = launch.grid;
        let config = LaunchConfig {
            grid_dim: (x as u32, y as u32, z as u32),
            block_dim: (launch.threads as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those that the kernel declares, and the callers have checked that its tensors cover
        // everything that the grid reads and writes.
        unsafe { builder.launch(config) }.w()?;
        Ok(())
    }

    thread_local! {
        /// Kernels that this thread has launched before. Looking up a kernel in its module takes as long as launching
        /// it.
        static FUNCTIONS: RefCell<HashMap<(DeviceId, String), CudaFunction>> = RefCell::default();
    }

    fn function(device: &CudaDevice, launch: &Launch<'_>) -> Result<CudaFunction> {
        let key = (device.id(), launch.kernel.clone());
        if let Some(function) = FUNCTIONS.with_borrow(|functions| functions.get(&key).cloned()) {
            return Ok(function);
        }
        let function = device.get_or_load_custom_func(&launch.kernel, launch.source, ptx(launch.source)?)?;
        let function = function.into_cuda_function();
        FUNCTIONS.with_borrow_mut(|functions| functions.insert(key, function.clone()));
        Ok(function)
    }

    /// The address of a contiguous tensor's first number. All work of a thread on a device is on one stream, so that
    /// the address stays valid until the kernels launched now have run.
    pub(in crate::fused) fn address(storage: &CudaStorage, layout: &Layout) -> Result<u64> {
        if !layout.is_contiguous() {
            bail!("a kernel takes contiguous tensors");
        }
        address_of_rows(storage, layout)
    }

    fn address_of_rows(storage: &CudaStorage, layout: &Layout) -> Result<u64> {
        let start = layout.start_offset();
        let stream = storage.device.cuda_stream();
        let (first, bytes) = match &storage.slice {
            CudaStorageSlice::F32(slice) => (slice.device_ptr(&stream).0, 4),
            CudaStorageSlice::U32(slice) => (slice.device_ptr(&stream).0, 4),
            CudaStorageSlice::F16(slice) => (slice.device_ptr(&stream).0, 2),
            CudaStorageSlice::BF16(slice) => (slice.device_ptr(&stream).0, 2),
            _ => bail!("a kernel takes f32, f16, bf16 or u32"),
        };
        Ok(first + (start * bytes) as u64)
    }

    /// Allocates memory for `count` numbers of the type of `like`, which a kernel fills.
    pub(in crate::fused) fn uninitialized(like: &CudaStorage, count: usize) -> Result<CudaStorage> {
        let device = &like.device;
        // SAFETY: every kernel that creates a tensor writes all of it.
        let slice = unsafe {
            match &like.slice {
                CudaStorageSlice::F32(_) => CudaStorageSlice::F32(device.alloc(count)?),
                CudaStorageSlice::F16(_) => CudaStorageSlice::F16(device.alloc(count)?),
                CudaStorageSlice::BF16(_) => CudaStorageSlice::BF16(device.alloc(count)?),
                _ => bail!("a kernel creates f32, f16 or bf16"),
            }
        };
        Ok(CudaStorage { slice, device: device.clone() })
    }

    /// The pool that all tensors of a device are allocated from.
    fn memory_pool(device: &CudaDevice) -> Result<CUmemoryPool> {
        let stream = device.cuda_stream();
        stream.context().bind_to_thread().w()?;
        let mut pool: CUmemoryPool = std::ptr::null_mut();
        // SAFETY: the device is that of a living context, and the call writes the pool's handle.
        unsafe { cuDeviceGetDefaultMemPool(&raw mut pool, stream.context().cu_device()).result().w()? };
        Ok(pool)
    }

    pub(in crate::fused) fn keep_freed_memory(device: &CudaDevice) -> Result<()> {
        let mut kept = u64::MAX;
        let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: the attribute is a u64, which the call reads.
        unsafe { cuMemPoolSetAttribute(memory_pool(device)?, attribute, (&raw mut kept).cast()).result().w() }
    }

    pub(in crate::fused) fn release_freed_memory(device: &CudaDevice) -> Result<()> {
        // SAFETY: the memory of existing tensors is not affected.
        unsafe { cuMemPoolTrimTo(memory_pool(device)?, 0).result().w() }
    }

    pub(in crate::fused) fn has_tensor_cores_for_bf16(device: &CudaDevice) -> bool {
        let attribute = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
        device.cuda_stream().context().attribute(attribute).is_ok_and(|major| major >= 8)
    }
}
