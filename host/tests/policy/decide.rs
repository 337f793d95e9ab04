//! Decisions about requests, and the words of a refusal.

use std::time::Duration;

use childproof_host::policy::{
    Arguments, Field, Form, Grant, Limits, LoadedPolicy, Policy, RefusalKind, Request, StdStream, Word,
};
use childproof_launch::Signal;

use crate::support::{decide, decide_env, grant, inside, line, load, pairs, strings};

fn git() -> LoadedPolicy {
    load(
        &Policy::new()
            .grant(
                "git",
                grant()
                    .cwd(["/repo"])
                    .form(["status"])
                    .form(Form::new(["log".into(), "--oneline".into(), Word::path().repeat(0, 3)]).named("log"))
                    .form([
                        Word::from("show"),
                        Word::one_of(["--stat", "--raw"]).optional(),
                        Word::regex("[0-9a-f]{7,40}"),
                    ])
                    .form([
                        Word::from("grep"),
                        Word::any(),
                        Word::path_after("--file="),
                        Word::any().repeat(1, None),
                    ]),
            )
            .grant("sort", grant().args(Arguments::Any).argv0(true))
            .grant("date", grant()),
    )
}

/// Decides about the environment of a grant.
fn env(grant: Grant, env: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    let policy = load(&Policy::new().grant("tool", grant));
    decide_env(&policy, env)
        .map(|decision| decision.env)
        .map_err(|refusal| line(&refusal))
}

#[test]
fn the_default_policy_denies_everything() {
    let refusal = decide(&load(&Policy::default()), "git", &[]).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::UnknownGrant);
    assert_eq!(refusal.field, Field::Program);
}

#[test]
fn a_form_allows_exactly_its_words_and_names_itself() {
    let policy = git();
    let rule = |args: &[&str]| decide(&policy, "git", args).ok().map(|decision| decision.rule);
    assert_eq!(rule(&["status"]).as_deref(), Some("grants.git.forms[0]"));
    assert_eq!(rule(&["log", "--oneline"]).as_deref(), Some("grants.git.forms.log"));
    assert_eq!(
        rule(&["log", "--oneline", "/repo/a", "/repo/b", "/repo/c"]).as_deref(),
        Some("grants.git.forms.log")
    );
    assert_eq!(rule(&["show", "abcdef0"]).as_deref(), Some("grants.git.forms[2]"));
    assert_eq!(
        rule(&["show", "--raw", "abcdef0"]).as_deref(),
        Some("grants.git.forms[2]")
    );
    assert_eq!(
        rule(&["grep", "x", "--file=/repo/a", "y"]).as_deref(),
        Some("grants.git.forms[3]")
    );
    for refused in [
        &[][..],
        &[""],
        &["status "],
        &["Status"],
        &["status", ""],
        &["log"],
        &["log", "--oneline", "/repo/a", "/repo/b", "/repo/c", "/repo/d"],
        &["log", "--oneline", "/etc/passwd"],
        &["log", "--oneline", "-"],
        &["log", "--oneline", ""],
        &["show", "abcdef"],
        &["show", "abcdef0\n"],
        &["show", "--stat", "--raw", "abcdef0"],
        &["grep", "-O", "--file=/repo/a", "y"],
        &["grep", "x", "--file=-", "y"],
        &["grep", "x", "--file=", "y"],
        &["grep", "x", "/repo/a", "y"],
        &["grep", "x", "--file=/repo/a"],
        &["grep", "x", "--file=/repo/a", "y", "--open-files-in-pager=sh"],
        &["push"],
    ] {
        assert_eq!(rule(refused), None, "{refused:?} should be refused");
    }
}

#[test]
fn any_takes_all_arguments_and_none_takes_none() {
    let policy = git();
    let large = "x".repeat(100 * 1024);
    let decision = decide(&policy, "sort", &["", "-o", "two\nlines", "\"quoted\"", &large]).unwrap();
    assert_eq!(decision.rule, "grants.sort.args");
    assert_eq!(decide(&policy, "date", &[]).unwrap().rule, "grants.date.args");
    assert_eq!(
        line(&decide(&policy, "date", &["-s", "now"]).unwrap_err()),
        "NotAllowed [grants.date.args] args[0]: \"-s\" is refused: this grant takes no arguments \
         [to allow it, add a form to [grants.date], such as [\"-s\", \"now\"]]"
    );
}

