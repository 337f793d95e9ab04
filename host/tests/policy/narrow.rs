//! A policy for a guest of a guest.

use std::path::Path;
use std::time::Duration;

use childproof_host::policy::{
    Arguments, Confine, Form, Grant, Limits, Network, Policy, Sha256Digest, StdStream, Tier, Word,
};
use childproof_launch::Signal;

use crate::support::{decide_env, grant, load};

fn policy(grant: Grant) -> Policy {
    Policy::new().grant("tool", grant)
}

fn narrow(wide: Grant, narrow: Grant) -> Result<Grant, String> {
    let narrowed = policy(wide)
        .narrow(&policy(narrow))
        .map_err(|error| error.to_string())?;
    Ok(narrowed.grants["tool"].clone())
}

/// Whether a form is within another.
fn within(narrow_form: impl Into<Form>, wide_form: impl Into<Form>) -> bool {
    narrow(grant().form(wide_form), grant().form(narrow_form)).is_ok()
}

#[test]
fn a_policy_is_within_itself() {
    let same = policy(
        grant()
            .form(["a".into(), Word::any().optional(), Word::regex("x+").repeat(1, 3)])
            .form([Word::path_after("--in="), Word::path().repeat(0, None)])
            .env_set("A", "1")
            .env_allow("B_*")
            .env_allow_matching("B_C", "[0-9]")
            .cwd(["/repo"])
            .signals([Signal::Term])
            .inherit([StdStream::Stdout])
            .limits(Limits {
                wall: Some(Duration::from_secs(1)),
                ..Limits::default()
            })
            .network(Network::Connect(vec![443, 22]))
            .read(["/etc"])
            .hide(["/etc/ssh", "/etc/ssh"])
            .unix_sockets(true),
    );
    assert_eq!(same.narrow(&same), Ok(same.clone()));
    assert_eq!(same.narrow(&Policy::default()), Ok(Policy::default()));
    let confined = same.confine(Confine {
        tier: Some(Tier::Full),
        read: vec!["/opt".into()],
        hide: vec!["/usr/games".into()],
        tmp: Some(1),
    });
    assert_eq!(confined.narrow(&confined), Ok(confined));
}

#[test]
fn a_grant_that_is_not_there_or_another_program_is_wider() {
    let error = Policy::new().narrow(&policy(grant())).unwrap_err().to_string();
    assert_eq!(error, "grants.tool: the wider policy has no such grant");
    assert_eq!(
        narrow(grant(), Grant::program("/bin/ls")).unwrap_err(),
        "grants.tool.program: it is another program than the wider policy's"
    );
    let [one, two] = [[1; 32], [2; 32]].map(Sha256Digest);
    assert_eq!(
        narrow(grant().sha256(one), grant().sha256(two)).unwrap_err(),
        "grants.tool.sha256: it is another digest than the wider policy's"
    );
    assert_eq!(narrow(grant().sha256(one), grant()).unwrap().sha256, Some(one));
    assert_eq!(narrow(grant(), grant().sha256(one)).unwrap().sha256, Some(one));
}

#[test]
fn all_arguments_no_arguments_and_forms_are_compared() {
    let [any, none] = [Arguments::Any, Arguments::None].map(|args| grant().args(args));
    let form = || grant().form(["a"]);
    assert!(narrow(any.clone(), any.clone()).is_ok());
    assert!(narrow(any.clone(), form()).is_ok());
    assert!(narrow(any.clone(), none.clone()).is_ok());
    assert!(narrow(none.clone(), none.clone()).is_ok());
    assert!(narrow(grant().form([Word::any().optional()]), none.clone()).is_ok());
    assert!(narrow(none.clone(), grant().form(Form::new([] as [Word; 0]))).is_ok());
    assert_eq!(
        narrow(form(), any.clone()).unwrap_err(),
        "grants.tool.args: the wider policy does not allow all arguments"
    );
    assert_eq!(
        narrow(form(), none.clone()).unwrap_err(),
        "grants.tool.args: the wider policy does not allow to run the program without arguments"
    );
    assert_eq!(
        narrow(none, form()).unwrap_err(),
        "grants.tool.forms[0]: no form of the wider policy allows, on its own and provably, all that this form does"
    );
}

