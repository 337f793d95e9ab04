//! What holds for every policy and every request. The matcher is compared with one written again here, by trying
//! everything.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use childproof_host::policy::{
    Arguments, Confine, EnvValue, Form, Grant, Limits, LoadedGrant, LoadedPolicy, Network, Policy, Request, Tier, Word,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::{grant, inside, load, try_load};

/// A pattern, and what it means, in other words.
type Pattern = (&'static str, fn(&str) -> bool);

const PATTERNS: &[Pattern] = &[
    ("[0-9]+", |text| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
    }),
    ("a|bc", |text| text == "a" || text == "bc"),
    ("-.", |text| {
        text.starts_with('-') && text.chars().count() == 2 && !text.ends_with('\n')
    }),
    ("", str::is_empty),
    ("(?s).*", |_| true),
];

/// Arguments that words of the tests tell apart.
const ARGUMENTS: &[&str] = &[
    "",
    "a",
    "b",
    "bc",
    "abc",
    "1",
    "12",
    "-",
    "-a",
    "--",
    "--in=/repo/x",
    "--in=-",
    "--in=",
    "--in=/etc",
    "/repo/x",
    "/repo/y",
    "/repo/../x",
    "/etc",
    "-/repo/x",
    "a\n",
    "é",
];

fn plain_word() -> impl Strategy<Value = Word> {
    prop_oneof![
        3 => select(ARGUMENTS).prop_map(Word::from),
        1 => vec(select(ARGUMENTS), 1..4).prop_map(Word::one_of),
        2 => select(PATTERNS).prop_map(|(pattern, _)| Word::regex(pattern)),
        1 => Just(Word::path()),
        1 => Just(Word::path_after("--in=")),
        1 => Just(Word::any()),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    let item = (plain_word(), any::<bool>()).prop_map(|(word, optional)| if optional { word.optional() } else { word });
    let tail = (plain_word(), 0_usize..3, option::of(0_usize..3)).prop_map(|(word, min, more)| {
        let max = more.map(|more| (min + more).max(1));
        word.repeat(min, max)
    });
    (vec(item, 0..4), option::of(tail)).prop_map(|(items, tail)| Form::new(items.into_iter().chain(tail)))
}

fn arguments() -> impl Strategy<Value = Vec<String>> {
    vec(select(ARGUMENTS).prop_map(str::to_owned), 0..6)
}

/// Whether a word matches an argument.
fn word_matches(word: &Word, argument: &str) -> bool {
    match word {
        Word::Exact(word) => word == argument,
        Word::Regex(pattern) => PATTERNS.iter().any(|(text, means)| text == pattern && means(argument)),
        Word::OneOf(words) => words.iter().any(|word| word == argument),
        Word::Path { prefix } => match argument.strip_prefix(prefix.as_str()) {
            Some(path) => path.chars().next().is_some_and(|first| first != '-') && inside(path),
            None => false,
        },
        Word::Any => !argument.starts_with('-'),
        _ => unreachable!("a plain word"),
    }
}

/// Whether words match arguments: by trying every way to share them out.
fn words_match(words: &[Word], args: &[String]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return args.is_empty();
    };
    match first {
        Word::Optional(word) => {
            words_match(rest, args)
                || args
                    .split_first()
                    .is_some_and(|(arg, args)| word_matches(word, arg) && words_match(rest, args))
        }
        Word::Repeat { word, min, max } => {
            let fits = args.len() >= *min && max.is_none_or(|max| args.len() <= max);
            fits && args.iter().all(|arg| word_matches(word, arg))
        }
        word => args
            .split_first()
            .is_some_and(|(arg, args)| word_matches(word, arg) && words_match(rest, args)),
    }
}

