//! Each case of the interface arrives in C under its own name: compared with the WIT itself, so that a new case is missed.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::Val;
use wit_parser::{Resolve, TypeDefKind};

use super::*;
use crate::host::Answer;

/// The cases of a variant or an enum of the interface: their names, and what is said of them.
fn cases(name: &str) -> Vec<(String, String)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(xtask::root().join("wit/0.2")).unwrap();
    let interface = &resolve.interfaces[resolve.packages[package].interfaces["types"]];
    // In one line, however the text is broken.
    let docs = |docs: &wit_parser::Docs| {
        let text = docs.contents.as_deref().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    match &resolve.types[interface.types[name]].kind {
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            cases.map(|case| (case.name.clone(), docs(&case.docs))).collect()
        }
        TypeDefKind::Enum(names) => {
            let cases = names.cases.iter();
            cases.map(|case| (case.name.clone(), docs(&case.docs))).collect()
        }
        other => panic!("{name} is {other:?}"),
    }
}

fn names(of: &str) -> Vec<String> {
    cases(of).into_iter().map(|(name, _)| name).collect()
}

fn variant(case: &str, payload: Option<Val>) -> Val {
    Val::Variant(case.to_owned(), payload.map(Box::new))
}

fn record<const N: usize>(fields: [(&str, Val); N]) -> Val {
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The lines that the guest prints, and the signals that it sends.
fn translate(arguments: Vec<String>, answer: Answer) -> (Vec<String>, Vec<Val>) {
    let mut all = vec!["--translate".to_owned()];
    all.extend(arguments);
    let (printed, signals) = host::run(&TESTS, &all, answer).unwrap();
    (printed.lines().map(str::to_owned).collect(), signals)
}

/// The error of a grant that is named `CASE`, `CASE:QUOTA`, or `CASE-without-PART`, a part of its payload.
fn error(method: &str, grant: &str) -> Option<Val> {
    assert_eq!(method, "spawn");
    let (case, quota) = grant.split_once(':').unwrap_or((grant, ""));
    let (case, without) = case.split_once("-without-").unwrap_or((case, ""));
    let problem = || {
        let part = |name: &str| {
            Val::String(if name == without {
                String::new()
            } else {
                format!("{name} of {case}")
            })
        };
        record([("field", part("field")), ("message", part("message"))])
    };
    let payload = match case {
        "unknown-grant" | "other" => Some(Val::String(format!("message of {case}"))),
        "refused" | "invalid-argument" | "unsupported" => Some(problem()),
        "quota-exceeded" => Some(Val::Enum(quota.to_owned())),
        "output-limit-reached" => Some(record([("stdout", Val::Option(None)), ("stderr", Val::Option(None))])),
        _ => None,
    };
    Some(variant(case, payload))
}

#[test]
fn every_error_has_its_name_errno_and_payload() {
    let quotas = names("quota");
    let mut grants = Vec::new();
    let mut expected = Vec::new();
    for (case, docs) in cases("error") {
        // What the WIT says it is like, the first where there are two.
        let like = docs
            .split_once("Like `")
            .map(|(_, like)| like.split('`').next().unwrap());
        let errno = like
            .unwrap_or_else(|| panic!("{case} is like no errno: {docs}"))
            .to_owned();
        let (field, message) = match case.as_str() {
            "unknown-grant" | "other" => (String::new(), format!("message of {case}")),
            "refused" | "invalid-argument" | "unsupported" => {
                (format!("field of {case}"), format!("message of {case}"))
            }
            _ => (String::new(), String::new()),
        };
        if case == "quota-exceeded" {
            for quota in &quotas {
                grants.push(format!("{case}:{quota}"));
                expected.push(format!("{case}|{errno}|{quota}||"));
            }
        } else {
            grants.push(case.clone());
            expected.push(format!("{case}|{errno}||{field}|{message}"));
        }
    }
    let (lines, _) = translate(grants, Arc::new(error));
    let (found, texts): (Vec<_>, Vec<_>) = lines.iter().map(|line| line.rsplit_once('|').unwrap()).unzip();
    assert_eq!(found, expected);
    // Each has a text, which no other has, and which says what the payload says.
    assert_eq!(
        texts.iter().collect::<BTreeSet<_>>().len(),
        expected.len(),
        "{texts:#?}"
    );
    for (text, row) in texts.iter().zip(&expected) {
        let fields: Vec<&str> = row.split('|').collect();
        assert!(
            !text.is_empty() && fields[2..].iter().all(|field| text.contains(field)),
            "{row}: {text}"
        );
    }
}

/// A host need not name a field, and need not have more to say than that.
#[test]
fn a_problem_says_what_there_is_of_it() {
    let grants = ["refused", "invalid-argument", "unsupported"]
        .iter()
        .flat_map(|case| ["field", "message"].map(|part| format!("{case}-without-{part}")));
    let (lines, _) = translate(grants.collect(), Arc::new(error));
    let texts: Vec<_> = lines.iter().map(|line| line.rsplit_once('|').unwrap().1).collect();
    assert_eq!(
        texts,
        [
            "the request was refused: message of refused",
            "field of refused was refused",
            "the request is invalid: message of invalid-argument",
            "field of invalid-argument is invalid",
            "the request is not supported: message of unsupported",
            "field of unsupported is not supported",
        ]
    );
}

/// The status of a grant named `status:TERMINATION:VALUE:ENDED-BY:LIMIT`.
fn status(grant: &str) -> Val {
    let words: Vec<&str> = grant.split(':').collect();
    let [_, termination, value, by, limit] = words[..] else {
        panic!("{grant}")
    };
    let termination = match termination {
        "exited" => variant("exited", Some(Val::U32(value.parse().unwrap()))),
        _ => variant("signaled", Some(signal(value))),
    };
    let ended_by = match by {
        "limit" => variant("limit", Some(Val::Enum(limit.to_owned()))),
        _ => variant(by, None),
    };
    record([("termination", termination), ("ended-by", ended_by)])
}

/// `term`, or `realtime3`.
fn signal(name: &str) -> Val {
    match name.strip_prefix("realtime") {
        Some(number) => variant("realtime", Some(Val::U8(number.parse().unwrap()))),
        None => variant(name, None),
    }
}

/// What the library calls a signal of the interface.
fn name_in_c(signal: &str) -> String {
    match signal {
        "unnamed" => "a signal without a name".to_owned(),
        name if name.starts_with("realtime") => "SIGRTMIN".to_owned(),
        name => format!("SIG{}", name.to_uppercase()),
    }
}

#[test]
fn every_end_has_its_name() {
    let mut grants = Vec::new();
    let mut expected = Vec::new();
    for code in [0, 1, 137, 255, 256, u32::MAX] {
        grants.push(format!("status:exited:{code}:itself:"));
        expected.push((format!("exited|{code}||itself|"), format!("exited with {code}")));
    }
    for signal in names("signal").iter().filter(|name| *name != "realtime") {
        grants.push(format!("status:signaled:{signal}:itself:"));
        let name = name_in_c(signal);
        expected.push((format!("signaled|0|{name}|itself|"), format!("ended by {name}")));
    }
    for number in [0, 3, 255] {
        grants.push(format!("status:signaled:realtime{number}:itself:"));
        let name = if number == 0 {
            "SIGRTMIN".into()
        } else {
            format!("SIGRTMIN+{number}")
        };
        expected.push(("signaled|0|SIGRTMIN|itself|".into(), format!("ended by {name}")));
    }
    for by in names("ended-by") {
        if by == "limit" {
            for limit in names("limit") {
                grants.push(format!("status:exited:1:limit:{limit}"));
                expected.push((
                    format!("exited|1||limit|{limit}"),
                    format!("exited with 1 (limit: {limit})"),
                ));
            }
        } else {
            grants.push(format!("status:signaled:term:{by}:"));
            let sent = if by == "guest" { " (sent by the guest)" } else { "" };
            expected.push((format!("signaled|0|SIGTERM|{by}|"), format!("ended by SIGTERM{sent}")));
        }
    }
    let answer = |method: &str, grant: &str| (method == "wait").then(|| status(grant));
    let (lines, _) = translate(grants, Arc::new(answer));
    let found: Vec<_> = lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_stopped_a_process_has_its_name() {
    let by = names("stopped-by");
    let answer = |method: &str, grant: &str| {
        let by = Val::Enum(grant.trim_start_matches("stopped:").to_owned());
        (method == "stop").then(|| record([("status", status("status:exited:0:itself:")), ("by", by)]))
    };
    let (lines, _) = translate(by.iter().map(|by| format!("stopped:{by}")).collect(), Arc::new(answer));
    assert_eq!(lines, by);
}

#[test]
fn every_signal_is_sent_under_its_name() {
    let (lines, mut sent) = translate(vec!["signals".to_owned()], Arc::new(|_: &str, _: &str| None));
    let realtime = sent.split_off(sent.len() - 2);
    assert_eq!(realtime, [signal("realtime0"), signal("realtime255")]);
    let case = |signal: &Val| match signal {
        Val::Variant(case, _) => case.clone(),
        other => panic!("{other:?}"),
    };
    let sent: Vec<String> = sent.iter().map(case).collect();
    assert_eq!(lines, sent.iter().map(|case| name_in_c(case)).collect::<Vec<_>>());
    let all: BTreeSet<String> = names("signal").into_iter().filter(|name| name != "realtime").collect();
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), all);
}