#[test]
fn words_are_compared_by_what_they_match() {
    let word = |narrow: Word, wide: Word| within([narrow], [wide]);
    assert!(word("a".into(), "a".into()));
    assert!(word("a".into(), Word::any()));
    assert!(word("a".into(), Word::one_of(["a", "b"])));
    assert!(word("aa".into(), Word::regex("a+")));
    assert!(word(Word::one_of(["a", "b"]), Word::regex("[ab]")));
    assert!(word(Word::regex("a+"), Word::regex("a+")));
    assert!(word(Word::path(), Word::any()));
    assert!(word(Word::path_after("x="), Word::any()));
    assert!(!word("b".into(), "a".into()));
    assert!(!word("-a".into(), Word::any()));
    assert!(!word(Word::one_of(["a", "-b"]), Word::any()));
    assert!(!word(Word::regex("a"), Word::any()));
    assert!(!word(Word::regex("a"), Word::regex("a+")));
    assert!(!word(Word::any(), Word::path()));
    assert!(!word("/repo/a".into(), Word::path()));
    assert!(!word(Word::path_after("--x="), Word::any()));
    assert!(!word(Word::path_after("--x="), Word::path()));
}

#[test]
fn forms_are_compared_by_their_lists() {
    let (a, b) = (|| Word::from("a"), || Word::from("b"));
    let any = Word::any;
    assert!(within([a(), b()], [any(), any()]));
    assert!(within([a(), b()], [a(), any().repeat(0, None)]));
    assert!(within([a(), b().repeat(1, 2)], [a(), any().repeat(0, 2)]));
    assert!(within([a(), b().repeat(2, None)], [a(), any().repeat(1, None)]));
    assert!(within([a(), b().repeat(1, None)], [a(), any(), any().repeat(0, None)]));
    assert!(within([a(), b().repeat(1, 2)], [a(), any(), any().optional()]));
    assert!(within([a(), b().optional()], [a(), any().optional(), any().optional()]));
    assert!(within([b()], [a().optional(), b()]));
    assert!(within([a().repeat(0, None)], [b().optional(), any().repeat(0, None)]));
    assert!(!within([a()], [a(), b()]));
    assert!(!within([a(), b()], [a()]));
    assert!(!within([a(), b().optional()], [a(), b()]));
    assert!(!within([a(), b().repeat(0, 3)], [a(), any().repeat(0, 2)]));
    assert!(!within([a(), b().repeat(0, 2)], [a(), any().repeat(1, 2)]));
    assert!(!within([a(), b().repeat(0, None)], [a(), any().repeat(0, 9)]));
    assert!(!within([a().repeat(0, 3)], [any().optional(), any().optional()]));
    assert!(!within([a().optional(), b()], [a(), b()]));
    assert!(!within([a().repeat(0, 1)], [any()]));
    assert!(!within([a().repeat(0, None)], [any(), any().repeat(0, None)]));
}

#[test]
fn forms_of_many_words_are_compared_at_once() {
    let many = |word: Word| {
        Form::new(
            (0..120)
                .map(|_| word.clone().optional())
                .chain([word.clone().repeat(0, None)]),
        )
    };
    assert!(within(many("a".into()), many(Word::any())));
    assert!(!within(many(Word::any()), many("a".into())));
}

#[test]
fn a_pattern_of_the_narrower_policy_does_not_lift_what_the_wider_one_fixes() {
    let wide = || grant().env_set("APP_MODE", "safe").env_allow("APP_*");
    for lift in [
        grant().env_set("APP_MODE", "unsafe"),
        grant().env_allow("APP_MODE"),
        grant().env_allow_matching("APP_MODE", "un.*"),
    ] {
        assert!(narrow(wide(), lift.clone()).is_err(), "{lift:?}");
    }
    for pattern in ["APP_*", "APP_M*", "APP_MODE*"] {
        let narrowed = narrow(wide(), grant().env_allow(pattern)).unwrap();
        let refusal = decide_env(&load(&policy(narrowed)), &[("APP_MODE", "unsafe")]).unwrap_err();
        assert_eq!(refusal.rule, "grants.tool.env.set.APP_MODE");
    }
}

