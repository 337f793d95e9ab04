//! The decision about one request.

use std::path::Path;
use std::sync::Arc;

use childproof_launch::Signal;

use super::compile::ArgumentRules;
use super::environment::check_key;
use super::load::{LoadedGrant, LoadedPolicy};
use super::matching::{MOST_PATHS, Paths, Shape, Stop, Why};
use super::refusal::{near_miss, quote};
use super::{Field, Limits, Refusal, RefusalKind, StdStream};

/// The longest argument, in bytes: the least that Linux sets, 128 KiB with the NUL at its end (`MAX_ARG_STRLEN`). The same
/// bound holds for a variable with its `=`.
const LONGEST_ARGUMENT: usize = (128 << 10) - 1;
/// All arguments together, in bytes: the most Linux takes under any limit on the stack.
const MOST_TEXT: usize = 6 << 20;
/// More arguments than this, or more bytes of them, are refused without saying where they leave the forms.
const MOST_EXPLAINED: usize = 1000;
const LONGEST_EXPLAINED: usize = 128 << 10;

/// What a guest asks for. It is data from the guest: nothing in it is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The name of the grant.
    pub grant: &'a str,
    /// The program's own name, where the guest gave one.
    pub argv0: Option<&'a str>,
    /// The arguments, without the program's own name.
    pub args: &'a [String],
    /// The environment variables the guest sets. Of a key given twice the last value holds.
    pub env: &'a [(String, String)],
    /// The guest path of the preopen that the working directory lies in, where the guest gave one.
    pub cwd: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A request for a grant, with these arguments and nothing else.
    pub fn new(grant: &'a str, args: &'a [String]) -> Request<'a> {
        Request {
            grant,
            argv0: None,
            args,
            env: &[],
            cwd: None,
        }
    }
}

/// What the host knows about paths and the policy does not.
///
/// The policy asks at most once for each path of a request, for 4,096 paths of it at most, and for none over 4,096 bytes.
pub trait PathCheck {
    /// Whether `path`, as the child would resolve it in its working directory, lies inside a preopen of the guest. It is
    /// the guest's text and may be anything; what cannot be resolved is not inside.
    fn is_inside_preopen(&self, path: &str) -> bool;
}

impl<F: Fn(&str) -> bool> PathCheck for F {
    fn is_inside_preopen(&self, path: &str) -> bool {
        self(path)
    }
}

/// A request that is allowed, and all that the policy says about the child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decision {
    /// The grant.
    pub grant: Arc<LoadedGrant>,
    /// The child's `argv[0]`: the guest's, or the name of the grant.
    pub argv0: String,
    /// The child's whole environment, sorted by name, each name once.
    pub env: Vec<(String, String)>,
    /// What allowed it, such as `grants.git.forms[2]`, or `grants.git.forms.log` for a form with a name.
    pub rule: String,
    /// What bounds this child: the stricter of the grant's limits and the guest's, with the defaults where neither says.
    /// The counts `live` and `spawns` are kept per grant and per guest: see [`LoadedGrant::limits`] and
    /// [`LoadedPolicy::limits`].
    pub limits: Limits,
}

impl LoadedPolicy {
    /// Decides about a request.
    ///
    /// It does not check that the program is still the one that was loaded; the launcher does, when it runs it.
    ///
    /// # Errors
    ///
    /// The first thing about the request that is refused: the grant, then what no process can be given, then `argv[0]`,
    /// the arguments, the environment, and the working directory.
    pub fn decide(&self, request: &Request<'_>, paths: &dyn PathCheck) -> Result<Decision, Refusal> {
        let grant = self.find(request.grant)?;
        check_syntax(request)?;
        let argv0 = argv0(grant, request.argv0)?;
        let rule = arguments(grant, request.args, &Paths::new(paths))?;
        let env = grant.rules.env.decide(request.env)?;
        cwd(grant, request.cwd)?;
        let limits = grant.process_limits().clone();
        Ok(Decision {
            grant: grant.clone(),
            argv0,
            env,
            rule,
            limits,
        })
    }

    /// Whether a guest may send `signal` to a process of `grant`. [`Signal::Kill`] is allowed for each grant there is.
    pub fn allows_signal(&self, grant: &str, signal: Signal) -> bool {
        self.grant(grant).is_some_and(|grant| grant.allows_signal(signal))
    }

    fn find(&self, name: &str) -> Result<&Arc<LoadedGrant>, Refusal> {
        if let Some(grant) = self.grant(name) {
            return Ok(grant);
        }
        let refusal = |kind, message: String, remedy: String| {
            Err(Refusal {
                kind,
                field: Field::Program,
                rule: "grants".to_owned(),
                message,
                remedy: Some(remedy),
            })
        };
        let add = "add a table [grants.NAME] to the policy";
        if name.contains('\0') {
            return Err(Refusal::invalid(
                Field::Program,
                "it holds a NUL character, which no name does",
            ));
        }
        if name.contains(['/', '\\']) {
            let message = format!(
                "{} is a path; a guest names a grant of the policy, not a file",
                quote(name)
            );
            let remedy = match self.grants().find(|grant| grant.is_program(Path::new(name))) {
                Some(grant) => format!(
                    "the grant {} runs this program: let the guest ask for that",
                    quote(grant.name())
                ),
                None => format!(
                    "no grant runs this program; to allow it, {add} with `program`, and let the guest ask for NAME"
                ),
            };
            return refusal(RefusalKind::UnknownGrant, message, remedy);
        }
        let message = format!("the policy has no grant {}", quote(name));
        let remedy = match near_miss(name, self.grants().map(|grant| grant.name())) {
            Some(near) => format!("there is a grant {}; did you mean that? If not, {add}", quote(near)),
            None => format!("to allow it, {add}"),
        };
        refusal(RefusalKind::UnknownGrant, message, remedy)
    }
}

