//! What is packed comes out again, and nothing else is taken for an archive.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

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
    for path in ["p2/a.wasm", "README.md", "wit/0.2/types.wit"] {
        let twice = error(&of(&[manifest, (Regular, path, b"1"), (Regular, path, b"2")]));
        assert!(twice.contains(&format!("{path:?}, which it has twice")), "{twice}");
    }
}

/// The paths and the texts of what a packed archive has beside components.
fn packed_texts() -> BTreeMap<String, String> {
    let archive = zstd::decode_all(&packed()[..]).unwrap();
    let mut tar = tar::Archive::new(&archive[..]);
    let mut texts = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        texts.insert(path, text);
    }
    texts
}

#[test]
fn an_implementer_finds_the_whole_interface_in_the_archive() {
    let texts = packed_texts();
    assert_eq!(texts["README.md"], include_str!("../README.md"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = BTreeMap::new();
    for directory in ["wit/0.2", "wit/0.2/deps", "wit/0.3", "wit/0.3/deps"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wit") {
                let name = format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap());
                sources.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(sources.len() > 4, "{:?}", sources.keys());
    let wit = texts.into_iter().filter(|(path, _)| path.starts_with("wit/"));
    assert_eq!(wit.collect::<BTreeMap<_, _>>(), sources);
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
    let (mut changes, mut refused) = (0, 0);
    // Each would take long.
    for place in (0..whole.len()).step_by(37) {
        changes += 1;
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
    assert!(refused * 100 > changes * 95, "{refused} of {changes}");
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
        error.contains("larger than an archive of the suite can be: manifest.toml goes beyond 33554432 bytes"),
        "{error}"
    );
}

/// What would give the next entry another name, as long as all memory, is neither read nor shown.
#[test]
fn a_header_that_grows_without_end_is_refused_unread() {
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNUSparse,
    ] {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.as_old_mut().name[..6].copy_from_slice(b"a name");
        header.set_size(2 << 30);
        header.set_cksum();
        let mut archive = zstd::encode_all(&header.as_bytes()[..], 1).unwrap();
        // Each frame is a sixteenth of a gigabyte, once it is decompressed.
        let frame = zstd::encode_all(io::repeat(b'n').take(64 << 20), 1).unwrap();
        (0..32).for_each(|_| archive.extend(&frame));
        let error = error(&archive);
        assert!(
            error.contains("which is no file"),
            "{kind:?}: {}",
            &error[..error.len().min(200)]
        );
    }
}

#[test]
fn an_archive_of_too_much_in_all_is_refused_at_any_place() {
    let frame = zstd::encode_all(io::repeat(0).take(64 << 20), 1).unwrap();
    // Behind the end of what it has.
    let mut archive = of(&[(EntryType::Regular, "manifest.toml", MANIFEST.as_bytes())]);
    (0..9).for_each(|_| archive.extend(&frame));
    let behind = error(&archive);
    assert!(
        behind.contains("decompressed, it goes beyond 536870912 bytes"),
        "{behind}"
    );

    // In files, each of which would do.
    let mut archive = Vec::new();
    let half = zstd::encode_all(io::repeat(0).take(30 << 20), 1).unwrap();
    for number in 0..18 {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(format!("p2/a{number}.wasm")).unwrap();
        header.set_size(30 << 20);
        header.set_cksum();
        archive.extend(zstd::encode_all(&header.as_bytes()[..], 1).unwrap());
        archive.extend(&half);
    }
    let files = error(&archive);
    assert!(
        files.contains("decompressed, it goes beyond 536870912 bytes"),
        "{files}"
    );
}