#[test]
fn the_environment_only_narrows() {
    let wide = || {
        grant()
            .env_set("FIXED", "1")
            .env_set("OPEN", "1")
            .env_allow("OPEN")
            .env_allow_matching("N", "[0-9]")
            .env_allow("APP_*")
            .env_allow_matching("APP_LEVEL", "[0-9]")
            .env_allow("LD_PRELOAD")
    };
    let fine = |grant: Grant| narrow(wide(), grant).is_ok();
    let wider = |grant: Grant| narrow(wide(), grant).unwrap_err();
    assert!(fine(
        grant()
            .env_set("FIXED", "1")
            .env_set("OPEN", "2")
            .env_set("N", "7")
            .env_set("APP_X", "y")
    ));
    assert!(fine(
        grant()
            .env_allow_matching("N", "[0-9]")
            .env_allow("APP_X")
            .env_allow("APP_X_*")
    ));
    assert!(fine(grant().env_allow("LD_PRELOAD")));
    assert!(fine(
        grant().env_allow("APP_*").env_allow_matching("APP_LEVEL", "[0-9]")
    ));
    assert_eq!(
        narrow(wide(), grant().env_set("OPEN", "2")).unwrap().env_set,
        grant().env_set("FIXED", "1").env_set("OPEN", "2").env_set
    );
    assert_eq!(
        wider(grant().env_set("FIXED", "2")),
        "grants.tool.env.set.FIXED: the wider policy does not allow this value"
    );
    assert!(wider(grant().env_set("N", "x")).starts_with("grants.tool.env.set.N: "));
    assert!(wider(grant().env_set("PATH", "x")).starts_with("grants.tool.env.set.PATH: "));
    assert!(wider(grant().env_allow("N")).starts_with("grants.tool.env.allow.N: "));
    assert!(wider(grant().env_allow("FIXED")).starts_with("grants.tool.env.allow.FIXED: "));
    assert!(wider(grant().env_allow("AP*")).starts_with("grants.tool.env.allow.AP*: "));
    assert_eq!(
        wider(grant().env_allow("APP_*")),
        "grants.tool.env.allow.APP_*: the wider policy has a rule of its own for APP_LEVEL; say it here, too"
    );
    let strict_about_the_beginning = grant().env_allow("A*").env_allow_matching("A", "[0-9]");
    assert!(narrow(strict_about_the_beginning, grant().env_allow("A*")).is_err());
    assert!(narrow(grant().env_allow("L*"), grant().env_allow("LD_PRELOAD")).is_err());
}

#[test]
fn directories_names_signals_and_streams_only_narrow() {
    let wide = || {
        grant()
            .cwd(["/repo", "/data"])
            .signals([Signal::Term])
            .inherit([StdStream::Stdout])
    };
    let inherited = narrow(wide(), grant()).unwrap();
    assert_eq!(inherited, wide());
    assert_eq!(narrow(wide(), grant().cwd(["/data"])).unwrap().cwd, ["/data"]);
    assert!(narrow(wide(), grant().signals([Signal::Kill])).is_ok());
    assert_eq!(
        narrow(wide(), grant().cwd(["/data", "/"])).unwrap_err(),
        "grants.tool.cwd[1]: the wider policy does not have this preopen"
    );
    assert_eq!(
        narrow(wide(), grant().signals([Signal::Term, Signal::Int])).unwrap_err(),
        "grants.tool.signals[1]: the wider policy does not allow this signal"
    );
    assert_eq!(
        narrow(wide(), grant().inherit([StdStream::Stdin])).unwrap_err(),
        "grants.tool.inherit[0]: the wider policy does not let a child inherit this stream"
    );
    assert_eq!(
        narrow(grant(), grant().argv0(true)).unwrap_err(),
        "grants.tool.argv0: the wider policy does not let a guest set it"
    );
    assert!(narrow(grant().argv0(true), grant()).is_ok());
}

#[test]
fn limits_only_narrow() {
    let output = |output| Limits {
        output: Some(output),
        ..Limits::default()
    };
    let live = |live| Limits {
        live: Some(live),
        ..Limits::default()
    };
    assert_eq!(narrow(grant().limits(output(10)), grant()).unwrap().limits, output(10));
    assert_eq!(narrow(grant(), grant().limits(output(10))).unwrap().limits, output(10));
    assert_eq!(
        narrow(grant().limits(output(10)), grant().limits(output(11))).unwrap_err(),
        "grants.tool.limits.output: it is more than the wider policy's"
    );
    let guest = |limits| policy(grant()).limits(limits);
    assert_eq!(
        guest(output(10)).narrow(&guest(live(5))).unwrap().limits,
        live(5).stricter(&output(10))
    );
    let error = guest(Limits::default()).narrow(&guest(live(257))).unwrap_err();
    assert_eq!(error.to_string(), "limits.live: it is more than the wider policy's");
    let bounded_by_guest = policy(grant()).limits(output(10));
    let error = bounded_by_guest
        .narrow(&policy(grant().limits(output(11))))
        .unwrap_err();
    assert_eq!(error.field, "grants.tool.limits.output");
}

