//! CPython's own tests of `subprocess` and `asyncio`, unmodified, in a guest that has the SDK for Python.
//!
//! What is expected of each is written in `tests/cpython/expectations.toml`, and nothing else may come out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::python::Component;
use crate::{build, root};

mod expectations;
mod fetch;
mod guest;

use expectations::{Expectations, Expected, short};
pub use fetch::From;
use fetch::Tests;
use guest::{Guest, Outcome, Python, Test};

const EXPECTATIONS: &str = "tests/cpython/expectations.toml";

/// Fetches the tests, builds the guest and the command `childproof`, and runs all tests, or those whose names have one of
/// `wanted` in them; what there is to read about these is printed. Answers whether each did what is expected of it.
///
/// # Errors
///
/// When something cannot be fetched, built or run.
pub fn run(wanted: &[String], from: From) -> Result<ExitCode> {
    let directory = crate::target()?.join("cpython");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let tests = Tests::have(&directory, from)?;
    let text = fs::read_to_string(root().join(EXPECTATIONS)).with_context(|| format!("cannot read {EXPECTATIONS}"))?;
    let mut expected = expectations::parse(&text, tests.version).context(EXPECTATIONS)?;

    let guest = guest(&directory, &tests)?;
    let mut listed = guest.list()?;
    if !wanted.is_empty() {
        let is_wanted = |name: &str| wanted.iter().any(|part| name.contains(part.as_str()));
        listed.retain(|test| is_wanted(&test.name));
        expected.retain(|name, _| is_wanted(name));
        ensure!(!listed.is_empty(), "no test has {} in its name", wanted.join(" or "));
    }
    let names: Vec<String> = listed.iter().map(|test| test.name.clone()).collect();
    let verbose = !wanted.is_empty();
    let outcomes = guest.outcomes(&names, |name, outcome| {
        if verbose {
            println!("{name}: {}\n", told(outcome));
        }
    })?;

    println!(
        "CPython {}'s tests, in a guest of {}",
        tests.version,
        guest.childproof.display()
    );
    summarize(&listed, &outcomes, &expected);
    let deviations = deviations(&outcomes, &expected);
    if deviations.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} deviate from {EXPECTATIONS}:", deviations.len());
    let mut table = "";
    for deviation in &deviations {
        if table != deviation.table {
            println!("\n[{}]", deviation.table);
            table = &deviation.table;
        }
        println!("{}", deviation.lines);
    }
    Ok(ExitCode::FAILURE)
}

/// Builds what is run.
fn guest(directory: &Path, tests: &Tests) -> Result<Guest> {
    let component = directory.join(format!("tests-{}.wasm", tests.version));
    // The tests are the second, so the guest sees them as /1, when it is built and when it runs.
    let path = [
        root().join("tests/cpython"),
        tests.directory.clone(),
        root().join("guest-sdk/python"),
    ];
    Component {
        module: "app",
        path: &path,
    }
    .build(&component)?;
    Ok(Guest {
        childproof: build::host("childproof")?,
        component,
        tests: (tests.directory.clone(), "/1"),
        directory: directory.join("run"),
        cache: directory.join("compiled"),
        python: Python::of_this_machine()?,
    })
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passes => "passes".to_owned(),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::Fails(why) => format!("fails\n{}", why.trim_end()),
    }
}

