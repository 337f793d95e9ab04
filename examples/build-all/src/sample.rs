//! The project that is built where there is none: a long calculation in stages, one file each, and a `main` that links
//! them all.
//!
//! The program checks itself. Whoever runs it knows whether each file was compiled right, for what each stage has to answer
//! was calculated here and stands in `main.c`.

use std::fmt::Write;

/// A file of the project.
pub(crate) struct File {
    /// Its path below the project's directory.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// How many stages there are. With `main.c` and `mix.c` the project has two files more to compile.
const STAGES: u64 = 22;

/// What the first stage is given.
const START: u64 = 1;

/// A calculation on 64 bits that has an inverse, so that no stage forgets what those before it did.
enum Step {
    Multiply(u64),
    Fold(u32),
    Turn(u32),
}

impl Step {
    fn apply(&self, x: u64) -> u64 {
        match self {
            Step::Multiply(factor) => x.wrapping_mul(*factor),
            Step::Fold(bits) => x ^ (x >> bits),
            Step::Turn(bits) => x.rotate_left(*bits),
        }
    }

    fn in_c(&self) -> String {
        match self {
            Step::Multiply(factor) => format!("x * UINT64_C({factor:#018x})"),
            Step::Fold(bits) => format!("fold(x, {bits})"),
            Step::Turn(bits) => format!("turn(x, {bits})"),
        }
    }
}

/// The steps of a stage, the same ones each time. Every fifth stage is a long one, which takes the compiler a moment.
fn steps(stage: u64) -> Vec<Step> {
    let count = if stage.is_multiple_of(5) { 900 } else { 30 + stage };
    let mut state = stage;
    let mut steps = Vec::new();
    for _ in 0..count {
        // Knuth's constants for a linear congruential generator of 64 bits; its high bits are the good ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bits = 1 + (state >> 40) as u32 % 63;
        steps.push(match (state >> 33) % 3 {
            0 => Step::Multiply(state | 1),
            1 => Step::Fold(bits),
            _ => Step::Turn(bits),
        });
    }
    steps
}

/// All files, in the order in which they are written.
pub(crate) fn files() -> Vec<File> {
    let mut declarations = String::new();
    let mut entries = String::new();
    let mut stages = Vec::new();
    let mut x = START;
    for stage in 1..=STAGES {
        let steps = steps(stage);
        x = steps.iter().fold(x, |x, step| step.apply(x));
        stages.push(file(format!("src/stage_{stage:02}.c"), stage_file(stage, &steps)));
        let _ = writeln!(declarations, "uint64_t stage_{stage:02}(uint64_t x);");
        let _ = writeln!(entries, "    {{ stage_{stage:02}, UINT64_C({x:#018x}) }},");
    }
    let main_c = MAIN_C
        .replace("@ENTRIES@", &entries)
        .replace("@START@", &START.to_string());
    let mut files = vec![
        file("include/mix.h", MIX_H),
        file("include/stages.h", STAGES_H.replace("@DECLARATIONS@", &declarations)),
        file("src/main.c", main_c),
        file("src/mix.c", MIX_C),
    ];
    files.extend(stages);
    files
}

fn file(path: impl Into<String>, text: impl Into<String>) -> File {
    File {
        path: path.into(),
        text: text.into(),
    }
}

fn stage_file(stage: u64, steps: &[Step]) -> String {
    let mut text = String::from("#include \"mix.h\"\n#include \"stages.h\"\n\n");
    for (index, step) in steps.iter().enumerate() {
        let _ = writeln!(
            text,
            "static uint64_t step_{index}(uint64_t x) {{ return {}; }}",
            step.in_c()
        );
    }
    let _ = writeln!(text, "\nuint64_t stage_{stage:02}(uint64_t x)\n{{");
    // A warning, to see that it is shown with its file.
    if stage == 6 {
        text.push_str("    int left_over;\n");
    }
    for index in 0..steps.len() {
        let _ = writeln!(text, "    x = step_{index}(x);");
    }
    text.push_str("    return x;\n}\n");
    text
}

const MIX_H: &str = "\
#ifndef MIX_H
#define MIX_H

#include <stdint.h>

/* x, with its own bits from `bits` places to the left mixed in; `bits` is from 1 to 63. */
uint64_t fold(uint64_t x, unsigned bits);

/* x, turned to the left by `bits`, from 1 to 63. */
uint64_t turn(uint64_t x, unsigned bits);

#endif
";

const MIX_C: &str = "\
#include \"mix.h\"

uint64_t fold(uint64_t x, unsigned bits)
{
    return x ^ (x >> bits);
}

uint64_t turn(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}
";

const STAGES_H: &str = "\
#ifndef STAGES_H
#define STAGES_H

#include <stdint.h>

@DECLARATIONS@
#endif
";

const MAIN_C: &str = "\
#include <inttypes.h>
#include <stdio.h>

#include \"stages.h\"

static const struct {
    uint64_t (*run)(uint64_t x);
    uint64_t expected;
} stages[] = {
@ENTRIES@};

int main(void)
{
    const size_t count = sizeof stages / sizeof stages[0];
    uint64_t x = @START@;
    for (size_t i = 0; i < count; i++) {
        x = stages[i].run(x);
        if (x != stages[i].expected) {
            printf(\"stage %zu is wrong\\n\", i + 1);
            return 1;
        }
    }
    printf(\"%zu stages are right: %016\" PRIx64 \"\\n\", count, x);
    return 0;
}
";