/// Arguments that a form matches, where the choices lead to some.
fn sample(form: &Form, choices: &[Index]) -> Vec<String> {
    let mut choices = choices.iter().cycle();
    let mut choose = |size: usize| choices.next().map_or(0, |choice| choice.index(size));
    let mut args = Vec::new();
    for word in &form.words {
        let (word, times) = match word {
            Word::Optional(word) => (&**word, choose(2)),
            Word::Repeat { word, min, max } => (&**word, min + choose(max.map_or(3, |max| max - min + 1))),
            word => (word, 1),
        };
        let fitting: Vec<&&str> = ARGUMENTS
            .iter()
            .filter(|argument| word_matches(word, argument))
            .collect();
        for _ in 0..times {
            if !fitting.is_empty() {
                args.push(fitting[choose(fitting.len())].to_string());
            }
        }
    }
    args
}

fn choices() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 8)
}

proptest! {
    #[test]
    fn nothing_gets_through_that_no_form_matches(
        forms in vec(form(), 1..4),
        random in arguments(),
        choices in choices(),
        swap in option::of((any::<Index>(), select(ARGUMENTS))),
    ) {
        let policy = load(&Policy::new().grant("tool", grant().args(Arguments::Forms(forms.clone()))));
        let mut near = sample(&forms[0], &choices);
        if let (Some((place, other)), false) = (swap, near.is_empty()) {
            let place = place.index(near.len());
            near[place] = other.to_owned();
        }
        for args in [random, near] {
            let decision = policy.decide(&Request::new("tool", &args), &inside);
            let first = forms.iter().position(|form| words_match(&form.words, &args));
            match (&decision, first) {
                (Ok(decision), Some(first)) => prop_assert_eq!(&decision.rule, &format!("grants.tool.forms[{first}]")),
                (Err(refusal), None) => prop_assert!(refusal.field.to_string().starts_with("args")),
                _ => prop_assert!(false, "{:?} for {:?}: {:?}, but {:?}", forms, args, decision, first),
            }
        }
    }

    #[test]
    fn an_exact_word_matches_itself_alone(word in "[^\0]*", other in "[^\0]*") {
        let policy = load(&Policy::new().grant("tool", grant().form([word.as_str()])));
        let matches = |argument: &String| policy.decide(&Request::new("tool", std::slice::from_ref(argument)), &inside).is_ok();
        prop_assert!(matches(&word));
        prop_assert_eq!(matches(&other), word == other);
    }

    #[test]
    fn a_path_word_never_matches_an_option(argument in "-[^\0]*") {
        let everything_is_inside = |_: &str| true;
        for form in [[Word::path()], [Word::any()], [Word::path().repeat(0, None)], [Word::any().optional()]] {
            let policy = load(&Policy::new().grant("tool", grant().form(form)));
            let args = [argument.clone()];
            prop_assert!(policy.decide(&Request::new("tool", &args), &everything_is_inside).is_err());
        }
    }

    #[test]
    fn a_dangerous_name_never_gets_through_a_pattern(
        name in select(&[
            "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PATH", "IFS", "BASH_ENV", "ENV", "PYTHONSTARTUP",
            "PYTHONPATH", "PERL5LIB", "PERL5OPT", "RUBYOPT", "NODE_OPTIONS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH",
            "GIT_CONFIG_COUNT", "GIT_PAGER", "PAGER", "EDITOR", "GCONV_PATH", "MALLOC_CHECK_", "GLIBC_TUNABLES",
        ][..]),
        length in any::<Index>(),
        value in "[^\0]*",
    ) {
        let key = format!("{}*", &name[..length.index(name.len()) + 1]);
        let options = Default::default();
        // A pattern that could cover dangerous names alone is not loaded in the first place.
        if let Ok(policy) = Policy::new().grant("tool", grant().env_allow(key)).load(&options) {
            let env = [(name.to_owned(), value)];
            let refusal = policy.decide(&Request { env: &env, ..Request::new("tool", &[]) }, &inside).unwrap_err();
            prop_assert_eq!(refusal.rule, "default environment rule");
        }
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        if let Err(error) = Policy::from_toml(&text) {
            prop_assert!(error.line() >= 1 && error.column() >= 1 && !error.message().is_empty());
        }
    }

    #[test]
    fn damaged_policies_are_read_or_refused(
        edits in vec((any::<Index>(), any::<Index>(), select(&["", "\"", "[", "]", "{", "}", "=", "\n", "0", "é", "true", "\\u0000"][..])), 1..4),
    ) {
        let mut text: Vec<char> = TEXT.chars().collect();
        for (start, length, with) in edits {
            let start = start.index(text.len());
            let end = (start + length.index(6)).min(text.len());
            text.splice(start..end, with.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = Policy::from_toml(&text) {
            prop_assert!(error.line() <= text.lines().count() + 1, "{} for {:?}", error, text);
        }
    }

    #[test]
    fn text_and_code_make_the_same_policy(policy in policy()) {
        let text = write(&policy);
        prop_assert_eq!(Policy::from_toml(&text), Ok(policy), "{}", text);
    }

    #[test]
    fn what_a_narrowed_policy_allows_the_wider_one_does(
        wide in policy(),
        other in policy(),
        edits in vec((any::<Index>(), edit()), 0..4),
        random in arguments(),
        env in vec((select(KEYS), select(VALUES)), 0..3),
        choices in choices(),
    ) {
        let mut narrower = wide.clone();
        for (place, edit) in edits {
            apply(&mut narrower, place, edit);
        }
        for narrower in [narrower, other] {
            let Ok(narrowed) = wide.narrow(&narrower) else { continue };
            // What the reduced tier cannot hide makes a policy that does not load, and allows nothing.
            let loaded = |policy: &Policy| match try_load(policy) {
                Err(error) if policy.confine.tier == Some(Tier::Reduced) && error.field.contains("hide") => None,
                loaded => Some(loaded.expect("the policy should load")),
            };
            let (Some(wide), Some(narrowed)) = (loaded(&wide), loaded(&narrowed)) else { continue };
            prop_assert!(narrowed.tier() >= wide.tier(), "{:?} within {:?}", narrowed.policy(), wide.policy());
            let is_confined = wide.tier() > Tier::None;
            prop_assert!(!is_confined || narrowed.tmp_bytes() <= wide.tmp_bytes());
            let env: Vec<(String, String)> = env.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            for grant in narrowed.grants() {
                let of_wide = wide.grant(grant.name()).unwrap();
                for host in HOST {
                    let (sees, may_see) = (sees(&narrowed, grant, host), sees(&wide, of_wide, host));
                    prop_assert!(!sees || may_see, "{}: {:?} within {:?}", host, narrowed.policy(), wide.policy());
                }
                prop_assert!(!grant.unix_sockets() || of_wide.unix_sockets());
                for port in PORTS {
                    let (reaches, may_reach) = (reaches(grant, *port), reaches(of_wide, *port));
                    prop_assert!(!reaches || may_reach, "{}: {:?} within {:?}", port, narrowed.policy(), wide.policy());
                }
                let mut lists = vec![random.clone(), Vec::new()];
                if let Arguments::Forms(forms) = &grant.policy().args {
                    lists.extend(forms.iter().map(|form| sample(form, &choices)));
                }
                for (args, env) in lists.iter().flat_map(|args| [(args, &env[..]), (args, &[])]) {
                    let request = Request { env, ..Request::new(grant.name(), args) };
                    let Ok(decision) = narrowed.decide(&request, &inside) else { continue };
                    // What the narrowed policy fixes in another way, the guest of the wider one could have asked for.
                    let fixed = &wide.grant(grant.name()).unwrap().policy().env_set;
                    let asked: Vec<(String, String)> =
                        decision.env.iter().filter(|(key, value)| fixed.get(key) != Some(value)).cloned().collect();
                    let allowed = wide.decide(&Request { env: &asked, ..request }, &inside);
                    prop_assert_eq!(
                        allowed.map(|allowed| allowed.env),
                        Ok(decision.env),
                        "{:?}: {:?} within {:?}", args, narrowed.policy(), wide.policy()
                    );
                }
            }
        }
    }
}

const TEXT: &str = r#"
[limits]
live = 3
wall = "1m 30s"
output = "10MiB"

[confine]
tier = "full"
read = ["/etc"]
hide = ["/etc/ssh"]
tmp = "1MiB"

[grants.git]
program = "git"
cwd = ["/repo"]
network = { connect = [443] }
signals = ["term"]
inherit = ["stdout"]
forms = [["log", { regex = "[a-z]{1,3}" }], { name = "x", words = [{ repeat = { path = true, prefix = "a" }, max = 2 }] }]

[grants.git.env]
set = { A = "b" }
allow = { "B_*" = "[0-9]", C = true }
"#;

const KEYS: &[&str] = &["A", "APP", "APP_X", "APP_XY", "PATH", "LD_PRELOAD"];
const ALLOWED: &[&str] = &["A", "A*", "APP*", "APP_*", "APP_X", "APP_XY", "PATH", "P*"];
const VALUES: &[&str] = &["", "a", "1", "bc", "-x"];

/// Paths of the host, some below others. What a policy has children read must be there.
const THERE: &[&str] = &["/etc", "/etc/passwd", "/usr", "/usr/bin"];
const HOST: &[&str] = &[
    "/",
    "/etc",
    "/etc/passwd",
    "/etc/ssh",
    "/usr",
    "/usr/bin",
    "/usr/bin/env",
    "/usr/share",
];
const PORTS: &[u16] = &[22, 443, 8080];

/// Whether a child sees a path of the host. The system directories are given to each, and left out here.
fn sees(policy: &LoadedPolicy, grant: &LoadedGrant, path: &str) -> bool {
    let begins = |with: &PathBuf| path == with.to_str().unwrap() || path.starts_with(&format!("{}/", with.display()));
    policy.tier() == Tier::None || grant.read().iter().any(begins) && !grant.hide().iter().any(begins)
}

/// Whether the policy lets a child connect to a port.
fn reaches(grant: &LoadedGrant, port: u16) -> bool {
    match grant.network() {
        Network::Host => true,
        Network::Connect(ports) => ports.contains(&port),
        _ => false,
    }
}

fn network() -> impl Strategy<Value = Network> {
    prop_oneof![
        3 => Just(Network::None),
        1 => Just(Network::Host),
        2 => vec(select(PORTS), 1..4).prop_map(Network::Connect),
    ]
}

fn paths(of: &'static [&'static str]) -> impl Strategy<Value = Vec<PathBuf>> {
    vec(select(of).prop_map(PathBuf::from), 0..3)
}

fn confine() -> impl Strategy<Value = Confine> {
    let tier = option::of(select(&Tier::ALL[..]));
    let tmp = option::of(select(&[1, 256 << 20, 1 << 30][..]));
    (tier, paths(THERE), paths(&HOST[1..]), tmp).prop_map(|(tier, read, hide, tmp)| Confine { tier, read, hide, tmp })
}

/// Takes out what the tier would not hold, because such a policy is none.
fn without_what_is_idle(mut policy: Policy) -> Policy {
    if policy.confine.tier == Some(Tier::Reduced) {
        policy.confine.tmp = None;
    }
    if policy.confine.tier == Some(Tier::None) {
        policy.confine = Confine {
            tier: Some(Tier::None),
            ..Confine::default()
        };
        for grant in policy.grants.values_mut() {
            (grant.read, grant.hide) = Default::default();
            if let Network::Connect(_) = grant.network {
                grant.network = Network::Host;
            }
        }
    }
    policy
}

fn env_value() -> impl Strategy<Value = EnvValue> {
    prop_oneof![
        Just(EnvValue::Any),
        select(PATTERNS).prop_map(|(pattern, _)| EnvValue::Regex(pattern.to_owned()))
    ]
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let args = prop_oneof![
        1 => Just(Arguments::None),
        1 => Just(Arguments::Any),
        6 => vec(form(), 1..4).prop_map(Arguments::Forms),
    ];
    let set = vec((select(KEYS), select(VALUES)), 0..3);
    let allow = vec((select(ALLOWED), env_value()), 0..4);
    let cwd = vec(select(&["/repo", "/data"][..]), 0..3);
    let rest = (any::<bool>(), option::of(1_u64..9), option::of(1_u64..9));
    let sight = (network(), paths(THERE), paths(&HOST[1..]), any::<bool>());
    (args, set, allow, cwd, rest, sight).prop_map(|(args, set, allow, cwd, (argv0, output, wall), sight)| {
        let (network, read, hide, unix_sockets) = sight;
        let mut grant = grant().args(args).cwd(cwd).argv0(argv0).limits(Limits {
            output,
            wall: wall.map(Duration::from_secs),
            ..Limits::default()
        });
        grant = grant.network(network).read(read).hide(hide).unix_sockets(unix_sockets);
        for (key, value) in set {
            grant = grant.env_set(key, value);
        }
        for (key, value) in allow {
            grant.env_allow.insert(key.to_owned(), value);
        }
        grant
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        vec((select(&["one", "two"][..]), some_grant()), 0..3),
        option::of(1_u64..9),
        confine(),
    )
        .prop_map(|(grants, live, confine)| {
            let limits = Limits {
                live,
                ..Limits::default()
            };
            let policy = Policy::new().limits(limits).confine(confine);
            let policy = grants
                .into_iter()
                .fold(policy, |policy, (name, grant)| policy.grant(name, grant));
            without_what_is_idle(policy)
        })
}

/// A change that makes a policy another one, often a narrower one.
#[derive(Clone, Debug)]
enum Edit {
    DropForm,
    Word(Word),
    Bounds(usize, Option<usize>),
    DropOptional,
    Set(&'static str, &'static str),
    Allow(&'static str, EnvValue),
    Forbid,
    Confine(Confine),
    Network(Network),
    UnixSockets(bool),
    Read(Vec<PathBuf>),
    Hide(Vec<PathBuf>),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::DropForm),
        plain_word().prop_map(Edit::Word),
        (0_usize..3, option::of(3_usize..5)).prop_map(|(min, max)| Edit::Bounds(min, max)),
        Just(Edit::DropOptional),
        (select(KEYS), select(VALUES)).prop_map(|(key, value)| Edit::Set(key, value)),
        (select(ALLOWED), env_value()).prop_map(|(key, value)| Edit::Allow(key, value)),
        Just(Edit::Forbid),
        confine().prop_map(Edit::Confine),
        network().prop_map(Edit::Network),
        any::<bool>().prop_map(Edit::UnixSockets),
        paths(THERE).prop_map(Edit::Read),
        paths(&HOST[1..]).prop_map(Edit::Hide),
    ]
}

fn apply(policy: &mut Policy, place: Index, edit: Edit) {
    if let Edit::Confine(confine) = edit {
        policy.confine = confine;
        return;
    }
    let Some(grant) = policy.grants.values_mut().next() else {
        return;
    };
    match edit {
        Edit::Set(key, value) => drop(grant.env_set.insert(key.to_owned(), value.to_owned())),
        Edit::Allow(key, value) => drop(grant.env_allow.insert(key.to_owned(), value)),
        Edit::Forbid => drop(grant.env_allow.pop_first()),
        Edit::Network(network) => grant.network = network,
        Edit::UnixSockets(allowed) => grant.unix_sockets = allowed,
        Edit::Read(paths) => grant.read = paths,
        Edit::Hide(paths) => grant.hide = paths,
        edit => {
            let Arguments::Forms(forms) = &mut grant.args else {
                return;
            };
            let index = place.index(forms.len());
            if matches!(edit, Edit::DropForm) && forms.len() > 1 {
                forms.remove(index);
                return;
            }
            let words = &mut forms[index].words;
            match edit {
                Edit::DropOptional => words.retain(|word| !matches!(word, Word::Optional(_))),
                Edit::Bounds(low, high) => {
                    if let Some(Word::Repeat { min, max, .. }) = words.last_mut() {
                        (*min, *max) = (low, high);
                    }
                }
                Edit::Word(new) if !words.is_empty() => {
                    let place = place.index(words.len());
                    match &mut words[place] {
                        Word::Repeat { word, .. } | Word::Optional(word) => **word = new,
                        word => *word = new,
                    }
                }
                _ => {}
            }
        }
    }
}

/// A policy as text: what an operator might have written.
fn write(policy: &Policy) -> String {
    let mut text = String::new();
    if let Some(live) = policy.limits.live {
        writeln!(text, "limits.live = {live}").unwrap();
    }
    let confine = &policy.confine;
    if let Some(tier) = confine.tier {
        writeln!(text, "confine.tier = '{tier}'").unwrap();
    }
    if let Some(tmp) = confine.tmp {
        writeln!(text, "confine.tmp = '{tmp}B'").unwrap();
    }
    writeln!(
        text,
        "confine.read = {:?}\nconfine.hide = {:?}",
        confine.read, confine.hide
    )
    .unwrap();
    for (name, grant) in &policy.grants {
        writeln!(text, "[grants.{name}]\nprogram = {:?}", grant.program).unwrap();
        match &grant.args {
            Arguments::None => {}
            Arguments::Any => text.push_str("args = 'any'\n"),
            Arguments::Forms(forms) => {
                let forms: Vec<String> = forms
                    .iter()
                    .map(|form| list(form.words.iter().map(write_word)))
                    .collect();
                writeln!(text, "forms = {}", list(forms)).unwrap();
            }
        }
        if !grant.cwd.is_empty() {
            writeln!(text, "cwd = {:?}", grant.cwd).unwrap();
        }
        match &grant.network {
            Network::Connect(ports) => writeln!(text, "network = {{ connect = {ports:?} }}").unwrap(),
            Network::Host => text.push_str("network = 'host'\n"),
            _ => {}
        }
        writeln!(text, "read = {:?}\nhide = {:?}", grant.read, grant.hide).unwrap();
        if grant.argv0 {
            text.push_str("argv0 = true\n");
        }
        if grant.unix_sockets {
            text.push_str("unix_sockets = true\n");
        }
        let (output, wall) = (grant.limits.output, grant.limits.wall);
        output
            .iter()
            .for_each(|output| writeln!(text, "limits.output = '{output} B'").unwrap());
        wall.iter()
            .for_each(|wall| writeln!(text, "limits.wall = '{}s'", wall.as_secs()).unwrap());
        for (key, value) in &grant.env_set {
            writeln!(text, "env.set.{key:?} = {value:?}").unwrap();
        }
        for (key, value) in &grant.env_allow {
            match value {
                EnvValue::Regex(pattern) => writeln!(text, "env.allow.{key:?} = {pattern:?}").unwrap(),
                _ => writeln!(text, "env.allow.{key:?} = true").unwrap(),
            }
        }
    }
    text
}

fn write_word(word: &Word) -> String {
    match word {
        Word::Exact(word) => format!("{word:?}"),
        Word::Regex(pattern) => format!("{{ regex = {pattern:?} }}"),
        Word::OneOf(words) => format!("{{ one_of = {words:?} }}"),
        Word::Path { prefix } if prefix.is_empty() => "{ path = true }".to_owned(),
        Word::Path { prefix } => format!("{{ prefix = {prefix:?}, path = true }}"),
        Word::Any => "{ any = true }".to_owned(),
        Word::Optional(word) => format!("{{ optional = {} }}", write_word(word)),
        Word::Repeat { word, min, max } => {
            let max = max.map(|max| format!(", max = {max}")).unwrap_or_default();
            format!("{{ min = {min}, repeat = {}{max} }}", write_word(word))
        }
        _ => unreachable!("a word of the tests"),
    }
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}
