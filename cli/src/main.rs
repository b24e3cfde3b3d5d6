//! earwitness
fn main() {}
