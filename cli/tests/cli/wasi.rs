//! Which of a component's commands `childproof run` runs, that it says so, and what only commands of WASI 0.3 can do.

use std::thread;

use crate::command::Place;
use crate::guest::{Guest, Wasi};

/// What `--verbose` says of the guest.
#[track_caller]
fn found(place: &Place) -> String {
    let stderr = place.run(["run", "--verbose", "guest.wasm"]).code(0).stderr();
    let mut lines = stderr.lines().filter_map(|line| line.split_once("guest.wasm: "));
    let (_, found) = lines.next().unwrap_or_else(|| panic!("it is not said: {stderr}"));
    assert!(lines.next().is_none(), "it is said twice: {stderr}");
    found.to_owned()
}

#[test]
fn verbose_says_of_which_wasi_the_guest_is() {
    let place = Place::new();
    for (guest, expected) in [
        (
            Guest::of(Wasi::P2),
            "a command of WASI 0.2: runs its wasi:cli/run@0.2.0",
        ),
        (
            Guest::of(Wasi::P3),
            "a command of WASI 0.3: runs its wasi:cli/run@0.3.0",
        ),
        (
            Guest::of(Wasi::P3).with_stub(),
            "a command of WASI 0.3: runs its wasi:cli/run@0.3.0, not its wasi:cli/run@0.2.0",
        ),
    ] {
        place.write("guest.wasm", guest.end(true));
        assert_eq!(found(&place), expected);
        assert_eq!(place.run(["run", "guest.wasm"]).code(0).stderr(), "");
    }
}

#[test]
fn a_guest_that_exports_both_is_run_as_one_of_wasi_0_3() {
    let place = Place::new();
    place.write("guest.wasm", Guest::of(Wasi::P3).with_stub().say("0.3").end(true));
    assert_eq!(place.run(["run", "guest.wasm"]).code(0).stdout(), "0.3");
}

/// A component whose interfaces of these names each have a `run` of this type, which does nothing and succeeds.
fn exporting(interfaces: &[(&str, &str)]) -> Vec<u8> {
    let exports: String = interfaces
        .iter()
        .enumerate()
        .map(|(index, (interface, ty))| {
            format!(
                r#"(func $run{index} (type {ty}) (canon lift (core func $core "run")))
                (instance $interface{index} (export "run" (func $run{index})))
                (export "{interface}" (instance $interface{index}))"#
            )
        })
        .collect();
    wat::parse_str(format!(
        r#"(component
        (core module $module (func (export "run") (result i32) (i32.const 0)))
        (core instance $core (instantiate $module))
        (type $plain (func (result (result))))
        (type $async (func async (result (result))))
        (type $number (func async (result u32)))
        {exports})"#
    ))
    .unwrap()
}

#[test]
fn a_later_version_that_is_compatible_is_run_and_no_other() {
    let place = Place::new();
    for (version, ty, name) in [("0.2.99", "$plain", "0.2"), ("0.3.99", "$async", "0.3")] {
        let interface = format!("wasi:cli/run@{version}");
        place.write("guest.wasm", exporting(&[(&interface, ty)]));
        assert_eq!(found(&place), format!("a command of WASI {name}: runs its {interface}"));
    }
    let not_run = |interfaces: &[(&str, &str)], parts: &[&str]| {
        place.write("guest.wasm", exporting(interfaces));
        let ended = place.run(["run", "guest.wasm"]);
        ended.failed_saying(&[&["cannot run guest.wasm: "], parts].concat());
    };
    // Beside one of a later WASI, that of 0.2 is not what the guest was written for.
    let not_known = [
        vec![("wasi:cli/run@0.3.0-rc-2026-01-06", "$async")],
        vec![
            ("wasi:cli/run@0.3.0-rc-2026-01-06", "$async"),
            ("wasi:cli/run@0.2.0", "$plain"),
        ],
        vec![("wasi:cli/run@0.2.0-rc-2023-11-10", "$plain")],
    ];
    for interfaces in not_known {
        let line = format!(
            "it exports {}, which is not what childproof runs: that is wasi:cli/run@0.2 or @0.3",
            interfaces[0].0
        );
        not_run(&interfaces, &[&line]);
    }
    for interface in ["wasi:cli/run@0.4.0", "wasi:cli/run@0.30.0"] {
        let line = format!("it exports no wasi:cli/run@0.2 or @0.3, so it is no command; it exports {interface}");
        not_run(&[(interface, "$async")], &[&line]);
    }
}

#[test]
fn a_run_of_another_type_is_not_run() {
    let place = Place::new();
    place.write("guest.wasm", exporting(&[("wasi:cli/run@0.3.0", "$number")]));
    place
        .run(["run", "guest.wasm"])
        .failed_saying(&["it exports wasi:cli/run@0.3.0, which is not what childproof runs"]);
}

#[test]
fn each_code_that_a_guest_exits_with_is_the_exit_code() {
    let place = Place::new();
    let guest = Guest::of(Wasi::P3).exit_with_length().trap().end(true);
    place.write("guest.wasm", guest);
    // So that it is compiled once.
    place.run(["run", "guest.wasm", ""]).code(0);
    thread::scope(|scope| {
        for part in 0..4 {
            let place = &place;
            scope.spawn(move || {
                for code in (part..256).step_by(4) {
                    let ended = place.run(["run", "guest.wasm", &"x".repeat(code)]);
                    assert_eq!(ended.code(code as i32).stderr(), "");
                }
            });
        }
    });
}

#[test]
fn a_guest_that_waits_for_what_cannot_come_is_ended() {
    let place = Place::new();
    place.write("guest.wasm", Guest::of(Wasi::P3).wait_for_nothing().end(true));
    let stderr = place.run(["run", "guest.wasm"]).code(134).stderr();
    assert!(
        stderr.starts_with("childproof: guest.wasm trapped: ") && stderr.contains("deadlock"),
        "{stderr}"
    );
}