impl LoadedGrant {
    /// Whether a guest may send this signal. [`Signal::Kill`] is always allowed: it gives a guest no more than dropping
    /// the process does.
    pub fn allows_signal(&self, signal: Signal) -> bool {
        signal == Signal::Kill || self.signals().contains(&signal)
    }

    /// Refuses a signal that a guest may not send.
    ///
    /// # Errors
    ///
    /// The refusal, with the field `signal`.
    pub fn check_signal(&self, signal: Signal) -> Result<(), Refusal> {
        if self.allows_signal(signal) {
            return Ok(());
        }
        let at = self.at();
        let message = format!("the policy does not allow the signal {signal} here");
        let remedy = format!(
            "to allow it, add {:?} to `signals` of [{at}]",
            super::text::signal_name(signal)
        );
        Err(Refusal::not_allowed(Field::Signal(signal), format!("{at}.signals"), message).remedy(remedy))
    }

    /// Refuses a standard stream of the guest that a child may not inherit.
    ///
    /// # Errors
    ///
    /// The refusal, with the field `stdin`, `stdout` or `stderr`.
    pub fn check_inherit(&self, stream: StdStream) -> Result<(), Refusal> {
        if self.allows_inherit(stream) {
            return Ok(());
        }
        let at = self.at();
        let message = format!("the policy does not let a child inherit the guest's {stream}");
        let remedy = format!("to allow it, add \"{stream}\" to `inherit` of [{at}]");
        Err(Refusal::not_allowed(Field::Stdio(stream), format!("{at}.inherit"), message).remedy(remedy))
    }
}

fn check_syntax(request: &Request<'_>) -> Result<(), Refusal> {
    let nul = "it holds a NUL character, which no process can be given";
    if request.argv0.is_some_and(|name| name.contains('\0')) {
        return Err(Refusal::invalid(Field::Argv0, nul));
    }
    if let Some(index) = request.args.iter().position(|argument| argument.contains('\0')) {
        return Err(Refusal::invalid(Field::Arg(index), nul));
    }
    check_lengths(request)?;
    for (key, value) in request.env {
        let field = || Field::Env(key.clone());
        check_key(key).map_err(|why| Refusal::invalid(field(), why))?;
        if value.contains('\0') {
            return Err(Refusal::invalid(
                field(),
                "the value holds a NUL character, which no process can be given",
            ));
        }
    }
    Ok(())
}

/// Refuses what is too long to be given to a process before any of it is matched.
fn check_lengths(request: &Request<'_>) -> Result<(), Refusal> {
    let bound = |field: &dyn Fn() -> Field, length: usize, most: usize| match length > most {
        true => Err(Refusal::too_long(field(), length, most)),
        false => Ok(()),
    };
    let argv0 = request.argv0.unwrap_or_default();
    bound(&|| Field::Argv0, argv0.len(), LONGEST_ARGUMENT)?;
    let mut whole = argv0.len();
    for (index, argument) in request.args.iter().enumerate() {
        bound(&|| Field::Arg(index), argument.len(), LONGEST_ARGUMENT)?;
        whole = whole.saturating_add(argument.len() + 1);
    }
    bound(&|| Field::Args, whole, MOST_TEXT)?;
    for (key, value) in request.env {
        let length = key.len().saturating_add(value.len()).saturating_add(1);
        bound(&|| Field::Env(key.clone()), length, LONGEST_ARGUMENT)?;
    }
    Ok(())
}

fn argv0(grant: &LoadedGrant, requested: Option<&str>) -> Result<String, Refusal> {
    match requested {
        None => Ok(grant.name().to_owned()),
        Some(name) if grant.policy().argv0 || name == grant.name() => Ok(name.to_owned()),
        Some(name) => {
            let at = grant.at();
            let message = format!("the policy does not let a guest call this program {}", quote(name));
            let remedy = format!("to allow it, add `argv0 = true` to [{at}]");
            Err(Refusal::not_allowed(Field::Argv0, format!("{at}.argv0"), message).remedy(remedy))
        }
    }
}

