//! A thread that reads GPUs periodically. If NVML hangs, only this thread hangs.

use std::ffi::OsString;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use stage_core::DeviceId;

use super::gpu::{GpuKey, GpuReport};
use super::reader::{GpuReader, open};

/// A GPU to monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoredGpu {
    /// The device that the readings belong to.
    pub device: DeviceId,
    /// How NVML finds it.
    pub key: GpuKey,
}

impl MonitoredGpu {
    /// Returns the GPU of a device: a CUDA device by its name, a simulated one by its number, `None` for others.
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

/// One reading of a device.
#[derive(Debug, Clone)]
pub struct DeviceReading {
    /// The device.
    pub device: DeviceId,
    /// The time of the reading.
    pub at: Instant,
    /// The values, or why the device could not be read.
    pub report: Result<GpuReport, String>,
}

/// Reads GPUs until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    /// The thread ends when this channel is closed.
    _open: Sender<()>,
}

impl Monitor {
    /// Starts a thread that reads `gpus` at once and then at the interval `poll`, and passes each reading to `tell`.
    /// `library` is the path of an NVML library to use instead of the driver's. If a call to NVML hangs, no more
    /// readings arrive: treat a device whose last reading is too old as unreadable.
    ///
    /// # Errors
    /// An error if the thread cannot be started: treat all devices as unreadable.
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

/// Waits for `poll`, or until the monitor is dropped. Returns true if it was dropped.
fn is_closed(closed: &Receiver<()>, poll: Duration) -> bool {
    closed.recv_timeout(poll) != Err(RecvTimeoutError::Timeout)
}
