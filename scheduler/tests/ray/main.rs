//! Workers on a real Ray cluster of emulated nodes. Ray listens on every address and ends processes of others, so all of
//! this runs in network and process namespaces of its own. This executable is also the worker (`--worker`) and the
//! coordinator (`--coordinator`), so it has its own `main`. `-- --measure` prints what Ray costs instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod coordinator;
mod faults;
mod measure;
mod namespace;
mod nodes;
mod work;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("worker") => work::worker_main(),
        Some("--coordinator") => coordinator::main(&args[1..]),
        Some("--measure") if namespace::is_inside() => measure::table(),
        _ if namespace::is_inside() || args.iter().any(|arg| arg == "--list") => {
            let test = || {
                faults::results_do_not_depend_on_what_is_killed();
                Ok(())
            };
            let name = "ray_results_do_not_depend_on_killed_children_actors_nodes_drivers_and_coordinators";
            libtest_mimic::run(&Arguments::from_args(), vec![Trial::test(name, test)]).exit();
        }
        _ => namespace::enter(&args),
    }
}
