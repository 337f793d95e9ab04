//! That each guest is of the flavour that it is run for.

use childproof_tests::{Flavour, MANIFEST, imports};

macro_rules! runs {
    ($($guest:ident by $_runner:ident { $($_test:ident $flavour:ident)* })*) => {
        [$((stringify!($guest), &[$(Flavour::$flavour),*][..])),*]
    };
}

#[test]
fn a_guest_imports_its_own_flavour_and_not_the_other() {
    let versions = |guest: &str, flavour: Flavour| -> Vec<String> {
        let interface = "childproof:process/types@";
        let imports = imports(guest, flavour).into_iter();
        imports
            .filter_map(|name| Some(name.strip_prefix(interface)?.to_owned()))
            .collect()
    };
    for (guest, flavours) in childproof_tests::foreach_guest!(runs) {
        // One of those may be about both.
        if MANIFEST.guests[guest].only.is_some() {
            continue;
        }
        for flavour in flavours {
            let expected = match flavour {
                Flavour::P2Async | Flavour::P2Sync => "0.2.0",
                Flavour::P3 => "0.3.0",
            };
            assert_eq!(versions(guest, *flavour), [expected], "{guest}, {flavour:?}");
        }
    }
}
