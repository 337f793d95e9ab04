//! Policies as text: what is read, and what is said about what cannot be.

use std::time::Duration;

use childproof_host::policy::{Arguments, Confine, Form, Grant, Limits, Network, Policy, StdStream, Tier, Word};
use childproof_launch::Signal;

/// What is said about a text.
fn error(text: &str) -> String {
    match Policy::from_toml(text) {
        Ok(policy) => panic!("{text:?} was read as {policy:?}"),
        Err(error) => error.to_string(),
    }
}

/// What is said about a grant with these lines.
fn grant_error(lines: &str) -> String {
    error(&format!("[grants.git]\nprogram = \"git\"\n{lines}\n"))
}

#[test]
fn an_empty_text_is_the_policy_that_denies_everything() {
    assert_eq!(Policy::from_toml(""), Ok(Policy::default()));
    assert_eq!(
        Policy::from_toml("# nothing\n[grants]\n[limits]\n[confine]\n"),
        Ok(Policy::default())
    );
}

#[test]
fn every_key_is_read() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = format!(
        r#"
        [limits]
        live = 3
        held = 5_000
        spawns = 1_000
        wall = "1m 30s"
        output = "10MiB"
        capture = "2 kB"
        drain = "0s"
        cpu = "2s"
        memory = 1073741824
        open_files = 0x40
        file_size = 0
        processes = 7

        [confine]
        tier = "full"
        read = ["/opt/tools", "/etc/gitconfig"]
        hide = ["/usr/games"]
        tmp = "1GiB"

        [grants.tool]
        program = "/bin/tool"
        sha256 = "{digest}"
        cwd = ["/a", "/b"]
        argv0 = true
        signals = ["SIGTERM", "usr1", "rtmin+3"]
        inherit = ["stdout"]
        network = {{ connect = [443, 0x16] }}
        read = ["/srv/data"]
        hide = ["/etc/ssh", "/var"]
        unix_sockets = true

        [[grants.tool.forms]]
        name = "one"
        words = ["x", {{ any = true }}, {{ repeat = {{ one_of = ["a", "b"] }}, min = 1, max = 2 }}]

        [[grants.tool.forms]]
        words = [{{ path = true, prefix = "--in=" }}, {{ optional = {{ regex = "y+" }} }}, {{ path = true }}]

        [grants.tool.env]
        set = {{ A = "1" }}
        allow = ["B", "C_*"]

        [grants.other]
        program = "other"
        args = "any"
        inherit = false
        network = "host"
        limits = {{ live = 1 }}
        env = {{ allow = {{ D = "[0-9]", E = true }} }}
        "#
    );
    let expected = Policy::new()
        .limits(Limits {
            live: Some(3),
            held: Some(5000),
            spawns: Some(1000),
            wall: Some(Duration::from_secs(90)),
            output: Some(10 << 20),
            capture: Some(2000),
            drain: Some(Duration::ZERO),
            cpu: Some(Duration::from_secs(2)),
            memory: Some(1 << 30),
            open_files: Some(64),
            file_size: Some(0),
            processes: Some(7),
        })
        .confine(Confine {
            tier: Some(Tier::Full),
            read: vec!["/opt/tools".into(), "/etc/gitconfig".into()],
            hide: vec!["/usr/games".into()],
            tmp: Some(1 << 30),
        })
        .grant(
            "tool",
            Grant::program("/bin/tool")
                .sha256(digest.parse().unwrap())
                .cwd(["/a", "/b"])
                .argv0(true)
                .signals([Signal::Term, Signal::Usr1, Signal::Realtime(3)])
                .inherit([StdStream::Stdout])
                .network(Network::Connect(vec![443, 22]))
                .read(["/srv/data"])
                .hide(["/etc/ssh", "/var"])
                .unix_sockets(true)
                .form(Form::new(["x".into(), Word::any(), Word::one_of(["a", "b"]).repeat(1, 2)]).named("one"))
                .form([Word::path_after("--in="), Word::regex("y+").optional(), Word::path()])
                .env_set("A", "1")
                .env_allow("B")
                .env_allow("C_*"),
        )
        .grant(
            "other",
            Grant::program("other")
                .args(Arguments::Any)
                .inherit([])
                .network(Network::Host)
                .limits(Limits {
                    live: Some(1),
                    ..Limits::default()
                })
                .env_allow_matching("D", "[0-9]")
                .env_allow("E"),
        );
    assert_eq!(Policy::from_toml(&text), Ok(expected));
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_one_that_was_meant() {
    assert_eq!(
        error("[grants.git]\n  progam = \"git\"\n"),
        "2:3: unknown key \"progam\" in [grants.git]; did you mean \"program\"?"
    );
    assert_eq!(
        error("[limit]\n"),
        "1:2: unknown key \"limit\" in the policy; did you mean \"limits\"?"
    );
    assert_eq!(
        error("[grant.git]\nprogram = \"git\"\n"),
        "1:2: unknown key \"grant\" in the policy; did you mean \"grants\"?"
    );
    assert_eq!(
        error("[limits]\nmemmory = 1\n"),
        "2:1: unknown key \"memmory\" in [limits]; did you mean \"memory\"?"
    );
    assert_eq!(
        error("[confin]\n"),
        "1:2: unknown key \"confin\" in the policy; did you mean \"confine\"?"
    );
    assert_eq!(
        error("[confine]\n teir = 'full'\n"),
        "2:2: unknown key \"teir\" in [confine]; did you mean \"tier\"?"
    );
    assert_eq!(
        error("[confine]\nnetwork = 'host'\n"),
        "2:1: unknown key \"network\" in [confine]; the keys are tier, read, hide, tmp"
    );
    assert_eq!(
        grant_error("network = { conect = [443] }"),
        "3:13: unknown key \"conect\" in grants.git.network; did you mean \"connect\"?"
    );
    assert_eq!(
        grant_error("env = { alow = [] }"),
        "3:9: unknown key \"alow\" in [grants.git.env]; did you mean \"allow\"?"
    );
    assert_eq!(
        grant_error("forms = [[{ regexp = 'x' }]]"),
        "3:13: unknown key \"regexp\" in the word grants.git.forms[0].words[0]; did you mean \"regex\"?"
    );
    assert_eq!(
        grant_error("forms = [{ nam = 'x', words = [] }]"),
        "3:12: unknown key \"nam\" in the form grants.git.forms[0]; did you mean \"name\"?"
    );
    assert_eq!(
        grant_error("colour = 1"),
        "3:1: unknown key \"colour\" in [grants.git]; the keys are program, sha256, args, forms, env, cwd, argv0, \
         signals, inherit, limits, network, read, hide, unix_sockets"
    );
}

