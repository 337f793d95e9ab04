//! What keeps a program from starting has an error of its own each.

use childproof_test_guests::sdk::Error;
use childproof_test_guests::{cause, run, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(
        cause(run("true").current_dir("/data/nowhere").spawn()),
        Error::DirectoryNotFound
    );
    assert_eq!(cause(run_piped("program-missing").spawn()), Error::ProgramNotFound);
    assert_eq!(
        cause(run_piped("interpreter-missing").spawn()),
        Error::InterpreterNotFound
    );
    assert_eq!(cause(run_piped("no-program").spawn()), Error::NotExecutable);
    assert_eq!(cause(run_piped("program-replaced").spawn()), Error::ProgramChanged);
    // Nothing of this is in the way of what works.
    assert!(run("true").current_dir("/data").status().unwrap().success());
}
