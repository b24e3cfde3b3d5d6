//! Compiles the CUDA sources to PTX if the feature `cuda` is on. The driver compiles the PTX for the GPU at load time.
//! The compiler is `$NVCC`, else `bin/nvcc` under `CUDA_HOME` or `CUDA_PATH`, else `nvcc` on the `PATH`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: [&str; 4] = ["choose", "decoder_attention", "elementwise", "encoder_attention"];

/// The oldest architecture with bf16 and the tensor core shapes that the sources use.
const ARCHITECTURE: &str = "compute_80";

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    for variable in ["NVCC", "CUDA_HOME", "CUDA_PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for source in SOURCES {
        compile(&Path::new("cuda").join(source).with_extension("cu"), &out.join(source).with_extension("ptx"));
    }
}

fn compile(source: &Path, ptx: &Path) {
    let compiler = compiler();
    let status = Command::new(&compiler)
        .args(["-ptx", "-std=c++17", "-O3", "-arch", ARCHITECTURE, "-o"])
        .args([ptx, source])
        .status()
        .unwrap_or_else(|reason| panic!("{} does not start: {reason}; set NVCC or CUDA_HOME", compiler.display()));
    assert!(status.success(), "{} failed on {}: {status}", compiler.display(), source.display());
}

fn compiler() -> PathBuf {
    let of_toolkit = |variable| env::var_os(variable).map(|home| PathBuf::from(home).join("bin/nvcc"));
    let named = env::var_os("NVCC").map(PathBuf::from);
    named.or_else(|| of_toolkit("CUDA_HOME")).or_else(|| of_toolkit("CUDA_PATH")).unwrap_or_else(|| "nvcc".into())
}
