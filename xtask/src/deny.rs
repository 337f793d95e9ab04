//! Licenses, sources and duplicates of the dependencies, checked against `deny.toml`.
//!
//! The file is one of cargo-deny's, cut to the part that is checked here: a key that is not known here is an error, so
//! that nothing stands in it that nobody looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

/// What `deny.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licenses {
    /// Licenses, by their SPDX names, with `WITH EXCEPTION` where one is meant.
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: Deny,
    wildcards: Deny,
    /// Crates that may be there in several versions.
    skip: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    #[serde(rename = "unknown-registry")]
    _unknown_registry: Deny,
    #[serde(rename = "unknown-git")]
    _unknown_git: Deny,
    allow_registry: Vec<String>,
}

/// The one level there is here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deny {
    Deny,
}

/// A package, as far as it is checked.
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    version: String,
    /// The SPDX expression.
    license: Option<String>,
    /// None for a package of the workspace.
    source: Option<String>,
    /// The dependencies, without those for tests, that any version would satisfy.
    wildcards: Vec<String>,
}

/// Checks all dependencies of the workspace, those for other platforms and for tests included.
///
/// # Errors
///
/// When one breaks a rule, and when the rules cannot be read. The message has a line for each.
pub fn check() -> Result<()> {
    let rules = fs::read_to_string(crate::root().join("deny.toml")).context("cannot read deny.toml")?;
    let rules = toml::from_str(&rules).context("deny.toml")?;
    let packages = packages(&crate::metadata()?);
    let problems = problems(&rules, &packages)?;
    if !problems.is_empty() {
        bail!("deny.toml does not allow this:\n{}", problems.join("\n"));
    }
    println!("{} packages keep the rules of deny.toml", packages.len());
    Ok(())
}

fn packages(metadata: &Metadata) -> Vec<Package> {
    let package = |package: &cargo_metadata::Package| Package {
        name: package.name.to_string(),
        version: package.version.to_string(),
        license: package.license.clone(),
        source: package.source.as_ref().map(|source| source.repr.clone()),
        wildcards: package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .filter(|dependency| dependency.path.is_none() && dependency.req.comparators.is_empty())
            .map(|dependency| dependency.name.clone())
            .collect(),
    };
    metadata.packages.iter().map(package).collect()
}

/// What breaks a rule, a line each.
fn problems(rules: &Rules, packages: &[Package]) -> Result<Vec<String>> {
    let Bans {
        multiple_versions: Deny::Deny,
        wildcards: Deny::Deny,
        skip,
    } = &rules.bans;
    let mut problems = Vec::new();
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in packages {
        let Package { name, version, .. } = package;
        versions.entry(name).or_default().insert(version);
        if let Err(why) = license(&rules.licenses, package) {
            problems.push(format!("{name} {version}: {why}"));
        }
        if let Some(source) = &package.source {
            let address = source.strip_prefix("registry+").or(source.strip_prefix("sparse+"));
            if !address.is_some_and(|address| rules.sources.allow_registry.iter().any(|allowed| allowed == address)) {
                problems.push(format!("{name} {version}: it comes from {source}"));
            }
        } else {
            let wildcard = |other: &String| format!("{name} {version}: it takes any version of {other}");
            problems.extend(package.wildcards.iter().map(wildcard));
        }
    }
    for (name, versions) in &versions {
        match (versions.len(), skip.iter().any(|skip| skip == name)) {
            (2.., false) => problems.push(format!("{name}: in versions {}", join(versions))),
            (1, true) => problems.push(format!("{name}: bans.skip has it, and there is one version of it only")),
            _ => {}
        }
    }
    for skip in skip.iter().filter(|skip| !versions.contains_key(skip.as_str())) {
        problems.push(format!("{skip}: bans.skip has it, and nothing depends on it"));
    }
    Ok(problems)
}