fn confine(wide: &Confine, narrower: &Confine) -> Result<Confine, String> {
    let [wide, narrower] = [wide, narrower].map(|confine| Policy::new().confine(confine.clone()));
    let narrowed = wide.narrow(&narrower).map_err(|error| error.to_string())?;
    Ok(narrowed.confine)
}

fn tier(tier: Tier) -> Confine {
    Confine {
        tier: Some(tier),
        ..Confine::default()
    }
}

fn read(paths: &[&str]) -> Confine {
    Confine {
        read: paths.iter().map(Into::into).collect(),
        ..Confine::default()
    }
}

fn hide(paths: &[&str]) -> Confine {
    Confine {
        hide: paths.iter().map(Into::into).collect(),
        ..Confine::default()
    }
}

fn tmp(bytes: u64) -> Confine {
    Confine {
        tmp: Some(bytes),
        ..Confine::default()
    }
}

#[test]
fn a_tier_is_never_lowered() {
    let said = |wide: Option<Tier>, narrower: Option<Tier>| {
        let [wide, narrower] = [wide, narrower].map(|tier| Confine {
            tier,
            ..Confine::default()
        });
        confine(&wide, &narrower).map(|confine| confine.tier)
    };
    let (full, reduced, none) = (Some(Tier::Full), Some(Tier::Reduced), Some(Tier::None));
    for (wide, narrower) in [
        (full, full),
        (reduced, full),
        (none, full),
        (none, reduced),
        (None, full),
    ] {
        assert_eq!(said(wide, narrower), Ok(narrower), "{wide:?} {narrower:?}");
    }
    for wide in [full, reduced, none, None] {
        assert_eq!(said(wide, None), Ok(wide), "what is left out is the wider policy's");
    }
    assert_eq!(
        said(None, reduced).unwrap_err(),
        "confine.tier: the wider policy has the tier \"full\", which is stronger"
    );
    assert_eq!(
        said(reduced, none).unwrap_err(),
        "confine.tier: the wider policy has the tier \"reduced\", which is stronger"
    );
    assert!(said(full, none).is_err());
}

#[test]
fn a_network_only_narrows() {
    let ports = |ports: &[u16]| Network::Connect(ports.to_vec());
    let order = [Network::None, ports(&[443]), ports(&[22, 443]), Network::Host];
    for (wide_place, wide) in order.iter().enumerate() {
        for (place, narrower) in order.iter().enumerate() {
            let narrowed = narrow(grant().network(wide.clone()), grant().network(narrower.clone()));
            if place <= wide_place {
                assert_eq!(&narrowed.unwrap().network, narrower);
            } else {
                assert_eq!(
                    narrowed.unwrap_err(),
                    "grants.tool.network: it reaches more than the wider policy's"
                );
            }
        }
    }
    assert!(narrow(grant().network(ports(&[22])), grant().network(ports(&[443]))).is_err());
    assert!(narrow(grant().network(ports(&[22])), grant().network(ports(&[22, 22]))).is_ok());
}

#[test]
fn what_children_read_only_narrows() {
    let wide = read(&["/opt/tools", "/etc"]);
    for narrower in [&["/etc"][..], &["/opt/tools/bin", "/etc/ssl", "/opt/tools/"], &[]] {
        assert_eq!(confine(&wide, &read(narrower)), Ok(read(narrower)));
    }
    for path in ["/opt", "/opt/tools-2", "/usr"] {
        assert_eq!(
            confine(&wide, &read(&["/etc", path])).unwrap_err(),
            "confine.read[1]: the wider policy does not let a child see this path"
        );
    }
    // A grant may read what the wider policy gives to it or to all; for all, only what that gives to all.
    let policy = |confine: &Confine, paths: &[&str]| {
        Policy::new()
            .confine(confine.clone())
            .grant("tool", grant().read(paths))
    };
    let wide = policy(&read(&["/etc"]), &["/opt"]);
    let narrowed = wide
        .narrow(&policy(&Confine::default(), &["/etc/ssl", "/opt/tools"]))
        .unwrap();
    assert_eq!(
        narrowed.grants["tool"].read,
        [Path::new("/etc/ssl"), Path::new("/opt/tools")]
    );
    let field = |narrower: &Policy| wide.narrow(narrower).unwrap_err().field;
    assert_eq!(field(&policy(&Confine::default(), &["/srv"])), "grants.tool.read[0]");
    assert_eq!(field(&policy(&read(&["/opt"]), &[])), "confine.read[0]");
}

