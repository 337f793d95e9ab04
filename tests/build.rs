//! Builds the guest programs and lists them, so that the suite cannot leave one out.
//!
//! The guests are bins of `tests/guests`, built for `wasm32-wasip2` by a cargo of their own: into their own directory,
//! with the workspace's lock file, and without whatever wraps the compiler of the build that runs this (clippy, say).

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// A flavour of the interface.
struct Flavour {
    /// The feature of the guests' package that builds them for it.
    feature: &'static str,
    /// The names of a guest's tests, each with the variant of the suite's `Flavour` that it is run with.
    tests: &'static [&'static str],
}

const FLAVOURS: [Flavour; 2] = [
    Flavour {
        feature: "p2",
        tests: &["p2_async P2Async", "p2_sync P2Sync"],
    },
    Flavour {
        feature: "p3",
        tests: &["p3 P3"],
    },
];

/// The guests that only one flavour can have: the guest, the flavour, and why. In `tests/guests/Cargo.toml` they say so by
/// `required-features`.
const ONE_FLAVOUR: &[(&str, &str, &str)] = &[
    (
        "async_a_busy_stream_starves_nobody",
        "p3",
        "WASI 0.2 has no futures that could starve",
    ),
    (
        "async_a_cancelled_communicate_goes_on",
        "p3",
        "no call of WASI 0.2 is cancelled",
    ),
    (
        "async_a_cancelled_read_loses_nothing",
        "p3",
        "no read of WASI 0.2 is cancelled",
    ),
    (
        "async_a_cancelled_stop_kills_nobody_later",
        "p3",
        "no call of WASI 0.2 is cancelled",
    ),
    (
        "async_a_cancelled_wait_loses_nothing",
        "p3",
        "no call of WASI 0.2 is cancelled",
    ),
    (
        "async_a_cancelled_write_says_how_much",
        "p3",
        "no write of WASI 0.2 is cancelled",
    ),
    (
        "async_a_crowd_of_calls_is_bounded",
        "p3",
        "what WASI 0.2 has of it is limits_of_held_bytes",
    ),
    (
        "async_a_drain_of_no_time_sees_the_ends",
        "p3",
        "the loop is that of the 0.3 flavour; row19 is about the other",
    ),
    (
        "async_a_plain_main_may_spawn_and_kill",
        "p3",
        "WASI 0.2 has no functions that may not wait",
    ),
    (
        "async_a_spawn_is_never_half",
        "p3",
        "a future can be dropped, a call of WASI 0.2 cannot",
    ),
    (
        "async_a_thousand_children_at_once",
        "p3",
        "a guest of WASI 0.2 waits for one at a time",
    ),
    (
        "async_any_stream_can_be_stdin",
        "p3",
        "a guest of WASI 0.2 makes no streams",
    ),
    ("async_both_flavours_in_one_guest", "p3", "a guest of WASI 0.2 has one"),
    (
        "async_drops_in_every_order",
        "p3",
        "what WASI 0.2 has of it is guest_drops_in_any_order",
    ),
    ("async_leaves_nothing_open", "p3", "it cancels, and makes streams"),
    (
        "async_many_waiters_all_get_the_status",
        "p3",
        "what WASI 0.2 has of it is row03",
    ),
    (
        "async_returns_with_calls_pending",
        "p3",
        "a guest of WASI 0.2 has one call at a time",
    ),
    (
        "async_streams_pass_from_process_to_process",
        "p3",
        "what WASI 0.2 has of it are rows 41 and 42",
    ),
    (
        "async_what_is_begun_by_polls_is_written",
        "p3",
        "a guest of WASI 0.2 polls no writes",
    ),
    (
        "async_what_is_dropped_makes_room_at_once",
        "p3",
        "in WASI 0.2 a drop waits; limits_of_live_processes is about it",
    ),
    (
        "async_zero_length_reads_and_writes",
        "p3",
        "WASI 0.2 has pollables for that",
    ),
];

