//! Loading: which file a grant comes to mean, and which it never may.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use childproof_host::policy::{Grant, LoadOptions, LoadedPolicy, Policy, Preopen, Sha256Digest};
use tempfile::TempDir;

use crate::support::{grant, preopen};

/// A directory of its own, by its canonical path.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(name)
    }

    fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A program that can be executed.
    fn program(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn load(grant: Grant, search_path: Option<&str>, preopens: &[Preopen]) -> Result<LoadedPolicy, String> {
    let search_path = search_path.map(OsString::from);
    let options = LoadOptions {
        search_path: search_path.as_deref(),
        preopens,
    };
    Policy::new()
        .grant("tool", grant)
        .load(&options)
        .map_err(|error| error.to_string())
}

fn program(policy: &LoadedPolicy) -> PathBuf {
    policy.grant("tool").unwrap().program().path().to_owned()
}

#[test]
fn a_bare_name_is_looked_up_in_the_search_path_in_order() {
    let scratch = Scratch::new();
    let [a, b] = ["a/tool", "b/tool"].map(|name| scratch.program(name, "#!/bin/sh\n"));
    let path = |directories: &[&Path]| std::env::join_paths(directories).unwrap().into_string().unwrap();
    let [in_a, in_b] = [&a, &b].map(|program| program.parent().unwrap());
    let found = |path: &str| program(&load(Grant::program("tool"), Some(path), &[]).unwrap());
    assert_eq!(found(&path(&[in_a, in_b])), a);
    assert_eq!(found(&path(&[in_b, in_a])), b);
    // A directory and a file that cannot be executed are passed over, as execvp does.
    let directory = scratch.directory("c/tool");
    let plain = scratch.program("d/tool", "");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let [in_c, in_d] = [&directory, &plain].map(|path| path.parent().unwrap());
    assert_eq!(found(&path(&[in_c, in_d, in_b])), b);
}

#[test]
fn empty_and_relative_entries_of_the_search_path_are_never_searched() {
    let scratch = Scratch::new();
    let tool = scratch.program("tool", "#!/bin/sh\n");
    // The scratch directory by a path from the working directory, so that a search of it would find the program.
    let climb = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = format!("{climb}{}", tool.parent().unwrap().strip_prefix("/").unwrap().display());
    assert!(Path::new(&relative).join("tool").exists());
    for path in ["", ".", ":", "::.", &relative] {
        assert_eq!(
            load(Grant::program("tool"), Some(path), &[]).unwrap_err(),
            "grants.tool.program: there is no program \"tool\" in PATH; install it, write an absolute path, or drop the \
             grant"
        );
    }
    let path = format!(":.:{relative}:{}", tool.parent().unwrap().display());
    assert_eq!(program(&load(Grant::program("tool"), Some(&path), &[]).unwrap()), tool);
}

#[test]
fn a_bare_name_without_a_search_path_is_refused() {
    assert_eq!(
        load(Grant::program("sh"), None, &[]).unwrap_err(),
        "grants.tool.program: \"sh\" is a bare name and there is no PATH to look it up in; write an absolute path"
    );
}

#[test]
fn a_program_that_cannot_be_used_names_the_grant_and_the_field() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing");
    let directory = scratch.directory("directory");
    let plain = scratch.program("plain", "");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    for (path, why) in [
        (&missing, "no such file"),
        (&directory, "not a regular file"),
        (&plain, "not executable"),
    ] {
        assert_eq!(
            load(Grant::program(path), None, &[]).unwrap_err(),
            format!(
                "grants.tool.program: the program cannot be used: {}: {why}; correct the path, or drop the grant",
                path.display()
            )
        );
    }
    let error = Policy::new()
        .grant("tool", Grant::program(&missing))
        .load(&LoadOptions::default())
        .unwrap_err();
    assert_eq!(
        (error.grant.as_deref(), error.field.as_str()),
        (Some("tool"), "grants.tool.program")
    );
}

