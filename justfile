# Recipes of https://just.systems. Each is one command, which also works without just.

# List the recipes.
default:
    @just --list

# Build the program: target/release/earwitness.
build:
    cargo build --release -p earwitness

# Run all tests, with optimized code. `just test -p decode` tests one crate, `just test resample` what has that name.
test *ARGS='--workspace':
    cargo test --release {{ ARGS }}

# Lints, format and language.
lint:
    cargo fmt --all --check && cargo clippy --release --workspace --all-targets -- -D warnings && .ci/words && .ci/typos

# Measure one crate: decode, segment, transcribe, kernels, align, forensics or scheduler.
bench CRATE:
    cargo bench -p {{ CRATE }}

# Build the documentation of all crates and open it.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --open

# All checks of continuous integration.
ci:
    .ci/run