#[test]
fn a_refused_argument_is_told_by_the_form_that_came_furthest() {
    let policy = git();
    let refused = |args: &[&str]| line(&decide(&policy, "git", args).unwrap_err());
    assert_eq!(
        refused(&["push", "origin"]),
        "NotAllowed [grants.git.forms] args[0]: no form of the policy allows \"push\" here \
         [to allow it, add a form to [grants.git], such as [\"push\", \"origin\"]]"
    );
    assert_eq!(
        refused(&["log", "--all"]),
        "NotAllowed [grants.git.forms.log] args[1]: no form of the policy allows \"--all\" here; the form that comes \
         furthest is grants.git.forms.log, and it stops here [grants.git.forms.log expects \"--oneline\" in this place; \
         to allow it, add a form to [grants.git], such as [\"log\", \"--all\"]]"
    );
    assert_eq!(
        refused(&["log", "--oneline", "/repo/a", "/etc/passwd"]),
        "NotAllowed [grants.git.forms.log] args[3]: \"/etc/passwd\" does not lead to a place inside a preopen; the form \
         that comes furthest is grants.git.forms.log, and it stops here [grants.git.forms.log expects a path inside a \
         preopen in this place; to allow it, add a form to [grants.git], such as [\"log\", \"--oneline\", \"/repo/a\", \
         \"/etc/passwd\"]]"
    );
    assert_eq!(
        refused(&["status", "-s"]),
        "NotAllowed [grants.git.forms[0]] args[1]: \"-s\" is one argument more than the policy allows; the form that \
         comes furthest is grants.git.forms[0], and it stops here [to allow it, add a form to [grants.git], such as \
         [\"status\", \"-s\"]]"
    );
    assert_eq!(
        refused(&["log", "--oneline", "/repo/a", "/repo/b", "/repo/c", "/repo/d"]),
        "NotAllowed [grants.git.forms.log] args[5]: \"/repo/d\" is one argument more than the policy allows; the form \
         that comes furthest is grants.git.forms.log, and it stops here [to allow it, add a form to [grants.git], such \
         as [\"log\", \"--oneline\", \"/repo/a\", \"/repo/b\", \"/repo/c\", \"/repo/d\"]]"
    );
    assert_eq!(
        refused(&["show", "HEAD"]),
        "NotAllowed [grants.git.forms[2]] args[1]: no form of the policy allows \"HEAD\" here; the form that comes \
         furthest is grants.git.forms[2], and it stops here [grants.git.forms[2] expects one of \"--stat\", \"--raw\", \
         or a word that matches \"[0-9a-f]{7,40}\" in this place; to allow it, add a form to [grants.git], such as \
         [\"show\", \"HEAD\"]]"
    );
    assert_eq!(
        refused(&["grep", "x", "--file=/repo/a"]),
        "NotAllowed [grants.git.forms[3]] args: arguments are missing: no form of the policy ends after 3 of them; the \
         form that comes furthest is grants.git.forms[3], and it stops here [grants.git.forms[3] expects a word that \
         does not begin with \"-\" in this place; to allow it, add a form to [grants.git], such as [\"grep\", \"x\", \
         \"--file=/repo/a\"]]"
    );
    assert_eq!(
        refused(&[]),
        "NotAllowed [grants.git.forms] args: arguments are missing: no form of the policy does without \
         [to allow it, add a form to [grants.git], such as []]"
    );
}