#[test]
fn a_program_is_pinned_without_its_symbolic_links() {
    let scratch = Scratch::new();
    let tool = scratch.program("real/tool-1.2", "#!/bin/sh\n");
    let link = scratch.path("tool");
    symlink(&tool, &link).unwrap();
    let policy = load(Grant::program(&link), None, &[]).unwrap();
    assert_eq!(program(&policy), tool);
    assert!(policy.grant("tool").unwrap().program().check().is_ok());
    fs::remove_file(&tool).unwrap();
    assert!(policy.grant("tool").unwrap().program().check().is_err());
}

#[test]
fn a_pinned_digest_is_compared() {
    let scratch = Scratch::new();
    let tool = scratch.program("tool", "abc");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let right: Sha256Digest = digest.parse().unwrap();
    assert_eq!(right.to_string(), digest);
    assert!(load(Grant::program(&tool).sha256(right), None, &[]).is_ok());
    let wrong = Sha256Digest([0; 32]);
    assert_eq!(
        load(Grant::program(&tool).sha256(wrong), None, &[]).unwrap_err(),
        format!(
            "grants.tool.sha256: the SHA-256 of {} is {digest}, not {wrong}; if the program was updated on purpose, \
             change the policy",
            tool.display()
        )
    );
}

#[test]
fn a_program_inside_a_writable_preopen_is_refused() {
    let scratch = Scratch::new();
    let tool = scratch.program("repo/bin/tool", "#!/bin/sh\n");
    let repo = scratch.path("repo");
    let refused = load(Grant::program(&tool), None, &[preopen("/code", &repo, true)]).unwrap_err();
    assert_eq!(
        refused,
        format!(
            "grants.tool.program: the program {} lies in the writable preopen \"/code\", so the guest could replace it; \
             name a program elsewhere, or make the preopen read-only",
            tool.display()
        )
    );
    assert!(load(Grant::program(&tool), None, &[preopen("/code", &repo, false)]).is_ok());
    let elsewhere = scratch.directory("repo-2");
    assert!(load(Grant::program(&tool), None, &[preopen("/code", elsewhere, true)]).is_ok());
    let bin = repo.join("bin");
    let by_name = load(Grant::program("tool"), bin.to_str(), &[preopen("/code", &repo, true)]);
    assert_eq!(by_name.unwrap_err(), refused);
}

#[test]
fn a_bare_name_that_the_guest_could_put_an_earlier_program_under_is_refused() {
    let scratch = Scratch::new();
    let tool = scratch.program("usr/tool", "#!/bin/sh\n");
    let (repo, usr, other) = (
        scratch.directory("repo"),
        scratch.path("usr"),
        scratch.directory("other"),
    );
    let bin = scratch.directory("repo/bin");
    symlink(&bin, scratch.path("link")).unwrap();
    symlink(repo.join("not-there-yet"), other.join("tool")).unwrap();
    let preopens = |writable| [preopen("/code", &repo, writable)];
    let search = |directories: &[&Path]| std::env::join_paths(directories).unwrap().into_string().unwrap();
    for entry in [
        bin,
        repo.clone(),
        repo.join("not/there/yet"),
        scratch.path("link"),
        other.clone(),
    ] {
        let path = search(&[&entry, &usr]);
        let refused = load(Grant::program("tool"), Some(&path), &preopens(true)).unwrap_err();
        assert_eq!(
            refused,
            format!(
                "grants.tool.program: \"tool\" is looked up in {} of PATH before it is found as {}, and that leads through \
                 the writable preopen \"/code\", so the guest could put another program there; write the absolute path, \
                 take the directory out of PATH, or make the preopen read-only",
                entry.display(),
                tool.display()
            )
        );
        let read_only = load(Grant::program("tool"), Some(&path), &preopens(false)).unwrap();
        assert_eq!(program(&read_only), tool);
        let later = read_only.check_preopen("/code", &repo, true).unwrap_err();
        assert_eq!(later.to_string(), refused);
        assert!(load(Grant::program(&tool), Some(&path), &preopens(true)).is_ok());
        let after = search(&[&usr, &entry]);
        assert!(load(Grant::program("tool"), Some(&after), &preopens(true)).is_ok());
    }
    let elsewhere = search(&[&scratch.path("nowhere"), &usr]);
    assert!(load(Grant::program("tool"), Some(&elsewhere), &preopens(true)).is_ok());
}

