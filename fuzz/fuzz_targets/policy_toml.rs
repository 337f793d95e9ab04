//! Any text is a policy or an error with a place in the text; a policy is never wider than itself.

#![no_main]

use childproof_host::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Policy::from_toml(text) {
        Ok(policy) => assert_eq!(policy.narrow(&policy), Ok(policy)),
        Err(error) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&error.line()), "{error}");
            assert!(error.column() >= 1 && !error.message().is_empty(), "{error}");
        }
    }
});