#[test]
fn what_a_guest_said_is_repeated_short_and_harmless() {
    let policy = git();
    let long = "a".repeat(100_000);
    let refusal = decide(&policy, "git", &[&long]).unwrap_err();
    assert!(refusal.message.len() < 300, "{}", refusal.message);
    assert!(refusal.remedy.as_deref().is_none_or(|remedy| remedy.len() < 300));
    assert!(refusal.message.contains("(100000 bytes)"), "{}", refusal.message);
    let refusal = decide(&policy, "git", &["\x1b[2Jgone\nnew line\u{202e}"]).unwrap_err();
    assert!(
        refusal.message.contains(r#""\u{1b}[2Jgone\nnew line\u{202e}""#),
        "{}",
        refusal.message
    );
    let refusal = decide(&policy, &"g".repeat(1 << 20), &[]).unwrap_err();
    assert!(refusal.message.len() < 300);
    let key = format!("{}\x07", "K".repeat(10));
    let refusal = decide_env(&load(&Policy::new().grant("tool", grant())), &[(&key, "")]).unwrap_err();
    assert_eq!(refusal.field.to_string(), r"env KKKKKKKKKK\u{7}");
}

#[test]
fn an_unknown_grant_suggests_the_near_one_to_the_operator() {
    let policy = git();
    assert_eq!(
        line(&decide(&policy, "gti", &[]).unwrap_err()),
        "UnknownGrant [grants] program: the policy has no grant \"gti\" [there is a grant \"git\"; did you mean that? If \
         not, add a table [grants.NAME] to the policy]"
    );
    assert_eq!(
        line(&decide(&policy, "terraform", &[]).unwrap_err()),
        "UnknownGrant [grants] program: the policy has no grant \"terraform\" [to allow it, add a table [grants.NAME] to \
         the policy]"
    );
    assert_eq!(decide(&policy, "", &[]).unwrap_err().kind, RefusalKind::UnknownGrant);
}

#[test]
fn a_path_in_place_of_a_grant_says_what_belongs_there() {
    let policy = load(&Policy::new().grant("shell", grant()));
    assert_eq!(
        line(&decide(&policy, "/bin/sh", &[]).unwrap_err()),
        "UnknownGrant [grants] program: \"/bin/sh\" is a path; a guest names a grant of the policy, not a file [the grant \
         \"shell\" runs this program: let the guest ask for that]"
    );
    let canonical = std::fs::canonicalize("/bin/sh").unwrap();
    let refusal = decide(&policy, canonical.to_str().unwrap(), &[]).unwrap_err();
    assert!(refusal.remedy.unwrap().contains("\"shell\""));
    assert_eq!(
        line(&decide(&policy, "./x", &[]).unwrap_err()),
        "UnknownGrant [grants] program: \"./x\" is a path; a guest names a grant of the policy, not a file [no grant runs \
         this program; to allow it, add a table [grants.NAME] to the policy with `program`, and let the guest ask for NAME]"
    );
}

#[test]
fn what_no_process_can_be_given_is_invalid_and_names_its_field() {
    let policy = load(&Policy::new().grant("tool", grant().args(Arguments::Any).argv0(true).env_allow("A")));
    let args = strings(&["fine", "a\0b"]);
    let refusal = policy.decide(&Request::new("tool", &args), &inside).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.field.to_string().as_str()),
        (RefusalKind::Invalid, "args[1]")
    );
    let request = Request {
        argv0: Some("\0"),
        ..Request::new("tool", &[])
    };
    let refusal = policy.decide(&request, &inside).unwrap_err();
    assert_eq!((refusal.kind, refusal.field), (RefusalKind::Invalid, Field::Argv0));
    for (key, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
        let refusal = decide_env(&policy, &[("A", "fine"), (key, value)]).unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.field),
            (RefusalKind::Invalid, Field::Env(key.to_owned())),
            "{key:?}={value:?}"
        );
    }
    let refusal = decide(&policy, "to\0ol", &[]).unwrap_err();
    assert_eq!((refusal.kind, refusal.field), (RefusalKind::Invalid, Field::Program));
}

