//! The cost and the scaling of the scheduler, measured with the real coordinator, worker processes and store. The
//! stages are simulated: they take as long as real stages, or no time. `cargo bench -p scheduler -- NAME` runs one
//! table: costs, faults, memory, rates, scaling.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure must stop")]

mod costs;
mod faults;
mod load;
mod memory;
mod rates;
mod scaling;

use std::process::exit;

use scheduler::worker::{SlotSettings, WorkerSettings, serve, sim};
use stage_core::Tool;

fn main() {
    if std::env::args().any(|arg| arg == "--worker") {
        let stages = |given: &WorkerSettings, slot: &SlotSettings| {
            let settings = serde_json::from_value(given.settings.clone()).unwrap();
            Ok(sim::stages(settings, &slot.device, &sim::SPECS).unwrap())
        };
        exit(i32::from(serve(Tool::of_version("bench"), stages).is_err()));
    }
    let tables: [(&str, fn()); 5] = [
        ("costs", costs::table),
        ("faults", faults::table),
        ("memory", memory::table),
        ("rates", rates::table),
        ("scaling", scaling::table),
    ];
    let asked: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("{:<72} {:>10}  unit", "scheduler", "value");
    for (_, table) in tables.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|arg| arg == name)) {
        table();
    }
}

pub(crate) fn row(what: &str, value: f64, unit: &str) {
    println!("{what:<72} {value:>10.3}  {unit}");
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
