//! Builds the guest programs and lists them, so that the suite cannot leave one out.
//!
//! The guests are bins of `tests/guests`, built for `wasm32-wasip2` by a cargo of their own: into their own directory,
//! with the workspace's lock file, and without whatever wraps the compiler of the build that runs this (clippy, say).

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use childproof_suite::{Flavour, Manifest};

const TARGET: &str = "wasm32-wasip2";

/// The names of a guest's tests in a flavour, each with the variant of the suite's `Flavour` that it is run with.
fn tests(flavour: Flavour) -> &'static [&'static str] {
    match flavour {
        Flavour::P2 => &["p2_async P2Async", "p2_sync P2Sync"],
        Flavour::P3 => &["p3 P3"],
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
    let manifest = manifest(&tests.join("suite.toml"), &guests);
    let mut listing = String::new();
    for flavour in Flavour::ALL {
        let directory = build(workspace, &out.join("guests"), flavour);
        let built = manifest
            .guests
            .iter()
            .filter(|(_, guest)| guest.flavours().any(|other| other == flavour));
        for (guest, _) in built {
            let component = directory.join(format!("{guest}.wasm"));
            assert!(
                component.is_file(),
                "{guest}.rs is no bin of tests/guests/Cargo.toml: add it to the list there"
            );
        }
        let name = flavour.directory().to_uppercase();
        writeln!(
            listing,
            "/// Where the components of this flavour are.\nconst {name}_COMPONENTS: &str = {directory:?};"
        )
        .expect("a string takes all");
    }
    list(&mut listing, &manifest);
    fs::write(out.join("guests.rs"), listing).expect("OUT_DIR can be written to");
}

/// The manifest, which is to name each guest and no other.
fn manifest(path: &Path, guests: &[String]) -> Manifest {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path).expect("the manifest can be read");
    let manifest = Manifest::from_toml(&text).unwrap_or_else(|error| fail(&format!("tests/suite.toml:{error}")));
    if let Some(guest) = guests.iter().find(|guest| !manifest.guests.contains_key(*guest)) {
        fail(&format!(
            "tests/suite.toml says nothing of the guest {guest}: add [guests.{guest}]"
        ));
    }
    if let Some(name) = manifest.guests.keys().find(|name| !guests.contains(name)) {
        fail(&format!(
            "tests/suite.toml names {name}, and there is no tests/guests/src/bin/{name}.rs"
        ));
    }
    manifest
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

/// A macro that hands the names of all guests to another, each with what runs it and with its tests.
fn list(listing: &mut String, manifest: &Manifest) {
    listing.push_str("/// Calls the macro `$rows` with all guest programs, by what they are run, and their tests.\n");
    listing.push_str("#[macro_export]\nmacro_rules! foreach_guest {\n    ($rows:ident) => {\n        $rows! {\n");
    for (name, guest) in &manifest.guests {
        let runner = match guest.host_only.is_some() || guest.beside.is_some() {
            true => "function",
            false => "manifest",
        };
        let tests: Vec<&str> = guest.flavours().flat_map(tests).copied().collect();
        writeln!(listing, "            {name} by {runner} {{ {} }}", tests.join(" ")).expect("a string takes all");
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
fn build(workspace: &Path, parent: &Path, flavour: Flavour) -> PathBuf {
    // What is built for this machine serves both flavours. What is built for wasm has the same names in both, so each has a
    // directory of its own, which is where cargo looks for it while it builds.
    let target_dir = parent.join("target");
    let (own, looked_for) = (parent.join(flavour.directory()), target_dir.join(TARGET));
    // It is of a build that failed, and nobody knows of which flavour.
    or_missing(fs::remove_dir_all(&looked_for));
    or_missing(fs::create_dir_all(&target_dir).and_then(|()| fs::rename(&own, &looked_for)));
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
            flavour.directory(),
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
    fs::rename(&looked_for, &own).expect("the directory can be moved");
    own.join("release")
}

fn or_missing(result: io::Result<()>) {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => fail(&format!("cannot make room for the guests: {error}")),
        _ => {}
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1);
}