fn license(rules: &Licenses, package: &Package) -> Result<()> {
    let text = package.license.as_deref().context("it names no license")?;
    let mode = ParseMode {
        allow_slash_as_or_operator: true,
        ..ParseMode::STRICT
    };
    let expression =
        Expression::parse_mode(text, mode).with_context(|| format!("its license {text:?} is no SPDX expression"))?;
    if !expression.evaluate(|requirement| rules.allow.contains(&requirement.to_string())) {
        bail!("its license {text:?} is not among those allowed");
    }
    Ok(())
}

fn join(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        multiple-versions = "deny"
        wildcards = "deny"
        skip = ["twice"]
        [sources]
        unknown-registry = "deny"
        unknown-git = "deny"
        allow-registry = ["https://registry.example/index"]
    "#;

    fn package(name: &str, version: &str, license: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            license: Some(license.into()),
            source: Some("registry+https://registry.example/index".into()),
            wildcards: Vec::new(),
        }
    }

    /// The problems of `packages` beside two that keep the rules.
    fn problems_of(packages: impl IntoIterator<Item = Package>) -> Vec<String> {
        let good = [
            package("twice", "1.0.0", "MIT"),
            package("twice", "2.0.0", "MIT OR GPL-3.0-only"),
        ];
        let packages: Vec<_> = good.into_iter().chain(packages).collect();
        problems(&toml::from_str(RULES).unwrap(), &packages).unwrap()
    }

    #[test]
    fn what_the_rules_allow_passes() {
        let exception = package("a", "1.0.0", "Apache-2.0 WITH LLVM-exception AND (MIT OR ISC)");
        assert_eq!(
            problems_of([exception, package("b", "1.0.0", "MIT/Apache-2.0")]),
            [""; 0]
        );
    }

    #[test]
    fn a_license_that_is_not_allowed_is_a_problem() {
        for license in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT WITH LLVM-exception",
            "gibberish",
        ] {
            let problems = problems_of([package("a", "1.0.0", license)]);
            assert!(
                matches!(&problems[..], [one] if one.starts_with("a 1.0.0: its license")),
                "{license}: {problems:?}"
            );
        }
        let unlicensed = Package {
            license: None,
            ..package("a", "1.0.0", "")
        };
        assert_eq!(problems_of([unlicensed]), ["a 1.0.0: it names no license"]);
    }

    #[test]
    fn another_source_is_a_problem() {
        for source in ["git+https://git.example/a#0123", "registry+https://other.example/index"] {
            let package = Package {
                source: Some(source.into()),
                ..package("a", "1.0.0", "MIT")
            };
            assert_eq!(problems_of([package]), [format!("a 1.0.0: it comes from {source}")]);
        }
    }

    #[test]
    fn a_second_version_is_a_problem_and_so_is_an_exception_nobody_needs() {
        let twice = [package("a", "1.0.0", "MIT"), package("a", "1.1.0", "MIT")];
        assert_eq!(problems_of(twice), ["a: in versions 1.0.0, 1.1.0"]);
        let rules = toml::from_str(RULES).unwrap();
        let once = problems(&rules, &[package("twice", "1.0.0", "MIT")]).unwrap();
        assert_eq!(once, ["twice: bans.skip has it, and there is one version of it only"]);
        assert_eq!(
            problems(&rules, &[]).unwrap(),
            ["twice: bans.skip has it, and nothing depends on it"]
        );
    }

    #[test]
    fn a_package_of_the_workspace_takes_no_version_at_random() {
        let ours = Package {
            source: None,
            wildcards: vec!["b".into()],
            ..package("a", "1.0.0", "MIT")
        };
        assert_eq!(problems_of([ours]), ["a 1.0.0: it takes any version of b"]);
    }

    #[test]
    fn a_key_that_nothing_checks_is_an_error() {
        let text = format!("{RULES}\n[advisories]\n");
        assert!(
            toml::from_str::<Rules>(&text)
                .unwrap_err()
                .to_string()
                .contains("advisories")
        );
    }

    #[test]
    fn the_dependencies_of_the_workspace_keep_the_rules() {
        check().unwrap();
    }
}
