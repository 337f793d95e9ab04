//! The example `sort-filter`, under its own policy.

use std::fs;

use super::*;

fn sort_filter(data: Option<&Path>, arguments: &[&str], stdin: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let guest = c::build("sort-filter.wasm").unwrap();
    let policy = xtask::root().join("examples/sort-filter/policy.toml");
    let output = run(&policy, data, &guest, arguments, stdin);
    (output.status.code(), output.stdout, text(&output.stderr))
}

#[test]
fn it_sorts_what_it_reads() {
    let (code, stdout, stderr) = sort_filter(None, &[], b"pear\n# a comment\n\n  \nfig\nApple\nfig\n  # another");
    assert_eq!(
        (code, &*stdout, &*stderr),
        (Some(0), &b"Apple\nfig\nfig\npear\n"[..], "")
    );
}

#[test]
fn it_hands_on_options_and_reads_files() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("numbers"), "10\n9\n#8\n10\n").unwrap();
    let (code, stdout, stderr) = sort_filter(Some(data.path()), &["-n", "-u", "/data/numbers"], b"");
    assert_eq!((code, &*stdout, &*stderr), (Some(0), &b"9\n10\n"[..], ""));

    let (code, stdout, stderr) = sort_filter(Some(data.path()), &["/data/letters"], b"");
    assert_eq!((code, &*stdout), (Some(1), &b""[..]));
    assert!(stderr.starts_with("/data/letters: "), "{stderr}");
}

#[test]
fn long_lines_and_many_of_them_pass() {
    let long = format!("b{}\n", "x".repeat(10_000));
    let comment = format!("#{}\n", "y".repeat(10_000));
    let mut input = format!("{long}{comment}");
    let mut expected = String::new();
    for number in (100_000..300_000).rev() {
        input.push_str(&format!("a{number}\n"));
    }
    for number in 100_000..300_000 {
        expected.push_str(&format!("a{number}\n"));
    }
    expected.push_str(&long);
    let (code, stdout, stderr) = sort_filter(None, &[], input.as_bytes());
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(
        stdout == expected.as_bytes(),
        "{} bytes instead of {}",
        stdout.len(),
        expected.len()
    );
}

#[test]
fn lines_pass_whatever_bytes_they_are_of() {
    let (code, stdout, stderr) = sort_filter(None, &[], b"b\0a\nc\n\0\n \0# no comment\n\xff\0");
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert_eq!(stdout, b"\0\n \0# no comment\nb\0a\nc\n\xff\0\n");
}

#[test]
fn what_is_wanted_of_a_line_may_stand_far_behind() {
    let blanks = " ".repeat(4095);
    let (code, stdout, stderr) = sort_filter(None, &[], format!("{blanks}b\n{blanks}\n{blanks}#c\n").as_bytes());
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert_eq!(stdout, format!("{blanks}b\n").as_bytes());
}

#[test]
fn it_may_not_have_sort_write_a_file() {
    let (code, stdout, stderr) = sort_filter(None, &["--output=out"], b"line\n");
    assert_eq!((code, &*stdout), (Some(1), &b""[..]));
    assert!(stderr.contains("\nsort-filter: args[0] was refused: "), "{stderr}");
}

#[test]
fn the_smallest_guest_says_what_the_readme_shows() {
    let guest = c::build("hello-c.wasm").unwrap();
    let output = run(
        &xtask::root().join("examples/hello-c/policy.toml"),
        None,
        &guest,
        &[],
        b"",
    );
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
    let system = Command::new("uname").arg("-sr").output().unwrap().stdout;
    let (first, second) = stdout.split_once('\n').unwrap();
    assert_eq!(first, format!("this machine runs {}", text(&system).trim_end()));
    assert!(
        second.starts_with("its name is none of my business: args[1] was refused: "),
        "{second}"
    );

    // All that is printed, by the host too, in whatever order the two streams come.
    let readme = fs::read_to_string(c::directory().join("README.md")).unwrap();
    let blocks = xtask::readme::blocks(&readme).unwrap();
    let shown = blocks
        .iter()
        .find(|block| block.text.starts_with("this machine runs"))
        .unwrap();
    let stderr = text(&output.stderr);
    let mut printed: Vec<&str> = stdout.lines().chain(stderr.lines()).collect();
    for line in shown.text.lines() {
        let start = match line.split_once("Linux") {
            Some((start, _)) => start,
            None => line.trim_end_matches("..."),
        };
        let found = printed.iter().position(|line| line.starts_with(start));
        printed.remove(found.unwrap_or_else(|| panic!("nothing prints {line}: {printed:#?}")));
    }
    assert!(printed.is_empty(), "the README does not show {printed:#?}");
}

#[test]
fn all_examples_are_built_at_once() {
    let directory = c::build_examples().unwrap();
    for entry in fs::read_dir(xtask::root().join("examples")).unwrap() {
        let example = entry.unwrap().path();
        let name = example.file_name().unwrap().to_str().unwrap();
        let makefile = example.join("Makefile");
        if fs::read_to_string(makefile).is_ok_and(|text| text.contains("childproof.mk")) {
            assert!(directory.join(name).with_extension("wasm").is_file(), "{name}");
        }
    }
}

/// What a compiler says of the library is for who works on it: another one, or other flags, say more.
#[test]
fn a_warning_about_the_library_fails_its_own_build_alone() {
    let build = tempfile::tempdir().unwrap();
    let bindings = build.path().join("bindings");
    c::bindings(&bindings).unwrap();
    let object = build.path().join("childproof_text.o");
    let make = |makefile: &Path| {
        Command::new("make")
            .arg("-s")
            .arg("-f")
            .arg(makefile)
            .args(["CFLAGS=-O0 -Weverything"])
            .arg(format!("BUILD={}", build.path().display()))
            .arg(format!("BINDINGS={}", bindings.display()))
            .arg(&object)
            .current_dir(c::directory())
            .env_remove("MAKEFLAGS")
            .output()
            .unwrap()
    };
    let output = make(&c::directory().join("Makefile"));
    assert!(
        !output.status.success() && text(&output.stderr).contains("[-Werror,"),
        "{output:?}"
    );
    let output = make(&c::directory().join("childproof.mk"));
    assert!(output.status.success() && object.is_file(), "{output:?}");
}
