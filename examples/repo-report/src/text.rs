//! Text for a terminal: what others wrote must neither control it nor break the columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with characters that move the cursor, change colours or reorder the line written out as escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidi(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

fn is_bidi(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` cut to `width` columns, its end kept, and filled up with spaces.
pub(crate) fn column(text: &str, width: usize) -> String {
    let wide = text.width();
    if wide <= width {
        return format!("{text}{}", " ".repeat(width - wide));
    }
    let mut kept = 1;
    let mut start = text.len();
    for (index, character) in text.char_indices().rev() {
        kept += character.width().unwrap_or(0);
        if kept > width {
            break;
        }
        start = index;
    }
    column(&format!("…{}", text.get(start..).unwrap_or_default()), width)
}

/// A number with a comma at each thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `count` things: `1 file`, `2 files`.
pub(crate) fn plural(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_reaches_the_terminal_as_a_command() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{202e}d é 漢"),
            "a\\u{1b}[2Jb\\nc\\u{202e}d é 漢"
        );
    }

    #[test]
    fn columns_are_as_wide_as_they_say() {
        assert_eq!(column("abc", 5), "abc  ");
        assert_eq!(column("abcdef", 4), "…def");
        assert_eq!(column("漢字", 5), "漢字 ");
        assert_eq!(column("漢字漢字", 4), "…字 ");
        for width in 1..12 {
            assert_eq!(column("src/漢字.rs", width).width(), width, "{width}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        let grouped = [0, 999, 1_000, 123_456, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "999", "1,000", "123,456", "1,234,567"]);
        assert_eq!([plural(1, "file"), plural(2_000, "file")], ["1 file", "2,000 files"]);
    }
}
