//! What one request can cost.

use std::cell::Cell;

use childproof_host::policy::{Arguments, Field, Form, Policy, RefusalKind, Request, Word};

use crate::support::{decide, decide_env, grant, inside, line, load, strings};

#[test]
fn a_hundred_thousand_keys_are_decided_at_once() {
    let keys: Vec<(String, String)> = (0..100_000).map(|n| (format!("APP_{n}"), n.to_string())).collect();
    let policy = load(&Policy::new().grant("tool", grant().env_allow("APP_*")));
    let request = Request {
        env: &keys,
        ..Request::new("tool", &[])
    };
    assert_eq!(policy.decide(&request, &inside).unwrap().env.len(), 100_000);
    let policy = load(&Policy::new().grant("tool", grant()));
    assert_eq!(
        policy.decide(&request, &inside).unwrap_err().field.to_string(),
        "env APP_0"
    );
}

#[test]
fn each_path_is_looked_up_once_and_only_where_a_form_asks_for_it() {
    let log = ["log".into(), "--oneline".into(), Word::path().repeat(0, 3)];
    let policy = load(&Policy::new().grant("git", grant().form(["status"]).form(log)));
    let asked = Cell::new(0);
    let count = |path: &str| {
        asked.set(asked.get() + 1);
        inside(path)
    };
    let args = strings(&["log", "--oneline", "/repo/a", "/repo/a", "/elsewhere"]);
    assert!(policy.decide(&Request::new("git", &args), &count).is_err());
    assert_eq!(asked.get(), 2);
    let args = strings(&["status", "/repo/a"]);
    assert!(policy.decide(&Request::new("git", &args), &count).is_err());
    assert_eq!(asked.get(), 2);
}

#[test]
fn a_request_has_so_many_paths_looked_up_and_no_more() {
    let policy = load(&Policy::new().grant("tool", grant().form([Word::path().repeat(0, None)])));
    let asked = Cell::new(0);
    let count = |_: &str| {
        asked.set(asked.get() + 1);
        true
    };
    let mut args: Vec<String> = (0..4096).map(|n| format!("{n}")).collect();
    args.extend_from_within(..);
    assert!(policy.decide(&Request::new("tool", &args), &count).is_ok());
    assert_eq!(asked.take(), 4096);
    args.extend((4096..100_000).map(|n| format!("{n}")));
    assert_eq!(
        line(&policy.decide(&Request::new("tool", &args), &count).unwrap_err()),
        "NotAllowed [grants.tool.forms] args: there are more than 4096 different paths, and no more are looked up for one \
         process [let the guest start several processes with fewer paths each]"
    );
    assert_eq!(asked.take(), 4096);
    // The system looks up no path that is longer, so the host is not asked to.
    let long = ["a".repeat(4097)];
    assert!(policy.decide(&Request::new("tool", &long), &count).is_err());
    assert_eq!(asked.take(), 0);
}

#[test]
fn many_arguments_are_refused_without_a_search_for_the_first_that_does_not_fit() {
    let policy = load(&Policy::new().grant("tool", grant().form(["a".into(), Word::any().repeat(0, None)])));
    let mut args = vec!["a"; 1001];
    args[1000] = "-x";
    assert_eq!(
        line(&decide(&policy, "tool", &args).unwrap_err()),
        "NotAllowed [grants.tool.forms] args: no form of the policy allows these 1001 arguments [to allow them, add a form \
         to [grants.tool]]"
    );
    assert_eq!(decide(&policy, "tool", &args[1..]).unwrap_err().field, Field::Arg(999));
    let large = "a".repeat(70_000);
    assert_eq!(
        decide(&policy, "tool", &["a", &large, &large, "-x"]).unwrap_err().field,
        Field::Args
    );
}

#[test]
fn what_is_longer_than_a_process_can_be_given_is_refused_before_it_is_matched() {
    let policy = load(
        &Policy::new()
            .grant("tool", grant().args(Arguments::Any).argv0(true).env_allow("A"))
            .grant("form", grant().form([Word::regex("a*")])),
    );
    let most = (128 << 10) - 1;
    let (fits, long) = ("a".repeat(most), "a".repeat(most + 1));
    assert!(decide(&policy, "tool", &["", &fits]).is_ok());
    assert!(decide(&policy, "form", &[&fits]).is_ok());
    for grant in ["tool", "form"] {
        assert_eq!(
            line(&decide(&policy, grant, &[&long]).unwrap_err()),
            "TooLong [what a process can be given] args[0]: it has 131072 bytes, and a process can be given 131071 at most [-]"
        );
    }
    let refusal = decide(&policy, "tool", &[fits.as_str(); 49]).unwrap_err();
    assert_eq!((refusal.kind, refusal.field), (RefusalKind::TooLong, Field::Args));
    let refusal = policy
        .decide(
            &Request {
                argv0: Some(&long),
                ..Request::new("tool", &[])
            },
            &inside,
        )
        .unwrap_err();
    assert_eq!((refusal.kind, refusal.field), (RefusalKind::TooLong, Field::Argv0));
    assert!(decide_env(&policy, &[("A", &fits[2..])]).is_ok());
    let refusal = decide_env(&policy, &[("A", &fits[1..])]).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.field),
        (RefusalKind::TooLong, Field::Env("A".to_owned()))
    );
}

#[test]
fn many_optional_words_do_not_multiply() {
    let words: Vec<Word> = (0..120).map(|_| Word::regex("a*").optional()).collect();
    let policy = load(&Policy::new().grant("tool", grant().form(Form::new(words))));
    let mut args = vec!["aaaa"; 120];
    assert!(decide(&policy, "tool", &args).is_ok());
    *args.last_mut().unwrap() = "b";
    assert_eq!(decide(&policy, "tool", &args).unwrap_err().field, Field::Arg(119));
}
