//! `devices`: what could compute here, and how it is.

use scheduler::devices::{GpuProbe, GpuReport, probe_gpus};
use serde_json::json;
use stage_core::Measured;

use crate::args::DevicesArgs;
use crate::exit::{Exit, Failure};

pub(crate) fn devices(args: &DevicesArgs) -> Result<Exit, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let probe = probe_gpus(None);
    let cuda_build = cfg!(feature = "cuda");
    if args.json {
        println!("{}", json!({"cpu": {"threads": threads}, "cuda_build": cuda_build, "gpus": probe}));
        return Ok(Exit::Done);
    }
    println!("cpu     {threads} threads: --devices cpu:N shares them among N workers");
    match probe {
        GpuProbe::Absent { reason } => println!("cuda    none: {reason}"),
        GpuProbe::Present { gpus, .. } => gpus.iter().for_each(print_gpu),
    }
    if !cuda_build {
        println!(
            "        this program was built without CUDA; `cargo build --release --features cuda` makes one with it"
        );
    }
    Ok(Exit::Done)
}

fn print_gpu(gpu: &GpuReport) {
    println!(
        "cuda:{:<2} {}  {}  memory {} of {} bytes  {} C  {} % busy",
        gpu.index,
        shown(&gpu.name),
        shown(&gpu.uuid),
        shown(&gpu.memory_used_bytes),
        shown(&gpu.memory_total_bytes),
        shown(&gpu.temperature_c),
        shown(&gpu.utilisation_percent),
    );
}

fn shown<T: std::fmt::Display>(measured: &Measured<T>) -> String {
    measured.value.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}
