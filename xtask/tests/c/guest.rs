//! The library's own tests, which are functions of a guest: each runs by itself.

use super::*;

/// Runs one of them, in a directory of its own.
fn holds(name: &str) {
    let data = tempfile::tempdir().unwrap();
    let policy = c::directory().join("tests/policy.toml");
    let output = run(&policy, Some(data.path()), &TESTS, &[name], b"a line\n");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{stdout}{stderr}", output.status);
    let said = stdout.strip_suffix(&format!("{name} holds\n"));
    match name {
        "inherited_streams" => {
            assert_eq!(said, Some("it read a line\n"));
            assert_eq!(stderr, "problem\n");
        }
        "what_is_refused_is_named" => {
            assert_eq!(said, Some(""), "{stderr}");
            let (_, printed) = stderr.split_once("\necho: args[1] was refused: ").expect(&stderr);
            let (message, rest) = printed.split_once('\n').expect(&stderr);
            assert!(
                rest.starts_with(&format!("args[1] was refused: {message}\n")),
                "{stderr}"
            );
        }
        _ => assert_eq!(said, Some(""), "{stderr}"),
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )*
    };
}

tests! {
    arguments_arrive
    argv0_where_it_is_allowed
    the_environment
    the_working_directory
    what_is_refused_is_named
    what_is_invalid_is_named
    the_first_mistake_is_remembered
    a_command_serves_more_than_once
    quotas_are_named
    exit_codes_round_trip
    signals_are_told_from_codes
    wait_answers_the_same
    wait_with_a_time
    kill_terminate_and_stop
    signals_after_the_end
    signals_that_are_sent
    limits_are_named
    usage_after_the_end
    communicate_feeds_and_reads
    communicate_with_large_data
    an_input_that_is_too_large
    what_is_not_piped_is_null
    communicate_goes_on_after_a_timeout
    an_output_limit_keeps_what_was_read
    communicate_and_streams_that_are_used
    run_does_it_all
    a_conversation
    a_broken_pipe
    polling
    polling_pumps
    streams_that_are_gone
    stderr_to_stdout
    inherited_streams
    a_pipeline
    a_process_that_was_not_started
    a_pipeline_from_its_end
    files
    files_that_cannot_be_opened
    nothing_is_left
}

#[test]
fn none_is_left_out() {
    let policy = c::directory().join("tests/policy.toml");
    let data = tempfile::tempdir().unwrap();
    let output = run(&policy, Some(data.path()), &TESTS, &["--list"], b"");
    let listed = text(&output.stdout);
    assert_eq!(listed.lines().collect::<Vec<_>>(), NAMES, "{}", text(&output.stderr));
}
