//! Runs `cargo demo` on repositories made here, with real git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory to make a repository in. Its name has a space in it.
struct Checkout {
    _directory: TempDir,
    path: PathBuf,
}

impl Checkout {
    /// A directory that is no repository.
    fn plain() -> Checkout {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a checkout");
        fs::create_dir(&path).unwrap();
        Checkout {
            _directory: directory,
            path,
        }
    }

    /// A repository without commits.
    fn empty() -> Checkout {
        let checkout = Checkout::plain();
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout
    }

    /// A repository with the history that the tests know.
    fn known() -> Checkout {
        let checkout = Checkout::empty();
        checkout.commit(
            "Ada",
            &[
                ("src/a b.rs", "one\ntwo\n"),
                ("notes\nof two lines.md", "text\n"),
                ("empty.py", ""),
            ],
        );
        checkout.commit("Ada", &[("src/a b.rs", "one\ntwo\nthree\n")]);
        checkout.commit("Bob", &[("src/a b.rs", "1\n2\n3\n4\n"), ("-n", "no newline")]);
        checkout.commit("Ada", &[("binary.rs", "\0\n\0\n")]);
        checkout
    }

    fn git(&self, args: &[&str]) {
        let output = Command::new("git")
            .args(args)
            .current_dir(&self.path)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn commit(&self, author: &str, files: &[(&str, &str)]) {
        for (name, text) in files {
            let file = self.path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let (name, email) = (
            format!("user.name={author}"),
            format!("user.email={author}@example.org"),
        );
        self.git(&["add", "--all"]);
        self.git(&["-c", &name, "-c", &email, "commit", "--quiet", "--message", "A change"]);
    }
}

fn demo(path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--"])
        .arg(path)
        .output()
        .unwrap()
}

/// The report on a checkout; the demo must succeed.
fn report(path: &Path) -> String {
    let output = demo(path);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

const REFUSAL: &str = "
One thing it may not do
  the guest asked for   git push --dry-run
  the host refused      args[0]: ";

#[test]
fn the_report_has_the_numbers_of_the_repository() {
    let checkout = Checkout::known();
    let report = report(&checkout.path);
    let (history, refusal) = report
        .split_once(REFUSAL)
        .unwrap_or_else(|| panic!("no refusal: {report}"));
    let expected = "\
a checkout
4 commits by 2 authors, 6 lines in 3 text files

Authors                                  commits
  Ada                                          3  ████████████████████████
  Bob                                          1  ████████

Busiest files                            commits
  src/a b.rs                                   3  ████████████████████████
  -n                                           1  ████████
  binary.rs                                    1  ████████
  empty.py                                     1  ████████
  notes\\nof two lines.md                       1  ████████

Languages                                  lines
  Rust                                         4  ████████████████████████  1 file
  Markdown                                     1  ██████                    1 file
  Other                                        1  ██████                    1 file
";
    assert_eq!(history, expected);
    assert!(refusal.contains("\"push\""), "{refusal}");
    assert!(refusal.ends_with("so no process was started.\n"), "{refusal}");
}

#[test]
fn an_empty_repository_is_no_error() {
    let report = report(&Checkout::empty().path);
    let expected = "a checkout\nThere is no commit yet, so there is nothing to report.\n";
    assert!(report.starts_with(&format!("{expected}{REFUSAL}")), "{report}");
}

#[test]
fn a_shallow_clone_is_said_to_be_one() {
    let whole = Checkout::known();
    let clone = Checkout::plain();
    clone.git(&[
        "clone",
        "--quiet",
        "--depth=2",
        &format!("file://{}", whole.path.display()),
        ".",
    ]);
    let report = report(&clone.path);
    assert!(
        report.contains("\n2 commits by 2 authors, 6 lines in 3 text files\nA shallow clone: "),
        "{report}"
    );
}

#[test]
fn the_repository_cannot_name_programs_to_run() {
    let checkout = Checkout::known();
    let (program, trace) = (checkout.path.join(".git/program"), checkout.path.join(".git/it-ran"));
    let signature = "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----";
    // It takes what it is to sign: to be gone before that is written is to have failed.
    let script =
        format!("#!/bin/sh\n: >.git/it-ran\ncat >/dev/null\necho '{signature}'\necho '[GNUPG:] SIG_CREATED ' >&2\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    for (key, value) in [
        ("gpg.program", program),
        ("log.showSignature", "true"),
        // This one goes through a shell.
        ("core.fsmonitor", &format!("'{program}'")),
    ] {
        checkout.git(&["config", key, value]);
    }
    let ada = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    checkout.git(
        &[
            &ada[..],
            &[
                "commit",
                "--quiet",
                "--allow-empty",
                "--gpg-sign",
                "--message",
                "Signed",
            ],
        ]
        .concat(),
    );

    // Git by itself does run it.
    fs::remove_file(&trace).unwrap();
    checkout.git(&["log"]);
    assert!(trace.exists());

    fs::remove_file(&trace).unwrap();
    assert!(report(&checkout.path).contains("5 commits by 2 authors"));
    assert!(!trace.exists());
}

#[test]
fn a_directory_without_a_repository_is_said_to_have_none() {
    let checkout = Checkout::known();
    // Not even that of a directory above it.
    for path in [Checkout::plain().path.as_path(), &checkout.path.join("src")] {
        let output = demo(path);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("repo-report: there is no git repository to report on"),
            "{stderr}"
        );
    }
}

#[test]
fn a_path_that_is_none_is_named() {
    let output = demo(Path::new("/nowhere/at all"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("cannot open /nowhere/at all")
    );
}
