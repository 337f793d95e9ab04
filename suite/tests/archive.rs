//! What is packed comes out again, and nothing else is taken for an archive.

use std::io::{self, Read as _, Write as _};

use childproof_suite::Flavour;
use childproof_suite::archive::{Archive, ArchiveError, pack};
use tar::{Builder, EntryType, Header};

const MANIFEST: &str = "format = 1\nsuite = \"1\"\npackages = []\n[policy]\n[guests.a]\n[guests.b]\nonly = { flavour = \"0.3\", \
                        because = \"so\" }\n[guests.c]\nhost_only = \"no\"\n";

fn packed() -> Vec<u8> {
    let mut bytes = Vec::new();
    let component = |flavour: Flavour, guest: &str| Ok(format!("{guest} of {flavour}").into_bytes());
    pack(MANIFEST, component, &mut bytes).unwrap();
    bytes
}

/// An archive with these entries.
fn of(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, path, bytes) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        // As it is, where the library itself would refuse it.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    zstd::encode_all(&tar.into_inner().unwrap()[..], 1).unwrap()
}

fn error(bytes: &[u8]) -> String {
    Archive::read(bytes).unwrap_err().to_string()
}

#[test]
fn what_was_packed_is_read_again() {
    let archive = Archive::read(&packed()[..]).unwrap();
    assert_eq!(archive.manifest.guests.len(), 3);
    let components: Vec<_> = archive.components().collect();
    assert_eq!(
        components,
        [
            (Flavour::P2, "a", &b"a of 0.2"[..]),
            (Flavour::P3, "a", b"a of 0.3"),
            (Flavour::P3, "b", b"b of 0.3")
        ]
    );
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    assert_eq!(packed(), packed());
}

#[test]
fn a_component_that_cannot_be_had_is_not_left_out() {
    let none = |_: Flavour, _: &str| Err(io::Error::other("it is gone"));
    let error = pack(MANIFEST, none, io::sink()).unwrap_err();
    assert!(error.to_string().contains("it is gone"), "{error}");
    let error = pack("format = 1\n", none, io::sink()).unwrap_err();
    assert!(matches!(error, ArchiveError::Manifest(_)), "{error}");
}

#[test]
fn an_entry_that_no_archive_has_is_refused() {
    use EntryType::{Directory, Link, Regular, Symlink};
    let manifest = (Regular, "manifest.toml", MANIFEST.as_bytes());
    for (kind, path, part) in [
        (Regular, "../a.wasm", "no name"),
        (Regular, "p2/../a.wasm", "no name"),
        (Regular, "/p2/a.wasm", "no name"),
        (Regular, "/etc/passwd", "no name"),
        (Regular, "p2/A.wasm", "no name"),
        (Regular, "p2/.wasm", "no name"),
        (Regular, "p2/a", "no name"),
        (Regular, "p4/a.wasm", "no name"),
        (Regular, "p2\\a.wasm", "no name"),
        (Symlink, "p2/a.wasm", "no file"),
        (Symlink, "manifest.toml", "no file"),
        (Link, "p2/a.wasm", "no file"),
        (Directory, "p2/", "no file"),
        (EntryType::Fifo, "p2/a.wasm", "no file"),
    ] {
        let error = error(&of(&[manifest, (kind, path, b"")]));
        assert!(
            error.contains("an entry that an archive of the suite has not"),
            "{path}: {error}"
        );
        assert!(
            error.contains(part) && error.contains(&format!("{path:?}")),
            "{path}: {error}"
        );
    }
    let twice = error(&of(&[manifest, manifest]));
    assert!(twice.contains("twice"), "{twice}");
    let twice = error(&of(&[
        manifest,
        (Regular, "p2/a.wasm", b"1"),
        (Regular, "p2/a.wasm", b"2"),
    ]));
    assert!(twice.contains("twice"), "{twice}");
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    use EntryType::Regular;
    let manifest = (Regular, "manifest.toml", MANIFEST.as_bytes());
    let (p2, p3, b) = (
        (Regular, "p2/a.wasm", &b""[..]),
        (Regular, "p3/a.wasm", &b""[..]),
        (Regular, "p3/b.wasm", &b""[..]),
    );
    Archive::read(&of(&[manifest, p2, p3, b])[..]).unwrap();
    assert!(error(&of(&[manifest, p2, b])).contains("no p3/a.wasm"));
    for unnamed in ["p2/b.wasm", "p2/c.wasm", "p3/d.wasm"] {
        let error = error(&of(&[manifest, p2, p3, b, (Regular, unnamed, b"")]));
        assert!(
            error.contains(&format!("{unnamed}, which its manifest says nothing of")),
            "{error}"
        );
    }
    assert!(error(&of(&[p2])).contains("no manifest.toml"));
    let wrong = (Regular, "manifest.toml", &b"format = 1\nsuit = 2\n"[..]);
    assert!(error(&of(&[wrong])).starts_with("manifest.toml:2:1: unknown field `suit`"));
    let bytes = (Regular, "manifest.toml", &b"\xff"[..]);
    assert!(error(&of(&[bytes])).contains("not UTF-8"));
}

#[test]
fn a_damaged_archive_is_no_archive() {
    let whole = packed();
    for cut in [0, 3, 20, whole.len() / 2, whole.len() - 1] {
        assert!(Archive::read(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let whole_archive = Archive::read(&whole[..]).unwrap();
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x20;
        match Archive::read(&changed[..]) {
            Err(_) => refused += 1,
            // A few bits of what is compressed have no meaning.
            Ok(archive) => assert!(
                archive.components().eq(whole_archive.components()),
                "changed at {place}"
            ),
        }
    }
    assert!(refused * 100 > whole.len() * 95, "{refused} of {}", whole.len());
    assert!(error(b"PK\x03\x04").contains("no archive of the suite, or it is damaged"));
    assert!(error(b"").contains("no manifest.toml") || error(b"").contains("damaged"));
}

#[test]
fn an_archive_that_grows_without_end_is_refused() {
    let mut tar = Builder::new(zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap());
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(40 << 20);
    tar.append_data(&mut header, "manifest.toml", io::repeat(b' ').take(40 << 20))
        .unwrap();
    let mut encoder = tar.into_inner().unwrap();
    encoder.flush().unwrap();
    let error = error(&encoder.finish().unwrap());
    assert!(
        error.contains("larger than an archive of the suite can be: manifest.toml"),
        "{error}"
    );
}
