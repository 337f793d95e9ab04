//! What the tests of the policy share.

use std::path::{Path, PathBuf};

use childproof_host::policy::{
    Decision, Grant, LoadError, LoadOptions, LoadedPolicy, Policy, Preopen, Refusal, Request,
};

/// A program that every system of the tests has.
pub(crate) fn program() -> PathBuf {
    PathBuf::from("/bin/sh")
}

/// A grant of that program.
pub(crate) fn grant() -> Grant {
    Grant::program(program())
}

/// Loads a policy for a guest with the read-only preopens `/repo` and `/data`.
pub(crate) fn load(policy: &Policy) -> LoadedPolicy {
    try_load(policy).expect("the policy should load")
}

/// The same, for a policy that need not load.
pub(crate) fn try_load(policy: &Policy) -> Result<LoadedPolicy, LoadError> {
    let preopens = ["/repo", "/data"].map(|path| preopen(path, "/", false));
    let options = LoadOptions {
        preopens: &preopens,
        ..LoadOptions::default()
    };
    policy.load(&options)
}

pub(crate) fn preopen(guest_path: &str, host_path: impl AsRef<Path>, writable: bool) -> Preopen {
    Preopen {
        guest_path: guest_path.to_owned(),
        host_path: host_path.as_ref().to_owned(),
        writable,
    }
}

pub(crate) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// In the tests, a path lies inside a preopen if it begins with `/repo/` and does not climb.
pub(crate) fn inside(path: &str) -> bool {
    path.starts_with("/repo/") && !path.contains("..")
}

/// Decides about arguments alone.
pub(crate) fn decide(policy: &LoadedPolicy, grant: &str, args: &[&str]) -> Result<Decision, Refusal> {
    policy.decide(&Request::new(grant, &strings(args)), &inside)
}

/// Decides about an environment alone.
pub(crate) fn decide_env(policy: &LoadedPolicy, env: &[(&str, &str)]) -> Result<Decision, Refusal> {
    let env = pairs(env);
    policy.decide(
        &Request {
            env: &env,
            ..Request::new("tool", &[])
        },
        &inside,
    )
}

/// A refusal in one line: kind, rule, what a guest sees, and what the operator sees.
pub(crate) fn line(refusal: &Refusal) -> String {
    let remedy = refusal.remedy.as_deref().unwrap_or("-");
    format!("{:?} [{}] {refusal} [{remedy}]", refusal.kind, refusal.rule)
}
