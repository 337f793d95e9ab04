//! A child's environment is what the policy fixes and what the guest sets, the last value of each.

use childproof_test_guests::sdk::{Command, Stdio};
use childproof_test_guests::{raw, refused, run};

fn environment(set: &[(&str, &str)]) -> Vec<String> {
    let command = raw::Command::new("cat");
    command.arg("/proc/self/environ");
    for (key, value) in set {
        command.env(key, value);
    }
    raw::pipe_stdout(&command);
    let output = raw::communicate(&command.spawn().unwrap(), raw::DEFAULTS).unwrap();
    variables(output.stdout.unwrap())
}

fn variables(environment: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(environment).unwrap();
    let mut variables: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    variables.sort();
    variables
}

childproof_test_guests::program!(guest);

fn guest() {
    assert!(
        std::env::vars().next().is_some(),
        "the guest has variables that are not passed on"
    );
    assert_eq!(environment(&[]), ["FIXED=by the policy"]);
    let set = [("A", "1"), ("MY_B", "x=y\n\"'$ü"), ("A", ""), ("A", "2")];
    assert_eq!(environment(&set), ["A=2", "FIXED=by the policy", "MY_B=x=y\n\"'$ü"]);

    // What the policy fixes stays, also where it allows all names that begin so.
    assert_eq!(environment(&[("FIX", "1")]), ["FIX=1", "FIXED=by the policy"]);
    assert_eq!(refused(run("cat").env("FIXED", "otherwise").spawn()), "env FIXED");
    assert_eq!(refused(run("cat").env("OTHER", "1").spawn()), "env OTHER");
    assert_eq!(refused(run("cat").env("NUMBER", "12a").spawn()), "env NUMBER");
    assert_eq!(environment(&[("NUMBER", "12")]), ["FIXED=by the policy", "NUMBER=12"]);
    // What was set can be taken back, before the first spawn and between two.
    let mut command = run("cat");
    command.arg("/proc/self/environ").stdout(Stdio::piped());
    let seen = |command: &mut Command| variables(command.output().unwrap().stdout);
    command
        .envs([("A", "1"), ("MY_B", "2"), ("MY_C", "3")])
        .env_remove("MY_B");
    assert_eq!(seen(&mut command), ["A=1", "FIXED=by the policy", "MY_C=3"]);
    command.env_remove("A").env_remove("FIXED").env_remove("never set");
    assert_eq!(seen(&mut command), ["FIXED=by the policy", "MY_C=3"]);
    command.env("A", "again");
    assert_eq!(seen(&mut command), ["A=again", "FIXED=by the policy", "MY_C=3"]);
    command.env_clear();
    assert_eq!(seen(&mut command), ["FIXED=by the policy"]);
    command.env("MY_B", "x");
    assert_eq!(seen(&mut command), ["FIXED=by the policy", "MY_B=x"]);

    // The grant of the shell allows all names that begin so, and means none of these.
    for name in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PATH",
        "IFS",
        "BASH_ENV",
        "PYTHONSTARTUP",
        "GIT_SSH_COMMAND",
    ] {
        assert_eq!(refused(run("sh").env(name, "x").spawn()), format!("env {name}"));
    }
}