impl Flavour {
    fn has(&self, guest: &str) -> bool {
        ONE_FLAVOUR
            .iter()
            .all(|(name, flavour, _)| *name != guest || *flavour == self.feature)
    }
}

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().expect("the package lies in the workspace");
    let out = PathBuf::from(variable("OUT_DIR"));
    for input in [
        "tests/guests",
        "guest-sdk/src",
        "guest-sdk/Cargo.toml",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }

    have_target();
    let guests = guests(&tests.join("guests/src/bin"));
    for (guest, ..) in ONE_FLAVOUR {
        assert!(
            guests.iter().any(|other| other == guest),
            "{guest} of the table of build.rs is no guest"
        );
    }
    let mut listing = String::new();
    for flavour in &FLAVOURS {
        let directory = build(workspace, &out.join("guests"), flavour);
        for guest in guests.iter().filter(|guest| flavour.has(guest)) {
            let component = directory.join(format!("{guest}.wasm"));
            assert!(
                component.is_file(),
                "{guest}.rs is no bin of tests/guests/Cargo.toml: add it to the list there"
            );
        }
        let name = flavour.feature.to_uppercase();
        writeln!(
            listing,
            "/// Where the components of this flavour are.\nconst {name}_COMPONENTS: &str = {directory:?};"
        )
        .expect("a string takes all");
    }
    writeln!(
        listing,
        "/// The guests of one flavour alone, with that, and why.\npub const ONE_FLAVOUR: &[(&str, &str, &str)] = &{ONE_FLAVOUR:?};"
    )
    .expect("a string takes all");
    list(&mut listing, &guests);
    fs::write(out.join("guests.rs"), listing).expect("OUT_DIR can be written to");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// The names of the guest programs: those of their files.
fn guests(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the guests are there");
    let mut guests: Vec<String> = entries
        .map(|entry| entry.expect("the guests can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            path.file_stem()
                .expect("a file has a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    guests.sort();
    guests
}

/// A macro that hands the names of all guests to another, each with the names of its tests and how those run it.
fn list(listing: &mut String, guests: &[String]) {
    listing.push_str("/// Calls the macro `$rows` with all guest programs and their tests.\n");
    listing.push_str("#[macro_export]\nmacro_rules! foreach_guest {\n    ($rows:ident) => {\n        $rows! {\n");
    for guest in guests {
        let flavours = FLAVOURS.iter().filter(|flavour| flavour.has(guest));
        let tests: Vec<&str> = flavours.flat_map(|flavour| flavour.tests).copied().collect();
        writeln!(listing, "            {guest} {{ {} }}", tests.join(" ")).expect("a string takes all");
    }
    listing.push_str("        }\n    };\n}\n");
}

/// Adds the guests' target to the toolchain if it is missing.
fn have_target() {
    let libraries = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let libraries = libraries.expect("the compiler runs").stdout;
    if Path::new(String::from_utf8_lossy(&libraries).trim()).is_dir() {
        return;
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    if !added.is_ok_and(|status| status.success()) {
        fail(&format!(
            "the guests of the test suite need the target {TARGET}: run `rustup target add {TARGET}`"
        ));
    }
}

/// Builds the guests of a flavour and answers where their components are.
fn build(workspace: &Path, parent: &Path, flavour: &Flavour) -> PathBuf {
    // A directory for each: the compiler's output for wasm has the same name whatever the features are.
    let target_dir = parent.join(flavour.feature);
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args([
            "build",
            "--locked",
            "--release",
            "--package",
            "childproof-test-guests",
            "--bins",
            "--no-default-features",
            "--features",
            flavour.feature,
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(workspace);
    // What the outer build was told about its own target is not for this one.
    for name in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    let output = cargo.output().expect("cargo runs");
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        fail("the guests of the test suite do not build; see above");
    }
    target_dir.join(TARGET).join("release")
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1);
}
