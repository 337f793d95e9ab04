//! The README is true to the project.

use std::fs;

use xtask::readme::{Block, of_project};

fn blocks(info: &str) -> Vec<Block> {
    of_project()
        .unwrap()
        .into_iter()
        .filter(|block| block.info == info)
        .collect()
}

fn file(path: &str) -> String {
    fs::read_to_string(xtask::root().join(path)).unwrap()
}

#[test]
fn its_programs_and_its_policy_are_those_of_the_examples() {
    let rust: Vec<_> = blocks("rust,no_run").into_iter().map(|block| block.text).collect();
    assert_eq!(
        rust,
        [
            file("examples/hello/src/main.rs"),
            file("examples/hello-async/src/main.rs"),
            file("examples/embedder/src/main.rs")
        ]
    );
    let toml: Vec<_> = blocks("toml").into_iter().map(|block| block.text).collect();
    assert_eq!(toml, [file("examples/hello/policy.toml")]);
}

#[test]
fn each_block_is_of_a_kind_that_something_checks_or_is_plain_text() {
    for block in of_project().unwrap() {
        let known = ["sh", "rust,no_run", "toml", "text"].contains(&block.info.as_str());
        assert!(known, "line {}: nothing checks {:?}", block.line, block.info);
    }
}

#[test]
fn the_two_commands_are_among_those_that_run() {
    let commands: Vec<_> = blocks("sh").into_iter().map(|block| block.text).collect();
    for command in ["cargo demo\n", "cargo test --workspace\n"] {
        assert!(
            commands.iter().any(|block| block == command),
            "{command:?} is not in {commands:?}"
        );
    }
}

#[test]
fn its_links_lead_to_files() {
    let documents = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "docs/confinement.md",
        "guest-sdk/c/README.md",
        "guest-sdk/python/README.md",
        "wit/README.md",
    ];
    for document in documents {
        let text = file(document);
        let root = xtask::root();
        let here = root.join(document);
        let directory = here.parent().unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target)
        {
            let local = !target.starts_with("https://") && !target.starts_with('#');
            let path = target.split('#').next().unwrap_or_default();
            assert!(
                !local || directory.join(path).exists(),
                "{document}: {target} is not there"
            );
        }
    }
}

#[test]
fn it_names_the_oldest_rust_that_works() {
    let metadata = xtask::metadata().unwrap();
    for package in metadata.workspace_packages() {
        let version = package
            .rust_version
            .as_ref()
            .unwrap_or_else(|| panic!("{} names none", package.name));
        let oldest = format!("Rust {}.{}", version.major, version.minor);
        assert!(file("README.md").contains(&oldest), "{}: {oldest}", package.name);
        assert!(file("CONTRIBUTING.md").contains(&oldest), "{}: {oldest}", package.name);
    }
}
