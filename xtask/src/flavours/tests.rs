use super::*;

/// Two packages that differ in their versions alone, and in those of WASI.
struct Flavours {
    directory: tempfile::TempDir,
}

const WIT: &str = "
/// Processes.
package a:b@VERSION;

world imports {
    import types;
}

interface types {
    use wasi:clocks/clock@VERSION.{duration};

    /// Why not.
    variant error {
        /// Too late. It took this long.
        late(duration),
        /// Not allowed.
        refused,
    }

    /// A process.
    resource process {
        constructor(program: string);

        /// Waits.
        ///
        /// Fails with `late`.
        wait: func(grace: duration, others: list<borrow<process>>) -> result<option<u32>, error>;
    }
}
";

const CLOCKS: &str = "package wasi:clocks@VERSION; interface clock { type duration = u64; }";

impl Flavours {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for version in ["0.2", "0.3"] {
            let (package, full) = (directory.path().join(version), format!("{version}.0"));
            fs::create_dir_all(package.join("deps")).unwrap();
            fs::write(package.join("types.wit"), WIT.replace("VERSION", &full)).unwrap();
            fs::write(package.join("deps/clocks.wit"), CLOCKS.replace("VERSION", &full)).unwrap();
        }
        Self { directory }
    }

    /// Two packages, in the second of which `this` is replaced by `that`.
    fn with(this: &str, that: &str) -> Self {
        let flavours = Self::new();
        let file = flavours.directory.path().join("0.3/types.wit");
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(this).count(), 1, "{this} is there once");
        fs::write(file, text.replace(this, that)).unwrap();
        flavours
    }

    fn disagreement(&self, list: &str) -> String {
        let package = |version| self.directory.path().join(version);
        disagreement(&package("0.2"), &package("0.3"), list).unwrap()
    }
}

#[track_caller]
fn differs(this: &str, that: &str, report: &str) {
    assert_eq!(Flavours::with(this, that).disagreement(""), report);
}

#[test]
fn packages_agree_whatever_their_versions_are() {
    assert_eq!(Flavours::new().disagreement(""), "");
}

#[test]
fn a_line_that_ends_elsewhere_is_no_difference() {
    differs(
        "/// Too late. It took",
        "/// Too late.\n        ///\n        /// It\n        /// took",
        "",
    );
}

#[test]
fn an_added_case_is_a_difference() {
    differs(
        "refused,",
        "refused,\n        /// Elsewhere.\n        elsewhere(string),",
        "error.elsewhere, signature: differs, and no reason is listed\n--- 0.2\n+++ 0.3\n@@ -0,0 +1 @@\n+elsewhere(string)\n",
    );
}

#[test]
fn a_missing_function_is_a_difference() {
    differs(
        "constructor(program: string);",
        "",
        "process.constructor, signature: differs, and no reason is listed\n--- 0.2\n+++ 0.3\n@@ -1 +0,0 @@\n\
         -constructor(program: string)\n",
    );
}

#[test]
fn cases_in_another_order_are_a_difference() {
    let flavours = Flavours::with(
        "/// Too late. It took this long.\n        late(duration),\n        /// Not allowed.\n        refused,",
        "/// Not allowed.\n        refused,\n        /// Too late. It took this long.\n        late(duration),",
    );
    let report = flavours.disagreement("");
    assert!(
        report.starts_with("error, order: differs, and no reason is listed\n"),
        "{report}"
    );
    let listed = "[[difference]]\nitem = 'error'\ndiffers = 'order'\nreason = 'It is so.'\n\
                  '0.2' = ['error.late', 'error.refused']\n'0.3' = ['error.refused', 'error.late']\n";
    assert_eq!(flavours.disagreement(listed), "");
}

#[test]
fn types_in_another_order_are_a_difference() {
    let report = Flavours::with(
        "world imports {\n    import types;\n}\n\ninterface types {",
        "world imports {\n    import types;\n}\n\ninterface types {\n    enum quota { live }\n    record late { at: u8 }",
    )
    .disagreement("");
    assert!(
        report.contains("+enum quota\n") && report.contains("+record late\n"),
        "{report}"
    );
    assert!(!report.contains("order"), "what is in one alone has no order: {report}");

    let flavours = Flavours::new();
    for (version, types) in [("0.2", "type a = u8; type b = a;"), ("0.3", "type b = a; type a = u8;")] {
        let file = flavours.directory.path().join(version).join("types.wit");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(
            file,
            text.replace("    /// Why not.", &format!("{types}\n    /// Why not.")),
        )
        .unwrap();
    }
    let report = flavours.disagreement("");
    assert!(report.starts_with("interface types, order: differs"), "{report}");
}

#[test]
fn every_part_of_a_signature_is_compared() {
    let wait = "wait: func(grace: duration, others: list<borrow<process>>) -> result<option<u32>, error>";
    for changed in [
        "wait: func(time: duration, others: list<borrow<process>>) -> result<option<u32>, error>",
        "wait: func(grace: u64, others: list<borrow<process>>) -> result<option<u32>, error>",
        "wait: func(grace: duration, others: list<process>) -> result<option<u32>, error>",
        "wait: func(grace: duration, others: list<borrow<process>>) -> result<option<u64>, error>",
        "wait: func(grace: duration, others: list<borrow<process>>) -> result<_, error>",
        "wait: func(grace: duration, others: list<borrow<process>>) -> stream<u8>",
        "wait: func(grace: duration, others: list<borrow<process>>)",
        "wait: async func(grace: duration, others: list<borrow<process>>) -> result<option<u32>, error>",
        "wait: static func(grace: duration, others: list<borrow<process>>) -> result<option<u32>, error>",
    ] {
        differs(
            wait,
            changed,
            &format!(
                "process.wait, signature: differs, and no reason is listed\n--- 0.2\n+++ 0.3\n@@ -1 +1 @@\n-{wait}\n+{changed}\n"
            ),
        );
    }
}