#[test]
fn the_environment_starts_empty_and_holds_what_is_fixed_and_what_is_allowed() {
    assert_eq!(env(grant(), &[]).unwrap(), pairs(&[]));
    let tool = || {
        grant()
            .env_set("LC_ALL", "C")
            .env_set("PATH", "/usr/bin")
            .env_allow_matching("LANG", "[a-z]+")
            .env_allow("TZ")
            .env_allow("APP_*")
    };
    assert_eq!(
        env(tool(), &[]).unwrap(),
        pairs(&[("LC_ALL", "C"), ("PATH", "/usr/bin")])
    );
    assert_eq!(
        env(tool(), &[("TZ", ""), ("LANG", "de"), ("APP_X", "=1=\n")]).unwrap(),
        pairs(&[
            ("APP_X", "=1=\n"),
            ("LANG", "de"),
            ("LC_ALL", "C"),
            ("PATH", "/usr/bin"),
            ("TZ", "")
        ])
    );
    assert_eq!(
        env(tool(), &[("LANG", "DE")]).unwrap_err(),
        "NotAllowed [grants.tool.env.allow.LANG] env LANG: the value \"DE\" is not one that the policy allows for this \
         variable [the value must match \"[a-z]+\" as a whole]"
    );
    assert_eq!(
        env(tool(), &[("TERM", "xterm")]).unwrap_err(),
        "NotAllowed [grants.tool.env.allow] env TERM: the policy does not let a guest set this variable \
         [to allow it, name it under [grants.tool.env.allow]: TERM = true]"
    );
    assert_eq!(
        env(tool(), &[("LC_ALL", "de")]).unwrap_err(),
        "NotAllowed [grants.tool.env.set.LC_ALL] env LC_ALL: the policy fixes the value of this variable \
         [to let a guest change it, name it under [grants.tool.env.allow] too]"
    );
}

#[test]
fn of_a_key_given_twice_the_last_value_holds() {
    let tool = || grant().env_allow_matching("A", "[0-9]");
    assert_eq!(
        env(tool(), &[("A", "x"), ("A", "1"), ("A", "2")]).unwrap(),
        pairs(&[("A", "2")])
    );
    assert!(env(tool(), &[("A", "1"), ("A", "x")]).is_err());
}

#[test]
fn a_fixed_value_that_is_allowed_too_is_a_default() {
    let tool = || grant().env_set("LANG", "C").env_allow("LANG");
    assert_eq!(env(tool(), &[]).unwrap(), pairs(&[("LANG", "C")]));
    assert_eq!(env(tool(), &[("LANG", "de")]).unwrap(), pairs(&[("LANG", "de")]));
}

#[test]
fn a_pattern_does_not_lift_what_is_fixed() {
    let tool = || {
        grant()
            .env_set("APP_MODE", "safe")
            .env_set("APP_LEVEL", "1")
            .env_allow("APP_*")
            .env_allow_matching("APP_LEVEL", "[0-9]")
    };
    assert_eq!(
        env(tool(), &[("APP_MODE", "unsafe")]).unwrap_err(),
        "NotAllowed [grants.tool.env.set.APP_MODE] env APP_MODE: the policy fixes the value of this variable \
         [to let a guest change it, name it under [grants.tool.env.allow] too]"
    );
    assert_eq!(
        env(tool(), &[("APP_X", "x"), ("APP_LEVEL", "2")]).unwrap(),
        pairs(&[("APP_LEVEL", "2"), ("APP_MODE", "safe"), ("APP_X", "x")])
    );
}

#[test]
fn the_exact_rule_holds_before_the_pattern_and_the_longer_before_the_shorter() {
    let tool = || {
        grant()
            .env_allow("A_*")
            .env_allow_matching("A_B_*", "[0-9]")
            .env_allow_matching("A_B_C", "[a-z]")
    };
    assert!(env(tool(), &[("A_X", "anything"), ("A_B_X", "1"), ("A_B_C", "c")]).is_ok());
    assert!(env(tool(), &[("A_B_X", "c")]).is_err());
    assert!(env(tool(), &[("A_B_C", "1")]).is_err());
}