#[test]
fn a_preopen_reached_by_a_symbolic_link_is_seen_through() {
    let scratch = Scratch::new();
    let tool = scratch.program("repo/tool", "#!/bin/sh\n");
    let link = scratch.path("link");
    symlink(scratch.path("repo"), &link).unwrap();
    let refused = |program: &Path, preopened: &Path| {
        load(Grant::program(program), None, &[preopen("/code", preopened, true)])
            .unwrap_err()
            .contains("lies in the writable preopen")
    };
    assert!(refused(&tool, &link), "the preopen is a link");
    assert!(
        refused(&link.join("tool"), &scratch.path("repo")),
        "the program's path has a link"
    );
    let outside = scratch.path("outside");
    symlink(&tool, &outside).unwrap();
    assert!(
        refused(&outside, &scratch.path("repo")),
        "a link outside leads to a program inside"
    );
    assert!(refused(&scratch.path("x/../repo/tool"), &scratch.path("repo")) || !scratch.path("x").exists());
}

#[test]
fn a_way_through_a_writable_preopen_is_refused_too() {
    let scratch = Scratch::new();
    let tool = scratch.program("bin/tool", "#!/bin/sh\n");
    let repo = scratch.directory("repo");
    symlink(&tool, repo.join("link-to-file")).unwrap();
    symlink(scratch.path("bin"), repo.join("link-to-directory")).unwrap();
    symlink(repo.join("link-to-file"), scratch.path("link-to-link")).unwrap();
    let preopens = [preopen("/code", &repo, true)];
    for way in [
        repo.join("link-to-file"),
        repo.join("link-to-directory/tool"),
        scratch.path("link-to-link"),
    ] {
        assert_eq!(
            load(Grant::program(&way), None, &preopens).unwrap_err(),
            format!(
                "grants.tool.program: the way to the program {} leads through the writable preopen \"/code\", so the \
                 guest could replace it; name a program elsewhere, or make the preopen read-only",
                way.display()
            )
        );
    }
    assert!(load(Grant::program(&tool), None, &preopens).is_ok());
}

#[test]
fn a_script_whose_interpreter_the_guest_could_replace_is_refused() {
    let scratch = Scratch::new();
    let interpreter = scratch.program("repo/venv/python", "#!/bin/sh\n");
    let script = scratch.program("bin/tool", &format!("#! {} -I\nprint()\n", interpreter.display()));
    let preopens = [preopen("/code", scratch.path("repo"), true)];
    let refused = load(Grant::program(&script), None, &preopens).unwrap_err();
    assert!(
        refused.starts_with(&format!(
            "grants.tool.program: the interpreter {} of the program lies",
            interpreter.display()
        )),
        "{refused}"
    );
    assert!(load(Grant::program(&script), None, &[]).is_ok());
}

#[test]
fn the_interpreters_of_interpreters_are_followed_as_far_as_the_system_does() {
    let scratch = Scratch::new();
    let script = |name: &str, interpreter: &Path| scratch.program(name, &format!("#!{}\n", interpreter.display()));
    let preopens = [preopen("/code", scratch.directory("repo"), true)];
    let last = script("repo/last", Path::new("/bin/sh"));
    let mut program = last.clone();
    for level in 1..=5 {
        program = script(&format!("bin/{level}"), &program);
        let refused = load(Grant::program(&program), None, &preopens).unwrap_err();
        let start = format!(
            "grants.tool.program: the interpreter {} of the program lies",
            last.display()
        );
        assert!(refused.starts_with(&start), "{level}: {refused}");
    }
    let itself = scratch.path("bin/itself");
    script("bin/itself", &itself);
    assert!(load(Grant::program(&itself), None, &preopens).is_ok());
}

