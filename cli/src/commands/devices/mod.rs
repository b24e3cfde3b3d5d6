//! `devices`: available devices and their health.

mod view;
mod watch;

use scheduler::devices::{GpuProbe, probe_gpus};
use serde_json::{Value, json};

use crate::args::DevicesArgs;
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use view::View;

pub(crate) fn devices(args: &DevicesArgs) -> Result<Exit, Error> {
    let limits = Loaded::find(args.config.as_deref()).map_err(Error::usage)?.config.devices;
    match probe_gpus(args.nvml.as_ref().map(|path| path.as_os_str())) {
        GpuProbe::Absent { reason } if args.json => {
            println!("{}", machine(&json!({"nvml": "absent", "reason": reason})));
            Ok(Exit::Done)
        }
        GpuProbe::Present { gpus, .. } if gpus.is_empty() && !args.json => {
            print_machine();
            println!("cuda    none: the driver reports no GPU");
            Ok(Exit::Done)
        }
        GpuProbe::Absent { reason } => {
            print_machine();
            println!("cuda    none: {reason}");
            Ok(Exit::Done)
        }
        GpuProbe::Present { driver, gpus } => {
            let view = View::new(driver, gpus, &limits);
            match args.watch {
                Some(seconds) if !view.gpus.is_empty() => watch::watch(view, args, seconds),
                _ if args.json => {
                    println!("{}", machine(&view.json()));
                    Ok(Exit::Done)
                }
                _ => {
                    print_machine();
                    print!("{}", view.table());
                    Ok(Exit::Done)
                }
            }
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn print_machine() {
    println!("cpu     {} threads: --devices cpu:N shares them among N workers", threads());
    if !cfg!(feature = "cuda") {
        println!("cuda    not in this build; `cargo build --release --features cuda` enables it");
    }
}

/// The machine as JSON.
fn machine(gpus: &Value) -> Value {
    json!({"cpu": {"threads": threads()}, "cuda_build": cfg!(feature = "cuda"), "gpus": gpus})
}
