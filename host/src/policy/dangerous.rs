//! The environment variables that a pattern never covers.
//!
//! Each of these names can make a program load code, run another program, or read its configuration from a place of the
//! caller's choice. A guest that may set one of them has the authority of whatever that other code is, whichever
//! arguments it was granted. A policy can still allow each of them, but only by its exact name.
//!
//! The table is a net below the rule that holds everywhere: what the policy does not allow is refused. It can never be
//! complete, so a pattern such as `GIT_*` stays a thing to think about.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Names, or beginnings of names where they end in `*`, and what they can do. They are compared without regard to case,
/// because Windows does so and no program gives a differently-cased twin of these a harmless meaning.
const TABLE: &[(&str, &str)] = &[
    (
        "LD_* DYLD_* LIBPATH SHLIB_PATH _RLD_*",
        "it makes the loader load other code into the program",
    ),
    (
        "GCONV_PATH LOCPATH NLSPATH GETCONF_DIR HOSTALIASES RES_OPTIONS LOCALDOMAIN TZDIR",
        "it makes the C library load code or data from another place",
    ),
    ("GLIBC_TUNABLES MALLOC_*", "it changes how the C library manages memory"),
    (
        "PATH PATHEXT COMSPEC SYSTEMROOT WINDIR",
        "it decides which programs the program runs",
    ),
    (
        "SHELL IFS BASH_ENV ENV CDPATH PS4 PROMPT_COMMAND",
        "a shell runs or misreads commands with it",
    ),
    (
        "BASH_FUNC_* BASHOPTS SHELLOPTS BASH_LOADABLES_PATH ZDOTDIR FPATH",
        "a shell runs code from it",
    ),
    (
        "HOME XDG_CONFIG_* XDG_DATA_* APPDATA USERPROFILE",
        "programs read their configuration from there",
    ),
    (
        "VIMINIT EXINIT WGETRC INPUTRC",
        "the program runs commands or reads its configuration from it",
    ),
    ("TMPDIR TEMP TMP", "programs put files there that they trust later"),
    (
        "PYTHON*",
        "the Python interpreter loads or runs code from where it says",
    ),
    (
        "PERL5* PERLLIB PERL_*",
        "the Perl interpreter loads or runs code from where it says",
    ),
    (
        "RUBYOPT RUBYLIB GEM_* BUNDLE_*",
        "the Ruby interpreter loads code from where it says",
    ),
    (
        "NODE_* NPM_CONFIG_* ELECTRON_*",
        "Node.js loads code from where it says",
    ),
    (
        "JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS CLASSPATH MAVEN_* GRADLE_* JAVA_HOME",
        "Java loads code or agents from where it says",
    ),
    (
        "LUA_INIT* LUA_PATH* LUA_CPATH* PHPRC PHP_INI_SCAN_DIR TCLLIBPATH",
        "an interpreter loads code from it",
    ),
    (
        "R_PROFILE* R_ENVIRON* R_LIBS* ERL_* JULIA_* GUILE_* DENO_*",
        "the interpreter loads or runs code from where it says",
    ),
    (
        "DOTNET_* CORECLR_* COR_* COMPLUS_*",
        "the .NET runtime loads code from where it says",
    ),
    (
        "GIT_SSH GIT_SSH_* GIT_EXEC_PATH GIT_CONFIG* GIT_PAGER GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS \
         GIT_PROXY_COMMAND GIT_EXTERNAL_DIFF GIT_TEMPLATE_DIR GIT_ALTERNATE_* GIT_DIR GIT_WORK_TREE \
         GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_INDEX_FILE GIT_ALLOW_PROTOCOL GIT_TRACE* \
         GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_ATTR_*",
        "git runs a program, reads a configuration or writes a file that it names",
    ),
    (
        "HGRCPATH SVN_* CVS_RSH RSYNC_RSH RSYNC_CONNECT_PROG",
        "the program runs another program that it names",
    ),
    ("SSH_* SUDO_*", "it names an agent or a program that authenticates"),
    (
        "PAGER MANPAGER SYSTEMD_PAGER EDITOR VISUAL BROWSER",
        "programs run what it names",
    ),
    (
        "LESSOPEN LESSCLOSE LESS LESSKEY* LESSEDIT",
        "less runs commands from it",
    ),
    (
        "TAR_OPTIONS TAPE RSH GREP_OPTIONS RIPGREP_CONFIG_PATH GZIP ZIPOPT UNZIP",
        "it adds options",
    ),
    (
        "CC CXX LD AR CPP AS CFLAGS CPPFLAGS CXXFLAGS LDFLAGS MAKEFLAGS MAKEFILES",
        "a build runs what it names or says",
    ),
    (
        "GCC_EXEC_PREFIX COMPILER_PATH LIBRARY_PATH CPATH C_INCLUDE_PATH",
        "a compiler takes code from there",
    ),
    (
        "RUSTC* RUSTFLAGS RUSTDOC* CARGO_* RUSTUP_*",
        "cargo runs what it names or says",
    ),
    (
        "GOFLAGS GOROOT GOPATH GOENV GOTOOLCHAIN GOPROXY CGO_*",
        "the go command runs what it names or says",
    ),
    (
        "PIP_* UV_*",
        "the installer of Python packages takes code from where it says",
    ),
    (
        "PKG_CONFIG* CMAKE_*",
        "a build takes its flags, tools and libraries from where it says",
    ),
    (
        "MAGICK_* GDAL_* GS_* FONTCONFIG_*",
        "a library reads its configuration or loads modules from there",
    ),
    (
        "PG* MYSQL_*",
        "it changes which server a database client talks to, as whom, and which files it reads",
    ),
    (
        "TERMINFO* TERMCAP TERMPATH",
        "terminal programs read their capabilities from there",
    ),
    (
        "OPENSSL_* SSL_CERT_* SSLKEYLOGFILE CURL_* REQUESTS_CA_BUNDLE GIT_SSL_*",
        "it changes whom TLS trusts",
    ),
    (
        "HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY NO_PROXY",
        "it changes whom the program talks to",
    ),
    (
        "KRB5* GSS_* GNUPGHOME DOCKER_* KUBECONFIG AWS_* DBUS_* DISPLAY WAYLAND_* \
         XAUTHORITY XDG_RUNTIME_DIR",
        "it names another authority",
    ),
    (
        "LADSPA_PATH VK_* LIBGL_* GTK_* GIO_* QT_* GDK_* GST_*",
        "a library loads modules from there",
    ),
    (
        "ASAN_* LSAN_* MSAN_* TSAN_* UBSAN_* LLVM_PROFILE_FILE GCOV_* GMON_OUT_PREFIX",
        "it writes files",
    ),
];

