//! What a guest can be built with in place of this machine's compiler, linker and generator: a user's Makefile is told so by
//! variables of make.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;
use wit_parser::Resolve;

use super::*;

/// A directory of a user's with the example sort-filter, whose Makefile finds the library where it is.
fn example() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let sources = xtask::root().join("examples/sort-filter");
    fs::copy(sources.join("sort-filter.c"), directory.path().join("sort-filter.c")).unwrap();
    let makefile = fs::read_to_string(sources.join("Makefile")).unwrap();
    assert!(makefile.contains("include ../../guest-sdk/c/"), "{makefile}");
    let makefile = makefile.replace("../../guest-sdk/c", c::directory().to_str().unwrap());
    fs::write(directory.path().join("Makefile"), makefile).unwrap();
    directory
}

/// Builds it with variables of make, and has it sort something.
fn builds(example: &TempDir, variables: &[String]) {
    let made = make(example.path(), variables);
    assert!(made.status.success(), "{}{}", text(&made.stdout), text(&made.stderr));
    let policy = xtask::root().join("examples/sort-filter/policy.toml");
    let guest = example.path().join("sort-filter.wasm");
    let output = run(&policy, None, &guest, &[], b"b\na\n");
    assert_eq!(text(&output.stdout), "a\nb\n", "{}", text(&output.stderr));
}

fn make(directory: &Path, arguments: &[String]) -> Output {
    Command::new("make")
        .arg("-s")
        .args(arguments)
        .current_dir(directory)
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap()
}

/// Bindings that were generated before, in a directory of their own.
fn bindings() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    c::bindings(directory.path()).unwrap();
    let variable = format!("BINDINGS={}", directory.path().display());
    (directory, variable)
}

/// Writes a script of the shell that can be run.
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\nset -eu\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a program prints, without the newline.
fn said(program: &str, argument: &[&str]) -> PathBuf {
    let output = Command::new(program).args(argument).output().unwrap();
    assert!(output.status.success(), "{program}: {}", text(&output.stderr));
    PathBuf::from(text(&output.stdout).trim_end())
}

/// A program that comes with Rust.
fn of_rust(name: &str) -> PathBuf {
    let all = said("rustc", &["--print", "sysroot"]).join("lib/rustlib");
    let hosts = fs::read_dir(&all).unwrap();
    let mut found = hosts.map(|host| host.unwrap().path().join("bin").join(name));
    found
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("there is no {name} below {}", all.display()))
}

#[test]
fn bindings_that_were_generated_before() {
    let (_directory, variable) = bindings();
    builds(&example(), &[variable]);
}

#[test]
fn a_linker_of_the_users_own() {
    let example = example();
    let (_directory, variable) = bindings();
    let linker = example.path().join("own/wasm-component-ld");
    let mark = example.path().join("linked");
    script(
        &linker,
        &format!(
            "touch '{}'\nexec '{}' \"$@\"",
            mark.display(),
            of_rust("wasm-component-ld").display()
        ),
    );
    builds(&example, &[variable, format!("WASM_COMPONENT_LD={}", linker.display())]);
    assert!(mark.is_file(), "another linker was taken");
}

/// A stand-in for the program wit-bindgen, which takes minutes to build: it is called as that one would be, and answers with
/// the bindings of this checkout's generator, which is the library below that program.
#[test]
fn a_generator_of_the_users_own() {
    let example = example();
    let generator = example.path().join("own/wit-bindgen");
    script(
        &generator,
        &format!(
            "[ $# = 4 ] && [ \"$1 $2\" = 'c --out-dir' ]\necho \"$4\" >'{}'\nexec '{}' c-bindings \"$3\"",
            example.path().join("read").display(),
            env!("CARGO_BIN_EXE_xtask")
        ),
    );
    builds(&example, &[format!("WIT_BINDGEN={}", generator.display())]);

    // What it was told to read is the library's world, with all that this takes.
    let read = fs::read_to_string(example.path().join("read")).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(example.path().join(read.trim_end())).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut expected = Resolve::default();
    expected.push_dir(xtask::root().join("wit/0.2")).unwrap();
    let package = expected.push_file(c::directory().join("childproof.wit")).unwrap();
    let expected_world = expected.select_world(&[package], None).unwrap();
    let imports = |resolve: &Resolve, world| -> Vec<String> {
        let world: &wit_parser::World = &resolve.worlds[world];
        world.imports.keys().map(|key| resolve.name_world_key(key)).collect()
    };
    assert_eq!(imports(&resolve, world), imports(&expected, expected_world));
}

/// No registry has a wasi-sdk. This is a tree of its shape: the C library of wasm32-wasip2, where a program of it begins, and
/// the linkers are those that come with Rust, as new as a wasi-sdk's; compiler, headers and builtins are this machine's.
fn stand_in(sdk: &Path) {
    let rust = said("rustc", &["--print", "sysroot"]);
    let clang = said("clang", &["-print-resource-dir"]);
    let headers = Path::new("/usr/include/wasm32-wasi");
    let sysroot = sdk.join("share/wasi-sysroot");
    let resources = sdk.join("lib/clang");
    for (original, link) in [
        (headers.to_owned(), sysroot.join("include/wasm32-wasip2")),
        (
            rust.join("lib/rustlib/wasm32-wasip2/lib/self-contained"),
            sysroot.join("lib/wasm32-wasip2"),
        ),
        (clang.join("include"), resources.join("include")),
        (clang.join("lib/wasi"), resources.join("lib/wasip2")),
    ] {
        assert!(original.is_dir(), "there is no {}", original.display());
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(original, link).unwrap();
    }
    script(
        &sdk.join("bin/clang"),
        &format!(
            "[ \"$1\" = --target=wasm32-wasip2 ]\nexec clang --sysroot='{}' -resource-dir='{}' -fuse-ld='{}' \
             -Wl,--wasm-ld-path='{}' -Wno-unused-command-line-argument \"$@\"",
            sysroot.display(),
            resources.display(),
            of_rust("wasm-component-ld").display(),
            of_rust("gcc-ld/wasm-ld").display(),
        ),
    );
}

#[test]
fn a_tree_that_is_like_a_wasi_sdk() {
    let example = example();
    let sdk = example.path().join("sdk");
    stand_in(&sdk);
    let (_directory, bindings) = bindings();
    let sdk = format!("WASI_SDK_PATH={}", sdk.display());
    builds(&example, &[bindings.clone(), sdk.clone()]);

    // With what the C library does there: memory, files, directories of the guest's, its standard streams.
    let guest = example.path().join("tests/tests.wasm");
    let build = format!("BUILD={}", guest.parent().unwrap().display());
    let made = make(&c::directory(), &[bindings, sdk, build, guest.display().to_string()]);
    assert!(made.status.success(), "{}{}", text(&made.stdout), text(&made.stderr));
    for name in [
        "communicate_feeds_and_reads",
        "files",
        "the_working_directory",
        "quotas_are_named",
        "nothing_is_left",
    ] {
        let data = tempfile::tempdir().unwrap();
        let policy = c::directory().join("tests/policy.toml");
        let output = run(&policy, Some(data.path()), &guest, &[name], b"");
        assert_eq!(
            text(&output.stdout),
            format!("{name} holds\n"),
            "{}",
            text(&output.stderr)
        );
    }
}