#[test]
fn what_is_hidden_stays_hidden() {
    let wide = hide(&["/etc/ssh", "/usr/games"]);
    assert_eq!(confine(&wide, &hide(&[])), Ok(wide.clone()));
    assert_eq!(
        confine(&wide, &hide(&["/usr/games", "/srv", "/etc/ssh"])),
        Ok(hide(&["/usr/games", "/srv", "/etc/ssh"]))
    );
    assert_eq!(
        confine(&wide, &hide(&["/usr", "/etc/ssh"])),
        Ok(hide(&["/usr", "/etc/ssh", "/usr/games"])),
        "what the wider policy hides is hidden by its own name, too"
    );
    assert_eq!(
        confine(&wide, &hide(&["/usr/games", "/etc/ssh/keys"])).unwrap_err(),
        "confine.hide: the wider policy hides /etc/ssh, too; hide it here, or a directory above it"
    );
    let wide = grant().hide(["/etc/ssh"]);
    assert_eq!(narrow(wide.clone(), grant()).unwrap().hide, wide.hide);
    assert_eq!(
        narrow(wide.clone(), grant().hide(["/srv"])).unwrap_err(),
        "grants.tool.hide: the wider policy hides /etc/ssh, too; hide it here, or a directory above it"
    );
    let hidden_from_all = policy(grant().hide(["/srv"])).confine(hide(&["/etc"]));
    let narrowed = policy(wide).narrow(&hidden_from_all).unwrap();
    assert_eq!(
        narrowed.grants["tool"].hide,
        [Path::new("/srv"), Path::new("/etc/ssh")],
        "hiding it from all hides it from the grant"
    );
}

#[test]
fn unix_sockets_are_not_gained() {
    assert!(
        narrow(grant().unix_sockets(true), grant().unix_sockets(true))
            .unwrap()
            .unix_sockets
    );
    assert!(!narrow(grant().unix_sockets(true), grant()).unwrap().unix_sockets);
    assert_eq!(
        narrow(grant(), grant().unix_sockets(true)).unwrap_err(),
        "grants.tool.unix_sockets: the wider policy does not let a child use them"
    );
}

#[test]
fn tmp_does_not_grow() {
    assert_eq!(confine(&tmp(10), &tmp(10)), Ok(tmp(10)));
    assert_eq!(confine(&tmp(10), &tmp(9)), Ok(tmp(9)));
    assert_eq!(confine(&tmp(10), &Confine::default()), Ok(tmp(10)));
    assert_eq!(confine(&Confine::default(), &tmp(256 << 20)), Ok(tmp(256 << 20)));
    let more = "confine.tmp: it is more than the wider policy's";
    assert_eq!(confine(&tmp(10), &tmp(11)).unwrap_err(), more);
    assert_eq!(confine(&Confine::default(), &tmp((256 << 20) + 1)).unwrap_err(), more);
}

#[test]
fn within_a_policy_that_does_not_confine_any_confinement_is_narrower() {
    let wide = policy(grant().network(Network::Host)).confine(tier(Tier::None));
    let narrower = policy(
        grant()
            .read(["/srv"])
            .hide(["/srv/keys"])
            .network(Network::Connect(vec![443])),
    )
    .confine(Confine {
        tier: Some(Tier::Full),
        tmp: Some(1 << 40),
        ..read(&["/opt"])
    });
    assert_eq!(wide.narrow(&narrower), Ok(narrower.clone()));
    // What says nothing of the tier has the wider policy's, and then nothing would hold the rest.
    let field = |narrower: &Policy| wide.narrow(narrower).unwrap_err().field;
    assert_eq!(field(&policy(grant()).confine(read(&["/opt"]))), "confine.read");
    assert_eq!(field(&policy(grant().hide(["/srv"]))), "grants.tool.hide");
    assert_eq!(
        field(&policy(grant().network(Network::Connect(vec![443])))),
        "grants.tool.network"
    );
}

#[test]
fn a_policy_that_is_wrong_in_itself_is_refused() {
    let error = narrow(grant(), grant().form([Word::regex("(")])).unwrap_err();
    assert!(
        error.starts_with("grants.tool.forms[0].words[0]: the pattern"),
        "{error}"
    );
    assert_eq!(
        confine(&Confine::default(), &hide(&["srv"])).unwrap_err(),
        "confine.hide[0]: it is not an absolute path; write all of it, from the root"
    );
}
