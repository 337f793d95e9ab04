//! Arguments arrive byte for byte, whatever is in them.

use childproof_test_guests::{pattern_text, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    let long = pattern_text(100 << 10);
    let args = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "\\",
        "\n",
        "line\nline\n",
        "$HOME",
        "$(exit 1)",
        "`exit 1`",
        "*",
        "~",
        "-",
        "--",
        "--flag=value",
        "ünïcödé 🦀",
        "\u{1}\t\r",
        "a=b",
        "%s%n",
        &long,
    ];
    let mut command = run_piped("sh");
    command.args(["-c", "cat /proc/$$/cmdline", "zero"]).args(args);
    let output = command.output().unwrap();
    let seen: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let expected: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    assert_eq!(&seen[4..seen.len() - 1], expected);

    let alone = run_piped("sh").spawn().unwrap().communicate("cat /proc/$$/cmdline");
    assert_eq!(alone.unwrap().stdout.unwrap(), b"sh\0", "no arguments at all");
}