/// What the variable `name` can do that makes it one to name exactly, or none.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    let mut entries = entries_like(name).iter();
    entries
        .find(|(entry, _)| covers(entry, name))
        .map(|(_, reason)| *reason)
}

/// Whether every name that begins with `prefix` is dangerous, so that a pattern `prefix*` would cover nothing.
pub(super) fn swallows(prefix: &str) -> bool {
    let mut entries = entries_like(prefix).iter();
    entries.any(|(entry, _)| entry.ends_with('*') && covers(entry, prefix))
}

/// The entries with the first letter of `name`: a guest may send a hundred thousand names.
fn entries_like(name: &str) -> &'static [(&'static str, &'static str)] {
    static BY_FIRST_LETTER: LazyLock<HashMap<u8, Vec<(&str, &str)>>> = LazyLock::new(|| {
        let mut entries: HashMap<_, Vec<_>> = HashMap::new();
        for (names, reason) in TABLE {
            for name in names.split_ascii_whitespace() {
                entries.entry(first_letter(name)).or_default().push((name, *reason));
            }
        }
        entries
    });
    BY_FIRST_LETTER.get(&first_letter(name)).map_or(&[], Vec::as_slice)
}

fn first_letter(name: &str) -> u8 {
    name.bytes().next().unwrap_or_default().to_ascii_uppercase()
}

fn covers(entry: &str, name: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(beginning) => name
            .get(..beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning)),
        None => entry.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::{reason, swallows};

    #[test]
    fn the_well_known_names_are_dangerous() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "IFS",
            "BASH_ENV",
            "ENV",
            "PYTHONSTARTUP",
            "PYTHONPATH",
            "PERL5LIB",
            "PERL5OPT",
            "RUBYOPT",
            "NODE_OPTIONS",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_EXEC_PATH",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG",
            "GIT_PAGER",
            "PAGER",
            "EDITOR",
            "GCONV_PATH",
            "MALLOC_CHECK_",
            "GLIBC_TUNABLES",
            "Path",
            "ld_preload",
            "GIT_SSL_NO_VERIFY",
            "GIT_GRAFT_FILE",
            "GIT_SHALLOW_FILE",
            "GIT_ATTR_SOURCE",
            "XDG_RUNTIME_DIR",
            "XAUTHORITY",
            "MAGICK_CONFIGURE_PATH",
            "GDAL_DRIVER_PATH",
            "GS_OPTIONS",
            "R_PROFILE_USER",
            "R_ENVIRON",
            "R_LIBS_USER",
            "ERL_FLAGS",
            "VIMINIT",
            "EXINIT",
            "WGETRC",
            "INPUTRC",
            "PGSERVICEFILE",
            "MYSQL_HOME",
            "PIP_INDEX_URL",
            "UV_INDEX_URL",
            "PKG_CONFIG_PATH",
            "CMAKE_TOOLCHAIN_FILE",
            "FONTCONFIG_FILE",
            "JAVA_HOME",
            "JULIA_LOAD_PATH",
            "GUILE_LOAD_PATH",
            "DENO_DIR",
        ] {
            assert!(reason(name).is_some(), "{name} should be dangerous");
        }
    }

    #[test]
    fn harmless_names_are_not() {
        for name in [
            "LANG",
            "LC_ALL",
            "TZ",
            "TERM",
            "GIT_AUTHOR_NAME",
            "GIT_AUTHOR_DATE",
            "LDX",
            "PATHS",
            "NO_COLOR",
            "",
            "é",
        ] {
            assert_eq!(reason(name), None, "{name} should not be dangerous");
        }
    }

    #[test]
    fn a_pattern_within_the_table_covers_nothing() {
        assert!(swallows("LD_"));
        assert!(swallows("LD_PRE"));
        assert!(!swallows("L"));
        assert!(!swallows("GIT_"));
    }
}
