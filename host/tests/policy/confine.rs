//! How children are confined, as a policy says it: what it may say, and what comes of it when it is loaded.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use childproof_host::policy::{
    Confine, Grant, LoadError, LoadOptions, LoadedGrant, LoadedPolicy, Network, Policy, Preopen, Tier,
};
use tempfile::TempDir;

use crate::support::{grant, preopen};

fn load_with(policy: &Policy, preopens: &[Preopen]) -> Result<LoadedPolicy, LoadError> {
    policy.load(&LoadOptions {
        preopens,
        ..LoadOptions::default()
    })
}

fn load(confine: Confine, grant: Grant) -> Result<LoadedPolicy, String> {
    let policy = Policy::new().confine(confine).grant("tool", grant);
    load_with(&policy, &[]).map_err(|error| error.to_string())
}

fn read(paths: &[&str]) -> Confine {
    Confine {
        read: paths.iter().map(PathBuf::from).collect(),
        ..Confine::default()
    }
}

fn hide(paths: &[&str]) -> Confine {
    Confine {
        hide: paths.iter().map(PathBuf::from).collect(),
        ..Confine::default()
    }
}

fn tier(tier: Tier) -> Confine {
    Confine {
        tier: Some(tier),
        ..Confine::default()
    }
}

fn tool(policy: &LoadedPolicy) -> &LoadedGrant {
    policy.grant("tool").unwrap()
}

#[test]
fn a_policy_that_says_nothing_confines_as_much_as_there_is() {
    let policy = load(Confine::default(), grant()).unwrap();
    assert_eq!(policy.tier(), Tier::Full);
    assert_eq!(policy.tmp_bytes(), 256 << 20);
    assert_eq!(*tool(&policy).network(), Network::None);
    assert!(tool(&policy).read().is_empty() && tool(&policy).hide().is_empty());
    assert!(!tool(&policy).unix_sockets());
}

#[test]
fn a_tier_has_a_name_and_an_order() {
    for tier in Tier::ALL {
        assert_eq!(tier.to_string().parse(), Ok(tier));
        assert_eq!(load(self::tier(tier), grant()).unwrap().tier(), tier);
    }
    assert!(Tier::Full > Tier::Reduced && Tier::Reduced > Tier::None);
    let error = |text: &str| text.parse::<Tier>().unwrap_err().to_string();
    assert_eq!(
        error("redused"),
        "\"redused\" is not a tier of confinement; did you mean \"reduced\"? the tiers are full, reduced and none"
    );
    assert_eq!(
        error("sandbox"),
        "\"sandbox\" is not a tier of confinement; the tiers are full, reduced and none"
    );
    assert!(
        error("Full").contains("did you mean \"full\"?"),
        "a name is written one way"
    );
}

#[test]
fn a_grant_adds_to_what_the_policy_says() {
    let mut confine = read(&["/usr/share", "/etc/"]);
    confine.hide = vec!["/usr/games".into(), "/nowhere".into()];
    confine.tmp = Some(1 << 20);
    let git = grant()
        .read(["/etc", "/usr//bin"])
        .hide(["/nowhere/", "/etc/./shadow"])
        .network(Network::Connect(vec![443, 22, 443]));
    let policy = Policy::new()
        .confine(confine)
        .grant("tool", git)
        .grant("other", grant());
    let policy = load_with(&policy, &[]).unwrap();
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(tool(&policy).read(), paths(&["/etc", "/usr/bin", "/usr/share"]));
    assert_eq!(tool(&policy).hide(), paths(&["/etc/shadow", "/nowhere", "/usr/games"]));
    // Equal paths of different spelling must come out the same, and `Path` compares them as equal either way.
    let spelling = |path: &Path| path.as_os_str().to_str().unwrap().to_owned();
    assert_eq!(spelling(&tool(&policy).hide()[0]), "/etc/shadow");
    assert_eq!(spelling(&tool(&policy).hide()[1]), "/nowhere");
    assert_eq!(*tool(&policy).network(), Network::Connect(vec![22, 443]));
    assert_eq!(policy.tmp_bytes(), 1 << 20);
    let other = policy.grant("other").unwrap();
    assert_eq!(other.read(), paths(&["/etc", "/usr/share"]));
    assert_eq!(other.hide(), paths(&["/nowhere", "/usr/games"]));
    assert_eq!(*other.network(), Network::None);
}

#[test]
fn a_path_that_could_mean_another_place_is_refused() {
    let relative = "it is not an absolute path; write all of it, from the root";
    let climbs = "it holds \"..\", which leads elsewhere after a symbolic link; write the path without it";
    for (path, why) in [
        ("", relative),
        ("etc", relative),
        ("~/.gitconfig", relative),
        ("/usr/../etc", climbs),
        ("/..", climbs),
        ("/etc\0", "it holds a NUL character, which no file name can"),
    ] {
        for (confine, grant, field) in [
            (read(&["/etc", path]), grant(), "confine.read[1]"),
            (hide(&["/etc", path]), grant(), "confine.hide[1]"),
            (Confine::default(), grant().read(["/etc", path]), "grants.tool.read[1]"),
            (Confine::default(), grant().hide(["/etc", path]), "grants.tool.hide[1]"),
        ] {
            assert_eq!(load(confine, grant).unwrap_err(), format!("{field}: {why}"), "{path:?}");
        }
    }
}

