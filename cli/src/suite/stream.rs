//! What a host writes to a standard stream: as much of it as a report and a comparison need.

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Notify;

/// How much is kept of the beginning, at least, in bytes.
const HEAD: usize = 1 << 20;
/// How much is kept of the end, in bytes.
const TAIL: usize = 16 << 10;
/// How much is shown before a difference, and behind it, in bytes.
const AROUND: usize = 100;

/// What came so far.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    head: Vec<u8>,
    tail: Vec<u8>,
    length: usize,
}

impl Stream {
    /// Reads to the end. Keeps what is as long as `expected`, and says so as soon as `sign`, if it is not empty, is in what is
    /// kept. When this is dropped, what came so far is there.
    pub(crate) async fn read(
        &mut self,
        from: Option<impl AsyncRead + Unpin>,
        expected: Option<&String>,
        sign: &[u8],
        signed: &Notify,
    ) {
        let Some(mut from) = from else { return };
        let kept = HEAD.max(expected.map_or(0, String::len));
        let mut chunk = vec![0; 64 << 10];
        let mut waits = !sign.is_empty();
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let read = chunk.get(..length).unwrap_or_default();
            self.length = self.length.saturating_add(length);
            let known = self.head.len();
            self.head.extend(read.iter().take(kept.saturating_sub(known)));
            self.tail.extend(read);
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
            let unseen = self.head.get(known.saturating_sub(sign.len())..).unwrap_or_default();
            if waits && unseen.windows(sign.len()).any(|window| window == sign) {
                waits = false;
                signed.notify_one();
            }
        }
    }

    /// The first line; empty if nothing came.
    pub(crate) fn first_line(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }

    /// What came last.
    pub(crate) fn end(&self) -> String {
        let cut = if self.length > self.tail.len() { "…" } else { "" };
        format!("{cut}{}", String::from_utf8_lossy(&self.tail))
    }

    /// What is to be said of the stream `name` if something else came than `expected`.
    pub(crate) fn difference(&self, name: &str, expected: &str) -> Option<String> {
        let expected = expected.as_bytes();
        if self.length == expected.len() && self.head == expected {
            return None;
        }
        let pairs = self.head.iter().zip(expected);
        let place = pairs.take_while(|(came, expected)| came == expected).count();
        let from = place.saturating_sub(AROUND);
        let shown = |bytes: &[u8], length: usize| {
            let to = bytes.len().min(place.saturating_add(AROUND));
            let text = String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
            let (before, after) = (if from > 0 { "…" } else { "" }, if to < length { "…" } else { "" });
            format!("{before}{text:?}{after}")
        };
        let mut said = format!(
            "expected {} on {name}, and came {}",
            shown(expected, expected.len()),
            shown(&self.head, self.length)
        );
        if from > 0 {
            said.push_str(&format!(", which is another from byte {place} on"));
        }
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(bytes: &[u8], expected: Option<&String>, sign: &[u8]) -> (Stream, bool) {
        let (mut stream, signed) = (Stream::default(), Notify::new());
        stream.read(Some(bytes), expected, sign, &signed).await;
        let notified = signed.notified();
        let is_signed = tokio::select! {
            biased;
            () = notified => true,
            () = std::future::ready(()) => false,
        };
        (stream, is_signed)
    }

    #[tokio::test]
    async fn a_difference_is_shown_with_what_is_around_it() {
        let mut text = "a".repeat(3 << 20);
        let (same, _) = of(text.as_bytes(), Some(&text), b"").await;
        assert_eq!(same.difference("stdout", &text), None);
        text.replace_range(2_000_000..2_000_001, "b");
        let said = same.difference("stdout", &text).unwrap();
        let (a, rest) = ("a".repeat(100), "a".repeat(99));
        assert_eq!(
            said,
            format!(
                "expected …\"{a}b{rest}\"… on stdout, and came …\"{a}a{rest}\"…, which is another from byte 2000000 on"
            )
        );
    }

    #[tokio::test]
    async fn what_goes_on_after_what_is_kept_differs() {
        let expected = "a".repeat(HEAD);
        let (longer, _) = of("a".repeat(HEAD + 1).as_bytes(), Some(&expected), b"").await;
        assert!(longer.difference("stdout", &expected).is_some());
        let (shorter, _) = of(b"a", None, b"").await;
        assert_eq!(
            shorter.difference("stderr", "").unwrap(),
            "expected \"\" on stderr, and came \"a\""
        );
        assert_eq!(
            shorter.difference("stderr", "ab").unwrap(),
            "expected \"ab\" on stderr, and came \"a\""
        );
    }

    #[tokio::test]
    async fn the_first_line_and_the_end_are_kept() {
        let mut text = "first\n".to_owned();
        text.push_str(&"x\n".repeat(2 << 20));
        text.push_str("last\n");
        let (stream, _) = of(text.as_bytes(), None, b"").await;
        assert_eq!(stream.first_line(), "first");
        let end = stream.end();
        assert!(end.starts_with('…') && end.ends_with("x\nlast\n"), "{end}");
        assert!(end.len() < 20_000);
        let (stream, _) = of(b"all", None, b"").await;
        assert_eq!(
            (stream.first_line(), stream.end()),
            ("all".to_owned(), "all".to_owned())
        );
    }

    #[tokio::test]
    async fn a_sign_is_seen_wherever_it_is_cut() {
        // A chunk is of 64 KiB.
        for before in (65_530..65_540).chain([0, 1]) {
            let text = format!("{}up\nmore", "-".repeat(before));
            assert!(of(text.as_bytes(), None, b"up\n").await.1, "{before}");
            assert!(!of(text.as_bytes(), None, b"up\r").await.1, "{before}");
        }
        assert!(!of(b"text", None, b"").await.1);
    }
}
