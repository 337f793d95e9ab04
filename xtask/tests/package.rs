//! Builds packages with `wkg` as `cargo xtask package` does, cut off from the network.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wit_parser::Resolve;
use wit_parser::decoding::{DecodedWasm, decode};
use xtask::package::{PACKAGES, build, verify, wkg};
use xtask::readme::blocks;

/// What one of the [`PACKAGES`] consists of, in a directory of its own.
fn copy_of(package: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("deps")).unwrap();
    for directory in ["", "deps"] {
        for entry in fs::read_dir(xtask::root().join(package).join(directory)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), copy.path().join(directory).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

/// Changes a file. What it is changed to has to be something else.
fn change(file: &Path, change: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text);
    fs::write(file, changed).unwrap();
}

/// Why a package does not build.
fn refused(package: &Path) -> String {
    let into = tempfile::tempdir().unwrap();
    match build(package, into.path()) {
        Ok(_) => panic!("{} builds", package.display()),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn either_package_builds_and_is_the_same_bytes_each_time() {
    for (package, name) in PACKAGES.iter().zip(["0.2.0", "0.3.0"]) {
        let into = tempfile::tempdir().unwrap();
        let built = || build(&xtask::root().join(package), into.path()).unwrap();
        let once = fs::read(built()).unwrap();
        assert_eq!(fs::read(built()).unwrap(), once, "{package}");
        let file = into.path().join(format!("childproof-process-{name}.wasm"));
        assert_eq!(fs::read(file).unwrap(), once, "{package}");
    }
}

#[test]
fn a_dependency_without_its_override_does_not_come_from_elsewhere() {
    for package in PACKAGES {
        let manifest = fs::read_to_string(xtask::root().join(package).join("wkg.toml")).unwrap();
        let overrides: Vec<_> = manifest.lines().filter(|line| line.contains("path = ")).collect();
        assert!(!overrides.is_empty(), "{package}");
        for line in overrides {
            let dependency = line.split('"').nth(1).unwrap();
            let copy = copy_of(package);
            change(&copy.path().join("wkg.toml"), |text| text.replace(line, ""));
            let refused = refused(copy.path());
            let named = format!("package: {dependency}");
            assert!(refused.contains(&named), "{package}, {dependency}: {refused}");
        }
    }
}

#[test]
fn a_lock_file_that_is_not_what_wkg_writes_is_refused_with_the_difference() {
    let copy = copy_of(PACKAGES[0]);
    let lock = copy.path().join("wkg.lock");
    change(&lock, |text| {
        let package = "[[packages]]\nname = \"wasi:io\"\n\n[[packages.versions]]\n";
        let digest = format!("sha256:{}", "0".repeat(64));
        let version = format!("requirement = \"=0.2.12\"\nversion = \"0.2.12\"\ndigest = \"{digest}\"\n");
        text.replace("packages = []\n", &format!("\n{package}{version}"))
    });
    let refused = refused(copy.path());
    assert!(refused.contains("wkg.lock is not up to date"), "{refused}");
    assert!(refused.contains("\n-name = \"wasi:io\"\n"), "{refused}");
    assert!(refused.contains("\n+packages = []\n"), "{refused}");
}

#[test]
fn a_package_without_a_lock_file_is_refused() {
    let copy = copy_of(PACKAGES[1]);
    fs::remove_file(copy.path().join("wkg.lock")).unwrap();
    let refused = refused(copy.path());
    assert!(refused.contains("wkg.lock"), "{refused}");
}

#[test]
fn a_package_that_says_something_else_than_its_source_is_refused_with_the_difference() {
    for package in PACKAGES {
        let copy = copy_of(package);
        let into = tempfile::tempdir().unwrap();
        let built = build(copy.path(), into.path()).unwrap();
        verify(&built, copy.path()).unwrap();
        change(&copy.path().join("world.wit"), |text| {
            text.replace("What a component", "What a guest")
        });
        let refused = format!("{:#}", verify(&built, copy.path()).unwrap_err());
        assert!(refused.contains("\n-/// What a guest imports"), "{refused}");
        assert!(refused.contains("\n+/// What a component imports"), "{refused}");
    }
}

/// A project as `wit/README.md` describes it: its `wkg.toml`, its world, and a checkout of this one.
fn project_of_the_readme(flavour: &str) -> TempDir {
    let readme = fs::read_to_string(xtask::root().join("wit/README.md")).unwrap();
    let blocks = blocks(&readme).unwrap();
    let block = |info: &str| {
        let mut found = blocks.iter().filter(|block| block.info == info);
        let (Some(block), None) = (found.next(), found.next()) else {
            panic!("wit/README.md has no {info} block, or more than one");
        };
        match flavour {
            "0.2" => block.text.clone(),
            // What the README says to change for it.
            _ => {
                let lines = block.text.lines().filter(|line| !line.contains("wasi:io"));
                lines.map(|line| line.replace("0.2", flavour) + "\n").collect()
            }
        }
    };
    let project = tempfile::tempdir().unwrap();
    fs::create_dir_all(project.path().join("wit")).unwrap();
    fs::write(project.path().join("wkg.toml"), block("toml")).unwrap();
    fs::write(project.path().join("wit/world.wit"), block("wit")).unwrap();
    std::os::unix::fs::symlink(xtask::root(), project.path().join("childproof")).unwrap();
    project
}

#[test]
fn the_project_of_the_readme_builds() {
    for flavour in ["0.2", "0.3"] {
        let project = project_of_the_readme(flavour);
        wkg(project.path(), ["build", "--output", "guest.wasm"]).unwrap();
        let built = decode(&fs::read(project.path().join("guest.wasm")).unwrap()).unwrap();
        let DecodedWasm::WitPackage(resolve, package) = built else {
            panic!("a world is no component");
        };
        let (_, world) = resolve.packages[package].worlds.first().unwrap();
        let imports = resolve.worlds[*world].imports.keys();
        let imports: Vec<_> = imports.map(|key| resolve.name_world_key(key)).collect();
        let types = format!("childproof:process/types@{flavour}.0");
        assert!(imports.contains(&types), "{imports:?}");
    }
}

#[test]
fn the_dependencies_that_the_project_of_the_readme_fetches_are_all_it_needs() {
    for flavour in ["0.2", "0.3"] {
        let project = project_of_the_readme(flavour);
        wkg(project.path(), ["fetch"]).unwrap();
        Resolve::default().push_dir(project.path().join("wit")).unwrap();
        let fetched = format!("wit/deps/childproof-process-{flavour}.0/package.wit");
        let fetched = fs::read_to_string(project.path().join(fetched)).unwrap();
        assert!(fetched.contains("/// What a component imports"), "{fetched}");
    }
}