#[test]
fn the_root_and_the_systems_own_directories_are_never_given_to_read() {
    for path in ["/", "//", "/."] {
        assert_eq!(
            load(read(&[path]), grant()).unwrap_err(),
            "confine.read[0]: this is the whole file system; name what the program needs of it"
        );
        assert_eq!(
            load(hide(&[path]), grant()).unwrap_err(),
            "confine.hide[0]: this would hide everything, the program with it; name what children must not see"
        );
    }
    for path in ["/proc", "/proc/self/root", "/dev/", "/dev/null", "//sys", "/sys/kernel"] {
        assert_eq!(
            load(Confine::default(), grant().read([path])).unwrap_err(),
            "grants.tool.read[0]: a child never sees what the host has in /proc, /dev and /sys; name something else"
        );
        assert!(load(hide(&[path]), grant()).is_ok(), "{path} cannot be hidden");
    }
    // A name that begins the same is another one.
    let near = load(read(&["/processes-of-nobody"]), grant()).unwrap_err();
    assert!(near.contains("cannot be given"), "{near}");
}

#[test]
fn what_leads_to_the_systems_own_directories_is_refused_too() {
    let scratch = TempDir::new().unwrap();
    for (target, why) in [
        ("/", "this is the whole file system"),
        ("/proc/self", "a child never sees"),
        ("/dev/null", "a child never sees"),
    ] {
        let link = scratch.path().join("link");
        symlink(target, &link).unwrap();
        let error = load(Confine::default(), grant().read([&link])).unwrap_err();
        let start = format!("grants.tool.read[0]: {} leads to /", link.display());
        assert!(error.starts_with(&start) && error.contains(why), "{target}: {error}");
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn a_path_to_read_must_be_there_and_be_a_file_or_a_directory() {
    let scratch = TempDir::new().unwrap();
    let missing = scratch.path().join("missing");
    let said = |error: &LoadError| (error.grant.clone(), error.field.clone());
    let policy = Policy::new()
        .confine(Confine {
            read: vec!["/etc".into(), missing.clone()],
            ..Confine::default()
        })
        .grant("tool", grant());
    let error = load_with(&policy, &[]).unwrap_err();
    assert_eq!(said(&error), (None, "confine.read[1]".to_owned()));
    assert_eq!(
        error.message,
        format!(
            "{} cannot be given: No such file or directory (os error 2); correct the path, or take it out",
            missing.display()
        )
    );
    let policy = Policy::new().grant("git", grant().read([Path::new("/etc"), &missing]));
    let error = load_with(&policy, &[]).unwrap_err();
    assert_eq!(said(&error), (Some("git".to_owned()), "grants.git.read[1]".to_owned()));
    assert!(
        load(Confine::default(), grant().hide([&missing])).is_ok(),
        "what is hidden need not be there"
    );

    let [file, link, socket] = ["file", "link", "socket"].map(|name| scratch.path().join(name));
    fs::write(&file, "").unwrap();
    symlink(&file, &link).unwrap();
    let policy = load(Confine::default(), grant().read([&file, &link])).unwrap();
    assert_eq!(
        tool(&policy).read(),
        [file, link],
        "the paths are given as they are written"
    );
    let _listening = UnixListener::bind(&socket).unwrap();
    assert_eq!(
        load(Confine::default(), grant().read([&socket])).unwrap_err(),
        format!(
            "grants.tool.read[0]: {} is neither a file nor a directory, and nothing else can be given to read; take it out",
            socket.display()
        )
    );
}

#[test]
fn a_path_to_read_may_lie_in_a_writable_preopen_unless_it_leads_out_of_it() {
    let scratch = TempDir::new().unwrap();
    let root = fs::canonicalize(scratch.path()).unwrap();
    let repo = root.join("repo");
    fs::create_dir(&repo).unwrap();
    fs::write(repo.join("file"), "").unwrap();
    fs::write(root.join("secret"), "").unwrap();
    symlink("file", repo.join("within")).unwrap();
    symlink("../secret", repo.join("out")).unwrap();
    symlink(repo.join("out"), root.join("around")).unwrap();
    let policy = |path: &str| Policy::new().grant("tool", grant().read([root.join(path)]));
    let with = |path: &str, writable| load_with(&policy(path), &[preopen("/code", &repo, writable)]);
    for path in ["repo", "repo/file", "repo/within", "secret"] {
        assert!(with(path, true).is_ok(), "{path}");
    }
    for path in ["repo/out", "around"] {
        let refused = format!(
            "grants.tool.read[0]: {} leads through the writable preopen \"/code\" to {}, so the guest could make it lead \
             anywhere; write the path that it leads to, or make the preopen read-only",
            root.join(path).display(),
            root.join("secret").display()
        );
        assert_eq!(with(path, true).unwrap_err().to_string(), refused);
        let loaded = with(path, false).unwrap();
        let later = loaded.check_preopen("/code", &repo, true).unwrap_err();
        assert_eq!(later.to_string(), refused);
    }
    let for_all = Policy::new().confine(Confine {
        read: vec![root.join("around")],
        ..Confine::default()
    });
    let error = load_with(&for_all, &[preopen("/code", &repo, true)]).unwrap_err();
    assert_eq!(error.field, "confine.read[0]");
    let later = load_with(&for_all, &[]).unwrap().check_preopen("/code", &repo, true);
    assert_eq!(later.unwrap_err().field, "confine.read[0]");
}

#[test]
fn a_size_of_tmp_that_cannot_be_meant_is_refused() {
    let tmp = |tmp| {
        let confine = Confine {
            tmp: Some(tmp),
            ..Confine::default()
        };
        load(confine, grant()).map(|policy| policy.tmp_bytes())
    };
    assert_eq!(
        tmp(0).unwrap_err(),
        "confine.tmp: a child could write nothing to its /tmp; give it a size such as \"16MiB\", or leave the line out for \
         256MiB"
    );
    assert_eq!(
        tmp((1 << 60) + 1).unwrap_err(),
        "confine.tmp: this is more than 1 EiB, so it bounds nothing; leave the line out for 256MiB"
    );
    assert_eq!([tmp(1), tmp(1 << 60)], [Ok(1), Ok(1 << 60)]);
}

#[test]
fn ports_that_cannot_be_meant_are_refused() {
    let connect = |ports: &[u16]| load(Confine::default(), grant().network(Network::Connect(ports.to_vec())));
    assert_eq!(
        connect(&[]).unwrap_err(),
        "grants.tool.network.connect: there is no port in it, so nothing could be reached; write network = \"none\", or \
         leave it out"
    );
    assert_eq!(
        connect(&[443, 0]).unwrap_err(),
        "grants.tool.network.connect[1]: 0 is not a TCP port; the ports are 1 to 65535"
    );
    assert!(connect(&[1, 65535]).is_ok());
}

#[test]
fn what_the_tier_reduced_would_not_hold_is_refused() {
    let reduced = |confine: Confine| Confine {
        tier: Some(Tier::Reduced),
        ..confine
    };
    let tmp = Confine {
        tmp: Some(1 << 20),
        ..reduced(Confine::default())
    };
    assert_eq!(
        load(tmp, grant()).unwrap_err(),
        "confine.tmp: with the tier \"reduced\", a child has no /tmp of its own to set the size of; take it out, or name the \
         tier full"
    );
    let why = |path: &str| {
        format!(
            "{path} lies in something that children see, of which the tier \"reduced\" can hide only the whole; hide that, or \
             name the tier full"
        )
    };
    assert_eq!(
        load(reduced(hide(&["/srv", "/usr/bin"])), grant()).unwrap_err(),
        format!("confine.hide: {}", why("/usr/bin"))
    );
    assert_eq!(
        load(reduced(read(&["/etc"])), grant().hide(["/srv", "/etc/./ssh"])).unwrap_err(),
        format!("grants.tool.hide[1]: {}", why("/etc/ssh"))
    );
    assert!(load(reduced(hide(&["/usr", "/srv"])), grant()).is_ok());
}

#[test]
fn what_the_tier_none_would_not_hold_is_refused() {
    let none = || tier(Tier::None);
    let idle =
        "this has no effect with the tier \"none\", where a child sees all files; take it out, or name another tier";
    let with = |confine: Confine| Confine {
        tier: Some(Tier::None),
        ..confine
    };
    let tmp = Confine { tmp: Some(1), ..none() };
    for (confine, grant, field) in [
        (with(read(&["/etc"])), grant(), "confine.read"),
        (with(hide(&["/etc"])), grant(), "confine.hide"),
        (tmp, grant(), "confine.tmp"),
        (none(), grant().read(["/etc"]), "grants.tool.read"),
        (none(), grant().hide(["/etc"]), "grants.tool.hide"),
    ] {
        assert_eq!(load(confine, grant).unwrap_err(), format!("{field}: {idle}"));
    }
    let ports = || grant().network(Network::Connect(vec![443]));
    assert_eq!(
        load(none(), ports()).unwrap_err(),
        "grants.tool.network: with the tier \"none\", nothing would hold a child to these ports; name the tier full or \
         reduced, or write network = \"host\", which is what it would have"
    );
    assert!(load(tier(Tier::Reduced), ports().read(["/etc"]).hide(["/usr"])).is_ok());
    for network in [Network::None, Network::Host] {
        assert!(load(none(), grant().network(network)).is_ok());
    }
}