#[test]
fn a_dangerous_name_must_be_named_exactly() {
    assert_eq!(
        env(grant().env_allow("L*"), &[("LD_PRELOAD", "/repo/x.so")]).unwrap_err(),
        "NotAllowed [default environment rule] env LD_PRELOAD: this variable is refused unless the policy names it: it \
         makes the loader load other code into the program [if the program needs it, name it exactly under \
         [grants.tool.env.allow]: LD_PRELOAD = true]"
    );
    assert!(env(grant().env_allow("GIT_*"), &[("GIT_SSH_COMMAND", "sh")]).is_err());
    assert!(env(grant().env_allow("GIT_*"), &[("GIT_AUTHOR_NAME", "A")]).is_ok());
    assert!(env(grant().env_allow("LD_PRELOAD"), &[("LD_PRELOAD", "x")]).is_ok());
    assert!(env(grant().env_set("LD_PRELOAD", "x"), &[("LD_PRELOAD", "y")]).is_err());
}

#[test]
fn a_guest_names_the_program_only_where_the_policy_allows_it() {
    let policy = git();
    let args = strings(&["status"]);
    let with = |grant, argv0| Request {
        argv0: Some(argv0),
        ..Request::new(grant, &args)
    };
    assert_eq!(decide(&policy, "git", &["status"]).unwrap().argv0, "git");
    assert_eq!(policy.decide(&with("git", "git"), &inside).unwrap().argv0, "git");
    assert_eq!(policy.decide(&with("sort", "uniq"), &inside).unwrap().argv0, "uniq");
    assert_eq!(
        line(&policy.decide(&with("git", "git-shell"), &inside).unwrap_err()),
        "NotAllowed [grants.git.argv0] argv0: the policy does not let a guest call this program \"git-shell\" \
         [to allow it, add `argv0 = true` to [grants.git]]"
    );
}

#[test]
fn the_working_directory_lies_in_a_preopen_that_the_grant_lists() {
    let policy = git();
    let args = strings(&["status"]);
    let in_directory = |grant, cwd| Request {
        cwd,
        ..Request::new(grant, &args)
    };
    assert!(policy.decide(&in_directory("git", Some("/repo")), &inside).is_ok());
    assert!(policy.decide(&in_directory("sort", Some("/data")), &inside).is_ok());
    let decision = policy.decide(&in_directory("git", None), &inside).unwrap();
    assert_eq!(decision.grant.default_cwd(), Some("/repo"));
    assert_eq!(
        line(&policy.decide(&in_directory("git", Some("/data")), &inside).unwrap_err()),
        "NotAllowed [grants.git.cwd] cwd: the policy does not let this program work in \"/data\" \
         [to allow it, add \"/data\" to `cwd` of [grants.git]]"
    );
}

#[test]
fn signals_are_those_of_the_grant_and_kill_always() {
    let policy = load(
        &Policy::new()
            .grant("usual", grant())
            .grant("strict", grant().signals([]))
            .grant("term", grant().signals([Signal::Term])),
    );
    assert!(policy.allows_signal("usual", Signal::Int));
    assert!(!policy.allows_signal("usual", Signal::Segv));
    assert!(!policy.allows_signal("usual", Signal::Realtime(1)));
    assert!(!policy.allows_signal("strict", Signal::Term));
    assert!(policy.allows_signal("strict", Signal::Kill));
    assert!(policy.allows_signal("term", Signal::Term));
    assert!(!policy.allows_signal("nobody", Signal::Kill));
    let refusal = policy.grant("term").unwrap().check_signal(Signal::Hup).unwrap_err();
    assert_eq!(
        line(&refusal),
        "NotAllowed [grants.term.signals] signal: the policy does not allow the signal SIGHUP here \
         [to allow it, add \"hup\" to `signals` of [grants.term]]"
    );
}

#[test]
fn inherited_streams_are_those_of_the_grant() {
    let policy = load(
        &Policy::new()
            .grant("usual", grant())
            .grant("quiet", grant().inherit([StdStream::Stderr])),
    );
    let [usual, quiet] = ["usual", "quiet"].map(|name| policy.grant(name).unwrap());
    assert!(StdStream::ALL.iter().all(|stream| usual.check_inherit(*stream).is_ok()));
    assert!(quiet.check_inherit(StdStream::Stderr).is_ok());
    assert_eq!(
        line(&quiet.check_inherit(StdStream::Stdin).unwrap_err()),
        "NotAllowed [grants.quiet.inherit] stdin: the policy does not let a child inherit the guest's stdin \
         [to allow it, add \"stdin\" to `inherit` of [grants.quiet]]"
    );
}