#[test]
fn an_interpreter_that_the_working_directory_decides_on_is_refused() {
    let scratch = Scratch::new();
    let script = scratch.program("bin/tool", "#!venv/python -I\n");
    let through = scratch.program("bin/through", &format!("#!{}\n", script.display()));
    let no_interpreter = scratch.program("bin/text", "#!\n");
    let repo = scratch.directory("repo");
    for preopens in [
        &[][..],
        &[preopen("/code", &repo, false)],
        &[preopen("/code", &repo, true)],
    ] {
        for program in [&script, &through] {
            let refused = load(Grant::program(program), None, preopens).unwrap_err();
            assert!(
                refused
                    .starts_with("grants.tool.program: the interpreter venv/python of the program is a relative path"),
                "{preopens:?}: {refused}"
            );
        }
        assert!(load(Grant::program(&no_interpreter), None, preopens).is_ok());
    }
}

#[test]
fn a_preopen_that_comes_later_is_checked_like_one_that_was_there() {
    let scratch = Scratch::new();
    let tool = scratch.program("repo/tool", "#!/bin/sh\n");
    let (repo, elsewhere) = (scratch.path("repo"), scratch.directory("elsewhere"));
    let policy = load(Grant::program(&tool), None, &[]).unwrap();
    let error = policy.check_preopen("/code", &repo, true).unwrap_err();
    assert_eq!(
        (error.grant.as_deref(), error.to_string()),
        (
            Some("tool"),
            load(Grant::program(&tool), None, &[preopen("/code", &repo, true)]).unwrap_err()
        )
    );
    assert_eq!(policy.check_preopen("/code", &repo, false), Ok(()));
    assert_eq!(policy.check_preopen("/code", &elsewhere, true), Ok(()));
    let error = policy.check_preopen("/code", &scratch.path("gone"), true).unwrap_err();
    assert_eq!(error.field, "preopen \"/code\"");
}

#[test]
fn a_file_that_the_guest_could_replace_is_known_by_each_way_to_it() {
    let scratch = Scratch::new();
    let (repo, elsewhere) = (scratch.directory("repo/sub"), scratch.directory("elsewhere"));
    let (link, outside) = (scratch.path("link"), scratch.path("outside"));
    symlink(scratch.path("repo"), &link).unwrap();
    for (directory, name) in [(&repo, "inside"), (&elsewhere, "outside")] {
        fs::write(directory.join(name), "").unwrap();
    }
    symlink(repo.join("inside"), &outside).unwrap();
    symlink(elsewhere.join("outside"), repo.join("out")).unwrap();
    let climb = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = Path::new(&climb).join(repo.strip_prefix("/").unwrap());
    let could =
        |host_path: &Path, writable, file: &Path| preopen("/code", host_path, writable).could_replace(file).unwrap();
    for inside in [
        repo.join("inside"),
        repo.join("not-there-yet"),
        link.join("sub/inside"),
        relative.join("inside"),
        repo.join("out"),
        outside,
    ] {
        assert!(could(&scratch.path("repo"), true, &inside), "{inside:?}");
        assert!(could(&link, true, &inside), "{inside:?}");
        assert!(!could(&link, false, &inside), "{inside:?}");
        assert!(!could(&elsewhere, false, &inside), "{inside:?}");
    }
    let of_another = elsewhere.join("outside");
    assert!(!could(&link, true, &of_another));
    assert!(!could(&link, true, &scratch.path("repo-2")));
    let gone = preopen("/code", scratch.path("gone"), true);
    assert!(gone.could_replace(&of_another).is_err());
}

#[test]
fn a_preopen_that_is_not_there_is_named() {
    let scratch = Scratch::new();
    let gone = scratch.path("gone");
    let error = load(grant(), None, &[preopen("/code", &gone, true)]).unwrap_err();
    assert!(
        error.starts_with(&format!(
            "preopen \"/code\": the directory {} cannot be resolved: ",
            gone.display()
        )),
        "{error}"
    );
}

#[test]
fn a_working_directory_must_be_a_preopen() {
    let preopens = [preopen("/repo", "/", false), preopen("/data", "/", false)];
    assert_eq!(
        load(grant().cwd(["/repo", "/src"]), None, &preopens).unwrap_err(),
        "grants.tool.cwd[1]: the guest is given no directory \"/src\" (the guest has \"/repo\", \"/data\"); give it one \
         under this name, or take it out of the list"
    );
    assert_eq!(
        load(grant().cwd(["/repo"]), None, &[]).unwrap_err(),
        "grants.tool.cwd[0]: the guest is given no directory \"/repo\" (no directory was named when the policy was \
         loaded); give it one under this name, or take it out of the list"
    );
}

