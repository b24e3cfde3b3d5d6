//! Passes the versions of the libraries that decode and compute to the program, which stores them with its results.

use std::path::Path;

/// Libraries whose version may affect results.
const RECORDED: [&str; 7] = ["candle-core", "realfft", "ropus", "rubato", "rustfft", "symphonia", "tokenizers"];

fn main() {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("a variable that Cargo sets");
    let lock = Path::new(&folder).join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock).expect("Cargo.lock beside the workspace's Cargo.toml");
    let lock: toml::Table = text.parse().expect("a lock file in TOML");
    let packages = lock["package"].as_array().expect("a list of packages");
    let field = |package: &toml::Value, name: &str| package[name].as_str().expect("text").to_owned();
    let recorded = packages.iter().map(|package| (field(package, "name"), field(package, "version")));
    let recorded = recorded.filter(|(name, _)| RECORDED.contains(&name.as_str()));
    let list: Vec<_> = recorded.map(|(name, version)| format!("{name} {version}")).collect();
    println!("cargo::rustc-env=EARWITNESS_LIBRARIES={}", list.join(","));
}
