//! What is expected of each test: `tests/cpython/expectations.toml`.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::guest::Outcome;

/// What is expected of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// It passes.
    Passes,
    /// It skips itself, for this reason.
    Skipped(String),
    /// It fails, for this reason.
    Fails(String),
    /// It skips itself, because it is about Windows.
    Windows,
    /// It depends on the machine, for this reason, what becomes of it.
    Machine(String),
}

impl Expected {
    fn parse(text: &str) -> Result<Expected> {
        let reason = |reason: &str| match reason.trim() {
            "" => bail!("there is no reason in {text:?}"),
            reason => Ok(reason.to_owned()),
        };
        match text.split_once(':') {
            None if text == "passes" => Ok(Expected::Passes),
            None if text == "windows" => Ok(Expected::Windows),
            Some(("skipped", why)) => reason(why).map(Expected::Skipped),
            Some(("fails", why)) => reason(why).map(Expected::Fails),
            Some(("machine", why)) => reason(why).map(Expected::Machine),
            _ => bail!(
                "{text:?} is not \"passes\", \"windows\", \"skipped: REASON\", \"fails: REASON\" or \"machine: REASON\""
            ),
        }
    }

    /// Whether this is what became of the test.
    pub(super) fn holds(&self, outcome: &Outcome) -> bool {
        matches!(
            (self, outcome),
            (Expected::Passes, Outcome::Passes)
                | (Expected::Skipped(_) | Expected::Windows, Outcome::Skipped(_))
                | (Expected::Fails(_), Outcome::Fails(_))
                | (Expected::Machine(_), _)
        )
    }

    /// Why the test does not pass; none if it does.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Expected::Passes => None,
            Expected::Windows => Some("it is about Windows"),
            Expected::Skipped(reason) | Expected::Fails(reason) | Expected::Machine(reason) => Some(reason),
        }
    }
}

/// As the file has it.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Passes => f.write_str("passes"),
            Expected::Windows => f.write_str("windows"),
            Expected::Skipped(reason) => write!(f, "skipped: {reason}"),
            Expected::Fails(reason) => write!(f, "fails: {reason}"),
            Expected::Machine(reason) => write!(f, "machine: {reason}"),
        }
    }
}

/// What stands for a test: the same for every version, or something for each that has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Always(String),
    Versions(BTreeMap<String, String>),
}

/// The tests of a version by their whole names, and what is expected of each.
pub(super) type Expectations = BTreeMap<String, Expected>;

/// Reads the file, as far as it is about one version.
///
/// # Errors
///
/// When it is not what it has to be. The message names the test.
pub(super) fn parse(text: &str, version: &str) -> Result<Expectations> {
    let modules: BTreeMap<String, BTreeMap<String, BTreeMap<String, Entry>>> = toml::from_str(text)?;
    let mut expectations = Expectations::new();
    for (module, classes) in modules {
        for (class, tests) in classes {
            for (test, entry) in tests {
                let name = format!("{}.{class}.{test}", long(&module)?);
                let said = match &entry {
                    Entry::Always(said) => said,
                    Entry::Versions(versions) => match versions.get(version) {
                        Some(said) => said,
                        None => continue,
                    },
                };
                let expected = Expected::parse(said).with_context(|| format!("[{module}.{class}] {test}"))?;
                expectations.insert(name, expected);
            }
        }
    }
    Ok(expectations)
}

/// The modules of the tests: as the file has them, and their names.
const MODULES: [(&str, &str); 2] = [
    ("asyncio", "test.test_asyncio.test_subprocess"),
    ("subprocess", "test.test_subprocess"),
];

fn long(module: &str) -> Result<&'static str> {
    let found = MODULES.iter().find(|(short, _)| *short == module);
    found
        .map(|(_, long)| *long)
        .with_context(|| format!("[{module}] is no module of the tests"))
}

/// A test as the file has it: its module, its class, and its own name.
pub(super) fn short(name: &str) -> (&'static str, &str, &str) {
    let (class, test) = name.rsplit_once('.').unwrap_or(("", name));
    let (module, class) = class.rsplit_once('.').unwrap_or(("", class));
    let found = MODULES.iter().find(|(_, long)| *long == module);
    (found.map_or("", |(short, _)| short), class, test)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [asyncio.A]
        test_one = "passes"
        test_two = { "1.0" = "fails: there is no pipe", "1.1" = "passes" }
        test_new = { "1.1" = "passes" }

        [subprocess.B]
        test_one = "windows"
    "#;

    #[test]
    fn each_version_has_its_own() {
        let names = |version| -> Vec<String> { parse(FILE, version).unwrap().into_keys().collect() };
        let old = [
            "test.test_asyncio.test_subprocess.A.test_one",
            "test.test_asyncio.test_subprocess.A.test_two",
            "test.test_subprocess.B.test_one",
        ];
        assert_eq!(names("1.0"), old);
        assert_eq!(names("1.1").len(), 4);
        let two = "test.test_asyncio.test_subprocess.A.test_two";
        assert_eq!(parse(FILE, "1.1").unwrap()[two], Expected::Passes);
        assert_eq!(parse(FILE, "1.0").unwrap()[two].to_string(), "fails: there is no pipe");
    }

    #[test]
    fn what_is_none_is_named() {
        for (said, wanted) in [
            ("fails", "[subprocess.B] test_x"),
            ("fails: ", "no reason"),
            ("flaky: sometimes", "is not \"passes\""),
        ] {
            let error = parse(&format!("[subprocess.B]\ntest_x = \"{said}\""), "1.0").unwrap_err();
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
        assert!(parse("[ssl.A]\ntest_x = \"passes\"", "1.0").is_err());
    }

    #[test]
    fn a_skip_is_no_pass() {
        let skipped = Outcome::Skipped("needs a pipe".to_owned());
        assert!(!Expected::Passes.holds(&skipped));
        assert!(!Expected::Fails("no pipe".to_owned()).holds(&skipped));
        assert!(Expected::Skipped("no pipe".to_owned()).holds(&skipped));
        assert!(!Expected::Skipped("no pipe".to_owned()).holds(&Outcome::Passes));
    }
}
