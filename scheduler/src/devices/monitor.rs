//! A thread that reads GPUs again and again: NVML may hang, and then it hangs alone.

use std::ffi::OsString;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use stage_core::DeviceId;

use super::gpu::{GpuKey, GpuReport};
use super::reader::{GpuReader, open};

/// A GPU to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoredGpu {
    /// The device whose readings these are.
    pub device: DeviceId,
    /// How NVML finds it.
    pub key: GpuKey,
}

impl MonitoredGpu {
    /// A CUDA device by its name, a simulated one by its number; none for others.
    #[must_use]
    pub fn of(device: &DeviceId) -> Option<Self> {
        let key = match device {
            DeviceId::Cpu(_) => return None,
            DeviceId::Sim(index) => GpuKey::Index(*index),
            DeviceId::Cuda(name) => name.parse().map_or_else(|_| GpuKey::Uuid(name.clone()), GpuKey::Index),
        };
        Some(Self { device: device.clone(), key })
    }
}

/// What one look at a device saw.
#[derive(Debug, Clone)]
pub struct DeviceReading {
    /// The device.
    pub device: DeviceId,
    /// When it was looked at.
    pub at: Instant,
    /// What was seen, or why nothing was.
    pub report: Result<GpuReport, String>,
}

/// Reads GPUs until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    /// The thread ends when this is closed.
    _open: Sender<()>,
}

impl Monitor {
    /// Reads `gpus` at once and then every `poll`, and tells each reading to `tell` on a thread of its own. `library`
    /// names another NVML library than the driver's. Where a call of NVML hangs, no more readings come: take a device
    /// whose last one is too old for unreadable.
    ///
    /// # Errors
    /// The thread cannot be started: take all devices for unreadable.
    pub fn start(
        library: Option<OsString>,
        poll: Duration,
        gpus: Vec<MonitoredGpu>,
        tell: impl Fn(DeviceReading) + Send + 'static,
    ) -> io::Result<Self> {
        let (open, closed) = bounded(0);
        thread::Builder::new().name("devices".to_owned()).spawn(move || {
            // A driver that is missing now may be loaded later.
            while let Err(reason) = watch(library.as_ref(), poll, &gpus, &closed, &tell) {
                for gpu in &gpus {
                    tell(DeviceReading { device: gpu.device.clone(), at: Instant::now(), report: Err(reason.clone()) });
                }
                if is_closed(&closed, poll) {
                    return;
                }
            }
        })?;
        Ok(Self { _open: open })
    }
}

/// Reads until the monitor is dropped.
fn watch(
    library: Option<&OsString>,
    poll: Duration,
    gpus: &[MonitoredGpu],
    closed: &Receiver<()>,
    tell: &impl Fn(DeviceReading),
) -> Result<(), String> {
    let nvml = open(library.map(OsString::as_os_str))?;
    let mut readers: Vec<_> = gpus.iter().map(|gpu| (gpu, GpuReader::new(&nvml, gpu.key.clone()))).collect();
    loop {
        for (gpu, reader) in &mut readers {
            let report = Ok(reader.read());
            tell(DeviceReading { device: gpu.device.clone(), at: Instant::now(), report });
        }
        if is_closed(closed, poll) {
            return Ok(());
        }
    }
}

/// Waits for so long, or until the monitor is dropped.
fn is_closed(closed: &Receiver<()>, poll: Duration) -> bool {
    closed.recv_timeout(poll) != Err(RecvTimeoutError::Timeout)
}