/// Prints how many pass, and why the others do not.
fn summarize(listed: &[Test], outcomes: &BTreeMap<String, Outcome>, expected: &Expectations) {
    // A function passes when it does in one class that has it, and fails in none.
    let mut functions: BTreeMap<(&str, &str), (bool, bool)> = BTreeMap::new();
    let mut windows = BTreeSet::new();
    for test in listed {
        let (module, ..) = short(&test.name);
        let function = (module, test.function.as_str());
        if expected.get(&test.name) == Some(&Expected::Windows) {
            windows.insert(function);
        }
        let (passes, fails) = functions.entry(function).or_default();
        match outcomes.get(&test.name) {
            Some(Outcome::Passes) => *passes = true,
            Some(Outcome::Skipped(_)) => {}
            Some(Outcome::Fails(_)) | None => *fails = true,
        }
    }
    for module in ["asyncio", "subprocess"] {
        let of_module = |function: &&(&str, &str)| function.0 == module;
        let all = functions.keys().filter(of_module).count();
        let about_windows = windows.iter().filter(of_module).count();
        let pass = functions
            .iter()
            .filter(|(function, (passes, fails))| of_module(function) && *passes && !fails)
            .count();
        let others = match about_windows {
            0 => String::new(),
            count => format!("; {count} more are about Windows"),
        };
        println!("{module:<12} {pass} of {} pass{others}", all - about_windows);
    }
    let mut reasons: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for test in listed {
        if let Some(reason) = expected.get(&test.name).and_then(Expected::reason) {
            let (module, ..) = short(&test.name);
            reasons.entry(reason).or_default().insert((module, &test.function));
        }
    }
    let mut reasons: Vec<(usize, &str)> = reasons.iter().map(|(why, tests)| (tests.len(), *why)).collect();
    reasons.sort_by_key(|(count, why)| (std::cmp::Reverse(*count), *why));
    for (count, why) in reasons {
        println!("{count:>6}  {why}");
    }
}

/// A test that is not as it is expected.
#[derive(Debug, PartialEq)]
struct Deviation {
    /// The table of the file that it is in, or would be.
    table: String,
    /// The line that is in the file, if there is one, and the one that would have to be.
    lines: String,
}

fn deviations(outcomes: &BTreeMap<String, Outcome>, expected: &Expectations) -> Vec<Deviation> {
    let names: BTreeSet<&String> = outcomes.keys().chain(expected.keys()).collect();
    let mut deviations = Vec::new();
    for name in names {
        let (outcome, expected) = (outcomes.get(name), expected.get(name));
        if let (Some(outcome), Some(expected)) = (outcome, expected)
            && expected.holds(outcome)
        {
            continue;
        }
        let (module, class, test) = short(name);
        let mut lines = Vec::new();
        if let Some(expected) = expected {
            lines.push(format!("-{test} = {:?}", expected.to_string()));
        }
        lines.push(match outcome {
            Some(outcome) => format!("+{test} = {:?}", in_a_line(outcome)),
            None => "there is no such test".to_owned(),
        });
        deviations.push(Deviation {
            table: format!("{module}.{class}"),
            lines: lines.join("\n"),
        });
    }
    deviations
}

/// An outcome as the file has it: of a traceback, the end.
fn in_a_line(outcome: &Outcome) -> String {
    let told = told(outcome);
    let mut lines = told.lines();
    let first = lines.next().unwrap_or_default();
    match lines.next_back() {
        Some(last) => format!("{first}: {last}"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_expected_deviates() {
        let text = "[subprocess.A]\na = \"passes\"\nb = \"fails: no pipe\"\nc = \"skipped: no user\"\nd = \"passes\"";
        let expected = expectations::parse(text, "1.0").unwrap();
        let outcome = |name: &str, outcome| (format!("test.test_subprocess.A.{name}"), outcome);
        let fails = || Outcome::Fails("Traceback\nOSError: no".to_owned());
        let same = BTreeMap::from([
            outcome("a", Outcome::Passes),
            outcome("b", fails()),
            outcome("c", Outcome::Skipped(String::new())),
            outcome("d", Outcome::Passes),
        ]);
        assert_eq!(deviations(&same, &expected), []);

        let other = BTreeMap::from([
            outcome("a", fails()),
            outcome("b", Outcome::Passes),
            outcome("c", fails()),
            outcome("e", Outcome::Passes),
        ]);
        let wanted = [
            "-a = \"passes\"\n+a = \"fails: OSError: no\"",
            "-b = \"fails: no pipe\"\n+b = \"passes\"",
            "-c = \"skipped: no user\"\n+c = \"fails: OSError: no\"",
            "-d = \"passes\"\nthere is no such test",
            "+e = \"passes\"",
        ]
        .map(|lines| Deviation {
            table: "subprocess.A".to_owned(),
            lines: lines.to_owned(),
        });
        assert_eq!(deviations(&other, &expected), wanted);
    }
}
