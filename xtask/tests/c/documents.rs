//! The library's README is true to the project.

use std::fs;

use xtask::readme::blocks;

use super::*;

fn file(path: &str) -> String {
    fs::read_to_string(xtask::root().join(path)).unwrap()
}

#[test]
fn its_program_policy_and_makefile_are_those_of_the_example() {
    let blocks = blocks(&file("guest-sdk/c/README.md")).unwrap();
    for (info, path) in [
        ("c", "examples/hello-c/hello-c.c"),
        ("toml", "examples/hello-c/policy.toml"),
        ("make", "examples/hello-c/Makefile"),
    ] {
        let shown: Vec<_> = blocks.iter().filter(|block| block.info == info).collect();
        assert_eq!(shown.len(), 1, "{info}");
        assert_eq!(shown[0].text, file(path), "{path}");
    }
    for block in &blocks {
        let known = ["c", "toml", "make", "sh", "text"].contains(&block.info.as_str());
        assert!(known, "line {}: nothing checks {:?}", block.line, block.info);
    }
}

#[test]
fn what_is_to_be_installed_is_the_same_everywhere() {
    let packages = "clang lld wasi-libc libclang-rt-dev-wasm32";
    for path in ["CONTRIBUTING.md", "README.md", "guest-sdk/c/README.md"] {
        assert!(file(path).contains(packages), "{path} does not name {packages}");
    }
}

/// Each function that the header declares is tried by a test.
#[test]
fn every_function_is_called_by_a_test() {
    let header = file("guest-sdk/c/childproof.h");
    let mut tests = String::new();
    for entry in fs::read_dir(c::directory().join("tests")).unwrap() {
        tests.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let declared: Vec<&str> = header
        .lines()
        .filter(|line| line.ends_with(");") && !line.starts_with([' ', '*', '/']))
        .filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next())
        .collect();
    assert!(declared.len() > 40 && declared.contains(&"cp_spawn"), "{declared:?}");
    for name in declared {
        assert!(tests.contains(&format!("{name}(")), "no test calls {name}");
    }
}