#[test]
fn a_type_of_another_kind_and_one_from_elsewhere_are_differences() {
    let report = Flavours::with("late(duration)", "late(u64)").disagreement("");
    assert!(report.contains("error.late, signature: differs"), "{report}");
    assert!(report.contains("-late(duration)\n+late(u64)\n"), "{report}");

    let report = Flavours::with("use wasi:clocks/clock@0.3.0.{duration};", "type duration = u64;").disagreement("");
    assert!(
        report.contains("-use wasi:clocks/clock.{duration}\n+type duration = u64\n"),
        "{report}"
    );
}

#[test]
fn a_changed_sentence_is_shown_with_both_of_its_versions_and_no_other() {
    differs(
        "It took this long.",
        "It took too long.",
        "error.late, docs: differs, and no reason is listed\n--- 0.2\n+++ 0.3\n@@ -1 +1 @@\n-It took this long.\n\
         +It took too long.\n",
    );
    for (this, item) in [
        ("Processes.", "package"),
        ("Why not.", "error"),
        ("A process.", "process"),
        ("Waits.", "process.wait"),
    ] {
        let report = Flavours::with(this, "Changed.").disagreement("");
        assert!(report.starts_with(&format!("{item}, docs: differs")), "{report}");
    }
    let report = Flavours::with("world imports", "/// What to import.\nworld imports").disagreement("");
    assert!(report.starts_with("world imports, docs: differs"), "{report}");
    let report = Flavours::with("interface types", "/// Types.\ninterface types").disagreement("");
    assert!(report.starts_with("interface types, docs: differs"), "{report}");
}

#[test]
fn the_imports_of_the_world_are_compared_without_what_they_imply() {
    let more = "import types;\n    import more;\n}\ninterface more {";
    let report = Flavours::with("import types;", more).disagreement("");
    assert!(report.contains("+import more\n"), "{report}");
    assert!(report.contains("+interface more\n"), "{report}");

    let use_clock = "use wasi:clocks/clock@0.3.0.{duration};";
    let report = Flavours::with(use_clock, "type duration = u64;").disagreement("");
    assert!(report.starts_with("duration, signature: differs"), "{report}");
    assert!(!report.contains("world imports"), "{report}");
}

const ADDED: &str = "
[[difference]]
item = 'error.late'
differs = 'docs'
reason = 'It is so.'
'0.3' = ['And more.']
";

#[test]
fn a_reason_covers_the_difference_that_it_names() {
    let flavours = Flavours::with("It took this long.", "It took this long. And more.");
    assert_ne!(flavours.disagreement(""), "");
    assert_eq!(flavours.disagreement(ADDED), "");
}

#[test]
fn a_reason_covers_no_other_difference() {
    let flavours = Flavours::with("It took this long.", "It took this long. And more. And yet more.");
    assert_eq!(
        flavours.disagreement(ADDED),
        "error.late, docs: differs otherwise than listed\n--- listed\n+++ found\n@@ -1 +1,2 @@\n 0.3: And more.\n\
         +0.3: And yet more.\n"
    );
    let flavours = Flavours::with("late(duration)", "late");
    let report = flavours.disagreement(ADDED);
    assert!(
        report.contains("error.late, docs: listed, but does not differ"),
        "{report}"
    );
    assert!(
        report.contains("error.late, signature: differs, and no reason is listed"),
        "{report}"
    );
}

#[test]
fn a_reason_without_a_difference_is_stale() {
    assert_eq!(
        Flavours::new().disagreement(ADDED),
        "error.late, docs: listed, but does not differ\n"
    );
}

#[test]
fn a_difference_has_one_reason_that_says_something() {
    let flavours = Flavours::with("It took this long.", "It took this long. And more.");
    assert_eq!(
        flavours.disagreement(&ADDED.repeat(2)),
        "error.late, docs: listed twice\n"
    );
    assert_eq!(
        flavours.disagreement(&ADDED.replace("It is so.", " ")),
        "error.late, docs: the reason is empty\n"
    );
}

#[test]
fn two_items_of_one_name_are_an_error() {
    let flavours = Flavours::with(
        "interface types {",
        "interface more { type error = u8; }\ninterface types {",
    );
    let package = |version| flavours.directory.path().join(version);
    let error = disagreement(&package("0.2"), &package("0.3"), "").unwrap_err();
    assert!(format!("{error:#}").contains("two items are called error"), "{error:#}");
}

#[test]
fn an_error_in_a_package_is_shown_where_it_is() {
    let flavours = Flavours::with("wait: func", "wait: fun");
    let package = |version| flavours.directory.path().join(version);
    let error = disagreement(&package("0.2"), &package("0.3"), "").unwrap_err();
    assert!(format!("{error:#}").contains("types.wit:27:"), "{error:#}");
}

#[test]
fn the_flavours_agree() {
    check().unwrap();
}