#[test]
fn a_bad_regex_is_told_with_its_place_and_the_place_in_it() {
    assert_eq!(
        grant_error("forms = [[\"log\", { regex = \"a(b\" }]]"),
        "3:18: grants.git.forms[0].words[1]: the pattern \"a(b\" is wrong at character 2: unclosed group"
    );
    assert_eq!(
        grant_error("forms = [[{ regex = 'a)|(b' }]]"),
        "3:11: grants.git.forms[0].words[0]: the pattern \"a)|(b\" is wrong at character 2: unopened group"
    );
    assert_eq!(
        grant_error("env = { allow = { LANG = '[z-a]' } }"),
        "3:19: grants.git.env.allow.LANG: the pattern \"[z-a]\" is wrong at character 2: invalid character class range, \
         the start must be <= the end"
    );
    assert!(grant_error("forms = [[{ regex = '(a{1000}){1000}' }]]").contains("use smaller repetition counts"));
    assert!(
        grant_error(&format!("forms = [[{{ regex = '{}' }}]]", "(".repeat(5000))).contains("longer than 4096 bytes")
    );
    assert!(grant_error(&format!("forms = [[{{ regex = '{}' }}]]", "(".repeat(500))).contains("is wrong"));
}

#[test]
fn a_wrong_kind_of_value_says_what_belongs_there() {
    assert_eq!(
        error("grants = 1"),
        "1:10: grants takes a table of grants, not a whole number"
    );
    assert_eq!(
        error("[grants]\ngit = \"git\""),
        "2:7: grants.git takes a table with at least `program`, not a string"
    );
    assert_eq!(
        error("[grants.git]\nargs = 'any'"),
        "1:9: [grants.git] has no program; add a line such as program = \"git\""
    );
    assert_eq!(
        error("[grants.git]\nprogram = 1"),
        "2:11: grants.git.program takes a string, not a whole number"
    );
    assert_eq!(
        grant_error("args = 'all'"),
        "3:8: grants.git.args: \"all\" is neither \"any\" nor \"none\"; list what is allowed under `forms`"
    );
    assert_eq!(
        grant_error("args = 'any'\nforms = [['log']]"),
        "3:8: grants.git has both `args` and `forms`; keep the one that you mean"
    );
    assert_eq!(
        grant_error("forms = ['log', '--oneline']"),
        "3:10: grants.git.forms[0]: a form is an array of words, not a string; write [\"log\"]"
    );
    assert_eq!(
        grant_error("forms = [[1]]"),
        "3:11: grants.git.forms[0].words[0]: a word is a string or a table such as { any = true }, not a whole number"
    );
    assert_eq!(
        grant_error("forms = [[{ any = true, path = true }]]"),
        "3:11: grants.git.forms[0].words[0]: a word has exactly one of regex, one_of, path, any, optional and repeat"
    );
    assert_eq!(
        grant_error("forms = [[{ any = true, prefix = 'x' }]]"),
        "3:25: grants.git.forms[0].words[0]: \"prefix\" does not go with \"any\""
    );
    assert_eq!(
        grant_error("forms = [[{ any = false }]]"),
        "3:19: grants.git.forms[0].words[0]: write any = true, or another kind of word"
    );
    assert_eq!(
        grant_error("signals = ['trem']"),
        "3:12: grants.git.signals: \"trem\" is not the name of a signal; did you mean \"term\"?"
    );
    assert_eq!(
        grant_error("signals = [9]"),
        "3:12: grants.git.signals takes the name of a signal, not a whole number"
    );
    assert_eq!(
        grant_error("inherit = ['tty']"),
        "3:12: grants.git.inherit: \"tty\" is not one of \"stdin\", \"stdout\" and \"stderr\""
    );
    assert_eq!(
        grant_error("sha256 = 'abc'"),
        "3:10: grants.git.sha256: a SHA-256 digest is 64 hexadecimal digits, as `sha256sum FILE` prints them"
    );
    assert_eq!(
        grant_error("argv0 = 1"),
        "3:9: grants.git.argv0 is true or false, not a whole number"
    );
    assert_eq!(
        grant_error("unix_sockets = 'yes'"),
        "3:16: grants.git.unix_sockets is true or false, not a string"
    );
    assert_eq!(
        grant_error("env = { allow = { A = false } }"),
        "3:23: grants.git.env.allow.A: the value is a regular expression in a string, or true for any value, not true or \
         false"
    );
}

