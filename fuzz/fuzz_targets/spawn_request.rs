//! Any request is allowed with an environment that a process can be given, or refused in words that can be shown.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use childproof_host::policy::{LoadOptions, LoadedPolicy, Policy, Preopen, Request};
use libfuzzer_sys::fuzz_target;

const POLICY: &str = r#"
[grants.any]
program = "/bin/sh"
args = "any"
argv0 = true
env = { allow = { "A*" = true, "G*" = "[a-z]*", "L*" = true } }

[grants.none]
program = "/bin/sh"
cwd = ["/repo"]

[grants.forms]
program = "/bin/sh"
forms = [
  ["a", { optional = { regex = "-[a-z]+" } }, { optional = "-b" }, { repeat = { path = true }, max = 3 }],
  [{ one_of = ["a", "b"] }, { path = true, prefix = "-f" }, { any = true }],
  { name = "tail", words = [{ optional = { any = true } }, { repeat = { regex = "(?s).+" }, min = 2 }] },
]
env = { set = { A = "1", PATH = "/bin" }, allow = ["A", "B"] }
"#;

static LOADED: LazyLock<LoadedPolicy> = LazyLock::new(|| {
    let preopens = [Preopen {
        guest_path: "/repo".to_owned(),
        host_path: "/".into(),
        writable: false,
    }];
    let options = LoadOptions {
        preopens: &preopens,
        ..LoadOptions::default()
    };
    Policy::from_toml(POLICY)
        .expect("the policy is right")
        .load(&options)
        .expect("the system has /bin/sh")
});

#[derive(Arbitrary, Debug)]
enum Grant<'a> {
    Any,
    None,
    Forms,
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
struct Asked<'a> {
    grant: Grant<'a>,
    argv0: Option<&'a str>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    in_repo: Option<bool>,
}

fuzz_target!(|asked: Asked<'_>| {
    let grant = match asked.grant {
        Grant::Any => "any",
        Grant::None => "none",
        Grant::Forms => "forms",
        Grant::Other(name) => name,
    };
    let request = Request {
        grant,
        argv0: asked.argv0,
        args: &asked.args,
        env: &asked.env,
        cwd: asked
            .in_repo
            .map(|in_repo| if in_repo { "/repo" } else { "/elsewhere" }),
    };
    match LOADED.decide(&request, &|path: &str| path.len().is_multiple_of(2)) {
        Ok(decision) => {
            assert_eq!(decision.grant.name(), grant);
            assert!(
                asked
                    .args
                    .iter()
                    .chain([&decision.argv0])
                    .all(|argument| !argument.contains('\0'))
            );
            for (key, value) in &decision.env {
                assert!(
                    !key.is_empty() && !key.contains(['=', '\0']) && !value.contains('\0'),
                    "{key:?}={value:?}"
                );
                let asked_for = asked.env.iter().any(|pair| (&pair.0, &pair.1) == (key, value));
                let fixed = decision.grant.policy().env_set.get(key) == Some(value);
                assert!(asked_for || fixed, "{key:?}={value:?} comes from nowhere");
                assert!(fixed || !key.starts_with("LD_"), "{key:?} came through a pattern");
            }
            assert!(decision.env.is_sorted_by(|one, other| one.0 < other.0));
        }
        Err(refusal) => {
            for text in [Some(refusal.to_string()), Some(refusal.rule), refusal.remedy]
                .into_iter()
                .flatten()
            {
                assert!(!text.contains(char::is_control), "{text:?} has a control character");
                assert!(text.len() < 8192, "{text:?} is too long to show");
            }
        }
    }
});
