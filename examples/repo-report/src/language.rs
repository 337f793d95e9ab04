//! Which language a file is written in, by its name.

/// File names and extensions, in lower case, and their language.
const NAMES: &[(&[&str], &str)] = &[
    (&["rs"], "Rust"),
    (&["c", "h"], "C"),
    (&["cc", "cpp", "cxx", "hh", "hpp", "hxx"], "C++"),
    (&["cs"], "C#"),
    (&["go"], "Go"),
    (&["java"], "Java"),
    (&["kt", "kts"], "Kotlin"),
    (&["swift"], "Swift"),
    (&["zig"], "Zig"),
    (&["py", "pyi"], "Python"),
    (&["rb", "rakefile", "gemfile"], "Ruby"),
    (&["pl", "pm"], "Perl"),
    (&["php"], "PHP"),
    (&["lua"], "Lua"),
    (&["hs"], "Haskell"),
    (&["ml", "mli"], "OCaml"),
    (&["ex", "exs"], "Elixir"),
    (&["js", "mjs", "cjs", "jsx"], "JavaScript"),
    (&["ts", "mts", "cts", "tsx"], "TypeScript"),
    (&["sh", "bash", "zsh"], "Shell"),
    (&["s", "asm"], "Assembly"),
    (&["sql"], "SQL"),
    (&["wit"], "WIT"),
    (&["wat", "wast"], "WebAssembly text"),
    (&["html", "htm"], "HTML"),
    (&["css", "scss"], "CSS"),
    (&["md", "markdown"], "Markdown"),
    (&["rst"], "reStructuredText"),
    (&["txt"], "Text"),
    (&["toml"], "TOML"),
    (&["json"], "JSON"),
    (&["yaml", "yml"], "YAML"),
    (&["xml"], "XML"),
    (&["lock"], "Lock files"),
    (&["makefile", "mk"], "Make"),
    (&["cmake"], "CMake"),
    (&["dockerfile"], "Dockerfile"),
];

/// The language of a file.
pub(crate) fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let extension = name.rsplit_once('.').map_or(name.as_str(), |(_, extension)| extension);
    let known = NAMES.iter().find(|(names, _)| names.contains(&extension));
    known.map_or("Other", |(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_goes_by_the_extension_or_the_whole_name() {
        let cases = [
            ("src/main.rs", "Rust"),
            ("A.H", "C"),
            ("a.test.ts", "TypeScript"),
            ("lib/Makefile", "Make"),
            ("rs/README", "Other"),
            ("a.rs/b", "Other"),
            (".gitignore", "Other"),
            ("Cargo.lock", "Lock files"),
            ("", "Other"),
        ];
        for (path, language) in cases {
            assert_eq!(of(path), language, "{path}");
        }
    }
}