#[test]
fn a_form_that_nothing_can_match_is_refused() {
    let form = |words: &str| grant_error(&format!("forms = [{words}]"));
    assert_eq!(
        form(""),
        "3:9: grants.git.forms: there is no form in it, so nothing would be allowed; leave it out to run the program \
         without arguments"
    );
    assert_eq!(
        form("[{ repeat = 'a' }, 'b']"),
        "3:11: grants.git.forms[0].words[0]: a repeated word must be the last one of its form"
    );
    assert_eq!(
        form("[{ repeat = 'a', min = 3, max = 2 }]"),
        "3:11: grants.git.forms[0].words[0]: `min` is larger than `max`, so nothing can match"
    );
    assert_eq!(
        form("[{ repeat = 'a', max = 0 }]"),
        "3:11: grants.git.forms[0].words[0]: a word repeated at most 0 times matches nothing; leave it out"
    );
    assert_eq!(
        form("[{ repeat = { optional = 'a' } }]"),
        "3:22: grants.git.forms[0].words[0]: a repeated or optional word holds one plain word, not another repeated or \
         optional one"
    );
    assert_eq!(
        form("[{ one_of = [] }]"),
        "3:11: grants.git.forms[0].words[0]: `one_of` is empty, so nothing can match; list at least one word"
    );
    assert_eq!(
        form(r#"["a\u0000"]"#),
        "3:11: grants.git.forms[0].words[0]: it holds a NUL character, which no argument can"
    );
    assert_eq!(
        form("{ name = 'a', words = ['x'] }, { name = 'a', words = ['y'] }"),
        "3:50: grants.git.forms[1].name: another form is called \"a\" already"
    );
    assert!(form(&format!("[{}]", "'a',".repeat(200))).contains("at most 128 words"));
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    assert_eq!(
        error("[grants.\"/usr/bin/git\"]\nprogram = 'git'"),
        "1:9: grants./usr/bin/git: the name \"/usr/bin/git\" of a grant may hold letters, digits and -_.+ alone; the \
         program's path goes into `program`"
    );
    assert_eq!(
        error("[grants.\"\"]\nprogram = 'git'"),
        "1:9: grants.: the name \"\" of a grant is empty"
    );
    assert!(error("[grants.-x]\nprogram = 'git'").contains("may not begin with \"-\" or \".\""));
    assert!(Policy::from_toml("[grants.\"g++-12.1\"]\nprogram = 'g++'").is_ok());
}

#[test]
fn a_program_that_depends_on_where_the_host_was_started_is_refused() {
    for program in ["./git", "bin/git", "../git", "."] {
        assert_eq!(
            error(&format!("[grants.git]\nprogram = \"{program}\"")),
            "2:11: grants.git.program: it is a relative path, which would depend on where the host was started; write an \
             absolute path, or a bare name to look up in PATH"
        );
    }
    assert!(error("[grants.git]\nprogram = \"\"").contains("it is empty"));
}

#[test]
fn environment_names_that_cannot_be_meant_are_refused() {
    let allow = |name: &str| grant_error(&format!("env = {{ allow = [\"{name}\"] }}"));
    assert_eq!(
        allow("*"),
        "3:18: grants.git.env.allow.*: \"*\" would allow every name; write at least how the names begin"
    );
    assert_eq!(
        allow("LD_*"),
        "3:18: grants.git.env.allow.LD_*: each name that begins so can make a program run other code; write out the names \
         you mean"
    );
    assert_eq!(
        allow("A*B"),
        "3:18: grants.git.env.allow.A*B: a \"*\" may stand at the end of a name only"
    );
    assert_eq!(
        allow("A=B"),
        "3:18: grants.git.env.allow.A=B: the name of an environment variable holds a \"=\", which ends it"
    );
    assert_eq!(
        grant_error("env = { set = { \"\" = 'x' } }"),
        "3:17: grants.git.env.set.: the name of an environment variable is empty"
    );
}

#[test]
fn limits_that_cannot_be_meant_are_refused() {
    let limit = |line: &str| error(&format!("[limits]\n{line}\n"));
    assert_eq!(
        limit("live = 0"),
        "2:8: limits.live: this is too little: no process could start; leave the line out to set no bound here"
    );
    assert_eq!(
        limit("open_files = 2"),
        "2:14: limits.open_files: this is too little: a process needs stdin, stdout, stderr and one descriptor to load \
         its code; leave the line out to set no bound here"
    );
    assert_eq!(
        limit("wall = \"0s\""),
        "2:8: limits.wall: this is too little: a process needs at least 1ms to start; leave the line out to set no bound \
         here"
    );
    assert_eq!(
        limit("wall = \"1000years\""),
        "2:8: limits.wall: this is more than 100 years, so it bounds nothing; leave the line out to set no bound here"
    );
    assert_eq!(
        limit("memory = \"2000000TiB\""),
        "2:10: limits.memory: this is more than 1 EiB, so it bounds nothing; leave the line out to set no bound here"
    );
    assert_eq!(
        limit("memory = \"99999999999TiB\""),
        "2:10: limits.memory: the size \"99999999999TiB\" is larger than any number of bytes"
    );
    assert_eq!(
        limit("output = \"10\""),
        "2:10: limits.output: the size \"10\" has no unit; write \"10B\" for bytes, or \"10MiB\""
    );
    assert_eq!(
        limit("output = \"10M\""),
        "2:10: limits.output: \"M\" is no unit of a size; the units are B, KiB, MiB, GiB, TiB, kB, MB, GB and TB"
    );
    assert_eq!(
        limit("output = \"ten\""),
        "2:10: limits.output: \"ten\" is not a size; write a whole number and a unit, such as \"10MiB\""
    );
    assert_eq!(
        limit("live = -1"),
        "2:8: limits.live: -1 is not a whole number from 0 up to 18446744073709551615"
    );
    assert_eq!(
        limit("live = 1.5"),
        "2:8: limits.live is a whole number, not a number with a fraction"
    );
    assert_eq!(
        limit("wall = 30"),
        "2:8: limits.wall takes a duration in a string, such as \"30s\" or \"1m 30s\", not a whole number"
    );
    assert!(limit("wall = \"30\"").starts_with("2:8: limits.wall: \"30\" is not a duration such as \"30s\": "));
    assert!(
        grant_error("limits = { processes = 0 }").starts_with("3:24: grants.git.limits.processes: this is too little")
    );
}

#[test]
fn a_confinement_that_cannot_be_meant_is_told_with_its_place() {
    let confine = |line: &str| error(&format!("[confine]\n{line}\n"));
    assert_eq!(
        confine("tier = 'ful'"),
        "2:8: confine.tier: \"ful\" is not a tier of confinement; did you mean \"full\"? the tiers are full, reduced and \
         none"
    );
    assert_eq!(
        confine("tier = true"),
        "2:8: confine.tier takes \"full\", \"reduced\" or \"none\", not true or false"
    );
    assert_eq!(
        error("confine = 'full'"),
        "1:11: confine takes a table with `tier`, `read`, `hide` and `tmp`, not a string"
    );
    assert_eq!(
        confine("read = ['/etc', 'src']"),
        "2:17: confine.read[1]: it is not an absolute path; write all of it, from the root"
    );
    assert_eq!(
        confine("hide = '/etc'"),
        "2:8: confine.hide takes an array of absolute paths of the host, not a string"
    );
    assert!(confine("tmp = 0").starts_with("2:7: confine.tmp: a child could write nothing to its /tmp"));
    assert!(confine("tmp = '10'").starts_with("2:7: confine.tmp: the size \"10\" has no unit"));
    assert!(
        confine("tier = 'none'\ntmp = 1").starts_with("3:7: confine.tmp: this has no effect with the tier \"none\"")
    );
    assert!(confine("tier = 'none'\nread = ['/etc']").starts_with("3:8: confine.read: this has no effect"));
    let unconfined = |line: &str| {
        error(&format!(
            "confine.tier = 'none'\n[grants.git]\nprogram = 'git'\n{line}\n"
        ))
    };
    assert!(unconfined("read = ['/etc']").starts_with("4:8: grants.git.read: this has no effect"));
    assert!(unconfined("hide = ['/etc']").starts_with("4:8: grants.git.hide: this has no effect"));
    assert!(unconfined("network = { connect = [1] }").starts_with("4:11: grants.git.network: with the tier \"none\""));
}

#[test]
fn a_network_that_cannot_be_meant_is_told_with_its_place() {
    let network = |value: &str| grant_error(&format!("network = {value}"));
    assert_eq!(
        network("'hots'"),
        "3:11: grants.git.network: \"hots\" is not one of \"none\", \"host\" or a table such as { connect = [443] }; did you \
         mean \"host\"?"
    );
    assert_eq!(
        network("'https'"),
        "3:11: grants.git.network: \"https\" is not one of \"none\", \"host\" or a table such as { connect = [443] }"
    );
    assert_eq!(
        network("[443]"),
        "3:11: grants.git.network takes \"none\", \"host\" or a table such as { connect = [443] }, not an array"
    );
    assert_eq!(
        network("{}"),
        "3:11: grants.git.network: the table is empty; write \"none\", \"host\" or a table such as { connect = [443] }"
    );
    assert_eq!(
        network("{ connect = 443 }"),
        "3:23: grants.git.network.connect takes an array of ports, not a whole number"
    );
    assert_eq!(
        network("{ connect = [] }"),
        "3:23: grants.git.network.connect: there is no port in it, so nothing could be reached; write network = \"none\", or \
         leave it out"
    );
    assert_eq!(
        network("{ connect = [443, 0] }"),
        "3:29: grants.git.network.connect[1]: 0 is not a TCP port; the ports are 1 to 65535"
    );
    assert_eq!(
        network("{ connect = [65536] }"),
        "3:24: grants.git.network.connect[0]: 65536 is not a TCP port; the ports are 1 to 65535"
    );
    assert_eq!(
        network("{ connect = ['https'] }"),
        "3:24: grants.git.network.connect[0] is a whole number, not a string"
    );
}

#[test]
fn a_text_that_is_not_toml_says_where() {
    let error = Policy::from_toml("[grants.git]\nprogram = \"git\nx = 1").unwrap_err();
    assert_eq!(error.line(), 2);
    assert!(!error.message().is_empty());
    let error = Policy::from_toml("[grants.git]\nprogram = \"a\"\nprogram = \"b\"").unwrap_err();
    assert_eq!((error.line(), error.column()), (3, 1));
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        error("[grants.git]\nprogram = \"git\" # ä\nenv = { set = { \"ä\" = 'ö', B = 1 } }"),
        "3:32: grants.git.env.set.B takes a string, not a whole number"
    );
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = format!(
        "[grants.git]\nprogram = 'git'\nforms = [[{}'a'{}]]",
        "{ optional = ".repeat(60),
        " }".repeat(60)
    );
    assert!(Policy::from_toml(&deep).is_err());
    let deeper = format!("a = {}", "[".repeat(100_000));
    assert!(Policy::from_toml(&deeper).is_err());
}