#[test]
fn the_stricter_limit_holds_and_the_defaults_where_nobody_says() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let policy = load(
        &Policy::new()
            .limits(Limits {
                wall: seconds(10),
                output: Some(1000),
                ..Limits::default()
            })
            .grant(
                "tool",
                grant().limits(Limits {
                    wall: seconds(60),
                    output: Some(100),
                    capture: Some(1 << 30),
                    ..Limits::default()
                }),
            ),
    );
    let limits = decide(&policy, "tool", &[]).unwrap().limits;
    assert_eq!(limits.wall, seconds(10));
    assert_eq!(limits.output, Some(100));
    assert_eq!(
        limits.capture,
        Some(1 << 30),
        "a limit that is written replaces its default"
    );
    assert_eq!(limits.drain, seconds(1));
    assert_eq!(limits.memory, None);
    assert_eq!(policy.limits().live, Some(256));
    assert_eq!(policy.limits().capture, Some(64 << 20));
    assert_eq!(policy.grant("tool").unwrap().limits().live, None);
}

#[test]
fn cpu_time_is_rounded_up_to_seconds() {
    let cpu = |millis| Limits {
        cpu: Some(Duration::from_millis(millis)),
        ..Limits::default()
    };
    assert_eq!(cpu(1).cpu_seconds(), Some(1));
    assert_eq!(cpu(1000).cpu_seconds(), Some(1));
    assert_eq!(cpu(1001).cpu_seconds(), Some(2));
    assert_eq!(Limits::default().cpu_seconds(), None);
}

#[test]
fn a_path_is_nothing_that_a_program_may_take_for_something_else() {
    let policy = load(
        &Policy::new()
            .grant("tool", grant().form([Word::path()]))
            .grant("flag", grant().form([Word::path_after("--file=")])),
    );
    let everything_is_inside = |_: &str| true;
    let decide = |grant: &str, argument: String| {
        let args = [argument];
        policy
            .decide(&Request::new(grant, &args), &everything_is_inside)
            .map(drop)
    };
    for path in [
        "a", "a/b", "a/b:c", "./a:b", "./@x", "./-x", "../a", ".", ".git", "_a", "é", "0", "/", "/a", "/a:b", "a b",
        "a@b",
    ] {
        assert_eq!(decide("tool", path.to_owned()), Ok(()), "{path}");
        assert_eq!(decide("flag", format!("--file={path}")), Ok(()), "{path}");
    }
    for path in [
        "",
        "-x",
        "--",
        "file:///x",
        "http://x/y",
        "h:x",
        "h::x",
        "user@h:x/y",
        ".a:b",
        "C:/x",
        ":x",
        "@x",
        "~",
        "~/x",
        "~u/x",
        "|x",
        "!x",
        "+x",
        "%x",
        "=x",
        " x",
        "\n/x",
        "//x",
        "///x",
        "$x",
        "\\\\x",
    ] {
        assert!(decide("tool", path.to_owned()).is_err(), "{path}");
        assert!(decide("flag", format!("--file={path}")).is_err(), "{path}");
    }
    assert_eq!(
        decide("tool", "h:x".to_owned()).unwrap_err().to_string(),
        "args[0]: a program may take \"h:x\" for something else than a path; a name that begins so is written ./NAME; the \
         form that comes furthest is grants.tool.forms[0], and it stops here"
    );
}

#[test]
fn a_pattern_cannot_get_rid_of_its_anchors() {
    for pattern in ["a|b", "(?m)^a$|b", "(?x)a|b # no more", "b|a|", "(?s)a|b", "a|b$"] {
        let policy = load(&Policy::new().grant("tool", grant().form([Word::regex(pattern)])));
        for word in ["a", "b"] {
            assert!(
                decide(&policy, "tool", &[word]).is_ok(),
                "{pattern} should match {word}"
            );
        }
        for word in ["ab", "xa", "bx", "a\n", "\nb", "a\nb", "c\na\nc"] {
            assert!(
                decide(&policy, "tool", &[word]).is_err(),
                "{pattern} should not match {word:?}"
            );
        }
    }
}