#[test]
fn the_default_working_directory_is_the_grants_first_or_the_guests_first() {
    let preopens = [preopen("/repo", "/", false), preopen("/data", "/", false)];
    let default = |grant: Grant, preopens: &[Preopen]| {
        let policy = load(grant, None, preopens).unwrap();
        policy.grant("tool").unwrap().default_cwd().map(str::to_owned)
    };
    assert_eq!(
        default(grant().cwd(["/data", "/repo"]), &preopens).as_deref(),
        Some("/data")
    );
    assert_eq!(default(grant(), &preopens).as_deref(), Some("/repo"));
    assert_eq!(default(grant(), &[]), None);
}

#[test]
fn ordinary_patterns_load_and_one_that_takes_too_much_memory_says_what_is_smaller() {
    use childproof_host::policy::Word;
    let load = |pattern: &str| load(grant().form([Word::regex(pattern)]), None, &[]);
    for pattern in [
        r"\w+",
        r"\w+-\w+",
        r"\w\w\w",
        r"\w{1,40}",
        r"[\w.-]{1,64}",
        r"\d{4}-\d{2}-\d{2}",
        "[0-9a-f]{40}",
        "[A-Za-z0-9._-]{1,64}",
        "(?s).{0,64}",
    ] {
        assert_eq!(load(pattern).map(drop), Ok(()), "{pattern}");
    }
    for pattern in [r"\w{1,200}", "[a-z]{1,50000}"] {
        assert_eq!(
            load(pattern).unwrap_err(),
            format!(
                "grants.tool.forms[0].words[0]: the pattern {pattern:?} needs more than 4MiB; use smaller repetition counts; \
                 \\w, \\d and \\s cover all of Unicode, and [0-9A-Za-z_] is much smaller"
            )
        );
    }
}

#[test]
fn the_patterns_of_a_policy_take_little_memory_together() {
    use childproof_host::policy::Word;
    let many = |pattern: &str, count: usize| {
        let forms = (0..count).map(|index| Word::regex(format!("{pattern}{index}")));
        Policy::new()
            .grant("first", forms.fold(grant(), |grant, word| grant.form([word])))
            .grant("second", grant().env_allow_matching("LANG", pattern))
            .load(&LoadOptions::default())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(many("[0-9]{1,4}-", 1000), Ok(()));
    let too_much = |place: &str, pattern: &str| {
        Err(format!(
            "{place}: the patterns of the policy, up to {pattern:?}, need more than 64MiB; use smaller repetition counts; \
             \\w, \\d and \\s cover all of Unicode, and [0-9A-Za-z_] is much smaller"
        ))
    };
    let large = r"[\w.-]{1,64}";
    assert_eq!(
        many(large, 17),
        too_much("grants.first.forms[16].words[0]", &format!("{large}16"))
    );
    assert_eq!(many(large, 16), too_much("grants.second.env.allow.LANG", large));
}

#[test]
fn a_policy_from_code_is_checked_like_one_from_text() {
    use childproof_host::policy::{Limits, Word};
    let error = |grant: Grant| load(grant, None, &[]).unwrap_err();
    assert_eq!(
        error(grant().form([Word::regex("(")])),
        "grants.tool.forms[0].words[0]: the pattern \"(\" is wrong at character 1: unclosed group"
    );
    assert_eq!(
        error(grant().form([Word::any().optional().repeat(0, None)])),
        "grants.tool.forms[0].words[0]: a repeated or optional word holds one plain word, not another repeated or \
         optional one"
    );
    let none = Limits {
        spawns: Some(0),
        ..Limits::default()
    };
    assert!(error(grant().limits(none)).starts_with("grants.tool.limits.spawns: this is too little"));
    assert!(error(grant().env_allow("LD_*")).starts_with("grants.tool.env.allow.LD_*: "));
    assert!(error(Grant::program("a/b")).starts_with("grants.tool.program: it is a relative path"));
}
