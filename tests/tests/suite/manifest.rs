//! What the manifest says of itself.

use childproof_tests::MANIFEST;

#[test]
fn the_manifest_has_the_versions_of_the_project() {
    assert_eq!(MANIFEST.suite, env!("CARGO_PKG_VERSION"));
    let package = |wit: &str| -> String {
        let line = wit.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
        line.trim_end_matches(';').to_owned()
    };
    let packages = [
        include_str!("../../../wit/0.2/world.wit"),
        include_str!("../../../wit/0.3/world.wit"),
    ];
    assert_eq!(MANIFEST.packages, packages.map(package));
}
