//! The namespaces in which Ray runs.

use std::process::exit;

use testkit::{in_ray_namespace, ray_folder};

/// Set inside the namespaces.
const INSIDE: &str = "EARWITNESS_RAY_TEST_INSIDE";

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this executable again inside new namespaces, and exits as it does.
pub(crate) fn enter(args: &[String]) {
    let folder = ray_folder();
    let Some(mut command) = in_ray_namespace(folder.path()) else { return };
    let status = command.arg(std::env::current_exe().unwrap()).args(args).env(INSIDE, "1").status().unwrap();
    drop(folder);
    exit(status.code().unwrap_or(1));
}
