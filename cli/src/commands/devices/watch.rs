//! `devices --watch`: shows the GPUs repeatedly, in place on a terminal and line by line otherwise.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use scheduler::coordinator::Interrupt;
use scheduler::devices::{DeviceReading, GpuKey, Monitor, MonitoredGpu};
use stage_core::DeviceId;

use super::machine;
use super::view::View;
use crate::args::DevicesArgs;
use crate::error::{Error, ErrorContext};
use crate::exit::Exit;
use crate::signals::{self, SignalWatch};

/// Maximum delay before a signal is handled.
const TICK: Duration = Duration::from_millis(20);
/// Number of intervals without a reading after which the state is unknown.
const OVERDUE_INTERVALS: u32 = 3;

/// Reads and shows the GPUs every `every_s` seconds until a signal arrives or the output pipe closes.
pub(super) fn watch(mut view: View, args: &DevicesArgs, every_s: f64) -> Result<Exit, Error> {
    let signals = SignalWatch::start(Interrupt::default()).context("the signal handlers cannot be installed")?;
    let every = Duration::from_secs_f64(every_s);
    let gpus =
        (0..view.gpus.len() as u32).map(|index| MonitoredGpu { device: device(index), key: GpuKey::Index(index) });
    let (sender, readings) = channel();
    let library = args.nvml.clone().map(Into::into);
    let _monitor = Monitor::start(library, every, gpus.collect(), move |reading| drop(sender.send(reading)))
        .context("the GPUs cannot be monitored")?;
    let mut last = vec![Instant::now(); view.gpus.len()];
    let mut screen = Screen::new(args.json);
    let mut next = Instant::now();
    while !signals.is_interrupted() {
        take(&readings, &mut view, &mut last);
        if Instant::now() >= next {
            mark_overdue(&mut view, &last, every * OVERDUE_INTERVALS);
            match screen.show(&view) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
                shown => shown.context("the GPUs cannot be shown")?,
            }
            next += every;
        }
        std::thread::sleep(TICK);
    }
    Ok(signals::exit())
}

fn device(index: u32) -> DeviceId {
    DeviceId::Cuda(index.to_string())
}

fn take(readings: &Receiver<DeviceReading>, view: &mut View, last: &mut [Instant]) {
    for reading in readings.try_iter() {
        let index = (0..last.len()).find(|index| device(*index as u32) == reading.device);
        if let Some(index) = index {
            last[index] = reading.at;
            view.gpus[index].read(reading.report);
        }
    }
}

fn mark_overdue(view: &mut View, last: &[Instant], limit: Duration) {
    for (gpu, last) in view.gpus.iter_mut().zip(last) {
        let silent = last.elapsed();
        if silent > limit {
            gpu.read(Err(format!("no answer from NVML for {:.1} s", silent.as_secs_f64())));
        }
    }
}

/// The output and its format.
enum Screen {
    Terminal,
    Lines,
    Json,
}

impl Screen {
    fn new(json: bool) -> Self {
        match (json, io::stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Terminal,
            (false, false) => Self::Lines,
        }
    }

    fn show(&mut self, view: &View) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let now = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).strftime("%H:%M:%S");
        match self {
            Self::Json => writeln!(out, "{}", machine(&view.json()))?,
            Self::Lines => view.lines().iter().try_for_each(|line| writeln!(out, "{now}  {line}"))?,
            // Redraw from the top. Clear the rest of each line and everything below the last one.
            Self::Terminal => {
                let text = format!("{now}\n{}", view.table()).replace('\n', "\x1b[K\n");
                write!(out, "\x1b[H{text}\x1b[J")?;
            }
        }
        out.flush()
    }
}