/// The rule that allows the arguments.
fn arguments(grant: &LoadedGrant, args: &[String], paths: &Paths<'_>) -> Result<String, Refusal> {
    let at = grant.at();
    let shapes = match &grant.rules.args {
        ArgumentRules::Any => return Ok(format!("{at}.args")),
        ArgumentRules::None => {
            let Some(first) = args.first() else {
                return Ok(format!("{at}.args"));
            };
            let message = format!("{} is refused: this grant takes no arguments", quote(first));
            let remedy = format!("to allow it, {}", add_form(at, args));
            return Err(Refusal::not_allowed(Field::Arg(0), format!("{at}.args"), message).remedy(remedy));
        }
        ArgumentRules::Forms(shapes) => shapes,
    };
    if let Some(shape) = shapes.iter().find(|shape| shape.matches(args, paths)) {
        return Ok(shape.rule.clone());
    }
    let unexplained = |message: String, remedy: String| {
        Err(Refusal::not_allowed(Field::Args, format!("{at}.forms"), message).remedy(remedy))
    };
    if paths.too_many() {
        return unexplained(
            format!("there are more than {MOST_PATHS} different paths, and no more are looked up for one process"),
            "let the guest start several processes with fewer paths each".to_owned(),
        );
    }
    if args.len() > MOST_EXPLAINED || args.iter().map(String::len).sum::<usize>() > LONGEST_EXPLAINED {
        return unexplained(
            format!("no form of the policy allows these {} arguments", args.len()),
            format!("to allow them, add a form to [{at}]"),
        );
    }
    let mut stops = shapes
        .iter()
        .map(|shape| (shape, shape.stop(args, paths)))
        .collect::<Vec<_>>();
    let furthest = stops.iter().map(|(_, stop)| stop.after).max().unwrap_or_default();
    stops.retain(|(_, stop)| stop.after == furthest);
    let why = [Why::Outside, Why::Ambiguous]
        .into_iter()
        .find(|why| stops.iter().any(|(_, stop)| stop.why == *why))
        .or(stops.first().map(|(_, stop)| stop.why))
        .unwrap_or(Why::TooMany);
    // Where several forms stop before the first argument, none of them is the one that was meant.
    let meant = stops.into_iter().next().filter(|_| furthest > 0 || shapes.len() == 1);
    Err(no_form(at, args, furthest, why, meant))
}

/// The refusal of arguments that no form matches: which is the first that does not fit, why, and the form that was meant.
fn no_form(at: &str, args: &[String], after: usize, why: Why, meant: Option<(&Shape, Stop)>) -> Refusal {
    let argument = args.get(after).map(|argument| quote(argument)).unwrap_or_default();
    let what = match why {
        Why::Unexpected => format!("no form of the policy allows {argument} here"),
        Why::Outside => format!("{argument} does not lead to a place inside a preopen"),
        Why::Ambiguous => {
            format!(
                "a program may take {argument} for something else than a path; a name that begins so is written ./NAME"
            )
        }
        Why::TooMany => format!("{argument} is one argument more than the policy allows"),
        Why::Missing if after == 0 => "arguments are missing: no form of the policy does without".to_owned(),
        Why::Missing => format!("arguments are missing: no form of the policy ends after {after} of them"),
    };
    let (rule, furthest, hint) = match &meant {
        Some((Shape { rule, .. }, stop)) => (
            rule.clone(),
            format!("; the form that comes furthest is {rule}, and it stops here"),
            expects(rule, &stop.expected),
        ),
        None => (format!("{at}.forms"), String::new(), String::new()),
    };
    let field = if why == Why::Missing {
        Field::Args
    } else {
        Field::Arg(after)
    };
    let remedy = format!("{hint}to allow it, {}", add_form(at, args));
    Refusal::not_allowed(field, rule, what + &furthest).remedy(remedy)
}

fn expects(rule: &str, expected: &[String]) -> String {
    match expected {
        [] => String::new(),
        expected => format!("{rule} expects {} in this place; ", expected.join(", or ")),
    }
}

/// The policy line that would allow these arguments, where it is short enough to be read.
fn add_form(at: &str, args: &[String]) -> String {
    let plain = args.iter().all(|argument| argument.chars().all(|c| !c.is_control()));
    let words: Vec<String> = match plain && args.iter().map(String::len).sum::<usize>() + 4 * args.len() <= 100 {
        true => args
            .iter()
            .map(|argument| format!("\"{}\"", argument.replace('\\', "\\\\").replace('"', "\\\"")))
            .collect(),
        false => return format!("add a form to [{at}]"),
    };
    format!("add a form to [{at}], such as [{}]", words.join(", "))
}

fn cwd(grant: &LoadedGrant, requested: Option<&str>) -> Result<(), Refusal> {
    let allowed = &grant.policy().cwd;
    match requested {
        Some(preopen) if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed == preopen) => {
            let at = grant.at();
            let rule = format!("{at}.cwd");
            if preopen.is_empty() {
                let message = "the directory lies in none that the host was told of".to_owned();
                return Err(Refusal::not_allowed(Field::Cwd, rule, message));
            }
            let message = format!("the policy does not let this program work in {}", quote(preopen));
            let remedy = format!("to allow it, add {} to `cwd` of [{at}]", quote(preopen));
            Err(Refusal::not_allowed(Field::Cwd, rule, message).remedy(remedy))
        }
        _ => Ok(()),
    }
}
