//! Workers on a real Ray cluster of emulated nodes. Ray listens on every address and ends processes of others, so all of
//! this runs in network and process namespaces of its own. This executable is also the worker (`--worker`) and the
//! coordinator (`--coordinator`), so it has its own `main`. `-- --measure` prints what Ray costs instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod autoscale;
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
            let trial = |name, test: fn()| {
                Trial::test(name, move || {
                    test();
                    Ok(())
                })
            };
            let mut arguments = Arguments::from_args();
            // A second cluster at the same time would only make both slow.
            arguments.test_threads = Some(1);
            let faults = "ray_results_do_not_depend_on_killed_children_actors_nodes_drivers_and_coordinators";
            let trials = vec![
                trial(faults, faults::results_do_not_depend_on_what_is_killed),
                trial("ray_nodes_come_for_pending_workers_and_go", autoscale::nodes_come_for_pending_workers_and_go),
            ];
            libtest_mimic::run(&arguments, trials).exit();
        }
        _ => namespace::enter(&args),
    }
}
