//! What the README says is proven.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

macro_rules! names {
    ($($guest:ident by $_runner:ident { $($_test:ident $_flavour:ident)* })*) => { [$(stringify!($guest).to_owned()),*] };
}

/// The modules of the launcher's tests that are about behaviours.
fn launch_modules() -> impl Iterator<Item = String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../launch/tests/behaviours");
    fs::read_dir(directory).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs")?;
        (!["main", "support"].contains(&module)).then(|| format!("launch/{module}"))
    })
}

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_says_what_is_for_one_flavour() {
    let (_, said) = README.split_once("| guest | flavour | why |\n|---|---|---|\n").unwrap();
    let (said, _) = said.split_once("\n## ").unwrap();
    let only = childproof_tests::MANIFEST.guests.iter();
    let table: String = only
        .filter_map(|(guest, given)| Some((guest, given.only.as_ref()?)))
        .map(|(guest, only)| format!("| `{guest}` | {} | {} |\n", only.flavour.directory(), only.because))
        .collect();
    assert_eq!(said, table, "the README is to have the second");
}

#[test]
fn the_readme_names_every_proof_and_no_other() {
    let (_, table) = README.split_once("## What is proven").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let proofs = table
        .lines()
        .filter_map(|row| row.strip_suffix(" |")?.rsplit_once("| "));
    let named: BTreeSet<String> = proofs
        .flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let proofs: BTreeSet<String> = childproof_tests::foreach_guest!(names)
        .into_iter()
        .chain(launch_modules())
        .collect();
    assert_eq!(named, proofs);
}
