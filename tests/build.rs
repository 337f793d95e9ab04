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

fn main() {
    let tests = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().expect("the package lies in the workspace");
    let out = PathBuf::from(variable("OUT_DIR"));
    for input in ["tests/guests", "guest-sdk/src", "guest-sdk/Cargo.toml", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }

    have_target();
    let target_dir = out.join("guests");
    build(workspace, &target_dir);

    let directory = target_dir.join(TARGET).join("release");
    let guests = guests(&tests.join("guests/src/bin"));
    for guest in &guests {
        let component = directory.join(format!("{guest}.wasm"));
        assert!(component.is_file(), "{guest}.rs is no bin of tests/guests/Cargo.toml: add it to the list there");
    }
    fs::write(out.join("guests.rs"), listing(&directory, &guests)).expect("OUT_DIR can be written to");
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
        .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
        .collect();
    guests.sort();
    guests
}

/// A constant that says where the components are, and a macro that hands the names of all guests to another.
fn listing(directory: &Path, guests: &[String]) -> String {
    let mut listing = format!("/// Where the guests' components are.\nconst COMPONENTS: &str = {directory:?};\n");
    listing.push_str("/// Calls the macro `$rows` with the names of all guest programs.\n");
    listing.push_str("#[macro_export]\nmacro_rules! foreach_guest {\n    ($rows:ident) => {\n        $rows! {\n");
    for guest in guests {
        writeln!(listing, "            {guest}").expect("a string takes all");
    }
    listing.push_str("        }\n    };\n}\n");
    listing
}

/// Adds the guests' target to the toolchain if it is missing.
fn have_target() {
    let libraries = Command::new(variable("RUSTC")).args(["--print", "target-libdir", "--target", TARGET]).output();
    let libraries = libraries.expect("the compiler runs").stdout;
    if Path::new(String::from_utf8_lossy(&libraries).trim()).is_dir() {
        return;
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    if !added.is_ok_and(|status| status.success()) {
        fail(&format!("the guests of the test suite need the target {TARGET}: run `rustup target add {TARGET}`"));
    }
}

fn build(workspace: &Path, target_dir: &Path) {
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["build", "--locked", "--release", "--package", "childproof-test-guests", "--bins", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(workspace);
    // What the outer build was told about its own target is not for this one.
    for name in ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"]
    {
        cargo.env_remove(name);
    }
    let output = cargo.output().expect("cargo runs");
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        fail("the guests of the test suite do not build; see above");
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1);
}
