//! A NUL anywhere, an `=` in a key and an empty key are invalid, and the field is named.

use childproof_test_guests::raw::{self, Command, Error, preopens};

fn field(of: impl FnOnce(&Command)) -> String {
    let command = Command::new("sh");
    command.args(&["-c".to_owned(), "exit 0".to_owned()]);
    of(&command);
    match command.spawn() {
        Err(Error::InvalidArgument(problem)) => {
            assert!(!problem.message.is_empty() && !problem.message.contains('\0'));
            problem.field
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("this cannot be started"),
    }
}

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(field(|command| command.arg("a\0b")), "args[2]");
    assert_eq!(field(|command| command.args(&["fine".into(), "\0".into()])), "args[3]");
    assert_eq!(field(|command| command.argv0("s\0h")), "argv0");
    assert_eq!(field(|command| command.env("A=B", "c")), "env A=B");
    assert_eq!(field(|command| command.env("", "c")), "env ");
    assert_eq!(field(|command| command.env("KEY", "a\0b")), "env KEY");
    assert_eq!(field(|command| command.env("K\0", "v")), r"env K\0");
    let (data, _) = preopens::get_directories().pop().unwrap();
    assert_eq!(field(|command| command.cwd(&data, Some("a\0b"))), "cwd");
    assert!(raw::sh("exit 0").spawn().is_ok());
}
